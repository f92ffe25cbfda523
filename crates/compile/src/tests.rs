//! What proxies are sent for manifests, seen from outside.

mod diagnostics;
mod domains;
mod envoy;
mod fixture;
mod gateways;
mod goldens;
mod inbound;
mod listeners;
mod native;
mod policies;
mod sharing;
mod sidecar_routes;
mod summary;
