//! From a snapshot and a view to a bundle.

use outrigger_mesh::{Snapshot, Touched};

use crate::bundle::Bundle;
use crate::view::View;

/// Everything that proxies of this view are sent.
pub fn compile(_snapshot: &Snapshot, _view: &View) -> Bundle {
    unreachable!("under construction")
}

/// The same as [`compile`], given what was touched since `previous` was made: every resource that
/// did not change is shared with it.
pub fn recompile(_previous: &Bundle, snapshot: &Snapshot, view: &View, _touched: &Touched) -> Bundle {
    compile(snapshot, view)
}
