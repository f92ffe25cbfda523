//! Istio's standard labels, in Prometheus' notation.
//! (istio: Standard Metrics; order and the word `unknown` as its Envoy filter writes them.)

use outrigger_traffic::{Direction, ResponseFlags, WorkloadRef};

use super::record::{Protocol, RequestRecord};

/// Clusters that stand for no service; telemetry reports their own name.
const NAMELESS: &[&str] = &["PassthroughCluster", "BlackHoleCluster", "InboundPassthroughCluster"];

/// The labels of a request's series; `local` is the workload of this proxy.
pub(super) fn request(local: &WorkloadRef, record: &RequestRecord<'_>) -> String {
    let mut labels = common(local, record);
    labels.add("request_protocol", if record.grpc { "grpc" } else { "http" });
    labels.add("response_code", &record.status.unwrap_or(0).to_string());
    let status = record.grpc_status.map(|status| status.to_string());
    labels.add("grpc_response_status", status.as_deref().unwrap_or(""));
    labels.finish(record)
}

/// The labels of a connection's series.
pub(super) fn connection(local: &WorkloadRef, record: &RequestRecord<'_>) -> String {
    let mut labels = common(local, record);
    labels.add("request_protocol", "tcp");
    labels.finish(record)
}

/// The labels of what comes beyond the limit of series.
pub(super) fn overflow(local: &WorkloadRef, record: &RequestRecord<'_>) -> String {
    let mut labels = Labels::default();
    labels.add("reporter", reporter(record));
    labels.workload(if is_inbound(record) { "destination" } else { "source" }, local);
    labels.add("response_code", "overflow");
    labels.0
}

fn is_inbound(record: &RequestRecord<'_>) -> bool {
    record.downstream.listener.direction == Direction::Inbound
}

fn reporter(record: &RequestRecord<'_>) -> &'static str {
    if is_inbound(record) { "destination" } else { "source" }
}

fn common(local: &WorkloadRef, record: &RequestRecord<'_>) -> Labels {
    let unknown = WorkloadRef::default();
    let (source, destination) = if is_inbound(record) {
        (record.peer.map_or(&unknown, |peer| &peer.peer.workload), local)
    } else {
        (local, record.upstream.host.map_or(&unknown, |host| &*host.workload))
    };
    let mut labels = Labels::default();
    labels.add("reporter", reporter(record));
    labels.workload("source", source);
    labels.workload("destination", destination);
    let cluster = record.upstream.cluster.map(|cluster| cluster.config());
    let service = cluster.and_then(|cluster| cluster.services.first());
    let nameless = cluster.map(|cluster| &*cluster.name).filter(|name| NAMELESS.contains(name));
    labels.known("destination_service", service.map_or("", |service| &service.host));
    let name = service.map_or(nameless.unwrap_or(""), |service| &service.name);
    labels.known("destination_service_name", name);
    let namespace = service.map_or(&*destination.namespace, |service| &service.namespace);
    labels.known("destination_service_namespace", namespace);
    labels
}

/// Label pairs, joined by commas.
#[derive(Default)]
struct Labels(String);

impl Labels {
    fn workload(&mut self, side: &str, workload: &WorkloadRef) {
        let fields: [(&str, &str); 8] = [
            ("workload", &workload.name),
            ("canonical_service", &workload.canonical_name),
            ("canonical_revision", &workload.canonical_revision),
            ("workload_namespace", &workload.namespace),
            // Known only where the peer was authenticated, which takes mutual TLS.
            ("principal", ""),
            ("app", &workload.app),
            ("version", &workload.version),
            ("cluster", &workload.cluster),
        ];
        for (field, value) in fields {
            self.known(&format!("{side}_{field}"), value);
        }
    }

    fn known(&mut self, name: &str, value: &str) {
        self.add(name, if value.is_empty() { "unknown" } else { value });
    }

    fn add(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push(',');
        }
        push(&mut self.0, name, value);
    }

    fn finish(mut self, record: &RequestRecord<'_>) -> String {
        self.add("response_flags", &record.flags.text());
        // Who calls cannot know whether the other side asked for its certificate.
        let policy = if is_inbound(record) { "none" } else { "unknown" };
        self.add("connection_security_policy", policy);
        self.0
    }
}

/// Appends `name="value"`, escaped as Prometheus asks.
pub(super) fn push(out: &mut String, name: &str, value: &str) {
    out.push_str(name);
    out.push_str("=\"");
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// What makes labels equal, in a form that is cheap to compare: serials instead of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    direction: Direction,
    tcp: bool,
    grpc: bool,
    status: u16,
    grpc_status: u32,
    flags: ResponseFlags,
    cluster: u64,
    host: u64,
    peer: u64,
}

impl Key {
    pub(super) fn of(record: &RequestRecord<'_>) -> Key {
        Key {
            direction: record.downstream.listener.direction,
            tcp: record.protocol == Protocol::Tcp,
            grpc: record.grpc,
            status: record.status.unwrap_or(0),
            grpc_status: record.grpc_status.unwrap_or(u32::MAX),
            flags: record.flags,
            cluster: record.upstream.cluster.map_or(0, |cluster| cluster.serial),
            host: record.upstream.host.map_or(0, |host| host.serial),
            peer: record.peer.map_or(0, |peer| peer.serial),
        }
    }
}
