use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::watch;

use crate::model::Request;
use crate::network::{Gone, Machine};
use crate::traffic::{Caller, Tally};

/// How often progress is told.
const PROGRESS: Duration = Duration::from_millis(200);

/// Sends the requests of a step from a machine; `progress` hears of what came so far.
pub async fn send(
    machine: &Machine,
    request: Request,
    search: Vec<String>,
    progress: watch::Sender<Tally>,
) -> Result<Tally, Gone> {
    machine
        .call(move || async move {
            let tally = Rc::new(RefCell::new(Tally::default()));
            let left = Rc::new(Cell::new(request.count));
            let request = Rc::new(request);
            let told = tokio::task::spawn_local(tell(tally.clone(), progress));
            let workers: Vec<_> = (0..request.concurrency)
                .map(|_| {
                    let caller = Caller::new(request.target.clone(), search.clone(), request.timeout);
                    tokio::task::spawn_local(work(caller, request.clone(), left.clone(), tally.clone()))
                })
                .collect();
            for worker in workers {
                // A panic of a worker shows as requests that are missing.
                let _ = worker.await;
            }
            told.abort();
            tally.take()
        })
        .await
}

async fn work(mut caller: Caller, request: Rc<Request>, left: Rc<Cell<u64>>, tally: Rc<RefCell<Tally>>) {
    while left.get() > 0 {
        left.set(left.get() - 1);
        let outcome = caller.call().await;
        let patterns = request.expect.shares.iter().map(|(pattern, _)| pattern);
        tally.borrow_mut().add(&outcome, patterns);
    }
}

async fn tell(tally: Rc<RefCell<Tally>>, progress: watch::Sender<Tally>) {
    let mut ticks = tokio::time::interval(PROGRESS);
    loop {
        ticks.tick().await;
        progress.send_replace(tally.borrow().clone());
    }
}
