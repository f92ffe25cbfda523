//! The bytes of a mesh's traffic: accepts connections, finds out what they speak, carries requests
//! and bytes to where `traffic` decides, and tells telemetry about it.
//!
//! Thread per core: a [`Proxy`] starts workers, each a thread with a single-threaded runtime, sockets
//! of its own (SO_REUSEPORT), pools, balancers and counters. Nothing on the request path takes a lock
//! or crosses a thread. Configuration arrives as immutable snapshots through [`Proxy::publish`].
//!
//! The way of a connection: `accept` → `capture` (original destination) → `inspect` (first bytes) →
//! `dispatch` (listener and filter chain, decided in `traffic`) → `http` or `tcp` → `upstream`.
//!
//! Nothing here speaks protobuf; what needs it is a trait that node implements.

mod accept;
mod affinity;
mod background;
mod bind;
mod capture;
mod dispatch;
mod dns;
mod downstream;
mod drain;
mod http;
mod inspect;
mod local_snapshot;
mod options;
mod proxy;
mod random;
mod scratch;
mod stats;
mod tcp;
mod telemetry;
mod thread;
mod upstream;
mod worker;

pub use options::{
    HEADER_PEER_METADATA, HEADER_PEER_METADATA_ID, LocalNode, NoPeerMetadata, Options, Peer, PeerMetadata,
};
pub use proxy::{BindFailure, BoundListener, ClusterState, Proxy, PublishReport};
pub use telemetry::{FormatError, Telemetry, check_access_log, check_header, timestamp};
pub use upstream::ClusterTotals;
