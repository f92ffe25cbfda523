//! A small HTTP server for admin, readiness and metrics.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What is asked: method, path, query.
pub struct Question<'a> {
    pub method: &'a http::Method,
    pub path: &'a str,
    pub query: &'a str,
}

impl Question<'_> {
    /// The value of a query parameter; empty if it has none.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.split('&').find_map(|pair| match pair.split_once('=') {
            Some((key, value)) => (key == name).then_some(value),
            None => (pair == name).then_some(""),
        })
    }
}

/// What is answered.
pub struct Answer {
    pub status: u16,
    pub content_type: &'static str,
    pub body: String,
}

impl Answer {
    pub fn text(status: u16, body: impl Into<String>) -> Answer {
        Answer { status, content_type: "text/plain; charset=UTF-8", body: body.into() }
    }

    pub fn json(value: &serde_json::Value) -> Answer {
        let body = serde_json::to_string_pretty(value).unwrap_or_default();
        Answer { status: 200, content_type: "application/json", body: body + "\n" }
    }
}

/// A server; it ends when this is dropped.
pub struct HttpServer {
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves on an address. Must be called on a runtime.
pub async fn serve(
    address: SocketAddr,
    answer: impl Fn(Question<'_>) -> Answer + Send + Sync + 'static,
) -> io::Result<HttpServer> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let answer = Arc::new(answer);
    let task = tokio::spawn(async move {
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(_) => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let answer = answer.clone();
            let service = service_fn(move |request: http::Request<Incoming>| {
                let response = respond(&*answer, &request);
                async move { Ok::<_, Infallible>(response) }
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(Duration::from_secs(10))
                    .serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    Ok(HttpServer { address, task })
}

fn respond(
    answer: &(impl Fn(Question<'_>) -> Answer + Send + Sync),
    request: &http::Request<Incoming>,
) -> http::Response<Full<Bytes>> {
    let uri = request.uri();
    let question =
        Question { method: request.method(), path: uri.path(), query: uri.query().unwrap_or_default() };
    let Answer { status, content_type, body } = answer(question);
    http::Response::builder()
        .status(status)
        .header(http::header::CONTENT_TYPE, content_type)
        .header(http::header::CACHE_CONTROL, "no-cache, max-age=0")
        .header("x-content-type-options", "nosniff")
        .body(Full::new(Bytes::from(body)))
        .expect("status and headers are constants")
}
