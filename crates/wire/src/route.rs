//! Route configurations, virtual hosts and routes.

mod action;
mod matches;
mod redirect;
mod retry;

use std::sync::Arc;

use ahash::AHashMap;
pub(crate) use outrigger_proto::envoy::config::route::v3::RouteConfiguration as Message;
use outrigger_proto::envoy::config::route::v3::virtual_host::TlsRequirementType;
use outrigger_proto::envoy::config::route::v3::{
    Route as RouteMessage, VirtualHost as VirtualHostMessage, route,
};
use outrigger_traffic::{Action, Route, RouteConfig, VirtualHost};

use crate::at::{At, Fault, unset};
use crate::metadata::Istio;
use crate::values::{HeaderLists, flag, number};

/// Envoy's default (RouteConfiguration.max_direct_response_body_size_bytes).
const MAX_DIRECT_RESPONSE: u32 = 4096;

pub(crate) fn read(message: Message, at: &At<'_>) -> Result<RouteConfig, Fault> {
    let Message {
        name,
        virtual_hosts,
        vhds,
        internal_only_headers,
        response_headers_to_add,
        response_headers_to_remove,
        request_headers_to_add,
        request_headers_to_remove,
        most_specific_header_mutations_wins,
        validate_clusters,
        max_direct_response_body_size_bytes,
        cluster_specifier_plugins,
        request_mirror_policies,
        ignore_port_in_host_matching,
        vhost_header,
        ignore_path_parameters_in_path_matching,
        typed_per_filter_config,
        metadata,
        route_specifiers,
    } = message;
    unset!(at, vhds, internal_only_headers, most_specific_header_mutations_wins);
    unset!(at, cluster_specifier_plugins, request_mirror_policies, vhost_header);
    unset!(at, ignore_path_parameters_in_path_matching, typed_per_filter_config, route_specifiers);
    at.fixed("validate_clusters", flag(validate_clusters), false)?;
    let largest = number(max_direct_response_body_size_bytes).unwrap_or(MAX_DIRECT_RESPONSE) as usize;

    let mut hosts = Vec::with_capacity(virtual_hosts.len());
    let mut domains = AHashMap::new();
    for (index, host) in virtual_hosts.into_iter().enumerate() {
        let at = at.item("virtual_hosts", index);
        let host = virtual_host(host, largest, &at)?;
        for (position, domain) in host.domains.iter().enumerate() {
            // Envoy refuses this too: a domain belongs to one virtual host.
            if let Some(other) = domains.insert(domain.clone(), host.name.clone()) {
                let why = format!("{domain:?} is a domain of virtual host {other:?} already");
                return Err(at.item("domains", position).refuse(why));
            }
        }
        hosts.push(host);
    }
    let mut config = RouteConfig::new(name, hosts);
    config.ignore_port_in_host = ignore_port_in_host_matching;
    config.origins = Istio::of(metadata).origins();
    config.headers = HeaderLists {
        request_add: request_headers_to_add,
        request_remove: request_headers_to_remove,
        response_add: response_headers_to_add,
        response_remove: response_headers_to_remove,
    }
    .read(at)?;
    Ok(config)
}

fn virtual_host(message: VirtualHostMessage, largest: usize, at: &At<'_>) -> Result<VirtualHost, Fault> {
    let VirtualHostMessage {
        name,
        domains,
        routes,
        matcher,
        require_tls,
        virtual_clusters,
        rate_limits,
        request_headers_to_add,
        request_headers_to_remove,
        response_headers_to_add,
        response_headers_to_remove,
        cors,
        typed_per_filter_config,
        include_request_attempt_count,
        include_attempt_count_in_response,
        retry_policy,
        retry_policy_typed_config,
        hedge_policy,
        include_is_timeout_retry_header,
        per_request_buffer_limit_bytes,
        request_body_buffer_limit,
        request_mirror_policies,
        metadata,
        route_specifiers,
    } = message;
    unset!(at, matcher, virtual_clusters, rate_limits, cors, typed_per_filter_config);
    unset!(at, include_attempt_count_in_response, retry_policy_typed_config, hedge_policy);
    unset!(at, include_is_timeout_retry_header, per_request_buffer_limit_bytes);
    unset!(at, request_body_buffer_limit, request_mirror_policies, route_specifiers);
    let require_tls = match at.variant("require_tls", require_tls)? {
        TlsRequirementType::None => false,
        TlsRequirementType::All => true,
        TlsRequirementType::ExternalOnly => {
            return Err(at.field("require_tls").refuse("EXTERNAL_ONLY is not supported"));
        }
    };
    let domain = |(index, domain): (usize, String)| read_domain(&domain, &at.item("domains", index));
    let route =
        |(index, message): (usize, RouteMessage)| read_route(message, largest, &at.item("routes", index));
    Ok(VirtualHost {
        name: name.into(),
        domains: domains.into_iter().enumerate().map(domain).collect::<Result<_, _>>()?,
        routes: routes.into_iter().enumerate().map(route).collect::<Result<_, _>>()?,
        attempt_count_in_request: include_request_attempt_count,
        headers: HeaderLists {
            request_add: request_headers_to_add,
            request_remove: request_headers_to_remove,
            response_add: response_headers_to_add,
            response_remove: response_headers_to_remove,
        }
        .read(at)?,
        retry: retry::read_optional(retry_policy, at)?,
        require_tls,
        origins: Istio::of(metadata).origins(),
    })
}

/// A name, a wildcard at one end, or `*`; in lower case.
fn read_domain(domain: &str, at: &At<'_>) -> Result<Arc<str>, Fault> {
    let stars = domain.matches('*').count();
    if domain.is_empty() || stars > 1 || (stars == 1 && !domain.starts_with('*') && !domain.ends_with('*')) {
        return Err(at.refuse(format!("{domain:?} is neither a name nor a wildcard at one end")));
    }
    Ok(domain.to_ascii_lowercase().into())
}

fn read_route(message: RouteMessage, largest: usize, at: &At<'_>) -> Result<Route, Fault> {
    let RouteMessage {
        name,
        r#match,
        metadata,
        // Names a span; there is no tracing.
        decorator: _,
        typed_per_filter_config,
        request_headers_to_add,
        request_headers_to_remove,
        response_headers_to_add,
        response_headers_to_remove,
        tracing,
        per_request_buffer_limit_bytes,
        // Only names statistics.
        stat_prefix: _,
        request_body_buffer_limit,
        route_specifiers,
        action,
    } = message;
    unset!(at, typed_per_filter_config, tracing, per_request_buffer_limit_bytes);
    unset!(at, request_body_buffer_limit, route_specifiers);
    let matches = matches::read(at.required("match", r#match)?, &at.field("match"))?;
    let action = match at.required("action", action)? {
        route::Action::Route(action) => Action::Forward(Box::new(action::read(action, &at.field("route"))?)),
        route::Action::Redirect(action) => {
            Action::Redirect(Box::new(redirect::read(action, &at.field("redirect"))?))
        }
        route::Action::DirectResponse(action) => {
            let at = at.field("direct_response");
            Action::Direct(Box::new(redirect::direct(action, largest, &at)?))
        }
        route::Action::FilterAction(_) => {
            return Err(at.field("filter_action").refuse("it is not supported"));
        }
        route::Action::NonForwardingAction(_) => {
            return Err(at.field("non_forwarding_action").refuse("it is not supported"));
        }
    };
    Ok(Route {
        name: name.into(),
        matches,
        action,
        headers: HeaderLists {
            request_add: request_headers_to_add,
            request_remove: request_headers_to_remove,
            response_add: response_headers_to_add,
            response_remove: response_headers_to_remove,
        }
        .read(at)?,
        origins: Istio::of(metadata).origins(),
    })
}
