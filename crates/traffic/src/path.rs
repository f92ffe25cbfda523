//! Changes of a request's path.

use std::borrow::Cow;

use regex::bytes::Captures;

use crate::{PathMatch, PathRewrite, Pattern, split_query};

impl PathRewrite {
    /// The new path with the old query. `matched` is the condition by which the route was chosen:
    /// a prefix is cut by its length, other conditions matched the whole path.
    pub fn apply(&self, matched: &PathMatch, path_and_query: &[u8]) -> Vec<u8> {
        let (path, query) = split_query(path_and_query);
        let mut new = match self {
            PathRewrite::Prefix(replacement) => replace_matched(matched, path, replacement),
            PathRewrite::Regex { pattern, substitution } => pattern.replace(path, substitution),
        };
        new.extend_from_slice(query);
        new
    }
}

/// Puts `replacement` in the place of what `matched` matched of a path.
pub(crate) fn replace_matched(matched: &PathMatch, path: &[u8], replacement: &str) -> Vec<u8> {
    let rest = match matched {
        PathMatch::Prefix(prefix) | PathMatch::PathSeparatedPrefix(prefix) => {
            path.get(prefix.len()..).unwrap_or(b"")
        }
        PathMatch::Exact(_) | PathMatch::Regex(_) => b"",
    };
    [replacement.as_bytes(), rest].concat()
}

impl Pattern {
    /// Replaces every match; in `substitution` `\0` to `\9` stand for groups and `\\` for a
    /// backslash (RE2's rewrite syntax).
    pub fn replace(&self, text: &[u8], substitution: &str) -> Vec<u8> {
        let replacement = |found: &Captures<'_>| expand(found, substitution);
        match self.regex.replace_all(text, replacement) {
            Cow::Borrowed(same) => same.to_vec(),
            Cow::Owned(new) => new,
        }
    }

    /// The highest group that a substitution asks for, if every backslash in it means something.
    pub fn highest_group(substitution: &str) -> Option<usize> {
        let mut highest = 0;
        let mut bytes = substitution.bytes();
        while let Some(byte) = bytes.next() {
            if byte == b'\\' {
                match bytes.next()? {
                    b'\\' => {}
                    digit if digit.is_ascii_digit() => highest = highest.max(usize::from(digit - b'0')),
                    _ => return None,
                }
            }
        }
        Some(highest)
    }
}

fn expand(found: &Captures<'_>, substitution: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(substitution.len());
    let mut bytes = substitution.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => match bytes.next() {
                Some(digit) if digit.is_ascii_digit() => {
                    let group = found.get(usize::from(digit - b'0'));
                    out.extend_from_slice(group.map_or(b"", |g| g.as_bytes()));
                }
                Some(other) => out.push(other),
                None => {}
            },
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::pattern;

    fn rewrite(rewrite: &PathRewrite, matched: PathMatch, path: &str) -> String {
        String::from_utf8(rewrite.apply(&matched, path.as_bytes())).unwrap()
    }

    #[test]
    fn a_prefix_rewrite_replaces_what_matched_and_keeps_the_query() {
        let to_bar = PathRewrite::Prefix("/bar".into());
        assert_eq!(rewrite(&to_bar, PathMatch::Prefix("/foo".into()), "/foo/x?q=/foo"), "/bar/x?q=/foo");
        assert_eq!(rewrite(&to_bar, PathMatch::Prefix("/foo".into()), "/foox"), "/barx");
        assert_eq!(rewrite(&to_bar, PathMatch::Exact("/foo".into()), "/foo?a"), "/bar?a");
        assert_eq!(rewrite(&to_bar, PathMatch::Regex(pattern("^(?:/f.*)$")), "/foo/x?a"), "/bar?a");
    }

    #[test]
    fn a_regex_rewrite_replaces_every_match_and_fills_in_groups() {
        let swap =
            PathRewrite::Regex { pattern: pattern("/([a-z])([0-9]*)"), substitution: r"/\2-\1\\".into() };
        assert_eq!(rewrite(&swap, PathMatch::Prefix("/".into()), "/a1/b?x=/c3"), r"/1-a\/-b\?x=/c3");
        assert_eq!(Pattern::highest_group(r"\1\3\\9"), Some(3));
        assert_eq!(Pattern::highest_group(r"\x"), None);
    }
}
