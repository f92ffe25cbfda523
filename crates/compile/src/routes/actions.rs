//! What becomes of a request: forwarded, redirected, or answered.

use outrigger_api::{
    HttpDirectResponse, HttpRedirect, HttpRewrite, HttpRoute, HttpRouteDestination, RedirectPort,
};
use outrigger_proto::envoy::config::core::v3 as core;
use outrigger_proto::envoy::config::route::v3::{
    DirectResponseAction, RedirectAction, RouteAction, WeightedCluster,
    redirect_action::{PathRewriteSpecifier, RedirectResponseCode, SchemeRewriteSpecifier},
    route::Action,
    route_action::{ClusterNotFoundResponseCode, ClusterSpecifier, HostRewriteSpecifier},
    weighted_cluster::{ClusterWeight, cluster_weight},
};
use outrigger_proto::envoy::r#type::matcher::v3::RegexMatchAndSubstitute;
use outrigger_proto::google::protobuf;

use super::headers::Mutations;
use super::matches::expression;
use super::retry;
use crate::destination::{self, Shares};
use crate::encode::{duration, number};
use crate::world::World;

/// Forwards to one cluster under the defaults.
pub(super) fn forward_to(world: &World<'_>, cluster: String) -> RouteAction {
    RouteAction {
        cluster_specifier: Some(ClusterSpecifier::Cluster(cluster)),
        cluster_not_found_response_code: ClusterNotFoundResponseCode::ServiceUnavailable.into(),
        timeout: Some(protobuf::Duration::default()),
        retry_policy: retry::policy(None, world.config()),
        ..Default::default()
    }
}

/// Forwards as a route says. Changes of headers of a single destination are done with the route's own
/// and are returned. `None` if it names no destination.
pub(super) fn forward(
    world: &World<'_>,
    namespace: &str,
    route: &HttpRoute,
    listener_port: u16,
) -> Option<(RouteAction, Mutations)> {
    let mut own = Mutations::default();
    let cluster_of =
        |d: &HttpRouteDestination| destination::cluster(world, namespace, &d.destination, listener_port);
    let clusters = match destination::shares(&route.route, |d| d.weight)? {
        Shares::One(only) => {
            own = Mutations::of(only.headers.as_ref());
            ClusterSpecifier::Cluster(cluster_of(only))
        }
        Shares::Weighted(weighted) => {
            let clusters = weighted.into_iter().map(|(d, weight)| weighted_cluster(cluster_of(d), weight, d));
            ClusterSpecifier::WeightedClusters(WeightedCluster {
                clusters: clusters.collect(),
                ..Default::default()
            })
        }
    };
    let mut action = RouteAction {
        cluster_specifier: Some(clusters),
        cluster_not_found_response_code: ClusterNotFoundResponseCode::ServiceUnavailable.into(),
        timeout: Some(route.timeout.map(duration).unwrap_or_default()),
        retry_policy: retry::policy(route.retries.as_ref(), world.config()),
        ..Default::default()
    };
    if let Some(written) = &route.rewrite {
        rewrite(&mut action, written);
    }
    Some((action, own))
}

/// Sets the host that the upstream sees.
pub(super) fn rewrite_host(action: &mut RouteAction, authority: String) {
    action.host_rewrite_specifier = Some(HostRewriteSpecifier::HostRewriteLiteral(authority));
}

fn weighted_cluster(name: String, weight: u32, destination: &HttpRouteDestination) -> ClusterWeight {
    let mutations = Mutations::of(destination.headers.as_ref());
    ClusterWeight {
        name,
        weight: number(weight),
        request_headers_to_add: mutations.add_to_request,
        request_headers_to_remove: mutations.remove_from_request,
        response_headers_to_add: mutations.add_to_response,
        response_headers_to_remove: mutations.remove_from_response,
        host_rewrite_specifier: mutations
            .authority
            .map(cluster_weight::HostRewriteSpecifier::HostRewriteLiteral),
        ..Default::default()
    }
}

/// A prefix rewrite replaces whatever the route's path condition matched: the prefix, or the whole
/// path where the condition is exact or an expression.
fn rewrite(action: &mut RouteAction, written: &HttpRewrite) {
    let HttpRewrite { uri, authority, uri_regex_rewrite } = written;
    if let Some(regex) = uri_regex_rewrite {
        action.regex_rewrite = Some(RegexMatchAndSubstitute {
            pattern: Some(expression(regex.pattern.as_deref().unwrap_or(""))),
            substitution: regex.rewrite.clone().unwrap_or_default(),
        });
    } else if let Some(uri) = uri {
        action.prefix_rewrite = uri.clone();
    }
    if let Some(authority) = authority.as_ref().filter(|authority| !authority.is_empty()) {
        rewrite_host(action, authority.clone());
    }
}

/// Answers with another place to go.
pub(super) fn redirect(written: &HttpRedirect, listener_port: u16) -> Action {
    let HttpRedirect { uri, authority, port, derive_port, scheme, redirect_code, prefix_rewrite } = written;
    let port = match (port, derive_port) {
        (Some(port), _) => u32::from(*port),
        (None, Some(RedirectPort::FromRequestPort)) => u32::from(listener_port),
        (None, Some(RedirectPort::FromProtocolDefault) | None) => 0,
    };
    // No port is written that the scheme implies.
    let implied = if scheme.as_deref() == Some("https") { 443 } else { 80 };
    Action::Redirect(RedirectAction {
        host_redirect: authority.clone().unwrap_or_default(),
        port_redirect: if port == implied { 0 } else { port },
        response_code: match redirect_code.unwrap_or(301) {
            302 => RedirectResponseCode::Found,
            303 => RedirectResponseCode::SeeOther,
            307 => RedirectResponseCode::TemporaryRedirect,
            308 => RedirectResponseCode::PermanentRedirect,
            _ => RedirectResponseCode::MovedPermanently,
        }
        .into(),
        scheme_rewrite_specifier: scheme
            .clone()
            .filter(|scheme| !scheme.is_empty())
            .map(SchemeRewriteSpecifier::SchemeRedirect),
        path_rewrite_specifier: match (uri, prefix_rewrite) {
            (Some(uri), _) if !uri.is_empty() => Some(PathRewriteSpecifier::PathRedirect(uri.clone())),
            (_, Some(prefix)) => Some(PathRewriteSpecifier::PrefixRewrite(prefix.clone())),
            _ => None,
        },
        ..Default::default()
    })
}

/// Answers here.
pub(super) fn direct_response(written: &HttpDirectResponse) -> Action {
    let body = written.body.as_ref().and_then(|body| match &body.string {
        Some(text) => Some(core::data_source::Specifier::InlineString(text.clone())),
        None => body.decoded().map(core::data_source::Specifier::InlineBytes),
    });
    respond(written.status, body)
}

/// Answers with a status alone.
pub(super) fn status(status: u16) -> Action {
    respond(status, None)
}

fn respond(status: u16, body: Option<core::data_source::Specifier>) -> Action {
    Action::DirectResponse(DirectResponseAction {
        status: status.into(),
        body: body.map(|specifier| core::DataSource { specifier: Some(specifier), ..Default::default() }),
        ..Default::default()
    })
}
