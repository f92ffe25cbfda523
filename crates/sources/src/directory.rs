//! A directory of manifests (or a single file) that is watched.
//!
//! What is in force changes only by what somebody meant: an object vanishes when its document or
//! file vanishes, never because a file became unreadable or a document malformed. In those cases
//! the last good version stays and a diagnostic says so. If the whole directory is missing,
//! everything stays until it is back.
//!
//! A thread of its own waits, reads and compares, so that neither big files nor slow disks hold up
//! the runtime, and so that [`Directory::next`] can be dropped at any point without a loss.

mod files;
mod index;
mod scan;
#[cfg(test)]
mod tests;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use outrigger_api::Change;
use outrigger_base::{Diagnostic, Position, ResourceKey};
use thiserror::Error;
use tokio::sync::mpsc;

use self::files::Files;
pub use self::index::PositionIndex;
use self::watch::{Stop, Watch};

/// Why a directory cannot be a source.
#[derive(Debug, Error)]
pub enum SourceError {
    /// Nothing is there, or it must not be read.
    #[error("cannot read {path}: {error}")]
    Unreadable {
        /// The directory or file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// No thread could be started.
    #[error("cannot start a thread that watches {path}: {error}")]
    Thread {
        /// The directory or file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
}

/// What a source has to say.
#[derive(Debug, Clone, Default)]
pub struct Load {
    /// What changed, deletions first.
    pub changes: Vec<Change>,
    /// Everything that is wrong now, not only what is new, in the order of files and lines.
    pub diagnostics: Vec<Diagnostic>,
    /// Where the fields of objects stand.
    pub positions: PositionIndex,
}

/// A directory of manifests, watched until it is dropped.
pub struct Directory {
    initial: Load,
    positions: PositionIndex,
    loads: mpsc::UnboundedReceiver<Load>,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

impl Directory {
    /// Reads a directory (or file) and begins to watch it. Objects that name no namespace get
    /// `default_namespace`.
    pub fn open(path: impl AsRef<Path>, default_namespace: &str) -> Result<Directory, SourceError> {
        let path = path.as_ref().to_path_buf();
        let unreadable = |error| SourceError::Unreadable { path: path.clone(), error };
        std::fs::metadata(&path).map_err(unreadable)?;
        // Watched before it is read, so that nothing is missed in between.
        let (watch, stop) = Watch::new(path.clone());
        let mut files = Files::new(path.clone(), Arc::from(default_namespace));
        let initial = files.refresh(&Default::default()).unwrap_or_default();
        let positions = initial.positions.clone();
        let (sender, loads) = mpsc::unbounded_channel();
        let thread = std::thread::Builder::new()
            .name("directory".to_string())
            .spawn(move || watch.run(files, &sender))
            .map_err(|error| SourceError::Thread { path, error })?;
        Ok(Directory { initial, positions, loads, stop, thread: Some(thread) })
    }

    /// What was there at the start. Only the first call has it; what came later is [`Self::next`]'s.
    pub fn initial(&mut self) -> Load {
        std::mem::replace(&mut self.initial, Load { positions: self.positions.clone(), ..Load::default() })
    }

    /// Waits for a change of what is in force, or of what is wrong. May be dropped without a loss.
    pub async fn next(&mut self) -> Load {
        match self.loads.recv().await {
            Some(load) => load,
            // The thread ends only when this is dropped.
            None => std::future::pending().await,
        }
    }

    /// Looks at the files now, as nobody writes any more, and returns all that came of it and was not
    /// yet taken by [`Self::next`]. Everything that was written before the call is in it.
    pub async fn look(&mut self) -> Vec<Load> {
        // An error says that the thread has ended; then there is nothing new.
        let _ = self.stop.look().await;
        std::iter::from_fn(|| self.loads.try_recv().ok()).collect()
    }

    /// Where a field of an object stands, or the nearest thing around it that was written.
    pub fn locate(&self, key: &ResourceKey, field: &str) -> Option<Position> {
        self.positions.locate(key, field)
    }

    /// The places of all objects; it stays current, and may be kept elsewhere.
    pub fn positions(&self) -> PositionIndex {
        self.positions.clone()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            // A panic there was reported by the thread itself.
            let _ = thread.join();
        }
    }
}
