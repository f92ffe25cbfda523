//! Limits and timeouts of connections to a cluster's endpoints.

use outrigger_api::{ConnectionPool, MeshConfig, TcpKeepalive};
use outrigger_proto::envoy::config::cluster::v3::{
    CircuitBreakers, Cluster, UpstreamConnectionOptions, circuit_breakers::Thresholds,
};
use outrigger_proto::envoy::config::core::v3 as core;

use crate::encode::{duration, number};

/// Writes what a pool asks for; what it does not say is the mesh's default, which for limits is none
/// (Envoy's own would be 1024).
pub(super) fn apply(cluster: &mut Cluster, pool: Option<&ConnectionPool>, config: &MeshConfig) {
    let tcp = pool.and_then(|pool| pool.tcp.as_ref());
    let http = pool.and_then(|pool| pool.http.as_ref());
    cluster.circuit_breakers = Some(CircuitBreakers {
        thresholds: vec![Thresholds {
            max_connections: limit(tcp.and_then(|tcp| tcp.max_connections)),
            max_pending_requests: limit(http.and_then(|http| http.http1_max_pending_requests)),
            max_requests: limit(http.and_then(|http| http.http2_max_requests)),
            max_retries: limit(http.and_then(|http| http.max_retries)),
            ..Default::default()
        }],
        ..Default::default()
    });
    let connect_timeout = tcp.and_then(|tcp| tcp.connect_timeout).unwrap_or(config.connect_timeout);
    cluster.connect_timeout = Some(duration(connect_timeout));
    let keepalive = tcp.and_then(|tcp| tcp.tcp_keepalive.as_ref()).or(config.tcp_keepalive.as_ref());
    cluster.upstream_connection_options = keepalive.map(|keepalive| UpstreamConnectionOptions {
        tcp_keepalive: Some(tcp_keepalive(keepalive)),
        ..Default::default()
    });
}

/// 0, like a missing number, means the default.
fn limit(written: Option<i32>) -> Option<outrigger_proto::google::protobuf::UInt32Value> {
    let limit = written.and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0);
    number(limit.unwrap_or(u32::MAX))
}

fn tcp_keepalive(keepalive: &TcpKeepalive) -> core::TcpKeepalive {
    let seconds = |duration: Option<outrigger_api::Duration>| {
        duration.and_then(|d| number(u32::try_from(d.get().as_secs()).unwrap_or(u32::MAX)))
    };
    core::TcpKeepalive {
        keepalive_probes: keepalive.probes.and_then(number),
        keepalive_time: seconds(keepalive.time),
        keepalive_interval: seconds(keepalive.interval),
    }
}
