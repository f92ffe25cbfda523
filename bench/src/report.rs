//! The numbers, as a table and as JSON.

use std::fmt;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

/// Everything that was measured.
#[derive(Debug, Default)]
pub struct Report {
    /// The data plane.
    pub data: Vec<DataRow>,
    /// Memory of proxies.
    pub memory: Vec<MemoryRow>,
    /// The control plane: what, and how much in which unit.
    pub control: Vec<(&'static str, f64, &'static str)>,
}

/// A way and a contestant; `None`: it cannot, or is not installed.
#[derive(Debug)]
pub struct DataRow {
    pub way: &'static str,
    pub contestant: &'static str,
    pub cpu_micros: Option<f64>,
    pub rps: Option<f64>,
    pub p50_micros: Option<f64>,
    pub p99_micros: Option<f64>,
    pub resident_kib: Option<u64>,
}

/// Memory of a proxy.
#[derive(Debug)]
pub struct MemoryRow {
    pub contestant: &'static str,
    pub idle_kib: u64,
    pub after_load_kib: u64,
    pub many_kib: u64,
}

impl Report {
    /// Writes the numbers as JSON.
    pub fn write(&self, file: &Path) -> Result<()> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        Ok(std::fs::write(file, serde_json::to_string_pretty(&self.json())?)?)
    }

    fn json(&self) -> Value {
        let data: Vec<Value> = self
            .data
            .iter()
            .map(|r| {
                json!({
                    "way": r.way, "contestant": r.contestant, "cpuMicrosPerRequest": r.cpu_micros,
                    "requestsPerSecond": r.rps, "p50Micros": r.p50_micros, "p99Micros": r.p99_micros,
                    "residentKiB": r.resident_kib,
                })
            })
            .collect();
        let memory: Vec<Value> = self
            .memory
            .iter()
            .map(|r| {
                json!({
                    "contestant": r.contestant, "idleKiB": r.idle_kib, "afterLoadKiB": r.after_load_kib,
                    "thousandServicesKiB": r.many_kib,
                })
            })
            .collect();
        let control: Vec<Value> = self
            .control
            .iter()
            .map(|(what, n, unit)| json!({ "what": what, "value": n, "unit": unit }))
            .collect();
        json!({ "version": 1, "data": data, "memory": memory, "control": control })
    }
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or("n/a".to_string(), |v| format!("{v:.digits$}"))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.data.is_empty() {
            writeln!(
                f,
                "{:<28} {:<10} {:>10} {:>8} {:>9} {:>9} {:>9} {:>8}",
                "way", "contestant", "CPU us/req", "of envoy", "rps", "p50 us", "p99 us", "RSS MB"
            )?;
        }
        for row in &self.data {
            let envoy = self.data.iter().find(|r| r.way == row.way && r.contestant == "envoy");
            let share = envoy.and_then(|e| Some(row.cpu_micros? / e.cpu_micros?));
            writeln!(
                f,
                "{:<28} {:<10} {:>10} {:>8} {:>9} {:>9} {:>9} {:>8}",
                row.way,
                row.contestant,
                number(row.cpu_micros, 1),
                number(share, 2),
                number(row.rps, 0),
                number(row.p50_micros, 0),
                number(row.p99_micros, 0),
                number(row.resident_kib.map(|k| k as f64 / 1024.0), 1)
            )?;
        }
        if !self.memory.is_empty() {
            writeln!(f, "\n{:<12} {:>9} {:>14} {:>22}", "RSS in MB", "idle", "after load", "1000 services")?;
        }
        for row in &self.memory {
            let mb = |kib: u64| format!("{:.1}", kib as f64 / 1024.0);
            writeln!(
                f,
                "{:<12} {:>9} {:>14} {:>22}",
                row.contestant,
                mb(row.idle_kib),
                mb(row.after_load_kib),
                mb(row.many_kib)
            )?;
        }
        if !self.control.is_empty() {
            writeln!(f, "\ncontrol plane: 1000 services of 10 endpoints, 100 delta ADS clients")?;
        }
        for (what, value, unit) in &self.control {
            writeln!(f, "{what:<44} {value:>10.1} {unit}")?;
        }
        Ok(())
    }
}
