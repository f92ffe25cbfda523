//! Paths as they are routed: dot segments, doubled and escaped slashes. (envoy: `PathUtil`)

use crate::{EscapedSlashes, HttpManager};

/// What becomes of a path.
#[derive(Debug, PartialEq, Eq)]
pub enum Normalized {
    /// It stays.
    Same,
    /// This replaces it.
    Changed(Vec<u8>),
    /// The client is sent to this one.
    Redirect(Vec<u8>),
    /// The request is refused.
    Refused,
}

impl HttpManager {
    /// The path by which a request is routed and forwarded; the query stays as it is.
    pub fn normalized_path(&self, path_and_query: &[u8]) -> Normalized {
        normalize(self, path_and_query)
    }
}

fn normalize(manager: &HttpManager, path_and_query: &[u8]) -> Normalized {
    let end = memchr::memchr(b'?', path_and_query).unwrap_or(path_and_query.len());
    let (path, query) = path_and_query.split_at(end);
    if !path.starts_with(b"/") || !may_change(manager, path) {
        return Normalized::Same;
    }
    let mut new = path.to_vec();
    let mut redirect = false;
    if manager.escaped_slashes != EscapedSlashes::Keep && has_escaped_slash(&new) {
        match manager.escaped_slashes {
            EscapedSlashes::Reject => return Normalized::Refused,
            EscapedSlashes::UnescapeAndRedirect => redirect = true,
            EscapedSlashes::UnescapeAndForward | EscapedSlashes::Keep => {}
        }
        new = unescape_slashes(&new);
    }
    if manager.normalize_path {
        match remove_dot_segments(&new) {
            Some(normal) => new = normal,
            None => return Normalized::Refused,
        }
    }
    if manager.merge_slashes {
        new.dedup_by(|next, previous| *next == b'/' && *previous == b'/');
    }
    if new == path {
        return Normalized::Same;
    }
    new.extend_from_slice(query);
    if redirect { Normalized::Redirect(new) } else { Normalized::Changed(new) }
}

/// A cheap test that most paths fail.
fn may_change(manager: &HttpManager, path: &[u8]) -> bool {
    (manager.escaped_slashes != EscapedSlashes::Keep && memchr::memchr(b'%', path).is_some())
        || (manager.merge_slashes && memchr::memmem::find(path, b"//").is_some())
        || (manager.normalize_path
            && (memchr::memchr2(b'%', b'\\', path).is_some() || memchr::memmem::find(path, b"/.").is_some()))
}

fn has_escaped_slash(path: &[u8]) -> bool {
    memchr::memchr_iter(b'%', path).any(|at| escaped_slash(&path[at..]).is_some())
}

/// The slash that an escape at the start of `text` stands for: `%2F` or `%5C`.
fn escaped_slash(text: &[u8]) -> Option<u8> {
    match text.get(..3)? {
        [b'%', b'2', b'f' | b'F'] => Some(b'/'),
        [b'%', b'5', b'c' | b'C'] => Some(b'\\'),
        _ => None,
    }
}

fn unescape_slashes(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some(first) = rest.first() {
        match escaped_slash(rest) {
            Some(slash) => {
                out.push(slash);
                rest = &rest[3..];
            }
            None => {
                out.push(*first);
                rest = &rest[1..];
            }
        }
    }
    out
}

/// RFC 3986, 5.2.4; a backslash counts as a slash and `%2e` as a dot, as browsers have it.
/// `None`: an escape is malformed.
fn remove_dot_segments(path: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some(first) = rest.first() {
        match rest {
            [b'%', b'2', b'e' | b'E', tail @ ..] => {
                text.push(b'.');
                rest = tail;
            }
            [b'%', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                text.extend_from_slice(&[b'%', *high, *low]);
                rest = tail;
            }
            [b'%', ..] => return None,
            [_, tail @ ..] => {
                text.push(if *first == b'\\' { b'/' } else { *first });
                rest = tail;
            }
            [] => {}
        }
    }
    let mut out: Vec<&[u8]> = Vec::new();
    let segments: Vec<&[u8]> = text[1..].split(|b| *b == b'/').collect();
    for (at, segment) in segments.iter().enumerate() {
        let last = at + 1 == segments.len();
        match *segment {
            b"." => {}
            b".." => {
                out.pop();
            }
            other => {
                out.push(other);
                continue;
            }
        }
        if last {
            out.push(b"");
        }
    }
    let mut joined = vec![b'/'];
    joined.extend_from_slice(&out.join(&b'/'));
    Some(joined)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dots(path: &str) -> Option<String> {
        remove_dot_segments(path.as_bytes()).map(|p| String::from_utf8(p).unwrap())
    }

    #[test]
    fn dot_segments_go_however_they_are_written() {
        let cases = [
            ("/a/../b", "/b"),
            ("/a/./b", "/a/b"),
            ("/a/b/..", "/a/"),
            ("/a/.", "/a/"),
            ("/../../x", "/x"),
            ("/a/%2e%2E/b", "/b"),
            ("/a\\..\\b", "/b"),
            ("/a//b", "/a//b"),
            ("/a%2Fb", "/a%2Fb"),
            ("/..", "/"),
            ("/", "/"),
            ("/a/.../b", "/a/.../b"),
        ];
        for (path, expected) in cases {
            assert_eq!(dots(path).as_deref(), Some(expected), "{path}");
        }
        assert_eq!(dots("/a%zz"), None);
        assert_eq!(dots("/a%2"), None);
    }

    #[test]
    fn escaped_slashes_are_unescaped() {
        assert_eq!(unescape_slashes(b"/a%2Fb%5cc%20%2"), b"/a/b\\c%20%2");
        assert!(!has_escaped_slash(b"/a%20%2"));
    }
}
