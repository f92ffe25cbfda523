//! Names of resources and of parts of them. They are Istio's, so that tools and habits carry over.

use std::net::IpAddr;

use outrigger_base::Host;

/// Where captured outbound connections arrive.
pub(crate) const VIRTUAL_OUTBOUND: &str = "virtualOutbound";
/// Where captured inbound connections arrive.
pub(crate) const VIRTUAL_INBOUND: &str = "virtualInbound";

/// Goes where the caller wanted to go.
pub(crate) const PASSTHROUGH: &str = "PassthroughCluster";
/// Goes nowhere.
pub(crate) const BLACK_HOLE: &str = "BlackHoleCluster";
/// Goes to the port of the workload that the caller wanted, for ports that no service leads to.
pub(crate) const INBOUND_PASSTHROUGH: &str = "InboundPassthroughCluster";

/// The chain of a listener for everything that it knows nothing about.
pub(crate) const PASSTHROUGH_CHAIN: &str = "PassthroughFilterChain";

/// A service's port, or a subset of it.
pub(crate) fn outbound_cluster(port: u16, subset: &str, host: &str) -> String {
    format!("outbound|{port}|{subset}|{host}")
}

/// A port of the proxy's own workload.
pub(crate) fn inbound_cluster(port: u16) -> String {
    format!("inbound|{port}||")
}

/// A listener without a name of its own.
pub(crate) fn listener(address: IpAddr, port: u16) -> String {
    format!("{address}_{port}")
}

/// A virtual host, and the route configuration of a port whose protocol is found out.
pub(crate) fn host_and_port(host: &str, port: u16) -> String {
    format!("{host}:{port}")
}

/// Routes of a gateway's port.
pub(crate) fn gateway_routes(port: u16, bind: Option<IpAddr>) -> String {
    match bind {
        None => format!("http.{port}"),
        Some(bind) => format!("http.{port}.{bind}"),
    }
}

/// How an address stands in a Host header.
pub(crate) fn address_in_authority(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    }
}

/// How a host stands in a Host header.
pub(crate) fn authority(host: &Host) -> String {
    match host.as_str().parse() {
        Ok(address) => address_in_authority(address),
        Err(_) => host.as_str().to_string(),
    }
}

/// Name and namespace of a host that belongs to a Service: `name.namespace.svc.domain`.
pub(crate) fn service_parts<'a>(host: &'a Host, domain: &str) -> Option<(&'a str, &'a str)> {
    let rest = host.as_str().strip_suffix(domain)?.strip_suffix(".svc.")?;
    let (name, namespace) = rest.rsplit_once('.')?;
    (!name.is_empty() && !namespace.is_empty() && !name.contains('*')).then_some((name, namespace))
}
