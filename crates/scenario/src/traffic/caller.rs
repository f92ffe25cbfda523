use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::dns;
use crate::model::Target;

type Connection = SendRequest<Full<Bytes>>;

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A whole answer came.
    Answered { status: u16, body: String },
    /// None came.
    Unanswered { reason: String },
}

/// Sends one request after the other on a connection that is kept alive. A request is never sent
/// twice: what a proxy or an app loses is to be seen.
pub struct Caller {
    target: Target,
    search: Vec<String>,
    timeout: Duration,
    connection: Option<Connection>,
}

impl Caller {
    /// `search` are the domains that short names are tried in.
    pub fn new(target: Target, search: Vec<String>, timeout: Duration) -> Caller {
        Caller { target, search, timeout, connection: None }
    }

    /// Sends the request once. Runs on the thread of the machine that sends.
    pub async fn call(&mut self) -> Outcome {
        let timeout = self.timeout;
        match tokio::time::timeout(timeout, self.exchange()).await {
            Ok(Ok((status, body))) => Outcome::Answered { status, body },
            Ok(Err(reason)) => Outcome::Unanswered { reason },
            Err(_) => {
                self.connection = None;
                Outcome::Unanswered { reason: format!("no answer within {timeout:?}") }
            }
        }
    }

    async fn exchange(&mut self) -> Result<(u16, String), String> {
        // Gives a connection that the other side has closed meanwhile the chance to notice.
        tokio::task::yield_now().await;
        let kept = match self.connection.take() {
            Some(mut kept) => kept.ready().await.is_ok().then_some(kept),
            None => None,
        };
        let mut connection = match kept {
            Some(kept) => kept,
            None => self.connect().await?,
        };
        let response = match connection.try_send_request(self.request()).await {
            Ok(response) => response,
            Err(mut refused) => {
                if refused.take_message().is_none() {
                    return Err(no_answer(refused.error()));
                }
                // Handed back: not a byte of it was sent, the connection had ended before.
                connection = self.connect().await?;
                connection.send_request(self.request()).await.map_err(|e| no_answer(&e))?
            }
        };
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.map_err(|e| format!("broken answer: {e}"))?;
        self.connection = Some(connection);
        Ok((status, String::from_utf8_lossy(&body.to_bytes()).into_owned()))
    }

    fn request(&self) -> Request<Full<Bytes>> {
        let path = self.target.url.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::new(Full::new(Bytes::from(self.target.body.clone())));
        *request.method_mut() = self.target.method.clone();
        // A part of a URL that has been read is one again.
        *request.uri_mut() = path.parse().unwrap_or_else(|_| Uri::from_static("/"));
        *request.headers_mut() = self.target.headers.clone();
        let authority = self.target.url.authority().map_or("", |authority| authority.as_str());
        if let Ok(host) = HeaderValue::from_str(authority) {
            request.headers_mut().entry(header::HOST).or_insert(host);
        }
        request
    }

    async fn connect(&self) -> Result<Connection, String> {
        let host = self.target.url.host().unwrap_or_default();
        let port = self.target.url.port_u16().unwrap_or(80);
        let addresses = dns::resolve(host, &self.search).await.map_err(|e| e.to_string())?;
        let addresses: Vec<SocketAddr> = addresses.into_iter().map(|ip| (ip, port).into()).collect();
        // One after the other: a machine may have only one of the families that the name has.
        let connected = TcpStream::connect(&addresses[..]).await;
        let stream = connected.map_err(|e| format!("cannot connect to {host}: {e}"))?;
        // Requests are small; waiting to fill a packet would only add delay.
        let _ = stream.set_nodelay(true);
        let (sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(|e| format!("cannot speak HTTP: {e}"))?;
        tokio::task::spawn_local(connection);
        Ok(sender)
    }
}

fn no_answer(problem: &hyper::Error) -> String {
    use std::error::Error;
    match problem.source() {
        Some(source) => format!("no answer: {problem}: {source}"),
        None => format!("no answer: {problem}"),
    }
}
