//! Questions to a control plane's admin interface.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioIo;
use serde_json::Value;

/// `GET path` as JSON.
pub fn get(address: &str, path: &str) -> Result<Value> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(5), fetch(address, path))
            .await
            .context("no answer within 5 s")?
    });
    let body = answer.with_context(|| format!("asking the control plane at {address}"))?;
    serde_json::from_slice(&body).with_context(|| format!("{address}{path} did not answer with JSON"))
}

async fn fetch(address: &str, path: &str) -> Result<Bytes> {
    let stream = tokio::net::TcpStream::connect(address).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = http::Request::get(path).header("host", address).body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    connection.abort();
    if !status.is_success() {
        bail!("{path} was answered with {status}: {}", String::from_utf8_lossy(&body));
    }
    Ok(body)
}
