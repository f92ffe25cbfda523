//! Forwarding to clusters.

use std::sync::Arc;
use std::time::Duration;

use outrigger_proto::envoy::config::core::v3::RoutingPriority;
use outrigger_proto::envoy::config::route::v3::route_action::{
    ClusterNotFoundResponseCode, ClusterSpecifier, HostRewriteSpecifier, MaxStreamDuration, UpgradeConfig,
};
use outrigger_proto::envoy::config::route::v3::weighted_cluster::cluster_weight::HostRewriteSpecifier as WeightHostRewrite;
use outrigger_proto::envoy::config::route::v3::weighted_cluster::{ClusterWeight, RandomValueSpecifier};
use outrigger_proto::envoy::config::route::v3::{RouteAction as Message, WeightedCluster as Weights};
use outrigger_proto::envoy::r#type::matcher::v3::RegexMatchAndSubstitute;
use outrigger_proto::google::protobuf;
use outrigger_traffic::{ClusterChoice, Forward, PathRewrite, WeightedCluster};

use super::retry;
use crate::at::{At, Fault, unset};
use crate::string_match;
use crate::tcp_proxy::choice;
use crate::values::{HeaderLists, flag, number, upgrade_name};

/// Envoy's default (RouteAction.timeout).
const TIMEOUT: Duration = Duration::from_secs(15);

pub(super) fn read(message: Message, at: &At<'_>) -> Result<Forward, Fault> {
    let Message {
        cluster_not_found_response_code,
        metadata_match,
        prefix_rewrite,
        regex_rewrite,
        path_rewrite_policy,
        path_rewrite,
        append_x_forwarded_host,
        timeout,
        idle_timeout,
        flush_timeout,
        early_data_policy,
        retry_policy,
        retry_policy_typed_config,
        request_mirror_policies,
        priority,
        rate_limits,
        // There are no rate limits that it could include.
        include_vh_rate_limits: _,
        hash_policy,
        cors,
        max_grpc_timeout,
        grpc_timeout_offset,
        upgrade_configs,
        internal_redirect_policy,
        internal_redirect_action,
        max_internal_redirects,
        hedge_policy,
        max_stream_duration,
        cluster_specifier,
        host_rewrite_specifier,
    } = message;
    unset!(at, metadata_match, path_rewrite_policy, path_rewrite, flush_timeout, early_data_policy);
    unset!(at, retry_policy_typed_config, request_mirror_policies, rate_limits, hash_policy, cors);
    unset!(at, grpc_timeout_offset, internal_redirect_policy, internal_redirect_action);
    unset!(at, max_internal_redirects, hedge_policy);
    let priority = at.variant::<RoutingPriority>("priority", priority)?;
    at.fixed("priority", Some(priority), RoutingPriority::Default)?;
    let not_found = match at.variant("cluster_not_found_response_code", cluster_not_found_response_code)? {
        ClusterNotFoundResponseCode::ServiceUnavailable => 503,
        ClusterNotFoundResponseCode::NotFound => 404,
        ClusterNotFoundResponseCode::InternalServerError => 500,
    };
    let upgrade =
        |(index, config): (usize, UpgradeConfig)| upgrade(config, &at.item("upgrade_configs", index));
    Ok(Forward {
        cluster: cluster(at.required("cluster_specifier", cluster_specifier)?, at)?,
        cluster_not_found_status: not_found,
        timeout: at.timeout("timeout", timeout, Some(TIMEOUT))?,
        grpc_timeout_max: grpc_timeout_max(max_stream_duration, max_grpc_timeout, at)?,
        idle_timeout: at.duration("idle_timeout", idle_timeout)?,
        retry: retry::read_optional(retry_policy, at)?,
        path_rewrite: rewrite(prefix_rewrite, regex_rewrite, at)?,
        host_rewrite: host_rewrite(host_rewrite_specifier, at)?,
        append_forwarded_host: append_x_forwarded_host,
        upgrades: upgrade_configs.into_iter().enumerate().map(upgrade).collect::<Result<_, _>>()?,
    })
}

fn grpc_timeout_max(
    durations: Option<MaxStreamDuration>,
    deprecated: Option<protobuf::Duration>,
    at: &At<'_>,
) -> Result<Option<Duration>, Fault> {
    let deprecated = at.duration("max_grpc_timeout", deprecated)?;
    let Some(durations) = durations else { return Ok(deprecated) };
    let at = at.field("max_stream_duration");
    let MaxStreamDuration { max_stream_duration, grpc_timeout_header_max, grpc_timeout_header_offset } =
        durations;
    unset!(at, grpc_timeout_header_offset);
    let no_limit = Duration::ZERO;
    at.fixed("max_stream_duration", at.duration("max_stream_duration", max_stream_duration)?, no_limit)?;
    Ok(at.duration("grpc_timeout_header_max", grpc_timeout_header_max)?.or(deprecated))
}

fn rewrite(
    prefix: String,
    regex: Option<RegexMatchAndSubstitute>,
    at: &At<'_>,
) -> Result<Option<PathRewrite>, Fault> {
    match (prefix.is_empty(), regex) {
        (true, None) => Ok(None),
        (false, None) => Ok(Some(PathRewrite::Prefix(prefix.into()))),
        (true, Some(regex)) => Ok(Some(string_match::rewrite(regex, &at.field("regex_rewrite"))?)),
        (false, Some(_)) => Err(at.field("regex_rewrite").refuse("it cannot stand beside prefix_rewrite")),
    }
}

fn host_rewrite(specifier: Option<HostRewriteSpecifier>, at: &At<'_>) -> Result<Option<Arc<str>>, Fault> {
    match specifier {
        None => Ok(None),
        Some(HostRewriteSpecifier::HostRewriteLiteral(host)) => {
            literal_host(host, &at.field("host_rewrite_literal")).map(Some)
        }
        Some(HostRewriteSpecifier::AutoHostRewrite(auto)) if !auto.value => Ok(None),
        Some(HostRewriteSpecifier::AutoHostRewrite(_)) => {
            Err(at.field("auto_host_rewrite").refuse("it is not supported"))
        }
        Some(HostRewriteSpecifier::HostRewriteHeader(_)) => {
            Err(at.field("host_rewrite_header").refuse("it is not supported"))
        }
        Some(HostRewriteSpecifier::HostRewritePathRegex(_)) => {
            Err(at.field("host_rewrite_path_regex").refuse("it is not supported"))
        }
        Some(HostRewriteSpecifier::HostRewrite(_)) => {
            Err(at.field("host_rewrite").refuse("it is not supported"))
        }
    }
}

fn literal_host(host: String, at: &At<'_>) -> Result<Arc<str>, Fault> {
    if http::HeaderValue::from_str(&host).is_err() || host.is_empty() {
        return Err(at.refuse(format!("{host:?} is no host")));
    }
    Ok(host.into())
}

fn upgrade(config: UpgradeConfig, at: &At<'_>) -> Result<(Arc<str>, bool), Fault> {
    let UpgradeConfig { upgrade_type, enabled, connect_config } = config;
    unset!(at, connect_config);
    Ok((upgrade_name(&upgrade_type, at)?, flag(enabled).unwrap_or(true)))
}

fn cluster(specifier: ClusterSpecifier, at: &At<'_>) -> Result<ClusterChoice, Fault> {
    match specifier {
        ClusterSpecifier::Cluster(name) if name.is_empty() => {
            Err(at.field("cluster").refuse("it must not be empty"))
        }
        ClusterSpecifier::Cluster(name) => Ok(ClusterChoice::One(name.into())),
        ClusterSpecifier::WeightedClusters(weights) => weighted(weights, &at.field("weighted_clusters")),
        ClusterSpecifier::ClusterHeader(_) => Err(at.field("cluster_header").refuse("it is not supported")),
        ClusterSpecifier::ClusterSpecifierPlugin(_) => {
            Err(at.field("cluster_specifier_plugin").refuse("it is not supported"))
        }
        ClusterSpecifier::InlineClusterSpecifierPlugin(_) => {
            Err(at.field("inline_cluster_specifier_plugin").refuse("it is not supported"))
        }
    }
}

fn weighted(weights: Weights, at: &At<'_>) -> Result<ClusterChoice, Fault> {
    let Weights { clusters, total_weight, runtime_key_prefix, random_value_specifier } = weights;
    unset!(at, runtime_key_prefix);
    match random_value_specifier {
        None => {}
        Some(RandomValueSpecifier::UseHashPolicy(value)) => {
            at.fixed("use_hash_policy", Some(value.value), false)?;
        }
        Some(RandomValueSpecifier::HeaderName(_)) => {
            return Err(at.field("header_name").refuse("it is not supported"));
        }
    }
    let weight =
        |(index, weight): (usize, ClusterWeight)| cluster_weight(weight, &at.item("clusters", index));
    let chosen = choice(clusters.into_iter().enumerate().map(weight).collect::<Result<_, _>>()?, at)?;
    if let ClusterChoice::Weighted { total, .. } = &chosen {
        at.fixed("total_weight", number(total_weight), *total)?;
    }
    Ok(chosen)
}

fn cluster_weight(message: ClusterWeight, at: &At<'_>) -> Result<WeightedCluster, Fault> {
    let ClusterWeight {
        name,
        cluster_header,
        weight,
        metadata_match,
        request_headers_to_add,
        request_headers_to_remove,
        response_headers_to_add,
        response_headers_to_remove,
        typed_per_filter_config,
        host_rewrite_specifier,
    } = message;
    unset!(at, cluster_header, metadata_match, typed_per_filter_config);
    if name.is_empty() {
        return Err(at.field("name").refuse("it must not be empty"));
    }
    Ok(WeightedCluster {
        name: name.into(),
        weight: number(weight).unwrap_or(0),
        headers: HeaderLists {
            request_add: request_headers_to_add,
            request_remove: request_headers_to_remove,
            response_add: response_headers_to_add,
            response_remove: response_headers_to_remove,
        }
        .read(at)?,
        host_rewrite: match host_rewrite_specifier {
            Some(WeightHostRewrite::HostRewriteLiteral(host)) => {
                Some(literal_host(host, &at.field("host_rewrite_literal"))?)
            }
            None => None,
        },
    })
}
