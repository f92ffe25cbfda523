//! Scenarios: a folder with a `scenario.yaml` and manifests becomes a network of machines, real
//! processes on them, requests, and a verdict.
//!
//! ```text
//! scenario.yaml ─read─▶ Scenario ─run─▶ cluster (hosts, control plane, manifests) ─▶ traffic ─▶ Verdict
//!                                        on network (machines, links, processes), in sandbox
//! ```
//!
//! The runner plays what a cluster would: scheduler and kubelet (pods come and go with their
//! Deployments), and name server. It knows the mesh only from outside: the two programs' command
//! lines and the control plane's admin interface.
//!
//! Called by the command `outrigger demo`; `outrigger explain` takes [`Scenario::pods`].

mod builtin;
mod cluster;
mod control;
mod dns;
mod finding;
mod manifests;
mod model;
mod network;
mod objects;
mod observer;
mod pods;
mod read;
mod run;
mod rundir;
mod running;
pub mod sandbox;
mod schema;
mod traffic;
mod trouble;
mod verdict;

use std::path::PathBuf;

pub use builtin::{Listed, builtin};
pub use model::{App, AppKind, Expect, Host, HostKind, Load, ObjectRef, Request, Scenario, Step, Target};
pub use observer::{Event, Observer, Silent};
pub use read::{FILE_NAME, load};
pub use run::run;
pub use schema::schema;
pub use verdict::{Answer, Check, LogTail, StepResult, Verdict};

/// What carries the traffic of meshed hosts and gateways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Outrigger's own data plane.
    Native,
    /// A supervised Envoy.
    Envoy,
}

impl Engine {
    /// As `outrigger-proxy run --engine` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Engine::Native => "native",
            Engine::Envoy => "envoy",
        }
    }
}

/// How to run a scenario.
#[derive(Debug, Clone)]
pub struct Options {
    /// What carries the traffic.
    pub engine: Engine,
    /// In place of the count of every request step.
    pub requests: Option<u64>,
    /// Keep the folder of the run: logs and manifests.
    pub keep: bool,
    /// The control plane's program, `outrigger`.
    pub outrigger: PathBuf,
    /// The program `outrigger-proxy`.
    pub proxy: PathBuf,
    /// The program `hello`.
    pub hello: PathBuf,
    /// The Envoy binary; if absent the proxy looks for one itself.
    pub envoy: Option<PathBuf>,
}
