//! Targets of requests and Host: what they say of path and authority.

use crate::http::head::{Method, RequestHead};
use crate::http::headers::Span;
use crate::http::syntax::{Malformed, is_valid_authority, is_valid_path};

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
