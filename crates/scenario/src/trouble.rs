//! What keeps a run from going on.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use thiserror::Error;

use crate::model::ObjectRef;
use crate::network::{Gone, NetworkError};

/// Why a step, or the start, could not be done. Steps that were done and saw something unexpected
/// are no trouble: their checks say so.
#[derive(Debug, Error)]
pub enum Trouble {
    #[error("{0}")]
    Network(#[from] NetworkError),
    #[error("cannot start {label}: {problem}")]
    NotStarted { label: String, problem: io::Error },
    #[error("{label} has ended: {status}")]
    Ended { label: String, status: ExitStatus },
    #[error("{label} is not ready after {within:?}: {last}")]
    NotReady { label: String, within: Duration, last: String },
    #[error("not synced after {within:?}: {pending}")]
    NotSynced { within: Duration, pending: String },
    #[error("the control plane does not do as asked: {what}: {reason}")]
    Admin { what: &'static str, reason: String },
    #[error("cannot use the folder of the run: {0}")]
    Files(#[from] io::Error),
    #[error("there is no object {0}")]
    NoSuchObject(ObjectRef),
    #[error("{0} runs already")]
    RunsAlready(String),
    #[error("{0} does not run")]
    DoesNotRun(String),
    #[error("the Deployment of {0} is not applied")]
    NoDeployment(String),
    #[error("{0}")]
    Gone(#[from] Gone),
    #[error("interrupted")]
    Interrupted,
}

impl Trouble {
    /// The host whose process is concerned.
    pub fn host(&self) -> Option<&str> {
        match self {
            Trouble::NotStarted { label, .. }
            | Trouble::Ended { label, .. }
            | Trouble::NotReady { label, .. } => label.split('/').next(),
            _ => None,
        }
    }
}
