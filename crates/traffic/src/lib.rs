//! outrigger-traffic
