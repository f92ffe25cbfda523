//! From a snapshot and a view to a bundle, all of it or what a change concerns.
//!
//! [`compile`] and [`recompile`] are one procedure: the latter is told what is stale and takes the rest
//! over from the bundle before. Which parts depend on what:
//!
//! | part      | services | endpoints                      | VirtualService | DestinationRule  | Gateway |
//! |-----------|----------|--------------------------------|----------------|------------------|---------|
//! | clusters  | own host | own host, if names are resolved| –              | if it is for it  | –       |
//! | endpoints | own host | own host                       | –              | if it is for it  | –       |
//! | listeners | all      | of services met at endpoints   | all            | all (idle time)  | all     |
//! | routes    | all      | of services met at endpoints   | all            | –                | all     |
//!
//! What is inbound is part of the view, and a bundle of another view is not taken from. A part that
//! turns out the same is shared, whether or not it was built again.

use std::sync::Arc;

use ahash::AHashSet;
use outrigger_base::{Diagnostic, Host, Kind, ResourceKey};
use outrigger_mesh::{Snapshot, Touched};

use crate::binds;
use crate::bundle::{Bundle, Compiled, Memo, Resources};
use crate::clusters;
use crate::encode;
use crate::listeners;
use crate::references;
use crate::routes;
use crate::view::View;
use crate::world::{Scope, World};

/// Everything that proxies of this view are sent.
pub fn compile(snapshot: &Snapshot, view: &View) -> Bundle {
    let world = World::new(snapshot, view);
    let mut clusters = Resources::new();
    let mut endpoints = Resources::new();
    clusters::fixed(&world, &mut clusters);
    for service in &world.services {
        clusters::of_service(&world, service, &mut clusters, &mut endpoints);
    }
    let (listeners, of_listeners) = listeners(&world);
    let (routes, of_routes) = routes(&world);
    let references = references::findings(&world).into();
    let memo = Memo { view: Arc::new(view.clone()), listeners: of_listeners, routes: of_routes, references };
    Bundle {
        clusters: Arc::new(clusters),
        endpoints: Arc::new(endpoints),
        listeners,
        routes,
        diagnostics: memo.diagnostics(),
        memo,
    }
}

/// The same as [`compile`], given all that was touched since `previous` was made: every resource that
/// did not change is shared with it, and so is every map of resources.
pub fn recompile(previous: &Bundle, snapshot: &Snapshot, view: &View, touched: &Touched) -> Bundle {
    if touched.config || *previous.memo.view != *view {
        return compile(snapshot, view).sharing(previous);
    }
    let scope = Scope::new(snapshot, view);
    let stale = Stale::of(&scope, touched);
    if !stale.listeners && !stale.routes && touched.services.is_empty() && touched.rules.is_empty() {
        return with_endpoints(previous, &scope, touched);
    }
    let world = World::new(snapshot, view);
    let (clusters, endpoints) = destinations(previous, &world, touched, &stale);
    let before = &previous.memo;
    let (listeners, of_listeners) = if stale.listeners {
        listeners(&world)
    } else {
        (previous.listeners.clone(), before.listeners.clone())
    };
    let (routes, of_routes) =
        if stale.routes { routes(&world) } else { (previous.routes.clone(), before.routes.clone()) };
    let references = references::findings(&world).into();
    let memo = Memo { view: before.view.clone(), listeners: of_listeners, routes: of_routes, references };
    let bundle = Bundle {
        clusters: Arc::new(clusters),
        endpoints: Arc::new(endpoints),
        listeners,
        routes,
        diagnostics: memo.diagnostics(),
        memo,
    };
    bundle.sharing(previous)
}

/// A part of a bundle, and what is wrong with it.
type Part = (Arc<Resources>, Arc<[Diagnostic]>);

fn listeners(world: &World<'_>) -> Part {
    let mut diagnostics = Vec::new();
    let listeners = if world.is_gateway() {
        let ports = listeners::gateway_ports(world, &mut diagnostics);
        listeners::of_gateway(world, &ports)
    } else {
        listeners::of_sidecar(world, &mut diagnostics)
    };
    (Arc::new(listeners), diagnostics.into())
}

fn routes(world: &World<'_>) -> Part {
    let mut diagnostics = Vec::new();
    let mut routes = Resources::new();
    let mut add = |(configuration, origins): routes::Configuration| {
        let compiled = encode::resource(&configuration.name, &configuration, &origins);
        routes.insert(compiled.name.clone(), Arc::new(compiled));
    };
    if world.is_gateway() {
        // Ports that were lost are the listeners' complaint.
        for port in listeners::gateway_ports(world, &mut Vec::new()) {
            if let Some(name) = port.routes() {
                add(routes::gateway_configuration(world, name, &port.servers, &mut diagnostics));
            }
        }
    } else {
        let mut ports = binds::http_ports(world);
        if routes::has_unknown_hosts(world) {
            ports.insert(routes::PORT_OF_UNKNOWN_HOSTS);
        }
        for port in ports {
            add(routes::outbound_configuration(world, port, &mut diagnostics));
        }
        for (service, port) in binds::sniffed_by_address(world) {
            add(routes::sniffed_configuration(world, service, port, &mut diagnostics));
        }
    }
    (Arc::new(routes), diagnostics.into())
}

/// What a change concerns.
struct Stale {
    /// Hosts whose clusters have to be built again.
    hosts: AHashSet<Host>,
    /// DestinationRules that changed; clusters that came from them, or will, have to be built again.
    rules: AHashSet<ResourceKey>,
    /// Listeners have to be built again.
    listeners: bool,
    /// Routes have to be built again.
    routes: bool,
}

impl Stale {
    fn of(scope: &Scope<'_>, touched: &Touched) -> Stale {
        let at_endpoints = |host: &Host| scope.own_service(host).is_some_and(|s| binds::follow_endpoints(s));
        let services = !touched.services.is_empty()
            || (!scope.is_gateway() && touched.endpoints.iter().any(|key| at_endpoints(&key.host)));
        let rule_of = |kind: Kind| touched.rules.iter().any(|key| key.kind == kind);
        let ways =
            services || rule_of(Kind::VIRTUAL_SERVICE) || (scope.is_gateway() && rule_of(Kind::GATEWAY));
        Stale {
            hosts: touched.services.iter().chain(&touched.endpoints).map(|key| key.host.clone()).collect(),
            rules: touched.rules.iter().filter(|key| key.kind == Kind::DESTINATION_RULE).cloned().collect(),
            listeners: ways || rule_of(Kind::DESTINATION_RULE),
            routes: ways,
        }
    }
}

/// Clusters and endpoints, those of services that nothing touched taken over.
fn destinations(
    previous: &Bundle,
    world: &World<'_>,
    touched: &Touched,
    stale: &Stale,
) -> (Resources, Resources) {
    if touched.services.is_empty() && touched.endpoints.is_empty() && stale.rules.is_empty() {
        return ((*previous.clusters).clone(), (*previous.endpoints).clone());
    }
    let mut clusters = Resources::new();
    let mut endpoints = Resources::new();
    clusters::fixed(world, &mut clusters);
    for service in &world.services {
        let rule = world.destination_rule(service);
        let names = clusters::names_of(service, rule.as_ref().map(|rule| &*rule.spec));
        let of_stale_rule =
            |origins: &[ResourceKey]| origins.iter().any(|origin| stale.rules.contains(origin));
        let was_of_stale_rule = || {
            let first = names.first().and_then(|name| previous.clusters.get(&**name));
            first.is_some_and(|cluster| of_stale_rule(&cluster.origins))
        };
        let fresh = stale.hosts.contains(&service.host)
            || rule.as_ref().is_some_and(|rule| of_stale_rule(&rule.origins))
            || was_of_stale_rule()
            || !names.iter().all(|name| previous.clusters.contains_key(&**name));
        if fresh {
            clusters::of_service(world, service, &mut clusters, &mut endpoints);
            continue;
        }
        for name in &names {
            let taken = [(&previous.clusters, &mut clusters), (&previous.endpoints, &mut endpoints)];
            for (from, to) in taken {
                to.extend(from.get_key_value(&**name).map(|(name, body)| (name.clone(), body.clone())));
            }
        }
    }
    (clusters, endpoints)
}

/// Only endpoints changed, which is what happens most: nothing else is even looked at.
fn with_endpoints(previous: &Bundle, scope: &Scope<'_>, touched: &Touched) -> Bundle {
    let mut clusters = Resources::new();
    let mut endpoints = Resources::new();
    for service in touched.endpoints.iter().filter_map(|key| scope.own_service(&key.host)) {
        if clusters::holds_endpoints(service) {
            clusters::of_service(scope, service, &mut clusters, &mut endpoints);
        } else {
            clusters::endpoints_of_service(scope, service, &mut endpoints);
        }
    }
    let replaced = |before: &Arc<Resources>, fresh: Resources| {
        let changed: Vec<_> =
            fresh.into_iter().filter(|(name, body)| before.get(name) != Some(body)).collect();
        if changed.is_empty() {
            return before.clone();
        }
        let mut after = (**before).clone();
        after.extend(changed);
        Arc::new(after)
    };
    Bundle {
        clusters: replaced(&previous.clusters, clusters),
        endpoints: replaced(&previous.endpoints, endpoints),
        ..previous.clone()
    }
}

impl Bundle {
    /// The same, with every part that equals one of `previous` replaced by that.
    fn sharing(self, previous: &Bundle) -> Bundle {
        Bundle {
            clusters: shared(self.clusters, &previous.clusters),
            endpoints: shared(self.endpoints, &previous.endpoints),
            listeners: shared(self.listeners, &previous.listeners),
            routes: shared(self.routes, &previous.routes),
            diagnostics: self.diagnostics,
            memo: self.memo,
        }
    }
}

fn shared(fresh: Arc<Resources>, previous: &Arc<Resources>) -> Arc<Resources> {
    if Arc::ptr_eq(&fresh, previous) {
        return fresh;
    }
    let mut same = fresh.len() == previous.len();
    let share = |(name, body): (&Arc<str>, &Arc<Compiled>)| match previous.get_key_value(name) {
        Some((name, before)) if Arc::ptr_eq(before, body) || before == body => (name.clone(), before.clone()),
        _ => {
            same = false;
            (name.clone(), body.clone())
        }
    };
    let merged: Resources = fresh.iter().map(share).collect();
    if same { previous.clone() } else { Arc::new(merged) }
}

impl Memo {
    fn diagnostics(&self) -> Vec<Diagnostic> {
        let mut all: Vec<Diagnostic> = [&self.listeners, &self.routes, &self.references]
            .into_iter()
            .flat_map(|part| part.iter().cloned())
            .collect();
        all.sort();
        all.dedup();
        all
    }
}
