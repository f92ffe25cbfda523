//! A control plane over a temporary folder, proxies that are the real client with a recording sink,
//! and questions to the admin interface.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use outrigger_base::Diagnostic;
use outrigger_control::{Config, ControlPlane, StartError, start};
use outrigger_proto::envoy::config::core::v3::Node;
use outrigger_proto::envoy::config::listener::v3::Listener;
use outrigger_proto::google::protobuf::value::Kind;
use outrigger_proto::google::protobuf::{Struct, Value as ProtoValue};
use outrigger_proto::prost::Message;
use outrigger_proto::type_url::{CLUSTER, ENDPOINT, LISTENER, ROUTE};
use outrigger_xds::client::{self, Received, Rejected, Sink, Wanted};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// A service of a ServiceEntry, with endpoints at these addresses.
pub fn service(host: &str, endpoints: &[&str]) -> String {
    let endpoints: String = endpoints.iter().map(|ip| format!("  - address: {ip}\n")).collect();
    format!(
        "apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {}, namespace: shop}}
spec:
  hosts: [{host}]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{{number: 80, name: http, protocol: HTTP}}]
  endpoints:
{endpoints}---
",
        host.replace('.', "-")
    )
}

/// A VirtualService that sends requests for a host to another.
pub fn route(host: &str, to: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: route-{}, namespace: shop}}
spec:
  hosts: [{host}]
  http:
  - route: [{{destination: {{host: {to}}}}}]
---
",
        host.replace('.', "-")
    )
}

pub struct Plane {
    pub folder: TempDir,
    pub control: ControlPlane,
    pub told: Arc<Mutex<Vec<Diagnostic>>>,
}

impl Plane {
    pub async fn start(files: &[(&str, &str)]) -> Plane {
        Plane::with(files, |_| {}).await.unwrap()
    }

    pub async fn with(files: &[(&str, &str)], change: impl Fn(&mut Config)) -> Result<Plane, StartError> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let told = Arc::new(Mutex::new(Vec::new()));
        let mut config = Config::new(vec![folder.path().to_path_buf()]);
        config.xds = ([127, 0, 0, 1], 0).into();
        config.admin = ([127, 0, 0, 1], 0).into();
        config.timing.removal = Duration::from_millis(20);
        config.observer = {
            let told = told.clone();
            Arc::new(move |finding: &Diagnostic| told.lock().unwrap().push(finding.clone()))
        };
        change(&mut config);
        Ok(Plane { control: start(config).await?, folder, told })
    }

    pub fn write(&self, name: &str, text: &str) {
        write(self.folder.path(), name, text);
    }

    pub fn remove(&self, name: &str) {
        std::fs::remove_file(self.folder.path().join(name)).unwrap();
    }

    pub async fn get(&self, path: &str) -> Value {
        get(self.control.admin(), path).await
    }

    /// Has the files looked at, and waits until every proxy has answered.
    pub async fn converge(&self) {
        let answer = self.text("POST", "/reload").await;
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert!(answer["snapshot"].is_u64(), "{answer}");
        for _ in 0..2000 {
            let synced = self.get("/synced").await;
            if synced["synced"] == true {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("not synced: {:#}", self.get("/synced").await);
    }

    pub async fn text(&self, method: &str, path: &str) -> String {
        request(self.control.admin(), method, path).await.1
    }
}

/// Writes as an editor does: beside it, then moved into place.
fn write(folder: &Path, name: &str, text: &str) {
    let beside = folder.join(format!(".{name}.new"));
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(beside, folder.join(name)).unwrap();
}

pub async fn get(address: SocketAddr, path: &str) -> Value {
    let (status, body) = request(address, "GET", path).await;
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}

pub async fn request(address: SocketAddr, method: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head =
        format!("{method} {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split_once("\r\n\r\n").unwrap().1.to_string())
}

/// What a proxy holds and saw.
#[derive(Default)]
pub struct Record {
    /// Versions by short type and name.
    pub held: BTreeMap<(&'static str, String), String>,
    /// Bodies by the same.
    pub bodies: BTreeMap<(&'static str, String), Vec<u8>>,
    /// Each update, as `EDS name name -removed`.
    pub updates: Vec<String>,
    /// Names that are refused.
    pub refuse: BTreeSet<String>,
}

/// The real client with a sink that records. Stops when dropped.
pub struct Proxy {
    pub record: Arc<Mutex<Record>>,
    task: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    pub fn connect(xds: SocketAddr, id: &str, labels: &[(&str, &str)]) -> Proxy {
        let record = Arc::new(Mutex::new(Record::default()));
        let sink = Recorder(record.clone());
        let config = client::Config::new(xds.to_string(), node(id, labels));
        let task = tokio::spawn(async move {
            let _ = client::run(config, sink).await;
        });
        Proxy { record, task }
    }

    pub fn sidecar(plane: &Plane, name: &str) -> Proxy {
        let id = format!("sidecar~10.9.0.1~{name}.shop~shop.svc.cluster.local");
        Proxy::connect(plane.control.xds(), &id, &[])
    }

    pub fn has(&self, kind: &'static str, name: &str) -> bool {
        self.record.lock().unwrap().held.contains_key(&(kind, name.to_string()))
    }

    pub fn version(&self, kind: &'static str, name: &str) -> String {
        self.record.lock().unwrap().held.get(&(kind, name.to_string())).cloned().unwrap_or_default()
    }

    pub fn updates(&self) -> Vec<String> {
        self.record.lock().unwrap().updates.clone()
    }

    pub async fn until(&self, what: &str, holds: impl Fn(&Record) -> bool) {
        for _ in 0..2000 {
            if holds(&self.record.lock().unwrap()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("never happened: {what}; seen: {:#?}", self.updates());
    }
}

pub fn node(id: &str, labels: &[(&str, &str)]) -> Node {
    let text = |text: &str| ProtoValue { kind: Some(Kind::StringValue(text.into())) };
    let fields = labels.iter().map(|(key, value)| (key.to_string(), text(value))).collect();
    let labels = ProtoValue { kind: Some(Kind::StructValue(Struct { fields })) };
    let metadata = Some(Struct { fields: [("LABELS".to_string(), labels)].into() });
    Node { id: id.into(), metadata, ..Default::default() }
}

struct Recorder(Arc<Mutex<Record>>);

fn short(url: &str) -> &'static str {
    match url {
        CLUSTER => "CDS",
        ENDPOINT => "EDS",
        LISTENER => "LDS",
        ROUTE => "RDS",
        other => panic!("{other} was never asked for"),
    }
}

impl Sink for Recorder {
    fn update(&mut self, url: &str, changed: Vec<Received>, removed: Vec<String>) -> Vec<Rejected> {
        let kind = short(url);
        let mut record = self.0.lock().unwrap();
        let mut text = kind.to_string();
        let mut rejected = Vec::new();
        for Received { name, version, body } in changed {
            text.push_str(&format!(" {name}"));
            if record.refuse.contains(&name) {
                rejected.push(Rejected { name, reason: "refused by the test".into() });
                continue;
            }
            record.held.insert((kind, name.clone()), version);
            record.bodies.insert((kind, name), body.to_vec());
        }
        for name in removed {
            text.push_str(&format!(" -{name}"));
            record.held.remove(&(kind, name));
        }
        record.updates.push(text);
        rejected
    }

    fn wanted(&self, url: &str) -> Wanted {
        let record = self.0.lock().unwrap();
        let names = |of: &'static str| {
            let keys = record.held.keys().filter(move |(kind, _)| *kind == of);
            keys.map(|(_, name)| name.clone())
        };
        match url {
            // Clusters that have no endpoints of this kind answer with an absence, which is harmless.
            ENDPOINT => Wanted::Names(names("CDS").filter(|name| name.starts_with("outbound|")).collect()),
            ROUTE => Wanted::Names(names("LDS").flat_map(|name| route_names(&record, name)).collect()),
            _ => Wanted::Wildcard,
        }
    }
}

/// The routes that a listener names.
fn route_names(record: &Record, listener: String) -> Vec<String> {
    use outrigger_proto::envoy::extensions::filters::network::http_connection_manager::v3 as hcm;
    let Some(body) = record.bodies.get(&("LDS", listener)) else { return Vec::new() };
    let listener = Listener::decode(&**body).unwrap();
    let chains = listener.filter_chains.iter().chain(&listener.default_filter_chain);
    let filters = chains.flat_map(|chain| &chain.filters);
    filters
        .filter_map(|filter| {
            use outrigger_proto::envoy::config::listener::v3::filter::ConfigType::TypedConfig;
            let Some(TypedConfig(any)) = &filter.config_type else { return None };
            if !any.type_url.ends_with("HttpConnectionManager") {
                return None;
            }
            let manager = hcm::HttpConnectionManager::decode(&*any.value).unwrap();
            match manager.route_specifier {
                Some(hcm::http_connection_manager::RouteSpecifier::Rds(rds)) => Some(rds.route_config_name),
                _ => None,
            }
        })
        .collect()
}
