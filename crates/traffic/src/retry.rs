//! Whether a failed attempt is tried again, and when. (envoy: `RetryStateImpl`.)

use std::time::Duration;

use rand::RngCore;

use crate::{Forward, RetryOn, RetryPolicy};

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// A response arrived.
    Response {
        /// Its status.
        status: u16,
        /// `grpc-status`, if it came with the head (a response without a body).
        grpc_status: Option<u32>,
        /// It carries `x-envoy-ratelimited`.
        ratelimited: bool,
    },
    /// No connection came up.
    ConnectFailure,
    /// The upstream refused the stream without looking at it (HTTP/2 REFUSED_STREAM).
    Refused,
    /// The stream or connection ended before a response head.
    Reset {
        /// Whether the first byte of the request had been sent.
        request_sent: bool,
    },
    /// The time for one attempt was over.
    PerTryTimeout,
    /// A limit of the cluster was reached; never tried again.
    Overflow,
}

impl RetryOn {
    /// Reads a list of Envoy's names, separated by commas. What it does not know is handed back.
    pub fn parse(list: &str) -> (RetryOn, Vec<String>) {
        let mut on = RetryOn::default();
        let mut unknown = Vec::new();
        for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match on.field(name) {
                Some(field) => *field = true,
                None => unknown.push(name.to_string()),
            }
        }
        (on, unknown)
    }

    fn field(&mut self, name: &str) -> Option<&mut bool> {
        Some(match name {
            "5xx" => &mut self.five_xx,
            "gateway-error" => &mut self.gateway_error,
            "reset" => &mut self.reset,
            "reset-before-request" => &mut self.reset_before_request,
            "connect-failure" => &mut self.connect_failure,
            "envoy-ratelimited" => &mut self.envoy_ratelimited,
            "retriable-4xx" => &mut self.retriable_4xx,
            "refused-stream" => &mut self.refused_stream,
            "retriable-status-codes" => &mut self.retriable_status_codes,
            "retriable-headers" => &mut self.retriable_headers,
            "http3-post-connect-failure" => &mut self.http3_post_connect_failure,
            "cancelled" => &mut self.grpc_cancelled,
            "deadline-exceeded" => &mut self.grpc_deadline_exceeded,
            "internal" => &mut self.grpc_internal,
            "resource-exhausted" => &mut self.grpc_resource_exhausted,
            "unavailable" => &mut self.grpc_unavailable,
            _ => return None,
        })
    }

    /// Whether an attempt that ended so is one to try again; `status_codes` are those that count
    /// under `retriable-status-codes`.
    pub fn matches(&self, attempt: Attempt, status_codes: &[u16]) -> bool {
        // Envoy counts every reset as the 5xx that it would become.
        let any_reset = self.reset || self.five_xx || self.gateway_error;
        match attempt {
            Attempt::Overflow => false,
            Attempt::ConnectFailure => any_reset || self.connect_failure || self.reset_before_request,
            Attempt::Refused => any_reset || self.refused_stream,
            Attempt::Reset { request_sent } => any_reset || (self.reset_before_request && !request_sent),
            Attempt::PerTryTimeout => any_reset,
            Attempt::Response { ratelimited: true, .. } => self.envoy_ratelimited,
            Attempt::Response { status, grpc_status, .. } => {
                (self.five_xx && (500..600).contains(&status))
                    || (self.gateway_error && (502..=504).contains(&status))
                    || (self.retriable_4xx && status == 409)
                    || (self.retriable_status_codes && status_codes.contains(&status))
                    || grpc_status.is_some_and(|status| self.matches_grpc(status))
            }
        }
    }

    fn matches_grpc(&self, status: u32) -> bool {
        match status {
            1 => self.grpc_cancelled,
            4 => self.grpc_deadline_exceeded,
            8 => self.grpc_resource_exhausted,
            13 => self.grpc_internal,
            14 => self.grpc_unavailable,
            _ => false,
        }
    }
}

impl RetryPolicy {
    /// Whether an attempt that ended so is tried again after `retries` retries already.
    pub fn retries_after(&self, attempt: Attempt, retries: u32) -> bool {
        retries < self.retries && self.on.matches(attempt, &self.status_codes)
    }

    /// The pause before the next retry, when `retries` were made already: random below a limit that
    /// starts at the base and doubles up to the maximum.
    pub fn pause(&self, retries: u32, random: &mut impl RngCore) -> Duration {
        backoff(self.backoff_base, self.backoff_max, retries, random.next_u64())
    }
}

/// A random pause below `base * 2^step`, never above `max`.
pub fn backoff(base: Duration, max: Duration, step: u32, random: u64) -> Duration {
    let limit = base.saturating_mul(1u32.checked_shl(step).unwrap_or(u32::MAX)).min(max);
    let micros = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(if micros == 0 { 0 } else { random % micros })
}

impl Forward {
    /// The time that a whole response may take. `grpc_timeout` is the header of that name of a gRPC
    /// request, which counts if the route allows it.
    pub fn response_timeout(&self, is_grpc: bool, grpc_timeout: Option<&[u8]>) -> Option<Duration> {
        let Some(max) = self.grpc_timeout_max.filter(|_| is_grpc) else { return self.timeout };
        let max = (!max.is_zero()).then_some(max);
        match (grpc_timeout.and_then(parse_grpc_timeout), max) {
            (Some(asked), Some(max)) => Some(asked.min(max)),
            (asked, max) => asked.or(max),
        }
    }
}

/// At most eight digits and a unit (gRPC over HTTP/2, "Timeout").
fn parse_grpc_timeout(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits.iter().fold(0u64, |n, digit| n * 10 + u64::from(digit - b'0'));
    Some(match unit {
        b'H' => Duration::from_secs(number * 3600),
        b'M' => Duration::from_secs(number * 60),
        b'S' => Duration::from_secs(number),
        b'm' => Duration::from_millis(number),
        b'u' => Duration::from_micros(number),
        b'n' => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::forward;

    fn on(list: &str) -> RetryOn {
        RetryOn::parse(list).0
    }

    fn response(status: u16) -> Attempt {
        Attempt::Response { status, grpc_status: None, ratelimited: false }
    }

    #[test]
    fn unknown_names_are_handed_back() {
        let (parsed, unknown) = RetryOn::parse("connect-failure, unavailable,nonsense");
        assert!(parsed.connect_failure && parsed.grpc_unavailable);
        assert_eq!(unknown, ["nonsense"]);
    }

    #[test]
    fn each_name_stands_for_its_failures_only() {
        let reset = Attempt::Reset { request_sent: true };
        let unsent = Attempt::Reset { request_sent: false };
        let grpc = |status| Attempt::Response { status: 200, grpc_status: Some(status), ratelimited: false };
        let limited = Attempt::Response { status: 503, grpc_status: None, ratelimited: true };
        let cases: &[(&str, &[Attempt], &[Attempt])] = &[
            (
                "5xx",
                &[response(500), response(503), reset, Attempt::PerTryTimeout],
                &[response(409), limited],
            ),
            ("gateway-error", &[response(502), response(504), unsent], &[response(500)]),
            ("connect-failure", &[Attempt::ConnectFailure], &[reset, response(503), Attempt::PerTryTimeout]),
            ("refused-stream", &[Attempt::Refused], &[reset, Attempt::ConnectFailure]),
            (
                "reset",
                &[reset, Attempt::ConnectFailure, Attempt::Refused],
                &[response(503), Attempt::Overflow],
            ),
            ("reset-before-request", &[unsent], &[reset]),
            ("retriable-4xx", &[response(409)], &[response(408)]),
            ("retriable-status-codes", &[response(418)], &[response(503)]),
            ("unavailable", &[grpc(14)], &[grpc(13), response(503)]),
            ("envoy-ratelimited", &[limited], &[response(503)]),
        ];
        for (name, yes, no) in cases {
            for attempt in *yes {
                assert!(on(name).matches(*attempt, &[418]), "{name} {attempt:?}");
            }
            for attempt in *no {
                assert!(!on(name).matches(*attempt, &[418]), "{name} {attempt:?}");
            }
        }
    }

    #[test]
    fn pauses_grow_up_to_the_maximum() {
        let (base, max) = (Duration::from_millis(25), Duration::from_millis(250));
        let longest = |step| (0..100_000).step_by(7).map(|r| backoff(base, max, step, r * 31)).max().unwrap();
        assert!(longest(0) < base && longest(0) > base / 2);
        assert!(longest(2) < base * 4 && longest(2) > base * 3);
        assert!(longest(60) < max && longest(60) > max * 3 / 4);
        assert_eq!(backoff(Duration::ZERO, max, 3, 9), Duration::ZERO);
    }

    #[test]
    fn grpc_requests_set_their_timeout_where_the_route_allows() {
        let seconds = |s| Some(Duration::from_secs(s));
        let mut route = forward("c");
        route.timeout = seconds(5);
        assert_eq!(route.response_timeout(true, Some(b"9S")), seconds(5));
        route.grpc_timeout_max = Some(Duration::ZERO);
        assert_eq!(route.response_timeout(true, Some(b"9S")), seconds(9));
        assert_eq!(route.response_timeout(true, Some(b"9x")), None);
        assert_eq!(route.response_timeout(false, Some(b"9S")), seconds(5));
        route.grpc_timeout_max = seconds(7);
        assert_eq!(route.response_timeout(true, Some(b"9S")), seconds(7));
        assert_eq!(route.response_timeout(true, Some(b"1000m")), seconds(1));
        assert_eq!(route.response_timeout(true, None), seconds(7));
    }
}
