//! Processes with a place to run, and what the kernel says they used.

use std::collections::BTreeSet;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Which core something runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Core {
    /// The contestants' own.
    Contestant,
    /// Everything that makes or answers load, and the control plane.
    Load,
}

/// A running program; killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts a command on a core, its output going to a file.
    pub fn start(mut command: Command, core: Core, log: &Path) -> Result<Process> {
        let file = File::create(log).with_context(|| format!("creating {}", log.display()))?;
        let copy = file.try_clone()?;
        command.stdin(Stdio::null()).stdout(file).stderr(copy);
        pin(&mut command, core);
        let child = command.spawn().with_context(|| format!("starting {:?}", command.get_program()))?;
        Ok(Process { child })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// CPU time that it and its children have used, user and system.
    pub fn cpu(&self) -> Duration {
        // SAFETY: sysconf only reads a number.
        let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) } as f64;
        let used: u64 = family(self.id()).iter().filter_map(|id| cpu_ticks(*id)).sum();
        Duration::from_secs_f64(used as f64 / ticks)
    }

    /// Resident memory in KiB of what carries the traffic: the largest process of the family, which
    /// leaves out a supervisor.
    pub fn resident_kib(&self) -> u64 {
        family(self.id()).iter().filter_map(|id| resident_kib(*id)).max().unwrap_or(0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        for id in family(self.id()).into_iter().filter(|id| *id != self.id()) {
            // SAFETY: a signal to a child of our own child, which is still there.
            unsafe { libc::kill(id as i32, libc::SIGKILL) };
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes a command run on a core and die with this process.
pub fn pin(command: &mut Command, core: Core) {
    let index = match core {
        Core::Contestant => 0,
        Core::Load => 1,
    };
    // SAFETY: sched_setaffinity and prctl are async-signal-safe; the set lives on the stack.
    unsafe {
        command.pre_exec(move || {
            let mut set: libc::cpu_set_t = std::mem::zeroed();
            libc::CPU_SET(index, &mut set);
            // On a machine with one core everything shares it; that is worth less but no error.
            libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set);
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            Ok(())
        });
    }
}

/// A process and all that descend from it.
fn family(root: u32) -> BTreeSet<u32> {
    let mut found = BTreeSet::from([root]);
    let mut waiting = vec![root];
    while let Some(id) = waiting.pop() {
        let tasks = std::fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
        for task in tasks {
            let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            for child in children.split_whitespace().filter_map(|c| c.parse().ok()) {
                if found.insert(child) {
                    waiting.push(child);
                }
            }
        }
    }
    found
}

fn cpu_ticks(id: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name in parentheses may hold spaces; what follows it does not.
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
}

fn resident_kib(id: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    status.lines().find(|l| l.starts_with("VmRSS:"))?.split_whitespace().nth(1)?.parse().ok()
}

/// A program that was built beside this one.
pub fn own_binary(name: &str) -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    if !path.is_file() {
        bail!("{} is missing; run make build first", path.display());
    }
    Ok(path)
}

/// A program of the system; `None` if it is not installed.
pub fn system_binary(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|f| f.join(name)).find(|p| p.is_file())
}

/// Distinct loopback ports that were free a moment ago.
pub fn free_ports<const N: usize>() -> Result<[u16; N]> {
    let mut held = Vec::new();
    for _ in 0..N {
        held.push(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?);
    }
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(&held) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}

/// Waits until something listens on a loopback port.
pub fn wait_for_port(port: u16) -> Result<()> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    wait(&format!("port {port}"), Duration::from_secs(60), || TcpStream::connect(address).is_ok())
}

/// Waits for a condition.
pub fn wait(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) -> Result<()> {
    let deadline = Instant::now() + limit;
    while !condition() {
        if Instant::now() > deadline {
            bail!("waited {limit:?} in vain for {what}");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// `GET path` on a loopback port; the body of a 200.
pub fn fetch(port: u16, path: &str) -> Option<String> {
    use std::io::{Read as _, Write as _};
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.split(' ').nth(1).filter(|s| *s == "200").map(|_| body.to_string())
}
