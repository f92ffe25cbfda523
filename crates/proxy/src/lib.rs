//! outrigger-proxy
