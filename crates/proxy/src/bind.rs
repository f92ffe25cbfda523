//! Listening sockets. Each worker has one of its own per address (SO_REUSEPORT), so the kernel
//! spreads connections over workers and no worker wakes for another's.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections waiting to be accepted, where the listener does not say; the kernel caps it.
const BACKLOG: i32 = 4096;

/// Opens `count` sockets on one address. With port 0 all get the port that the first was given.
pub fn listen(address: SocketAddr, count: usize, backlog: Option<u32>) -> io::Result<Vec<TcpListener>> {
    let mut sockets: Vec<TcpListener> = Vec::with_capacity(count);
    for _ in 0..count {
        let address = match sockets.first() {
            Some(first) => first.local_addr()?,
            None => address,
        };
        sockets.push(listen_one(address, backlog)?);
    }
    Ok(sockets)
}

fn listen_one(address: SocketAddr, backlog: Option<u32>) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    // A restart must not wait for connections of the process before to time out.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    if address.is_ipv6() {
        // As Envoy without ipv4_compat: `[::]` and `0.0.0.0` are two listeners.
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    let backlog = backlog.map_or(BACKLOG, |most| i32::try_from(most).unwrap_or(i32::MAX));
    socket.listen(backlog)?;
    Ok(socket.into())
}
