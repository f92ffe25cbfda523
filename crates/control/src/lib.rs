//! A whole control plane as a library: sources → mesh → compile → xds, with an admin interface.
//!
//! [`start`] reads everything, refuses what it must not start with, and then serves. Threads: the
//! runtime of the caller serves sockets and listens to sources; one thread of its own (`writer`)
//! applies changes, compiles and publishes. They share `shared::Shared` and nothing else.

mod admin;
mod command;
mod config;
mod door;
mod feeds;
mod findings;
mod identity;
mod mesh_file;
mod metrics;
mod objects;
mod parallel;
mod proxies;
mod shared;
mod start;
mod views;
mod writer;

pub use config::{Config, Observer, StartError};
pub use identity::{IdentityError, identify};
pub use start::{ControlPlane, start};
