//! Reading Rust sources well enough for the checks: comments, strings and tests blanked out.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// All Rust files below a folder, sorted.
pub fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a file holds only tests.
pub fn is_test_file(path: &Path) -> bool {
    let names: Vec<String> =
        path.components().map(|c| c.as_os_str().to_string_lossy().into_owned()).collect();
    names.iter().any(|n| matches!(n.as_str(), "tests" | "benches" | "tests.rs" | "testkit"))
        || names.last().is_some_and(|n| n.ends_with("_tests.rs"))
}

/// The text with comments and literals replaced by spaces (newlines stay), so that words found in it
/// are code.
pub fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let end = skip_from(bytes, i);
        if end == i {
            out.push(bytes[i]);
            i += 1;
        } else {
            out.extend(bytes[i..end].iter().map(|&b| if b == b'\n' { b'\n' } else { b' ' }));
            i = end;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Where the comment or literal that starts at `i` ends; `i` if none starts there.
fn skip_from(bytes: &[u8], i: usize) -> usize {
    let rest = &bytes[i..];
    if rest.starts_with(b"//") {
        return i + rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
    }
    if rest.starts_with(b"/*") {
        return i + find(rest, b"*/", 2).map_or(rest.len(), |p| p + 2);
    }
    let word_before = i > 0 && (bytes[i - 1].is_ascii_alphanumeric() || bytes[i - 1] == b'_');
    if !word_before && (rest[0] == b'r' || rest.starts_with(b"br")) {
        let start = if rest[0] == b'b' { 2 } else { 1 };
        let hashes = rest[start..].iter().take_while(|&&b| b == b'#').count();
        if rest.get(start + hashes) == Some(&b'"') {
            let mut close = vec![b'"'];
            close.extend(std::iter::repeat_n(b'#', hashes));
            return i + find(rest, &close, start + hashes + 1).map_or(rest.len(), |p| p + close.len());
        }
    }
    match rest[0] {
        b'"' => i + quoted(rest, b'"'),
        // A quote is a character literal only if it closes again soon; else it is a lifetime.
        b'\'' if rest.get(1) == Some(&b'\\') => i + quoted(rest, b'\''),
        b'\'' if rest.get(2) == Some(&b'\'') => i + 3,
        _ => i,
    }
}

fn find(bytes: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    bytes.get(from..)?.windows(needle.len()).position(|w| w == needle).map(|p| p + from)
}

fn quoted(bytes: &[u8], quote: u8) -> usize {
    let mut i = 1;
    while i < bytes.len() {
        match bytes[i] {
            b'\\' => i += 2,
            b if b == quote => return i + 1,
            _ => i += 1,
        }
    }
    bytes.len()
}

/// The part of a blanked text before its test module.
pub fn without_tests(blanked: &str) -> &str {
    let mut from = 0;
    while let Some(found) = blanked[from..].find("#[cfg(test)]") {
        let at = from + found;
        let after = blanked[at + "#[cfg(test)]".len()..].trim_start();
        if after.starts_with("mod ") && after.split_once('\n').is_some_and(|(line, _)| line.contains('{')) {
            return &blanked[..at];
        }
        from = at + 1;
    }
    blanked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_not_code() {
        let text = "a // crate::x\n\"crate::y\" 'c' '\\n' r#\"crate::\"z\"# &'static b /* crate::w\n */ c";
        let blanked = blank(text);
        assert!(!blanked.contains("crate"));
        assert_eq!(blanked.split_whitespace().collect::<Vec<_>>(), ["a", "&'static", "b", "c"]);
        assert_eq!(blanked.matches('\n').count(), text.matches('\n').count());
    }
}
