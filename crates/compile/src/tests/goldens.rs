//! Each folder of `goldens/` holds manifests and what a sidecar and a gateway are sent for them, as
//! lines. `OUTRIGGER_UPDATE_GOLDENS=1` writes what is seen; read the difference before you commit it.

use std::fs;
use std::path::{Path, PathBuf};

use super::fixture::{Fixture, gateway, sidecar};
use super::summary;

pub(super) fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("goldens");
    let mut folders: Vec<PathBuf> =
        fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    assert!(!folders.is_empty());
    folders
}

pub(super) fn fixture(folder: &Path) -> Fixture {
    Fixture::new(&fs::read_to_string(folder.join("mesh.yaml")).unwrap())
}

/// The proxies that goldens are made for: a workload of the namespace at 10.0.0.1, and a gateway.
pub(super) fn proxies() -> [(&'static str, crate::Proxy); 2] {
    [("sidecar", sidecar("shop", &["10.0.0.1"])), ("gateway", gateway())]
}

#[test]
fn proxies_are_sent_what_the_goldens_say() {
    let update = std::env::var_os("OUTRIGGER_UPDATE_GOLDENS").is_some();
    for folder in folders() {
        let fixture = fixture(&folder);
        for (name, proxy) in proxies() {
            let seen = summary::of(&fixture.sent(&proxy).bundle);
            let file = folder.join(format!("{name}.txt"));
            if update {
                fs::write(&file, seen).unwrap();
            } else {
                let expected = fs::read_to_string(&file).unwrap_or_default();
                assert!(
                    seen == expected,
                    "{} differs; with OUTRIGGER_UPDATE_GOLDENS=1 it becomes\n{seen}",
                    file.display()
                );
            }
        }
    }
}
