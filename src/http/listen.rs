//! Where connections come from: an address, a Unix socket, or what systemd holds open for us.
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use listenfd::ListenFd;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, UnixListener};

use crate::config::Listen;
use crate::error::{Error, Kind, Result};

/// A peer that acknowledges nothing for this long is gone.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(30);
const BACKLOG: i32 = 1_024;
/// Of the control socket, and of one that a proxy shall reach.
const OWNER: u32 = 0o600;
const GROUP: u32 = 0o660;

/// A socket that is listened on.
pub enum Listener {
    Tcp(TcpListener),
    Unix(UnixSocket),
}

/// A listening Unix socket; its file goes with it, if we made it.
pub struct UnixSocket {
    pub listener: UnixListener,
    file: Option<PathBuf>,
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            // One that stays is replaced at the next start.
            let _ = fs::remove_file(file);
        }
    }
}

impl Listener {
    /// # Errors
    /// Says why the address cannot be used.
    pub fn bind(listen: &Listen) -> Result<Self> {
        let bound = match listen {
            Listen::Tcp(addr) => bind_tcp(*addr).map(Self::Tcp),
            Listen::Unix(path) => bind_unix(path, GROUP).map(Self::Unix),
        };
        bound.map_err(|error| {
            let hint = match (listen, error.kind()) {
                (Listen::Tcp(_), io::ErrorKind::PermissionDenied) => {
                    "Choose a port from 1024 on with --listen, or have systemd open it \
                     (ListenStream=)."
                }
                (Listen::Tcp(_), _) => "Choose another with --listen; port 0 picks a free one.",
                (Listen::Unix(_), _) => "Choose another path with --listen.",
            };
            Error::new(Kind::Refused, format!("{listen} cannot be listened on: {error}."))
                .hint(hint)
        })
    }

    /// The sockets that systemd passed on (`LISTEN_FDS`): it held them while we were away.
    ///
    /// # Errors
    /// `Refused` for a socket of another kind.
    pub fn inherited() -> Result<Vec<Self>> {
        let mut passed = ListenFd::from_env();
        (0..passed.len()).map(|index| inherit(&mut passed, index)).collect()
    }

    /// Its address, if it has one.
    #[must_use]
    pub fn addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix(_) => None,
        }
    }

    /// As people and clients write it.
    #[must_use]
    pub fn name(&self, tls: bool) -> String {
        match self {
            Self::Tcp(_) => {
                let scheme = if tls { "https" } else { "http" };
                self.addr().map_or_else(|| scheme.into(), |addr| format!("{scheme}://{addr}"))
            }
            Self::Unix(socket) => {
                let addr = socket.listener.local_addr().ok();
                let path = addr.as_ref().and_then(|addr| addr.as_pathname());
                format!("unix:{}", path.unwrap_or(Path::new("")).display())
            }
        }
    }
}

fn inherit(passed: &mut ListenFd, index: usize) -> Result<Listener> {
    let tcp = || -> io::Result<Option<TcpListener>> {
        let Some(listener) = passed.take_tcp_listener(index)? else { return Ok(None) };
        listener.set_nonblocking(true)?;
        notice_dead_peers(&SockRef::from(&listener))?;
        TcpListener::from_std(listener).map(Some)
    };
    if let Ok(Some(listener)) = { tcp }() {
        return Ok(Listener::Tcp(listener));
    }
    let unix = || -> io::Result<Option<UnixListener>> {
        let Some(listener) = passed.take_unix_listener(index)? else { return Ok(None) };
        listener.set_nonblocking(true)?;
        UnixListener::from_std(listener).map(Some)
    };
    match { unix }() {
        Ok(Some(listener)) => Ok(Listener::Unix(UnixSocket { listener, file: None })),
        _ => Err(Error::refused(format!("Socket {index} of LISTEN_FDS is of no use here."))
            .hint("Pass on listening TCP or Unix stream sockets (ListenStream=).")),
    }
}

fn notice_dead_peers(socket: &SockRef<'_>) -> io::Result<()> {
    socket.set_tcp_user_timeout(Some(TCP_USER_TIMEOUT))?;
    socket.set_tcp_nodelay(true)
}

/// Its connections inherit what is set here.
fn bind_tcp(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    notice_dead_peers(&SockRef::from(&socket))?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Takes the place of a socket on which nobody listens any more, and of nothing else.
fn bind_unix(path: &Path, mode: u32) -> io::Result<UnixSocket> {
    if let Ok(found) = fs::symlink_metadata(path) {
        if !found.file_type().is_socket() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it is no socket"));
        }
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    Ok(UnixSocket { listener, file: Some(path.to_owned()) })
}

/// The control socket, for its owner alone.
///
/// # Errors
/// Says why it cannot be made.
pub fn control(path: &Path) -> Result<UnixSocket> {
    bind_unix(path, OWNER).map_err(|error| {
        Error::unavailable(format!("{} cannot be made: {error}.", path.display()))
            .hint("Choose a data directory with a shorter path.")
    })
}
