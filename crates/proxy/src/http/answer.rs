//! Gives a client an answer of the proxy itself.

use std::future::poll_fn;
use std::task::Poll;

use outrigger_traffic::{HeaderMutations, ResponseFlag, Route, RouteConfig, VirtualHost};

use super::caller::Caller;
use super::exchange::{Ended, Exchange};
use super::head::{BodyLength, Method};
use super::mutate;
use super::reply::{Reply, Whole};
use super::sanitize;
use super::stream::{Pump, drop_rest};

/// The route that takes a request.
#[derive(Clone, Copy)]
pub struct Taken<'s> {
    /// Where it was found.
    pub config: &'s RouteConfig,
    /// The virtual host.
    pub host: &'s VirtualHost,
    /// The route.
    pub route: &'s Route,
}

/// The layers of header changes that a route stands under, the most specific first.
pub fn layers<'s>(taken: &Taken<'s>) -> [&'s HeaderMutations; 3] {
    [&taken.route.headers, &taken.host.headers, &taken.config.headers]
}

/// Gives an answer of the proxy itself and tells telemetry.
pub async fn answer<'s, C: Caller>(
    exchange: &mut Exchange<'_, 's, C>,
    reply: Reply<'s>,
    taken: Option<Taken<'s>>,
) {
    let context = exchange.context;
    exchange.story.end(reply.flag, reply.details.clone());
    reply.fill(exchange.story.grpc, exchange.response);
    exchange.story.grpc_status = exchange.response.grpc_status();
    if reply.intended
        && let Some(taken) = taken
    {
        let story = &exchange.story;
        mutate::response(&layers(&taken), context, story, exchange.request, exchange.response);
    }
    sanitize::response(context, exchange.request, false, exchange.response);
    if exchange.request.method == Method::Head {
        exchange.response.body = BodyLength::Empty;
    }
    let read_all = poll_fn(|cx| Poll::Ready(drop_rest(cx, exchange.caller))).await;
    if reply.close || !read_all {
        exchange.caller.close_after();
    }
    let body: &[u8] = if exchange.response.body == BodyLength::Empty { b"" } else { &reply.body };
    if exchange.caller.send_head(exchange.response).is_ok() {
        exchange.story.answered = true;
        write_whole(exchange, body).await;
    } else {
        exchange.story.flags.set(ResponseFlag::DownstreamConnectionTermination);
    }
    exchange.story.tell(context, exchange.request, exchange.response, None);
}

async fn write_whole<C: Caller>(exchange: &mut Exchange<'_, '_, C>, body: &[u8]) {
    let mut source = Whole::new(body);
    let mut pump = Pump::default();
    let result = exchange.write(&mut source, &mut pump).await;
    exchange.story.bytes_sent = pump.bytes;
    if let Err(ended) = result {
        exchange.caller.abort();
        if ended == Ended::Gone {
            exchange.story.flags.set(ResponseFlag::DownstreamConnectionTermination);
        }
    }
}
