//! Binding addresses, and saying who has a busy port.

use std::fmt;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 512;
/// How many further ports are tried when a free one is suggested.
const SUGGESTIONS_MAX: u16 = 50;
/// How often a free port is looked for that both loopback addresses have.
const PAIR_ATTEMPTS_MAX: usize = 20;

/// Why an address cannot be listened on.
#[derive(Debug)]
pub enum BindError {
    /// It is not `host:port`.
    Malformed(String),
    /// The host has no address.
    UnknownHost(String, io::Error),
    /// Somebody else listens there.
    Busy {
        /// The port.
        port: u16,
        /// Who has it, as far as this machine tells.
        owner: Option<String>,
        /// A port that is free.
        suggestion: Option<u16>,
    },
    /// Something else is wrong.
    Io(SocketAddr, io::Error),
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BindError::Malformed(text) => {
                write!(f, "`{text}` is not an address to listen on; write host:port, as in localhost:9092")
            }
            BindError::UnknownHost(host, e) => write!(f, "cannot listen on `{host}`: {e}"),
            BindError::Busy { port, owner, suggestion } => {
                write!(f, "port {port} is taken")?;
                if let Some(owner) = owner {
                    write!(f, " by {owner}")?;
                }
                match suggestion {
                    Some(free) => write!(f, "; stop it, or choose another port: {free} is free (0 picks any)"),
                    None => f.write_str("; stop it, or choose another port (0 picks any)"),
                }
            }
            BindError::Io(address, e) => write!(f, "cannot listen on {address}: {e}"),
        }
    }
}

impl std::error::Error for BindError {}

/// Listens on `host:port`. `localhost` is 127.0.0.1 and, where the machine has it, \[::1\], both on one port; port 0
/// picks a free one.
pub fn bind(listen: &str) -> Result<Vec<TcpListener>, BindError> {
    let malformed = || BindError::Malformed(listen.to_owned());
    let (host, port) = listen.rsplit_once(':').ok_or_else(malformed)?;
    let port: u16 = port.parse().map_err(|_| malformed())?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match host {
        "" => listen_on(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port)).map(|listener| vec![listener]),
        "localhost" => bind_localhost(port),
        _ => {
            let addresses = (host, port).to_socket_addrs().map_err(|e| BindError::UnknownHost(host.to_owned(), e))?;
            match addresses.into_iter().next() {
                Some(address) => listen_on(address).map(|listener| vec![listener]),
                None => Err(malformed()),
            }
        }
    }
}

/// Raises this process's bound on open files as far as it may, and says how many it then may have. Logs and
/// connections share them; the usual 1,024 is soon used up.
pub fn raise_open_files_max() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    current.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX)
}

fn bind_localhost(port: u16) -> Result<Vec<TcpListener>, BindError> {
    let mut last = None;
    for _ in 0..PAIR_ATTEMPTS_MAX {
        let v4 = listen_on(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port))?;
        let bound = v4.local_addr().map_or(port, |address| address.port());
        match listen_on(SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), bound)) {
            Ok(v6) => return Ok(vec![v4, v6]),
            // Some other program has this port on [::1]; with port 0 there are more to try.
            Err(e @ BindError::Busy { .. }) if port == 0 => last = Some(e),
            Err(e @ BindError::Busy { .. }) => return Err(e),
            // A machine without IPv6.
            Err(_) => return Ok(vec![v4]),
        }
    }
    Err(last.unwrap_or(BindError::Malformed(format!("localhost:{port}"))))
}

fn listen_on(address: SocketAddr) -> Result<TcpListener, BindError> {
    open(address).map_err(|e| match e.kind() {
        io::ErrorKind::AddrInUse => {
            BindError::Busy { port: address.port(), owner: owner_of(address.port()), suggestion: free_after(address) }
        }
        _ => BindError::Io(address, e),
    })
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A port whose last connections are in TIME_WAIT is free; one with a listener is not.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn free_after(address: SocketAddr) -> Option<u16> {
    let first = address.port().checked_add(1)?;
    let last = first.saturating_add(SUGGESTIONS_MAX);
    (first..=last).find(|port| open(SocketAddr::new(address.ip(), *port)).is_ok())
}

/// The process that listens on `port`, as "name (pid 123)"; best effort.
fn owner_of(port: u16) -> Option<String> {
    let inodes: Vec<String> =
        ["/proc/net/tcp", "/proc/net/tcp6"].iter().flat_map(|table| listening_inodes(table, port)).collect();
    let wanted: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    if wanted.is_empty() {
        return None;
    }
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let name = process.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(descriptors) = fs::read_dir(process.path().join("fd")) else { continue };
        let owns = descriptors
            .flatten()
            .filter_map(|descriptor| fs::read_link(descriptor.path()).ok())
            .any(|target| wanted.iter().any(|socket| target.as_os_str() == socket.as_str()));
        if owns {
            let command = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            let command = command.trim();
            return Some(format!("{} (pid {pid})", if command.is_empty() { "a process" } else { command }));
        }
    }
    None
}

/// Inodes of the listening sockets on `port`: in each line, field 1 is `address:port` in hexadecimal, field 3 the state
/// (0A: listening), field 9 the inode.
fn listening_inodes(table: &str, port: u16) -> Vec<String> {
    let Ok(text) = fs::read_to_string(table) else { return Vec::new() };
    let mut inodes = Vec::new();
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let local_port = fields.get(1).and_then(|local| local.rsplit_once(':')).map(|(_, port)| port);
        let matches = local_port.and_then(|text| u16::from_str_radix(text, 16).ok()) == Some(port);
        if let (true, Some(&"0A"), Some(inode)) = (matches, fields.get(3), fields.get(9)) {
            inodes.push((*inode).to_owned());
        }
    }
    inodes
}
