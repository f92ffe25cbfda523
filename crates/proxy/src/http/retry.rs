//! Whether an attempt that failed is made again, and what the client hears if it is not. The rules
//! of policies stand in `traffic`; here is what they are asked about.

use std::borrow::Cow;

use outrigger_traffic::{Attempt, ResponseFlag, RetryPolicy};

use super::exchange::{Ended, Late};
use super::head::ResponseHead;
use super::names::Known;
use super::reply::Reply;
use super::stream::StreamError;
use crate::upstream::ConnectError;

/// How an attempt failed.
#[derive(Debug)]
pub struct Failure {
    /// As policies see it.
    pub attempt: Attempt,
    /// The flag of the answer.
    pub flag: ResponseFlag,
    /// The reason in Envoy's words.
    pub reason: Cow<'static, str>,
    /// The transport's own words, if there are any.
    pub transport: Option<String>,
    /// The upstream is known not to have looked at the request: it may be sent again whatever it is.
    pub untouched: bool,
}

impl Failure {
    /// No connection came up.
    pub fn connect(error: &ConnectError) -> Failure {
        let (attempt, flag, reason) = match error {
            ConnectError::Overflow => (Attempt::Overflow, ResponseFlag::UpstreamOverflow, "overflow"),
            ConnectError::Timeout => {
                (Attempt::ConnectFailure, ResponseFlag::UpstreamConnectionFailure, "connection timeout")
            }
            ConnectError::Io(_) => (
                Attempt::ConnectFailure,
                ResponseFlag::UpstreamConnectionFailure,
                "remote connection failure",
            ),
        };
        let transport = matches!(error, ConnectError::Io(_)).then(|| error.to_string());
        Failure { attempt, flag, reason: reason.into(), transport, untouched: false }
    }

    /// The upstream ended before its response.
    pub fn stream(error: StreamError, request_sent: bool) -> Failure {
        let reset = Attempt::Reset { request_sent };
        let (attempt, flag) = match error {
            StreamError::Closed => (reset, ResponseFlag::UpstreamConnectionTermination),
            StreamError::Protocol(_) => (reset, ResponseFlag::UpstreamProtocolError),
            StreamError::Reset => (reset, ResponseFlag::UpstreamRemoteReset),
            StreamError::Refused => (Attempt::Refused, ResponseFlag::UpstreamRemoteReset),
        };
        let untouched = error == StreamError::Refused;
        Failure { attempt, flag, reason: error.to_string().into(), transport: None, untouched }
    }

    /// An attempt took too long.
    pub fn per_try_timeout() -> Failure {
        Failure {
            attempt: Attempt::PerTryTimeout,
            flag: ResponseFlag::UpstreamRequestTimeout,
            reason: "upstream_per_try_timeout".into(),
            transport: None,
            untouched: false,
        }
    }

    /// What the client is answered; `retried`: this was not the first attempt.
    pub fn reply<'s>(&self, retried: bool) -> Reply<'s> {
        if self.attempt == Attempt::PerTryTimeout {
            return Reply::timeout("upstream_per_try_timeout");
        }
        Reply::reset(self.flag, &self.reason, retried)
    }
}

/// What ended an exchange without the upstream's doing, as an answer. `None`: nobody listens.
pub fn interrupted<'s>(ended: Ended, read_all: bool) -> Option<Reply<'s>> {
    match ended {
        Ended::Gone | Ended::Upstream(_) => None,
        Ended::Malformed(error) => Some(Reply::malformed(error)),
        Ended::Late(Late::Response | Late::PerTry) => Some(Reply::timeout("response_timeout")),
        Ended::Late(Late::Arrival) => {
            let reply = Reply::new(408, None, "request_overall_timeout");
            Some(reply.body("request timeout"))
        }
        Ended::Late(Late::Idle) => {
            let status = if read_all { 504 } else { 408 };
            let reply = Reply::new(status, ResponseFlag::StreamIdleTimeout, "stream_idle_timeout");
            Some(reply.body("stream timeout"))
        }
    }
}

/// A response as policies see it.
pub fn response(head: &ResponseHead) -> Attempt {
    Attempt::Response {
        status: head.status,
        grpc_status: head.grpc_status(),
        ratelimited: head.headers.has(Known::RateLimited),
    }
}

/// Retries of one request.
#[derive(Debug)]
pub struct Retries<'s> {
    policy: Option<&'s RetryPolicy>,
    made: u32,
}

/// What a policy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not a failure that it covers.
    No,
    /// It would, but no retry is left (flag URX).
    Exhausted,
    /// Again.
    Again,
}

impl<'s> Retries<'s> {
    /// None made so far.
    pub fn new(policy: Option<&'s RetryPolicy>) -> Retries<'s> {
        Retries { policy, made: 0 }
    }

    /// The policy.
    pub fn policy(&self) -> Option<&'s RetryPolicy> {
        self.policy
    }

    /// Whether the attempt is made again, as far as the policy goes.
    pub fn verdict(&self, attempt: Attempt) -> Verdict {
        match self.policy {
            Some(policy) if policy.retries_after(attempt, self.made) => Verdict::Again,
            Some(policy) if policy.retries > 0 && policy.on.matches(attempt, &policy.status_codes) => {
                Verdict::Exhausted
            }
            _ => Verdict::No,
        }
    }

    /// Counts a retry; gives the number of those before it.
    pub fn count(&mut self) -> u32 {
        let before = self.made;
        self.made += 1;
        before
    }
}
