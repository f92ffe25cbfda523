//! What one object says about one host, before it meets what others say about it.

mod kubernetes;
mod service_entry;

use std::sync::Arc;

use outrigger_api::MeshConfig;
use outrigger_base::Diagnostic;

pub(crate) use self::kubernetes::claim_of_service;
pub(crate) use self::service_entry::claims_of_entry;
use crate::intern::Pools;
use crate::order::Precedence;
use crate::service::{Registry, Service};
use crate::workload::{Surroundings, Workload};

/// A Service, or one host of a ServiceEntry.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Claim {
    pub precedence: Precedence,
    /// The service as it would be if nobody else claimed the host: one origin, one binding, and only
    /// such addresses as the user wrote.
    pub service: Service,
    /// Which families it wants addresses of, if nobody wrote one.
    pub allot: Allot,
    /// Endpoints that the object lists itself.
    pub inline: Arc<[Arc<Workload>]>,
}

impl Claim {
    /// Its place among claims of one host and namespace; the first owns the host. Kubernetes beats
    /// ServiceEntry whatever their age, so that nobody can take over a service by describing it.
    pub(crate) fn rank(&self) -> Rank {
        (self.service.registry, self.precedence.clone())
    }
}

/// See [`Claim::rank`].
pub(crate) type Rank = (Registry, Precedence);

/// Families of addresses that are to be allotted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Allot {
    pub v4: bool,
    pub v6: bool,
}

impl Allot {
    pub(crate) const NOTHING: Allot = Allot { v4: false, v6: false };
    pub(crate) const BOTH: Allot = Allot { v4: true, v6: true };

    pub(crate) fn any(self) -> bool {
        self.v4 || self.v6
    }
}

/// What claims are made with.
pub(crate) struct Context<'a> {
    pub config: &'a MeshConfig,
    pub surroundings: &'a Surroundings,
    pub pools: &'a mut Pools,
}

/// The claims of one object, and what is wrong with it.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    pub claims: Vec<Claim>,
    pub findings: Vec<Diagnostic>,
}
