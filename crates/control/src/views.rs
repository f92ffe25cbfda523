//! What each view of the mesh is sent: compiled once, shared by all proxies that have the view.
//!
//! Owned by the writer. Compiled resources become the protocol's resources here; equal ones of
//! different views are one in memory.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};

use ahash::{AHashMap, AHashSet};
use outrigger_base::Diagnostic;
use outrigger_compile::{Bundle, Compiled, Proxy, Resources, View, Viewer, compile, recompile};
use outrigger_mesh::{Snapshot, Touched};
use outrigger_proto::type_url;
use outrigger_xds::{Assets, ClientId, Resource, ResourceMap};

use crate::parallel::for_each;

/// What is to be published for whom.
pub type Publications = Vec<(ClientId, Arc<Assets>)>;

/// The views that connected proxies have.
#[derive(Default)]
pub struct Views {
    entries: AHashMap<Arc<View>, Entry>,
    members: AHashMap<ClientId, Member>,
    interner: Interner,
    /// The version of the latest assets.
    version: u64,
}

struct Member {
    proxy: Arc<Proxy>,
    view: Arc<View>,
}

struct Entry {
    bundle: Bundle,
    assets: Arc<Assets>,
    users: BTreeSet<ClientId>,
}

impl Views {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Proxies come.
    pub fn join(&mut self, snapshot: &Snapshot, newcomers: Vec<(ClientId, Arc<Proxy>)>) -> Publications {
        let viewer = Viewer::new(snapshot);
        let mut missing: AHashSet<Arc<View>> = AHashSet::new();
        for (id, proxy) in &newcomers {
            let view = self.shared(viewer.view(proxy), &mut missing);
            self.members.insert(*id, Member { proxy: proxy.clone(), view });
        }
        self.add(snapshot, missing);
        newcomers.iter().map(|(id, _)| (*id, self.enter(*id))).collect()
    }

    /// A proxy leaves. A view without proxies is forgotten.
    pub fn leave(&mut self, id: ClientId) {
        let Some(member) = self.members.remove(&id) else { return };
        self.quit(id, &member.view);
    }

    /// The mesh changed. Returns what is to be published for whom: only what differs.
    pub fn update(&mut self, snapshot: &Snapshot, touched: &Touched) -> Publications {
        let only_endpoints = Touched { endpoints: Vec::new(), ..touched.clone() }.is_empty();
        let mut missing = AHashSet::new();
        let moved = if only_endpoints { Vec::new() } else { self.reassign(snapshot, &mut missing) };
        let mut published = self.recompile(snapshot, touched);
        self.add(snapshot, missing);
        published.extend(moved.into_iter().map(|id| (id, self.enter(id))));
        published
    }

    /// What was found about rules and the like for someone.
    pub fn diagnostics(&self) -> impl Iterator<Item = &Diagnostic> {
        self.entries.values().flat_map(|entry| &entry.bundle.diagnostics)
    }

    /// Gives each proxy the view that it has now; returns those whose view changed. They have left
    /// their old view and not entered the new one.
    fn reassign(&mut self, snapshot: &Snapshot, missing: &mut AHashSet<Arc<View>>) -> Vec<ClientId> {
        let viewer = Viewer::new(snapshot);
        let mut moved = Vec::new();
        for (id, member) in &self.members {
            let view = viewer.view(&member.proxy);
            if view != *member.view {
                moved.push((*id, view));
            }
        }
        moved.sort_by_key(|(id, _)| *id);
        let mut ids = Vec::with_capacity(moved.len());
        for (id, view) in moved {
            let view = self.shared(view, missing);
            if let Some(member) = self.members.get_mut(&id) {
                let old = std::mem::replace(&mut member.view, view);
                self.quit(id, &old);
                ids.push(id);
            }
        }
        ids
    }

    fn recompile(&mut self, snapshot: &Snapshot, touched: &Touched) -> Publications {
        let entries: Vec<(&Arc<View>, &mut Entry)> = self.entries.iter_mut().collect();
        let compiled = for_each(entries, |(view, entry)| {
            let bundle = recompile(&entry.bundle, snapshot, view, touched);
            (entry, bundle)
        });
        let version = self.version + 1;
        let mut published = Publications::new();
        for (entry, bundle) in compiled {
            if let Some(types) = self.interner.convert(Some((&entry.bundle, &entry.assets)), &bundle) {
                entry.assets = Arc::new(Assets { version, types });
                published.extend(entry.users.iter().map(|id| (*id, entry.assets.clone())));
            }
            entry.bundle = bundle;
        }
        if !published.is_empty() {
            self.version = version;
        }
        published
    }

    /// The one copy of a view; notes it as missing if there is none.
    fn shared(&self, view: View, missing: &mut AHashSet<Arc<View>>) -> Arc<View> {
        if let Some((known, _)) = self.entries.get_key_value(&view) {
            return known.clone();
        }
        if let Some(known) = missing.get(&view) {
            return known.clone();
        }
        let view = Arc::new(view);
        missing.insert(view.clone());
        view
    }

    fn add(&mut self, snapshot: &Snapshot, missing: AHashSet<Arc<View>>) {
        let compiled = for_each(missing.into_iter().collect(), |view: Arc<View>| {
            let bundle = compile(snapshot, &view);
            (view, bundle)
        });
        for (view, bundle) in compiled {
            self.version += 1;
            let types = self.interner.convert(None, &bundle).unwrap_or_default();
            let assets = Arc::new(Assets { version: self.version, types });
            self.entries.insert(view, Entry { bundle, assets, users: BTreeSet::new() });
        }
    }

    /// Counts a member among the users of its view; returns what it may have. Versions a proxy sees
    /// only grow: one that enters a view that is older than what it had gets it under a new version.
    fn enter(&mut self, id: ClientId) -> Arc<Assets> {
        let entry = self
            .members
            .get(&id)
            .and_then(|member| self.entries.get_mut(&member.view))
            .expect("a member was given a view, and every view of a member has an entry");
        entry.users.insert(id);
        self.version += 1;
        Arc::new(Assets { version: self.version, types: entry.assets.types.clone() })
    }

    fn quit(&mut self, id: ClientId, view: &Arc<View>) {
        let Some(entry) = self.entries.get_mut(view) else { return };
        entry.users.remove(&id);
        if entry.users.is_empty() {
            self.entries.remove(view);
        }
    }
}

type Types = Vec<(&'static str, Arc<ResourceMap>)>;

/// Type, name and version: what makes resources equal.
type Identity = (&'static str, Arc<str>, Arc<str>);

/// Resources by what makes them equal, so that views share them.
#[derive(Default)]
struct Interner {
    known: AHashMap<Identity, Weak<Resource>>,
    /// When to look for dead ones next.
    clean_at: usize,
}

impl Interner {
    /// Makes resources of a bundle; what is the same as before is shared. `None`: all is the same.
    fn convert(&mut self, before: Option<(&Bundle, &Assets)>, bundle: &Bundle) -> Option<Types> {
        self.clean();
        let mut same = before.is_some();
        let types = of(bundle).map(|(url, now)| {
            let before = before.and_then(|(bundle, assets)| {
                let (_, resources) = of(bundle).into_iter().find(|(known, _)| *known == url)?;
                Some((resources, assets.get(url)?))
            });
            match before {
                Some((resources, map)) if Arc::ptr_eq(resources, now) => (url, map.clone()),
                before => {
                    same = false;
                    (url, Arc::new(self.convert_type(url, before, now)))
                }
            }
        });
        (!same).then(|| types.to_vec())
    }

    fn convert_type(
        &mut self,
        url: &'static str,
        before: Option<(&Arc<Resources>, &Arc<ResourceMap>)>,
        now: &Resources,
    ) -> ResourceMap {
        let unchanged = |name: &Arc<str>, compiled: &Arc<Compiled>| {
            let (resources, map) = before?;
            let old = resources.get(name)?;
            Arc::ptr_eq(old, compiled).then(|| map.get(name).cloned()).flatten()
        };
        now.iter()
            .map(|(name, compiled)| {
                let resource = unchanged(name, compiled).unwrap_or_else(|| self.intern(url, compiled));
                (name.clone(), resource)
            })
            .collect()
    }

    fn intern(&mut self, url: &'static str, compiled: &Compiled) -> Arc<Resource> {
        let key = (url, compiled.name.clone(), compiled.version.clone());
        if let Some(known) = self.known.get(&key).and_then(Weak::upgrade) {
            return known;
        }
        let resource = Arc::new(Resource {
            name: compiled.name.clone(),
            version: compiled.version.clone(),
            body: compiled.body.clone(),
            needs: compiled.has_endpoints.then(|| (type_url::ENDPOINT, compiled.name.clone())),
        });
        self.known.insert(key, Arc::downgrade(&resource));
        resource
    }

    fn clean(&mut self) {
        if self.known.len() > self.clean_at {
            self.known.retain(|_, resource| resource.strong_count() > 0);
            self.clean_at = 2 * self.known.len() + 1024;
        }
    }
}

fn of(bundle: &Bundle) -> [(&'static str, &Arc<Resources>); 4] {
    [
        (type_url::CLUSTER, &bundle.clusters),
        (type_url::ENDPOINT, &bundle.endpoints),
        (type_url::LISTENER, &bundle.listeners),
        (type_url::ROUTE, &bundle.routes),
    ]
}
