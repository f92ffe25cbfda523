//! Rules for traffic that is not HTTP.

use std::sync::Arc;

use outrigger_base::Selector;

use super::Destination;
use crate::schema::message;

message! {
    /// A rule for TLS that is passed on.
    pub struct TlsRoute {
        /// When it holds: one of these.
        #[serde(rename = "match")]
        pub matches: Vec<TlsMatchAttributes>,
        /// Where traffic goes.
        pub route: Vec<RouteDestination>,
    }
}

message! {
    /// A condition on a TLS connection; all that is written must hold.
    pub struct TlsMatchAttributes {
        /// Names in the handshake, one of these; the first label may be a wildcard.
        pub sni_hosts: Vec<Arc<str>>,
        /// Ranges of the destination's address, one of these.
        pub destination_subnets: Vec<String>,
        /// The port that the caller chose.
        pub port: Option<u16>,
        /// What the calling workload carries.
        pub source_labels: Selector,
        /// At which gateways; those of the whole object if empty.
        pub gateways: Vec<Arc<str>>,
        /// The calling workload's namespace.
        pub source_namespace: Option<Arc<str>>,
    }
}

message! {
    /// A rule for TCP.
    pub struct TcpRoute {
        /// When it holds: one of these; always if empty.
        #[serde(rename = "match")]
        pub matches: Vec<L4MatchAttributes>,
        /// Where traffic goes.
        pub route: Vec<RouteDestination>,
    }
}

message! {
    /// A condition on a TCP connection; all that is written must hold.
    pub struct L4MatchAttributes {
        /// Ranges of the destination's address, one of these.
        pub destination_subnets: Vec<String>,
        /// The port that the caller chose.
        pub port: Option<u16>,
        /// A range of the caller's address.
        pub source_subnet: Option<String>,
        /// What the calling workload carries.
        pub source_labels: Selector,
        /// At which gateways; those of the whole object if empty.
        pub gateways: Vec<Arc<str>>,
        /// The calling workload's namespace.
        pub source_namespace: Option<Arc<str>>,
    }
}

message! {
    /// A destination with its share.
    pub struct RouteDestination {
        /// Where traffic goes.
        pub destination: Destination,
        /// Its share, in proportion to the others.
        pub weight: Option<u32>,
    }
}
