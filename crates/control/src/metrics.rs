//! What the control plane counts, in Prometheus' text format.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use outrigger_proto::type_url;

/// The label of each type of resource; the last is for all others.
const TYPES: [(&str, &str); 5] = [
    (type_url::CLUSTER, "cds"),
    (type_url::ENDPOINT, "eds"),
    (type_url::LISTENER, "lds"),
    (type_url::ROUTE, "rds"),
    ("", "other"),
];

/// The short name of a type: `cds`, `eds`, `lds`, `rds`, `other`.
pub fn short_type(url: &str) -> &'static str {
    TYPES[position(url)].1
}

fn position(url: &str) -> usize {
    TYPES.iter().position(|(known, _)| *known == url).unwrap_or(TYPES.len() - 1)
}

/// A number per type of resource.
#[derive(Debug, Default)]
pub struct ByType([AtomicU64; TYPES.len()]);

impl ByType {
    pub fn add(&self, url: &str, count: u64) {
        self.0[position(url)].fetch_add(count, Ordering::Relaxed);
    }
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Upper bounds of durations in seconds.
const BOUNDS: [f64; 13] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// How durations spread.
#[derive(Debug, Default)]
pub struct Histogram {
    /// Per bound, not cumulated; the last is for what is above all bounds.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    sum_micros: AtomicU64,
}

impl Histogram {
    pub fn observe(&self, time: Duration) {
        let seconds = time.as_secs_f64();
        let bucket = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_micros.fetch_add(time.as_micros() as u64, Ordering::Relaxed);
    }
}

/// Everything that is counted as it happens. What can be looked up when asked (proxies, objects,
/// diagnostics) is added by `admin`.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Responses sent.
    pub pushes: ByType,
    /// Their size.
    pub push_bytes: ByType,
    /// The resources in them.
    pub push_resources: ByType,
    /// Responses that were accepted.
    pub acks: ByType,
    /// Responses that were refused, wholly or in part.
    pub nacks: ByType,
    /// Objects that changed.
    pub config_events: Counter,
    /// Streams opened.
    pub connections: Counter,
    /// Streams refused because the node could not be told.
    pub refused_connections: Counter,
    /// From a change to the last answer of a proxy that it concerned.
    pub convergence: Histogram,
    /// One change: from the mesh to the publication for all proxies.
    pub compile: Histogram,
}

/// Writes metrics down.
#[derive(Debug, Default)]
pub struct Page(String);

impl Page {
    /// Begins a metric.
    pub fn describe(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// One series; `labels` as in `severity="error"`, may be empty.
    pub fn value(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        let _ = match labels {
            "" => writeln!(self.0, "{name} {value}"),
            labels => writeln!(self.0, "{name}{{{labels}}} {value}"),
        };
    }

    /// The whole page.
    pub fn finish(self) -> String {
        self.0
    }

    fn by_type(&mut self, name: &str, help: &str, numbers: &ByType) {
        self.describe(name, "counter", help);
        for ((_, short), number) in TYPES.iter().zip(&numbers.0) {
            self.value(name, &format!("type=\"{short}\""), number.load(Ordering::Relaxed));
        }
    }

    fn counter(&mut self, name: &str, help: &str, number: &Counter) {
        self.describe(name, "counter", help);
        self.value(name, "", number.get());
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.describe(name, "histogram", help);
        let bounds = BOUNDS.iter().map(ToString::to_string).chain(["+Inf".to_string()]);
        let mut count = 0;
        for (bound, bucket) in bounds.zip(&histogram.buckets) {
            count += bucket.load(Ordering::Relaxed);
            self.value(&format!("{name}_bucket"), &format!("le=\"{bound}\""), count);
        }
        let sum = Duration::from_micros(histogram.sum_micros.load(Ordering::Relaxed));
        self.value(&format!("{name}_sum"), "", sum.as_secs_f64());
        self.value(&format!("{name}_count"), "", count);
    }
}

impl Metrics {
    /// Writes down what is counted here.
    pub fn write(&self, page: &mut Page) {
        page.by_type("outrigger_pushes_total", "Responses sent to proxies.", &self.pushes);
        page.by_type("outrigger_push_bytes_total", "Bytes of responses sent to proxies.", &self.push_bytes);
        page.by_type("outrigger_push_resources_total", "Resources sent to proxies.", &self.push_resources);
        page.by_type("outrigger_acks_total", "Responses that proxies accepted.", &self.acks);
        page.by_type(
            "outrigger_nacks_total",
            "Responses that proxies refused, wholly or in part.",
            &self.nacks,
        );
        page.counter("outrigger_config_events_total", "Objects that changed.", &self.config_events);
        page.counter("outrigger_connections_total", "Streams that proxies opened.", &self.connections);
        let help = "Streams refused because the node could not be told.";
        page.counter("outrigger_refused_connections_total", help, &self.refused_connections);
        let help = "From a change to the last answer of a proxy that it concerned.";
        page.histogram("outrigger_convergence_seconds", help, &self.convergence);
        let help = "Computing and publishing one batch of changes for all proxies.";
        page.histogram("outrigger_compile_seconds", help, &self.compile);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_reads_as_prometheus_expects() {
        let metrics = Metrics::default();
        metrics.convergence.observe(Duration::from_millis(3));
        metrics.convergence.observe(Duration::from_secs(60));
        let mut page = Page::default();
        metrics.write(&mut page);
        let text = page.finish();
        for line in [
            "# TYPE outrigger_convergence_seconds histogram",
            "outrigger_convergence_seconds_bucket{le=\"0.0025\"} 0",
            "outrigger_convergence_seconds_bucket{le=\"0.005\"} 1",
            "outrigger_convergence_seconds_bucket{le=\"30\"} 1",
            "outrigger_convergence_seconds_bucket{le=\"+Inf\"} 2",
            "outrigger_convergence_seconds_sum 60.003",
            "outrigger_convergence_seconds_count 2",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is missing in\n{text}");
        }
    }
}
