//! Which partition a key belongs to: Kafka's default partitioner, murmur2 over the key's bytes.
//!
//! Whoever writes to a topic must agree on it, whatever the language: the client, the queries and the web page all come here.

const SEED: u32 = 0x9747_b28c;
const MULTIPLIER: u32 = 0x5bd1_e995;

/// The 32-bit murmur2 hash that Kafka's clients use.
fn murmur2(bytes: &[u8]) -> u32 {
    let mut hash = SEED ^ bytes.len() as u32;
    let (words, tail) = bytes.as_chunks::<4>();
    for word in words {
        let mut word = u32::from_le_bytes(*word).wrapping_mul(MULTIPLIER);
        word ^= word >> 24;
        hash = hash.wrapping_mul(MULTIPLIER) ^ word.wrapping_mul(MULTIPLIER);
    }
    if !tail.is_empty() {
        for (place, byte) in tail.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * place);
        }
        hash = hash.wrapping_mul(MULTIPLIER);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MULTIPLIER);
    hash ^ hash >> 15
}

/// The partition of a key among `partitions`, of which there is at least one.
#[must_use]
pub fn partition_of_key(key: &[u8], partitions: i32) -> i32 {
    // The sign bit is dropped, not the sign.
    (murmur2(key) & 0x7fff_ffff) as i32 % partitions.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_go_where_kafkas_clients_put_them() {
        // Key, `Utils.murmur2`, `Utils.toPositive(murmur2) % 7`: printed by Kafka's own class, or from its `UtilsTest`.
        const EXPECTED: &[(&str, i32, i32)] = &[
            ("", 275646681, 2),
            ("a", -1563381124, 5),
            ("ab", 316155434, 0),
            ("abc", 479470107, 4),
            ("abcd", -1323649548, 5),
            ("abcde", 461995741, 4),
            ("P1", 573694915, 3),
            ("P2", -1163597259, 3),
            ("ü€𝄞", 1018292344, 6),
            ("a-little-bit-longer-key", 1323629538, 0),
            ("21", -973932308, 3),
            ("foobar", -790332482, 0),
            ("a-little-bit-long-string", -985981536, 1),
            ("a-little-bit-longer-string", -1486304829, 0),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971, 3),
        ];
        for (key, hash, partition) in EXPECTED {
            assert_eq!(murmur2(key.as_bytes()) as i32, *hash, "{key}");
            assert_eq!(partition_of_key(key.as_bytes(), 7), *partition, "{key}");
        }
    }
}
