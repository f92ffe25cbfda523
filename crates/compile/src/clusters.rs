//! Clusters: each port of each service, each of its subsets, the proxy's own ports, and the clusters
//! for what is not known.
//!
//! A headless service, like everything with resolution NONE, is ORIGINAL_DST for sidecars: callers
//! resolve its name to a pod and mean that pod, over HTTP as over TCP. Gateways have no original
//! destination, so they get its endpoints. (istio: core/cluster.go `convertResolution`.)

mod pool;
mod protocol;

use std::sync::Arc;

use outrigger_api::{DestinationRule, SimpleLoadBalancer, Subset};
use outrigger_base::{AppProtocol, ResourceKey};
use outrigger_mesh::{DestinationRuleRule, Resolution, Service, ServicePort};
use outrigger_proto::envoy::config::cluster::v3 as pb;
use outrigger_proto::envoy::config::core::v3 as core;
use outrigger_proto::google::protobuf::Value;

use crate::bundle::{Compiled, Resources};
use crate::encode;
use crate::endpoints;
use crate::names;
use crate::policy::Policy;
use crate::provenance;
use crate::view::{Families, InboundPort};
use crate::world::Scope;

/// Names of the clusters of a service, subsets included; whether they exist depends on nothing else.
pub(crate) fn names_of(service: &Service, rule: Option<&DestinationRule>) -> Vec<String> {
    let mut names = Vec::new();
    for port in carried_ports(service) {
        names.push(names::outbound_cluster(port.number, "", service.host.as_str()));
        for subset in rule.into_iter().flat_map(subsets) {
            names.push(names::outbound_cluster(port.number, &subset.name, service.host.as_str()));
        }
    }
    names
}

/// Builds the clusters of a service, and the endpoints of those that take them by EDS.
pub(crate) fn of_service(
    scope: &Scope<'_>,
    service: &Service,
    clusters: &mut Resources,
    assigned: &mut Resources,
) {
    let rule = scope.destination_rule(service);
    let spec = rule.as_ref().map(|rule| &*rule.spec);
    for port in carried_ports(service) {
        let all = std::iter::once(None);
        for subset in all.chain(spec.into_iter().flat_map(subsets).map(Some)) {
            let target = Target { service, port, subset, policy: Policy::of(spec, port.number, subset) };
            let (cluster, endpoints) = target.build(scope, &origins(service, rule.as_deref(), subset));
            if let Some(endpoints) = endpoints {
                assigned.insert(endpoints.name.clone(), Arc::new(endpoints));
            }
            clusters.insert(cluster.name.clone(), Arc::new(cluster));
        }
    }
}

/// Where a cluster comes from, the object that decided first. All objects of the rule are among them,
/// so that the clusters that a change of a rule concerns can be told from their origins.
fn origins(
    service: &Service,
    rule: Option<&DestinationRuleRule>,
    subset: Option<&Subset>,
) -> Vec<ResourceKey> {
    let Some(rule) = rule else { return service.origins.clone() };
    let at = subset.and_then(|subset| rule.spec.subsets.iter().position(|s| s.name == subset.name));
    let mut origins: Vec<ResourceKey> =
        at.and_then(|at| rule.subset_origins.get(at)).cloned().into_iter().collect();
    origins.extend(rule.policy_origin.clone());
    if origins.is_empty() {
        origins.extend(service.origins.iter().cloned());
        origins.extend(rule.origins.iter().cloned());
    } else {
        origins.extend(rule.origins.iter().cloned());
        origins.extend(service.origins.iter().cloned());
    }
    origins
}

/// Builds the endpoints alone, for clusters that were built before with the same rule.
pub(crate) fn endpoints_of_service(scope: &Scope<'_>, service: &Service, assigned: &mut Resources) {
    let rule = scope.destination_rule(service);
    let spec = rule.as_ref().map(|rule| &*rule.spec);
    for port in carried_ports(service) {
        let all = std::iter::once(None);
        for subset in all.chain(spec.into_iter().flat_map(subsets).map(Some)) {
            let target = Target { service, port, subset, policy: Policy::of(spec, port.number, subset) };
            if target.discovery(scope) == Discovery::Eds {
                let endpoints = target.endpoints(scope);
                assigned.insert(endpoints.name.clone(), Arc::new(endpoints));
            }
        }
    }
}

/// Whether the endpoints of a service stand in its clusters themselves rather than in EDS.
pub(crate) fn holds_endpoints(service: &Service) -> bool {
    service.resolution.resolves_names()
}

/// Clusters that every proxy has, and those of the proxy's own ports.
pub(crate) fn fixed(scope: &Scope<'_>, clusters: &mut Resources) {
    let mut add = |cluster: pb::Cluster, origins: &[ResourceKey]| {
        let compiled = encode::resource(&cluster.name, &cluster, origins);
        clusters.insert(compiled.name.clone(), Arc::new(compiled));
    };
    add(
        pb::Cluster {
            name: names::BLACK_HOLE.to_string(),
            connect_timeout: Some(encode::duration(scope.config().connect_timeout)),
            cluster_discovery_type: kind(pb::cluster::DiscoveryType::Static),
            ..Default::default()
        },
        &[],
    );
    if scope.is_gateway() {
        return;
    }
    for name in [names::PASSTHROUGH, names::INBOUND_PASSTHROUGH] {
        let mut cluster = original_dst(scope, name.to_string());
        protocol::as_downstream(&mut cluster);
        add(cluster, &[]);
    }
    for port in &scope.view.inbound {
        let origins: Vec<ResourceKey> =
            port.services.iter().flat_map(|s| s.origins.iter().cloned()).collect();
        add(inbound(scope, port, &origins), &origins);
    }
}

/// The application is reached at the address that the caller used.
fn inbound(scope: &Scope<'_>, port: &InboundPort, origins: &[ResourceKey]) -> pb::Cluster {
    let mut cluster = original_dst(scope, names::inbound_cluster(port.port));
    if port.protocol.is_http2() {
        protocol::http2(&mut cluster, None);
    } else if port.protocol == AppProtocol::Auto {
        protocol::as_downstream(&mut cluster);
    }
    let services = port.services.iter().map(|s| service_ref(s.host.as_str(), &s.name, &s.namespace));
    cluster.metadata = provenance::with_fields(origins, [("services", provenance::list(services.collect()))]);
    cluster
}

fn original_dst(scope: &Scope<'_>, name: String) -> pb::Cluster {
    let mut cluster = pb::Cluster {
        name,
        connect_timeout: Some(encode::duration(scope.config().connect_timeout)),
        cluster_discovery_type: kind(pb::cluster::DiscoveryType::OriginalDst),
        lb_policy: pb::cluster::LbPolicy::ClusterProvided.into(),
        ..Default::default()
    };
    pool::apply(&mut cluster, None, scope.config());
    cluster
}

/// Ports that the mesh carries.
fn carried_ports(service: &Service) -> impl Iterator<Item = &ServicePort> {
    service.ports.iter().filter(|port| port.protocol != AppProtocol::Udp)
}

/// Subsets of a rule; the first of a name counts.
fn subsets(rule: &DestinationRule) -> impl Iterator<Item = &Subset> {
    let first = |name: &str| rule.subsets.iter().position(|subset| &*subset.name == name);
    rule.subsets.iter().enumerate().filter(move |(at, s)| first(&s.name) == Some(*at)).map(|(_, s)| s)
}

/// How a cluster finds its endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Discovery {
    Eds,
    StrictDns,
    LogicalDns,
    OriginalDst,
}

/// What one outbound cluster stands for.
struct Target<'a> {
    service: &'a Service,
    port: &'a ServicePort,
    subset: Option<&'a Subset>,
    policy: Policy<'a>,
}

impl Target<'_> {
    fn name(&self) -> String {
        let subset = self.subset.map_or("", |subset| &*subset.name);
        names::outbound_cluster(self.port.number, subset, self.service.host.as_str())
    }

    fn balancer(&self) -> SimpleLoadBalancer {
        self.policy.load_balancer.and_then(|lb| lb.simple).unwrap_or(SimpleLoadBalancer::Unspecified)
    }

    fn discovery(&self, scope: &Scope<'_>) -> Discovery {
        if self.balancer() == SimpleLoadBalancer::Passthrough {
            return Discovery::OriginalDst;
        }
        match self.service.resolution {
            Resolution::Static => Discovery::Eds,
            Resolution::Dns => Discovery::StrictDns,
            Resolution::DnsRoundRobin => Discovery::LogicalDns,
            Resolution::None | Resolution::DynamicDns if scope.is_gateway() => Discovery::Eds,
            Resolution::None | Resolution::DynamicDns => Discovery::OriginalDst,
        }
    }

    fn build(&self, scope: &Scope<'_>, origins: &[ResourceKey]) -> (Compiled, Option<Compiled>) {
        let name = self.name();
        let service = service_ref(self.service.host.as_str(), &self.service.name, &self.service.namespace);
        let mut cluster = pb::Cluster {
            name: name.clone(),
            metadata: provenance::with_fields(origins, [("services", provenance::list(vec![service]))]),
            lb_policy: lb_policy(self.balancer()).into(),
            ..Default::default()
        };
        pool::apply(&mut cluster, self.policy.connection_pool, scope.config());
        protocol::apply(&mut cluster, self.port.protocol, self.policy.connection_pool, scope.is_gateway());
        let discovery = self.discovery(scope);
        let mut endpoints = None;
        match discovery {
            Discovery::Eds => {
                cluster.cluster_discovery_type = kind(pb::cluster::DiscoveryType::Eds);
                cluster.eds_cluster_config = Some(pb::cluster::EdsClusterConfig {
                    eds_config: Some(ads()),
                    service_name: name.clone(),
                });
                endpoints = Some(self.endpoints(scope));
            }
            Discovery::OriginalDst => {
                cluster.cluster_discovery_type = kind(pb::cluster::DiscoveryType::OriginalDst);
                cluster.lb_policy = pb::cluster::LbPolicy::ClusterProvided.into();
            }
            Discovery::StrictDns | Discovery::LogicalDns => self.resolve(scope, discovery, &mut cluster),
        }
        let mut compiled = encode::resource(&name, &cluster, origins);
        compiled.has_endpoints = endpoints.is_some();
        (compiled, endpoints)
    }

    fn endpoints(&self, scope: &Scope<'_>) -> Compiled {
        let name = self.name();
        let known = scope.endpoints(self.service);
        let chosen: Vec<_> =
            endpoints::of_port(known, self.port.number, self.subset.map(|subset| &subset.labels)).collect();
        let origins: Vec<ResourceKey> = chosen.iter().map(|endpoint| endpoint.workload.clone()).collect();
        let assignment = endpoints::assignment(&name, chosen.into_iter(), &scope.config().trust_domain);
        encode::resource(&name, &assignment, &origins)
    }

    /// Fills in what the proxy resolves itself. A LOGICAL_DNS cluster must have exactly one name.
    // The fields for DNS moved to an extension of their own only lately; these are what every Envoy
    // of the last years reads.
    #[allow(deprecated)]
    fn resolve(&self, scope: &Scope<'_>, discovery: Discovery, cluster: &mut pb::Cluster) {
        let known = scope.endpoints(self.service);
        let mut names: Vec<_> =
            endpoints::of_port(known, self.port.number, self.subset.map(|subset| &subset.labels)).collect();
        let discovery = match discovery {
            Discovery::LogicalDns if !names.is_empty() => {
                names.truncate(1);
                pb::cluster::DiscoveryType::LogicalDns
            }
            _ => pb::cluster::DiscoveryType::StrictDns,
        };
        cluster.cluster_discovery_type = kind(discovery);
        cluster.load_assignment =
            Some(endpoints::assignment(&cluster.name, names.into_iter(), &scope.config().trust_domain));
        cluster.dns_refresh_rate = Some(encode::duration(scope.config().dns_refresh_rate));
        cluster.respect_dns_ttl = true;
        cluster.dns_lookup_family = match scope.view.families {
            Families::V4 => pb::cluster::DnsLookupFamily::V4Only,
            Families::V6 => pb::cluster::DnsLookupFamily::V6Only,
            Families::Both { .. } => pb::cluster::DnsLookupFamily::All,
        }
        .into();
    }
}

fn lb_policy(balancer: SimpleLoadBalancer) -> pb::cluster::LbPolicy {
    match balancer {
        SimpleLoadBalancer::Unspecified
        | SimpleLoadBalancer::LeastConn
        | SimpleLoadBalancer::LeastRequest => pb::cluster::LbPolicy::LeastRequest,
        SimpleLoadBalancer::Random => pb::cluster::LbPolicy::Random,
        SimpleLoadBalancer::RoundRobin => pb::cluster::LbPolicy::RoundRobin,
        SimpleLoadBalancer::Passthrough => pb::cluster::LbPolicy::ClusterProvided,
    }
}

fn kind(discovery: pb::cluster::DiscoveryType) -> Option<pb::cluster::ClusterDiscoveryType> {
    Some(pb::cluster::ClusterDiscoveryType::Type(discovery.into()))
}

fn service_ref(host: &str, name: &str, namespace: &str) -> Value {
    provenance::object([
        ("host", provenance::text(host)),
        ("name", provenance::text(name)),
        ("namespace", provenance::text(namespace)),
    ])
}

/// From the control plane, over the stream that everything comes on.
pub(crate) fn ads() -> core::ConfigSource {
    core::ConfigSource {
        resource_api_version: core::ApiVersion::V3.into(),
        config_source_specifier: Some(core::config_source::ConfigSourceSpecifier::Ads(
            core::AggregatedConfigSource {},
        )),
        ..Default::default()
    }
}
