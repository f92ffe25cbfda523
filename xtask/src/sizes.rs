//! Files up to 400 lines and functions up to 60 are the aim; above 600 or 100 lines the head comment
//! must hold a line that starts with `//! Size:` and gives the reason.

use std::path::Path;

use anyhow::{Result, bail};

use crate::source;

const FILE_LIMIT: usize = 600;
const FUNCTION_LIMIT: usize = 100;

/// Lists what is too large and fails if a reason is missing.
pub fn check(root: &Path) -> Result<()> {
    let mut refused = 0;
    for folder in ["crates", "apps", "xtask"] {
        for file in source::rust_files(&root.join(folder))? {
            if source::is_test_file(file.strip_prefix(root)?) {
                continue;
            }
            let text = std::fs::read_to_string(&file)?;
            let excused =
                text.lines().take_while(|l| l.starts_with("//!")).any(|l| l.starts_with("//! Size:"));
            for finding in too_large(&text) {
                let verdict = if excused { "excused" } else { "too large" };
                println!("{}: {finding} ({verdict})", file.strip_prefix(root)?.display());
                refused += usize::from(!excused);
            }
        }
    }
    if refused > 0 {
        bail!("{refused} too large; split them, or say why not in a head comment line `//! Size: …`");
    }
    println!("sizes: files up to {FILE_LIMIT} and functions up to {FUNCTION_LIMIT} lines, or excused");
    Ok(())
}

fn too_large(text: &str) -> Vec<String> {
    let blanked = source::blank(text);
    let code = source::without_tests(&blanked);
    let lines: Vec<&str> = code.lines().collect();
    let mut found = Vec::new();
    if lines.len() > FILE_LIMIT {
        found.push(format!("{} lines", lines.len()));
    }
    let mut start: Option<(usize, String, String)> = None;
    for (number, line) in lines.iter().enumerate() {
        let indent: String = line.chars().take_while(|c| *c == ' ').collect();
        match &start {
            None => {
                if let Some(name) = function_name(line) {
                    start = Some((number, indent, name));
                }
            }
            Some((from, outer, name)) => {
                let closes = line.trim_start().starts_with('}') || line.trim_end().ends_with(';');
                if closes && indent == *outer {
                    let length = number - from + 1;
                    if length > FUNCTION_LIMIT {
                        found.push(format!("line {}: fn {name} has {length} lines", from + 1));
                    }
                    start = None;
                }
            }
        }
    }
    found
}

/// The name of the function whose signature starts on this line.
fn function_name(line: &str) -> Option<String> {
    let at = line.find("fn ")?;
    let before = line[..at].trim();
    let words = before.split(|c: char| c.is_whitespace() || c == '(' || c == ')');
    let only_qualifiers = words
        .filter(|w| !w.is_empty())
        .all(|w| matches!(w, "pub" | "crate" | "super" | "in" | "const" | "async" | "unsafe" | "extern"));
    let one_line = line.trim_end().ends_with('}') || line.trim_end().ends_with(';');
    if !only_qualifiers || one_line {
        return None;
    }
    let name: String = line[at + 3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_functions_are_found_and_short_ones_are_not() {
        let body = "        x();\n".repeat(120);
        let text = format!(
            "impl A {{\n    pub(crate) async fn long() {{\n{body}    }}\n\n    fn short() {{\n    }}\n}}\n"
        );
        assert_eq!(too_large(&text), ["line 2: fn long has 122 lines"]);
    }
}
