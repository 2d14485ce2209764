//! Timestamps as text.
//!
//! Two texts exist: records and the user's endpoints write `2022-06-09T00:00:05.000+00:00` (what Jackson makes of a
//! `java.util.Date`), everything else `Instant.toString`. Never: a time zone other than UTC in what is written.

use std::io::Write;

pub use engine::instant::{parse, text as instant_text};

/// `2022-06-09T00:00:05.000+00:00`
pub fn offset_date_time_text(timestamp_ms: i64) -> String {
    let mut out = Vec::with_capacity(29);
    write_offset_date_time(&mut out, timestamp_ms);
    // Only ASCII was written.
    String::from_utf8(out).unwrap_or_default()
}

/// Appends the text of [`offset_date_time_text`].
pub fn write_offset_date_time(out: &mut Vec<u8>, timestamp_ms: i64) {
    let c = engine::instant::civil(timestamp_ms);
    let two = |n: u32| [b'0' + (n / 10 % 10) as u8, b'0' + (n % 10) as u8];
    if (0..=9999).contains(&c.year) {
        let year = c.year as u32;
        out.extend_from_slice(&two(year / 100));
        out.extend_from_slice(&two(year));
    } else {
        // As Java does beyond four digits. Writing to a Vec does not fail.
        let sign = if c.year < 0 { '-' } else { '+' };
        let _ = write!(out, "{sign}{:04}", c.year.unsigned_abs());
    }
    for (mark, n) in [(b'-', c.month), (b'-', c.day), (b'T', c.hour), (b':', c.minute), (b':', c.second)] {
        out.push(mark);
        out.extend_from_slice(&two(n));
    }
    out.push(b'.');
    out.push(b'0' + (c.millisecond / 100) as u8);
    out.extend_from_slice(&two(c.millisecond));
    out.extend_from_slice(b"+00:00");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_texts_read_back() {
        let check = |ms: i64, record: &str, instant: &str| {
            assert_eq!(offset_date_time_text(ms), record);
            assert_eq!(instant_text(ms), instant);
            assert_eq!(parse(record), Some(ms));
            assert_eq!(parse(instant), Some(ms));
        };
        check(1_654_732_805_000, "2022-06-09T00:00:05.000+00:00", "2022-06-09T00:00:05Z");
        check(1_654_732_805_007, "2022-06-09T00:00:05.007+00:00", "2022-06-09T00:00:05.007Z");
        check(0, "1970-01-01T00:00:00.000+00:00", "1970-01-01T00:00:00Z");
        check(-1, "1969-12-31T23:59:59.999+00:00", "1969-12-31T23:59:59.999Z");
        assert_eq!(parse("2022-06-09T02:00:05.000+0200"), Some(1_654_732_805_000));
        assert_eq!(parse("2022-06-09T00:00:05.000+0000"), Some(1_654_732_805_000));
        assert_eq!(parse("tomorrow"), None);
        assert!(offset_date_time_text(i64::MAX).starts_with("+292278994-08-17T07:12:55.807"));
        assert!(offset_date_time_text(i64::MIN).starts_with('-'));
    }
}
