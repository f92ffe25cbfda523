//! Connections that are carried as bytes: chooses a cluster and a host, connects, copies both ways.

mod copy;

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use outrigger_traffic::{ResponseFlag, ResponseFlags, TcpProxy};

use crate::downstream::{Downstream, DownstreamFacts};
use crate::telemetry::{ConnectionRecord, RequestRecord, UpstreamFacts};
use crate::upstream::{Cluster, ConnectError, Connection, Host};
use crate::worker::Worker;

/// How often another host is looked for when one failed.
const OTHER_HOST_ATTEMPTS: u32 = 5;

/// Serves a connection until it ends.
pub async fn serve(downstream: Downstream, proxy: Arc<TcpProxy>, worker: Rc<Worker>) {
    let started = Instant::now();
    let (name, _) = proxy.cluster.choose(worker.random.next());
    let mut session = Session {
        started,
        cluster_name: name,
        cluster: None,
        host: None,
        local: None,
        failure: String::new(),
        flags: ResponseFlags::NONE,
        copied: copy::Copied::default(),
    };
    let connection = session.connect(&downstream, &proxy, &worker).await;
    let series = worker.telemetry.connection(&session.record(&downstream.facts));
    series.opened.inc();
    let Downstream { stream, read_ahead, facts, guard } = downstream;
    if let Some(upstream) = connection {
        let _active = session.host.as_ref().map(Host::begin);
        let counters = copy::Counters { received: &series.received, sent: &series.sent };
        let pair = copy::Pair { downstream: &stream, upstream: &upstream.stream };
        session.copied = copy::run(pair, read_ahead, proxy.idle_timeout, counters, &worker.scratch).await;
    }
    series.closed.inc();
    if !proxy.access_logs.is_empty() {
        let loggers = worker.telemetry.loggers(&proxy.access_logs);
        let record = session.record(&facts);
        worker.telemetry.log(&loggers, &RequestRecord::from(&record));
    }
    drop((stream, guard));
}

/// What becomes known about a connection.
struct Session<'a> {
    started: Instant,
    cluster_name: &'a str,
    cluster: Option<Rc<Cluster>>,
    host: Option<Rc<Host>>,
    local: Option<SocketAddr>,
    failure: String,
    flags: ResponseFlags,
    copied: copy::Copied,
}

impl Session<'_> {
    /// A connection to a host of the cluster. Without one, the flags say why.
    async fn connect(
        &mut self,
        downstream: &Downstream,
        proxy: &TcpProxy,
        worker: &Worker,
    ) -> Option<Connection> {
        let Some(cluster) = worker.cluster(self.cluster_name) else {
            self.flags.set(ResponseFlag::NoClusterFound);
            return None;
        };
        self.cluster = Some(cluster.clone());
        let mut tried: Vec<SocketAddr> = Vec::new();
        for _ in 0..proxy.max_connect_attempts.max(1) {
            let original = downstream.facts.original_dst;
            let Ok(host) = cluster.pick(original, &tried, OTHER_HOST_ATTEMPTS, &worker.random) else {
                self.flags.set(ResponseFlag::NoHealthyUpstream);
                return None;
            };
            self.host = Some(host.clone());
            tried.push(host.address);
            match cluster.connect(&host).await {
                Ok(connection) => {
                    self.flags = ResponseFlags::NONE;
                    self.local = Some(connection.local);
                    return Some(connection);
                }
                Err(ConnectError::Overflow) => {
                    self.flags = ResponseFlag::UpstreamOverflow.into();
                    return None;
                }
                Err(error) => {
                    self.flags = ResponseFlag::UpstreamConnectionFailure.into();
                    self.failure = error.to_string();
                }
            }
        }
        self.flags.set(ResponseFlag::UpstreamRetryLimitExceeded);
        None
    }

    fn record<'r>(&'r self, facts: &'r DownstreamFacts) -> ConnectionRecord<'r> {
        ConnectionRecord {
            downstream: facts,
            started: self.started,
            finished: Instant::now(),
            bytes_received: self.copied.received,
            bytes_sent: self.copied.sent,
            flags: self.flags,
            termination_details: if self.copied.idle { "idle_timeout" } else { "" },
            upstream: UpstreamFacts {
                cluster_name: Some(self.cluster_name),
                cluster: self.cluster.as_ref(),
                host: self.host.as_ref(),
                local: self.local,
                failure: (!self.failure.is_empty()).then_some(&*self.failure),
            },
        }
    }
}
