//! YAML with positions: text becomes a tree in which every node knows its line and column, and the
//! tree is decoded by serde in a way that finds all mistakes, each with its field path.
//!
//! The scalars are those of YAML 1.1 as kubectl reads them (`yes` is true, `012` is ten), because
//! manifests move between tools. Invariants that protect against hostile text: nesting is bounded,
//! and so is what aliases may expand to.

mod decode;
mod path;
mod position;
mod scalar;
mod split;
mod tree;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use outrigger_base::{Code, Diagnostic, Position};
use serde::de::DeserializeOwned;

pub(crate) use decode::{Mistake, decode};
pub(crate) use path::{push_index, push_key};
pub use position::Positions;
pub(crate) use split::split;
pub(crate) use tree::{Document, Interner, Mark, Node, Problem, Value, read};

/// Reads one document of any shape. `None` if it cannot be used at all; fields that are unknown or
/// wrong are complaints, and what is left of the value has their defaults.
pub fn from_str<T: DeserializeOwned>(file: &Path, text: &str) -> (Option<T>, Vec<Diagnostic>) {
    let (value, _, diagnostics) = from_str_located(file, text);
    (value, diagnostics)
}

/// As [`from_str`], with the places of all fields, for what the caller checks by itself.
pub fn from_str_located<T: DeserializeOwned>(
    file: &Path,
    text: &str,
) -> (Option<T>, Option<Positions>, Vec<Diagnostic>) {
    let file = Arc::new(file.to_path_buf());
    let (root, mut diagnostics) = only_document(&file, text);
    let Some(root) = root else { return (None, None, diagnostics) };
    let decoded = decode::<T>(&root);
    diagnostics.extend(decoded.mistakes.iter().map(|mistake| mistake_to_diagnostic(mistake, &file)));
    (decoded.value, Some(Positions::new(file, &root)), diagnostics)
}

/// The tree of a file that is to have one document.
pub(crate) fn only_document(file: &Arc<PathBuf>, text: &str) -> (Option<Node>, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    let mut interner = Interner::default();
    let mut roots = Vec::new();
    for document in split(text).iter().flat_map(|chunk| read(chunk, &mut interner)) {
        diagnostics.extend(document.problems.iter().map(|problem| problem_to_diagnostic(problem, file)));
        roots.extend(document.root.filter(|root| !matches!(root.value, Value::Null)));
    }
    if let Some(second) = roots.get(1) {
        diagnostics.push(
            Diagnostic::error(Code::MALFORMED, "only one document is wanted in this file")
                .with_position(second.mark.in_file(file)),
        );
    }
    (roots.into_iter().next(), diagnostics)
}

pub(crate) fn problem_to_diagnostic(problem: &Problem, file: &Arc<PathBuf>) -> Diagnostic {
    Diagnostic::error(Code::MALFORMED, one_line(&problem.message))
        .with_field(problem.path.clone())
        .with_position(problem.mark.in_file(file))
        .with_advice(one_line(&problem.advice))
}

pub(crate) fn mistake_to_diagnostic(mistake: &Mistake, file: &Arc<PathBuf>) -> Diagnostic {
    Diagnostic::error(Code::MALFORMED, one_line(&mistake.message))
        .with_field(mistake.path.clone())
        .with_position(mistake.mark.in_file(file))
        .with_advice(one_line(&mistake.advice))
}

/// Complaints quote what users wrote, and each must stay on its line.
pub(crate) fn one_line(text: &str) -> String {
    if !text.contains(char::is_control) {
        return text.to_string();
    }
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(escape).collect()
}

impl Mark {
    pub(crate) fn in_file(self, file: &Arc<PathBuf>) -> Position {
        Position { file: file.clone(), line: self.line as usize, column: self.column as usize }
    }
}
