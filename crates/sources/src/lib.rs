//! Where objects come from. A source gives what exists at its start and then every real change, in
//! the form of [`Change`](outrigger_api::Change)s, together with what is wrong with what it read.
//!
//! The only source so far is a directory of YAML.

mod directory;

pub use directory::{Directory, Load, PositionIndex, SourceError};
