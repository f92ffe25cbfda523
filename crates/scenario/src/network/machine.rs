//! A machine: one thread in network, mount and host-name namespaces of its own.
//!
//! Namespaces belong to threads, and new processes inherit those of the thread that starts them. So
//! whatever concerns a machine (its processes, its name server, the requests it sends) runs as a job
//! on its thread, on a runtime of the thread's own. When the thread ends, so do its processes.

use std::ffi::{CStr, CString};
use std::fs;
use std::future::Future;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::pin::Pin;
use std::thread::JoinHandle;

use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;

type Job = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// The machine's thread has ended.
#[derive(Debug, Clone, Copy, Error)]
#[error("the machine is gone")]
pub struct Gone;

/// A handle to a machine; dropping it ends the machine and all that runs there.
pub struct Machine {
    name: String,
    thread_id: libc::pid_t,
    // Taken while dropping: the thread ends when nobody can send it jobs.
    jobs: Option<mpsc::UnboundedSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Machine {
    /// Starts the thread and separates it. See [`super::machine`].
    pub(super) fn start(name: &str, etc: &Path) -> io::Result<Machine> {
        let (jobs, queue) = mpsc::unbounded_channel();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let (host_name, etc) = (name.to_owned(), etc.to_owned());
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let runtime = separate(&host_name, &etc)
                .and_then(|()| tokio::runtime::Builder::new_current_thread().enable_all().build());
            match runtime {
                Ok(runtime) => {
                    // SAFETY: gettid only returns a number.
                    let _ = ready.send(Ok(unsafe { libc::gettid() }));
                    LocalSet::new().block_on(&runtime, work(queue));
                    // A name look-up or the like that still blocks must not hold up the end.
                    runtime.shutdown_background();
                }
                Err(problem) => {
                    let _ = ready.send(Err(problem));
                }
            }
        })?;
        let thread_id = is_ready.recv().unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()))?;
        Ok(Machine { name: name.to_owned(), thread_id, jobs: Some(jobs), thread: Some(thread) })
    }

    /// The host's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// By which other programs find the network namespace.
    pub(super) fn thread_id(&self) -> libc::pid_t {
        self.thread_id
    }

    /// Runs a job there and waits for what it returns. Dropping the future does not stop the job.
    pub fn call<T, F, J>(&self, job: J) -> impl Future<Output = Result<T, Gone>> + use<T, F, J>
    where
        J: FnOnce() -> F + Send + 'static,
        T: Send + 'static,
        F: Future<Output = T> + 'static,
    {
        let (done, result) = oneshot::channel();
        let work: Job = Box::new(move || {
            let future = job();
            Box::pin(async move {
                // Nobody listens if the caller gave up.
                let _ = done.send(future.await);
            })
        });
        let sent = self.jobs.as_ref().is_some_and(|jobs| jobs.send(work).is_ok());
        async move { if sent { result.await.map_err(|_| Gone) } else { Err(Gone) } }
    }

    /// As [`Self::call`], for threads without a runtime.
    pub fn call_blocking<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Gone> {
        let (done, result) = std::sync::mpsc::channel();
        let work: Job = Box::new(move || {
            let _ = done.send(job());
            Box::pin(async {})
        });
        let sent = self.jobs.as_ref().is_some_and(|jobs| jobs.send(work).is_ok());
        if sent { result.recv().map_err(|_| Gone) } else { Err(Gone) }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn work(mut queue: mpsc::UnboundedReceiver<Job>) {
    while let Some(job) = queue.recv().await {
        tokio::task::spawn_local(job());
    }
}

/// Cuts this process's mounts off from those of the machine, so that nothing mounted here shows
/// there, and shows the processes of the sandbox below /proc.
pub(super) fn separate_mounts() -> io::Result<()> {
    make_mounts_private()?;
    // Refused where parts of /proc are hidden, as in containers; the outer one does too.
    let _ = mount(Some(c"proc"), c"/proc", Some(c"proc"), libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC);
    Ok(())
}

fn make_mounts_private() -> io::Result<()> {
    mount(None, c"/", None, libc::MS_REC | libc::MS_PRIVATE)
}

fn separate(host_name: &str, etc: &Path) -> io::Result<()> {
    // SAFETY: no pointers are involved; only this thread is concerned.
    let result = unsafe { libc::unshare(libc::CLONE_NEWNET | libc::CLONE_NEWNS | libc::CLONE_NEWUTS) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    make_mounts_private()?;
    // SAFETY: the name is valid for its length.
    if unsafe { libc::sethostname(host_name.as_ptr().cast(), host_name.len()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    for entry in fs::read_dir(etc)? {
        let entry = entry?;
        let place = Path::new("/etc").join(entry.file_name());
        // A file that the machine does not have cannot be covered, and has no need to be: without
        // resolv.conf the C library asks 127.0.0.1.
        if place.exists() {
            bind(&entry.path(), &place)?;
        }
    }
    // A name cache of the machine would answer in place of the scenario's name server.
    if Path::new("/run/nscd").is_dir() {
        let _ = mount(Some(c"tmpfs"), c"/run/nscd", Some(c"tmpfs"), 0);
    }
    Ok(())
}

fn bind(file: &Path, place: &Path) -> io::Result<()> {
    let text = |path: &Path| CString::new(path.as_os_str().as_bytes()).map_err(io::Error::from);
    mount(Some(&text(file)?), &text(place)?, None, libc::MS_BIND)
}

fn mount(source: Option<&CStr>, target: &CStr, kind: Option<&CStr>, flags: libc::c_ulong) -> io::Result<()> {
    let pointer = |text: Option<&CStr>| text.map_or(std::ptr::null(), CStr::as_ptr);
    // SAFETY: every pointer is null or a string with a NUL at its end that outlives the call.
    let result =
        unsafe { libc::mount(pointer(source), target.as_ptr(), pointer(kind), flags, std::ptr::null()) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
