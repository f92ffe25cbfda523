//! Answers that the proxy itself gives, with Envoy's bodies and flags.

use std::borrow::Cow;
use std::task::{Context, Poll};

use outrigger_traffic::ResponseFlag;

use super::head::{BodyLength, ResponseHead};
use super::headers::{Headers, decimal};
use super::names::Known;
use super::stream::{Filled, Source, StreamError};
use super::syntax::Malformed;

/// An answer of the proxy itself.
#[derive(Debug, Clone)]
pub struct Reply<'s> {
    /// The status.
    pub status: u16,
    /// The body; empty: none.
    pub body: Cow<'s, [u8]>,
    /// Where to go instead.
    pub location: Option<Vec<u8>>,
    /// Why.
    pub flag: Option<ResponseFlag>,
    /// Why, in detail.
    pub details: Cow<'static, str>,
    /// The connection ends after it.
    pub close: bool,
    /// It is the answer that a route asks for, not a failure.
    pub intended: bool,
}

impl<'s> Reply<'s> {
    /// A reply without a body.
    pub fn new(
        status: u16,
        flag: impl Into<Option<ResponseFlag>>,
        details: impl Into<Cow<'static, str>>,
    ) -> Reply<'s> {
        Reply {
            status,
            body: Cow::Borrowed(b""),
            location: None,
            flag: flag.into(),
            details: details.into(),
            close: false,
            intended: false,
        }
    }

    /// The same with a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Cow<'s, str>>) -> Reply<'s> {
        self.body = match body.into() {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        };
        self
    }

    /// The answer to what is not HTTP.
    pub fn malformed(error: Malformed) -> Reply<'s> {
        let mut reply = Reply::new(error.status(), ResponseFlag::DownstreamProtocolError, error.to_string());
        let phrase = match error.status() {
            400 => "Bad Request",
            501 => "Not Implemented",
            426 => "Upgrade Required",
            _ => "",
        };
        reply.close = true;
        reply.body(phrase)
    }

    /// No virtual host or route takes the request.
    pub fn no_route() -> Reply<'s> {
        Reply::new(404, ResponseFlag::NoRouteFound, "route_not_found")
    }

    /// The route's cluster does not exist.
    pub fn no_cluster(status: u16) -> Reply<'s> {
        Reply::new(status, ResponseFlag::NoClusterFound, "cluster_not_found")
    }

    /// The cluster has no endpoint that may be chosen.
    pub fn no_healthy_upstream() -> Reply<'s> {
        Reply::new(503, ResponseFlag::NoHealthyUpstream, "no_healthy_upstream").body("no healthy upstream")
    }

    /// The response did not come in time.
    pub fn timeout(details: &'static str) -> Reply<'s> {
        Reply::new(504, ResponseFlag::UpstreamRequestTimeout, details).body("upstream request timeout")
    }

    /// The upstream failed before its response; `reason` in Envoy's words, `retried` whether this was
    /// not the first attempt.
    pub fn reset(flag: ResponseFlag, reason: &str, retried: bool) -> Reply<'s> {
        let status = if flag == ResponseFlag::UpstreamProtocolError { 502 } else { 503 };
        let details = format!("upstream_reset_before_response_started{{{}}}", reason.replace(' ', "_"));
        let how = if retried { "retried and the latest reset reason" } else { "reset reason" };
        Reply::new(status, flag, details)
            .body(format!("upstream connect error or disconnect/reset before headers. {how}: {reason}"))
    }

    /// Fills a response's head. A gRPC client gets a gRPC status (envoy: `Utility::sendLocalReply`).
    pub fn fill(&self, grpc: bool, head: &mut ResponseHead) {
        head.clear();
        if grpc && !self.intended {
            head.status = 200;
            head.headers.push(Known::ContentType, b"application/grpc");
            head.headers.push(Known::GrpcStatus, grpc_status_of(self.status).as_bytes());
            if !self.body.is_empty() {
                head.headers.push_with(Known::GrpcMessage, |out| percent_encode(&self.body, out));
            }
            head.headers.push(Known::ContentLength, b"0");
            return;
        }
        head.status = self.status;
        if self.status >= 200 && self.status != 204 {
            head.headers.push_with(Known::ContentLength, |out| decimal(self.body.len() as u64, out));
        }
        if !self.body.is_empty() {
            head.headers.push(Known::ContentType, b"text/plain");
            head.body = BodyLength::Known(self.body.len() as u64);
        }
        if let Some(location) = &self.location {
            head.headers.push(Known::Location, location);
        }
        if self.flag == Some(ResponseFlag::UpstreamOverflow) {
            head.headers.push(Known::Overloaded, b"true");
        }
    }
}

/// gRPC's status for one of HTTP. (gRPC: doc/http-grpc-status-mapping.md)
fn grpc_status_of(status: u16) -> &'static str {
    match status {
        400 => "13",
        401 => "16",
        403 => "7",
        404 => "12",
        429 | 502 | 503 | 504 => "14",
        _ => "2",
    }
}

/// gRPC's encoding of messages (gRPC over HTTP/2, Status-Message).
fn percent_encode(text: &[u8], out: &mut Vec<u8>) {
    for byte in text {
        match byte {
            b' '..=b'~' if *byte != b'%' => out.push(*byte),
            _ => out.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
}

/// A body that is there already.
pub struct Whole<'a> {
    rest: &'a [u8],
    no_trailers: Headers,
}

impl<'a> Whole<'a> {
    /// All of it.
    pub fn new(body: &'a [u8]) -> Whole<'a> {
        Whole { rest: body, no_trailers: Headers::default() }
    }
}

impl Source for Whole<'_> {
    fn poll_fill(&mut self, _: &mut Context<'_>) -> Poll<Result<Filled, StreamError>> {
        Poll::Ready(Ok(if self.rest.is_empty() { Filled::End } else { Filled::Data }))
    }

    fn data(&self) -> &[u8] {
        self.rest
    }

    fn consume(&mut self, n: usize) {
        self.rest = &self.rest[n..];
    }

    fn ends_after(&self, n: usize) -> bool {
        n == self.rest.len()
    }

    fn trailers(&self) -> &Headers {
        &self.no_trailers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grpc_client_gets_a_grpc_status() {
        let mut head = ResponseHead::default();
        Reply::no_healthy_upstream().body("a%\n").fill(true, &mut head);
        assert_eq!(head.status, 200);
        assert_eq!(head.headers.get(Known::GrpcStatus), Some(&b"14"[..]));
        assert_eq!(head.headers.get(Known::GrpcMessage), Some(&b"a%25%0A"[..]));
        assert_eq!(head.body, BodyLength::Empty);
    }

    #[test]
    fn a_failed_upstream_is_told_in_envoys_words() {
        let reply = Reply::reset(ResponseFlag::UpstreamProtocolError, "protocol error", true);
        assert_eq!(reply.status, 502);
        assert_eq!(reply.details, "upstream_reset_before_response_started{protocol_error}");
        assert_eq!(
            &*reply.body,
            b"upstream connect error or disconnect/reset before headers. retried and the latest reset reason: protocol error"
        );
    }
}
