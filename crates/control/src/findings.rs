//! Everything that was found about what users wrote, from all stages, as one list.

use std::collections::BTreeSet;
use std::sync::Arc;

use outrigger_base::Diagnostic;

/// The findings of now, and which of them were told already.
#[derive(Debug, Default)]
pub struct Findings {
    current: Arc<[Diagnostic]>,
    told: BTreeSet<Diagnostic>,
}

impl Findings {
    pub fn current(&self) -> &Arc<[Diagnostic]> {
        &self.current
    }

    /// Takes the findings of now in; returns those that were not told before. What went away is told
    /// again if it returns, but only after the mesh changed (`changed`): a proxy that reconnects does
    /// not make its findings news.
    pub fn set(&mut self, current: BTreeSet<Diagnostic>, changed: bool) -> Vec<Diagnostic> {
        let news: Vec<_> = current.difference(&self.told).cloned().collect();
        self.told.extend(news.iter().cloned());
        if changed {
            self.told.retain(|finding| current.contains(finding));
        }
        if !self.current.iter().eq(current.iter()) {
            self.current = current.into_iter().collect();
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use outrigger_base::Code;

    use super::*;

    #[test]
    fn a_finding_is_told_once_until_a_change_made_it_go_away() {
        let finding = || BTreeSet::from([Diagnostic::warning(Code::INVALID, "odd")]);
        let mut findings = Findings::default();
        assert_eq!(findings.set(finding(), true).len(), 1);
        assert_eq!(findings.set(finding(), true).len(), 0);
        assert_eq!(findings.set(BTreeSet::new(), false).len(), 0);
        assert!(findings.current().is_empty());
        assert_eq!(findings.set(finding(), false).len(), 0);
        assert_eq!(findings.set(BTreeSet::new(), true).len(), 0);
        assert_eq!(findings.set(finding(), true).len(), 1);
    }
}
