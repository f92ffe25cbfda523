//! Which virtual host takes a request: one hash lookup for exact names, one per length for
//! wildcards, however many virtual hosts there are. (envoy: `RouteMatcher::findVirtualHost`.)

use ahash::AHashMap;
use smallvec::SmallVec;

use crate::{RouteConfig, Trace, VirtualHost, split_port};

/// Positions of virtual hosts by domain, or by the fixed part of a wildcard.
type Positions = AHashMap<Box<[u8]>, u32>;

/// Wildcards whose fixed part has this length.
type OfLength = (usize, Positions);

/// The domains of a route configuration. Derived from its virtual hosts, so it is equal to any other.
#[derive(Debug, Clone, Default)]
pub(crate) struct DomainIndex {
    exact: Positions,
    /// `*` and a suffix, longest first.
    suffixes: Vec<OfLength>,
    /// A prefix and `*`, longest first.
    prefixes: Vec<OfLength>,
    any: Option<u32>,
}

impl PartialEq for DomainIndex {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// Which sort of domain a host was found by.
#[derive(Debug, Clone, Copy)]
enum Found {
    Exact,
    Suffix(usize),
    Prefix(usize),
    Any,
}

impl DomainIndex {
    /// Of several virtual hosts with one domain the first keeps it.
    pub(crate) fn new(virtual_hosts: &[VirtualHost]) -> DomainIndex {
        let mut index = DomainIndex::default();
        for (position, virtual_host) in virtual_hosts.iter().enumerate() {
            let position = u32::try_from(position).expect("fewer virtual hosts than 2^32");
            for domain in &virtual_host.domains {
                index.add(&domain.to_ascii_lowercase(), position);
            }
        }
        index.suffixes.sort_by_key(|(length, _)| std::cmp::Reverse(*length));
        index.prefixes.sort_by_key(|(length, _)| std::cmp::Reverse(*length));
        index
    }

    fn add(&mut self, domain: &str, position: u32) {
        if domain == "*" {
            self.any.get_or_insert(position);
        } else if let Some(suffix) = domain.strip_prefix('*') {
            add_wildcard(&mut self.suffixes, suffix, position);
        } else if let Some(prefix) = domain.strip_suffix('*') {
            add_wildcard(&mut self.prefixes, prefix, position);
        } else {
            self.exact.entry(domain.as_bytes().into()).or_insert(position);
        }
    }

    /// `host` in lower case.
    fn find(&self, host: &[u8]) -> Option<(usize, Found)> {
        if host.is_empty() {
            return self.any.map(|at| (at as usize, Found::Any));
        }
        if let Some(at) = self.exact.get(host) {
            return Some((*at as usize, Found::Exact));
        }
        // A wildcard stands for at least one character.
        for (length, names) in self.suffixes.iter().filter(|(length, _)| *length < host.len()) {
            if let Some(at) = names.get(&host[host.len() - length..]) {
                return Some((*at as usize, Found::Suffix(*length)));
            }
        }
        for (length, names) in self.prefixes.iter().filter(|(length, _)| *length < host.len()) {
            if let Some(at) = names.get(&host[..*length]) {
                return Some((*at as usize, Found::Prefix(*length)));
            }
        }
        self.any.map(|at| (at as usize, Found::Any))
    }
}

fn add_wildcard(wildcards: &mut Vec<OfLength>, part: &str, position: u32) {
    let at = match wildcards.iter().position(|(length, _)| *length == part.len()) {
        Some(at) => at,
        None => {
            wildcards.push((part.len(), Positions::new()));
            wildcards.len() - 1
        }
    };
    wildcards[at].1.entry(part.as_bytes().into()).or_insert(position);
}

impl RouteConfig {
    /// The virtual host that takes requests for a host: that with the name itself, else with the
    /// longest suffix wildcard, else with the longest prefix wildcard, else with `*`. Case does not
    /// count, nor does the port if the configuration says so.
    pub fn select_virtual_host<T: Trace>(&self, host: &[u8], trace: &mut T) -> Option<&VirtualHost> {
        let host = if self.ignore_port_in_host { split_port(host).0 } else { host };
        let mut lower: SmallVec<[u8; 128]> = SmallVec::from_slice(host);
        lower.make_ascii_lowercase();
        let found = self.domains().find(&lower);
        if T::ENABLED {
            self.tell(&String::from_utf8_lossy(&lower), found, trace);
        }
        Some(&self.virtual_hosts()[found?.0])
    }

    fn tell<T: Trace>(&self, host: &str, found: Option<(usize, Found)>, trace: &mut T) {
        for (at, virtual_host) in self.virtual_hosts().iter().enumerate() {
            if Some(at) == found.map(|f| f.0) {
                continue;
            }
            match virtual_host.domains.iter().find(|domain| covers(domain, host)) {
                Some(domain) => trace.rejected(
                    &virtual_host.name,
                    format_args!("its domain {domain} is less specific than another's"),
                ),
                None => {
                    let domains = virtual_host.domains.join(", ");
                    trace.rejected(
                        &virtual_host.name,
                        format_args!("{host} is none of its domains: {domains}"),
                    );
                }
            }
        }
        let Some((at, how)) = found else { return };
        let name = &self.virtual_hosts()[at].name;
        match how {
            Found::Exact => trace.chosen(name, format_args!("{host} is one of its domains")),
            Found::Suffix(length) => trace.chosen(
                name,
                format_args!(
                    "its domain *{} is the longest that {host} ends with",
                    &host[host.len() - length..]
                ),
            ),
            Found::Prefix(length) => trace.chosen(
                name,
                format_args!("its domain {}* is the longest that {host} starts with", &host[..length]),
            ),
            Found::Any => {
                trace.chosen(
                    name,
                    format_args!("no other has a domain for {host}; its domain * takes the rest"),
                );
            }
        }
    }
}

fn covers(domain: &str, host: &str) -> bool {
    if let Some(suffix) = domain.strip_prefix('*') {
        host.len() > suffix.len() && host.ends_with(&suffix.to_ascii_lowercase()) || domain == "*"
    } else if let Some(prefix) = domain.strip_suffix('*') {
        host.len() > prefix.len() && host.starts_with(&prefix.to_ascii_lowercase())
    } else {
        domain.eq_ignore_ascii_case(host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NoTrace;
    use crate::test_support::virtual_host;

    fn config(hosts: &[(&str, &[&str])]) -> RouteConfig {
        let hosts = hosts.iter().map(|(name, domains)| virtual_host(name, domains, vec![])).collect();
        RouteConfig::new("r", hosts)
    }

    fn select(config: &RouteConfig, host: &str) -> Option<String> {
        config.select_virtual_host(host.as_bytes(), &mut NoTrace).map(|v| v.name.to_string())
    }

    #[test]
    fn the_most_specific_domain_wins_whatever_the_order() {
        let config = config(&[
            ("any", &["*"]),
            ("prefix", &["a.*"]),
            ("long prefix", &["a.b.*"]),
            ("suffix", &["*.example.com"]),
            ("long suffix", &["*.a.example.com"]),
            ("inner", &["*-x.a.example.com"]),
            ("exact", &["b.a.example.com", "other"]),
        ]);
        assert_eq!(select(&config, "B.A.example.com").as_deref(), Some("exact"));
        assert_eq!(select(&config, "c.a.example.com").as_deref(), Some("long suffix"));
        assert_eq!(select(&config, "c-x.a.example.com").as_deref(), Some("inner"));
        assert_eq!(select(&config, "a.example.com").as_deref(), Some("suffix"));
        assert_eq!(select(&config, ".example.com").as_deref(), Some("any"));
        assert_eq!(select(&config, "a.b.c").as_deref(), Some("long prefix"));
        assert_eq!(select(&config, "a.c").as_deref(), Some("prefix"));
        assert_eq!(select(&config, "a.").as_deref(), Some("any"));
        assert_eq!(select(&config, "").as_deref(), Some("any"));
    }

    #[test]
    fn a_port_counts_unless_told_otherwise() {
        let mut config = config(&[("plain", &["a.b"]), ("six", &["[::1]"])]);
        assert_eq!(select(&config, "a.b:80"), None);
        config.ignore_port_in_host = true;
        assert_eq!(select(&config, "a.b:80").as_deref(), Some("plain"));
        assert_eq!(select(&config, "[::1]:80").as_deref(), Some("six"));
    }

    #[test]
    fn without_a_matching_domain_nobody_takes_the_request() {
        assert_eq!(select(&config(&[("a", &["a.b"])]), "c.d"), None);
        assert_eq!(select(&config(&[]), "c.d"), None);
    }
}
