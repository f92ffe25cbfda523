//! What a proxy runs on and decides with: listeners, routes, clusters and endpoints as plain types,
//! and pure functions over them: which listener, which filter chain, which virtual host, which route,
//! which cluster, which endpoint.
//!
//! The proxy calls these functions for every decision and `explain` calls the very same ones, so what
//! is explained is what happens. Nothing here does input or output, waits, or knows a wire format.
//!
//! Decisions take a [`Trace`]: the proxy passes [`NoTrace`], which costs nothing, `explain` passes a
//! recorder that hears why each candidate was chosen or rejected.

mod balance;
mod chain;
mod cluster;
mod domains;
mod endpoint;
mod endpoint_set;
mod flags;
mod listener;
mod mutation;
mod normalize;
mod path;
mod redirect;
mod request;
mod retry;
mod route;
mod route_match;
mod snapshot;
#[cfg(test)]
mod test_support;
mod trace;
mod virtual_host;
mod weights;

pub use balance::{Avoid, BalancerState};
pub use chain::ConnectionFacts;
pub use cluster::*;
pub use endpoint::*;
pub use endpoint_set::EndpointSet;
pub use flags::{ResponseFlag, ResponseFlags};
pub use listener::*;
pub use mutation::HeaderTarget;
pub use normalize::Normalized;
pub use request::{RequestView, query_parameter, split_port, split_query};
pub use retry::{Attempt, backoff};
pub use route::*;
pub use snapshot::*;
pub use trace::*;
