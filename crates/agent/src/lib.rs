//! outrigger-agent
