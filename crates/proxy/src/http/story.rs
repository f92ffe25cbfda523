//! What happened to one request, gathered on its way and told to telemetry at the end.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::rc::Rc;

use outrigger_traffic::{ResponseFlag, ResponseFlags};
use tokio::time::Instant;

use super::context::Context;
use super::head::{RequestHead, ResponseHead};
use crate::telemetry::{HeaderLookup, KnownPeer, NO_HEADERS, Protocol, RequestRecord, UpstreamFacts};
use crate::upstream::{Cluster, Host};

/// The course of a request so far. What it borrows belongs to the request's snapshot.
pub struct Story<'s> {
    /// When its head was complete.
    pub started: Instant,
    /// When its last byte arrived.
    pub request_finished: Option<Instant>,
    /// When the upstream's response began.
    pub response_started: Option<Instant>,
    /// What the client speaks.
    pub protocol: Protocol,
    /// Whether it is gRPC.
    pub grpc: bool,
    /// gRPC's status.
    pub grpc_status: Option<u32>,
    /// Why it ended as it did.
    pub flags: ResponseFlags,
    /// The same in detail.
    pub details: Cow<'static, str>,
    /// Whether a response was begun.
    pub answered: bool,
    /// Bytes of the request's body.
    pub bytes_received: u64,
    /// Bytes of the response's body.
    pub bytes_sent: u64,
    /// Attempts made.
    pub attempts: u32,
    /// The route's name.
    pub route: &'s str,
    /// The virtual host's name.
    pub virtual_host: &'s str,
    /// The cluster that was chosen, even if there is none of that name.
    pub cluster_name: Option<&'s str>,
    /// The cluster.
    pub cluster: Option<Rc<Cluster>>,
    /// The host of the last attempt.
    pub host: Option<Rc<Host>>,
    /// The upstream socket's own address.
    pub local: Option<SocketAddr>,
    /// Why the transport failed.
    pub failure: Option<Cow<'static, str>>,
    /// Who sent the request.
    pub peer: Option<Rc<KnownPeer>>,
    /// The client's proxy told who it is, and wants to know who this one is.
    pub peer_told: bool,
}

impl<'s> Story<'s> {
    /// The story of a request whose head has just been read.
    pub fn new(protocol: Protocol, request: &RequestHead) -> Story<'s> {
        Story {
            started: Instant::now(),
            request_finished: None,
            response_started: None,
            protocol,
            grpc: request.is_grpc(),
            grpc_status: None,
            flags: ResponseFlags::NONE,
            details: Cow::Borrowed(""),
            answered: false,
            bytes_received: 0,
            bytes_sent: 0,
            attempts: 0,
            route: "",
            virtual_host: "",
            cluster_name: None,
            cluster: None,
            host: None,
            local: None,
            failure: None,
            peer: None,
            peer_told: false,
        }
    }

    /// Notes why it ended.
    pub fn end(&mut self, flag: Option<ResponseFlag>, details: impl Into<Cow<'static, str>>) {
        if let Some(flag) = flag {
            self.flags.set(flag);
        }
        self.details = details.into();
    }

    /// The story in telemetry's form, up to now.
    pub fn record<'a>(
        &'a self,
        context: &'a Context,
        request: &'a RequestHead,
        response: &'a ResponseHead,
        trailers: &'a dyn HeaderLookup,
    ) -> RequestRecord<'a> {
        RequestRecord {
            request_finished: self.request_finished.map(Instant::into_std),
            response_started: self.response_started.map(Instant::into_std),
            finished: Instant::now().into_std(),
            request,
            response,
            trailers,
            status: (response.status != 0).then_some(response.status),
            grpc: self.grpc,
            grpc_status: self.grpc_status,
            flags: self.flags,
            details: &self.details,
            bytes_received: self.bytes_received,
            bytes_sent: self.bytes_sent,
            request_head_bytes: request.wire_bytes as u64,
            response_head_bytes: response.wire_bytes as u64,
            upstream: UpstreamFacts {
                cluster_name: self.cluster_name,
                cluster: self.cluster.as_ref(),
                host: self.host.as_ref(),
                local: self.local,
                failure: self.failure.as_deref(),
            },
            attempts: self.attempts,
            route: self.route,
            virtual_host: self.virtual_host,
            peer: self.peer.as_ref(),
            ..RequestRecord::new(&context.facts, self.protocol, self.started.into_std())
        }
    }

    /// Tells telemetry; the request has ended.
    pub fn tell(
        &self,
        context: &Context,
        request: &RequestHead,
        response: &ResponseHead,
        trailers: Option<&dyn HeaderLookup>,
    ) {
        let nothing = ResponseHead::default();
        let response = if self.answered { response } else { &nothing };
        let record = self.record(context, request, response, trailers.unwrap_or(NO_HEADERS));
        context.worker.telemetry.request(&record);
        if !context.loggers.is_empty() {
            context.worker.telemetry.log(&context.loggers, &record);
        }
    }
}
