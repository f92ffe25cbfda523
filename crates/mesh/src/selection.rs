//! Which workloads which object selects, kept up to date change by change.
//!
//! Selectors are filed by namespace and by their first label, so that a workload meets only those
//! that could take it: a change of one workload never costs a look at all selectors or at all
//! other workloads.

use std::sync::Arc;

use ahash::AHashMap;
use outrigger_base::{Labels, ResourceKey, Selector};

use crate::gather::Members;
use crate::workload::Workload;

/// All selectors and what they select.
#[derive(Debug, Default)]
pub(crate) struct Selections {
    namespaces: AHashMap<Arc<str>, Namespace>,
}

#[derive(Debug, Default)]
struct Namespace {
    workloads: Members,
    selections: AHashMap<ResourceKey, Selection>,
    /// Objects by the first label of their selector: key, then value.
    by_label: AHashMap<Arc<str>, AHashMap<Arc<str>, Vec<ResourceKey>>>,
    /// Objects whose selector asks for nothing and so takes everything.
    takes_all: Vec<ResourceKey>,
}

#[derive(Debug)]
struct Selection {
    selector: Selector,
    members: Members,
}

impl Selections {
    /// An object selects with this now; `None`: not at all, or it is gone.
    pub(crate) fn set(&mut self, object: &ResourceKey, selector: Option<&Selector>) {
        let namespace = self.namespaces.entry(object.namespace.clone()).or_default();
        let known = namespace.selections.get(object).map(|selection| &selection.selector);
        if known == selector {
            return;
        }
        if let Some(old) = namespace.selections.remove(object) {
            namespace.unfile(object, &old.selector);
        }
        if let Some(selector) = selector {
            let taken = namespace.workloads.iter().filter(|(_, workload)| selector.matches(&workload.labels));
            let members = taken.map(|(key, workload)| (key.clone(), workload.clone())).collect();
            namespace.file(object, selector);
            namespace.selections.insert(object.clone(), Selection { selector: selector.clone(), members });
        }
    }

    /// What an object selects; `None` if it has no selector.
    pub(crate) fn members(&self, object: &ResourceKey) -> Option<&Members> {
        let selection = self.namespaces.get(&object.namespace)?.selections.get(object)?;
        Some(&selection.members)
    }

    /// A workload exists now in this form. The objects that selected it before or do now.
    pub(crate) fn upsert(&mut self, workload: &Arc<Workload>) -> Vec<ResourceKey> {
        let namespace = self.namespaces.entry(workload.key.namespace.clone()).or_default();
        let old = namespace.workloads.insert(workload.key.clone(), workload.clone());
        let mut concerned = match old {
            Some(old) if old.labels == workload.labels => Vec::new(),
            Some(old) => namespace.release(&old),
            None => Vec::new(),
        };
        for object in namespace.selecting(&workload.labels) {
            if let Some(selection) = namespace.selections.get_mut(&object) {
                selection.members.insert(workload.key.clone(), workload.clone());
            }
            concerned.push(object);
        }
        concerned
    }

    /// A workload is gone. The objects that selected it.
    pub(crate) fn remove(&mut self, key: &ResourceKey) -> Vec<ResourceKey> {
        let Some(namespace) = self.namespaces.get_mut(&key.namespace) else { return Vec::new() };
        match namespace.workloads.remove(key) {
            Some(old) => namespace.release(&old),
            None => Vec::new(),
        }
    }
}

impl Namespace {
    fn file(&mut self, object: &ResourceKey, selector: &Selector) {
        match selector.labels().iter().next() {
            None => self.takes_all.push(object.clone()),
            Some((key, value)) => {
                let by_value = self.by_label.entry(key.into()).or_default();
                by_value.entry(value.into()).or_default().push(object.clone());
            }
        }
    }

    fn unfile(&mut self, object: &ResourceKey, selector: &Selector) {
        let Some((key, value)) = selector.labels().iter().next() else {
            self.takes_all.retain(|other| other != object);
            return;
        };
        let Some(by_value) = self.by_label.get_mut(key) else { return };
        if let Some(objects) = by_value.get_mut(value) {
            objects.retain(|other| other != object);
            if objects.is_empty() {
                by_value.remove(value);
            }
        }
        if by_value.is_empty() {
            self.by_label.remove(key);
        }
    }

    /// The objects whose selectors take such labels.
    fn selecting(&self, labels: &Labels) -> Vec<ResourceKey> {
        let filed = labels.iter().filter_map(|(key, value)| self.by_label.get(key)?.get(value)).flatten();
        let takes = |object: &&ResourceKey| {
            self.selections.get(*object).is_some_and(|selection| selection.selector.matches(labels))
        };
        filed.filter(takes).chain(&self.takes_all).cloned().collect()
    }

    /// Takes a workload out of every selection; the objects that selected it.
    fn release(&mut self, workload: &Workload) -> Vec<ResourceKey> {
        let objects = self.selecting(&workload.labels);
        for object in &objects {
            if let Some(selection) = self.selections.get_mut(object) {
                selection.members.remove(&workload.key);
            }
        }
        objects
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use outrigger_base::Kind;

    #[test]
    fn selectors_without_labels_leave_nothing_behind_when_they_go() {
        let mut selections = Selections::default();
        let object = ResourceKey::new(Kind::SERVICE, "ns", "a");
        let selector = Selector::new([("app", "a")].into_iter().collect());
        selections.set(&object, Some(&selector));
        selections.set(&object, Some(&Selector::default()));
        assert!(selections.members(&object).is_some_and(BTreeMap::is_empty));
        selections.set(&object, None);
        assert!(selections.members(&object).is_none());
        let namespace = &selections.namespaces["ns"];
        assert!(namespace.by_label.is_empty() && namespace.takes_all.is_empty());
    }
}
