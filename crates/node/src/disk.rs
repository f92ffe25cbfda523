//! The last good configuration on disk, so that a restart serves before, or without, the control plane.
//!
//! One file: a line that names the format and its version, a checksum, and a protobuf message with
//! every resource as it arrived. It is replaced as a whole (write, fsync, rename), so a crash leaves
//! the old or the new one. A file that is damaged, of another version, or of another node is ignored.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use outrigger_proto::envoy::service::discovery::v3::{DeltaDiscoveryResponse, Resource};
use outrigger_proto::google::protobuf::Any;
use outrigger_proto::prost::Message;
use thiserror::Error;

const FORMAT: &[u8] = b"outrigger last good configuration, format 1\n";
const FILE: &str = "last-good-config";

/// A resource as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    pub type_url: String,
    pub name: String,
    pub version: String,
    pub body: bytes::Bytes,
}

/// Why a file is ignored.
#[derive(Debug, Error)]
pub enum DiskError {
    /// It cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is of another version or no such file at all.
    #[error("{0} has another format")]
    Format(PathBuf),
    /// It was damaged.
    #[error("{0} is damaged")]
    Damaged(PathBuf),
    /// It is another node's.
    #[error("{path} belongs to node {node}")]
    OtherNode {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        node: String,
    },
}

/// Reads what is kept for a node; `None` if there is no file.
pub fn load(folder: &Path, node: &str) -> Result<Option<Vec<Kept>>, DiskError> {
    let path = folder.join(FILE);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(DiskError::Read { path, source }),
    };
    let Some(rest) = bytes.strip_prefix(FORMAT) else { return Err(DiskError::Format(path)) };
    let Some((sum, body)) = rest.split_first_chunk::<8>() else { return Err(DiskError::Damaged(path)) };
    if u64::from_be_bytes(*sum) != checksum(body) {
        return Err(DiskError::Damaged(path));
    }
    let Ok(message) = DeltaDiscoveryResponse::decode(body) else { return Err(DiskError::Damaged(path)) };
    if message.system_version_info != node {
        return Err(DiskError::OtherNode { path, node: message.system_version_info });
    }
    let kept = message.resources.into_iter().filter_map(|resource| {
        let any = resource.resource?;
        Some(Kept {
            type_url: any.type_url,
            name: resource.name,
            version: resource.version,
            body: any.value.into(),
        })
    });
    Ok(Some(kept.collect()))
}

/// Replaces what is kept. Waits for the disk.
pub fn store(folder: &Path, node: &str, kept: Vec<Kept>) -> io::Result<()> {
    let resources = kept.into_iter().map(|kept| Resource {
        name: kept.name,
        version: kept.version,
        resource: Some(Any { type_url: kept.type_url, value: kept.body.into() }),
        ..Resource::default()
    });
    let message = DeltaDiscoveryResponse {
        system_version_info: node.to_owned(),
        resources: resources.collect(),
        ..DeltaDiscoveryResponse::default()
    };
    let body = message.encode_to_vec();
    fs::create_dir_all(folder)?;
    let temporary = folder.join(format!("{FILE}.new"));
    let mut file = File::create(&temporary)?;
    file.write_all(FORMAT)?;
    file.write_all(&checksum(&body).to_be_bytes())?;
    file.write_all(&body)?;
    file.sync_all()?;
    fs::rename(&temporary, folder.join(FILE))?;
    // The rename itself is lost in a power cut unless the folder is on disk too.
    File::open(folder)?.sync_all()
}

/// FNV-1a, 64 bits: tells damage by accident, not by intent.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(name: &str) -> Kept {
        Kept { type_url: "t".into(), name: name.into(), version: "1".into(), body: vec![1, 2, 3].into() }
    }

    #[test]
    fn what_was_stored_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        assert!(load(folder.path(), "n").unwrap().is_none());
        store(folder.path(), "n", vec![kept("a")]).unwrap();
        store(folder.path(), "n", vec![kept("b"), kept("c")]).unwrap();
        assert_eq!(load(folder.path(), "n").unwrap().unwrap(), [kept("b"), kept("c")]);
    }

    #[test]
    fn a_damaged_file_and_one_of_another_node_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        store(folder.path(), "n", vec![kept("a")]).unwrap();
        assert!(matches!(load(folder.path(), "m"), Err(DiskError::OtherNode { .. })));
        let path = folder.path().join(FILE);
        let good = fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            fs::write(&path, bad).unwrap();
            assert!(load(folder.path(), "n").is_err(), "byte {at}");
            fs::write(&path, &good[..at]).unwrap();
            assert!(load(folder.path(), "n").is_err(), "cut at {at}");
        }
    }
}
