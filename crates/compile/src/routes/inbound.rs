//! Routes towards the proxy's own workload: everything goes there.

use outrigger_base::ResourceKey;
use outrigger_proto::envoy::config::route::v3::{
    RetryPolicy, RouteConfiguration, VirtualHost, route::Action,
};

use super::actions;
use super::virtual_service::everything;
use crate::encode::{number, truth};
use crate::provenance;
use crate::world::World;

/// The routes of a port. What was reset before any of it was sent is tried again, since then the
/// application has not seen it; gRPC clients retry by themselves.
pub(crate) fn configuration(
    world: &World<'_>,
    cluster: &str,
    host: &str,
    retries: bool,
    origins: &[ResourceKey],
) -> RouteConfiguration {
    let mut forward = actions::forward_to(world, cluster.to_string());
    forward.retry_policy = retries.then(|| RetryPolicy {
        retry_on: "reset-before-request".to_string(),
        num_retries: number(2),
        ..Default::default()
    });
    RouteConfiguration {
        name: cluster.to_string(),
        virtual_hosts: vec![VirtualHost {
            name: host.to_string(),
            domains: vec!["*".to_string()],
            routes: vec![everything("default", Action::Route(forward), origins)],
            metadata: provenance::metadata(origins),
            ..Default::default()
        }],
        // It stands in its listener, where Envoy would otherwise refuse it until the cluster is there.
        validate_clusters: truth(false),
        ..Default::default()
    }
}
