//! The smallest words about endpoints; workloads, services and endpoints are told in them.

use std::net::IpAddr;
use std::sync::Arc;

/// Where an endpoint is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndpointAddress {
    /// An address.
    Ip(IpAddr),
    /// A name to resolve.
    Name(Arc<str>),
    /// A Unix socket on the caller's own host: an absolute path, or `@name` for an abstract one.
    Unix(Arc<str>),
}

impl EndpointAddress {
    /// Reads an address as a WorkloadEntry writes it. `None` if nothing is written.
    pub fn parse(text: &str) -> Option<EndpointAddress> {
        if text.is_empty() {
            None
        } else if let Some(path) = text.strip_prefix("unix://") {
            Some(EndpointAddress::Unix(path.into()))
        } else if let Ok(ip) = text.parse() {
            Some(EndpointAddress::Ip(ip))
        } else {
            let name = text.strip_suffix('.').unwrap_or(text);
            Some(EndpointAddress::Name(name.to_ascii_lowercase().into()))
        }
    }

    /// The IP address, if it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            EndpointAddress::Ip(ip) => Some(*ip),
            EndpointAddress::Name(_) | EndpointAddress::Unix(_) => None,
        }
    }
}

/// Whether an endpoint may be sent anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndpointHealth {
    /// It may.
    Ready,
    /// It is going away: nothing new, what is under way goes on.
    Terminating,
}

/// Whether a workload takes mutual TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TlsMode {
    /// It has a proxy with an identity.
    Istio,
    /// It is spoken to in plaintext.
    Disabled,
}
