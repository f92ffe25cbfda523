//! What is told about traffic: metrics and access logs.

mod format;
mod handle;
mod record;

pub use format::{Format, FormatError};
pub use handle::{Loggers, WorkerTelemetry};
pub use record::{
    ConnectionRecord, HeaderLookup, KnownPeer, NO_HEADERS, Protocol, RequestRecord, UpstreamFacts,
};
