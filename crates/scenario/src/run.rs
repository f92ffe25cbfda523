//! A run from start to verdict.

use std::time::Instant;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::LocalSet;

use crate::Options;
use crate::cluster::Cluster;
use crate::control::tail;
use crate::model::{Request, Scenario, Step};
use crate::network::Process;
use crate::observer::{Event, Observer};
use crate::rundir::RunDirectory;
use crate::sandbox;
use crate::traffic::{RunningLoad, Tally, checks, send};
use crate::trouble::Trouble;
use crate::verdict::{LogTail, StepResult, Verdict};

/// How much of a log is shown.
const TAIL: usize = 12;

/// Runs a scenario inside the sandbox, on this thread, until its end, a signal, or trouble. All that
/// was started is gone when it returns.
///
/// The caller has been through [`sandbox::enter`] before.
pub fn run(scenario: &Scenario, options: Options, observer: &mut dyn Observer) -> Verdict {
    let started = Instant::now();
    let mut verdict = Verdict {
        version: 1,
        scenario: scenario.name.clone(),
        engine: options.engine.name(),
        passed: false,
        seconds: 0.0,
        error: None,
        logs: Vec::new(),
        steps: Vec::new(),
        directory: None,
    };
    if let Err(reason) = prepare(scenario, options, &mut verdict, observer) {
        verdict.error = Some(reason);
    }
    verdict.steps.sort_by_key(|step| step.index);
    verdict.passed = verdict.error.is_none() && verdict.steps.iter().all(|step| step.passed);
    verdict.seconds = started.elapsed().as_secs_f64();
    verdict
}

fn prepare(
    scenario: &Scenario,
    options: Options,
    verdict: &mut Verdict,
    observer: &mut dyn Observer,
) -> Result<(), String> {
    if !sandbox::is_inside() {
        return Err("a scenario can only run inside the sandbox".to_owned());
    }
    let directory = RunDirectory::create(&std::env::temp_dir(), options.keep)
        .map_err(|problem| format!("cannot make a folder for the run: {problem}"))?;
    verdict.directory = options.keep.then(|| directory.path().to_owned());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|problem| format!("cannot start: {problem}"))?;
    let whole = async {
        tokio::select! {
            outcome = play(scenario, options, &directory, verdict, observer) => outcome,
            () = asked_to_end() => Err(Trouble::Interrupted),
        }
    };
    LocalSet::new().block_on(&runtime, whole).map_err(|trouble| trouble.to_string())
}

/// Resolves when somebody wants the run to end.
async fn asked_to_end() {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::quit()];
    let signals: Result<Vec<_>, _> = kinds.into_iter().map(signal).collect();
    // Without handlers the first process of a PID namespace is deaf, which the guard outlives.
    let Ok(mut signals) = signals else { return std::future::pending().await };
    std::future::poll_fn(|context| {
        let any = signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
        if any { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

async fn play(
    scenario: &Scenario,
    options: Options,
    directory: &RunDirectory,
    verdict: &mut Verdict,
    observer: &mut dyn Observer,
) -> Result<(), Trouble> {
    let requests = options.requests;
    let created = Cluster::create(scenario, options, directory).await;
    let mut cluster = match created {
        Ok(cluster) => cluster,
        Err(trouble) => {
            // The control plane says what is wrong with the manifests before it gives up.
            let lines = tail(&directory.log("control")?, TAIL).unwrap_or_default();
            verdict.logs.push(LogTail { process: "control".to_owned(), lines });
            return Err(trouble);
        }
    };
    observer.event(Event::ControlUp);
    if let Err(trouble) = cluster.boot(directory, observer).await {
        verdict.logs = logs_of(&cluster, &trouble);
        return Err(trouble);
    }
    for line in cluster.diagnostics().await {
        observer.event(Event::Diagnostic(line));
    }
    let mut player = Player { cluster, directory, observer, loads: Vec::new(), requests };
    for (index, step) in scenario.steps.iter().enumerate() {
        let result = player.step(index + 1, scenario.steps.len(), step).await;
        verdict.steps.extend(result);
    }
    for load in std::mem::take(&mut player.loads) {
        let result = load.finish().await;
        let result = player.explained(result, None).await;
        player.observer.event(Event::StepFinished(result.clone()));
        verdict.steps.push(result);
    }
    Ok(())
}

fn logs_of(cluster: &Cluster, trouble: &Trouble) -> Vec<LogTail> {
    log_tails(&cluster.witnesses(trouble.host()))
}

fn log_tails(processes: &[&Process]) -> Vec<LogTail> {
    let read = |process: &&Process| {
        let lines = tail(process.log(), TAIL).unwrap_or_default();
        LogTail { process: process.label().to_owned(), lines }
    };
    processes.iter().map(read).filter(|log| !log.lines.is_empty()).collect()
}

/// Plays the steps.
struct Player<'p> {
    cluster: Cluster,
    directory: &'p RunDirectory,
    observer: &'p mut dyn Observer,
    loads: Vec<RunningLoad>,
    /// In place of every step's own count.
    requests: Option<u64>,
}

impl Player<'_> {
    /// Plays one step; `None` for a load, which has no result before the end.
    async fn step(&mut self, index: usize, of: usize, step: &Step) -> Option<StepResult> {
        let started = Instant::now();
        let step = self.with_count(step);
        let title = step.to_string();
        self.observer.event(Event::StepStarted { index, of, title: title.clone() });
        let mut result = StepResult::new(index, title);
        let mut host = None;
        let outcome = match &step {
            Step::Request(request) => {
                host = Some(request.target.from.as_str());
                self.request(request, &mut result).await
            }
            Step::Load(load) => {
                host = Some(load.target.from.as_str());
                match self.cluster.sender(&load.target.from) {
                    Ok((machine, search)) => {
                        let title = result.title.clone();
                        self.loads.push(RunningLoad::start(machine, load.clone(), search, index, title));
                        return None;
                    }
                    Err(trouble) => Err(trouble),
                }
            }
            Step::Wait { within } => self.cluster.wait(*within).await,
            Step::Apply(file) => self.cluster.apply(file, self.directory, self.observer).await,
            Step::Delete(object) => self.cluster.delete(object, self.observer).await,
            Step::Start(host) => self.cluster.start(host, self.directory, self.observer).await,
            Step::Stop(host) => self.cluster.stop(host, self.observer).await,
            Step::Kill(host) => self.cluster.kill(host, self.observer).await,
        };
        let trouble = outcome.err();
        let host = host.or_else(|| trouble.as_ref()?.host());
        result.error = trouble.as_ref().map(ToString::to_string);
        let result = self.explained(result.finish(started), host).await;
        self.observer.event(Event::StepFinished(result.clone()));
        Some(result)
    }

    fn with_count(&self, step: &Step) -> Step {
        let mut step = step.clone();
        if let (Step::Request(request), Some(count)) = (&mut step, self.requests) {
            request.count = count;
        }
        step
    }

    /// Adds to a failed step what may tell why.
    async fn explained(&self, mut result: StepResult, host: Option<&str>) -> StepResult {
        if !result.passed {
            result.diagnostics = self.cluster.diagnostics().await;
            result.logs = log_tails(&self.cluster.witnesses(host));
        }
        result
    }

    async fn request(&mut self, request: &Request, result: &mut StepResult) -> Result<(), Trouble> {
        let (progress, mut news) = watch::channel(Tally::default());
        let (machine, search) = self.cluster.sender(&request.target.from)?;
        let sent = send(machine, request.clone(), search, progress);
        let mut sent = std::pin::pin!(sent);
        let tally = loop {
            tokio::select! {
                tally = &mut sent => break tally?,
                Ok(()) = news.changed() => {
                    let so_far = news.borrow_and_update().clone();
                    self.observer.event(answers(result.index, request.count, &so_far));
                }
            }
        };
        self.observer.event(answers(result.index, request.count, &tally));
        result.checks = checks(&request.expect, &tally);
        result.answers = tally.answers();
        Ok(())
    }
}

fn answers(index: usize, of: u64, tally: &Tally) -> Event {
    Event::Answers { index, done: tally.done, of, answers: tally.answers() }
}
