//! The services: claims on hosts come in, services with addresses come out.
//!
//! Three steps, each only for what is concerned: claims of one host and namespace are merged; the
//! need for virtual addresses is told to the allotments, which may move other hosts; services that
//! come out different are published.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use ahash::AHashMap;
use outrigger_api::{Object, ServiceEntry, ServiceSpec};
use outrigger_base::{Host, ResourceKey, Selector};

use crate::addresses::Allotments;
use crate::binding::Binding;
use crate::claim::{Claim, Claims, Context, Rank, claim_of_service, claims_of_entry};
use crate::findings::{Findings, Subject};
use crate::merge::{Merged, merge};
use crate::service::{Service, ServiceKey, VirtualAddress};
use crate::workload::Workload;

/// An object that claims hosts.
#[derive(Debug, Clone)]
pub(crate) enum Claimant {
    Service(Arc<Object<ServiceSpec>>),
    Entry(Arc<Object<ServiceEntry>>),
}

impl Claimant {
    fn claims(&self, context: &mut Context<'_>) -> Claims {
        match self {
            Claimant::Service(object) => claim_of_service(object, context),
            Claimant::Entry(object) => claims_of_entry(object, context),
        }
    }
}

/// All that claim hosts, and the services that come of it.
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    claimants: AHashMap<ResourceKey, (Claimant, Vec<Arc<Claim>>)>,
    claims: AHashMap<ServiceKey, BTreeMap<Rank, Arc<Claim>>>,
    merged: AHashMap<ServiceKey, Merged>,
    services: AHashMap<ServiceKey, Arc<Service>>,
    namespaces_of: AHashMap<Host, BTreeSet<Arc<str>>>,
    allotments: Allotments,
    /// Services whose claims changed since the last [`Hosts::settle`].
    stale: BTreeSet<ServiceKey>,
}

impl Hosts {
    /// An object says this now; `None`: it is gone.
    pub(crate) fn set(
        &mut self,
        object: &ResourceKey,
        claimant: Option<Claimant>,
        context: &mut Context<'_>,
        findings: &mut Findings,
    ) {
        let Claims { claims, findings: found } =
            claimant.as_ref().map(|claimant| claimant.claims(context)).unwrap_or_default();
        findings.set(Subject::Object(object.clone()), found);
        let claims: Vec<Arc<Claim>> = claims.into_iter().map(Arc::new).collect();
        let old = match claimant {
            Some(claimant) => self.claimants.insert(object.clone(), (claimant, claims.clone())),
            None => self.claimants.remove(object),
        };
        let old = old.map(|(_, claims)| claims).unwrap_or_default();
        for claim in old.iter().filter(|claim| !claims.contains(claim)) {
            self.withdraw(claim);
        }
        for claim in claims.iter().filter(|claim| !old.contains(claim)) {
            let key = claim.service.key();
            self.claims.entry(key.clone()).or_default().insert(claim.rank(), claim.clone());
            self.stale.insert(key);
        }
    }

    fn withdraw(&mut self, claim: &Claim) {
        let key = claim.service.key();
        if let Some(claims) = self.claims.get_mut(&key) {
            claims.remove(&claim.rank());
            if claims.is_empty() {
                self.claims.remove(&key);
            }
        }
        self.stale.insert(key);
    }

    /// All that claim hosts, to be set again when the configuration changed.
    pub(crate) fn claimants(&self) -> Vec<(ResourceKey, Claimant)> {
        self.claimants.iter().map(|(key, (claimant, _))| (key.clone(), claimant.clone())).collect()
    }

    /// The selector of an object; the same for all its hosts.
    pub(crate) fn selector_of(&self, object: &ResourceKey) -> Option<&Selector> {
        let (_, claims) = self.claimants.get(object)?;
        claims.first()?.service.selector.as_ref()
    }

    /// The services that an object has a part in.
    pub(crate) fn services_of(&self, object: &ResourceKey) -> impl Iterator<Item = ServiceKey> {
        self.claimants.get(object).into_iter().flat_map(|(_, claims)| claims).map(|claim| claim.service.key())
    }

    /// The service as it stands.
    pub(crate) fn service(&self, key: &ServiceKey) -> Option<&Arc<Service>> {
        self.services.get(key)
    }

    /// What the object behind a binding lists itself for a service.
    pub(crate) fn inline(&self, key: &ServiceKey, binding: &Binding) -> &[Arc<Workload>] {
        let claims = self.claims.get(key).into_iter().flat_map(BTreeMap::values);
        let mut own = claims.filter(|claim| claim.service.origins.first() == Some(&binding.origin));
        own.next().map_or(&[], |claim| &claim.inline)
    }

    /// Brings services up to date. Those whose claims changed, and those that came out different.
    pub(crate) fn settle(&mut self, findings: &mut Findings) -> Settled {
        let claimed = std::mem::take(&mut self.stale);
        let mut moved = BTreeSet::new();
        for key in &claimed {
            let merged = self.claims.get(key).and_then(merge);
            let found = merged.as_ref().map(|merged| merged.findings.clone()).unwrap_or_default();
            findings.set(Subject::Host(key.clone()), found);
            self.replace_merged(key, merged, &mut moved);
        }
        let mut refresh = claimed.clone();
        for host in moved {
            let namespaces = self.namespaces_of.get(&host).into_iter().flatten();
            refresh.extend(namespaces.map(|ns| ServiceKey { host: host.clone(), namespace: ns.clone() }));
        }
        let changed = refresh.into_iter().filter(|key| self.refresh(key)).collect();
        Settled { claimed, changed }
    }

    fn replace_merged(&mut self, key: &ServiceKey, merged: Option<Merged>, moved: &mut BTreeSet<Host>) {
        // New needs first: a host that goes on to need an address must not lose it in between.
        if let Some(merged) = &merged {
            self.namespaces_of.entry(key.host.clone()).or_default().insert(key.namespace.clone());
            if merged.allot.any() {
                self.allotments.add(&key.host, moved);
            }
            for address in written(merged) {
                self.allotments.reserve(address, moved);
            }
        } else if let Some(namespaces) = self.namespaces_of.get_mut(&key.host) {
            namespaces.remove(&key.namespace);
            if namespaces.is_empty() {
                self.namespaces_of.remove(&key.host);
            }
        }
        let old = match merged {
            Some(merged) => self.merged.insert(key.clone(), merged),
            None => self.merged.remove(key),
        };
        let Some(old) = old else { return };
        if old.allot.any() {
            self.allotments.remove(&key.host, moved);
        }
        for address in written(&old) {
            self.allotments.free(address, moved);
        }
    }

    /// Whether the service is another one now.
    fn refresh(&mut self, key: &ServiceKey) -> bool {
        let Some(merged) = self.merged.get(key) else { return self.services.remove(key).is_some() };
        let mut service = merged.service.clone();
        let v4 = merged.allot.v4.then(|| self.allotments.v4(&key.host)).flatten();
        let v6 = merged.allot.v6.then(|| self.allotments.v6(&key.host)).flatten();
        service.addresses.extend([v4, v6].into_iter().flatten().map(|ip| VirtualAddress::single(ip, true)));
        if self.services.get(key).is_some_and(|known| **known == service) {
            return false;
        }
        self.services.insert(key.clone(), Arc::new(service));
        true
    }
}

/// Addresses that users wrote, of services that exist.
fn written(merged: &Merged) -> impl Iterator<Item = IpAddr> {
    merged.service.addresses.iter().filter(|address| address.is_single()).map(|address| address.address)
}

/// What [`Hosts::settle`] did.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// Services whose claims changed: their endpoints may be others now.
    pub claimed: BTreeSet<ServiceKey>,
    /// Services that appeared, changed or vanished.
    pub changed: BTreeSet<ServiceKey>,
}
