//! What the receiver's sidecar does. The receiver is the origin itself if the request is meant for it
//! (its address, its own host, or a service that it belongs to); else whom the origin would send it to;
//! and if that is nobody of the manifests, the origin again.

use std::net::SocketAddr;
use std::sync::Arc;

use outrigger_base::constants::PORT_INBOUND;
use outrigger_mesh::Workload;

use crate::ExplainError;
use crate::bound::Bound;
use crate::course::Course;
use crate::destination::search;
use crate::explanation::{Direction, EndpointShare, Explanation, OutcomeKind, Stage, Step};
use crate::loaded::load;
use crate::origin::{Vantage, find};
use crate::outbound::{begin, bytes, from_sidecar, through_gateway};
use crate::recorder::Recorder;
use crate::request::{Arrival, Origin, WorkloadName};
use crate::scene::Scene;

/// The port that callers' connections come from; any does.
const SOURCE_PORT: u16 = 40000;

pub(crate) fn explain(
    scene: &Scene<'_>,
    vantage: &Vantage,
    arrival: &Arrival,
) -> Result<Explanation, ExplainError> {
    let receiver = receiver(scene, vantage, arrival)?;
    let loaded = load(scene, &receiver.vantage.proxy);
    let mut explanation = begin(Direction::Inbound, &receiver.vantage, &loaded);
    let step = Step::new(Stage::Name, Some(receiver.destination.to_string()), receiver.why);
    explanation.steps.push(step);
    let listeners = loaded.traffic.listeners();
    let capturing = listeners.values().find(|l| l.bind && l.address.port() == PORT_INBOUND);
    let Some(capturing) = capturing else {
        let why = "the proxy has no listener that captures inbound connections";
        explanation.steps.push(Step::new(Stage::Listener, None, why));
        return Ok(explanation);
    };
    let mut recorder = Recorder::default();
    let listener = loaded.traffic.capture_target(receiver.destination, capturing, &mut recorder);
    explanation.steps.push(recorder.into_step(Stage::Listener, "").by(&listener.origins));
    let course = Course {
        bound: Bound {
            scene,
            loaded: &loaded,
            proxy: &receiver.vantage.proxy,
            destination: receiver.destination,
            shown: None,
        },
        source: SocketAddr::new(vantage.ip(), SOURCE_PORT),
        bytes: bytes(arrival),
    };
    Ok(course.run(listener, explanation))
}

/// Who gets a request, where, and how that was found out.
struct Receiver {
    vantage: Vantage,
    destination: SocketAddr,
    why: String,
}

fn receiver(scene: &Scene<'_>, vantage: &Vantage, arrival: &Arrival) -> Result<Receiver, ExplainError> {
    let own = |port: u16, why: &str| Receiver {
        vantage: Vantage {
            proxy: vantage.proxy.clone(),
            workload: vantage.workload.clone(),
            step: vantage.step.clone(),
            warnings: vantage.warnings.clone(),
        },
        destination: SocketAddr::new(vantage.ip(), port),
        why: why.to_string(),
    };
    let (ip, port) = match arrival {
        Arrival::Tcp { destination, .. } => (Some(destination.ip()), destination.port()),
        Arrival::Http(request) if request.host.eq_ignore_ascii_case("localhost") => {
            return Ok(own(request.port, "the request is for the origin's own host"));
        }
        Arrival::Http(request) => (request.host.parse().ok(), request.port),
    };
    if ip.is_some_and(|ip: std::net::IpAddr| ip.is_loopback() || vantage.proxy.ips.contains(&ip)) {
        return Ok(own(port, "the request is for the origin's own address"));
    }
    if let Arrival::Http(request) = arrival
        && let Some(own_port) = served(scene, vantage, &request.host, port)
    {
        return Ok(own(own_port, "the request is for a service that the origin belongs to"));
    }
    let sent = match vantage.is_gateway() {
        true => through_gateway(scene, vantage, arrival),
        false => from_sidecar(scene, vantage, arrival),
    };
    let endpoints: Vec<&EndpointShare> = sent
        .clusters
        .iter()
        .filter(|cluster| matches!(cluster.outcome, OutcomeKind::Forward | OutcomeKind::Passthrough))
        .flat_map(|cluster| &cluster.endpoints)
        .collect();
    let place = |endpoint: &EndpointShare| {
        let ip = endpoint.address.parse().ok()?;
        Some(SocketAddr::new(ip, endpoint.port))
    };
    let mine = endpoints.iter().filter_map(|e| place(e)).find(|at| vantage.proxy.ips.contains(&at.ip()));
    if let Some(at) = mine {
        return Ok(own(at.port(), "the origin is one of those who may get the request"));
    }
    let other = endpoints.iter().filter_map(|e| place(e)).find_map(|at| {
        let workload = scene.mesh.workloads_at(at.ip()).first()?.clone();
        Some((at, workload))
    });
    match other {
        Some((destination, workload)) => {
            let why = format!("the origin may send the request to {}", workload.key);
            Ok(Receiver { vantage: beside(scene, &workload)?, destination, why })
        }
        None if vantage.is_gateway() => Err(ExplainError::NoReceiver(format!(
            "no workload of the manifests would get the request ({}), so there is no receiving side",
            sent.outcome.kind.name()
        ))),
        None => Ok(own(port, "nobody of the manifests would get the request; taken to arrive at the origin")),
    }
}

/// Where the origin listens for a service that it belongs to.
fn served(scene: &Scene<'_>, vantage: &Vantage, host: &str, port: u16) -> Option<u16> {
    let names = search(scene, vantage, host);
    let reached = scene.mesh.inbound_services(&vantage.proxy.ips, &vantage.proxy.namespace);
    reached.iter().filter(|(service, _)| names.contains(&service.host)).find_map(|(service, workload)| {
        let (_, own) = service.target_ports(workload).into_iter().find(|(from, _)| *from == port)?;
        Some(own)
    })
}

fn beside(scene: &Scene<'_>, workload: &Arc<Workload>) -> Result<Vantage, ExplainError> {
    let name = WorkloadName {
        kind: Some(workload.key.kind.kind.to_string()),
        namespace: workload.key.namespace.to_string(),
        name: workload.key.name.to_string(),
    };
    find(scene, &Origin::Workload(name))
}
