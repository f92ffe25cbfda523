//! Transparent capture in a network namespace of our own: connections are redirected by nftables, and
//! the proxy passes them on to where they wanted to go.

// Helpers outside of #[test] functions may fail like tests.
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use outrigger_proxy::{Options, Proxy};
use outrigger_testkit::in_namespace;
use outrigger_traffic::{
    Balancer, ChainMatch, Cluster, ClusterChoice, ClusterEntry, Direction, Discovery, Filter, FilterChain,
    Inspect, Limits, Listener, Snapshot, TcpProxy, UpstreamProtocol,
};

const MARK: u32 = 1337;

#[test]
fn captured_connections_reach_their_destination_and_direct_ones_do_not_loop() {
    if !in_namespace("captured_connections_reach_their_destination_and_direct_ones_do_not_loop") {
        return;
    }
    let rules = format!(
        "table inet test {{ chain out {{ type nat hook output priority -100; \
         meta mark != {MARK} tcp dport 8080 redirect to :15001\n}}\n}}"
    );
    run("nft", &[&rules]);
    let options = Options { capture: true, mark: Some(MARK), ..Options::default() };
    let proxy = Proxy::start(options).unwrap();
    let report = proxy.publish(Arc::new(snapshot()));
    assert!(report.failures.is_empty(), "{report:?}");
    for address in ["127.0.0.1:8080", "[::1]:8080"] {
        let destination: SocketAddr = address.parse().unwrap();
        serve_once(destination);
        let mut client = connect(destination);
        client.write_all(b"hello").unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, format!("hello at {destination}"));
    }
    // Nothing was redirected: the original destination is the listener itself.
    let mut direct = connect("127.0.0.1:15001".parse().unwrap());
    let mut answer = Vec::new();
    let _ = direct.read_to_end(&mut answer);
    assert!(answer.is_empty());
    let metrics = proxy.metrics();
    let opened: u64 = metrics
        .lines()
        .filter(|line| line.starts_with("istio_tcp_connections_opened_total{"))
        .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
        .sum();
    assert_eq!(opened, 3, "{metrics}");
    assert!(metrics.contains("destination_service_name=\"PassthroughCluster\""));
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}

fn connect(address: SocketAddr) -> TcpStream {
    let client = TcpStream::connect_timeout(&address, Duration::from_secs(5)).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    client
}

/// Answers one connection with what it read and the address that it was reached at.
fn serve_once(address: SocketAddr) {
    let listener = TcpListener::bind(address).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut read = [0; 5];
        stream.read_exact(&mut read).unwrap();
        let at = stream.local_addr().unwrap();
        write!(stream, "{} at {at}", String::from_utf8_lossy(&read)).unwrap();
    });
}

fn snapshot() -> Snapshot {
    let tcp = TcpProxy {
        stat_prefix: "t".into(),
        cluster: ClusterChoice::One("PassthroughCluster".into()),
        idle_timeout: None,
        max_connect_attempts: 1,
        access_logs: Vec::new(),
    };
    let chain = FilterChain {
        name: "c".into(),
        matches: ChainMatch::default(),
        filter: Filter::Tcp(Arc::new(tcp)),
        origins: Vec::new(),
    };
    let listener = Listener {
        name: "virtualOutbound".into(),
        address: "0.0.0.0:15001".parse().unwrap(),
        additional_addresses: vec!["[::]:15001".parse().unwrap()],
        bind: true,
        restores_original_dst: true,
        hands_off: true,
        inspect: Inspect::default(),
        chains: vec![chain],
        default_chain: None,
        direction: Direction::Outbound,
        backlog: None,
        origins: Vec::new(),
    };
    let cluster = Cluster {
        name: "PassthroughCluster".into(),
        discovery: Discovery::OriginalDst,
        balancer: Balancer::ClusterProvided,
        connect_timeout: Duration::from_secs(5),
        protocol: UpstreamProtocol::Http1,
        limits: Limits::default(),
        idle_timeout: None,
        max_requests_per_connection: None,
        max_connection_duration: None,
        tcp_keepalive: None,
        services: Vec::new(),
        origins: Vec::new(),
    };
    let entry = ClusterEntry { cluster, endpoints: Arc::default() };
    Snapshot::new(
        [("virtualOutbound".into(), Arc::new(listener))].into_iter().collect(),
        Default::default(),
        [("PassthroughCluster".into(), Arc::new(entry))].into_iter().collect(),
    )
}
