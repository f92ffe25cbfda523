//! Hears the course of one decision.

use std::fmt;

use outrigger_traffic::Trace;

use crate::explanation::{Rejected, Stage, Step};

/// What one decision told.
#[derive(Default)]
pub(crate) struct Recorder {
    chosen: Option<(String, String)>,
    rejected: Vec<Rejected>,
}

impl Trace for Recorder {
    fn rejected(&mut self, candidate: &str, why: fmt::Arguments<'_>) {
        self.rejected.push(Rejected { candidate: candidate.to_string(), why: why.to_string() });
    }

    fn chosen(&mut self, candidate: &str, why: fmt::Arguments<'_>) {
        self.chosen = Some((candidate.to_string(), why.to_string()));
    }
}

impl Recorder {
    /// The decision as a step; `otherwise` says why nothing was chosen, if nothing was.
    pub(crate) fn into_step(self, stage: Stage, otherwise: &str) -> Step {
        let (chosen, why) = match self.chosen {
            Some((chosen, why)) => (Some(chosen), why),
            None => (None, otherwise.to_string()),
        };
        Step { stage, chosen, object: None, why, rejected: self.rejected }
    }
}
