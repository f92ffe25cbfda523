//! Which routes a sidecar has.

use outrigger_api::{MeshConfig, OutboundMode};
use outrigger_proto::envoy::config::route::v3::route::Action;
use outrigger_proto::envoy::config::route::v3::weighted_cluster::cluster_weight::HostRewriteSpecifier;
use outrigger_proto::envoy::config::route::v3::{redirect_action, route_action};

use super::fixture::{Fixture, action, service, sidecar, virtual_service};

fn web() -> String {
    service("web", "10.96.0.1", "http", 80)
}

const WEB: &str = "web.default.svc.cluster.local";

#[test]
fn a_service_without_rules_gets_everything_with_the_default_retries() {
    let sent = Fixture::new(&web()).sidecar();
    assert_eq!(sent.targets("80", WEB), ["default: outbound|80||web.default.svc.cluster.local"]);
    let host = sent.virtual_host("80", WEB).unwrap();
    assert!(host.include_request_attempt_count);
    let forward = action(&host.routes[0]);
    assert_eq!(forward.timeout.unwrap().seconds, 0);
    let retry = forward.retry_policy.as_ref().unwrap();
    assert_eq!(retry.num_retries.unwrap().value, 2);
    assert_eq!(retry.retry_on, "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes");
    assert_eq!((retry.host_selection_retry_max_attempts, &retry.retriable_status_codes[..]), (5, &[][..]));
    assert_eq!(
        forward.cluster_not_found_response_code(),
        route_action::ClusterNotFoundResponseCode::ServiceUnavailable
    );
}

#[test]
fn unknown_hosts_pass_or_are_refused_as_the_mesh_says() {
    let allowed = Fixture::new(&web()).sidecar();
    assert_eq!(allowed.targets("80", "*"), ["allow_any: PassthroughCluster"]);
    let config = MeshConfig { outbound_traffic_policy: OutboundMode::RegistryOnly, ..Default::default() };
    let refused = Fixture::with_config(&web(), config).sidecar();
    assert_eq!(refused.targets("80", "*"), ["block_all: 502"]);
}

#[test]
fn one_rule_has_the_word_for_a_host_and_it_is_the_oldest() {
    let rule = |status: u16| format!("  hosts: [web]\n  http: [{{directResponse: {{status: {status}}}}}]");
    let yaml = web()
        + &virtual_service("a", "12:00", &rule(201))
        + &virtual_service("z", "11:00", &rule(202))
        + &virtual_service("b", "12:00", &rule(203));
    let sent = Fixture::new(&yaml).sidecar();
    assert_eq!(sent.targets("80", WEB), ["202"]);
    assert_eq!(
        sent.findings(),
        ["VirtualService/default/a spec.hosts OUT0006", "VirtualService/default/b spec.hosts OUT0006"]
    );
}

#[test]
fn a_private_rule_comes_before_an_older_public_one() {
    let yaml = web()
        + &virtual_service("old", "11:00", "  hosts: [web]\n  http: [{directResponse: {status: 201}}]")
        + &virtual_service(
            "own",
            "12:00",
            "  hosts: [web]\n  exportTo: ['.']\n  http: [{directResponse: {status: 202}}]",
        );
    let fixture = Fixture::new(&yaml);
    assert_eq!(fixture.sidecar().targets("80", WEB), ["202"]);
    assert_eq!(fixture.sent(&sidecar("other", &["10.9.9.8"])).targets("80", WEB), ["201"]);
}

#[test]
fn an_exact_host_beats_wildcards_and_longer_wildcards_shorter_ones() {
    let rule = |name: &str, created: &str, host: &str, status: u16| {
        let spec = format!("  hosts: ['{host}']\n  http: [{{directResponse: {{status: {status}}}}}]");
        virtual_service(name, created, &spec)
    };
    let yaml = web()
        + &service("shop", "10.96.0.2", "http", 80)
        + &service("odd", "10.96.0.3", "http", 80).replace("{name: odd}", "{name: odd, namespace: other}")
        + &rule("all", "09:00", "*.svc.cluster.local", 201)
        + &rule("namespace", "10:00", "*.default.svc.cluster.local", 202)
        + &rule("one", "11:00", "web", 203);
    let sent = Fixture::new(&yaml).sidecar();
    assert_eq!(sent.targets("80", WEB), ["203"]);
    assert_eq!(sent.targets("80", "shop.default.svc.cluster.local"), ["202"]);
    assert_eq!(sent.targets("80", "odd.other.svc.cluster.local"), ["201"]);
    assert_eq!(sent.findings(), Vec::<String>::new());
}

#[test]
fn a_rule_that_cannot_hold_here_leaves_the_host_to_others() {
    let yaml = web()
        + &virtual_service(
            "elsewhere",
            "09:00",
            "  hosts: [web]\n  http: [{match: [{sourceLabels: {app: nobody}}], directResponse: {status: 201}}]",
        )
        + &virtual_service(
            "gateways",
            "10:00",
            "  hosts: [web]\n  gateways: [edge]\n  http: [{directResponse: {status: 202}}]",
        )
        + &virtual_service(
            "here",
            "11:00",
            "  hosts: [web]\n  http: [{match: [{sourceLabels: {app: client}}], directResponse: {status: 203}}]",
        );
    assert_eq!(Fixture::new(&yaml).sidecar().targets("80", WEB), ["203"]);
}

#[test]
fn a_wildcard_takes_no_host_that_a_rule_names() {
    let yaml = web()
        + &virtual_service(
            "elsewhere",
            "",
            "  hosts: [web]\n  http: [{match: [{sourceLabels: {app: nobody}}], directResponse: {status: 201}}]",
        )
        + &virtual_service(
            "wild",
            "",
            "  hosts: ['*.default.svc.cluster.local']\n  http: [{directResponse: {status: 202}}]",
        );
    let sent = Fixture::new(&yaml).sidecar();
    assert_eq!(sent.targets("80", WEB), ["default: outbound|80||web.default.svc.cluster.local"]);
}

#[test]
fn the_host_that_the_upstream_sees_is_the_rewrites_then_the_routes_then_the_destinations() {
    let rewritten = |route: &str| {
        let spec = format!(
            "  hosts: [web]
  http:
  - route: [{{destination: {{host: web}}, headers: {{request: {{add: {{host: destination}}}}}}}}]
{route}"
        );
        let sent = Fixture::new(&(web() + &virtual_service("a", "", &spec))).sidecar();
        let routes = sent.virtual_host("80", WEB).unwrap().routes;
        match &action(&routes[0]).host_rewrite_specifier {
            Some(route_action::HostRewriteSpecifier::HostRewriteLiteral(host)) => host.clone(),
            other => panic!("{other:?}"),
        }
    };
    let headers = "    headers: {request: {set: {host: route}}}";
    assert_eq!(rewritten(""), "destination");
    assert_eq!(rewritten(headers), "route");
    assert_eq!(rewritten(&format!("{headers}\n    rewrite: {{authority: rewrite}}")), "rewrite");
}

#[test]
fn conditions_that_are_known_beforehand_decide_beforehand() {
    let spec = "  hosts: [web]
  gateways: [mesh, edge]
  http:
  - match:
    - {gateways: [edge], uri: {prefix: /gateway}}
    - {gateways: [mesh], sourceLabels: {app: nobody}, uri: {prefix: /mesh-whatever-the-source}}
    - {sourceNamespace: other, uri: {prefix: /other}}
    - {sourceNamespace: default, uri: {prefix: /own}}
    - {port: 81, uri: {prefix: /port}}
    - {}
    - {uri: {prefix: /late}}
    directResponse: {status: 200}
  - directResponse: {status: 201}";
    let sent = Fixture::new(&(web() + &virtual_service("a", "", spec))).sidecar();
    let routes = sent.virtual_host("80", WEB).unwrap().routes;
    let prefixes: Vec<_> = routes
        .iter()
        .map(|route| format!("{:?}", route.r#match.as_ref().unwrap().path_specifier.as_ref().unwrap()))
        .collect();
    assert_eq!(prefixes, ["Prefix(\"/mesh-whatever-the-source\")", "Prefix(\"/own\")", "Prefix(\"/\")"]);
}

#[test]
fn hosts_without_a_service_work_on_port_80() {
    let spec = "  hosts: [made.up, '*.up']\n  http: [{route: [{destination: {host: web}}]}]";
    let only_rule = service("web", "10.96.0.1", "http", 8000) + &virtual_service("a", "", spec);
    let sent = Fixture::new(&only_rule).sidecar();
    assert_eq!(sent.targets("80", "made.up"), ["outbound|8000||web.default.svc.cluster.local"]);
    assert_eq!(sent.targets("80", "*.up").len(), 1);
    assert_eq!(sent.targets("8000", "made.up"), Vec::<String>::new());
    assert!(sent.bundle.listeners.contains_key("0.0.0.0_80"));
}

#[test]
fn a_destination_without_a_port_means_the_only_one_or_the_listeners() {
    let two_ports = "
apiVersion: v1
kind: Service
metadata: {name: two}
spec:
  clusterIP: 10.96.0.9
  ports: [{name: http-a, port: 80}, {name: http-b, port: 81}]
---
";
    let spec = "  hosts: [web]
  http:
  - match: [{uri: {exact: /a}}]
    route: [{destination: {host: two}}]
  - match: [{uri: {exact: /b}}]
    route: [{destination: {host: two, port: {number: 81}}}]
  - match: [{uri: {exact: /c}}]
    route: [{destination: {host: one}}]
  - match: [{uri: {exact: /d}}]
    route: [{destination: {host: gone, subset: v1}}]";
    let yaml =
        web() + two_ports + &service("one", "10.96.0.8", "http", 8000) + &virtual_service("a", "", spec);
    assert_eq!(
        Fixture::new(&yaml).sidecar().targets("80", WEB),
        [
            "outbound|80||two.default.svc.cluster.local",
            "outbound|81||two.default.svc.cluster.local",
            "outbound|8000||one.default.svc.cluster.local",
            "outbound|80|v1|gone.default.svc.cluster.local",
        ]
    );
}

#[test]
fn names_of_routes_and_matches_are_joined() {
    let spec = "  hosts: [web]
  http:
  - name: r
    match: [{name: m, uri: {exact: /a}}, {uri: {exact: /b}}]
    directResponse: {status: 200}
  - directResponse: {status: 201}";
    let sent = Fixture::new(&(web() + &virtual_service("a", "", spec))).sidecar();
    assert_eq!(sent.targets("80", WEB), ["r.m: 200", "r: 200", "201"]);
}

#[test]
fn headers_of_a_destination_and_of_its_route_are_changed() {
    let spec = "  hosts: [web]
  http:
  - match: [{uri: {exact: /two}}]
    headers: {request: {set: {x-route: a}}}
    route:
    - {destination: {host: web}, weight: 1, headers: {request: {set: {host: one.example.com, x-one: b}}}}
    - {destination: {host: web}, weight: 1}
  - headers: {request: {set: {x-route: a}}, response: {remove: [x-secret]}}
    route:
    - {destination: {host: web}, headers: {request: {set: {Host: only.example.com}, add: {x-only: b}}}}";
    let sent = Fixture::new(&(web() + &virtual_service("a", "", spec))).sidecar();
    let routes = sent.virtual_host("80", WEB).unwrap().routes;
    let added = |route: usize| -> Vec<String> {
        routes[route].request_headers_to_add.iter().map(|h| h.header.clone().unwrap().key).collect()
    };
    assert_eq!(added(0), ["x-route"]);
    let Some(route_action::ClusterSpecifier::WeightedClusters(weighted)) =
        &action(&routes[0]).cluster_specifier
    else {
        panic!("two destinations")
    };
    let first = &weighted.clusters[0];
    assert_eq!(
        first.host_rewrite_specifier,
        Some(HostRewriteSpecifier::HostRewriteLiteral("one.example.com".into()))
    );
    assert_eq!(first.request_headers_to_add.len(), 1);
    assert_eq!(added(1), ["x-route", "x-only"]);
    assert_eq!(routes[1].response_headers_to_remove, ["x-secret"]);
    assert_eq!(
        action(&routes[1]).host_rewrite_specifier,
        Some(route_action::HostRewriteSpecifier::HostRewriteLiteral("only.example.com".into()))
    );
}

#[test]
fn a_redirect_leaves_out_what_its_scheme_implies() {
    let spec = "  hosts: [web]
  http:
  - match: [{uri: {exact: /a}}]
    redirect: {scheme: https, port: 443, uri: /b}
  - match: [{uri: {exact: /c}}]
    redirect: {derivePort: FROM_REQUEST_PORT}
  - redirect: {port: 8080, redirectCode: 307, authority: there}";
    let sent = Fixture::new(&(web() + &virtual_service("a", "", spec))).sidecar();
    let redirects: Vec<_> = sent
        .virtual_host("80", WEB)
        .unwrap()
        .routes
        .into_iter()
        .map(|route| match route.action.unwrap() {
            Action::Redirect(redirect) => redirect,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(redirects.iter().map(|r| r.port_redirect).collect::<Vec<_>>(), [0, 0, 8080]);
    assert_eq!(redirects[0].response_code(), redirect_action::RedirectResponseCode::MovedPermanently);
    assert_eq!(redirects[2].response_code(), redirect_action::RedirectResponseCode::TemporaryRedirect);
    assert_eq!(redirects[2].host_redirect, "there");
}

#[test]
fn a_long_answer_finds_room() {
    let body = "x".repeat(5000);
    let spec =
        format!("  hosts: [web]\n  http: [{{directResponse: {{status: 200, body: {{string: {body}}}}}}}]");
    let sent = Fixture::new(&(web() + &virtual_service("a", "", &spec))).sidecar();
    assert!(sent.routes("80").max_direct_response_body_size_bytes.unwrap().value >= 5000);
    assert!(Fixture::new(&web()).sidecar().routes("80").max_direct_response_body_size_bytes.is_none());
}

#[test]
fn a_delegate_leaves_the_other_routes() {
    let spec = "  hosts: [web]
  http:
  - match: [{uri: {prefix: /d}}]
    delegate: {name: x}
  - route: [{destination: {host: web}}]";
    let sent = Fixture::new(&(web() + &virtual_service("a", "", spec))).sidecar();
    assert_eq!(sent.targets("80", WEB), ["outbound|80||web.default.svc.cluster.local"]);
}
