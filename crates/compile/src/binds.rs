//! Where connections to a port of a service arrive, as the application that opens them sees it.

use std::net::IpAddr;

use ahash::AHashSet;
use outrigger_base::AppProtocol;
use outrigger_mesh::{Registry, Resolution, Service, ServicePort};

use crate::world::{Scope, World};

/// Where connections to a port of a service arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Bind {
    /// At an address that means this service (or this pod of it).
    Address(IpAddr),
    /// At an address of this range.
    Range(IpAddr, u8),
    /// At any address; what the bytes say tells services apart.
    Wildcard,
}

/// All places for one port. Ports that are declared to carry HTTP are told apart by the host that
/// requests name, so they share the wildcard.
///
/// A headless service without HTTP, like any with resolution NONE and no address, is met at the
/// addresses of its endpoints. Without endpoints nobody can mean it, unless it can never have any:
/// then every address is meant. (istio: core/listener.go `buildSidecarOutboundListeners`.)
pub(crate) fn of_port(scope: &Scope<'_>, service: &Service, port: &ServicePort) -> Vec<Bind> {
    if port.protocol == AppProtocol::Udp {
        return Vec::new();
    }
    if port.protocol.is_http() {
        return vec![Bind::Wildcard];
    }
    let mut binds: Vec<Bind> = scope.addresses(service).into_iter().map(Bind::Address).collect();
    let ranges = service.addresses.iter().filter(|address| !address.is_single());
    binds.extend(ranges.map(|range| Bind::Range(range.address, range.prefix)));
    if !binds.is_empty() {
        return binds;
    }
    if matches!(service.resolution, Resolution::None | Resolution::DynamicDns) {
        let ips = scope.endpoint_ips(service, port.number);
        let may_have_endpoints = service.registry == Registry::Kubernetes || service.selector.is_some();
        if !ips.is_empty() || may_have_endpoints {
            return ips.into_iter().map(Bind::Address).collect();
        }
    }
    vec![Bind::Wildcard]
}

/// Whether listeners of a service depend on its endpoints.
pub(crate) fn follow_endpoints(service: &Service) -> bool {
    service.addresses.is_empty()
        && matches!(service.resolution, Resolution::None | Resolution::DynamicDns)
        && service.ports.iter().any(|port| !port.protocol.is_http() && port.protocol != AppProtocol::Udp)
}

/// Ports on which the wildcard listener speaks HTTP, so that routes are needed under their number.
pub(crate) fn http_ports(world: &World<'_>) -> AHashSet<u16> {
    let mut ports = AHashSet::new();
    for service in &world.services {
        for port in &service.ports {
            let by_host = port.protocol.is_http()
                || port.protocol == AppProtocol::Auto
                    && of_port(world, service, port).iter().any(|bind| matches!(bind, Bind::Wildcard));
            if by_host {
                ports.insert(port.number);
            }
        }
    }
    ports
}

/// Ports whose protocol is found out and that have addresses of their own, where these alone say which
/// service is meant.
pub(crate) fn sniffed_by_address<'w>(world: &'w World<'_>) -> Vec<(&'w Service, u16)> {
    let mut sniffed = Vec::new();
    for service in &world.services {
        for port in service.ports.iter().filter(|port| port.protocol == AppProtocol::Auto) {
            if of_port(world, service, port).iter().any(|bind| *bind != Bind::Wildcard) {
                sniffed.push((&**service, port.number));
            }
        }
    }
    sniffed
}
