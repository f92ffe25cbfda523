use std::sync::Arc;
use std::time::Duration;

use outrigger_base::ResourceKey;
use regex::bytes::Regex;

use crate::domains::DomainIndex;

/// Virtual hosts, one of which takes each request. (envoy: RouteConfiguration)
#[derive(Debug, Clone, PartialEq)]
pub struct RouteConfig {
    /// The resource's name; empty if inline without one.
    pub name: Arc<str>,
    /// Compares hosts without their port.
    pub ignore_port_in_host: bool,
    /// What is changed in headers, whatever the route, after the changes of route and virtual host.
    pub headers: HeaderMutations,
    /// The objects that it came from.
    pub origins: Vec<ResourceKey>,
    /// Private because `domains` is derived from it.
    virtual_hosts: Vec<VirtualHost>,
    domains: DomainIndex,
}

impl RouteConfig {
    /// A configuration without header changes and origins that compares hosts as they are.
    pub fn new(name: impl Into<Arc<str>>, virtual_hosts: Vec<VirtualHost>) -> RouteConfig {
        RouteConfig {
            name: name.into(),
            ignore_port_in_host: false,
            headers: HeaderMutations::default(),
            origins: Vec::new(),
            domains: DomainIndex::new(virtual_hosts.iter().map(|host| &*host.domains)),
            virtual_hosts,
        }
    }

    /// Candidates; the most specific domain wins.
    pub fn virtual_hosts(&self) -> &[VirtualHost] {
        &self.virtual_hosts
    }

    pub(crate) fn domains(&self) -> &DomainIndex {
        &self.domains
    }
}

/// Routes for some domains.
#[derive(Debug, Clone, PartialEq)]
pub struct VirtualHost {
    /// Its name.
    pub name: Arc<str>,
    /// Exact names, `*.suffix`, `prefix.*` or `*`; lower case.
    pub domains: Vec<Arc<str>>,
    /// The first that matches takes the request.
    pub routes: Vec<Route>,
    /// Sends x-envoy-attempt-count upstream.
    pub attempt_count_in_request: bool,
    /// What is changed in headers, after the route's own changes.
    pub headers: HeaderMutations,
    /// Used by routes without one of their own.
    pub retry: Option<Arc<RetryPolicy>>,
    /// Redirects requests that did not come over TLS.
    pub require_tls: bool,
    /// The objects that it came from; the first decided.
    pub origins: Vec<ResourceKey>,
}

/// What a request must look like, and what becomes of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Its name; empty if it has none.
    pub name: Arc<str>,
    /// What a request must look like.
    pub matches: RouteMatch,
    /// What becomes of it.
    pub action: Action,
    /// What is changed in headers.
    pub headers: HeaderMutations,
    /// The objects that it came from; the first decided.
    pub origins: Vec<ResourceKey>,
}

/// Conditions of a route; all must hold.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteMatch {
    /// The path, without query.
    pub path: PathMatch,
    /// Compares exact and prefix paths by case.
    pub case_sensitive: bool,
    /// Headers, among them `:method`, `:authority` and `:scheme`.
    pub headers: Vec<HeaderMatch>,
    /// Query parameters.
    pub query: Vec<QueryMatch>,
    /// Only gRPC requests.
    pub grpc: bool,
}

/// A condition on the path.
#[derive(Debug, Clone, PartialEq)]
pub enum PathMatch {
    /// Starts with this.
    Prefix(Arc<str>),
    /// Is this.
    Exact(Arc<str>),
    /// Matches as a whole.
    Regex(Pattern),
    /// Is this, or starts with this and a slash.
    PathSeparatedPrefix(Arc<str>),
}

/// A regular expression in RE2's syntax, compiled once; equal if its source is.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// As written.
    pub source: Arc<str>,
    /// Compiled. For matches it is anchored at both ends; for rewrites it is not.
    pub regex: Regex,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source && self.regex.as_str() == other.regex.as_str()
    }
}

/// A condition on a string.
#[derive(Debug, Clone, PartialEq)]
pub enum StringMatch {
    /// Is this.
    Exact { value: Arc<str>, ignore_case: bool },
    /// Starts with this.
    Prefix { value: Arc<str>, ignore_case: bool },
    /// Ends with this.
    Suffix { value: Arc<str>, ignore_case: bool },
    /// Contains this.
    Contains { value: Arc<str>, ignore_case: bool },
    /// Matches as a whole.
    Regex(Pattern),
}

/// A condition on a header.
#[derive(Debug, Clone, PartialEq)]
pub struct HeaderMatch {
    /// Lower case; may be a pseudo-header (`:method`).
    pub name: Arc<str>,
    /// What is asked of its value. Several lines of one header count as one, joined by `,`.
    pub test: HeaderTest,
    /// Turns the result round.
    pub invert: bool,
    /// Takes a missing header as an empty one.
    pub missing_is_empty: bool,
}

/// What is asked of a header.
#[derive(Debug, Clone, PartialEq)]
pub enum HeaderTest {
    /// That it is there (`true`) or missing (`false`).
    Present(bool),
    /// That its value matches.
    Value(StringMatch),
}

/// A condition on a query parameter; the first of that name counts.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryMatch {
    /// The parameter's name.
    pub name: Arc<str>,
    /// What is asked of it; `None`: that it is there.
    pub test: Option<StringMatch>,
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Goes to a cluster.
    Forward(Box<Forward>),
    /// Is answered with another place to go.
    Redirect(Box<Redirect>),
    /// Is answered here.
    Direct(Box<DirectResponse>),
}

/// Sends a request to a cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Forward {
    /// Which cluster.
    pub cluster: ClusterChoice,
    /// Status when the cluster does not exist.
    pub cluster_not_found_status: u16,
    /// Time for the whole response; `None`: for ever. 504 (flag UT).
    pub timeout: Option<Duration>,
    /// Lets gRPC requests set their own timeout by the header `grpc-timeout`, up to this; zero: without
    /// a limit. `None`: the header means nothing.
    pub grpc_timeout_max: Option<Duration>,
    /// Time that the stream may carry nothing; `None`: as the HTTP manager says, zero: for ever.
    pub idle_timeout: Option<Duration>,
    /// Whether and how a failed attempt is tried again.
    pub retry: Option<Arc<RetryPolicy>>,
    /// Changes the path.
    pub path_rewrite: Option<PathRewrite>,
    /// Changes Host / :authority.
    pub host_rewrite: Option<Arc<str>>,
    /// Keeps the original host in x-forwarded-host when it is rewritten.
    pub append_forwarded_host: bool,
    /// Upgrades let through for this route: (name in lower case, enabled); else as the manager says.
    pub upgrades: Vec<(Arc<str>, bool)>,
}

/// A change of a request's path; the query stays.
#[derive(Debug, Clone, PartialEq)]
pub enum PathRewrite {
    /// Replaces the part that the route's path condition matched.
    Prefix(Arc<str>),
    /// Replaces what the expression finds; `\1` stands for a group.
    Regex { pattern: Pattern, substitution: Arc<str> },
}

/// One cluster, or several by weight.
#[derive(Debug, Clone, PartialEq)]
pub enum ClusterChoice {
    /// Always this one.
    One(Arc<str>),
    /// One of these, in proportion to their weights. The sum need not be 100 and is never 0.
    Weighted { clusters: Vec<WeightedCluster>, total: u32 },
}

/// A cluster with its share.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightedCluster {
    /// The cluster.
    pub name: Arc<str>,
    /// Its share of the total.
    pub weight: u32,
    /// What is changed in headers when it is chosen, before the route's own changes.
    pub headers: HeaderMutations,
    /// Changes Host / :authority, before what the route says.
    pub host_rewrite: Option<Arc<str>>,
}

/// Whether and how a failed attempt is tried again. (envoy: RetryPolicy)
#[derive(Debug, Clone, PartialEq)]
pub struct RetryPolicy {
    /// Which failures count.
    pub on: RetryOn,
    /// Statuses that count when [`RetryOn::retriable_status_codes`] is set.
    pub status_codes: Vec<u16>,
    /// Attempts after the first.
    pub retries: u32,
    /// Time for each attempt; `None`: as the route's timeout.
    pub per_try_timeout: Option<Duration>,
    /// How often an endpoint is chosen again when a predicate refuses it.
    pub host_selection_attempts: u32,
    /// Refuses endpoints that were tried already.
    pub avoid_previous_hosts: bool,
    /// Shortest pause before a retry (Envoy: 25 ms), grows exponentially with full jitter.
    pub backoff_base: Duration,
    /// Longest pause (Envoy: ten times the base).
    pub backoff_max: Duration,
}

/// Failures that are tried again; names as Envoy's `x-envoy-retry-on` and `x-envoy-retry-grpc-on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct RetryOn {
    /// `5xx`: any such status, and what becomes one.
    pub five_xx: bool,
    /// `gateway-error`: 502 to 504, and what becomes one.
    pub gateway_error: bool,
    /// `reset`: no response came, for whatever reason.
    pub reset: bool,
    /// `reset-before-request`: nothing of the request had been sent.
    pub reset_before_request: bool,
    /// `connect-failure`: no connection came up.
    pub connect_failure: bool,
    /// `envoy-ratelimited`: the response carries x-envoy-ratelimited.
    pub envoy_ratelimited: bool,
    /// `retriable-4xx`: 409.
    pub retriable_4xx: bool,
    /// `refused-stream`: HTTP/2 REFUSED_STREAM.
    pub refused_stream: bool,
    /// `retriable-status-codes`: the policy lists the status.
    pub retriable_status_codes: bool,
    /// `retriable-headers`: the policy lists a header; none can be listed.
    pub retriable_headers: bool,
    /// `http3-post-connect-failure`: never happens here.
    pub http3_post_connect_failure: bool,
    /// `cancelled`: gRPC status 1.
    pub grpc_cancelled: bool,
    /// `deadline-exceeded`: gRPC status 4.
    pub grpc_deadline_exceeded: bool,
    /// `internal`: gRPC status 13.
    pub grpc_internal: bool,
    /// `resource-exhausted`: gRPC status 8.
    pub grpc_resource_exhausted: bool,
    /// `unavailable`: gRPC status 14.
    pub grpc_unavailable: bool,
}

/// Answers with another place to go. (envoy: RedirectAction)
#[derive(Debug, Clone, PartialEq)]
pub struct Redirect {
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
    /// New scheme, or the request's.
    pub scheme: Option<Arc<str>>,
    /// `https` unless `scheme` says otherwise.
    pub https: bool,
    /// New host, or the request's.
    pub host: Option<Arc<str>>,
    /// New port, or none.
    pub port: Option<u16>,
    /// How the path changes.
    pub path: RedirectPath,
    /// Drops the query.
    pub strip_query: bool,
}

/// How a redirect changes the path.
#[derive(Debug, Clone, PartialEq)]
pub enum RedirectPath {
    /// Not.
    Keep,
    /// Replaced.
    Full(Arc<str>),
    /// The matched prefix is replaced.
    Prefix(Arc<str>),
}

/// Answers here.
#[derive(Debug, Clone, PartialEq)]
pub struct DirectResponse {
    /// The status.
    pub status: u16,
    /// The body; empty: none.
    pub body: Arc<[u8]>,
}

/// Changes of headers, done in order: removals, then sets and additions.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HeaderMutations {
    /// To requests.
    pub request: Vec<HeaderMutation>,
    /// To responses.
    pub response: Vec<HeaderMutation>,
}

/// A change of one header; names are lower case, or `host` for :authority. Values are literal or
/// hold Envoy's command operators (`%DOWNSTREAM_REMOTE_ADDRESS%`).
#[derive(Debug, Clone, PartialEq)]
pub enum HeaderMutation {
    /// Removes every line of it.
    Remove(Arc<str>),
    /// Replaces every line of it with one.
    Set(Arc<str>, Arc<str>),
    /// Adds a line.
    Append(Arc<str>, Arc<str>),
    /// Adds a line if there is none.
    AddIfAbsent(Arc<str>, Arc<str>),
    /// Replaces it if it is there.
    SetIfPresent(Arc<str>, Arc<str>),
}
