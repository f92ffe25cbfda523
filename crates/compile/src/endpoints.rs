//! Endpoints of a cluster: grouped by place in a fixed order, each with the workload it stands for.
//!
//! Those that are going away are left out, as Istio does: they get nothing new, and what is under way
//! on an endpoint that was removed is finished by both engines.

use std::collections::BTreeMap;

use outrigger_base::{Labels, SpiffeId, constants};
use outrigger_mesh::{Endpoint, EndpointAddress, EndpointHealth, ServiceEndpoints};
use outrigger_proto::envoy::config::core::v3 as core;
use outrigger_proto::envoy::config::endpoint::v3::{
    ClusterLoadAssignment, Endpoint as WireEndpoint, LbEndpoint, LocalityLbEndpoints,
    lb_endpoint::HostIdentifier,
};

use crate::encode::number;
use crate::provenance;

/// The endpoints of a service's port that may be sent something and carry `subset`, in their order.
pub(crate) fn of_port<'a>(
    endpoints: &'a ServiceEndpoints,
    port: u16,
    subset: Option<&'a Labels>,
) -> impl Iterator<Item = &'a Endpoint> {
    let of_port = endpoints.by_port.iter().filter(move |(number, _)| *number == port);
    of_port
        .flat_map(|(_, endpoints)| endpoints.iter())
        .filter(|endpoint| endpoint.health == EndpointHealth::Ready)
        .filter(move |endpoint| {
            subset.is_none_or(|wanted| {
                wanted.iter().all(|(key, value)| endpoint.labels.get(key) == Some(value))
            })
        })
}

/// The assignment of a cluster. Without endpoints it is empty, and requests are answered 503 (UH).
///
/// Places carry no weight of their own: an endpoint's weight counts among all of its cluster.
pub(crate) fn assignment<'a>(
    cluster: &str,
    endpoints: impl Iterator<Item = &'a Endpoint>,
    trust_domain: &str,
) -> ClusterLoadAssignment {
    let mut places: BTreeMap<_, Vec<LbEndpoint>> = BTreeMap::new();
    for endpoint in endpoints {
        places.entry(&*endpoint.locality).or_default().push(lb_endpoint(endpoint, trust_domain));
    }
    let places = places.into_iter().map(|(locality, lb_endpoints)| LocalityLbEndpoints {
        locality: Some(core::Locality {
            region: locality.region.to_string(),
            zone: locality.zone.to_string(),
            sub_zone: locality.subzone.to_string(),
        }),
        lb_endpoints,
        ..Default::default()
    });
    ClusterLoadAssignment {
        cluster_name: cluster.to_string(),
        endpoints: places.collect(),
        ..Default::default()
    }
}

fn lb_endpoint(endpoint: &Endpoint, trust_domain: &str) -> LbEndpoint {
    LbEndpoint {
        host_identifier: Some(HostIdentifier::Endpoint(WireEndpoint {
            address: Some(address(&endpoint.address, endpoint.port)),
            ..Default::default()
        })),
        load_balancing_weight: number(endpoint.weight.max(1)),
        metadata: metadata(endpoint, trust_domain),
        ..Default::default()
    }
}

/// What telemetry says about who answers (istio: util `BuildLbEndpointMetadata`).
fn metadata(endpoint: &Endpoint, trust_domain: &str) -> Option<core::Metadata> {
    let label =
        |keys: &[&str]| keys.iter().find_map(|key| endpoint.labels.get(key).filter(|v| !v.is_empty()));
    let name = label(&[constants::LABEL_CANONICAL_NAME, "app.kubernetes.io/name", "app"])
        .unwrap_or(&endpoint.workload_name);
    let revision = label(&[constants::LABEL_CANONICAL_REVISION, "app.kubernetes.io/version", "version"])
        .unwrap_or("latest");
    let workload =
        format!("{};{};{name};{revision};{}", endpoint.workload_name, endpoint.namespace, endpoint.cluster);
    let mut more = vec![("workload", provenance::text(workload))];
    for key in ["app", "version"] {
        more.extend(label(&[key]).map(|value| (key, provenance::text(value))));
    }
    if !endpoint.service_account.is_empty() {
        let id = SpiffeId {
            trust_domain: trust_domain.into(),
            namespace: endpoint.namespace.clone(),
            service_account: endpoint.service_account.clone(),
        };
        more.push(("principal", provenance::text(id.to_string())));
    }
    let mut origins = vec![endpoint.workload.clone()];
    if endpoint.selected_by != endpoint.workload {
        origins.push(endpoint.selected_by.clone());
    }
    provenance::with_fields(&origins, more)
}

fn address(address: &EndpointAddress, port: u16) -> core::Address {
    let place = match address {
        EndpointAddress::Unix(path) => {
            core::address::Address::Pipe(core::Pipe { path: path.to_string(), mode: 0 })
        }
        EndpointAddress::Ip(ip) => socket_address(&ip.to_string(), port),
        EndpointAddress::Name(name) => socket_address(name, port),
    };
    core::Address { address: Some(place) }
}

/// A TCP address.
pub(crate) fn socket_address(host: &str, port: u16) -> core::address::Address {
    core::address::Address::SocketAddress(core::SocketAddress {
        address: host.to_string(),
        port_specifier: Some(core::socket_address::PortSpecifier::PortValue(port.into())),
        ..Default::default()
    })
}
