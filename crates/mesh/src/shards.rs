//! A map in many parts, each shared on its own: a copy of the whole costs as many counters as there
//! are parts, and changing one entry afterwards copies one part. That is what keeps a change of one
//! workload among hundreds of thousands cheap while older snapshots live on.

use std::borrow::Borrow;
use std::hash::Hash;
use std::sync::Arc;

use ahash::{AHashMap, RandomState};

const SHARDS: usize = 256;

#[derive(Debug, Clone)]
pub(crate) struct Shards<K, V> {
    hasher: RandomState,
    parts: Vec<Arc<AHashMap<K, V>>>,
}

impl<K, V> Default for Shards<K, V> {
    fn default() -> Self {
        let empty = Arc::new(AHashMap::new());
        Shards { hasher: RandomState::new(), parts: vec![empty; SHARDS] }
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Shards<K, V> {
    pub(crate) fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.parts[self.part_of(key)].get(key)
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        let part = self.part_of(&key);
        Arc::make_mut(&mut self.parts[part]).insert(key, value);
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let part = self.part_of(key);
        if !self.parts[part].contains_key(key) {
            return None;
        }
        Arc::make_mut(&mut self.parts[part]).remove(key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.parts.iter().flat_map(|part| part.iter())
    }

    pub(crate) fn len(&self) -> usize {
        self.parts.iter().map(|part| part.len()).sum()
    }

    #[cfg(test)]
    pub(crate) fn shared_parts(&self, other: &Self) -> usize {
        self.parts.iter().zip(&other.parts).filter(|(a, b)| Arc::ptr_eq(a, b)).count()
    }

    fn part_of<Q: Hash + ?Sized>(&self, key: &Q) -> usize {
        // Not the low bits: the maps inside hash on their own, but the low bits are the cheap ones to
        // get wrong if the two hashers ever become one.
        (self.hasher.hash_one(key) >> 56) as usize % SHARDS
    }
}
