//! Which filter chain takes a connection. Envoy looks at one criterion after the other, keeps at each
//! the candidates that fit best, and never goes back: a chain that fits better at an early criterion
//! wins even if it fails at a later one and another would have fitted.
//! (envoy: config.listener.v3.FilterChainMatch, `FilterChainManagerImpl::findFilterChain`.)

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use smallvec::SmallVec;

use crate::{ChainMatch, FilterChain, IpRange, Listener, SourceType, Trace, Transport};

/// What is known of a connection when its filter chain is chosen.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionFacts<'a> {
    /// Where it goes: the original destination where that is known, else the local address.
    pub destination: SocketAddr,
    /// Where it comes from.
    pub source: SocketAddr,
    /// What its bytes are carried in; raw unless TLS was detected.
    pub transport: Transport,
    /// SNI, if a ClientHello had one.
    pub server_name: Option<&'a str>,
    /// Protocols of ALPN in the client's order, or the one that HTTP inspection found: `http/1.0`,
    /// `http/1.1`, `h2c`.
    pub application_protocols: &'a [&'a str],
}

impl Listener {
    /// All addresses that it stands for.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        std::iter::once(self.address).chain(self.additional_addresses.iter().copied())
    }

    /// Whether the first bytes of a connection to this port are looked at for TLS.
    pub fn inspects_tls(&self, destination_port: u16) -> bool {
        self.inspect.tls && !self.inspect.tls_except.iter().any(|r| r.contains(&destination_port))
    }

    /// Whether the first bytes of a connection to this port are looked at for HTTP.
    pub fn inspects_http(&self, destination_port: u16) -> bool {
        self.inspect.http && !self.inspect.http_except.iter().any(|r| r.contains(&destination_port))
    }

    /// The filter chain that takes a connection: the candidate that fits best, else the default.
    /// `None`: the connection is closed with flag NR.
    pub fn select_chain<T: Trace>(&self, facts: &ConnectionFacts<'_>, trace: &mut T) -> Option<&FilterChain> {
        let mut left: SmallVec<[usize; 32]> = (0..self.chains.len()).collect();
        for criterion in CRITERIA {
            if left.is_empty() {
                break;
            }
            self.narrow(criterion, facts, &mut left, trace);
        }
        if let Some(chosen) = left.first().map(|i| &self.chains[*i]) {
            if T::ENABLED {
                for other in &left[1..] {
                    trace.rejected(self.label(*other).as_str(), format_args!("it stands later in the list"));
                }
                let label = self.label(left[0]);
                trace.chosen(label.as_str(), format_args!("it fits best{}", Conditions(&chosen.matches)));
            }
            return Some(chosen);
        }
        let default = self.default_chain.as_ref()?;
        let name = if default.name.is_empty() { "default" } else { &default.name };
        trace.chosen(name, format_args!("no candidate fits; it is the default"));
        Some(default)
    }

    fn narrow<T: Trace>(
        &self,
        criterion: &Criterion,
        facts: &ConnectionFacts<'_>,
        left: &mut SmallVec<[usize; 32]>,
        trace: &mut T,
    ) {
        let fit = |index: &usize| (criterion.fit)(&self.chains[*index].matches, facts);
        let best = left.iter().filter_map(fit).max();
        left.retain(|index| {
            let fits = fit(index);
            if T::ENABLED && fits != best {
                let label = self.label(*index);
                let name = criterion.name;
                match fits {
                    None => trace.rejected(
                        label.as_str(),
                        format_args!(
                            "its {name} does not fit the connection's, {}",
                            Actual(criterion, facts)
                        ),
                    ),
                    Some(_) => trace.rejected(
                        label.as_str(),
                        format_args!(
                            "another fits {}, the connection's {name}, more closely",
                            Actual(criterion, facts)
                        ),
                    ),
                }
            }
            fits.is_some() && fits == best
        });
    }

    fn label(&self, index: usize) -> String {
        match &*self.chains[index].name {
            "" => format!("#{index}"),
            name => name.to_string(),
        }
    }
}

/// How closely a candidate fits; `None`: not at all, 0: it has no such condition.
type Fit = Option<u32>;

struct Criterion {
    name: &'static str,
    fit: fn(&ChainMatch, &ConnectionFacts<'_>) -> Fit,
    actual: fn(&ConnectionFacts<'_>, &mut fmt::Formatter<'_>) -> fmt::Result,
}

/// In Envoy's order.
const CRITERIA: &[Criterion] = &[
    Criterion {
        name: "destination port",
        fit: |m, c| match m.destination_port {
            None => Some(0),
            Some(port) => (port == c.destination.port()).then_some(1),
        },
        actual: |c, f| write!(f, "{}", c.destination.port()),
    },
    Criterion {
        name: "destination address",
        fit: |m, c| longest_prefix(&m.destination, c.destination.ip()),
        actual: |c, f| write!(f, "{}", c.destination.ip()),
    },
    Criterion {
        name: "server name",
        fit: |m, c| server_name(m, c.server_name.unwrap_or("")),
        actual: |c, f| match c.server_name {
            Some(name) => f.write_str(name),
            None => f.write_str("none"),
        },
    },
    Criterion {
        name: "transport protocol",
        fit: |m, c| match m.transport {
            None => Some(0),
            Some(transport) => (transport == c.transport).then_some(1),
        },
        actual: |c, f| f.write_str(transport_name(c.transport)),
    },
    Criterion {
        name: "application protocol",
        fit: |m, c| application_protocol(m, c.application_protocols),
        actual: |c, f| match c.application_protocols {
            [] => f.write_str("unknown"),
            known => f.write_str(&known.join(", ")),
        },
    },
    Criterion {
        name: "peer address",
        fit: |m, c| longest_prefix(&m.direct_source, c.source.ip()),
        actual: |c, f| write!(f, "{}", c.source.ip()),
    },
    Criterion {
        name: "source type",
        fit: |m, c| match (m.source, is_local(c)) {
            (SourceType::Any, _) => Some(0),
            (SourceType::SameIpOrLoopback, local) => local.then_some(1),
            (SourceType::External, local) => (!local).then_some(1),
        },
        actual: |c, f| f.write_str(if is_local(c) { "this host" } else { "another host" }),
    },
    Criterion {
        name: "source address",
        fit: |m, c| longest_prefix(&m.source_ranges, c.source.ip()),
        actual: |c, f| write!(f, "{}", c.source.ip()),
    },
    Criterion {
        name: "source port",
        fit: |m, c| match m.source_ports.as_slice() {
            [] => Some(0),
            ports => ports.contains(&c.source.port()).then_some(1),
        },
        actual: |c, f| write!(f, "{}", c.source.port()),
    },
];

fn longest_prefix(ranges: &[IpRange], address: IpAddr) -> Fit {
    if ranges.is_empty() {
        return Some(0);
    }
    ranges.iter().filter(|r| r.contains(address)).map(|r| u32::from(r.prefix)).max()
}

fn server_name(matches: &ChainMatch, name: &str) -> Fit {
    if matches.server_names.is_empty() {
        return Some(0);
    }
    let fit = |pattern: &str| match pattern.strip_prefix('*') {
        None => pattern.eq_ignore_ascii_case(name).then_some(u32::MAX),
        Some(suffix) => {
            let fits = name.len() > suffix.len()
                && name.as_bytes()[name.len() - suffix.len()..].eq_ignore_ascii_case(suffix.as_bytes());
            fits.then_some(suffix.len() as u32)
        }
    };
    matches.server_names.iter().filter_map(|pattern| fit(pattern)).max()
}

/// The earlier a protocol stands in the client's list, the better.
fn application_protocol(matches: &ChainMatch, known: &[&str]) -> Fit {
    if matches.application_protocols.is_empty() {
        return Some(0);
    }
    let at = known.iter().position(|p| matches.application_protocols.iter().any(|m| **m == **p))?;
    Some((known.len() - at) as u32)
}

fn is_local(facts: &ConnectionFacts<'_>) -> bool {
    facts.source.ip().is_loopback() || facts.source.ip() == facts.destination.ip()
}

fn transport_name(transport: Transport) -> &'static str {
    match transport {
        Transport::RawBuffer => "raw_buffer",
        Transport::Tls => "tls",
    }
}

impl IpRange {
    /// Whether an address lies in it; IPv4 addresses inside IPv6 count as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(range), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(self.prefix.min(32));
                shift == 32 || range.to_bits() >> shift == address.to_bits() >> shift
            }
            (IpAddr::V6(range), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(self.prefix.min(128));
                shift == 128 || range.to_bits() >> shift == address.to_bits() >> shift
            }
            _ => false,
        }
    }
}

impl fmt::Display for IpRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// Shows what a connection has for a criterion.
struct Actual<'a>(&'a Criterion, &'a ConnectionFacts<'a>);

impl fmt::Display for Actual<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.0.actual)(self.1, f)
    }
}

/// Shows a match as `: port 80, address 10.0.0.0/8`; nothing if it has no conditions.
struct Conditions<'a>(&'a ChainMatch);

impl fmt::Display for Conditions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let m = self.0;
        let mut parts = Vec::new();
        let mut list = |name: &str, values: Vec<String>| {
            if !values.is_empty() {
                parts.push(format!("{name} {}", values.join(" or ")));
            }
        };
        let ranges = |ranges: &[IpRange]| ranges.iter().map(IpRange::to_string).collect::<Vec<_>>();
        let names = |names: &[std::sync::Arc<str>]| names.iter().map(|n| n.to_string()).collect();
        list("destination port", m.destination_port.iter().map(u16::to_string).collect());
        list("destination", ranges(&m.destination));
        list("server name", names(&m.server_names));
        list("transport", m.transport.iter().map(|t| transport_name(*t).to_string()).collect());
        list("application protocol", names(&m.application_protocols));
        list("peer", ranges(&m.direct_source));
        list("source", ranges(&m.source_ranges));
        list("source port", m.source_ports.iter().map(u16::to_string).collect());
        if parts.is_empty() { Ok(()) } else { write!(f, ": {}", parts.join(", ")) }
    }
}

#[cfg(test)]
mod tests;
