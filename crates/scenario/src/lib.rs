//! outrigger-scenario
