//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use outrigger_base::constants;

/// A service mesh in which a virtual machine is as good a citizen as a pod.
#[derive(Debug, Parser)]
#[command(name = "outrigger", version)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a control plane on a directory of manifests.
    Up(UpArguments),
    /// Run a scenario in network namespaces and compare what was answered with what was asked for.
    Demo(DemoArguments),
    /// Say which listener, route, cluster and endpoints a request gets, and why. Sends nothing.
    Explain(Box<ExplainArguments>),
    /// Show what each connected proxy was sent and has acknowledged.
    #[command(alias = "ps")]
    ProxyStatus(ProxyStatusArguments),
}

#[derive(Debug, Args)]
pub struct UpArguments {
    /// Directory of manifests, or one file; may be given several times. Changes are picked up.
    #[arg(short = 'f', long = "filename", value_name = "PATH", required = true)]
    pub filename: Vec<PathBuf>,
    /// Where xDS is served, in plaintext.
    #[arg(long, value_name = "ADDR:PORT", default_value_t = ([127, 0, 0, 1], constants::PORT_XDS).into())]
    pub xds: SocketAddr,
    /// Where metrics, status and readiness are served.
    #[arg(long, value_name = "ADDR:PORT", default_value_t = ([127, 0, 0, 1], constants::PORT_CONTROL_ADMIN).into())]
    pub admin: SocketAddr,
    /// Istio's MeshConfig, as YAML.
    #[arg(long, value_name = "FILE")]
    pub mesh_config: Option<PathBuf>,
    /// The cluster that all workloads belong to.
    #[arg(long, value_name = "NAME", default_value = constants::DEFAULT_CLUSTER_ID)]
    pub cluster_id: String,
    /// The network that pods are in.
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub network: String,
    /// Start although security that the manifests ask for is not enforced.
    #[arg(long)]
    pub allow_unenforced: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EngineName {
    /// Outrigger's own data plane.
    Native,
    /// A supervised Envoy.
    Envoy,
}

#[derive(Debug, Args)]
pub struct DemoArguments {
    /// An example's name, or a folder with a scenario.yaml.
    #[arg(value_name = "NAME|DIR", default_value = "traffic-shift")]
    pub scenario: String,
    /// What carries the traffic of meshed hosts and gateways.
    #[arg(long, value_enum, default_value = "native")]
    pub engine: EngineName,
    /// Requests of every request step, in place of the scenario's own number.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub requests: Option<u64>,
    /// Print the verdict as JSON, and nothing else to standard output.
    #[arg(long)]
    pub json: bool,
    /// Keep the folder with logs and manifests.
    #[arg(long)]
    pub keep: bool,
    /// List the examples.
    #[arg(long, conflicts_with_all = ["schema"])]
    pub list: bool,
    /// Print the JSON schema of scenario.yaml.
    #[arg(long)]
    pub schema: bool,
    /// The Envoy binary [default: OUTRIGGER_ENVOY, else target/venv, else envoy on PATH].
    #[arg(long, value_name = "FILE")]
    pub envoy: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RoleName {
    /// Beside a workload.
    Sidecar,
    /// Alone, at the edge.
    Gateway,
}

#[derive(Debug, Args)]
pub struct ExplainArguments {
    /// Directory of manifests, or one file; may be given several times.
    #[arg(short = 'f', long = "filename", value_name = "PATH", required = true)]
    pub filename: Vec<PathBuf>,
    /// Who asks: a Pod, Deployment or WorkloadEntry.
    #[arg(long, value_name = "[KIND/]NAMESPACE/NAME", group = "origin")]
    pub from: Option<String>,
    /// The gateway that is asked: a Gateway object.
    #[arg(long, value_name = "NAMESPACE/NAME", group = "origin")]
    pub gateway: Option<String>,
    /// A proxy that no manifest names; with --namespace, --labels and --address.
    #[arg(long, value_enum, group = "origin", requires = "namespace")]
    pub proxy: Option<RoleName>,
    /// Namespace of --proxy.
    #[arg(long, requires = "proxy")]
    pub namespace: Option<String>,
    /// Labels of --proxy, with commas between them.
    #[arg(long, value_name = "KEY=VALUE", value_delimiter = ',', requires = "proxy")]
    pub labels: Vec<String>,
    /// Address of --proxy.
    #[arg(long, value_name = "IP", value_delimiter = ',', requires = "proxy")]
    pub address: Vec<std::net::IpAddr>,
    /// The request's method.
    #[arg(short = 'X', long, default_value = "GET")]
    pub method: String,
    /// A header of the request; may be given several times.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub headers: Vec<String>,
    /// A raw connection in place of a request.
    #[arg(long, value_name = "IP:PORT", conflicts_with_all = ["url", "method", "headers"])]
    pub tcp: Option<SocketAddr>,
    /// The server name that the connection's TLS asks for.
    #[arg(long, value_name = "HOST", requires = "tcp")]
    pub sni: Option<String>,
    /// The connection starts with TLS.
    #[arg(long, requires = "tcp")]
    pub tls: bool,
    /// Show the receiving side: the proxy of --from if the request is for it, else of whom it would reach.
    #[arg(long)]
    pub inbound: bool,
    /// Istio's MeshConfig, as YAML.
    #[arg(long, value_name = "FILE")]
    pub mesh_config: Option<PathBuf>,
    /// Print the decision as JSON.
    #[arg(long)]
    pub json: bool,
    /// What is asked for, e.g. http://reviews:9080/.
    #[arg(value_name = "URL", required_unless_present = "tcp")]
    pub url: Option<String>,
}

#[derive(Debug, Args)]
pub struct ProxyStatusArguments {
    /// Show only proxies whose name holds this.
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// The control plane's admin address.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:15014")]
    pub admin: String,
    /// Print what the control plane says as JSON.
    #[arg(long)]
    pub json: bool,
}
