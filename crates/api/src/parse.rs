//! Reads files of manifests. Each object stands or falls alone.

mod identify;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use outrigger_base::{Code, Diagnostic, ResourceKey, Severity};

use self::identify::{Identity, guess};
use crate::kinds::{self, KindInfo, Standing};
use crate::object::Resource;
use crate::read::{Reader, Scope};
use crate::suggest::nearest;
use crate::yaml::{
    Document, Interner, Mark, Node, Positions, Problem, Value, mistake_to_diagnostic, one_line,
    problem_to_diagnostic, read, split,
};

/// What a file held.
#[derive(Debug, Default)]
pub struct Parsed {
    /// The objects, in the order of the file.
    pub objects: Vec<Located>,
    /// What was wrong, or has no effect.
    pub diagnostics: Vec<Diagnostic>,
    /// Objects of known kinds that were refused; their last good version may stay in force.
    pub refused: Vec<ResourceKey>,
    /// A part of the file could not even be told to be this or that object.
    pub unidentified: bool,
}

/// An object, and where its fields stand.
#[derive(Debug, Clone)]
pub struct Located {
    /// The object.
    pub resource: Resource,
    /// Where its fields stand.
    pub positions: Arc<Positions>,
}

/// Reads the manifests of a file. Objects that name no namespace get `namespace_default`.
pub fn parse(file: &Path, text: &str, namespace_default: &str) -> Parsed {
    let mut reader =
        FileReader { file: Arc::new(file.to_path_buf()), namespace_default, parsed: Parsed::default() };
    let mut interner = Interner::default();
    for chunk in split(text) {
        for document in read(&chunk, &mut interner) {
            reader.document(document, chunk.text);
        }
    }
    reader.parsed
}

struct FileReader<'n> {
    file: Arc<PathBuf>,
    namespace_default: &'n str,
    parsed: Parsed,
}

impl FileReader<'_> {
    fn document(&mut self, document: Document, text: &str) {
        let Some(root) = document.root else {
            if !document.problems.is_empty() {
                self.unreadable(&document.problems, guess(text, self.namespace_default));
            }
            return;
        };
        if matches!(root.value, Value::Null) {
            return;
        }
        let is_list = root.get("kind").and_then(Node::text).is_some_and(|kind| kind.ends_with("List"));
        match root.get("items").map(|items| &items.value) {
            Some(Value::List(items)) if is_list => {
                let mut problems = document.problems;
                for (index, item) in items.iter().enumerate() {
                    let own = take_problems_of_item(&mut problems, index);
                    self.object(item, &own);
                }
                self.report_problems(&problems, None);
            }
            _ if is_list => {
                self.error(root.mark, "a list of objects needs 'items'", "");
            }
            _ => self.object(&root, &document.problems),
        }
    }

    /// A document with an error of syntax.
    fn unreadable(&mut self, problems: &[Problem], identity: Option<ResourceKey>) {
        self.report_problems(problems, identity.as_ref());
        match identity {
            Some(key) => self.parsed.refused.push(key),
            None => self.parsed.unidentified = true,
        }
    }

    fn report_problems(&mut self, problems: &[Problem], key: Option<&ResourceKey>) {
        for problem in problems {
            let diagnostic = problem_to_diagnostic(problem, &self.file);
            self.parsed.diagnostics.push(about(diagnostic, key));
        }
    }

    fn error(&mut self, mark: Mark, message: impl Into<String>, advice: &str) {
        let position = mark.in_file(&self.file);
        let diagnostic = Diagnostic::error(Code::MALFORMED, message).with_position(position);
        self.parsed.diagnostics.push(diagnostic.with_advice(advice));
        self.parsed.unidentified = true;
    }

    fn object(&mut self, node: &Node, problems: &[Problem]) {
        if !matches!(node.value, Value::Map(_)) {
            self.error(node.mark, "a manifest is a map with apiVersion, kind and metadata", "");
            return;
        }
        let (Some(api_version), Some(kind)) = (word(node, "apiVersion"), word(node, "kind")) else {
            let missing = if word(node, "kind").is_none() { "kind" } else { "apiVersion" };
            self.report_problems(problems, None);
            self.error(
                node.mark,
                format!("the manifest has no {missing}"),
                "every manifest begins with both",
            );
            return;
        };
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let Some(info) = kinds::find(group, kind) else {
            self.report_problems(problems, None);
            self.unknown_kind(node, api_version, kind);
            return;
        };
        let identity = Identity::of(node, info, self.namespace_default);
        if let Standing::Read(reader) = info.standing {
            if !info.versions.contains(&version) {
                self.unserved(node, info, version, &identity);
                return;
            }
            self.report_problems(problems, Some(&identity.key));
            self.read(node, info, reader, identity, problems.is_empty());
        } else {
            self.report_problems(problems, Some(&identity.key));
            self.outside(node, info, identity);
        }
    }

    fn read(&mut self, node: &Node, info: &KindInfo, reader: Reader, identity: Identity, sound: bool) {
        let scope =
            Scope { namespace: info.namespaced.then_some(self.namespace_default), name_rule: info.name_rule };
        let positions = Positions::new(self.file.clone(), node);
        let reading = reader(node, &scope);
        for mistake in &reading.mistakes {
            let diagnostic = mistake_to_diagnostic(mistake, &self.file);
            self.parsed.diagnostics.push(about(diagnostic, Some(&identity.key)));
        }
        let mut refused = !sound;
        for finding in &reading.findings {
            refused |= finding.severity == Severity::Error;
            let mut diagnostic = Diagnostic::new(finding.severity, Code::INVALID, one_line(&finding.message))
                .with_field(&*finding.path)
                .with_advice(one_line(&finding.advice));
            diagnostic.position = positions.locate(&finding.path);
            self.parsed.diagnostics.push(about(diagnostic, Some(&identity.key)));
        }
        match reading.resource {
            Some(resource) if !refused => {
                self.parsed.objects.push(Located { resource, positions: Arc::new(positions) });
            }
            _ if identity.named => self.parsed.refused.push(identity.key),
            _ => self.parsed.unidentified = true,
        }
    }

    fn unserved(&mut self, node: &Node, info: &KindInfo, version: &str, identity: &Identity) {
        let served: Vec<_> = info.versions.iter().map(|version| info.api_version(version)).collect();
        let diagnostic = Diagnostic::error(
            Code::MALFORMED,
            one_line(&format!("{} has no version '{version}'", info.kind)),
        )
        .with_field("apiVersion")
        .with_position(self.mark_of(node, "apiVersion").in_file(&self.file))
        .with_advice(format!("served are {}", served.join(", ")));
        self.parsed.diagnostics.push(about(diagnostic, Some(&identity.key)));
        self.parsed.refused.push(identity.key.clone());
    }

    /// Where a field stands.
    fn mark_of(&self, node: &Node, field: &str) -> Mark {
        node.get(field).map_or(node.mark, |inner| inner.mark)
    }

    fn unknown_kind(&mut self, node: &Node, api_version: &str, kind: &str) {
        let position = self.mark_of(node, "kind").in_file(&self.file);
        let elsewhere = kinds::kinds().find(|info| info.kind.kind == kind);
        let diagnostic = match elsewhere {
            // The kind is meant, under a group that it is not in: an object that matters is lost.
            Some(info) if info.is_read() => {
                self.parsed.unidentified = true;
                let served: Vec<_> = info.versions.iter().map(|version| info.api_version(version)).collect();
                Diagnostic::error(Code::MALFORMED, one_line(&format!("'{api_version}' has no kind {kind}")))
                    .with_field("apiVersion")
                    .with_advice(format!("served are {}", served.join(", ")))
            }
            _ => {
                let group = api_version.split_once('/').map_or("", |(group, _)| group);
                let names = kinds::kinds().filter(|info| info.kind.group == group).map(|info| info.kind.kind);
                let advice =
                    nearest(kind, names).map_or(String::new(), |name| format!("did you mean '{name}'?"));
                Diagnostic::warning(
                    Code::UNKNOWN_KIND,
                    one_line(&format!("no such kind here: {kind} ({api_version})")),
                )
                .with_field("kind")
                .with_advice(advice)
            }
        };
        self.parsed.diagnostics.push(diagnostic.with_position(position));
    }

    /// A kind that is known but not read.
    fn outside(&mut self, node: &Node, info: &KindInfo, identity: Identity) {
        let unenforced = match info.standing {
            Standing::Security => Some("kind"),
            Standing::PeerAuthentication => strict(node),
            Standing::Read(_) | Standing::Outside => None,
        };
        let diagnostic = match unenforced {
            Some(field) => Diagnostic::error(
                Code::SECURITY_NOT_ENFORCED,
                format!("{} is not enforced: traffic passes as if it were not there", info.kind),
            )
            .with_field(field)
            .with_advice("remove it, or allow starting without it"),
            None => Diagnostic::warning(
                Code::NOT_ACTED_ON,
                format!("{} is known but not acted on yet", info.kind),
            )
            .with_field("kind"),
        };
        let positions = Positions::new(self.file.clone(), node);
        let mut diagnostic = about(diagnostic, Some(&identity.key));
        diagnostic.position = positions.locate(&diagnostic.field);
        self.parsed.diagnostics.push(diagnostic);
    }
}

fn about(mut diagnostic: Diagnostic, key: Option<&ResourceKey>) -> Diagnostic {
    diagnostic.object = key.cloned();
    diagnostic
}

fn word<'n>(node: &'n Node, field: &str) -> Option<&'n str> {
    node.get(field).and_then(Node::text).filter(|text| !text.is_empty())
}

/// The field by which a PeerAuthentication asks for protection.
fn strict(node: &Node) -> Option<&'static str> {
    let mode = |node: &Node| node.get("mode").and_then(Node::text) == Some("STRICT");
    let spec = node.get("spec")?;
    if spec.get("mtls").is_some_and(mode) {
        return Some("spec.mtls.mode");
    }
    match spec.get("portLevelMtls").map(|ports| &ports.value) {
        Some(Value::Map(ports)) if ports.iter().any(|port| mode(&port.node)) => Some("spec.portLevelMtls"),
        _ => None,
    }
}

/// Problems in an item of a List belong to that item alone.
fn take_problems_of_item(problems: &mut Vec<Problem>, index: usize) -> Vec<Problem> {
    let prefix = format!("items[{index}]");
    let mut own = Vec::new();
    problems.retain_mut(|problem| {
        let Some(rest) = problem.path.strip_prefix(&prefix) else { return true };
        own.push(Problem {
            mark: problem.mark,
            path: rest.trim_start_matches('.').to_string(),
            message: std::mem::take(&mut problem.message),
            advice: std::mem::take(&mut problem.advice),
        });
        false
    });
    own
}
