//! Connections that carry no requests.

use super::support::*;
use crate::{Arrival, Explanation, OutcomeKind, Request, Setting, Stage, explain};

const DATABASE: &str = "
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec:
  clusterIP: 10.96.0.30
  selector: {app: web}
  ports: [{name: tcp, port: 3306, targetPort: 3306}, {name: tls, port: 8443}, {name: any, port: 9000}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: db, namespace: shop}
spec:
  hosts: [db]
  tcp:
  - match: [{port: 3306}]
    route:
    - {destination: {host: db, port: {number: 3306}}, weight: 75}
    - {destination: {host: nobody, port: {number: 3306}}, weight: 25}
";

fn database(arrival: Arrival) -> Explanation {
    ask(&manifests(&[SHOP, DATABASE]), from("shop/client"), arrival)
}

#[test]
fn bytes_go_by_address_and_weight() {
    let answer = database(connect("10.96.0.30:3306"));
    assert_eq!(answer.listener.as_deref(), Some("10.96.0.30_3306"));
    assert_eq!((answer.virtual_host.as_deref(), answer.route.as_deref()), (None, None));
    assert_eq!(kind(&answer), (OutcomeKind::Forward, None, None));
    assert_eq!(shares(&answer), ["0.375 10.1.0.1:3306", "0.375 10.1.0.2:3306"]);
    let lost = &answer.clusters[1];
    assert_eq!((lost.share, lost.outcome), (0.25, OutcomeKind::NoCluster));
    assert_eq!(object(step(&answer, Stage::FilterChain)), "VirtualService/shop/db");
}

#[test]
fn handshakes_go_by_name() {
    let rules = "
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: two, namespace: shop}
spec:
  hosts: [a.example.com, b.example.com]
  ports: [{number: 443, name: tls, protocol: TLS}]
  resolution: STATIC
  endpoints: [{address: 192.0.2.10}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: two, namespace: shop}
spec:
  hosts: [a.example.com, b.example.com]
  tls:
  - match: [{sniHosts: [a.example.com]}]
    route: [{destination: {host: b.example.com}}]
";
    let all = manifests(&[SHOP, rules]);
    let answer = ask(&all, from("shop/client"), get("https://a.example.com/"));
    assert_eq!(kind(&answer), (OutcomeKind::Forward, None, None));
    assert_eq!(answer.clusters[0].name, "outbound|443||b.example.com");
    assert_eq!(shares(&answer), ["1.000 192.0.2.10:443"]);
    assert_eq!(object(step(&answer, Stage::FilterChain)), "VirtualService/shop/two");
}

#[test]
fn what_a_port_without_declaration_carries_is_found_out() {
    let http = database(get("http://db:9000/"));
    assert_eq!(http.virtual_host.as_deref(), Some("db.shop.svc.cluster.local:9000"));
    let bytes = database(connect("10.96.0.30:9000"));
    assert_eq!(bytes.virtual_host, None);
    assert_eq!(bytes.clusters[0].name, "outbound|9000||db.shop.svc.cluster.local");
    assert_ne!(http.filter_chain, bytes.filter_chain);
}

#[test]
fn bytes_to_nobody_pass_through_the_outbound_listener() {
    let answer = database(connect("198.51.100.7:4000"));
    assert_eq!(answer.listener.as_deref(), Some("virtualOutbound"));
    assert_eq!(kind(&answer), (OutcomeKind::Passthrough, None, None));
    assert_eq!(shares(&answer), ["1.000 198.51.100.7:4000"]);
}

#[test]
fn bytes_that_are_no_request_pass_by_the_routes() {
    let answer = database(connect("10.96.0.10:80"));
    assert_eq!(answer.listener.as_deref(), Some("0.0.0.0_80"));
    assert_eq!(answer.filter_chain.as_deref(), Some("PassthroughFilterChain"));
    assert_eq!(answer.outcome.kind, OutcomeKind::Passthrough);
}

#[test]
fn a_handshake_where_requests_are_declared_is_refused() {
    let web = manifests(&[SHOP]);
    let arrival = Arrival::Tcp { destination: "10.1.0.1:8080".parse().unwrap(), tls: true, sni: None };
    let request = Request { origin: from("shop/client"), arrival, inbound: true };
    let answer = explain(&web, &Setting::default(), &request).unwrap();
    assert_eq!(kind(&answer), (OutcomeKind::DirectResponse, Some(400), Some("DPE")));
}
