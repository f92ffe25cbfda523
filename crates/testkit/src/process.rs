use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A program of this workspace, as cargo built it beside the running test.
///
/// # Panics
/// If it has not been built: tests of whole programs run after `cargo build --workspace`.
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let folder = test.parent().and_then(Path::parent).expect("tests lie in target/PROFILE/deps");
    let path = folder.join(name);
    assert!(path.is_file(), "{} is missing; run cargo build --workspace first", path.display());
    path
}

/// The value of an environment variable, or a `SKIPPED` line that says why the test does nothing.
pub fn environment(test: &str, variable: &str) -> Option<String> {
    let value = std::env::var(variable).ok().filter(|v| !v.is_empty());
    if value.is_none() {
        println!("SKIPPED: {test}: {variable} is not set");
    }
    value
}

/// Ports that tests listen on: below those that the kernel gives to outgoing connections, which would
/// take them at any time, and above those of the mesh itself.
const PORTS: std::ops::Range<u32> = 16_000..32_000;

/// How many ports this process has tried.
static TRIED: AtomicU32 = AtomicU32::new(0);

/// A port that nothing listens on and that no other test of this process is given.
pub fn free_port() -> u16 {
    let size = PORTS.end - PORTS.start;
    // Processes that run side by side start at different places.
    let start = std::process::id().wrapping_mul(7_919) % size;
    for _ in 0..size {
        let port = PORTS.start + (start + TRIED.fetch_add(1, Ordering::Relaxed)) % size;
        let port = u16::try_from(port).expect("the range ends below 65536");
        if TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok() {
            return port;
        }
    }
    panic!("no port of {PORTS:?} is free");
}

/// Distinct ones of [`free_port`].
pub fn free_ports(count: usize) -> Vec<u16> {
    (0..count).map(|_| free_port()).collect()
}

/// Waits until `condition` gives a value.
///
/// # Panics
/// If it has none within `limit`; `what` says what was waited for.
pub fn wait_until<T>(what: &str, limit: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited {limit:?} in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A running program. Killed when dropped; its output is kept in a file and shown if a test fails.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
    name: String,
}

impl Process {
    /// Starts a command with its output going to `log`.
    pub fn start(mut command: Command, log: &Path) -> Process {
        let name =
            Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let file = File::options().create(true).append(true).open(log).expect("the log's folder exists");
        let copy = file.try_clone().expect("a file can be opened twice");
        command.stdin(Stdio::null()).stdout(file).stderr(copy);
        // SAFETY: prctl is async-signal-safe; a test that dies takes its processes along.
        unsafe {
            command.pre_exec(|| {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                Ok(())
            });
        }
        let child = command.spawn().unwrap_or_else(|e| panic!("cannot start {name}: {e}"));
        Process { child, log: log.to_path_buf(), name }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed so far.
    pub fn output(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: i32) {
        // SAFETY: the child has not been waited for, so the id is still its own.
        unsafe { libc::kill(self.child.id() as i32, signal) };
    }

    /// Waits for its end.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let what = format!("the end of {}", self.name);
        wait_until(&what, limit, || self.child.try_wait().expect("a child can be waited for"))
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("a child can be waited for").is_none()
    }

    /// Kills it without warning.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Resident memory in KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap_or_default();
        let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap_or("VmRSS: 0");
        line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let output = self.output();
            let tail: Vec<&str> = output.lines().rev().take(30).collect();
            eprintln!("--- last lines of {} ({}):", self.name, self.child.id());
            for line in tail.iter().rev() {
                eprintln!("    {line}");
            }
        }
    }
}
