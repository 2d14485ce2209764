//! Instants as text and as calendar fields, in UTC.
//!
//! Owns: the calendar arithmetic of timestamps. The text form is Java's `Instant.toString`: seconds always, three
//! fraction digits only when the milliseconds are not zero. Never: knows a time zone other than an RFC 3339 offset;
//! reads a clock. All of `i64` milliseconds is in range, so nothing here can fail on a strange timestamp.

use std::fmt;

/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;

/// A timestamp taken apart (proleptic Gregorian, UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    /// Year; year 0 exists, negative years precede it.
    pub year: i64,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31.
    pub day: u32,
    /// 0 to 23.
    pub hour: u32,
    /// 0 to 59.
    pub minute: u32,
    /// 0 to 59.
    pub second: u32,
    /// 0 to 999.
    pub millisecond: u32,
}

/// Takes a timestamp apart.
#[must_use]
pub fn civil(timestamp_ms: i64) -> Civil {
    let days = timestamp_ms.div_euclid(DAY_MS);
    let in_day = timestamp_ms.rem_euclid(DAY_MS) as u32;
    let (year, month, day) = date_of_days(days);
    Civil {
        year,
        month,
        day,
        hour: in_day / 3_600_000,
        minute: in_day / 60_000 % 60,
        second: in_day / 1000 % 60,
        millisecond: in_day % 1000,
    }
}

/// The date of a day number (0 = 1970-01-01). Years are counted from March, so that the leap day comes last.
fn date_of_days(days: i64) -> (i64, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u32;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 } as u32;
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The day number of a date (0 = 1970-01-01).
#[must_use]
pub fn days_of_date(year: i64, month: u32, day: u32) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = i64::from(if month > 2 { month - 3 } else { month + 9 });
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Writes a timestamp as `2022-06-09T00:00:05Z`, or `2022-06-09T00:00:05.120Z` when it has milliseconds.
pub fn write_text(out: &mut dyn fmt::Write, timestamp_ms: i64) -> fmt::Result {
    let c = civil(timestamp_ms);
    if (0..=9999).contains(&c.year) {
        let two = |value: u32| [b'0' + (value / 10) as u8, b'0' + (value % 10) as u8];
        let year = c.year as u32;
        let (y1, y2) = (two(year / 100), two(year % 100));
        let (mo, d, h, mi, s) = (two(c.month), two(c.day), two(c.hour), two(c.minute), two(c.second));
        let text = [
            y1[0], y1[1], y2[0], y2[1], b'-', mo[0], mo[1], b'-', d[0], d[1], b'T', h[0], h[1], b':', mi[0], mi[1],
            b':', s[0], s[1],
        ];
        out.write_str(str::from_utf8(&text).unwrap_or_default())?;
    } else {
        // Java writes a plus sign before years beyond four digits, and four digits at least after a minus.
        let (sign, year) = if c.year < 0 { ("-", c.year.unsigned_abs()) } else { ("+", c.year.unsigned_abs()) };
        write!(out, "{sign}{year:04}-{:02}-{:02}T{:02}:{:02}:{:02}", c.month, c.day, c.hour, c.minute, c.second)?;
    }
    if c.millisecond == 0 { out.write_char('Z') } else { write!(out, ".{:03}Z", c.millisecond) }
}

/// Writes a timestamp as records have it: `2022-06-09T00:00:05.000+00:00`.
pub fn write_offset_text(out: &mut dyn fmt::Write, timestamp_ms: i64) -> fmt::Result {
    let whole = text(timestamp_ms.div_euclid(1000).saturating_mul(1000));
    write!(out, "{}.{:03}+00:00", whole.trim_end_matches('Z'), timestamp_ms.rem_euclid(1000))
}

/// The text of [`write_text`].
#[must_use]
pub fn text(timestamp_ms: i64) -> String {
    let mut out = String::with_capacity(24);
    // Writing to a String does not fail.
    let _ = write_text(&mut out, timestamp_ms);
    out
}

/// Writes an interval as PostgreSQL does: `1 day 02:03:04.005`, `00:00:05`, `-00:00:01`.
pub fn write_interval(out: &mut dyn fmt::Write, interval_ms: i64) -> fmt::Result {
    let days = interval_ms / DAY_MS;
    let rest = interval_ms % DAY_MS;
    if days != 0 {
        write!(out, "{days} day{}", if days == 1 { "" } else { "s" })?;
        if rest == 0 {
            return Ok(());
        }
        out.write_char(' ')?;
    }
    let ms = rest.unsigned_abs();
    if rest < 0 {
        out.write_char('-')?;
    }
    write!(out, "{:02}:{:02}:{:02}", ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60)?;
    if ms.is_multiple_of(1000) {
        return Ok(());
    }
    let fraction = format!("{:03}", ms % 1000);
    write!(out, ".{}", fraction.trim_end_matches('0'))
}

/// Reads an interval: `5 seconds`, `1 minute 30 s`, `1.5 hours`, `100ms`, `2 days 03:04:05`, `PT5S`; a bare number is
/// milliseconds. Months and years are no exact span and are refused. `None` when the text is no such interval.
#[must_use]
pub fn parse_interval(text: &str) -> Option<i64> {
    let text = text.trim();
    let iso = text.strip_prefix(['P', 'p']).map(|rest| rest.replace(['T', 't'], " "));
    let mut rest = iso.as_deref().unwrap_or(text).trim();
    if rest.is_empty() {
        return None;
    }
    let mut total = 0.0_f64;
    let mut exact = 0_i64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '-' | '+')).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        if after.starts_with(':') {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            exact = exact.checked_add(parse_clock(&rest[..end])?)?;
            rest = rest[end..].trim_start();
            continue;
        }
        let after = after.trim_start();
        let letters = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
        let unit = unit_ms(&after[..letters])?;
        match number.parse::<i64>() {
            Ok(number) => exact = exact.checked_add(number.checked_mul(unit)?)?,
            Err(_) => total += number.parse::<f64>().ok()? * unit as f64,
        }
        rest = after[letters..].trim_start();
    }
    let fraction = total.round();
    (fraction.abs() < 9.0e18).then_some(())?;
    exact.checked_add(fraction as i64)
}

/// `[-]hh:mm[:ss[.fff]]`.
fn parse_clock(text: &str) -> Option<i64> {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let mut parts = text.split(':');
    let hours: i64 = parts.next()?.parse().ok()?;
    let minutes: i64 = parts.next()?.parse().ok()?;
    let seconds: f64 = parts.next().map_or(Some(0.0), |seconds| seconds.parse().ok())?;
    if parts.next().is_some() || !(0..60).contains(&minutes) || !(0.0..60.0).contains(&seconds) || hours < 0 {
        return None;
    }
    let minutes = hours.checked_mul(60)?.checked_add(minutes)?;
    Some(sign * minutes.checked_mul(60_000)?.checked_add((seconds * 1000.0).round() as i64)?)
}

fn unit_ms(unit: &str) -> Option<i64> {
    Some(match &*unit.to_ascii_lowercase() {
        "" | "ms" | "msec" | "msecs" | "millisecond" | "milliseconds" => 1,
        "s" | "sec" | "secs" | "second" | "seconds" => 1000,
        "m" | "min" | "mins" | "minute" | "minutes" => 60_000,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3_600_000,
        "d" | "day" | "days" => DAY_MS,
        "w" | "week" | "weeks" => 7 * DAY_MS,
        _ => return None,
    })
}

/// Reads RFC 3339 (`T` or a space; offset `Z`, `+02:00`, `+0200`, `+02` or none, which means UTC) or a bare date.
/// Fractions below the millisecond are cut off. `None` when the text is no such instant.
#[must_use]
pub fn parse(text: &str) -> Option<i64> {
    let bytes = text.trim().as_bytes();
    let mut at = 0;
    let number = |at: &mut usize, digits: usize| -> Option<u32> {
        let slice = bytes.get(*at..*at + digits)?;
        *at += digits;
        slice.iter().try_fold(0u32, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0')))
    };
    let expect = |at: &mut usize, wanted: &[u8]| -> Option<()> { wanted.contains(bytes.get(*at)?).then(|| *at += 1) };
    let year = number(&mut at, 4)?;
    expect(&mut at, b"-")?;
    let month = number(&mut at, 2)?;
    expect(&mut at, b"-")?;
    let day = number(&mut at, 2)?;
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(i64::from(year), month) {
        return None;
    }
    let days = days_of_date(i64::from(year), month, day);
    if at == bytes.len() {
        return Some(days * DAY_MS);
    }
    expect(&mut at, b"Tt ")?;
    let hour = number(&mut at, 2)?;
    expect(&mut at, b":")?;
    let minute = number(&mut at, 2)?;
    let mut second = 0;
    let mut millisecond = 0;
    if bytes.get(at) == Some(&b':') {
        at += 1;
        second = number(&mut at, 2)?;
        if matches!(bytes.get(at), Some(b'.' | b',')) {
            at += 1;
            let digits = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                return None;
            }
            for place in 0..3 {
                let digit = if place < digits { u32::from(bytes[at + place] - b'0') } else { 0 };
                millisecond = millisecond * 10 + digit;
            }
            at += digits;
        }
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let offset_minutes = match bytes.get(at) {
        None => 0,
        Some(b'Z' | b'z') => {
            at += 1;
            0
        }
        Some(sign @ (b'+' | b'-')) => {
            at += 1;
            let hours = number(&mut at, 2)?;
            if bytes.get(at) == Some(&b':') {
                at += 1;
            }
            let minutes = if at < bytes.len() { number(&mut at, 2)? } else { 0 };
            if hours > 18 || minutes > 59 {
                return None;
            }
            let total = i64::from(hours * 60 + minutes);
            if *sign == b'-' { -total } else { total }
        }
        Some(_) => return None,
    };
    if at != bytes.len() {
        return None;
    }
    let in_day = i64::from(((hour * 60 + minute) * 60 + second) * 1000 + millisecond);
    Some(days * DAY_MS + in_day - offset_minutes * 60_000)
}

/// The number of days of a month.
#[must_use]
pub fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

#[cfg(test)]
mod tests;
