//! A worker's end of telemetry.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ahash::AHashMap;
use outrigger_traffic::{AccessLog, AccessLogFormat, Listener};

use super::family::{ConnectionSeries, RequestSeries};
use super::format::{Format, JsonFormat};
use super::labels::{self, Key};
use super::log_writer::{LogBuffer, LogBuffers};
use super::record::{ConnectionRecord, RequestRecord};
use super::shared::{SharedTelemetry, Telemetry};
use crate::stats::ListenerStats;

/// Handles that were not used for this long are forgotten; the counters stay where they are.
const HANDLE_KEEP: Duration = Duration::from_secs(120);

/// Parsed formats that a worker remembers; beyond this all are forgotten at once.
const MAX_FORMATS: usize = 1024;

/// Where one worker reports what happened. Nothing here waits, and nothing locks but the first report
/// of its kind.
pub struct WorkerTelemetry {
    worker: usize,
    shared: Arc<SharedTelemetry>,
    requests: RefCell<AHashMap<Key, Arc<RequestSeries>>>,
    connections: RefCell<AHashMap<Key, Arc<ConnectionSeries>>>,
    listeners: RefCell<AHashMap<Arc<str>, Arc<ListenerStats>>>,
    logs: LogBuffers,
    log_formats: RefCell<AHashMap<Vec<LogKey>, Rc<Loggers>>>,
    formats: RefCell<AHashMap<Arc<str>, Rc<Format>>>,
}

/// A log by its configuration.
type LogKey = (Arc<str>, LogFormatKey);

#[derive(PartialEq, Eq, Hash)]
enum LogFormatKey {
    Text(Arc<str>),
    Json(Vec<(Arc<str>, Arc<str>)>),
}

/// The access logs of a filter, ready to write.
#[derive(Default)]
pub struct Loggers(Vec<Logger>);

struct Logger {
    format: LineFormat,
    buffer: Rc<LogBuffer>,
}

enum LineFormat {
    Text(Format),
    Json(JsonFormat),
}

impl Loggers {
    /// Whether nothing is logged.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Telemetry {
    /// A worker's end.
    pub fn worker(&self, index: usize) -> WorkerTelemetry {
        WorkerTelemetry::new(index, self.shared.clone())
    }
}

impl WorkerTelemetry {
    fn new(worker: usize, shared: Arc<SharedTelemetry>) -> WorkerTelemetry {
        WorkerTelemetry {
            worker,
            logs: shared.logs.buffers(),
            shared,
            requests: RefCell::default(),
            connections: RefCell::default(),
            listeners: RefCell::default(),
            log_formats: RefCell::default(),
            formats: RefCell::default(),
        }
    }

    /// Counts a request that has ended.
    pub fn request(&self, record: &RequestRecord<'_>) {
        let key = Key::of(record);
        let now = self.shared.seconds(record.finished);
        let mut requests = self.requests.borrow_mut();
        let series = match requests.get(&key) {
            Some(series) if series.life.touch(now) => series,
            _ => {
                let local = &self.shared.local.workload;
                let labels = labels::request(local, record);
                let overflow = labels::overflow(local, record);
                let series = self.shared.requests.join(&labels, &overflow, self.worker, now);
                &*requests.entry(key).insert_entry(series).into_mut()
            }
        };
        let duration = record.finished.saturating_duration_since(record.started);
        series.count.inc();
        series.duration.record(duration.as_secs_f64() * 1000.0);
        series.request_bytes.record((record.request_head_bytes + record.bytes_received) as f64);
        series.response_bytes.record((record.response_head_bytes + record.bytes_sent) as f64);
    }

    /// The counters for a connection that is carried as bytes and has just reached its upstream, or
    /// failed to.
    pub fn connection(&self, record: &ConnectionRecord<'_>) -> Arc<ConnectionSeries> {
        let record = &RequestRecord::from(record);
        let key = Key::of(record);
        let now = self.shared.seconds(record.finished);
        let mut connections = self.connections.borrow_mut();
        match connections.get(&key) {
            Some(series) if series.life.touch(now) => series.clone(),
            _ => {
                let local = &self.shared.local.workload;
                let labels = labels::connection(local, record);
                let overflow = labels::overflow(local, record);
                let series = self.shared.connections.join(&labels, &overflow, self.worker, now);
                connections.insert(key, series.clone());
                series
            }
        }
    }

    /// The counters of a listener.
    pub fn listener(&self, listener: &Listener) -> Arc<ListenerStats> {
        let mut listeners = self.listeners.borrow_mut();
        if let Some(stats) = listeners.get(&listener.name) {
            return stats.clone();
        }
        let stats = self.shared.join_listener(listener, self.worker);
        listeners.insert(listener.name.clone(), stats.clone());
        stats
    }

    /// The loggers of a filter. Take them once per connection. A format that makes no sense was
    /// refused when it arrived; should one come here, its log stays silent.
    pub fn loggers(&self, logs: &[AccessLog]) -> Rc<Loggers> {
        if logs.is_empty() {
            return Rc::default();
        }
        let key: Vec<LogKey> = logs.iter().map(log_key).collect();
        if let Some(loggers) = self.log_formats.borrow().get(&key) {
            return loggers.clone();
        }
        let loggers = Rc::new(Loggers(logs.iter().filter_map(|log| self.logger(log)).collect()));
        remember(&mut self.log_formats.borrow_mut(), key, &loggers);
        loggers
    }

    /// Writes a line to each log.
    pub fn log(&self, loggers: &Loggers, record: &RequestRecord<'_>) {
        for logger in &loggers.0 {
            self.logs.append(&logger.buffer, |out| match &logger.format {
                LineFormat::Text(format) => format.write(record, out),
                LineFormat::Json(format) => format.write(record, out),
            });
        }
    }

    /// A header value with command operators, parsed once. A value without any (`%`) needs no call.
    pub fn format(&self, text: &str) -> Rc<Format> {
        if let Some(format) = self.formats.borrow().get(text) {
            return format.clone();
        }
        let format = Format::parse_header(text, &self.shared.local.hostname);
        let format = Rc::new(format.unwrap_or_else(|_| Format::literal(text)));
        remember(&mut self.formats.borrow_mut(), Arc::from(text), &format);
        format
    }

    /// Forgets handles that were not used for a while.
    pub fn sweep(&self, now: Instant) {
        let since = self.shared.seconds(now).saturating_sub(HANDLE_KEEP.as_secs() as u32);
        self.requests.borrow_mut().retain(|_, series| series.life.last_used() >= since);
        self.connections.borrow_mut().retain(|_, series| series.life.last_used() >= since);
    }

    /// Hands log lines over to the writer; runs as long as the worker.
    pub async fn run(&self) {
        self.logs.run().await;
    }

    fn logger(&self, log: &AccessLog) -> Option<Logger> {
        let hostname = &self.shared.local.hostname;
        let format = match &log.format {
            AccessLogFormat::Text(text) => Format::parse(text, hostname).map(LineFormat::Text),
            AccessLogFormat::Json(fields) => JsonFormat::parse(fields, hostname).map(LineFormat::Json),
        };
        Some(Logger { format: format.ok()?, buffer: self.logs.buffer(&log.path) })
    }
}

fn log_key(log: &AccessLog) -> LogKey {
    let format = match &log.format {
        AccessLogFormat::Text(text) => LogFormatKey::Text(text.clone()),
        AccessLogFormat::Json(fields) => LogFormatKey::Json(fields.clone()),
    };
    (log.path.clone(), format)
}

fn remember<K: Eq + std::hash::Hash, V>(map: &mut AHashMap<K, Rc<V>>, key: K, value: &Rc<V>) {
    if map.len() >= MAX_FORMATS {
        map.clear();
    }
    map.insert(key, value.clone());
}
