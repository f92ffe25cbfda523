//! What a node is told by its caller.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use outrigger_base::{Locality, constants};
use serde_json::{Map, Value};

/// What a proxy is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Beside a workload.
    Sidecar,
    /// Alone, at the edge.
    Gateway,
}

/// How a node runs.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    /// Where the control plane is, `HOST:PORT`.
    pub control_plane: String,
    /// Node id as Istio builds it: `sidecar~IP~NAME.NAMESPACE~NAMESPACE.svc.DOMAIN`.
    pub id: String,
    /// What the proxy is for.
    pub role: Role,
    /// Node metadata under Istio's keys (NAME, NAMESPACE, LABELS, CLUSTER_ID, WORKLOAD_NAME, …).
    pub metadata: Map<String, Value>,
    /// Where it runs.
    pub locality: Locality,
    /// Worker threads; 0: one for each core.
    pub workers: usize,
    /// Binds each worker to a core.
    pub pin_workers: bool,
    /// Takes captured connections: reads where they wanted to go.
    pub capture: bool,
    /// SO_MARK of connections that the proxy opens, so that capture lets them through.
    pub mark: Option<u32>,
    /// Where the last good configuration is kept; `None`: nowhere.
    pub data_dir: Option<PathBuf>,
    /// Longest time that a drain waits.
    pub drain_time: Duration,
    /// Admin interface; it can stop the proxy, so keep it on loopback. `None`: none.
    pub admin: Option<SocketAddr>,
    /// Readiness, for probes from outside. `None`: none.
    pub readiness: Option<SocketAddr>,
    /// Prometheus metrics. `None`: none.
    pub metrics: Option<SocketAddr>,
    /// Changes what the program logs (admin: /logging). `None`: it cannot be changed.
    pub log_level: Option<LogLevel>,
}

/// A way to change what the program logs: takes `debug`, or `target=debug,…`.
#[derive(Clone)]
pub struct LogLevel(pub Arc<SetLogLevel>);

/// See [`LogLevel`].
pub type SetLogLevel = dyn Fn(&str) -> Result<(), String> + Send + Sync;

impl fmt::Debug for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogLevel")
    }
}

impl NodeConfig {
    /// A node with the usual ports, one worker, without capture and without a data folder.
    pub fn new(control_plane: impl Into<String>, id: impl Into<String>, role: Role) -> NodeConfig {
        NodeConfig {
            control_plane: control_plane.into(),
            id: id.into(),
            role,
            metadata: Map::new(),
            locality: Locality::default(),
            workers: 1,
            pin_workers: false,
            capture: false,
            mark: None,
            data_dir: None,
            drain_time: Duration::from_secs(5),
            admin: Some(([127, 0, 0, 1], constants::PORT_ADMIN).into()),
            readiness: Some(([0, 0, 0, 0], constants::PORT_READINESS).into()),
            metrics: Some(([0, 0, 0, 0], constants::PORT_PROXY_METRICS).into()),
            log_level: None,
        }
    }
}
