//! A bundle as lines that a person can read and compare.

use std::fmt::Write;

use outrigger_proto::envoy::config::cluster::v3::{Cluster, cluster::ClusterDiscoveryType};
use outrigger_proto::envoy::config::core::v3::{Address, address, socket_address::PortSpecifier};
use outrigger_proto::envoy::config::endpoint::v3::{ClusterLoadAssignment, lb_endpoint::HostIdentifier};
use outrigger_proto::envoy::config::listener::v3::{Filter, FilterChain, Listener, filter::ConfigType};
use outrigger_proto::envoy::config::route::v3::{RouteConfiguration, RouteMatch, route_match::PathSpecifier};
use outrigger_proto::envoy::extensions::filters::network::http_connection_manager::v3::{
    HttpConnectionManager, http_connection_manager::RouteSpecifier,
};
use outrigger_proto::envoy::extensions::filters::network::tcp_proxy::v3::{
    TcpProxy, tcp_proxy::ClusterSpecifier,
};
use prost::{Message, Name};

use super::fixture::target;
use crate::Bundle;

pub(super) fn of(bundle: &Bundle) -> String {
    let mut out = String::new();
    for body in bundle.listeners.values() {
        listener(&mut out, &Listener::decode(body.body.clone()).unwrap());
    }
    for body in bundle.routes.values() {
        routes(&mut out, &RouteConfiguration::decode(body.body.clone()).unwrap());
    }
    for body in bundle.clusters.values() {
        let cluster = Cluster::decode(body.body.clone()).unwrap();
        let Some(ClusterDiscoveryType::Type(kind)) = cluster.cluster_discovery_type else {
            panic!("no type")
        };
        let kind =
            outrigger_proto::envoy::config::cluster::v3::cluster::DiscoveryType::try_from(kind).unwrap();
        writeln!(
            out,
            "cluster {} {} {}",
            cluster.name,
            kind.as_str_name(),
            cluster.lb_policy().as_str_name()
        )
        .unwrap();
        if let Some(assignment) = &cluster.load_assignment {
            endpoints(&mut out, assignment);
        }
        if let Some(body) = bundle.endpoints.get(&body.name) {
            endpoints(&mut out, &ClusterLoadAssignment::decode(body.body.clone()).unwrap());
        }
    }
    for finding in &bundle.diagnostics {
        writeln!(out, "{finding}").unwrap();
    }
    out
}

fn listener(out: &mut String, listener: &Listener) {
    let bound = if listener.bind_to_port.unwrap().value { " (bound)" } else { "" };
    writeln!(out, "listener {} at {}{bound}", listener.name, place(listener.address.as_ref().unwrap()))
        .unwrap();
    listener.filter_chains.iter().for_each(|c| chain(out, "chain", c));
    listener.default_filter_chain.iter().for_each(|c| chain(out, "else", c));
}

fn chain(out: &mut String, word: &str, chain: &FilterChain) {
    write!(out, "  {word} {}", if chain.name.is_empty() { "-" } else { &chain.name }).unwrap();
    if let Some(m) = &chain.filter_chain_match {
        if let Some(port) = m.destination_port {
            write!(out, " port={}", port.value).unwrap();
        }
        for range in &m.prefix_ranges {
            write!(out, " {}/{}", range.address_prefix, range.prefix_len.unwrap().value).unwrap();
        }
        if !m.transport_protocol.is_empty() {
            write!(out, " {}", m.transport_protocol).unwrap();
        }
        for (what, values) in [("sni", &m.server_names), ("alpn", &m.application_protocols)] {
            if !values.is_empty() {
                write!(out, " {what}={}", values.join(",")).unwrap();
            }
        }
    }
    writeln!(out, " -> {}", filter(&chain.filters[0])).unwrap();
}

fn filter(filter: &Filter) -> String {
    let Some(ConfigType::TypedConfig(any)) = &filter.config_type else { panic!("no config") };
    if any.type_url == TcpProxy::type_url() {
        return match TcpProxy::decode(&any.value[..]).unwrap().cluster_specifier.unwrap() {
            ClusterSpecifier::Cluster(name) => name,
            ClusterSpecifier::WeightedClusters(weighted) => {
                let each = weighted.clusters.iter().map(|c| format!("{}×{}", c.weight, c.name));
                each.collect::<Vec<_>>().join(" + ")
            }
        };
    }
    match HttpConnectionManager::decode(&any.value[..]).unwrap().route_specifier.unwrap() {
        RouteSpecifier::Rds(rds) => format!("http routes {}", rds.route_config_name),
        RouteSpecifier::RouteConfig(inline) => {
            format!("http {}", target(&inline.virtual_hosts[0].routes[0]))
        }
        other => panic!("{other:?}"),
    }
}

fn routes(out: &mut String, configuration: &RouteConfiguration) {
    writeln!(out, "routes {}", configuration.name).unwrap();
    for host in &configuration.virtual_hosts {
        let tls = if host.require_tls == 0 { "" } else { " (https only)" };
        writeln!(out, "  host {} [{}]{tls}", host.name, host.domains.join(" ")).unwrap();
        for route in &host.routes {
            writeln!(out, "    {} -> {}", condition(route.r#match.as_ref().unwrap()), target(route)).unwrap();
        }
    }
}

fn condition(m: &RouteMatch) -> String {
    let mut text = match m.path_specifier.as_ref().unwrap() {
        PathSpecifier::Prefix(prefix) => format!("{prefix}*"),
        PathSpecifier::Path(path) => path.clone(),
        PathSpecifier::SafeRegex(regex) => format!("~{}", regex.regex),
        other => panic!("{other:?}"),
    };
    for header in &m.headers {
        write!(text, " {}{}", if header.invert_match { "!" } else { "" }, header.name).unwrap();
    }
    for parameter in &m.query_parameters {
        write!(text, " ?{}", parameter.name).unwrap();
    }
    text
}

fn endpoints(out: &mut String, assignment: &ClusterLoadAssignment) {
    for group in &assignment.endpoints {
        let locality = group.locality.as_ref().unwrap();
        let at = format!("{}/{}/{}", locality.region, locality.zone, locality.sub_zone);
        for endpoint in &group.lb_endpoints {
            let Some(HostIdentifier::Endpoint(address)) = &endpoint.host_identifier else { panic!("none") };
            let weight = endpoint.load_balancing_weight.unwrap().value;
            writeln!(out, "  {} weight {weight} in {at}", place(address.address.as_ref().unwrap())).unwrap();
        }
    }
}

fn place(address: &Address) -> String {
    match address.address.as_ref().unwrap() {
        address::Address::SocketAddress(socket) => match socket.port_specifier.as_ref().unwrap() {
            PortSpecifier::PortValue(port) => format!("{}:{port}", socket.address),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}
