//! The outcome: encoded resources by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use outrigger_base::{Diagnostic, ResourceKey};

use crate::view::View;

/// One resource, encoded once and shared by everyone who gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiled {
    /// The resource's name.
    pub name: Arc<str>,
    /// The encoded message (not wrapped in `Any`).
    pub body: Bytes,
    /// Hash of the content, in hexadecimal.
    pub version: Arc<str>,
    /// The objects that it came from; the first decided.
    pub origins: Arc<[ResourceKey]>,
    /// It is a cluster whose endpoints come by EDS, under the same name.
    pub has_endpoints: bool,
}

/// Resources of one type by name.
pub type Resources = BTreeMap<Arc<str>, Arc<Compiled>>;

/// Everything that the proxies of one view are sent.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// Clusters (CDS).
    pub clusters: Arc<Resources>,
    /// Endpoints by cluster (EDS).
    pub endpoints: Arc<Resources>,
    /// Listeners (LDS).
    pub listeners: Arc<Resources>,
    /// Route configurations (RDS).
    pub routes: Arc<Resources>,
    /// What was lost or can have no effect for these proxies, sorted, without repetition.
    pub diagnostics: Vec<Diagnostic>,
    /// What [`recompile`](crate::recompile) needs to know about how this came to be.
    pub(crate) memo: Memo,
}

/// Whose bundle it is, and which part of it complained about what.
#[derive(Debug, Clone)]
pub(crate) struct Memo {
    pub(crate) view: Arc<View>,
    /// About listeners.
    pub(crate) listeners: Arc<[Diagnostic]>,
    /// About routes.
    pub(crate) routes: Arc<[Diagnostic]>,
    /// About what rules refer to.
    pub(crate) references: Arc<[Diagnostic]>,
}
