//! Routes of a VirtualService, for callers of which some things are known when routes are built.

use outrigger_api::{HttpMatchRequest, HttpRoute};
use outrigger_base::Selector;
use outrigger_mesh::{VirtualServiceRule, resolve_gateway_name};
use outrigger_proto::envoy::config::route::v3::{Route, RouteMatch, route::Action};

use super::actions;
use super::headers::Mutations;
use super::matches;
use crate::provenance;
use crate::world::World;

/// The name that VirtualServices use for sidecars among their gateways.
pub(crate) const MESH: &str = "mesh";

/// Who asks: a listener of proxies that we know.
pub(crate) struct Asked<'a> {
    pub(crate) world: &'a World<'a>,
    /// `None`: a sidecar's listener; else a Gateway's, as `namespace/name`.
    pub(crate) gateway: Option<&'a str>,
    /// The port that callers chose.
    pub(crate) port: u16,
}

impl Asked<'_> {
    fn gateway(&self) -> &str {
        self.gateway.unwrap_or(MESH)
    }

    /// Whether the rule is attached to what is asked.
    pub(crate) fn is_attached(&self, rule: &VirtualServiceRule) -> bool {
        rule.gateways.iter().any(|gateway| **gateway == *self.gateway())
    }

    fn is_named(&self, rule: &VirtualServiceRule, gateways: &[std::sync::Arc<str>]) -> bool {
        let names = gateways.iter().map(|name| resolve_gateway_name(name, &rule.key.namespace));
        names.into_iter().any(|name| *name == *self.gateway())
    }

    fn is_source(&self, labels: &Selector, namespace: Option<&str>) -> bool {
        self.world.view.matches(labels)
            && namespace.is_none_or(|ns| ns.is_empty() || *ns == *self.world.view.namespace)
    }
}

/// Whether a condition of a TCP or TLS route can hold: gateways and source and port
/// (istio: core/tls.go `matchTCP`, `matchTLS`).
pub(crate) fn applies(
    asked: &Asked<'_>,
    rule: &VirtualServiceRule,
    gateways: &[std::sync::Arc<str>],
    labels: &Selector,
    namespace: Option<&str>,
    port: Option<u16>,
) -> bool {
    (gateways.is_empty() || asked.is_named(rule, gateways))
        && asked.is_source(labels, namespace)
        && port.is_none_or(|port| port == 0 || port == asked.port)
}

/// Whether a condition of an HTTP route can hold. Where it names gateways, the source does not count
/// (istio: core/route/route.go `sourceMatchHTTP`).
fn can_hold(asked: &Asked<'_>, rule: &VirtualServiceRule, request: &HttpMatchRequest) -> bool {
    if request.port.is_some_and(|port| port != 0 && port != asked.port) {
        return false;
    }
    if request.gateways.is_empty() {
        asked.is_source(&request.source_labels, request.source_namespace.as_deref())
    } else {
        asked.is_named(rule, &request.gateways)
    }
}

/// Whether a condition holds for every request of every caller.
pub(crate) fn always_matches(request: &HttpMatchRequest) -> bool {
    request.port.is_none_or(|port| port == 0)
        && request.gateways.is_empty()
        && request.source_labels.is_empty()
        && request.source_namespace.as_deref().unwrap_or("").is_empty()
        && matches::is_everything(&matches::of(request))
}

/// The routes of a rule in order, up to the first that takes every request.
pub(super) fn routes(asked: &Asked<'_>, rule: &VirtualServiceRule) -> Vec<Route> {
    let mut routes: Vec<Route> = Vec::new();
    for written in &rule.object.spec.http {
        if written.matches.is_empty() {
            routes.extend(route(asked, rule, written, None));
            break;
        }
        for request in written.matches.iter().filter(|request| can_hold(asked, rule, request)) {
            routes.extend(route(asked, rule, written, Some(request)));
            if routes.last().and_then(|route| route.r#match.as_ref()).is_some_and(matches::is_everything) {
                return routes;
            }
        }
    }
    routes
}

/// Whether a route takes every request.
pub(super) fn is_catch_all(route: &Route) -> bool {
    route.r#match.as_ref().is_none_or(matches::is_everything)
}

/// A route for one condition. `None` if nothing is to become of requests here (a delegate, which is
/// not acted on).
fn route(
    asked: &Asked<'_>,
    rule: &VirtualServiceRule,
    written: &HttpRoute,
    request: Option<&HttpMatchRequest>,
) -> Option<Route> {
    let mut mutations = Mutations::of(written.headers.as_ref());
    let action = if let Some(redirect) = &written.redirect {
        actions::redirect(redirect, asked.port)
    } else if let Some(response) = &written.direct_response {
        actions::direct_response(response)
    } else {
        let (mut forward, of_destination) =
            actions::forward(asked.world, &rule.key.namespace, written, asked.port)?;
        mutations.then(of_destination);
        if let Some(authority) = mutations.authority.take()
            && forward.host_rewrite_specifier.is_none()
        {
            actions::rewrite_host(&mut forward, authority);
        }
        Action::Route(forward)
    };
    Some(Route {
        name: name(written, request),
        r#match: Some(request.map_or_else(matches::everything, matches::of)),
        action: Some(action),
        metadata: provenance::metadata(std::slice::from_ref(&rule.key)),
        request_headers_to_add: mutations.add_to_request,
        request_headers_to_remove: mutations.remove_from_request,
        response_headers_to_add: mutations.add_to_response,
        response_headers_to_remove: mutations.remove_from_response,
        ..Default::default()
    })
}

fn name(written: &HttpRoute, request: Option<&HttpMatchRequest>) -> String {
    let of_route = written.name.as_deref().unwrap_or("");
    match request.and_then(|request| request.name.as_deref()).filter(|name| !name.is_empty()) {
        Some(of_match) => format!("{of_route}.{of_match}"),
        None => of_route.to_string(),
    }
}

/// A route for every request.
pub(super) fn everything(name: &str, action: Action, metadata_of: &[outrigger_base::ResourceKey]) -> Route {
    Route {
        name: name.to_string(),
        r#match: Some(RouteMatch { ..matches::everything() }),
        action: Some(action),
        metadata: provenance::metadata(metadata_of),
        ..Default::default()
    }
}
