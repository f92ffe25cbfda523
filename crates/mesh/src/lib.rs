//! What exists: services, workloads, endpoints and rules, computed from the objects that users wrote.
//!
//! One writer ([`Mesh`]) applies changes and publishes immutable [`Snapshot`]s; unchanged parts are
//! shared between them by `Arc`. Each application says what it [`Touched`], so that nothing else has
//! to be looked at again. The result depends on the objects alone, never on the order in which they
//! came.
//!
//! The way of a Service or ServiceEntry: `claim` (what it says about a host) → `merge` (what all
//! say) → `hosts` (virtual addresses) → `gather` (endpoints, from what `selection` says is selected).

mod addresses;
mod binding;
mod claim;
mod endpoint;
mod findings;
mod gather;
mod hosts;
mod intern;
mod merge;
mod mesh;
mod order;
mod place;
mod rules;
mod selection;
mod service;
mod shards;
mod snapshot;
mod workload;

#[cfg(test)]
mod tests;

pub use binding::TargetPort;
pub use endpoint::{Endpoint, ServiceEndpoints};
pub use mesh::{Mesh, Options};
pub use place::{EndpointAddress, EndpointHealth, TlsMode};
pub use rules::{DestinationRuleRule, GatewayRule, VirtualServiceRule, resolve_gateway_name};
pub use service::{Registry, Resolution, Service, ServiceKey, ServicePort, VirtualAddress, Visibility};
pub use snapshot::{DestinationRuleIndex, EndpointIndex, ServiceIndex, Snapshot, Touched, WorkloadIndex};
pub use workload::Workload;
