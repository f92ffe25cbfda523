//! A new connection to a host.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use outrigger_traffic::TcpKeepalive;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use thiserror::Error;
use tokio::net::{TcpSocket, TcpStream};

use super::limits::Permit;
use crate::stats::{ClusterStats, HostStats};

/// What is set on every upstream socket.
#[derive(Debug, Clone, Copy, Default)]
pub struct ConnectOptions {
    /// SO_MARK.
    pub mark: Option<u32>,
}

/// Why no connection came up.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// It took longer than the cluster's connect timeout.
    #[error("connection timeout")]
    Timeout,
    /// The system said no.
    #[error("delayed connect error: {}", reason(.0))]
    Io(#[source] io::Error),
    /// The cluster has as many connections as it may.
    #[error("overflow")]
    Overflow,
}

/// The system's words without the "(os error n)" that std appends.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// An open connection; the counters know it until it is dropped.
pub struct Connection {
    /// The socket, with TCP_NODELAY.
    pub stream: TcpStream,
    /// Its own address.
    pub local: SocketAddr,
    /// Keep this as long as the stream.
    pub guard: ConnectionGuard,
}

/// Counts a connection as open until it is dropped.
pub struct ConnectionGuard {
    cluster: Arc<ClusterStats>,
    host: Arc<HostStats>,
    _permit: Permit,
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.cluster.cx_active.dec();
        self.host.cx_active.dec();
    }
}

pub(super) struct Attempt<'a> {
    pub(super) address: SocketAddr,
    pub(super) timeout: Duration,
    pub(super) keepalive: Option<TcpKeepalive>,
    pub(super) options: ConnectOptions,
    pub(super) cluster: &'a Arc<ClusterStats>,
    pub(super) host: &'a Arc<HostStats>,
    pub(super) permit: Permit,
}

impl Attempt<'_> {
    pub(super) async fn run(self) -> Result<Connection, ConnectError> {
        self.cluster.cx_total.inc();
        self.host.cx_total.inc();
        self.cluster.cx_active.inc();
        self.host.cx_active.inc();
        let guard =
            ConnectionGuard { cluster: self.cluster.clone(), host: self.host.clone(), _permit: self.permit };
        let result = match tokio::time::timeout(
            self.timeout,
            open(self.address, self.keepalive, self.options),
        )
        .await
        {
            Err(_) => {
                self.cluster.cx_connect_timeout.inc();
                Err(ConnectError::Timeout)
            }
            Ok(result) => result.map_err(ConnectError::Io),
        };
        match result {
            Ok((stream, local)) => Ok(Connection { stream, local, guard }),
            Err(error) => {
                self.cluster.cx_connect_fail.inc();
                self.host.cx_connect_fail.inc();
                Err(error)
            }
        }
    }
}

async fn open(
    address: SocketAddr,
    keepalive: Option<TcpKeepalive>,
    options: ConnectOptions,
) -> io::Result<(TcpStream, SocketAddr)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    if let Some(mark) = options.mark {
        socket.set_mark(mark)?;
    }
    if let Some(keepalive) = keepalive {
        set_keepalive(&socket, keepalive)?;
    }
    socket.set_tcp_nodelay(true)?;
    let stream = TcpSocket::from_std_stream(socket.into()).connect(address).await?;
    let local = stream.local_addr()?;
    Ok((stream, local))
}

fn set_keepalive(socket: &Socket, keepalive: TcpKeepalive) -> io::Result<()> {
    let mut system = socket2::TcpKeepalive::new();
    if let Some(time) = keepalive.time {
        system = system.with_time(time);
    }
    if let Some(interval) = keepalive.interval {
        system = system.with_interval(interval);
    }
    if let Some(probes) = keepalive.probes {
        system = system.with_retries(probes);
    }
    SockRef::from(socket).set_tcp_keepalive(&system)
}
