//! The network of a scenario: every host a machine of its own, all joined by a router without any
//! way out.
//!
//! The router is the network namespace that the sandbox gave this process. Between it and each
//! machine stands one pair of links; the machine's end carries exactly the host's addresses (/32 or
//! /128) and its default route, so that addresses which nobody has can be captured on their way, and
//! the router has one route for each address.

mod links;
mod machine;
mod process;

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::Path;

use thiserror::Error;

pub use machine::{Gone, Machine};
pub use process::{Process, ProcessSpec};

/// Why a network could not be set up.
#[derive(Debug, Error)]
pub enum NetworkError {
    /// A thread with namespaces of its own could not be had.
    #[error("cannot make the machine {name}: {problem}")]
    Machine {
        /// The host.
        name: String,
        /// What failed.
        problem: io::Error,
    },
    /// The program `ip` is missing or failed.
    #[error("cannot link the machine {name}: {problem}")]
    Link {
        /// The host.
        name: String,
        /// What failed.
        problem: io::Error,
    },
    /// The router does not forward.
    #[error("cannot switch on forwarding between the machines: {0}")]
    Forwarding(io::Error),
    /// The mounts of the sandbox could not be made private.
    #[error("cannot separate the mounts of the sandbox: {0}")]
    Mounts(io::Error),
}

/// Makes this process, which is inside the sandbox, the router.
pub fn become_router(with_v6: bool) -> Result<(), NetworkError> {
    machine::separate_mounts().map_err(NetworkError::Mounts)?;
    links::bring_up_loopback()
        .map_err(|problem| NetworkError::Link { name: "router".to_owned(), problem })?;
    fs::write("/proc/sys/net/ipv4/ip_forward", "1").map_err(NetworkError::Forwarding)?;
    if with_v6 {
        fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1").map_err(NetworkError::Forwarding)?;
        links::skip_duplicate_detection();
    }
    Ok(())
}

/// A new machine with these addresses, joined to the router. `etc` is a folder whose files stand in
/// for those of /etc.
pub fn machine(name: &str, number: usize, addresses: &[IpAddr], etc: &Path) -> Result<Machine, NetworkError> {
    let machine = Machine::start(name, etc)
        .map_err(|problem| NetworkError::Machine { name: name.to_owned(), problem })?;
    links::join(&machine, number, addresses)
        .map_err(|problem| NetworkError::Link { name: name.to_owned(), problem })?;
    Ok(machine)
}
