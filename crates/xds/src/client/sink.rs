use std::collections::BTreeSet;

use bytes::Bytes;

/// Takes what the control plane sends. Called by one client, never concurrently.
pub trait Sink: Send + 'static {
    /// Resources of a type changed or vanished. The sink applies what is good and returns what it
    /// refuses; of what it refuses it keeps the last good state. An update may be empty: the control
    /// plane answered that it has nothing.
    fn update(&mut self, type_url: &str, changed: Vec<Received>, removed: Vec<String>) -> Vec<Rejected>;

    /// What the sink wants of a type now. Asked at the start of each stream and after each update.
    fn wanted(&self, type_url: &str) -> Wanted;

    /// Names and versions of what the sink already holds of a type, e.g. from disk. Asked once.
    fn known(&self, type_url: &str) -> Vec<(String, String)> {
        let _ = type_url;
        Vec::new()
    }

    /// The connection came or went.
    fn connection(&mut self, connection: Connection) {
        let _ = connection;
    }
}

/// A resource as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Its name.
    pub name: String,
    /// Its version, opaque.
    pub version: String,
    /// The encoded message. It shares the memory of the whole response: copy it to keep it for long.
    pub body: Bytes,
}

/// A resource that the sink refuses, with the reason that the control plane is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Its name.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// What a sink wants of a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Everything there is.
    Wildcard,
    /// These; nothing is asked for while there are none.
    Names(BTreeSet<String>),
}

/// Whether there is a stream to the control plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    /// The control plane answers.
    Up,
    /// It does not, with the reason.
    Down(String),
}
