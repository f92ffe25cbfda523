//! What `outrigger-proxy run` is told.

use std::path::PathBuf;
use std::time::Duration;

use outrigger_node::LogLevel;

use crate::capture::CaptureRules;
use crate::envoy::BootstrapPorts;
use crate::identity::ProxyIdentity;

/// What carries the traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Engine {
    /// Outrigger's own data plane, in this process.
    Native,
    /// An Envoy that this process starts and supervises.
    Envoy {
        /// Its program.
        binary: PathBuf,
    },
}

/// The ports that a proxy has whatever the control plane says.
pub type Ports = BootstrapPorts;

/// Everything that `run` needs to know.
#[derive(Debug, Clone)]
pub struct RunConfig {
    /// Host and port of the control plane.
    pub control_plane: (String, u16),
    /// Who the proxy is.
    pub identity: ProxyIdentity,
    /// What carries the traffic.
    pub engine: Engine,
    /// Capture of the workload's traffic; `None`: none.
    pub capture: Option<CaptureRules>,
    /// Worker threads; `None`: one for each CPU.
    pub workers: Option<usize>,
    /// Longest time that a stop waits for what is under way.
    pub drain_time: Duration,
    /// Where the last good configuration is kept.
    pub data_dir: PathBuf,
    /// Admin, readiness, metrics.
    pub ports: Ports,
    /// Changes what this program logs, for the admin interface.
    pub log_level: Option<LogLevel>,
}

impl RunConfig {
    /// Worker threads as a number.
    pub(crate) fn worker_count(&self) -> usize {
        self.workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
    }
}
