use std::io;
use std::net::IpAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use crate::dns::message::{self, Code, TYPE_A, TYPE_AAAA};
use crate::dns::{Names, SERVER};

/// Starts the name server of the machine whose thread calls this; it ends with the machine.
pub async fn serve(names: Names) -> io::Result<()> {
    let udp = UdpSocket::bind(SERVER).await?;
    let tcp = TcpListener::bind(SERVER).await?;
    tokio::task::spawn_local(serve_udp(udp, names.clone()));
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = tcp.accept().await {
            let names = names.clone();
            tokio::task::spawn_local(async move {
                // A client that breaks off is its own affair.
                let _ = serve_tcp(stream, &names).await;
            });
        }
    });
    Ok(())
}

async fn serve_udp(socket: UdpSocket, names: Names) {
    let mut buffer = [0; 2048];
    loop {
        // Errors here are about earlier answers that nobody waited for.
        let Ok((length, peer)) = socket.recv_from(&mut buffer).await else { continue };
        if let Some(response) = respond(&buffer[..length], &names, message::UDP_LIMIT) {
            let _ = socket.send_to(&response, peer).await;
        }
    }
}

async fn serve_tcp(mut stream: TcpStream, names: &Names) -> io::Result<()> {
    loop {
        let length = stream.read_u16().await?;
        let mut query = vec![0; usize::from(length)];
        stream.read_exact(&mut query).await?;
        let Some(response) = respond(&query, names, u16::MAX.into()) else { return Ok(()) };
        let length = u16::try_from(response.len()).map_err(io::Error::other)?;
        stream.write_all(&[&length.to_be_bytes()[..], &response].concat()).await?;
    }
}

/// A name without addresses of the wanted family exists all the same, and so does one that is asked
/// for something else than addresses; resolvers treat the two cases differently from a missing name.
fn respond(query: &[u8], names: &Names, limit: usize) -> Option<Vec<u8>> {
    const OPCODE: u8 = 0x78;
    if query.len() >= 3 && query[2] & OPCODE != 0 {
        return message::response(query, Code::NotImplemented, &[], limit);
    }
    let Some(question) = message::question(query) else {
        return message::response(query, Code::Malformed, &[], limit);
    };
    let table = names.get();
    let Some(addresses) = table.find(&question.name) else {
        return message::response(query, Code::NoSuchName, &[], limit);
    };
    let wanted = |address: &&IpAddr| match question.kind {
        TYPE_A => address.is_ipv4(),
        TYPE_AAAA => address.is_ipv6(),
        _ => false,
    };
    let addresses: Vec<IpAddr> = addresses.iter().filter(wanted).copied().collect();
    message::response(query, Code::Success, &addresses, limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::NameTable;

    #[test]
    fn the_other_family_is_empty_and_an_unknown_name_does_not_exist() {
        let names = Names::default();
        let mut table = NameTable::default();
        table.add("app.default.svc.cluster.local", ["10.0.0.1".parse().unwrap()]);
        names.set(table);
        let ask = |name: &str, kind: u16| {
            let query = message::query(1, name, kind).unwrap();
            let response = respond(&query, &names, message::UDP_LIMIT).unwrap();
            message::answers(&response, 1).map(|a| (a.exists, a.addresses.len()))
        };
        assert_eq!(ask("App.default.svc.cluster.local", TYPE_A), Some((true, 1)));
        assert_eq!(ask("app.default.svc.cluster.local", TYPE_AAAA), Some((true, 0)));
        assert_eq!(ask("app.default.svc.cluster.local", 33), Some((true, 0)));
        assert_eq!(ask("app", TYPE_A), Some((false, 0)));
    }
}
