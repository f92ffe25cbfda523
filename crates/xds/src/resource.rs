use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

/// One resource, encoded once and shared by every client that gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its name, unique within its type.
    pub name: Arc<str>,
    /// Changes exactly when the body changes, e.g. a hash of it. Equal versions are never sent twice.
    pub version: Arc<str>,
    /// The encoded message, without the `Any` around it.
    pub body: Bytes,
    /// Type URL and name of the resource that must be warm with this one: the endpoints of a cluster.
    pub needs: Option<(&'static str, Arc<str>)>,
}

/// Resources of one type by name.
pub type ResourceMap = BTreeMap<Arc<str>, Arc<Resource>>;

/// Everything that one client may have now, by type URL. Equal `Arc`s mean "unchanged".
#[derive(Debug, Clone, Default)]
pub struct Assets {
    /// Grows with each state that is published to a client; 0: not known yet, see [`Assets::pending`].
    pub version: u64,
    /// Each type that is served, also when it has no resources.
    pub types: Vec<(&'static str, Arc<ResourceMap>)>,
}

impl Assets {
    /// The state of a client for which nothing has been computed yet: its requests wait.
    pub fn pending() -> Arc<Assets> {
        Arc::new(Assets::default())
    }

    /// Whether nothing has been computed yet.
    pub fn is_pending(&self) -> bool {
        self.version == 0
    }

    /// The resources of a type, `None` if the type is not served.
    pub fn get(&self, type_url: &str) -> Option<&Arc<ResourceMap>> {
        self.types.iter().find(|(url, _)| *url == type_url).map(|(_, map)| map)
    }
}

/// Names that differ between two states, with what the first has of them. Both are sorted, so this is
/// one walk; what both share is skipped by pointer.
pub(crate) fn difference(
    before: &ResourceMap,
    after: &ResourceMap,
) -> Vec<(Arc<str>, Option<Arc<Resource>>)> {
    let mut names = Vec::new();
    let mut before = before.iter().peekable();
    let mut after = after.iter().peekable();
    loop {
        match (before.peek(), after.peek()) {
            (None, None) => return names,
            (Some((old, resource)), Some((new, other))) if old == new => {
                if !Arc::ptr_eq(resource, other) {
                    names.push(((*old).clone(), Some((*resource).clone())));
                }
                before.next();
                after.next();
            }
            (Some((old, resource)), new) if new.is_none_or(|(new, _)| old < new) => {
                names.push(((*old).clone(), Some((*resource).clone())));
                before.next();
            }
            (_, Some((new, _))) => {
                names.push(((*new).clone(), None));
                after.next();
            }
            (Some(_), None) => unreachable!("taken by the arm before"),
        }
    }
}
