//! Targets of requests and hosts: which characters they may have, and what they say.

use super::parse::Malformed;
use crate::http::head::{Method, RequestHead};
use crate::http::headers::Span;

const AUTHORITY: Malformed = Malformed::Syntax("http1.invalid_authority");
const URL: Malformed = Malformed::Syntax("http1.invalid_url");

/// Sets a request's path and authority from its target, in one of the four forms of RFC 9112, 3.2,
/// and its Host header.
pub fn apply(target: &[u8], host: Option<Span>, head: &mut RequestHead) -> Result<(), Malformed> {
    if let Some(host) = host {
        if !is_valid_authority(head.headers.text(host)) {
            return Err(AUTHORITY);
        }
        head.set_authority_span(host);
    }
    if head.method == Method::Connect {
        if !is_valid_authority(target) || target.is_empty() {
            return Err(URL);
        }
        head.set_authority(target);
        return Ok(());
    }
    if is_valid_path(target) || (target == b"*" && head.method == Method::Options) {
        head.set_path(target);
        return Ok(());
    }
    let rest = strip_scheme(target).ok_or(URL)?;
    let end = rest.iter().position(|b| matches!(b, b'/' | b'?')).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.is_empty() || !is_valid_authority(authority) {
        return Err(URL);
    }
    // RFC 9112, 3.2.2: the target's host replaces that of Host.
    head.set_authority(authority);
    match path.first() {
        None if head.method == Method::Options => head.set_path(b"*"),
        None => head.set_path(b"/"),
        Some(b'/') if is_valid_path(path) => head.set_path(path),
        Some(_) => {
            let whole = [b"/", path].concat();
            if !is_valid_path(&whole) {
                return Err(URL);
            }
            head.set_path(&whole);
        }
    }
    Ok(())
}

fn strip_scheme(target: &[u8]) -> Option<&[u8]> {
    let colon = memchr::memchr(b':', target)?;
    let (scheme, rest) = target.split_at(colon);
    let known = scheme.eq_ignore_ascii_case(b"http") || scheme.eq_ignore_ascii_case(b"https");
    rest.strip_prefix(b"://").filter(|_| known)
}

/// Whether these bytes may stand as a path with query: a slash and visible ASCII without `#`.
pub fn is_valid_path(path: &[u8]) -> bool {
    path.first() == Some(&b'/') && path.iter().all(|b| (b'!'..=b'~').contains(b) && *b != b'#')
}

/// Whether these bytes may stand as a host with an optional port: the characters of RFC 3986's
/// reg-name and IP-literal, without user information and commas. An empty host is allowed.
pub fn is_valid_authority(authority: &[u8]) -> bool {
    authority.iter().all(|b| {
        b.is_ascii_alphanumeric()
            || matches!(
                b,
                b'-' | b'.'
                    | b'_'
                    | b'~'
                    | b':'
                    | b'['
                    | b']'
                    | b'%'
                    | b'!'
                    | b'$'
                    | b'&'
                    | b'\''
                    | b'('
                    | b')'
                    | b'*'
                    | b'+'
                    | b';'
                    | b'='
            )
    })
}
