//! Connections to what nobody knows: they pass, or end.

use outrigger_api::OutboundMode;
use outrigger_base::constants::{PORT_INBOUND, PORT_OUTBOUND};
use outrigger_proto::envoy::config::listener::v3::{FilterChain, FilterChainMatch, Listener};

use super::filters;
use super::plan::{Place, listener};
use super::tcp;
use crate::encode::{number, truth};
use crate::names;
use crate::world::World;

/// The cluster of destinations that nobody knows.
fn unknown(world: &World<'_>) -> &'static str {
    match world.config().outbound_traffic_policy {
        OutboundMode::AllowAny => names::PASSTHROUGH,
        OutboundMode::RegistryOnly => names::BLACK_HOLE,
    }
}

/// Takes what no chain of a listener takes.
pub(super) fn rest(world: &World<'_>) -> FilterChain {
    FilterChain {
        name: names::PASSTHROUGH_CHAIN.to_string(),
        filters: vec![tcp::to_cluster(world, unknown(world), None)],
        ..Default::default()
    }
}

/// Ends connections to a port of the proxy itself, which would otherwise call itself for ever.
pub(super) fn loop_breaker(world: &World<'_>, name: &str, port: u16) -> FilterChain {
    FilterChain {
        name: name.to_string(),
        filter_chain_match: Some(FilterChainMatch {
            destination_port: number(port.into()),
            ..Default::default()
        }),
        filters: vec![tcp::to_cluster(world, names::BLACK_HOLE, None)],
        ..Default::default()
    }
}

/// Where captured outbound connections arrive. It hands each to the listener of its original
/// destination, and keeps those that have none.
pub(super) fn virtual_outbound(world: &World<'_>) -> Listener {
    let place = Place { address: None, port: PORT_OUTBOUND, bind: true, origins: &[] };
    let mut listener = listener(world, &place);
    listener.name = names::VIRTUAL_OUTBOUND.to_string();
    listener.use_original_dst = truth(true);
    listener.listener_filters = vec![filters::original_dst()];
    listener.filter_chains = vec![
        loop_breaker(world, "virtualOutbound-blackhole", PORT_OUTBOUND),
        loop_breaker(world, "virtualInbound-blackhole", PORT_INBOUND),
        FilterChain { name: "virtualOutbound-catchall-tcp".to_string(), ..rest(world) },
    ];
    listener
}
