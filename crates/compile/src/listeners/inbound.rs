//! Connections to the proxy's own workload: a chain for each port that a service leads to, and chains
//! for all others.

use outrigger_base::constants::PORT_INBOUND;
use outrigger_base::{AppProtocol, Code, Diagnostic, ResourceKey};
use outrigger_proto::envoy::config::core::v3::TrafficDirection;
use outrigger_proto::envoy::config::listener::v3::{Filter, FilterChain, FilterChainMatch};

use super::filters::{self, Inspection, PLAIN_HTTP};
use super::http::{self, Routes};
use super::passthrough;
use super::plan::{Built, Place, listener, of_raw_bytes};
use super::tcp;
use crate::encode::number;
use crate::names;
use crate::provenance;
use crate::routes;
use crate::view::InboundPort;
use crate::world::World;

/// Where captured inbound connections arrive.
pub(super) fn virtual_inbound(world: &World<'_>, diagnostics: &mut Vec<Diagnostic>) -> Built {
    let place = Place { address: None, port: PORT_INBOUND, bind: true, origins: &[] };
    let mut listener = listener(world, &place);
    listener.name = names::VIRTUAL_INBOUND.to_string();
    listener.traffic_direction = TrafficDirection::Inbound.into();
    listener.listener_filters = vec![filters::original_dst()];
    // What a port speaks is declared, or looked for. Looking at a port whose server speaks first would
    // make both sides wait.
    let declared: Vec<u16> =
        world.view.inbound.iter().filter(|p| p.protocol != AppProtocol::Auto).map(|p| p.port).collect();
    filters::inspect(&mut listener, world, Inspection { tls: true, http: true, except: &declared });
    let mut origins: Vec<ResourceKey> = Vec::new();
    let mut chains = vec![passthrough::loop_breaker(world, "virtualInbound-blackhole", PORT_INBOUND)];
    for port in &world.view.inbound {
        diagnostics.extend(disagreements(port));
        let of_port: Vec<ResourceKey> =
            port.services.iter().flat_map(|s| s.origins.iter().cloned()).collect();
        chains.extend(of_inbound_port(world, port, &of_port));
        origins.extend(of_port);
    }
    chains.extend(of_other_ports(world));
    listener.filter_chains = chains;
    (listener, origins)
}

fn of_inbound_port(world: &World<'_>, port: &InboundPort, origins: &[ResourceKey]) -> Vec<FilterChain> {
    let cluster = names::inbound_cluster(port.port);
    let name = names::listener(world.view.families.wildcard(), port.port);
    let retries = port.protocol != AppProtocol::Grpc;
    let host = format!("inbound|http|{}", port.port);
    let requests = || {
        let routes = routes::inbound_configuration(world, &cluster, &host, retries, origins);
        http::manager(world, format!("inbound_{name}"), Routes::Inline(Box::new(routes)))
    };
    let to_port = FilterChainMatch { destination_port: number(port.port.into()), ..Default::default() };
    let chain = |matches: FilterChainMatch, filter: Filter| FilterChain {
        name: name.clone(),
        filter_chain_match: Some(matches),
        filters: vec![filter],
        metadata: provenance::metadata(origins),
        ..Default::default()
    };
    let bytes = || tcp::to_cluster(world, &cluster, None);
    if port.protocol.is_http() {
        vec![chain(to_port, requests())]
    } else if port.protocol == AppProtocol::Auto {
        let bytes = chain(to_port.clone(), bytes());
        vec![chain(plain_http(to_port), requests()), of_raw_bytes(&bytes), bytes]
    } else {
        vec![chain(to_port, bytes())]
    }
}

/// Ports that no service leads to.
fn of_other_ports(world: &World<'_>) -> [FilterChain; 3] {
    let cluster = names::INBOUND_PASSTHROUGH;
    let routes = routes::inbound_configuration(world, cluster, "inbound|http|0", true, &[]);
    let requests = http::manager(world, cluster.to_string(), Routes::Inline(Box::new(routes)));
    let bytes = FilterChain {
        name: names::VIRTUAL_INBOUND.to_string(),
        filters: vec![tcp::to_cluster(world, cluster, None)],
        ..Default::default()
    };
    let http = FilterChain {
        name: "virtualInbound-catchall-http".to_string(),
        filter_chain_match: Some(plain_http(FilterChainMatch::default())),
        filters: vec![requests],
        ..Default::default()
    };
    [http, of_raw_bytes(&bytes), bytes]
}

fn plain_http(matches: FilterChainMatch) -> FilterChainMatch {
    FilterChainMatch {
        transport_protocol: "raw_buffer".to_string(),
        application_protocols: PLAIN_HTTP.iter().map(|protocol| protocol.to_string()).collect(),
        ..matches
    }
}

/// Services that call one port of a workload by different protocols: the oldest decides.
fn disagreements(port: &InboundPort) -> Vec<Diagnostic> {
    let (decided, others) = (port.protocol, port.services.iter().skip(1));
    let differ = others.filter(|service| service.protocol != decided);
    differ
        .filter_map(|service| {
            let winner = port.services.first()?.origins.first()?;
            let message = format!(
                "port {} of its workload speaks {decided}, as {winner} says, not {}",
                port.port, service.protocol
            );
            Some(
                Diagnostic::warning(Code::CONFLICT, message)
                    .with_object(service.origins.first()?.clone())
                    .with_field("spec.ports")
                    .with_advice("declare one protocol for one port of a workload"),
            )
        })
        .collect()
}
