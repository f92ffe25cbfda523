use tonic::transport::Endpoint;

use super::ClientTiming;

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
        .tcp_nodelay(true)
        .http2_keep_alive_interval(timing.keepalive_interval)
        .keep_alive_timeout(timing.keepalive_timeout)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(4 << 20)
        .initial_connection_window_size(8 << 20))
}
