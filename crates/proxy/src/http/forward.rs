//! Carries a request to a cluster and its response to the client.

use std::rc::Rc;
use std::sync::Arc;

use outrigger_traffic::{Forward, PathRewrite, ResponseFlag, WeightedCluster};

use super::answer::{Taken, answer, layers};
use super::attempts::{Attempts, Reached};
use super::caller::Caller;
use super::exchange::{Ended, Exchange, Late, Timeouts};
use super::head::RequestHead;
use super::headers::decimal;
use super::mutate;
use super::names::Known;
use super::pool;
use super::reply::Reply;
use super::retry::{Failure, Retries};
use super::sanitize;
use super::stream::Source;
use super::syntax::{is_valid_authority, is_valid_path};
use super::upstream::Upstream;
use crate::upstream::{Cluster, Limit};

/// Carries a request to where its route says.
pub async fn forward<'s, C: Caller>(exchange: &mut Exchange<'_, 's, C>, taken: Taken<'s>, to: &'s Forward) {
    let context = exchange.context;
    if !is_upgrade_allowed(exchange.request, to, &context.manager.upgrades) {
        let mut reply = Reply::new(403, None, "upgrade_failed");
        reply.close = true;
        return answer(exchange, reply, Some(taken)).await;
    }
    let (name, weighted) = to.cluster.choose(context.worker.random.next());
    exchange.story.cluster_name = Some(name);
    let Some(cluster) = context.worker.cluster(name) else {
        return answer(exchange, Reply::no_cluster(to.cluster_not_found_status), Some(taken)).await;
    };
    exchange.story.cluster = Some(cluster.clone());
    set_times(exchange, to, &taken);
    change_request(exchange, taken, to, weighted);
    let Some(_request) = cluster.admit(Limit::Requests) else {
        let reply = Reply::reset(ResponseFlag::UpstreamOverflow, "overflow", false);
        return answer(exchange, reply, Some(taken)).await;
    };
    cluster.stats.rq_total.inc();
    cluster.stats.rq_active.inc();
    let _active = Decrement(&cluster);
    let policy = to.retry.as_deref().or(taken.host.retry.as_deref());
    let mut attempts = Attempts::new(&cluster, Retries::new(policy), taken.host.attempt_count_in_request);
    match attempts.run(exchange).await {
        Ok(reached) => respond(exchange, taken, weighted, &cluster, reached).await,
        Err(Some(reply)) => answer(exchange, reply, Some(taken)).await,
        Err(None) => gone(exchange),
    }
}

/// Counts a request of a cluster as under way.
struct Decrement<'a>(&'a Cluster);

impl Drop for Decrement<'_> {
    fn drop(&mut self) {
        self.0.stats.rq_active.dec();
    }
}

fn is_upgrade_allowed(request: &RequestHead, to: &Forward, manager: &[Arc<str>]) -> bool {
    let Some(protocol) = request.upgrade_protocol() else {
        return true;
    };
    let is = |name: &str| protocol.eq_ignore_ascii_case(name.as_bytes());
    match to.upgrades.iter().find(|(name, _)| is(name)) {
        Some((_, enabled)) => *enabled,
        None => manager.iter().any(|name| is(name)),
    }
}

fn set_times<C: Caller>(exchange: &mut Exchange<'_, '_, C>, to: &Forward, taken: &Taken<'_>) {
    let grpc_timeout = exchange.request.headers.all(b"grpc-timeout").next();
    let response = to.response_timeout(exchange.story.grpc, grpc_timeout);
    let retry = to.retry.as_deref().or(taken.host.retry.as_deref());
    let per_try = retry.and_then(|policy| policy.per_try_timeout);
    let idle = match to.idle_timeout {
        Some(timeout) => Some(timeout).filter(|timeout| !timeout.is_zero()),
        None => exchange.context.manager.stream_idle_timeout,
    };
    exchange.set_timeouts(Timeouts { response, per_try, idle });
    if exchange.context.manager.suppress_envoy_headers {
        return;
    }
    let expected = match (response, per_try) {
        (Some(response), Some(per_try)) => Some(response.min(per_try)),
        (response, per_try) => response.or(per_try),
    };
    if let Some(expected) = expected {
        let millis = u64::try_from(expected.as_millis()).unwrap_or(u64::MAX);
        exchange.request.headers.drop_known(Known::ExpectedTimeout);
        exchange.request.headers.push_with(Known::ExpectedTimeout, |out| decimal(millis, out));
    }
}

/// What the route changes in a request, in Envoy's order: headers, host, path.
fn change_request<'s, C: Caller>(
    exchange: &mut Exchange<'_, 's, C>,
    taken: Taken<'s>,
    to: &'s Forward,
    weighted: Option<&'s WeightedCluster>,
) {
    let Exchange { context, story, request, .. } = exchange;
    if let Some(weighted) = weighted {
        mutate::request(&[&weighted.headers], context, story, request);
    }
    mutate::request(&layers(&taken), context, story, request);
    let host = weighted.and_then(|weighted| weighted.host_rewrite.as_ref()).or(to.host_rewrite.as_ref());
    if let Some(host) = host.filter(|host| is_valid_authority(host.as_bytes())) {
        if to.append_forwarded_host {
            let old = request.authority().to_vec();
            request.headers.put(Known::ForwardedHost, &old);
        }
        request.set_authority(host.as_bytes());
    }
    if let Some(rewrite) = &to.path_rewrite {
        rewrite_path(request, rewrite, &taken, context.manager.suppress_envoy_headers);
    }
    sanitize::tell_metadata(context, request);
}

fn rewrite_path(request: &mut RequestHead, rewrite: &PathRewrite, taken: &Taken<'_>, quiet: bool) {
    let new = rewrite.apply(&taken.route.matches.path, request.path());
    if !is_valid_path(&new) || new == request.path() {
        return;
    }
    if !quiet {
        let old = request.path().to_vec();
        request.headers.put(Known::OriginalPath, &old);
    }
    request.set_path(&new);
}

/// Passes a response on.
async fn respond<'s, C: Caller>(
    exchange: &mut Exchange<'_, 's, C>,
    taken: Taken<'s>,
    weighted: Option<&'s WeightedCluster>,
    cluster: &Rc<Cluster>,
    reached: Reached,
) {
    let Reached { mut upstream, active } = reached;
    let context = exchange.context;
    exchange.kept.stop_keeping();
    exchange.story.details = "via_upstream".into();
    exchange.story.grpc_status = exchange.response.grpc_status();
    let tunnel = exchange.response.status == 101;
    {
        let Exchange { story, request, response, .. } = exchange;
        sanitize::from_upstream(context, story, response);
        if let Some(weighted) = weighted {
            mutate::response(&[&weighted.headers], context, story, request, response);
        }
        mutate::response(&layers(&taken), context, story, request, response);
        sanitize::response(context, request, true, response);
    }
    let stats = &active.host().stats;
    if exchange.response.status >= 500 {
        stats.rq_error.inc()
    } else {
        stats.rq_success.inc()
    }
    let result = if exchange.caller.send_head(exchange.response).is_err() {
        Err(Ended::Gone)
    } else {
        exchange.story.answered = true;
        if tunnel {
            exchange.caller.tunnel();
            upstream.tunnel();
        }
        exchange.carry(&mut upstream, tunnel).await
    };
    finish(exchange, result, &upstream, tunnel);
    let clean = result.is_ok() && !tunnel && exchange.upstream_took_all();
    if clean {
        pool::release(cluster, active.host(), upstream);
    } else {
        pool::discard(active.host(), upstream);
    }
}

fn finish<C: Caller>(
    exchange: &mut Exchange<'_, '_, C>,
    result: Result<(), Ended>,
    upstream: &Upstream,
    tunnel: bool,
) {
    let end = match result {
        Ok(()) => None,
        Err(Ended::Gone) => {
            Some((Some(ResponseFlag::DownstreamConnectionTermination), "downstream_remote_disconnect"))
        }
        Err(Ended::Upstream(error)) => {
            let flag = Failure::stream(error, true).flag;
            Some((Some(flag), "upstream_reset_after_response_started"))
        }
        Err(Ended::Malformed(_)) => Some((Some(ResponseFlag::DownstreamProtocolError), "http1.codec_error")),
        Err(Ended::Late(Late::Idle)) => Some((Some(ResponseFlag::StreamIdleTimeout), "stream_idle_timeout")),
        Err(Ended::Late(_)) => Some((Some(ResponseFlag::UpstreamRequestTimeout), "response_timeout")),
    };
    if let Some((flag, details)) = end {
        exchange.story.end(flag, details);
        exchange.caller.abort();
    }
    if tunnel {
        exchange.caller.abort();
    }
    let Exchange { context, story, request, response, .. } = exchange;
    story.tell(context, request, response, Some(upstream.trailers()));
}

/// The client went away before it was answered.
fn gone<C: Caller>(exchange: &mut Exchange<'_, '_, C>) {
    let flag = Some(ResponseFlag::DownstreamConnectionTermination);
    exchange.story.end(flag, "downstream_remote_disconnect");
    exchange.caller.abort();
    let Exchange { context, story, request, response, .. } = exchange;
    story.tell(context, request, response, None);
}
