//! Endpoints of clusters.

use std::net::SocketAddr;
use std::sync::Arc;

use outrigger_base::Locality;
use outrigger_proto::envoy::config::core::v3::{Address, HealthStatus};
pub(crate) use outrigger_proto::envoy::config::endpoint::v3::ClusterLoadAssignment as Message;
use outrigger_proto::envoy::config::endpoint::v3::cluster_load_assignment::Policy;
use outrigger_proto::envoy::config::endpoint::v3::endpoint::HealthCheckConfig;
use outrigger_proto::envoy::config::endpoint::v3::lb_endpoint::HostIdentifier;
use outrigger_proto::envoy::config::endpoint::v3::{
    Endpoint as EndpointMessage, LbEndpoint, LocalityLbEndpoints,
};
use outrigger_traffic::{Endpoint, EndpointSet, Health, WorkloadRef};

use crate::at::{At, Fault, unset};
use crate::metadata::Istio;
use crate::values::{ip, locality, number};

pub(crate) fn read(message: Message, at: &At<'_>) -> Result<(Arc<str>, EndpointSet), Fault> {
    let name = Arc::from(message.cluster_name.as_str());
    let mut endpoints = Vec::new();
    visit(message, at, |place, at| {
        endpoints.push(Endpoint {
            address: SocketAddr::new(ip(&place.host, at)?, place.port),
            weight: place.weight,
            health: place.health,
            priority: place.priority,
            locality: place.locality,
            workload: place.workload,
        });
        Ok(())
    })?;
    Ok((name, EndpointSet::new(endpoints)))
}

/// A place with a host that may be a name.
pub(crate) struct Place {
    pub host: String,
    pub port: u16,
    pub weight: u32,
    pub health: Health,
    pub priority: u32,
    pub locality: Arc<Locality>,
    pub workload: Arc<WorkloadRef>,
}

/// Hands over each place of an assignment; its address stands at the path given.
pub(crate) fn visit(
    message: Message,
    at: &At<'_>,
    mut take: impl FnMut(Place, &At<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let Message { cluster_name: _, endpoints, named_endpoints, policy } = message;
    unset!(at, named_endpoints);
    if let Some(policy) = policy {
        check_policy(policy, &at.field("policy"))?;
    }
    for (index, group) in endpoints.into_iter().enumerate() {
        let at = at.item("endpoints", index);
        let LocalityLbEndpoints {
            locality: message,
            // Describes the group for filters, of which none reads it.
            metadata: _,
            lb_endpoints,
            // Only counts with locality-weighted balancing, which is refused.
            load_balancing_weight: _,
            priority,
            // Nothing reads it, in Envoy neither.
            proximity: _,
            lb_config,
        } = group;
        unset!(at, lb_config);
        let locality = locality(message);
        for (index, endpoint) in lb_endpoints.into_iter().enumerate() {
            let at = at.item("lb_endpoints", index);
            let mut place = read_place(endpoint, &at)?;
            place.locality = locality.clone();
            place.priority = priority;
            take(place, &at.field("endpoint").field("address"))?;
        }
    }
    Ok(())
}

fn read_place(message: LbEndpoint, at: &At<'_>) -> Result<Place, Fault> {
    let LbEndpoint { health_status, metadata, load_balancing_weight, host_identifier } = message;
    let HostIdentifier::Endpoint(endpoint) = at.required("host_identifier", host_identifier)? else {
        return Err(at.field("endpoint_name").refuse("it is not supported"));
    };
    let (host, port) = read_address(endpoint, &at.field("endpoint"))?;
    let weight = number(load_balancing_weight).unwrap_or(1);
    if weight == 0 {
        return Err(at.field("load_balancing_weight").refuse("it must be at least 1"));
    }
    Ok(Place {
        host,
        port,
        weight,
        health: health(health_status, at)?,
        priority: 0,
        locality: Arc::default(),
        workload: Istio::of(metadata).workload(),
    })
}

fn read_address(message: EndpointMessage, at: &At<'_>) -> Result<(String, u16), Fault> {
    let EndpointMessage {
        address,
        health_check_config,
        // Names the endpoint for health checks and automatic host rewrites, which are refused.
        hostname: _,
        additional_addresses,
        // Only names statistics.
        observability_name: _,
    } = message;
    unset!(at, additional_addresses);
    if let Some(HealthCheckConfig { port_value, hostname, address, disable_active_health_check: _ }) =
        health_check_config
    {
        let at = at.field("health_check_config");
        unset!(at, port_value, hostname, address);
    }
    let address: Option<Address> = address;
    crate::values::host_and_port(address, at)
}

fn health(status: i32, at: &At<'_>) -> Result<Health, Fault> {
    match at.variant("health_status", status)? {
        HealthStatus::Unknown | HealthStatus::Healthy => Ok(Health::Healthy),
        HealthStatus::Draining => Ok(Health::Draining),
        HealthStatus::Unhealthy | HealthStatus::Timeout => Ok(Health::Unhealthy),
        HealthStatus::Degraded => Err(at.field("health_status").refuse("DEGRADED is not supported")),
    }
}

fn check_policy(policy: Policy, at: &At<'_>) -> Result<(), Fault> {
    let Policy { drop_overloads, overprovisioning_factor, endpoint_stale_after, weighted_priority_health } =
        policy;
    unset!(at, drop_overloads, endpoint_stale_after, weighted_priority_health);
    // Envoy's default; a priority is left only when it has nothing healthy.
    at.fixed("overprovisioning_factor", number(overprovisioning_factor), 140)
}
