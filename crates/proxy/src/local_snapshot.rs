//! A snapshot as one worker holds it, with what left it lately. Connections that the kernel completed
//! before a listener went are still served, and requests on its connections are still routed: what
//! removes a listener removes its routes too. Made by the worker at each publish.

use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ahash::AHashMap;
use outrigger_traffic::{Listener, RouteConfig, Snapshot};

/// A snapshot held by tasks of one worker; cloning it touches no memory that other workers touch.
#[derive(Clone, Default)]
pub struct LocalSnapshot(Rc<Inner>);

#[derive(Default)]
struct Inner {
    now: Arc<Snapshot>,
    listeners: Departed<Listener>,
    routes: Departed<RouteConfig>,
}

/// By name, with when it left.
type Departed<T> = AHashMap<Arc<str>, (Arc<T>, Instant)>;

impl LocalSnapshot {
    /// The snapshot after this one. What left is kept for `time`.
    pub fn followed_by(&self, next: Arc<Snapshot>, at: Instant, time: Duration) -> LocalSnapshot {
        let listeners = departed(&self.0.listeners, self.0.now.listeners(), next.listeners(), at, time);
        let routes = departed(&self.0.routes, &self.0.now.routes, &next.routes, at, time);
        LocalSnapshot(Rc::new(Inner { now: next, listeners, routes }))
    }

    /// The same without what left longer than `time` ago; `None`: there is nothing such.
    pub fn pruned(&self, at: Instant, time: Duration) -> Option<LocalSnapshot> {
        let is_old = |left: &Instant| at.saturating_duration_since(*left) >= time;
        let has_old = self.0.listeners.values().any(|(_, left)| is_old(left))
            || self.0.routes.values().any(|(_, left)| is_old(left));
        has_old.then(|| self.followed_by(self.0.now.clone(), at, time))
    }

    /// A listener that is in force or was until lately.
    pub fn listener(&self, name: &str) -> Option<&Arc<Listener>> {
        self.0.now.listeners().get(name).or_else(|| Some(&self.0.listeners.get(name)?.0))
    }

    /// A route configuration that is in force or was until lately.
    pub fn route_config(&self, name: &str) -> Option<&Arc<RouteConfig>> {
        self.0.now.routes.get(name).or_else(|| Some(&self.0.routes.get(name)?.0))
    }
}

impl Deref for LocalSnapshot {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        &self.0.now
    }
}

fn departed<T>(
    before: &Departed<T>,
    now: &AHashMap<Arc<str>, Arc<T>>,
    next: &AHashMap<Arc<str>, Arc<T>>,
    at: Instant,
    time: Duration,
) -> Departed<T> {
    let earlier = before.iter().filter(|(_, (_, left))| at.saturating_duration_since(*left) < time);
    let earlier = earlier.map(|(name, kept)| (name.clone(), kept.clone()));
    let leaving = now.iter().map(|(name, value)| (name.clone(), (value.clone(), at)));
    earlier.chain(leaving).filter(|(name, _)| !next.contains_key(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_routes(names: &[&str]) -> Arc<Snapshot> {
        let routes =
            names.iter().map(|name| (Arc::from(*name), Arc::new(RouteConfig::new(*name, Vec::new()))));
        Arc::new(Snapshot::new(AHashMap::new(), routes.collect(), AHashMap::new()))
    }

    #[test]
    fn what_left_is_found_for_a_while_and_what_came_back_is_the_new_one() {
        let (start, time) = (Instant::now(), Duration::from_secs(10));
        let after = |seconds| start + Duration::from_secs(seconds);
        let first = LocalSnapshot::default().followed_by(with_routes(&["a", "b"]), start, time);
        let second = first.followed_by(with_routes(&["b"]), after(1), time);
        assert!(second.routes.get("a").is_none() && second.route_config("a").is_some());
        let next = with_routes(&["a"]);
        let third = second.followed_by(next.clone(), after(2), time);
        assert!(Arc::ptr_eq(third.route_config("a").unwrap(), &next.routes["a"]));
        assert!(third.route_config("b").is_some());
        assert!(third.pruned(after(11), time).is_none(), "nothing is old enough");
        let fourth = third.pruned(after(12), time).unwrap();
        assert!(fourth.route_config("a").is_some() && fourth.route_config("b").is_none());
    }
}
