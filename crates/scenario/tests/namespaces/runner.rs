//! The runner, used as the program `outrigger` uses it.

use std::path::Path;
use std::process::exit;

use outrigger_scenario::sandbox::{Place, enter};
use outrigger_scenario::{Engine, Options, Silent, load, run as run_scenario};
use outrigger_testkit::binary;

/// Runs a folder's scenario and prints the verdict.
pub fn run(directory: &Path) {
    inside();
    let scenario = load(directory).unwrap_or_else(|findings| {
        let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
        panic!("{}", lines.join("\n"))
    });
    let options = Options {
        engine: Engine::Native,
        requests: None,
        keep: false,
        outrigger: std::env::current_exe().unwrap(),
        proxy: "/nonexistent".into(),
        hello: binary("hello"),
        envoy: None,
    };
    let verdict = run_scenario(&scenario, options, &mut Silent);
    println!("{}", serde_json::to_string(&verdict).unwrap());
    exit(i32::from(!verdict.passed));
}

/// Succeeds where scenarios can run.
pub fn probe() {
    inside();
}

fn inside() {
    match enter() {
        Ok(Place::Inside) => {}
        Ok(Place::Outside(code)) => exit(code.into()),
        Err(problem) => {
            eprintln!("{problem}");
            exit(2);
        }
    }
}
