//! What this machine calls itself: its name and addresses.

use std::ffi::CStr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

/// The address that this machine would use towards others; it sends nothing.
pub fn primary_address() -> Option<IpAddr> {
    // TEST-NET-1 and the documentation prefix: connecting a UDP socket only looks at the routes.
    let probe = |bind: IpAddr, towards: &str| {
        let socket = UdpSocket::bind((bind, 0)).ok()?;
        socket.connect((towards, 9)).ok()?;
        let address = socket.local_addr().ok()?.ip();
        (!address.is_loopback() && !address.is_unspecified()).then_some(address)
    };
    probe(Ipv4Addr::UNSPECIFIED.into(), "192.0.2.1")
        .or_else(|| probe(Ipv6Addr::UNSPECIFIED.into(), "2001:db8::1"))
}

/// The host name, empty if it cannot be told.
pub fn host_name() -> String {
    let mut buffer = [0_u8; 256];
    // SAFETY: the buffer is valid for its whole length, of which the call may use all but the last byte.
    let result = unsafe { libc::gethostname(buffer.as_mut_ptr().cast(), buffer.len() - 1) };
    if result != 0 {
        return String::new();
    }
    CStr::from_bytes_until_nul(&buffer).map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Every address of every interface, in the order of the system.
pub fn addresses() -> Vec<IpAddr> {
    let mut first: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: the pointer is valid to write the head of the list to.
    if unsafe { libc::getifaddrs(&mut first) } != 0 {
        return Vec::new();
    }
    let mut addresses = Vec::new();
    let mut next = first;
    while !next.is_null() {
        // SAFETY: `next` is an element of the list, which is freed only below.
        let entry = unsafe { &*next };
        // SAFETY: `ifa_addr` is null or points to a socket address of the list.
        addresses.extend(unsafe { address_of(entry.ifa_addr) });
        next = entry.ifa_next;
    }
    // SAFETY: `first` came from getifaddrs, and nothing of the list is used any more.
    unsafe { libc::freeifaddrs(first) };
    addresses
}

/// # Safety
/// `address` is null or points to a socket address of the size that its family has.
unsafe fn address_of(address: *const libc::sockaddr) -> Option<IpAddr> {
    if address.is_null() {
        return None;
    }
    // SAFETY: not null, and every socket address starts with its family.
    match i32::from(unsafe { (*address).sa_family }) {
        libc::AF_INET => {
            // SAFETY: the family says which type it is.
            let v4 = unsafe { &*address.cast::<libc::sockaddr_in>() };
            Some(Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: the family says which type it is.
            let v6 = unsafe { &*address.cast::<libc::sockaddr_in6>() };
            Some(Ipv6Addr::from(v6.sin6_addr.s6_addr).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_among_the_addresses() {
        assert!(addresses().contains(&IpAddr::V4(Ipv4Addr::LOCALHOST)));
    }
}
