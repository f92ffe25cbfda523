//! What is wrong with a scenario.

use outrigger_api::Positions;
use outrigger_base::{Code, Diagnostic};

/// Collects mistakes, each with its place in the file.
pub struct Findings {
    positions: Option<Positions>,
    list: Vec<Diagnostic>,
}

impl Findings {
    pub fn new(positions: Option<Positions>, list: Vec<Diagnostic>) -> Findings {
        Findings { positions, list }
    }

    /// Notes a mistake in the field at `path`; `advice` may be empty.
    pub fn add(&mut self, path: &str, message: impl Into<String>, advice: impl Into<String>) {
        let mut finding = Diagnostic::error(Code::INVALID, message).with_field(path).with_advice(advice);
        finding.position = self.positions.as_ref().and_then(|positions| positions.locate(path));
        self.list.push(finding);
    }

    /// The value of a field that must be there.
    pub fn required<T>(&mut self, value: Option<T>, path: &str) -> Option<T> {
        if value.is_none() {
            self.add(path, "is missing", "");
        }
        value
    }

    /// All of them, in the order of the file.
    pub fn into_list(mut self) -> Vec<Diagnostic> {
        self.list.sort_by(|a, b| a.position.cmp(&b.position));
        self.list
    }
}
