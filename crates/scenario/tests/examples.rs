//! The examples of this repository are scenarios that can be run, and their manifests are right.

use std::path::{Path, PathBuf};

use outrigger_api as api;
use outrigger_base::Severity;
use outrigger_scenario::{builtin, load};

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}

#[test]
fn every_folder_of_examples_is_a_scenario_by_its_own_name() {
    let listed = builtin(&examples());
    let folders = std::fs::read_dir(examples()).unwrap().flatten().filter(|entry| entry.path().is_dir());
    assert_eq!(listed.len(), folders.count());
    for example in listed {
        let scenario = load(&example.directory).unwrap_or_else(|findings| panic!("{findings:#?}"));
        assert_eq!(scenario.name, example.name);
        assert!(example.directory.join("README.md").is_file(), "{} says nothing", example.name);
    }
}

#[test]
fn no_manifest_of_the_examples_has_a_mistake() {
    for example in builtin(&examples()) {
        for entry in std::fs::read_dir(&example.directory).unwrap().flatten() {
            let path = entry.path();
            if path.extension().is_none_or(|e| e != "yaml") || path.ends_with("scenario.yaml") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let parsed = api::parse(&path, &text, "default");
            let errors: Vec<String> = parsed
                .diagnostics
                .iter()
                .filter(|finding| finding.severity == Severity::Error)
                .map(ToString::to_string)
                .collect();
            assert!(errors.is_empty(), "{errors:#?}");
            assert!(!parsed.objects.is_empty(), "{} is empty", path.display());
        }
    }
}

#[test]
fn a_mesh_without_a_runner_can_be_told_the_pods_of_an_example() {
    let scenario = load(&examples().join("migrate")).unwrap();
    let pods = scenario.pods();
    let names: Vec<String> = pods.iter().map(|pod| pod.key().to_string()).collect();
    assert_eq!(names, ["Pod/pod-vm-hello/hello1", "Pod/pod-vm-hello/hello2"]);
    let api::Resource::Pod(pod) = &pods[1] else { panic!("{pods:?}") };
    assert!(pod.status.is_ready());
    assert_eq!(pod.meta.labels.get("app"), Some("hello2-deploy"));
    assert_eq!(pod.status.pod_ip.as_deref(), Some("172.18.1.97"));
}
