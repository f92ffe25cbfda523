//! The rim of the data plane: Envoy's protobuf messages become the types of `traffic`, once, when
//! they arrive.
//!
//! Every message is destructured without `..`, so a field that a newer schema adds fails the build
//! here until someone decides what it means. A field that is set and that `traffic` cannot honour
//! refuses the resource and names the field; nothing is silently dropped. Fields without an effect on
//! traffic (names in statistics, tuning of memory) are listed where they are ignored, with the reason.
//!
//! Called by `node` for every resource of xDS, and by `explain` for those that it compiled.

// Fields that the schema deprecates are fields that someone may still set.
#![allow(deprecated)]

mod access_log;
mod at;
mod cluster;
mod endpoint;
mod http_manager;
mod listener;
mod metadata;
mod protocol_options;
mod route;
mod string_match;
mod tcp_proxy;
mod values;

use std::sync::Arc;

use outrigger_proto::prost::{Message, Name};
use outrigger_traffic::{Cluster, EndpointSet, Listener, RouteConfig};
use thiserror::Error;

use crate::at::{At, Fault};

/// Why a resource is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}{}{}: {why}", if name.is_empty() { "(unnamed)" } else { name.as_str() }, if field.is_empty() { "" } else { ": " }, field)]
pub struct Refused {
    /// The resource's name; empty if it could not be read.
    pub name: String,
    /// Path of the field, e.g. `filter_chains[0].filters[1].typed_config`; empty: the resource itself.
    pub field: String,
    /// What is the matter with it.
    pub why: String,
}

/// Reads a listener.
pub fn listener(body: &[u8]) -> Result<Listener, Refused> {
    read(body, |m: &listener::Message| m.name.clone(), listener::read)
}

/// Reads a route configuration.
pub fn route(body: &[u8]) -> Result<RouteConfig, Refused> {
    read(body, |m: &route::Message| m.name.clone(), route::read)
}

/// Reads a cluster. The endpoints are those that stand in it (a static cluster's); empty for others.
pub fn cluster(body: &[u8]) -> Result<(Cluster, EndpointSet), Refused> {
    read(body, |m: &cluster::Message| m.name.clone(), cluster::read)
}

/// Reads the endpoints of a cluster; the name is what [`outrigger_traffic::Discovery::Eds`] names.
pub fn endpoints(body: &[u8]) -> Result<(Arc<str>, EndpointSet), Refused> {
    read(body, |m: &endpoint::Message| m.cluster_name.clone(), endpoint::read)
}

fn read<M: Message + Name + Default, T>(
    body: &[u8],
    name: impl Fn(&M) -> String,
    convert: impl Fn(M, &At<'_>) -> Result<T, Fault>,
) -> Result<T, Refused> {
    let refused = |name: String, field: String, why: String| Refused { name, field, why };
    let message = M::decode(body).map_err(|e| refused(String::new(), String::new(), e.to_string()))?;
    let name = name(&message);
    if name.is_empty() {
        return Err(refused(name, "name".into(), "it must not be empty".into()));
    }
    convert(message, &At::root()).map_err(|fault| refused(name, fault.field, fault.why))
}

#[cfg(test)]
mod tests;
