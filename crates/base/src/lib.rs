//! The words of the domain. Every other crate speaks in these types, so that a host, a workload's
//! locality or a complaint about a manifest means the same thing everywhere.
//!
//! Nothing here does input or output, and nothing here knows a wire format.

pub mod constants;
mod diagnostic;
mod host;
mod key;
mod labels;
mod locality;
mod protocol;
mod spiffe;

pub use diagnostic::{Code, Diagnostic, Position, Severity};
pub use host::{Host, HostError};
pub use key::{ClusterId, Kind, Network, ResourceKey};
pub use labels::{Labels, NotALabel, Selector};
pub use locality::Locality;
pub use protocol::AppProtocol;
pub use spiffe::SpiffeId;
