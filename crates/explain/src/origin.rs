//! From the name of an origin to the proxy that sees its requests.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use outrigger_api::Resource;
use outrigger_base::{Kind, Labels, Locality, ResourceKey, Selector};
use outrigger_compile::{Proxy, Role};
use outrigger_mesh::Workload;

use crate::ExplainError;
use crate::explanation::{Stage, Step};
use crate::manifests::ProxyHost;
use crate::request::{Origin, WorkloadName};
use crate::scene::Scene;

/// The address of callers of whom nothing is known (RFC 5737, for documentation).
const SOMEBODY: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// The proxy that decides, and how it was found.
pub(crate) struct Vantage {
    pub(crate) proxy: Proxy,
    /// The workload that it stands beside, if it is one.
    pub(crate) workload: Option<Arc<Workload>>,
    pub(crate) step: Step,
    pub(crate) warnings: Vec<String>,
}

impl Vantage {
    pub(crate) fn is_gateway(&self) -> bool {
        self.proxy.role == Role::Gateway
    }

    /// An address of the proxy's workload.
    pub(crate) fn ip(&self) -> IpAddr {
        self.proxy.ips.first().copied().unwrap_or(SOMEBODY)
    }
}

pub(crate) fn find(scene: &Scene<'_>, origin: &Origin) -> Result<Vantage, ExplainError> {
    match origin {
        Origin::Workload(name) => workload(scene, name),
        Origin::Gateway { namespace, name } => gateway(scene, namespace, name),
        Origin::Proxy(written) => {
            let role = if written.gateway { Role::Gateway } else { Role::Sidecar };
            let mut found = Found::new(role, &written.namespace, "proxy");
            found.labels = written.labels.clone();
            found.ips = written.addresses.clone();
            Ok(found.vantage(scene, "it is as the command line says"))
        }
    }
}

fn workload(scene: &Scene<'_>, wanted: &WorkloadName) -> Result<Vantage, ExplainError> {
    let kinds = [Kind::POD, Kind::DEPLOYMENT, Kind::WORKLOAD_ENTRY];
    let asked = |kind: &Kind| wanted.kind.as_ref().is_none_or(|name| name == kind.kind);
    let key = |kind: Kind| ResourceKey::new(kind, &*wanted.namespace, &*wanted.name);
    let mut candidates: Vec<ResourceKey> =
        kinds.into_iter().filter(asked).map(key).filter(|key| scene.manifests.get(key).is_some()).collect();
    // A pod that bears the name of its own Deployment means the same workload.
    if let [pod, deployment, ..] = &candidates[..]
        && pod.kind == Kind::POD
        && pods_of(scene, deployment).iter().any(|workload| workload.key == *pod)
    {
        candidates.remove(1);
    }
    let host = || {
        let named = |host: &&ProxyHost| *host.namespace == *wanted.namespace && *host.name == *wanted.name;
        scene.manifests.hosts(false).find(named).filter(|_| wanted.kind.is_none())
    };
    match &candidates[..] {
        [] => match host() {
            Some(host) => {
                Ok(Found::on(Role::Sidecar, host).vantage(scene, "the scenario has a host beside it"))
            }
            None => Err(unknown(scene, wanted)),
        },
        [only] if only.kind == Kind::DEPLOYMENT => Ok(deployment(scene, only)),
        [only] => Ok(running(scene, only)),
        several => Err(ExplainError::AmbiguousOrigin {
            name: format!("{}/{}", wanted.namespace, wanted.name),
            candidates: several.iter().map(ResourceKey::to_string).collect(),
        }),
    }
}

fn unknown(scene: &Scene<'_>, wanted: &WorkloadName) -> ExplainError {
    let kind = wanted.kind.as_deref().unwrap_or("Pod, Deployment or WorkloadEntry");
    let mut known: Vec<String> = scene
        .manifests
        .resources()
        .map(Resource::key)
        .filter(|key| [Kind::POD, Kind::DEPLOYMENT, Kind::WORKLOAD_ENTRY].contains(&key.kind))
        .map(|key| key.to_string())
        .collect();
    known.truncate(10);
    let hint = if known.is_empty() { String::new() } else { format!("; there are {}", known.join(", ")) };
    ExplainError::UnknownOrigin { wanted: format!("{kind} {}/{}", wanted.namespace, wanted.name), hint }
}

/// The sidecar of a Pod or WorkloadEntry.
fn running(scene: &Scene<'_>, key: &ResourceKey) -> Vantage {
    let mut found = Found::new(Role::Sidecar, &key.namespace, &key.name);
    found.object = Some(key.clone());
    if let Some(workload) = scene.mesh.workload(key) {
        found.take(workload);
    }
    found.vantage(scene, "it stands beside the workload")
}

/// The sidecar of a Deployment's first pod; without one, that of a pod that could be.
fn deployment(scene: &Scene<'_>, key: &ResourceKey) -> Vantage {
    let pods = pods_of(scene, key);
    let mut found = Found::new(Role::Sidecar, &key.namespace, &key.name);
    found.object = Some(key.clone());
    if let Some(pod) = pods.first() {
        found.take(pod);
        found.name = pod.key.name.clone();
        let why = format!("it stands beside {}, the first pod of {key}", pod.key);
        return found.vantage(scene, &why);
    }
    if let Some(Resource::Deployment(object)) = scene.manifests.get(key) {
        found.labels = object.spec.template.metadata.labels.clone();
    }
    let mut vantage = found.vantage(scene, "it would stand beside a pod of the template");
    vantage.warnings.push(format!("{key} has no pods, so its workload has no address and serves nothing"));
    vantage
}

fn pods_of(scene: &Scene<'_>, deployment: &ResourceKey) -> Vec<Arc<Workload>> {
    let mut pods: Vec<Arc<Workload>> = scene
        .mesh
        .workloads
        .iter()
        .filter(|w| {
            w.is_pod() && w.key.namespace == deployment.namespace && w.workload_name == deployment.name
        })
        .cloned()
        .collect();
    pods.sort_by(|a, b| a.key.cmp(&b.key));
    pods
}

/// A gateway: a machine that runs one, a Gateway object, or a workload.
fn gateway(scene: &Scene<'_>, namespace: &str, name: &str) -> Result<Vantage, ExplainError> {
    let host = scene.manifests.hosts(true).find(|h| h.namespace == namespace && h.name == name);
    if let Some(host) = host {
        return Ok(Found::on(Role::Gateway, host).vantage(scene, "the scenario has a host that runs it"));
    }
    let key = |kind: Kind| ResourceKey::new(kind, namespace, name);
    if let Some(Resource::Gateway(object)) = scene.manifests.get(&key(Kind::GATEWAY)) {
        return Ok(of_gateway_object(scene, &key(Kind::GATEWAY), &object.spec.selector));
    }
    let pod = scene.mesh.workload(&key(Kind::POD)).cloned();
    let deployed = || pods_of(scene, &key(Kind::DEPLOYMENT)).into_iter().next();
    if let Some(workload) = pod.or_else(deployed) {
        let mut found = Found::new(Role::Gateway, namespace, &workload.key.name);
        found.object = Some(workload.key.clone());
        found.take(&workload);
        return Ok(found.vantage(scene, "the workload runs it"));
    }
    if let Some(Resource::Deployment(object)) = scene.manifests.get(&key(Kind::DEPLOYMENT)) {
        let mut found = Found::new(Role::Gateway, namespace, name);
        found.object = Some(key(Kind::DEPLOYMENT));
        found.labels = object.spec.template.metadata.labels.clone();
        return Ok(found.vantage(scene, "a pod of the template would run it"));
    }
    let known: Vec<String> = scene.mesh.gateways.iter().map(|g| g.key.to_string()).collect();
    let hint = if known.is_empty() { String::new() } else { format!("; there are {}", known.join(", ")) };
    Err(ExplainError::UnknownOrigin { wanted: format!("gateway {namespace}/{name}"), hint })
}

/// The proxies that a Gateway selects: a machine or pod that carries the labels, else one that would.
fn of_gateway_object(scene: &Scene<'_>, key: &ResourceKey, selector: &Selector) -> Vantage {
    if let Some(host) = scene.manifests.hosts(true).find(|host| selector.matches(&host.labels)) {
        let mut found = Found::on(Role::Gateway, host);
        found.object = Some(key.clone());
        return found.vantage(scene, "the Gateway selects it");
    }
    let selects = |labels: &Labels| !selector.is_empty() && selector.matches(labels);
    let mut pods: Vec<_> =
        scene.mesh.workloads.iter().filter(|w| w.is_pod() && selects(&w.labels)).cloned().collect();
    pods.sort_by(|a, b| a.key.cmp(&b.key));
    if let Some(pod) = pods.first() {
        let mut found = Found::new(Role::Gateway, &pod.key.namespace, &pod.key.name);
        found.object = Some(key.clone());
        found.take(pod);
        return found.vantage(scene, "the Gateway selects it");
    }
    let deployment = scene.manifests.resources().find_map(|resource| match resource {
        Resource::Deployment(object) if selects(&object.spec.template.metadata.labels) => Some(object),
        _ => None,
    });
    let (namespace, labels) = match deployment {
        Some(object) => (object.meta.namespace.clone(), object.spec.template.metadata.labels.clone()),
        None => (scene.mesh.config.root_namespace.clone(), selector.labels().clone()),
    };
    let mut found = Found::new(Role::Gateway, &namespace, &key.name);
    found.object = Some(key.clone());
    found.labels = labels;
    let why = match deployment {
        Some(_) => "the Gateway selects the pods of its Deployment".to_string(),
        None => format!("nothing carries the labels that the Gateway selects; taken to run in {namespace}"),
    };
    found.vantage(scene, &why)
}

/// What was found of a proxy.
struct Found {
    role: Role,
    namespace: Arc<str>,
    name: Arc<str>,
    labels: Labels,
    ips: Vec<IpAddr>,
    locality: Locality,
    workload: Option<Arc<Workload>>,
    object: Option<ResourceKey>,
}

impl Found {
    fn new(role: Role, namespace: &str, name: &str) -> Found {
        Found {
            role,
            namespace: namespace.into(),
            name: name.into(),
            labels: Labels::default(),
            ips: Vec::new(),
            locality: Locality::default(),
            workload: None,
            object: None,
        }
    }

    fn on(role: Role, host: &ProxyHost) -> Found {
        let mut found = Found::new(role, &host.namespace, &host.name);
        found.labels = host.labels.clone();
        found.ips = host.addresses.clone();
        found.locality = host.locality.clone();
        found
    }

    fn take(&mut self, workload: &Arc<Workload>) {
        self.labels = (*workload.labels).clone();
        self.ips = workload.ips.clone();
        self.locality = (*workload.locality).clone();
        self.workload = Some(workload.clone());
    }

    fn vantage(self, scene: &Scene<'_>, why: &str) -> Vantage {
        let Found { role, namespace, name, labels, ips, locality, workload, object } = self;
        let kind = match role {
            Role::Sidecar => "sidecar",
            Role::Gateway => "router",
        };
        let ip = ips.first().map_or_else(|| SOMEBODY.to_string(), IpAddr::to_string);
        let domain: Arc<str> = format!("{namespace}.svc.{}", scene.domain()).into();
        let id: Arc<str> = format!("{kind}~{ip}~{name}.{namespace}~{domain}").into();
        let mut warnings = Vec::new();
        if let Some(workload) = &workload
            && scene.manifests.is_plain(&workload.key)
        {
            warnings.push(format!("no proxy stands beside {}; this is what one would do", workload.key));
        }
        let (cluster, network) = match &workload {
            Some(workload) => (workload.cluster.clone(), workload.network.clone()),
            None => (scene.setting.cluster.clone(), scene.setting.network.clone()),
        };
        let step = Step::new(Stage::Proxy, Some(id.to_string()), why).by(object.as_slice());
        let proxy = Proxy { id, role, name, namespace, ips, labels, locality, cluster, network, domain };
        Vantage { proxy, workload, step, warnings }
    }
}
