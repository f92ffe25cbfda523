use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use outrigger_api::Change;
use outrigger_base::{Code, Kind, ResourceKey, Severity};
use tempfile::TempDir;

use super::{Directory, Load};

/// Whatever happens in these tests happens within this time even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

fn workload(name: &str, address: &str) -> String {
    format!(
        "---\napiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {{name: {name}}}\n\
         spec: {{address: {address}}}\n"
    )
}

fn key(name: &str) -> ResourceKey {
    ResourceKey::new(Kind::WORKLOAD_ENTRY, "ns", name)
}

/// `+name` for what is new or changed, `-name` for what is gone.
fn changes(load: &Load) -> Vec<String> {
    let describe = |change: &Change| match change {
        Change::Upsert(resource) => format!("+{}", resource.meta().name),
        Change::Delete(key) => format!("-{}", key.name),
    };
    load.changes.iter().map(describe).collect()
}

fn codes(load: &Load) -> Vec<Code> {
    load.diagnostics.iter().map(|found| found.code).collect()
}

async fn next(directory: &mut Directory) -> Load {
    tokio::time::timeout(PATIENCE, directory.next()).await.expect("something changed")
}

/// Collects changes until the named ones came; several looks may see the parts of what a test does.
async fn until(directory: &mut Directory, wanted: &[&str]) -> Vec<String> {
    let mut seen = Vec::new();
    while !wanted.iter().all(|name| seen.iter().any(|change| change == name)) {
        seen.extend(changes(&next(directory).await));
    }
    seen
}

fn open(folder: &Path) -> (Directory, Load) {
    let mut directory = Directory::open(folder, "ns").unwrap();
    let load = directory.initial();
    (directory, load)
}

fn folder_with(files: &[(&str, String)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

#[tokio::test]
async fn what_is_there_comes_first_and_then_every_real_change() {
    let folder = folder_with(&[("a.yaml", workload("a", "1.1.1.1") + &workload("b", "1.1.1.2"))]);
    let (mut directory, load) = open(folder.path());
    assert_eq!(changes(&load), ["+a", "+b"]);
    assert!(load.diagnostics.is_empty());
    assert!(directory.initial().changes.is_empty());

    fs::write(folder.path().join("a.yaml"), workload("a", "1.1.1.1") + &workload("c", "1.1.1.3")).unwrap();
    assert_eq!(changes(&next(&mut directory).await), ["-b", "+c"]);
    fs::create_dir(folder.path().join("sub")).unwrap();
    fs::write(
        folder.path().join("sub/d.json"),
        r#"{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "d"}}"#,
    )
    .unwrap();
    assert_eq!(changes(&next(&mut directory).await), ["+d"]);
    fs::remove_file(folder.path().join("a.yaml")).unwrap();
    assert_eq!(changes(&next(&mut directory).await), ["-a", "-c"]);
}

#[tokio::test]
async fn what_changes_no_object_is_silent_but_places_follow() {
    let folder = folder_with(&[("a.yaml", workload("a", "1.1.1.1"))]);
    let (mut directory, _) = open(folder.path());
    assert_eq!(directory.locate(&key("a"), "spec.address").unwrap().line, 5);
    fs::write(folder.path().join("a.yaml"), format!("# one\n# two\n{}", workload("a", "1.1.1.1"))).unwrap();
    fs::write(folder.path().join("b.yaml"), workload("b", "1.1.1.2")).unwrap();
    let seen = until(&mut directory, &["+b"]).await;
    assert_eq!(seen, ["+b"]);
    // Both files were written before "b" was seen, and files are read in the order of their paths.
    assert_eq!(directory.locate(&key("a"), "spec.address").unwrap().line, 7);
    assert_eq!(directory.locate(&key("a"), "spec.nothing").unwrap().line, 7);
    assert!(directory.locate(&key("nobody"), "").is_none());
}

#[tokio::test]
async fn the_last_good_version_of_a_bad_object_stays_and_others_follow() {
    let folder = folder_with(&[("a.yaml", workload("a", "1.1.1.1") + &workload("b", "1.1.1.2"))]);
    let path = folder.path().join("a.yaml");
    let (mut directory, _) = open(folder.path());

    fs::write(&path, workload("a", "[") + &workload("b", "2.2.2.2")).unwrap();
    let load = next(&mut directory).await;
    assert_eq!(changes(&load), ["+b"]);
    assert_eq!(codes(&load), [Code::MALFORMED]);
    assert_eq!(load.diagnostics[0].severity, Severity::Error);
    assert_eq!(load.diagnostics[0].object, Some(key("a")));
    assert!(load.diagnostics[0].advice.contains("last good version stays in force"));

    // Not even its name can be told: nothing of the file vanishes.
    fs::write(&path, "---\n\"\n---\n".to_string() + &workload("b", "2.2.2.2")).unwrap();
    assert_eq!(changes(&next(&mut directory).await), [] as [&str; 0]);
    fs::write(&path, b"\xff\xfe").unwrap();
    let load = next(&mut directory).await;
    assert_eq!((changes(&load).len(), codes(&load).len()), (0, 1));

    fs::write(&path, workload("a", "3.3.3.3")).unwrap();
    let load = next(&mut directory).await;
    assert_eq!(changes(&load), ["-b", "+a"]);
    assert!(load.diagnostics.is_empty());
}

#[tokio::test]
async fn of_two_with_one_name_the_first_by_path_is_in_force() {
    let folder = folder_with(&[("b.yaml", workload("a", "2.2.2.2")), ("a.yaml", workload("a", "1.1.1.1"))]);
    let (mut directory, load) = open(folder.path());
    assert_eq!(changes(&load), ["+a"]);
    assert_eq!(codes(&load), [Code::DUPLICATE_OBJECT]);
    let place = load.diagnostics[0].position.as_ref().unwrap();
    assert_eq!(place.file.file_name().unwrap(), "b.yaml");
    assert!(load.diagnostics[0].message.contains("a.yaml:2:1"), "{}", load.diagnostics[0]);

    fs::remove_file(folder.path().join("a.yaml")).unwrap();
    let load = next(&mut directory).await;
    assert_eq!(changes(&load), ["+a"]);
    assert!(load.diagnostics.is_empty());
}

#[tokio::test]
async fn files_may_be_replaced_by_renaming() {
    let folder = folder_with(&[("a.yaml", workload("a", "1.1.1.1"))]);
    let (mut directory, _) = open(folder.path());
    for address in ["2.2.2.2", "3.3.3.3"] {
        fs::write(folder.path().join(".a.yaml.new"), workload("a", address)).unwrap();
        fs::rename(folder.path().join(".a.yaml.new"), folder.path().join("a.yaml")).unwrap();
        assert_eq!(changes(&next(&mut directory).await), ["+a"]);
    }
}

#[tokio::test]
async fn a_mounted_config_map_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let version = |name: &str, text: String| {
        let directory = folder.path().join(name);
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("a.yaml"), text).unwrap();
        symlink(name, folder.path().join("..tmp")).unwrap();
        fs::rename(folder.path().join("..tmp"), folder.path().join("..data")).unwrap();
    };
    version("..1", workload("a", "1.1.1.1"));
    symlink("..data/a.yaml", folder.path().join("a.yaml")).unwrap();
    let (mut directory, load) = open(folder.path());
    assert_eq!(changes(&load), ["+a"]);
    version("..2", workload("a", "2.2.2.2") + &workload("b", "1.1.1.2"));
    fs::remove_dir_all(folder.path().join("..1")).unwrap();
    assert_eq!(changes(&next(&mut directory).await), ["+a", "+b"]);
}

#[tokio::test]
async fn everything_stays_while_the_directory_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("mesh");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("a.yaml"), workload("a", "1.1.1.1")).unwrap();
    let (mut directory, _) = open(&root);

    fs::rename(&root, folder.path().join("away")).unwrap();
    let load = next(&mut directory).await;
    assert_eq!((changes(&load).len(), codes(&load).len()), (0, 1));

    let staged = folder.path().join("staged");
    fs::create_dir(&staged).unwrap();
    fs::write(staged.join("b.yaml"), workload("b", "1.1.1.2")).unwrap();
    fs::rename(&staged, &root).unwrap();
    let load = next(&mut directory).await;
    assert_eq!(changes(&load), ["-a", "+b"]);
    assert!(load.diagnostics.is_empty());
    fs::write(root.join("c.yaml"), workload("c", "1.1.1.3")).unwrap();
    assert_eq!(changes(&next(&mut directory).await), ["+c"]);
}

#[tokio::test]
async fn a_file_that_is_being_written_is_left_alone_until_it_is_closed() {
    let folder = folder_with(&[("a.yaml", workload("a", "1.1.1.1"))]);
    let (mut directory, _) = open(folder.path());
    let mut half = fs::File::create(folder.path().join("a.yaml")).unwrap();
    half.write_all(b"# soon\n").unwrap();
    fs::write(folder.path().join("b.yaml"), workload("b", "1.1.1.2")).unwrap();
    assert_eq!(changes(&next(&mut directory).await), ["+b"]);
    half.write_all(workload("a", "2.2.2.2").as_bytes()).unwrap();
    drop(half);
    assert_eq!(changes(&next(&mut directory).await), ["+a"]);
}

#[tokio::test]
async fn a_single_file_may_be_a_source() {
    let folder = folder_with(&[("mesh", workload("a", "1.1.1.1")), ("other.yaml", workload("b", "1.1.1.2"))]);
    let (mut directory, load) = open(&folder.path().join("mesh"));
    assert_eq!(changes(&load), ["+a"]);
    fs::write(folder.path().join("mesh"), workload("c", "1.1.1.1")).unwrap();
    assert_eq!(changes(&next(&mut directory).await), ["-a", "+c"]);
}

#[tokio::test]
async fn waiting_may_be_given_up_without_a_loss() {
    let folder = folder_with(&[]);
    let (mut directory, _) = open(folder.path());
    for name in ["a", "b", "c"] {
        drop(tokio::time::timeout(Duration::ZERO, directory.next()).await);
        fs::write(folder.path().join(format!("{name}.yaml")), workload(name, "1.1.1.1")).unwrap();
    }
    until(&mut directory, &["+a", "+b", "+c"]).await;
}

#[test]
fn nothing_is_no_source() {
    let folder = tempfile::tempdir().unwrap();
    let error = Directory::open(folder.path().join("none"), "ns").err().unwrap();
    assert!(error.to_string().starts_with("cannot read "), "{error}");
}
