use std::sync::Arc;

use outrigger_xds::Resource;
use serde::{Serialize, Serializer};

/// How a proxy stands with one type.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    sent: Option<Response>,
    /// The version of the latest response that it accepted.
    acked: Option<u64>,
    /// The nonce of the latest response that it answered.
    answered: u64,
    refused: Option<Refused>,
}

#[derive(Debug, Clone)]
struct Response {
    version: u64,
    nonce: u64,
    resources: Arc<[Arc<Resource>]>,
    removed: Arc<[Arc<str>]>,
}

/// What a proxy refused and was not yet sent better.
#[derive(Debug, Clone)]
struct Refused {
    error: String,
    names: Vec<Arc<str>>,
}

/// What Istio's proxy-status calls these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It has what it was sent.
    Synced,
    /// It has not answered yet.
    Stale,
    /// It was sent nothing.
    NotSent,
    /// It refused something that is still wanted of it.
    Nacked,
}

impl State {
    /// As people read it.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Synced => "SYNCED",
            State::Stale => "STALE",
            State::NotSent => "NOT SENT",
            State::Nacked => "NACKED",
        }
    }
}

impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Standing {
    pub fn sent(
        &mut self,
        version: u64,
        nonce: u64,
        resources: Arc<[Arc<Resource>]>,
        removed: Arc<[Arc<str>]>,
    ) {
        self.sent = Some(Response { version, nonce, resources, removed });
    }

    pub fn acked(&mut self, version: u64, nonce: u64) {
        self.acked = Some(version);
        self.answered = nonce;
        let Some(response) = self.sent.as_mut().filter(|sent| sent.nonce == nonce) else { return };
        let carried = |name: &Arc<str>| {
            response.resources.iter().any(|r| r.name == *name) || response.removed.contains(name)
        };
        if let Some(refused) = &mut self.refused {
            refused.names.retain(|name| !carried(name));
            if refused.names.is_empty() {
                self.refused = None;
            }
        }
        // What was accepted is of no further interest; the bodies need not stay alive for it.
        response.resources = Arc::default();
        response.removed = Arc::default();
    }

    /// The error names the bad ones among the resources of the response; where it names none, all count
    /// as bad. They stay so until the proxy accepts a response that has them.
    pub fn nacked(&mut self, nonce: u64, resources: &[Arc<Resource>], error: String) {
        self.answered = nonce;
        let all = || resources.iter().map(|resource| resource.name.clone());
        let mut names: Vec<_> = all().filter(|name| error.contains(&**name)).collect();
        if names.is_empty() {
            names = all().collect();
        }
        self.refused = Some(Refused { error, names });
    }

    /// Whether a response was not answered yet.
    pub fn is_waiting(&self) -> bool {
        self.sent.as_ref().is_some_and(|sent| sent.nonce > self.answered)
    }

    /// `settled`: whether the proxy has everything, so that a type without a response needs none.
    pub fn state(&self, settled: bool) -> State {
        match &self.sent {
            _ if self.refused.is_some() => State::Nacked,
            Some(_) if self.is_waiting() => State::Stale,
            Some(_) => State::Synced,
            None if settled => State::Synced,
            None => State::NotSent,
        }
    }

    pub fn sent_version(&self) -> Option<u64> {
        self.sent.as_ref().map(|sent| sent.version)
    }

    pub fn acked_version(&self) -> Option<u64> {
        self.acked
    }

    pub fn error(&self) -> Option<&str> {
        self.refused.as_ref().map(|refused| refused.error.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resources(names: &[&str]) -> Arc<[Arc<Resource>]> {
        let resource = |name: &&str| {
            let (name, version) = ((*name).into(), "1".into());
            Arc::new(Resource { name, version, body: Default::default(), needs: None })
        };
        names.iter().map(resource).collect()
    }

    #[test]
    fn a_refusal_stays_until_the_bad_one_is_accepted() {
        let mut standing = Standing::default();
        assert_eq!(standing.state(false), State::NotSent);
        assert_eq!(standing.state(true), State::Synced);
        standing.sent(1, 1, resources(&["good", "bad"]), Arc::default());
        assert_eq!(standing.state(false), State::Stale);
        standing.nacked(1, &resources(&["good", "bad"]), "bad: no".into());
        assert_eq!((standing.state(false), standing.error()), (State::Nacked, Some("bad: no")));
        standing.sent(2, 2, resources(&["good"]), Arc::default());
        standing.acked(2, 2);
        assert_eq!(standing.state(false), State::Nacked);
        standing.sent(3, 3, resources(&["bad"]), Arc::default());
        standing.acked(3, 3);
        assert_eq!((standing.state(false), standing.error()), (State::Synced, None));
        assert_eq!(standing.acked_version(), Some(3));
    }
}
