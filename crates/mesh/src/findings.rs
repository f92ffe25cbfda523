//! Diagnostics, filed by what they came from, so that each is taken back when its cause goes.

use std::collections::BTreeMap;
use std::sync::Arc;

use outrigger_base::{Diagnostic, Host, ResourceKey};

use crate::service::ServiceKey;

/// What a computation of diagnostics was about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    /// One object.
    Object(ResourceKey),
    /// The claims on one host.
    Host(ServiceKey),
    /// The endpoints of one service.
    Endpoints(ServiceKey),
    /// The DestinationRules of a namespace for one host.
    DestinationRules(Arc<str>, Host),
}

#[derive(Debug, Default)]
pub(crate) struct Findings {
    filed: BTreeMap<Subject, Vec<Diagnostic>>,
    changed: bool,
}

impl Findings {
    /// What is found about a subject now.
    pub(crate) fn set(&mut self, subject: Subject, found: Vec<Diagnostic>) {
        if found.is_empty() {
            self.changed |= self.filed.remove(&subject).is_some();
        } else if self.filed.get(&subject) != Some(&found) {
            self.filed.insert(subject, found);
            self.changed = true;
        }
    }

    /// All diagnostics, sorted by object; `None` if there are the same as at the last call.
    pub(crate) fn take_changed(&mut self) -> Option<Arc<[Diagnostic]>> {
        if !std::mem::take(&mut self.changed) {
            return None;
        }
        let mut all: Vec<Diagnostic> = self.filed.values().flatten().cloned().collect();
        all.sort_by(|a, b| (&a.object, a).cmp(&(&b.object, b)));
        all.dedup();
        Some(all.into())
    }
}
