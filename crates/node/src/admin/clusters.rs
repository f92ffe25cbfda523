//! /clusters

use std::fmt::Write;
use std::net::SocketAddr;

use outrigger_proxy::ClusterState;
use outrigger_traffic::{Discovery, Endpoint, Health, Limits};
use serde_json::{Value, json};

use super::value::socket_address;
use crate::serve::Answer;
use crate::state::NodeState;

/// Names of a host's numbers; those that are not here are counters.
const GAUGES: &[&str] = &["cx_active", "rq_active"];
/// A host that was never used.
const UNUSED: &[&str] = &[
    "cx_active",
    "cx_connect_fail",
    "cx_total",
    "rq_active",
    "rq_error",
    "rq_success",
    "rq_timeout",
    "rq_total",
];

pub fn text(state: &NodeState) -> Answer {
    let mut out = String::new();
    for cluster in state.engine.proxy.clusters() {
        write_cluster(&mut out, &cluster).expect("writing to a string cannot fail");
    }
    Answer::text(200, out)
}

fn write_cluster(out: &mut String, state: &ClusterState) -> std::fmt::Result {
    let cluster = &state.entry.cluster;
    let name = &cluster.name;
    writeln!(out, "{name}::observability_name::{name}")?;
    for priority in ["default_priority", "high_priority"] {
        for (limit, value) in limits(&cluster.limits) {
            writeln!(out, "{name}::{priority}::{limit}::{value}")?;
        }
    }
    writeln!(out, "{name}::added_via_api::true")?;
    if let Discovery::Eds(eds) = &cluster.discovery {
        writeln!(out, "{name}::eds_service_name::{eds}")?;
    }
    for endpoint in state.entry.endpoints.load().endpoints() {
        let address = endpoint.address;
        for (stat, value) in numbers(state, address) {
            writeln!(out, "{name}::{address}::{stat}::{value}")?;
        }
        writeln!(out, "{name}::{address}::hostname::")?;
        writeln!(out, "{name}::{address}::health_flags::{}", health_flags(endpoint))?;
        writeln!(out, "{name}::{address}::weight::{}", endpoint.weight)?;
        writeln!(out, "{name}::{address}::region::{}", endpoint.locality.region)?;
        writeln!(out, "{name}::{address}::zone::{}", endpoint.locality.zone)?;
        writeln!(out, "{name}::{address}::sub_zone::{}", endpoint.locality.subzone)?;
        writeln!(out, "{name}::{address}::canary::false")?;
        writeln!(out, "{name}::{address}::priority::{}", endpoint.priority)?;
        writeln!(out, "{name}::{address}::success_rate::-1")?;
        writeln!(out, "{name}::{address}::local_origin_success_rate::-1")?;
    }
    Ok(())
}

fn health_flags(endpoint: &Endpoint) -> &'static str {
    match endpoint.health {
        Health::Healthy => "healthy",
        Health::Draining => "/eds_status_draining",
        Health::Unhealthy => "/failed_eds_health",
    }
}

fn limits(limits: &Limits) -> [(&'static str, u32); 4] {
    [
        ("max_connections", limits.max_connections),
        ("max_pending_requests", limits.max_pending_requests),
        ("max_requests", limits.max_requests),
        ("max_retries", limits.max_retries),
    ]
}

/// A host's numbers, summed over workers.
fn numbers(state: &ClusterState, address: SocketAddr) -> Vec<(&'static str, u64)> {
    let used = state.totals.as_ref().and_then(|totals| totals.hosts.get(&address));
    used.cloned().unwrap_or_else(|| UNUSED.iter().map(|name| (*name, 0)).collect())
}

pub fn json(state: &NodeState) -> Answer {
    let statuses: Vec<Value> = state.engine.proxy.clusters().iter().map(cluster_json).collect();
    Answer::json(&json!({"cluster_statuses": statuses}))
}

fn cluster_json(state: &ClusterState) -> Value {
    let cluster = &state.entry.cluster;
    let hosts: Vec<Value> =
        state.entry.endpoints.load().endpoints().iter().map(|endpoint| host_json(state, endpoint)).collect();
    let threshold = |priority: &str| {
        let mut threshold = json!({"priority": priority});
        for (name, value) in limits(&cluster.limits) {
            threshold[name] = value.into();
        }
        threshold
    };
    let mut status = json!({
        "name": &*cluster.name,
        "observability_name": &*cluster.name,
        "added_via_api": true,
        "circuit_breakers": {"thresholds": [threshold("DEFAULT"), threshold("HIGH")]},
        "host_statuses": hosts,
    });
    if let Discovery::Eds(eds) = &cluster.discovery {
        status["eds_service_name"] = Value::from(&**eds);
    }
    status
}

fn host_json(state: &ClusterState, endpoint: &Endpoint) -> Value {
    let stats: Vec<Value> = numbers(state, endpoint.address)
        .into_iter()
        .map(|(name, value)| {
            let mut stat = json!({"name": name});
            if GAUGES.contains(&name) {
                stat["type"] = "GAUGE".into();
            }
            if value != 0 {
                stat["value"] = value.to_string().into();
            }
            stat
        })
        .collect();
    let health = match endpoint.health {
        Health::Healthy => "HEALTHY",
        Health::Draining => "DRAINING",
        Health::Unhealthy => "UNHEALTHY",
    };
    json!({
        "address": socket_address(endpoint.address),
        "stats": stats,
        "health_status": {"eds_health_status": health},
        "weight": endpoint.weight,
        "priority": endpoint.priority,
        "locality": {
            "region": &*endpoint.locality.region,
            "zone": &*endpoint.locality.zone,
            "sub_zone": &*endpoint.locality.subzone,
        },
    })
}
