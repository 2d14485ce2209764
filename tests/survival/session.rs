//! A blocking Kafka connection by hand: frames out, answers in. No library retries, reorders or hides anything.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bytes::Bytes;
use wire::messages::request_header::RequestHeader;
use wire::messages::response_header::ResponseHeader;
use wire::{ErrorCode, Message, Piece, Reader, Request, Writer};

/// Longer than any answer may take on a busy machine; a program that hangs must end the test all the same.
const PATIENCE: Duration = Duration::from_secs(30);
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Why a request brought nothing.
#[derive(Debug)]
pub enum Trouble {
    /// The connection is gone, and with it what was on its way.
    Broken(String),
    /// The broker refused.
    Refused(ErrorCode),
}

impl Trouble {
    /// Refused for a reason that does not pass by itself. A topic that was there and is not any more is one: it was
    /// acknowledged too.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Broken(_) | Self::Refused(ErrorCode::ConcurrentTransactions) => false,
            Self::Refused(ErrorCode::UnknownTopicOrPartition) => true,
            Self::Refused(error) => !error.is_retriable(),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(why) => write!(f, "the connection broke: {why}"),
            Self::Refused(error) => write!(f, "{}", error.name()),
        }
    }
}

/// Nothing, or the refusal.
pub fn accepted(code: i16) -> Result<(), Trouble> {
    ErrorCode::check(code).map_err(Trouble::Refused)
}

/// A connection.
#[derive(Debug)]
pub struct Session {
    socket: TcpStream,
    correlation_id: i32,
    answered: i32,
}

impl Session {
    pub fn connect(address: &str) -> Result<Self, Trouble> {
        let open = || {
            let socket = TcpStream::connect(address)?;
            socket.set_nodelay(true)?;
            socket.set_read_timeout(Some(PATIENCE))?;
            Ok(Self { socket, correlation_id: 0, answered: 0 })
        };
        open().map_err(broken)
    }

    /// Sends a request; its answer is the next one that [`Session::receive`] has not taken.
    pub fn send<R: Request>(&mut self, version: i16, request: &R) -> Result<(), Trouble> {
        self.correlation_id += 1;
        let header = RequestHeader {
            request_api_key: R::KEY.code(),
            request_api_version: version,
            correlation_id: self.correlation_id,
            client_id: Some("survival".into()),
        };
        let mut w = Writer::framed();
        header.encode(&mut w, R::KEY.request_header_version(version)).expect("a header that exists");
        request.encode(&mut w, version).expect("a request that the version can say");
        for piece in w.finish().expect("a frame") {
            let Piece::Bytes(bytes) = piece else { unreachable!("requests have no files in them") };
            self.socket.write_all(&bytes).map_err(broken)?;
        }
        Ok(())
    }

    /// The next answer.
    pub fn receive<R: Request>(&mut self, version: i16) -> Result<R::Response, Trouble> {
        let mut length = [0; 4];
        self.socket.read_exact(&mut length).map_err(broken)?;
        let length = u32::from_be_bytes(length) as usize;
        assert!(length <= ANSWER_BYTES_MAX, "an answer of {length} bytes");
        let mut answer = vec![0; length];
        self.socket.read_exact(&mut answer).map_err(broken)?;
        let mut r = Reader::new(Bytes::from(answer));
        let header =
            ResponseHeader::decode(&mut r, R::KEY.response_header_version(version)).expect("a response header");
        self.answered += 1;
        assert_eq!(header.correlation_id, self.answered, "answers come in order");
        Ok(R::Response::decode(&mut r, version).unwrap_or_else(|e| panic!("{}: {e}", R::KEY.name())))
    }

    pub fn call<R: Request>(&mut self, version: i16, request: &R) -> Result<R::Response, Trouble> {
        self.send(version, request)?;
        self.receive::<R>(version)
    }
}

fn broken(error: io::Error) -> Trouble {
    Trouble::Broken(error.to_string())
}

/// A connection that is made again when it is gone.
#[derive(Debug)]
pub struct Link {
    address: String,
    session: Option<Session>,
}

impl Link {
    pub fn new(address: &str) -> Self {
        Self { address: address.to_owned(), session: None }
    }

    /// The connection; made now if there is none.
    pub fn session(&mut self) -> Result<&mut Session, Trouble> {
        let session = match self.session.take() {
            Some(session) => session,
            None => Session::connect(&self.address)?,
        };
        Ok(self.session.insert(session))
    }

    pub fn is_open(&self) -> bool {
        self.session.is_some()
    }

    pub fn close(&mut self) {
        self.session = None;
    }

    /// One request and its answer; the connection is closed when it broke.
    pub fn call<R: Request>(&mut self, version: i16, request: &R) -> Result<R::Response, Trouble> {
        let answer = self.session().and_then(|session| session.call(version, request));
        if matches!(answer, Err(Trouble::Broken(_))) {
            self.close();
        }
        answer
    }
}
