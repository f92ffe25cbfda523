//! The folder that the control plane reads: copies of the scenario's files, edited as steps apply and
//! delete, and one file for each pod.
//!
//! A deleted object's lines are emptied, not removed, so that what the control plane says about the
//! others still names the lines of the user's file. Files change by rename: a reader sees all of a
//! change or nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use outrigger_base::ResourceKey;
use serde_json::Value;

use crate::model::ObjectRef;
use crate::objects::{Document, Identity, Objects};

/// The folder and what is in it.
pub struct Manifests {
    source: PathBuf,
    folder: PathBuf,
    objects: Objects,
}

impl Manifests {
    /// An empty folder for the files of `source`.
    pub fn new(source: &Path, folder: PathBuf) -> io::Result<Manifests> {
        fs::create_dir_all(&folder)?;
        Ok(Manifests { source: source.to_owned(), folder, objects: Objects::default() })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Applies all objects of a file. Those that another file holds are replaced.
    pub fn apply(&mut self, file: &Path) -> io::Result<()> {
        let text = fs::read_to_string(self.source.join(file))
            .map_err(|problem| io::Error::new(problem.kind(), format!("{}: {problem}", file.display())))?;
        let name = flat_name(file);
        self.objects.insert(&name, &text);
        let applied = self.objects.identities(&name);
        self.remove(|at, identity| at != name && applied.contains(identity))?;
        self.write(&name, &text)
    }

    /// Deletes an object; whether there was one.
    pub fn delete(&mut self, object: &ObjectRef) -> io::Result<bool> {
        self.remove(|_, identity| identity.is(object))
    }

    /// A Deployment that is in force.
    pub fn deployment(&self, key: &ResourceKey) -> Option<&Value> {
        self.objects.deployment(key)
    }

    /// Writes the pod of a host.
    pub fn put_pod(&self, host: &str, pod: &Value) -> io::Result<()> {
        // JSON is YAML, too.
        self.write(&pod_file(host), &format!("{pod:#}\n"))
    }

    /// Removes the pod of a host.
    pub fn remove_pod(&self, host: &str) -> io::Result<()> {
        fs::remove_file(self.folder.join(pod_file(host)))
    }

    fn remove(&mut self, unwanted: impl Fn(&str, &Identity) -> bool) -> io::Result<bool> {
        let mut changed: Vec<(String, Vec<Document>)> = Vec::new();
        for (file, documents) in self.objects.files_mut() {
            let is_unwanted = |d: &Document| d.identity.as_ref().is_some_and(|i| unwanted(file, i));
            let (gone, left): (Vec<_>, Vec<_>) = documents.drain(..).partition(is_unwanted);
            *documents = left;
            if !gone.is_empty() {
                changed.push((file.clone(), gone));
            }
        }
        for (file, gone) in &changed {
            let text = fs::read_to_string(self.folder.join(file))?;
            self.write(file, &without(&text, gone))?;
        }
        Ok(!changed.is_empty())
    }

    fn write(&self, file: &str, text: &str) -> io::Result<()> {
        // No source reads files of that name.
        let temporary = self.folder.join(format!(".{file}.new"));
        fs::write(&temporary, text)?;
        fs::rename(&temporary, self.folder.join(file))
    }
}

/// The folder is flat, whatever folders the scenario has.
fn flat_name(file: &Path) -> String {
    let parts: Vec<_> = file.iter().map(|part| part.to_string_lossy()).filter(|part| part != ".").collect();
    parts.join("-")
}

fn pod_file(host: &str) -> String {
    format!("pod.{host}.yaml")
}

fn without(text: &str, documents: &[Document]) -> String {
    let mut left = String::with_capacity(text.len());
    for (number, line) in text.lines().enumerate() {
        if !documents.iter().any(|document| document.lines.contains(&number)) {
            left.push_str(line);
        } else if line.starts_with("---") {
            // The next document still begins where it did.
            left.push_str("---");
        }
        left.push('\n');
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, Manifests) {
        let temporary = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(temporary.path().join(name), text).unwrap();
        }
        let manifests = Manifests::new(temporary.path(), temporary.path().join("live")).unwrap();
        (temporary, manifests)
    }

    fn object(kind: &str, name: &str) -> String {
        format!("apiVersion: v1\nkind: {kind}\nmetadata: {{name: {name}}}\n")
    }

    fn reference(kind: &str, name: &str) -> ObjectRef {
        ObjectRef { kind: kind.into(), namespace: "default".into(), name: name.into() }
    }

    #[test]
    fn a_deleted_object_leaves_the_lines_of_the_others_in_place() {
        let text = format!("{}---\n{}---\n{}", object("Service", "a"), object("Service", "b"), "kind: [");
        let (_keep, mut manifests) = folder(&[("mesh.yaml", &text)]);
        manifests.apply(Path::new("mesh.yaml")).unwrap();
        assert!(manifests.delete(&reference("Service", "a")).unwrap());
        assert!(!manifests.delete(&reference("Service", "a")).unwrap());
        let left = fs::read_to_string(manifests.folder().join("mesh.yaml")).unwrap();
        assert_eq!(left, format!("\n\n\n---\n{}---\nkind: [\n", object("Service", "b")));
    }

    #[test]
    fn applying_again_brings_back_what_was_deleted() {
        let (_keep, mut manifests) = folder(&[("mesh.yaml", &object("Service", "a"))]);
        manifests.apply(Path::new("mesh.yaml")).unwrap();
        manifests.delete(&reference("Service", "a")).unwrap();
        manifests.apply(Path::new("./mesh.yaml")).unwrap();
        let left = fs::read_to_string(manifests.folder().join("mesh.yaml")).unwrap();
        assert_eq!(left, object("Service", "a"));
    }

    #[test]
    fn an_object_stands_in_one_file_only() {
        let (_keep, mut manifests) =
            folder(&[("1.yaml", &object("Service", "a")), ("2.yaml", &object("Service", "a"))]);
        manifests.apply(Path::new("1.yaml")).unwrap();
        manifests.apply(Path::new("2.yaml")).unwrap();
        assert_eq!(fs::read_to_string(manifests.folder().join("1.yaml")).unwrap().trim(), "");
        assert!(manifests.delete(&reference("Service", "a")).unwrap());
    }
}
