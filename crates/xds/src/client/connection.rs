use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::net::{TcpSocket, TcpStream};
use tonic::transport::Endpoint;

use super::ClientTiming;

/// Opens connections to the control plane, marked where the host captures what is not.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    mark: Option<u32>,
}

impl Connector {
    pub(super) fn new(mark: Option<u32>) -> Connector {
        Connector { mark }
    }

    async fn connect(self, uri: http::Uri) -> io::Result<TcpStream> {
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let port = uri.port_u16().unwrap_or(80);
        let mut last = io::Error::new(io::ErrorKind::NotFound, format!("{host} has no address"));
        for address in tokio::net::lookup_host((host, port)).await? {
            let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            if let Some(mark) = self.mark {
                SockRef::from(&socket).set_mark(mark)?;
            }
            match socket.connect(address).await {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

impl tower_service::Service<http::Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<TcpStream>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: http::Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move { connector.connect(uri).await.map(TokioIo::new) })
    }
}

/// How the transport is set up: it notices a vanished peer, and takes messages of any size.
pub(super) fn endpoint(target: &str, timing: &ClientTiming) -> Result<Endpoint, String> {
    let url = if target.contains("://") { target.to_string() } else { format!("http://{target}") };
    let endpoint = Endpoint::from_shared(url).map_err(|error| super::describe(&error))?;
    if endpoint.uri().scheme_str() != Some("http") {
        return Err("only plaintext, http://, is spoken here".into());
    }
    if endpoint.uri().host().is_none_or(str::is_empty) {
        return Err("it has no host".into());
    }
    Ok(endpoint
        .connect_timeout(timing.connect)
        .http2_keep_alive_interval(timing.keepalive_interval)
        .keep_alive_timeout(timing.keepalive_timeout)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(4 << 20)
        .initial_connection_window_size(8 << 20))
}
