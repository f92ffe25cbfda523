//! Taking resources as they arrive.

use std::sync::Arc;

use arc_swap::ArcSwap;
use outrigger_traffic::{Cluster, ClusterEntry, Discovery, EndpointSet};

use super::{Assembly, Slot};
use crate::resources::{Held, Type, check_listener, check_routes};

/// What an update did.
#[derive(Debug, Default, PartialEq)]
pub struct Outcome {
    /// Resources that were refused, with the reason.
    pub rejected: Vec<(String, String)>,
    /// Whether a new snapshot may differ from the one in force. Endpoints alone need none.
    pub is_structural: bool,
}

impl Assembly {
    /// Takes what is good of an update.
    pub fn update(
        &mut self,
        kind: Type,
        changed: &[(String, String, bytes::Bytes)],
        removed: &[String],
    ) -> Outcome {
        let first = self.heard.insert(kind);
        let mut outcome = Outcome { is_structural: first || kind != Type::Endpoint, ..Outcome::default() };
        for (name, version, body) in changed {
            match self.take(kind, name, version, body) {
                Ok(structural) => {
                    outcome.is_structural |= structural;
                    self.rejections.remove(&(kind, name.clone()));
                }
                Err(reason) => {
                    self.reject(kind, name, version, &reason);
                    outcome.rejected.push((name.clone(), reason));
                }
            }
        }
        for name in removed {
            self.remove(kind, name);
            self.rejections.remove(&(kind, name.clone()));
        }
        outcome
    }

    /// Takes one resource; says whether more than endpoints changed.
    pub(super) fn take(
        &mut self,
        kind: Type,
        name: &str,
        version: &str,
        body: &[u8],
    ) -> Result<bool, String> {
        match kind {
            Type::Cluster => {
                let (cluster, inline) = outrigger_wire::cluster(body).map_err(|e| e.to_string())?;
                is_named(name, &cluster.name)?;
                let entry = self.entry(cluster, inline);
                self.clusters.insert(entry.cluster.name.clone(), Held::new(version, body, entry));
                Ok(true)
            }
            Type::Endpoint => {
                let (cluster, set) = outrigger_wire::endpoints(body).map_err(|e| e.to_string())?;
                is_named(name, &cluster)?;
                let slot = self.slot(&cluster);
                replace(&slot, set);
                let was_missing = self.endpoints.insert(cluster, Held::new(version, body, slot)).is_none();
                Ok(was_missing)
            }
            Type::Listener => {
                let listener = outrigger_wire::listener(body).map_err(|e| e.to_string())?;
                is_named(name, &listener.name)?;
                check_listener(&listener)?;
                let key = listener.name.clone();
                let value = match self.listeners.get(&key) {
                    Some(held) if *held.value == listener => held.value.clone(),
                    _ => Arc::new(listener),
                };
                self.listeners.insert(key, Held::new(version, body, value));
                Ok(true)
            }
            Type::Route => {
                let config = outrigger_wire::route(body).map_err(|e| e.to_string())?;
                is_named(name, &config.name)?;
                check_routes(&config)?;
                let key = config.name.clone();
                let value = match self.routes.get(&key) {
                    Some(held) if *held.value == config => held.value.clone(),
                    _ => Arc::new(config),
                };
                self.routes.insert(key, Held::new(version, body, value));
                Ok(true)
            }
        }
    }

    /// Forgets one resource.
    fn remove(&mut self, kind: Type, name: &str) {
        match kind {
            Type::Cluster => {
                self.clusters.remove(name);
            }
            Type::Endpoint => {
                // Its cluster, if there still is one, has no endpoints from now on.
                if let Some(held) = self.endpoints.remove(name) {
                    replace(&held.value, EndpointSet::default());
                }
            }
            Type::Listener => {
                self.listeners.remove(name);
            }
            Type::Route => {
                self.routes.remove(name);
            }
        }
    }

    /// A cluster's entry. One that did not change stays the same, so that workers keep its connections;
    /// one that did keeps its endpoints.
    fn entry(&mut self, cluster: Cluster, inline: EndpointSet) -> Arc<ClusterEntry> {
        let old = self.clusters.get(&cluster.name).map(|held| held.value.clone());
        let endpoints = match &cluster.discovery {
            Discovery::Eds(name) => self.slot(name),
            discovery => match &old {
                Some(old) if old.cluster.discovery == *discovery => old.endpoints.clone(),
                _ => Slot::default(),
            },
        };
        if cluster.discovery == Discovery::Static {
            replace(&endpoints, inline);
        }
        match old {
            Some(old) if old.cluster == cluster && Arc::ptr_eq(&old.endpoints, &endpoints) => old,
            _ => Arc::new(ClusterEntry { cluster, endpoints }),
        }
    }

    fn slot(&mut self, name: &Arc<str>) -> Slot {
        self.slots.entry(name.clone()).or_insert_with(|| Arc::new(ArcSwap::default())).clone()
    }
}

fn is_named(expected: &str, actual: &str) -> Result<(), String> {
    if expected == actual { Ok(()) } else { Err(format!("the resource inside is named {actual}")) }
}

/// Puts endpoints in force, unless they are the same.
fn replace(slot: &Slot, set: EndpointSet) {
    if **slot.load() != set {
        slot.store(Arc::new(set));
    }
}
