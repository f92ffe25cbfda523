//! outrigger-xds
