//! A running data plane: an xDS client feeds `wire`, `wire`'s types are gathered into snapshots, and
//! `proxy` runs on them. Around that: the last good configuration on disk, Envoy's admin interface,
//! readiness and metrics, and the peer metadata that proxies exchange.
//!
//! The control plane may be away: a node serves what it has, and starts from what is on disk.
//!
//! Called by `agent`.

mod admin;
mod assembly;
mod config;
mod disk;
mod engine;
mod metadata;
mod node;
mod resources;
mod serve;
mod sink;
mod state;
#[cfg(test)]
mod test_support;
#[cfg(test)]
mod tests;

pub use config::{LogLevel, NodeConfig, Role};
pub use node::{Node, NodeError};
pub use state::Readiness;
