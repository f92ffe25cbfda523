//! The client against our server on loopback.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use outrigger_proto::type_url::{CLUSTER, ENDPOINT, LISTENER, ROUTE};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{ClientTiming, Config, Connection, Received, Rejected, Retry, Sink, Wanted, run};
use crate::Event;
use crate::test_support::{Publisher, Served, assets, eventually};

/// What a recording sink holds and saw.
#[derive(Default)]
struct Record {
    held: BTreeMap<(String, String), String>,
    updates: Vec<String>,
    connections: Vec<Connection>,
    known: Vec<(&'static str, String, String)>,
}

/// Wants endpoints for each cluster and a route of the same name for each listener; refuses every
/// resource with version `bad`.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Record>>);

impl Recorder {
    fn held(&self) -> Vec<String> {
        let record = self.0.lock().unwrap();
        record.held.iter().map(|((url, name), version)| format!("{url} {name}@{version}")).collect()
    }

    fn updates(&self) -> Vec<String> {
        self.0.lock().unwrap().updates.clone()
    }
}

fn short(url: &str) -> &'static str {
    match url {
        CLUSTER => "CDS",
        ENDPOINT => "EDS",
        LISTENER => "LDS",
        _ => "RDS",
    }
}

impl Sink for Recorder {
    fn update(&mut self, url: &str, changed: Vec<Received>, removed: Vec<String>) -> Vec<Rejected> {
        let mut record = self.0.lock().unwrap();
        let mut text = short(url).to_string();
        let mut rejected = Vec::new();
        for Received { name, version, body } in changed {
            text.push_str(&format!(" {name}@{version}"));
            assert_eq!(body, format!("{name}@{version}"));
            if version == "bad" {
                rejected.push(Rejected { name, reason: "it is bad".into() });
            } else {
                record.held.insert((short(url).into(), name), version);
            }
        }
        for name in removed {
            text.push_str(&format!(" -{name}"));
            record.held.remove(&(short(url).to_string(), name.clone()));
            if url == CLUSTER {
                record.held.remove(&("EDS".to_string(), name));
            }
        }
        record.updates.push(text);
        rejected
    }

    fn wanted(&self, url: &str) -> Wanted {
        let of = |kind: &str| -> BTreeSet<String> {
            let record = self.0.lock().unwrap();
            record.held.keys().filter(|(url, _)| url == kind).map(|(_, name)| name.clone()).collect()
        };
        match url {
            ENDPOINT => Wanted::Names(of("CDS")),
            ROUTE => Wanted::Names(of("LDS")),
            _ => Wanted::Wildcard,
        }
    }

    fn known(&self, url: &str) -> Vec<(String, String)> {
        let record = self.0.lock().unwrap();
        record.known.iter().filter(|k| k.0 == url).map(|(_, n, v)| (n.clone(), v.clone())).collect()
    }

    fn connection(&mut self, connection: Connection) {
        self.0.lock().unwrap().connections.push(connection);
    }
}

/// Runs until dropped.
struct Running(JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn start(address: SocketAddr, sink: &Recorder, timing: ClientTiming) -> Running {
    let mut config = Config::new(address.to_string(), Default::default());
    config.timing = timing;
    let sink = sink.clone();
    Running(tokio::spawn(async move {
        let _ = run(config, sink).await;
    }))
}

fn quick() -> ClientTiming {
    ClientTiming { retry_min: Duration::from_millis(10), ..ClientTiming::default() }
}

const FIRST: [&[&str]; 4] = [&["c@1"], &["c@1"], &["l@1"], &["l@1"]];

#[tokio::test]
async fn what_clusters_and_listeners_name_is_asked_for() {
    let publisher = Publisher::new(assets(1, FIRST));
    let served = Served::start(publisher.clone(), "127.0.0.1:0").await;
    let sink = Recorder::default();
    let _client = start(served.address, &sink, quick());
    eventually("everything arrives", || sink.held() == ["CDS c@1", "EDS c@1", "LDS l@1", "RDS l@1"]).await;
    publisher.assets.send_replace(assets(2, [&["d@1"], &["d@1"], &["l@1"], &["l@2"]]));
    eventually("the change arrives", || sink.held() == ["CDS d@1", "EDS d@1", "LDS l@1", "RDS l@2"]).await;
    assert_eq!(sink.updates()[4..8], ["CDS d@1", "EDS d@1", "RDS l@2", "CDS -c"]);
    eventually("it is settled", || publisher.settled().values().eq(&[Some(2)])).await;
    served.stop().await;
}

#[tokio::test]
async fn after_a_restart_of_the_control_plane_only_differences_travel() {
    let publisher = Publisher::new(assets(1, FIRST));
    let served = Served::start(publisher, "127.0.0.1:0").await;
    let address = served.address;
    let sink = Recorder::default();
    let _client = start(address, &sink, quick());
    eventually("everything arrives", || sink.held().len() == 4).await;
    served.stop().await;
    eventually("the loss is noticed", || {
        matches!(sink.0.lock().unwrap().connections.last(), Some(Connection::Down(_)))
    })
    .await;
    let before = sink.updates().len();
    let changed = assets(1, [&["c@1"], &["c@1"], &["l@1"], &["l@2"]]);
    let served = Served::start(Publisher::new(changed), &address.to_string()).await;
    eventually("the change arrives", || sink.held().contains(&"RDS l@2".to_string())).await;
    assert_eq!(sink.updates()[before..], ["RDS l@2"]);
    assert_eq!(sink.0.lock().unwrap().connections.last(), Some(&Connection::Up));
    served.stop().await;
}

#[tokio::test]
async fn what_is_known_from_disk_is_not_sent_again() {
    let served = Served::start(Publisher::new(assets(1, FIRST)), "127.0.0.1:0").await;
    let sink = Recorder::default();
    {
        let mut record = sink.0.lock().unwrap();
        for url in [CLUSTER, ENDPOINT, LISTENER, ROUTE] {
            let name = if matches!(url, CLUSTER | ENDPOINT) { "c" } else { "l" };
            let version = if url == ENDPOINT { "0" } else { "1" };
            record.held.insert((short(url).into(), name.into()), version.into());
            record.known.push((url, name.into(), version.into()));
        }
    }
    let _client = start(served.address, &sink, quick());
    eventually("the difference arrives", || sink.held().contains(&"EDS c@1".to_string())).await;
    assert_eq!(sink.updates(), ["EDS c@1"]);
    served.stop().await;
}

#[tokio::test]
async fn a_refused_resource_keeps_its_last_good_version_and_the_others_are_applied() {
    let publisher = Publisher::new(assets(1, FIRST));
    let served = Served::start(publisher.clone(), "127.0.0.1:0").await;
    let sink = Recorder::default();
    let _client = start(served.address, &sink, quick());
    eventually("everything arrives", || sink.held().len() == 4).await;
    publisher.assets.send_replace(assets(2, [&["c@bad", "d@1"], &["c@1", "d@1"], &["l@1"], &["l@1"]]));
    eventually("the good one is applied", || sink.held().contains(&"EDS d@1".to_string())).await;
    assert!(sink.held().contains(&"CDS c@1".to_string()));
    eventually("the server is told", || {
        publisher.count(|event| matches!(event, Event::Nacked { error, .. } if error == "c: it is bad")) == 1
    })
    .await;
    served.stop().await;
}

/// Passes bytes on until it is frozen; then old connections are silent for ever, without an end.
async fn freezable(to: SocketAddr) -> (SocketAddr, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (frozen, state) = watch::channel(false);
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut state = state.clone();
            let freezes_now = !*state.borrow();
            tokio::spawn(async move {
                let mut far = TcpStream::connect(to).await.unwrap();
                let freeze = async { drop(state.wait_for(|frozen| *frozen && freezes_now).await) };
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut near, &mut far) => return,
                    () = freeze => {}
                }
                std::future::pending::<()>().await;
            });
        }
    });
    (address, frozen)
}

#[tokio::test]
async fn a_server_that_vanishes_without_a_word_is_noticed() {
    let publisher = Publisher::new(assets(1, FIRST));
    let served = Served::start(publisher.clone(), "127.0.0.1:0").await;
    let (address, frozen) = freezable(served.address).await;
    let sink = Recorder::default();
    let timing = ClientTiming {
        keepalive_interval: Duration::from_millis(50),
        keepalive_timeout: Duration::from_millis(100),
        ..quick()
    };
    let _client = start(address, &sink, timing);
    eventually("everything arrives", || sink.held().len() == 4).await;
    frozen.send_replace(true);
    publisher.assets.send_replace(assets(2, [&["c@1"], &["c@2"], &["l@1"], &["l@1"]]));
    eventually("it arrives another way", || sink.held().contains(&"EDS c@2".to_string())).await;
    drop(_client);
    drop(served);
}

#[tokio::test]
async fn large_updates_are_applied_off_the_runtime() {
    let names: Vec<String> = (0..5000).map(|n| format!("c{n:0>40}@1")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let served = Served::start(Publisher::new(assets(1, [&names, &names, &[], &[]])), "127.0.0.1:0").await;
    let sink = Recorder::default();
    let _client = start(served.address, &sink, quick());
    eventually("everything arrives", || sink.held().len() == 10000).await;
    served.stop().await;
}

#[test]
fn a_control_plane_that_comes_back_is_seen_within_two_seconds() {
    let timing = ClientTiming::default();
    let mut retry = Retry::new(&timing);
    let first = retry.next();
    assert!((Duration::from_millis(50)..=Duration::from_millis(100)).contains(&first), "{first:?}");
    for _ in 0..1000 {
        assert!(retry.next() + timing.connect < Duration::from_secs(2));
    }
}

#[tokio::test]
async fn an_address_that_cannot_work_is_refused_at_once() {
    for target in ["", "http://", "https://a:1", "a b:1"] {
        let config = Config::new(target, Default::default());
        assert!(run(config, Recorder::default()).await.is_err(), "{target}");
    }
}
