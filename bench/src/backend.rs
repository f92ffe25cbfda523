//! The server behind every contestant: answers 12 bytes as cheaply as it can, so that what is
//! measured is the contestant.

use std::net::Ipv4Addr;

use anyhow::{Context, Result};
use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\ncontent-type: text/plain\r\n\r\nhello, world";
const BODY: &[u8] = b"hello, world";

/// `backend HTTP1-PORT HTTP2-PORT`
pub fn run(arguments: &[String]) -> Result<()> {
    let port = |n: usize| {
        arguments.get(n).and_then(|a| a.parse::<u16>().ok()).context("backend HTTP1-PORT HTTP2-PORT")
    };
    let (one, two) = (port(0)?, port(1)?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        let one = TcpListener::bind((Ipv4Addr::LOCALHOST, one)).await?;
        let two = TcpListener::bind((Ipv4Addr::LOCALHOST, two)).await?;
        loop {
            tokio::select! {
                accepted = one.accept() => drop(tokio::spawn(http1(accepted?.0))),
                accepted = two.accept() => drop(tokio::spawn(http2(accepted?.0))),
            }
        }
    })
}

/// Answers once for each head that ends; requests of the load have no bodies.
async fn http1(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 16 * 1024];
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
        let mut from = 0;
        while let Some(end) = buffer[from..filled].windows(4).position(|w| w == b"\r\n\r\n") {
            from += end + 4;
            stream.write_all(ANSWER).await?;
        }
        buffer.copy_within(from..filled, 0);
        filled -= from;
    }
}

async fn http2(stream: TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut connection =
        h2::server::Builder::new().max_concurrent_streams(1000).handshake::<_, Bytes>(stream).await?;
    while let Some(accepted) = connection.accept().await {
        let (_, mut respond) = accepted?;
        let response = http::Response::builder().header("content-type", "text/plain").body(())?;
        respond.send_response(response, false)?.send_data(Bytes::from_static(BODY), true)?;
    }
    Ok(())
}
