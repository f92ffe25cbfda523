//! A scenario as the runner acts on it: checked, with every default filled in.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use outrigger_base::{Kind, Labels, ResourceKey};
use regex::Regex;

/// What a folder with a `scenario.yaml` asks for.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The folder; manifests are named relative to it.
    pub directory: PathBuf,
    /// A short name, unique among the examples.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// Files that stand from the start.
    pub manifests: Vec<PathBuf>,
    /// Machines, in the order of the file.
    pub hosts: Vec<Host>,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

impl Scenario {
    /// The host of that name.
    pub fn host(&self, name: &str) -> Option<&Host> {
        self.hosts.iter().find(|host| host.name == name)
    }
}

/// What a host plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostKind {
    /// Runs a pod of a Deployment, with an object of its own.
    Pod,
    /// A virtual machine; only manifests speak of it.
    Vm,
    /// Runs a gateway proxy and nothing else.
    Gateway,
    /// Sends requests.
    Client,
}

/// One machine: a network namespace with addresses of its own.
#[derive(Debug, Clone)]
pub struct Host {
    /// Unique in the scenario.
    pub name: String,
    /// What it plays.
    pub kind: HostKind,
    /// The Deployment whose pod it is; a pod without one is there from the start.
    pub workload: Option<ResourceKey>,
    /// At least one; those that the file leaves out are given by [`crate::load`].
    pub addresses: Vec<IpAddr>,
    /// Namespace of its proxy; of pods, that of the workload.
    pub namespace: String,
    /// Added to the labels of the pod's template; of others, the proxy's labels.
    pub labels: Labels,
    /// `region/zone/subzone`; empty if unknown.
    pub locality: String,
    /// Whether a proxy stands beside the app and captures its traffic.
    pub meshed: bool,
    /// What runs on it.
    pub app: Option<App>,
    /// A pod host that this one follows: while that one has not run yet, this one waits; from the
    /// second time that the workload is applied, this one comes up in its place.
    pub replaces: Option<String>,
}

impl Host {
    /// Whether a proxy runs on it.
    pub fn has_proxy(&self) -> bool {
        self.meshed || self.kind == HostKind::Gateway
    }
}

/// An application of `hello`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// Which one.
    pub run: AppKind,
    /// What it calls its version.
    pub version: String,
    /// Where it listens.
    pub port: u16,
    /// A name to answer with.
    pub name: Option<String>,
    /// Its environment.
    pub env: BTreeMap<String, String>,
}

/// The applications that `hello` plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppKind {
    /// Greets, and asks its backend.
    Hello,
    /// Describes itself and the request.
    Whoami,
    /// Tells its version.
    Versioned,
    /// A plain HTTP server.
    Http,
    /// A line echo.
    Tcp,
}

/// One thing that happens. Steps follow one another; a failed one does not keep the next from running.
#[derive(Debug, Clone)]
pub enum Step {
    /// Waits until every proxy has the current state.
    Wait {
        /// Fails if that takes longer.
        within: Duration,
    },
    /// Sends requests and looks at the answers.
    Request(Request),
    /// Applies the objects of a file, as `kubectl apply` would.
    Apply(PathBuf),
    /// Deletes an object.
    Delete(ObjectRef),
    /// Starts the processes of a host.
    Start(String),
    /// Ends the processes of a host in order.
    Stop(String),
    /// Kills the processes of a host.
    Kill(String),
    /// Sends requests at a steady rate from here until the last step is over; none may fail.
    Load(Load),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Wait { within } => write!(f, "wait until synced, at most {within:?}"),
            Step::Request(r) => write!(f, "{} × {} from {}", r.count, r.target, r.target.from),
            Step::Apply(file) => write!(f, "apply {}", file.display()),
            Step::Delete(object) => write!(f, "delete {object}"),
            Step::Start(host) => write!(f, "start {host}"),
            Step::Stop(host) => write!(f, "stop {host}"),
            Step::Kill(host) => write!(f, "kill {host}"),
            Step::Load(l) => write!(f, "load {} from {}, {}/s", l.target, l.target.from, l.rps),
        }
    }
}

/// An object as a step names it, `KIND/NAMESPACE/NAME` or `KIND/NAME`; other kinds than the known
/// ones are names too, for manifests may hold them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectRef {
    /// As the manifest spells it.
    pub kind: String,
    /// `default` if the step names none.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl ObjectRef {
    /// Whether it means the object of that key.
    pub fn is(&self, key: &ResourceKey) -> bool {
        let namespace_fits = key.kind == Kind::NAMESPACE || *key.namespace == *self.namespace;
        key.kind.kind == self.kind && *key.name == *self.name && namespace_fits
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.kind, self.namespace, self.name)
    }
}

/// What is asked, and from where.
#[derive(Debug, Clone)]
pub struct Target {
    /// The host that asks.
    pub from: String,
    /// `http://HOST[:PORT]/PATH`.
    pub url: http::Uri,
    /// GET unless said otherwise.
    pub method: http::Method,
    /// Sent as they stand; `host` among them replaces the URL's.
    pub headers: http::HeaderMap,
    /// Sent with every request.
    pub body: String,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.url)
    }
}

/// A number of requests with what must come of them.
#[derive(Debug, Clone)]
pub struct Request {
    /// What is asked.
    pub target: Target,
    /// How often.
    pub count: u64,
    /// How many at a time, each on a connection of its own.
    pub concurrency: usize,
    /// How long one answer may take.
    pub timeout: Duration,
    /// What must come of it.
    pub expect: Expect,
}

/// Requests at a steady rate.
#[derive(Debug, Clone)]
pub struct Load {
    /// What is asked.
    pub target: Target,
    /// How many in a second.
    pub rps: u32,
}

/// What must come of a request step. Shares are fractions of all requests of the step: 0 and 1 are
/// meant exactly, all others within 4.5 standard deviations of a binomial.
#[derive(Debug, Clone, Default)]
pub struct Expect {
    /// Share of each status.
    pub status: BTreeMap<u16, f64>,
    /// How many may fail: no whole answer, or a status from 400 that `status` does not name.
    pub failed: Option<u64>,
    /// Share of the answers whose body a pattern finds.
    pub shares: Vec<(Regex, f64)>,
}
