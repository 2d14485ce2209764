//! What hostile and broken web clients do.

use std::io::Write;
use std::time::Duration;

use crate::attack::Attacker;
use crate::raw::Raw;

/// Live streams that nobody reads.
pub fn deaf_streams(attacker: &mut Attacker) {
    let mut deaf = Vec::new();
    while attacker.goes_on() {
        if deaf.len() >= 50 {
            std::thread::sleep(Duration::from_millis(10));
            continue;
        }
        let Ok(mut raw) = Raw::open_with(&attacker.scene.http, 60 + attacker.thread, 4096) else { continue };
        let host = &attacker.scene.http;
        let asked = format!(
            "GET /v1/stream?topic=pair&stats=1&fps=0 HTTP/1.1\r\nHost: {host}\r\nAccept: text/event-stream\r\n\r\n"
        );
        if raw.0.write_all(asked.as_bytes()).is_ok() {
            attacker.did(1);
        }
        deaf.push(raw);
    }
}

/// Requests whose head or body never ends.
pub fn endless_requests(attacker: &mut Attacker) {
    let mut open = Vec::new();
    while attacker.goes_on() {
        if open.len() >= 40 {
            for raw in &mut open {
                let raw: &mut Raw = raw;
                let _ = raw.0.write_all(b"x");
            }
            std::thread::sleep(Duration::from_millis(100));
            continue;
        }
        let Ok(mut raw) = Raw::open(&attacker.scene.http, 70 + attacker.thread) else { continue };
        let host = &attacker.scene.http;
        let head = if attacker.random.bool() {
            format!("GET / HTTP/1.1\r\nHost: {host}\r\nX-Endless: ")
        } else {
            format!(
                "POST /v1/sql HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
            )
        };
        if raw.0.write_all(head.as_bytes()).is_ok() {
            attacker.did(1);
        }
        open.push(raw);
    }
}
