use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ahash::{AHashMap, AHashSet};
use outrigger_proto::type_url;
use tokio::time::Instant;

use super::ledger::Ledger;
use crate::message::Form;
use crate::resource::{Resource, ResourceMap, difference};

/// Bytes of endpoints in one response, if there is more than one resource in it. It bounds what a push
/// to many clients at once holds in buffers.
const MAX_PART: usize = 512 * 1024;

/// One type of resource, as one client stands with it.
///
/// Invariant: `dirty` holds exactly the names whose state at the client differs from what is
/// released to it, and those that it must be told about again.
#[derive(Debug)]
pub(super) struct Topic {
    pub type_url: Arc<str>,
    /// Whether there can be resources of this type at all.
    pub served: bool,
    /// Whether the client asked for anything of this type on this stream.
    pub subscribed: bool,
    /// Whether it held resources already when it first asked.
    pub resumed: bool,
    /// Whether it asked since the last response, and so gets one without delay.
    pub urgent: bool,
    pub ledger: Ledger,
    form: Form,
    /// Listeners and clusters: asking for nothing means asking for all, and in the state of the world
    /// a response holds all there is (absence is removal).
    full_state: bool,
    wildcard: bool,
    names: AHashSet<Arc<str>>,
    /// What is released.
    view: Arc<ResourceMap>,
    /// What is released beside the view: what must not vanish yet, and what may be there early.
    beside: BTreeMap<Arc<str>, Beside>,
    /// Versions that the client was sent, or said that it holds.
    sent: AHashMap<Arc<str>, Arc<str>>,
    dirty: BTreeSet<Arc<str>>,
    /// Names that are answered even if the client has them.
    forced: AHashSet<Arc<str>>,
    /// Whether a response is due even if it is empty.
    owed: bool,
}

#[derive(Debug)]
struct Beside {
    /// `None`: it exists no more, but the client holds it and may keep it for now.
    resource: Option<Arc<Resource>>,
    /// The state in which it vanished; `None`: it has not, it is here early.
    vanished: Option<u64>,
    /// When it is removed.
    due: Option<Instant>,
}

/// What becomes of a resource that a new state does not have.
#[derive(Debug, Clone, Copy)]
pub(super) enum Vanished {
    /// It is removed.
    Goes,
    /// It vanished with this version, and stays until a removal is scheduled.
    Stays(u64),
}

/// What a response is made of.
pub(super) struct Composed {
    pub resources: Arc<[Arc<Resource>]>,
    pub removed: Arc<[Arc<str>]>,
    /// Those of the resources that the client did not have in this version.
    pub changed: Vec<Arc<Resource>>,
}

impl Topic {
    pub fn new(type_url: Arc<str>, form: Form) -> Topic {
        let full_state = matches!(&*type_url, type_url::CLUSTER | type_url::LISTENER);
        Topic {
            type_url,
            served: false,
            subscribed: false,
            resumed: false,
            urgent: false,
            ledger: Ledger::default(),
            form,
            full_state,
            wildcard: false,
            names: AHashSet::new(),
            view: Arc::default(),
            beside: BTreeMap::new(),
            sent: AHashMap::new(),
            dirty: BTreeSet::new(),
            forced: AHashSet::new(),
            owed: false,
        }
    }

    pub fn has_output(&self) -> bool {
        self.owed && self.served || !self.dirty.is_empty()
    }

    pub fn released(&self, name: &str) -> Option<&Arc<Resource>> {
        self.view.get(name).or_else(|| self.beside.get(name)?.resource.as_ref())
    }

    /// How many clusters that need other resources the client was sent.
    pub fn sent_with_needs(&self) -> usize {
        self.view.values().filter(|r| r.needs.is_some() && self.sent.contains_key(&r.name)).count()
    }

    /// Whether the client asks for what this many clusters need.
    pub fn follows(&self, clusters: usize) -> bool {
        self.wildcard || self.names.len() * 2 >= clusters
    }

    /// Releases a new state.
    pub fn show(&mut self, next: &Arc<ResourceMap>, vanished: Vanished) {
        if Arc::ptr_eq(&self.view, next) {
            return;
        }
        let before = std::mem::replace(&mut self.view, next.clone());
        for (name, old) in difference(&before, next) {
            let is_there = next.contains_key(&name);
            match (vanished, old) {
                (Vanished::Stays(version), Some(old)) if !is_there => {
                    let beside = Beside { resource: Some(old), vanished: Some(version), due: None };
                    self.beside.insert(name.clone(), beside);
                }
                _ => {
                    self.beside.remove(&name);
                }
            }
            self.touch(&name);
        }
    }

    /// Releases what is new in a state, early: what exists stays as it is.
    pub fn preview(&mut self, next: &ResourceMap) {
        for (name, resource) in next {
            if !self.view.contains_key(name) {
                let beside = Beside { resource: Some(resource.clone()), vanished: None, due: None };
                self.beside.insert(name.clone(), beside);
                self.touch(name);
            }
        }
    }

    /// What vanished up to this version is removed at that time.
    pub fn schedule_removals(&mut self, version: u64, due: Instant) {
        for beside in self.beside.values_mut() {
            if beside.due.is_none() && beside.vanished.is_some_and(|vanished| vanished <= version) {
                beside.due = Some(due);
            }
        }
    }

    pub fn next_removal(&self) -> Option<Instant> {
        self.beside.values().filter_map(|beside| beside.due).min()
    }

    pub fn remove_due(&mut self, now: Instant) {
        if self.next_removal().is_none_or(|due| now < due) {
            return;
        }
        let is_due = |beside: &Beside| beside.due.is_some_and(|due| due <= now);
        let names: Vec<_> =
            self.beside.iter().filter(|(_, b)| is_due(b)).map(|(name, _)| name.clone()).collect();
        for name in names {
            self.beside.remove(&name);
            self.touch(&name);
        }
    }

    /// A state-of-the-world request. `fresh`: it does not build on a response of this stream, so
    /// everything is answered again.
    pub fn ask_sotw(&mut self, names: Vec<String>, fresh: bool) {
        let everything = names.iter().any(|name| name == "*")
            || names.is_empty() && self.full_state && (fresh || self.wildcard && self.names.is_empty());
        let names: AHashSet<Arc<str>> =
            names.into_iter().filter(|name| name != "*").map(|name| name.into()).collect();
        let all_new = fresh || everything && !self.wildcard;
        let added: Vec<_> = names.difference(&self.names).cloned().collect();
        let dropped: Vec<_> = self.names.difference(&names).cloned().collect();
        let narrowed = self.wildcard && !everything;
        self.subscribed = true;
        self.wildcard = everything;
        self.names = names;
        if narrowed {
            self.forget_unwanted();
        }
        if all_new {
            self.sent.clear();
            self.touch_all();
        }
        for name in &dropped {
            self.forget(name);
        }
        for name in &added {
            self.touch(name);
        }
        if all_new && (everything || !self.names.is_empty()) || !added.is_empty() {
            self.owed = true;
            self.urgent = true;
        }
    }

    /// The first delta request of a stream. `stays`: the version with which resources that only the
    /// client still has count as vanished, if their removal has to wait.
    pub fn open_delta(&mut self, names: Vec<String>, held: Vec<(String, String)>, stays: Option<u64>) {
        self.subscribed = true;
        self.urgent = true;
        self.wildcard = names.iter().any(|name| name == "*") || names.is_empty() && self.full_state;
        self.owed = self.wildcard && held.is_empty();
        for (name, version) in held {
            let name: Arc<str> = name.into();
            if stays.is_some() && self.released(&name).is_none() {
                let beside = Beside { resource: None, vanished: stays, due: None };
                self.beside.insert(name.clone(), beside);
            }
            self.sent.insert(name, version.into());
        }
        for name in names.into_iter().filter(|name| name != "*") {
            let name: Arc<str> = name.into();
            self.names.insert(name.clone());
            if self.released(&name).is_none() && !self.sent.contains_key(&name) {
                self.forced.insert(name);
            }
        }
        self.touch_all();
    }

    /// A later delta request.
    pub fn ask_delta(&mut self, subscribe: Vec<String>, unsubscribe: Vec<String>) {
        for name in unsubscribe {
            if name == "*" {
                self.wildcard = false;
                self.forget_unwanted();
                continue;
            }
            let name: Arc<str> = name.into();
            self.names.remove(&name);
            if self.wildcard {
                // The client dropped it, but everything is wanted: it gets it, or its absence, again.
                self.force(name);
            } else {
                self.forget(&name);
            }
        }
        for name in subscribe {
            if name == "*" {
                self.wildcard = true;
                self.owed = true;
                self.urgent = true;
                self.touch_all();
            } else {
                let name: Arc<str> = name.into();
                self.names.insert(name.clone());
                self.force(name);
            }
        }
    }

    /// A resource is sent again if the client is interested in it and it exists.
    pub fn force_known(&mut self, name: &Arc<str>) {
        if self.interested(name) && self.released(name).is_some() {
            self.forced.insert(name.clone());
            self.dirty.insert(name.clone());
        }
    }

    /// Takes everything that is to be sent.
    pub fn compose(&mut self) -> Composed {
        let dirty = self.take_dirty();
        self.owed = false;
        // The rest of a split answer follows at once.
        self.urgent = !self.dirty.is_empty();
        let all = self.form == Form::Sotw && self.full_state;
        let mut resources = Vec::new();
        let mut removed = Vec::new();
        if all {
            let beside = self.beside.iter().filter(|(name, _)| !self.view.contains_key(*name));
            let released = self.view.values().chain(beside.filter_map(|(_, b)| b.resource.as_ref()));
            resources.extend(released.filter(|r| self.interested(&r.name)).cloned());
        } else {
            for name in &dirty {
                match self.released(name) {
                    Some(resource) => resources.push(resource.clone()),
                    None => removed.push(name.clone()),
                }
            }
        }
        let changed = self.note_sent(&resources, &dirty);
        if self.form == Form::Sotw {
            removed.clear();
        }
        Composed { resources: resources.into(), removed: removed.into(), changed }
    }

    /// Names for the next response, no longer dirty or forced: all, or a first part. Endpoints may come
    /// in parts, as each cluster waits for its own only; clients hear of all clusters, listeners and
    /// routes at once, so that none acts on half of them.
    fn take_dirty(&mut self) -> BTreeSet<Arc<str>> {
        let mut rest = BTreeSet::new();
        if self.form == Form::Delta && *self.type_url == *type_url::ENDPOINT {
            let mut size = 0;
            let too_much = self.dirty.iter().find(|name| {
                let before = size;
                size += self.released(name).map_or(0, |resource| resource.body.len());
                before > 0 && size > MAX_PART
            });
            if let Some(name) = too_much.cloned() {
                rest = self.dirty.split_off(&name);
            }
        }
        let taken = std::mem::replace(&mut self.dirty, rest);
        self.forced.retain(|name| !taken.contains(name));
        taken
    }

    fn note_sent(&mut self, resources: &[Arc<Resource>], dirty: &BTreeSet<Arc<str>>) -> Vec<Arc<Resource>> {
        let mut changed = Vec::new();
        for resource in resources {
            let before = self.sent.insert(resource.name.clone(), resource.version.clone());
            if before.as_ref() != Some(&resource.version) {
                changed.push(resource.clone());
            }
        }
        for name in dirty {
            if self.released(name).is_none() {
                self.sent.remove(name);
            }
        }
        changed
    }

    fn interested(&self, name: &str) -> bool {
        self.subscribed && (self.wildcard || self.names.contains(name))
    }

    fn force(&mut self, name: Arc<str>) {
        self.urgent = true;
        self.forced.insert(name.clone());
        self.touch(&name);
    }

    /// The client is no longer interested in a name, and drops what it has of it.
    fn forget(&mut self, name: &Arc<str>) {
        if !self.interested(name) {
            self.forced.remove(name);
            self.sent.remove(name);
            self.dirty.remove(name);
        }
    }

    fn forget_unwanted(&mut self) {
        let names = &self.names;
        self.forced.retain(|name| names.contains(name));
        self.sent.retain(|name, _| names.contains(name));
        self.dirty.retain(|name| names.contains(name));
        self.owed = self.owed && !names.is_empty();
    }

    fn touch_all(&mut self) {
        let mut names: BTreeSet<Arc<str>> = self.view.keys().chain(self.beside.keys()).cloned().collect();
        names.extend(self.sent.keys().cloned());
        names.extend(self.names.iter().cloned());
        for name in &names {
            self.touch(name);
        }
    }

    /// Restores the invariant of `dirty` for a name.
    fn touch(&mut self, name: &Arc<str>) {
        if self.is_dirty(name) {
            self.dirty.insert(name.clone());
            return;
        }
        self.dirty.remove(name);
        if self.form == Form::Sotw && !self.full_state && self.released(name).is_none() {
            // Nothing in a response could say so; it counts as gone once its cluster or listener is.
            self.sent.remove(name);
        }
    }

    fn is_dirty(&self, name: &Arc<str>) -> bool {
        if !self.interested(name) {
            return false;
        }
        if self.forced.contains(name) {
            return true;
        }
        match (self.released(name), self.sent.get(name)) {
            (Some(resource), Some(version)) => resource.version != *version,
            (Some(_), None) => true,
            (None, Some(_)) => {
                let can_be_told = self.form == Form::Delta || self.full_state;
                can_be_told && !self.beside.contains_key(name)
            }
            (None, None) => false,
        }
    }
}
