//! `outrigger-proxy run`: capture, engine, and an orderly end.

use std::future::pending;

use outrigger_node::NodeError;
use thiserror::Error;
use tokio::signal::unix::{SignalKind, signal};

use crate::capture::{Capture, CaptureError};
use crate::config::{Engine, RunConfig};
use crate::envoy::{EnvoyError, Launch, bootstrap, supervise};
use crate::native;

/// Why a proxy does not run, or no longer.
#[derive(Debug, Error)]
pub enum RunError {
    /// The runtime or its signal handlers could not be made.
    #[error("cannot start: {0}")]
    Start(#[from] std::io::Error),
    /// Capture failed.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// Envoy failed.
    #[error(transparent)]
    Envoy(#[from] EnvoyError),
    /// The native data plane failed.
    #[error(transparent)]
    Native(#[from] NodeError),
}

/// Runs until SIGTERM or Ctrl-C, then drains and ends.
///
/// Capture starts before the engine has its configuration: a connection of that moment waits in the
/// listener's queue or is refused, but never goes out unseen. It ends after the drain.
pub fn run(config: RunConfig) -> Result<(), RunError> {
    raise_file_limit();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let stop = async {
            tokio::select! {
                got = terminate.recv() => if got.is_none() { pending::<()>().await },
                got = interrupt.recv() => if got.is_none() { pending::<()>().await },
            }
            tracing::info!("asked to stop, draining");
        };
        let capture =
            config.capture.as_ref().map(|rules| Capture::apply(rules, "capture-guard")).transpose()?;
        match &config.engine {
            Engine::Native => native::run(&config, config.log_level.clone(), stop).await?,
            Engine::Envoy { binary } => {
                let (host, port) = &config.control_plane;
                let bootstrap =
                    bootstrap(&config.identity, host, *port, config.ports, config.capture.is_some());
                let launch = Launch {
                    binary: binary.clone(),
                    folder: config.data_dir.clone(),
                    admin_port: config.ports.admin,
                    workers: config.worker_count(),
                    drain: config.drain_time,
                };
                supervise(&launch, &bootstrap, stop).await?;
            }
        }
        drop(capture);
        Ok(())
    })
}

/// Every connection takes a descriptor, and most systems start programs with a soft limit of 1024 that
/// they may raise themselves.
fn raise_file_limit() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls only read or write the struct that they are given.
    let raised = unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) == 0 && {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &limit) == 0
        }
    };
    if !raised {
        tracing::warn!(error = %std::io::Error::last_os_error(), "the limit of open files stays as it is");
    }
}
