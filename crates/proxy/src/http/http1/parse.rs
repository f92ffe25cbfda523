//! Heads of HTTP/1 messages: bytes in, [`RequestHead`] or [`ResponseHead`] out.

use std::mem::MaybeUninit;

use httparse::Header;

use crate::http::head::{BodyLength, Method, RequestHead, ResponseHead};
use crate::http::headers::{Headers, Span, tokens};
use crate::http::http1::target;
use crate::http::names::Known;
use crate::http::syntax::{Limits, MAX_HEADERS, Malformed, is_allowed_trailer, parse_length};

const CODEC: Malformed = Malformed::Syntax("http1.codec_error");
const LENGTH: Malformed = Malformed::Syntax("http1.content_length_not_allowed");
const HOST: Malformed = Malformed::Syntax("missing_host_header");
const HEADERS_SIZE: Malformed = Malformed::TooLarge("http1.headers_too_large");
const HEADERS_COUNT: Malformed = Malformed::TooLarge("http1.too_many_headers");

/// What a request's head says about its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLine {
    /// Bytes of the head.
    pub length: usize,
    /// Spoken in HTTP/1.0.
    pub http_10: bool,
    /// The connection may serve further requests.
    pub keep_alive: bool,
}

/// What a response's head says about its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseLine {
    /// Bytes of the head.
    pub length: usize,
    /// The connection may serve further requests.
    pub keep_alive: bool,
    /// The connection changes its protocol (101).
    pub upgraded: bool,
}

/// Reads a request's head from the start of `input`. `None`: it is not complete. `head` must be clear.
pub fn request(
    input: &[u8],
    limits: Limits,
    head: &mut RequestHead,
) -> Result<Option<RequestLine>, Malformed> {
    let mut fields = [const { MaybeUninit::<Header<'_>>::uninit() }; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut []);
    let status = parsed.parse_with_uninit_headers(input, &mut fields[..limits.fields]);
    let Some(length) = complete(status, input, limits)? else { return Ok(None) };
    let (Some(method), Some(target), Some(version)) = (parsed.method, parsed.path, parsed.version) else {
        return Err(CODEC);
    };
    let http_10 = version == 0;
    if http_10 && !limits.http_10 {
        return Err(Malformed::Version);
    }
    if offset(input, method.as_bytes()) != 0 {
        return Err(CODEC);
    }
    check_line_ends(input, length, parsed.headers)?;
    head.wire_bytes = length;
    let mut facts = Facts::default();
    load(input, length, parsed.headers, &mut head.headers, &mut facts);
    let base = head.headers.load(method.as_bytes());
    head.set_method(base);
    head.body = request_body(&facts, http_10)?;
    if facts.hosts > 1 || (facts.hosts == 0 && !http_10) {
        return Err(HOST);
    }
    target::apply(target.as_bytes(), facts.host, head)?;
    connection_options(&facts, head);
    let keep_alive = facts.keep_alive(http_10, &head.headers);
    head.headers.drop_hop_by_hop();
    head.headers.drop_known(Known::Host);
    Ok(Some(RequestLine { length, http_10, keep_alive }))
}

/// The length of a head, once it is all there.
fn complete(
    status: httparse::Result<usize>,
    input: &[u8],
    limits: Limits,
) -> Result<Option<usize>, Malformed> {
    match status {
        Ok(httparse::Status::Complete(length)) if length <= limits.bytes => Ok(Some(length)),
        Ok(httparse::Status::Complete(_)) => Err(HEADERS_SIZE),
        Ok(httparse::Status::Partial) if input.len() > limits.bytes => Err(HEADERS_SIZE),
        Ok(httparse::Status::Partial) => Ok(None),
        Err(httparse::Error::TooManyHeaders) => Err(HEADERS_COUNT),
        Err(_) => Err(CODEC),
    }
}

/// Reads a response's head from the start of `input`. `None`: it is not complete. `head` must be
/// clear. Lines may end in a bare LF, as old servers have it: what is passed on is written anew.
/// `to` is the request's method; `upgrading` says whether the request asked for an upgrade.
pub fn response(
    input: &[u8],
    limits: Limits,
    to: Method,
    upgrading: bool,
    head: &mut ResponseHead,
) -> Result<Option<ResponseLine>, Malformed> {
    let mut fields = [const { MaybeUninit::<Header<'_>>::uninit() }; MAX_HEADERS];
    let mut parsed = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    let status = config.parse_response_with_uninit_headers(&mut parsed, input, &mut fields[..limits.fields]);
    let Some(length) = complete(status, input, limits)? else { return Ok(None) };
    let (Some(status), Some(version)) = (parsed.code, parsed.version) else {
        return Err(CODEC);
    };
    if !(100..600).contains(&status) {
        return Err(CODEC);
    }
    head.wire_bytes = length;
    head.status = status;
    let mut facts = Facts::default();
    load(input, length, parsed.headers, &mut head.headers, &mut facts);
    head.body = response_body(&facts, status, to)?;
    let keep_alive = facts.keep_alive(version == 0, &head.headers) && head.body != BodyLength::UntilClose;
    let upgraded = status == 101;
    if upgraded && !upgrading {
        return Err(Malformed::Syntax("http1.unexpected_upgrade"));
    }
    if upgraded {
        head.body = BodyLength::UntilClose;
        keep_upgrade(&mut head.headers);
    } else {
        head.headers.drop_hop_by_hop();
    }
    if matches!(status, 100..=199 | 204) {
        // RFC 9110, 8.6: such responses carry no length.
        head.headers.drop_known(Known::ContentLength);
    }
    Ok(Some(ResponseLine { length, keep_alive: keep_alive && !upgraded, upgraded }))
}

/// Reads trailer fields up to the empty line. `None`: they are not complete.
pub fn trailers(input: &[u8], limits: Limits, into: &mut Headers) -> Result<Option<usize>, Malformed> {
    let mut fields = [httparse::EMPTY_HEADER; 128];
    let most = limits.fields.min(fields.len());
    match httparse::parse_headers(input, &mut fields[..most]) {
        Ok(httparse::Status::Complete((length, fields))) if length <= limits.bytes => {
            check_line_ends(input, length, fields)?;
            let mut facts = Facts::default();
            load(input, length, fields, into, &mut facts);
            into.retain(|known, name, _| is_allowed_trailer(known, name));
            Ok(Some(length))
        }
        Ok(httparse::Status::Partial) if input.len() <= limits.bytes => Ok(None),
        Ok(_) => Err(HEADERS_SIZE),
        Err(httparse::Error::TooManyHeaders) => Err(HEADERS_COUNT),
        Err(_) => Err(CODEC),
    }
}

/// What is noted while fields are loaded.
#[derive(Default)]
struct Facts {
    hosts: u32,
    lengths: u32,
    codings: u32,
    /// The content-length, if it is well formed.
    length: Option<u64>,
    chunked: bool,
    has_connection: bool,
    host: Option<Span>,
    upgrade: Option<Span>,
    te_trailers: bool,
}

impl Facts {
    fn note(&mut self, known: Known, value: &[u8], span: Span) {
        match known {
            Known::Host => {
                self.hosts += 1;
                self.host = Some(span);
            }
            Known::ContentLength => {
                self.lengths += 1;
                self.length = parse_length(value);
            }
            Known::TransferEncoding => {
                self.codings += 1;
                self.chunked = value.eq_ignore_ascii_case(b"chunked");
            }
            Known::Connection => self.has_connection = true,
            Known::Upgrade => self.upgrade = Some(span),
            Known::Te => {
                self.te_trailers |= tokens(value).any(|t| t.eq_ignore_ascii_case(b"trailers"));
            }
            _ => {}
        }
    }

    fn keep_alive(&self, http_10: bool, headers: &Headers) -> bool {
        if !self.has_connection {
            return !http_10;
        }
        if has_connection_token(headers, b"close") {
            return false;
        }
        !http_10 || has_connection_token(headers, b"keep-alive")
    }
}

/// Whether a `Connection` header names a token.
fn has_connection_token(headers: &Headers, token: &[u8]) -> bool {
    headers
        .iter()
        .filter(|(known, ..)| *known == Known::Connection)
        .any(|(_, _, value)| tokens(value).any(|t| t.eq_ignore_ascii_case(token)))
}

fn offset(input: &[u8], part: &[u8]) -> usize {
    part.as_ptr() as usize - input.as_ptr() as usize
}

/// Lines must end in CRLF; httparse takes a bare LF too. Every line but the last is followed by a
/// name, so looking before names and at the end sees all.
fn check_line_ends(input: &[u8], length: usize, fields: &[Header<'_>]) -> Result<(), Malformed> {
    let ends_well = |end: usize| end == 0 || input[..end].ends_with(b"\r\n");
    let names = fields.iter().all(|f| ends_well(offset(input, f.name.as_bytes())));
    let end = input[..length].ends_with(b"\r\n") && ends_well(length - 2);
    if names && end { Ok(()) } else { Err(CODEC) }
}

fn load(input: &[u8], length: usize, fields: &[Header<'_>], headers: &mut Headers, facts: &mut Facts) {
    let Some(first) = fields.first() else { return };
    let from = offset(input, first.name.as_bytes());
    let base = headers.load(&input[from..length]);
    for field in fields {
        let name = (offset(input, field.name.as_bytes()) - from, field.name.len());
        let value = (offset(input, field.value) - from, field.value.len());
        let (known, span) = headers.push_loaded(base, name, value);
        facts.note(known, field.value, span);
    }
}

/// RFC 9112, 6.3, with Envoy's refusals.
fn request_body(facts: &Facts, http_10: bool) -> Result<BodyLength, Malformed> {
    match (facts.codings, facts.lengths) {
        (0, 0) => Ok(BodyLength::Empty),
        (0, 1) => match facts.length {
            Some(0) => Ok(BodyLength::Empty),
            Some(length) => Ok(BodyLength::Known(length)),
            None => Err(LENGTH),
        },
        (0, _) => Err(LENGTH),
        // A coding beside a length, twice, or in HTTP/1.0, is how requests are smuggled.
        (1, 0) if !http_10 && facts.chunked => Ok(BodyLength::Open),
        (1, 0) if !http_10 => Err(Malformed::TransferCoding),
        _ => Err(Malformed::Syntax("http1.transfer_encoding_not_allowed")),
    }
}

fn response_body(facts: &Facts, status: u16, to: Method) -> Result<BodyLength, Malformed> {
    if facts.codings > 1 || facts.lengths > 1 || (facts.codings > 0 && facts.lengths > 0) {
        return Err(LENGTH);
    }
    if facts.lengths == 1 && facts.length.is_none() {
        return Err(LENGTH);
    }
    if facts.codings == 1 && !facts.chunked {
        return Err(Malformed::TransferCoding);
    }
    if to == Method::Head || matches!(status, 100..=199 | 204 | 304) {
        return Ok(BodyLength::Empty);
    }
    Ok(match (facts.chunked, facts.length) {
        (true, _) => BodyLength::Open,
        (false, Some(0)) => BodyLength::Empty,
        (false, Some(length)) => BodyLength::Known(length),
        (false, None) => BodyLength::UntilClose,
    })
}

/// Notes `TE: trailers` and an upgrade. An upgrade to HTTP/2 is ignored (RFC 9113, 3.1: obsolete).
fn connection_options(facts: &Facts, head: &mut RequestHead) {
    head.te_trailers = facts.te_trailers;
    let Some(upgrade) = facts.upgrade else { return };
    if has_connection_token(&head.headers, b"upgrade")
        && !head.headers.text(upgrade).eq_ignore_ascii_case(b"h2c")
    {
        head.upgrade = Some(upgrade);
    }
}

/// Removes what describes the connection but the switch of protocols itself.
fn keep_upgrade(headers: &mut Headers) {
    headers.retain(|known, _, _| known == Known::Upgrade || !known.is_hop_by_hop());
    headers.push(Known::Connection, b"upgrade");
}

#[cfg(test)]
mod tests;
