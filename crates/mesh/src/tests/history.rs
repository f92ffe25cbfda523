//! The outcome depends on the objects that exist, never on how they came to.

use std::collections::{BTreeMap, BTreeSet};

use outrigger_api::{Change, EntryResolution, Resource};

use super::build::{
    Pod, at, destination_rule, entry, entry_port, gateway, inline, labels, mesh_of, pod, ready, select,
    service, subset, virtual_service, vm,
};
use crate::{Snapshot, Touched};

/// Numbers that are the same in every run (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 16) as usize % limit
    }
}

/// Everything that anyone can see, in a form that can be compared.
#[derive(Debug, PartialEq)]
struct Visible {
    services: Vec<crate::Service>,
    endpoints: BTreeMap<crate::ServiceKey, crate::ServiceEndpoints>,
    workloads: BTreeMap<String, crate::Workload>,
    by_ip: BTreeMap<String, Vec<String>>,
    rules: Vec<String>,
    names: Vec<String>,
    diagnostics: Vec<String>,
}

fn visible(snapshot: &Snapshot) -> Visible {
    let mut rules: Vec<String> = snapshot.destination_rules.iter().map(|rule| format!("{rule:?}")).collect();
    rules.sort();
    rules.extend(snapshot.virtual_services.iter().map(|rule| format!("{rule:?}")));
    rules.extend(snapshot.gateways.iter().map(|rule| format!("{rule:?}")));
    let ips = snapshot.workloads.iter().flat_map(|workload| workload.ips.clone());
    Visible {
        services: snapshot.services.all.iter().map(|service| (**service).clone()).collect(),
        endpoints: snapshot.endpoints.iter().map(|(key, value)| (key.clone(), (**value).clone())).collect(),
        workloads: snapshot.workloads.iter().map(|w| (w.key.to_string(), (**w).clone())).collect(),
        by_ip: ips
            .map(|ip| {
                let here = snapshot.workloads_at(ip).iter().map(|workload| workload.key.to_string());
                (ip.to_string(), here.collect())
            })
            .collect(),
        rules,
        names: snapshot.names().iter().map(|name| format!("{name:?}")).collect(),
        diagnostics: snapshot.diagnostics.iter().map(ToString::to_string).collect(),
    }
}

/// Variants of each object; they compete for hosts, addresses and workloads.
fn variants() -> Vec<Vec<Resource>> {
    let shared = "a.ns.svc.cluster.local";
    let cluster_ip =
        |ip: &'static str| move |spec: &mut outrigger_api::ServiceSpec| spec.cluster_ip = Some(ip.into());
    vec![
        vec![
            service("ns", "a", |_, _| ()),
            service("ns", "a", |_, spec| cluster_ip("None")(spec)),
            service("ns", "a", |_, spec| spec.selector = select(&[("app", "b")])),
            service("ns", "a", |_, spec| cluster_ip("240.240.1.1")(spec)),
        ],
        vec![
            entry("ns", "x", shared, |_, spec| spec.ports.push(entry_port("tcp", 9, "TCP"))),
            entry("ns", "x", "b.example", |meta, _| meta.creation_timestamp = at(5)),
            entry("ns", "x", shared, |_, spec| spec.hosts = vec![shared.into(), "b.example".into()]),
        ],
        vec![
            entry("ns", "y", "b.example", |_, spec| {
                spec.workload_selector = None;
                spec.endpoints = vec![inline("10.0.0.1"), inline("10.0.0.77")];
            }),
            entry("ns", "y", "b.example", |_, spec| spec.resolution = Some(EntryResolution::Dns)),
            entry("ns", "y", shared, |meta, spec| {
                meta.creation_timestamp = at(1);
                spec.resolution = Some(EntryResolution::DnsRoundRobin);
            }),
        ],
        vec![
            entry("other", "x", shared, |_, _| ()),
            entry("other", "x", "b.example", |_, spec| spec.addresses = vec!["240.240.2.2".into()]),
        ],
        vec![
            vm("ns", "vm1", "10.0.0.1", |_, _| ()),
            vm("ns", "vm1", "10.0.0.1", |_, spec| spec.labels = labels(&[("app", "b")])),
            vm("ns", "vm1", "name.example", |_, _| ()),
        ],
        vec![
            vm("ns", "vm2", "10.0.0.1", |_, spec| spec.weight = Some(9)),
            vm("ns", "vm2", "10.0.0.2", |_, spec| spec.ports = [("http".into(), 8080)].into()),
        ],
        vec![vm("other", "vm", "10.0.0.1", |_, _| ())],
        vec![
            pod("ns", "p", "10.0.0.2", |_| ()),
            pod("ns", "p", "10.0.0.2", |pod: &mut Pod| pod.status.conditions = vec![ready("False")]),
            pod("ns", "p", "10.0.0.3", |pod: &mut Pod| pod.meta.deletion_timestamp = at(1)),
        ],
        vec![
            destination_rule("ns", "one", "a", |_, spec| spec.subsets = vec![subset("v1", "v1")]),
            destination_rule("ns", "one", "b.example", |_, spec| spec.export_to = vec![".".into()]),
        ],
        vec![
            destination_rule("ns", "two", "a", |_, spec| {
                spec.subsets = vec![subset("v1", "x"), subset("v2", "v2")]
            }),
            destination_rule("ns", "two", "a", |meta, _| meta.creation_timestamp = at(1)),
        ],
        vec![
            virtual_service("ns", "v1", |_, _| ()),
            virtual_service("ns", "v1", |meta, _| meta.creation_timestamp = at(1)),
        ],
        vec![virtual_service("ns", "v2", |_, _| ())],
        vec![gateway("ns", "g1", |_| ()), gateway("ns", "g1", |meta| meta.creation_timestamp = at(1))],
    ]
}

#[test]
fn any_history_that_ends_with_the_same_objects_ends_with_the_same_mesh() {
    let variants = variants();
    let mut random = Random(7);
    for round in 0..150 {
        let mut mesh = mesh_of([]);
        let mut current: BTreeMap<usize, usize> = BTreeMap::new();
        for _ in 0..random.below(60) {
            let mut changes = Vec::new();
            for _ in 0..=random.below(3) {
                let object = random.below(variants.len());
                if random.below(3) == 0 {
                    current.remove(&object);
                    changes.push(Change::Delete(variants[object][0].key()));
                } else {
                    let variant = random.below(variants[object].len());
                    current.insert(object, variant);
                    changes.push(Change::Upsert(variants[object][variant].clone()));
                }
            }
            let before = mesh.snapshot();
            let touched = mesh.apply(changes);
            check_touched(&before, &mesh.snapshot(), &touched);
        }
        let mut objects: Vec<Resource> =
            current.iter().map(|(object, variant)| variants[*object][*variant].clone()).collect();
        for n in (1..objects.len()).rev() {
            objects.swap(n, random.below(n + 1));
        }
        let fresh = mesh_of(objects);
        assert_eq!(visible(&mesh.snapshot()), visible(&fresh.snapshot()), "round {round}");
    }
}

/// What changed is touched, and what is touched changed.
fn check_touched(before: &Snapshot, after: &Snapshot, touched: &Touched) {
    let services = |snapshot: &Snapshot| -> BTreeMap<_, _> {
        snapshot.services.all.iter().map(|service| (service.key(), service.clone())).collect()
    };
    let (old, new) = (services(before), services(after));
    let keys: BTreeSet<_> = old.keys().chain(new.keys()).cloned().collect();
    for key in keys {
        let changed = old.get(&key) != new.get(&key);
        assert_eq!(touched.services.contains(&key), changed, "{key:?}");
        let moved = before.endpoints(&key) != after.endpoints(&key);
        assert_eq!(touched.endpoints.contains(&key), moved && !changed, "{key:?}");
    }
    let visible_change = visible(before) != visible(after);
    assert_eq!(before.version != after.version, visible_change);
}
