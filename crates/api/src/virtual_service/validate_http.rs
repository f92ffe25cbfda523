//! What rules for HTTP must and must not say.

use std::collections::BTreeMap;

use super::validate::{gateway_name, weights};
use super::{
    CorsPolicy, Fault, HeaderOperations, Headers, HttpDirectResponse, HttpMatchRequest, HttpRedirect,
    HttpRetry, HttpRewrite, HttpRoute, Percent,
};
use crate::check::{Check, is_header_name};
use crate::string_match::StringMatch;

/// What Envoy tries again on; a number of a status stands for itself.
const RETRY_ON: &[&str] = &[
    "5xx",
    "gateway-error",
    "reset",
    "reset-before-request",
    "connect-failure",
    "envoy-ratelimited",
    "retriable-4xx",
    "refused-stream",
    "retriable-status-codes",
    "retriable-headers",
    "http3-post-connect-failure",
    "cancelled",
    "deadline-exceeded",
    "internal",
    "resource-exhausted",
    "unavailable",
];

const GRPC_STATUS: &[&str] = &[
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

impl HttpRoute {
    /// `is_delegate`: the object has no hosts of its own.
    pub(super) fn validate(&self, check: &mut Check, is_delegate: bool) {
        self.validate_action(check, is_delegate);
        check.each("match", &self.matches, |check, condition| condition.validate(check));
        check.each("route", &self.route, |check, route| {
            check.within("destination", |check| route.destination.validate(check));
            check.some("headers", &route.headers, |check, headers| headers.validate(check));
        });
        weights(check, self.route.iter().map(|route| route.weight));
        check.some("redirect", &self.redirect, |check, redirect| redirect.validate(check));
        check.some("directResponse", &self.direct_response, |check, response| response.validate(check));
        check.some("rewrite", &self.rewrite, |check, rewrite| rewrite.validate(check));
        check.positive("timeout", self.timeout);
        check.some("retries", &self.retries, |check, retries| retries.validate(check));
        check.some("fault", &self.fault, |check, fault| fault.validate(check));
        self.validate_mirrors(check);
        check.some("corsPolicy", &self.cors_policy, |check, cors| cors.validate(check));
        check.some("headers", &self.headers, |check, headers| headers.validate(check));
    }

    fn validate_action(&self, check: &mut Check, is_delegate: bool) {
        let actions = [
            ("route", !self.route.is_empty()),
            ("redirect", self.redirect.is_some()),
            ("directResponse", self.direct_response.is_some()),
            ("delegate", self.delegate.is_some()),
        ];
        let written: Vec<_> = actions.iter().filter(|(_, written)| *written).map(|(name, _)| *name).collect();
        match written.as_slice() {
            [] => check.refuse(
                "it is not said what happens to requests",
                "write one of route, redirect, directResponse, delegate",
            ),
            ["delegate"] if is_delegate => check.within("delegate", |check| {
                check.refuse("one that others delegate to cannot delegate", "write route");
            }),
            [_] => {}
            several => {
                check.refuse(format!("{} exclude each other", several.join(" and ")), "keep one of them")
            }
        }
        if self.rewrite.is_some() && (self.redirect.is_some() || self.direct_response.is_some()) {
            check.within("rewrite", |check| {
                check.refuse("there is nothing to rewrite where requests go nowhere", "leave rewrite out");
            });
        }
    }

    fn validate_mirrors(&self, check: &mut Check) {
        check.some("mirror", &self.mirror, |check, destination| destination.validate(check));
        if self.mirror.is_some() && !self.mirrors.is_empty() {
            check.within("mirrors", |check| {
                check.refuse("mirror and mirrors exclude each other", "keep mirrors")
            });
        }
        check.each("mirrors", &self.mirrors, |check, mirror| {
            check.within("destination", |check| mirror.destination.validate(check));
            check.some("percentage", &mirror.percentage, percent);
        });
        check.percent("mirrorPercent", self.mirror_percent);
        check.some("mirrorPercentage", &self.mirror_percentage, percent);
    }
}

fn percent(check: &mut Check, percentage: &Percent) {
    check.percent("value", percentage.value);
}

impl HttpMatchRequest {
    fn validate(&self, check: &mut Check) {
        let fields = [
            ("uri", &self.uri),
            ("scheme", &self.scheme),
            ("method", &self.method),
            ("authority", &self.authority),
        ];
        for (field, comparison) in fields {
            check.some(field, comparison, |check, comparison| check.string_match(comparison));
        }
        headers(check, "headers", &self.headers);
        headers(check, "withoutHeaders", &self.without_headers);
        check.entries("queryParams", &self.query_params, |check, _, comparison| {
            presence_or(check, comparison)
        });
        check.optional_port("port", self.port);
        check.labels("sourceLabels", self.source_labels.labels().iter());
        check.each("gateways", &self.gateways, |check, name| gateway_name(check, name));
    }
}

fn headers(check: &mut Check, field: &str, comparisons: &BTreeMap<String, StringMatch>) {
    check.entries(field, comparisons, |check, name, comparison| {
        header_name(check, name);
        presence_or(check, comparison);
    });
}

/// `{}` asks only whether it is there; Istio reads the expression `*` in the same way.
fn presence_or(check: &mut Check, comparison: &StringMatch) {
    match comparison {
        StringMatch::Any => {}
        StringMatch::Regex(expression) if &**expression == "*" => {}
        other => check.string_match(other),
    }
}

fn header_name(check: &mut Check, name: &str) {
    // `@request.auth.claims…` is no header but a claim of the caller's token.
    let name = name.strip_prefix('@').unwrap_or(name);
    let name = name.split('[').next().unwrap_or(name);
    if !is_header_name(name) {
        check.refuse(format!("'{name}' is no name of a header"), "write it like x-user");
    }
}

impl HttpRedirect {
    fn validate(&self, check: &mut Check) {
        if *self == HttpRedirect::default() {
            check.refuse("it is not said where callers are sent", "write uri, authority, port or scheme");
        }
        if self.port.is_some() && self.derive_port.is_some() {
            check.refuse("port and derivePort exclude each other", "keep one of them");
        }
        if self.uri.is_some() && self.prefix_rewrite.is_some() {
            check.refuse("uri and prefixRewrite exclude each other", "keep one of them");
        }
        check.optional_port("port", self.port);
        if let Some(code) = self.redirect_code
            && !matches!(code, 301 | 302 | 303 | 307 | 308)
        {
            check.within("redirectCode", |check| {
                check.refuse(format!("{code} is no redirect"), "possible are 301, 302, 303, 307, 308");
            });
        }
        check.some("scheme", &self.scheme, |check, scheme| {
            if !matches!(&**scheme, "http" | "https") {
                check.refuse(format!("'{scheme}' is no scheme"), "possible are http, https");
            }
        });
    }
}

impl HttpDirectResponse {
    fn validate(&self, check: &mut Check) {
        if !(200..=599).contains(&self.status) {
            check.within("status", |check| {
                check.refuse(format!("{} is no status", self.status), "they go from 200 to 599");
            });
        }
        check.some("body", &self.body, |check, body| {
            if body.string.is_some() && body.bytes.is_some() {
                check.refuse("string and bytes exclude each other", "keep one of them");
            }
            if body.bytes.is_some() && body.decoded().is_none() {
                check.within("bytes", |check| check.refuse("this is no base64", "use string for text"));
            }
        });
    }
}

impl HttpRewrite {
    fn validate(&self, check: &mut Check) {
        if *self == HttpRewrite::default() {
            check.refuse("it is not said what is rewritten", "write uri, authority or uriRegexRewrite");
        }
        if self.uri.is_some() && self.uri_regex_rewrite.is_some() {
            check.refuse("uri and uriRegexRewrite exclude each other", "keep one of them");
        }
        check.some("uriRegexRewrite", &self.uri_regex_rewrite, |check, rewrite| {
            check.within("match", |check| check.regex(rewrite.pattern.as_deref().unwrap_or_default()));
        });
    }
}

impl HttpRetry {
    pub(crate) fn validate(&self, check: &mut Check) {
        check.positive("perTryTimeout", self.per_try_timeout);
        check.positive("backoff", self.backoff);
        check.some("retryOn", &self.retry_on, |check, conditions| {
            for condition in conditions.split(',').map(str::trim) {
                let status = condition.parse().is_ok_and(|status: u16| (100..=599).contains(&status));
                if !condition.is_empty() && !status && !RETRY_ON.contains(&condition) {
                    check.refuse(
                        format!("'{condition}' is nothing to try again on"),
                        format!("possible are statuses and {}", RETRY_ON.join(", ")),
                    );
                }
            }
        });
    }
}

impl Fault {
    fn validate(&self, check: &mut Check) {
        if self.delay.is_none() && self.abort.is_none() {
            check.refuse("it is not said which fault", "write delay or abort");
        }
        check.some("delay", &self.delay, |check, delay| {
            if delay.fixed_delay.is_none() && delay.exponential_delay.is_none() {
                check.refuse("it is not said how long", "write fixedDelay");
            }
            if delay.fixed_delay.is_some() && delay.exponential_delay.is_some() {
                check.refuse("fixedDelay and exponentialDelay exclude each other", "keep fixedDelay");
            }
            check.positive("fixedDelay", delay.fixed_delay);
            check.positive("exponentialDelay", delay.exponential_delay);
            check.percent("percent", delay.percent);
            check.some("percentage", &delay.percentage, percent);
        });
        check.some("abort", &self.abort, |check, abort| {
            let kinds =
                [abort.http_status.is_some(), abort.grpc_status.is_some(), abort.http2_error.is_some()];
            match kinds.iter().filter(|written| **written).count() {
                0 => check.refuse("it is not said with which status", "write httpStatus or grpcStatus"),
                1 => {}
                _ => check.refuse("httpStatus, grpcStatus and http2Error exclude each other", "keep one"),
            }
            if let Some(status) = abort.http_status
                && !(200..=599).contains(&status)
            {
                check.within("httpStatus", |check| {
                    check.refuse(format!("{status} is no status"), "they go from 200 to 599");
                });
            }
            check.some("grpcStatus", &abort.grpc_status, |check, status| {
                let number = status.parse().is_ok_and(|number: u8| usize::from(number) < GRPC_STATUS.len());
                if !number && !GRPC_STATUS.contains(&status.to_ascii_uppercase().as_str()) {
                    let message = format!("'{status}' is no status of gRPC");
                    check.refuse(message, format!("possible are {}", GRPC_STATUS.join(", ")));
                }
            });
            check.some("percentage", &abort.percentage, percent);
        });
    }
}

impl CorsPolicy {
    fn validate(&self, check: &mut Check) {
        check.each("allowOrigins", &self.allow_origins, |check, origin| check.string_match(origin));
        for (field, names) in [("allowHeaders", &self.allow_headers), ("exposeHeaders", &self.expose_headers)]
        {
            check.each(field, names, |check, name| {
                if !is_header_name(name) {
                    check.refuse(format!("'{name}' is no name of a header"), "write it like x-user");
                }
            });
        }
        check.positive("maxAge", self.max_age);
    }
}

impl Headers {
    fn validate(&self, check: &mut Check) {
        check.some("request", &self.request, |check, operations| operations.validate(check));
        check.some("response", &self.response, |check, operations| operations.validate(check));
    }
}

impl HeaderOperations {
    fn validate(&self, check: &mut Check) {
        for (field, headers) in [("set", &self.set), ("add", &self.add)] {
            check.entries(field, headers, |check, name, value| {
                if !is_header_name(name) {
                    check.refuse(format!("'{name}' is no name of a header"), "write it like x-user");
                }
                if value.bytes().any(|b| matches!(b, b'\r' | b'\n' | 0)) {
                    check.refuse("a header has one line", "write the value on one line");
                }
            });
        }
        check.each("remove", &self.remove, |check, name| {
            if !is_header_name(name) {
                check.refuse(format!("'{name}' is no name of a header"), "write it like x-user");
            }
        });
    }
}
