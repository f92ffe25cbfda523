//! A bundle after a change is what it would be from scratch, and shares what did not change.

use std::path::Path;
use std::sync::Arc;

use outrigger_api::{Change, Resource};
use outrigger_mesh::Touched;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use super::fixture::{Fixture, gateway, object, service, sidecar, virtual_service, workload};
use crate::{Bundle, Proxy, Resources, View, compile, recompile};

fn assert_same(one: &Bundle, other: &Bundle, what: &str) {
    let differing = |a: &Resources, b: &Resources| -> Vec<String> {
        let names = a.keys().chain(b.keys()).filter(|name| a.get(*name) != b.get(*name));
        names.map(|name| name.to_string()).collect()
    };
    assert_eq!(differing(&one.clusters, &other.clusters), Vec::<String>::new(), "clusters {what}");
    assert_eq!(differing(&one.endpoints, &other.endpoints), Vec::<String>::new(), "endpoints {what}");
    assert_eq!(differing(&one.listeners, &other.listeners), Vec::<String>::new(), "listeners {what}");
    assert_eq!(differing(&one.routes, &other.routes), Vec::<String>::new(), "routes {what}");
    assert_eq!(one.diagnostics, other.diagnostics, "diagnostics {what}");
}

/// Resources with equal content are one allocation.
fn assert_shared(before: &Resources, after: &Resources) {
    for (name, body) in after {
        if let Some(old) = before.get(name)
            && old == body
        {
            assert!(Arc::ptr_eq(old, body), "{name} was built again for nothing");
        }
    }
}

fn after(fixture: &mut Fixture, before: &Bundle, proxy: &Proxy, yaml: &str) -> Bundle {
    let touched = fixture.apply(yaml);
    let snapshot = fixture.mesh.snapshot();
    recompile(before, &snapshot, &View::of(&snapshot, proxy), &touched)
}

fn base() -> String {
    service("a", "10.96.0.1", "http", 82)
        + &service("b", "10.96.0.2", "http", 81)
        + &workload("a-1", "a", "10.0.0.1", "v1")
        + &workload("b-1", "b", "10.0.0.2", "v1")
}

#[test]
fn a_change_of_endpoints_replaces_one_assignment() {
    let mut fixture = Fixture::new(&base());
    let proxy = sidecar("default", &["10.9.9.9"]);
    let before = fixture.sent(&proxy).bundle;
    let after = after(&mut fixture, &before, &proxy, &workload("a-2", "a", "10.0.0.3", "v1"));
    assert!(Arc::ptr_eq(&before.clusters, &after.clusters));
    assert!(Arc::ptr_eq(&before.listeners, &after.listeners));
    assert!(Arc::ptr_eq(&before.routes, &after.routes));
    let name = "outbound|82||a.default.svc.cluster.local";
    assert_ne!(before.endpoints[name].version, after.endpoints[name].version);
    let changed = after.endpoints.iter().filter(|(name, body)| !Arc::ptr_eq(&before.endpoints[*name], body));
    assert_eq!(changed.count(), 1);
}

#[test]
fn a_change_of_a_route_replaces_one_route_configuration() {
    let mut fixture = Fixture::new(&base());
    let proxy = sidecar("default", &["10.9.9.9"]);
    let before = fixture.sent(&proxy).bundle;
    let rule = virtual_service("r", "", "  hosts: [b]\n  http: [{route: [{destination: {host: a}}]}]");
    let after = after(&mut fixture, &before, &proxy, &rule);
    assert!(Arc::ptr_eq(&before.clusters, &after.clusters));
    assert!(Arc::ptr_eq(&before.endpoints, &after.endpoints));
    assert!(Arc::ptr_eq(&before.listeners, &after.listeners));
    assert!(Arc::ptr_eq(&before.routes["82"], &after.routes["82"]));
    assert!(!Arc::ptr_eq(&before.routes["81"], &after.routes["81"]));
}

#[test]
fn a_change_that_this_proxy_cannot_see_shares_everything() {
    let mut fixture = Fixture::new(&base());
    let proxy = sidecar("default", &["10.9.9.9"]);
    let before = fixture.sent(&proxy).bundle;
    let hidden = service("c", "10.96.0.3", "http", 80).replace(
        "{name: c}",
        "{name: c, namespace: other, annotations: {networking.istio.io/exportTo: '.'}}",
    );
    let after = after(&mut fixture, &before, &proxy, &hidden);
    assert!(Arc::ptr_eq(&before.clusters, &after.clusters));
    assert!(Arc::ptr_eq(&before.listeners, &after.listeners));
    assert!(Arc::ptr_eq(&before.routes, &after.routes));
}

#[test]
fn proxies_that_serve_the_same_have_equal_views() {
    let fixture = Fixture::new(&(base() + &workload("a-2", "a", "10.0.0.3", "v2")));
    let snapshot = fixture.mesh.snapshot();
    let view = |ip: &str| View::of(&snapshot, &sidecar("default", &[ip]));
    assert_eq!(view("10.0.0.1"), view("10.0.0.3"));
    assert_ne!(view("10.0.0.1"), view("10.0.0.2"));
    assert_eq!(view("10.9.9.9"), view("10.9.9.8"));
}

/// Objects to draw changes from: many that meet each other in names, hosts, ports and addresses.
fn universe() -> Vec<Resource> {
    let mut yaml = String::new();
    for (name, port_names) in [("a", ["http", "tcp", "who"]), ("b", ["http", "grpc", "tls"])] {
        for (n, port_name) in port_names.into_iter().enumerate() {
            yaml += &service(name, &format!("10.96.0.{n}"), port_name, 80);
            yaml += &service(name, "None", port_name, 80);
        }
        for n in 0..3 {
            yaml += &workload(&format!("{name}-{n}"), name, &format!("10.0.0.{n}"), &format!("v{n}"));
        }
        for subset in ["v0", "v1"] {
            let rule =
                format!("  host: {name}\n  subsets: [{{name: {subset}, labels: {{version: {subset}}}}}]");
            yaml += &object("DestinationRule", name, "10:00", &rule);
            yaml += &object("DestinationRule", &format!("{name}-late"), "11:00", &rule);
            yaml += &object("DestinationRule", "root", "", &rule)
                .replace("{name: root,", "{name: root, namespace: istio-system,")
                .replace(&format!("host: {name}"), "host: '*'");
        }
        for (hosts, gateways) in
            [("[a]", "[mesh]"), ("['*.svc.cluster.local', b]", "[mesh, edge]"), ("[up.com]", "[edge]")]
        {
            for port in [80, 81] {
                yaml += &virtual_service(
                    &format!("{name}-rule"),
                    "10:00",
                    &format!(
                        "  hosts: {hosts}
  gateways: {gateways}
  http:
  - match: [{{sourceLabels: {{app: client}}, uri: {{prefix: /x}}}}, {{port: {port}}}]
    route: [{{destination: {{host: {name}, subset: v1}}}}]
  tcp:
  - match: [{{port: 80}}]
    route: [{{destination: {{host: {name}}}}}]"
                    ),
                );
            }
        }
    }
    for resolution in ["STATIC", "NONE", "DNS"] {
        for protocol in ["HTTP", "TCP", "TLS", "''"] {
            let entry = format!(
                "  hosts: [outside.com]
  ports: [{{number: 80, name: p, protocol: {protocol}}}]
  resolution: {resolution}"
            );
            yaml += &object("ServiceEntry", "outside", "", &entry);
        }
    }
    for port in [80, 81] {
        yaml += &object(
            "Gateway",
            "edge",
            "",
            &format!(
                "  selector: {{istio: ingressgateway}}
  servers: [{{port: {{number: {port}, name: http, protocol: HTTP}}, hosts: ['*']}}]"
            ),
        );
    }
    // One name stands here several times, in several forms: drawing one is a change of the object.
    let documents = yaml.split("\n---\n").filter(|document| !document.trim().is_empty());
    documents
        .flat_map(|document| {
            let parsed = outrigger_api::parse(Path::new("test.yaml"), document, "default");
            assert_eq!(parsed.diagnostics, [], "{document}");
            parsed.objects.into_iter().map(|object| object.resource)
        })
        .collect()
}

fn random_change(random: &mut StdRng, universe: &[Resource]) -> Change {
    let resource = universe.choose(random).unwrap();
    if random.random_bool(0.35) { Change::Delete(resource.key()) } else { Change::Upsert(resource.clone()) }
}

#[test]
fn recompiling_gives_what_compiling_gives() {
    let universe = universe();
    let proxies = [
        sidecar("default", &["10.9.9.9"]),
        sidecar("default", &["10.0.0.1", "fd00::1"]),
        sidecar("other", &["10.9.9.8"]),
        gateway(),
    ];
    for seed in 0..6 {
        let mut random = StdRng::seed_from_u64(seed);
        let mut fixture = Fixture::new("");
        let mut bundles: Vec<Bundle> = proxies.iter().map(|proxy| fixture.sent(proxy).bundle).collect();
        for step in 0..60 {
            let count = random.random_range(1..4);
            let changes = (0..count).map(|_| random_change(&mut random, &universe)).collect();
            let touched: Touched = fixture.mesh.apply(changes);
            let snapshot = fixture.mesh.snapshot();
            for (proxy, before) in proxies.iter().zip(&mut bundles) {
                let view = View::of(&snapshot, proxy);
                let after = recompile(before, &snapshot, &view, &touched);
                let what = format!("of {} after step {step} of seed {seed}: {touched:?}", proxy.id);
                assert_same(&after, &compile(&snapshot, &view), &what);
                assert_shared(&before.clusters, &after.clusters);
                assert_shared(&before.endpoints, &after.endpoints);
                assert_shared(&before.listeners, &after.listeners);
                assert_shared(&before.routes, &after.routes);
                *before = after;
            }
        }
    }
}
