//! outrigger-explain
