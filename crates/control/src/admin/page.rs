//! The answers, from what is shared.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use outrigger_base::{Code, Severity};
use outrigger_compile::Role;
use serde_json::{Map, Value, json};

use crate::metrics::{Page, short_type};
use crate::proxies::{Report, State};
use crate::shared::Shared;

const VERSION: &str = env!("CARGO_PKG_VERSION");

pub fn status(shared: &Shared) -> Value {
    let state = shared.state.load();
    let objects: Map<String, Value> =
        state.objects.iter().map(|(kind, count)| (kind.to_string(), json!(count))).collect();
    let proxies: Vec<Value> = shared.proxies.reports().iter().map(summary).collect();
    json!({
        "version": VERSION,
        "started": seconds(shared.started),
        "snapshot": state.snapshot.version,
        "objects": objects,
        "services": state.snapshot.services.all.len(),
        "views": state.views,
        "diagnostics": &*state.diagnostics,
        "proxies": proxies,
    })
}

pub fn names(shared: &Shared) -> Value {
    let names = shared.state.load().snapshot.names();
    let table: Map<String, Value> =
        names.into_iter().map(|(host, addresses)| (host.as_str().to_string(), json!(addresses))).collect();
    Value::Object(table)
}

pub fn synced(shared: &Shared) -> Value {
    // Asked first: what the writer publishes after this is a newer state than the one reported.
    let idle = shared.is_idle();
    let reports = shared.proxies.reports();
    let pending: Vec<Value> = reports
        .iter()
        .filter_map(|report| Some(json!({ "proxy": &*report.proxy.id, "why": report.pending.as_ref()? })))
        .collect();
    json!({
        "snapshot": shared.state.load().snapshot.version,
        "synced": idle && pending.is_empty(),
        "applying": !idle,
        "proxies": reports.len(),
        "pending": pending,
    })
}

pub fn syncz(shared: &Shared) -> Value {
    shared.proxies.reports().iter().map(proxy).collect()
}

/// A proxy is named by its node id, by `name.namespace`, or by the number of its stream.
pub fn config_dump(shared: &Shared, name: &str) -> Option<Value> {
    let is_meant = |report: &Report| {
        *report.proxy.id == *name || short_name(report) == name || report.id.0.to_string() == name
    };
    let report = shared.proxies.reports().into_iter().find(is_meant)?;
    let types: Map<String, Value> = report
        .assets
        .types
        .iter()
        .map(|(url, resources)| {
            let versions: BTreeMap<&str, &str> =
                resources.iter().map(|(name, resource)| (&**name, &*resource.version)).collect();
            (short_type(url).to_uppercase(), json!(versions))
        })
        .collect();
    Some(json!({
        "proxy": &*report.proxy.id,
        "version": report.assets.version,
        "resources": types,
    }))
}

pub fn metrics(shared: &Shared) -> String {
    let mut page = Page::default();
    let state = shared.state.load();
    page.describe("outrigger_build_info", "gauge", "The version that runs.");
    page.value("outrigger_build_info", &format!("version=\"{VERSION}\""), 1);
    page.describe("outrigger_diagnostics", "gauge", "Findings about what users wrote.");
    let mut findings: BTreeMap<(Severity, Code), usize> = BTreeMap::new();
    for finding in state.diagnostics.iter() {
        *findings.entry((finding.severity, finding.code)).or_default() += 1;
    }
    for ((severity, code), count) in findings {
        let labels = format!("severity=\"{severity}\",code=\"{code}\"");
        page.value("outrigger_diagnostics", &labels, count);
    }
    page.describe("outrigger_objects", "gauge", "Objects in force.");
    for (kind, count) in &state.objects {
        page.value("outrigger_objects", &format!("kind=\"{kind}\""), count);
    }
    page.describe("outrigger_proxies", "gauge", "Connected proxies.");
    let reports = shared.proxies.reports();
    for role in [Role::Sidecar, Role::Gateway] {
        let count = reports.iter().filter(|report| report.proxy.role == role).count();
        page.value("outrigger_proxies", &format!("role=\"{}\"", role_name(role)), count);
    }
    page.describe(
        "outrigger_proxies_pending",
        "gauge",
        "Connected proxies that have not answered everything.",
    );
    page.value("outrigger_proxies_pending", "", reports.iter().filter(|r| r.pending.is_some()).count());
    page.describe("outrigger_views", "gauge", "Different views that connected proxies have.");
    page.value("outrigger_views", "", state.views);
    page.describe("outrigger_snapshot", "gauge", "The number of the snapshot in force.");
    page.value("outrigger_snapshot", "", state.snapshot.version);
    shared.metrics.write(&mut page);
    page.finish()
}

fn summary(report: &Report) -> Value {
    json!({
        "id": &*report.proxy.id,
        "name": short_name(report),
        "role": role_name(report.proxy.role),
        "synced": report.pending.is_none(),
    })
}

fn proxy(report: &Report) -> Value {
    let settled = report.pending.is_none();
    let types: Map<String, Value> = report
        .types
        .iter()
        .map(|(url, standing)| {
            let value = json!({
                "type_url": &**url,
                "state": standing.state(settled),
                "sent": standing.sent_version(),
                "acked": standing.acked_version(),
                "error": standing.error(),
            });
            (short_type(url).to_uppercase(), value)
        })
        .collect();
    let worst = report.types.values().map(|standing| standing.state(settled)).max_by_key(|s| gravity(*s));
    json!({
        "id": &*report.proxy.id,
        "stream": report.id.0,
        "name": short_name(report),
        "role": role_name(report.proxy.role),
        "addresses": report.proxy.ips,
        "cluster": report.proxy.cluster.as_str(),
        "network": report.proxy.network.as_str(),
        "locality": report.proxy.locality.to_string(),
        "peer": report.peer,
        "engine": report.engine,
        "connected": seconds(report.since),
        "version": report.assets.version,
        "state": worst.unwrap_or(State::NotSent),
        "pending": report.pending,
        "types": types,
    })
}

fn gravity(state: State) -> u8 {
    match state {
        State::Synced => 0,
        State::NotSent => 1,
        State::Stale => 2,
        State::Nacked => 3,
    }
}

fn short_name(report: &Report) -> String {
    format!("{}.{}", report.proxy.name, report.proxy.namespace)
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Sidecar => "sidecar",
        Role::Gateway => "gateway",
    }
}

/// Seconds since 1970.
fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
