//! The answer, and its JSON form.

use outrigger_base::ResourceKey;
use outrigger_traffic::ResponseFlag;
use serde::{Serialize, Serializer};

/// The version of the JSON form.
const VERSION: u32 = 1;

/// What becomes of a request and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// Of the JSON form.
    pub version: u32,
    /// Which side of which proxy decides.
    pub direction: Direction,
    /// The listener that takes the connection.
    pub listener: Option<String>,
    /// Its filter chain; one without a name is `#` and its position.
    pub filter_chain: Option<String>,
    /// The virtual host that takes the request.
    pub virtual_host: Option<String>,
    /// Its route; one without a name is `#` and its position.
    pub route: Option<String>,
    /// Where requests go, with their shares, which add up to 1.
    pub clusters: Vec<ClusterShare>,
    /// How it ends.
    pub outcome: Outcome,
    /// How it came to this, in order.
    pub steps: Vec<Step>,
    /// What was found wrong, or has no effect.
    pub warnings: Vec<String>,
}

/// Which side of which proxy decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The caller's sidecar.
    Outbound,
    /// The receiver's sidecar.
    Inbound,
    /// A gateway.
    Gateway,
}

/// A cluster and what part of all requests it gets.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClusterShare {
    /// Its name.
    pub name: String,
    /// A fraction of all requests.
    pub share: f64,
    /// What becomes of those.
    pub outcome: OutcomeKind,
    /// Who answers them.
    pub endpoints: Vec<EndpointShare>,
}

/// An endpoint and what part of all requests it gets.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EndpointShare {
    /// An address, or a name that the proxy resolves.
    pub address: String,
    /// Its port.
    pub port: u16,
    /// A fraction of all requests.
    pub share: f64,
    /// The object behind it, as `Kind/namespace/name`.
    pub workload: Option<String>,
}

/// How a request ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// In one word.
    pub kind: OutcomeKind,
    /// The status that the proxy itself answers with, if it does.
    pub status: Option<u16>,
    /// The response flag that logs show, if there is one.
    #[serde(serialize_with = "short")]
    pub flag: Option<ResponseFlag>,
}

impl Outcome {
    pub(crate) fn new(
        kind: OutcomeKind,
        status: impl Into<Option<u16>>,
        flag: impl Into<Option<ResponseFlag>>,
    ) -> Outcome {
        Outcome { kind, status: status.into(), flag: flag.into() }
    }

    pub(crate) fn plain(kind: OutcomeKind) -> Outcome {
        Outcome::new(kind, None, None)
    }
}

fn short<S: Serializer>(flag: &Option<ResponseFlag>, serializer: S) -> Result<S::Ok, S::Error> {
    flag.map(ResponseFlag::short).serialize(serializer)
}

/// How a request, or a part of all requests, ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeKind {
    /// An endpoint gets it.
    Forward,
    /// The proxy answers it.
    DirectResponse,
    /// The proxy sends the client elsewhere.
    Redirect,
    /// It goes where the caller wanted, unseen by any rule.
    Passthrough,
    /// The proxy ends it because the destination is not known.
    Blackhole,
    /// No listener takes the connection.
    NoListener,
    /// No filter chain of the listener takes the connection.
    NoFilterChain,
    /// No virtual host or no route takes it.
    NoRoute,
    /// Its cluster does not exist.
    NoCluster,
    /// Its cluster is empty.
    NoEndpoint,
}

impl OutcomeKind {
    /// As JSON has it.
    pub fn name(self) -> &'static str {
        match self {
            OutcomeKind::Forward => "forward",
            OutcomeKind::DirectResponse => "direct_response",
            OutcomeKind::Redirect => "redirect",
            OutcomeKind::Passthrough => "passthrough",
            OutcomeKind::Blackhole => "blackhole",
            OutcomeKind::NoListener => "no_listener",
            OutcomeKind::NoFilterChain => "no_filter_chain",
            OutcomeKind::NoRoute => "no_route",
            OutcomeKind::NoCluster => "no_cluster",
            OutcomeKind::NoEndpoint => "no_endpoint",
        }
    }
}

/// A decision on the way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// What was decided.
    pub stage: Stage,
    /// What was chosen; absent if nothing was.
    pub chosen: Option<String>,
    /// The object that decided; absent if none did.
    pub object: Option<ResourceKey>,
    /// Why it was chosen.
    pub why: String,
    /// What was not chosen.
    pub rejected: Vec<Rejected>,
}

/// What is decided by a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Which proxy sees the request.
    Proxy,
    /// What address a name stands for.
    Name,
    /// Which listener takes the connection.
    Listener,
    /// Which of its filter chains.
    FilterChain,
    /// Which virtual host takes the request.
    VirtualHost,
    /// Which of its routes.
    Route,
    /// Where it goes.
    Cluster,
    /// Who answers.
    Endpoint,
}

impl Stage {
    /// In words.
    pub fn title(self) -> &'static str {
        match self {
            Stage::Proxy => "proxy",
            Stage::Name => "name",
            Stage::Listener => "listener",
            Stage::FilterChain => "filter chain",
            Stage::VirtualHost => "virtual host",
            Stage::Route => "route",
            Stage::Cluster => "cluster",
            Stage::Endpoint => "endpoint",
        }
    }
}

/// A candidate that was not chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// Its name.
    pub candidate: String,
    /// Why not.
    pub why: String,
}

impl Explanation {
    /// The beginning of one, before anything is decided.
    pub(crate) fn begin(direction: Direction) -> Explanation {
        Explanation {
            version: VERSION,
            direction,
            listener: None,
            filter_chain: None,
            virtual_host: None,
            route: None,
            clusters: Vec::new(),
            outcome: Outcome::plain(OutcomeKind::NoListener),
            steps: Vec::new(),
            warnings: Vec::new(),
        }
    }

    pub(crate) fn end(mut self, outcome: Outcome) -> Explanation {
        self.outcome = outcome;
        self
    }

    /// Each warning once, in the order in which they came.
    pub(crate) fn tidy_warnings(&mut self) {
        let mut seen = std::collections::HashSet::new();
        self.warnings.retain(|warning| seen.insert(warning.clone()));
    }
}

impl Step {
    pub(crate) fn new(stage: Stage, chosen: Option<String>, why: impl Into<String>) -> Step {
        Step { stage, chosen, object: None, why: why.into(), rejected: Vec::new() }
    }

    /// Names the object that decided: the first of some.
    pub(crate) fn by(mut self, origins: &[ResourceKey]) -> Step {
        self.object = origins.first().cloned();
        self
    }

    pub(crate) fn instead_of(mut self, rejected: Vec<Rejected>) -> Step {
        self.rejected.extend(rejected);
        self
    }
}
