//! The filter that carries bytes.

use std::sync::Arc;
use std::time::Duration;

use outrigger_proto::envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy as Message;
use outrigger_proto::envoy::extensions::filters::network::tcp_proxy::v3::tcp_proxy::weighted_cluster::ClusterWeight;
use outrigger_proto::envoy::extensions::filters::network::tcp_proxy::v3::tcp_proxy::{
    ClusterSpecifier, TcpAccessLogOptions, WeightedCluster as Weights,
};
use outrigger_traffic::{ClusterChoice, HeaderMutations, TcpProxy, WeightedCluster};

use crate::access_log;
use crate::at::{At, Fault, unset};
use crate::values::{flag, number};

/// Envoy's default (TcpProxy.idle_timeout).
const IDLE_TIMEOUT: Duration = Duration::from_secs(3600);

pub(crate) fn read(message: Message, at: &At<'_>) -> Result<TcpProxy, Fault> {
    let Message {
        stat_prefix,
        on_demand,
        metadata_match,
        idle_timeout,
        downstream_idle_timeout,
        upstream_idle_timeout,
        access_log,
        max_connect_attempts,
        backoff_options,
        hash_policy,
        tunneling_config,
        max_downstream_connection_duration,
        max_downstream_connection_duration_jitter_percentage,
        access_log_flush_interval,
        flush_access_log_on_connected,
        access_log_options,
        proxy_protocol_tlvs,
        proxy_protocol_tlv_merge_policy,
        upstream_connect_mode,
        max_early_data_bytes,
        check_drain_close,
        cluster_specifier,
    } = message;
    unset!(at, on_demand, metadata_match, downstream_idle_timeout, upstream_idle_timeout, backoff_options);
    unset!(at, hash_policy, tunneling_config, max_downstream_connection_duration);
    unset!(at, max_downstream_connection_duration_jitter_percentage, access_log_flush_interval);
    unset!(at, flush_access_log_on_connected, proxy_protocol_tlvs, proxy_protocol_tlv_merge_policy);
    unset!(at, upstream_connect_mode, max_early_data_bytes);
    at.fixed("check_drain_close", flag(check_drain_close), false)?;
    if let Some(options) = access_log_options {
        let TcpAccessLogOptions {
            access_log_flush_interval,
            flush_access_log_on_connected,
            flush_access_log_on_start,
        } = options;
        let at = at.field("access_log_options");
        unset!(at, access_log_flush_interval, flush_access_log_on_connected, flush_access_log_on_start);
    }
    let attempts = number(max_connect_attempts).unwrap_or(1);
    if attempts == 0 {
        return Err(at.field("max_connect_attempts").refuse("it must be at least 1"));
    }
    Ok(TcpProxy {
        stat_prefix: stat_prefix.into(),
        cluster: match at.required("cluster_specifier", cluster_specifier)? {
            ClusterSpecifier::Cluster(name) => ClusterChoice::One(name.into()),
            ClusterSpecifier::WeightedClusters(weights) => weighted(weights, &at.field("weighted_clusters"))?,
        },
        idle_timeout: at.timeout("idle_timeout", idle_timeout, Some(IDLE_TIMEOUT))?,
        max_connect_attempts: attempts,
        access_logs: access_log::read_all(access_log, at)?,
    })
}

fn weighted(weights: Weights, at: &At<'_>) -> Result<ClusterChoice, Fault> {
    let Weights { clusters } = weights;
    let mut read = Vec::with_capacity(clusters.len());
    for (index, ClusterWeight { name, weight, metadata_match }) in clusters.into_iter().enumerate() {
        let at = at.item("clusters", index);
        unset!(at, metadata_match);
        let name: Arc<str> = name.into();
        read.push(WeightedCluster { name, weight, headers: HeaderMutations::default(), host_rewrite: None });
    }
    choice(read, at)
}

/// Several clusters by weight; their sum must make sense.
pub(crate) fn choice(clusters: Vec<WeightedCluster>, at: &At<'_>) -> Result<ClusterChoice, Fault> {
    let total: u64 = clusters.iter().map(|c| u64::from(c.weight)).sum();
    match u32::try_from(total) {
        Ok(0) => Err(at.field("clusters").refuse("the weights add up to nothing")),
        Ok(total) => Ok(ClusterChoice::Weighted { clusters, total }),
        Err(_) => Err(at.field("clusters").refuse("the weights add up to more than 4294967295")),
    }
}
