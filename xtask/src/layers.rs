//! `cargo xtask layers`: dependencies point down, nothing forbidden gets in, no cycles among sibling
//! modules, and the layer table of ARCHITECTURE.md is the real one.

mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use self::table::{LAYERS, Layer, OUTSIDE};
use crate::modules;

const BEGIN: &str = "<!-- layers: made by `cargo xtask layers --write` -->";
const END: &str = "<!-- /layers -->";

/// Checks everything; with `write` brings ARCHITECTURE.md up to date instead of complaining.
pub fn check(root: &Path, write: bool) -> Result<()> {
    let graph = Graph::load(root)?;
    let mut wrong = Vec::new();
    graph.check_members(&mut wrong);
    for layer in LAYERS {
        graph.check_layer(layer, &mut wrong);
        wrong.extend(modules::cycles(&root.join("crates").join(layer.name))?);
    }
    let page = root.join("ARCHITECTURE.md");
    let text = std::fs::read_to_string(&page).context("reading ARCHITECTURE.md")?;
    let fresh = with_table(&text, &graph.render())?;
    if fresh != text && write {
        std::fs::write(&page, fresh)?;
    } else if fresh != text {
        wrong.push("ARCHITECTURE.md: the layer table is out of date; run cargo xtask layers --write".into());
    }
    if !wrong.is_empty() {
        bail!("the layers do not hold:\n  {}", wrong.join("\n  "));
    }
    println!("layers: {} crates, every edge points down", LAYERS.len());
    Ok(())
}

/// The workspace's dependency graph, as cargo resolves it.
struct Graph {
    /// Direct normal and build dependencies inside the workspace, by package name.
    edges: BTreeMap<String, BTreeSet<String>>,
    /// Everything in the normal dependency tree, by workspace package name.
    trees: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    fn load(root: &Path) -> Result<Graph> {
        let out = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()))
            .args(["metadata", "--format-version", "1", "--filter-platform", "x86_64-unknown-linux-gnu"])
            .current_dir(root)
            .output()
            .context("running cargo metadata")?;
        if !out.status.success() {
            bail!("cargo metadata failed: {}", String::from_utf8_lossy(&out.stderr));
        }
        let metadata: Value = serde_json::from_slice(&out.stdout)?;
        let names: BTreeMap<&str, &str> = array(&metadata["packages"])
            .filter_map(|p| Some((p["id"].as_str()?, p["name"].as_str()?)))
            .collect();
        let members: BTreeSet<&str> =
            array(&metadata["workspace_members"]).filter_map(Value::as_str).collect();
        let mut normal: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for node in array(&metadata["resolve"]["nodes"]) {
            let id = node["id"].as_str().unwrap_or_default();
            for dependency in array(&node["deps"]) {
                let to = dependency["pkg"].as_str().unwrap_or_default();
                let kinds: Vec<Option<&str>> =
                    array(&dependency["dep_kinds"]).map(|k| k["kind"].as_str()).collect();
                if kinds.contains(&None) {
                    normal.entry(id).or_default().push(to);
                }
                let shipped = kinds.iter().any(|k| *k != Some("dev"));
                if shipped && members.contains(id) && members.contains(to) {
                    edges.entry(names[id].into()).or_default().insert(names[to].into());
                }
            }
        }
        let mut trees = BTreeMap::new();
        for member in &members {
            let mut seen = BTreeSet::new();
            let mut stack = vec![*member];
            while let Some(id) = stack.pop() {
                // Envoy's types come with gRPC stubs and their runtime; whoever may use `proto` gets
                // these along, and none of it is called.
                if names[id] == "outrigger-proto" {
                    continue;
                }
                for to in normal.get(id).into_iter().flatten() {
                    if seen.insert(*to) {
                        stack.push(to);
                    }
                }
            }
            trees.insert(names[member].to_string(), seen.iter().map(|id| names[id].to_string()).collect());
        }
        Ok(Graph { edges, trees })
    }

    fn check_members(&self, wrong: &mut Vec<String>) {
        for package in self.trees.keys() {
            let known =
                OUTSIDE.contains(&package.as_str()) || LAYERS.iter().any(|l| package_name(l) == *package);
            if !known {
                wrong.push(format!("{package} has no row in the layer table"));
            }
        }
    }

    fn check_layer(&self, layer: &Layer, wrong: &mut Vec<String>) {
        let package = package_name(layer);
        let Some(tree) = self.trees.get(&package) else {
            wrong.push(format!("the layer table names {package}, which is no member"));
            return;
        };
        for to in self.edges.get(&package).into_iter().flatten() {
            let short = to.strip_prefix("outrigger-").unwrap_or(to);
            let below = LAYERS.iter().any(|l| l.name == short && l.floor < layer.floor);
            if !(short == "base" || layer.may_use.contains(&short)) {
                wrong.push(format!("{package} may not use {to}"));
            } else if !below {
                wrong.push(format!("{package} uses {to}, which is not on a lower floor"));
            }
        }
        for forbidden in layer.must_not {
            if tree.contains(*forbidden) {
                wrong.push(format!("{package} must not depend on {forbidden}, not even through others"));
            }
        }
    }

    /// The table as Markdown, with the edges that exist rather than those that are allowed.
    fn render(&self) -> String {
        let mut out = String::from("| floor | crate | is | uses | must not |\n|---|---|---|---|---|\n");
        for layer in LAYERS {
            let uses: Vec<&str> = self
                .edges
                .get(&package_name(layer))
                .into_iter()
                .flatten()
                .filter_map(|to| to.strip_prefix("outrigger-"))
                .filter(|to| *to != "base")
                .collect();
            let cell = |words: &[&str]| if words.is_empty() { "–".to_string() } else { words.join(", ") };
            out.push_str(&format!(
                "| {} | {} | {} | {} | {} |\n",
                layer.floor,
                layer.name,
                layer.is,
                cell(&uses),
                cell(layer.must_not)
            ));
        }
        out
    }
}

fn package_name(layer: &Layer) -> String {
    format!("outrigger-{}", layer.name)
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn with_table(page: &str, table: &str) -> Result<String> {
    let (before, rest) =
        page.split_once(BEGIN).context("ARCHITECTURE.md lacks the layer table's first mark")?;
    let (_, after) = rest.split_once(END).context("ARCHITECTURE.md lacks the layer table's last mark")?;
    Ok(format!("{before}{BEGIN}\n{table}{END}{after}"))
}
