//! Addresses for hosts that the file gives none.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::Host;
use crate::read::findings::Findings;

/// The name of the host that the control plane runs on.
pub const CONTROL: &str = "control";

/// Where the control plane is, out of the way of what is handed out.
const CONTROL_V4: Ipv4Addr = Ipv4Addr::new(10, 99, 255, 2);
const CONTROL_V6: Ipv6Addr = Ipv6Addr::new(0xfd99, 0, 0, 0, 0, 0, 0xffff, 2);

/// The first of the addresses that are handed out: 10.99.1.1, so that a scenario's author can use
/// the low ones of 10.99.0.0/16 without a thought.
const FIRST: u16 = 0x0101;

/// The addresses of the control plane's host: IPv6 too where the scenario uses it.
pub fn of_control(hosts: &[Host]) -> Vec<IpAddr> {
    let mut addresses = vec![IpAddr::V4(CONTROL_V4)];
    if hosts.iter().flat_map(|host| &host.addresses).any(IpAddr::is_ipv6) {
        addresses.push(CONTROL_V6.into());
    }
    addresses
}

/// Checks the given addresses and fills in the missing ones, in the order of the file, so that
/// every run of a scenario gives the same.
pub fn complete(hosts: &mut [Host], findings: &mut Findings) {
    let mut taken: BTreeSet<IpAddr> = BTreeSet::from([CONTROL_V4.into(), CONTROL_V6.into()]);
    for (index, host) in hosts.iter().enumerate() {
        for address in &host.addresses {
            if !taken.insert(*address) {
                findings.add(&format!("hosts[{index}].address"), format!("{address} is taken"), "");
            }
        }
    }
    let mut next = FIRST;
    for host in hosts.iter_mut().filter(|host| host.addresses.is_empty()) {
        while host.addresses.is_empty() {
            let [third, fourth] = next.to_be_bytes();
            let address = IpAddr::V4(Ipv4Addr::new(10, 99, third, fourth));
            next = next.wrapping_add(1);
            if !matches!(fourth, 0 | 255) && taken.insert(address) {
                host.addresses.push(address);
            }
        }
    }
}
