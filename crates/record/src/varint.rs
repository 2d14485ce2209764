//! Zigzag varints, as records use them. At most 5 bytes for 32 bits, 10 for 64.

/// Reads a zigzag varint of 32 bits from the front of `buf`; `None` when it is cut off or too long.
#[inline(always)]
pub fn read_i32(buf: &mut &[u8]) -> Option<i32> {
    let raw = match read_short(buf) {
        Some(raw) => raw,
        None => u32::try_from(read_raw(buf, 5)?).ok()?,
    };
    Some((raw >> 1) as i32 ^ -((raw & 1) as i32))
}

/// Reads a zigzag varint of 64 bits from the front of `buf`; `None` when it is cut off or too long.
#[inline(always)]
pub fn read_i64(buf: &mut &[u8]) -> Option<i64> {
    let raw = match read_short(buf) {
        Some(raw) => u64::from(raw),
        None => read_raw(buf, 10)?,
    };
    Some((raw >> 1) as i64 ^ -((raw & 1) as i64))
}

/// Most are one byte or two: lengths and deltas below 8192. `None`: it is longer, or cut off.
#[inline(always)]
fn read_short(buf: &mut &[u8]) -> Option<u32> {
    match **buf {
        [first @ 0..0x80, ref rest @ ..] => {
            *buf = rest;
            Some(u32::from(first))
        }
        [first, second @ 0..0x80, ref rest @ ..] => {
            *buf = rest;
            Some(u32::from(first & 0x7f) | u32::from(second) << 7)
        }
        _ => None,
    }
}

fn read_raw(buf: &mut &[u8], bytes_max: usize) -> Option<u64> {
    let mut value = 0_u64;
    for (i, byte) in buf.iter().copied().enumerate().take(bytes_max) {
        let bits = u64::from(byte & 0x7f);
        let shift = 7 * i as u32;
        // The tenth byte has room for one bit only.
        if shift == 63 && bits > 1 {
            return None;
        }
        value |= bits << shift;
        if byte < 0x80 {
            *buf = &buf[i + 1..];
            return Some(value);
        }
    }
    None
}

/// Appends a zigzag varint of 32 bits.
pub fn write_i32(out: &mut Vec<u8>, value: i32) {
    write_raw(out, u64::from(((value << 1) ^ (value >> 31)) as u32));
}

/// Appends a zigzag varint of 64 bits.
pub fn write_i64(out: &mut Vec<u8>, value: i64) {
    write_raw(out, ((value << 1) ^ (value >> 63)) as u64);
}

#[inline]
fn write_raw(out: &mut Vec<u8>, mut raw: u64) {
    while raw >= 0x80 {
        out.push(raw as u8 | 0x80);
        raw >>= 7;
    }
    out.push(raw as u8);
}

/// How many bytes [`write_i64`] appends, and [`write_i32`] as well.
#[must_use]
pub fn len_i64(value: i64) -> usize {
    let raw = ((value << 1) ^ (value >> 63)) as u64;
    (64 - (raw | 1).leading_zeros()).div_ceil(7) as usize
}
