//! The attempts of a request: hosts are picked and tried until one gives a response or no further
//! attempt is to be made.

use std::net::SocketAddr;
use std::rc::Rc;

use outrigger_traffic::{Attempt, ResponseFlag};
use smallvec::SmallVec;
use tokio::time::sleep;

use super::caller::Caller;
use super::exchange::{Ended, Exchange, Late};
use super::headers::decimal;
use super::names::Known;
use super::pool::{self, Version, Wish};
use super::reply::Reply;
use super::retry::{self, Failure, Retries, Verdict};
use super::upstream::Upstream;
use crate::upstream::{ActiveRequest, Cluster, Host, Limit, Permit};

/// Resends of a request that met a connection which had gone stale, before it counts as a failure.
const STALE_RESENDS: u32 = 2;

/// An upstream whose response's head has arrived.
pub struct Reached {
    /// The upstream.
    pub upstream: Upstream,
    /// Counts the request as under way there.
    pub active: ActiveRequest,
}

/// The attempts of one request.
pub struct Attempts<'a, 's> {
    retries: Retries<'s>,
    cluster: &'a Rc<Cluster>,
    /// Hosts that were tried, for policies that avoid them.
    tried: SmallVec<[SocketAddr; 4]>,
    /// The retry under way counts against the cluster's limit.
    retrying: Option<Permit>,
    stale: u32,
    count_in_request: bool,
}

/// How one attempt came out.
enum Outcome<'s> {
    Response(Reached),
    Failed { failure: Failure, host: Option<Rc<Host>>, stale: bool },
    Over(Option<Reply<'s>>),
}

impl<'a, 's> Attempts<'a, 's> {
    /// None made so far. `count_in_request`: upstreams are told which attempt it is.
    pub fn new(cluster: &'a Rc<Cluster>, retries: Retries<'s>, count_in_request: bool) -> Attempts<'a, 's> {
        Attempts { retries, cluster, tried: SmallVec::new(), retrying: None, stale: 0, count_in_request }
    }

    /// Makes attempts until there is a response to pass on. `Err`: what the client is answered, or
    /// that it is gone.
    pub async fn run<C: Caller>(
        &mut self,
        exchange: &mut Exchange<'_, 's, C>,
    ) -> Result<Reached, Option<Reply<'s>>> {
        let mut again: Option<Rc<Host>> = None;
        loop {
            let host = match again.clone() {
                Some(host) => host,
                None => self.pick(exchange).ok_or_else(|| Some(Reply::no_healthy_upstream()))?,
            };
            match self.attempt(exchange, host, again.is_some()).await {
                Outcome::Over(reply) => return Err(reply),
                Outcome::Response(reached) => {
                    again = None;
                    if !self.is_retried(exchange, retry::response(exchange.response)).await? {
                        return Ok(reached);
                    }
                    let Reached { upstream, active } = reached;
                    active.host().stats.rq_error.inc();
                    pool::release_unread(self.cluster, active.host(), upstream).await;
                }
                Outcome::Failed { failure, host, stale } => {
                    if self.is_resent(exchange, &failure, stale) {
                        again = host;
                        continue;
                    }
                    again = None;
                    exchange.story.failure = failure.transport.clone().map(Into::into);
                    if !self.is_retried(exchange, failure.attempt).await? {
                        if failure.flag == ResponseFlag::UpstreamRequestTimeout {
                            self.cluster.stats.rq_timeout.inc();
                        }
                        return Err(Some(failure.reply(exchange.story.attempts > 1)));
                    }
                }
            }
        }
    }

    fn pick<C: Caller>(&mut self, exchange: &Exchange<'_, 's, C>) -> Option<Rc<Host>> {
        let policy = self.retries.policy().filter(|policy| policy.avoid_previous_hosts);
        let attempts = policy.map_or(0, |policy| policy.host_selection_attempts);
        let context = exchange.context;
        let original = context.facts.original_dst;
        self.cluster.pick(original, &self.tried, attempts, &context.worker.random).ok()
    }

    async fn attempt<C: Caller>(
        &mut self,
        exchange: &mut Exchange<'_, 's, C>,
        host: Rc<Host>,
        resent: bool,
    ) -> Outcome<'s> {
        if !resent {
            self.tried.push(host.address);
            exchange.story.attempts += 1;
        }
        if self.count_in_request {
            let count = u64::from(exchange.story.attempts);
            exchange.request.headers.drop_known(Known::AttemptCount);
            exchange.request.headers.push_with(Known::AttemptCount, |out| decimal(count, out));
        }
        exchange.story.host = Some(host.clone());
        let active = host.begin();
        let wish = Wish {
            version: Version::of(self.cluster.config().protocol, exchange.story.protocol),
            fresh: resent,
            careful: !exchange.request.method.is_idempotent(),
        };
        if wish.version != Version::Http1 && exchange.request.upgrade.is_some() {
            return Outcome::Over(Some(Reply::new(403, None, "upgrade_failed")));
        }
        let acquired = match pool::ready(self.cluster, &host, wish) {
            Some(upstream) => Ok(Ok(upstream)),
            None => {
                exchange.start_try();
                exchange.wait(pool::acquire(self.cluster, &host, wish)).await
            }
        };
        let mut upstream = match acquired {
            Ok(Ok(upstream)) => upstream,
            Ok(Err(error)) => {
                let failure = Failure::connect(&error);
                return Outcome::Failed { failure, host: Some(host), stale: false };
            }
            Err(ended) => return self.ended(exchange, ended, &host, None),
        };
        exchange.story.local = Some(upstream.local());
        match exchange.attempt(&mut upstream).await {
            Ok(()) => Outcome::Response(Reached { upstream, active }),
            Err(ended) => self.ended(exchange, ended, &host, Some(upstream)),
        }
    }

    fn ended<C: Caller>(
        &self,
        exchange: &Exchange<'_, 's, C>,
        ended: Ended,
        host: &Rc<Host>,
        upstream: Option<Upstream>,
    ) -> Outcome<'s> {
        let stale = upstream.as_ref().is_some_and(Upstream::was_stale);
        let used = upstream.is_some();
        if let Some(upstream) = upstream {
            pool::discard(host, upstream);
        }
        let failure = match ended {
            Ended::Upstream(error) => Failure::stream(error, used),
            Ended::Late(Late::PerTry) => {
                host.stats.rq_timeout.inc();
                Failure::per_try_timeout()
            }
            other => {
                if other == Ended::Late(Late::Response) {
                    host.stats.rq_timeout.inc();
                    self.cluster.stats.rq_timeout.inc();
                }
                return Outcome::Over(retry::interrupted(other, exchange.has_read_all()));
            }
        };
        host.stats.rq_error.inc();
        Outcome::Failed { failure, host: Some(host.clone()), stale }
    }

    /// Whether a request is sent again at once because the upstream cannot have seen it, or did not
    /// answer on a connection that it was just closing. That is no retry in the policy's sense.
    fn is_resent<C: Caller>(
        &mut self,
        exchange: &Exchange<'_, 's, C>,
        failure: &Failure,
        stale: bool,
    ) -> bool {
        let safe = failure.untouched || (stale && exchange.request.method.is_idempotent());
        let resent = safe && self.stale < STALE_RESENDS && exchange.kept.can_replay();
        self.stale += u32::from(resent);
        resent
    }

    /// Whether the policy has the attempt made again; waits until then. `Err`: it came to an end
    /// meanwhile.
    async fn is_retried<C: Caller>(
        &mut self,
        exchange: &mut Exchange<'_, 's, C>,
        attempt: Attempt,
    ) -> Result<bool, Option<Reply<'s>>> {
        match self.retries.verdict(attempt) {
            Verdict::No => return Ok(false),
            Verdict::Exhausted => {
                exchange.story.flags.set(ResponseFlag::UpstreamRetryLimitExceeded);
                return Ok(false);
            }
            Verdict::Again if !exchange.kept.can_replay() => return Ok(false),
            Verdict::Again => {}
        }
        self.retrying = None;
        let Some(permit) = self.cluster.admit(Limit::Retries) else {
            exchange.story.flags.set(ResponseFlag::UpstreamOverflow);
            return Ok(false);
        };
        self.retrying = Some(permit);
        self.cluster.stats.rq_retry.inc();
        let before = self.retries.count();
        let Some(policy) = self.retries.policy() else { return Ok(false) };
        let pause = policy.pause(before, &mut &exchange.context.worker.random);
        exchange.end_try();
        let read_all = exchange.has_read_all();
        match exchange.wait(sleep(pause)).await {
            Ok(()) => Ok(true),
            Err(ended) => Err(retry::interrupted(ended, read_all)),
        }
    }
}
