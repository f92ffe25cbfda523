//! What gateways do with requests.

use outrigger_base::Labels;

use super::support::*;
use crate::{Explanation, Origin, OutcomeKind, ProxyHost, ProxyOrigin, Stage};

const GATEWAY: &str = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: front, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 8080, name: http, protocol: HTTP}, hosts: ['*.example.com']}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: b-everything, namespace: shop, creationTimestamp: '2020-01-01T00:00:00Z'}
spec:
  hosts: [shop.example.com]
  gateways: [front]
  http: [{name: rest, route: [{destination: {host: web, subset: v1}}]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a-api, namespace: shop, creationTimestamp: '2021-01-01T00:00:00Z'}
spec:
  hosts: [shop.example.com]
  gateways: [front]
  http: [{name: api, match: [{uri: {prefix: /api}}], route: [{destination: {host: web, subset: v2}}]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mesh-only, namespace: shop}
spec: {hosts: [other.example.com], http: [{directResponse: {status: 200}}]}
";

fn gateway(name: &str) -> Origin {
    Origin::gateway(name).unwrap()
}

fn front(url: &str) -> Explanation {
    ask(&manifests(&[SHOP, GATEWAY]), gateway("shop/front"), get(url))
}

#[test]
fn routes_of_several_rules_for_one_host_are_joined_and_those_for_everything_come_last() {
    let api = front("http://shop.example.com:8080/api/x");
    assert_eq!(api.route.as_deref(), Some("api"));
    assert_eq!(object(step(&api, Stage::Route)), "VirtualService/shop/a-api");
    assert_eq!(shares(&api), ["1.000 10.1.0.2:8080"]);
    let rest = front("http://shop.example.com:8080/");
    assert_eq!(rest.route.as_deref(), Some("rest"));
    assert_eq!(shares(&rest), ["1.000 10.1.0.1:8080"]);
    assert_eq!(object(step(&rest, Stage::Listener)), "Gateway/shop/front");
}

#[test]
fn hosts_that_no_rule_of_the_gateway_has_are_404() {
    for host in ["other.example.com", "shop.example.org"] {
        let answer = front(&format!("http://{host}:8080/"));
        assert_eq!(kind(&answer), (OutcomeKind::NoRoute, Some(404), Some("NR")), "{host}");
        assert!(answer.virtual_host.is_none() && answer.clusters.is_empty());
    }
}

#[test]
fn a_host_header_is_what_counts() {
    let all = manifests(&[SHOP, GATEWAY]);
    let answer =
        ask(&all, gateway("shop/front"), with_headers("http://10.99.0.2:8080/", &["Host: shop.example.com"]));
    assert_eq!(answer.outcome.kind, OutcomeKind::Forward);
}

#[test]
fn a_port_that_nobody_opened_is_not_listened_on() {
    let answer = front("http://shop.example.com/");
    assert_eq!(kind(&answer), (OutcomeKind::NoListener, None, None));
    assert_eq!(step(&answer, Stage::Listener).rejected[0].candidate, "0.0.0.0_8080");
}

#[test]
fn a_service_in_front_of_a_gateway_leads_its_port_to_it() {
    let pod = "
apiVersion: v1
kind: Pod
metadata: {name: gw-1, namespace: istio-system, labels: {istio: ingressgateway}}
spec: {containers: [{name: c}]}
status: {phase: Running, podIP: 10.1.9.1, conditions: [{type: Ready, status: 'True'}]}
---
apiVersion: v1
kind: Service
metadata: {name: gw, namespace: istio-system}
spec:
  clusterIP: 10.96.9.9
  selector: {istio: ingressgateway}
  ports: [{name: http, port: 80, targetPort: 8080}]
";
    let on_80 = GATEWAY.replace("number: 8080", "number: 80");
    let answer = ask(
        &manifests(&[SHOP, &on_80, pod]),
        gateway("istio-system/gw-1"),
        get("http://shop.example.com/api"),
    );
    assert_eq!(answer.route.as_deref(), Some("api"));
    assert!(step(&answer, Stage::Listener).why.contains("Service/istio-system/gw leads its port 80"));
}

#[test]
fn a_gateway_may_be_named_by_object_host_or_labels() {
    let labels: Labels = [("istio", "ingressgateway")].into_iter().collect();
    let mut all = manifests(&[SHOP, GATEWAY]);
    all.add_host(ProxyHost {
        gateway: true,
        namespace: "edge".into(),
        name: "gw".into(),
        labels: labels.clone(),
        addresses: vec!["10.99.0.2".parse().unwrap()],
        locality: Default::default(),
    });
    let written =
        Origin::Proxy(ProxyOrigin { gateway: true, namespace: "edge".into(), labels, addresses: Vec::new() });
    for origin in [gateway("edge/gw"), gateway("shop/front"), written] {
        let answer = ask(&all, origin.clone(), get("http://shop.example.com:8080/api"));
        assert_eq!(answer.route.as_deref(), Some("api"), "{origin:?}");
    }
    assert!(failure(&all, gateway("shop/none")).to_string().contains("Gateway/shop/front"));
}

#[test]
fn two_gateways_that_want_one_port_differently_are_told_apart() {
    let rival = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: rival, namespace: shop, creationTimestamp: '2022-01-01T00:00:00Z'}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 8080, name: tcp, protocol: TCP}, hosts: ['*']}]
";
    let answer = ask(
        &manifests(&[SHOP, GATEWAY, rival]),
        gateway("shop/front"),
        get("http://shop.example.com:8080/api"),
    );
    assert_eq!(answer.route.as_deref(), Some("api"));
    assert!(answer.warnings.iter().any(|w| w.contains("Gateway/shop/rival")), "{:#?}", answer.warnings);
}
