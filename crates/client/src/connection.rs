//! One connection to one broker: frames out, answers back in order, versions agreed at the start.
//!
//! ```text
//! call ──> writer (one frame at a time) ──> socket ──> reader task ──> the oldest waiter
//! ```

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use wire::messages::api_versions_request::ApiVersionsRequest;
use wire::messages::api_versions_response::ApiVersionsResponse;
use wire::messages::request_header::RequestHeader;
use wire::messages::response_header::ResponseHeader;
use wire::{ApiKey, ErrorCode, Message, Piece, Reader, Request, Str, Writer};

use crate::address::Address;
use crate::{ClientError, Unreachable};

/// No honest answer is longer: brokers send at most what a fetch asks for, and we ask for 50 MiB.
const ANSWER_BYTES_MAX: usize = 512 << 20;

/// A connection whose versions are agreed.
pub struct Connection {
    address: String,
    client_id: Str,
    timeout: Duration,
    versions: HashMap<ApiKey, (i16, i16)>,
    writer: tokio::sync::Mutex<Outgoing>,
    waiting: Arc<Waiting>,
    reader: JoinHandle<()>,
}

struct Outgoing {
    socket: OwnedWriteHalf,
    correlation_id: i32,
    /// Set while a frame is being written: a caller that gave up in between has left half a frame behind.
    torn: bool,
}

struct Waiting {
    /// The answers that are still to come, oldest first; an error once the connection has ended.
    queue: Mutex<Result<VecDeque<Waiter>, ClientError>>,
}

struct Waiter {
    correlation_id: i32,
    answer: oneshot::Sender<Result<Bytes, ClientError>>,
}

impl Connection {
    /// Connects and asks for the broker's versions.
    pub(crate) async fn open(
        address: &Address,
        client_id: &str,
        connect_timeout: Duration,
        timeout: Duration,
    ) -> Result<Self, ClientError> {
        let unreachable = |reason: String| {
            ClientError::Unreachable(Unreachable { address: address.to_string(), reason, advertised: None })
        };
        let connecting = TcpStream::connect((address.host.as_str(), address.port));
        let socket = match tokio::time::timeout(connect_timeout, connecting).await {
            Ok(Ok(socket)) => socket,
            Ok(Err(error)) => return Err(unreachable(error.to_string())),
            Err(_) => return Err(unreachable(format!("no answer within {} s", connect_timeout.as_secs_f32()))),
        };
        // Small requests must not wait for the acknowledgement of earlier ones.
        socket.set_nodelay(true).map_err(|error| unreachable(error.to_string()))?;
        let (read, write) = socket.into_split();
        let waiting = Arc::new(Waiting { queue: Mutex::new(Ok(VecDeque::new())) });
        let reader = tokio::spawn(read_answers(read, address.to_string(), Arc::clone(&waiting)));
        let outgoing = Outgoing { socket: write, correlation_id: 0, torn: false };
        let mut connection = Self {
            address: address.to_string(),
            client_id: client_id.into(),
            timeout,
            versions: HashMap::new(),
            writer: tokio::sync::Mutex::new(outgoing),
            waiting,
            reader,
        };
        connection.agree().await?;
        Ok(connection)
    }

    /// Where it leads, as given.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The versions that the broker offers, by request.
    pub fn offered(&self) -> &HashMap<ApiKey, (i16, i16)> {
        &self.versions
    }

    /// The newest version of a request that both sides speak, at most `ours_max`.
    pub fn version(&self, api: ApiKey, ours_max: i16) -> Result<i16, ClientError> {
        let spoken = (*api.versions().start(), ours_max.min(*api.versions().end()));
        let offered = self.versions.get(&api).copied();
        match offered {
            Some((from, to)) if from.max(spoken.0) <= to.min(spoken.1) => Ok(to.min(spoken.1)),
            _ => Err(ClientError::Unsupported { api, offered, spoken }),
        }
    }

    /// Sends a request and waits for the answer, for as long as requests are waited for.
    pub async fn call<R: Request>(&self, version: i16, request: &R) -> Result<R::Response, ClientError> {
        self.call_within(version, request, self.timeout).await
    }

    /// Sends a request and waits for the answer for at most `timeout`.
    pub async fn call_within<R: Request>(
        &self,
        version: i16,
        request: &R,
        timeout: Duration,
    ) -> Result<R::Response, ClientError> {
        let answer = self.exchange(version, request, timeout).await?;
        let mut r = Reader::new(answer);
        ResponseHeader::decode(&mut r, R::KEY.response_header_version(version))
            .and_then(|_| R::Response::decode(&mut r, version))
            .map_err(|error| ClientError::Malformed { api: R::KEY, error })
    }

    /// Sends a request that is not answered (Produce without acknowledgement).
    pub async fn tell<R: Request>(&self, version: i16, request: &R) -> Result<(), ClientError> {
        self.send(version, request, None).await
    }

    pub(crate) fn is_open(&self) -> bool {
        self.waiting.queue.lock().is_ok()
    }

    async fn exchange<R: Request>(&self, version: i16, request: &R, timeout: Duration) -> Result<Bytes, ClientError> {
        let (answer, answered) = oneshot::channel();
        let done = async {
            self.send(version, request, Some(answer)).await?;
            answered.await.unwrap_or(Err(ClientError::Closed))
        };
        match tokio::time::timeout(timeout, done).await {
            Ok(done) => done,
            Err(_) => Err(ClientError::TimedOut { what: format!("{} from {}", R::KEY, self.address), last: None }),
        }
    }

    async fn send<R: Request>(
        &self,
        version: i16,
        request: &R,
        answer: Option<oneshot::Sender<Result<Bytes, ClientError>>>,
    ) -> Result<(), ClientError> {
        let mut outgoing = self.writer.lock().await;
        if outgoing.torn {
            self.waiting.end(self.disconnected("an earlier request was cut short"));
        }
        outgoing.correlation_id = outgoing.correlation_id.wrapping_add(1);
        let correlation_id = outgoing.correlation_id;
        let frame = self.frame(version, request, correlation_id)?;
        match &mut *self.waiting.queue.lock() {
            Ok(queue) => queue.extend(answer.map(|answer| Waiter { correlation_id, answer })),
            Err(error) => return Err(error.clone()),
        }
        outgoing.torn = true;
        for piece in frame {
            let Piece::Bytes(bytes) = piece else { continue };
            if let Err(error) = outgoing.socket.write_all(&bytes).await {
                let error = self.disconnected(&error.to_string());
                self.waiting.end(error.clone());
                return Err(error);
            }
        }
        outgoing.torn = false;
        Ok(())
    }

    fn frame<R: Request>(&self, version: i16, request: &R, correlation_id: i32) -> Result<Vec<Piece>, ClientError> {
        let header = RequestHeader {
            request_api_key: R::KEY.code(),
            request_api_version: version,
            correlation_id,
            client_id: Some(self.client_id.clone()),
        };
        let mut w = Writer::framed();
        header
            .encode(&mut w, R::KEY.request_header_version(version))
            .and_then(|()| request.encode(&mut w, version))
            .and_then(|()| w.finish())
            .map_err(|error| ClientError::Inexpressible { api: R::KEY, error })
    }

    fn disconnected(&self, reason: &str) -> ClientError {
        ClientError::Disconnected { address: self.address.clone(), reason: reason.to_owned() }
    }

    /// Learns the broker's versions. A broker that does not know our newest ApiVersions answers in version 0 with the
    /// range that it knows.
    async fn agree(&mut self) -> Result<(), ClientError> {
        let api = ApiKey::ApiVersions;
        let mut version = *api.versions().end();
        loop {
            let request = ApiVersionsRequest {
                client_software_name: if version >= 3 { "millstream".into() } else { Str::EMPTY },
                client_software_version: if version >= 3 { env!("CARGO_PKG_VERSION").into() } else { Str::EMPTY },
            };
            let answer = self.exchange(version, &request, self.timeout).await?;
            let malformed = |error| ClientError::Malformed { api, error };
            let mut r = Reader::new(answer.clone());
            ResponseHeader::decode(&mut r, 0).map_err(malformed)?;
            let refused = r.rest().starts_with(&ErrorCode::UnsupportedVersion.code().to_be_bytes());
            let answered_version = if refused { 0 } else { version };
            let response = ApiVersionsResponse::decode(&mut r, answered_version).map_err(malformed)?;
            if refused && version > 0 {
                let offered = response.api_keys.iter().find(|offer| offer.api_key == api.code());
                version = offered.map_or(0, |offer| offer.max_version).clamp(0, version - 1);
                continue;
            }
            ErrorCode::check(response.error_code)
                .map_err(|error| ClientError::refused(format!("versions of {}", self.address), error, None))?;
            let offers = response.api_keys.iter();
            self.versions = offers
                .filter_map(|offer| {
                    Some((ApiKey::try_from(offer.api_key).ok()?, (offer.min_version, offer.max_version)))
                })
                .collect();
            return Ok(());
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.reader.abort();
        self.waiting.end(ClientError::Closed);
    }
}

impl Waiting {
    /// Ends the connection for all who wait and all who come.
    fn end(&self, error: ClientError) {
        let mut queue = self.queue.lock();
        if let Ok(waiters) = std::mem::replace(&mut *queue, Err(error.clone())) {
            for waiter in waiters {
                let _ = waiter.answer.send(Err(error.clone()));
            }
        } else {
            *queue = Err(error);
        }
    }

    fn oldest(&self) -> Option<Waiter> {
        self.queue.lock().as_mut().ok()?.pop_front()
    }
}

async fn read_answers(mut socket: OwnedReadHalf, address: String, waiting: Arc<Waiting>) {
    let mut answered = false;
    let error = loop {
        match read_frame(&mut socket).await {
            Ok(Frame::Answer(bytes)) => {
                let Some(waiter) = waiting.oldest() else {
                    break ClientError::NotKafka { address, hint: "it answers what nobody asked" };
                };
                if bytes.first_chunk::<4>() != Some(&waiter.correlation_id.to_be_bytes()) {
                    let hint = "its answers do not belong to our requests";
                    let error = ClientError::NotKafka { address, hint };
                    let _ = waiter.answer.send(Err(error.clone()));
                    break error;
                }
                answered = true;
                let _ = waiter.answer.send(Ok(bytes));
            }
            Ok(Frame::Foreign(hint)) => break ClientError::NotKafka { address, hint },
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && !answered => {
                let hint = "it closes the connection without an answer; perhaps it expects TLS or SASL";
                break ClientError::NotKafka { address, hint };
            }
            Err(error) => break ClientError::Disconnected { address, reason: error.to_string() },
        }
    };
    waiting.end(error);
}

enum Frame {
    Answer(Bytes),
    Foreign(&'static str),
}

async fn read_frame(socket: &mut OwnedReadHalf) -> io::Result<Frame> {
    let mut front = [0; 4];
    socket.read_exact(&mut front).await?;
    let foreign = match &front {
        b"HTTP" => Some("it answers in HTTP; is this the port of a web console?"),
        // A TLS alert or handshake record.
        [0x15 | 0x16, 3, ..] => Some("it expects TLS"),
        _ => None,
    };
    if let Some(hint) = foreign {
        return Ok(Frame::Foreign(hint));
    }
    let len = usize::try_from(i32::from_be_bytes(front)).unwrap_or(usize::MAX);
    if !(4..=ANSWER_BYTES_MAX).contains(&len) {
        return Ok(Frame::Foreign("the length of its answer makes no sense"));
    }
    // Memory follows what arrives, not what is announced.
    let mut bytes = Vec::with_capacity(len.min(64 << 10));
    socket.take(len as u64).read_to_end(&mut bytes).await?;
    if bytes.len() < len {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Frame::Answer(bytes.into()))
}
