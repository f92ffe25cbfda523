//! The domains of a route configuration: one hash lookup for exact names, one per length for wildcards,
//! however many virtual hosts there are.

use std::sync::Arc;

use ahash::AHashMap;

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
pub(crate) enum Found {
    Exact,
    Suffix(usize),
    Prefix(usize),
    Any,
}

impl DomainIndex {
    /// The domains of each virtual host, in order. Of several with one domain the first keeps it.
    pub(crate) fn new<'a>(of_hosts: impl Iterator<Item = &'a [Arc<str>]>) -> DomainIndex {
        let mut index = DomainIndex::default();
        for (position, domains) in of_hosts.enumerate() {
            let position = u32::try_from(position).expect("fewer virtual hosts than 2^32");
            for domain in domains {
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

    /// The position of the virtual host for a host in lower case.
    pub(crate) fn find(&self, host: &[u8]) -> Option<(usize, Found)> {
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
