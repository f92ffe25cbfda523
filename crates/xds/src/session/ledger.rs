use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::resource::Resource;

/// Responses that a client that never answers is remembered by, at most.
const MAX_UNANSWERED: usize = 64;

/// The responses of one type on one stream, and which of them were answered.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// The number of the latest response; they count from 1.
    last: u64,
    unanswered: VecDeque<Unanswered>,
}

/// A response without an answer.
#[derive(Debug)]
pub(super) struct Unanswered {
    pub nonce: u64,
    pub version: u64,
    pub resources: Arc<[Arc<Resource>]>,
    sent_at: Instant,
}

impl Ledger {
    /// Notes a response; returns its nonce.
    pub fn sent(&mut self, version: u64, resources: Arc<[Arc<Resource>]>, now: Instant) -> u64 {
        self.last += 1;
        self.unanswered.push_back(Unanswered { nonce: self.last, version, resources, sent_at: now });
        if self.unanswered.len() > MAX_UNANSWERED {
            self.unanswered.pop_front();
        }
        self.last
    }

    pub fn last(&self) -> u64 {
        self.last
    }

    /// Whether it is the nonce of the latest response.
    pub fn is_latest(&self, nonce: &str) -> bool {
        self.last > 0 && nonce.parse() == Ok(self.last)
    }

    /// Notes an answer. `None` if there is no such response, or it was answered already. Answers come
    /// in the order of responses, so those before it are answered with it.
    pub fn answer(&mut self, nonce: &str) -> Option<Unanswered> {
        let nonce: u64 = nonce.parse().ok()?;
        let position = self.unanswered.iter().position(|sent| sent.nonce == nonce)?;
        self.unanswered.drain(..=position).next_back()
    }

    /// Whether that response and all before it were answered, or given up on.
    pub fn is_answered(&self, nonce: u64, now: Instant, patience: Duration) -> bool {
        !self.unanswered.iter().any(|sent| sent.nonce <= nonce && now < sent.sent_at + patience)
    }

    /// Whether an answer is still waited for.
    pub fn is_waiting(&self, now: Instant, patience: Duration) -> bool {
        !self.is_answered(self.last, now, patience)
    }

    /// When the next answer is given up on.
    pub fn expiry(&self, now: Instant, patience: Duration) -> Option<Instant> {
        self.unanswered.iter().map(|sent| sent.sent_at + patience).find(|expiry| now < *expiry)
    }
}
