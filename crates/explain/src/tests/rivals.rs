//! Who wanted to decide and did not.

use super::support::{SHOP, ask, from, get, manifests, shop, step};
use crate::{Explanation, Origin, Stage};

/// Who lost at a stage against whom or what, in few words.
fn why(explanation: &Explanation, stage: Stage, candidate: &str) -> String {
    let rejected = &step(explanation, stage).rejected;
    let found = rejected.iter().find(|rejected| rejected.candidate == candidate);
    found.unwrap_or_else(|| panic!("{candidate} is not among {rejected:#?}")).why.clone()
}

fn rule(name: &str, spec: &str) -> String {
    format!(
        "
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: shop}}
spec: {{{spec}}}
"
    )
}

fn policy(name: &str, namespace: &str, spec: &str) -> String {
    rule(name, spec)
        .replace("VirtualService", "DestinationRule")
        .replace("namespace: shop", &format!("namespace: {namespace}"))
}

const TO_WEB: &str = "route: [{destination: {host: web.shop.svc.cluster.local}}]";

#[test]
fn rules_that_want_a_host_and_do_not_decide_about_it_are_named() {
    let rules = rule("exact", &format!("hosts: [web], http: [{{{TO_WEB}}}]"))
        + &rule("wide", &format!("hosts: ['*.shop.svc.cluster.local'], http: [{{{TO_WEB}}}]"))
        + &rule("edge", &format!("hosts: [web], gateways: [edge], http: [{{{TO_WEB}}}]"))
        + &rule("hidden", &format!("hosts: [web], exportTo: [other], http: [{{{TO_WEB}}}]"))
        + &rule(
            "others",
            &format!("hosts: [web], http: [{{match: [{{sourceLabels: {{a: b}}}}], {TO_WEB}}}]"),
        )
        + &rule("bytes", &format!("hosts: [web], tcp: [{{{TO_WEB}}}]"))
        + &rule("else", &format!("hosts: [elsewhere], http: [{{{TO_WEB}}}]"));
    let answer = shop(&rules, "http://web/");
    let why = |name: &str| why(&answer, Stage::VirtualHost, &format!("VirtualService/shop/{name}"));
    assert!(why("wide").contains("less specific than that of VirtualService/shop/"));
    assert!(why("edge").contains("its gateways are shop/edge"));
    assert!(why("hidden").contains("not exported to namespace shop"));
    assert!(why("others").contains("none of its routes is for this caller"));
    assert!(why("bytes").contains("no rules for HTTP"));
    let rejected = &step(&answer, Stage::VirtualHost).rejected;
    assert!(!rejected.iter().any(|r| r.candidate.ends_with("/else") || r.candidate.ends_with("/exact")));
}

#[test]
fn rules_that_a_gateway_does_not_let_in_are_named() {
    let gateway = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['other/*']}]
";
    let rules = rule("closed", &format!("hosts: [a.com], gateways: [edge], http: [{{{TO_WEB}}}]"))
        + &rule("sidecars", &format!("hosts: [a.com], http: [{{{TO_WEB}}}]"));
    let all = manifests(&[SHOP, gateway, &rules]);
    let answer = ask(&all, Origin::gateway("shop/edge").unwrap(), get("http://a.com/"));
    let why = |name: &str| why(&answer, Stage::VirtualHost, &format!("VirtualService/shop/{name}"));
    assert!(why("closed").contains("no host of the Gateway is open to it"));
    assert!(why("sidecars").contains("its gateways are mesh"));
}

#[test]
fn policies_that_are_not_in_force_are_named() {
    let rules = policy("z", "shop", "host: web, subsets: [{name: v1, labels: {version: v2}}]")
        + &policy("wide", "shop", "host: '*.local'")
        + &policy("root", "istio-system", "host: web.shop.svc.cluster.local")
        + &policy("far", "far", "host: web.shop.svc.cluster.local")
        + &policy("own", "far", "host: web.shop.svc.cluster.local, exportTo: ['.']");
    let answer = shop(&rules, "http://web/");
    let why = |name: &str| why(&answer, Stage::Cluster, &format!("DestinationRule/{name}"));
    assert!(why("shop/z").contains("has a subset 'v1'"));
    assert!(why("shop/wide").contains("less specific than that of DestinationRule/shop/web"));
    assert!(why("istio-system/root").contains("the namespace of DestinationRule/shop/web comes first"));
    assert!(why("far/far").contains("neither in the caller's namespace nor in the service's"));
    assert!(why("far/own").contains("not exported to namespace shop"));
}

#[test]
fn services_of_the_same_host_and_port_are_named() {
    let entry = |name: &str, namespace: &str, host: &str| {
        format!(
            "
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{hosts: [{host}], ports: [{{number: 9000, name: tcp, protocol: TCP}}], resolution: NONE}}
"
        )
    };
    let entries = entry("a", "shop", "a.com") + &entry("b", "shop", "b.com") + &entry("a", "far", "a.com");
    let answer =
        ask(&manifests(&[SHOP, &entries]), from("shop/client"), super::support::connect("9.9.9.9:9000"));
    let found = why(&answer, Stage::FilterChain, "ServiceEntry/shop/b");
    assert!(found.contains("cannot be told from those of ServiceEntry/shop/a"));
    let found = why(&answer, Stage::Cluster, "ServiceEntry/far/a");
    assert!(found.contains("that of namespace shop counts"));
}
