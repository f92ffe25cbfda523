//! What exists, as files say.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use outrigger_api::{Located, Positions, Resource, parse};
use outrigger_base::{Code, Diagnostic, Labels, Locality, ResourceKey, Severity};
use thiserror::Error;

/// The description of an experiment beside its manifests; it is no manifest.
const SCENARIO: &str = "scenario.yaml";
/// Deeper nesting is a mistake, or a loop of links.
const MAX_DEPTH: usize = 32;

/// Why files cannot be read.
#[derive(Debug, Error)]
#[error("cannot read {path}: {error}")]
pub struct ReadError {
    /// The file or directory.
    pub path: PathBuf,
    /// What the system says.
    pub error: std::io::Error,
}

/// Objects, and what is wrong with them.
#[derive(Debug, Default)]
pub struct Manifests {
    resources: BTreeMap<ResourceKey, Resource>,
    positions: BTreeMap<ResourceKey, Arc<Positions>>,
    hosts: Vec<ProxyHost>,
    plain: Vec<ResourceKey>,
    diagnostics: Vec<Diagnostic>,
}

/// A machine with a proxy that no manifest names.
#[derive(Debug, Clone, PartialEq)]
pub struct ProxyHost {
    /// Runs a gateway, else a sidecar.
    pub gateway: bool,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: Labels,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Where it runs.
    pub locality: Locality,
}

impl Manifests {
    /// Reads files, and directories with all that is below them (`.yaml`, `.yml`, `.json`, not hidden,
    /// not `scenario.yaml`), in the order of their paths. Objects that name no namespace get
    /// `default_namespace`.
    pub fn read<P: AsRef<Path>>(paths: &[P], default_namespace: &str) -> Result<Manifests, ReadError> {
        let mut files = Vec::new();
        for path in paths {
            collect(path.as_ref(), 0, &mut files)?;
        }
        let mut manifests = Manifests::default();
        for file in files {
            let text =
                std::fs::read_to_string(&file).map_err(|error| ReadError { path: file.clone(), error })?;
            manifests.add_text(&file, &text, default_namespace);
        }
        Ok(manifests)
    }

    /// Takes in the objects of a file whose text is at hand. Of several objects with one key the first
    /// stays.
    pub fn add_text(&mut self, file: &Path, text: &str, default_namespace: &str) {
        let parsed = parse(file, text, default_namespace);
        self.diagnostics.extend(parsed.diagnostics);
        for located in parsed.objects {
            self.add_located(located);
        }
    }

    fn add_located(&mut self, located: Located) {
        let Located { resource, positions } = located;
        let key = resource.key();
        if self.resources.contains_key(&key) {
            let first = self.positions.get(&key).and_then(|positions| positions.locate(""));
            let message = match first {
                Some(first) => format!("the object is there already at {first}"),
                None => "the object is there already".to_string(),
            };
            let mut diagnostic = Diagnostic::error(Code::DUPLICATE_OBJECT, message)
                .with_object(key.clone())
                .with_advice("the first one by path is in force; remove one of them");
            diagnostic.position = positions.locate("");
            self.diagnostics.push(diagnostic);
            return;
        }
        self.diagnostics.extend(outrigger_compile::unenforced(&resource).into_iter().map(|mut found| {
            if found.position.is_none() {
                found.position = positions.locate(&found.field);
            }
            found
        }));
        self.positions.insert(key.clone(), positions);
        self.resources.insert(key, resource);
    }

    /// Takes in an object that no file holds, e.g. the pod that a scenario's host plays; it replaces one
    /// of the same key.
    pub fn add(&mut self, resource: Resource) {
        self.resources.insert(resource.key(), resource);
    }

    /// Takes in a machine with a proxy that no manifest names.
    pub fn add_host(&mut self, host: ProxyHost) {
        self.hosts.push(host);
    }

    /// Says that no proxy stands beside a workload.
    pub fn mark_plain(&mut self, workload: ResourceKey) {
        self.plain.push(workload);
    }

    /// What was wrong with what was read, or is not acted on.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// Whether something could not be taken in. (Security that is not enforced does not count.)
    pub fn is_refused(&self) -> bool {
        let refusal = |d: &Diagnostic| d.severity == Severity::Error && d.code != Code::SECURITY_NOT_ENFORCED;
        self.diagnostics.iter().any(refusal)
    }

    pub(crate) fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.resources.values()
    }

    pub(crate) fn get(&self, key: &ResourceKey) -> Option<&Resource> {
        self.resources.get(key)
    }

    pub(crate) fn hosts(&self, gateway: bool) -> impl Iterator<Item = &ProxyHost> {
        self.hosts.iter().filter(move |host| host.gateway == gateway)
    }

    pub(crate) fn is_plain(&self, workload: &ResourceKey) -> bool {
        self.plain.contains(workload)
    }

    /// Fills in where the field of a finding stands.
    pub(crate) fn locate(&self, mut diagnostic: Diagnostic) -> Diagnostic {
        if diagnostic.position.is_none()
            && let Some(positions) = diagnostic.object.as_ref().and_then(|key| self.positions.get(key))
        {
            diagnostic.position = positions.locate(&diagnostic.field);
        }
        diagnostic
    }
}

fn collect(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), ReadError> {
    let failed = |error| ReadError { path: path.to_path_buf(), error };
    if !std::fs::metadata(path).map_err(failed)?.is_dir() {
        files.push(path.to_path_buf());
        return Ok(());
    }
    if depth > MAX_DEPTH {
        return Ok(());
    }
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(path).map_err(failed)?.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for entry in entries {
        let Some(name) = entry.file_name().and_then(|name| name.to_str()) else { continue };
        let is_manifest = || {
            let extension = entry.extension().and_then(|extension| extension.to_str());
            name != SCENARIO && matches!(extension, Some("yaml" | "yml" | "json"))
        };
        if !name.starts_with('.') && (entry.is_dir() || (entry.is_file() && is_manifest())) {
            collect(&entry, depth + 1, files)?;
        }
    }
    Ok(())
}
