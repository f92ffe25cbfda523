//! What came of a run, for people and as JSON.

use std::path::PathBuf;
use std::time::Instant;

use serde::Serialize;

/// The outcome of a scenario. Its JSON form is a contract; `version` counts its breaking changes.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// 1.
    pub version: u32,
    /// The scenario's name.
    pub scenario: String,
    /// `native` or `envoy`.
    pub engine: &'static str,
    /// Whether everything held.
    pub passed: bool,
    /// How long it took.
    pub seconds: f64,
    /// Why the run broke off, if it did: the network or a process could not be brought up.
    pub error: Option<String>,
    /// The ends of the logs that may tell why, if the run broke off.
    pub logs: Vec<LogTail>,
    /// In the order of the scenario; loads report at their end, as steps of their own.
    pub steps: Vec<StepResult>,
    /// Logs and manifests of the run, if they were kept.
    pub directory: Option<PathBuf>,
}

/// What came of a step.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepResult {
    /// Position in the scenario, from 1.
    pub index: usize,
    /// The step in words.
    pub title: String,
    /// Whether all that was expected was seen.
    pub passed: bool,
    /// How long it took.
    pub seconds: f64,
    /// Expected and seen, one by one.
    pub checks: Vec<Check>,
    /// Who answered how often, most often first.
    pub answers: Vec<Answer>,
    /// Why the step could not be done, if so.
    pub error: Option<String>,
    /// What the control plane says about the manifests, if the step failed.
    pub diagnostics: Vec<String>,
    /// The ends of the logs that may tell why, if the step failed.
    pub logs: Vec<LogTail>,
}

impl StepResult {
    /// A step of which nothing is known yet.
    pub(crate) fn new(index: usize, title: String) -> StepResult {
        StepResult {
            index,
            title,
            passed: false,
            seconds: 0.0,
            checks: Vec::new(),
            answers: Vec::new(),
            error: None,
            diagnostics: Vec::new(),
            logs: Vec::new(),
        }
    }

    /// Draws the conclusion.
    pub(crate) fn finish(mut self, started: Instant) -> StepResult {
        self.passed = self.error.is_none() && self.checks.iter().all(|check| check.passed);
        self.seconds = started.elapsed().as_secs_f64();
        self
    }
}

/// One expectation.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// What is counted, e.g. `status 200` or a pattern.
    pub what: String,
    /// What must be seen, e.g. `100 %` or `30 % ± 6.5 %`.
    pub expected: String,
    /// What was seen, e.g. `31.2 % (312 of 1000)`.
    pub seen: String,
    /// Whether that is enough.
    pub passed: bool,
}

/// One kind of answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// First line of the body; for other statuses than 200 with the status in front; for requests
    /// without answer the reason.
    pub text: String,
    /// How often.
    pub count: u64,
}

/// The last lines of a process.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogTail {
    /// e.g. `hello1/proxy`.
    pub process: String,
    /// Oldest first.
    pub lines: Vec<String>,
}
