//! Several objects for one host: who owns it, whose endpoints count, and who is told.

use outrigger_api::{EntryResolution, Location};
use outrigger_base::{AppProtocol, Kind};

use super::build::{Ask, at, entry, entry_port, inline, key, mesh_of, service, snapshot_of, vm};
use crate::{Registry, Resolution};

const HOST: &str = "test.internal.com";
const SVC: &str = "a.ns.svc.cluster.local";

#[test]
fn kubernetes_owns_the_host_whatever_the_age() {
    let snapshot = snapshot_of([
        service("ns", "a", |meta, _| meta.creation_timestamp = at(100)),
        entry("ns", "se", SVC, |_, spec| {
            spec.ports = vec![entry_port("http", 80, "TCP"), entry_port("admin", 9000, "HTTP")];
            spec.workload_selector = None;
            spec.endpoints = vec![inline("10.0.0.9")];
            spec.location = Some(Location::MeshExternal);
            spec.addresses = vec!["10.1.1.1".into()];
        }),
        vm("ns", "vm", "10.0.0.1", |_, _| ()),
    ]);
    let service = snapshot.the_service(SVC, "ns");
    assert_eq!((service.registry, service.mesh_external), (Registry::Kubernetes, false));
    assert_eq!(service.ports.len(), 1);
    assert_eq!(service.ports[0].protocol, AppProtocol::Http);
    assert!(service.addresses.iter().all(|address| address.allotted));
    assert_eq!(snapshot.places(SVC, "ns", 80), ["10.0.0.9:80", "10.0.0.1:80"]);
    let findings = snapshot.findings();
    assert_eq!(findings.len(), 4);
    assert!(
        findings
            .iter()
            .all(|f| f.contains("[OUT0006] ServiceEntry/ns/se") && f.contains("Service/ns/a owns"))
    );
    for field in ["spec.addresses", "spec.location", "spec.ports[0].protocol", "spec.ports[1]:"] {
        assert!(findings.iter().any(|finding| finding.contains(field)), "{field}: {findings:#?}");
    }
}

#[test]
fn a_service_of_another_namespace_is_no_competitor() {
    let snapshot = snapshot_of([
        service("ns", "a", |_, _| ()),
        entry("other", "se", SVC, |_, spec| spec.ports = vec![entry_port("x", 9, "TCP")]),
    ]);
    assert_eq!(snapshot.services.all.len(), 2);
    assert_eq!(snapshot.findings(), [""; 0]);
}

#[test]
fn the_oldest_entry_owns_the_host_and_endpoints_of_all_count() {
    let snapshot = snapshot_of([
        entry("ns", "a-younger", HOST, |meta, spec| {
            meta.creation_timestamp = at(200);
            spec.resolution = Some(EntryResolution::Dns);
            spec.workload_selector = None;
            spec.endpoints = vec![inline("10.0.0.2"), inline("b.example")];
        }),
        entry("ns", "b-older", HOST, |meta, spec| {
            meta.creation_timestamp = at(100);
            spec.workload_selector = None;
            spec.endpoints = vec![inline("10.0.0.1")];
        }),
    ]);
    let service = snapshot.the_service(HOST, "ns");
    assert_eq!((service.resolution, service.created), (Resolution::Static, at(100)));
    // The owner's resolution cannot resolve names.
    assert_eq!(snapshot.places(HOST, "ns", 80), ["10.0.0.2:80", "10.0.0.1:80"]);
    assert_eq!(
        snapshot.findings(),
        [
            "warning[OUT0006] ServiceEntry/ns/a-younger spec.resolution: ServiceEntry/ns/b-older owns the host \
          test.internal.com: this resolution has no effect"
        ]
    );
}

#[test]
fn without_age_the_first_by_name_owns_the_host() {
    let snapshot = snapshot_of([
        entry("ns", "b", HOST, |_, spec| spec.location = Some(Location::MeshExternal)),
        entry("ns", "a", HOST, |_, _| ()),
    ]);
    assert_eq!(&*snapshot.the_service(HOST, "ns").origins[0].name, "a");
}

#[test]
fn entries_that_agree_share_ports_and_addresses() {
    let snapshot = snapshot_of([
        entry("ns", "a", HOST, |_, spec| spec.addresses = vec!["10.1.0.1".into()]),
        entry("ns", "b", HOST, |_, spec| {
            spec.ports = vec![entry_port("http", 81, "TCP"), entry_port("http", 80, "HTTP")];
            spec.addresses = vec!["10.1.0.2".into()];
        }),
        vm("ns", "vm", "10.0.0.1", |_, spec| spec.ports = [("http".into(), 8080)].into()),
    ]);
    let service = snapshot.the_service(HOST, "ns");
    assert_eq!(service.ports.iter().map(|port| port.number).collect::<Vec<_>>(), [80, 81]);
    assert_eq!(service.addresses.len(), 2);
    assert_eq!(snapshot.places(HOST, "ns", 81), ["10.0.0.1:8080"]);
    assert_eq!(snapshot.findings(), [""; 0]);
}

#[test]
fn entries_that_disagree_lose_their_further_ports() {
    let mut mesh = mesh_of([
        entry("ns", "a", HOST, |_, _| ()),
        entry("ns", "b", HOST, |_, spec| {
            spec.ports = vec![entry_port("other", 81, "HTTP"), entry_port("http", 8080, "HTTP")];
            spec.workload_selector = None;
            spec.endpoints = vec![inline("10.0.0.2")];
        }),
    ]);
    let snapshot = mesh.snapshot();
    assert_eq!(snapshot.the_service(HOST, "ns").ports.len(), 1);
    // A port of the same name feeds the owner's, under its own number.
    assert_eq!(snapshot.places(HOST, "ns", 80), ["10.0.0.2:8080"]);
    assert_eq!(snapshot.findings().len(), 1);
    assert!(snapshot.findings()[0].contains("ServiceEntry/ns/b spec.ports[0]: ServiceEntry/ns/a owns"));
    mesh.delete_one(key(Kind::SERVICE_ENTRY, "ns", "a"));
    let snapshot = mesh.snapshot();
    assert_eq!(snapshot.places(HOST, "ns", 81), ["10.0.0.2:81"]);
    assert_eq!(snapshot.findings(), [""; 0], "who lost is told no more once the winner is gone");
}
