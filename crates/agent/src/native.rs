//! The native data plane as the engine: a node in this process.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use outrigger_base::constants::CAPTURE_EXEMPT_MARK;
use outrigger_node::{LogLevel, Node, NodeConfig, NodeError, Role as NodeRole};

use crate::config::RunConfig;
use crate::identity::Role;

/// Runs the node until `stop` resolves or its admin interface is asked to end it, then drains it.
pub async fn run(
    config: &RunConfig,
    log_level: Option<LogLevel>,
    stop: impl Future<Output = ()>,
) -> Result<(), NodeError> {
    let node = Node::start(node_config(config, log_level)).await?;
    tokio::select! {
        () = stop => {}
        () = node.asked_to_quit() => {}
    }
    node.drain().await;
    Ok(())
}

fn node_config(config: &RunConfig, log_level: Option<LogLevel>) -> NodeConfig {
    let identity = &config.identity;
    let (host, port) = &config.control_plane;
    let role = match identity.role {
        Role::Sidecar => NodeRole::Sidecar,
        Role::Gateway => NodeRole::Gateway,
    };
    let target = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let all = any_address();
    NodeConfig {
        metadata: identity.metadata(),
        locality: identity.locality.clone(),
        workers: config.worker_count(),
        capture: config.capture.is_some(),
        mark: config.capture.as_ref().map(|_| CAPTURE_EXEMPT_MARK),
        data_dir: Some(config.data_dir.clone()),
        drain_time: config.drain_time,
        admin: Some((Ipv4Addr::LOCALHOST, config.ports.admin).into()),
        readiness: Some(SocketAddr::new(all, config.ports.readiness)),
        metrics: Some(SocketAddr::new(all, config.ports.metrics)),
        log_level,
        ..NodeConfig::new(target, identity.node_id(), role)
    }
}

/// `::` takes both families where the host has IPv6 at all.
fn any_address() -> std::net::IpAddr {
    let dual = std::net::UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).is_ok();
    if dual { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() }
}
