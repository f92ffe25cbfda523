//! Who asks.

use std::path::Path;

use super::support::*;
use crate::{ExplainError, Manifests, Origin, OutcomeKind, ProxyHost, ProxyOrigin, Stage};

const WEB: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web, tier: front}}
    spec: {containers: [{name: c}]}
";

fn owned_pod(name: &str) -> String {
    format!(
        "
apiVersion: v1
kind: Pod
metadata:
  name: {name}
  namespace: shop
  labels: {{app: web}}
  ownerReferences: [{{apiVersion: apps/v1, kind: Deployment, name: web, uid: u, controller: true}}]
spec: {{containers: [{{name: c}}]}}
status: {{phase: Running, podIP: 10.1.0.77, conditions: [{{type: Ready, status: 'True'}}]}}
"
    )
}

#[test]
fn a_deployment_asks_through_its_first_pod() {
    let pod = owned_pod("web-x");
    let answer = ask(&manifests(&[SHOP, WEB, &pod]), from("Deployment/shop/web"), get("http://web/"));
    let proxy = step(&answer, Stage::Proxy);
    assert_eq!(proxy.chosen.as_deref(), Some("sidecar~10.1.0.77~web-x.shop~shop.svc.cluster.local"));
    assert_eq!(object(proxy), "Deployment/shop/web");
}

#[test]
fn a_deployment_without_pods_asks_as_its_template_would() {
    let rule = "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - match: [{sourceLabels: {tier: front}}]
    directResponse: {status: 203}
  - route: [{destination: {host: web}}]
";
    let answer = ask(&manifests(&[SHOP, WEB, rule]), from("shop/web"), get("http://web/"));
    assert_eq!(kind(&answer).1, Some(203));
    assert!(answer.warnings.iter().any(|w| w.contains("has no pods")));
    let other = ask(&manifests(&[SHOP, WEB, rule]), from("shop/client"), get("http://web/"));
    assert_eq!(other.outcome.kind, OutcomeKind::Forward);
}

#[test]
fn a_name_that_several_have_is_ambiguous_unless_they_are_one() {
    let entry = "
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: web, namespace: shop}
spec: {address: 192.168.0.1}
";
    let both = manifests(&[WEB, entry]);
    let ExplainError::AmbiguousOrigin { candidates, .. } = failure(&both, from("shop/web")) else {
        panic!("not ambiguous")
    };
    assert_eq!(candidates, ["Deployment/shop/web", "WorkloadEntry/shop/web"]);
    let answer = ask(&both, from("WorkloadEntry/shop/web"), get("http://a.b/"));
    assert!(step(&answer, Stage::Proxy).chosen.as_ref().unwrap().contains("192.168.0.1"));
    let own = owned_pod("web");
    let answer = ask(&manifests(&[WEB, &own]), from("shop/web"), get("http://a.b/"));
    assert_eq!(object(step(&answer, Stage::Proxy)), "Pod/shop/web");
}

#[test]
fn nobody_of_that_name_is_an_error_that_names_others() {
    let error = failure(&manifests(&[SHOP]), from("shop/nobody")).to_string();
    assert!(error.contains("shop/nobody") && error.contains("Pod/shop/client"), "{error}");
}

#[test]
fn a_proxy_that_no_manifest_names_has_what_is_written() {
    let origin = Origin::Proxy(ProxyOrigin {
        gateway: false,
        namespace: "shop".into(),
        labels: [("app", "x")].into_iter().collect(),
        addresses: vec!["10.5.5.5".parse().unwrap()],
    });
    let answer = ask(&manifests(&[SHOP]), origin, get("http://web/"));
    assert_eq!(answer.outcome.kind, OutcomeKind::Forward);
}

#[test]
fn a_host_with_a_sidecar_may_ask() {
    let mut all = manifests(&[SHOP]);
    all.add_host(ProxyHost {
        gateway: false,
        namespace: "shop".into(),
        name: "laptop".into(),
        labels: Default::default(),
        addresses: vec!["10.7.7.7".parse().unwrap()],
        locality: Default::default(),
    });
    let answer = ask(&all, from("shop/laptop"), get("http://web/"));
    assert_eq!(answer.outcome.kind, OutcomeKind::Forward);
    assert!(
        step(&answer, Stage::Proxy).chosen.as_ref().unwrap().starts_with("sidecar~10.7.7.7~laptop.shop~")
    );
}

#[test]
fn a_workload_without_proxy_is_pointed_out() {
    let mut all = manifests(&[SHOP]);
    all.mark_plain(outrigger_base::ResourceKey::new(outrigger_base::Kind::POD, "shop", "client"));
    let answer = ask(&all, from("shop/client"), get("http://web/"));
    assert!(answer.warnings.iter().any(|w| w.contains("no proxy stands beside Pod/shop/client")));
}

#[test]
fn manifests_are_read_from_folders_and_what_is_refused_is_known() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    for (name, text) in [
        ("a.yaml", WEB),
        ("sub/b.yml", SHOP),
        ("sub/notes.txt", "no: manifest"),
        ("scenario.yaml", "name: x"),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let read = Manifests::read(&[folder.path()], "default").unwrap();
    assert!(!read.is_refused());
    assert_eq!(ask(&read, from("shop/client"), get("http://web/")).outcome.kind, OutcomeKind::Forward);
    let mut broken = read;
    broken.add_text(
        Path::new("c.yaml"),
        "kind: Service\napiVersion: v1\nmetadata: {name: x}\nspec: {port: 1}",
        "d",
    );
    assert!(broken.is_refused());
    assert!(Manifests::read(&[folder.path().join("none")], "default").is_err());
}
