//! Whole nodes against a control plane of this process, over real sockets.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use outrigger_proto::envoy::config::core::v3::Node as XdsNode;
use outrigger_proto::type_url;
use outrigger_xds::{Assets, ClientId, Event, Provider, Resource, Subscription};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};

use crate::test_support::{eds_cluster, endpoints, http_listener, routes};
use crate::{Node, NodeConfig, Readiness, Role};

mod hardship;

const ID: &str = "router~127.0.0.1~gw.ns~ns.svc.cluster.local";

/// A control plane that serves one state to everyone.
struct ControlPlane {
    assets: watch::Sender<Arc<Assets>>,
    nacks: Mutex<Vec<String>>,
}

impl Provider for ControlPlane {
    fn connect(&self, node: &XdsNode, _: Option<SocketAddr>) -> Result<Subscription, tonic::Status> {
        assert_eq!(node.id, ID);
        Ok(Subscription { id: ClientId(1), assets: self.assets.subscribe() })
    }

    fn report(&self, _: ClientId, event: Event) {
        if let Event::Nacked { error, .. } = event {
            self.nacks.lock().unwrap().push(error);
        }
    }
}

type Body = (&'static str, &'static str, Vec<u8>);

fn assets(version: u64, resources: Vec<Body>) -> Arc<Assets> {
    let types = [type_url::CLUSTER, type_url::ENDPOINT, type_url::LISTENER, type_url::ROUTE];
    let of = |url: &'static str| {
        let own = resources.iter().filter(|(kind, ..)| *kind == url).map(|(_, name, body)| {
            let version: String =
                body.iter().fold(7u64, |h, b| h.wrapping_mul(31) + u64::from(*b)).to_string();
            let resource = Resource {
                name: (*name).into(),
                version: version.into(),
                body: body.clone().into(),
                needs: None,
            };
            (Arc::from(*name), Arc::new(resource))
        });
        (url, Arc::new(own.collect::<BTreeMap<_, _>>()))
    };
    Arc::new(Assets { version, types: types.map(of).to_vec() })
}

/// A gateway's configuration that sends everything to one server.
fn gateway(server: SocketAddr) -> Vec<Body> {
    vec![
        (type_url::CLUSTER, "c", eds_cluster("c")),
        (type_url::ENDPOINT, "c", endpoints("c", &[server])),
        (type_url::LISTENER, "l", http_listener("l", ([127, 0, 0, 1], 0).into(), "r")),
        (type_url::ROUTE, "r", routes("r", "c", None)),
    ]
}

async fn control_plane(first: Arc<Assets>) -> (SocketAddr, Arc<ControlPlane>, oneshot::Sender<()>) {
    let plane = Arc::new(ControlPlane { assets: watch::channel(first).0, nacks: Mutex::default() });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let service = outrigger_xds::server(plane.clone());
    tokio::spawn(outrigger_xds::serve(listener, service, async move {
        let _ = stopped.await;
    }));
    (address, plane, stop)
}

/// A server that answers every request with its name.
async fn server(name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut seen = Vec::new();
                loop {
                    let mut chunk = [0; 4096];
                    let count = stream.read(&mut chunk).await?;
                    if count == 0 {
                        return std::io::Result::Ok(());
                    }
                    seen.extend_from_slice(&chunk[..count]);
                    while let Some(end) = seen.windows(4).position(|w| w == b"\r\n\r\n") {
                        seen.drain(..end + 4);
                        let answer =
                            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{name}", name.len());
                        stream.write_all(answer.as_bytes()).await?;
                    }
                }
            });
        }
    });
    address
}

async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    request("GET", address, path).await
}

async fn request(method: &str, address: SocketAddr, path: &str) -> (u16, String) {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: a.example\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    let answer = tokio::time::timeout(Duration::from_secs(10), exchange).await.unwrap().unwrap_or_default();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, body.to_owned())
}

async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..1000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not in time: {what}");
}

fn config(control_plane: SocketAddr) -> NodeConfig {
    let any = Some(([127, 0, 0, 1], 0).into());
    let mut config = NodeConfig::new(control_plane.to_string(), ID, Role::Gateway);
    config.metadata = serde_json::json!({"NAME": "gw", "NAMESPACE": "ns", "WORKLOAD_NAME": "gw"})
        .as_object()
        .unwrap()
        .clone();
    NodeConfig { admin: any, readiness: any, metrics: any, ..config }
}

fn listener_of(node: &Node) -> SocketAddr {
    node.listeners()[0].address
}

#[tokio::test]
async fn a_node_serves_what_the_control_plane_says_and_follows_it() {
    let (one, two) = (server("one").await, server("two").await);
    let (address, plane, _stop) = control_plane(assets(1, gateway(one))).await;
    let node = Node::start(config(address)).await.unwrap();
    let readiness = node.readiness_address().unwrap();
    eventually("it is ready", async || get(readiness, "/healthz/ready").await.0 == 200).await;
    let gateway_address = listener_of(&node);
    assert_eq!(get(gateway_address, "/x").await, (200, "one".into()));

    // Endpoints alone.
    plane.assets.send_replace(assets(2, gateway(two)));
    eventually("the other server answers", async || get(gateway_address, "/x").await.1 == "two").await;

    // A bad route is refused by name; the rest of the push and the last good routes stay.
    let mut bad = gateway(one);
    bad[3].2 = routes("r", "c", Some("%NOPE%"));
    plane.assets.send_replace(assets(3, bad));
    eventually("the new endpoints are used", async || get(gateway_address, "/x").await.1 == "one").await;
    eventually("the control plane hears of it", async || {
        plane.nacks.lock().unwrap().iter().any(|nack| nack.contains("r") && nack.contains("%NOPE%"))
    })
    .await;
    let admin = node.admin_address().unwrap();
    let dump = get(admin, "/config_dump").await.1;
    assert!(dump.contains("\"error_state\"") && dump.contains("%NOPE%"));

    let metrics = get(node.metrics_address().unwrap(), "/stats/prometheus").await.1;
    let total = metrics.lines().find(|l| l.starts_with("istio_requests_total{")).unwrap_or_default();
    assert!(total.contains("source_workload=\"gw\"") && total.contains("response_code=\"200\""), "{total}");
    assert!(metrics.contains("envoy_http_rds_update_rejected 1"));
}

#[tokio::test]
async fn a_restart_serves_from_disk_with_the_control_plane_away() {
    let one = server("one").await;
    let folder = tempfile::tempdir().unwrap();
    let (address, _plane, stop) = control_plane(assets(1, gateway(one))).await;
    let with_disk = || NodeConfig { data_dir: Some(folder.path().into()), ..config(address) };
    let node = Node::start(with_disk()).await.unwrap();
    eventually("it serves", async || node.readiness() == Readiness::Live).await;
    eventually("it is kept", async || folder.path().join("last-good-config").exists()).await;
    drop(node);
    drop(stop);
    let began = std::time::Instant::now();
    let node = Node::start(with_disk()).await.unwrap();
    assert_eq!(node.readiness(), Readiness::Live);
    assert_eq!(get(listener_of(&node), "/x").await, (200, "one".into()));
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn the_admin_interface_answers_in_envoys_forms() {
    let one = server("one").await;
    let (address, _plane, _stop) = control_plane(assets(1, gateway(one))).await;
    let node = Node::start(config(address)).await.unwrap();
    eventually("it serves", async || node.readiness() == Readiness::Live).await;
    get(listener_of(&node), "/x").await;
    let admin = node.admin_address().unwrap();
    assert_eq!(get(admin, "/ready").await, (200, "LIVE\n".into()));
    let clusters = get(admin, "/clusters").await.1;
    assert!(clusters.contains(&format!("c::{one}::health_flags::healthy\n")), "{clusters}");
    assert!(clusters.contains(&format!("c::{one}::cx_total::1\n")), "{clusters}");
    let listeners = get(admin, "/listeners").await.1;
    assert_eq!(listeners, format!("l::{}\n", listener_of(&node)));
    let dump: serde_json::Value =
        serde_json::from_str(&get(admin, "/config_dump?include_eds").await.1).unwrap();
    let find = |kind: &str| {
        let all = dump["configs"].as_array().unwrap();
        all.iter().find(|c| c["@type"].as_str().unwrap().ends_with(kind)).unwrap().clone()
    };
    let listener = &find("ListenersConfigDump")["dynamic_listeners"][0];
    assert_eq!(
        listener["active_state"]["listener"]["filter_chains"][0]["filters"][0]["typed_config"]["rds"]["route_config_name"],
        "r"
    );
    let cluster = &find("ClustersConfigDump")["dynamic_active_clusters"][0];
    assert_eq!(cluster["cluster"]["eds_cluster_config"]["service_name"], "c");
    let endpoint = &find("EndpointsConfigDump")["dynamic_endpoint_configs"][0]["endpoint_config"];
    assert_eq!(endpoint["endpoints"][0]["lb_endpoints"][0]["health_status"], "HEALTHY");
    for path in ["/clusters?format=json", "/listeners?format=json", "/server_info"] {
        serde_json::from_str::<serde_json::Value>(&get(admin, path).await.1).expect(path);
    }
    assert!(get(admin, "/stats").await.1.contains("cluster.c.upstream_rq_total: 1"));
    assert_eq!(get(admin, "/drain_listeners").await.0, 405);
    assert_eq!(get(admin, "/nope").await.0, 404);
    let (quit, _) = tokio::join!(
        tokio::time::timeout(Duration::from_secs(5), node.asked_to_quit()),
        request("POST", admin, "/quitquitquit"),
    );
    quit.unwrap();
    node.drain().await;
    assert_eq!(get(admin, "/ready").await, (503, "DRAINING\n".into()));
    assert_eq!(node.listeners(), []);
}

#[tokio::test]
async fn a_keep_alive_connection_comes_back_when_its_listener_changed() {
    let one = server("one").await;
    let (address, plane, _stop) = control_plane(assets(1, gateway(one))).await;
    let node = Node::start(config(address)).await.unwrap();
    eventually("it serves", async || node.readiness() == Readiness::Live).await;
    let gateway_address = listener_of(&node);
    let mut held = TcpStream::connect(gateway_address).await.unwrap();
    let mut ask = async || {
        held.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\none") {
            let count = held.read_buf(&mut answer).await.unwrap();
            assert!(count > 0, "closed too early: {answer:?}");
        }
        String::from_utf8(answer).unwrap().to_ascii_lowercase()
    };
    assert!(!ask().await.contains("connection: close"));
    let mut changed = gateway(one);
    changed[2].2 = http_listener("l", ([127, 0, 0, 1], 0).into(), "r2");
    changed[3] = (type_url::ROUTE, "r2", routes("r2", "c", None));
    plane.assets.send_replace(assets(2, changed));
    eventually("the connection is asked to end", async || ask().await.contains("connection: close")).await;
    assert_eq!(listener_of(&node), gateway_address, "the socket stayed");
    assert_eq!(get(gateway_address, "/").await, (200, "one".into()));
}

/// Asks again and again on kept connections, on new ones where the answer says so, until the listener
/// is gone. Counts the requests that were answered, gives what went wrong. A new connection that is
/// reset as the listener closes counts as refused: between the last accept and the close the kernel
/// may complete one more, which no program can prevent.
async fn insist(address: SocketAddr, answered: Arc<AtomicU32>) -> Vec<String> {
    let mut failures = Vec::new();
    'connection: while let Ok(mut stream) = TcpStream::connect(address).await {
        for nth in 0.. {
            let mut answer = Vec::new();
            let exchange = async {
                stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await?;
                while !answer.ends_with(b"\r\n\r\none") {
                    if stream.read_buf(&mut answer).await? == 0 {
                        return Err(std::io::ErrorKind::UnexpectedEof.into());
                    }
                }
                std::io::Result::Ok(())
            };
            match exchange.await {
                Ok(()) => drop(answered.fetch_add(1, Ordering::Relaxed)),
                Err(_) if nth == 0 && TcpStream::connect(address).await.is_err() => break 'connection,
                Err(error) => {
                    failures.push(format!("{error} after {} requests", answered.load(Ordering::Relaxed)));
                    continue 'connection;
                }
            }
            if String::from_utf8_lossy(&answer).to_ascii_lowercase().contains("connection: close") {
                continue 'connection;
            }
            tokio::time::sleep(Duration::from_millis(7)).await;
        }
    }
    failures
}

#[tokio::test]
async fn a_drain_under_keep_alive_load_loses_no_request() {
    let one = server("one").await;
    let (address, _plane, _stop) = control_plane(assets(1, gateway(one))).await;
    let node = Node::start(NodeConfig { drain_time: Duration::from_secs(1), workers: 2, ..config(address) });
    let node = node.await.unwrap();
    eventually("it serves", async || node.readiness() == Readiness::Live).await;
    let answered = Arc::new(AtomicU32::new(0));
    let clients: Vec<_> =
        (0..8).map(|_| tokio::spawn(insist(listener_of(&node), answered.clone()))).collect();
    let count = || answered.load(Ordering::Relaxed);
    eventually("requests are under way", async || count() > 100).await;
    let before = count();
    node.drain().await;
    for client in clients {
        let failures = client.await.unwrap();
        assert!(failures.is_empty(), "{failures:?}");
    }
    assert!(count() > before, "it serves while it drains");
}
