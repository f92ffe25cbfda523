//! Live news of a run.

use std::net::IpAddr;

use crate::verdict::{Answer, StepResult};

/// Something that just happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// The control plane answers.
    ControlUp,
    /// A host and all that runs on it is there.
    HostUp {
        /// The host.
        host: String,
        /// Its addresses.
        addresses: Vec<IpAddr>,
        /// What runs on it, e.g. `hello v1 on 8001, meshed`.
        plays: String,
    },
    /// All that ran on a host is gone.
    HostDown {
        /// The host.
        host: String,
    },
    /// A step begins.
    StepStarted {
        /// Position in the scenario, from 1.
        index: usize,
        /// How many steps there are.
        of: usize,
        /// The step in words.
        title: String,
    },
    /// Who has answered how often so far; a few times a second.
    Answers {
        /// Position of the step, from 1.
        index: usize,
        /// Requests that are through.
        done: u64,
        /// Requests in all.
        of: u64,
        /// Most often first.
        answers: Vec<Answer>,
    },
    /// A step, or a load at its end, is over.
    StepFinished(StepResult),
    /// What the control plane says about the manifests, one finding each.
    Diagnostic(String),
    /// Something worth telling that is no failure.
    Note(String),
}

/// Who listens to a run.
pub trait Observer {
    /// Called in the order of events, on the thread that called [`crate::run`].
    fn event(&mut self, event: Event);
}

/// Listens to nothing.
#[derive(Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn event(&mut self, _: Event) {}
}
