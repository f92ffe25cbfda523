//! Many delta ADS clients in one process. When the last of them has received the next update of
//! endpoints or routes, a line says so with the time; the clock is the machine's monotonic one, which
//! the process that wrote the change reads too.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use outrigger_proto::envoy::config::core::v3::Node;
use outrigger_proto::google::protobuf::{Struct, Value, value::Kind};
use outrigger_proto::type_url;
use outrigger_xds::client::{self, Config, Received, Rejected, Sink, Wanted};

/// Nanoseconds of the monotonic clock.
pub fn monotonic() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: clock_gettime only writes the timespec that it is given.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// How many clients have received how many updates after their first state.
struct Counts {
    clients: usize,
    /// For each type: per client, the number of messages.
    seen: [Vec<u64>; 2],
    announced: [u64; 2],
}

const COUNTED: [&str; 2] = [type_url::ENDPOINT, type_url::ROUTE];

impl Counts {
    /// Counts a message; says so when every client has had as many.
    fn count(&mut self, client: usize, kind: usize) {
        self.seen[kind][client] += 1;
        let all = *self.seen[kind].iter().min().expect("there are clients");
        if all > self.announced[kind] && self.seen[kind].len() == self.clients {
            self.announced[kind] = all;
            let mut out = std::io::stdout().lock();
            let _ = writeln!(out, "{} {all} {}", ["endpoints", "routes"][kind], monotonic());
            let _ = out.flush();
        }
    }
}

struct CountingSink {
    client: usize,
    counts: Arc<Mutex<Counts>>,
    names: [BTreeSet<String>; 2],
}

impl Sink for CountingSink {
    fn update(&mut self, type_url: &str, changed: Vec<Received>, removed: Vec<String>) -> Vec<Rejected> {
        if type_url == type_url::CLUSTER {
            let named = changed.iter().filter(|c| c.name.starts_with("outbound|"));
            self.names[0].extend(named.map(|c| c.name.clone()));
            for name in &removed {
                self.names[0].remove(name);
            }
        }
        if type_url == type_url::LISTENER {
            // Every HTTP port's routes have the port for their name.
            let ports = changed.iter().filter_map(|l| l.name.strip_prefix("0.0.0.0_"));
            self.names[1].extend(ports.map(str::to_string));
        }
        if let Some(kind) = COUNTED.iter().position(|t| *t == type_url)
            && !changed.is_empty()
        {
            self.counts.lock().expect("no client panics").count(self.client, kind);
        }
        Vec::new()
    }

    fn wanted(&self, type_url: &str) -> Wanted {
        match COUNTED.iter().position(|t| *t == type_url) {
            Some(kind) => Wanted::Names(self.names[kind].clone()),
            None => Wanted::Wildcard,
        }
    }
}

/// `clients XDS-PORT COUNT`
pub fn run(arguments: &[String]) -> Result<()> {
    let number =
        |n: usize| arguments.get(n).and_then(|a| a.parse::<usize>().ok()).context("clients XDS-PORT COUNT");
    let (port, count) = (number(0)?, number(1)?);
    let counts = Arc::new(Mutex::new(Counts {
        clients: count,
        seen: [vec![0; count], vec![0; count]],
        announced: [0, 0],
    }));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        let tasks: Vec<_> = (0..count)
            .map(|client| {
                let sink = CountingSink { client, counts: counts.clone(), names: Default::default() };
                let config = Config::new(format!("127.0.0.1:{port}"), node(client));
                tokio::spawn(async move { client::run(config, sink).await })
            })
            .collect();
        for task in tasks {
            task.await??;
        }
        Ok(())
    })
}

fn node(client: usize) -> Node {
    let text = |s: &str| Value { kind: Some(Kind::StringValue(s.into())) };
    Node {
        id: format!("sidecar~10.200.0.{client}~client-{client}.many~many.svc.cluster.local"),
        metadata: Some(Struct { fields: [("NAMESPACE".to_string(), text("many"))].into_iter().collect() }),
        ..Node::default()
    }
}
