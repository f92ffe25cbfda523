//! outrigger-testkit
