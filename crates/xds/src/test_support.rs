//! A provider that tests drive by hand, served on a real socket.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use outrigger_proto::envoy::config::core::v3::Node;
use outrigger_proto::type_url::{CLUSTER, ENDPOINT, LISTENER, ROUTE};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::{Assets, ClientId, Event, Provider, Resource, ResourceMap, Subscription, Timing};

/// Resources of the four types, each `name@version`; clusters need endpoints of their name.
pub(crate) fn assets(version: u64, types: [&[&str]; 4]) -> Arc<Assets> {
    let urls = [CLUSTER, ENDPOINT, LISTENER, ROUTE];
    let types = urls.into_iter().zip(types).map(|(url, resources)| (url, Arc::new(map(url, resources))));
    Arc::new(Assets { version, types: types.collect() })
}

fn map(url: &str, resources: &[&str]) -> ResourceMap {
    let resource = |text: &&str| {
        let (name, version) = text.split_once('@').unwrap();
        let needs = (url == CLUSTER).then(|| (ENDPOINT, name.into()));
        let body = text.as_bytes().to_vec().into();
        (name.into(), Arc::new(Resource { name: name.into(), version: version.into(), body, needs }))
    };
    resources.iter().map(resource).collect()
}

/// Gives every client the same state and remembers what was reported.
pub(crate) struct Publisher {
    pub assets: watch::Sender<Arc<Assets>>,
    pub events: Mutex<Vec<(ClientId, Event)>>,
    nodes: Mutex<Vec<String>>,
}

impl Publisher {
    pub fn new(assets: Arc<Assets>) -> Arc<Publisher> {
        Arc::new(Publisher {
            assets: watch::Sender::new(assets),
            events: Mutex::default(),
            nodes: Mutex::default(),
        })
    }

    /// The version that each client has settled at, by client; those that left are not in it.
    pub fn settled(&self) -> BTreeMap<ClientId, Option<u64>> {
        let mut settled = BTreeMap::new();
        for (id, event) in self.events.lock().unwrap().iter() {
            match event {
                Event::Settled { version } => drop(settled.insert(*id, Some(*version))),
                Event::Disconnected => drop(settled.remove(id)),
                Event::Unsettled => drop(settled.insert(*id, None)),
                _ => {}
            }
        }
        settled
    }

    pub fn count(&self, is: impl Fn(&Event) -> bool) -> usize {
        self.events.lock().unwrap().iter().filter(|(_, event)| is(event)).count()
    }
}

impl Provider for Publisher {
    fn connect(&self, node: &Node, _: Option<SocketAddr>) -> Result<Subscription, tonic::Status> {
        if node.id == "nobody" {
            return Err(tonic::Status::invalid_argument("who is nobody?"));
        }
        let mut nodes = self.nodes.lock().unwrap();
        nodes.push(node.id.clone());
        Ok(Subscription { id: ClientId(nodes.len() as u64), assets: self.assets.subscribe() })
    }

    fn report(&self, id: ClientId, event: Event) {
        self.events.lock().unwrap().push((id, event));
    }
}

/// A server on loopback that stops when told, or dropped.
pub(crate) struct Served {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Served {
    pub async fn start(publisher: Arc<Publisher>, address: &str) -> Served {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let timing = Timing { removal: Duration::from_millis(10), ..Timing::default() };
        let service = crate::server(publisher).with_timing(timing);
        let task = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            crate::serve(listener, service, stopped).await.unwrap();
        });
        Served { address, stop: Some(stop), task }
    }

    pub async fn stop(mut self) {
        self.stop.take();
        tokio::time::timeout(Duration::from_secs(5), self.task).await.unwrap().unwrap();
    }
}

/// Waits until something holds, for at most ten seconds.
pub(crate) async fn eventually(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..2000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never happened: {what}");
}
