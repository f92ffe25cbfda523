//! DestinationRules, and which of them decides for a client and a service.

use std::sync::Arc;

use ahash::AHashMap;
use outrigger_base::{Host, Labels};

use super::Snapshot;
use crate::rules::DestinationRuleRule;
use crate::service::Visibility;

/// DestinationRules by namespace.
#[derive(Debug, Default, Clone)]
pub struct DestinationRuleIndex {
    by_namespace: AHashMap<Arc<str>, Arc<NamespaceRules>>,
}

/// The rules of one namespace: all that stand for one host lie together, those with a selector
/// first, then the oldest.
#[derive(Debug, Default)]
struct NamespaceRules {
    exact: AHashMap<Host, Vec<Arc<DestinationRuleRule>>>,
    /// Most specific first.
    wildcard: Vec<(Host, Vec<Arc<DestinationRuleRule>>)>,
}

impl NamespaceRules {
    /// Takes the merged rules of a namespace, host by host.
    fn new(by_host: impl IntoIterator<Item = (Host, Vec<Arc<DestinationRuleRule>>)>) -> Self {
        let mut rules = NamespaceRules::default();
        for (host, merged) in by_host {
            if host.is_wildcard() {
                rules.wildcard.push((host, merged));
            } else {
                rules.exact.insert(host, merged);
            }
        }
        rules.wildcard.sort_by(|a, b| a.0.cmp(&b.0));
        rules
    }

    /// The rules for the most specific host that covers `host` and has a rule that counts.
    fn find(
        &self,
        host: &Host,
        counts: impl Fn(&DestinationRuleRule) -> bool,
    ) -> Option<impl Iterator<Item = &Arc<DestinationRuleRule>>> {
        let exact = self.exact.get(host).into_iter();
        let covering =
            self.wildcard.iter().filter(|(pattern, _)| pattern.covers(host)).map(|(_, rules)| rules);
        let found = exact.chain(covering).find(|rules| rules.iter().any(|rule| counts(rule)))?;
        Some(found.iter().filter(move |rule| counts(rule)))
    }

    fn iter(&self) -> impl Iterator<Item = &Arc<DestinationRuleRule>> {
        self.exact.values().chain(self.wildcard.iter().map(|(_, rules)| rules)).flatten()
    }
}

impl DestinationRuleIndex {
    /// The rules of a namespace are these now, host by host.
    pub(crate) fn set(
        &mut self,
        namespace: &Arc<str>,
        by_host: impl Iterator<Item = (Host, Vec<Arc<DestinationRuleRule>>)>,
    ) {
        let rules = NamespaceRules::new(by_host);
        if rules.iter().next().is_none() {
            self.by_namespace.remove(namespace);
        } else {
            self.by_namespace.insert(namespace.clone(), Arc::new(rules));
        }
    }

    /// All rules after merging, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<DestinationRuleRule>> {
        self.by_namespace.values().flat_map(|rules| rules.iter())
    }
}

impl Snapshot {
    /// The rule that decides for a client (namespace and labels) and a service (host and namespace).
    ///
    /// The first of these namespaces that has a rule for the host (exact, else the longest wildcard)
    /// decides alone: the client's, the service's, the root namespace; in the latter two only rules
    /// that are exported to the client count. A client in the root namespace has only the private rules
    /// there before those of the service's namespace, because the others are meant as everybody's last
    /// resort. Within the namespace a rule whose selector takes the client beats those without one; if
    /// there are only rules that select others, none holds. (istio: push_context.go `destinationRule`,
    /// sidecar.go `DestinationRule`.)
    pub fn destination_rule(
        &self,
        host: &Host,
        service_namespace: &str,
        proxy_namespace: &str,
        proxy_labels: &Labels,
    ) -> Option<Arc<DestinationRuleRule>> {
        let root = &*self.config.root_namespace;
        let rules_of = |namespace: &str| self.destination_rules.by_namespace.get(namespace);
        let exported = |namespace: &str, rule: &DestinationRuleRule| {
            rule.visibility != Visibility::Private && rule.visibility.includes(namespace, proxy_namespace)
        };
        let own = |rule: &DestinationRuleRule| match rule.visibility {
            Visibility::Nobody => false,
            Visibility::Private => true,
            Visibility::Public | Visibility::Namespaces(_) => proxy_namespace != root,
        };
        let select = |mut rules: Box<dyn Iterator<Item = &Arc<DestinationRuleRule>> + '_>| {
            rules
                .find(|rule| rule.workload_selector.as_ref().is_none_or(|s| s.matches(proxy_labels)))
                .cloned()
        };
        if let Some(rules) = rules_of(proxy_namespace).and_then(|rules| rules.find(host, own)) {
            return select(Box::new(rules));
        }
        [service_namespace, root].into_iter().find_map(|namespace| {
            let rules = rules_of(namespace)?.find(host, |rule| exported(namespace, rule))?;
            select(Box::new(rules))
        })
    }
}
