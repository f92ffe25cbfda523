//! /config_dump. The skeleton, names, versions and times are Envoy's; resources are rendered from
//! what the proxy runs on, with Envoy's field names, rather than from the bytes that arrived: what is
//! shown is what is in force.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use outrigger_proxy::timestamp;
use outrigger_traffic::Listener;
use serde_json::{Value, json};

use super::render_cluster::{cluster, load_assignment};
use super::render_listener::listener;
use super::render_route::route_config;
use crate::assembly::Assembly;
use crate::metadata;
use crate::resources::{Held, Type};
use crate::serve::{Answer, Question};
use crate::state::NodeState;

pub fn answer(state: &NodeState, question: &Question<'_>) -> Answer {
    let part = question.parameter("name_regex").unwrap_or_default();
    let matches = |name: &str| name.contains(part);
    let assembly = state.engine.assembly();
    let mut configs = vec![
        bootstrap(state),
        clusters(&assembly, &matches),
        listeners(&assembly, &matches),
        routes(&assembly, &matches),
    ];
    if question.parameter("include_eds").is_some() {
        configs.push(endpoints(&assembly, &matches));
    }
    match question.parameter("resource") {
        None => Answer::json(&json!({"configs": configs})),
        Some(field) => {
            let found = configs.iter().find_map(|config| config.get(field)).cloned();
            match found {
                Some(Value::Array(found)) => Answer::json(&json!({"configs": found})),
                _ => Answer::text(404, format!("{field} not found in config dump\n")),
            }
        }
    }
}

fn type_url(name: &str) -> String {
    format!("type.googleapis.com/envoy.admin.v3.{name}")
}

fn bootstrap(state: &NodeState) -> Value {
    json!({
        "@type": type_url("BootstrapConfigDump"),
        "bootstrap": {
            "node": metadata::shown(&state.config),
            "dynamic_resources": {"ads_config": {"api_type": "DELTA_GRPC", "target": state.config.control_plane}},
        },
        "last_updated": timestamp(state.started_at),
    })
}

/// Names in order, with what is held under them.
fn sorted<T>(held: &ahash::AHashMap<Arc<str>, Held<T>>) -> BTreeMap<&Arc<str>, &Held<T>> {
    held.iter().collect()
}

fn entry<T>(key: &str, type_name: &str, held: &Held<T>, mut resource: Value) -> Value {
    resource["@type"] = format!("type.googleapis.com/envoy.config.{type_name}").into();
    json!({"version_info": &*held.version, key: resource, "last_updated": timestamp(held.updated)})
}

fn error_state(assembly: &Assembly, kind: Type, name: &str) -> Option<Value> {
    let rejection = assembly.rejections().get(&(kind, name.to_owned()))?;
    Some(json!({
        "version_info": rejection.version,
        "details": rejection.reason,
        "last_update_attempt": timestamp(rejection.at),
    }))
}

fn clusters(assembly: &Assembly, matches: &dyn Fn(&str) -> bool) -> Value {
    let all =
        sorted(assembly.clusters()).into_iter().filter(|(name, _)| matches(name)).map(|(name, held)| {
            let mut entry = entry("cluster", "cluster.v3.Cluster", held, cluster(&held.value));
            if let Some(error) = error_state(assembly, Type::Cluster, name) {
                entry["error_state"] = error;
            }
            entry
        });
    json!({"@type": type_url("ClustersConfigDump"), "dynamic_active_clusters": all.collect::<Vec<_>>()})
}

fn endpoints(assembly: &Assembly, matches: &dyn Fn(&str) -> bool) -> Value {
    let all =
        sorted(assembly.endpoints()).into_iter().filter(|(name, _)| matches(name)).map(|(name, held)| {
            let assignment = load_assignment(name, &held.value.load());
            entry("endpoint_config", "endpoint.v3.ClusterLoadAssignment", held, assignment)
        });
    json!({"@type": type_url("EndpointsConfigDump"), "dynamic_endpoint_configs": all.collect::<Vec<_>>()})
}

fn listeners(assembly: &Assembly, matches: &dyn Fn(&str) -> bool) -> Value {
    let all =
        sorted(assembly.listeners()).into_iter().filter(|(name, _)| matches(name)).map(|(name, held)| {
            let newest = entry("listener", "listener.v3.Listener", held, listener(&held.value));
            let mut shown = json!({"name": &**name});
            match assembly.active_listener(name) {
                Some(active) if Arc::ptr_eq(active, &held.value) => shown["active_state"] = newest,
                active => {
                    shown["warming_state"] = newest;
                    if let Some(active) = active {
                        shown["active_state"] = before(active, held.updated);
                    }
                }
            }
            if let Some(error) = error_state(assembly, Type::Listener, name) {
                shown["error_state"] = error;
            }
            shown
        });
    let mut dump = json!({"@type": type_url("ListenersConfigDump")});
    let mut all: Vec<Value> = all.collect();
    // Refused ones that have no version before.
    for (kind, name) in assembly.rejections().keys() {
        if *kind == Type::Listener && !assembly.listeners().contains_key(name.as_str()) && matches(name) {
            all.push(json!({"name": name, "error_state": error_state(assembly, *kind, name)}));
        }
    }
    dump["dynamic_listeners"] = all.into();
    dump
}

/// The listener in force while a newer one waits; its version is not known any more.
fn before(active: &Listener, updated: SystemTime) -> Value {
    let mut rendered = listener(active);
    rendered["@type"] = "type.googleapis.com/envoy.config.listener.v3.Listener".into();
    json!({"listener": rendered, "last_updated": timestamp(updated)})
}

fn routes(assembly: &Assembly, matches: &dyn Fn(&str) -> bool) -> Value {
    let all = sorted(assembly.routes()).into_iter().filter(|(name, _)| matches(name)).map(|(name, held)| {
        let mut entry = entry("route_config", "route.v3.RouteConfiguration", held, route_config(&held.value));
        if let Some(error) = error_state(assembly, Type::Route, name) {
            entry["error_state"] = error;
        }
        entry
    });
    json!({"@type": type_url("RoutesConfigDump"), "dynamic_route_configs": all.collect::<Vec<_>>()})
}
