//! Putting answers on a socket: bytes, and file ranges by `sendfile`.

use std::io;
use std::sync::Arc;

use commitlog::Chunk;
use os::File;
use rustix::net::SendFlags;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;

use super::patience::Patience;
use crate::reply::Part;

/// A file range on a disk without descriptors is read in steps of this many bytes.
const READ_STEP_BYTES: usize = 256 << 10;
/// One call of `sendfile` moves at most this much, so that a cold file does not hold a thread for long.
const SENDFILE_STEP_BYTES: usize = 1 << 20;

/// What every Linux has, and lets everybody choose.
const UNPACED: &str = "reno";

/// For a client on this machine: sends as fast as it takes the bytes. Where the system's choice is one that paces (BBR), the
/// kernel would else send by a timer, which here costs as much processor time again as `sendfile` itself, and leaves the
/// client waiting. There is no network between the two that could be congested. For clients elsewhere the choice is the
/// administrator's.
pub fn without_pacing(stream: &TcpStream) {
    // A system that does not have it has no pacing either, as far as we know.
    let _ = rustix::net::sockopt::set_tcp_congestion(stream, UNPACED);
}

/// Sends all parts, in order. Fails when the client tries our patience for too long.
pub async fn send(socket: &OwnedWriteHalf, parts: Vec<Part>, patience: &Patience<'_>) -> io::Result<()> {
    let stream: &TcpStream = socket.as_ref();
    let count = parts.len();
    for (at, part) in parts.into_iter().enumerate() {
        // More follows: let the kernel fill its segments.
        let flags = if at + 1 < count { SendFlags::MORE } else { SendFlags::empty() } | SendFlags::NOSIGNAL;
        match part {
            Part::Bytes(bytes) | Part::Chunk(Chunk::Bytes(bytes)) => {
                send_bytes(stream, &bytes, flags, patience).await?
            }
            Part::Chunk(Chunk::FileRange { file, position, len }) => {
                if file.as_fd().is_some() {
                    send_file(stream, &file, position, len as usize, patience).await?;
                } else {
                    send_by_reading(stream, &file, position, len as usize, flags, patience).await?;
                }
            }
        }
    }
    Ok(())
}

/// Sends as much as the socket takes at once. What it did not take stays in `parts`.
pub fn send_now(socket: &OwnedWriteHalf, parts: &mut Vec<Part>) -> io::Result<()> {
    let stream: &TcpStream = socket.as_ref();
    let count = parts.len();
    let mut gone = 0;
    for (at, part) in parts.iter_mut().enumerate() {
        let flags = if at + 1 < count { SendFlags::MORE } else { SendFlags::empty() } | SendFlags::NOSIGNAL;
        let len = part.len();
        let sent = match part {
            Part::Bytes(bytes) | Part::Chunk(Chunk::Bytes(bytes)) => {
                let sent = at_once(stream, || Ok(rustix::net::send(stream, bytes, flags)?))?;
                drop(bytes.split_to(sent));
                sent
            }
            Part::Chunk(Chunk::FileRange { file, position, len }) => {
                let Some(descriptor) = file.as_fd() else { break };
                let mut from = *position;
                let step = (*len as usize).min(SENDFILE_STEP_BYTES);
                let sent = at_once(stream, || Ok(rustix::fs::sendfile(stream, descriptor, Some(&mut from), step)?))?;
                (*position, *len) = (*position + sent as u64, *len - sent as u32);
                sent
            }
        };
        if sent < len {
            break;
        }
        gone = at + 1;
    }
    parts.drain(..gone);
    Ok(())
}

/// 0 when the socket takes nothing now.
fn at_once(stream: &TcpStream, attempt: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    match stream.try_io(Interest::WRITABLE, attempt) {
        Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(0),
        other => other,
    }
}

async fn send_bytes(stream: &TcpStream, mut bytes: &[u8], flags: SendFlags, patience: &Patience<'_>) -> io::Result<()> {
    while !bytes.is_empty() {
        let sent = when_writable(stream, patience, || Ok(rustix::net::send(stream, bytes, flags)?)).await?;
        bytes = &bytes[sent..];
    }
    Ok(())
}

async fn send_file(
    stream: &TcpStream,
    file: &Arc<dyn File>,
    position: u64,
    len: usize,
    patience: &Patience<'_>,
) -> io::Result<()> {
    let (mut position, end) = (position, position + len as u64);
    while position < end {
        let step = usize::try_from(end - position).unwrap_or(usize::MAX).min(SENDFILE_STEP_BYTES);
        let sent = when_writable(stream, patience, || {
            let Some(descriptor) = file.as_fd() else { return Err(io::ErrorKind::Unsupported.into()) };
            let mut from = position;
            Ok(rustix::fs::sendfile(stream, descriptor, Some(&mut from), step)?)
        })
        .await?;
        if sent == 0 {
            // The file is shorter than the log said: never send anything else in its place.
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        position += sent as u64;
    }
    Ok(())
}

async fn send_by_reading(
    stream: &TcpStream,
    file: &Arc<dyn File>,
    position: u64,
    len: usize,
    flags: SendFlags,
    patience: &Patience<'_>,
) -> io::Result<()> {
    let mut done = 0;
    let mut step = vec![0; len.min(READ_STEP_BYTES)];
    while done < len {
        let read = (len - done).min(step.len());
        file.read_exact_at(&mut step[..read], position + done as u64)?;
        send_bytes(stream, &step[..read], flags, patience).await?;
        done += read;
    }
    Ok(())
}

async fn when_writable(
    stream: &TcpStream,
    patience: &Patience<'_>,
    mut attempt: impl FnMut() -> io::Result<usize>,
) -> io::Result<usize> {
    loop {
        match stream.try_io(Interest::WRITABLE, &mut attempt) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                patience.writable(stream).await?;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
