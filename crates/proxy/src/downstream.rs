//! An accepted connection, on its way to the filter that serves it.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use bytes::BytesMut;
use outrigger_traffic::Listener;
use tokio::net::TcpStream;

use crate::drain::ConnectionToken;
use crate::stats::ListenerStats;

/// A connection whose listener and filter chain are decided.
pub struct Downstream {
    /// The socket, with TCP_NODELAY.
    pub stream: TcpStream,
    /// Bytes that were read from it already, to find out what it speaks.
    pub read_ahead: BytesMut,
    /// What is known about it.
    pub facts: Rc<DownstreamFacts>,
    /// Keep this as long as the connection: drain waits for it and the counters know it.
    pub guard: DownstreamGuard,
}

/// What is known about a downstream connection; the same for all its requests.
#[derive(Debug)]
pub struct DownstreamFacts {
    /// Number of the connection on this proxy, for logs.
    pub id: u64,
    /// The other end.
    pub peer: SocketAddr,
    /// This end, as the client sees it: the original destination if it was captured.
    pub local: SocketAddr,
    /// The original destination, if the connection was captured. A cluster of type ORIGINAL_DST
    /// connects there; `None` for direct connections, so that the proxy never connects to itself.
    pub original_dst: Option<SocketAddr>,
    /// The listener that decided.
    pub listener: Arc<Listener>,
    /// The filter chain's name.
    pub chain: Arc<str>,
    /// What a TLS ClientHello in the first bytes said.
    pub tls: TlsFacts,
    /// What was found in the first bytes, e.g. `http/1.1` or `h2c`.
    pub application_protocols: Vec<Arc<str>>,
    /// The worker's note up to which snapshot it has compared, and whether the chain was replaced;
    /// see [`crate::worker::Worker::is_outdated`].
    pub checked: Cell<(u64, bool)>,
}

/// What is known about a connection's TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFacts {
    /// Whether the bytes are TLS.
    pub is_tls: bool,
    /// The server name that the client asked for, lower case.
    pub sni: Option<Arc<str>>,
    /// The protocols that the client offered.
    pub alpn: Vec<Arc<str>>,
}

/// Counts a downstream connection as open until it is dropped.
pub struct DownstreamGuard {
    _token: ConnectionToken,
    stats: Arc<ListenerStats>,
}

impl DownstreamGuard {
    /// Counts a connection of a listener.
    pub fn new(token: ConnectionToken, stats: Arc<ListenerStats>) -> DownstreamGuard {
        stats.cx_total.inc();
        stats.cx_active.inc();
        DownstreamGuard { _token: token, stats }
    }
}

impl Drop for DownstreamGuard {
    fn drop(&mut self) {
        self.stats.cx_active.dec();
    }
}
