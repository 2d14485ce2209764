//! Instants as data: text of a timestamp, and what is read from text.

use super::*;

#[test]
fn text_is_javas() {
    for (ms, expected) in [
        (0, "1970-01-01T00:00:00Z"),
        (1_654_732_805_000, "2022-06-09T00:00:05Z"),
        (1_654_732_805_120, "2022-06-09T00:00:05.120Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00Z"),
        (253_402_300_800_000, "+10000-01-01T00:00:00Z"),
        (-62_198_755_200_000, "-0001-01-01T00:00:00Z"),
    ] {
        assert_eq!(text(ms), expected, "{ms}");
    }
    // The ends of the range must not overflow.
    assert!(text(i64::MAX).starts_with("+292278994-08-17T07:12:55.807Z"));
    assert!(text(i64::MIN).starts_with("-292275055-05-16T16:47:04.192Z"));
}

#[test]
fn reads_rfc_3339() {
    for (text, expected) in [
        ("2022-06-09T00:00:05Z", Some(1_654_732_805_000)),
        ("2022-06-09 00:00:05", Some(1_654_732_805_000)),
        ("2022-06-09T02:00:05.1209+02:00", Some(1_654_732_805_120)),
        ("2022-06-09T00:00:05.000+00:00", Some(1_654_732_805_000)),
        ("2022-06-08T20:00:05-0400", Some(1_654_732_805_000)),
        ("2022-06-09", Some(1_654_732_800_000)),
        ("1969-12-31T23:59:59.9Z", Some(-100)),
        ("2022-02-29", None),
        ("2022-13-01", None),
        ("2022-06-09T24:00:00Z", None),
        ("2022-06-09T00:00:05.Z", None),
        ("2022-06-09T00:00:05Zx", None),
        ("2022-06-09T00:00:05+", None),
        ("", None),
        ("é022-06-09", None),
    ] {
        assert_eq!(parse(text), expected, "{text}");
    }
}

#[test]
fn every_day_comes_back() {
    for days in (-800_000..800_000).step_by(37) {
        let c = civil(days * DAY_MS);
        assert_eq!(days_of_date(c.year, c.month, c.day), days);
    }
}

#[test]
fn intervals_are_postgresqls() {
    for (ms, expected) in [
        (5_000, "00:00:05"),
        (-1_000, "-00:00:01"),
        (DAY_MS, "1 day"),
        (2 * DAY_MS + 3_723_005, "2 days 01:02:03.005"),
        (100, "00:00:00.1"),
        (0, "00:00:00"),
    ] {
        let mut out = String::new();
        write_interval(&mut out, ms).unwrap();
        assert_eq!(out, expected, "{ms}");
    }
}

#[test]
fn reads_intervals() {
    for (text, expected) in [
        ("5 seconds", Some(5_000)),
        ("1 second", Some(1_000)),
        ("100ms", Some(100)),
        ("100", Some(100)),
        ("1 minute 30 s", Some(90_000)),
        ("1.5 hours", Some(5_400_000)),
        ("2 days 03:04:05.5", Some(2 * DAY_MS + 11_045_500)),
        ("-1 hour", Some(-3_600_000)),
        ("PT5S", Some(5_000)),
        ("P1DT2H", Some(DAY_MS + 7_200_000)),
        ("1 month", None),
        ("five seconds", None),
        ("", None),
        ("99999999999999999999 days", None),
        ("9223372036854775807 days", None),
    ] {
        assert_eq!(parse_interval(text), expected, "{text}");
    }
}

#[test]
fn records_have_an_offset() {
    for (ms, expected) in [(1_654_732_805_000, "2022-06-09T00:00:05.000+00:00"), (-1, "1969-12-31T23:59:59.999+00:00")]
    {
        let mut out = String::new();
        write_offset_text(&mut out, ms).unwrap();
        assert_eq!(out, expected, "{ms}");
    }
}
