//! A process on a machine, with its output in a file.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};

use crate::network::Machine;
use crate::sandbox;

/// What to start.
#[derive(Debug, Clone)]
pub struct ProcessSpec {
    /// How people name it, e.g. `hello1/proxy`.
    pub label: String,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Added to this process's environment.
    pub env: Vec<(String, String)>,
    /// Where its output goes; appended to.
    pub log: PathBuf,
}

/// A handle to a process. It is killed, with all it started, when its machine ends.
pub struct Process {
    label: String,
    log: PathBuf,
    signals: mpsc::UnboundedSender<libc::c_int>,
    ended: watch::Receiver<Option<ExitStatus>>,
}

impl Process {
    /// Starts it on a machine.
    pub async fn start(machine: &Machine, spec: ProcessSpec) -> io::Result<Process> {
        let (label, log) = (spec.label.clone(), spec.log.clone());
        let (signals, queue) = mpsc::unbounded_channel();
        let (end, ended) = watch::channel(None);
        let start = move || async move {
            let child = spawn(&spec)?;
            tokio::task::spawn_local(attend(child, queue, end));
            Ok::<_, io::Error>(())
        };
        machine.call(start).await.map_err(io::Error::other)??;
        Ok(Process { label, log, signals, ended })
    }

    /// How people name it.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Where its output goes.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// How it ended, if it did.
    pub fn ended(&self) -> Option<ExitStatus> {
        *self.ended.borrow()
    }

    /// Waits for its end.
    pub async fn wait(&self) {
        // An error means that whoever attends it is gone, and the process with it.
        let _ = self.ended.clone().wait_for(Option::is_some).await;
    }

    /// Asks it to end with SIGTERM; kills it if it takes longer than `grace`. Says whether it ended
    /// by itself.
    pub async fn stop(&self, grace: Duration) -> bool {
        let _ = self.signals.send(libc::SIGTERM);
        let by_itself = tokio::time::timeout(grace, self.wait()).await.is_ok();
        // What it started may still be there.
        self.kill().await;
        by_itself
    }

    /// Kills it and all that it started.
    pub async fn kill(&self) {
        let _ = self.signals.send(libc::SIGKILL);
        self.wait().await;
    }
}

fn spawn(spec: &ProcessSpec) -> io::Result<Child> {
    let log = File::options().create(true).append(true).open(&spec.log)?;
    let mut command = Command::new(&spec.program);
    command
        .args(&spec.args)
        // Logs are read in files and in reports.
        .env("NO_COLOR", "1")
        .envs(spec.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        // A group of its own: Ctrl-C reaches the runner alone, which ends all in order.
        .process_group(0)
        .kill_on_drop(true);
    // SAFETY: the closure makes one system call and does not allocate.
    unsafe { command.pre_exec(sandbox::die_with_parent) };
    command
        .spawn()
        .map_err(|problem| io::Error::new(problem.kind(), format!("{}: {problem}", spec.program.display())))
}

/// Delivers signals until the process has ended. Only here its id is known to be still its own.
async fn attend(
    mut child: Child,
    mut signals: mpsc::UnboundedReceiver<libc::c_int>,
    end: watch::Sender<Option<ExitStatus>>,
) {
    let group = child.id().and_then(|id| libc::pid_t::try_from(id).ok());
    let status = loop {
        tokio::select! {
            status = child.wait() => break status.unwrap_or_default(),
            Some(signal) = signals.recv() => deliver(group, signal),
        }
    };
    end.send_replace(Some(status));
    // The group lives on while something that the process started does; its id is not given anew.
    while let Some(signal) = signals.recv().await {
        deliver_to_orphans(group, signal);
    }
}

fn deliver(group: Option<libc::pid_t>, signal: libc::c_int) {
    let Some(group) = group else { return };
    // SIGTERM is for the process, which tells its own; SIGKILL is for all.
    let target = if signal == libc::SIGKILL { -group } else { group };
    // SAFETY: no pointers are involved.
    unsafe { libc::kill(target, signal) };
}

fn deliver_to_orphans(group: Option<libc::pid_t>, signal: libc::c_int) {
    if signal == libc::SIGKILL {
        deliver(group, signal);
    }
}
