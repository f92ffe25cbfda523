//! Rules for HTTP.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::alphabet;
use base64::engine::{DecodePaddingMode, Engine, GeneralPurpose, GeneralPurposeConfig};
use outrigger_base::Selector;

use super::Destination;
use crate::duration::Duration;
use crate::schema::{enumeration, message};
use crate::string_match::StringMatch;

message! {
    /// A rule for HTTP: when it holds, and what happens then.
    pub struct HttpRoute {
        /// A name for people and logs.
        pub name: Option<Arc<str>>,
        /// When it holds: one of these; always if empty.
        #[serde(rename = "match")]
        pub matches: Vec<HttpMatchRequest>,
        /// Where requests go.
        pub route: Vec<HttpRouteDestination>,
        /// They are sent elsewhere by an answer.
        pub redirect: Option<HttpRedirect>,
        /// They are answered at once.
        pub direct_response: Option<HttpDirectResponse>,
        /// Another VirtualService decides.
        pub delegate: Option<Delegate>,
        /// What is changed in path and host on the way.
        pub rewrite: Option<HttpRewrite>,
        /// How long the whole may take; no limit if absent.
        pub timeout: Option<Duration>,
        /// What is tried again.
        pub retries: Option<HttpRetry>,
        /// Faults that are made on purpose.
        pub fault: Option<Fault>,
        /// Who gets a copy of requests.
        pub mirror: Option<Destination>,
        /// Several who get a copy.
        pub mirrors: Vec<HttpMirror>,
        /// Former form of `mirrorPercentage`.
        #[serde(alias = "mirror_percent")]
        pub mirror_percent: Option<u32>,
        /// How many requests are copied to `mirror`; all if absent.
        pub mirror_percentage: Option<Percent>,
        /// What browsers may do across origins.
        pub cors_policy: Option<CorsPolicy>,
        /// Headers to change.
        pub headers: Option<Headers>,
    }
}

message! {
    /// A condition on a request; all that is written must hold.
    pub struct HttpMatchRequest {
        /// A name for people and logs.
        pub name: Option<Arc<str>>,
        /// The path, without the query.
        pub uri: Option<StringMatch>,
        /// `http` or `https`.
        pub scheme: Option<StringMatch>,
        /// The method.
        pub method: Option<StringMatch>,
        /// The host that was asked for.
        pub authority: Option<StringMatch>,
        /// Headers by name.
        pub headers: BTreeMap<String, StringMatch>,
        /// The port that the caller chose.
        pub port: Option<u16>,
        /// What the calling workload carries.
        pub source_labels: Selector,
        /// At which gateways; those of the whole object if empty.
        pub gateways: Vec<Arc<str>>,
        /// Parameters of the query by name.
        pub query_params: BTreeMap<String, StringMatch>,
        /// Whether `exact` and `prefix` of the path ignore case.
        pub ignore_uri_case: Option<bool>,
        /// Headers by name that must not match.
        pub without_headers: BTreeMap<String, StringMatch>,
        /// The calling workload's namespace.
        pub source_namespace: Option<Arc<str>>,
        /// A prefix for statistics.
        pub stat_prefix: Option<String>,
    }
}

message! {
    /// A destination of requests with its share.
    pub struct HttpRouteDestination {
        /// Where requests go.
        pub destination: Destination,
        /// Its share, in proportion to the others.
        pub weight: Option<u32>,
        /// Headers to change for this destination.
        pub headers: Option<Headers>,
    }
}

message! {
    /// Headers to change.
    pub struct Headers {
        /// In requests.
        pub request: Option<HeaderOperations>,
        /// In answers.
        pub response: Option<HeaderOperations>,
    }
}

message! {
    /// Changes of headers.
    pub struct HeaderOperations {
        /// Replaced, or added if missing.
        pub set: BTreeMap<String, String>,
        /// Added to what is there.
        pub add: BTreeMap<String, String>,
        /// Removed.
        pub remove: Vec<String>,
    }
}

message! {
    /// An answer that sends callers elsewhere.
    pub struct HttpRedirect {
        /// The path there.
        pub uri: Option<String>,
        /// The host there.
        pub authority: Option<String>,
        /// The port there.
        pub port: Option<u16>,
        /// Where the port is taken from, instead of `port`.
        pub derive_port: Option<RedirectPort>,
        /// `http` or `https`.
        pub scheme: Option<String>,
        /// The status; 301 if absent.
        pub redirect_code: Option<u16>,
        /// What replaces the prefix that matched.
        pub prefix_rewrite: Option<String>,
    }
}

enumeration! {
    /// Where the port of a redirect is taken from.
    pub enum RedirectPort {
        /// 80 for http, 443 for https.
        FromProtocolDefault = "FROM_PROTOCOL_DEFAULT",
        /// The port of the request.
        FromRequestPort = "FROM_REQUEST_PORT",
    }
}

message! {
    /// An answer without a destination.
    pub struct HttpDirectResponse {
        /// The status.
        pub status: u16,
        /// The body; empty if absent.
        pub body: Option<Body>,
    }
}

message! {
    /// A body: one of two.
    pub struct Body {
        /// As text.
        pub string: Option<String>,
        /// As base64.
        pub bytes: Option<String>,
    }
}

/// Padding may be missing, as protobuf's JSON has it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl Body {
    /// What `bytes` stands for, in either alphabet; `None` if it is absent or no base64.
    pub fn decoded(&self) -> Option<Vec<u8>> {
        BASE64.decode(self.bytes.as_ref()?.replace('-', "+").replace('_', "/")).ok()
    }
}

message! {
    /// Another VirtualService that decides.
    pub struct Delegate {
        /// Its name.
        pub name: Option<Arc<str>>,
        /// Its namespace; that of the one who delegates if absent.
        pub namespace: Option<Arc<str>>,
    }
}

message! {
    /// What is changed in path and host on the way.
    pub struct HttpRewrite {
        /// Replaces the path, or the prefix that matched.
        pub uri: Option<String>,
        /// Replaces the host.
        pub authority: Option<String>,
        /// Replaces what an expression finds in the path.
        pub uri_regex_rewrite: Option<RegexRewrite>,
    }
}

message! {
    /// A replacement of what an expression finds.
    pub struct RegexRewrite {
        /// The expression (RE2 syntax).
        #[serde(rename = "match")]
        pub pattern: Option<String>,
        /// The replacement; `\1` stands for the first group.
        pub rewrite: Option<String>,
    }
}

message! {
    /// What is tried again.
    pub struct HttpRetry {
        /// How often at most; 0: never.
        pub attempts: Option<u32>,
        /// How long each try may take.
        pub per_try_timeout: Option<Duration>,
        /// On what, comma-separated, in Envoy's words.
        pub retry_on: Option<String>,
        /// Whether endpoints of other places are tried.
        pub retry_remote_localities: Option<bool>,
        /// Whether endpoints that failed before are avoided; true if absent.
        pub retry_ignore_previous_hosts: Option<bool>,
        /// The least time between tries.
        pub backoff: Option<Duration>,
    }
}

message! {
    /// Faults that are made on purpose.
    pub struct Fault {
        /// Requests are held up.
        pub delay: Option<FaultDelay>,
        /// Requests are answered with an error.
        pub abort: Option<FaultAbort>,
    }
}

message! {
    /// Requests are held up.
    pub struct FaultDelay {
        /// For so long.
        pub fixed_delay: Option<Duration>,
        /// Never implemented by anybody.
        pub exponential_delay: Option<Duration>,
        /// How many.
        pub percentage: Option<Percent>,
        /// Former form of `percentage`.
        pub percent: Option<i32>,
    }
}

message! {
    /// Requests are answered with an error.
    pub struct FaultAbort {
        /// The status.
        pub http_status: Option<u16>,
        /// The status of gRPC, by name.
        pub grpc_status: Option<String>,
        /// Never implemented by anybody.
        pub http2_error: Option<String>,
        /// How many.
        pub percentage: Option<Percent>,
    }
}

message! {
    /// A part of all.
    pub struct Percent {
        /// From 0 to 100.
        pub value: Option<f64>,
    }
}

message! {
    /// Somebody who gets a copy of requests.
    pub struct HttpMirror {
        /// Who.
        pub destination: Destination,
        /// How many requests; all if absent.
        pub percentage: Option<Percent>,
    }
}

message! {
    /// What browsers may do across origins.
    pub struct CorsPolicy {
        /// Former form of `allowOrigins`: exact ones, or `*`.
        pub allow_origin: Vec<String>,
        /// Who may ask.
        pub allow_origins: Vec<StringMatch>,
        /// With which methods.
        pub allow_methods: Vec<String>,
        /// With which headers.
        pub allow_headers: Vec<String>,
        /// Which headers they may read.
        pub expose_headers: Vec<String>,
        /// How long they may remember this.
        pub max_age: Option<Duration>,
        /// Whether they may show who the user is.
        pub allow_credentials: Option<bool>,
        /// What happens to questions of others.
        pub unmatched_preflights: Option<UnmatchedPreflights>,
    }
}

enumeration! {
    /// What happens to preflight requests of origins that are not allowed.
    pub enum UnmatchedPreflights {
        /// As `FORWARD`.
        Unspecified = "UNSPECIFIED",
        /// They go to the destination.
        Forward = "FORWARD",
        /// They are answered here.
        Ignore = "IGNORE",
    }
}

#[cfg(test)]
mod tests {
    use super::Body;

    #[test]
    fn bytes_are_base64_of_either_alphabet_with_or_without_padding() {
        let decoded = |text: &str| Body { bytes: Some(text.into()), ..Body::default() }.decoded();
        assert_eq!(decoded("aGVsbG8=").unwrap(), b"hello");
        assert_eq!(decoded("aGVsbG8").unwrap(), b"hello");
        assert_eq!(decoded("-_-_").unwrap(), decoded("+/+/").unwrap());
        assert_eq!(decoded("").unwrap(), b"");
        assert!(decoded("a").is_none());
        assert!(decoded("a b=").is_none());
    }
}
