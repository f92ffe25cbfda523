//! Messages built by hand: what is read, what is refused, and that broken bytes never panic.

mod accepted;
mod messages;
mod mutated;
mod refused;
