//! The names under which a service is called.

use ahash::AHashSet;
use outrigger_base::Host;
use outrigger_mesh::{Registry, Service};

use crate::names;
use crate::world::World;

/// Domains of virtual hosts, each given away once. Full names are known before any other, so that a
/// short form never takes what is the full name of something else.
pub(super) struct Domains {
    full: AHashSet<String>,
    given: AHashSet<String>,
}

impl Domains {
    pub(super) fn new<'h>(full: impl Iterator<Item = &'h Host>) -> Domains {
        Domains { full: full.map(|host| host.as_str().to_string()).collect(), given: AHashSet::new() }
    }

    /// The domains of a host, and of the service behind it if there is one. Empty if another virtual
    /// host has them all.
    pub(super) fn take(&mut self, world: &World<'_>, host: &Host, service: Option<&Service>) -> Vec<String> {
        let mut forms = forms(world, host);
        if let Some(service) = service {
            // Pods of a StatefulSet are called by names below that of their headless service.
            if service.headless && service.registry == Registry::Kubernetes {
                let below: Vec<String> = forms.iter().map(|form| format!("*.{form}")).collect();
                forms.extend(below);
            }
            for alias in world.aliases(&service.host) {
                forms.extend(self::forms(world, &alias.host));
            }
            for address in service.addresses.iter().filter(|address| address.is_single()) {
                forms.push(names::address_in_authority(address.address));
            }
        }
        let of_others = |form: &str| form != host.as_str() && self.full.contains(form);
        forms.retain(|form| !of_others(form));
        forms.retain(|form| self.given.insert(form.clone()));
        forms
    }

    /// Whether nobody has this domain yet.
    pub(super) fn is_free(&self, domain: &str) -> bool {
        !self.given.contains(domain)
    }
}

/// The forms of one name: in full, with the final dot, and the short ones of a Service as its
/// caller's resolver completes them (istio: core/httproute.go `generateAltVirtualHosts`).
fn forms(world: &World<'_>, host: &Host) -> Vec<String> {
    let full = host.as_str();
    let mut forms = vec![names::authority(host)];
    if host.is_wildcard() || full.parse::<std::net::IpAddr>().is_ok() {
        return forms;
    }
    forms.push(format!("{full}."));
    let domain = &world.config().domain;
    if let Some((name, namespace)) = names::service_parts(host, domain) {
        // A proxy with a DNS domain of its own, elsewhere, completes no short names.
        if world.view.domain.ends_with(&**domain) {
            if *namespace == *world.view.namespace {
                forms.push(name.to_string());
            }
            forms.push(format!("{name}.{namespace}.svc"));
            forms.push(format!("{name}.{namespace}"));
        }
    }
    forms
}
