//! The place where a scenario runs: namespaces of its own, so that nothing of it touches the
//! machine, and so that all of it goes when it ends.
//!
//! [`enter`] runs the program again, with the same arguments, as the first process of a new PID
//! namespace (and mount, network and, for ordinary users, user namespace):
//!
//! ```text
//! the program as started ── guard: holds the namespaces' first process ── the program, inside
//! ```
//!
//! Each dies with its parent (PR_SET_PDEATHSIG), and with the innermost one the kernel kills all that
//! it started, grandchildren too, whatever became of their parents. So even `kill -9` of the outer
//! program leaves no process behind, and with the processes go their network namespaces.

use std::ffi::CStr;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Command;
use std::sync::atomic::{AtomicI32, Ordering};

use thiserror::Error;

/// Set for the program inside.
const MARK: &str = "OUTRIGGER_SANDBOX";

/// Where the program finds itself after [`enter`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Inside: go on.
    Inside,
    /// Outside, and the program inside has ended with this exit code: end with the same one.
    Outside(u8),
}

/// Why there is no place to run in.
#[derive(Debug, Error)]
pub enum SandboxError {
    /// The kernel refuses namespaces.
    #[error("this machine does not let an ordinary user make namespaces: {reason}\n{advice}")]
    Forbidden {
        /// The setting, or what the kernel said.
        reason: String,
        /// What to do.
        advice: String,
    },
    /// The program could not be started again.
    #[error("cannot start the program inside its namespaces: {0}")]
    Start(io::Error),
}

/// Whether this process is the program inside.
pub fn is_inside() -> bool {
    // The first process of its PID namespace and marked: a mark alone could be left in some shell.
    std::process::id() == 1 && std::env::var_os(MARK).is_some()
}

/// Goes inside, or, when already there, says so. To be called before the program prints anything,
/// for all of it runs again inside. Standard input, output and error stay the same.
pub fn enter() -> Result<Place, SandboxError> {
    if is_inside() {
        return Ok(Place::Inside);
    }
    // SAFETY: geteuid only returns a number.
    let root = unsafe { libc::geteuid() } == 0;
    let mut started = Err(io::Error::from_raw_os_error(libc::EPERM));
    if root {
        started = start(&Plan::new(false));
    }
    // Root without CAP_SYS_ADMIN, as in a container, may still be allowed what anybody is.
    if started.as_ref().is_err_and(|problem| problem.raw_os_error() == Some(libc::EPERM)) {
        started = start(&Plan::new(true));
    }
    let mut child = started.map_err(|problem| explain(problem, root))?;
    forward_signals_to(i32::try_from(child.id()).unwrap_or(0));
    let status = child.wait().map_err(SandboxError::Start)?;
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    Ok(Place::Outside(u8::try_from(code).unwrap_or(1)))
}

/// What the child does between fork and exec, where nothing may allocate: all is prepared here.
struct Plan {
    flags: libc::c_int,
    user: bool,
    uid_map: Vec<u8>,
    gid_map: Vec<u8>,
}

impl Plan {
    fn new(user: bool) -> Plan {
        let flags = libc::CLONE_NEWNS | libc::CLONE_NEWNET | libc::CLONE_NEWPID;
        // SAFETY: both only return a number.
        let (uid, gid) = unsafe { (libc::geteuid(), libc::getegid()) };
        Plan {
            flags: if user { flags | libc::CLONE_NEWUSER } else { flags },
            user,
            uid_map: format!("0 {uid} 1").into_bytes(),
            gid_map: format!("0 {gid} 1").into_bytes(),
        }
    }

    /// Runs in the child of `start`, which has one thread. Returns in the grandchild, which is the
    /// first process of the new PID namespace; the child itself stays as the guard.
    fn go_inside(&self) -> io::Result<()> {
        // SAFETY: no pointers are involved.
        check(unsafe { libc::unshare(self.flags) })?;
        if self.user {
            write_file(c"/proc/self/setgroups", b"deny")?;
            write_file(c"/proc/self/uid_map", &self.uid_map)?;
            write_file(c"/proc/self/gid_map", &self.gid_map)?;
        }
        die_with_parent()?;
        // SAFETY: a plain fork by system call; libc's own would run handlers that other threads of
        // the program may hold locks of.
        let first =
            check(
                unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0_usize, 0_usize, 0_usize, 0_usize) }
                    as libc::c_int,
            )?;
        if first == 0 {
            return die_with_parent();
        }
        guard(first)
    }
}

fn start(plan: &Plan) -> io::Result<std::process::Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(std::env::args_os().skip(1)).env(MARK, "1");
    let (flags, user) = (plan.flags, plan.user);
    let plan = Plan { flags, user, uid_map: plan.uid_map.clone(), gid_map: plan.gid_map.clone() };
    // SAFETY: the closure makes system calls only and does not allocate.
    unsafe { command.pre_exec(move || plan.go_inside()) };
    command.spawn()
}

/// Waits for the process inside and ends as it does. It never returns.
fn guard(first: libc::pid_t) -> ! {
    forward_signals_to(first);
    // SAFETY: closes what the program had open, the pipe among it on which `spawn` waits for the
    // exec; nothing of it is used here any more.
    unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
    let mut status = 0;
    loop {
        // SAFETY: `status` is valid to write to.
        let ended = unsafe { libc::waitpid(first, &mut status, 0) };
        if ended == first {
            let code = if libc::WIFEXITED(status) {
                libc::WEXITSTATUS(status)
            } else {
                128 + libc::WTERMSIG(status)
            };
            // SAFETY: ends the process without running anything of the program.
            unsafe { libc::_exit(code) };
        }
        if ended == -1 && io::Error::last_os_error().raw_os_error() != Some(libc::EINTR) {
            // SAFETY: as above.
            unsafe { libc::_exit(1) };
        }
    }
}

/// Has this process killed when the thread that started it ends.
pub fn die_with_parent() -> io::Result<()> {
    // SAFETY: no pointers are involved.
    check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) }).map(drop)
}

/// Whom the handler passes signals to.
static NEXT: AtomicI32 = AtomicI32::new(0);

/// Passes on what asks for an end. Ctrl-C reaches all of the terminal's group anyway; it is the
/// program inside that decides what to do.
fn forward_signals_to(process: libc::pid_t) {
    extern "C" fn forward(signal: libc::c_int) {
        // SAFETY: kill may be called in a signal handler.
        unsafe { libc::kill(NEXT.load(Ordering::Relaxed), signal) };
    }
    NEXT.store(process, Ordering::Relaxed);
    let handler: extern "C" fn(libc::c_int) = forward;
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT] {
        // SAFETY: the handler makes one system call only.
        unsafe { libc::signal(signal, handler as libc::sighandler_t) };
    }
}

fn write_file(path: &CStr, content: &[u8]) -> io::Result<()> {
    // SAFETY: the path ends with a NUL.
    let file = check(unsafe { libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC) })?;
    // SAFETY: the content is valid for its length.
    let written = unsafe { libc::write(file, content.as_ptr().cast(), content.len()) };
    let result = if written < 0 { Err(io::Error::last_os_error()) } else { Ok(()) };
    // SAFETY: the file was opened above and is used no more.
    unsafe { libc::close(file) };
    result
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Settings that forbid namespaces: file below /proc/sys, the value that forbids, one that allows.
const SETTINGS: [(&str, &str, &str); 3] = [
    ("kernel/unprivileged_userns_clone", "0", "1"),
    ("kernel/apparmor_restrict_unprivileged_userns", "1", "0"),
    ("user/max_user_namespaces", "0", "10000"),
];

fn explain(problem: io::Error, root: bool) -> SandboxError {
    if !matches!(problem.raw_os_error(), Some(libc::EPERM | libc::ENOSPC | libc::EUSERS | libc::EACCES)) {
        return SandboxError::Start(problem);
    }
    let read = |setting: &str| std::fs::read_to_string(format!("/proc/sys/{setting}")).unwrap_or_default();
    forbidden(&problem, root, &command_line(), read)
}

/// The message that names the setting and the way around it.
fn forbidden(problem: &io::Error, root: bool, command: &str, read: impl Fn(&str) -> String) -> SandboxError {
    let found = SETTINGS.into_iter().find(|(setting, forbids, _)| read(setting).trim() == *forbids);
    let dotted = |setting: &str| setting.replace('/', ".");
    let reason = match found {
        Some((setting, forbids, _)) => format!("{} is {forbids}", dotted(setting)),
        None => problem.to_string(),
    };
    let mut advice = String::new();
    if let Some((setting, _, allows)) = found {
        advice = format!("Allow it:   sudo sysctl -w {}={allows}\n", dotted(setting));
    }
    advice += &if root {
        "In a container, start it with --privileged, or with --cap-add SYS_ADMIN and NET_ADMIN.".to_owned()
    } else {
        format!("Or as root: sudo {command}")
    };
    SandboxError::Forbidden { reason, advice }
}

fn command_line() -> String {
    let words: Vec<String> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(root: bool, setting: &'static str, value: &'static str) -> String {
        let problem = io::Error::from_raw_os_error(libc::EPERM);
        let read = |name: &str| if name == setting { format!("{value}\n") } else { String::new() };
        forbidden(&problem, root, "outrigger demo whoami", read).to_string()
    }

    #[test]
    fn the_message_names_the_setting_and_the_form_with_sudo() {
        let text = message(false, "kernel/apparmor_restrict_unprivileged_userns", "1");
        assert!(text.contains("kernel.apparmor_restrict_unprivileged_userns is 1"), "{text}");
        assert!(text.contains("sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"), "{text}");
        assert!(text.contains("sudo outrigger demo whoami"), "{text}");
        assert!(message(false, "user/max_user_namespaces", "0").contains("user.max_user_namespaces is 0"));
        assert!(message(false, "none", "").contains("Operation not permitted"));
    }

    #[test]
    fn a_test_process_is_not_inside() {
        assert!(!is_inside());
    }
}
