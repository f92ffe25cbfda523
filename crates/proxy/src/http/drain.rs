//! Drains as the connections of one worker hear of them. The proxy's signal is shared by all threads;
//! here one task per worker listens to it, so that requests only look at a cell.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::task::Waker;

use slab::Slab;

use crate::drain::{DrainSignal, Phase};
use crate::worker::Worker;

thread_local! {
    static LOCAL: RefCell<(Weak<Worker>, Rc<LocalDrain>)> = RefCell::default();
}

/// How far the drain has come, and who is to be woken when it goes on.
#[derive(Default)]
pub struct LocalDrain {
    phase: Cell<Phase>,
    waiting: RefCell<Slab<Option<Waker>>>,
}

impl LocalDrain {
    /// That of a worker; begins to listen at the first call.
    pub fn of(worker: &Rc<Worker>) -> Rc<LocalDrain> {
        LOCAL.with_borrow_mut(|(owner, drain)| {
            if !std::ptr::eq(owner.as_ptr(), Rc::as_ptr(worker)) {
                *owner = Rc::downgrade(worker);
                *drain = Rc::default();
                drain.phase.set(worker.drain.phase());
                tokio::task::spawn_local(listen(drain.clone(), worker.drain.clone()));
            }
            drain.clone()
        })
    }

    /// A place among those who are woken.
    pub fn join(self: &Rc<Self>) -> Seat {
        let key = self.waiting.borrow_mut().insert(None);
        Seat { drain: self.clone(), key }
    }

    fn advance(&self, phase: Phase) {
        self.phase.set(phase);
        let wakers: Vec<Waker> =
            self.waiting.borrow().iter().filter_map(|(_, waker)| waker.clone()).collect();
        wakers.into_iter().for_each(Waker::wake);
    }
}

async fn listen(drain: Rc<LocalDrain>, signal: DrainSignal) {
    signal.reached(Phase::Draining).await;
    drain.advance(signal.phase());
    signal.reached(Phase::Closing).await;
    drain.advance(Phase::Closing);
}

/// A connection that is woken when the drain goes on.
pub struct Seat {
    drain: Rc<LocalDrain>,
    key: usize,
}

impl Seat {
    /// How far the drain has come; wakes `waker` when it goes on.
    pub fn watch(&self, waker: &Waker) -> Phase {
        let mut waiting = self.drain.waiting.borrow_mut();
        let slot = &mut waiting[self.key];
        if !slot.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *slot = Some(waker.clone());
        }
        self.drain.phase.get()
    }

    /// How far the drain has come.
    pub fn phase(&self) -> Phase {
        self.drain.phase.get()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.drain.waiting.borrow_mut().remove(self.key);
    }
}
