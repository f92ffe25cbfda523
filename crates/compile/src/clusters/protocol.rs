//! Which HTTP is spoken to a cluster's endpoints.

use outrigger_api::{ConnectionPool, H2UpgradePolicy};
use outrigger_base::AppProtocol;
use outrigger_proto::envoy::config::cluster::v3::Cluster;
use outrigger_proto::envoy::config::core::v3 as core;
use outrigger_proto::envoy::extensions::upstreams::http::v3::{
    HttpProtocolOptions,
    http_protocol_options::{
        ExplicitHttpConfig, UpstreamProtocolOptions, UseDownstreamHttpConfig,
        explicit_http_config::ProtocolConfig,
    },
};

use crate::encode::{any, duration, number};

const OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// Writes the protocol of a service's port. HTTP/1.1 without further wishes is Envoy's default and
/// needs no words. The caller's version is kept where the port does not say what it speaks; at
/// gateways only if that was asked for, because their callers negotiate with the gateway alone.
/// (istio: core/cluster_builder.go `setUpstreamProtocol`, `applyH2Upgrade`.)
pub(super) fn apply(
    cluster: &mut Cluster,
    protocol: AppProtocol,
    pool: Option<&ConnectionPool>,
    gateway: bool,
) {
    if !protocol.is_http() && protocol != AppProtocol::Auto {
        return;
    }
    let http = pool.and_then(|pool| pool.http.as_ref());
    let tcp = pool.and_then(|pool| pool.tcp.as_ref());
    let streams = positive(http.and_then(|http| http.max_concurrent_streams));
    let upgrade = http.and_then(|http| http.h2_upgrade_policy) == Some(H2UpgradePolicy::Upgrade);
    let as_client = http.and_then(|http| http.use_client_protocol) == Some(true);
    let common = core::HttpProtocolOptions {
        idle_timeout: http
            .and_then(|http| http.idle_timeout)
            .or(tcp.and_then(|tcp| tcp.idle_timeout))
            .map(duration),
        max_connection_duration: tcp.and_then(|tcp| tcp.max_connection_duration).map(duration),
        max_requests_per_connection: positive(http.and_then(|http| http.max_requests_per_connection))
            .and_then(number),
        ..Default::default()
    };
    let common = (common != core::HttpProtocolOptions::default()).then_some(common);
    let sniffed = protocol == AppProtocol::Auto && !gateway;
    if as_client || (sniffed && !upgrade) {
        write(cluster, common, downstream(streams));
    } else if protocol.is_http2() || upgrade {
        write(cluster, common, explicit_http2(streams));
    } else if common.is_some() {
        write(cluster, common, explicit_http1());
    }
}

/// Speaks HTTP/2 with prior knowledge.
pub(super) fn http2(cluster: &mut Cluster, streams: Option<u32>) {
    write(cluster, None, explicit_http2(streams));
}

/// Speaks what the caller speaks.
pub(super) fn as_downstream(cluster: &mut Cluster) {
    write(cluster, None, downstream(None));
}

fn positive(written: Option<i32>) -> Option<u32> {
    written.and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0)
}

fn http2_options(streams: Option<u32>) -> core::Http2ProtocolOptions {
    core::Http2ProtocolOptions { max_concurrent_streams: streams.and_then(number), ..Default::default() }
}

fn explicit_http1() -> UpstreamProtocolOptions {
    explicit(ProtocolConfig::HttpProtocolOptions(core::Http1ProtocolOptions::default()))
}

fn explicit_http2(streams: Option<u32>) -> UpstreamProtocolOptions {
    explicit(ProtocolConfig::Http2ProtocolOptions(http2_options(streams)))
}

fn explicit(config: ProtocolConfig) -> UpstreamProtocolOptions {
    UpstreamProtocolOptions::ExplicitHttpConfig(ExplicitHttpConfig { protocol_config: Some(config) })
}

fn downstream(streams: Option<u32>) -> UpstreamProtocolOptions {
    UpstreamProtocolOptions::UseDownstreamProtocolConfig(UseDownstreamHttpConfig {
        http_protocol_options: Some(core::Http1ProtocolOptions::default()),
        http2_protocol_options: Some(http2_options(streams)),
        ..Default::default()
    })
}

fn write(
    cluster: &mut Cluster,
    common: Option<core::HttpProtocolOptions>,
    protocol: UpstreamProtocolOptions,
) {
    let options = HttpProtocolOptions {
        common_http_protocol_options: common,
        upstream_protocol_options: Some(protocol),
        ..Default::default()
    };
    cluster.typed_extension_protocol_options = [(OPTIONS.to_string(), any(&options))].into();
}
