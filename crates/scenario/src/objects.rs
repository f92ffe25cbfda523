//! The objects of manifests, as far as the runner must tell them apart: which part of which file
//! each stands in, and what a Deployment's pods look like.
//!
//! Objects are taken as they are written, not as the typed resources: a scenario may hold kinds that
//! nothing here knows and objects that are wrong on purpose, and both must reach the control plane
//! unchanged.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use outrigger_api::yaml;
use outrigger_base::{Kind, ResourceKey};
use serde_json::Value;

use crate::model::{ObjectRef, Scenario, Step};

/// What tells one object from another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    pub group: String,
    pub kind: String,
    pub namespace: String,
    pub name: String,
}

impl Identity {
    fn of(value: &Value) -> Option<Identity> {
        let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str);
        let version = text("/apiVersion")?;
        Some(Identity {
            group: version.split_once('/').map_or("", |(group, _)| group).to_owned(),
            kind: text("/kind")?.to_owned(),
            namespace: text("/metadata/namespace").unwrap_or("default").to_owned(),
            name: text("/metadata/name")?.to_owned(),
        })
    }

    /// Whether a step means it.
    pub fn is(&self, object: &ObjectRef) -> bool {
        // A Namespace has no namespace, whatever the step writes.
        let in_place = self.kind == Kind::NAMESPACE.kind || self.namespace == object.namespace;
        self.kind == object.kind && self.name == object.name && in_place
    }

    fn has_key(&self, key: &ResourceKey) -> bool {
        (self.group.as_str(), self.kind.as_str()) == (key.kind.group, key.kind.kind)
            && *self.namespace == *key.namespace
            && *self.name == *key.name
    }
}

/// One document of a file. Without identity it is empty, or broken; the control plane will say.
#[derive(Debug, Clone)]
pub struct Document {
    /// Which lines of the file, from 0.
    pub lines: Range<usize>,
    pub identity: Option<Identity>,
    pub value: Value,
}

/// The documents of a file.
pub fn documents(text: &str) -> Vec<Document> {
    let lines: Vec<&str> = text.lines().collect();
    let mut starts: Vec<usize> = vec![0];
    // A line that begins so ends a document even inside of a block of text (YAML 1.2, 9.1.2).
    let markers = lines.iter().enumerate().filter(|(i, line)| *i > 0 && is_marker(line));
    starts.extend(markers.map(|(i, _)| i));
    let ends = starts.iter().skip(1).copied().chain([lines.len()]);
    let ranges = starts.iter().copied().zip(ends).map(|(start, end)| start..end);
    ranges.map(|lines_of| document(&lines, lines_of)).collect()
}

fn is_marker(line: &str) -> bool {
    line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
}

fn document(lines: &[&str], range: Range<usize>) -> Document {
    let text = lines[range.clone()].join("\n");
    let (value, _) = yaml::from_str::<Value>(Path::new(""), &text);
    let value = value.unwrap_or(Value::Null);
    Document { lines: range, identity: Identity::of(&value), value }
}

/// All objects that are in force, by the file they come from.
#[derive(Debug, Default)]
pub struct Objects {
    files: BTreeMap<String, Vec<Document>>,
}

impl Objects {
    /// Everything that a scenario applies at any time.
    pub fn of_scenario(scenario: &Scenario) -> Objects {
        let applied = scenario.steps.iter().filter_map(|step| match step {
            Step::Apply(file) => Some(file),
            _ => None,
        });
        let mut objects = Objects::default();
        for file in scenario.manifests.iter().chain(applied) {
            // A file that cannot be read is found when it is applied.
            let text = std::fs::read_to_string(scenario.directory.join(file)).unwrap_or_default();
            objects.insert(&file.to_string_lossy(), &text);
        }
        objects
    }

    /// Takes in a file, in place of what it held before.
    pub fn insert(&mut self, file: &str, text: &str) {
        self.files.insert(file.to_owned(), documents(text));
    }

    /// The files, each with its documents.
    pub fn files_mut(&mut self) -> impl Iterator<Item = (&String, &mut Vec<Document>)> {
        self.files.iter_mut()
    }

    /// The identities of a file's objects.
    pub fn identities(&self, file: &str) -> Vec<Identity> {
        let documents = self.files.get(file).into_iter().flatten();
        documents.filter_map(|document| document.identity.clone()).collect()
    }

    /// A Deployment that is in force.
    pub fn deployment(&self, key: &ResourceKey) -> Option<&Value> {
        let is_it = |d: &&Document| d.identity.as_ref().is_some_and(|identity| identity.has_key(key));
        self.files.values().flatten().find(is_it).map(|document| &document.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# a comment
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
---
not: [closed
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: none}
";

    #[test]
    fn every_object_is_found_with_its_lines_even_beside_a_broken_one() {
        let found: Vec<_> = documents(TEXT)
            .into_iter()
            .map(|d| (d.lines, d.identity.map(|i| format!("{}/{}/{}", i.kind, i.namespace, i.name))))
            .collect();
        let expected = [
            (0..4, Some("Namespace/default/shop".to_owned())),
            (4..8, Some("Deployment/shop/web".to_owned())),
            (8..10, None),
            (10..14, Some("AuthorizationPolicy/default/none".to_owned())),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_deployment_is_found_by_its_key() {
        let mut objects = Objects::default();
        objects.insert("a.yaml", TEXT);
        assert!(objects.deployment(&ResourceKey::new(Kind::DEPLOYMENT, "shop", "web")).is_some());
        assert!(objects.deployment(&ResourceKey::new(Kind::DEPLOYMENT, "default", "web")).is_none());
    }
}
