//! What is known about a request or connection when it ends (or, for header values, so far).
//! Metrics, access logs and header values read this and nothing else.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

use outrigger_traffic::ResponseFlags;

use crate::downstream::DownstreamFacts;

use crate::options::Peer;
use crate::upstream::{Cluster, Host};

/// What was spoken downstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
    /// HTTP/2.
    Http2,
    /// Bytes.
    Tcp,
}

impl Protocol {
    /// As Envoy logs it; TCP has no name there.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Protocol::Http10 => Some("HTTP/1.0"),
            Protocol::Http11 => Some("HTTP/1.1"),
            Protocol::Http2 => Some("HTTP/2"),
            Protocol::Tcp => None,
        }
    }
}

/// Headers in whatever form they are held.
pub trait HeaderLookup {
    /// The value of a header by its lower-case name; pseudo-headers (`:method`, `:path`,
    /// `:authority`, `:scheme`, `:status`) too. The first line, if there are several.
    fn lookup(&self, name: &str) -> Option<&[u8]>;
}

impl HeaderLookup for http::HeaderMap {
    fn lookup(&self, name: &str) -> Option<&[u8]> {
        self.get(name).map(http::HeaderValue::as_bytes)
    }
}

struct NoHeaders;

impl HeaderLookup for NoHeaders {
    fn lookup(&self, _: &str) -> Option<&[u8]> {
        None
    }
}

/// No headers at all.
pub static NO_HEADERS: &(dyn HeaderLookup + Sync) = &NoHeaders;

/// The upstream side of a request or connection; empty where it did not get that far.
#[derive(Clone, Copy, Default)]
pub struct UpstreamFacts<'a> {
    /// The cluster that was chosen, even one that does not exist.
    pub cluster_name: Option<&'a str>,
    /// The cluster.
    pub cluster: Option<&'a Rc<Cluster>>,
    /// The host of the last attempt.
    pub host: Option<&'a Rc<Host>>,
    /// The upstream socket's own address.
    pub local: Option<SocketAddr>,
    /// Why the transport failed, in Envoy's words.
    pub failure: Option<&'a str>,
}

/// A request.
#[derive(Clone, Copy)]
pub struct RequestRecord<'a> {
    /// The connection that it came on.
    pub downstream: &'a DownstreamFacts,
    /// What was spoken.
    pub protocol: Protocol,
    /// When its first byte arrived.
    pub started: Instant,
    /// When its last byte arrived.
    pub request_finished: Option<Instant>,
    /// When the first byte of the upstream's response arrived.
    pub response_started: Option<Instant>,
    /// Now: when the last byte of the response was sent.
    pub finished: Instant,
    /// The request's headers, as they are sent upstream.
    pub request: &'a dyn HeaderLookup,
    /// The response's headers.
    pub response: &'a dyn HeaderLookup,
    /// The response's trailers.
    pub trailers: &'a dyn HeaderLookup,
    /// The response's status; `None`: the client was gone before there was one (logged as 0).
    pub status: Option<u16>,
    /// Whether it is a gRPC request.
    pub grpc: bool,
    /// The gRPC status, from trailers or headers.
    pub grpc_status: Option<u32>,
    /// Why it ended as it did.
    pub flags: ResponseFlags,
    /// Envoy's response code details, e.g. `via_upstream`; empty if there are none.
    pub details: &'a str,
    /// Why the connection was closed, if the proxy decided to; empty if not.
    pub termination_details: &'a str,
    /// Bytes of the request's body.
    pub bytes_received: u64,
    /// Bytes of the response's body.
    pub bytes_sent: u64,
    /// Bytes of the request's head, on the wire as far as known.
    pub request_head_bytes: u64,
    /// Bytes of the response's head, on the wire as far as known.
    pub response_head_bytes: u64,
    /// The upstream side.
    pub upstream: UpstreamFacts<'a>,
    /// Attempts that were made.
    pub attempts: u32,
    /// The route's name; empty if there is none.
    pub route: &'a str,
    /// The virtual host's name; empty if there is none.
    pub virtual_host: &'a str,
    /// Who sent it, as its proxy says.
    pub peer: Option<&'a Rc<KnownPeer>>,
}

/// A peer that a worker has met; equal serials mean equal peers.
#[derive(Debug)]
pub struct KnownPeer {
    /// Unique on the worker; 0 is never used.
    pub serial: u64,
    /// Who it is.
    pub peer: Peer,
}

impl<'a> RequestRecord<'a> {
    /// A record of a request of which only the beginning is known.
    pub fn new(downstream: &'a DownstreamFacts, protocol: Protocol, started: Instant) -> Self {
        RequestRecord {
            downstream,
            protocol,
            started,
            request_finished: None,
            response_started: None,
            finished: started,
            request: NO_HEADERS,
            response: NO_HEADERS,
            trailers: NO_HEADERS,
            status: None,
            grpc: false,
            grpc_status: None,
            flags: ResponseFlags::NONE,
            details: "",
            termination_details: "",
            bytes_received: 0,
            bytes_sent: 0,
            request_head_bytes: 0,
            response_head_bytes: 0,
            upstream: UpstreamFacts::default(),
            attempts: 0,
            route: "",
            virtual_host: "",
            peer: None,
        }
    }
}

/// A connection that was carried as bytes.
#[derive(Clone, Copy)]
pub struct ConnectionRecord<'a> {
    /// The downstream connection.
    pub downstream: &'a DownstreamFacts,
    /// When it was accepted.
    pub started: Instant,
    /// Now: when it ended.
    pub finished: Instant,
    /// Bytes from the client.
    pub bytes_received: u64,
    /// Bytes to the client.
    pub bytes_sent: u64,
    /// Why it ended as it did.
    pub flags: ResponseFlags,
    /// Why the proxy closed it; empty if others did.
    pub termination_details: &'a str,
    /// The upstream side.
    pub upstream: UpstreamFacts<'a>,
}

impl<'a> From<&ConnectionRecord<'a>> for RequestRecord<'a> {
    /// In the form that the formatter reads.
    fn from(connection: &ConnectionRecord<'a>) -> Self {
        RequestRecord {
            finished: connection.finished,
            bytes_received: connection.bytes_received,
            bytes_sent: connection.bytes_sent,
            flags: connection.flags,
            termination_details: connection.termination_details,
            upstream: connection.upstream,
            ..RequestRecord::new(connection.downstream, Protocol::Tcp, connection.started)
        }
    }
}
