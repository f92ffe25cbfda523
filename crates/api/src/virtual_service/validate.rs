//! What a VirtualService must and must not say. The rules are those of Istio's schema and webhook.

use std::sync::Arc;

use outrigger_base::Host;

use super::{
    Destination, L4MatchAttributes, RouteDestination, TcpRoute, TlsMatchAttributes, TlsRoute, VirtualService,
};
use crate::check::{Check, Validate};

impl Validate for VirtualService {
    fn validate(&self, check: &mut Check) {
        let for_sidecars = self.gateways.is_empty() || self.gateways.iter().any(|name| &**name == "mesh");
        if self.http.is_empty() && self.tls.is_empty() && self.tcp.is_empty() {
            check.refuse("a VirtualService needs rules", "write http, tls or tcp");
        }
        if self.hosts.is_empty() {
            self.validate_delegate(check);
        }
        check.each("hosts", &self.hosts, |check, name| {
            if check.host(name).is_some_and(|host| host.as_str() == "*") && for_sidecars {
                check.refuse(
                    "sidecars cannot have rules for every host",
                    "name the hosts, or write gateways without 'mesh'",
                );
            }
        });
        check.each("gateways", &self.gateways, |check, name| gateway_name(check, name));
        check.each("http", &self.http, |check, route| route.validate(check, self.hosts.is_empty()));
        check.each("tls", &self.tls, |check, route| route.validate(check, &self.hosts));
        check.each("tcp", &self.tcp, |check, route| route.validate(check));
        check.export_to(&self.export_to);
    }
}

impl VirtualService {
    /// Without hosts it is one that others delegate to.
    fn validate_delegate(&self, check: &mut Check) {
        let advice = "write hosts; without them it only serves others that delegate to it";
        if !self.tls.is_empty() || !self.tcp.is_empty() {
            check.within("hosts", |check| check.refuse("rules for tls and tcp need hosts", advice));
        }
        if !self.gateways.is_empty() {
            check.within("gateways", |check| check.refuse("gateways need hosts", advice));
        }
    }
}

impl Destination {
    /// The path stands at the destination.
    pub(super) fn validate(&self, check: &mut Check) {
        check.within("host", |check| {
            if self.host.is_empty() {
                check.refuse("a destination needs a host", "write the host of a service");
            } else if check.host(&self.host).is_some_and(|host| host.as_str() == "*") {
                check.refuse("traffic cannot go to every host", "write the host of a service");
            }
        });
        if self.subset.as_deref() == Some("") {
            check.within("subset", |check| check.refuse("the subset has no name", "leave it out"));
        }
        check.some("port", &self.port, |check, port| check.port("number", port.number));
    }
}

impl TlsRoute {
    fn validate(&self, check: &mut Check, hosts: &[Arc<str>]) {
        if self.matches.is_empty() {
            check.within("match", |check| {
                check.refuse("a rule for tls needs a condition", "write match with sniHosts");
            });
        }
        check.each("match", &self.matches, |check, condition| condition.validate(check, hosts));
        destinations(check, &self.route);
    }
}

impl TlsMatchAttributes {
    fn validate(&self, check: &mut Check, hosts: &[Arc<str>]) {
        if self.sni_hosts.is_empty() {
            check.within("sniHosts", |check| {
                check.refuse("it is not said for which names", "write sniHosts");
            });
        }
        let hosts: Option<Vec<Host>> = hosts.iter().map(|name| Host::parse(name).ok()).collect();
        check.each("sniHosts", &self.sni_hosts, |check, name| {
            let Some(sni) = check.host(name) else { return };
            // Names without a dot are completed later, so nothing can be said about them here.
            let comparable = |hosts: &&Vec<Host>| hosts.iter().all(|host| host.as_str().contains(['.', '*']));
            if let Some(hosts) = hosts.as_ref().filter(comparable)
                && !hosts.iter().any(|host| host.covers(&sni))
            {
                check.refuse(
                    format!("'{name}' is none of the hosts of this VirtualService"),
                    "add it to spec.hosts",
                );
            }
        });
        check.each("destinationSubnets", &self.destination_subnets, |check, subnet| {
            check.address_or_range(subnet);
        });
        check.optional_port("port", self.port);
        check.labels("sourceLabels", self.source_labels.labels().iter());
        check.each("gateways", &self.gateways, |check, name| gateway_name(check, name));
    }
}

impl TcpRoute {
    fn validate(&self, check: &mut Check) {
        check.each("match", &self.matches, |check, condition| condition.validate(check));
        destinations(check, &self.route);
    }
}

impl L4MatchAttributes {
    fn validate(&self, check: &mut Check) {
        check.each("destinationSubnets", &self.destination_subnets, |check, subnet| {
            check.address_or_range(subnet);
        });
        check.some("sourceSubnet", &self.source_subnet, |check, subnet| check.address_or_range(subnet));
        check.optional_port("port", self.port);
        check.labels("sourceLabels", self.source_labels.labels().iter());
        check.each("gateways", &self.gateways, |check, name| gateway_name(check, name));
    }
}

fn destinations(check: &mut Check, routes: &[RouteDestination]) {
    if routes.is_empty() {
        check.within("route", |check| check.refuse("it is not said where traffic goes", "write route"));
    }
    check.each("route", routes, |check, route| {
        check.within("destination", |check| route.destination.validate(check));
    });
    weights(check, routes.iter().map(|route| route.weight));
}

/// Several destinations of which none gets anything are a mistake. The path stands at the rule.
pub(super) fn weights(check: &mut Check, weights: impl ExactSizeIterator<Item = Option<u32>>) {
    let count = weights.len();
    let sum: u64 = weights.map(|weight| u64::from(weight.unwrap_or(0))).sum();
    if count > 1 && sum == 0 {
        check.within("route", |check| {
            check.refuse("none of the destinations has a weight", "write a weight to each of them");
        });
    }
    if sum > u64::from(u32::MAX) {
        check.within("route", |check| {
            check.refuse("the weights add up to too much", "use smaller ones in the same proportion");
        });
    }
}

/// `mesh`, `name`, `namespace/name`, or the host name that former versions used.
pub(super) fn gateway_name(check: &mut Check, name: &str) {
    let well_formed = |part: &str| part == "." || Host::parse(part).is_ok_and(|host| !host.is_wildcard());
    let ok = match name.split_once('/') {
        Some((namespace, name)) => well_formed(namespace) && well_formed(name),
        None => well_formed(name),
    };
    if !ok {
        check.refuse(
            format!("'{name}' names no gateway"),
            "write a name, namespace/name, or mesh for sidecars",
        );
    }
}
