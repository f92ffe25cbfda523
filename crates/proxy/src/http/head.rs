//! The heads of requests and responses, whichever HTTP they were read from.

use std::borrow::Cow;

use outrigger_traffic::{HeaderTarget, RequestView};

use super::headers::{Headers, Span};
use super::names::Known;
use super::syntax::{is_valid_authority, is_valid_path};
use crate::telemetry::HeaderLookup;

/// How long a message's body is, as its head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BodyLength {
    /// There is none.
    #[default]
    Empty,
    /// So many bytes.
    Known(u64),
    /// As the bytes say themselves: chunks, or frames of a stream.
    Open,
    /// Everything until the connection ends.
    UntilClose,
}

/// Methods that the proxy treats in a special way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    #[default]
    Get,
    Head,
    Options,
    Connect,
    /// PUT, DELETE or TRACE: may be sent twice without harm (RFC 9110, 9.2.2).
    Idempotent,
    Other,
}

impl Method {
    /// Classifies a method.
    pub fn of(text: &[u8]) -> Method {
        match text {
            b"GET" => Method::Get,
            b"HEAD" => Method::Head,
            b"OPTIONS" => Method::Options,
            b"CONNECT" => Method::Connect,
            b"PUT" | b"DELETE" | b"TRACE" => Method::Idempotent,
            _ => Method::Other,
        }
    }

    /// Whether sending the request twice does no harm.
    pub fn is_idempotent(self) -> bool {
        !matches!(self, Method::Connect | Method::Other)
    }
}

/// A request's head. Host is not among the headers but apart, as `:authority` in HTTP/2.
#[derive(Debug, Default)]
pub struct RequestHead {
    /// The fields.
    pub headers: Headers,
    /// The method, classified.
    pub method: Method,
    /// The body that follows.
    pub body: BodyLength,
    /// `te: trailers` was there: the client reads trailers.
    pub te_trailers: bool,
    /// The client asks for another protocol on this connection (`Connection: upgrade`).
    pub upgrade: Option<Span>,
    /// The client came over TLS.
    pub https: bool,
    /// Bytes that the head took on the wire, as far as known.
    pub wire_bytes: usize,
    method_text: Span,
    path: Span,
    authority: Span,
}

impl RequestHead {
    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.headers.clear();
        self.reset();
    }

    /// Forgets everything and gives the memory back.
    pub fn release(&mut self) {
        self.headers.release();
        self.reset();
    }

    fn reset(&mut self) {
        let headers = std::mem::take(&mut self.headers);
        *self = RequestHead { headers, ..RequestHead::default() };
    }

    /// Sets the method, whose text stands in the headers' block.
    pub fn set_method(&mut self, text: Span) {
        self.method = Method::of(self.headers.text(text));
        self.method_text = text;
    }

    /// Sets the authority, whose text stands in the headers' block.
    pub fn set_authority_span(&mut self, text: Span) {
        self.authority = text;
    }

    /// Replaces the path with its query.
    pub fn set_path(&mut self, path: &[u8]) {
        self.path = self.headers.load(path);
    }

    /// Replaces the authority.
    pub fn set_authority(&mut self, authority: &[u8]) {
        self.authority = self.headers.load(authority);
    }

    /// The method.
    pub fn method_text(&self) -> &[u8] {
        self.headers.text(self.method_text)
    }

    /// The path with its query.
    pub fn path(&self) -> &[u8] {
        self.headers.text(self.path)
    }

    /// Host or :authority.
    pub fn authority(&self) -> &[u8] {
        self.headers.text(self.authority)
    }

    /// The protocol that the client asks for by `Upgrade`.
    pub fn upgrade_protocol(&self) -> Option<&[u8]> {
        self.upgrade.map(|span| self.headers.text(span))
    }

    /// Whether the client waits for a go-ahead before it sends the body.
    pub fn expects_continue(&self) -> bool {
        self.headers.get(Known::Expect).is_some_and(|value| value.eq_ignore_ascii_case(b"100-continue"))
    }

    /// Whether it is a gRPC request, by its content type.
    pub fn is_grpc(&self) -> bool {
        self.headers.get(Known::ContentType).is_some_and(is_grpc)
    }
}

/// Whether a content type is gRPC's: `application/grpc` or `application/grpc+…`.
pub fn is_grpc(content_type: &[u8]) -> bool {
    content_type.strip_prefix(b"application/grpc").is_some_and(|rest| matches!(rest, [] | [b'+', ..]))
}

impl RequestView for RequestHead {
    fn method(&self) -> &[u8] {
        self.method_text()
    }

    fn path_and_query(&self) -> &[u8] {
        self.path()
    }

    fn authority(&self) -> &[u8] {
        self.authority()
    }

    fn scheme(&self) -> &[u8] {
        if self.https { b"https" } else { b"http" }
    }

    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.headers.joined(name.as_bytes())
    }
}

impl HeaderLookup for RequestHead {
    fn lookup(&self, name: &str) -> Option<&[u8]> {
        match name {
            ":method" => Some(self.method_text()),
            ":path" => Some(self.path()),
            ":authority" | "host" => Some(self.authority()),
            ":scheme" => Some(self.scheme()),
            _ => self.headers.iter().find(|(_, n, _)| *n == name.as_bytes()).map(|(_, _, value)| value),
        }
    }
}

impl HeaderTarget for RequestHead {
    fn contains(&self, name: &str) -> bool {
        is_authority(name) || self.headers.contains(name)
    }

    fn remove(&mut self, name: &str) {
        // A request without :authority means nothing, so it stays; so does framing.
        if !is_authority(name) && !is_framing(name) {
            self.headers.remove(name);
        }
    }

    fn set(&mut self, name: &str, value: &str) {
        if is_authority(name) {
            if is_valid_authority(value.as_bytes()) {
                self.set_authority(value.as_bytes());
            }
        } else if name == ":path" {
            if is_valid_path(value.as_bytes()) {
                self.set_path(value.as_bytes());
            }
        } else if !is_framing(name) {
            self.headers.set(name, value);
        }
    }

    fn append(&mut self, name: &str, value: &str) {
        if is_authority(name) {
            self.set(name, value);
        } else if !is_framing(name) {
            self.headers.append(name, value);
        }
    }
}

fn is_authority(name: &str) -> bool {
    matches!(name, "host" | ":authority")
}

/// Headers that say how long a message is, and pseudo-headers; configuration never changes them.
fn is_framing(name: &str) -> bool {
    matches!(name, "content-length" | "transfer-encoding" | "connection") || name.starts_with(':')
}

/// A response's head.
#[derive(Debug, Default)]
pub struct ResponseHead {
    /// The fields.
    pub headers: Headers,
    /// The status.
    pub status: u16,
    /// The body that follows.
    pub body: BodyLength,
    /// Bytes that the head took on the wire, as far as known.
    pub wire_bytes: usize,
}

impl ResponseHead {
    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.headers.clear();
        self.status = 0;
        self.body = BodyLength::Empty;
        self.wire_bytes = 0;
    }

    /// Forgets everything and gives the memory back.
    pub fn release(&mut self) {
        self.clear();
        self.headers.release();
    }

    /// gRPC's status, if it came with the head.
    pub fn grpc_status(&self) -> Option<u32> {
        grpc_status(&self.headers)
    }
}

/// gRPC's status among some headers or trailers.
pub fn grpc_status(headers: &Headers) -> Option<u32> {
    std::str::from_utf8(headers.get(Known::GrpcStatus)?).ok()?.parse().ok()
}

impl HeaderLookup for ResponseHead {
    fn lookup(&self, name: &str) -> Option<&[u8]> {
        self.headers.lookup(name)
    }
}

impl HeaderLookup for Headers {
    fn lookup(&self, name: &str) -> Option<&[u8]> {
        self.iter().find(|(_, n, _)| *n == name.as_bytes()).map(|(_, _, value)| value)
    }
}

impl HeaderTarget for ResponseHead {
    fn contains(&self, name: &str) -> bool {
        self.headers.contains(name)
    }

    fn remove(&mut self, name: &str) {
        if !is_framing(name) {
            self.headers.remove(name);
        }
    }

    fn set(&mut self, name: &str, value: &str) {
        if !is_framing(name) {
            self.headers.set(name, value);
        }
    }

    fn append(&mut self, name: &str, value: &str) {
        if !is_framing(name) {
            self.headers.append(name, value);
        }
    }
}
