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
        match canonical(&new) {
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
            && (path.iter().any(|b| *b == b'%' || *b == b'\\' || is_escaped(*b))
                || memchr::memmem::find(path, b"/.").is_some()))
}

/// What a path holds only as an escape (RFC 3986, 3.3, as the WHATWG's URL standard relaxes it).
fn is_escaped(byte: u8) -> bool {
    matches!(byte, 0..=b' ' | b'"' | b'<' | b'>' | b'^' | b'`' | b'{' | b'|' | b'}' | 0x7f..)
}

/// What needs no escape anywhere (RFC 3986, 2.3).
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
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

/// The byte that an escape at the start of `text` stands for.
fn escape(text: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = text else { return None };
    let (high, low) = (char::from(*high).to_digit(16)?, char::from(*low).to_digit(16)?);
    u8::try_from(high * 16 + low).ok()
}

/// Escapes, dots and backslashes as browsers and Envoy have them: what needs no escape loses it, what
/// needs one gets it, `%xx` that is no escape stays, a backslash is a slash, dot segments go (RFC 3986,
/// 5.2.4). So `/%61dmin` is routed as `/admin`, which its receiver takes it for. `None`: an escaped NUL.
fn canonical(path: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some(first) = rest.first() {
        let mut width = 1;
        match escape(rest) {
            Some(0) => return None,
            Some(byte) => {
                width = 3;
                if is_unreserved(byte) {
                    text.push(byte);
                } else {
                    text.extend_from_slice(&rest[..3]);
                }
            }
            None if *first == b'\\' => text.push(b'/'),
            None if is_escaped(*first) => {
                let digit = |value: u8| b"0123456789ABCDEF"[usize::from(value)];
                text.extend_from_slice(&[b'%', digit(*first >> 4), digit(*first & 15)]);
            }
            None => text.push(*first),
        }
        rest = &rest[width..];
    }
    Some(without_dot_segments(&text))
}

fn without_dot_segments(text: &[u8]) -> Vec<u8> {
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
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dots(path: &str) -> Option<String> {
        canonical(path.as_bytes()).map(|p| String::from_utf8(p).unwrap())
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
            ("/a\\", "/a/"),
        ];
        for (path, expected) in cases {
            assert_eq!(dots(path).as_deref(), Some(expected), "{path}");
        }
    }

    #[test]
    fn a_path_is_the_same_however_it_is_escaped() {
        let cases = [
            ("/%61dmin%2D%5f%7E", "/admin-_~"),
            ("/a%20b%2f%80%25", "/a%20b%2f%80%25"),
            ("/a%25%32%65", "/a%252e"),
            ("/a\"<>^`{|}\u{e9}", "/a%22%3C%3E%5E%60%7B%7C%7D%C3%A9"),
            ("/a!$&'()*+,;=:@[]", "/a!$&'()*+,;=:@[]"),
            ("/a%zz%2", "/a%zz%2"),
        ];
        for (path, expected) in cases {
            assert_eq!(dots(path).as_deref(), Some(expected), "{path}");
        }
        assert_eq!(dots("/a%00"), None);
    }

    #[test]
    fn escaped_slashes_are_unescaped() {
        assert_eq!(unescape_slashes(b"/a%2Fb%5cc%20%2"), b"/a/b\\c%20%2");
        assert!(!has_escaped_slash(b"/a%20%2"));
    }
}
