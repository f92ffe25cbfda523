//! What exists: services, workloads, endpoints and rules, computed from the objects that users wrote.
//!
//! One writer ([`Mesh`]) applies changes and publishes immutable [`Snapshot`]s; unchanged parts are
//! shared between them by `Arc`. Each application says what it [`Touched`], so that nothing else has
//! to be looked at again.

mod endpoint;
mod rules;
mod service;
mod snapshot;
mod workload;

pub use endpoint::*;
pub use rules::*;
pub use service::*;
pub use snapshot::*;
pub use workload::*;
