use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ahash::AHashMap;
use tokio::time::Instant;

use super::CLUSTERS;
use super::topic::Topic;
use crate::resource::Resource;

/// Where an ordered update stands; see the head of `session`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Stage {
    /// Clusters were sent; they and the endpoints that they need are being answered.
    Clusters,
    /// Listeners were sent.
    Listeners,
    /// Routes were sent.
    Routes,
    /// Nothing is under way.
    #[default]
    Idle,
}

/// What an ordered update waits for.
#[derive(Debug, Default)]
pub(super) struct Gate {
    pub stage: Stage,
    /// When the stage ends without an answer.
    patience_ends: Option<Instant>,
    mark: Mark,
    /// Endpoints of clusters that the client was sent anew or changed, until they were answered.
    needs: BTreeMap<&'static str, AHashMap<Arc<str>, Need>>,
}

/// The response that a stage waits for.
#[derive(Debug, Default)]
struct Mark {
    /// The latest response when the stage began.
    last: u64,
    /// Whether something was still to be sent then: the response after that one carries it.
    more: bool,
}

#[derive(Debug)]
struct Need {
    /// The state with which the cluster was sent.
    version: u64,
    /// The response that carried the needed resource after the cluster.
    carried: Option<u64>,
}

impl Gate {
    pub fn enter(&mut self, stage: Stage, deadline: Instant) {
        self.stage = stage;
        self.patience_ends = (stage != Stage::Idle).then_some(deadline);
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.patience_ends
    }

    pub fn is_late(&self, now: Instant) -> bool {
        self.patience_ends.is_some_and(|end| end <= now)
    }

    /// The stage waits for what the topic has sent and still has to send as of now.
    pub fn mark(&mut self, topic: &Topic) {
        self.mark = Mark { last: topic.ledger.last(), more: topic.has_output() };
    }

    pub fn is_marked_answered(&self, topic: &Topic, now: Instant, patience: Duration) -> bool {
        let Mark { last, more } = self.mark;
        if more && topic.ledger.last() > last {
            topic.ledger.is_answered(last + 1, now, patience)
        } else {
            !(more && topic.has_output()) && topic.ledger.is_answered(last, now, patience)
        }
    }

    /// A cluster went out that is new or changed: its endpoints must follow, even if the client has
    /// them, because a changed cluster warms up again only with endpoints that come after it (Envoy,
    /// "Resource warming" of the xDS protocol).
    pub fn need(&mut self, topic: &mut Topic, type_url: &'static str, name: Arc<str>, version: u64) {
        topic.force_known(&name);
        self.needs.entry(type_url).or_default().insert(name, Need { version, carried: None });
    }

    /// The client refused a response: what the bad ones in it need will not be asked for. The error
    /// names them; where it names none, all are bad.
    pub fn refused(&mut self, resources: &[Arc<Resource>], error: &str) {
        let is_named = |resource: &&Arc<Resource>| error.contains(&*resource.name);
        let any_named = resources.iter().any(|resource| is_named(&resource));
        for resource in resources.iter().filter(|resource| !any_named || is_named(resource)) {
            let Some((type_url, name)) = &resource.needs else { continue };
            if let Some(needs) = self.needs.get_mut(type_url) {
                needs.remove(name);
            }
        }
    }

    /// A client that subscribes to a type after its clusters went out gets what they need, even if it
    /// says that it has it.
    pub fn force_needed(&self, topic: &mut Topic) {
        for name in self.needs.get(&*topic.type_url).into_iter().flat_map(|needs| needs.keys()) {
            topic.force_known(name);
        }
    }

    pub fn sent(&mut self, type_url: &str, nonce: u64, resources: &[Arc<Resource>]) {
        let Some(needs) = self.needs.get_mut(type_url) else { return };
        for resource in resources {
            if let Some(need) = needs.get_mut(&resource.name) {
                need.carried.get_or_insert(nonce);
            }
        }
    }

    /// Whether everything that clusters up to this version need has been answered, or will never be
    /// asked for.
    pub fn is_warm(&mut self, version: u64, topics: &[Topic], now: Instant, patience: Duration) -> bool {
        let clusters = topics[CLUSTERS].sent_with_needs();
        self.needs.iter_mut().all(|(type_url, needs)| {
            let Some(topic) = topics.iter().find(|topic| *topic.type_url == **type_url) else { return true };
            needs.retain(|name, need| {
                let answered =
                    need.carried.is_some_and(|nonce| topic.ledger.is_answered(nonce, now, patience));
                !answered && topic.released(name).is_some()
            });
            // A client that did not ask for the endpoints of most clusters it had will not ask for those
            // of new ones: it is no proxy, and not waited for.
            let before = clusters.saturating_sub(needs.len());
            let will_ask = topic.subscribed && topic.follows(before);
            !will_ask || !needs.values().any(|need| need.version <= version)
        })
    }

    pub fn forget_needs(&mut self, version: u64) {
        for needs in self.needs.values_mut() {
            needs.retain(|_, need| need.version > version);
        }
    }
}
