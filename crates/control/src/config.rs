use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use outrigger_base::constants::{DEFAULT_CLUSTER_ID, PORT_CONTROL_ADMIN, PORT_XDS};
use outrigger_base::{ClusterId, Diagnostic, Network};
use outrigger_xds::Timing;
use thiserror::Error;

/// Told of each finding when it first appears.
pub type Observer = Arc<dyn Fn(&Diagnostic) + Send + Sync>;

/// What a control plane is started with.
#[derive(Clone)]
pub struct Config {
    /// Folders (or files) of manifests.
    pub directories: Vec<PathBuf>,
    /// Where xDS is served, in plaintext.
    pub xds: SocketAddr,
    /// Where metrics, status and so on are served.
    pub admin: SocketAddr,
    /// A file with mesh-wide settings.
    pub mesh_config: Option<PathBuf>,
    /// The cluster of all workloads.
    pub cluster: ClusterId,
    /// The network of pods.
    pub network: Network,
    /// Start although security that was asked for is not enforced.
    pub allow_unenforced: bool,
    /// Told of each finding when it first appears, those of the start included. It is called on the
    /// thread that applies changes.
    pub observer: Observer,
    /// How long proxies are waited for.
    pub timing: Timing,
}

impl Config {
    /// A control plane of some folders on the usual ports of loopback, that keeps findings to itself.
    pub fn new(directories: Vec<PathBuf>) -> Config {
        Config {
            directories,
            xds: ([127, 0, 0, 1], PORT_XDS).into(),
            admin: ([127, 0, 0, 1], PORT_CONTROL_ADMIN).into(),
            mesh_config: None,
            cluster: ClusterId::new(DEFAULT_CLUSTER_ID),
            network: Network::default(),
            allow_unenforced: false,
            observer: Arc::new(|_| {}),
            timing: Timing::default(),
        }
    }
}

/// Why a control plane did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// An address is taken, or not ours.
    #[error("cannot listen on {address} ({purpose}): {error}")]
    Listen {
        /// What for.
        purpose: &'static str,
        /// Where.
        address: SocketAddr,
        /// What the system said.
        error: std::io::Error,
    },
    /// Manifests or settings cannot be read at all.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// What.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// Security was asked for that would not be enforced.
    #[error("security that the manifests ask for is not enforced by this version")]
    SecurityNotEnforced {
        /// Each place that asks for it. The observer was told of them too.
        diagnostics: Vec<Diagnostic>,
    },
    /// The system gives no thread.
    #[error("cannot start the thread that applies changes: {0}")]
    Thread(std::io::Error),
}
