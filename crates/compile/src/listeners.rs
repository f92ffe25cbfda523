//! Listeners: where connections are accepted, and which chain of filters takes each.

mod access_log;
mod chains;
mod filters;
mod gateway;
mod http;
mod inbound;
mod outbound;
mod passthrough;
mod plan;
mod tcp;

use std::sync::Arc;

use outrigger_base::Diagnostic;
use outrigger_proto::envoy::config::listener::v3::Listener;

use crate::bundle::Resources;
use crate::encode;
use crate::world::World;

pub(crate) use self::gateway::{Port, ports as gateway_ports, terminates};

/// The listeners of a sidecar.
pub(crate) fn of_sidecar(world: &World<'_>, diagnostics: &mut Vec<Diagnostic>) -> Resources {
    let mut built = outbound::listeners(world, diagnostics);
    built.push((passthrough::virtual_outbound(world), Vec::new()));
    built.push(inbound::virtual_inbound(world, diagnostics));
    encoded(built)
}

/// The listeners of a gateway, one for each of its ports.
pub(crate) fn of_gateway(world: &World<'_>, ports: &[Port]) -> Resources {
    encoded(ports.iter().filter_map(|port| gateway::listener(world, port)).collect())
}

fn encoded(built: Vec<plan::Built>) -> Resources {
    let encode = |(listener, origins): plan::Built| {
        let listener: Listener = listener;
        let compiled = encode::resource(&listener.name, &listener, &origins);
        (compiled.name.clone(), Arc::new(compiled))
    };
    built.into_iter().map(encode).collect()
}
