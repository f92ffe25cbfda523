//! What is said to be touched is exactly what changed, and the rest stays the very same.

use std::sync::Arc;

use outrigger_base::{Kind, ResourceKey};

use super::build::{
    Ask, at, destination_rule, entry, entry_port, gateway, inline, key, labels, mesh_of, pod, ready, service,
    service_key, subset, virtual_service, vm,
};
use crate::{Mesh, Touched};

fn small_mesh() -> Mesh {
    mesh_of([
        service("ns", "a", |_, _| ()),
        entry("ns", "se", "test.internal.com", |_, _| ()),
        entry("other", "se", "other.example", |_, _| ()),
        vm("ns", "vm", "10.0.0.1", |_, _| ()),
        vm("other", "vm", "10.0.0.2", |_, _| ()),
        pod("ns", "p", "10.0.0.3", |_| ()),
        virtual_service("ns", "vs", |_, _| ()),
        destination_rule("ns", "dr", "a", |_, _| ()),
        gateway("ns", "gw", |_| ()),
    ])
}

fn vm_key() -> ResourceKey {
    key(Kind::WORKLOAD_ENTRY, "ns", "vm")
}

#[test]
fn what_is_applied_again_unchanged_touches_nothing() {
    let mut mesh = small_mesh();
    let before = mesh.snapshot();
    let again = [
        service("ns", "a", |meta, _| meta.resource_version = Some("2".into())),
        entry("ns", "se", "test.internal.com", |meta, _| meta.generation = Some(2)),
        vm("ns", "vm", "10.0.0.1", |meta, _| meta.resource_version = Some("3".into())),
        pod("ns", "p", "10.0.0.3", |pod| pod.meta.resource_version = Some("4".into())),
        virtual_service("ns", "vs", |meta, _| meta.resource_version = Some("5".into())),
        destination_rule("ns", "dr", "a", |meta, _| meta.resource_version = Some("6".into())),
        gateway("ns", "gw", |meta| meta.resource_version = Some("7".into())),
    ];
    for resource in again {
        let key = resource.key();
        assert_eq!(mesh.put(resource), Touched::default(), "{key}");
    }
    assert_eq!(mesh.delete_one(key(Kind::SERVICE, "ns", "unknown")), Touched::default());
    let after = mesh.snapshot();
    assert_eq!(after.version, before.version);
    assert!(Arc::ptr_eq(&after.services, &before.services));
    assert!(Arc::ptr_eq(&after.endpoints, &before.endpoints));
    assert!(Arc::ptr_eq(&after.workloads, &before.workloads));
    assert!(Arc::ptr_eq(&after.destination_rules, &before.destination_rules));
    assert!(Arc::ptr_eq(&after.virtual_services, &before.virtual_services));
}

#[test]
fn a_changed_workload_touches_the_endpoints_of_its_services_only() {
    let mut mesh = small_mesh();
    let before = mesh.snapshot();
    let touched = mesh.put(vm("ns", "vm", "10.0.0.1", |_, spec| spec.weight = Some(5)));
    let concerned = vec![service_key("a.ns.svc.cluster.local", "ns"), service_key("test.internal.com", "ns")];
    assert_eq!(touched, Touched { endpoints: concerned, workloads: vec![vm_key()], ..Touched::default() });
    let after = mesh.snapshot();
    assert_eq!(after.version, before.version + 1);
    assert!(Arc::ptr_eq(&after.services, &before.services));
    let other = service_key("other.example", "other");
    assert!(Arc::ptr_eq(after.endpoints(&other), before.endpoints(&other)));
    assert_eq!(
        before.endpoints_of("test.internal.com", "ns").of_port(80)[1].weight,
        1,
        "old ones stay as they were"
    );
}

#[test]
fn a_workload_that_nobody_selects_touches_only_itself() {
    let mut mesh = small_mesh();
    let touched = mesh.put(vm("ns", "loner", "10.0.0.9", |_, spec| spec.labels = labels(&[("app", "x")])));
    let loner = key(Kind::WORKLOAD_ENTRY, "ns", "loner");
    assert_eq!(touched, Touched { workloads: vec![loner], ..Touched::default() });
}

#[test]
fn a_pod_that_becomes_ready_touches_endpoints_and_one_that_stays_unready_does_not() {
    let mut mesh = small_mesh();
    let unready = |ip: &str| pod("ns", "q", ip, |pod| pod.status.conditions = vec![ready("False")]);
    assert!(mesh.put(unready("10.0.0.8")).endpoints.is_empty());
    assert_eq!(mesh.put(pod("ns", "q", "10.0.0.8", |_| ())).endpoints.len(), 2);
    assert_eq!(mesh.put(unready("10.0.0.8")).endpoints.len(), 2);
}

#[test]
fn a_changed_service_touches_itself() {
    let mut mesh = small_mesh();
    let touched = mesh.put(entry("ns", "se", "test.internal.com", |_, spec| {
        spec.ports = vec![entry_port("http", 81, "HTTP")];
    }));
    let itself = vec![service_key("test.internal.com", "ns")];
    assert_eq!(touched, Touched { services: itself.clone(), ..Touched::default() });
    let touched = mesh.delete_one(key(Kind::SERVICE_ENTRY, "ns", "se"));
    assert_eq!(touched, Touched { services: itself, ..Touched::default() });
}

#[test]
fn changed_inline_endpoints_touch_endpoints_and_what_is_inbound() {
    let listing = |address: &'static str| {
        entry("ns", "list", "list.example", move |_, spec| {
            spec.workload_selector = None;
            spec.endpoints = vec![inline(address)];
        })
    };
    let mut mesh = mesh_of([listing("10.0.0.1")]);
    let touched = mesh.put(listing("10.0.0.2"));
    assert_eq!(
        touched,
        Touched {
            endpoints: vec![service_key("list.example", "ns")],
            workloads: vec![key(Kind::SERVICE_ENTRY, "ns", "list")],
            ..Touched::default()
        }
    );
}

#[test]
fn a_changed_rule_touches_itself_and_those_it_is_merged_with() {
    let mut mesh = small_mesh();
    let dr = |name| key(Kind::DESTINATION_RULE, "ns", name);
    let touched =
        mesh.put(destination_rule("ns", "dr2", "a", |_, spec| spec.subsets = vec![subset("v1", "v1")]));
    assert_eq!(touched, Touched { rules: vec![dr("dr"), dr("dr2")], ..Touched::default() });
    let touched = mesh.put(virtual_service("ns", "vs", |meta, _| meta.creation_timestamp = at(1)));
    let vs = key(Kind::VIRTUAL_SERVICE, "ns", "vs");
    assert_eq!(touched, Touched { rules: vec![vs], ..Touched::default() });
    let touched = mesh.delete_one(key(Kind::GATEWAY, "ns", "gw"));
    assert_eq!(touched, Touched { rules: vec![key(Kind::GATEWAY, "ns", "gw")], ..Touched::default() });
}

#[test]
fn findings_alone_make_a_new_version_that_touches_nothing() {
    let mut mesh = mesh_of([entry("ns", "se", "a.example", |_, _| ())]);
    let before = mesh.snapshot();
    let touched =
        mesh.put(entry("ns", "se", "a.example", |_, spec| spec.addresses = vec!["nonsense".into()]));
    assert_eq!(touched, Touched::default());
    assert_eq!(mesh.snapshot().version, before.version + 1);
    assert_eq!(mesh.snapshot().diagnostics.len(), 1);
}

#[test]
fn merged_touches_are_the_union() {
    let mut sum = Touched {
        endpoints: vec![service_key("a.example", "ns")],
        workloads: vec![vm_key()],
        ..Touched::default()
    };
    let services = vec![service_key("a.example", "ns")];
    sum.merge(Touched { services: services.clone(), workloads: vec![vm_key()], ..Touched::default() });
    assert_eq!(sum, Touched { services, workloads: vec![vm_key()], ..Touched::default() });
}
