//! The one writer: a thread that applies changes to the mesh, compiles what they concern and
//! publishes it. Nothing else computes, so the runtime that serves the streams stays responsive.
//!
//! There is no fixed delay: a change is applied at once when the thread is idle; what arrives while
//! it is busy is applied together afterwards.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use outrigger_api::{Change, MeshConfig};
use outrigger_base::Diagnostic;
use outrigger_compile::Proxy;
use outrigger_mesh::{Mesh, Options, Touched};
use outrigger_sources::Load;
use outrigger_xds::ClientId;
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, info};

use crate::command::Command;
use crate::config::{Config, Observer};
use crate::findings::Findings;
use crate::mesh_file::Settings;
use crate::objects::Objects;
use crate::shared::{Published, Shared};
use crate::views::Views;

/// The mesh and everything that follows from it.
pub struct Writer {
    mesh: Mesh,
    objects: Objects,
    settings: Vec<Diagnostic>,
    views: Views,
    findings: Findings,
    observer: Observer,
}

/// What one round of the writer takes in.
#[derive(Default)]
struct Round {
    changes: Vec<Change>,
    config: Option<MeshConfig>,
    /// Findings may have changed.
    read: bool,
    /// When the oldest of the changes was noticed.
    since: Option<Instant>,
    newcomers: Vec<(ClientId, Arc<Proxy>)>,
    left: Vec<ClientId>,
    barriers: Vec<oneshot::Sender<()>>,
    stop: bool,
}

impl Writer {
    pub fn new(config: &Config, settings: Settings) -> Writer {
        let options = Options { cluster: config.cluster.clone(), network: config.network.clone() };
        Writer {
            mesh: Mesh::new(settings.config, options),
            objects: Objects::default(),
            settings: settings.diagnostics,
            views: Views::default(),
            findings: Findings::default(),
            observer: config.observer.clone(),
        }
    }

    /// Applies what the sources hold at the start, before anyone is served.
    pub fn start(&mut self, loads: Vec<Load>) -> Published {
        let mut changes = Vec::new();
        for (source, load) in loads.into_iter().enumerate() {
            changes.extend(self.objects.take(source, load));
        }
        self.mesh.apply(changes);
        self.note_findings(true);
        self.published()
    }

    /// Runs until it is told to stop, or nobody is left to tell it.
    pub fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>, shared: &Shared) {
        while let Some(first) = commands.blocking_recv() {
            let mut round = Round::default();
            let mut taken = 1;
            self.take(first, &mut round);
            while let Ok(next) = commands.try_recv() {
                self.take(next, &mut round);
                taken += 1;
            }
            let stop = round.stop;
            self.round(round, shared);
            shared.applied.fetch_add(taken, Ordering::Release);
            if stop {
                return;
            }
        }
    }

    fn take(&mut self, command: Command, round: &mut Round) {
        match command {
            Command::Load { source, load, since } => {
                round.changes.extend(self.objects.take(source, load));
                round.read = true;
                round.noticed(since);
            }
            Command::Settings(settings, since) => {
                // Settings that cannot be read change nothing; the finding says so.
                if !settings.is_malformed() {
                    round.config = Some(settings.config);
                }
                self.settings = settings.diagnostics;
                round.read = true;
                round.noticed(since);
            }
            Command::Connected(id, proxy) => round.newcomers.push((id, proxy)),
            Command::Left(id) => round.left.push(id),
            Command::Barrier(reply) => round.barriers.push(reply),
            Command::Stop => round.stop = true,
        }
    }

    fn round(&mut self, mut round: Round, shared: &Shared) {
        round.newcomers.retain(|(id, _)| !round.left.contains(id));
        for id in &round.left {
            self.views.leave(*id);
        }
        let touched = self.apply(&mut round, shared);
        if !touched.is_empty() {
            let started = Instant::now();
            let published = self.views.update(&self.mesh.snapshot(), &touched);
            shared.proxies.publish(&published, round.since);
            shared.metrics.compile.observe(started.elapsed());
            debug!(proxies = published.len(), took = ?started.elapsed(), "changes published");
        }
        let came = !round.newcomers.is_empty();
        if came {
            let published = self.views.join(&self.mesh.snapshot(), round.newcomers);
            shared.proxies.publish(&published, None);
        }
        let changed = round.read || !touched.is_empty();
        if changed || came || !round.left.is_empty() {
            self.note_findings(changed);
            shared.state.store(Arc::new(self.published()));
        }
        for barrier in round.barriers {
            // Whoever asked may have given up.
            let _ = barrier.send(());
        }
    }

    fn apply(&mut self, round: &mut Round, shared: &Shared) -> Touched {
        let mut touched = Touched::default();
        if let Some(config) = round.config.take() {
            touched.merge(self.mesh.set_config(config));
        }
        if !round.changes.is_empty() {
            let changes = std::mem::take(&mut round.changes);
            shared.metrics.config_events.add(changes.len() as u64);
            let count = changes.len();
            touched.merge(self.mesh.apply(changes));
            info!(objects = count, snapshot = self.mesh.snapshot().version, "changes applied");
        }
        touched
    }

    /// Collects the findings of all stages, and tells of the new ones.
    fn note_findings(&mut self, changed: bool) {
        let mut found: BTreeSet<Diagnostic> = self.settings.iter().cloned().collect();
        found.extend(self.objects.diagnostics().into_iter().map(|f| self.objects.locate(f)));
        let snapshot = self.mesh.snapshot();
        let computed = snapshot.diagnostics.iter().chain(self.views.diagnostics());
        found.extend(computed.map(|finding| self.objects.locate(finding.clone())));
        for finding in self.findings.set(found, changed) {
            (self.observer)(&finding);
        }
    }

    pub fn published(&self) -> Published {
        Published {
            snapshot: self.mesh.snapshot(),
            objects: self.objects.count().clone(),
            diagnostics: self.findings.current().clone(),
            views: self.views.len(),
        }
    }
}

impl Round {
    fn noticed(&mut self, since: Instant) {
        self.since = Some(self.since.map_or(since, |first| first.min(since)));
    }
}
