//! Variable-length numbers over plain bytes, for those who read and write Kafka's other formats too.
//!
//! ```text
//! 300 = 0b10_0101100   ->   1 0101100 | 0 0000010      seven bits a byte, lowest first; the top bit says "more follows"
//! signed: zig-zag first:  0, -1, 1, -2, 2 ...  ->  0, 1, 2, 3, 4 ...
//! ```

use crate::DecodeError;

/// Takes an unsigned number of at most 32 bits (five bytes) off the front of `bytes`.
pub fn take_unsigned_varint(bytes: &mut &[u8]) -> Result<u32, DecodeError> {
    u32::try_from(take(bytes, 5)?).map_err(|_| DecodeError::InvalidVarint)
}

/// Takes an unsigned number of at most 64 bits (ten bytes) off the front of `bytes`.
pub fn take_unsigned_varlong(bytes: &mut &[u8]) -> Result<u64, DecodeError> {
    take(bytes, 10)
}

/// Takes a zig-zag number of at most 32 bits off the front of `bytes`.
pub fn take_varint(bytes: &mut &[u8]) -> Result<i32, DecodeError> {
    take_unsigned_varint(bytes).map(|raw| (raw >> 1) as i32 ^ -((raw & 1) as i32))
}

/// Takes a zig-zag number of at most 64 bits off the front of `bytes`.
pub fn take_varlong(bytes: &mut &[u8]) -> Result<i64, DecodeError> {
    take_unsigned_varlong(bytes).map(|raw| (raw >> 1) as i64 ^ -((raw & 1) as i64))
}

/// Appends an unsigned number.
pub fn put_unsigned_varint(out: &mut Vec<u8>, value: u32) {
    put_unsigned_varlong(out, u64::from(value));
}

/// Appends an unsigned number of 64 bits.
pub fn put_unsigned_varlong(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a signed number, zig-zag.
pub fn put_varint(out: &mut Vec<u8>, value: i32) {
    put_unsigned_varint(out, ((value << 1) ^ (value >> 31)) as u32);
}

/// Appends a signed number of 64 bits, zig-zag.
pub fn put_varlong(out: &mut Vec<u8>, value: i64) {
    put_unsigned_varlong(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// How many bytes the unsigned number takes.
pub fn unsigned_varlong_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// How many bytes the zig-zag number takes.
pub fn varlong_len(value: i64) -> usize {
    unsigned_varlong_len(((value << 1) ^ (value >> 63)) as u64)
}

/// How many bytes the zig-zag number takes.
pub fn varint_len(value: i32) -> usize {
    varlong_len(i64::from(value))
}

fn take(bytes: &mut &[u8], len_max: usize) -> Result<u64, DecodeError> {
    let mut value = 0u64;
    for (index, &byte) in bytes.iter().take(len_max).enumerate() {
        // The tenth byte has room for one bit.
        if index == 9 && byte > 1 {
            return Err(DecodeError::InvalidVarint);
        }
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            *bytes = &bytes[index + 1..];
            return Ok(value);
        }
    }
    if bytes.len() >= len_max {
        Err(DecodeError::InvalidVarint)
    } else {
        Err(DecodeError::Truncated { needed: bytes.len() + 1, remaining: bytes.len() })
    }
}
