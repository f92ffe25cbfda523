//! Paths of fields: `spec.http[0].match[1].headers["x.y"]`.

use std::fmt::Write;

/// Appends a step into a map. Keys that are no plain words stand in brackets and quotes.
pub(crate) fn push_key(path: &mut String, key: &str) {
    let plain = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if !plain {
        // Writing into a string cannot fail.
        let _ = write!(path, "[{key:?}]");
        return;
    }
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(key);
}

/// Appends a step into a list.
pub(crate) fn push_index(path: &mut String, index: usize) {
    let _ = write!(path, "[{index}]");
}

/// A step of a path.
#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
}

/// Takes a path apart; what cannot be read ends it.
pub(crate) fn steps(path: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("[\"") {
            let Some((key, tail)) = quoted(after) else { break };
            steps.push(Step::Key(key));
            rest = tail;
        } else if let Some(after) = rest.strip_prefix('[') {
            let Some((inside, tail)) = after.split_once(']') else { break };
            steps.push(match inside.parse() {
                Ok(index) => Step::Index(index),
                Err(_) => Step::Key(inside.to_string()),
            });
            rest = tail;
        } else {
            let after = rest.strip_prefix('.').unwrap_or(rest);
            let end = after.find(['.', '[']).unwrap_or(after.len());
            if end == 0 {
                break;
            }
            steps.push(Step::Key(after[..end].to_string()));
            rest = &after[end..];
        }
    }
    steps
}

/// Reads a quoted key up to `"]`; gives the key and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut key = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => key.push(characters.next()?.1),
            '"' => return text[at..].strip_prefix("\"]").map(|tail| (key, tail)),
            other => key.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_as_it_is_written() {
        let mut path = String::from("spec");
        push_key(&mut path, "http");
        push_index(&mut path, 2);
        push_key(&mut path, "x\"y.z");
        push_key(&mut path, "exact");
        assert_eq!(path, r#"spec.http[2]["x\"y.z"].exact"#);
        let key = |key: &str| Step::Key(key.to_string());
        assert_eq!(steps(&path), [key("spec"), key("http"), Step::Index(2), key("x\"y.z"), key("exact")]);
        assert_eq!(steps("labels[app]"), [key("labels"), key("app")]);
        assert_eq!(steps("a..b"), [key("a")]);
        assert_eq!(steps("a[\"b"), [key("a")]);
    }
}
