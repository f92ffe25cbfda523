//! Where a captured connection wanted to go: the address before the kernel redirected it.

use std::net::{IpAddr, SocketAddr};

use socket2::SockRef;
use tokio::net::TcpStream;

/// The original destination of a redirected connection; `None` if it was not redirected, so that a
/// connection made to the listener's own port is never taken for one to be passed on to it.
pub fn original_dst(stream: &TcpStream, local: SocketAddr) -> Option<SocketAddr> {
    let socket = SockRef::from(stream);
    // The call follows the family of the packets, not that of the socket.
    let address = match local.ip() {
        IpAddr::V4(_) => socket.original_dst_v4(),
        IpAddr::V6(_) => socket.original_dst_v6(),
    };
    let address = canonical(address.ok()?.as_socket()?);
    (address != local).then_some(address)
}

/// IPv4 addresses as such, also where a socket for both families shows them mapped into IPv6.
/// Scope and flow, which an IPv6 address of a socket carries, are left out.
pub fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_address_is_an_ipv4_address() {
        let mapped: SocketAddr = "[::ffff:10.0.0.1]:80".parse().unwrap();
        assert_eq!(canonical(mapped), "10.0.0.1:80".parse::<SocketAddr>().unwrap());
    }

    #[tokio::test]
    async fn a_direct_connection_has_no_original_destination() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = tokio::net::TcpListener::bind(address).await else {
                eprintln!("SKIPPED: a_direct_connection_has_no_original_destination: no {address}");
                continue;
            };
            let target = listener.local_addr().unwrap();
            let _client = TcpStream::connect(target).await.unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            assert_eq!(original_dst(&stream, canonical(stream.local_addr().unwrap())), None);
        }
    }
}
