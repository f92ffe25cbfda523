//! outrigger-wire
