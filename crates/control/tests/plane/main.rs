//! A control plane in this process, real proxies' clients on loopback.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use outrigger_base::{Code, Severity};
use outrigger_control::StartError;
use outrigger_xds::client;
use serde_json::Value;

use support::{Plane, Proxy, get, node, request, route, service};

const A: &str = "outbound|80||a.example";
const B: &str = "outbound|80||b.example";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn manifests_arrive_as_resources() {
    let plane = Plane::start(&[("mesh.yaml", &service("a.example", &["10.0.0.1"]))]).await;
    let proxy = Proxy::sidecar(&plane, "web");
    proxy
        .until("a cluster, endpoints, listeners, routes", |record| {
            ["CDS", "EDS", "LDS", "RDS"].iter().all(|kind| record.held.keys().any(|(k, _)| k == kind))
        })
        .await;
    plane.converge().await;
    assert!(proxy.has("CDS", A) && proxy.has("EDS", A) && proxy.has("LDS", "virtualOutbound"));
    let status = plane.get("/status").await;
    assert_eq!(status["objects"]["ServiceEntry"], 1);
    assert_eq!(status["proxies"][0]["name"], "web.shop");
    assert_eq!(status["proxies"][0]["synced"], true);
    let syncz = plane.get("/debug/syncz").await;
    for kind in ["CDS", "EDS", "LDS", "RDS"] {
        assert_eq!(syncz[0]["types"][kind]["state"], "SYNCED", "{syncz:#}");
        assert_eq!(syncz[0]["types"][kind]["sent"], syncz[0]["types"][kind]["acked"]);
    }
    let dump = plane.get("/debug/config_dump?proxy=web.shop").await;
    assert_eq!(dump["resources"]["CDS"][A], proxy.version("CDS", A));
    plane.control.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_arrives_alone_and_an_edit_without_a_change_not_at_all() {
    let two = |a: &[&str]| service("a.example", a) + &service("b.example", &["10.0.0.9"]);
    let plane = Plane::start(&[("mesh.yaml", &two(&["10.0.0.1"]))]).await;
    let proxy = Proxy::sidecar(&plane, "web");
    proxy.until("routes", |record| record.held.keys().any(|(kind, _)| *kind == "RDS")).await;
    plane.converge().await;
    let before = proxy.updates().len();

    plane.write("mesh.yaml", &two(&["10.0.0.1", "10.0.0.2"]));
    let update = format!("EDS {A}");
    proxy.until("the edit, without anyone asking", |record| record.updates.last() == Some(&update)).await;
    plane.converge().await;
    assert_eq!(proxy.updates()[before..], [format!("EDS {A}")]);

    plane.write("mesh.yaml", &format!("# a comment\n{}", two(&["10.0.0.1", "10.0.0.2"])));
    plane.converge().await;
    assert_eq!(proxy.updates().len(), before + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_service_and_its_route_arrive_in_order_and_what_is_deleted_goes_last() {
    let plane = Plane::start(&[("a.yaml", &service("a.example", &["10.0.0.1"]))]).await;
    let proxy = Proxy::sidecar(&plane, "web");
    proxy.until("routes", |record| record.held.keys().any(|(kind, _)| *kind == "RDS")).await;
    plane.converge().await;
    let before = proxy.updates().len();

    plane.write("b.yaml", &(service("b.example", &["10.0.0.2"]) + &route("a.example", "b.example")));
    plane.converge().await;
    let updates = proxy.updates()[before..].to_vec();
    let position = |start: &str| updates.iter().position(|update| update.starts_with(start));
    assert_eq!(position(&format!("CDS {B}")), Some(0), "{updates:#?}");
    assert_eq!(position(&format!("EDS {B}")), Some(1), "{updates:#?}");
    assert!(position("RDS").is_some(), "{updates:#?}");

    let before = proxy.updates().len();
    plane.remove("b.yaml");
    plane.converge().await;
    let gone = format!("CDS -{B}");
    proxy.until("the removal", |record| record.updates.contains(&gone)).await;
    let updates = proxy.updates()[before..].to_vec();
    let position = |start: &str| updates.iter().position(|update| update.starts_with(start));
    assert!(position("RDS") < position(&gone), "{updates:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_is_shown_and_the_rest_is_applied() {
    let plane = Plane::start(&[("a.yaml", &service("a.example", &["10.0.0.1"]))]).await;
    let proxy = Proxy::sidecar(&plane, "web");
    proxy.until("routes", |record| record.held.keys().any(|(kind, _)| *kind == "RDS")).await;
    proxy.record.lock().unwrap().refuse.insert(B.into());
    plane.write("b.yaml", &(service("b.example", &["10.0.0.2"]) + &service("c.example", &["10.0.0.3"])));
    proxy
        .until("the good one", |record| {
            record.held.contains_key(&("CDS", "outbound|80||c.example".to_string()))
        })
        .await;
    let cds = loop {
        let syncz = plane.get("/debug/syncz").await;
        if syncz[0]["types"]["CDS"]["state"] == "NACKED" {
            break syncz[0]["types"]["CDS"].clone();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(cds["error"], format!("{B}: refused by the test"));
    let metrics = plane.text("GET", "/metrics").await;
    assert!(metrics.contains("outrigger_nacks_total{type=\"cds\"} 1"), "{metrics}");
    assert!(metrics.contains("outrigger_proxies{role=\"sidecar\"} 1"), "{metrics}");
    proxy.record.lock().unwrap().refuse.clear();
    plane.remove("b.yaml");
    plane.converge().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn security_that_is_not_enforced_stops_the_start() {
    let policy = "apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
";
    let Err(StartError::SecurityNotEnforced { diagnostics }) =
        Plane::with(&[("p.yaml", policy)], |_| {}).await
    else {
        panic!("it started");
    };
    assert_eq!(diagnostics[0].code, Code::SECURITY_NOT_ENFORCED);
    assert_eq!(diagnostics[0].position.as_ref().unwrap().line, 4);
    let plane = Plane::with(&[("p.yaml", policy)], |config| config.allow_unenforced = true).await.unwrap();
    let metrics = plane.text("GET", "/metrics").await;
    let line =
        format!("outrigger_diagnostics{{severity=\"error\",code=\"{}\"}} 1", Code::SECURITY_NOT_ENFORCED);
    assert!(metrics.contains(&line), "{metrics}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_malformed_object_is_told_once_with_its_place_and_harms_only_itself() {
    let plane = Plane::start(&[("a.yaml", &service("a.example", &["10.0.0.1"]))]).await;
    let bad = route("a.example", "a.example").replace("route:", "rout:");
    plane.write("bad.yaml", &bad);
    plane.converge().await;
    plane.write("a.yaml", &service("a.example", &["10.0.0.2"]));
    plane.converge().await;
    let told = plane.told.lock().unwrap().clone();
    let errors: Vec<_> = told.iter().filter(|d| d.severity == Severity::Error).collect();
    assert_eq!(errors.len(), 1, "{told:#?}");
    assert_eq!(errors[0].position.as_ref().unwrap().line, 7);
    let status = plane.get("/status").await;
    assert_eq!(status["objects"]["ServiceEntry"], 1);
    assert_eq!(status["diagnostics"][0]["position"]["line"], 7, "{status:#}");
    plane.remove("bad.yaml");
    plane.converge().await;
    assert_eq!(plane.get("/status").await["diagnostics"], Value::Array(vec![]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restart_a_proxy_gets_only_what_changed_meanwhile() {
    let plane = Plane::start(&[("a.yaml", &service("a.example", &["10.0.0.1"]))]).await;
    let proxy = Proxy::sidecar(&plane, "web");
    proxy.until("routes", |record| record.held.keys().any(|(kind, _)| *kind == "RDS")).await;
    plane.converge().await;
    let (xds, admin) = (plane.control.xds(), plane.control.admin());
    plane.control.stop().await;
    let before = proxy.updates().len();
    let two = service("a.example", &["10.0.0.1", "10.0.0.2"]);
    let plane = Plane::with(&[("a.yaml", &two)], |config| {
        config.xds = xds;
        config.admin = admin;
    })
    .await
    .unwrap();
    let update = format!("EDS {A}");
    proxy.until("the change", |record| record.updates.last() == Some(&update)).await;
    plane.converge().await;
    assert_eq!(proxy.updates()[before..], [update]);
    let syncz = plane.get("/debug/syncz").await;
    assert_eq!(syncz[0]["types"]["LDS"]["state"], "SYNCED", "{syncz:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_proxies_get_a_change_and_share_what_they_are_sent() {
    let plane = Plane::start(&[("a.yaml", &service("a.example", &["10.0.0.1"]))]).await;
    let proxies: Vec<_> = (0..50).map(|n| Proxy::sidecar(&plane, &format!("web-{n}"))).collect();
    for proxy in &proxies {
        proxy.until("routes", |record| record.held.keys().any(|(kind, _)| *kind == "RDS")).await;
    }
    plane.converge().await;
    plane.write("a.yaml", &service("a.example", &["10.0.0.1", "10.0.0.2"]));
    plane.converge().await;
    let update = format!("EDS {A}");
    assert!(proxies.iter().all(|proxy| proxy.updates().last() == Some(&update)));
    assert_eq!(plane.get("/status").await["views"], 1);
    let metrics = plane.text("GET", "/metrics").await;
    assert!(metrics.contains("outrigger_convergence_seconds_count 1"), "{metrics}");
    drop(proxies);
    loop {
        let synced = plane.get("/synced").await;
        if synced["proxies"] == 0 {
            assert_eq!(synced["synced"], true);
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_whose_own_services_change_gets_another_view() {
    let plane = Plane::start(&[("a.yaml", &service("a.example", &["10.0.0.1"]))]).await;
    let proxy = Proxy::sidecar(&plane, "web");
    proxy.until("listeners", |record| record.held.contains_key(&("LDS", "virtualInbound".into()))).await;
    plane.converge().await;
    let before = proxy.version("LDS", "virtualInbound");
    plane.write("own.yaml", &service("own.example", &["10.9.0.1"]));
    plane.converge().await;
    assert_ne!(proxy.version("LDS", "virtualInbound"), before);
    plane.remove("own.yaml");
    plane.converge().await;
    assert_eq!(proxy.version("LDS", "virtualInbound"), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_cannot_be_told_is_refused_with_advice() {
    let plane = Plane::start(&[]).await;
    let _proxy = Proxy::connect(plane.control.xds(), "envoy-1", &[]);
    loop {
        let metrics = plane.text("GET", "/metrics").await;
        if metrics.contains("outrigger_refused_connections_total 1") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(plane.get("/synced").await["proxies"], 0);
    assert_eq!(node("envoy-1", &[]).id, "envoy-1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mesh_wide_settings_are_read_again_when_they_change() {
    let settings = tempfile::tempdir().unwrap();
    let file = settings.path().join("mesh.yaml");
    std::fs::write(&file, "outboundTrafficPolicy: {mode: ALLOW_ANY}\n").unwrap();
    let plane = Plane::with(&[("a.yaml", &service("a.example", &["10.0.0.1"]))], |config| {
        config.mesh_config = Some(file.clone());
    })
    .await
    .unwrap();
    let proxy = Proxy::sidecar(&plane, "web");
    proxy.until("listeners", |record| record.held.contains_key(&("LDS", "virtualOutbound".into()))).await;
    plane.converge().await;
    let before = proxy.version("LDS", "virtualOutbound");
    std::fs::write(&file, "outboundTrafficPolicy: {mode: REGISTRY_ONLY}\n").unwrap();
    plane.converge().await;
    let after = proxy.version("LDS", "virtualOutbound");
    assert_ne!(after, before);
    std::fs::write(&file, "outboundTrafficPolicy: [\n").unwrap();
    plane.converge().await;
    assert_eq!(proxy.version("LDS", "virtualOutbound"), after, "what cannot be read changes nothing");
    assert_eq!(plane.get("/status").await["diagnostics"][0]["severity"], "error");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_resolve_to_virtual_addresses() {
    let plane = Plane::start(&[("a.yaml", &service("a.example", &["10.0.0.1"]))]).await;
    let names = plane.get("/names").await;
    let addresses = names["a.example"].as_array().unwrap();
    assert!(addresses[0].as_str().unwrap().starts_with("240.240."), "{names}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn admin_says_what_it_does_not_have() {
    let plane = Plane::start(&[]).await;
    let admin = plane.control.admin();
    assert_eq!(request(admin, "GET", "/ready").await.0, 200);
    assert_eq!(request(admin, "GET", "/nothing").await.0, 404);
    assert_eq!(request(admin, "GET", "/reload").await.0, 405);
    assert_eq!(request(admin, "GET", "/debug/config_dump").await.0, 400);
    assert_eq!(request(admin, "GET", "/debug/config_dump?proxy=x").await.0, 404);
    assert_eq!(get(admin, "/synced").await["synced"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_is_taken_is_named() {
    let plane = Plane::start(&[]).await;
    let taken = plane.control.xds();
    let Err(error) = Plane::with(&[], |config| config.xds = taken).await else { panic!("it started") };
    assert!(error.to_string().contains(&taken.to_string()), "{error}");
    let missing = client::Config::new(taken.to_string(), Default::default());
    assert_eq!(missing.types.len(), 4);
}
