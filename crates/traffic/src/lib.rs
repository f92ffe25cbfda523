//! What a proxy runs on and decides with: listeners, routes, clusters and endpoints as plain types,
//! and pure functions over them: which listener, which filter chain, which virtual host, which route,
//! which cluster, which endpoint.
//!
//! The proxy calls these functions for every decision and `explain` calls the very same ones, so what
//! is explained is what happens. Nothing here does input or output, waits, or knows a wire format.
//!
//! Decisions take a [`Trace`]: the proxy passes [`NoTrace`], which costs nothing, `explain` passes a
//! recorder that hears why each candidate was chosen or rejected.

mod cluster;
mod endpoint;
mod listener;
mod route;
mod snapshot;
mod trace;

pub use cluster::*;
pub use endpoint::*;
pub use listener::*;
pub use route::*;
pub use snapshot::*;
pub use trace::*;
