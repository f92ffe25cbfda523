use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::model::{Expect, Load};
use crate::network::{Gone, Machine};
use crate::traffic::{Caller, Tally, checks};
use crate::verdict::StepResult;

/// How long one answer may take.
const TIMEOUT: Duration = Duration::from_secs(15);

/// A load that is under way.
pub struct RunningLoad {
    index: usize,
    title: String,
    started: Instant,
    // Dropping it stops the load.
    stop: watch::Sender<()>,
    tally: Pin<Box<dyn Future<Output = Result<Tally, Gone>>>>,
}

impl RunningLoad {
    /// Starts a load on a machine; `index` and `title` are those of its step.
    pub fn start(
        machine: &Machine,
        load: Load,
        search: Vec<String>,
        index: usize,
        title: String,
    ) -> RunningLoad {
        let (stop, stopped) = watch::channel(());
        let tally = machine.call(move || run(load, search, stopped));
        RunningLoad { index, title, started: Instant::now(), stop, tally: Box::pin(tally) }
    }

    /// Sends no more, waits for what is under way, and says what came: none may have failed.
    pub async fn finish(self) -> StepResult {
        drop(self.stop);
        let mut result = StepResult::new(self.index, self.title);
        match self.tally.await {
            Ok(tally) => {
                result.checks = checks(&Expect { failed: Some(0), ..Expect::default() }, &tally);
                result.answers = tally.answers();
            }
            Err(gone) => result.error = Some(gone.to_string()),
        }
        result.finish(self.started)
    }
}

async fn run(load: Load, search: Vec<String>, mut stopped: watch::Receiver<()>) -> Tally {
    let tally = Rc::new(RefCell::new(Tally::default()));
    let idle: Rc<RefCell<Vec<Caller>>> = Rc::default();
    let mut tasks = tokio::task::JoinSet::new();
    // Late ticks are made up for: the rate is kept over time even if the machine is busy.
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / load.rps);
    loop {
        tokio::select! {
            _ = stopped.changed() => break,
            Some(_) = tasks.join_next(), if !tasks.is_empty() => {}
            _ = ticks.tick() => {
                let kept = idle.borrow_mut().pop();
                let mut caller =
                    kept.unwrap_or_else(|| Caller::new(load.target.clone(), search.clone(), TIMEOUT));
                let (tally, idle) = (tally.clone(), idle.clone());
                tasks.spawn_local(async move {
                    let outcome = caller.call().await;
                    tally.borrow_mut().add(&outcome, []);
                    idle.borrow_mut().push(caller);
                });
            }
        }
    }
    while tasks.join_next().await.is_some() {}
    tally.take()
}
