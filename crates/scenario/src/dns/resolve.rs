use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use crate::dns::SERVER;
use crate::dns::message::{self, Answers, TYPE_A, TYPE_AAAA};

const TIMEOUT: Duration = Duration::from_secs(2);

/// Why a name has no address.
#[derive(Debug, Error)]
pub enum ResolveError {
    /// The name server does not know it, in none of the search domains.
    #[error("no address for {0}")]
    NoSuchName(String),
    /// The name server does not answer.
    #[error("the name server does not answer: {0}")]
    Unreachable(#[from] io::Error),
}

/// The addresses of a host, at least one and those of IPv4 first, asked of the name server of the
/// machine whose thread calls this, in the order in which a C library with `ndots:5` asks.
pub async fn resolve(host: &str, search: &[String]) -> Result<Vec<IpAddr>, ResolveError> {
    const NDOTS: usize = 5;
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = literal.parse() {
        return Ok(vec![address]);
    }
    if host == "localhost" {
        return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    }
    let absolute = host.trim_end_matches('.').to_owned();
    let mut candidates: Vec<String> = Vec::new();
    if !host.ends_with('.') {
        candidates.extend(search.iter().map(|domain| format!("{absolute}.{domain}")));
    }
    let first = if absolute.matches('.').count() >= NDOTS { 0 } else { candidates.len() };
    candidates.insert(first, absolute);
    for name in candidates {
        let mut addresses = ask(&name, TYPE_A).await?.addresses;
        addresses.extend(ask(&name, TYPE_AAAA).await?.addresses);
        if !addresses.is_empty() {
            return Ok(addresses);
        }
    }
    Err(ResolveError::NoSuchName(host.to_owned()))
}

async fn ask(name: &str, kind: u16) -> io::Result<Answers> {
    const ID: u16 = 1;
    let none = Answers { exists: false, truncated: false, addresses: Vec::new() };
    let Some(query) = message::query(ID, name, kind) else { return Ok(none) };
    let exchange = async {
        let answers = ask_udp(&query, ID).await?;
        if answers.truncated { ask_tcp(&query, ID).await } else { Ok(answers) }
    };
    tokio::time::timeout(TIMEOUT, exchange).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

async fn ask_udp(query: &[u8], id: u16) -> io::Result<Answers> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    socket.connect(SERVER).await?;
    socket.send(query).await?;
    let mut buffer = [0; 2048];
    let length = socket.recv(&mut buffer).await?;
    message::answers(&buffer[..length], id).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

async fn ask_tcp(query: &[u8], id: u16) -> io::Result<Answers> {
    let mut stream = TcpStream::connect(SERVER).await?;
    let length = u16::try_from(query.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes()[..], query].concat()).await?;
    let mut response = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut response).await?;
    message::answers(&response, id).ok_or_else(|| io::ErrorKind::InvalidData.into())
}
