//! What exists becomes what a proxy is sent: pure functions from a mesh snapshot and the view that a
//! proxy has of it to xDS resources.
//!
//! Invariants:
//! - The output depends on the snapshot and the [`View`] only, never on the engine that reads it, and
//!   its bytes depend on nothing else either: equal content has equal bytes and an equal version.
//! - Names are Istio's, extensions are upstream Envoy's.
//! - Every resource carries the keys of the objects it came from (see `provenance`).
//! - A mistake of a user is a [`Diagnostic`](outrigger_base::Diagnostic) in the [`Bundle`]; it never
//!   keeps other resources from being built.
//!
//! `control` calls [`compile()`] once per view and [`recompile`] after each change; `explain` calls the
//! same for one proxy.

mod binds;
mod bundle;
mod canonical;
mod clusters;
mod compile;
mod destination;
mod encode;
mod endpoints;
mod listeners;
mod names;
mod policy;
mod provenance;
mod references;
mod routes;
mod unenforced;
mod view;
mod world;

#[cfg(test)]
mod tests;

pub use bundle::{Bundle, Compiled, Resources};
pub use compile::{compile, recompile};
pub use unenforced::unenforced;
pub use view::{InboundPort, InboundService, Proxy, Role, View, Viewer};
