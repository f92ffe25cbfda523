//! Simulation: manifests in, decisions out. No socket is opened.

mod contract;
mod gateways;
mod inbound;
mod origins;
mod rivals;
mod sidecars;
mod support;
mod tcp;
