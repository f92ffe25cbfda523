//! Resource kinds: what users write, as Rust types.
//!
//! One file per kind holds its types and its validation; [`kinds`] is the one table of all kinds.
//! [`parse`] reads manifests: every mistake becomes a [`Diagnostic`](outrigger_base::Diagnostic)
//! with file, line, column and field path, and harms only the object that it is in.
//!
//! Nothing here knows what the mesh makes of the objects.

mod absent;
mod check;
mod deployment;
mod destination_rule;
mod duration;
mod gateway;
mod int_or_string;
pub mod kinds;
mod load_balancer;
mod mesh_config;
mod meta;
mod namespace;
mod object;
mod opaque;
mod parse;
mod pod;
mod read;
mod schema;
mod service;
mod service_account;
mod service_entry;
mod string_match;
mod suggest;
mod timestamp;
mod traffic_policy;
mod virtual_service;
mod workload_entry;
mod write;
pub mod yaml;

pub use deployment::{DeploymentSpec, LabelSelector, LabelSelectorRequirement, PodTemplate};
pub use destination_rule::{DestinationRule, PolicySelector, Subset};
pub use duration::Duration;
pub use gateway::{Gateway, Port, Server, ServerCertificate, ServerTls, ServerTlsMode, TlsVersion};
pub use int_or_string::IntOrString;
pub use load_balancer::{
    BackendUtilization, ConsistentHash, CookieAttribute, HttpCookie, LoadBalancerSettings,
    LocalityDistribute, LocalityFailover, LocalityLbSetting, Maglev, RingHash, SimpleLoadBalancer, Warmup,
    ZoneAwareLbSetting,
};
pub use mesh_config::{AccessLogEncoding, MeshConfig, OutboundMode, parse_mesh_config};
pub use meta::{Meta, OwnerReference};
pub use namespace::NamespaceSpec;
pub use object::{Change, Object, Resource};
pub use opaque::Opaque;
pub use parse::{Located, Parsed, parse};
pub use pod::{Container, ContainerPort, PodCondition, PodIp, PodPhase, PodSpec, PodStatus};
pub use read::NameRule;
pub use service::{ServicePort, ServiceSpec, ServiceType};
pub use service_account::ServiceAccountSpec;
pub use service_entry::{EntryResolution, Location, ServiceEntry, ServiceEntryPort, WorkloadSelector};
pub use string_match::StringMatch;
pub use timestamp::Timestamp;
pub use traffic_policy::{
    ClientTls, ClientTlsMode, ConnectionPool, H2UpgradePolicy, Http2KeepAlive, HttpSettings,
    OutlierDetection, PortSelector, PortTrafficPolicy, ProxyProtocol, ProxyProtocolVersion, RetryBudget,
    TcpKeepalive, TcpSettings, TrafficPolicy, Tunnel,
};
pub use virtual_service::{
    Body, CorsPolicy, Delegate, Destination, Fault, FaultAbort, FaultDelay, HeaderOperations, Headers,
    HttpDirectResponse, HttpMatchRequest, HttpMirror, HttpRedirect, HttpRetry, HttpRewrite, HttpRoute,
    HttpRouteDestination, L4MatchAttributes, Percent, RedirectPort, RegexRewrite, RouteDestination, TcpRoute,
    TlsMatchAttributes, TlsRoute, UnmatchedPreflights, VirtualService,
};
pub use workload_entry::WorkloadEntry;
pub use yaml::Positions;
