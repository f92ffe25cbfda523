//! Carrying the bytes of a connection.

use outrigger_api::{Destination, Duration, RouteDestination};
use outrigger_base::Host;
use outrigger_proto::envoy::config::listener::v3::{Filter, filter::ConfigType};
use outrigger_proto::envoy::extensions::filters::network::tcp_proxy::v3::{
    TcpProxy,
    tcp_proxy::{ClusterSpecifier, WeightedCluster, weighted_cluster::ClusterWeight},
};

use super::access_log;
use crate::destination::{self, Shares};
use crate::encode::{any, duration};
use crate::policy::Policy;
use crate::world::World;

/// Carries bytes to one cluster.
pub(super) fn to_cluster(world: &World<'_>, cluster: &str, idle_timeout: Option<Duration>) -> Filter {
    proxy(world, cluster.to_string(), ClusterSpecifier::Cluster(cluster.to_string()), idle_timeout)
}

/// Carries bytes where a rule of a namespace says. `None` if it names no destination.
pub(super) fn to_destinations(
    world: &World<'_>,
    namespace: &str,
    route: &[RouteDestination],
    listener_port: u16,
    stat_prefix: String,
) -> Option<Filter> {
    let cluster =
        |d: &RouteDestination| destination::cluster(world, namespace, &d.destination, listener_port);
    let idle_timeout = idle_timeout(world, namespace, &route.first()?.destination, listener_port);
    match destination::shares(route, |d| d.weight)? {
        Shares::One(only) => Some(to_cluster(world, &cluster(only), idle_timeout)),
        Shares::Weighted(weighted) => {
            let weigh = |(d, weight)| ClusterWeight { name: cluster(d), weight, metadata_match: None };
            let clusters = WeightedCluster { clusters: weighted.into_iter().map(weigh).collect() };
            let clusters = ClusterSpecifier::WeightedClusters(clusters);
            Some(proxy(world, stat_prefix, clusters, idle_timeout))
        }
    }
}

/// How long connections to a host's port may carry nothing, by its DestinationRule.
pub(super) fn idle_timeout_of(
    world: &World<'_>,
    host: &Host,
    port: u16,
    subset: Option<&str>,
) -> Option<Duration> {
    let rule = world.destination_rule(world.service(host)?)?;
    let subset = subset.and_then(|name| rule.spec.subsets.iter().find(|subset| *subset.name == *name));
    let policy = Policy::of(Some(&rule.spec), port, subset);
    policy.connection_pool?.tcp.as_ref()?.idle_timeout
}

fn idle_timeout(
    world: &World<'_>,
    namespace: &str,
    first: &Destination,
    listener_port: u16,
) -> Option<Duration> {
    let host = destination::host(world, namespace, first)?;
    let port = first.port.as_ref().map_or(listener_port, |port| port.number);
    idle_timeout_of(world, &host, port, first.subset.as_deref())
}

fn proxy(
    world: &World<'_>,
    stat_prefix: String,
    clusters: ClusterSpecifier,
    idle_timeout: Option<Duration>,
) -> Filter {
    let proxy = TcpProxy {
        stat_prefix,
        access_log: access_log::logs(world.config()),
        idle_timeout: idle_timeout.map(duration),
        cluster_specifier: Some(clusters),
        ..Default::default()
    };
    Filter {
        name: "envoy.filters.network.tcp_proxy".to_string(),
        config_type: Some(ConfigType::TypedConfig(any(&proxy))),
    }
}
