//! Cycles among the sibling modules of a crate, found by reading paths in the sources.
//!
//! This is a reader of text, not a compiler: it sees `crate::`, `super::` and `self::` paths (also in
//! `use` groups) and names that a parent re-exports by name or by glob. Tests are left out, because
//! they may look at anything.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;

use crate::source;

type ModulePath = Vec<String>;

/// Sentences that name each cycle of a crate.
pub fn cycles(krate: &Path) -> Result<Vec<String>> {
    let mut sources: BTreeMap<ModulePath, String> = BTreeMap::new();
    let folder = krate.join("src");
    for file in source::rust_files(&folder)? {
        let relative = file.strip_prefix(&folder)?;
        if source::is_test_file(relative) {
            continue;
        }
        let blanked = source::blank(&std::fs::read_to_string(&file)?);
        sources.insert(module_path(relative), source::without_tests(&blanked).to_string());
    }
    let edges = sibling_edges(&sources);
    let mut wrong = Vec::new();
    for cycle in find_cycles(&edges) {
        let names: Vec<String> = cycle.iter().map(|m| m.join("::")).collect();
        wrong.push(format!("{}: modules depend on each other: {}", krate.display(), names.join(" -> ")));
    }
    Ok(wrong)
}

fn module_path(relative: &Path) -> ModulePath {
    let mut path: ModulePath = relative
        .with_extension("")
        .components()
        .map(|c| c.as_os_str().to_string_lossy().into_owned())
        .collect();
    if path.len() == 1 && matches!(path[0].as_str(), "lib" | "main") {
        path.clear();
    }
    path
}

/// Edges between modules that have the same parent.
fn sibling_edges(sources: &BTreeMap<ModulePath, String>) -> BTreeMap<ModulePath, BTreeSet<ModulePath>> {
    let reexports: BTreeMap<&ModulePath, BTreeMap<String, ModulePath>> =
        sources.iter().map(|(path, text)| (path, reexports(path, text, sources))).collect();
    let mut edges: BTreeMap<ModulePath, BTreeSet<ModulePath>> = BTreeMap::new();
    for (from, text) in sources {
        for target in references(from, text) {
            let Some(to) = resolve(&target, sources, &reexports) else { continue };
            let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
            if common < from.len() && common < to.len() {
                let (a, b) = (from[..=common].to_vec(), to[..=common].to_vec());
                edges.entry(a).or_default().insert(b);
            }
        }
    }
    edges
}

/// The module that a path leads to: the longest part of it that is a module, and from there what a
/// re-export stands for.
fn resolve(
    target: &[String],
    sources: &BTreeMap<ModulePath, String>,
    reexports: &BTreeMap<&ModulePath, BTreeMap<String, ModulePath>>,
) -> Option<ModulePath> {
    let length = (0..=target.len()).rev().find(|n| sources.contains_key(&target[..*n]))?;
    let module = target[..length].to_vec();
    let item = target.get(length);
    match item.and_then(|name| reexports.get(&module)?.get(name)) {
        Some(origin) => Some(origin.clone()),
        None => Some(module),
    }
}

/// Names that a module re-exports from its children.
fn reexports(
    path: &ModulePath,
    text: &str,
    sources: &BTreeMap<ModulePath, String>,
) -> BTreeMap<String, ModulePath> {
    let mut names = BTreeMap::new();
    for statement in use_statements(text).filter(|s| s.public) {
        for mut target in expand(&statement.tree) {
            if target.first().is_some_and(|w| w == "self") {
                target.remove(0);
            }
            let mut module = path.clone();
            let Some((item, folders)) = target.split_last() else { continue };
            module.extend(folders.iter().cloned());
            if item == "*" {
                for name in sources.get(&module).map(|t| public_items(t)).unwrap_or_default() {
                    names.insert(name, module.clone());
                }
            } else if sources.contains_key(&module) && module != *path {
                names.insert(item.clone(), module);
            }
        }
    }
    names
}

fn public_items(text: &str) -> Vec<String> {
    let words: Vec<&str> =
        text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|w| !w.is_empty()).collect();
    words
        .windows(3)
        .filter(|w| {
            w[0] == "pub" && matches!(w[1], "struct" | "enum" | "trait" | "fn" | "type" | "const" | "static")
        })
        .map(|w| w[2].to_string())
        .collect()
}

/// Absolute paths (without `crate`) that a module's text names.
fn references(from: &ModulePath, text: &str) -> Vec<ModulePath> {
    let mut found = Vec::new();
    for statement in use_statements(text) {
        found.extend(expand(&statement.tree).into_iter().filter_map(|t| absolute(from, &t)));
    }
    for start in ["crate::", "super::"] {
        for (at, _) in text.match_indices(start) {
            let before = text[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':' || c == '$') {
                continue;
            }
            let path: String =
                text[at..].chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | ':')).collect();
            let words: ModulePath = path.split("::").filter(|w| !w.is_empty()).map(str::to_string).collect();
            found.extend(absolute(from, &words));
        }
    }
    found
}

fn absolute(from: &ModulePath, words: &[String]) -> Option<ModulePath> {
    let mut base = from.clone();
    let mut rest = words;
    match rest.first()?.as_str() {
        "crate" => {
            base.clear();
            rest = &rest[1..];
        }
        "self" => rest = &rest[1..],
        "super" => {
            while rest.first().is_some_and(|w| w == "super") {
                base.pop()?;
                rest = &rest[1..];
            }
        }
        _ => return None,
    }
    base.extend(rest.iter().cloned());
    Some(base)
}

struct UseStatement {
    public: bool,
    tree: String,
}

fn use_statements(text: &str) -> impl Iterator<Item = UseStatement> {
    text.match_indices("use ").filter_map(|(at, _)| {
        let before = text[..at].trim_end();
        let line = text[..at].rsplit('\n').next().unwrap_or("").trim();
        if !(line.is_empty() || line.starts_with("pub")) {
            return None;
        }
        let tree = text[at + 4..].split(';').next()?.split_whitespace().collect::<Vec<_>>().join(" ");
        Some(UseStatement { public: before.ends_with("pub") || line.starts_with("pub"), tree })
    })
}

/// The paths of a `use` tree, groups taken apart, names before `as` kept.
fn expand(tree: &str) -> Vec<ModulePath> {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let path = tree.split(" as ").next().unwrap_or(tree);
        return vec![path.split("::").map(|w| w.trim().to_string()).filter(|w| !w.is_empty()).collect()];
    };
    let prefix: ModulePath =
        tree[..open].split("::").map(|w| w.trim().to_string()).filter(|w| !w.is_empty()).collect();
    let inner = tree[open + 1..].trim_end().strip_suffix('}').unwrap_or(&tree[open + 1..]);
    let mut depth = 0;
    let mut parts = vec![String::new()];
    for c in inner.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().expect("there is always a part").push(c);
    }
    let parts = parts.iter().filter(|p| !p.trim().is_empty());
    parts.flat_map(|p| expand(p)).map(|rest| [prefix.clone(), rest].concat()).collect()
}

/// One cycle for each group of modules that reach each other.
fn find_cycles(edges: &BTreeMap<ModulePath, BTreeSet<ModulePath>>) -> Vec<Vec<ModulePath>> {
    let mut found: Vec<Vec<ModulePath>> = Vec::new();
    let mut known: BTreeSet<ModulePath> = BTreeSet::new();
    for start in edges.keys() {
        if known.contains(start) {
            continue;
        }
        if let Some(cycle) = shortest_cycle(start, edges) {
            known.extend(cycle.iter().cloned());
            found.push(cycle);
        }
    }
    found
}

fn shortest_cycle(
    start: &ModulePath,
    edges: &BTreeMap<ModulePath, BTreeSet<ModulePath>>,
) -> Option<Vec<ModulePath>> {
    let mut queue = std::collections::VecDeque::from([vec![start.clone()]]);
    let mut seen = BTreeSet::new();
    while let Some(path) = queue.pop_front() {
        for next in path.last().and_then(|m| edges.get(m)).into_iter().flatten() {
            if next == start {
                return Some([path, vec![start.clone()]].concat());
            }
            if seen.insert(next.clone()) {
                queue.push_back([path.clone(), vec![next.clone()]].concat());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crate_of(files: &[(&str, &str)]) -> Vec<Vec<ModulePath>> {
        let sources =
            files.iter().map(|(path, text)| (module_path(Path::new(path)), text.to_string())).collect();
        find_cycles(&sibling_edges(&sources))
    }

    #[test]
    fn a_cycle_through_a_reexport_is_found() {
        let found = crate_of(&[
            ("lib.rs", "mod a;\nmod b;\npub use a::Thing;"),
            ("a.rs", "pub struct Thing;\nuse crate::b::{self, Other};"),
            ("b.rs", "pub struct Other;\nfn f(_: crate::Thing) {}"),
        ]);
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn parents_and_children_may_use_each_other() {
        let found = crate_of(&[
            ("lib.rs", "mod a;"),
            ("a.rs", "mod x;\nmod y;\nuse x::X;\npub struct A;"),
            ("a/x.rs", "use super::A;\nuse super::y::Y;\npub struct X;"),
            ("a/y.rs", "pub struct Y;"),
        ]);
        assert_eq!(found, Vec::<Vec<ModulePath>>::new());
    }
}
