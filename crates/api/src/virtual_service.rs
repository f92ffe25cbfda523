//! VirtualService (networking.istio.io): which traffic goes where.

mod http;
mod tcp;
mod validate;
mod validate_http;

use std::sync::Arc;

pub use http::{
    Body, CorsPolicy, Delegate, Fault, FaultAbort, FaultDelay, HeaderOperations, Headers, HttpDirectResponse,
    HttpMatchRequest, HttpMirror, HttpRedirect, HttpRetry, HttpRewrite, HttpRoute, HttpRouteDestination,
    Percent, RedirectPort, RegexRewrite, UnmatchedPreflights,
};
pub use tcp::{L4MatchAttributes, RouteDestination, TcpRoute, TlsMatchAttributes, TlsRoute};

use crate::schema::message;
use crate::traffic_policy::PortSelector;

message! {
    /// Rules that say which traffic goes where.
    pub struct VirtualService {
        /// What callers ask for; empty for one that others delegate to.
        pub hosts: Vec<Arc<str>>,
        /// Where the rules hold: gateways, or `mesh` for sidecars; `mesh` if empty.
        pub gateways: Vec<Arc<str>>,
        /// Rules for HTTP, the first match decides.
        pub http: Vec<HttpRoute>,
        /// Rules for TLS that is passed on, by the name in the handshake.
        pub tls: Vec<TlsRoute>,
        /// Rules for everything else.
        pub tcp: Vec<TcpRoute>,
        /// Which namespaces see it; all if empty.
        pub export_to: Vec<Arc<str>>,
    }
}

message! {
    /// Where traffic goes.
    pub struct Destination {
        /// The service.
        pub host: Arc<str>,
        /// A subset of it, as a DestinationRule names it.
        pub subset: Option<Arc<str>>,
        /// Its port; may be absent if it has only one.
        pub port: Option<PortSelector>,
    }
}
