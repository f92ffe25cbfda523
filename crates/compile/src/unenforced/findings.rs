//! Collects findings about one object.

use outrigger_base::{Code, Diagnostic, ResourceKey};

/// Findings about one object.
pub(super) struct Findings {
    object: ResourceKey,
    found: Vec<Diagnostic>,
}

impl Findings {
    pub(super) fn new(object: ResourceKey) -> Findings {
        Findings { object, found: Vec::new() }
    }

    /// A field has no effect, if it is written. `instead` says what happens without it.
    pub(super) fn ignored(&mut self, field: impl Into<String>, written: bool, instead: &str) {
        if written {
            let finding = Diagnostic::warning(Code::NOT_ACTED_ON, "this field is not acted on yet");
            self.add(finding.with_advice(instead), field);
        }
    }

    /// Security that is asked for is not there.
    pub(super) fn insecure(&mut self, field: impl Into<String>, message: &str, advice: &str) {
        self.add(Diagnostic::error(Code::SECURITY_NOT_ENFORCED, message).with_advice(advice), field);
    }

    pub(super) fn finish(self) -> Vec<Diagnostic> {
        self.found
    }

    fn add(&mut self, finding: Diagnostic, field: impl Into<String>) {
        self.found.push(finding.with_field(field).with_object(self.object.clone()));
    }
}
