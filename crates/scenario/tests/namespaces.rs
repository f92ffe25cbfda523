//! Runs of whole scenarios in real namespaces, with plain hosts: the network, the names, the
//! processes, and that nothing of it is left behind. What a mesh does is tested by the examples.
//!
//! This program plays three parts: the tests; with `run DIR` the runner, as `outrigger demo` does; with
//! `up …` the control plane, which knows two names and is always in sync.

// All of this is test code, outside of test functions, which is where the lint looks for it.
#![allow(clippy::unwrap_used)]

#[path = "namespaces/control.rs"]
mod control;
#[path = "namespaces/runner.rs"]
mod runner;

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use outrigger_testkit::wait_until;
use serde_json::Value;

/// The one test that may be skipped where the others can run: root cannot always play somebody else.
const ORDINARY: &str = "an_ordinary_user_can_run_scenarios";

const PATIENCE: Duration = Duration::from_secs(30);

/// `run` and `up` see other arguments; a test sees its name.
type Test = (&'static str, fn());

const TESTS: &[Test] = &[
    ("hosts_reach_each_other_by_address_and_by_name_on_both_families", hosts_reach_each_other),
    (ORDINARY, an_ordinary_user_can_run_scenarios),
    ("a_step_that_sees_something_else_fails_with_what_it_saw", a_step_that_sees_something_else_fails),
    ("hosts_can_be_stopped_killed_and_started_again", hosts_can_be_stopped_killed_and_started),
    ("two_runs_at_the_same_time_do_not_meet", two_runs_at_the_same_time_do_not_meet),
    ("ctrl_c_ends_a_run_and_leaves_nothing", ctrl_c_ends_a_run_and_leaves_nothing),
    ("nothing_is_left_of_a_killed_run", nothing_is_left_of_a_killed_run),
    ("names_resolve_for_the_system_resolver_too", names_resolve_for_the_system_resolver),
];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some("up") => control::serve(),
        Some("run") => runner::run(Path::new(&words[1])),
        Some("probe") => runner::probe(),
        _ => run_tests(words.iter().find(|word| !word.starts_with('-'))),
    }
}

fn run_tests(filter: Option<&String>) {
    let probe = own_program().arg("probe").output().unwrap();
    for (name, test) in TESTS.iter().filter(|(name, _)| filter.is_none_or(|f| name.contains(f.as_str()))) {
        if probe.status.success() {
            test();
            println!("test {name} ... ok");
        } else {
            println!("SKIPPED: {name}: {}", String::from_utf8_lossy(&probe.stderr).replace('\n', " "));
        }
    }
}

fn own_program() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.stdin(Stdio::null());
    command
}

/// A folder with a scenario, and one for the files of its runs.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(scenario: &str) -> Folder {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("scenario.yaml"), scenario).unwrap();
        fs::create_dir(folder.path().join("tmp")).unwrap();
        Command::new("chmod").args(["-R", "a+rwX"]).arg(folder.path()).status().unwrap();
        Folder(folder)
    }

    fn run(&self) -> Command {
        let mut command = own_program();
        command.arg("run").arg(self.0.path()).env("TMPDIR", self.0.path().join("tmp"));
        command
    }

    fn is_clean(&self) -> bool {
        fs::read_dir(self.0.path().join("tmp")).unwrap().next().is_none()
    }
}

fn verdict(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_str(&text).unwrap_or_else(|problem| panic!("{problem}: {text:?} {said}"))
}

fn passes(output: &Output) {
    let verdict = verdict(output);
    assert_eq!(verdict["passed"], true, "{verdict:#}");
    assert!(output.status.success());
}

const GREETINGS: &str = "
name: greetings
hosts:
- {name: front, kind: vm, address: 192.168.0.1, app: {run: hello, env: {HTTP_HELLO_BACKEND: back}}}
- {name: back, kind: vm, address: [172.18.1.97, 'fd00::97'], app: {run: hello, version: v2}}
- {name: six, kind: vm, address: 'fd00::6', app: {run: hello, version: v3, port: 80}}
- {name: client, kind: client}
steps:
- wait: {synced: true, within: 5s}
- request:
    {from: client, url: 'http://192.168.0.1:8001/hello/eric', count: 100, concurrency: 3, expect: {status: {200: 1.0},
    failed: 0, shares: {'^Hello eric\\(192.168.0.1\\)<-Bonjour eric\\(172.18.1.97\\)$': 1.0}}}
- request: {from: client, url: 'http://back:8001/hello/x', expect: {shares: {'^Bonjour x': 1.0}}}
- request: {from: client, url: 'http://back.default.svc.cluster.local:8001/hello/x', expect: {status: {200: 1}}}
- request: {from: back, url: 'http://six.internal/hello/x', expect: {shares: {'^Hola x\\(fd00::6\\)$': 1.0}}}
- request: {from: six, url: 'http://[fd00::97]:8001/hello/x', expect: {status: {200: 1}}}
- request: {from: client, url: 'http://192.168.0.1:8001/none', expect: {status: {404: 1}, failed: 0}}
";

fn hosts_reach_each_other() {
    let folder = Folder::new(GREETINGS);
    passes(&folder.run().output().unwrap());
    assert!(folder.is_clean());
}

fn an_ordinary_user_can_run_scenarios() {
    let folder = Folder::new(GREETINGS);
    let mut command = folder.run();
    if !as_ordinary_user(ORDINARY, &mut command) {
        return;
    }
    passes(&command.output().unwrap());
    assert!(folder.is_clean());
}

/// Has a command run without privileges; prints a skip and says no where that is impossible.
fn as_ordinary_user(test: &str, command: &mut Command) -> bool {
    const NOBODY: u32 = 65534;
    // SAFETY: geteuid only returns a number.
    if unsafe { libc::geteuid() } != 0 {
        return true;
    }
    let probe = own_program().arg("probe").uid(NOBODY).gid(NOBODY).output();
    let possible = probe.is_ok_and(|probe| probe.status.success());
    if possible {
        command.uid(NOBODY).gid(NOBODY);
    } else {
        println!("SKIPPED: {test}: the user nobody cannot make namespaces, or not reach this program");
    }
    possible
}

fn a_step_that_sees_something_else_fails() {
    let folder = Folder::new(
        "
name: wrong
hosts:
- {name: app, kind: vm, address: 10.0.0.1, app: {run: hello}}
- {name: client, kind: client}
steps:
- request: {from: client, url: 'http://10.0.0.1:8001/hello/x', count: 3, expect: {shares: {'^Hola': 1}}}
- request: {from: client, url: 'http://10.0.0.2/'}
- request: {from: client, url: 'http://nobody/'}
- delete: Service/default/none
",
    );
    let output = folder.run().output().unwrap();
    let verdict = verdict(&output);
    assert!(!output.status.success());
    assert_eq!(verdict["steps"][0]["checks"][0]["seen"], "0 % (0 of 3)");
    assert_eq!(verdict["steps"][0]["answers"][0]["text"], "Hello x(10.0.0.1)");
    let text = |step: usize| verdict["steps"][step]["answers"][0]["text"].as_str().unwrap().to_owned();
    assert!(text(1).starts_with("cannot connect to 10.0.0.2"), "{}", text(1));
    assert_eq!(text(2), "no address for nobody");
    assert_eq!(verdict["steps"][3]["error"], "there is no object Service/default/none");
}

fn hosts_can_be_stopped_killed_and_started() {
    let folder = Folder::new(
        "
name: lives
hosts:
- {name: app, kind: vm, address: 10.0.0.1, app: {run: versioned, version: v7}}
- {name: other, kind: vm, address: 10.0.0.2, app: {run: http}}
- {name: client, kind: client}
steps:
- load: {from: client, url: 'http://10.0.0.2:8001/', rps: 200, until: end}
- request: {from: client, url: 'http://10.0.0.1:8001/env/version', expect: {shares: {^v7$: 1}}}
- stop: app
- request: {from: client, url: 'http://10.0.0.1:8001/', expect: {failed: 1, shares: {'': 0}}}
- start: app
- request: {from: client, url: 'http://10.0.0.1:8001/health', expect: {status: {200: 1}}}
- kill: app
- request: {from: client, url: 'http://10.0.0.1:8001/', expect: {failed: 1, shares: {'': 0}}}
- start: app
- request: {from: client, url: 'http://10.0.0.1:8001/health', expect: {status: {200: 1}}}
",
    );
    let output = folder.run().output().unwrap();
    passes(&output);
    let verdict = verdict(&output);
    let load = &verdict["steps"][0];
    assert_eq!(load["checks"][0]["what"], "failed");
    assert!(load["answers"][0]["count"].as_u64().unwrap() > 20, "{load:#}");
}

fn two_runs_at_the_same_time_do_not_meet() {
    let folders = [Folder::new(GREETINGS), Folder::new(GREETINGS)];
    let runs = folders
        .each_ref()
        .map(|folder| folder.run().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    for run in runs {
        passes(&run.wait_with_output().unwrap());
    }
}

/// A scenario that takes long, and how its processes can be found from outside.
fn long_run() -> (Folder, String) {
    let mark = format!("mark-{}-{:?}", std::process::id(), std::time::SystemTime::now())
        .replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let folder = Folder::new(&format!(
        "
name: long
hosts:
- {{name: app, kind: vm, address: 10.0.0.1, app: {{run: http, name: {mark}}}}}
steps:
- request: {{from: app, url: 'http://10.0.0.1:8001/delay/60000', timeout: 100s}}
"
    ));
    (folder, mark)
}

/// Processes of the machine whose command line has a word.
fn processes(word: &str) -> usize {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| fs::read_to_string(entry.path().join("cmdline")).ok());
    lines.filter(|line| line.split('\0').any(|w| w == word)).count()
}

fn ctrl_c_ends_a_run_and_leaves_nothing() {
    let (folder, mark) = long_run();
    let run = folder.run().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until("the app", PATIENCE, || (processes(&mark) > 0).then_some(()));
    // SAFETY: the child has not been waited for, so the id is still its own.
    unsafe { libc::kill(libc::pid_t::try_from(run.id()).unwrap(), libc::SIGINT) };
    let output = run.wait_with_output().unwrap();
    assert!(!output.status.success());
    assert_eq!(verdict(&output)["error"], "interrupted");
    assert_eq!(processes(&mark), 0);
    assert!(folder.is_clean());
}

fn nothing_is_left_of_a_killed_run() {
    for ordinary in [false, true] {
        let (folder, mark) = long_run();
        let mut command = folder.run();
        if ordinary && !as_ordinary_user(ORDINARY, &mut command) {
            return;
        }
        let mut run = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait_until("the app", PATIENCE, || (processes(&mark) > 0).then_some(()));
        run.kill().unwrap();
        run.wait().unwrap();
        wait_until("the end of all processes", PATIENCE, || (processes(&mark) == 0).then_some(()));
        // Files cannot go by themselves; the next run of the same user removes them.
        assert!(!folder.is_clean());
        fs::write(folder.0.path().join("scenario.yaml"), "name: empty\n").unwrap();
        let mut command = folder.run();
        if ordinary {
            as_ordinary_user(ORDINARY, &mut command);
        }
        passes(&command.output().unwrap());
        assert!(folder.is_clean());
    }
}

fn names_resolve_for_the_system_resolver() {
    // The greeting app asks the C library for its backend; search domains are those of the namespace.
    let folder = Folder::new(
        "
name: names
hosts:
- {name: front, kind: vm, address: 10.0.0.1, namespace: shop, app: {run: hello, env: {HTTP_HELLO_BACKEND: near}}}
- {name: b, kind: vm, address: 10.0.0.2, app: {run: hello, version: v2}}
- {name: lost, kind: vm, address: 10.0.0.3, app: {run: hello, env: {HTTP_HELLO_BACKEND: near}}}
steps:
- request: {from: b, url: 'http://10.0.0.1:8001/hello/x', expect: {shares: {'<-Bonjour x\\(10.0.0.2\\)$': 1}}}
- request: {from: b, url: 'http://10.0.0.3:8001/hello/x', expect: {status: {502: 1}, failed: 0}}
",
    );
    passes(&folder.run().output().unwrap());
}
