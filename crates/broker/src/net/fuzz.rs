//! What any bytes may do to the framing: be cut into frames, or be refused. The entry point of the fuzz target, which
//! tests replay.
//!
//! Verified: the frames and the refusal are those of a splitter that sees all bytes at once, however they arrive; the
//! buffer stays within twice what has arrived.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::runtime::Runtime;

use super::Limits;
use super::frame::{Budget, FrameError, Frames, Incoming};

/// Small bounds, so that small inputs reach them.
const FRAME_BYTES_MAX: usize = 2 << 10;
const PRODUCE_BYTES_MAX: usize = 128 << 10;
/// What a buffer may have beyond twice the bytes that came: the least room that a read asks for, doubled by the allocator.
const SLACK_BYTES: usize = 32 << 10;

/// Bytes that arrive in crumbs: `crumbs` says how large, over and over.
struct Crumbs<'a> {
    bytes: &'a [u8],
    crumbs: [u8; 4],
    at: usize,
    taken: usize,
}

impl Crumbs<'_> {
    fn next(&mut self, room: usize) -> &[u8] {
        let crumb = usize::from(self.crumbs[self.at % 4]);
        self.at += 1;
        // 0 … 127 bytes as they are; above that, powers of two up to 128 KiB. Nothing is not a read: that is the end.
        let size = if crumb < 128 { crumb.max(1) } else { 1 << (crumb % 18) };
        let size = size.min(room).min(self.bytes.len());
        let (crumb, rest) = self.bytes.split_at(size);
        self.bytes = rest;
        self.taken += size;
        crumb
    }
}

impl AsyncRead for Crumbs<'_> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let room = buffer.remaining();
        buffer.put_slice(self.next(room));
        Poll::Ready(Ok(()))
    }
}

impl Incoming for Crumbs<'_> {
    async fn readable(&self) -> io::Result<()> {
        Ok(())
    }

    fn try_read_buf(&mut self, buffer: &mut BytesMut) -> io::Result<usize> {
        // Now and then the readiness was yesterday's news.
        if self.crumbs[self.at % 4] == 0 {
            self.at += 1;
            if self.crumbs != [0; 4] {
                return Err(io::ErrorKind::WouldBlock.into());
            }
        }
        let crumb = self.next(buffer.capacity() - buffer.len());
        buffer.extend_from_slice(crumb);
        Ok(crumb.len())
    }
}

/// How a stream ends.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Closed,
    Cut,
    TooSmall,
    TooLarge,
}

/// Takes frames off the bytes behind the first four, which say in what crumbs they arrive. Any bytes will do.
///
/// # Panics
/// If they are not the frames that a look at the whole gives, or if memory was taken for what never came.
pub fn fuzz_frames(bytes: &[u8]) {
    thread_local! {
        static RUNTIME: Runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    }
    let Some((crumbs, bytes)) = bytes.split_first_chunk::<4>() else { return };
    let source = Crumbs { bytes, crumbs: *crumbs, at: 0, taken: 0 };
    RUNTIME.with(|runtime| runtime.block_on(take_all(bytes, source)));
}

async fn take_all(mut bytes: &[u8], source: Crumbs<'_>) {
    let limits = Limits { frame_bytes_max: FRAME_BYTES_MAX, produce_bytes_max: PRODUCE_BYTES_MAX, ..Limits::default() };
    let budget = Budget::new(PRODUCE_BYTES_MAX + 1024, FRAME_BYTES_MAX);
    let mut frames = Frames::new(source, Arc::clone(&budget));
    loop {
        let expected = split(&mut bytes);
        let got = match frames.wait().await {
            Ok(()) => match frames.size(&limits).await {
                Ok(size) => frames.take(size, &limits).await.map(|(frame, _)| frame),
                Err(e) => Err(e),
            },
            Err(e) => Err(e),
        };
        assert!(frames.capacity() <= 2 * frames.source().taken + SLACK_BYTES, "{} bytes are held", frames.capacity());
        match (got, expected) {
            (Ok(frame), Ok(expected)) => assert_eq!(frame, expected),
            (Err(e), Err(expected)) => {
                let end = match e {
                    FrameError::Closed => End::Closed,
                    FrameError::Io(_) => End::Cut,
                    FrameError::TooSmall(_) => End::TooSmall,
                    FrameError::TooLarge { .. } => End::TooLarge,
                    FrameError::Timeout | FrameError::NoRoom => panic!("no byte was late, and there was room"),
                };
                assert_eq!(end, expected);
                break;
            }
            (got, expected) => panic!("{got:?} where {expected:?} was sent"),
        }
    }
    assert_eq!(budget.left(), PRODUCE_BYTES_MAX + 1024 + FRAME_BYTES_MAX, "the budget came back");
}

/// The frame at the front of all bytes there are, which are moved past it.
fn split<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], End> {
    let size = match bytes.len() {
        0 => return Err(End::Closed),
        1..4 => return Err(End::Cut),
        _ => bytes.get_i32(),
    };
    let Some(size) = usize::try_from(size).ok().filter(|size| *size >= 8) else { return Err(End::TooSmall) };
    if size > FRAME_BYTES_MAX {
        let Some(key) = bytes.first_chunk::<2>() else { return Err(End::Cut) };
        if *key != [0, 0] || size > PRODUCE_BYTES_MAX {
            return Err(End::TooLarge);
        }
    }
    if bytes.len() < size {
        return Err(End::Cut);
    }
    let (frame, rest) = bytes.split_at(size);
    *bytes = rest;
    Ok(frame)
}
