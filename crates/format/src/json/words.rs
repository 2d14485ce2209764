//! Eight bytes at a time: where a text ends, how many digits there are and what they are worth.
//!
//! Loops over single bytes cost a branch each, and one that goes wrong as often as lengths differ. These have none for
//! what fits a word, which is most of a record.

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Most digits of an integer that are read here: any such number fits 64 bits.
pub(super) const DIGITS_MAX: usize = 18;

const POWERS_OF_TEN: [i64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// The eight bytes from `at` on, the first one lowest; zeros behind the end.
#[inline(always)]
fn word(bytes: &[u8], at: usize) -> u64 {
    if let Some(eight) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        return u64::from_le_bytes(*eight);
    }
    let left = bytes.len().saturating_sub(at);
    match bytes.last_chunk() {
        // Fewer than eight are left: they end the last word.
        Some(last) if left > 0 => u64::from_le_bytes(*last) >> (8 * (8 - left)),
        _ => bytes.iter().skip(at).rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

/// Where the text that begins at `at` ends, if it is plain: at the first quote, with no backslash or control
/// character before it, and with `ASCII` nothing but ASCII either.
#[inline(always)]
pub(super) fn text_end<const ASCII: bool>(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let word = word(bytes, at);
        let quote = word ^ (LOW * b'"' as u64);
        let backslash = word ^ (LOW * b'\\' as u64);
        // The high bit of each byte that is a quote, a backslash, or below 0x20. A borrow can only mark bytes above a
        // true hit, so the lowest mark is exact. The zeros behind the end are marked too.
        let hits = (quote.wrapping_sub(LOW) & !quote
            | backslash.wrapping_sub(LOW) & !backslash
            | word.wrapping_sub(LOW * 0x20) & !word
            | if ASCII { word } else { 0 })
            & HIGH;
        if hits != 0 {
            at += hits.trailing_zeros() as usize / 8;
            return (*bytes.get(at)? == b'"').then_some(at);
        }
        at += 8;
    }
}

/// How many of the eight bytes at `at` are digits, from the first on; and the bytes with digits as 0 to 9.
#[inline(always)]
fn digits(bytes: &[u8], at: usize) -> (usize, u64) {
    let values = word(bytes, at) ^ (LOW * b'0' as u64);
    // The high bit of each byte that is above 9. Nothing carries into the next byte.
    let others = (((values & !HIGH) + LOW * (0x80 - 10)) | values) & HIGH;
    (others.trailing_zeros() as usize / 8, values)
}

/// The number that the first `count` bytes make, each 0 to 9; `count` is 1 to 8.
#[inline(always)]
fn number(values: u64, count: usize) -> i64 {
    // Zeros before the first digit; then pairs, fours and eight at once.
    let values = values << (8 * (8 - count));
    let pairs = (values & (LOW * 0x0f)).wrapping_mul(10 << 8 | 1) >> 8;
    let fours = (pairs & 0x00ff_00ff_00ff_00ff).wrapping_mul(100 << 16 | 1) >> 16;
    ((fours & 0x0000_ffff_0000_ffff).wrapping_mul(10_000 << 32 | 1) >> 32) as i64
}

/// The digits from `at` on: how many, and their value. At most [`DIGITS_MAX`]; `None`: none, more, or a zero before
/// others.
#[inline(always)]
pub(super) fn magnitude(bytes: &[u8], at: usize) -> Option<(usize, i64)> {
    let (count, values) = digits(bytes, at);
    if count == 0 || (count > 1 && values & 0xff == 0) {
        return None;
    }
    let mut value = number(values, count);
    let mut all = count;
    while all % 8 == 0 {
        let (count, values) = digits(bytes, at + all);
        if all + count > DIGITS_MAX {
            return None;
        }
        if count == 0 {
            break;
        }
        value = value * POWERS_OF_TEN[count] + number(values, count);
        all += count;
    }
    Some((all, value))
}

/// The place behind the digits from `at` on.
#[inline(always)]
pub(super) fn digits_end(bytes: &[u8], mut at: usize) -> usize {
    loop {
        let (count, _) = digits(bytes, at);
        at += count;
        if count < 8 {
            return at;
        }
    }
}

/// The place behind `wanted`, if it stands at `at`.
#[inline(always)]
pub(super) fn after(bytes: &[u8], at: usize, wanted: &[u8]) -> Option<usize> {
    let end = at + wanted.len();
    let found = bytes.get(at..end)?;
    // Two words that may overlap: neither a call nor a loop.
    let same = match wanted.len() {
        16..=32 => found.first_chunk::<16>() == wanted.first_chunk() && found.last_chunk::<16>() == wanted.last_chunk(),
        8..=15 => found.first_chunk::<8>() == wanted.first_chunk() && found.last_chunk::<8>() == wanted.last_chunk(),
        4..=7 => found.first_chunk::<4>() == wanted.first_chunk() && found.last_chunk::<4>() == wanted.last_chunk(),
        _ => found == wanted,
    };
    same.then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against plain loops, at every distance from the end of the bytes.
    #[test]
    fn words_say_what_loops_say() {
        let mut random = fastrand::Rng::with_seed(3);
        let alphabet = b"0123456789\"\\a \x1f\x80\xff/:.";
        for _ in 0..50_000 {
            let len = random.usize(0..40);
            let digits_only = random.bool();
            let pick =
                |random: &mut fastrand::Rng| alphabet[random.usize(0..if digits_only { 11 } else { alphabet.len() })];
            let bytes: Vec<u8> = (0..len).map(|_| pick(&mut random)).collect();
            let at = random.usize(0..=len);
            let rest = &bytes[at..];
            let shown = String::from_utf8_lossy(rest);

            let stop = rest.iter().position(|b| matches!(b, b'"' | b'\\' | 0..=0x1f));
            let end = stop.filter(|stop| rest[*stop] == b'"').map(|stop| at + stop);
            assert_eq!(text_end::<false>(&bytes, at), end, "{shown:?}");
            let ascii = end.filter(|end| bytes[at..*end].is_ascii());
            assert_eq!(text_end::<true>(&bytes, at), ascii, "{shown:?}");

            let count = rest.iter().take_while(|b| b.is_ascii_digit()).count();
            assert_eq!(digits_end(&bytes, at), at + count, "{shown:?}");
            let plain = (1..=DIGITS_MAX).contains(&count) && (count == 1 || rest[0] != b'0');
            let value = plain.then(|| (count, shown[..count].parse().unwrap()));
            assert_eq!(magnitude(&bytes, at), value, "{shown:?}");

            let wanted = &rest[..random.usize(0..=rest.len())];
            assert_eq!(after(&bytes, at, wanted), Some(at + wanted.len()));
            let mut other = wanted.to_vec();
            if let Some(byte) = random.choice(other.iter_mut()) {
                *byte ^= 1;
                assert_eq!(after(&bytes, at, &other), None);
            }
        }
    }
}
