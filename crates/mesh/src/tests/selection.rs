//! Which workloads become endpoints of which service.

use outrigger_api::EntryResolution;
use outrigger_base::Kind;

use super::build::{
    Ask, entry, entry_port, key, labels, mesh_of, pod, select, service, service_port, snapshot_of, targeted,
    vm,
};

const HELLO: &str = "hello2-svc.pod-vm-hello.svc.cluster.local";
const NS: &str = "pod-vm-hello";

/// The objects of the scenario vm-and-pod: Service and ServiceEntry of one host, a pod and a VM.
fn vm_and_pod() -> Vec<outrigger_api::Resource> {
    let app = [("app", "hello2-deploy")];
    vec![
        service(NS, "hello2-svc", |_, spec| {
            spec.ports = vec![service_port("http", 8001)];
            spec.selector = select(&app);
        }),
        entry(NS, "mesh-expansion-hello2-svc", HELLO, |_, spec| {
            spec.ports = vec![entry_port("http", 8001, "HTTP")];
            spec.workload_selector.as_mut().unwrap().labels = select(&app);
        }),
        vm(NS, "vm1", "192.168.0.170", |_, spec| {
            spec.labels = labels(&[("app", "hello2-deploy"), ("class", "vm"), ("version", "v1")]);
        }),
        pod(NS, "hello2", "172.18.1.97", |pod| pod.meta.labels = labels(&app)),
    ]
}

#[test]
fn an_endpoint_that_service_and_service_entry_both_reach_counts_once() {
    let snapshot = snapshot_of(vm_and_pod());
    assert_eq!(snapshot.places(HELLO, NS, 8001), ["172.18.1.97:8001", "192.168.0.170:8001"]);
    let service = snapshot.the_service(HELLO, NS);
    let origins: Vec<String> = service.origins.iter().map(ToString::to_string).collect();
    assert_eq!(
        origins,
        ["Service/pod-vm-hello/hello2-svc", "ServiceEntry/pod-vm-hello/mesh-expansion-hello2-svc"]
    );
    assert_eq!(snapshot.services.all.len(), 1);
    assert_eq!(snapshot.findings(), [""; 0], "nobody lost anything");
}

#[test]
fn endpoints_stay_while_one_of_the_two_objects_stays() {
    let mut mesh = mesh_of(vm_and_pod());
    mesh.delete_one(key(Kind::SERVICE, NS, "hello2-svc"));
    let snapshot = mesh.snapshot();
    assert_eq!(snapshot.places(HELLO, NS, 8001), ["172.18.1.97:8001", "192.168.0.170:8001"]);
    mesh.delete_one(key(Kind::SERVICE_ENTRY, NS, "mesh-expansion-hello2-svc"));
    assert!(mesh.snapshot().services.all.is_empty());
    assert!(mesh.snapshot().endpoints_of(HELLO, NS).by_port.is_empty());
}

#[test]
fn a_workload_selector_takes_pods_and_workload_entries_of_its_namespace_only() {
    let snapshot = snapshot_of([
        entry("ns", "se", "test.internal.com", |_, _| ()),
        vm("ns", "vm1", "10.0.0.1", |_, _| ()),
        vm("other", "vm2", "10.0.0.2", |_, _| ()),
        vm("ns", "vm3", "10.0.0.3", |_, spec| spec.labels = labels(&[("app", "b")])),
        pod("ns", "pod", "10.0.0.4", |_| ()),
        pod("other", "pod", "10.0.0.5", |_| ()),
    ]);
    assert_eq!(snapshot.places("test.internal.com", "ns", 80), ["10.0.0.4:80", "10.0.0.1:80"]);
}

#[test]
fn metadata_labels_of_a_workload_entry_override_those_of_its_spec() {
    let snapshot = snapshot_of([
        entry("ns", "se", "test.internal.com", |_, _| ()),
        vm("ns", "vm1", "10.0.0.1", |meta, _| meta.labels = labels(&[("app", "b")])),
        vm("ns", "vm2", "10.0.0.2", |meta, spec| {
            spec.labels = labels(&[("app", "b"), ("version", "v1")]);
            meta.labels = labels(&[("app", "a")]);
        }),
    ]);
    assert_eq!(snapshot.places("test.internal.com", "ns", 80), ["10.0.0.2:80"]);
    let endpoints = snapshot.endpoints_of("test.internal.com", "ns");
    assert_eq!(endpoints.of_port(80)[0].labels.get("version"), Some("v1"));
}

#[test]
fn a_service_selects_workload_entries_too() {
    let named = |number| ("http".into(), number);
    let snapshot = snapshot_of([
        service("ns", "a", |_, spec| spec.ports = vec![targeted("http", 80, "8080")]),
        vm("ns", "plain", "10.0.0.1", |_, _| ()),
        vm("ns", "own-port", "10.0.0.2", |_, spec| spec.ports = [named(9000)].into()),
        vm("ns", "by-name", "backend.example.com", |_, _| ()),
        vm("other", "elsewhere", "10.0.0.3", |_, _| ()),
    ]);
    // The port of the Service's own port name, else the number that the Service says.
    assert_eq!(snapshot.places("a.ns.svc.cluster.local", "ns", 80), ["10.0.0.2:9000", "10.0.0.1:8080"]);
}

#[test]
fn a_target_port_by_name_needs_that_name_in_the_workload() {
    let snapshot = snapshot_of([
        service("ns", "a", |_, spec| spec.ports = vec![targeted("http", 80, "web")]),
        vm("ns", "without", "10.0.0.1", |_, spec| spec.ports = [("http".into(), 9000)].into()),
        vm("ns", "with", "10.0.0.2", |_, spec| spec.ports = [("web".into(), 9000)].into()),
        pod("ns", "pod", "10.0.0.3", |_| ()),
        pod("ns", "pod-without", "10.0.0.4", |pod| pod.spec.containers.clear()),
    ]);
    assert_eq!(snapshot.places("a.ns.svc.cluster.local", "ns", 80), ["10.0.0.3:8080", "10.0.0.2:9000"]);
    assert_eq!(snapshot.diagnostics.len(), 1);
    assert!(snapshot.findings()[0].contains("Pod/ns/pod-without has no port named 'web', like 1 more"));
}

#[test]
fn a_headless_service_selects_pods_only_and_says_so() {
    let snapshot = snapshot_of([
        service("ns", "a", |_, spec| spec.cluster_ip = Some("None".into())),
        vm("ns", "vm", "10.0.0.1", |_, _| ()),
        pod("ns", "pod", "10.0.0.2", |_| ()),
    ]);
    assert_eq!(snapshot.places("a.ns.svc.cluster.local", "ns", 80), ["10.0.0.2:80"]);
    assert!(snapshot.findings()[0].contains("WorkloadEntry/ns/vm is no endpoint of a headless service"));
}

#[test]
fn names_and_unix_sockets_belong_to_dns_entries_only() {
    let workloads = || {
        [
            vm("ns", "ip", "10.0.0.1", |_, _| ()),
            vm("ns", "name", "Backend.example.com.", |_, _| ()),
            vm("ns", "socket", "unix:///run/app.sock", |_, spec| spec.ports = [("http".into(), 1)].into()),
        ]
    };
    let with = |resolution| {
        let se = entry("ns", "se", "test.internal.com", |_, spec| spec.resolution = Some(resolution));
        snapshot_of(workloads().into_iter().chain([se])).places("test.internal.com", "ns", 80)
    };
    assert_eq!(with(EntryResolution::Static), ["10.0.0.1:80"]);
    let all = ["10.0.0.1:80", "backend.example.com:80", "unix:/run/app.sock"];
    assert_eq!(with(EntryResolution::Dns), all);
    assert_eq!(with(EntryResolution::DnsRoundRobin), all[..1]);
}

#[test]
fn a_selector_without_labels_takes_everything_in_an_entry_and_nothing_in_a_service() {
    let snapshot = snapshot_of([
        entry("ns", "se", "test.internal.com", |_, spec| {
            spec.workload_selector.as_mut().unwrap().labels = select(&[]);
        }),
        service("ns", "a", |_, spec| spec.selector = select(&[])),
        vm("ns", "vm", "10.0.0.1", |_, _| ()),
    ]);
    assert_eq!(snapshot.places("test.internal.com", "ns", 80), ["10.0.0.1:80"]);
    assert!(snapshot.places("a.ns.svc.cluster.local", "ns", 80).is_empty());
}

#[test]
fn a_changed_label_moves_a_workload_from_one_service_to_another() {
    let mut mesh = mesh_of([
        entry("ns", "a", "a.example", |_, _| ()),
        entry("ns", "b", "b.example", |_, spec| {
            spec.workload_selector.as_mut().unwrap().labels = select(&[("app", "b"), ("tier", "1")]);
        }),
        vm("ns", "vm", "10.0.0.1", |_, _| ()),
    ]);
    mesh.put(vm("ns", "vm", "10.0.0.1", |_, spec| spec.labels = labels(&[("app", "b"), ("tier", "1")])));
    assert!(mesh.snapshot().places("a.example", "ns", 80).is_empty());
    assert_eq!(mesh.snapshot().places("b.example", "ns", 80), ["10.0.0.1:80"]);
    mesh.delete_one(key(Kind::WORKLOAD_ENTRY, "ns", "vm"));
    assert!(mesh.snapshot().places("b.example", "ns", 80).is_empty());
}

#[test]
fn a_changed_selector_selects_anew() {
    let mut mesh = mesh_of([
        service("ns", "a", |_, spec| spec.selector = select(&[("app", "none")])),
        vm("ns", "vm", "10.0.0.1", |_, _| ()),
    ]);
    assert!(mesh.snapshot().places("a.ns.svc.cluster.local", "ns", 80).is_empty());
    mesh.put(service("ns", "a", |_, _| ()));
    assert_eq!(mesh.snapshot().places("a.ns.svc.cluster.local", "ns", 80), ["10.0.0.1:80"]);
}

#[test]
fn of_two_workloads_at_one_place_the_first_stays_but_a_ready_one_before_all() {
    let snapshot = snapshot_of([
        entry("ns", "se", "test.internal.com", |_, _| ()),
        vm("ns", "b", "10.0.0.1", |_, spec| spec.weight = Some(7)),
        vm("ns", "a", "10.0.0.1", |_, spec| spec.weight = Some(3)),
        pod("ns", "leaving", "10.0.0.1", |pod| pod.meta.deletion_timestamp = super::build::at(1)),
    ]);
    let endpoints = snapshot.endpoints_of("test.internal.com", "ns");
    let [endpoint] = endpoints.of_port(80) else { panic!("{endpoints:?}") };
    assert_eq!((&*endpoint.workload.name, endpoint.weight), ("a", 3));
}
