//! The one writer: takes changes in, works out what they concern, and publishes snapshots.

use std::collections::BTreeSet;
use std::sync::Arc;

use ahash::AHashSet;
use outrigger_api::{Change, DestinationRule, Gateway, MeshConfig, Object, Resource, VirtualService};
use outrigger_base::{ClusterId, Kind, Network, ResourceKey};

use crate::claim::Context;
use crate::findings::{Findings, Subject};
use crate::gather::{Source, gather};
use crate::hosts::{Claimant, Hosts};
use crate::intern::Pools;
use crate::rules::{DestinationRules, Gateways, VirtualServices};
use crate::selection::Selections;
use crate::service::ServiceKey;
use crate::snapshot::{Snapshot, Touched};
use crate::workload::{Surroundings, Workload, of_entry, of_pod};

/// What a mesh is told once.
#[derive(Debug, Clone)]
pub struct Options {
    /// The cluster of all workloads.
    pub cluster: ClusterId,
    /// The network of pods.
    pub network: Network,
}

/// All objects of a mesh, and what exists because of them.
#[derive(Debug)]
pub struct Mesh {
    surroundings: Surroundings,
    pools: Pools,
    hosts: Hosts,
    selections: Selections,
    virtual_services: VirtualServices,
    destination_rules: DestinationRules,
    gateways: Gateways,
    findings: Findings,
    /// What is published; written to only between two publications.
    current: Snapshot,
}

/// What a batch of changes concerns.
#[derive(Default)]
struct Batch {
    touched: Touched,
    /// Services whose endpoints have to be gathered anew.
    stale: BTreeSet<ServiceKey>,
    virtual_services: bool,
    gateways: bool,
    /// Namespaces whose DestinationRules changed.
    destination_rules: BTreeSet<Arc<str>>,
}

impl Mesh {
    /// A mesh in which nothing exists.
    pub fn new(config: MeshConfig, options: Options) -> Mesh {
        Mesh {
            surroundings: Surroundings { cluster: options.cluster, network: options.network },
            pools: Pools::default(),
            hosts: Hosts::default(),
            selections: Selections::default(),
            virtual_services: VirtualServices::default(),
            destination_rules: DestinationRules::default(),
            gateways: Gateways::default(),
            findings: Findings::default(),
            current: Snapshot { config: Arc::new(config), ..Snapshot::default() },
        }
    }

    /// Takes changes in, of several for one object the last, and publishes the outcome at once. Only what they concern
    /// is computed again; what comes out equal is not published again.
    pub fn apply(&mut self, changes: Vec<Change>) -> Touched {
        let mut batch = Batch::default();
        let changes = last_of_each_object(changes);
        // Selectors before workloads: then every workload meets its selectors once, and no new selector
        // has to look at all workloads of its namespace. The outcome is the same.
        let is_workload = |change: &Change| matches!(change.key().kind, Kind::POD | Kind::WORKLOAD_ENTRY);
        let (workloads, others): (Vec<_>, Vec<_>) = changes.into_iter().partition(is_workload);
        for change in others.into_iter().chain(workloads) {
            match change {
                Change::Upsert(resource) => self.upsert(resource, &mut batch),
                Change::Delete(key) => self.delete(&key, &mut batch),
            }
        }
        self.publish(batch)
    }

    /// Takes new mesh-wide settings in.
    pub fn set_config(&mut self, config: MeshConfig) -> Touched {
        if *self.current.config == config {
            return Touched::default();
        }
        self.current.config = Arc::new(config);
        let mut batch = Batch::default();
        batch.touched.config = true;
        for (key, claimant) in self.hosts.claimants() {
            self.set_claimant(&key, Some(claimant));
        }
        for rule in self.virtual_services.list().iter() {
            self.set_virtual_service(&rule.key, Some(rule.object.clone()), &mut batch);
        }
        for (key, object) in self.destination_rules.objects() {
            self.set_destination_rule(&key, Some(object), &mut batch);
        }
        self.publish(batch)
    }

    /// What exists now.
    pub fn snapshot(&self) -> Snapshot {
        self.current.clone()
    }

    fn upsert(&mut self, resource: Resource, batch: &mut Batch) {
        let key = resource.key();
        match resource {
            Resource::Service(object) => self.set_claimant(&key, Some(Claimant::Service(object))),
            Resource::ServiceEntry(object) => self.set_claimant(&key, Some(Claimant::Entry(object))),
            Resource::Pod(object) => {
                let workload = of_pod(&object, &self.surroundings, &mut self.pools);
                self.set_workload(workload, batch);
            }
            Resource::WorkloadEntry(object) => {
                let workload = of_entry(&object, &self.surroundings, &mut self.pools);
                self.set_workload(workload, batch);
            }
            Resource::VirtualService(object) => self.set_virtual_service(&key, Some(object), batch),
            Resource::DestinationRule(object) => self.set_destination_rule(&key, Some(object), batch),
            Resource::Gateway(object) => self.set_gateway(&key, Some(object), batch),
            // They say nothing about traffic: pods come as pods, and accounts as names in them.
            Resource::Namespace(_) | Resource::ServiceAccount(_) | Resource::Deployment(_) => {}
        }
    }

    fn delete(&mut self, key: &ResourceKey, batch: &mut Batch) {
        match key.kind {
            Kind::SERVICE | Kind::SERVICE_ENTRY => self.set_claimant(key, None),
            Kind::POD | Kind::WORKLOAD_ENTRY => self.remove_workload(key, batch),
            Kind::VIRTUAL_SERVICE => self.set_virtual_service(key, None, batch),
            Kind::DESTINATION_RULE => self.set_destination_rule(key, None, batch),
            Kind::GATEWAY => self.set_gateway(key, None, batch),
            _ => {}
        }
    }

    fn set_claimant(&mut self, key: &ResourceKey, claimant: Option<Claimant>) {
        let mut context = Context {
            config: &self.current.config,
            surroundings: &self.surroundings,
            pools: &mut self.pools,
        };
        self.hosts.set(key, claimant, &mut context, &mut self.findings);
        self.selections.set(key, self.hosts.selector_of(key));
    }

    fn set_workload(&mut self, workload: Workload, batch: &mut Batch) {
        if self.current.workloads.get(&workload.key).is_some_and(|known| **known == workload) {
            return;
        }
        let workload = Arc::new(workload);
        Arc::make_mut(&mut self.current.workloads).insert(workload.clone());
        let concerned = self.selections.upsert(&workload);
        batch.stale.extend(concerned.iter().flat_map(|object| self.hosts.services_of(object)));
        batch.touched.workloads.push(workload.key.clone());
    }

    fn remove_workload(&mut self, key: &ResourceKey, batch: &mut Batch) {
        if self.current.workloads.get(key).is_none() {
            return;
        }
        Arc::make_mut(&mut self.current.workloads).remove(key);
        let concerned = self.selections.remove(key);
        batch.stale.extend(concerned.iter().flat_map(|object| self.hosts.services_of(object)));
        batch.touched.workloads.push(key.clone());
    }

    fn set_virtual_service(
        &mut self,
        key: &ResourceKey,
        object: Option<Arc<Object<VirtualService>>>,
        batch: &mut Batch,
    ) {
        let (changed, found) = self.virtual_services.set(key, object, &self.current.config);
        self.findings.set(Subject::Object(key.clone()), found);
        if changed {
            batch.virtual_services = true;
            batch.touched.rules.push(key.clone());
        }
    }

    fn set_destination_rule(
        &mut self,
        key: &ResourceKey,
        object: Option<Arc<Object<DestinationRule>>>,
        batch: &mut Batch,
    ) {
        let updated = self.destination_rules.set(key, object, &self.current.config);
        self.findings.set(Subject::Object(key.clone()), updated.own);
        for (host, found) in updated.findings {
            self.findings.set(Subject::DestinationRules(key.namespace.clone(), host), found);
        }
        if !updated.touched.is_empty() {
            batch.destination_rules.insert(key.namespace.clone());
            batch.touched.rules.extend(updated.touched);
        }
    }

    fn set_gateway(&mut self, key: &ResourceKey, object: Option<Arc<Object<Gateway>>>, batch: &mut Batch) {
        if self.gateways.set(key, object) {
            batch.gateways = true;
            batch.touched.rules.push(key.clone());
        }
    }

    fn publish(&mut self, mut batch: Batch) -> Touched {
        self.publish_services(&mut batch);
        if batch.virtual_services {
            self.current.virtual_services = self.virtual_services.list();
        }
        if batch.gateways {
            self.current.gateways = self.gateways.list();
        }
        for namespace in &batch.destination_rules {
            let rules = self.destination_rules.merged(namespace);
            Arc::make_mut(&mut self.current.destination_rules).set(namespace, rules);
        }
        let diagnostics = self.findings.take_changed();
        batch.touched.normalize();
        if !batch.touched.is_empty() || diagnostics.is_some() {
            self.current.version += 1;
        }
        if let Some(diagnostics) = diagnostics {
            self.current.diagnostics = diagnostics;
        }
        batch.touched
    }

    fn publish_services(&mut self, batch: &mut Batch) {
        let settled = self.hosts.settle(&mut self.findings);
        if !settled.changed.is_empty() {
            let fresh = settled.changed.iter().filter_map(|key| self.hosts.service(key)).cloned();
            self.current.services = Arc::new(self.current.services.with(&settled.changed, fresh));
        }
        let mut stale = std::mem::take(&mut batch.stale);
        stale.extend(settled.claimed);
        stale.extend(settled.changed.iter().cloned());
        batch.touched.services.extend(settled.changed);
        for key in stale {
            self.publish_endpoints(key, &mut batch.touched);
        }
    }

    fn publish_endpoints(&mut self, key: ServiceKey, touched: &mut Touched) {
        let subject = Subject::Endpoints(key.clone());
        let Some(service) = self.hosts.service(&key) else {
            self.findings.set(subject, Vec::new());
            if let Some(old) = Arc::make_mut(&mut self.current.endpoints).by_service.remove(&key) {
                touched.workloads.extend(old.inline.iter().map(|workload| workload.key.clone()));
            }
            return;
        };
        let sources: Vec<Source<'_>> = service
            .bindings
            .iter()
            .map(|binding| Source {
                binding,
                inline: self.hosts.inline(&key, binding),
                members: self.selections.members(&binding.origin),
            })
            .collect();
        let (endpoints, found) = gather(service, &sources);
        self.findings.set(subject, found);
        let old = self.current.endpoints.by_service.get(&key);
        if old.is_some_and(|old| **old == endpoints) {
            return;
        }
        let old_inline = old.map_or(&[][..], |old| &old.inline);
        if old_inline != endpoints.inline {
            let listed = old_inline.iter().chain(&endpoints.inline);
            touched.workloads.extend(listed.map(|workload| workload.key.clone()));
        }
        Arc::make_mut(&mut self.current.endpoints).by_service.insert(key.clone(), Arc::new(endpoints));
        touched.endpoints.push(key);
    }
}

/// Leaves out what a later change of the same batch overrides, so that what merely passed by is not
/// published as a change.
fn last_of_each_object(mut changes: Vec<Change>) -> Vec<Change> {
    let mut seen = AHashSet::with_capacity(changes.len());
    changes.reverse();
    changes.retain(|change| seen.insert(change.key()));
    changes
}
