//! What a ServiceEntry must and must not say. The rules are those of Istio's schema and webhook.

use std::net::IpAddr;

use outrigger_base::{AppProtocol, Host};

use super::{EntryResolution, ServiceEntry};
use crate::check::{Check, Validate};

impl Validate for ServiceEntry {
    fn validate(&self, check: &mut Check) {
        self.validate_hosts(check);
        self.validate_addresses(check);
        self.validate_ports(check);
        self.validate_endpoints(check);
        check.some("workloadSelector", &self.workload_selector, |check, selector| {
            check.labels("labels", selector.labels.labels().iter());
        });
        check.export_to(&self.export_to);
    }
}

impl ServiceEntry {
    fn resolution(&self) -> EntryResolution {
        self.resolution.unwrap_or(EntryResolution::None)
    }

    fn resolves_names(&self) -> bool {
        matches!(self.resolution(), EntryResolution::Dns | EntryResolution::DnsRoundRobin)
    }

    fn validate_hosts(&self, check: &mut Check) {
        if self.hosts.is_empty() {
            check.within("hosts", |check| check.refuse("a ServiceEntry needs a host", "write hosts"));
        }
        let resolves_hosts =
            self.resolves_names() && self.endpoints.is_empty() && self.workload_selector.is_none();
        check.each("hosts", &self.hosts, |check, name| {
            let Some(host) = check.host(name) else { return };
            if host.as_str() == "*" {
                check.refuse("a service cannot have every name", "write a name, or a wildcard of a domain");
            } else if host.is_wildcard() && resolves_hosts {
                check.refuse(
                    format!("'{name}' cannot be resolved, and there are no endpoints"),
                    "write endpoints, a host without a wildcard, or resolution: DYNAMIC_DNS",
                );
            }
        });
    }

    fn validate_addresses(&self, check: &mut Check) {
        let ranges_allowed = matches!(self.resolution(), EntryResolution::None | EntryResolution::Static);
        check.each("addresses", &self.addresses, |check, address| {
            check.address_or_range(address);
            if address.contains('/') && !ranges_allowed {
                check.refuse(
                    format!("a range needs resolution NONE or STATIC, not {}", self.resolution().as_str()),
                    "write single addresses, or change resolution",
                );
            }
        });
    }

    fn validate_ports(&self, check: &mut Check) {
        let mut numbers = Vec::new();
        let mut names = Vec::new();
        check.each("ports", &self.ports, |check, port| {
            check.port("number", port.number);
            check.optional_port("targetPort", port.target_port);
            if port.name.is_empty() {
                check.within("name", |check| check.refuse("the port has no name", "write one, such as http"));
            } else if names.contains(&&port.name) {
                let message = format!("the name '{}' is taken", port.name);
                check.within("name", |check| check.refuse(message, "names of ports must differ"));
            }
            if numbers.contains(&port.number) {
                let message = format!("port {} is there twice", port.number);
                check.within("number", |check| check.refuse(message, "keep one of the two"));
            }
            names.push(&port.name);
            numbers.push(port.number);
            let protocol = port.protocol.as_deref().unwrap_or_default();
            if !protocol.is_empty() && AppProtocol::parse(protocol) == AppProtocol::Auto {
                let message = format!("'{protocol}' is no protocol known here; it will be found out");
                let advice = "HTTP, HTTP2, GRPC, HTTPS, TLS, TCP, MONGO, MYSQL, REDIS and UDP are known";
                check.within("protocol", |check| check.warn(message, advice));
            }
        });
    }

    fn validate_endpoints(&self, check: &mut Check) {
        if self.endpoints.is_empty() {
            return;
        }
        check.within("endpoints", |check| {
            if self.workload_selector.is_some() {
                check.refuse("endpoints and workloadSelector exclude each other", "keep one of the two");
            }
            match self.resolution() {
                EntryResolution::None => check.refuse(
                    "with resolution NONE there are no endpoints",
                    "write resolution: STATIC for addresses, or DNS for names",
                ),
                EntryResolution::DnsRoundRobin if self.endpoints.len() > 1 => check.refuse(
                    "with resolution DNS_ROUND_ROBIN there is one endpoint at most",
                    "keep one, or write resolution: DNS",
                ),
                EntryResolution::DynamicDns => check.refuse(
                    "with resolution DYNAMIC_DNS there are no endpoints",
                    "leave them out: the name that the caller asks for is resolved",
                ),
                _ => {}
            }
        });
        check.each("endpoints", &self.endpoints, |check, endpoint| {
            endpoint.validate(check);
            check.some("address", &endpoint.address, |check, address| self.validate_address(check, address));
            for name in endpoint.ports.keys() {
                if !self.ports.iter().any(|port| port.name == *name) {
                    let message = format!("the entry has no port named '{name}'");
                    check.within("ports", |check| {
                        check.within(name, |check| check.refuse(message, "use a name of spec.ports"));
                    });
                }
            }
        });
    }

    /// What kind of address the resolution can use.
    fn validate_address(&self, check: &mut Check, address: &str) {
        let socket = address.starts_with("unix://");
        let name = !socket && address.parse::<IpAddr>().is_err() && Host::parse(address).is_ok();
        if self.resolution() == EntryResolution::Static && name {
            check.refuse(
                format!("with resolution STATIC an endpoint has an IP address, and '{address}' is a name"),
                "write resolution: DNS",
            );
        }
        if self.resolves_names() && socket {
            check.refuse(
                format!("with resolution {} there are no Unix sockets", self.resolution().as_str()),
                "write resolution: STATIC",
            );
        }
    }
}
