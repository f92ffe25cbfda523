//! The scenarios of a folder.

use std::path::{Path, PathBuf};

use crate::read;

/// A scenario that can be run by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The name of its folder.
    pub name: String,
    /// One line for people; what is wrong, if it cannot be read.
    pub title: String,
    /// Its folder.
    pub directory: PathBuf,
}

/// The scenarios below a folder, by name.
pub fn builtin(examples: &Path) -> Vec<Listed> {
    let entries = std::fs::read_dir(examples).into_iter().flatten().flatten();
    let folders = entries.map(|entry| entry.path()).filter(|path| path.join(read::FILE_NAME).is_file());
    let mut listed: Vec<Listed> = folders.map(list).collect();
    listed.sort_by(|a, b| a.name.cmp(&b.name));
    listed
}

fn list(directory: PathBuf) -> Listed {
    let name = directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let title = match read::load(&directory) {
        Ok(scenario) => scenario.title,
        Err(findings) => findings.first().map_or_else(String::new, ToString::to_string),
    };
    Listed { name, title, directory }
}
