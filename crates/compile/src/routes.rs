//! Route configurations: which virtual host takes a request, which of its routes, and what becomes of it.

mod actions;
mod domains;
mod gateway;
mod headers;
mod inbound;
mod matches;
mod outbound;
mod retry;
mod virtual_service;

pub(crate) use self::gateway::{ServedHosts, configuration as gateway_configuration};
pub(crate) use self::inbound::configuration as inbound_configuration;
pub(crate) use self::outbound::{
    Configuration, PORT_OF_UNKNOWN_HOSTS, configuration as outbound_configuration, has_unknown_hosts,
    sniffed_configuration,
};
pub(crate) use self::virtual_service::{Asked, MESH, always_matches, applies};
