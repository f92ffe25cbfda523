//! What is in force of the files, and what a new look at them changes.

use std::collections::hash_map::{DefaultHasher, Entry};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
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
///
/// A look costs what changed, not what there is: files are read again only if they changed, and only
/// the objects of those are compared.
pub(super) struct Files {
    root: PathBuf,
    namespace: Arc<str>,
    files: BTreeMap<PathBuf, File>,
    /// The files that hold an object; the first is the one whose object is in force.
    holders: HashMap<ResourceKey, BTreeSet<PathBuf>>,
    in_force: HashMap<ResourceKey, Resource>,
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
    objects: HashMap<ResourceKey, Located>,
    /// Objects that it holds a second time.
    repeated: Vec<Located>,
    diagnostics: Vec<Diagnostic>,
}

impl Files {
    pub(super) fn new(root: PathBuf, namespace: Arc<str>) -> Files {
        Files {
            root,
            namespace,
            files: BTreeMap::new(),
            holders: HashMap::new(),
            in_force: HashMap::new(),
            diagnostics: Vec::new(),
            positions: PositionIndex::default(),
            loaded: false,
        }
    }

    /// Looks at all files; `None` if nothing changed that anyone could notice. Files in `writing`
    /// are not finished, so they stay as they were.
    pub(super) fn refresh(&mut self, writing: &HashSet<PathBuf>) -> Option<Load> {
        let mut missing = None;
        let mut concerned = BTreeSet::new();
        match list(&self.root) {
            Ok(listing) => concerned = self.follow(listing, writing),
            Err(error) => missing = Some(unreadable(&self.root, &error, !self.in_force.is_empty())),
        }
        let changes = self.decide(&concerned);
        let mut diagnostics = self.findings();
        diagnostics.extend(missing);
        let noticeable = !self.loaded || !changes.is_empty() || diagnostics != self.diagnostics;
        self.diagnostics = diagnostics;
        self.loaded = true;
        noticeable.then(|| Load {
            changes,
            diagnostics: self.diagnostics.clone(),
            positions: self.positions.clone(),
        })
    }

    /// Reads what changed; returns the keys of all objects in files that were read or are gone.
    fn follow(&mut self, listing: Listing, writing: &HashSet<PathBuf>) -> BTreeSet<ResourceKey> {
        let mut concerned = BTreeSet::new();
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
            let (file, held) = self.look(&path, stamp, file.unwrap_or_default());
            if let Some(held) = held {
                self.let_go(&path, &held);
                for key in file.objects.keys() {
                    self.holders.entry(key.clone()).or_default().insert(path.clone());
                    concerned.insert(key.clone());
                }
                concerned.extend(held);
            }
            self.files.insert(path, file);
        }
        for (path, gone) in before {
            let held: Vec<ResourceKey> = gone.objects.into_keys().collect();
            self.let_go(&path, &held);
            concerned.extend(held);
        }
        concerned
    }

    fn let_go(&mut self, path: &Path, keys: &[ResourceKey]) {
        for key in keys {
            if let Some(holders) = self.holders.get_mut(key) {
                holders.remove(path);
                if holders.is_empty() {
                    self.holders.remove(key);
                }
            }
        }
    }

    /// The file as it is now, and, if it was read again, what it held before.
    fn look(&self, path: &Path, stamp: io::Result<Stamp>, before: File) -> (File, Option<Vec<ResourceKey>>) {
        let stamp = match stamp {
            Ok(stamp) if before.stamp.as_ref() == Some(&stamp) => return (before, None),
            Ok(stamp) => stamp,
            Err(error) => return (became_unreadable(path, &error, before), None),
        };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => return (became_unreadable(path, &error, before), None),
        };
        let stamp = stamp.is_proof().then_some(stamp);
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let hash = Some(hasher.finish());
        if hash == before.hash {
            return (File { stamp, ..before }, None);
        }
        let held = before.objects.keys().cloned().collect();
        let read = keep_good(parse(path, &text, &self.namespace), before.objects);
        (File { stamp, hash, ..read }, Some(held))
    }

    /// What is in force of these keys now: of several objects with one key, that of the first file.
    /// Deletions come first, so that what takes the place of something finds it free.
    fn decide(&mut self, keys: &BTreeSet<ResourceKey>) -> Vec<Change> {
        let (mut gone, mut changed) = (Vec::new(), Vec::new());
        let mut positions = self.positions.edit();
        for key in keys {
            let first = self.holders.get(key).and_then(BTreeSet::first);
            let object = first.and_then(|path| self.files.get(path)?.objects.get(key));
            let Some(object) = object else {
                positions.remove(key);
                if self.in_force.remove(key).is_some() {
                    gone.push(Change::Delete(key.clone()));
                }
                continue;
            };
            positions.insert(key.clone(), object.positions.clone());
            if self.in_force.get(key) != Some(&object.resource) {
                self.in_force.insert(key.clone(), object.resource.clone());
                changed.push(Change::Upsert(object.resource.clone()));
            }
        }
        gone.append(&mut changed);
        gone
    }

    /// Everything that is wrong, in the order of files.
    fn findings(&self) -> Vec<Diagnostic> {
        let mut doubled: BTreeMap<&Path, Vec<Diagnostic>> = BTreeMap::new();
        for (key, holders) in self.holders.iter().filter(|(_, holders)| holders.len() > 1) {
            for path in holders.iter().skip(1) {
                let Some(object) = self.files.get(path).and_then(|file| file.objects.get(key)) else {
                    continue;
                };
                doubled.entry(path).or_default().push(self.duplicate(key.clone(), object));
            }
        }
        let mut findings = Vec::new();
        for (path, file) in &self.files {
            findings.extend(file.diagnostics.iter().cloned());
            let mut further = doubled.remove(path.as_path()).unwrap_or_default();
            let repeated = file.repeated.iter().map(|object| self.duplicate(object.resource.key(), object));
            further.extend(repeated);
            further.sort_by(|a, b| a.position.cmp(&b.position));
            findings.append(&mut further);
        }
        findings
    }

    fn duplicate(&self, key: ResourceKey, second: &Located) -> Diagnostic {
        let first = self.positions.locate(&key, "");
        let place = first.map_or_else(|| "elsewhere".to_string(), |position| format!("at {position}"));
        let mut diagnostic =
            Diagnostic::error(Code::DUPLICATE_OBJECT, format!("the object is there already {place}"))
                .with_object(key)
                .with_advice("the first one by path is in force; remove one of the two");
        diagnostic.position = second.positions.locate("");
        diagnostic
    }
}

/// What is in force of a file after it was read again: the last good version of each object that
/// was refused; and of everything, if it cannot be told what was refused.
fn keep_good(parsed: Parsed, before: HashMap<ResourceKey, Located>) -> File {
    let Parsed { objects, mut diagnostics, refused, unidentified } = parsed;
    let mut file = File::default();
    for object in objects {
        match file.objects.entry(object.resource.key()) {
            Entry::Vacant(place) => drop(place.insert(object)),
            Entry::Occupied(_) => file.repeated.push(object),
        }
    }
    for (key, object) in before {
        if file.objects.contains_key(&key) || !(unidentified || refused.contains(&key)) {
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
        file.objects.insert(key, object);
    }
    file.diagnostics = diagnostics;
    file
}

fn became_unreadable(path: &Path, error: &io::Error, before: File) -> File {
    let diagnostics = vec![unreadable(path, error, !before.objects.is_empty())];
    // Without a hash it is read again as soon as that works.
    File { stamp: None, hash: None, diagnostics, ..before }
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
