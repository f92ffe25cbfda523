//! The JSON form, which other programs read, and the text, which people read.

use serde_json::{Value, json};

use super::support::*;

#[test]
fn the_json_form_has_these_fields_and_no_others() {
    let answer = serde_json::to_value(shop("", "http://web/x")).unwrap();
    let keys: Vec<&str> = answer.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = [
        "version",
        "direction",
        "listener",
        "filterChain",
        "virtualHost",
        "route",
        "clusters",
        "outcome",
        "steps",
        "warnings",
    ];
    expected.sort_unstable();
    let mut sorted = keys.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, expected);
    assert_eq!((&answer["version"], &answer["direction"]), (&json!(1), &json!("outbound")));
    assert_eq!(answer["outcome"], json!({"kind": "forward", "status": null, "flag": null}));
    assert_eq!(
        answer["clusters"],
        json!([{
            "name": "outbound|80||web.shop.svc.cluster.local", "share": 1.0, "outcome": "forward",
            "endpoints": [
                {"address": "10.1.0.1", "port": 8080, "share": 0.5, "workload": "Pod/shop/web-1"},
                {"address": "10.1.0.2", "port": 8080, "share": 0.5, "workload": "Pod/shop/web-2"},
            ],
        }])
    );
    let stages: Vec<&Value> = answer["steps"].as_array().unwrap().iter().map(|s| &s["stage"]).collect();
    let expected =
        ["proxy", "name", "listener", "filter_chain", "virtual_host", "route", "cluster", "endpoint"];
    assert_eq!(stages, expected.map(|s| json!(s)).iter().collect::<Vec<_>>());
    let name = &answer["steps"][1];
    assert_eq!(name["object"], json!({"kind": "Service", "namespace": "shop", "name": "web"}));
    assert_eq!(name["chosen"], "10.96.0.10");
    assert!(name["rejected"].is_array() && name["why"].is_string());
}

#[test]
fn what_is_absent_is_null() {
    let answer = serde_json::to_value(shop("", "http://localhost/")).unwrap();
    for field in ["listener", "filterChain", "virtualHost", "route"] {
        assert_eq!(answer[field], Value::Null, "{field}");
    }
    assert_eq!(answer["outcome"], json!({"kind": "no_listener", "status": null, "flag": null}));
}

#[test]
fn the_text_tells_each_step_with_object_and_losers() {
    let rule = "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - name: api
    match: [{uri: {prefix: /api}}]
    route: [{destination: {host: web, subset: v1}}]
  - name: rest
    route: [{destination: {host: web, subset: v2}}]
";
    let text = shop(rule, "http://web/x").to_string();
    for expected in [
        " 6. route         rest",
        "decided by VirtualService/shop/web",
        "not api: the path is not path prefix \"/api\"",
        "The caller's sidecar forwards it.",
        "    100 %  outbound|80|v2|web.shop.svc.cluster.local",
        "    100 %    10.1.0.2:8080 Pod/shop/web-2",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    }
}
