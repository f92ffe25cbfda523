//! The objects of all sources as one set: what is in force, and what stands behind it.
//!
//! The first source that has an object speaks for it. Owned by the writer.

use std::collections::{BTreeMap, BTreeSet};

use outrigger_api::{Change, Resource};
use outrigger_base::{Code, Diagnostic, Kind, ResourceKey};
use outrigger_compile::unenforced;
use outrigger_sources::{Load, PositionIndex};

/// What each source said, and what follows from it.
#[derive(Default)]
pub struct Objects {
    sources: Vec<Source>,
    /// What is not acted on, by object in force.
    unenforced: BTreeMap<ResourceKey, Vec<Diagnostic>>,
    /// How many objects of each kind are in force.
    count: BTreeMap<Kind, usize>,
}

#[derive(Default)]
struct Source {
    objects: BTreeMap<ResourceKey, Resource>,
    diagnostics: Vec<Diagnostic>,
    positions: PositionIndex,
}

impl Objects {
    /// Takes in what a source said; returns what that changes of what is in force.
    pub fn take(&mut self, source: usize, load: Load) -> Vec<Change> {
        if self.sources.len() <= source {
            self.sources.resize_with(source + 1, Source::default);
        }
        self.sources[source].diagnostics = load.diagnostics;
        self.sources[source].positions = load.positions;
        let mut changes = Vec::with_capacity(load.changes.len());
        for change in load.changes {
            changes.extend(self.change(source, change));
        }
        for change in &changes {
            match change {
                Change::Upsert(resource) => {
                    let findings = unenforced(resource);
                    if findings.is_empty() {
                        self.unenforced.remove(&resource.key());
                    } else {
                        self.unenforced.insert(resource.key(), findings);
                    }
                }
                Change::Delete(key) => drop(self.unenforced.remove(key)),
            }
        }
        changes
    }

    /// Everything that was found by reading: what is malformed, doubled, or not acted on.
    pub fn diagnostics(&self) -> BTreeSet<Diagnostic> {
        let mut found: BTreeSet<Diagnostic> =
            self.sources.iter().flat_map(|source| source.diagnostics.iter().cloned()).collect();
        found.extend(self.unenforced.values().flatten().cloned());
        for (index, source) in self.sources.iter().enumerate().skip(1) {
            let doubled =
                source.objects.keys().filter(|key| self.speaker(key).is_some_and(|first| first < index));
            for key in doubled {
                let message = "another folder has this object too; the first folder's is in force";
                let finding = Diagnostic::warning(Code::DUPLICATE_OBJECT, message).with_object(key.clone());
                found.insert(match source.positions.locate(key, "") {
                    Some(position) => finding.with_position(position),
                    None => finding,
                });
            }
        }
        found
    }

    /// Says where a finding's object was written, if it does not say so yet.
    pub fn locate(&self, finding: Diagnostic) -> Diagnostic {
        if finding.position.is_some() {
            return finding;
        }
        let Some(key) = &finding.object else { return finding };
        let Some(source) = self.speaker(key) else { return finding };
        match self.sources[source].positions.locate(key, &finding.field) {
            Some(position) => finding.with_position(position),
            None => finding,
        }
    }

    /// How many objects of each kind are in force.
    pub fn count(&self) -> &BTreeMap<Kind, usize> {
        &self.count
    }

    /// The source that speaks for an object.
    fn speaker(&self, key: &ResourceKey) -> Option<usize> {
        self.sources.iter().position(|source| source.objects.contains_key(key))
    }

    fn change(&mut self, source: usize, change: Change) -> Option<Change> {
        let key = change.key();
        let before = self.speaker(&key);
        match &change {
            Change::Upsert(resource) => {
                self.sources[source].objects.insert(key.clone(), resource.clone());
            }
            Change::Delete(key) => drop(self.sources[source].objects.remove(key)),
        }
        let after = self.speaker(&key);
        let count = self.count.entry(key.kind).or_default();
        *count = *count + usize::from(after.is_some()) - usize::from(before.is_some());
        match after {
            None => before.map(|_| Change::Delete(key)),
            // One that is not heard changed nothing.
            Some(speaker) if speaker != source && before == after => None,
            Some(speaker) => self.sources[speaker].objects.get(&key).cloned().map(Change::Upsert),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use outrigger_api::{Meta, NamespaceSpec, Object};

    use super::*;

    fn namespace(label: &str) -> Resource {
        let mut meta = Meta { name: "shop".into(), ..Meta::default() };
        meta.labels.set("from", label);
        Resource::Namespace(Arc::new(Object::new(meta, NamespaceSpec::default())))
    }

    fn load(change: Change) -> Load {
        Load { changes: vec![change], ..Load::default() }
    }

    #[test]
    fn the_first_source_speaks_and_the_next_takes_over() {
        let mut objects = Objects::default();
        let (first, second) = (namespace("first"), namespace("second"));
        let key = first.key();
        let upsert = |r: &Resource| Change::Upsert(r.clone());
        assert_eq!(objects.take(1, load(upsert(&second))), [upsert(&second)]);
        assert_eq!(objects.take(0, load(upsert(&first))), [upsert(&first)]);
        let found = objects.diagnostics();
        assert_eq!(found.iter().map(|d| d.code).collect::<Vec<_>>(), [Code::DUPLICATE_OBJECT]);
        assert_eq!(objects.take(1, load(upsert(&second))), []);
        assert_eq!(objects.take(0, load(Change::Delete(key.clone()))), [upsert(&second)]);
        assert_eq!(objects.count().get(&Kind::NAMESPACE), Some(&1));
        assert_eq!(objects.take(1, load(Change::Delete(key.clone()))), [Change::Delete(key.clone())]);
        assert_eq!(objects.take(1, load(Change::Delete(key))), []);
    }
}
