//! outrigger-sources
