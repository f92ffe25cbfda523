//! What all requests of one downstream connection share.

use std::rc::Rc;
use std::sync::Arc;

use outrigger_traffic::{Direction, HttpManager, PeerMetadata};

use super::drain::LocalDrain;
use super::syntax::{Limits, MAX_HEADERS};
use crate::downstream::DownstreamFacts;
use crate::telemetry::Loggers;
use crate::worker::Worker;

/// A downstream connection, as its requests see it.
pub struct Context {
    /// The thread's state.
    pub worker: Rc<Worker>,
    /// How requests are read and routed.
    pub manager: Arc<HttpManager>,
    /// What is known about the connection.
    pub facts: Rc<DownstreamFacts>,
    /// Where each request is logged.
    pub loggers: Rc<Loggers>,
    /// Hears of drains.
    pub drain: Rc<LocalDrain>,
    /// The client's address as x-forwarded-for has it.
    pub peer_ip: Box<str>,
    /// Limits of heads.
    pub limits: Limits,
}

impl Context {
    /// For a connection that has just been handed over.
    pub fn new(worker: Rc<Worker>, manager: Arc<HttpManager>, facts: Rc<DownstreamFacts>) -> Context {
        Context {
            loggers: worker.telemetry.loggers(&manager.access_logs),
            drain: LocalDrain::of(&worker),
            peer_ip: facts.peer.ip().to_canonical().to_string().into(),
            limits: Limits {
                bytes: manager.max_request_headers_kib as usize * 1024,
                // wire refuses more; a value made elsewhere must not read past the place for fields.
                fields: (manager.max_request_headers as usize).min(MAX_HEADERS),
                http_10: manager.accept_http_10,
            },
            worker,
            manager,
            facts,
        }
    }

    /// Whether the client's metadata is read and ours is told.
    pub fn exchanges_metadata(&self) -> bool {
        self.manager.peer_metadata == PeerMetadata::Exchange
    }

    /// Whether the filter chain that serves the connection was replaced or removed: then it ends after
    /// the request under way, so that the client comes back to what is in force.
    pub fn is_outdated(&self) -> bool {
        self.worker.is_outdated(&self.facts)
    }

    /// Whether this is the receiving side.
    pub fn is_inbound(&self) -> bool {
        self.facts.listener.direction == Direction::Inbound
    }
}
