//! outrigger-control
