//! Which service a name means where, and which DestinationRule decides.

use std::sync::Arc;

use outrigger_base::Labels;

use super::build::{
    Ask, at, destination_rule, entry, host, labels, mesh_of, select, service, snapshot_of, subset,
};
use crate::{DestinationRuleRule, Snapshot, Visibility};

const SVC: &str = "a.ns.svc.cluster.local";

fn found(snapshot: &Snapshot, host_name: &str, from: &str) -> Option<String> {
    snapshot.service(&host(host_name), from).map(|service| service.namespace.to_string())
}

#[test]
fn the_own_namespace_then_kubernetes_then_the_oldest() {
    let snapshot = snapshot_of([
        entry("own", "se", SVC, |meta, _| meta.creation_timestamp = at(3)),
        service("ns", "a", |meta, _| meta.creation_timestamp = at(2)),
        entry("third", "se", SVC, |meta, _| meta.creation_timestamp = at(1)),
        entry("x", "young", "b.example", |meta, _| meta.creation_timestamp = at(2)),
        entry("y", "old", "b.example", |meta, _| meta.creation_timestamp = at(1)),
    ]);
    assert_eq!(found(&snapshot, SVC, "own").as_deref(), Some("own"));
    assert_eq!(found(&snapshot, SVC, "elsewhere").as_deref(), Some("ns"));
    assert_eq!(found(&snapshot, "b.example", "elsewhere").as_deref(), Some("y"));
    assert_eq!(found(&snapshot, "b.example", "x").as_deref(), Some("x"));
    assert_eq!(found(&snapshot, "none.example", "x"), None);
    let visible: Vec<_> = snapshot
        .services_visible_to("own")
        .map(|service| (service.host.to_string(), service.namespace.to_string()))
        .collect();
    assert_eq!(visible, [(SVC.into(), "own".into()), ("b.example".into(), "y".into())]);
}

#[test]
fn what_is_not_exported_is_not_found() {
    let exported = |to: &'static [&'static str]| {
        snapshot_of([entry("ns", "se", "b.example", |_, spec| {
            spec.export_to = to.iter().map(|name| (*name).into()).collect();
        })])
    };
    let seen_by = |snapshot: &Snapshot| -> Vec<&str> {
        ["ns", "friend", "stranger"]
            .into_iter()
            .filter(|ns| found(snapshot, "b.example", ns).is_some())
            .collect()
    };
    assert_eq!(seen_by(&exported(&[])), ["ns", "friend", "stranger"]);
    assert_eq!(seen_by(&exported(&["."])), ["ns"]);
    assert_eq!(seen_by(&exported(&["friend"])), ["friend"]);
    assert_eq!(seen_by(&exported(&[".", "friend"])), ["ns", "friend"]);
    assert_eq!(seen_by(&exported(&["~"])), [""; 0]);
}

#[test]
fn mesh_wide_defaults_speak_where_nothing_is_written() {
    let mut mesh = mesh_of([
        entry("ns", "se", "b.example", |_, _| ()),
        destination_rule("ns", "dr", "b.example", |_, _| ()),
    ]);
    let mut config = (*mesh.snapshot().config).clone();
    config.default_service_export_to = vec![".".into()];
    config.default_destination_rule_export_to = vec![".".into()];
    let touched = mesh.set_config(config.clone());
    assert!(touched.config && touched.services.len() == 1 && touched.rules.len() == 1);
    assert_eq!(found(&mesh.snapshot(), "b.example", "other"), None);
    assert_eq!(mesh.snapshot().destination_rules.iter().next().unwrap().visibility, Visibility::Private);
    assert!(mesh.set_config(config).is_empty());
}

#[test]
fn the_domain_is_part_of_every_service_name() {
    let mut mesh = mesh_of([service("ns", "a", |_, _| ())]);
    let mut config = (*mesh.snapshot().config).clone();
    config.domain = "mesh.example".into();
    let touched = mesh.set_config(config);
    assert_eq!(touched.services.len(), 2);
    let snapshot = mesh.snapshot();
    assert_eq!(snapshot.services.all[0].host.as_str(), "a.ns.svc.mesh.example");
    assert!(snapshot.endpoints_of(SVC, "ns").by_port.is_empty());
}

fn rule(snapshot: &Snapshot, proxy_namespace: &str, proxy: &Labels) -> Option<Arc<DestinationRuleRule>> {
    snapshot.destination_rule(&host(SVC), "ns", proxy_namespace, proxy)
}

fn decided(snapshot: &Snapshot, proxy_namespace: &str) -> Option<String> {
    rule(snapshot, proxy_namespace, &Labels::default()).map(|rule| rule.origins[0].to_string())
}

#[test]
fn the_clients_namespace_decides_before_the_services_and_the_root() {
    let snapshot = snapshot_of([
        destination_rule("client", "wild", "*.ns.svc.cluster.local", |_, _| ()),
        destination_rule("ns", "exact", "a", |_, _| ()),
        destination_rule("ns", "other", "b", |_, _| ()),
        destination_rule("istio-system", "all", "*", |_, _| ()),
    ]);
    assert_eq!(decided(&snapshot, "client").as_deref(), Some("DestinationRule/client/wild"));
    assert_eq!(decided(&snapshot, "third").as_deref(), Some("DestinationRule/ns/exact"));
    assert_eq!(decided(&snapshot, "istio-system").as_deref(), Some("DestinationRule/ns/exact"));
    let elsewhere = snapshot.destination_rule(&host("x.example"), "x", "client", &Labels::default());
    assert_eq!(&*elsewhere.unwrap().origins[0].name, "all");
}

#[test]
fn the_most_specific_host_of_a_namespace_decides_alone() {
    let snapshot = snapshot_of([
        destination_rule("ns", "a-all", "*", |_, spec| spec.subsets = vec![subset("v0", "v0")]),
        destination_rule("ns", "b-long", "*.ns.svc.cluster.local", |_, spec| {
            spec.subsets = vec![subset("v1", "v1")];
        }),
        destination_rule("ns", "c-short", "*.cluster.local", |_, _| ()),
    ]);
    let rule = rule(&snapshot, "client", &Labels::default()).unwrap();
    assert_eq!(&*rule.origins[0].name, "b-long");
    assert_eq!(rule.spec.subsets.len(), 1);
}

#[test]
fn rules_that_are_not_exported_hold_in_their_own_namespace_only() {
    let with = |namespace: &str, export_to: &str| {
        snapshot_of([destination_rule(namespace, "dr", SVC, |_, spec| {
            spec.export_to = vec![export_to.into()]
        })])
    };
    assert!(decided(&with("ns", "."), "ns").is_some());
    assert!(decided(&with("ns", "."), "client").is_none());
    assert!(decided(&with("ns", "client"), "client").is_some());
    assert!(decided(&with("ns", "client"), "third").is_none());
    assert!(decided(&with("istio-system", "."), "istio-system").is_some());
    assert!(decided(&with("istio-system", "."), "client").is_none());
    assert!(decided(&with("istio-system", "*"), "client").is_some());
}

#[test]
fn a_private_rule_does_not_hide_a_public_one_from_others() {
    let snapshot = snapshot_of([
        destination_rule("ns", "private", SVC, |_, spec| spec.export_to = vec![".".into()]),
        destination_rule("ns", "public", "*.cluster.local", |_, _| ()),
    ]);
    assert_eq!(decided(&snapshot, "ns").as_deref(), Some("DestinationRule/ns/private"));
    assert_eq!(decided(&snapshot, "client").as_deref(), Some("DestinationRule/ns/public"));
}

#[test]
fn a_rule_for_certain_workloads_beats_the_one_for_all_in_its_own_namespace() {
    let snapshot = snapshot_of([
        destination_rule("ns", "a-all", SVC, |_, _| ()),
        destination_rule("ns", "b-some", SVC, |_, spec| {
            let match_labels = select(&[("tier", "web")]);
            spec.workload_selector = Some(outrigger_api::PolicySelector { match_labels });
        }),
    ]);
    let web = labels(&[("tier", "web")]);
    let name = |from: &str, proxy: &Labels| rule(&snapshot, from, proxy).unwrap().origins[0].name.to_string();
    assert_eq!(name("ns", &web), "b-some");
    assert_eq!(name("ns", &Labels::default()), "a-all");
    assert_eq!(name("client", &web), "a-all");
}
