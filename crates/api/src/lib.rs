//! outrigger-api
