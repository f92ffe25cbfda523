//! Small builders of objects, and a mesh that answers questions in one line.

use std::sync::Arc;

use outrigger_api::{
    Change, Container, ContainerPort, DestinationRule, EntryResolution, Gateway, IntOrString, Location,
    MeshConfig, Meta, Object, OwnerReference, PodCondition, PodPhase, PodSpec, PodStatus, Resource,
    ServiceEntry, ServiceEntryPort, ServicePort, ServiceSpec, Subset, Timestamp, VirtualService,
    WorkloadEntry, WorkloadSelector,
};
use outrigger_base::{ClusterId, Diagnostic, Host, Kind, Labels, Network, ResourceKey, Selector};

use crate::{EndpointAddress, Mesh, Options, Service, ServiceEndpoints, ServiceKey, Snapshot, Touched};

pub(super) fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().copied().collect()
}

pub(super) fn select(pairs: &[(&str, &str)]) -> Selector {
    Selector::new(labels(pairs))
}

pub(super) fn host(name: &str) -> Host {
    Host::parse(name).unwrap()
}

pub(super) fn meta(namespace: &str, name: &str) -> Meta {
    Meta { name: name.into(), namespace: namespace.into(), ..Meta::default() }
}

/// Objects of later tests differ in few fields: this gives a closure a chance to set them.
pub(super) fn service(
    namespace: &str,
    name: &str,
    edit: impl FnOnce(&mut Meta, &mut ServiceSpec),
) -> Resource {
    let mut meta = meta(namespace, name);
    let mut spec = ServiceSpec {
        ports: vec![service_port("http", 80)],
        selector: select(&[("app", "a")]),
        ..ServiceSpec::default()
    };
    edit(&mut meta, &mut spec);
    Resource::Service(Arc::new(Object::new(meta, spec)))
}

pub(super) fn service_port(name: &str, port: u16) -> ServicePort {
    ServicePort { name: Some(name.into()), port, ..ServicePort::default() }
}

pub(super) fn targeted(name: &str, port: u16, target: &str) -> ServicePort {
    let target = match target.parse() {
        Ok(number) => IntOrString::Int(number),
        Err(_) => IntOrString::String(target.into()),
    };
    ServicePort { target_port: Some(target), ..service_port(name, port) }
}

/// A ServiceEntry of one host with port 80, resolution STATIC, inside the mesh, selecting `app: a`.
pub(super) fn entry(
    namespace: &str,
    name: &str,
    host: &str,
    edit: impl FnOnce(&mut Meta, &mut ServiceEntry),
) -> Resource {
    let mut meta = meta(namespace, name);
    let mut spec = ServiceEntry {
        hosts: vec![host.into()],
        ports: vec![entry_port("http", 80, "HTTP")],
        location: Some(Location::MeshInternal),
        resolution: Some(EntryResolution::Static),
        workload_selector: Some(WorkloadSelector { labels: select(&[("app", "a")]) }),
        ..ServiceEntry::default()
    };
    edit(&mut meta, &mut spec);
    Resource::ServiceEntry(Arc::new(Object::new(meta, spec)))
}

pub(super) fn entry_port(name: &str, number: u16, protocol: &str) -> ServiceEntryPort {
    ServiceEntryPort { number, name: name.into(), protocol: Some(protocol.into()), target_port: None }
}

/// A WorkloadEntry labelled `app: a`.
pub(super) fn vm(
    namespace: &str,
    name: &str,
    address: &str,
    edit: impl FnOnce(&mut Meta, &mut WorkloadEntry),
) -> Resource {
    let mut meta = meta(namespace, name);
    let mut spec = WorkloadEntry { labels: labels(&[("app", "a")]), ..inline(address) };
    edit(&mut meta, &mut spec);
    Resource::WorkloadEntry(Arc::new(Object::new(meta, spec)))
}

pub(super) fn inline(address: &str) -> WorkloadEntry {
    let address = Some(address.into()).filter(|_| !address.is_empty());
    WorkloadEntry { address, ..WorkloadEntry::default() }
}

pub(super) type Pod = Object<PodSpec, PodStatus>;

/// A running and ready pod labelled `app: a`, with a port `web` on 8080.
pub(super) fn pod(namespace: &str, name: &str, ip: &str, edit: impl FnOnce(&mut Pod)) -> Resource {
    let mut pod = Pod { meta: meta(namespace, name), ..Pod::default() };
    pod.meta.labels = labels(&[("app", "a")]);
    pod.spec.containers = vec![Container {
        name: "main".into(),
        ports: vec![container_port("web", 8080)],
        ..Container::default()
    }];
    pod.status.phase = Some(PodPhase::Running);
    pod.status.pod_ip = Some(ip.into());
    pod.status.conditions = vec![ready("True")];
    edit(&mut pod);
    Resource::Pod(Arc::new(pod))
}

pub(super) fn container_port(name: &str, container_port: u16) -> ContainerPort {
    ContainerPort { name: Some(name.into()), container_port, ..ContainerPort::default() }
}

pub(super) fn ready(status: &str) -> PodCondition {
    PodCondition { condition_type: "Ready".into(), status: status.into(), ..PodCondition::default() }
}

pub(super) fn owner(kind: &str, name: &str) -> OwnerReference {
    OwnerReference {
        kind: kind.into(),
        name: name.into(),
        controller: Some(true),
        ..OwnerReference::default()
    }
}

pub(super) fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp::from_unix(seconds))
}

pub(super) fn virtual_service(
    namespace: &str,
    name: &str,
    edit: impl FnOnce(&mut Meta, &mut VirtualService),
) -> Resource {
    let mut meta = meta(namespace, name);
    let mut spec = VirtualService { hosts: vec!["a".into()], ..VirtualService::default() };
    edit(&mut meta, &mut spec);
    Resource::VirtualService(Arc::new(Object::new(meta, spec)))
}

pub(super) fn gateway(namespace: &str, name: &str, edit: impl FnOnce(&mut Meta)) -> Resource {
    let mut meta = meta(namespace, name);
    edit(&mut meta);
    Resource::Gateway(Arc::new(Object::new(meta, Gateway::default())))
}

pub(super) fn destination_rule(
    namespace: &str,
    name: &str,
    host: &str,
    edit: impl FnOnce(&mut Meta, &mut DestinationRule),
) -> Resource {
    let mut meta = meta(namespace, name);
    let mut spec = DestinationRule { host: host.into(), ..DestinationRule::default() };
    edit(&mut meta, &mut spec);
    Resource::DestinationRule(Arc::new(Object::new(meta, spec)))
}

pub(super) fn subset(name: &str, version: &str) -> Subset {
    Subset { name: name.into(), labels: labels(&[("version", version)]), ..Subset::default() }
}

pub(super) fn service_key(host_name: &str, namespace: &str) -> ServiceKey {
    ServiceKey { host: host(host_name), namespace: namespace.into() }
}

pub(super) fn key(kind: Kind, namespace: &str, name: &str) -> ResourceKey {
    ResourceKey::new(kind, namespace, name)
}

pub(super) fn mesh_of(resources: impl IntoIterator<Item = Resource>) -> Mesh {
    let options = Options { cluster: ClusterId::new("Kubernetes"), network: Network::default() };
    let mut mesh = Mesh::new(MeshConfig::default(), options);
    mesh.apply(resources.into_iter().map(Change::Upsert).collect());
    mesh
}

pub(super) fn snapshot_of(resources: impl IntoIterator<Item = Resource>) -> Snapshot {
    mesh_of(resources).snapshot()
}

impl Mesh {
    pub(super) fn put(&mut self, resource: Resource) -> Touched {
        self.apply(vec![Change::Upsert(resource)])
    }

    pub(super) fn delete_one(&mut self, key: ResourceKey) -> Touched {
        self.apply(vec![Change::Delete(key)])
    }
}

/// What tests ask a snapshot.
pub(super) trait Ask {
    fn the_service(&self, host_name: &str, namespace: &str) -> Arc<Service>;
    fn endpoints_of(&self, host_name: &str, namespace: &str) -> Arc<ServiceEndpoints>;
    /// `address:port` of each endpoint of a port.
    fn places(&self, host_name: &str, namespace: &str, port: u16) -> Vec<String>;
    fn findings(&self) -> Vec<String>;
}

impl Ask for Snapshot {
    fn the_service(&self, host_name: &str, namespace: &str) -> Arc<Service> {
        self.services.get(&service_key(host_name, namespace)).expect("no such service").clone()
    }

    fn endpoints_of(&self, host_name: &str, namespace: &str) -> Arc<ServiceEndpoints> {
        self.endpoints(&service_key(host_name, namespace)).clone()
    }

    fn places(&self, host_name: &str, namespace: &str, port: u16) -> Vec<String> {
        let endpoints = self.endpoints_of(host_name, namespace);
        endpoints.of_port(port).iter().map(|endpoint| place(&endpoint.address, endpoint.port)).collect()
    }

    fn findings(&self) -> Vec<String> {
        self.diagnostics.iter().map(Diagnostic::to_string).collect()
    }
}

fn place(address: &EndpointAddress, port: u16) -> String {
    match address {
        EndpointAddress::Ip(ip) => format!("{ip}:{port}"),
        EndpointAddress::Name(name) => format!("{name}:{port}"),
        EndpointAddress::Unix(path) => format!("unix:{path}"),
    }
}
