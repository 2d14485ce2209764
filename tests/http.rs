//! Just enough HTTP/1.1 to ask our server, by hand on a socket: no library's leniency hides what was sent.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Header names in lower case, with their values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The value of a header (name in lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("not JSON ({e}): {}", self.body))
    }
}

/// GET.
pub fn get(address: &str, path: &str) -> Result<Answer, String> {
    request(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"))
}

/// POST with a JSON body.
pub fn post_json(address: &str, path: &str, body: &str) -> Result<Answer, String> {
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n");
    request(address, &format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()))
}

/// Sends a request as it stands (with `Connection: close`) and reads the whole answer.
pub fn request(address: &str, text: &str) -> Result<Answer, String> {
    let mut reader = send(address, text, Duration::from_secs(20))?;
    let (status, headers) = head(&mut reader)?;
    let mut answer = Answer { status, headers, body: String::new() };
    let mut body = Vec::new();
    if answer.header("transfer-encoding") == Some("chunked") {
        while let Some(chunk) = chunk(&mut reader)? {
            body.extend(chunk);
        }
    } else {
        reader.read_to_end(&mut body).map_err(|e| e.to_string())?;
    }
    answer.body = String::from_utf8_lossy(&body).into_owned();
    Ok(answer)
}

/// Reads the first `count` events (texts between blank lines) of an event stream.
pub fn events(address: &str, path: &str, count: usize) -> Result<Vec<String>, String> {
    let get =
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: text/event-stream\r\nConnection: close\r\n\r\n");
    let mut reader = send(address, &get, Duration::from_secs(30))?;
    let (status, headers) = head(&mut reader)?;
    if status != 200 {
        return Err(format!("status {status}"));
    }
    let chunked = headers.iter().any(|(n, v)| n == "transfer-encoding" && v == "chunked");
    let mut text = String::new();
    while text.matches("\n\n").count() < count {
        if chunked {
            let Some(bytes) = chunk(&mut reader)? else { break };
            text.push_str(&String::from_utf8_lossy(&bytes));
        } else if reader.read_line(&mut text).map_err(|e| e.to_string())? == 0 {
            break;
        }
    }
    Ok(text.split("\n\n").take(count).map(str::to_owned).collect())
}

fn send(address: &str, text: &str, timeout: Duration) -> Result<BufReader<TcpStream>, String> {
    let mut stream = TcpStream::connect(address).map_err(|e| e.to_string())?;
    stream.set_read_timeout(Some(timeout)).map_err(|e| e.to_string())?;
    stream.write_all(text.as_bytes()).map_err(|e| e.to_string())?;
    Ok(BufReader::new(stream))
}

type Head = (u16, Vec<(String, String)>);

fn head(reader: &mut impl BufRead) -> Result<Head, String> {
    let mut line = String::new();
    reader.read_line(&mut line).map_err(|e| e.to_string())?;
    let status = line.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or(format!("not HTTP: {line:?}"))?;
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).map_err(|e| e.to_string())?;
        let Some((name, value)) = line.trim_end().split_once(':') else { return Ok((status, headers)) };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

fn chunk(reader: &mut impl BufRead) -> Result<Option<Vec<u8>>, String> {
    let mut line = String::new();
    reader.read_line(&mut line).map_err(|e| e.to_string())?;
    let len = usize::from_str_radix(line.trim(), 16).map_err(|_| format!("not a chunk: {line:?}"))?;
    let mut bytes = vec![0; len + 2];
    reader.read_exact(&mut bytes).map_err(|e| e.to_string())?;
    bytes.truncate(len);
    Ok((len > 0).then_some(bytes))
}
