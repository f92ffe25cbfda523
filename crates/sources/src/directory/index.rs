//! Where the fields of all objects stand.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use outrigger_api::Positions;
use outrigger_base::{Position, ResourceKey};

/// Where the fields of all objects stand. All clones are one, and stay current: lines move without
/// any change of an object.
#[derive(Debug, Clone, Default)]
pub struct PositionIndex(Arc<RwLock<HashMap<ResourceKey, Arc<Positions>>>>);

impl PositionIndex {
    /// Where a field of an object stands, or the nearest thing around it that was written.
    pub fn locate(&self, key: &ResourceKey, field: &str) -> Option<Position> {
        // A map is whole whatever happened while it was changed.
        let index = self.0.read().unwrap_or_else(PoisonError::into_inner);
        index.get(key)?.locate(field)
    }

    /// For changing some of them at once.
    pub(super) fn edit(&self) -> RwLockWriteGuard<'_, HashMap<ResourceKey, Arc<Positions>>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
