//! What is removed from and added to heads on their way, whatever the route: who the client is, who
//! this proxy is, what an outside caller may not say. (envoy: `ConnectionManagerUtility`)

use std::borrow::Cow;
use std::cell::RefCell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use outrigger_traffic::{ServerHeader, split_port};

use super::context::Context;
use super::head::{RequestHead, ResponseHead};
use super::headers::{decimal, tokens};
use super::names::Known;
use super::path::{Normalized, normalize};
use super::reply::Reply;
use super::story::Story;

/// Prepares a request for routing. `Err`: it is answered at once.
pub fn request<'s>(
    context: &Context,
    request: &mut RequestHead,
    story: &mut Story<'s>,
) -> Result<(), Reply<'s>> {
    normalize_path(context, request)?;
    if context.manager.strip_any_host_port {
        let (host, port) = split_port(request.authority());
        if !port.is_empty() {
            let host = host.to_vec();
            request.set_authority(&host);
        }
    }
    metadata(context, request, story);
    // Nobody has shown a certificate on a connection without mutual TLS, so nobody may speak of one.
    request.headers.drop_known(Known::ForwardedClientCert);
    let manager = &context.manager;
    if manager.use_remote_address {
        from_outside(context, request);
    }
    match request.headers.get(Known::ForwardedProto) {
        Some(proto) => request.https = proto.eq_ignore_ascii_case(b"https"),
        None => {
            let https = context.facts.tls.is_tls;
            request.https = https;
            request.headers.push(Known::ForwardedProto, if https { b"https" } else { b"http" });
        }
    }
    let keeps_id = !manager.use_remote_address || manager.preserve_external_request_id;
    if manager.generate_request_id && !(keeps_id && request.headers.has(Known::RequestId)) {
        request.headers.put(Known::RequestId, &context.worker.random.uuid());
    }
    Ok(())
}

fn normalize_path<'s>(context: &Context, request: &mut RequestHead) -> Result<(), Reply<'s>> {
    match normalize(&context.manager, request.path()) {
        Normalized::Same => Ok(()),
        Normalized::Changed(path) => {
            request.set_path(&path);
            Ok(())
        }
        Normalized::Redirect(path) => {
            let mut reply = Reply::new(307, None, "path_normalization_failed");
            reply.location = Some(path);
            reply.intended = true;
            Err(reply)
        }
        Normalized::Refused => Err(Reply::new(400, None, "path_normalization_failed")),
    }
}

/// What only holds for requests that the client itself sent to this proxy.
fn from_outside(context: &Context, request: &mut RequestHead) {
    let manager = &context.manager;
    request.headers.retain(|known, _, _| !known.is_envoy());
    let mut forwarded: Vec<u8> = Vec::new();
    for (_, _, value) in request.headers.iter().filter(|(known, ..)| *known == Known::ForwardedFor) {
        if !forwarded.is_empty() {
            forwarded.push(b',');
        }
        forwarded.extend_from_slice(value);
    }
    let client = match manager.xff_trusted_hops {
        0 => None,
        hops => {
            // The address that the farthest trusted proxy saw.
            let addresses: Vec<&[u8]> = tokens(&forwarded).collect();
            addresses.len().checked_sub(hops as usize).map(|at| addresses[at].to_vec())
        }
    };
    let client = client.map_or(Cow::Borrowed(context.peer_ip.as_bytes()), Cow::Owned);
    request.headers.push(Known::ExternalAddress, &client);
    if !manager.skip_xff_append {
        if !forwarded.is_empty() {
            forwarded.push(b',');
        }
        forwarded.extend_from_slice(context.peer_ip.as_bytes());
        request.headers.put(Known::ForwardedFor, &forwarded);
    }
    if manager.xff_trusted_hops == 0 {
        request.headers.drop_known(Known::ForwardedProto);
    }
}

/// Takes the peer's metadata out of a request and puts in our own on the way out.
fn metadata(context: &Context, request: &mut RequestHead, story: &mut Story<'_>) {
    if !context.exchanges_metadata() {
        return;
    }
    if let Some(metadata) = request.headers.get(Known::PeerMetadata) {
        story.peer = context.worker.peer(metadata);
        request.headers.drop_known(Known::PeerMetadata);
        story.peer_told = true;
    }
    request.headers.drop_known(Known::PeerMetadataId);
}

/// Tells the upstream's proxy who this one is.
pub fn tell_metadata(context: &Context, request: &mut RequestHead) {
    if !context.exchanges_metadata() || context.is_inbound() {
        return;
    }
    if let Some((id, metadata)) = context.worker.options.peer_metadata.own() {
        request.headers.put(Known::PeerMetadataId, id.as_bytes());
        request.headers.put(Known::PeerMetadata, metadata.as_bytes());
    }
}

/// Completes a response of an upstream before the route's changes.
pub fn from_upstream(context: &Context, story: &Story<'_>, response: &mut ResponseHead) {
    if !context.manager.suppress_envoy_headers {
        let begun = story.request_finished.unwrap_or(story.started);
        let time = story.response_started.map_or(Duration::ZERO, |at| at.saturating_duration_since(begun));
        response.headers.drop_known(Known::ServiceTime);
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        response.headers.push_with(Known::ServiceTime, |out| decimal(millis, out));
    }
    if !context.exchanges_metadata() {
        return;
    }
    response.headers.drop_known(Known::PeerMetadata);
    response.headers.drop_known(Known::PeerMetadataId);
    if context.is_inbound()
        && story.peer_told
        && let Some((id, metadata)) = context.worker.options.peer_metadata.own()
    {
        response.headers.push(Known::PeerMetadataId, id.as_bytes());
        response.headers.push(Known::PeerMetadata, metadata.as_bytes());
    }
}

/// Completes any response after the route's changes.
pub fn response(context: &Context, request: &RequestHead, via_upstream: bool, response: &mut ResponseHead) {
    let manager = &context.manager;
    if manager.request_id_in_response
        && let Some(id) = request.headers.get(Known::RequestId)
    {
        response.headers.put(Known::RequestId, id);
    }
    if !response.headers.has(Known::Date) {
        with_date(|date| response.headers.push(Known::Date, date));
    }
    let name = manager.server_name.as_bytes();
    match manager.server_header {
        ServerHeader::Overwrite => response.headers.put(Known::Server, name),
        ServerHeader::AppendIfAbsent if !response.headers.has(Known::Server) => {
            response.headers.push(Known::Server, name);
        }
        ServerHeader::PassThrough if !via_upstream => response.headers.put(Known::Server, name),
        ServerHeader::AppendIfAbsent | ServerHeader::PassThrough => {}
    }
}

/// The date in the form of RFC 9110, 5.6.7; written anew once a second.
fn with_date(use_date: impl FnOnce(&[u8])) {
    thread_local! {
        static DATE: RefCell<(u64, Vec<u8>)> = const { RefCell::new((0, Vec::new())) };
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    DATE.with_borrow_mut(|(second, text)| {
        if *second != now || text.is_empty() {
            *second = now;
            *text = format_date(now).into_bytes();
        }
        use_date(text);
    });
}

fn format_date(seconds: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    // Days to a date: H. Hinnant's algorithm, with years that begin in March.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 2 } else { month_index - 10 };
    let year = year_of_era + era * 400 + u64::from(month < 2);
    format!(
        "{}, {day:02} {} {year} {:02}:{:02}:{:02} GMT",
        DAYS[(days % 7) as usize],
        MONTHS[month as usize],
        of_day / 3_600,
        of_day / 60 % 60,
        of_day % 60
    )
}

#[cfg(test)]
mod tests {
    use super::format_date;

    #[test]
    fn dates_are_written_as_http_has_them() {
        assert_eq!(format_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(format_date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(format_date(951_782_400), "Tue, 29 Feb 2000 00:00:00 GMT");
        assert_eq!(format_date(1_798_761_599), "Thu, 31 Dec 2026 23:59:59 GMT");
    }
}
