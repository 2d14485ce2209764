//! One request to a running instance's HTTP API.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use serde_json::Value;

use super::{Exit, Failure};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// What the server answered.
pub(super) struct Answer {
    pub status: u16,
    pub body: String,
}

impl Answer {
    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// Posts JSON. HTTP/1.0, so that the answer ends with the connection.
pub(super) fn post(address: &str, path: &str, body: &Value) -> Result<Answer, Failure> {
    let unreachable = |e: std::io::Error| {
        let fix = "is an instance running there? Its address is the line `console` of its start; --http HOST:PORT names another";
        Failure::new(Exit::Unreachable, format!("cannot reach http://{address}: {e}\n  {fix}"))
    };
    let mut stream = connect(address).map_err(unreachable)?;
    let body = body.to_string();
    let head = format!(
        "POST {path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut answer = Vec::new();
    stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(body.as_bytes()))
        .and_then(|()| stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer))
        .map_err(unreachable)?;
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let not_http = || Failure::new(Exit::Unreachable, format!("{address} does not speak HTTP; is it the Kafka port?"));
    Ok(Answer { status: status.ok_or_else(not_http)?, body: body.to_owned() })
}

fn connect(address: &str) -> std::io::Result<TcpStream> {
    let mut last = std::io::ErrorKind::AddrNotAvailable.into();
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(stream) => {
                stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
                return Ok(stream);
            }
            Err(e) => last = e,
        }
    }
    Err(last)
}
