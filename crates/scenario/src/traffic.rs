//! Requests: sent from inside a host, counted, and compared with what a step expects.

mod caller;
mod expect;
mod load;
mod send;
mod tally;

pub use caller::{Caller, Outcome};
pub use expect::checks;
pub use load::RunningLoad;
pub use send::send;
pub use tally::Tally;
