//! Which core a worker runs on.

use std::io;
use std::mem;

/// Binds the calling thread to the n-th of the cores that it may use, counted round and round.
pub fn pin_to(n: usize) -> io::Result<()> {
    // SAFETY: cpu_set_t is a plain array of bits, for which zero is a valid value.
    let mut allowed: libc::cpu_set_t = unsafe { mem::zeroed() };
    // SAFETY: the pointer is to a live cpu_set_t of the size that is passed; 0 is this thread.
    if unsafe { libc::sched_getaffinity(0, mem::size_of::<libc::cpu_set_t>(), &mut allowed) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let cores: Vec<usize> = (0..libc::CPU_SETSIZE as usize)
        // SAFETY: the index is below CPU_SETSIZE.
        .filter(|core| unsafe { libc::CPU_ISSET(*core, &allowed) })
        .collect();
    let Some(core) = cores.get(n % cores.len().max(1)) else { return Ok(()) };
    // SAFETY: as above.
    let mut only: libc::cpu_set_t = unsafe { mem::zeroed() };
    // SAFETY: the core came from the same range.
    unsafe { libc::CPU_SET(*core, &mut only) };
    // SAFETY: the pointer is to a live cpu_set_t of the size that is passed; 0 is this thread.
    if unsafe { libc::sched_setaffinity(0, mem::size_of::<libc::cpu_set_t>(), &only) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
