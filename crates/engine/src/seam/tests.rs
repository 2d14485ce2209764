//! Kafka's own test vectors for murmur2 (`UtilsTest.testMurmur2`).

use super::*;

#[test]
fn murmur2_is_kafkas() {
    for (text, expected) in [
        ("21", -973932308),
        ("foobar", -790332482),
        ("a-little-bit-long-string", -985981536),
        ("a-little-bit-longer-string", -1486304829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        ("abc", 479470107),
    ] {
        assert_eq!(murmur2(text.as_bytes()) as i32, expected, "{text}");
    }
}
