//! HTTP/1 messages from what was understood of them: heads, chunks, trailers. No sockets here.

use crate::http::head::{BodyLength, RequestHead, ResponseHead};
use crate::http::headers::{Headers, decimal};
use crate::http::names::Known;

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoder {
    /// There is none, or all of it was written.
    #[default]
    Done,
    /// As it is: the head says how long it is, or the connection's end does.
    Plain,
    /// In chunks; `left` bytes of the one under way are still to come.
    Chunked { left: usize },
}

/// Appends a request's head and says how its body is written. `upgrade`: the connection is to change
/// its protocol.
pub fn request(head: &RequestHead, out: &mut Vec<u8>) -> Encoder {
    put(out, &[head.method_text(), b" ", head.path(), b" HTTP/1.1\r\nhost: ", head.authority(), b"\r\n"]);
    fields(&head.headers, out);
    if let Some(protocol) = head.upgrade_protocol() {
        // A body keeps its framing: an upstream that does not upgrade would take it for a request.
        put(out, &[b"connection: upgrade\r\nupgrade: ", protocol, b"\r\n"]);
    }
    body(head.body, &head.headers, out)
}

/// What a response's head must say about its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseOptions {
    /// The client speaks HTTP/1.0, which knows no chunks.
    pub http_10: bool,
    /// The connection goes on after this response.
    pub keep_alive: bool,
}

/// Appends a response's head and says how its body is written.
pub fn response(head: &ResponseHead, options: ResponseOptions, out: &mut Vec<u8>) -> Encoder {
    status_line(head.status, out);
    fields(&head.headers, out);
    if head.status == 101 {
        out.extend_from_slice(b"\r\n");
        return Encoder::Plain;
    }
    match (options.keep_alive, options.http_10) {
        (false, _) => out.extend_from_slice(b"connection: close\r\n"),
        (true, true) => out.extend_from_slice(b"connection: keep-alive\r\n"),
        (true, false) => {}
    }
    let length =
        if options.http_10 && head.body == BodyLength::Open { BodyLength::UntilClose } else { head.body };
    body(length, &head.headers, out)
}

/// Appends an interim response's head (1xx).
pub fn informational(head: &ResponseHead, out: &mut Vec<u8>) {
    status_line(head.status, out);
    fields(&head.headers, out);
    out.extend_from_slice(b"\r\n");
}

/// Appends the line before a chunk of `size` bytes.
pub fn chunk_size(size: usize, out: &mut Vec<u8>) {
    let mut digits = [0u8; 16];
    let mut at = digits.len();
    let mut rest = size;
    loop {
        at -= 1;
        digits[at] = b"0123456789abcdef"[rest & 0xf];
        rest >>= 4;
        if rest == 0 {
            break;
        }
    }
    put(out, &[&digits[at..], b"\r\n"]);
}

/// Appends the end of a chunked body.
pub fn last_chunk(trailers: &Headers, out: &mut Vec<u8>) {
    out.extend_from_slice(b"0\r\n");
    fields(trailers, out);
    out.extend_from_slice(b"\r\n");
}

fn body(length: BodyLength, headers: &Headers, out: &mut Vec<u8>) -> Encoder {
    match length {
        BodyLength::Empty => {
            out.extend_from_slice(b"\r\n");
            Encoder::Done
        }
        BodyLength::Known(length) => {
            if !headers.has(Known::ContentLength) {
                out.extend_from_slice(b"content-length: ");
                decimal(length, out);
                out.extend_from_slice(b"\r\n");
            }
            out.extend_from_slice(b"\r\n");
            Encoder::Plain
        }
        BodyLength::Open => {
            out.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n");
            Encoder::Chunked { left: 0 }
        }
        BodyLength::UntilClose => {
            out.extend_from_slice(b"\r\n");
            Encoder::Plain
        }
    }
}

fn fields(headers: &Headers, out: &mut Vec<u8>) {
    for (_, name, value) in headers.iter() {
        put(out, &[name, b": ", value, b"\r\n"]);
    }
}

fn put(out: &mut Vec<u8>, parts: &[&[u8]]) {
    out.reserve(parts.iter().map(|part| part.len()).sum());
    for part in parts {
        out.extend_from_slice(part);
    }
}

fn status_line(status: u16, out: &mut Vec<u8>) {
    if status == 200 {
        out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        return;
    }
    out.extend_from_slice(b"HTTP/1.1 ");
    decimal(u64::from(status), out);
    out.push(b' ');
    out.extend_from_slice(reason(status).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// The phrase of a status; the upstream's own is not passed on, as in Envoy.
pub fn reason(status: u16) -> &'static str {
    match status {
        408 => "Request Timeout",
        413 => "Payload Too Large",
        426 => "Upgrade Required",
        431 => "Request Header Fields Too Large",
        _ => http::StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason()).unwrap_or("Unknown"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(out: Vec<u8>) -> String {
        String::from_utf8(out).unwrap()
    }

    fn response_head(status: u16, body: BodyLength, fields: &[(&str, &str)]) -> ResponseHead {
        let mut head = ResponseHead { status, body, ..ResponseHead::default() };
        for (name, value) in fields {
            head.headers.push_raw(name.as_bytes(), value.as_bytes());
        }
        head
    }

    #[test]
    fn a_request_carries_its_host_first_and_its_framing_last() {
        let mut head = RequestHead::default();
        let method = head.headers.load(b"POST");
        head.set_method(method);
        head.set_path(b"/a?b");
        head.set_authority(b"h:1");
        head.headers.push_raw(b"x", b"1");
        head.body = BodyLength::Open;
        let mut out = Vec::new();
        assert_eq!(request(&head, &mut out), Encoder::Chunked { left: 0 });
        assert_eq!(
            text(out),
            "POST /a?b HTTP/1.1\r\nhost: h:1\r\nx: 1\r\ntransfer-encoding: chunked\r\n\r\n"
        );
    }

    #[test]
    fn a_response_says_how_its_connection_goes_on() {
        let cases = [
            (false, true, BodyLength::Open, "transfer-encoding: chunked\r\n", Encoder::Chunked { left: 0 }),
            (true, false, BodyLength::Open, "connection: close\r\n", Encoder::Plain),
            (
                true,
                true,
                BodyLength::Known(5),
                "connection: keep-alive\r\ncontent-length: 5\r\n",
                Encoder::Plain,
            ),
            (false, false, BodyLength::Empty, "connection: close\r\n", Encoder::Done),
        ];
        for (http_10, keep_alive, body, expected, encoder) in cases {
            let head = response_head(200, body, &[]);
            let mut out = Vec::new();
            assert_eq!(response(&head, ResponseOptions { http_10, keep_alive }, &mut out), encoder);
            assert_eq!(text(out), format!("HTTP/1.1 200 OK\r\n{expected}\r\n"));
        }
    }

    #[test]
    fn a_length_is_not_written_twice() {
        let head = response_head(200, BodyLength::Known(5), &[("content-length", "5")]);
        let mut out = Vec::new();
        response(&head, ResponseOptions { http_10: false, keep_alive: true }, &mut out);
        assert_eq!(text(out), "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n");
    }

    #[test]
    fn chunk_sizes_are_hexadecimal() {
        let mut out = Vec::new();
        for size in [1, 15, 16, 0xabcdef] {
            chunk_size(size, &mut out);
        }
        assert_eq!(text(out), "1\r\nf\r\n10\r\nabcdef\r\n");
    }
}
