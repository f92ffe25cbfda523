//! What a caller's sidecar, or a gateway, does.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use outrigger_base::constants::PORT_OUTBOUND;
use outrigger_traffic::{Listener, Snapshot};

use crate::bound::Bound;
use crate::course::{Bytes, Course};
use crate::destination::{Destination, resolve};
use crate::explanation::{
    Direction, EndpointShare, Explanation, Outcome, OutcomeKind, Rejected, Stage, Step,
};
use crate::loaded::{Loaded, load};
use crate::origin::Vantage;
use crate::recorder::Recorder;
use crate::request::Arrival;
use crate::scene::Scene;

/// The port that callers' connections come from; any does.
const SOURCE_PORT: u16 = 40000;

pub(crate) fn from_sidecar(scene: &Scene<'_>, vantage: &Vantage, arrival: &Arrival) -> Explanation {
    let loaded = load(scene, &vantage.proxy);
    let mut explanation = begin(Direction::Outbound, vantage, &loaded);
    let (addresses, port, shown) = match arrival {
        Arrival::Tcp { destination, .. } => (vec![destination.ip()], destination.port(), None),
        Arrival::Http(request) => {
            let (destination, step) = resolve(scene, vantage, &request.host);
            if let Destination::Unknown(_) = destination {
                explanation.warnings.push(step.why.clone());
            }
            explanation.steps.push(step);
            match destination {
                Destination::Addresses(addresses) => (addresses, request.port, None),
                Destination::Elsewhere(ip) | Destination::Unknown(ip) => {
                    (vec![ip], request.port, Some(&*request.host))
                }
                Destination::Nowhere => return explanation.end(Outcome::plain(OutcomeKind::NoEndpoint)),
            }
        }
    };
    let courses = addresses.iter().map(|ip| Course {
        bound: Bound {
            scene,
            loaded: &loaded,
            proxy: &vantage.proxy,
            destination: SocketAddr::new(*ip, port),
            shown,
        },
        source: SocketAddr::new(vantage.ip(), SOURCE_PORT),
        bytes: bytes(arrival),
    });
    let all: Vec<Explanation> = courses.map(|course| captured(&course, explanation.clone())).collect();
    alike(all)
}

/// What a client begins to send.
pub(crate) fn bytes(arrival: &Arrival) -> Bytes<'_> {
    match arrival {
        Arrival::Http(request) if request.tls => {
            // A handshake names hosts, never addresses (RFC 6066, 3).
            let name = request.host.parse::<IpAddr>().is_err().then_some(&*request.host);
            Bytes::Tls(name)
        }
        Arrival::Http(request) => Bytes::Http(request),
        Arrival::Tcp { tls, sni, .. } if *tls || sni.is_some() => Bytes::Tls(sni.as_deref()),
        Arrival::Tcp { .. } => Bytes::Raw,
    }
}

pub(crate) fn begin(direction: Direction, vantage: &Vantage, loaded: &Loaded) -> Explanation {
    let mut explanation = Explanation::begin(direction);
    explanation.steps.push(vantage.step.clone());
    explanation.warnings.extend(vantage.warnings.iter().chain(&loaded.warnings).cloned());
    explanation
}

/// The sidecar captures the connection.
fn captured(course: &Course<'_>, mut explanation: Explanation) -> Explanation {
    let destination = course.bound.destination;
    if destination.ip().is_loopback() {
        let why = "connections to the own host are not captured; the application gets it";
        explanation.steps.push(Step::new(Stage::Listener, None, why));
        return explanation;
    }
    let traffic = &course.bound.loaded.traffic;
    let capturing = traffic.listeners().values().find(|l| l.bind && l.address.port() == PORT_OUTBOUND);
    let Some(capturing) = capturing else {
        let why = "the proxy has no listener that captures outbound connections";
        explanation.steps.push(Step::new(Stage::Listener, None, why));
        return explanation;
    };
    let mut recorder = Recorder::default();
    let listener = traffic.capture_target(destination, capturing, &mut recorder);
    let step = recorder.into_step(Stage::Listener, "");
    let step = step.by(&listener.origins).instead_of(others(traffic, listener, destination.port()));
    explanation.steps.push(step);
    course.run(listener, explanation)
}

/// Listeners of the same port that stand for other addresses.
fn others(traffic: &Snapshot, chosen: &Arc<Listener>, port: u16) -> Vec<Rejected> {
    let of_port = |l: &&Arc<Listener>| !l.bind && l.address.port() == port && !Arc::ptr_eq(l, chosen);
    let mut others: Vec<Rejected> = traffic
        .listeners()
        .values()
        .filter(of_port)
        .map(|l| {
            let stands_for = if l.address.ip().is_unspecified() { "any address" } else { "another address" };
            Rejected { candidate: l.name.to_string(), why: format!("it stands for {stands_for}") }
        })
        .collect();
    others.sort_by(|a, b| a.candidate.cmp(&b.candidate));
    others
}

/// A name may have several addresses, of which callers take any. What is the same for all is told once;
/// where connections go to the very address, each gets its part.
fn alike(all: Vec<Explanation>) -> Explanation {
    let count = all.len() as f64;
    let mut all = all.into_iter();
    let mut first = all.next().expect("a destination has at least one address");
    for other in all {
        let same_way = other.listener == first.listener
            && other.filter_chain == first.filter_chain
            && other.virtual_host == first.virtual_host
            && other.route == first.route
            && other.outcome == first.outcome
            && other.clusters.len() == first.clusters.len();
        if !same_way {
            first.warnings.push(
                "the name has several addresses that are treated differently; this is the first one's way"
                    .into(),
            );
            return first;
        }
        for (mine, theirs) in first.clusters.iter_mut().zip(other.clusters) {
            let share = mine.share / count;
            let is_new = |e: &EndpointShare| {
                !mine.endpoints.iter().any(|m| m.address == e.address && m.port == e.port)
            };
            let fresh: Vec<_> = theirs.endpoints.into_iter().filter(is_new).collect();
            if !fresh.is_empty() {
                mine.endpoints.extend(fresh);
                mine.endpoints.iter_mut().for_each(|endpoint| endpoint.share = share);
            }
        }
    }
    first
}

pub(crate) fn through_gateway(scene: &Scene<'_>, vantage: &Vantage, arrival: &Arrival) -> Explanation {
    let loaded = load(scene, &vantage.proxy);
    let mut explanation = begin(Direction::Gateway, vantage, &loaded);
    let (ip, port) = match arrival {
        Arrival::Tcp { destination, .. } => (Some(destination.ip()), destination.port()),
        Arrival::Http(request) => (request.host.parse().ok(), request.port),
    };
    let traffic = &loaded.traffic;
    let (listener, step) = gateway_listener(scene, vantage, traffic, ip, port);
    explanation.steps.push(step);
    let Some(listener) = listener else { return explanation };
    let course = Course {
        bound: Bound {
            scene,
            loaded: &loaded,
            proxy: &vantage.proxy,
            destination: SocketAddr::new(ip.unwrap_or(vantage.ip()), listener.address.port()),
            shown: None,
        },
        // Callers of gateways come from anywhere (RFC 5737, for documentation).
        source: SocketAddr::from(([198, 51, 100, 1], SOURCE_PORT)),
        bytes: bytes(arrival),
    };
    course.run(&listener, explanation)
}

/// The socket that a connection to a port reaches: that of the address, else that of any address.
fn gateway_listener(
    scene: &Scene<'_>,
    vantage: &Vantage,
    traffic: &Snapshot,
    ip: Option<IpAddr>,
    port: u16,
) -> (Option<Arc<Listener>>, Step) {
    let mut bound: Vec<&Arc<Listener>> = traffic.listeners().values().filter(|l| l.bind).collect();
    bound.sort_by(|a, b| a.name.cmp(&b.name));
    let behind = behind_service(scene, vantage, port);
    let find = |port: u16| {
        let here = || bound.iter().filter(move |l| l.addresses().any(|a| a.port() == port));
        let exact = here().find(|l| ip.is_some_and(|ip| l.addresses().any(|a| a.ip() == ip)));
        exact
            .or_else(|| here().find(|l| l.addresses().any(|a| a.ip().is_unspecified())))
            .or_else(|| here().next())
    };
    let chosen = find(port).map(|l| (l, None)).or_else(|| {
        let (own, service) = behind.as_ref()?;
        Some((find(*own)?, Some(service)))
    });
    let rejected = |chosen: Option<&Arc<Listener>>| -> Vec<Rejected> {
        let others = bound.iter().filter(|l| chosen.is_none_or(|c| !Arc::ptr_eq(c, l)));
        let why = |l: &Arc<Listener>| format!("it listens on {}", l.address);
        others.map(|l| Rejected { candidate: l.name.to_string(), why: why(l) }).collect()
    };
    match chosen {
        Some((listener, service)) => {
            let why = match service {
                None => format!("it listens on {}", listener.address),
                Some(service) => format!("{service} leads its port {port} to {}", listener.address),
            };
            let step = Step::new(Stage::Listener, Some(listener.name.to_string()), why);
            (Some(Arc::clone(listener)), step.by(&listener.origins).instead_of(rejected(Some(listener))))
        }
        None => {
            let why = format!("the gateway does not listen on port {port}; the connection is refused");
            (None, Step::new(Stage::Listener, None, why).instead_of(rejected(None)))
        }
    }
}

/// Where a Service in front of the gateway leads one of its ports.
fn behind_service(scene: &Scene<'_>, vantage: &Vantage, port: u16) -> Option<(u16, String)> {
    let reached = scene.mesh.inbound_services(&vantage.proxy.ips, &vantage.proxy.namespace);
    reached.iter().find_map(|(service, workload)| {
        let (_, own) = service.target_ports(workload).into_iter().find(|(from, _)| *from == port)?;
        Some((own, service.origins.first()?.to_string()))
    })
}
