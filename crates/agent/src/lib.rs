//! What stands beside a workload, or alone as a gateway: it captures the workload's traffic and runs
//! the engine that carries it, either the native data plane or a supervised Envoy. Both engines get
//! the same identity, the same control plane and the same ports.

mod capture;
mod config;
mod envoy;
mod identity;
mod native;
mod run;

pub use capture::{Capture, CaptureError, CaptureRules, hold_until_parent_dies};
pub use config::{Engine, Ports, RunConfig};
pub use envoy::{EnvoyError, find_envoy};
pub use identity::{ProxyIdentity, Role};
pub use outrigger_node::LogLevel;
pub use run::{RunError, run};
