//! Is this HTTP? HTTP/2 by its preface, HTTP/1 by a whole request line.

/// HTTP/2's connection preface (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Methods that are taken for HTTP; others may be any protocol that sends lines. The list is that
/// of Envoy's HTTP/1 parser.
const METHODS: &[&str] = &[
    "ACL",
    "BIND",
    "CHECKOUT",
    "CONNECT",
    "COPY",
    "DELETE",
    "GET",
    "HEAD",
    "LINK",
    "LOCK",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MOVE",
    "M-SEARCH",
    "NOTIFY",
    "OPTIONS",
    "PATCH",
    "POST",
    "PROPFIND",
    "PROPPATCH",
    "PURGE",
    "PUT",
    "REBIND",
    "REPORT",
    "SEARCH",
    "SOURCE",
    "SUBSCRIBE",
    "TRACE",
    "UNBIND",
    "UNLINK",
    "UNLOCK",
    "UNSUBSCRIBE",
];

/// What can be said of the bytes so far.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    More,
    Http(&'static str),
    NotHttp,
}

pub(super) fn parse(bytes: &[u8]) -> Parsed {
    let common = bytes.len().min(PREFACE.len());
    if bytes[..common] == PREFACE[..common] {
        return if common == PREFACE.len() { Parsed::Http("h2c") } else { Parsed::More };
    }
    request_line(bytes)
}

fn request_line(bytes: &[u8]) -> Parsed {
    // A few empty lines before the request are tolerated (RFC 9112, 2.2).
    let start = bytes.iter().position(|b| !matches!(b, b'\r' | b'\n')).unwrap_or(bytes.len());
    if start > 8 {
        return Parsed::NotHttp;
    }
    let bytes = &bytes[start..];
    let Some(space) = memchr::memchr(b' ', bytes) else {
        let possible = METHODS.iter().any(|method| method.as_bytes().starts_with(bytes));
        return if possible { Parsed::More } else { Parsed::NotHttp };
    };
    if !METHODS.iter().any(|method| method.as_bytes() == &bytes[..space]) {
        return Parsed::NotHttp;
    }
    let rest = &bytes[space + 1..];
    let Some(end) = memchr::memchr(b'\n', rest) else {
        return if target_is_plausible(rest) { Parsed::More } else { Parsed::NotHttp };
    };
    let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
    if let Some(target) = line.strip_suffix(b" HTTP/1.1") {
        return judge(target, "http/1.1");
    }
    if let Some(target) = line.strip_suffix(b" HTTP/1.0") {
        return judge(target, "http/1.0");
    }
    Parsed::NotHttp
}

fn judge(target: &[u8], version: &'static str) -> Parsed {
    if !target.is_empty() && target_is_plausible(target) { Parsed::Http(version) } else { Parsed::NotHttp }
}

/// No control characters; they never stand in a request line.
fn target_is_plausible(target: &[u8]) -> bool {
    target.iter().all(|b| *b >= b' ' && *b != 0x7f || *b == b'\r')
}
