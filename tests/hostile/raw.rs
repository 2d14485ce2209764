//! A connection that says whatever we like, from whatever loopback address we like.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use socket2::{Domain, SockAddr, Socket, Type};
use wire::messages::api_versions_request::ApiVersionsRequest;
use wire::messages::response_header::ResponseHeader;
use wire::{Message, Reader, Request};

use crate::samples;

/// How long a connection waits for the server, unless told otherwise.
const PATIENCE: Duration = Duration::from_secs(5);
/// The address that nobody has to bind.
const USUAL: u8 = 1;
/// Ports that connections from other addresses leave by.
const PORTS: std::ops::Range<u32> = 10_000..60_000;
/// How many of them are tried in a row.
const PORTS_TRIED_MAX: u32 = 1000;

/// One connection.
#[derive(Debug)]
pub struct Raw(pub TcpStream);

impl Raw {
    /// Connects to `address` from 127.0.0.`from`; a `receive_bytes` of 0 leaves the socket's buffer as it is.
    pub fn open_with(address: &str, from: u8, receive_bytes: usize) -> io::Result<Self> {
        let address: SocketAddr = address.parse().map_err(|_| io::ErrorKind::InvalidInput)?;
        let stream = connect(address, from, receive_bytes)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self(stream))
    }

    /// [`Raw::open_with`] with the usual buffer.
    pub fn open(address: &str, from: u8) -> io::Result<Self> {
        Self::open_with(address, from, 0)
    }

    /// Dropping it resets the connection: nothing of it stays behind, also no port that waits.
    pub fn resets(self) -> Self {
        let _ = socket2::SockRef::from(&self.0).set_linger(Some(Duration::ZERO));
        self
    }

    /// Sends a frame with its length.
    pub fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        let mut bytes = (frame.len() as u32).to_be_bytes().to_vec();
        bytes.extend_from_slice(frame);
        self.0.write_all(&bytes)
    }

    /// Reads one answer, with its header.
    pub fn answer(&mut self) -> io::Result<Bytes> {
        let mut len = [0; 4];
        self.0.read_exact(&mut len)?;
        let mut answer = vec![0; u32::from_be_bytes(len) as usize];
        self.0.read_exact(&mut answer)?;
        Ok(Bytes::from(answer))
    }

    /// Asks and reads the answer.
    pub fn ask<Q: Request>(&mut self, version: i16, request: &Q) -> io::Result<Q::Response> {
        self.send(&samples::sample(version, request).frame)?;
        decode::<Q>(version, self.answer()?)
    }

    /// Whether the server closes, instead of saying something, within `patience`.
    pub fn is_closed_within(&mut self, patience: Duration) -> bool {
        let _ = self.0.set_read_timeout(Some(patience));
        match self.0.read(&mut [0; 1]) {
            Ok(0) => true,
            Ok(_) => false,
            Err(e) => !matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut),
        }
    }
}

/// We say which port to leave by. The kernel, asked for a free one of an address, looks at all that are taken and all that
/// wait after a close: thousands of connections a second cost both processors that way, and the server is measured on them.
fn connect(address: SocketAddr, from: u8, receive_bytes: usize) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..PORTS_TRIED_MAX {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        if receive_bytes > 0 {
            socket.set_recv_buffer_size(receive_bytes)?;
        }
        let connected = leave_by(&socket, from).and_then(|()| socket.connect_timeout(&address.into(), PATIENCE));
        match connected {
            Ok(()) => return Ok(socket.into()),
            Err(e) if matches!(e.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable) => last = e,
            Err(e) => return Err(e),
        }
    }
    Err(last)
}

/// Binds the next port of 127.0.0.`from`.
fn leave_by(socket: &Socket, from: u8) -> io::Result<()> {
    static NEXT: OnceLock<AtomicU32> = OnceLock::new();
    if from == USUAL {
        return Ok(());
    }
    let next = NEXT.get_or_init(|| AtomicU32::new(fastrand::u32(..))).fetch_add(1, Ordering::Relaxed);
    let port = u16::try_from(PORTS.start + next % (PORTS.end - PORTS.start)).expect("below 65,536");
    // Also one that waits after a close: that is over for connections on one machine when its turn comes again.
    socket.set_reuse_address(true)?;
    socket.bind(&SockAddr::from(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, from)), port)))
}

/// The response in an answer.
pub fn decode<Q: Request>(version: i16, answer: Bytes) -> io::Result<Q::Response> {
    let mut reader = Reader::new(answer);
    let invalid = |e: wire::DecodeError| io::Error::new(io::ErrorKind::InvalidData, e.to_string());
    ResponseHeader::decode(&mut reader, Q::KEY.response_header_version(version)).map_err(invalid)?;
    Q::Response::decode(&mut reader, version).map_err(invalid)
}

/// Whether the server answers a newcomer as it should.
pub fn answers_normally(address: &str) -> bool {
    let request = ApiVersionsRequest { client_software_name: "hostile".into(), client_software_version: "1.0".into() };
    let asked = Raw::open(address, 1).and_then(|mut raw| raw.ask(3, &request));
    asked.is_ok_and(|response| response.error_code == 0 && !response.api_keys.is_empty())
}
