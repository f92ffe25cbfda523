//! The calls of the greeting app to the app behind it: kept-alive HTTP/1 connections, the system's
//! resolver for names.

use std::cell::RefCell;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Longer than the mesh would let a broken request wait, so that its own answer is seen.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Idle connections that are kept for later calls.
const KEEP: usize = 64;

/// What is handed on from the incoming to the outgoing request, so that a trace stays one trace.
const HANDED_ON: &[&str] = &[
    "x-request-id",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-flags",
    "b3",
    "traceparent",
    "tracestate",
    "baggage",
    "x-ot-span-context",
    "x-cloud-trace-context",
    "x-datadog-trace-id",
    "x-datadog-parent-id",
    "x-datadog-sampling-priority",
];

type Connection = SendRequest<Empty<Bytes>>;

pub struct Backend {
    authority: String,
    idle: RefCell<Vec<Connection>>,
}

impl Backend {
    pub fn new(authority: String) -> Backend {
        Backend { authority, idle: RefCell::new(Vec::new()) }
    }

    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The text that the backend answers with 200; everything else is a reason in words.
    pub async fn get(&self, path: &str, incoming: &HeaderMap) -> Result<String, String> {
        tokio::time::timeout(TIMEOUT, self.call(path, incoming))
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {} s", TIMEOUT.as_secs())))
    }

    async fn call(&self, path: &str, incoming: &HeaderMap) -> Result<String, String> {
        let request = || self.request(path, incoming);
        let mut connection = match self.take().await {
            Some(kept) => kept,
            None => self.connect().await?,
        };
        let response = match connection.try_send_request(request()?).await {
            Ok(response) => response,
            Err(mut refused) => {
                if refused.take_message().is_none() {
                    return Err(format!("no answer: {}", refused.error()));
                }
                // Handed back: the connection had ended before anything was sent. What was sent is
                // never sent again, so that whatever the mesh loses is seen.
                connection = self.connect().await?;
                connection.send_request(request()?).await.map_err(|e| format!("no answer: {e}"))?
            }
        };
        let status = response.status();
        let body =
            response.into_body().collect().await.map_err(|e| format!("broken answer: {e}"))?.to_bytes();
        if self.idle.borrow().len() < KEEP {
            self.idle.borrow_mut().push(connection);
        }
        let text = String::from_utf8_lossy(&body).trim_end().to_owned();
        if status == StatusCode::OK { Ok(text) } else { Err(format!("it answers {status}: {text}")) }
    }

    /// A connection that is kept and still open.
    async fn take(&self) -> Option<Connection> {
        loop {
            let mut connection = self.idle.borrow_mut().pop()?;
            if connection.ready().await.is_ok() {
                return Some(connection);
            }
        }
    }

    async fn connect(&self) -> Result<Connection, String> {
        let stream = TcpStream::connect(&self.authority).await.map_err(|e| format!("cannot connect: {e}"))?;
        let _ = stream.set_nodelay(true);
        let (sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(|e| format!("cannot speak HTTP: {e}"))?;
        tokio::task::spawn_local(connection);
        Ok(sender)
    }

    fn request(&self, path: &str, incoming: &HeaderMap) -> Result<Request<Empty<Bytes>>, String> {
        let mut request = Request::get(path)
            .body(Empty::<Bytes>::new())
            .map_err(|e| format!("not a path to ask for: {e}"))?;
        let headers = request.headers_mut();
        let host = self.authority.parse().map_err(|_| "not a host name".to_owned())?;
        headers.insert(header::HOST, host);
        for name in HANDED_ON {
            let name = HeaderName::from_static(name);
            if let Some(value) = incoming.get(&name) {
                headers.insert(name, value.clone());
            }
        }
        Ok(request)
    }
}
