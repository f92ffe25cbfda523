//! Endpoints of clusters that name hosts: resolved in the background, again and again. What was
//! found last stays while a name cannot be resolved.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ahash::AHashMap;
use outrigger_traffic::{
    ClusterEntry, Discovery, DnsFamily, DnsOptions, DnsTarget, Endpoint, EndpointSet, Health, Snapshot,
};
use tokio::task::JoinHandle;

/// Shortest and longest pause after a failure.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Resolves for all clusters of a snapshot. Must be used on a runtime.
#[derive(Default)]
pub struct Resolver {
    tasks: AHashMap<Arc<str>, Resolution>,
}

struct Resolution {
    entry: Arc<ClusterEntry>,
    task: JoinHandle<()>,
}

impl Resolver {
    /// Resolves for this snapshot's clusters from now on. Those whose names stayed go on undisturbed.
    pub fn set_snapshot(&mut self, snapshot: &Snapshot) {
        let mut old = std::mem::take(&mut self.tasks);
        for (name, entry) in &snapshot.clusters {
            let Some((options, first_only)) = options(entry) else { continue };
            let resolution = match old.remove(name) {
                Some(old) if is_same(&old.entry, entry) => old,
                replaced => {
                    if let Some(replaced) = replaced {
                        replaced.task.abort();
                    }
                    let task = tokio::spawn(run(entry.clone(), options.clone(), first_only));
                    Resolution { entry: entry.clone(), task }
                }
            };
            self.tasks.insert(name.clone(), resolution);
        }
        old.into_values().for_each(|resolution| resolution.task.abort());
    }
}

/// How a cluster is resolved, and whether only the first address counts.
fn options(entry: &ClusterEntry) -> Option<(&DnsOptions, bool)> {
    match &entry.cluster.discovery {
        Discovery::StrictDns(options) => Some((options, false)),
        Discovery::LogicalDns(options) => Some((options, true)),
        Discovery::Eds(_) | Discovery::Static | Discovery::OriginalDst => None,
    }
}

fn is_same(a: &ClusterEntry, b: &ClusterEntry) -> bool {
    Arc::ptr_eq(&a.endpoints, &b.endpoints) && a.cluster.discovery == b.cluster.discovery
}

async fn run(entry: Arc<ClusterEntry>, options: DnsOptions, first_only: bool) {
    let mut known: Vec<Vec<IpAddr>> = vec![Vec::new(); options.targets.len()];
    let mut failures = 0;
    loop {
        let mut failed = false;
        for (target, addresses) in options.targets.iter().zip(&mut known) {
            match resolve(target, options.family).await {
                Ok(found) => *addresses = found,
                Err(error) => {
                    if failures == 0 {
                        let (cluster, host) = (&entry.cluster.name, &target.host);
                        tracing::warn!(%cluster, %host, %error, "cannot resolve; what was known stays");
                    }
                    failed = true;
                }
            }
        }
        let set = endpoints(&options, &known, first_only);
        if *entry.endpoints.load_full() != set {
            entry.endpoints.store(Arc::new(set));
        }
        failures = if failed { failures + 1 } else { 0 };
        let pause = match failures {
            0 => options.refresh,
            n => RETRY.1.min(RETRY.0 * 2u32.saturating_pow(n - 1)).min(options.refresh),
        };
        tokio::time::sleep(pause).await;
    }
}

async fn resolve(target: &DnsTarget, family: DnsFamily) -> std::io::Result<Vec<IpAddr>> {
    if let Ok(address) = target.host.parse() {
        return Ok(vec![address]);
    }
    let found = tokio::net::lookup_host((&*target.host, target.port)).await?;
    Ok(of_family(found.map(|address| address.ip()).collect(), family))
}

/// The addresses that count, each once, in the order of the answer.
fn of_family(mut found: Vec<IpAddr>, family: DnsFamily) -> Vec<IpAddr> {
    let mut seen = ahash::AHashSet::new();
    found.retain(|address| seen.insert(*address));
    let v4_first = match family {
        DnsFamily::All => return found,
        DnsFamily::V4Only | DnsFamily::V4Preferred => true,
        DnsFamily::V6Only | DnsFamily::Auto => false,
    };
    let only = matches!(family, DnsFamily::V4Only | DnsFamily::V6Only);
    let (v4, v6): (Vec<IpAddr>, Vec<IpAddr>) = found.into_iter().partition(IpAddr::is_ipv4);
    let (wanted, other) = if v4_first { (v4, v6) } else { (v6, v4) };
    if wanted.is_empty() && !only { other } else { wanted }
}

fn endpoints(options: &DnsOptions, known: &[Vec<IpAddr>], first_only: bool) -> EndpointSet {
    let mut all = Vec::new();
    for (target, addresses) in options.targets.iter().zip(known) {
        let most = if first_only { 1 } else { addresses.len() };
        all.extend(addresses.iter().take(most).map(|address| Endpoint {
            address: SocketAddr::new(*address, target.port),
            weight: target.weight.max(1),
            health: Health::Healthy,
            priority: target.priority,
            locality: target.locality.clone(),
            workload: target.workload.clone(),
        }));
    }
    EndpointSet::new(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_kept_and_a_preference_falls_back() {
        let ips = |text: &[&str]| text.iter().map(|ip| ip.parse().unwrap()).collect::<Vec<IpAddr>>();
        let both = ips(&["10.0.0.1", "::1", "10.0.0.1"]);
        assert_eq!(of_family(both.clone(), DnsFamily::All), ips(&["10.0.0.1", "::1"]));
        assert_eq!(of_family(both.clone(), DnsFamily::Auto), ips(&["::1"]));
        assert_eq!(of_family(both.clone(), DnsFamily::V4Preferred), ips(&["10.0.0.1"]));
        assert_eq!(of_family(ips(&["10.0.0.1"]), DnsFamily::Auto), ips(&["10.0.0.1"]));
        assert_eq!(of_family(ips(&["10.0.0.1"]), DnsFamily::V6Only), ips(&[]));
        assert_eq!(of_family(both, DnsFamily::V4Only), ips(&["10.0.0.1"]));
    }
}
