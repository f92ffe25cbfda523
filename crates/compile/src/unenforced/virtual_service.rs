//! VirtualService.

use std::collections::BTreeMap;

use outrigger_api::{
    HttpMatchRequest, HttpRetry, HttpRoute, HttpRouteDestination, L4MatchAttributes, StringMatch, TcpRoute,
    TlsRoute, VirtualService,
};

use super::findings::Findings;

/// Names of this form are claims of a token that someone else would have to check.
const CLAIMS: &str = "@request.auth.claims";

pub(super) fn look(spec: &VirtualService, findings: &mut Findings) {
    let VirtualService { hosts, gateways: _, http, tls, tcp, export_to: _ } = spec;
    findings.ignored("spec.hosts", hosts.is_empty(), "without hosts it is only for others to delegate to");
    for (i, route) in http.iter().enumerate() {
        http_route(route, &format!("spec.http[{i}]"), findings);
    }
    for TlsRoute { matches: _, route: _ } in tls {}
    for (i, TcpRoute { matches, route: _ }) in tcp.iter().enumerate() {
        for (j, condition) in matches.iter().enumerate() {
            let L4MatchAttributes {
                destination_subnets: _,
                port: _,
                source_subnet,
                source_labels: _,
                gateways: _,
                source_namespace: _,
            } = condition;
            let field = format!("spec.tcp[{i}].match[{j}].sourceSubnet");
            findings.ignored(field, source_subnet.is_some(), "callers of every address match");
        }
    }
}

fn http_route(route: &HttpRoute, path: &str, findings: &mut Findings) {
    let HttpRoute {
        name: _,
        matches,
        route: destinations,
        redirect: _,
        direct_response: _,
        delegate,
        rewrite: _,
        timeout: _,
        retries,
        fault,
        mirror,
        mirrors,
        mirror_percent,
        mirror_percentage,
        cors_policy,
        headers: _,
    } = route;
    findings.ignored(format!("{path}.delegate"), delegate.is_some(), "the route is left out");
    findings.ignored(format!("{path}.fault"), fault.is_some(), "no faults are made");
    let not_copied = "requests are not copied";
    findings.ignored(format!("{path}.mirror"), mirror.is_some(), not_copied);
    findings.ignored(format!("{path}.mirrors"), !mirrors.is_empty(), not_copied);
    findings.ignored(format!("{path}.mirrorPercent"), mirror_percent.is_some(), not_copied);
    findings.ignored(format!("{path}.mirrorPercentage"), mirror_percentage.is_some(), not_copied);
    findings.ignored(
        format!("{path}.corsPolicy"),
        cors_policy.is_some(),
        "preflight requests go to the destination, which has to answer them",
    );
    if let Some(retries) = retries {
        retry(retries, &format!("{path}.retries"), findings);
    }
    for (i, request) in matches.iter().enumerate() {
        match_request(request, &format!("{path}.match[{i}]"), findings);
    }
    for HttpRouteDestination { destination: _, weight: _, headers: _ } in destinations {}
}

fn retry(retries: &HttpRetry, path: &str, findings: &mut Findings) {
    let HttpRetry {
        attempts: _,
        per_try_timeout: _,
        retry_on: _,
        retry_remote_localities,
        retry_ignore_previous_hosts: _,
        backoff: _,
    } = retries;
    findings.ignored(
        format!("{path}.retryRemoteLocalities"),
        *retry_remote_localities == Some(true),
        "any endpoint may be tried again, whatever its place",
    );
}

fn match_request(request: &HttpMatchRequest, path: &str, findings: &mut Findings) {
    let HttpMatchRequest {
        name: _,
        uri: _,
        scheme: _,
        method: _,
        authority: _,
        headers,
        port: _,
        source_labels: _,
        gateways: _,
        query_params: _,
        ignore_uri_case: _,
        without_headers,
        source_namespace: _,
        stat_prefix,
    } = request;
    findings.ignored(format!("{path}.statPrefix"), stat_prefix.is_some(), "statistics are not split by it");
    claims(headers, &format!("{path}.headers"), findings);
    claims(without_headers, &format!("{path}.withoutHeaders"), findings);
}

fn claims(headers: &BTreeMap<String, StringMatch>, path: &str, findings: &mut Findings) {
    for name in headers.keys().filter(|name| name.starts_with(CLAIMS)) {
        findings.insecure(
            format!("{path}.{name}"),
            "claims of tokens are not checked yet",
            "the condition looks for a header of this name, which no request has",
        );
    }
}
