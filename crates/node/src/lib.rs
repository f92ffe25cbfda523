//! outrigger-node
