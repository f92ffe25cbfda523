//! What the mesh makes of objects, rule by rule.

mod build;
mod conflicts;
mod dns;
mod history;
mod inbound;
mod incremental;
mod lookup;
mod pods;
mod rules;
mod scale;
mod selection;
mod service_entries;
mod services;
