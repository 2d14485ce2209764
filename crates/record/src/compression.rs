//! The five codecs, each bounded on the way out.
//!
//! Kafka: snappy is written in the framing of Java's snappy library (16 bytes of magic and versions, then blocks behind a
//! 4-byte length) and read in that framing or raw, as librdkafka writes it. zstd windows above 8 MiB are refused.

use std::fmt;
use std::io::{Read, Write};

use bytes::Bytes;

/// How the records of a batch are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip.
    Gzip,
    /// snappy.
    Snappy,
    /// LZ4 frames.
    Lz4,
    /// Zstandard.
    Zstd,
}

/// Why records could not be decompressed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CompressionError {
    /// They would take more memory than allowed.
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// The codec does not understand them.
    Corrupt(Compression),
}

impl fmt::Display for CompressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes_max } => write!(f, "records decompress to more than {bytes_max} bytes"),
            Self::Corrupt(codec) => write!(f, "records are not valid {}", codec.name()),
        }
    }
}

impl std::error::Error for CompressionError {}

const SNAPPY_MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
const SNAPPY_HEADER_BYTES: usize = 16;
const SNAPPY_BLOCK_BYTES: usize = 32 * 1024;
const ZSTD_WINDOW_LOG_MAX: u32 = 23;
const ZSTD_LEVEL: i32 = 3;
/// After so many bytes that came out, some 100 µs, other threads have their turn: what unpacks to a thousand times its
/// size would keep a processor from them for milliseconds at a time.
const TURN_BYTES: u64 = 128 << 10;

impl Compression {
    /// From the low three attribute bits; `None` for the unassigned codes 5 to 7.
    #[must_use]
    pub fn from_attributes(attributes: i16) -> Option<Self> {
        [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd].get((attributes & 7) as usize).copied()
    }

    /// The attribute bits.
    #[must_use]
    pub fn code(self) -> i16 {
        self as i16
    }

    /// Kafka's name: `none`, `gzip`, `snappy`, `lz4`, `zstd`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// By Kafka's name; `uncompressed` is the topic setting's word for none.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "none" | "uncompressed" => Some(Self::None),
            "gzip" => Some(Self::Gzip),
            "snappy" => Some(Self::Snappy),
            "lz4" => Some(Self::Lz4),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Decompresses `body` to at most `bytes_max` bytes, growing with what really comes out.
    pub fn decompress(self, body: &Bytes, bytes_max: usize) -> Result<Bytes, CompressionError> {
        let corrupt = |_| CompressionError::Corrupt(self);
        match self {
            Self::None => Ok(body.clone()),
            Self::Gzip => self.read_bounded(flate2::read::MultiGzDecoder::new(&body[..]), bytes_max),
            Self::Snappy => snappy_decompress(body, bytes_max),
            Self::Lz4 => self.read_bounded(lz4_flex::frame::FrameDecoder::new(&body[..]), bytes_max),
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(&body[..]).map_err(corrupt)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(corrupt)?;
                self.read_bounded(decoder, bytes_max)
            }
        }
    }

    fn read_bounded(self, reader: impl Read, bytes_max: usize) -> Result<Bytes, CompressionError> {
        let mut out = Vec::new();
        let mut reader = reader.take(bytes_max as u64 + 1);
        loop {
            let read = reader.by_ref().take(TURN_BYTES).read_to_end(&mut out);
            if out.len() > bytes_max {
                return Err(CompressionError::TooLarge { bytes_max });
            }
            if (read.map_err(|_| CompressionError::Corrupt(self))? as u64) < TURN_BYTES {
                return Ok(Bytes::from(out));
            }
            std::thread::yield_now();
        }
    }

    /// Compresses `body` onto the end of `out`.
    pub(crate) fn compress(self, body: &[u8], out: &mut Vec<u8>) {
        // Writing into memory cannot fail; a codec that says otherwise would be a defect of ours.
        const INFALLIBLE: &str = "compressing into memory";
        match self {
            Self::None => out.extend_from_slice(body),
            Self::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::default());
                encoder.write_all(body).expect(INFALLIBLE);
                encoder.finish().expect(INFALLIBLE);
            }
            Self::Snappy => snappy_compress(body, out),
            Self::Lz4 => {
                let info = lz4_flex::frame::FrameInfo::new().block_size(lz4_flex::frame::BlockSize::Max64KB);
                let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, out);
                encoder.write_all(body).expect(INFALLIBLE);
                encoder.finish().expect(INFALLIBLE);
            }
            Self::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(out, ZSTD_LEVEL).expect(INFALLIBLE);
                encoder.write_all(body).expect(INFALLIBLE);
                encoder.finish().expect(INFALLIBLE);
            }
        }
    }
}

/// ```text
/// ┌──────────────────┬─────────┬────────────┬──[ length: u32 │ raw snappy block ]…
/// │ 82 SNAPPY 00     │ version │ compatible │
/// │ 8 bytes          │ u32 = 1 │ u32 = 1    │
/// └──────────────────┴─────────┴────────────┴──
/// ```
fn snappy_compress(body: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&SNAPPY_MAGIC);
    out.extend_from_slice(&1_u32.to_be_bytes());
    out.extend_from_slice(&1_u32.to_be_bytes());
    let mut encoder = snap::raw::Encoder::new();
    for block in body.chunks(SNAPPY_BLOCK_BYTES) {
        let compressed = encoder.compress_vec(block).expect("a block of 32 KiB compresses");
        out.extend_from_slice(&(compressed.len() as u32).to_be_bytes());
        out.extend_from_slice(&compressed);
    }
}

fn snappy_decompress(body: &[u8], bytes_max: usize) -> Result<Bytes, CompressionError> {
    let corrupt = CompressionError::Corrupt(Compression::Snappy);
    let mut out = Vec::new();
    if !body.starts_with(&SNAPPY_MAGIC) {
        snappy_block(body, &mut out, bytes_max)?;
        return Ok(Bytes::from(out));
    }
    let mut rest = body.get(SNAPPY_HEADER_BYTES..).ok_or(corrupt.clone())?;
    while !rest.is_empty() {
        let (len, after) = rest.split_first_chunk::<4>().ok_or(corrupt.clone())?;
        let len = u32::from_be_bytes(*len) as usize;
        let block = after.get(..len).ok_or(corrupt.clone())?;
        snappy_block(block, &mut out, bytes_max)?;
        rest = &after[len..];
    }
    Ok(Bytes::from(out))
}

fn snappy_block(block: &[u8], out: &mut Vec<u8>, bytes_max: usize) -> Result<(), CompressionError> {
    let corrupt = CompressionError::Corrupt(Compression::Snappy);
    let len = snap::raw::decompress_len(block).map_err(|_| corrupt.clone())?;
    // The length is declared, not proven: it must fit the bound, and snappy cannot expand more than about 21 times
    // (a 3-byte copy gives at most 64 bytes), so a larger one is a lie that must not be allocated for.
    if len > bytes_max.saturating_sub(out.len()) {
        return Err(CompressionError::TooLarge { bytes_max });
    }
    if len > block.len().saturating_mul(32) {
        return Err(corrupt);
    }
    let from = out.len();
    out.resize(from + len, 0);
    let written = snap::raw::Decoder::new().decompress(block, &mut out[from..]).map_err(|_| corrupt.clone())?;
    if written == len { Ok(()) } else { Err(corrupt) }
}
