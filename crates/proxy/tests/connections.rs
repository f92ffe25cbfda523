//! A whole proxy over real sockets on loopback: listeners coming and going, bytes carried, drains.

// Helpers outside of #[test] functions may fail like tests.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use outrigger_proxy::{BindFailure, Options, Proxy};
use outrigger_traffic::{
    Balancer, ChainMatch, Cluster, ClusterChoice, ClusterEntry, Direction, Discovery, Endpoint, EndpointSet,
    Filter, FilterChain, Health, Inspect, Limits, Listener, Snapshot, TcpProxy, UpstreamProtocol,
    WorkloadRef,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const LONG: Duration = Duration::from_secs(10);

fn chain(name: &str, cluster: &str, matches: ChainMatch) -> FilterChain {
    let tcp = TcpProxy {
        stat_prefix: "t".into(),
        cluster: ClusterChoice::One(cluster.into()),
        idle_timeout: Some(Duration::from_secs(3600)),
        max_connect_attempts: 2,
        access_logs: Vec::new(),
    };
    FilterChain { name: name.into(), matches, filter: Filter::Tcp(Arc::new(tcp)), origins: Vec::new() }
}

fn listener(name: &str, address: SocketAddr, chains: Vec<FilterChain>) -> Listener {
    Listener {
        name: name.into(),
        address,
        additional_addresses: Vec::new(),
        bind: true,
        restores_original_dst: false,
        hands_off: false,
        inspect: Inspect::default(),
        chains,
        default_chain: None,
        direction: Direction::Outbound,
        backlog: None,
        origins: Vec::new(),
    }
}

fn cluster(name: &str, addresses: &[SocketAddr]) -> ClusterEntry {
    let endpoint = |address: &SocketAddr| Endpoint {
        address: *address,
        weight: 1,
        health: Health::Healthy,
        priority: 0,
        locality: Arc::default(),
        workload: Arc::new(WorkloadRef { name: "server".into(), ..WorkloadRef::default() }),
    };
    let set = EndpointSet::new(addresses.iter().map(endpoint).collect());
    ClusterEntry {
        cluster: Cluster {
            name: name.into(),
            discovery: Discovery::Static,
            balancer: Balancer::RoundRobin,
            connect_timeout: Duration::from_secs(5),
            protocol: UpstreamProtocol::Http1,
            limits: Limits::default(),
            idle_timeout: None,
            max_requests_per_connection: None,
            max_connection_duration: None,
            tcp_keepalive: None,
            services: Vec::new(),
            origins: Vec::new(),
        },
        endpoints: Arc::new(ArcSwap::from_pointee(set)),
    }
}

fn snapshot(listeners: Vec<Listener>, clusters: Vec<ClusterEntry>) -> Arc<Snapshot> {
    Arc::new(Snapshot::new(
        listeners.into_iter().map(|l| (l.name.clone(), Arc::new(l))).collect(),
        Default::default(),
        clusters.into_iter().map(|c| (c.cluster.name.clone(), Arc::new(c))).collect(),
    ))
}

fn any() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn start(workers: usize) -> Proxy {
    let options = Options { workers, drain_time: Duration::from_secs(3), ..Options::default() };
    Proxy::start(options).unwrap()
}

fn address(proxy: &Proxy, listener: &str) -> SocketAddr {
    proxy.listeners().iter().find(|l| &*l.listener == listener).unwrap().address
}

/// A server that says its name and then echoes until its client has ended.
async fn named_echo(name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                stream.write_all(name.as_bytes()).await?;
                let (mut read, mut write) = stream.split();
                tokio::io::copy(&mut read, &mut write).await?;
                write.shutdown().await
            });
        }
    });
    address
}

/// Sends `text`, ends the sending side, and reads to the end.
async fn talk(address: SocketAddr, text: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(text).await?;
    stream.shutdown().await?;
    let mut answer = Vec::new();
    timeout(LONG, stream.read_to_end(&mut answer)).await??;
    Ok(answer)
}

/// Waits until a condition holds.
async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..1000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("not in time: {what}");
}

#[tokio::test]
async fn bytes_pass_both_ways_with_half_close_and_are_counted() {
    let server = named_echo("s:").await;
    let proxy = start(2);
    let report = proxy.publish(snapshot(
        vec![listener("l", any(), vec![chain("c", "echo", ChainMatch::default())])],
        vec![cluster("echo", &[server])],
    ));
    assert!(report.failures.is_empty(), "{report:?}");
    let large = vec![b'x'; 3 << 20];
    let target = address(&proxy, "l");
    let (mut receiver, mut sender) = TcpStream::connect(target).await.unwrap().into_split();
    let sent = large.clone();
    let send = tokio::spawn(async move {
        sender.write_all(&sent).await.unwrap();
        sender.shutdown().await.unwrap();
    });
    let mut answer = Vec::new();
    timeout(LONG, receiver.read_to_end(&mut answer)).await.unwrap().unwrap();
    send.await.unwrap();
    assert_eq!(&answer[..2], b"s:");
    assert!(answer[2..] == large[..]);
    let has = |line: String| proxy.metrics().lines().any(|l| l.starts_with("istio_") && l.contains(&line));
    eventually("the connection is counted", async || {
        let metrics = proxy.metrics();
        let value =
            |name: &str| metrics.lines().find(|l| l.starts_with(name))?.rsplit(' ').next()?.parse().ok();
        value("istio_tcp_connections_closed_total{") == Some(1u64)
            && value("istio_tcp_received_bytes_total{") == Some(large.len() as u64)
            && value("istio_tcp_sent_bytes_total{") == Some(large.len() as u64 + 2)
    })
    .await;
    assert!(has("reporter=\"source\"".into()) && has("destination_workload=\"server\"".into()));
    eventually("nothing is open", async || proxy.connections() == 0).await;
}

#[tokio::test]
async fn endpoints_take_turns_and_a_dead_one_is_passed_over() {
    let (a, b) = (named_echo("a").await, named_echo("b").await);
    let dead = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let proxy = start(1);
    let entry = cluster("echo", &[a, b]);
    let endpoints = entry.endpoints.clone();
    proxy.publish(snapshot(
        vec![listener("l", any(), vec![chain("c", "echo", ChainMatch::default())])],
        vec![entry],
    ));
    let target = address(&proxy, "l");
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(talk(target, b"").await.unwrap());
    }
    seen.sort();
    assert_eq!(seen, [b"a", b"a", b"b", b"b"]);
    // Endpoints change without a new snapshot.
    endpoints.store(cluster("echo", &[dead, b]).endpoints.load_full());
    for _ in 0..4 {
        assert_eq!(talk(target, b"").await.unwrap(), b"b");
    }
    endpoints.store(Arc::default());
    assert_eq!(talk(target, b"").await.unwrap_or_default(), b"");
    assert!(proxy.metrics().contains("response_flags=\"UH\""));
}

#[tokio::test]
async fn the_first_bytes_choose_the_chain() {
    let (web, other, fallback) = (named_echo("web").await, named_echo("h2").await, named_echo("tcp").await);
    let proxy = start(1);
    let speaks = |p: &str| ChainMatch { application_protocols: vec![p.into()], ..ChainMatch::default() };
    let mut auto = listener(
        "l",
        any(),
        vec![chain("web", "web", speaks("http/1.1")), chain("h2", "other", speaks("h2c"))],
    );
    auto.default_chain = Some(chain("tcp", "fallback", ChainMatch::default()));
    auto.inspect = Inspect {
        tls: true,
        http: true,
        timeout: Some(Duration::from_millis(100)),
        continue_on_timeout: true,
        ..Inspect::default()
    };
    proxy.publish(snapshot(
        vec![auto],
        vec![cluster("web", &[web]), cluster("other", &[other]), cluster("fallback", &[fallback])],
    ));
    let target = address(&proxy, "l");
    assert_eq!(talk(target, b"GET / HTTP/1.1\r\n").await.unwrap(), b"webGET / HTTP/1.1\r\n");
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    assert_eq!(talk(target, preface).await.unwrap(), [&b"h2"[..], preface].concat());
    assert_eq!(talk(target, b"\x01\x02").await.unwrap(), b"tcp\x01\x02");
    // A client that waits for the server to speak gets it after the timeout.
    let mut silent = TcpStream::connect(target).await.unwrap();
    let mut first = [0; 3];
    timeout(LONG, silent.read_exact(&mut first)).await.unwrap().unwrap();
    assert_eq!(&first, b"tcp");
}

#[tokio::test]
async fn a_publish_touches_only_what_changed_and_loses_no_connection() {
    let (a, b) = (named_echo("a").await, named_echo("b").await);
    let proxy = start(2);
    let with = |cluster_name: &str, port: SocketAddr| {
        listener("stays", port, vec![chain("c", cluster_name, ChainMatch::default())])
    };
    let clusters = || vec![cluster("a", &[a]), cluster("b", &[b])];
    proxy.publish(snapshot(
        vec![with("a", any()), listener("goes", "127.0.0.2:0".parse().unwrap(), Vec::new())],
        clusters(),
    ));
    let (target, going) = (address(&proxy, "stays"), address(&proxy, "goes"));
    let mut held = TcpStream::connect(target).await.unwrap();
    let mut first = [0; 1];
    held.read_exact(&mut first).await.unwrap();
    let load = tokio::spawn(async move {
        let mut answers = Vec::new();
        for _ in 0..300 {
            answers.push(talk(target, b"").await.unwrap());
        }
        answers
    });
    for round in 0..50 {
        let name = if round % 2 == 0 { "b" } else { "a" };
        assert!(proxy.publish(snapshot(vec![with(name, any())], clusters())).failures.is_empty());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    proxy.publish(snapshot(vec![with("b", any())], clusters()));
    let answers = load.await.unwrap();
    assert!(answers.iter().all(|answer| answer == b"a" || answer == b"b"));
    assert_eq!(address(&proxy, "stays"), target, "the socket stayed");
    eventually("the new configuration is in force", async || talk(target, b"").await.unwrap() == b"b").await;
    eventually("the removed listener is closed", async || TcpStream::connect(going).await.is_err()).await;
    held.write_all(b"still here").await.unwrap();
    let mut echo = [0; 10];
    timeout(LONG, held.read_exact(&mut echo)).await.unwrap().unwrap();
    assert_eq!(&echo, b"still here");
}

#[tokio::test]
async fn an_address_in_use_is_reported_and_tried_again() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap();
    let proxy = start(2);
    let config = || snapshot(vec![listener("l", taken, Vec::new())], Vec::new());
    let report = proxy.publish(config());
    let [BindFailure { listener, address, why }] = &report.failures[..] else { panic!("{report:?}") };
    assert_eq!((&**listener, *address), ("l", taken));
    assert!(why.contains("in use"), "{why}");
    drop(holder);
    assert!(proxy.publish(config()).failures.is_empty());
    assert_eq!(proxy.listeners().len(), 1);
}

#[tokio::test]
async fn a_drain_keeps_accepting_and_ends_when_nothing_is_left() {
    let server = named_echo("s").await;
    let proxy = start(1);
    proxy.publish(snapshot(
        vec![listener("l", any(), vec![chain("c", "echo", ChainMatch::default())])],
        vec![cluster("echo", &[server])],
    ));
    let target = address(&proxy, "l");
    let mut held = TcpStream::connect(target).await.unwrap();
    held.read_exact(&mut [0; 1]).await.unwrap();
    proxy.drain();
    assert_eq!(talk(target, b"").await.unwrap(), b"s", "new connections are served while it drains");
    drop(held);
    timeout(LONG, proxy.drained()).await.expect("the drain ends early: nothing is connected");
    assert!(TcpStream::connect(target).await.is_err());
}
