//! What a gateway serves.

use outrigger_proto::envoy::config::route::v3::virtual_host::TlsRequirementType;

use super::fixture::{Fixture, object, service, virtual_service};

fn gateway(name: &str, created: &str, server: &str) -> String {
    object("Gateway", name, created, &format!("  selector: {{istio: ingressgateway}}\n  servers: [{server}]"))
}

fn http(port: u16, hosts: &str) -> String {
    format!("{{port: {{number: {port}, name: http, protocol: HTTP}}, hosts: {hosts}}}")
}

fn answer(name: &str, created: &str, gateways: &str, hosts: &str, rules: &str) -> String {
    virtual_service(name, created, &format!("  gateways: {gateways}\n  hosts: {hosts}\n  http: {rules}"))
}

#[test]
fn routes_of_all_rules_for_a_host_count_and_those_for_everything_come_last() {
    let yaml = gateway("edge", "", &http(80, "['*']"))
        + &answer("b", "10:00", "[edge]", "[a.com]", "[{directResponse: {status: 201}}]")
        + &answer(
            "a",
            "11:00",
            "[edge]",
            "[a.com]",
            "[{match: [{uri: {prefix: /x}}], directResponse: {status: 202}}]",
        )
        + &answer("c", "12:00", "[edge]", "[a.com]", "[{directResponse: {status: 203}}]");
    let sent = Fixture::new(&yaml).gateway();
    assert_eq!(sent.targets("http.80", "a.com"), ["202", "201"]);
    assert_eq!(sent.findings(), ["VirtualService/default/c spec.http OUT0006"]);
}

#[test]
fn an_expression_for_every_path_keeps_its_place() {
    let yaml = gateway("edge", "", &http(80, "['*']"))
        + &answer(
            "a",
            "",
            "[edge]",
            "[a.com]",
            "[{match: [{uri: {regex: '.*'}}], directResponse: {status: 201}}]",
        )
        + &answer(
            "b",
            "",
            "[edge]",
            "[a.com]",
            "[{match: [{uri: {prefix: /x}}], directResponse: {status: 202}}]",
        );
    assert_eq!(Fixture::new(&yaml).gateway().targets("http.80", "a.com"), ["201", "202"]);
}

#[test]
fn hosts_are_those_that_server_and_rule_share() {
    let yaml = gateway("edge", "", &http(80, "['*.a.com', b.com, default/c.com, other/d.com, ./e.com]"))
        + &answer(
            "r",
            "",
            "[edge]",
            "['x.a.com', '*.com', c.com, d.com, e.com, f.org]",
            "[{directResponse: {status: 200}}]",
        );
    let sent = Fixture::new(&yaml).gateway();
    let hosts: Vec<String> =
        sent.routes("http.80").virtual_hosts.into_iter().flat_map(|host| host.domains).collect();
    assert_eq!(hosts, ["*.a.com", "b.com", "c.com", "e.com", "x.a.com"]);
}

#[test]
fn only_rules_that_name_the_gateway_are_attached() {
    let yaml = gateway("edge", "", &http(80, "['*']"))
        + &answer("mesh", "", "[mesh]", "[a.com]", "[{directResponse: {status: 201}}]")
        + &answer("full", "", "[default/edge]", "[b.com]", "[{directResponse: {status: 202}}]")
        + &answer("other", "", "[other/edge]", "[c.com]", "[{directResponse: {status: 203}}]")
        + &answer(
            "both",
            "",
            "[mesh, edge]",
            "[d.com]",
            "[{match: [{gateways: [mesh]}], directResponse: {status: 204}}, {directResponse: {status: 205}}]",
        );
    let sent = Fixture::new(&yaml).gateway();
    assert_eq!(sent.targets("http.80", "a.com"), Vec::<String>::new());
    assert_eq!(sent.targets("http.80", "b.com"), ["202"]);
    assert_eq!(sent.targets("http.80", "c.com"), Vec::<String>::new());
    assert_eq!(sent.targets("http.80", "d.com"), ["205"]);
}

#[test]
fn without_rules_every_request_is_404() {
    let sent = Fixture::new(&gateway("edge", "", &http(80, "['*']"))).gateway();
    let [host] = &sent.routes("http.80").virtual_hosts[..] else { panic!("one host") };
    assert_eq!(
        (host.name.as_str(), &host.domains[..], host.routes.len()),
        ("blackhole:80", &["*".to_string()][..], 0)
    );
}

#[test]
fn servers_of_one_port_are_served_together_or_the_older_one_has_it() {
    let yaml = gateway("young", "12:00", "{port: {number: 80, name: tcp, protocol: TCP}, hosts: ['*']}")
        + &gateway("old", "10:00", &http(80, "[a.com]"))
        + &gateway("friend", "11:00", &http(80, "[b.com]"))
        + &answer("r", "", "[old, friend, young]", "[a.com, b.com]", "[{directResponse: {status: 200}}]");
    let sent = Fixture::new(&yaml).gateway();
    assert_eq!(sent.targets("http.80", "a.com"), ["200"]);
    assert_eq!(sent.targets("http.80", "b.com"), ["200"]);
    assert_eq!(sent.findings(), ["Gateway/default/young spec.servers[0].port OUT0006"]);
}

#[test]
fn the_port_of_a_rule_is_the_servers() {
    let front = "
apiVersion: v1
kind: Service
metadata: {name: front, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  ports: [{name: http, port: 80, targetPort: 8080}]
---
apiVersion: v1
kind: Pod
metadata: {name: gw, namespace: istio-system, labels: {istio: ingressgateway}}
spec: {containers: [{name: a}]}
status: {phase: Running, podIP: 10.8.8.8, podIPs: [{ip: 10.8.8.8}], conditions: [{type: Ready, status: 'True'}]}
---
";
    let rules = "[{match: [{port: 80}], directResponse: {status: 200}}, {match: [{port: 8080}], directResponse: {status: 201}}]";
    let yaml = gateway("edge", "", &http(80, "['*']")) + front + &answer("r", "", "[edge]", "['*']", rules);
    let sent = Fixture::new(&yaml).gateway();
    assert!(sent.bundle.listeners.contains_key("0.0.0.0_8080"));
    assert_eq!(sent.targets("http.8080", "*"), ["200"]);
}

#[test]
fn plain_http_may_be_redirected_without_any_rule() {
    let server =
        "{port: {number: 80, name: http, protocol: HTTP}, hosts: [a.com], tls: {httpsRedirect: true}}";
    let sent = Fixture::new(&gateway("edge", "", server)).gateway();
    let host = sent.virtual_host("http.80", "a.com").unwrap();
    assert_eq!(host.require_tls(), TlsRequirementType::All);
}

#[test]
fn tls_is_passed_on_by_name_and_never_served_in_the_clear() {
    let server = |port: u16, mode: &str| {
        format!(
            "{{port: {{number: {port}, name: tls, protocol: HTTPS}}, hosts: ['*.a.com'], \
             tls: {{mode: {mode}, credentialName: c}}}}"
        )
    };
    let rule = "  gateways: [pass, end]
  hosts: ['*.a.com', '*.b.com']
  tls:
  - match: [{sniHosts: [x.a.com, y.b.com]}]
    route: [{destination: {host: web, port: {number: 443}}}]
  http: [{directResponse: {status: 200}}]";
    let yaml = gateway("pass", "", &server(443, "PASSTHROUGH").replace(", credentialName: c", ""))
        + &gateway("end", "", &server(444, "SIMPLE"))
        + &service("web", "10.96.0.1", "https", 443)
        + &virtual_service("r", "", rule);
    let sent = Fixture::new(&yaml).gateway();
    let listener = sent.listener("0.0.0.0_443");
    let [chain] = &listener.filter_chains[..] else { panic!("one chain") };
    assert_eq!(chain.filter_chain_match.as_ref().unwrap().server_names, ["x.a.com"]);
    assert!(!sent.bundle.listeners.contains_key("0.0.0.0_444"));
    assert_eq!(sent.bundle.routes.len(), 0);
}

#[test]
fn a_gateway_reaches_headless_services_at_their_endpoints() {
    let yaml = service("db", "None", "http", 80);
    let sent = Fixture::new(&yaml).gateway();
    let cluster = sent.cluster("outbound|80||db.default.svc.cluster.local");
    assert!(cluster.eds_cluster_config.is_some());
}
