//! Checks of the repository itself: `cargo xtask layers`, `cargo xtask sizes`, `cargo xtask skips`.
//! The architecture is a test; these are the tests.

mod layers;
mod modules;
mod sizes;
mod skips;
mod source;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "usage: cargo xtask layers [--write] | sizes | skips LOG...
  layers   dependencies point down, no forbidden external crate, no cycle among sibling modules,
           and ARCHITECTURE.md's layer table is the real one (--write brings it up to date)
  sizes    files over 600 and functions over 100 lines need a reason in their head comment
  skips    every SKIPPED line of a test log must be named in tests/allowed-skips";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["layers"] => layers::check(&root(), false),
        ["layers", "--write"] => layers::check(&root(), true),
        ["sizes"] => sizes::check(&root()),
        ["skips", logs @ ..] if !logs.is_empty() => skips::check(&root(), logs),
        _ => bail!("{USAGE}"),
    }
}

/// The workspace's root folder.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace").to_path_buf()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// docs/where.md promises one crate and file for each question.
    #[test]
    fn every_place_that_where_md_names_exists() {
        let text = std::fs::read_to_string(root().join("docs/where.md")).unwrap();
        let rows: Vec<&str> = text.lines().filter(|l| l.starts_with("| ") && l.contains('`')).collect();
        assert!(rows.len() >= 20, "docs/where.md answers {} questions, 20 are promised", rows.len());
        for row in rows {
            let path = row.rsplit('`').nth(1).unwrap();
            assert!(root().join(path).is_file(), "docs/where.md names {path}, which does not exist: {row}");
        }
    }

    /// docs/differences.md promises a test for each departure.
    #[test]
    fn every_difference_has_its_test() {
        let page = std::fs::read_to_string(root().join("docs/differences.md")).unwrap();
        let mut tests = String::new();
        for folder in ["crates", "tests", "apps"] {
            for file in source::rust_files(&root().join(folder)).unwrap() {
                tests.push_str(&std::fs::read_to_string(file).unwrap());
            }
        }
        let rows: Vec<&str> = page.lines().filter(|l| l.starts_with("| ") && l.ends_with("` |")).collect();
        assert!(rows.len() > 20, "the tables have lost their rows");
        for row in rows {
            let test = row.rsplit('`').nth(1).unwrap();
            assert!(
                tests.contains(&format!("fn {test}(")),
                "docs/differences.md names no test of ours: {row}"
            );
        }
    }
}
