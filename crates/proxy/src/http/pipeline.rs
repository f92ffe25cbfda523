//! The course of one request: made clean, routed, answered here or carried upstream, told to
//! telemetry. The same for every HTTP that the client speaks.

use outrigger_traffic::{Action, DirectResponse, Forward, NoTrace, Redirect, Route, Routes};

use super::answer::{Taken, answer};
use super::caller::Caller;
use super::context::Context;
use super::exchange::Exchange;
use super::forward;
use super::head::{Method, RequestHead, ResponseHead};
use super::reply::Reply;
use super::sanitize;
use super::timer::Timer;
use crate::local_snapshot::LocalSnapshot;

/// What a request needs while it is under way; kept by its connection for the next one.
#[derive(Debug, Default)]
pub struct Slot {
    /// The request's head.
    pub request: RequestHead,
    /// The response's head.
    pub response: ResponseHead,
    /// Rings for its deadlines.
    pub timer: Timer,
}

impl Slot {
    /// Gives memory back while there is no request.
    pub fn rest(&mut self) {
        self.request.release();
        self.response.release();
    }
}

/// Serves a request whose head stands in `slot`.
pub async fn serve<C: Caller>(context: &Context, caller: &mut C, slot: &mut Slot) {
    let snapshot = context.worker.snapshot();
    let Slot { request, response, timer } = slot;
    let mut exchange = Exchange::new(context, caller, request, response, timer);
    let decision = decide(&mut exchange, &snapshot);
    match decision {
        Ok((taken, forward)) => forward::forward(&mut exchange, taken, forward).await,
        Err((reply, taken)) => answer(&mut exchange, reply, taken).await,
    }
}

/// Answers a request whose head could not be read.
pub async fn refuse<C: Caller>(context: &Context, caller: &mut C, slot: &mut Slot, reply: Reply<'_>) {
    let Slot { request, response, timer } = slot;
    let mut exchange = Exchange::new(context, caller, request, response, timer);
    answer(&mut exchange, reply, None).await;
}

type Decision<'s> = Result<(Taken<'s>, &'s Forward), (Reply<'s>, Option<Taken<'s>>)>;

fn decide<'a: 's, 's, C: Caller>(
    exchange: &mut Exchange<'a, 's, C>,
    snapshot: &'s LocalSnapshot,
) -> Decision<'s> {
    let context = exchange.context;
    if exchange.request.method == Method::Connect {
        let mut reply = Reply::no_route();
        reply.close = true;
        return Err((reply, None));
    }
    sanitize::request(context, exchange.request, &mut exchange.story).map_err(|reply| (reply, None))?;
    let config = match &context.manager.routes {
        Routes::Named(name) => snapshot.route_config(name).map(|config| &**config),
        Routes::Inline(config) => Some(&**config),
    };
    let request = &*exchange.request;
    let host = config.and_then(|config| config.select_virtual_host(request.authority(), &mut NoTrace));
    let (Some(config), Some(host)) = (config, host) else {
        return Err((Reply::no_route(), None));
    };
    exchange.story.virtual_host = &host.name;
    if host.require_tls && !request.https {
        return Err((to_https(request), None));
    }
    let Some((_, route)) = host.select_route(request, &mut NoTrace) else {
        return Err((Reply::no_route(), None));
    };
    exchange.story.route = &route.name;
    let taken = Taken { config, host, route };
    match &route.action {
        Action::Forward(forward) => Ok((taken, forward)),
        Action::Redirect(redirect) => Err((redirected(redirect, route, request), Some(taken))),
        Action::Direct(direct) => Err((direct_response(direct), Some(taken))),
    }
}

fn to_https<'s>(request: &RequestHead) -> Reply<'s> {
    let mut reply = Reply::new(301, None, "direct_response");
    reply.location = Some([b"https://", request.authority(), request.path()].concat());
    reply.intended = true;
    reply
}

fn redirected<'s>(redirect: &'s Redirect, route: &Route, request: &RequestHead) -> Reply<'s> {
    let mut reply = Reply::new(redirect.status, None, "direct_response");
    let location = redirect.location(&route.matches.path, request);
    if super::headers::is_valid_value(&location) {
        reply.location = Some(location);
    }
    reply.intended = true;
    reply
}

fn direct_response(direct: &DirectResponse) -> Reply<'_> {
    let mut reply = Reply::new(direct.status, None, "direct_response");
    reply.body = (&direct.body[..]).into();
    reply.intended = true;
    reply
}
