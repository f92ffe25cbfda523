//! VirtualServices in the order in which they win, with their names resolved.

use std::collections::BTreeMap;
use std::sync::Arc;

use ahash::AHashMap;
use outrigger_api::{MeshConfig, Object, VirtualService};
use outrigger_base::{Code, Diagnostic, Host, ResourceKey};

use super::VirtualServiceRule;
use crate::order::Precedence;
use crate::service::Visibility;

/// All VirtualServices.
#[derive(Debug, Default)]
pub(crate) struct VirtualServices {
    places: AHashMap<ResourceKey, Precedence>,
    rules: BTreeMap<Precedence, Arc<VirtualServiceRule>>,
}

impl VirtualServices {
    /// The object says this now; `None`: it is gone. Whether anybody could see a difference, and what
    /// is wrong with it.
    pub(crate) fn set(
        &mut self,
        key: &ResourceKey,
        object: Option<Arc<Object<VirtualService>>>,
        config: &MeshConfig,
    ) -> (bool, Vec<Diagnostic>) {
        let mut findings = Vec::new();
        let new = object.map(|object| {
            (Precedence::of(&object.meta), Arc::new(rule(key.clone(), object, config, &mut findings)))
        });
        let old_place = self.places.get(key);
        let old = old_place.and_then(|place| self.rules.get(place));
        let same = match (&new, old_place.zip(old)) {
            (Some((place, rule)), Some((old_place, old))) => place == old_place && same(rule, old),
            (None, None) => true,
            _ => false,
        };
        if same {
            return (false, findings);
        }
        if let Some(place) = self.places.remove(key) {
            self.rules.remove(&place);
        }
        if let Some((place, rule)) = new {
            self.places.insert(key.clone(), place.clone());
            self.rules.insert(place, rule);
        }
        (true, findings)
    }

    /// The winner first.
    pub(crate) fn list(&self) -> Arc<[Arc<VirtualServiceRule>]> {
        self.rules.values().cloned().collect()
    }
}

/// What a server writes into the metadata by itself (revisions and such) makes no difference.
fn same(a: &VirtualServiceRule, b: &VirtualServiceRule) -> bool {
    a.hosts == b.hosts
        && a.gateways == b.gateways
        && a.visibility == b.visibility
        && a.object.spec == b.object.spec
        && a.object.meta.labels == b.object.meta.labels
        && a.object.meta.annotations == b.object.meta.annotations
}

fn rule(
    key: ResourceKey,
    object: Arc<Object<VirtualService>>,
    config: &MeshConfig,
    findings: &mut Vec<Diagnostic>,
) -> VirtualServiceRule {
    let namespace = &object.meta.namespace;
    let mut hosts = Vec::new();
    for (n, name) in object.spec.hosts.iter().enumerate() {
        match Host::resolve(name, namespace, &config.domain) {
            Ok(host) => hosts.push(host),
            Err(error) => findings.push(
                Diagnostic::error(Code::INVALID, format!("'{name}' is no host: {error}"))
                    .with_object(key.clone())
                    .with_field(format!("spec.hosts[{n}]")),
            ),
        }
    }
    let mut gateways: Vec<Arc<str>> =
        object.spec.gateways.iter().map(|name| resolve_gateway_name(name, namespace)).collect();
    if gateways.is_empty() {
        gateways.push("mesh".into());
    }
    let default = &config.default_virtual_service_export_to;
    let visibility = Visibility::parse(&object.spec.export_to, default, namespace);
    VirtualServiceRule { key, hosts, gateways, visibility, object }
}

/// The full name, `namespace/name`, of a gateway that an object of `namespace` names; `mesh` stays.
/// `./name` means the own namespace; `name.namespace[.…]` is the oldest way of writing it.
/// (istio: model/config `resolveGatewayName`.)
pub fn resolve_gateway_name(name: &str, namespace: &str) -> Arc<str> {
    if name == "mesh" {
        return name.into();
    }
    match (name.split_once('/'), name.split_once('.')) {
        (Some((".", name)), _) => format!("{namespace}/{name}").into(),
        (Some(_), _) => name.into(),
        (None, Some((name, rest))) => {
            let namespace = rest.split('.').next().unwrap_or(rest);
            format!("{namespace}/{name}").into()
        }
        (None, None) => format!("{namespace}/{name}").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gateways_have_several_spellings() {
        for (written, meant) in [
            ("mesh", "mesh"),
            ("gw", "ns/gw"),
            ("./gw", "ns/gw"),
            ("other/gw", "other/gw"),
            ("gw.other", "other/gw"),
            ("gw.other.svc.cluster.local", "other/gw"),
        ] {
            assert_eq!(&*resolve_gateway_name(written, "ns"), meant, "{written}");
        }
    }
}
