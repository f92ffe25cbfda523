//! Space for bytes that only pass through. One per worker, used between two waits, so a thousand
//! idle connections need no buffer each.

use std::cell::{RefCell, RefMut};

/// How many bytes it holds.
pub const SCRATCH_SIZE: usize = 64 * 1024;

/// A worker's scratch space.
pub struct Scratch(RefCell<Box<[u8]>>);

impl Scratch {
    /// The space. It must be given back before the task waits.
    pub fn borrow(&self) -> RefMut<'_, [u8]> {
        RefMut::map(self.0.borrow_mut(), |bytes| &mut **bytes)
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Scratch(RefCell::new(vec![0; SCRATCH_SIZE].into_boxed_slice()))
    }
}
