//! What users are told about rules that miss their mark.

use super::fixture::{Fixture, object, service, virtual_service};

#[test]
fn a_destination_that_does_not_exist_is_named() {
    let spec = "  hosts: [web]
  http:
  - match: [{uri: {prefix: /a}}]
    route:
    - {destination: {host: web}, weight: 1}
    - {destination: {host: gone}, weight: 1}
  - match: [{uri: {prefix: /b}}]
    route: [{destination: {host: web, port: {number: 81}}}]
  - route: [{destination: {host: web, subset: v1}}]
  tcp:
  - route: [{destination: {host: lost}}]";
    let sent =
        Fixture::new(&(service("web", "10.96.0.1", "http", 80) + &virtual_service("a", "", spec))).sidecar();
    assert_eq!(
        sent.findings(),
        [
            "VirtualService/default/a spec.http[0].route[1].destination.host OUT0007",
            "VirtualService/default/a spec.http[1].route[0].destination.port OUT0007",
            "VirtualService/default/a spec.http[2].route[0].destination.subset OUT0007",
            "VirtualService/default/a spec.tcp[0].route[0].destination.host OUT0007",
        ]
    );
}

#[test]
fn a_subset_that_exists_is_fine() {
    let rule =
        object("DestinationRule", "web", "", "  host: web\n  subsets: [{name: v1, labels: {version: v1}}]");
    let spec = "  hosts: [web]\n  http: [{route: [{destination: {host: web, subset: v1}}]}]";
    let yaml = service("web", "10.96.0.1", "http", 80) + &rule + &virtual_service("a", "", spec);
    assert_eq!(Fixture::new(&yaml).sidecar().findings(), Vec::<String>::new());
}

#[test]
fn routes_behind_one_for_everything_are_unreachable() {
    let spec = "  hosts: [web]
  http:
  - match: [{sourceLabels: {app: x}}]
    route: [{destination: {host: web}}]
  - match: [{uri: {prefix: /}}]
    route: [{destination: {host: web}}]
  - match: [{uri: {prefix: /late}}]
    route: [{destination: {host: web}}]";
    let sent =
        Fixture::new(&(service("web", "10.96.0.1", "http", 80) + &virtual_service("a", "", spec))).sidecar();
    assert_eq!(sent.findings(), ["VirtualService/default/a spec.http[2] OUT0010"]);
}

#[test]
fn a_gateway_hears_only_about_its_own_rules() {
    let spec = "  hosts: [web]\n  gateways: [edge]\n  http: [{route: [{destination: {host: gone}}]}]";
    let edge = object(
        "Gateway",
        "edge",
        "",
        "  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]",
    );
    let rule = virtual_service("a", "", spec);
    let missing = ["VirtualService/default/a spec.http[0].route[0].destination.host OUT0007"];
    let fixture = Fixture::new(&(edge + &rule));
    assert_eq!(fixture.gateway().findings(), missing);
    assert_eq!(fixture.sidecar().findings(), Vec::<String>::new());
}

#[test]
fn a_gateway_that_does_not_exist_is_named() {
    let spec = "  hosts: [a.com]\n  gateways: [mesh, gone]\n  http: [{directResponse: {status: 200}}]";
    let sent = Fixture::new(&virtual_service("a", "", spec)).sidecar();
    assert_eq!(sent.findings(), ["VirtualService/default/a spec.gateways[1] OUT0007"]);
}
