//! The command line, turned into the agent's configuration.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use outrigger_agent::{CaptureRules, Engine, Ports, ProxyIdentity, Role, RunConfig, find_envoy};
use outrigger_base::{Labels, Locality, constants};

/// Carries a workload's traffic through the mesh, or stands alone as a gateway.
#[derive(Debug, Parser)]
#[command(name = "outrigger-proxy", version)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run beside a workload, or as a gateway, until SIGTERM or Ctrl-C; then drain and end.
    Run(Box<RunArguments>),
    /// Remove capture when the proxy that started this process is gone.
    #[command(hide = true)]
    CaptureGuard {
        /// The run whose capture it is.
        run: String,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum RoleName {
    /// Beside a workload.
    Sidecar,
    /// Alone, at the edge.
    Gateway,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum EngineName {
    /// Outrigger's own data plane.
    Native,
    /// An Envoy that this program starts and supervises.
    Envoy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CaptureName {
    /// Traffic is captured by an nftables table of our own.
    Nft,
    /// Nothing is captured.
    None,
}

#[derive(Debug, Args)]
pub struct RunArguments {
    /// The control plane's xDS address.
    #[arg(long, value_name = "HOST:PORT")]
    control_plane: String,
    /// What the proxy is for.
    #[arg(long, value_enum)]
    role: RoleName,
    /// Name of the workload's instance: the pod's, or the VM's.
    #[arg(long)]
    name: String,
    /// Namespace of the workload.
    #[arg(long, default_value = "default")]
    namespace: String,
    /// Addresses of the workload, its main one first, with commas between them.
    #[arg(long, value_name = "IP", value_delimiter = ',', required = true)]
    address: Vec<IpAddr>,
    /// Labels of the workload, with commas between them.
    #[arg(long, value_name = "KEY=VALUE", value_delimiter = ',')]
    labels: Vec<String>,
    /// Where the workload runs.
    #[arg(long, value_name = "REGION/ZONE/SUBZONE", default_value = "", hide_default_value = true)]
    locality: String,
    /// The cluster that the workload belongs to.
    #[arg(long, value_name = "NAME", default_value = constants::DEFAULT_CLUSTER_ID)]
    cluster_id: String,
    /// The network that the workload is in.
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    network: String,
    /// Name of the workload that the instance belongs to, e.g. the Deployment's [default: the name].
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    workload: String,
    /// The workload's service account.
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    service_account: String,
    /// What carries the traffic.
    #[arg(long, value_enum, default_value = "native")]
    engine: EngineName,
    /// How the workload's traffic reaches the proxy [default: nft for a sidecar, none for a gateway].
    #[arg(long, value_enum)]
    capture: Option<CaptureName>,
    /// Inbound ports that are not captured, with commas between them.
    #[arg(long, value_name = "PORT", value_delimiter = ',')]
    exclude_inbound: Vec<u16>,
    /// Destination ports that the workload reaches directly, with commas between them.
    #[arg(long, value_name = "PORT", value_delimiter = ',')]
    exclude_outbound: Vec<u16>,
    /// Threads that carry traffic [default: one for each CPU].
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
    /// Longest time that a stop waits for requests and connections under way, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 45)]
    drain_time: u64,
    /// Where the last good configuration is kept; a proxy of the same name starts with it
    /// [default: /var/lib/outrigger/proxy/NAME.NAMESPACE].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The Envoy binary [default: OUTRIGGER_ENVOY, else envoy on PATH].
    #[arg(long, value_name = "FILE")]
    envoy: Option<PathBuf>,
    /// Port of the admin interface, on loopback.
    #[arg(long, value_name = "PORT", default_value_t = constants::PORT_ADMIN)]
    admin_port: u16,
    /// Port that tells readiness, at /healthz/ready.
    #[arg(long, value_name = "PORT", default_value_t = constants::PORT_READINESS)]
    readiness_port: u16,
    /// Port of the metrics, at /stats/prometheus.
    #[arg(long, value_name = "PORT", default_value_t = constants::PORT_PROXY_METRICS)]
    metrics_port: u16,
}

impl RunArguments {
    /// Checks what clap cannot. `env` looks up an environment variable.
    pub fn into_config(self, env: impl Fn(&str) -> Option<String>) -> Result<RunConfig, String> {
        let role = match self.role {
            RoleName::Sidecar => Role::Sidecar,
            RoleName::Gateway => Role::Gateway,
        };
        let capture = match (self.capture, role) {
            (Some(CaptureName::Nft), Role::Gateway) => {
                return Err("--capture nft is for sidecars; a gateway listens on its own ports".into());
            }
            (Some(CaptureName::Nft), _) | (None, Role::Sidecar) => Some(CaptureRules {
                exclude_inbound: self.exclude_inbound,
                exclude_outbound: self.exclude_outbound,
            }),
            (Some(CaptureName::None), _) | (None, Role::Gateway) => None,
        };
        let engine = match self.engine {
            EngineName::Native => Engine::Native,
            EngineName::Envoy => {
                let named = self.envoy.or_else(|| env("OUTRIGGER_ENVOY").map(PathBuf::from));
                let binary =
                    find_envoy(named.as_deref(), env("PATH").as_deref()).map_err(|e| e.to_string())?;
                Engine::Envoy { binary }
            }
        };
        if self.workers == Some(0) {
            return Err("--workers must be at least 1".into());
        }
        let data_dir = self.data_dir.unwrap_or_else(|| {
            PathBuf::from("/var/lib/outrigger/proxy").join(format!("{}.{}", self.name, self.namespace))
        });
        Ok(RunConfig {
            control_plane: host_and_port(&self.control_plane)?,
            identity: ProxyIdentity {
                role,
                labels: Labels::parse(&self.labels).map_err(|e| format!("--labels: {e}"))?,
                locality: Locality::parse(&self.locality),
                addresses: self.address,
                cluster_id: self.cluster_id,
                network: self.network,
                workload_name: self.workload,
                service_account: self.service_account,
                name: self.name,
                namespace: self.namespace,
            },
            engine,
            capture,
            workers: self.workers,
            drain_time: Duration::from_secs(self.drain_time),
            data_dir,
            log_level: None,
            ports: Ports {
                admin: self.admin_port,
                readiness: self.readiness_port,
                metrics: self.metrics_port,
            },
        })
    }
}

fn host_and_port(text: &str) -> Result<(String, u16), String> {
    let wrong = || format!("--control-plane: '{text}' is not HOST:PORT, e.g. 10.0.0.1:15010");
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = port.parse().map_err(|_| wrong())?;
    if host.is_empty() { Err(wrong()) } else { Ok((host.to_string(), port)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(line: &str) -> Result<RunConfig, String> {
        let words = line.split_whitespace();
        let arguments = Arguments::try_parse_from(words).map_err(|e| e.to_string())?;
        match arguments.command {
            Command::Run(run) => run.into_config(|_| None),
            Command::CaptureGuard { .. } => Err("guard".into()),
        }
    }

    #[test]
    fn the_documented_line_is_understood() {
        let config = config(
            "outrigger-proxy run --control-plane [fd00::1]:15010 --role sidecar --name a --namespace ns \
             --address 10.0.0.1,fd00::2 --labels app=a,version=v1 --locality r/z/s --cluster-id C \
             --engine native --capture nft --workers 2",
        )
        .unwrap();
        assert_eq!(config.control_plane, ("fd00::1".to_string(), 15010));
        assert_eq!(config.identity.node_id(), "sidecar~10.0.0.1~a.ns~ns.svc.cluster.local");
        assert_eq!(config.identity.labels.get("version"), Some("v1"));
        assert!(config.capture.is_some());
    }

    #[test]
    fn mistakes_are_named() {
        let run = |rest: &str| {
            let line = "outrigger-proxy run --name a --address 10.0.0.1 --control-plane";
            config(&format!("{line} {rest}")).unwrap_err()
        };
        assert!(run("nowhere --role gateway").contains("HOST:PORT"));
        assert!(run("h:1 --role gateway --capture nft").contains("for sidecars"));
        assert!(run("h:1 --role gateway --labels app").contains("KEY=VALUE"));
        assert!(run("h:1 --role gateway --workers 0").contains("at least 1"));
        assert!(run("h:1 --role sidekick").contains("gateway"));
    }
}
