//! Links between machines and the router, made with the program `ip`.

use std::fs;
use std::io::{self, Write};
use std::net::IpAddr;
use std::process::{Command, Stdio};

use crate::network::Machine;

/// What every machine knows the router by.
const ROUTER_V4: &str = "169.254.1.1";
const ROUTER_V6: &str = "fe80::1";

pub fn bring_up_loopback() -> io::Result<()> {
    ip("link set lo up\n")
}

/// Addresses are usable at once instead of after a second of asking around for duplicates.
pub fn skip_duplicate_detection() {
    for scope in ["all", "default"] {
        // Without it things only start a little later.
        let _ = fs::write(format!("/proc/sys/net/ipv6/conf/{scope}/accept_dad"), "0");
    }
}

/// Joins a machine to the router, in whose namespace this is called.
pub fn join(machine: &Machine, number: usize, addresses: &[IpAddr]) -> io::Result<()> {
    let with_v6 = addresses.iter().any(IpAddr::is_ipv6);
    if with_v6 {
        machine.call_blocking(skip_duplicate_detection).map_err(io::Error::other)?;
    }
    let link = format!("host{number}");
    ip(&format!("link add {link} type veth peer name eth0 netns {}\n", machine.thread_id()))?;
    ip(&router_side(&link, addresses))?;
    let own = machine_side(addresses);
    machine.call_blocking(move || ip(&own)).map_err(io::Error::other)?
}

fn router_side(link: &str, addresses: &[IpAddr]) -> String {
    let mut script = format!("link set {link} up\n");
    if addresses.iter().any(IpAddr::is_ipv4) {
        script += &format!("addr add {ROUTER_V4}/32 dev {link}\n");
    }
    if addresses.iter().any(IpAddr::is_ipv6) {
        script += &format!("addr add {ROUTER_V6}/64 dev {link} nodad\n");
    }
    for address in addresses {
        script += &format!("route add {address} dev {link}\n");
    }
    script
}

fn machine_side(addresses: &[IpAddr]) -> String {
    let mut script = "link set lo up\nlink set eth0 up\n".to_owned();
    for address in addresses {
        script += &match address {
            IpAddr::V4(address) => format!("addr add {address}/32 dev eth0\n"),
            IpAddr::V6(address) => format!("addr add {address}/128 dev eth0 nodad\n"),
        };
    }
    if addresses.iter().any(IpAddr::is_ipv4) {
        script += &format!("route add {ROUTER_V4} dev eth0 scope link\n");
        script += &format!("route add default via {ROUTER_V4} dev eth0\n");
    }
    if addresses.iter().any(IpAddr::is_ipv6) {
        script += &format!("route add default via {ROUTER_V6} dev eth0\n");
    }
    script
}

/// Runs a script of `ip` in the network namespace of this thread.
fn ip(script: &str) -> io::Result<()> {
    let started = Command::new("ip")
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = started.map_err(|problem| match problem.kind() {
        io::ErrorKind::NotFound => io::Error::other("there is no program ip; install iproute2"),
        _ => problem,
    })?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(script.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("ip: {}", said.trim().replace('\n', "; "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_its_addresses_alone_and_the_default_route() {
        let addresses = ["172.18.0.216".parse().unwrap(), "fd00::5".parse().unwrap()];
        let machine = machine_side(&addresses);
        assert!(machine.contains("addr add 172.18.0.216/32 dev eth0\n"), "{machine}");
        assert!(machine.contains("route add default via 169.254.1.1 dev eth0\n"), "{machine}");
        assert!(machine.contains("addr add fd00::5/128 dev eth0 nodad\n"), "{machine}");
        assert!(machine.contains("route add default via fe80::1 dev eth0\n"), "{machine}");
        assert!(router_side("host3", &addresses).contains("route add fd00::5 dev host3\n"));
    }
}
