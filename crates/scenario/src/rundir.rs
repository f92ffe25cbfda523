//! The folder of a run: logs, the manifests in force, state of the proxies.
//!
//! It carries a lock for as long as the run lives. The next run removes folders whose lock nobody
//! holds: what a killed run could not remove itself. A folder that is kept has no lock file.

use std::fs::{self, DirBuilder, File};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

const PREFIX: &str = "outrigger-demo-";
const LOCK: &str = "lock";

/// A folder that is removed in the end unless it is kept.
pub struct RunDirectory {
    path: PathBuf,
    keep: bool,
    _lock: File,
}

impl RunDirectory {
    /// A new folder in `parent`, after removing what dead runs left there.
    pub fn create(parent: &Path, keep: bool) -> io::Result<RunDirectory> {
        remove_abandoned(parent);
        loop {
            let path = parent.join(format!("{PREFIX}{:08x}", RandomState::new().hash_one(()) as u32));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => {
                    let lock = File::create(path.join(LOCK))?;
                    try_lock(&lock)?;
                    return Ok(RunDirectory { path, keep, _lock: lock });
                }
                Err(problem) if problem.kind() == io::ErrorKind::AlreadyExists => {}
                Err(problem) => return Err(problem),
            }
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A folder inside.
    pub fn folder(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.path.join(name);
        fs::create_dir_all(&path)?;
        Ok(path)
    }

    /// Where the output of a process goes.
    pub fn log(&self, label: &str) -> io::Result<PathBuf> {
        Ok(self.folder("logs")?.join(format!("{}.log", label.replace('/', "-"))))
    }
}

impl Drop for RunDirectory {
    fn drop(&mut self) {
        // Nothing can be done about a failure; the next run tries again.
        let _ =
            if self.keep { fs::remove_file(self.path.join(LOCK)) } else { fs::remove_dir_all(&self.path) };
    }
}

fn remove_abandoned(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    // SAFETY: geteuid only returns a number.
    let own = unsafe { libc::geteuid() };
    for entry in entries.flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX)
            && entry.metadata().is_ok_and(|data| data.is_dir() && data.uid() == own);
        let dead = ours && File::open(entry.path().join(LOCK)).is_ok_and(|lock| try_lock(&lock).is_ok());
        if dead {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn try_lock(file: &File) -> io::Result<()> {
    // SAFETY: the descriptor is open while the file is borrowed.
    let result = unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dead_run_left_is_removed_and_living_and_kept_folders_stay() {
        let parent = tempfile::tempdir().unwrap();
        let living = RunDirectory::create(parent.path(), false).unwrap();
        let kept = RunDirectory::create(parent.path(), true).unwrap().path().to_owned();
        let dead = parent.path().join(format!("{PREFIX}dead"));
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join(LOCK), "").unwrap();
        let next = RunDirectory::create(parent.path(), false).unwrap();
        assert!(living.path().exists() && kept.exists() && next.path().exists());
        assert!(!dead.exists());
        let path = next.path().to_owned();
        drop(next);
        assert!(!path.exists());
    }
}
