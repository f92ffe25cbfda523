use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use outrigger_base::ResourceKey;

use crate::{ClusterChoice, RouteConfig};

/// Which way the traffic of a listener goes; telemetry reports from this side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// Not said.
    #[default]
    Unspecified,
    /// To the workload.
    Inbound,
    /// From the workload, or through a gateway.
    Outbound,
}

/// Where connections are accepted, and what becomes of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Listener {
    /// The resource's name.
    pub name: Arc<str>,
    /// The address it stands for.
    pub address: SocketAddr,
    /// Further addresses that it stands for (the other IP family).
    pub additional_addresses: Vec<SocketAddr>,
    /// Whether it has a socket of its own. One without is reached only through a listener that
    /// captures, by original destination.
    pub bind: bool,
    /// Reads a connection's original destination from the socket.
    pub restores_original_dst: bool,
    /// Hands a connection on to the listener of its original destination, if there is one.
    pub hands_off: bool,
    /// What is found out from the first bytes before a chain is chosen.
    pub inspect: Inspect,
    /// Candidates; the most specific match wins, in Envoy's order of criteria.
    pub chains: Vec<FilterChain>,
    /// Taken when no candidate matches; without it the connection is closed (flag NR).
    pub default_chain: Option<FilterChain>,
    /// Which way the traffic goes.
    pub direction: Direction,
    /// Connections that the kernel keeps until they are accepted; `None`: the system's most.
    pub backlog: Option<u32>,
    /// The objects that it came from; the first decided.
    pub origins: Vec<ResourceKey>,
}

/// What a listener finds out from the first bytes of a connection.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Inspect {
    /// Looks for a TLS ClientHello: transport protocol, SNI and ALPN.
    pub tls: bool,
    /// Looks for HTTP/1 or HTTP/2 in plain bytes.
    pub http: bool,
    /// How long the first bytes may take. `None`: for ever.
    pub timeout: Option<Duration>,
    /// After the timeout go on with what is known, rather than close.
    pub continue_on_timeout: bool,
    /// Original destination ports for which TLS is not looked for (servers that speak first).
    pub tls_except: Vec<RangeInclusive<u16>>,
    /// Original destination ports for which HTTP is not looked for.
    pub http_except: Vec<RangeInclusive<u16>>,
}

/// A possible course for the connections of a listener.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterChain {
    /// Its name; empty if it has none.
    pub name: Arc<str>,
    /// Which connections it takes.
    pub matches: ChainMatch,
    /// What it does with them.
    pub filter: Filter,
    /// The objects that it came from; the first decided.
    pub origins: Vec<ResourceKey>,
}

/// Conditions of a filter chain; an empty one is no condition.
/// (envoy: config.listener.v3.FilterChainMatch, whose order of criteria applies.)
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChainMatch {
    /// Port of the destination (the original one, where it is known).
    pub destination_port: Option<u16>,
    /// Address ranges of the destination.
    pub destination: Vec<IpRange>,
    /// SNI: exact names, or `*.suffix`. Lower case.
    pub server_names: Vec<Arc<str>>,
    /// What the bytes are carried in.
    pub transport: Option<Transport>,
    /// Protocols that were found in the bytes or offered by ALPN.
    pub application_protocols: Vec<Arc<str>>,
    /// Whether the source is this host itself, another, or either.
    pub source: SourceType,
    /// Address ranges of the connection's peer, whatever a proxy protocol says.
    pub direct_source: Vec<IpRange>,
    /// Address ranges of the source.
    pub source_ranges: Vec<IpRange>,
    /// Ports of the source.
    pub source_ports: Vec<u16>,
}

/// An address range in CIDR form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IpRange {
    /// An address of the range.
    pub address: IpAddr,
    /// How many leading bits count.
    pub prefix: u8,
}

/// What the bytes of a connection are carried in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Plain bytes.
    RawBuffer,
    /// TLS.
    Tls,
}

/// Where a connection comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SourceType {
    /// Anywhere.
    #[default]
    Any,
    /// The same address or loopback.
    SameIpOrLoopback,
    /// Another host.
    External,
}

/// What a filter chain does with a connection.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// Reads requests and routes each.
    Http(Arc<HttpManager>),
    /// Carries bytes.
    Tcp(Arc<TcpProxy>),
}

/// Which HTTP a listener speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Codec {
    /// HTTP/2 if the connection starts with its preface, else HTTP/1.
    #[default]
    Auto,
    /// HTTP/1.1 and 1.0 only.
    Http1,
    /// HTTP/2 only.
    Http2,
}

/// The most that [`HttpManager::max_request_headers`] may be: heads are read into a place of this size.
pub const MOST_REQUEST_HEADERS: usize = 256;

/// How requests of a connection are read and routed.
/// (envoy: HttpConnectionManager; defaults as there unless a field says otherwise.)
#[derive(Debug, Clone, PartialEq)]
pub struct HttpManager {
    /// Name in statistics.
    pub stat_prefix: Arc<str>,
    /// Which HTTP is spoken.
    pub codec: Codec,
    /// Where routes are found.
    pub routes: Routes,
    /// Lines written for each request.
    pub access_logs: Vec<AccessLog>,
    /// Trusts the connection's peer address as the client's (gateways): x-forwarded-for is appended
    /// to, and headers that only the mesh may set are removed from outside callers.
    pub use_remote_address: bool,
    /// How many proxies in front are trusted when x-forwarded-for is read.
    pub xff_trusted_hops: u32,
    /// Does not append to x-forwarded-for.
    pub skip_xff_append: bool,
    /// Generates x-request-id where a request has none.
    pub generate_request_id: bool,
    /// Keeps an x-request-id of outside callers.
    pub preserve_external_request_id: bool,
    /// Adds x-request-id to responses too.
    pub request_id_in_response: bool,
    /// Value of the `server` header of responses.
    pub server_name: Arc<str>,
    /// What becomes of an upstream's `server` header.
    pub server_header: ServerHeader,
    /// Largest request head in KiB; larger: 431.
    pub max_request_headers_kib: u32,
    /// Most request headers; more: 431.
    pub max_request_headers: u32,
    /// Time that a stream may carry nothing; `None`: for ever. 504 or reset (flag SI).
    pub stream_idle_timeout: Option<Duration>,
    /// Time for a whole request to arrive; `None`: for ever. 408.
    pub request_timeout: Option<Duration>,
    /// Time for a request's head to arrive; `None`: for ever. 408.
    pub request_headers_timeout: Option<Duration>,
    /// Time without a request after which a connection is closed; `None`: for ever.
    pub idle_timeout: Option<Duration>,
    /// Time between the announcement of a drain and the close.
    pub drain_timeout: Duration,
    /// Upgrades that are let through, lower case, e.g. `websocket`.
    pub upgrades: Vec<Arc<str>>,
    /// Removes dot segments from paths (RFC 3986) before routing.
    pub normalize_path: bool,
    /// Makes one slash of several before routing.
    pub merge_slashes: bool,
    /// What becomes of `%2F` and `%5C` in paths.
    pub escaped_slashes: EscapedSlashes,
    /// Removes a port from Host before routing.
    pub strip_any_host_port: bool,
    /// Passes `expect: 100-continue` on and waits for the upstream's answer, rather than answer itself.
    pub proxy_100_continue: bool,
    /// Accepts HTTP/1.0.
    pub accept_http_10: bool,
    /// Whether x-envoy-* headers are kept out of upstream requests and responses.
    pub suppress_envoy_headers: bool,
    /// HTTP/2 streams that one downstream connection may have open.
    pub max_concurrent_streams: Option<u32>,
    /// Which peer metadata is exchanged in headers, for telemetry.
    pub peer_metadata: PeerMetadata,
}

/// What an HTTP manager does with x-envoy-peer-metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PeerMetadata {
    /// Nothing.
    #[default]
    Ignore,
    /// Reads and strips what the peer sent, adds its own.
    Exchange,
}

/// What becomes of the `server` header of responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ServerHeader {
    /// Replaced with the proxy's name.
    #[default]
    Overwrite,
    /// Set only where the upstream sent none.
    AppendIfAbsent,
    /// Left alone.
    PassThrough,
}

/// What becomes of escaped slashes in paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum EscapedSlashes {
    /// Left as they are.
    #[default]
    Keep,
    /// The request is refused with 400.
    Reject,
    /// Unescaped, and the client sent to the new path with 307.
    UnescapeAndRedirect,
    /// Unescaped and forwarded.
    UnescapeAndForward,
}

/// Where an HTTP manager finds its routes.
#[derive(Debug, Clone, PartialEq)]
pub enum Routes {
    /// In the route configuration of this name.
    Named(Arc<str>),
    /// Here.
    Inline(Arc<RouteConfig>),
}

/// Carries the bytes of a connection to one of some clusters.
#[derive(Debug, Clone, PartialEq)]
pub struct TcpProxy {
    /// Name in statistics.
    pub stat_prefix: Arc<str>,
    /// Where the bytes go.
    pub cluster: ClusterChoice,
    /// Time without a byte after which the connection is closed; `None`: for ever.
    pub idle_timeout: Option<Duration>,
    /// How often connecting is tried.
    pub max_connect_attempts: u32,
    /// Lines written for each connection.
    pub access_logs: Vec<AccessLog>,
}

/// A log with a line for each request or connection.
#[derive(Debug, Clone, PartialEq)]
pub struct AccessLog {
    /// The file; `/dev/stdout` and `/dev/stderr` are the program's own.
    pub path: Arc<str>,
    /// Envoy's format string, or a JSON object of format strings.
    pub format: AccessLogFormat,
}

/// The form of an access log's lines.
#[derive(Debug, Clone, PartialEq)]
pub enum AccessLogFormat {
    /// A format string with Envoy's command operators; it ends with a newline.
    Text(Arc<str>),
    /// An object of such strings, in the order of keys.
    Json(Vec<(Arc<str>, Arc<str>)>),
}
