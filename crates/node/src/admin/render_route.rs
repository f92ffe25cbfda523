//! Route configurations as JSON, with Envoy's field names.

use outrigger_traffic::{
    Action, ClusterChoice, Forward, HeaderMatch, HeaderMutation, HeaderTest, PathMatch, PathRewrite, Pattern,
    QueryMatch, Redirect, RedirectPath, RetryPolicy, Route, RouteConfig, RouteMatch, StringMatch,
    VirtualHost,
};
use serde_json::{Value, json};

use super::value::{compact, duration, limit, metadata, strings};

pub fn route_config(config: &RouteConfig) -> Value {
    let mut rendered = compact(json!({
        "name": &*config.name,
        "virtual_hosts": config.virtual_hosts().iter().map(virtual_host).collect::<Vec<_>>(),
        "ignore_port_in_host_matching": config.ignore_port_in_host,
    }));
    headers(&mut rendered, &config.headers);
    rendered
}

fn virtual_host(host: &VirtualHost) -> Value {
    let mut rendered = compact(json!({
        "name": &*host.name,
        "domains": strings(&host.domains),
        "routes": host.routes.iter().map(route).collect::<Vec<_>>(),
        "include_request_attempt_count": host.attempt_count_in_request,
        "retry_policy": host.retry.as_deref().map(retry),
        "require_tls": if host.require_tls { "ALL".into() } else { Value::Null },
        "metadata": metadata(&host.origins),
    }));
    headers(&mut rendered, &host.headers);
    rendered
}

fn route(route: &Route) -> Value {
    let mut rendered = compact(json!({
        "name": &*route.name,
        "match": route_match(&route.matches),
        "metadata": metadata(&route.origins),
    }));
    match &route.action {
        Action::Forward(action) => rendered["route"] = forward(action),
        Action::Redirect(action) => rendered["redirect"] = redirect(action),
        Action::Direct(direct) => {
            let body = String::from_utf8_lossy(&direct.body);
            rendered["direct_response"] = compact(json!({
                "status": direct.status,
                "body": if body.is_empty() { Value::Null } else { json!({"inline_string": body}) },
            }));
        }
    }
    headers(&mut rendered, &route.headers);
    rendered
}

fn route_match(matches: &RouteMatch) -> Value {
    let (key, value) = match &matches.path {
        PathMatch::Prefix(prefix) => ("prefix", Value::from(&**prefix)),
        PathMatch::Exact(path) => ("path", Value::from(&**path)),
        PathMatch::Regex(pattern) => ("safe_regex", regex(pattern)),
        PathMatch::PathSeparatedPrefix(prefix) => ("path_separated_prefix", Value::from(&**prefix)),
    };
    let mut rendered = compact(json!({
        "case_sensitive": matches.case_sensitive,
        "headers": matches.headers.iter().map(header_match).collect::<Vec<_>>(),
        "query_parameters": matches.query.iter().map(query_match).collect::<Vec<_>>(),
    }));
    rendered[key] = value;
    if matches.grpc {
        rendered["grpc"] = json!({});
    }
    rendered
}

fn regex(pattern: &Pattern) -> Value {
    json!({"regex": &*pattern.source})
}

fn string_match(matches: &StringMatch) -> Value {
    let (key, value, ignore_case) = match matches {
        StringMatch::Exact { value, ignore_case } => ("exact", value, ignore_case),
        StringMatch::Prefix { value, ignore_case } => ("prefix", value, ignore_case),
        StringMatch::Suffix { value, ignore_case } => ("suffix", value, ignore_case),
        StringMatch::Contains { value, ignore_case } => ("contains", value, ignore_case),
        StringMatch::Regex(pattern) => return json!({"safe_regex": regex(pattern)}),
    };
    let mut rendered = json!({key: &**value});
    if *ignore_case {
        rendered["ignore_case"] = true.into();
    }
    rendered
}

fn header_match(header: &HeaderMatch) -> Value {
    let mut rendered = json!({"name": &*header.name});
    match &header.test {
        HeaderTest::Present(present) => rendered["present_match"] = (*present).into(),
        HeaderTest::Value(value) => rendered["string_match"] = string_match(value),
    }
    if header.invert {
        rendered["invert_match"] = true.into();
    }
    if header.missing_is_empty {
        rendered["treat_missing_header_as_empty"] = true.into();
    }
    rendered
}

fn query_match(query: &QueryMatch) -> Value {
    let mut rendered = json!({"name": &*query.name});
    match &query.test {
        None => rendered["present_match"] = true.into(),
        Some(test) => rendered["string_match"] = string_match(test),
    }
    rendered
}

fn forward(forward: &Forward) -> Value {
    let mut rendered = compact(json!({
        "timeout": limit(forward.timeout),
        "idle_timeout": forward.idle_timeout.map(duration),
        "retry_policy": forward.retry.as_deref().map(retry),
        "host_rewrite_literal": forward.host_rewrite.as_deref(),
    }));
    match &forward.cluster {
        ClusterChoice::One(name) => rendered["cluster"] = Value::from(&**name),
        ClusterChoice::Weighted { clusters, .. } => {
            let clusters = clusters.iter().map(|cluster| {
                let mut rendered = json!({"name": &*cluster.name, "weight": cluster.weight});
                headers(&mut rendered, &cluster.headers);
                rendered
            });
            rendered["weighted_clusters"] = json!({"clusters": clusters.collect::<Vec<_>>()});
        }
    }
    match &forward.path_rewrite {
        None => {}
        Some(PathRewrite::Prefix(prefix)) => rendered["prefix_rewrite"] = Value::from(&**prefix),
        Some(PathRewrite::Regex { pattern, substitution }) => {
            rendered["regex_rewrite"] = json!({"pattern": regex(pattern), "substitution": &**substitution});
        }
    }
    let upgrades = forward.upgrades.iter().map(|(name, on)| json!({"upgrade_type": &**name, "enabled": on}));
    let upgrades: Vec<Value> = upgrades.collect();
    if !upgrades.is_empty() {
        rendered["upgrade_configs"] = upgrades.into();
    }
    rendered
}

fn retry(policy: &RetryPolicy) -> Value {
    let on = &policy.on;
    let conditions = [
        (on.five_xx, "5xx"),
        (on.gateway_error, "gateway-error"),
        (on.reset, "reset"),
        (on.reset_before_request, "reset-before-request"),
        (on.connect_failure, "connect-failure"),
        (on.envoy_ratelimited, "envoy-ratelimited"),
        (on.retriable_4xx, "retriable-4xx"),
        (on.refused_stream, "refused-stream"),
        (on.retriable_status_codes, "retriable-status-codes"),
        (on.retriable_headers, "retriable-headers"),
        (on.http3_post_connect_failure, "http3-post-connect-failure"),
        (on.grpc_cancelled, "cancelled"),
        (on.grpc_deadline_exceeded, "deadline-exceeded"),
        (on.grpc_internal, "internal"),
        (on.grpc_resource_exhausted, "resource-exhausted"),
        (on.grpc_unavailable, "unavailable"),
    ];
    let conditions: Vec<&str> = conditions.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect();
    compact(json!({
        "retry_on": conditions.join(","),
        "num_retries": policy.retries,
        "per_try_timeout": policy.per_try_timeout.map(duration),
        "retriable_status_codes": policy.status_codes,
        "host_selection_retry_max_attempts": policy.host_selection_attempts.to_string(),
    }))
}

fn redirect(redirect: &Redirect) -> Value {
    let code = match redirect.status {
        301 => Value::Null,
        302 => "FOUND".into(),
        303 => "SEE_OTHER".into(),
        307 => "TEMPORARY_REDIRECT".into(),
        308 => "PERMANENT_REDIRECT".into(),
        other => other.into(),
    };
    let (path, prefix) = match &redirect.path {
        RedirectPath::Keep => (None, None),
        RedirectPath::Full(path) => (Some(&**path), None),
        RedirectPath::Prefix(prefix) => (None, Some(&**prefix)),
    };
    compact(json!({
        "response_code": code,
        "scheme_redirect": redirect.scheme.as_deref(),
        "https_redirect": redirect.https,
        "host_redirect": redirect.host.as_deref(),
        "port_redirect": redirect.port,
        "path_redirect": path,
        "prefix_rewrite": prefix,
        "strip_query": redirect.strip_query,
    }))
}

/// Adds the four lists of header changes that are not empty.
fn headers(rendered: &mut Value, mutations: &outrigger_traffic::HeaderMutations) {
    for (side, list) in [("request", &mutations.request), ("response", &mutations.response)] {
        let mut add = Vec::new();
        let mut remove = Vec::new();
        for mutation in list {
            let (name, value, action) = match mutation {
                HeaderMutation::Remove(name) => {
                    remove.push(Value::from(&**name));
                    continue;
                }
                HeaderMutation::Set(name, value) => (name, value, "OVERWRITE_IF_EXISTS_OR_ADD"),
                HeaderMutation::Append(name, value) => (name, value, "APPEND_IF_EXISTS_OR_ADD"),
                HeaderMutation::AddIfAbsent(name, value) => (name, value, "ADD_IF_ABSENT"),
                HeaderMutation::SetIfPresent(name, value) => (name, value, "OVERWRITE_IF_EXISTS"),
            };
            add.push(json!({"header": {"key": &**name, "value": &**value}, "append_action": action}));
        }
        if !add.is_empty() {
            rendered[format!("{side}_headers_to_add")] = add.into();
        }
        if !remove.is_empty() {
            rendered[format!("{side}_headers_to_remove")] = remove.into();
        }
    }
}
