//! Listeners.

mod chain;
mod filters;

use std::time::Duration;

use outrigger_proto::envoy::config::core::v3::TrafficDirection;
pub(crate) use outrigger_proto::envoy::config::listener::v3::Listener as Message;
use outrigger_proto::envoy::config::listener::v3::listener::{DeprecatedV1, DrainType};
use outrigger_proto::envoy::config::listener::v3::{AdditionalAddress, FilterChain as ChainMessage};
use outrigger_traffic::{Direction, FilterChain, Listener};

use crate::at::{At, Fault, unset};
use crate::metadata::Istio;
use crate::values::{flag, number, socket_address};

/// Envoy's default (Listener.listener_filters_timeout).
const FILTERS_TIMEOUT: Duration = Duration::from_secs(15);

pub(crate) fn read(message: Message, at: &At<'_>) -> Result<Listener, Fault> {
    let Message {
        name,
        address,
        additional_addresses,
        // Only names statistics.
        stat_prefix: _,
        stats_matcher,
        filter_chains,
        fcds_config,
        filter_chain_matcher,
        use_original_dst,
        default_filter_chain,
        // How much is buffered is decided here, with back-pressure in both directions.
        per_connection_buffer_limit_bytes: _,
        per_connection_buffer_high_watermark_timeout,
        metadata,
        deprecated_v1,
        drain_type,
        listener_filters,
        listener_filters_timeout,
        continue_on_listener_filters_timeout,
        transparent,
        freebind,
        socket_options,
        tcp_fast_open_queue_length,
        traffic_direction,
        udp_listener_config,
        api_listener,
        // How connections spread over threads: each worker has a socket of its own.
        connection_balance_config: _,
        reuse_port: _,
        enable_reuse_port,
        access_log,
        tcp_backlog_size,
        // Tuning of the accept loop.
        max_connections_to_accept_per_socket_event: _,
        bind_to_port,
        enable_mptcp,
        // There is no global limit and no overload manager that it could be exempt from.
        ignore_global_conn_limit: _,
        bypass_overload_manager: _,
        tcp_keepalive,
        listener_specifier,
    } = message;
    unset!(at, stats_matcher, fcds_config, filter_chain_matcher, socket_options);
    unset!(at, per_connection_buffer_high_watermark_timeout, tcp_fast_open_queue_length);
    unset!(at, udp_listener_config, api_listener, access_log, enable_mptcp, tcp_keepalive);
    unset!(at, listener_specifier);
    at.fixed("transparent", flag(transparent), false)?;
    at.fixed("freebind", flag(freebind), false)?;
    at.fixed("enable_reuse_port", flag(enable_reuse_port), true)?;
    at.fixed("drain_type", Some(at.variant::<DrainType>("drain_type", drain_type)?), DrainType::Default)?;

    let use_original_dst = flag(use_original_dst).unwrap_or(false);
    let direction = direction(traffic_direction, at)?;
    let found = filters::read(listener_filters, at)?;
    let mut inspect = found.inspect;
    inspect.timeout =
        at.timeout("listener_filters_timeout", listener_filters_timeout, Some(FILTERS_TIMEOUT))?;
    inspect.continue_on_timeout = continue_on_listener_filters_timeout;
    let deprecated_bind = deprecated_v1.and_then(|DeprecatedV1 { bind_to_port }| flag(bind_to_port));
    Ok(Listener {
        name: name.into(),
        address: socket_address(address, at)?,
        additional_addresses: additional(additional_addresses, at)?,
        bind: flag(bind_to_port).or(deprecated_bind).unwrap_or(true),
        restores_original_dst: use_original_dst || found.original_dst,
        hands_off: use_original_dst,
        inspect,
        chains: chains(filter_chains, direction, at)?,
        default_chain: match default_filter_chain {
            Some(chain) => Some(chain::read(chain, direction, &at.field("default_filter_chain"))?),
            None => None,
        },
        direction,
        backlog: number(tcp_backlog_size),
        origins: Istio::of(metadata).origins(),
    })
}

fn direction(value: i32, at: &At<'_>) -> Result<Direction, Fault> {
    Ok(match at.variant("traffic_direction", value)? {
        TrafficDirection::Unspecified => Direction::Unspecified,
        TrafficDirection::Inbound => Direction::Inbound,
        TrafficDirection::Outbound => Direction::Outbound,
    })
}

fn additional(addresses: Vec<AdditionalAddress>, at: &At<'_>) -> Result<Vec<std::net::SocketAddr>, Fault> {
    let read = |(index, message): (usize, AdditionalAddress)| {
        let at = at.item("additional_addresses", index);
        let AdditionalAddress { address, socket_options, tcp_keepalive } = message;
        unset!(at, socket_options, tcp_keepalive);
        socket_address(address, &at)
    };
    addresses.into_iter().enumerate().map(read).collect()
}

fn chains(messages: Vec<ChainMessage>, direction: Direction, at: &At<'_>) -> Result<Vec<FilterChain>, Fault> {
    let mut chains: Vec<FilterChain> = Vec::with_capacity(messages.len());
    for (index, message) in messages.into_iter().enumerate() {
        let at = at.item("filter_chains", index);
        let chain = chain::read(message, direction, &at)?;
        // Envoy refuses this too: which of the two takes a connection would be chance.
        if let Some(twin) = chains.iter().position(|c| c.matches == chain.matches) {
            let why = format!("it has the same conditions as filter_chains[{twin}]");
            return Err(at.field("filter_chain_match").refuse(why));
        }
        chains.push(chain);
    }
    Ok(chains)
}
