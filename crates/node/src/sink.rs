//! The end of the xDS client on this side.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use outrigger_xds::client::{Connection, Received, Rejected, Sink, Wanted};

use crate::engine::SharedEngine;
use crate::resources::Type;

/// Feeds the engine.
pub struct EngineSink(pub SharedEngine);

impl Sink for EngineSink {
    fn update(&mut self, type_url: &str, changed: Vec<Received>, removed: Vec<String>) -> Vec<Rejected> {
        let Some(kind) = Type::of(type_url) else {
            return changed
                .into_iter()
                .map(|r| Rejected { name: r.name, reason: format!("{type_url} was not asked for") })
                .collect();
        };
        let changed: Vec<_> = changed.into_iter().map(|r| (r.name, r.version, r.body)).collect();
        let rejected = self.0.update(kind, &changed, &removed);
        rejected.into_iter().map(|(name, reason)| Rejected { name, reason }).collect()
    }

    fn wanted(&self, type_url: &str) -> Wanted {
        match Type::of(type_url).map(|kind| self.0.assembly().wanted(kind)) {
            Some(None) => Wanted::Wildcard,
            Some(Some(names)) => Wanted::Names(names.iter().map(|name| name.to_string()).collect()),
            None => Wanted::Names(BTreeSet::new()),
        }
    }

    fn known(&self, type_url: &str) -> Vec<(String, String)> {
        Type::of(type_url).map(|kind| self.0.assembly().versions(kind)).unwrap_or_default()
    }

    fn connection(&mut self, connection: Connection) {
        self.0.is_connected.store(connection == Connection::Up, Ordering::Relaxed);
    }
}
