//! Waits for something to happen to the files.
//!
//! The system's notifications say when to look; what is found decides. A slow look every now and
//! then covers what notifications cannot tell: links that lead elsewhere, network file systems,
//! limits of the system.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use super::Load;
use super::files::Files;
use super::scan::identity;

/// A burst of events is over when none came for so long …
const QUIET: Duration = Duration::from_millis(3);
/// … or when it lasted so long.
const LONGEST_BURST: Duration = Duration::from_millis(200);
/// A file that somebody writes is left alone until it is closed, or for so long at most.
const LONGEST_WRITE: Duration = Duration::from_secs(2);
/// How often to look without being told to.
const SLOW_LOOK: Duration = Duration::from_secs(2);

enum Signal {
    Event(Event),
    /// Somebody wants to be told when all that is there now has been looked at.
    Look(oneshot::Sender<()>),
    Stop,
}

/// Ends a [`Watch`], or makes it look.
pub(super) struct Stop(Sender<Signal>);

impl Stop {
    /// Ready when everything that is there now has been looked at, and what came of it was sent.
    pub(super) fn look(&self) -> oneshot::Receiver<()> {
        let (done, looked) = oneshot::channel();
        // Nobody there: then the receiver is told so.
        let _ = self.0.send(Signal::Look(done));
        looked
    }

    pub(super) fn stop(&self) {
        // Nobody there: it has ended already.
        let _ = self.0.send(Signal::Stop);
    }
}

/// Notifications about a directory or file.
pub(super) struct Watch {
    root: PathBuf,
    signals: Receiver<Signal>,
    watcher: Option<RecommendedWatcher>,
    /// The directory that notifications are asked for; another one may have taken its place.
    watched: Option<(u64, u64)>,
    /// Files that somebody writes, and since when.
    writing: HashMap<PathBuf, Instant>,
    /// Who waits for the next look.
    askers: Vec<oneshot::Sender<()>>,
}

impl Watch {
    pub(super) fn new(root: PathBuf) -> (Watch, Stop) {
        let (sender, signals) = channel();
        let events = sender.clone();
        let forward = move |event: notify::Result<Event>| {
            if let Some(event) = event.ok().filter(matters) {
                // Nobody there: the watch is about to end.
                let _ = events.send(Signal::Event(event));
            }
        };
        let watcher = notify::recommended_watcher(forward)
            .inspect_err(
                |error| tracing::warn!(%error, "no notifications of changed files, so they come late"),
            )
            .ok();
        let mut watch =
            Watch { root, signals, watcher, watched: None, writing: HashMap::new(), askers: Vec::new() };
        watch.watch_parent();
        watch.watch_root();
        (watch, Stop(sender))
    }

    /// Reports what changes until it is stopped or nobody listens.
    pub(super) fn run(mut self, mut files: Files, loads: &UnboundedSender<Load>) {
        while self.wait() {
            self.watch_root();
            self.writing.retain(|_, since| since.elapsed() < LONGEST_WRITE);
            let writing: HashSet<PathBuf> =
                self.writing.keys().filter(|path| !path.is_symlink()).cloned().collect();
            if let Some(load) = files.refresh(&writing)
                && loads.send(load).is_err()
            {
                return;
            }
            for asker in self.askers.drain(..) {
                // It may have given up.
                let _ = asker.send(());
            }
        }
    }

    /// Whoever asks for a look says that nobody writes any more.
    fn ask(&mut self, asker: oneshot::Sender<()>) -> bool {
        self.writing.clear();
        self.askers.push(asker);
        true
    }

    /// Waits until it is time to look; `false` when it is time to end.
    fn wait(&mut self) -> bool {
        let until_written =
            self.writing.values().map(|since| LONGEST_WRITE.saturating_sub(since.elapsed())).min();
        let patience = until_written.unwrap_or(SLOW_LOOK).min(SLOW_LOOK);
        match self.signals.recv_timeout(patience) {
            Ok(Signal::Event(event)) => self.note(&event),
            Ok(Signal::Look(asker)) => return self.ask(asker),
            Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => return true,
        }
        let burst = Instant::now();
        while burst.elapsed() < LONGEST_BURST {
            match self.signals.recv_timeout(QUIET) {
                Ok(Signal::Event(event)) => self.note(&event),
                Ok(Signal::Look(asker)) => return self.ask(asker),
                Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
                Err(RecvTimeoutError::Timeout) => break,
            }
        }
        true
    }

    fn note(&mut self, event: &Event) {
        for path in &event.paths {
            match event.kind {
                EventKind::Create(CreateKind::File) | EventKind::Modify(ModifyKind::Data(_)) => {
                    self.writing.entry(path.clone()).or_insert_with(Instant::now);
                }
                EventKind::Modify(ModifyKind::Metadata(_)) => {}
                _ => {
                    self.writing.remove(path);
                }
            }
        }
    }

    /// The parent tells when the root itself is replaced.
    fn watch_parent(&mut self) {
        let parent = match self.root.parent() {
            Some(parent) if parent == Path::new("") => Path::new("."),
            Some(parent) => parent,
            None => return,
        };
        if let Some(watcher) = &mut self.watcher
            && let Err(error) = watcher.watch(parent, RecursiveMode::NonRecursive)
        {
            tracing::warn!(%error, path = %parent.display(), "cannot be watched, so changes come late");
        }
    }

    /// Asks for notifications of the directory that is the root now.
    fn watch_root(&mut self) {
        let metadata = std::fs::metadata(&self.root).ok();
        let now = metadata.filter(|metadata| metadata.is_dir()).map(|metadata| identity(&metadata));
        if now == self.watched {
            return;
        }
        let Some(watcher) = &mut self.watcher else { return };
        if self.watched.take().is_some() {
            // What is gone is not watched any more, whatever this says.
            let _ = watcher.unwatch(&self.root);
        }
        if now.is_some() {
            match watcher.watch(&self.root, RecursiveMode::Recursive) {
                Ok(()) => self.watched = now,
                Err(error) => {
                    tracing::warn!(%error, path = %self.root.display(), "cannot be watched, so changes come late");
                }
            }
        }
    }
}

/// Reading is no change. Without this, each look would be the reason for the next.
fn matters(event: &Event) -> bool {
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        _ => true,
    }
}
