use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use thiserror::Error;

/// A host name of the mesh: lower case, without a trailing dot; exact (`a.b.c`), a wildcard
/// (`*.b.c`), or `*` for every host.
///
/// The order is "most specific first": exact names before wildcards, longer wildcards before shorter
/// ones, `*` last, equals by name. The first match in this order is the one Istio's API prefers.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Host(Arc<str>);

/// Why a string is no host.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HostError {
    /// Nothing was written.
    #[error("a host must not be empty")]
    Empty,
    /// A wildcard that is neither `*` nor a leading `*.` label.
    #[error("a wildcard must be '*' or the whole first label, as in '*.example.com'")]
    Wildcard,
    /// Longer than DNS allows.
    #[error("a host has at most 253 characters")]
    TooLong,
    /// A label that DNS does not allow (RFC 1123 with underscores).
    #[error(
        "label '{0}' is not made of letters, digits, '-' or '_', at most 63 of them, with '-' only inside"
    )]
    Label(String),
}

impl Host {
    /// Checks and normalizes (case, trailing dot) a name. IP addresses are accepted as they are.
    pub fn parse(name: &str) -> Result<Host, HostError> {
        let trimmed = name.strip_suffix('.').unwrap_or(name);
        if trimmed.is_empty() {
            return Err(HostError::Empty);
        }
        if trimmed == "*" || trimmed.parse::<std::net::IpAddr>().is_ok() {
            return Ok(Host(trimmed.to_ascii_lowercase().into()));
        }
        if trimmed.len() > 253 {
            return Err(HostError::TooLong);
        }
        let exact = trimmed.strip_prefix("*.").unwrap_or(trimmed);
        if exact.contains('*') || exact.is_empty() {
            return Err(HostError::Wildcard);
        }
        for label in exact.split('.') {
            let ok = !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
                && !label.starts_with('-')
                && !label.ends_with('-');
            if !ok {
                return Err(HostError::Label(label.to_string()));
            }
        }
        Ok(Host(trimmed.to_ascii_lowercase().into()))
    }

    /// Resolves a name as manifests write it: one without a dot means a service of `namespace`
    /// (`name.namespace.svc.domain`); anything else stands for itself.
    /// (istio: pkg/config `ResolveShortnameToFQDN`; applies outside Kubernetes too.)
    pub fn resolve(name: &str, namespace: &str, domain: &str) -> Result<Host, HostError> {
        let short = !name.contains('.') && name != "*" && name.parse::<std::net::IpAddr>().is_err();
        if short && !name.is_empty() {
            Host::parse(&format!("{name}.{namespace}.svc.{domain}"))
        } else {
            Host::parse(name)
        }
    }

    /// The normalized name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The normalized name, shared.
    pub fn shared(&self) -> Arc<str> {
        self.0.clone()
    }

    /// Whether it stands for more than one name.
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with('*')
    }

    /// Whether every name that `other` stands for is also one that this stands for.
    pub fn covers(&self, other: &Host) -> bool {
        match self.0.strip_prefix('*') {
            None => self == other,
            // "*.b" covers "a.b", "x.a.b" and "*.a.b" and itself, but not "b".
            Some(suffix) => {
                let name = other.0.strip_prefix('*').unwrap_or(&other.0);
                name.ends_with(suffix) && (name.len() > suffix.len() || other.is_wildcard())
            }
        }
    }

    /// Whether some name belongs to both.
    pub fn intersects(&self, other: &Host) -> bool {
        self.covers(other) || other.covers(self)
    }
}

impl Ord for Host {
    fn cmp(&self, other: &Self) -> Ordering {
        let wild = self.is_wildcard().cmp(&other.is_wildcard());
        let length = if self.is_wildcard() && other.is_wildcard() {
            other.0.len().cmp(&self.0.len())
        } else {
            Ordering::Equal
        };
        wild.then(length).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Host {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Borrow<str> for Host {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str) -> Host {
        Host::parse(name).unwrap()
    }

    #[test]
    fn names_are_compared_without_case_or_trailing_dot() {
        assert_eq!(host("A.Example.COM."), host("a.example.com"));
    }

    #[test]
    fn short_names_belong_to_their_namespace() {
        let resolved = Host::resolve("hello2-svc", "ns1", "cluster.local").unwrap();
        assert_eq!(resolved.as_str(), "hello2-svc.ns1.svc.cluster.local");
        assert_eq!(Host::resolve("*", "ns1", "cluster.local").unwrap().as_str(), "*");
        assert_eq!(Host::resolve("a.b", "ns1", "cluster.local").unwrap().as_str(), "a.b");
        assert_eq!(Host::resolve("::1", "ns1", "cluster.local").unwrap().as_str(), "::1");
    }

    #[test]
    fn wildcards_cover_longer_names_only() {
        assert!(host("*.b").covers(&host("a.b")));
        assert!(host("*.b").covers(&host("*.a.b")));
        assert!(host("*.b").covers(&host("*.b")));
        assert!(!host("*.b").covers(&host("b")));
        assert!(!host("*.a.b").covers(&host("*.b")));
        assert!(host("*").covers(&host("a")));
        assert!(host("*.a.b").intersects(&host("*.b")));
        assert!(!host("*.a.b").intersects(&host("c.b")));
    }

    #[test]
    fn the_most_specific_comes_first() {
        let mut hosts = [host("*"), host("*.b"), host("z.a.b"), host("*.a.b"), host("c")];
        hosts.sort();
        let names: Vec<_> = hosts.iter().map(Host::as_str).collect();
        assert_eq!(names, ["c", "z.a.b", "*.a.b", "*.b", "*"]);
    }

    #[test]
    fn refuses_what_dns_refuses() {
        assert_eq!(Host::parse(""), Err(HostError::Empty));
        assert_eq!(Host::parse("a*b.c"), Err(HostError::Wildcard));
        assert_eq!(Host::parse("a..b"), Err(HostError::Label(String::new())));
        assert_eq!(Host::parse("-a.b"), Err(HostError::Label("-a".into())));
        assert_eq!(Host::parse(&"a.".repeat(200)), Err(HostError::TooLong));
    }
}
