//! Finds the files of manifests below a directory.

use std::collections::{BTreeMap, HashSet};
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Deeper nesting is a mistake, or a loop of links.
const MAX_DEPTH: usize = 32;
/// The description of an experiment beside its manifests; it is no manifest.
const SCENARIO: &str = "scenario.yaml";
/// Two writes within a tick of the file system's clock look the same; so what was changed so
/// recently is read again.
const CLOCK_TICK: Duration = Duration::from_secs(1);

/// By what a change of a file is noticed without reading it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    identity: (u64, u64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Stamp {
        Stamp { length: metadata.len(), modified: metadata.modified().ok(), identity: identity(metadata) }
    }

    /// Whether an equal stamp later proves that nothing changed in between.
    pub(super) fn is_proof(&self) -> bool {
        let age = self.modified.and_then(|modified| SystemTime::now().duration_since(modified).ok());
        age.is_some_and(|age| age > CLOCK_TICK)
    }
}

/// Device and inode.
pub(super) fn identity(metadata: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

/// Files by path; those that are there but could not be looked at carry the reason.
pub(super) type Listing = BTreeMap<PathBuf, io::Result<Stamp>>;

/// Lists the files of manifests: those below a directory whose names end in yaml, yml or json, in
/// the order of their paths, without hidden ones; or a single file. Links are followed.
pub(super) fn list(root: &Path) -> io::Result<Listing> {
    let mut listing = Listing::new();
    let metadata = std::fs::metadata(root)?;
    if metadata.is_dir() {
        // An unreadable root is an error; unreadable directories below are entries of the listing.
        std::fs::read_dir(root)?;
        walk(root, 0, &mut HashSet::from([identity(&metadata)]), &mut listing);
    } else {
        listing.insert(root.to_path_buf(), Ok(Stamp::of(&metadata)));
    }
    Ok(listing)
}

/// `ancestors` are the directories above, so that a link to one of them ends the walk.
fn walk(directory: &Path, depth: usize, ancestors: &mut HashSet<(u64, u64)>, listing: &mut Listing) {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) => {
            listing.insert(directory.to_path_buf(), Err(error));
            return;
        }
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
        let path = entry.path();
        match std::fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => {
                let identity = identity(&metadata);
                if depth < MAX_DEPTH && ancestors.insert(identity) {
                    walk(&path, depth + 1, ancestors, listing);
                    ancestors.remove(&identity);
                }
            }
            Ok(metadata) if metadata.is_file() && is_manifest(name) => {
                listing.insert(path, Ok(Stamp::of(&metadata)));
            }
            // A link to nothing is as good as no file.
            Err(error) if is_manifest(name) && error.kind() != io::ErrorKind::NotFound => {
                listing.insert(path, Err(error));
            }
            _ => {}
        }
    }
}

fn is_manifest(name: &str) -> bool {
    let extension = Path::new(name).extension().and_then(|extension| extension.to_str());
    name != SCENARIO && matches!(extension, Some("yaml" | "yml" | "json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_manifests_are_listed_sorted_and_through_links() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in
            ["b.yaml", "a.yml", "c.json", "d.txt", ".hidden.yaml", "e.yaml~", "#f.yaml#", "scenario.yaml"]
        {
            std::fs::write(root.join(name), "").unwrap();
        }
        std::fs::create_dir_all(root.join("sub/deeper")).unwrap();
        std::fs::create_dir(root.join("..data")).unwrap();
        std::fs::write(root.join("sub/deeper/x.yaml"), "").unwrap();
        std::fs::write(root.join("..data/real.yaml"), "").unwrap();
        std::os::unix::fs::symlink("..data/real.yaml", root.join("link.yaml")).unwrap();
        std::os::unix::fs::symlink("nothing", root.join("dangling.yaml")).unwrap();
        std::os::unix::fs::symlink("..", root.join("sub/loop")).unwrap();
        let listing = list(root).unwrap();
        let names: Vec<_> =
            listing.keys().map(|path| path.strip_prefix(root).unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["a.yml", "b.yaml", "c.json", "link.yaml", "sub/deeper/x.yaml"]);
    }
}
