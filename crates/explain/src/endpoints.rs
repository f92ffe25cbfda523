//! What a cluster does with its share of all requests.

use std::net::{IpAddr, SocketAddr};

use outrigger_base::{Host, ResourceKey};
use outrigger_mesh::{Endpoint as MeshEndpoint, EndpointHealth};
use outrigger_traffic::{Balancer, Cluster, Discovery, DnsOptions, EndpointSet};

use crate::bound::Bound;
use crate::explanation::{ClusterShare, EndpointShare, OutcomeKind, Rejected, Stage, Step};
use crate::rivals;

/// Clusters that compile makes for what nobody knows (istio: pilot/pkg/networking/util).
const PASSTHROUGH: [&str; 2] = ["PassthroughCluster", "InboundPassthroughCluster"];
const BLACK_HOLE: &str = "BlackHoleCluster";

/// A cluster that gets a share.
pub(crate) struct Target<'a> {
    pub(crate) bound: &'a Bound<'a>,
    pub(crate) name: &'a str,
    /// A fraction of all requests.
    pub(crate) share: f64,
    /// It is one of several.
    pub(crate) several: bool,
}

/// What becomes of the share, and the steps that say why.
pub(crate) fn share(target: &Target<'_>) -> (ClusterShare, Vec<Step>) {
    let part = if target.several {
        format!("{} of all requests go to it", percent(target.share))
    } else {
        "all requests go to it".to_string()
    };
    let result = |outcome, endpoints| ClusterShare {
        name: target.name.to_string(),
        share: target.share,
        outcome,
        endpoints,
    };
    let Some(entry) = target.bound.loaded.traffic.clusters.get(target.name) else {
        let why = format!("{part}, but the proxy has no such cluster");
        let step = Step::new(Stage::Cluster, Some(target.name.to_string()), why).instead_of(rivals(target));
        return (result(OutcomeKind::NoCluster, Vec::new()), vec![step]);
    };
    let cluster = &entry.cluster;
    let step = Step::new(Stage::Cluster, Some(target.name.to_string()), part)
        .by(&cluster.origins)
        .instead_of(rivals(target));
    if target.name == BLACK_HOLE {
        let why = "the destination is not known, and only what is known may be reached";
        return (
            result(OutcomeKind::Blackhole, Vec::new()),
            vec![step, Step::new(Stage::Endpoint, None, why)],
        );
    }
    let (endpoints, why) = match &cluster.discovery {
        Discovery::Eds(_) | Discovery::Static => of_set(target, cluster, &entry.endpoints.load()),
        Discovery::StrictDns(options) => of_names(target, options, "the proxy resolves the names itself"),
        Discovery::LogicalDns(options) => of_names(target, options, "the proxy resolves the name itself"),
        Discovery::OriginalDst => of_destination(target),
    };
    let outcome = match endpoints.is_empty() {
        true => OutcomeKind::NoEndpoint,
        false if PASSTHROUGH.contains(&target.name) => OutcomeKind::Passthrough,
        false => OutcomeKind::Forward,
    };
    let chosen = endpoints.iter().map(|e| join(&e.address, e.port)).collect::<Vec<_>>().join(", ");
    let chosen = (!endpoints.is_empty()).then_some(chosen);
    let rejected = rejected(target, &endpoints);
    let endpoint = Step::new(Stage::Endpoint, chosen, why).instead_of(rejected);
    let endpoint = endpoint.by(only_workload(target, cluster, &entry.endpoints.load()).as_slice());
    (result(outcome, endpoints), vec![step, endpoint])
}

fn of_set(target: &Target<'_>, cluster: &Cluster, set: &EndpointSet) -> (Vec<EndpointShare>, String) {
    let shares = set.shares();
    let endpoints: Vec<EndpointShare> = shares
        .iter()
        .map(|(index, part)| {
            let endpoint = &set.endpoints()[*index];
            EndpointShare {
                address: endpoint.address.ip().to_string(),
                port: endpoint.address.port(),
                share: target.share * part,
                workload: endpoint.workload.origin.as_ref().map(ResourceKey::to_string),
            }
        })
        .collect();
    let why = match (set.endpoints().len(), endpoints.len()) {
        (0, _) => "the cluster has no endpoints; requests are answered 503 (UH)".to_string(),
        (_, 0) => "none of its endpoints is healthy; requests are answered 503 (UH)".to_string(),
        (_, 1) => "it is the only endpoint".to_string(),
        (_, n) => format!("{n} endpoints take turns by their weights ({})", balancer(cluster.balancer)),
    };
    (endpoints, why)
}

fn balancer(balancer: Balancer) -> &'static str {
    match balancer {
        Balancer::RoundRobin => "round robin",
        Balancer::LeastRequest { .. } => "least request",
        Balancer::Random => "random",
        Balancer::ClusterProvided => "as the cluster says",
    }
}

fn of_names(target: &Target<'_>, options: &DnsOptions, why: &str) -> (Vec<EndpointShare>, String) {
    let lowest = options.targets.iter().map(|name| name.priority).min();
    let names: Vec<_> = options.targets.iter().filter(|name| Some(name.priority) == lowest).collect();
    let total: f64 = names.iter().map(|name| f64::from(name.weight)).sum();
    let endpoints = names
        .iter()
        .map(|name| EndpointShare {
            address: name.host.to_string(),
            port: name.port,
            share: target.share * f64::from(name.weight) / total,
            workload: name.workload.origin.as_ref().map(ResourceKey::to_string),
        })
        .collect::<Vec<_>>();
    let none = "there is no name to resolve; requests are answered 503 (UH)";
    let why = if endpoints.is_empty() { none } else { why };
    (endpoints, why.to_string())
}

fn of_destination(target: &Target<'_>) -> (Vec<EndpointShare>, String) {
    let SocketDisplay { address, workload } = show(target.bound);
    let endpoint =
        EndpointShare { address, port: target.bound.destination.port(), share: target.share, workload };
    (vec![endpoint], "it is where the caller wanted to go".to_string())
}

struct SocketDisplay {
    address: String,
    workload: Option<String>,
}

fn show(bound: &Bound<'_>) -> SocketDisplay {
    let ip = bound.destination.ip();
    let workload = bound.scene.mesh.workloads_at(ip).first().map(|workload| workload.key.to_string());
    SocketDisplay { address: bound.shown.map_or_else(|| ip.to_string(), str::to_string), workload }
}

/// The object behind the only endpoint.
fn only_workload(target: &Target<'_>, cluster: &Cluster, set: &EndpointSet) -> Option<ResourceKey> {
    if cluster.discovery == Discovery::OriginalDst {
        let here = target.bound.scene.mesh.workloads_at(target.bound.destination.ip());
        return here.first().map(|workload| workload.key.clone());
    }
    match set.usable() {
        [only] => set.endpoints()[*only as usize].workload.origin.clone(),
        _ => None,
    }
}

/// Objects that wanted to decide about the cluster.
fn rivals(target: &Target<'_>) -> Vec<Rejected> {
    let Some((_, _, host)) = outbound(target.name) else { return Vec::new() };
    let mesh = &target.bound.scene.mesh;
    let service = mesh.service(&host, &target.bound.proxy.namespace);
    service.map(|service| rivals::of_service(target.bound, service)).unwrap_or_default()
}

/// Port, subset and host of an outbound cluster.
fn outbound(name: &str) -> Option<(u16, &str, Host)> {
    let mut parts = name.strip_prefix("outbound|")?.splitn(3, '|');
    let (port, subset, host) = (parts.next()?, parts.next()?, parts.next()?);
    Some((port.parse().ok()?, subset, Host::parse(host).ok()?))
}

/// Endpoints of the same service that are not in the cluster, and why: not of its subset, or going away.
fn rejected(target: &Target<'_>, chosen: &[EndpointShare]) -> Vec<Rejected> {
    let Some((port, subset, host)) = outbound(target.name) else { return Vec::new() };
    let bound = target.bound;
    let Some(service) = bound.scene.mesh.service(&host, &bound.proxy.namespace) else { return Vec::new() };
    let is_chosen = |endpoint: &MeshEndpoint| {
        let address = endpoint.address.ip().map(|ip| ip.to_string());
        chosen.iter().any(|c| address.as_ref() == Some(&c.address) && c.port == endpoint.port)
    };
    let all = bound.scene.mesh.endpoints(&service.key()).clone();
    let left = all.of_port(port).iter().filter(|endpoint| !is_chosen(endpoint));
    left.filter_map(|endpoint| {
        let ip = endpoint.address.ip()?;
        let why = match endpoint.health {
            EndpointHealth::Terminating => "it is going away".to_string(),
            EndpointHealth::Ready if !subset.is_empty() => {
                let labels: Vec<String> = endpoint.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
                format!("it is not of subset {subset}; its labels are {}", labels.join(", "))
            }
            EndpointHealth::Ready => return None,
        };
        Some(Rejected {
            candidate: format!("{} {}", endpoint.workload, SocketAddr::new(ip, endpoint.port)),
            why,
        })
    })
    .collect()
}

/// An address or name with its port.
pub(crate) fn join(address: &str, port: u16) -> String {
    match address.parse::<IpAddr>() {
        Ok(ip) => SocketAddr::new(ip, port).to_string(),
        Err(_) => format!("{address}:{port}"),
    }
}

/// A fraction as people read it.
pub(crate) fn percent(share: f64) -> String {
    let text = format!("{:.2}", share * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}
