//! `make bench`: Outrigger measured beside its peers in one run.
//!
//! Absolute times drift from machine to machine and from run to run; ratios within one run hold. So
//! contestants alternate, three rounds, the median counts, and CPU time per request comes before
//! requests per second. Contestants run on one core, load and backend on another.

mod backend;
mod clients;
mod contestants;
mod control;
mod data;
mod load;
mod manifests;
mod memory;
mod process;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};

const USAGE: &str = "usage: outrigger-bench [--quick] [--only data|memory|control] [--json FILE]";

/// How much is measured.
pub struct Plan {
    /// Time of each load.
    pub duration: Duration,
    /// Rounds of each row; the median counts.
    pub rounds: usize,
    /// Quiet time after the last push before memory is read.
    pub settle: Duration,
    /// Changes of each kind that the control plane's latency is measured on.
    pub changes: usize,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.first().map(String::as_str) {
        Some("backend") => backend::run(&arguments[1..]),
        Some("clients") => clients::run(&arguments[1..]),
        _ => run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let mut plan =
        Plan { duration: Duration::from_secs(5), rounds: 3, settle: Duration::from_secs(30), changes: 200 };
    let (mut only, mut json) = (None, PathBuf::from("target/bench.json"));
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match (argument.as_str(), rest.as_slice().first()) {
            ("--quick", _) => {
                plan = Plan {
                    duration: Duration::from_secs(1),
                    rounds: 1,
                    settle: Duration::from_secs(2),
                    changes: 20,
                }
            }
            ("--only", Some(what)) => {
                only = Some(what.to_string());
                rest.next();
            }
            ("--json", Some(file)) => {
                json = file.into();
                rest.next();
            }
            _ => bail!("{USAGE}"),
        }
    }
    let wanted = |part: &str| only.as_deref().is_none_or(|o| o == part);
    let mut report = report::Report::default();
    if wanted("data") {
        data::measure(&plan, &mut report)?;
    }
    if wanted("memory") {
        memory::measure(&plan, &mut report)?;
    }
    if wanted("control") {
        control::measure(&plan, &mut report)?;
    }
    report.write(&json)?;
    println!("{report}");
    println!("numbers as JSON: {}", json.display());
    Ok(())
}
