//! Order and names of VirtualServices and Gateways, and the merge of DestinationRules.

use outrigger_api::{PolicySelector, TrafficPolicy};
use outrigger_base::Kind;

use super::build::{
    Ask, at, destination_rule, gateway, key, mesh_of, select, snapshot_of, subset, virtual_service,
};
use crate::DestinationRuleRule;

#[test]
fn virtual_services_win_by_age_then_name_then_namespace() {
    let snapshot = snapshot_of([
        virtual_service("b", "young", |meta, _| meta.creation_timestamp = at(9)),
        virtual_service("b", "x", |_, _| ()),
        virtual_service("a", "x", |_, _| ()),
        virtual_service("c", "a", |_, _| ()),
        virtual_service("b", "old", |meta, _| meta.creation_timestamp = at(1)),
    ]);
    let order: Vec<_> = snapshot.virtual_services.iter().map(|rule| rule.key.to_string()).collect();
    let names = ["c/a", "a/x", "b/x", "b/old", "b/young"];
    assert_eq!(order, names.map(|name| format!("VirtualService/{name}")));
    let snapshot = snapshot_of([
        gateway("ns", "b", |_| ()),
        gateway("ns", "c", |meta| meta.creation_timestamp = at(1)),
        gateway("ns", "a", |_| ()),
    ]);
    let order: Vec<_> = snapshot.gateways.iter().map(|rule| &*rule.key.name).collect();
    assert_eq!(order, ["a", "b", "c"]);
}

#[test]
fn short_names_in_a_virtual_service_belong_to_its_namespace() {
    let snapshot = snapshot_of([virtual_service("ns", "vs", |_, spec| {
        spec.hosts = vec!["a".into(), "b.example".into(), "*".into(), "10.0.0.1".into(), "bad_*".into()];
        spec.gateways = vec!["gw".into(), "mesh".into(), "other/gw".into()];
        spec.export_to = vec![".".into()];
    })]);
    let rule = &snapshot.virtual_services[0];
    let hosts: Vec<_> = rule.hosts.iter().map(|host| host.as_str()).collect();
    assert_eq!(hosts, ["a.ns.svc.cluster.local", "b.example", "*", "10.0.0.1"]);
    let gateways: Vec<_> = rule.gateways.iter().map(|name| &**name).collect();
    assert_eq!(gateways, ["ns/gw", "mesh", "other/gw"]);
    assert!(snapshot.findings()[0].contains("VirtualService/ns/vs spec.hosts[4]: 'bad_*' is no host"));
    let snapshot = snapshot_of([virtual_service("ns", "vs", |_, _| ())]);
    assert_eq!(&*snapshot.virtual_services[0].gateways[0], "mesh");
}

fn merged(
    resources: impl IntoIterator<Item = outrigger_api::Resource>,
) -> (Vec<DestinationRuleRule>, Vec<String>) {
    let snapshot = snapshot_of(resources);
    let mut rules: Vec<_> = snapshot.destination_rules.iter().map(|rule| (**rule).clone()).collect();
    rules.sort_by(|a, b| a.origins.cmp(&b.origins));
    (rules, snapshot.findings())
}

fn subsets(rule: &DestinationRuleRule) -> Vec<&str> {
    rule.spec.subsets.iter().map(|subset| &*subset.name).collect()
}

#[test]
fn rules_of_one_host_and_namespace_are_one() {
    let (rules, findings) = merged([
        destination_rule("ns", "b", "a.ns.svc.cluster.local", |_, spec| {
            spec.subsets = vec![subset("v2", "two"), subset("v1", "other")];
            spec.traffic_policy = Some(TrafficPolicy::default());
        }),
        destination_rule("ns", "a", "a", |_, spec| spec.subsets = vec![subset("v1", "one")]),
        destination_rule("ns", "c", "a", |_, spec| spec.traffic_policy = Some(TrafficPolicy::default())),
    ]);
    let [rule] = &rules[..] else { panic!("{rules:?}") };
    assert_eq!(subsets(rule), ["v1", "v2"]);
    assert_eq!(rule.spec.subsets[0].labels.get("version"), Some("one"), "the first of a name stays");
    assert_eq!(rule.policy_origin, Some(key(Kind::DESTINATION_RULE, "ns", "b")));
    let names: Vec<_> = rule.origins.iter().map(|origin| &*origin.name).collect();
    assert_eq!(names, ["a", "b", "c"]);
    let from: Vec<_> = rule.subset_origins.iter().map(|origin| &*origin.name).collect();
    assert_eq!(from, ["a", "b"]);
    assert_eq!(findings.len(), 2);
    assert!(
        findings[0]
            .contains("DestinationRule/ns/b spec.subsets[1].name: DestinationRule/ns/a has a subset 'v1'")
    );
    assert!(
        findings[1].contains("DestinationRule/ns/c spec.trafficPolicy: the policy of DestinationRule/ns/b")
    );
}

#[test]
fn rules_that_are_exported_differently_stay_apart() {
    let (rules, findings) = merged([
        destination_rule("ns", "a", "a", |_, spec| spec.subsets = vec![subset("v1", "v1")]),
        destination_rule("ns", "b", "a", |_, spec| {
            spec.subsets = vec![subset("v2", "v2")];
            spec.export_to = vec![".".into()];
        }),
    ]);
    assert_eq!(rules.len(), 2);
    assert!(findings[0].contains("DestinationRule/ns/b spec.exportTo: DestinationRule/ns/a is the rule"));
}

#[test]
fn a_rule_for_certain_workloads_takes_in_what_is_said_privately_for_all() {
    let (rules, _) = merged([
        destination_rule("ns", "a-all", "a", |_, spec| {
            spec.subsets = vec![subset("v1", "v1")];
            spec.export_to = vec![".".into()];
        }),
        destination_rule("ns", "b-some", "a", |_, spec| {
            spec.workload_selector = Some(PolicySelector { match_labels: select(&[("tier", "web")]) });
            spec.subsets = vec![subset("v2", "v2")];
        }),
    ]);
    let [all, some] = &rules[..] else { panic!("{rules:?}") };
    assert_eq!(subsets(all), ["v1"]);
    assert_eq!(subsets(some), ["v2", "v1"]);
    assert!(some.workload_selector.is_some());
}

#[test]
fn a_rule_that_changes_its_host_leaves_nothing_behind() {
    let mut mesh = mesh_of([destination_rule("ns", "dr", "a", |_, _| ())]);
    mesh.put(destination_rule("ns", "dr", "b", |_, _| ()));
    let snapshot = mesh.snapshot();
    let hosts: Vec<_> = snapshot.destination_rules.iter().map(|rule| rule.host.to_string()).collect();
    assert_eq!(hosts, ["b.ns.svc.cluster.local"]);
    mesh.put(destination_rule("ns", "dr", "not a host", |_, _| ()));
    assert_eq!(mesh.snapshot().destination_rules.iter().count(), 0);
    assert!(mesh.snapshot().findings()[0].contains("error[OUT0003] DestinationRule/ns/dr spec.host"));
    let touched = mesh.delete_one(key(Kind::DESTINATION_RULE, "ns", "dr"));
    assert!(touched.is_empty() && mesh.snapshot().findings().is_empty());
}
