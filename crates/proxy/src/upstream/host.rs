//! One endpoint as one worker sees it.

use std::any::Any;
use std::cell::{Cell, OnceCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use outrigger_base::Locality;
use outrigger_traffic::WorkloadRef;

use crate::stats::HostStats;

/// An endpoint at run time. It is kept across changes of its cluster's endpoints as long as its
/// address and workload stay, so that connections and load counts survive.
pub struct Host {
    /// Unique among the hosts of this worker for as long as it lives; 0 is never used.
    pub serial: u64,
    /// Where.
    pub address: SocketAddr,
    /// Who answers there.
    pub workload: Arc<WorkloadRef>,
    /// Where it runs.
    pub locality: Arc<Locality>,
    /// What this worker did with it.
    pub stats: Arc<HostStats>,
    active: Cell<u32>,
    last_used: Cell<Instant>,
    extension: OnceCell<Box<dyn Any>>,
}

impl Host {
    pub(super) fn new(
        serial: u64,
        address: SocketAddr,
        workload: Arc<WorkloadRef>,
        locality: Arc<Locality>,
        stats: Arc<HostStats>,
    ) -> Host {
        Host {
            serial,
            address,
            workload,
            locality,
            stats,
            active: Cell::new(0),
            last_used: Cell::new(Instant::now()),
            extension: OnceCell::new(),
        }
    }

    /// What the user of this host keeps with it, e.g. its pools of connections. Made at the first
    /// call, dropped with the host. A host has one user, so the type is the same at each call.
    pub fn extension<T: Default + 'static>(&self) -> &T {
        self.extension
            .get_or_init(|| Box::new(T::default()))
            .downcast_ref()
            .expect("a host has one user, which asks for one type")
    }

    /// Requests and, for TCP, connections under way on this worker.
    pub fn active(&self) -> u32 {
        self.active.get()
    }

    /// Counts a request as under way until the guard is dropped; least-request balancing sees it.
    pub fn begin(self: &Rc<Self>) -> ActiveRequest {
        self.active.set(self.active.get() + 1);
        self.stats.rq_active.inc();
        self.stats.rq_total.inc();
        ActiveRequest(self.clone())
    }

    pub(super) fn touch(&self, now: Instant) {
        self.last_used.set(now);
    }

    pub(super) fn last_used(&self) -> Instant {
        self.last_used.get()
    }
}

/// A request under way at a host.
pub struct ActiveRequest(Rc<Host>);

impl ActiveRequest {
    /// The host.
    pub fn host(&self) -> &Rc<Host> {
        &self.0
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.0.active.set(self.0.active.get() - 1);
        self.0.stats.rq_active.dec();
    }
}
