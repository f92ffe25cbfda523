//! What is told about traffic: metrics and access logs.
//!
//! A worker reports to its own [`WorkerTelemetry`]; [`Telemetry`] is the proxy's whole, for readers.

mod family;
mod format;
mod handle;
mod histogram;
mod labels;
mod log_writer;
mod record;
mod render;
mod shared;

pub use format::{FormatError, check_access_log, check_header, timestamp};
pub use handle::{Loggers, WorkerTelemetry};
pub use record::{
    ConnectionRecord, HeaderLookup, KnownPeer, NO_HEADERS, Protocol, RequestRecord, UpstreamFacts,
};
pub use shared::Telemetry;
