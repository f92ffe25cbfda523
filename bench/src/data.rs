//! The data plane: every way, every contestant, in turns.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::Plan;
use crate::contestants::{self, Backend, Contestant, Way};
use crate::load::{self, Seen};
use crate::process::{Core, Process, free_ports, own_binary, wait_for_port};
use crate::report::{DataRow, Report};

/// One load on one contestant.
#[derive(Debug, Clone, Copy)]
struct Sample {
    seen: Seen,
    cpu_micros: f64,
    resident_kib: u64,
}

/// Measures every way with every contestant that can go it.
pub fn measure(plan: &Plan, report: &mut Report) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let [http1, http2] = free_ports()?;
    let _backend = start_backend(http1, http2, folder.path())?;
    let backend = Backend { http1, http2 };
    for way in Way::ALL {
        let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); Contestant::ALL.len()];
        for round in 0..plan.rounds {
            for (who, samples) in Contestant::ALL.iter().zip(&mut samples) {
                eprintln!("{} / {} / round {}", way.name(), who.name(), round + 1);
                samples.extend(one(*who, way, backend, plan, folder.path())?);
            }
        }
        for (who, samples) in Contestant::ALL.iter().zip(&samples) {
            report.data.push(row(*who, way, samples));
        }
    }
    Ok(())
}

/// Starts the server behind all contestants.
pub fn start_backend(http1: u16, http2: u16, folder: &Path) -> Result<Process> {
    let mut command = Command::new(own_binary("outrigger-bench")?);
    command.args(["backend", &http1.to_string(), &http2.to_string()]);
    let process = Process::start(command, Core::Load, &folder.join("backend.log"))?;
    wait_for_port(http1)?;
    wait_for_port(http2)?;
    Ok(process)
}

fn one(who: Contestant, way: Way, backend: Backend, plan: &Plan, folder: &Path) -> Result<Option<Sample>> {
    let Some(ready) = contestants::start(who, way, backend, folder)? else { return Ok(None) };
    let load = |duration| match way {
        Way::Http2 => load::http2(ready.port, duration, folder),
        _ => load::http1(ready.port, duration),
    };
    // Pools, caches and branch predictors warm up outside the measurement.
    load(plan.duration / 5)?;
    let cpu = || ready.carriers.iter().map(Process::cpu).sum::<std::time::Duration>();
    let before = cpu();
    let seen = load(plan.duration)?;
    let used = cpu() - before;
    Ok(Some(Sample {
        seen,
        cpu_micros: used.as_secs_f64() * 1e6 / seen.requests.max(1) as f64,
        resident_kib: ready.carriers.iter().map(Process::resident_kib).max().unwrap_or(0),
    }))
}

fn row(who: Contestant, way: Way, samples: &[Sample]) -> DataRow {
    let mut by_cpu = samples.to_vec();
    by_cpu.sort_by(|a, b| a.cpu_micros.total_cmp(&b.cpu_micros));
    let median = by_cpu.get(by_cpu.len() / 2);
    DataRow {
        way: way.name(),
        contestant: who.name(),
        cpu_micros: median.map(|s| s.cpu_micros),
        rps: median.map(|s| s.seen.rps),
        p50_micros: median.map(|s| s.seen.p50.as_secs_f64() * 1e6),
        p99_micros: median.map(|s| s.seen.p99.as_secs_f64() * 1e6),
        resident_kib: median.map(|s| s.resident_kib),
    }
}
