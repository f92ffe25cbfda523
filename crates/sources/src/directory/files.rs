//! What is in force of the files, and what a new look at them changes.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use outrigger_api::{Change, Located, Parsed, Resource, parse};
use outrigger_base::{Code, Diagnostic, Position, ResourceKey, Severity};

use super::Load;
use super::index::PositionIndex;
use super::scan::{Listing, Stamp, list};

/// The files below a root and what they hold.
pub(super) struct Files {
    root: PathBuf,
    namespace: Arc<str>,
    files: BTreeMap<PathBuf, File>,
    in_force: BTreeMap<ResourceKey, Resource>,
    diagnostics: Vec<Diagnostic>,
    positions: PositionIndex,
    /// Whether there was a look at all.
    loaded: bool,
}

/// One file.
#[derive(Default)]
struct File {
    stamp: Option<Stamp>,
    /// Of the text; equal texts are not read again.
    hash: Option<u64>,
    /// What is in force of it: what it holds, and last good versions of what became bad.
    objects: Vec<Located>,
    diagnostics: Vec<Diagnostic>,
}

impl Files {
    pub(super) fn new(root: PathBuf, namespace: Arc<str>) -> Files {
        Files {
            root,
            namespace,
            files: BTreeMap::new(),
            in_force: BTreeMap::new(),
            diagnostics: Vec::new(),
            positions: PositionIndex::default(),
            loaded: false,
        }
    }

    /// Looks at all files; `None` if nothing changed that anyone could notice. Files in `writing`
    /// are not finished, so they stay as they were.
    pub(super) fn refresh(&mut self, writing: &HashSet<PathBuf>) -> Option<Load> {
        let mut missing = None;
        match list(&self.root) {
            Ok(listing) => self.follow(listing, writing),
            Err(error) => missing = Some(unreadable(&self.root, &error, !self.in_force.is_empty())),
        }
        let merged = self.merge();
        let changes = self.differences(&merged.objects);
        let mut diagnostics = merged.diagnostics;
        diagnostics.extend(missing);
        let noticeable = !self.loaded || !changes.is_empty() || diagnostics != self.diagnostics;
        self.positions.replace(merged.positions);
        self.in_force = merged.objects;
        self.diagnostics = diagnostics;
        self.loaded = true;
        noticeable.then(|| Load {
            changes,
            diagnostics: self.diagnostics.clone(),
            positions: self.positions.clone(),
        })
    }

    fn follow(&mut self, listing: Listing, writing: &HashSet<PathBuf>) {
        let mut before = std::mem::take(&mut self.files);
        for (path, stamp) in listing {
            // What stood below a directory that cannot be looked into stays.
            if let Err(error) = &stamp
                && path.is_dir()
            {
                let below: Vec<_> = before.keys().filter(|file| file.starts_with(&path)).cloned().collect();
                for file in below {
                    if let Some(kept) = before.remove(&file) {
                        self.files.insert(file, kept);
                    }
                }
                let diagnostics = vec![unreadable(&path, error, true)];
                self.files.insert(path, File { diagnostics, ..File::default() });
                continue;
            }
            let file = before.remove(&path);
            if writing.contains(&path) {
                self.files.extend(file.map(|file| (path, file)));
                continue;
            }
            let file = self.look(&path, stamp, file.unwrap_or_default());
            self.files.insert(path, file);
        }
    }

    fn look(&self, path: &Path, stamp: io::Result<Stamp>, before: File) -> File {
        let stamp = match stamp {
            Ok(stamp) if before.stamp.as_ref() == Some(&stamp) => return before,
            Ok(stamp) => stamp,
            Err(error) => return became_unreadable(path, &error, before),
        };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => return became_unreadable(path, &error, before),
        };
        let stamp = stamp.is_proof().then_some(stamp);
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let hash = Some(hasher.finish());
        if hash == before.hash {
            return File { stamp, ..before };
        }
        let (objects, diagnostics) = keep_good(parse(path, &text, &self.namespace), before.objects);
        File { stamp, hash, objects, diagnostics }
    }

    /// Puts the files together: of several objects with one key, the first by path is in force.
    fn merge(&self) -> Merged {
        let mut merged = Merged::default();
        for file in self.files.values() {
            merged.diagnostics.extend(file.diagnostics.iter().cloned());
            for object in &file.objects {
                let key = object.resource.key();
                if merged.objects.contains_key(&key) {
                    let first = merged.positions.get(&key).and_then(|positions| positions.locate(""));
                    merged.diagnostics.push(duplicate(key, first, object.positions.locate("")));
                    continue;
                }
                merged.positions.insert(key.clone(), object.positions.clone());
                merged.objects.insert(key, object.resource.clone());
            }
        }
        merged
    }

    /// Deletions first, so that what takes the place of something finds it free.
    fn differences(&self, now: &BTreeMap<ResourceKey, Resource>) -> Vec<Change> {
        let gone = self.in_force.keys().filter(|key| !now.contains_key(key));
        let mut changes: Vec<Change> = gone.cloned().map(Change::Delete).collect();
        let changed = now.iter().filter(|(key, resource)| self.in_force.get(key) != Some(resource));
        changes.extend(changed.map(|(_, resource)| Change::Upsert(resource.clone())));
        changes
    }
}

#[derive(Default)]
struct Merged {
    objects: BTreeMap<ResourceKey, Resource>,
    positions: HashMap<ResourceKey, Arc<outrigger_api::Positions>>,
    diagnostics: Vec<Diagnostic>,
}

/// What is in force of a file after it was read again: the last good version of each object that
/// was refused; and of everything, if it cannot be told what was refused.
fn keep_good(parsed: Parsed, before: Vec<Located>) -> (Vec<Located>, Vec<Diagnostic>) {
    let Parsed { mut objects, mut diagnostics, refused, unidentified } = parsed;
    let present: HashSet<ResourceKey> = objects.iter().map(|object| object.resource.key()).collect();
    for object in before {
        let key = object.resource.key();
        if present.contains(&key) || !(unidentified || refused.contains(&key)) {
            continue;
        }
        let about = |diagnostic: &&mut Diagnostic| {
            diagnostic.severity == Severity::Error && diagnostic.object.as_ref() == Some(&key)
        };
        if let Some(diagnostic) = diagnostics.iter_mut().find(about) {
            if !diagnostic.advice.is_empty() {
                diagnostic.advice.push_str("; ");
            }
            diagnostic.advice.push_str("its last good version stays in force");
        }
        objects.push(object);
    }
    (objects, diagnostics)
}

fn became_unreadable(path: &Path, error: &io::Error, before: File) -> File {
    let diagnostics = vec![unreadable(path, error, !before.objects.is_empty())];
    // Without a hash it is read again as soon as that works.
    File { stamp: None, hash: None, objects: before.objects, diagnostics }
}

fn unreadable(path: &Path, error: &io::Error, kept: bool) -> Diagnostic {
    let reason = if error.kind() == io::ErrorKind::InvalidData {
        "it is no text in UTF-8".to_string()
    } else {
        error.to_string()
    };
    let advice = if kept { "what was read of it before stays in force" } else { "" };
    Diagnostic::error(Code::MALFORMED, format!("cannot be read: {reason}"))
        .with_position(Position { file: Arc::new(path.to_path_buf()), line: 1, column: 1 })
        .with_advice(advice)
}

fn duplicate(key: ResourceKey, first: Option<Position>, second: Option<Position>) -> Diagnostic {
    let place = first.map_or_else(|| "elsewhere".to_string(), |position| format!("at {position}"));
    let mut diagnostic =
        Diagnostic::error(Code::DUPLICATE_OBJECT, format!("the object is there already {place}"))
            .with_object(key)
            .with_advice("the first one by path is in force; remove one of the two");
    diagnostic.position = second;
    diagnostic
}
