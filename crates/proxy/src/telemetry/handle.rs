//! A worker's end of telemetry.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use outrigger_traffic::AccessLog;

use super::format::Format;
use super::record::{ConnectionRecord, RequestRecord};

/// Where one worker reports what happened. Nothing here waits.
pub struct WorkerTelemetry {}

/// The access logs of a filter, ready to write.
pub struct Loggers {}

impl Loggers {
    /// Whether nothing is logged.
    pub fn is_empty(&self) -> bool {
        true
    }
}

impl WorkerTelemetry {
    /// Counts a request that has ended.
    pub fn request(&self, _record: &RequestRecord<'_>) {}

    /// Counts a connection that was carried as bytes and has just reached its upstream (or failed to).
    pub fn connection_opened(&self, _record: &ConnectionRecord<'_>) {}

    /// Counts a connection's end, with what it carried.
    pub fn connection_closed(&self, _record: &ConnectionRecord<'_>) {}

    /// The loggers of a filter. Take them once per connection.
    pub fn loggers(&self, _logs: &[AccessLog]) -> Rc<Loggers> {
        Rc::new(Loggers {})
    }

    /// Writes a line to each log.
    pub fn log(&self, _loggers: &Loggers, _record: &RequestRecord<'_>) {}

    /// A header value with command operators, parsed once. A value without any (`%`) needs no call.
    pub fn format(&self, text: &Arc<str>) -> Rc<Format> {
        Rc::new(Format::parse(text).unwrap_or_else(|_| Format::literal(text)))
    }

    /// Forgets what was not used for a while.
    pub fn sweep(&self, _now: Instant) {}
}
