//! A proxy with routes to scripted upstreams, and a raw client.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use outrigger_proxy::{NoPeerMetadata, Options, Proxy};
use outrigger_traffic::{
    AccessLog, Action, Balancer, ChainMatch, Cluster, ClusterChoice, ClusterEntry, Codec, Direction,
    Discovery, Endpoint, EndpointSet, EscapedSlashes, Filter, FilterChain, Forward, HeaderMutations, Health,
    HttpManager, Inspect, Limits, Listener, PathMatch, PeerMetadata, RetryOn, RetryPolicy, Route,
    RouteConfig, RouteMatch, Routes, ServerHeader, Snapshot, UpstreamProtocol, VirtualHost,
};

pub const LONG: Duration = Duration::from_secs(10);

/// A route for one exact path.
pub fn route(path: &str, action: Action) -> Route {
    Route {
        name: path.into(),
        matches: RouteMatch {
            path: if path == "/" { PathMatch::Prefix("/".into()) } else { PathMatch::Exact(path.into()) },
            case_sensitive: true,
            headers: Vec::new(),
            query: Vec::new(),
            grpc: false,
        },
        action,
        headers: HeaderMutations::default(),
        origins: Vec::new(),
    }
}

pub fn forward(cluster: &str) -> Forward {
    Forward {
        cluster: ClusterChoice::One(cluster.into()),
        cluster_not_found_status: 503,
        timeout: None,
        grpc_timeout_max: None,
        idle_timeout: None,
        retry: None,
        path_rewrite: None,
        host_rewrite: None,
        append_forwarded_host: false,
        upgrades: Vec::new(),
    }
}

pub fn to(cluster: &str) -> Action {
    Action::Forward(Box::new(forward(cluster)))
}

pub fn retry(on: &str, retries: u32) -> Option<Arc<RetryPolicy>> {
    let (on, unknown) = RetryOn::parse(on);
    assert!(unknown.is_empty(), "{unknown:?}");
    Some(Arc::new(RetryPolicy {
        on,
        status_codes: vec![503],
        retries,
        per_try_timeout: None,
        host_selection_attempts: 5,
        avoid_previous_hosts: true,
        backoff_base: Duration::from_millis(5),
        backoff_max: Duration::from_millis(20),
    }))
}

pub fn cluster(name: &str, addresses: &[SocketAddr]) -> Cluster2 {
    Cluster2 {
        cluster: Cluster {
            name: name.into(),
            discovery: Discovery::Static,
            balancer: Balancer::RoundRobin,
            connect_timeout: Duration::from_secs(2),
            protocol: UpstreamProtocol::Http1,
            limits: Limits::default(),
            idle_timeout: Some(Duration::from_secs(3600)),
            max_requests_per_connection: None,
            max_connection_duration: None,
            tcp_keepalive: None,
            services: Vec::new(),
            origins: Vec::new(),
        },
        addresses: addresses.to_vec(),
    }
}

/// A cluster with its endpoints' addresses.
pub struct Cluster2 {
    pub cluster: Cluster,
    addresses: Vec<SocketAddr>,
}

impl Cluster2 {
    pub fn with(mut self, change: impl FnOnce(&mut Cluster)) -> Self {
        change(&mut self.cluster);
        self
    }

    fn entry(self) -> ClusterEntry {
        let endpoint = |address: &SocketAddr| Endpoint {
            address: *address,
            weight: 1,
            health: Health::Healthy,
            priority: 0,
            locality: Arc::default(),
            workload: Arc::default(),
        };
        let set = EndpointSet::new(self.addresses.iter().map(endpoint).collect());
        ClusterEntry { cluster: self.cluster, endpoints: Arc::new(ArcSwap::from_pointee(set)) }
    }
}

/// What a proxy is to run.
pub struct Setup {
    pub manager: HttpManager,
    pub routes: Vec<Route>,
    pub clusters: Vec<Cluster2>,
    pub virtual_host: Box<dyn Fn(&mut VirtualHost)>,
    pub drain_time: Duration,
    pub direction: Direction,
    pub metadata: Arc<dyn outrigger_proxy::PeerMetadata>,
}

impl Setup {
    /// Routes as given.
    pub fn new(routes: Vec<Route>, clusters: Vec<Cluster2>) -> Setup {
        Setup {
            manager: manager(),
            routes,
            clusters,
            virtual_host: Box::new(|_| {}),
            drain_time: Duration::from_secs(2),
            direction: Direction::Outbound,
            metadata: Arc::new(NoPeerMetadata),
        }
    }

    /// Everything goes to one upstream.
    pub fn to(upstream: SocketAddr) -> Setup {
        Setup::new(vec![route("/", to("c"))], vec![cluster("c", &[upstream])])
    }

    pub fn manager(mut self, change: impl FnOnce(&mut HttpManager)) -> Setup {
        change(&mut self.manager);
        self
    }

    pub fn start(self) -> TestProxy {
        let mut host = VirtualHost {
            name: "v".into(),
            domains: vec!["*".into()],
            routes: self.routes,
            attempt_count_in_request: false,
            headers: HeaderMutations::default(),
            retry: None,
            require_tls: false,
            origins: Vec::new(),
        };
        (self.virtual_host)(&mut host);
        let config = RouteConfig::new("r", vec![host]);
        let manager = HttpManager { routes: Routes::Inline(Arc::new(config)), ..self.manager };
        let listener = Listener {
            name: "l".into(),
            address: "127.0.0.1:0".parse().unwrap(),
            additional_addresses: Vec::new(),
            bind: true,
            restores_original_dst: false,
            hands_off: false,
            inspect: Inspect::default(),
            chains: vec![FilterChain {
                name: "f".into(),
                matches: ChainMatch::default(),
                filter: Filter::Http(Arc::new(manager)),
                origins: Vec::new(),
            }],
            default_chain: None,
            direction: self.direction,
            backlog: None,
            origins: Vec::new(),
        };
        let options = Options {
            workers: 1,
            drain_time: self.drain_time,
            peer_metadata: self.metadata,
            ..Options::default()
        };
        let proxy = Proxy::start(options).unwrap();
        let clusters = self.clusters.into_iter().map(Cluster2::entry);
        let report = proxy.publish(Arc::new(Snapshot::new(
            [(listener.name.clone(), Arc::new(listener))].into_iter().collect(),
            Default::default(),
            clusters.map(|c| (c.cluster.name.clone(), Arc::new(c))).collect(),
        )));
        assert_eq!(report.failures, []);
        let address = proxy.listeners()[0].address;
        TestProxy { proxy, address }
    }
}

/// A running proxy with one listener.
pub struct TestProxy {
    pub proxy: Proxy,
    pub address: SocketAddr,
}

impl TestProxy {
    pub fn client(&self) -> Client {
        Client::connect(self.address)
    }

    /// One GET on a connection of its own.
    pub fn get(&self, path: &str) -> Answer {
        self.client().ask(&format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n"))
    }

    /// Waits until the metrics have a line of `istio_requests_total` with all these labels.
    pub fn wait_for_metric(&self, labels: &[&str]) {
        let deadline = Instant::now() + LONG;
        loop {
            let text = self.proxy.metrics();
            let mut lines = text.lines().filter(|line| line.starts_with("istio_requests_total"));
            if lines.any(|line| labels.iter().all(|label| line.contains(label))) {
                return;
            }
            assert!(Instant::now() < deadline, "no metric with {labels:?} in\n{text}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

pub fn manager() -> HttpManager {
    HttpManager {
        stat_prefix: "t".into(),
        codec: Codec::Auto,
        routes: Routes::Named("r".into()),
        access_logs: Vec::<AccessLog>::new(),
        use_remote_address: false,
        xff_trusted_hops: 0,
        skip_xff_append: false,
        generate_request_id: true,
        preserve_external_request_id: false,
        request_id_in_response: false,
        server_name: "outrigger".into(),
        server_header: ServerHeader::Overwrite,
        max_request_headers_kib: 60,
        max_request_headers: 100,
        stream_idle_timeout: Some(Duration::from_secs(300)),
        request_timeout: None,
        request_headers_timeout: None,
        idle_timeout: Some(Duration::from_secs(3600)),
        drain_timeout: Duration::from_secs(5),
        upgrades: vec!["websocket".into()],
        normalize_path: true,
        merge_slashes: false,
        escaped_slashes: EscapedSlashes::Keep,
        strip_any_host_port: false,
        proxy_100_continue: true,
        accept_http_10: false,
        suppress_envoy_headers: false,
        max_concurrent_streams: None,
        peer_metadata: PeerMetadata::Ignore,
    }
}

/// A response as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// A raw connection to a proxy.
pub struct Client {
    pub stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client { stream, buffer: Vec::new() }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    pub fn ask(&mut self, request: &str) -> Answer {
        self.send(request.as_bytes());
        self.answer(request.starts_with("HEAD"))
    }

    /// Reads more into the buffer; false at the end.
    pub fn read(&mut self) -> bool {
        let mut bytes = [0; 64 * 1024];
        match self.stream.read(&mut bytes) {
            Ok(0) => false,
            Ok(n) => {
                self.buffer.extend_from_slice(&bytes[..n]);
                true
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => false,
            Err(error) => {
                panic!("nothing more came ({error}) after {:?}", String::from_utf8_lossy(&self.buffer))
            }
        }
    }

    fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|w| w == b"\r\n") {
                let line = self.buffer.drain(..end + 2).take(end).collect();
                return String::from_utf8(line).unwrap();
            }
            assert!(self.read(), "the connection ended within a line");
        }
    }

    pub fn bytes(&mut self, n: usize) -> Vec<u8> {
        while self.buffer.len() < n {
            assert!(self.read(), "the connection ended within a body");
        }
        self.buffer.drain(..n).collect()
    }

    pub fn head(&mut self) -> String {
        let mut head = String::new();
        loop {
            let line = self.line();
            if line.is_empty() {
                return head;
            }
            head.push_str(&line);
            head.push('\n');
        }
    }

    /// Reads one response, with trailers behind its body.
    pub fn answer(&mut self, to_head: bool) -> Answer {
        let head = self.head();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer { status, head, body: Vec::new() };
        if to_head || status < 200 || status == 204 || status == 304 {
            return answer;
        }
        if let Some(length) = answer.header("content-length") {
            answer.body = self.bytes(length.parse().unwrap());
        } else if answer.header("transfer-encoding") == Some("chunked") {
            loop {
                let size = usize::from_str_radix(&self.line(), 16).unwrap();
                if size == 0 {
                    answer.body.extend_from_slice(self.head().as_bytes());
                    break;
                }
                let chunk = self.bytes(size);
                answer.body.extend_from_slice(&chunk);
                assert_eq!(self.line(), "");
            }
        } else {
            while self.read() {}
            answer.body = std::mem::take(&mut self.buffer);
        }
        answer
    }

    /// Whether the proxy ends the connection without another byte.
    pub fn is_closed(&mut self) -> bool {
        self.buffer.is_empty() && !self.read()
    }
}

/// A request as an upstream read it.
#[derive(Debug, Clone)]
pub struct Received {
    pub head: String,
    pub body: Vec<u8>,
    /// Which connection of the upstream it came on, from 0.
    pub connection: usize,
}

impl Received {
    pub fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }
}

/// An upstream that answers as a function says. Its connections end when the function says so.
pub struct Backend {
    pub address: SocketAddr,
    pub received: Arc<Mutex<Vec<Received>>>,
    pub connections: Arc<AtomicUsize>,
}

/// What becomes of a connection after a request.
pub enum Then {
    Keep,
    Close,
    Reset,
}

impl Backend {
    /// Answers each complete request.
    pub fn start(answer: impl Fn(&Received, &mut TcpStream) -> Then + Send + Sync + 'static) -> Backend {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let (all, count, answer) = (received.clone(), connections.clone(), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let number = count.fetch_add(1, Ordering::SeqCst);
                let (all, answer) = (all.clone(), answer.clone());
                std::thread::spawn(move || serve(stream, number, &all, &*answer));
            }
        });
        Backend { address, received, connections }
    }

    /// Answers 200 with a body.
    pub fn saying(body: &'static str) -> Backend {
        Backend::start(move |_, stream| reply(stream, body))
    }

    pub fn requests(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

pub fn reply(stream: &mut TcpStream, body: &str) -> Then {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    say(stream, &(head + body))
}

pub fn say(stream: &mut TcpStream, bytes: &str) -> Then {
    match stream.write_all(bytes.as_bytes()) {
        Ok(()) => Then::Keep,
        Err(_) => Then::Close,
    }
}

fn serve(
    stream: TcpStream,
    connection: usize,
    all: &Mutex<Vec<Received>>,
    answer: &dyn Fn(&Received, &mut TcpStream) -> Then,
) {
    let mut client = Client { stream, buffer: Vec::new() };
    while let Some((head, body)) = read_request(&mut client) {
        let received = Received { head, body, connection };
        all.lock().unwrap().push(received.clone());
        match answer(&received, &mut client.stream) {
            Then::Keep => {}
            Then::Close => break,
            Then::Reset => {
                socket2::SockRef::from(&client.stream).set_linger(Some(Duration::ZERO)).unwrap();
                return;
            }
        }
    }
    let _ = client.stream.shutdown(Shutdown::Both);
}

fn read_request(client: &mut Client) -> Option<(String, Vec<u8>)> {
    while !client.buffer.windows(4).any(|w| w == b"\r\n\r\n") {
        let mut bytes = [0; 16 * 1024];
        match client.stream.read(&mut bytes) {
            Ok(n) if n > 0 => client.buffer.extend_from_slice(&bytes[..n]),
            _ => return None,
        }
    }
    let head = client.head();
    let probe = Answer { status: 0, head: head.clone(), body: Vec::new() };
    let mut body = Vec::new();
    if head.starts_with("EARLY") {
        return Some((head, body));
    }
    if let Some(length) = probe.header("content-length") {
        body = client.bytes(length.parse().unwrap());
    } else if probe.header("transfer-encoding").is_some() {
        loop {
            let size = usize::from_str_radix(&client.line(), 16).unwrap();
            if size == 0 {
                body.extend_from_slice(client.head().as_bytes());
                break;
            }
            let chunk = client.bytes(size);
            body.extend_from_slice(&chunk);
            client.line();
        }
    }
    Some((head, body))
}
