//! DestinationRules, merged by namespace, host and visibility.
//!
//! (istio: push_context.go `SetDestinationRules`, destination_rule.go `mergeDestinationRule`, with
//! ENABLE_ENHANCED_DESTINATIONRULE_MERGE.)

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ahash::AHashMap;
use outrigger_api::{DestinationRule, MeshConfig, Object};
use outrigger_base::{Code, Diagnostic, Host, Kind, ResourceKey};

use super::DestinationRuleRule;
use crate::order::Precedence;
use crate::service::Visibility;

/// Rules without a selector come after those with one.
type Place = (bool, Precedence);
type Objects = BTreeMap<Place, Arc<Object<DestinationRule>>>;

/// All DestinationRules.
#[derive(Debug, Default)]
pub(crate) struct DestinationRules {
    places: AHashMap<ResourceKey, (Host, Place)>,
    /// By namespace and host, in the order in which they win.
    objects: AHashMap<Arc<str>, BTreeMap<Host, Objects>>,
    merged: AHashMap<Arc<str>, BTreeMap<Host, Vec<Arc<DestinationRuleRule>>>>,
}

/// What an update of [`DestinationRules`] did.
#[derive(Debug, Default)]
pub(crate) struct Updated {
    /// Objects whose effect appeared, changed or vanished. Empty: nobody could see a difference.
    pub touched: Vec<ResourceKey>,
    /// Findings of hosts that were merged anew.
    pub findings: Vec<(Host, Vec<Diagnostic>)>,
    /// What is wrong with the object itself.
    pub own: Vec<Diagnostic>,
}

impl DestinationRules {
    /// The object says this now; `None`: it is gone.
    pub(crate) fn set(
        &mut self,
        key: &ResourceKey,
        object: Option<Arc<Object<DestinationRule>>>,
        config: &MeshConfig,
    ) -> Updated {
        let mut updated = Updated::default();
        let namespace = &key.namespace;
        let mut stale = BTreeSet::new();
        if let Some((host, place)) = self.places.remove(key) {
            if let Some(objects) = self.objects.get_mut(namespace).and_then(|hosts| hosts.get_mut(&host)) {
                objects.remove(&place);
            }
            stale.insert(host);
        }
        if let Some(object) = object {
            match Host::resolve(&object.spec.host, namespace, &config.domain) {
                Ok(host) => {
                    let place = (object.spec.workload_selector.is_none(), Precedence::of(&object.meta));
                    self.places.insert(key.clone(), (host.clone(), place.clone()));
                    let hosts = self.objects.entry(namespace.clone()).or_default();
                    hosts.entry(host.clone()).or_default().insert(place, object);
                    stale.insert(host);
                }
                Err(error) => updated.own.push(
                    Diagnostic::error(Code::INVALID, format!("'{}' is no host: {error}", object.spec.host))
                        .with_object(key.clone())
                        .with_field("spec.host"),
                ),
            }
        }
        for host in stale {
            self.merge_host(namespace, host, config, &mut updated);
        }
        updated
    }

    fn merge_host(&mut self, namespace: &Arc<str>, host: Host, config: &MeshConfig, updated: &mut Updated) {
        let hosts = self.objects.entry(namespace.clone()).or_default();
        if hosts.get(&host).is_some_and(BTreeMap::is_empty) {
            hosts.remove(&host);
        }
        let mut merging = Merging { host: &host, config, rules: Vec::new(), findings: Vec::new() };
        for object in hosts.get(&host).into_iter().flat_map(BTreeMap::values) {
            merging.add(object);
        }
        let Merging { rules, findings, .. } = merging;
        let merged = self.merged.entry(namespace.clone()).or_default();
        let old = merged.remove(&host).unwrap_or_default();
        // A rule that came out the same stays the same, also for those who compare pointers.
        let keep =
            |rule| old.iter().find(|known| ***known == rule).cloned().unwrap_or_else(|| Arc::new(rule));
        let new: Vec<Arc<DestinationRuleRule>> = rules.into_iter().map(keep).collect();
        if old != new {
            updated.touched.extend(old.iter().chain(&new).flat_map(|rule| rule.origins.iter().cloned()));
        }
        if !new.is_empty() {
            merged.insert(host.clone(), new);
        }
        updated.findings.push((host, findings));
    }

    /// The rules of a namespace after merging, host by host.
    pub(crate) fn merged(
        &self,
        namespace: &str,
    ) -> impl Iterator<Item = (Host, Vec<Arc<DestinationRuleRule>>)> {
        let hosts = self.merged.get(namespace).into_iter().flatten();
        hosts.map(|(host, rules)| (host.clone(), rules.clone()))
    }

    /// All objects, to be set again when the configuration changed.
    pub(crate) fn objects(&self) -> Vec<(ResourceKey, Arc<Object<DestinationRule>>)> {
        let all = self.objects.values().flat_map(BTreeMap::values).flat_map(BTreeMap::values);
        all.map(|object| (key_of(object), object.clone())).collect()
    }
}

fn key_of(object: &Object<DestinationRule>) -> ResourceKey {
    ResourceKey::new(Kind::DESTINATION_RULE, object.meta.namespace.clone(), object.meta.name.clone())
}

/// Merges the objects of one host, in the order in which they win.
struct Merging<'a> {
    host: &'a Host,
    config: &'a MeshConfig,
    rules: Vec<DestinationRuleRule>,
    findings: Vec<Diagnostic>,
}

impl Merging<'_> {
    fn add(&mut self, object: &Object<DestinationRule>) {
        let key = key_of(object);
        let selector = object.spec.workload_selector.as_ref().map(|s| s.match_labels.clone());
        let visibility = match &selector {
            // What is for certain workloads is for those of its namespace.
            Some(_) => Visibility::Private,
            None => Visibility::parse(
                &object.spec.export_to,
                &self.config.default_destination_rule_export_to,
                &object.meta.namespace,
            ),
        };
        let mut joined = false;
        for rule in self.rules.iter_mut().filter(|rule| rule.visibility == visibility) {
            // A rule for all also completes those that are for certain workloads, which come first.
            if rule.workload_selector == selector || selector.is_none() {
                joined |= rule.workload_selector == selector;
                join(rule, &key, object, &mut self.findings);
            }
        }
        if joined {
            return;
        }
        let alike = |rule: &&DestinationRuleRule| rule.workload_selector == selector;
        if let Some(winner) = self.rules.iter().find(alike) {
            let message = format!(
                "{} is the rule for the host {} and is exported to others, so this one is left out where both are seen",
                winner.origins[0], self.host
            );
            let finding = Diagnostic::warning(Code::CONFLICT, message).with_object(key.clone());
            self.findings.push(finding.with_field("spec.exportTo"));
        }
        let mut spec = object.spec.clone();
        spec.subsets = Vec::new();
        let mut rule = DestinationRuleRule {
            origins: Vec::new(),
            host: self.host.clone(),
            visibility,
            workload_selector: selector,
            policy_origin: spec.traffic_policy.as_ref().map(|_| key.clone()),
            spec: Arc::new(spec),
            subset_origins: Vec::new(),
        };
        join(&mut rule, &key, object, &mut self.findings);
        self.rules.push(rule);
    }
}

/// Adds what a further object says: its subsets, and its policy if there is none yet.
fn join(
    rule: &mut DestinationRuleRule,
    key: &ResourceKey,
    object: &Object<DestinationRule>,
    findings: &mut Vec<Diagnostic>,
) {
    let host = rule.host.clone();
    let mut complain = |field: String, message: String| {
        let finding = Diagnostic::warning(Code::CONFLICT, message).with_object(key.clone());
        findings.push(finding.with_field(field));
    };
    let first = rule.origins.is_empty();
    rule.origins.push(key.clone());
    let spec = Arc::make_mut(&mut rule.spec);
    match (&rule.policy_origin, &object.spec.traffic_policy) {
        (None, Some(policy)) => {
            spec.traffic_policy = Some(policy.clone());
            rule.policy_origin = Some(key.clone());
        }
        (Some(winner), Some(_)) if !first && winner != key => {
            complain(
                "spec.trafficPolicy".into(),
                format!("the policy of {winner} for the host {host} holds"),
            );
        }
        _ => {}
    }
    for (n, subset) in object.spec.subsets.iter().enumerate() {
        match spec.subsets.iter().position(|known| known.name == subset.name) {
            None => {
                spec.subsets.push(subset.clone());
                rule.subset_origins.push(key.clone());
            }
            Some(known) => complain(
                format!("spec.subsets[{n}].name"),
                format!("{} has a subset '{}' of {host} already", rule.subset_origins[known], subset.name),
            ),
        }
    }
}
