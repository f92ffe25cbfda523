//! What people and tools ask a control plane, over HTTP.
//!
//! | path | answer |
//! |---|---|
//! | `GET /ready` | 200 when everything that was there at the start is served |
//! | `GET /metrics` | Prometheus' text |
//! | `GET /status` | version, objects by kind, findings, proxies |
//! | `GET /names` | the DNS table: host → addresses |
//! | `GET /synced` | whether every connected proxy has answered everything; who has not |
//! | `POST /reload` | looks at the sources now; answers when what was found is published |
//! | `GET /debug/syncz` | each proxy and how it stands with each type |
//! | `GET /debug/config_dump?proxy=ID` | names and versions of what a proxy may have |
//!
//! To wait until a change is everywhere: write the files, `POST /reload`, then poll `GET /synced`.

mod page;

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tracing::debug;

use crate::command::Command;
use crate::feeds::Feeds;
use crate::shared::Shared;

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Serves until told to stop; connections end with it.
pub async fn serve(listener: TcpListener, shared: Arc<Shared>, feeds: Feeds, stop: impl Future<Output = ()>) {
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of descriptors, most likely: others have to close some first.
                    debug!(%error, "cannot accept");
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                    continue;
                }
            },
            Some(_) = connections.join_next() => continue,
            () = &mut stop => return,
        };
        let (shared, feeds) = (shared.clone(), feeds.clone());
        connections.spawn(async move {
            let service = service_fn(move |request| answer(request, shared.clone(), feeds.clone()));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                debug!(%error, "admin connection");
            }
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
    feeds: Feeds,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let query = Query(request.uri().query().unwrap_or(""));
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    Ok(match (is_read, request.uri().path()) {
        (true, "/ready") => text(StatusCode::OK, "ready\n".into()),
        (true, "/metrics") => text(StatusCode::OK, page::metrics(&shared)),
        (true, "/status") => json(StatusCode::OK, &page::status(&shared)),
        (true, "/names") => json(StatusCode::OK, &page::names(&shared)),
        (true, "/synced") => json(StatusCode::OK, &page::synced(&shared)),
        (true, "/debug/syncz") => json(StatusCode::OK, &page::syncz(&shared)),
        (true, "/debug/config_dump") => match query.get("proxy") {
            None => error(StatusCode::BAD_REQUEST, "which proxy? add ?proxy=ID, see /debug/syncz"),
            Some(proxy) => match page::config_dump(&shared, &proxy) {
                Some(dump) => json(StatusCode::OK, &dump),
                None => error(StatusCode::NOT_FOUND, "no such proxy is connected, see /debug/syncz"),
            },
        },
        (false, "/reload") if request.method() == Method::POST => reload(&shared, &feeds).await,
        (_, "/reload") => error(StatusCode::METHOD_NOT_ALLOWED, "/reload wants POST"),
        _ => {
            error(StatusCode::NOT_FOUND, "there is nothing here; see /status, /metrics, /names, /debug/syncz")
        }
    })
}

/// Looks at all sources and waits until what they say is published.
async fn reload(shared: &Shared, feeds: &Feeds) -> Response<Full<Bytes>> {
    let before = shared.state.load().snapshot.version;
    feeds.look().await;
    let (reply, applied) = oneshot::channel();
    shared.tell(Command::Barrier(reply));
    if applied.await.is_err() {
        return error(StatusCode::SERVICE_UNAVAILABLE, "the control plane is stopping");
    }
    let state = shared.state.load();
    let version = state.snapshot.version;
    let answer = json!({
        "snapshot": version,
        "changed": version != before,
        "diagnostics": &*state.diagnostics,
    });
    json(StatusCode::OK, &answer)
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    respond(status, TEXT, body)
}

fn json(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    respond(status, JSON, format!("{body:#}\n"))
}

fn error(status: StatusCode, message: &str) -> Response<Full<Bytes>> {
    json(status, &json!({ "error": message }))
}

fn respond(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}

/// The part of a URL after the question mark.
struct Query<'a>(&'a str);

impl Query<'_> {
    fn get(&self, key: &str) -> Option<String> {
        let pairs = self.0.split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(name, _)| *name == key).map(|(_, value)| decode(value))
    }
}

/// Undoes percent encoding; what is not encoded well stays as it is.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|b| (*b as char).to_digit(16));
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, _, _) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_may_be_named_encoded_or_not() {
        let query = Query("x=1&proxy=sidecar%7E10.0.0.1~web.shop%zz");
        assert_eq!(query.get("proxy").as_deref(), Some("sidecar~10.0.0.1~web.shop%zz"));
        assert_eq!(query.get("none"), None);
    }
}
