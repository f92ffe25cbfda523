//! One workload among very many: its change leaves all the rest where it is.

use std::sync::Arc;

use outrigger_api::Change;

use super::build::{entry, mesh_of, select, service_key, vm};
use crate::Touched;

#[test]
fn one_of_twenty_thousand_workloads_changes_and_all_others_stay_in_place() {
    const SERVICES: usize = 100;
    const WORKLOADS: usize = 20_000;
    let workload = |n: usize, weight: u32| {
        let address = format!("10.{}.{}.{}", n >> 16, (n >> 8) & 255, n & 255);
        vm("ns", &format!("vm-{n}"), &address, |_, spec| {
            spec.labels.set("app", format!("app-{}", n % SERVICES));
            spec.weight = Some(weight);
        })
    };
    let entries = (0..SERVICES).map(|n| {
        entry("ns", &format!("se-{n}"), &format!("app-{n}.example"), |_, spec| {
            spec.workload_selector.as_mut().unwrap().labels = select(&[("app", &format!("app-{n}"))]);
        })
    });
    let mut mesh = mesh_of(entries);
    mesh.apply((0..WORKLOADS).map(|n| Change::Upsert(workload(n, 1))).collect());
    let before = mesh.snapshot();
    assert_eq!(before.workloads.len(), WORKLOADS);

    let touched = mesh.put(workload(4242, 7));
    let concerned = service_key("app-42.example", "ns");
    let itself = before.workloads.at("10.0.16.146".parse().unwrap())[0].key.clone();
    assert_eq!(
        touched,
        Touched { endpoints: vec![concerned.clone()], workloads: vec![itself], ..Touched::default() }
    );

    let after = mesh.snapshot();
    for (key, endpoints) in before.endpoints.iter() {
        assert_eq!(Arc::ptr_eq(endpoints, after.endpoints(key)), *key != concerned, "{key:?}");
    }
    assert_eq!(after.endpoints(&concerned).of_port(80).len(), WORKLOADS / SERVICES);
    assert!(
        after.workloads.shared_parts(&before.workloads) >= 2 * 256 - 2,
        "two maps, one part of each anew"
    );
}
