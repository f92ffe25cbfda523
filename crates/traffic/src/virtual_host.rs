//! Which virtual host takes a request. (envoy: `RouteMatcher::findVirtualHost`.)

use smallvec::SmallVec;

use crate::domains::Found;
use crate::{RouteConfig, Trace, VirtualHost, split_port};

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
