//! What receivers' sidecars do with requests.

use super::support::*;
use crate::{Arrival, Direction, Explanation, OutcomeKind, Request, Setting, Stage, explain};

fn inbound(more: &str, origin: &str, arrival: Arrival) -> Explanation {
    let all = manifests(&[SHOP, more]);
    let request = Request { origin: from(origin), arrival, inbound: true };
    let answer = explain(&all, &Setting::default(), &request).unwrap();
    check(&answer);
    assert_eq!(answer.direction, Direction::Inbound);
    answer
}

#[test]
fn the_workload_that_a_request_is_for_receives_it() {
    for (origin, url) in [
        ("shop/web-1", "http://10.1.0.1:8080/"),
        ("shop/web-1", "http://localhost:8080/"),
        ("shop/web-1", "http://web/"),
        ("shop/client", "http://10.1.0.1:8080/"),
    ] {
        let answer = inbound("", origin, get(url));
        assert_eq!(answer.listener.as_deref(), Some("virtualInbound"), "{origin} {url}");
        assert_eq!(answer.filter_chain.as_deref(), Some("0.0.0.0_8080"), "{origin} {url}");
        assert_eq!(answer.clusters[0].name, "inbound|8080||", "{origin} {url}");
        assert_eq!(shares(&answer), ["1.000 10.1.0.1:8080"], "{origin} {url}");
        assert_eq!(answer.outcome.kind, OutcomeKind::Forward, "{origin} {url}");
        assert_eq!(object(step(&answer, Stage::FilterChain)), "Service/shop/web", "{origin} {url}");
    }
}

#[test]
fn whoever_the_caller_would_reach_receives_it() {
    let to_v2 = "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec: {hosts: [web], http: [{route: [{destination: {host: web, subset: v2}}]}]}
";
    let answer = inbound(to_v2, "shop/client", get("http://web/"));
    assert_eq!(shares(&answer), ["1.000 10.1.0.2:8080"]);
    assert_eq!(answer.clusters[0].endpoints[0].workload.as_deref(), Some("Pod/shop/web-2"));
}

#[test]
fn ports_that_no_service_leads_to_pass() {
    let answer = inbound("", "shop/web-1", get("http://10.1.0.1:9999/"));
    assert_eq!(answer.filter_chain.as_deref(), Some("virtualInbound-catchall-http"));
    assert_eq!(answer.clusters[0].name, "InboundPassthroughCluster");
    assert_eq!(answer.outcome.kind, OutcomeKind::Passthrough);
    let bytes = inbound("", "shop/web-1", connect("10.1.0.1:9999"));
    assert_eq!(bytes.filter_chain.as_deref(), Some("virtualInbound"));
}

#[test]
fn without_another_receiver_it_is_the_origin() {
    let answer = inbound("", "shop/web-2", get("http://www.example.com:8080/"));
    assert_eq!(shares(&answer), ["1.000 10.1.0.2:8080"]);
    assert!(step(&answer, Stage::Name).why.contains("taken to arrive at the origin"));
}

#[test]
fn a_gateway_receives_nothing_itself() {
    let all = manifests(&[SHOP]);
    let origin = crate::Origin::Proxy(crate::ProxyOrigin {
        gateway: true,
        namespace: "shop".into(),
        labels: Default::default(),
        addresses: Vec::new(),
    });
    let request = Request { origin, arrival: get("http://www.example.com/"), inbound: true };
    let error = explain(&all, &Setting::default(), &request).unwrap_err();
    assert!(error.to_string().contains("no receiving side"), "{error}");
}
