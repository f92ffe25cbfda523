//! Envoy as the engine: finding the binary, writing its bootstrap, keeping it alive.

mod bootstrap;
mod supervise;

use std::path::{Path, PathBuf};

use thiserror::Error;

pub use self::bootstrap::{BootstrapPorts, bootstrap};
pub use self::supervise::{Launch, supervise};

/// Why Envoy does not run.
#[derive(Debug, Error)]
pub enum EnvoyError {
    /// There is no binary.
    #[error("no Envoy binary: name one with --envoy or OUTRIGGER_ENVOY, or put envoy on PATH")]
    NotFound,
    /// The bootstrap could not be written.
    #[error("cannot write Envoy's bootstrap to {path}: {source}")]
    Bootstrap {
        /// Where it should have gone.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It could not be started.
    #[error("cannot start Envoy {path}: {source}")]
    Start {
        /// The binary.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It ends again and again at once.
    #[error("Envoy ended {0} times in a row right after its start; see its log above")]
    CrashLoop(u32),
}

/// The Envoy binary: the one named, else the first `envoy` on PATH.
pub fn find_envoy(named: Option<&Path>, search_path: Option<&str>) -> Result<PathBuf, EnvoyError> {
    if let Some(path) = named {
        return Ok(path.to_path_buf());
    }
    let folders = search_path.map(std::env::split_paths).into_iter().flatten();
    folders.map(|f| f.join("envoy")).find(|p| p.is_file()).ok_or(EnvoyError::NotFound)
}
