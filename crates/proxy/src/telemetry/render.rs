//! Metrics in Prometheus' text format (version 0.0.4).

use std::fmt::Write;
use std::sync::Arc;

use super::family::{ConnectionSeries, RequestSeries};
use super::histogram::{BOUNDS, Distribution, Histogram};
use super::labels::push;
use super::shared::Telemetry;
use crate::stats::Counter;
use crate::upstream::Shared;

impl Telemetry {
    /// All metrics of a proxy; `clusters` holds the counters of its clusters.
    pub fn render(&self, clusters: &Shared) -> String {
        let mut out = String::with_capacity(64 * 1024);
        requests(&mut out, &self.shared.requests.read());
        connections(&mut out, &self.shared.connections.read());
        let listeners: Vec<(String, Vec<(&str, u64)>)> = self
            .shared
            .listeners()
            .into_iter()
            .map(|(address, values)| (label("listener_address", &address), values))
            .collect();
        by_object(&mut out, "envoy_listener_downstream_", &listeners);
        let clusters: Vec<(String, Vec<(&str, u64)>)> = clusters
            .all_totals()
            .into_iter()
            .map(|(name, totals)| (label("cluster_name", &name), totals.cluster))
            .collect();
        by_object(&mut out, "envoy_cluster_upstream_", &clusters);
        single(&mut out, "envoy_server_live", "gauge", 1);
        single(&mut out, "envoy_server_uptime", "gauge", self.started().elapsed().as_secs());
        single(&mut out, "outrigger_access_log_dropped_total", "counter", self.dropped_log_lines());
        let overflowed = self.shared.requests.overflowed() + self.shared.connections.overflowed();
        single(&mut out, "outrigger_metric_series_overflow_total", "counter", overflowed);
        out
    }
}

type All<S> = [(Arc<str>, Vec<Arc<S>>)];

fn requests(out: &mut String, all: &All<RequestSeries>) {
    counter(out, "istio_requests_total", all, |s| &s.count);
    histogram(out, "istio_request_duration_milliseconds", all, |s| &s.duration);
    histogram(out, "istio_request_bytes", all, |s| &s.request_bytes);
    histogram(out, "istio_response_bytes", all, |s| &s.response_bytes);
}

fn connections(out: &mut String, all: &All<ConnectionSeries>) {
    counter(out, "istio_tcp_connections_opened_total", all, |s| &s.opened);
    counter(out, "istio_tcp_connections_closed_total", all, |s| &s.closed);
    counter(out, "istio_tcp_received_bytes_total", all, |s| &s.received);
    counter(out, "istio_tcp_sent_bytes_total", all, |s| &s.sent);
}

fn counter<S>(out: &mut String, name: &str, all: &All<S>, of: impl Fn(&S) -> &Counter) {
    header(out, name, "counter", all.is_empty());
    for (labels, copies) in all {
        let sum = copies.iter().fold(0u64, |sum, copy| sum.wrapping_add(of(copy).get()));
        line(out, format_args!("{name}{{{labels}}} {sum}"));
    }
}

fn histogram<S>(out: &mut String, name: &str, all: &All<S>, of: impl Fn(&S) -> &Histogram) {
    header(out, name, "histogram", all.is_empty());
    for (labels, copies) in all {
        let mut total = Distribution::default();
        copies.iter().for_each(|copy| of(copy).add_to(&mut total));
        let mut count = 0;
        for (at, bucket) in total.buckets.iter().enumerate() {
            count += bucket;
            match BOUNDS.get(at) {
                Some(bound) => line(out, format_args!("{name}_bucket{{{labels},le=\"{bound}\"}} {count}")),
                None => line(out, format_args!("{name}_bucket{{{labels},le=\"+Inf\"}} {count}")),
            }
        }
        line(out, format_args!("{name}_sum{{{labels}}} {}", total.sum));
        line(out, format_args!("{name}_count{{{labels}}} {count}"));
    }
}

/// Counters of several objects that all have the same ones.
fn by_object(out: &mut String, prefix: &str, objects: &[(String, Vec<(&str, u64)>)]) {
    let Some((_, first)) = objects.first() else { return };
    for (at, (name, _)) in first.iter().enumerate() {
        let kind = if name.ends_with("_active") { "gauge" } else { "counter" };
        header(out, &format!("{prefix}{name}"), kind, false);
        for (labels, values) in objects {
            line(out, format_args!("{prefix}{name}{{{labels}}} {}", values[at].1));
        }
    }
}

fn single(out: &mut String, name: &str, kind: &str, value: u64) {
    header(out, name, kind, false);
    line(out, format_args!("{name} {value}"));
}

fn header(out: &mut String, name: &str, kind: &str, empty: bool) {
    if !empty {
        line(out, format_args!("# TYPE {name} {kind}"));
    }
}

fn line(out: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(out, "{line}").expect("writing to a string cannot fail");
}

fn label(name: &str, value: &str) -> String {
    let mut out = String::new();
    push(&mut out, name, value);
    out
}
