//! What one proxy runs on: compiled for it, sent over the wire in thought, and read.

use std::sync::Arc;

use ahash::AHashMap;
use arc_swap::ArcSwap;
use outrigger_base::{Code, Diagnostic};
use outrigger_compile::{Proxy, View, compile};
use outrigger_traffic::{ClusterEntry, Discovery, Snapshot};
use outrigger_wire::Refused;

use crate::scene::Scene;

/// What one proxy runs on.
pub(crate) struct Loaded {
    pub(crate) traffic: Snapshot,
    /// What lost or can have no effect for it.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Resources that it would refuse.
    pub(crate) warnings: Vec<String>,
}

pub(crate) fn load(scene: &Scene<'_>, proxy: &Proxy) -> Loaded {
    let bundle = compile(&scene.mesh, &View::of(&scene.mesh, proxy));
    let mut warnings = Vec::new();
    let mut refuse =
        |kind: &str, refused: Refused| warnings.push(format!("the proxy would refuse the {kind} {refused}"));
    let mut listeners = AHashMap::new();
    for (name, compiled) in bundle.listeners.iter() {
        match outrigger_wire::listener(&compiled.body) {
            Ok(listener) => drop(listeners.insert(name.clone(), Arc::new(listener))),
            Err(refused) => refuse("listener", refused),
        }
    }
    let mut routes = AHashMap::new();
    for (name, compiled) in bundle.routes.iter() {
        match outrigger_wire::route(&compiled.body) {
            Ok(config) => drop(routes.insert(name.clone(), Arc::new(config))),
            Err(refused) => refuse("route configuration", refused),
        }
    }
    let mut assigned = AHashMap::new();
    for compiled in bundle.endpoints.values() {
        match outrigger_wire::endpoints(&compiled.body) {
            Ok((name, endpoints)) => drop(assigned.insert(name, endpoints)),
            Err(refused) => refuse("endpoints of", refused),
        }
    }
    let mut clusters = AHashMap::new();
    for (name, compiled) in bundle.clusters.iter() {
        match outrigger_wire::cluster(&compiled.body) {
            Ok((cluster, inline)) => {
                let endpoints = match &cluster.discovery {
                    Discovery::Eds(service) => assigned.remove(service).unwrap_or_default(),
                    _ => inline,
                };
                let endpoints = Arc::new(ArcSwap::from_pointee(endpoints));
                clusters.insert(name.clone(), Arc::new(ClusterEntry { cluster, endpoints }));
            }
            Err(refused) => refuse("cluster", refused),
        }
    }
    scene.report(&relevant(&bundle.diagnostics));
    Loaded { traffic: Snapshot::new(listeners, routes, clusters), diagnostics: bundle.diagnostics, warnings }
}

/// Findings that belong to no object are about the mesh and known already.
fn relevant(diagnostics: &[Diagnostic]) -> Vec<Diagnostic> {
    diagnostics.iter().filter(|d| d.object.is_some() || d.code == Code::CONFLICT).cloned().collect()
}
