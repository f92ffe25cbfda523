//! The circumstances of a connection, which every decision about it may depend on.

use std::net::SocketAddr;

use outrigger_compile::{Proxy, Role};

use crate::loaded::Loaded;
use crate::scene::Scene;

/// Where a connection is bound, and through which proxy.
#[derive(Clone, Copy)]
pub(crate) struct Bound<'a> {
    pub(crate) scene: &'a Scene<'a>,
    pub(crate) loaded: &'a Loaded,
    pub(crate) proxy: &'a Proxy,
    pub(crate) destination: SocketAddr,
    /// What to show in place of the destination's address, if that only stands for something.
    pub(crate) shown: Option<&'a str>,
}

impl Bound<'_> {
    pub(crate) fn is_gateway(&self) -> bool {
        self.proxy.role == Role::Gateway
    }
}
