//! `outrigger demo`.

mod show;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use outrigger_scenario::sandbox::{self, Place};
use outrigger_scenario::{Engine, Listed, Options, Silent, builtin, load, run as run_scenario, schema};

use self::show::Show;
use crate::arguments::{DemoArguments, EngineName};
use crate::{fail, print};

/// Runs a scenario; exit code 0 only if everything held, 2 for wrong usage.
pub fn run(arguments: &DemoArguments) -> ExitCode {
    if arguments.schema {
        print(format_args!("{:#}\n", schema()));
        return ExitCode::SUCCESS;
    }
    if arguments.list {
        return list();
    }
    let folder = match find(&arguments.scenario) {
        Ok(folder) => folder,
        Err(message) => return fail(2, message),
    };
    let scenario = match load(&folder) {
        Ok(scenario) => scenario,
        Err(findings) => {
            findings.iter().for_each(|finding| eprintln!("{finding}"));
            return fail(1, format_args!("{} cannot be run", folder.display()));
        }
    };
    let options = match options(arguments) {
        Ok(options) => options,
        Err(message) => return fail(2, message),
    };
    match sandbox::enter() {
        Ok(Place::Inside) => {}
        Ok(Place::Outside(code)) => return ExitCode::from(code),
        Err(error) => return fail(2, error),
    }
    let verdict = if arguments.json {
        run_scenario(&scenario, options, &mut Silent)
    } else {
        let mut show = Show::new(&scenario.title);
        let verdict = run_scenario(&scenario, options, &mut show);
        show.verdict(&verdict);
        verdict
    };
    if arguments.json {
        match serde_json::to_string_pretty(&verdict) {
            Ok(text) => print(text + "\n"),
            Err(error) => return fail(1, error),
        }
    }
    if verdict.passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn options(arguments: &DemoArguments) -> Result<Options, String> {
    let outrigger = std::env::current_exe().map_err(|e| format!("cannot find this program itself: {e}"))?;
    let beside = |name: &str| {
        let path = outrigger.with_file_name(name);
        let package = if name == "hello" { "outrigger-hello" } else { "outrigger-proxy-cli" };
        let missing =
            || format!("{} is missing; build it with cargo build --package {package}", path.display());
        path.is_file().then(|| path.clone()).ok_or_else(missing)
    };
    let engine = match arguments.engine {
        EngineName::Native => Engine::Native,
        EngineName::Envoy => Engine::Envoy,
    };
    let envoy = arguments.envoy.clone().or_else(|| std::env::var_os("OUTRIGGER_ENVOY").map(PathBuf::from));
    let envoy = envoy.or_else(envoy_of_tests).or_else(envoy_on_path);
    if engine == Engine::Envoy && !envoy.as_deref().is_some_and(Path::is_file) {
        return Err(
            "there is no Envoy here: name its binary with --envoy or OUTRIGGER_ENVOY, put envoy on PATH, \
                    or let `scripts/setup test` install one into target/venv"
                .into(),
        );
    }
    Ok(Options {
        engine,
        requests: arguments.requests,
        keep: arguments.keep,
        proxy: beside("outrigger-proxy")?,
        hello: beside("hello")?,
        envoy,
        outrigger,
    })
}

/// The Envoy that `make test` installs, if this is a checkout where it did.
fn envoy_of_tests() -> Option<PathBuf> {
    let lib = upwards().map(|folder| folder.join("target/venv/lib")).find(|lib| lib.is_dir())?;
    let versions = std::fs::read_dir(lib).ok()?.flatten();
    versions.map(|v| v.path().join("site-packages/envoy/_bin/envoy")).find(|p| p.is_file())
}

fn envoy_on_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("envoy")).find(|p| p.is_file())
}

fn list() -> ExitCode {
    let examples = examples();
    if examples.is_empty() {
        return fail(2, "no folder of examples here; outrigger demo takes any folder with a scenario.yaml");
    }
    for listed in examples {
        print(format_args!("{:<20} {}\n", listed.name, listed.title));
    }
    ExitCode::SUCCESS
}

/// The folder that the user means: a path if there is a scenario in it, else an example's name.
fn find(scenario: &str) -> Result<PathBuf, String> {
    let path = Path::new(scenario);
    if path.is_dir() {
        return Ok(path.to_path_buf());
    }
    let examples = examples();
    if let Some(listed) = examples.iter().find(|l| l.name == scenario) {
        return Ok(listed.directory.clone());
    }
    let names: Vec<&str> = examples.iter().map(|l| l.name.as_str()).collect();
    Err(format!("'{scenario}' is neither a folder nor an example (examples: {})", names.join(", ")))
}

/// The examples of the checkout that this is.
fn examples() -> Vec<Listed> {
    // Cargo has folders named `examples` too, empty ones.
    upwards()
        .map(|folder| builtin(&folder.join("examples")))
        .find(|found| !found.is_empty())
        .unwrap_or_default()
}

/// The current folder and those above it, then those above this program.
fn upwards() -> impl Iterator<Item = PathBuf> {
    let starts = [std::env::current_dir().ok(), std::env::current_exe().ok()].into_iter().flatten();
    starts.flat_map(|start| start.ancestors().map(Path::to_path_buf).collect::<Vec<_>>())
}
