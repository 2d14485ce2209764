//! Lengths of time as text: `5 seconds`, `1 minute 30 s`, `250ms`; a bare number is milliseconds.
//!
//! Never: months and years, whose length depends on the calendar.

use std::fmt;

/// Why a text is not a length of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DurationError {
    /// Nothing there.
    Empty,
    /// A number was expected here.
    NotANumber(String),
    /// Not a unit we know.
    UnknownUnit(String),
    /// Months and years have no fixed length.
    Calendar(String),
    /// Finer than a millisecond.
    TooFine,
    /// Longer than time.
    TooLong,
}

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DurationError::Empty => write!(f, "the length of time is empty"),
            DurationError::NotANumber(text) => write!(f, "`{text}` is not a length of time"),
            DurationError::UnknownUnit(unit) => write!(f, "unknown unit of time `{unit}`"),
            DurationError::Calendar(unit) => write!(f, "`{unit}` has no fixed length"),
            DurationError::TooFine => write!(f, "the length of time is finer than a millisecond"),
            DurationError::TooLong => write!(f, "the length of time is too long"),
        }
    }
}

/// What to write instead, for every [`DurationError`].
pub const DURATION_FIX: &str = "write for example '5 seconds', '1 minute' or '250 ms' (a bare number is milliseconds)";

const UNITS: [(&str, i64); 26] = [
    ("ms", 1),
    ("msec", 1),
    ("msecs", 1),
    ("millisecond", 1),
    ("milliseconds", 1),
    ("s", 1_000),
    ("sec", 1_000),
    ("secs", 1_000),
    ("second", 1_000),
    ("seconds", 1_000),
    ("m", 60_000),
    ("min", 60_000),
    ("mins", 60_000),
    ("minute", 60_000),
    ("minutes", 60_000),
    ("h", 3_600_000),
    ("hr", 3_600_000),
    ("hrs", 3_600_000),
    ("hour", 3_600_000),
    ("hours", 3_600_000),
    ("d", 86_400_000),
    ("day", 86_400_000),
    ("days", 86_400_000),
    ("w", 604_800_000),
    ("week", 604_800_000),
    ("weeks", 604_800_000),
];

/// Milliseconds of one unit.
pub fn unit_ms(unit: &str) -> Result<i64, DurationError> {
    let lower = unit.to_ascii_lowercase();
    if let Some((_, ms)) = UNITS.iter().find(|(name, _)| *name == lower) {
        return Ok(*ms);
    }
    match lower.trim_end_matches('s') {
        "month" | "mon" | "year" | "yr" | "y" => Err(DurationError::Calendar(unit.to_string())),
        _ => Err(DurationError::UnknownUnit(unit.to_string())),
    }
}

/// Reads `5 seconds`, `1 h 30 min`, `-5 s`, `0.5 s`; a bare number is milliseconds.
pub fn parse_ms(text: &str) -> Result<i64, DurationError> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(DurationError::Empty);
    }
    let mut total: i64 = 0;
    let mut parts = 0;
    while !rest.is_empty() {
        let number_len = rest
            .char_indices()
            .take_while(|(i, c)| c.is_ascii_digit() || *c == '.' || (*i == 0 && (*c == '-' || *c == '+')))
            .count();
        let (number, after) = rest.split_at(number_len);
        let after = after.trim_start();
        let unit_len = after.chars().take_while(|c| c.is_alphabetic()).map(char::len_utf8).sum();
        let (unit, next) = after.split_at(unit_len);
        let unit = match unit {
            "" if parts == 0 && next.is_empty() => 1,
            "" => return Err(DurationError::NotANumber(text.trim().to_string())),
            unit => {
                // A bare word is no length of time, whatever unit it may resemble.
                if number.is_empty() {
                    return Err(DurationError::NotANumber(text.trim().to_string()));
                }
                unit_ms(unit)?
            }
        };
        let part = scale(number, unit, text)?;
        total = total.checked_add(part).ok_or(DurationError::TooLong)?;
        parts += 1;
        rest = next.trim_start().trim_start_matches(',').trim_start();
    }
    Ok(total)
}

/// `number` (decimal text) times `unit`, exactly.
fn scale(number: &str, unit: i64, text: &str) -> Result<i64, DurationError> {
    let not_a_number = || DurationError::NotANumber(text.trim().to_string());
    let (negative, digits) = match number.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if (whole.is_empty() && fraction.is_empty()) || !(whole.bytes().chain(fraction.bytes())).all(|b| b.is_ascii_digit())
    {
        return Err(not_a_number());
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > 9 {
        return Err(DurationError::TooFine);
    }
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| DurationError::TooLong)? };
    let base = 10i128.pow(fraction.len() as u32);
    let parts: i128 = if fraction.is_empty() { 0 } else { fraction.parse().map_err(|_| not_a_number())? };
    let scaled = whole
        .checked_mul(base)
        .and_then(|w| w.checked_add(parts))
        .and_then(|n| n.checked_mul(i128::from(unit)))
        .ok_or(DurationError::TooLong)?;
    if scaled % base != 0 {
        return Err(DurationError::TooFine);
    }
    let ms = i64::try_from(scaled / base).map_err(|_| DurationError::TooLong)?;
    Ok(if negative { -ms } else { ms })
}

/// The shortest exact text of a length of time: `5 seconds`, `1 minute`, `250 ms`.
pub fn text(ms: i64) -> String {
    const STEPS: [(i64, &str); 4] = [(86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (1_000, "second")];
    for (unit, name) in STEPS {
        if ms != 0 && ms % unit == 0 {
            let n = ms / unit;
            return format!("{n} {name}{}", if n == 1 { "" } else { "s" });
        }
    }
    if ms == 0 { "0 seconds".to_string() } else { format!("{ms} ms") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time() {
        let check = |text: &str, expected: Result<i64, DurationError>| assert_eq!(parse_ms(text), expected, "{text:?}");
        check("5 seconds", Ok(5_000));
        check("1 second", Ok(1_000));
        check("250ms", Ok(250));
        check(" 1 minute 30 s ", Ok(90_000));
        check("1000", Ok(1_000));
        check("0.5 s", Ok(500));
        check("-5 seconds", Ok(-5_000));
        check("2 Hours", Ok(7_200_000));
        check("0", Ok(0));
        check("", Err(DurationError::Empty));
        check("soon", Err(DurationError::NotANumber("soon".into())));
        check("5 parsecs", Err(DurationError::UnknownUnit("parsecs".into())));
        check("1 month", Err(DurationError::Calendar("month".into())));
        check("0.0001 s", Err(DurationError::TooFine));
        check("99999999999999999999 days", Err(DurationError::TooLong));
        check("5 5", Err(DurationError::NotANumber("5 5".into())));
        check("1 s 5", Err(DurationError::NotANumber("1 s 5".into())));
        check("é", Err(DurationError::NotANumber("é".into())));
    }

    #[test]
    fn texts_of_lengths() {
        for (ms, expected) in
            [(5_000, "5 seconds"), (60_000, "1 minute"), (250, "250 ms"), (0, "0 seconds"), (86_400_000, "1 day")]
        {
            assert_eq!(text(ms), expected);
            assert_eq!(parse_ms(expected), Ok(ms));
        }
    }
}
