//! Who may ask, and who may write.
//!
//! Any page that the user's browser shows can send requests to this port. Two headers that a page cannot forge tell them
//! apart: `Host` (a name that was rebound to 127.0.0.1 is not a listener's name) and `Origin` / `Sec-Fetch-Site` (an image
//! or a form on another site). Programs such as curl send neither of the latter and work.

use std::net::{IpAddr, SocketAddr};

use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};

use crate::problem::Problem;

/// What the listeners answer to.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Names given by `--allow-host` and by the listeners, without a port, in lower case.
    pub host_names: Vec<String>,
    /// `--allow-get-writes`: GET endpoints write on listeners that others can reach, too.
    pub allow_get_writes: bool,
}

/// Which connection a request came over.
#[derive(Clone, Copy, Debug)]
pub struct Connection {
    /// Our end.
    pub local: SocketAddr,
    /// The other end.
    pub peer: SocketAddr,
}

impl Policy {
    /// Whether this request may be answered at all: its `Host` is ours, and its `Origin`, if any, is this origin.
    pub(crate) fn admit(&self, parts: &Parts, connection: &Connection) -> Result<(), Problem> {
        let host = one(&parts.headers, header::HOST.as_str())?;
        // HTTP/1.1 needs the header; in an absolute request line the authority stands for it.
        let host = host.or_else(|| parts.uri.authority().map(|a| a.as_str())).unwrap_or_default();
        let name = host_name(host);
        if !self.is_listener_name(name, connection) {
            let cause = format!("this server does not answer to the host name `{name}`");
            let fix = "use the address of the listener, or start with --allow-host NAME";
            return Err(Problem::new(StatusCode::FORBIDDEN, "host_not_allowed", cause).fix(fix));
        }
        match one(&parts.headers, header::ORIGIN.as_str())? {
            None => Ok(()),
            Some(origin) if origin.strip_prefix("http://") == Some(host) => Ok(()),
            Some(origin) => {
                let cause = format!("a page of the origin `{origin}` may not use this server");
                Err(Problem::new(StatusCode::FORBIDDEN, "origin_not_allowed", cause))
            }
        }
    }

    fn is_listener_name(&self, name: &str, connection: &Connection) -> bool {
        let local = connection.local.ip().to_canonical();
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        if let Ok(ip) = bare.parse::<IpAddr>() {
            // An address cannot be rebound: it is where the connection really went.
            return ip.to_canonical() == local || (ip.to_canonical().is_loopback() && local.is_loopback());
        }
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        (name == "localhost" && local.is_loopback()) || self.host_names.contains(&name)
    }

    /// Whether this request, which writes, may: a page of another site, a prefetch or a HEAD may not.
    pub(crate) fn admit_write(&self, parts: &Parts, connection: &Connection) -> Result<(), Problem> {
        let refuse = |cause: &str| Err(Problem::new(StatusCode::FORBIDDEN, "cross_site_write", cause));
        if parts.method == Method::HEAD {
            return Err(Problem::method_not_allowed(&["GET".to_owned()]));
        }
        if let Some(site) = one(&parts.headers, "sec-fetch-site")?
            && !matches!(site, "same-origin" | "none")
        {
            return refuse("a page of another site may not write here");
        }
        if one(&parts.headers, "sec-purpose")?.is_some_and(|purpose| purpose.contains("prefetch")) {
            return refuse("a prefetch may not write");
        }
        let reachable_by_others = !connection.local.ip().to_canonical().is_loopback();
        if parts.method == Method::GET && reachable_by_others && !self.allow_get_writes {
            let cause = "GET endpoints do not write on a listener that other machines can reach";
            let fix =
                "POST {\"records\":[{\"value\":…}]} to /v1/topics/{topic}/records, or start with --allow-get-writes";
            return Err(Problem::new(StatusCode::FORBIDDEN, "get_writes_off", cause).fix(fix));
        }
        Ok(())
    }
}

/// The one value of a header: several, or bytes that are no text, are an attack or a mistake.
fn one<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    let problem = || Problem::new(StatusCode::BAD_REQUEST, "bad_request", format!("the header {name} is ambiguous"));
    if values.next().is_some() {
        return Err(problem());
    }
    first.map(|value| value.to_str().map_err(|_| problem())).transpose()
}

/// A host without its port; an IPv6 address keeps its brackets.
fn host_name(host: &str) -> &str {
    match host.rfind(':') {
        Some(colon) if !host[colon..].contains(']') => &host[..colon],
        _ => host,
    }
}
