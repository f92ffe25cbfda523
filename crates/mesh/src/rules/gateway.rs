//! Gateways in the order in which they win.

use std::collections::BTreeMap;
use std::sync::Arc;

use ahash::AHashMap;
use outrigger_api::{Gateway, Object};
use outrigger_base::ResourceKey;

use super::GatewayRule;
use crate::order::Precedence;

/// All Gateways.
#[derive(Debug, Default)]
pub(crate) struct Gateways {
    places: AHashMap<ResourceKey, Precedence>,
    rules: BTreeMap<Precedence, Arc<GatewayRule>>,
}

impl Gateways {
    /// The object says this now; `None`: it is gone. Whether anybody could see a difference.
    pub(crate) fn set(&mut self, key: &ResourceKey, object: Option<Arc<Object<Gateway>>>) -> bool {
        let place = object.as_ref().map(|object| Precedence::of(&object.meta));
        let old_place = self.places.get(key);
        let old = old_place.and_then(|place| self.rules.get(place)).map(|rule| &rule.object);
        let same = match (&object, old) {
            (Some(new), Some(old)) => {
                place.as_ref() == old_place
                    && new.spec == old.spec
                    && new.meta.labels == old.meta.labels
                    && new.meta.annotations == old.meta.annotations
            }
            (None, None) => true,
            _ => false,
        };
        if same {
            return false;
        }
        if let Some(place) = self.places.remove(key) {
            self.rules.remove(&place);
        }
        if let Some((place, object)) = place.zip(object) {
            let selector = object.spec.selector.clone();
            self.places.insert(key.clone(), place.clone());
            self.rules.insert(place, Arc::new(GatewayRule { key: key.clone(), selector, object }));
        }
        true
    }

    /// The winner first.
    pub(crate) fn list(&self) -> Arc<[Arc<GatewayRule>]> {
        self.rules.values().cloned().collect()
    }
}
