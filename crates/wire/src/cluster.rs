//! Clusters.

mod discovery;
mod protocol;

use std::time::Duration;

pub(crate) use outrigger_proto::envoy::config::cluster::v3::Cluster as Message;
use outrigger_proto::envoy::config::cluster::v3::circuit_breakers::Thresholds;
use outrigger_proto::envoy::config::cluster::v3::cluster::{
    CommonLbConfig, LbConfig, LbPolicy, LeastRequestLbConfig, OriginalDstLbConfig, RoundRobinLbConfig,
};
use outrigger_proto::envoy::config::cluster::v3::{CircuitBreakers, UpstreamConnectionOptions};
use outrigger_proto::envoy::config::core::v3::RoutingPriority;
use outrigger_proto::envoy::r#type::v3::Percent;
use outrigger_traffic::{Balancer, Cluster, Discovery, EndpointSet, Limits, TcpKeepalive};

use crate::at::{At, Fault, unset};
use crate::metadata::Istio;
use crate::values::{number, raw_transport, tcp_keepalive};

/// Envoy's default (Cluster.connect_timeout).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Envoy's defaults (CircuitBreakers.Thresholds).
const DEFAULT_LIMITS: Limits =
    Limits { max_connections: 1024, max_pending_requests: 1024, max_requests: 1024, max_retries: 3 };

pub(crate) fn read(message: Message, at: &At<'_>) -> Result<(Cluster, EndpointSet), Fault> {
    let Message {
        transport_socket_matches,
        transport_socket_matcher,
        name,
        // Only names statistics.
        alt_stat_name: _,
        stats_matcher,
        eds_cluster_config,
        connect_timeout,
        // How much is buffered is decided here, with back-pressure in both directions.
        per_connection_buffer_limit_bytes: _,
        per_connection_buffer_high_watermark_timeout,
        lb_policy,
        load_assignment,
        health_checks,
        max_requests_per_connection,
        circuit_breakers,
        upstream_http_protocol_options,
        common_http_protocol_options,
        http_protocol_options,
        http2_protocol_options,
        typed_extension_protocol_options,
        dns_refresh_rate,
        // Spreads the times of refresh, which depend on the start of each proxy anyway.
        dns_jitter: _,
        dns_failure_refresh_rate,
        respect_dns_ttl,
        dns_lookup_family,
        dns_resolvers,
        use_tcp_for_dns_lookups,
        dns_resolution_config,
        typed_dns_resolver_config,
        // The control plane sees to the order of updates.
        wait_for_warm_on_init: _,
        outlier_detection,
        // When unused original destinations are forgotten; here with their last connection.
        cleanup_interval: _,
        upstream_bind_config,
        lb_subset_config,
        common_lb_config,
        transport_socket,
        metadata,
        protocol_selection,
        upstream_connection_options,
        close_connections_on_host_health_failure,
        // There are no active health checks that it could be an exception to.
        ignore_health_on_host_removal: _,
        filters,
        load_balancing_policy,
        lrs_server,
        lrs_report_endpoint_metrics,
        // Which statistics are kept is decided here.
        track_timeout_budgets: _,
        track_cluster_stats: _,
        upstream_config,
        preconnect_policy,
        connection_pool_per_downstream_connection,
        queuing_policies,
        cluster_discovery_type,
        lb_config,
    } = message;
    unset!(at, transport_socket_matches, transport_socket_matcher, stats_matcher, health_checks);
    unset!(at, per_connection_buffer_high_watermark_timeout, upstream_http_protocol_options);
    unset!(at, max_requests_per_connection, common_http_protocol_options, http_protocol_options);
    unset!(at, http2_protocol_options, dns_failure_refresh_rate, dns_resolvers);
    unset!(at, use_tcp_for_dns_lookups, dns_resolution_config, typed_dns_resolver_config);
    unset!(at, outlier_detection, upstream_bind_config, lb_subset_config, protocol_selection);
    unset!(at, close_connections_on_host_health_failure, filters, load_balancing_policy);
    unset!(at, lrs_server, lrs_report_endpoint_metrics, upstream_config, preconnect_policy);
    unset!(at, connection_pool_per_downstream_connection, queuing_policies);
    raw_transport(transport_socket, at)?;
    common_balancing(common_lb_config, &at.field("common_lb_config"))?;

    let dns =
        discovery::Dns { refresh: dns_refresh_rate, respect_ttl: respect_dns_ttl, family: dns_lookup_family };
    let (discovery, endpoints) =
        discovery::read(cluster_discovery_type, &name, eds_cluster_config, load_assignment, dns, at)?;
    let http = protocol::read(typed_extension_protocol_options, at)?;
    let istio = Istio::of(metadata);
    let cluster = Cluster {
        name: name.into(),
        balancer: balancer(lb_policy, lb_config, &discovery, at)?,
        discovery,
        connect_timeout: match at.duration("connect_timeout", connect_timeout)? {
            Some(Duration::ZERO) => return Err(at.field("connect_timeout").refuse("it must be more than 0")),
            other => other.unwrap_or(CONNECT_TIMEOUT),
        },
        protocol: http.protocol,
        limits: limits(circuit_breakers, &at.field("circuit_breakers"))?,
        idle_timeout: http.common.idle_timeout,
        max_requests_per_connection: http.common.max_requests_per_connection,
        max_connection_duration: http.common.max_connection_duration,
        tcp_keepalive: keepalive(upstream_connection_options, at)?,
        services: istio.services(),
        origins: istio.origins(),
    };
    Ok((cluster, endpoints))
}

fn balancer(
    policy: i32,
    config: Option<LbConfig>,
    discovery: &Discovery,
    at: &At<'_>,
) -> Result<Balancer, Fault> {
    let policy: LbPolicy = at.variant("lb_policy", policy)?;
    let refuse = |why: &str| Err(at.field("lb_policy").refuse(why));
    let original = *discovery == Discovery::OriginalDst;
    if original != (policy == LbPolicy::ClusterProvided) {
        return refuse("CLUSTER_PROVIDED goes with clusters of type ORIGINAL_DST, and they with it");
    }
    let balancer = match policy {
        LbPolicy::RoundRobin => Balancer::RoundRobin,
        LbPolicy::LeastRequest => Balancer::LeastRequest { choices: 2 },
        LbPolicy::Random => Balancer::Random,
        LbPolicy::ClusterProvided => Balancer::ClusterProvided,
        LbPolicy::RingHash | LbPolicy::Maglev => return refuse("consistent hashing is not supported"),
        LbPolicy::LoadBalancingPolicyConfig => return refuse("load_balancing_policy is not supported"),
    };
    match config {
        None => Ok(balancer),
        Some(LbConfig::LeastRequestLbConfig(config)) => {
            let at = at.field("least_request_lb_config");
            let LeastRequestLbConfig { choice_count, active_request_bias, slow_start_config } = config;
            unset!(at, active_request_bias, slow_start_config);
            match (balancer, number(choice_count).unwrap_or(2)) {
                (_, 0 | 1) => Err(at.field("choice_count").refuse("it must be at least 2")),
                (Balancer::LeastRequest { .. }, choices) => Ok(Balancer::LeastRequest { choices }),
                (other, _) => Ok(other),
            }
        }
        Some(LbConfig::RoundRobinLbConfig(RoundRobinLbConfig { slow_start_config })) => {
            at.field("round_robin_lb_config").unset("slow_start_config", &slow_start_config)?;
            Ok(balancer)
        }
        Some(LbConfig::OriginalDstLbConfig(config)) => {
            let at = at.field("original_dst_lb_config");
            let OriginalDstLbConfig {
                use_http_header,
                http_header_name,
                upstream_port_override,
                metadata_key,
            } = config;
            unset!(at, use_http_header, http_header_name, upstream_port_override, metadata_key);
            Ok(balancer)
        }
        Some(LbConfig::RingHashLbConfig(_)) => {
            Err(at.field("ring_hash_lb_config").refuse("it is not supported"))
        }
        Some(LbConfig::MaglevLbConfig(_)) => Err(at.field("maglev_lb_config").refuse("it is not supported")),
    }
}

fn common_balancing(config: Option<CommonLbConfig>, at: &At<'_>) -> Result<(), Fault> {
    let CommonLbConfig {
        healthy_panic_threshold,
        // When updates of endpoints take effect; here at once.
        update_merge_window: _,
        // There are no active health checks to wait for.
        ignore_new_hosts_until_first_hc: _,
        close_connections_on_host_set_change,
        consistent_hashing_lb_config,
        override_host_status,
        locality_config_specifier,
    } = config.unwrap_or_default();
    unset!(at, close_connections_on_host_set_change, consistent_hashing_lb_config);
    unset!(at, override_host_status, locality_config_specifier);
    // Unhealthy endpoints are never chosen, however many there are. Unset means half in Envoy; which
    // makes no difference to endpoints that the control plane sends, as it leaves unhealthy ones out.
    at.fixed("healthy_panic_threshold", healthy_panic_threshold.map(|Percent { value }| value), 0.0)
}

fn limits(breakers: Option<CircuitBreakers>, at: &At<'_>) -> Result<Limits, Fault> {
    let CircuitBreakers { thresholds, per_host_thresholds } = breakers.unwrap_or_default();
    unset!(at, per_host_thresholds);
    let mut limits = DEFAULT_LIMITS;
    for (index, threshold) in thresholds.into_iter().enumerate() {
        let at = at.item("thresholds", index);
        let Thresholds {
            priority,
            max_connections,
            max_pending_requests,
            max_requests,
            max_retries,
            retry_budget,
            // Only adds statistics.
            track_remaining: _,
            max_connection_pools,
        } = threshold;
        // Routes of high priority are refused, so their limits limit nothing.
        if at.variant::<RoutingPriority>("priority", priority)? == RoutingPriority::High {
            continue;
        }
        unset!(at, retry_budget, max_connection_pools);
        limits = Limits {
            max_connections: number(max_connections).unwrap_or(DEFAULT_LIMITS.max_connections),
            max_pending_requests: number(max_pending_requests).unwrap_or(DEFAULT_LIMITS.max_pending_requests),
            max_requests: number(max_requests).unwrap_or(DEFAULT_LIMITS.max_requests),
            max_retries: number(max_retries).unwrap_or(DEFAULT_LIMITS.max_retries),
        };
    }
    Ok(limits)
}

fn keepalive(options: Option<UpstreamConnectionOptions>, at: &At<'_>) -> Result<Option<TcpKeepalive>, Fault> {
    let Some(options) = options else { return Ok(None) };
    let at = at.field("upstream_connection_options");
    let UpstreamConnectionOptions {
        tcp_keepalive: keepalive,
        set_local_interface_name_on_upstream_connections,
        happy_eyeballs_config,
    } = options;
    unset!(at, set_local_interface_name_on_upstream_connections, happy_eyeballs_config);
    Ok(tcp_keepalive(keepalive))
}
