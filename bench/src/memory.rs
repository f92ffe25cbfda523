//! Resident memory: idle, after load, and with a thousand clusters some time after the last push.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;

use crate::Plan;
use crate::contestants::{Contestant, control_plane, proxy};
use crate::load;
use crate::manifests;
use crate::process::{free_ports, wait_for_port};
use crate::report::{MemoryRow, Report};

/// Services with one endpoint each in the last column.
const SERVICES: usize = 1000;

/// Measures both engines on the same manifests.
pub fn measure(plan: &Plan, report: &mut Report) -> Result<()> {
    for who in [Contestant::Native, Contestant::Envoy] {
        if who == Contestant::Envoy && std::env::var_os("OUTRIGGER_ENVOY").is_none() {
            continue;
        }
        eprintln!("memory / {}", who.name());
        let folder = tempfile::tempdir()?;
        report.memory.push(one(who, plan, folder.path())?);
    }
    Ok(())
}

fn one(who: Contestant, plan: &Plan, folder: &Path) -> Result<MemoryRow> {
    let engine = if who == Contestant::Native { "native" } else { "envoy" };
    let directory = folder.join("manifests");
    std::fs::create_dir_all(&directory)?;
    let [http1, http2, port] = free_ports()?;
    let _backend = crate::data::start_backend(http1, http2, folder)?;
    let control = control_plane(&directory, false, folder)?;
    let carrier = proxy(engine, "first", control.xds, folder)?;
    let idle_kib = carrier.resident_kib();

    std::fs::write(directory.join("mesh.yaml"), manifests::http_gateway("first", port, http1, "HTTP"))?;
    wait_for_port(port)?;
    load::http1(port, plan.duration)?;
    let after_load_kib = carrier.resident_kib();

    let mut text = String::new();
    for n in 0..SERVICES {
        let _ = write!(text, "{}{}", manifests::service_of_many(n), manifests::endpoint_of_many(n, 0, 0));
    }
    std::fs::write(directory.join("many.yaml"), text)?;
    // The wait is what is measured: memory that is given back after a push counts as given back.
    std::thread::sleep(plan.settle);
    let many_kib = carrier.resident_kib();
    Ok(MemoryRow { contestant: who.name(), idle_kib, after_load_kib, many_kib })
}
