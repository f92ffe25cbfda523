//! The rules of the protocol for one stream of one client, without input, output or clock: requests,
//! new states and the time go in, responses and events come out. Responses are made when there is
//! room for them, so that what happens in between merges.
//!
//! **Order** (make before break). A new state reaches a client in stages:
//! 1. clusters and endpoints, at once; what vanished from them stays beside what is new;
//! 2. listeners, when the clusters were answered and the endpoints that changed clusters need were
//!    received and answered too;
//! 3. routes, when the listeners were answered;
//! 4. a while after the routes were answered: the removal of clusters and endpoints.
//!
//! A stage that is not answered in time, or refused, counts as answered: one bad resource must not
//! hold up the others. Clusters and endpoints always follow the newest state; listeners and routes go
//! through the stages with one state, the target, and take the newest when they are through. So
//! neither endpoints nor routes can be starved by frequent changes. Other types follow the newest.
//!
//! A subscription is answered at once. At most one response per type is under way for mere changes.

mod gate;
mod ledger;
mod topic;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use outrigger_proto::type_url;
use tokio::time::Instant;

use crate::message::{Form, Response};
use crate::provider::Event;
use crate::resource::Assets;

use gate::{Gate, Stage};
use topic::{Composed, Topic, Vanished};

/// How long the server waits for what.
#[derive(Debug, Clone, PartialEq)]
pub struct Timing {
    /// How long a response may be unanswered before the next stage begins without the answer.
    pub answer: Duration,
    /// How long removals of clusters and endpoints wait after the routes that no longer name them
    /// were answered: requests that were routed before are still under way.
    pub removal: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Timing { answer: Duration::from_secs(5), removal: Duration::from_secs(1) }
    }
}

/// A request of either form.
#[derive(Debug, Default)]
pub(crate) struct Request {
    pub type_url: String,
    pub nonce: String,
    /// What the client has against the response that it answers.
    pub error: Option<String>,
    pub ask: Ask,
}

/// What a request asks for.
#[derive(Debug)]
pub(crate) enum Ask {
    /// The names of all that is wanted.
    Sotw { names: Vec<String>, version: String },
    /// Names to add and to drop, and what a client holds that comes back.
    Delta { subscribe: Vec<String>, unsubscribe: Vec<String>, initial: Vec<(String, String)> },
}

impl Default for Ask {
    fn default() -> Self {
        Ask::Delta { subscribe: Vec::new(), unsubscribe: Vec::new(), initial: Vec::new() }
    }
}

/// More types than this are not kept track of: nobody sane asks for so many.
const MAX_TYPES: usize = 64;

/// Positions of the ordered types among the topics.
const CLUSTERS: usize = 0;
const ENDPOINTS: usize = 1;
const LISTENERS: usize = 2;
const ROUTES: usize = 3;
const ORDERED: [&str; 4] = [type_url::CLUSTER, type_url::ENDPOINT, type_url::LISTENER, type_url::ROUTE];

pub(crate) struct Session {
    form: Form,
    timing: Timing,
    topics: Vec<Topic>,
    /// What the client may have as of now.
    newest: Arc<Assets>,
    /// What listeners and routes are at, or on the way to.
    target: Arc<Assets>,
    gate: Gate,
    events: Vec<Event>,
    settled: Option<u64>,
}

impl Session {
    pub fn new(form: Form, assets: Arc<Assets>, timing: Timing, now: Instant) -> Session {
        let topics = ORDERED.iter().map(|url| Topic::new((*url).into(), form)).collect();
        let pending = Assets::pending();
        let mut session = Session {
            form,
            timing,
            topics,
            newest: pending.clone(),
            target: pending,
            gate: Gate::default(),
            events: Vec::new(),
            settled: None,
        };
        session.publish(assets, now);
        session
    }

    /// What the client may have is now this.
    pub fn publish(&mut self, assets: Arc<Assets>, now: Instant) {
        if assets.version == self.newest.version {
            return;
        }
        let first = self.newest.is_pending();
        self.newest = assets;
        for (url, map) in self.newest.types.clone() {
            let Some(index) = self.topic(url) else { continue };
            self.topics[index].served = true;
            match index {
                LISTENERS | ROUTES if !first => {}
                CLUSTERS | ENDPOINTS => self.topics[index].show(&map, Vanished::Stays(self.newest.version)),
                _ => self.topics[index].show(&map, Vanished::Goes),
            }
        }
        if first {
            self.target = self.newest.clone();
            if self.topics[..=ROUTES].iter().any(|topic| topic.resumed) {
                self.begin(now);
            }
        }
        self.advance(now);
    }

    /// The client asks for something, answers something, or both.
    pub fn request(&mut self, request: Request, now: Instant) {
        let Some(index) = self.topic(&request.type_url) else { return };
        let first = !self.topics[index].subscribed;
        if first {
            self.events.push(Event::Subscribed { type_url: self.topics[index].type_url.clone() });
        }
        match request.ask {
            Ask::Sotw { names, version } => {
                let fresh = first || request.nonce.is_empty();
                if !fresh && !self.topics[index].ledger.is_latest(&request.nonce) {
                    // The client has not seen the latest response yet: it will ask again then.
                    return;
                }
                self.answer(index, &request.nonce, request.error);
                self.topics[index].ask_sotw(names, fresh);
                self.topics[index].resumed |= first && !version.is_empty();
            }
            Ask::Delta { subscribe, unsubscribe, initial } => {
                self.answer(index, &request.nonce, request.error);
                let resumed = first && !initial.is_empty();
                let topic = &mut self.topics[index];
                if first {
                    let stays = matches!(index, CLUSTERS | ENDPOINTS).then_some(self.newest.version);
                    topic.open_delta(subscribe, initial, stays);
                } else {
                    topic.ask_delta(subscribe, unsubscribe);
                }
                topic.resumed |= resumed;
            }
        }
        if first {
            self.gate.force_needed(&mut self.topics[index]);
            if self.topics[index].resumed && index <= ROUTES && !self.newest.is_pending() {
                self.resume(index, now);
            }
        }
        self.advance(now);
    }

    /// The next response, if there is one to be sent now. `None` says to call again at `deadline`.
    pub fn response(&mut self, now: Instant) -> Option<Response> {
        self.tick(now);
        if self.newest.is_pending() {
            return None;
        }
        let index = (0..self.topics.len()).find(|&index| self.may_send(index, now))?;
        let version = self.newest.version;
        let topic = &mut self.topics[index];
        let Composed { resources, removed, changed } = topic.compose();
        let nonce = topic.ledger.sent(version, resources.clone(), now);
        let response = Response {
            form: self.form,
            type_url: topic.type_url.clone(),
            version,
            nonce,
            resources,
            removed,
        };
        self.gate.sent(&response.type_url, nonce, &response.resources);
        for resource in changed {
            let Some((url, name)) = &resource.needs else { continue };
            let Some(needed) = self.topics.iter_mut().find(|topic| &*topic.type_url == *url) else {
                continue;
            };
            self.gate.need(needed, url, name.clone(), version);
        }
        self.events.push(Event::Sent {
            type_url: response.type_url.clone(),
            version,
            nonce,
            resources: response.resources.clone(),
            removed: response.removed.clone(),
            bytes: response.encoded_len(),
        });
        self.advance(now);
        Some(response)
    }

    /// When time alone may change something.
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        let answers = self.topics.iter().filter_map(|t| t.ledger.expiry(now, self.timing.answer));
        let removals = self.topics.iter().filter_map(Topic::next_removal);
        answers.chain(removals).chain(self.gate.deadline()).min()
    }

    /// What happened since the last call.
    pub fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    fn topic(&mut self, url: &str) -> Option<usize> {
        if let Some(index) = self.topics.iter().position(|topic| &*topic.type_url == url) {
            return Some(index);
        }
        if self.topics.len() >= MAX_TYPES {
            return None;
        }
        self.topics.push(Topic::new(url.into(), self.form));
        Some(self.topics.len() - 1)
    }

    fn may_send(&self, index: usize, now: Instant) -> bool {
        let topic = &self.topics[index];
        let waits = match index {
            LISTENERS => self.gate.stage < Stage::Listeners,
            ROUTES => self.gate.stage < Stage::Routes,
            _ => false,
        };
        topic.has_output()
            && !(topic.resumed && waits)
            && (topic.urgent || !topic.ledger.is_waiting(now, self.timing.answer))
    }

    fn answer(&mut self, index: usize, nonce: &str, error: Option<String>) {
        let Some(sent) = self.topics[index].ledger.answer(nonce) else { return };
        let type_url = self.topics[index].type_url.clone();
        let (version, nonce) = (sent.version, sent.nonce);
        if let Some(error) = &error {
            self.gate.refused(&sent.resources, error);
        }
        self.events.push(match error {
            None => Event::Acked { type_url, version, nonce },
            Some(error) => Event::Nacked { type_url, version, nonce, resources: sent.resources, error },
        });
    }

    fn tick(&mut self, now: Instant) {
        for topic in &mut self.topics {
            topic.remove_due(now);
        }
        self.advance(now);
    }

    /// A client came back with resources of its own: it goes through the stages too, as its routes must
    /// not change before its clusters did.
    fn resume(&mut self, index: usize, now: Instant) {
        match self.gate.stage {
            Stage::Idle if index <= ENDPOINTS || self.topics[CLUSTERS].has_output() => self.begin(now),
            Stage::Clusters if index == CLUSTERS => self.gate.mark(&self.topics[CLUSTERS]),
            _ => {}
        }
    }

    fn begin(&mut self, now: Instant) {
        self.gate.enter(Stage::Clusters, now + self.timing.answer);
        self.gate.mark(&self.topics[CLUSTERS]);
    }

    /// Goes through as many stages as can be gone through.
    fn advance(&mut self, now: Instant) {
        loop {
            match self.gate.stage {
                Stage::Idle if self.target.version == self.newest.version => break,
                Stage::Idle => {
                    self.target = self.newest.clone();
                    self.begin(now);
                }
                Stage::Clusters => {
                    let late = self.gate.is_late(now);
                    let warm = self.gate.is_marked_answered(&self.topics[CLUSTERS], now, self.timing.answer)
                        && self.gate.is_warm(self.target.version, &self.topics, now, self.timing.answer);
                    if !warm && !late {
                        break;
                    }
                    self.gate.forget_needs(self.target.version);
                    self.gate.enter(Stage::Listeners, now + self.timing.answer);
                    self.show_target(LISTENERS);
                    // New listeners may be waiting for new routes; whatever these name is warm.
                    if let Some(routes) = self.target.get(type_url::ROUTE) {
                        self.topics[ROUTES].preview(routes);
                    }
                    self.gate.mark(&self.topics[LISTENERS]);
                }
                Stage::Listeners => {
                    if !self.passed(LISTENERS, now) {
                        break;
                    }
                    self.gate.enter(Stage::Routes, now + self.timing.answer);
                    self.show_target(ROUTES);
                    self.gate.mark(&self.topics[ROUTES]);
                }
                Stage::Routes => {
                    if !self.passed(ROUTES, now) {
                        break;
                    }
                    let due = now + self.timing.removal;
                    self.topics[CLUSTERS].schedule_removals(self.target.version, due);
                    self.topics[ENDPOINTS].schedule_removals(self.target.version, due);
                    self.gate.enter(Stage::Idle, now);
                }
            }
        }
        self.settle(now);
    }

    fn passed(&self, index: usize, now: Instant) -> bool {
        self.gate.is_late(now) || self.gate.is_marked_answered(&self.topics[index], now, self.timing.answer)
    }

    fn show_target(&mut self, index: usize) {
        if let Some(map) = self.target.get(ORDERED[index]).cloned() {
            self.topics[index].show(&map, Vanished::Goes);
        }
    }

    /// Reports whether the client has answered everything, when that changed.
    fn settle(&mut self, now: Instant) {
        let settled = self.gate.stage == Stage::Idle
            && !self.newest.is_pending()
            && self
                .topics
                .iter()
                .all(|topic| !topic.has_output() && !topic.ledger.is_waiting(now, self.timing.answer));
        let settled = settled.then_some(self.newest.version);
        if settled == self.settled {
            return;
        }
        match settled {
            Some(version) => self.events.push(Event::Settled { version }),
            None => self.events.push(Event::Unsettled),
        }
        self.settled = settled;
    }
}
