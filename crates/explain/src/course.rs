//! The course of a connection through one proxy, from its filter chains on: each decision is made by
//! the function that the proxy itself calls.

use std::net::SocketAddr;

use outrigger_base::ResourceKey;
use outrigger_traffic::{
    Action, ClusterChoice, ConnectionFacts, Filter, FilterChain, HttpManager, Listener, Normalized,
    RequestView, ResponseFlag, Route, RouteConfig, Routes, Transport, VirtualHost, split_port,
};

use crate::asked::Asked;
use crate::bound::Bound;
use crate::endpoints::{Target, share};
use crate::explanation::{Explanation, Outcome, OutcomeKind, Stage, Step};
use crate::recorder::Recorder;
use crate::request::HttpRequest;
use crate::rivals;

/// What a client begins to send.
#[derive(Clone, Copy)]
pub(crate) enum Bytes<'a> {
    /// A request in the clear.
    Http(&'a HttpRequest),
    /// A handshake, with the name in it.
    Tls(Option<&'a str>),
    /// Something else.
    Raw,
}

/// A connection at a listener.
pub(crate) struct Course<'a> {
    pub(crate) bound: Bound<'a>,
    pub(crate) source: SocketAddr,
    pub(crate) bytes: Bytes<'a>,
}

impl Course<'_> {
    pub(crate) fn run(&self, listener: &Listener, mut explanation: Explanation) -> Explanation {
        explanation.listener = Some(listener.name.to_string());
        let Some(chain) = self.select_chain(listener, &mut explanation) else {
            let outcome = Outcome::new(OutcomeKind::NoFilterChain, None, ResponseFlag::NoRouteFound);
            return explanation.end(outcome);
        };
        match (&chain.filter, self.bytes) {
            (Filter::Tcp(tcp), _) => self.forward(&tcp.cluster, None, explanation),
            (Filter::Http(manager), Bytes::Http(request)) => {
                self.route(listener, manager, request, explanation)
            }
            (Filter::Http(_), _) => {
                let why = "the filter chain reads requests; what is sent is none, so it is answered 400";
                explanation.steps.push(Step::new(Stage::Route, None, why));
                let flag = ResponseFlag::DownstreamProtocolError;
                explanation.end(Outcome::new(OutcomeKind::DirectResponse, 400, flag))
            }
        }
    }

    fn select_chain<'l>(
        &self,
        listener: &'l Listener,
        explanation: &mut Explanation,
    ) -> Option<&'l FilterChain> {
        let port = self.bound.destination.port();
        let (looks_for_tls, looks_for_http) = (listener.inspects_tls(port), listener.inspects_http(port));
        let (transport, server_name) = match self.bytes {
            Bytes::Tls(name) if looks_for_tls => (Transport::Tls, name),
            _ => (Transport::RawBuffer, None),
        };
        let application_protocols: &[&str] = match self.bytes {
            Bytes::Http(_) if looks_for_http => &["http/1.1"],
            _ => &[],
        };
        let server_name = server_name.map(str::to_ascii_lowercase);
        let facts = ConnectionFacts {
            destination: self.bound.destination,
            source: self.source,
            transport,
            server_name: server_name.as_deref(),
            application_protocols,
        };
        let mut recorder = Recorder::default();
        let chosen = listener.select_chain(&facts, &mut recorder);
        let otherwise = "no filter chain fits and there is no default; the connection is closed";
        let mut step = recorder.into_step(Stage::FilterChain, otherwise);
        step.why = format!("{} ({})", step.why, seen(&facts, looks_for_tls, looks_for_http));
        step = step.by(chosen.map_or(&[], |chain| &chain.origins));
        let beaten = rivals::beaten(&self.bound, step.object.as_ref(), &port.to_string());
        step = step.instead_of(beaten);
        explanation.filter_chain = chosen.map(|chain| label(listener, chain));
        explanation.steps.push(step);
        chosen
    }

    fn route(
        &self,
        listener: &Listener,
        manager: &HttpManager,
        request: &HttpRequest,
        mut explanation: Explanation,
    ) -> Explanation {
        let config = match &manager.routes {
            Routes::Inline(config) => Some(&**config),
            Routes::Named(name) => self.bound.loaded.traffic.routes.get(name).map(|config| &**config),
        };
        let Some(config) = config else {
            let why = "there is no route configuration of the name that the filter chain asks for";
            explanation.steps.push(Step::new(Stage::VirtualHost, None, why));
            return explanation.end(not_found());
        };
        let path = match manager.normalized_path(request.path.as_bytes()) {
            Normalized::Same => request.path.clone().into_bytes(),
            Normalized::Changed(path) => path,
            Normalized::Redirect(path) => {
                let why = format!("escaped slashes lead to {}", String::from_utf8_lossy(&path));
                explanation.steps.push(Step::new(Stage::Route, None, why));
                return explanation.end(Outcome::new(OutcomeKind::Redirect, 307, None));
            }
            Normalized::Refused => {
                explanation.steps.push(Step::new(Stage::Route, None, "the path is malformed"));
                return explanation.end(Outcome::new(OutcomeKind::DirectResponse, 400, None));
            }
        };
        let authority = request.authority.as_bytes();
        let authority = if manager.strip_any_host_port { split_port(authority).0 } else { authority };
        let asked = Asked { request, authority, path };
        let Some(host) = self.select_virtual_host(listener, config, &asked, &mut explanation) else {
            return explanation.end(not_found());
        };
        if host.require_tls && asked.scheme() != b"https" {
            let why = "the virtual host takes requests over TLS only; the client is sent there";
            explanation.steps.push(Step::new(Stage::Route, None, why).by(&host.origins));
            return explanation.end(Outcome::new(OutcomeKind::Redirect, 301, None));
        }
        let Some(route) = self.select_route(host, &asked, &mut explanation) else {
            return explanation.end(not_found());
        };
        self.act(host, route, &asked, explanation)
    }

    fn select_virtual_host<'c>(
        &self,
        listener: &Listener,
        config: &'c RouteConfig,
        asked: &Asked<'_>,
        explanation: &mut Explanation,
    ) -> Option<&'c VirtualHost> {
        let mut recorder = Recorder::default();
        let host = config.select_virtual_host(asked.authority, &mut recorder);
        let otherwise = format!("no virtual host of {} has a domain for the host", config.name);
        let mut step = recorder.into_step(Stage::VirtualHost, &otherwise);
        step =
            step.instead_of(rivals::of_host(&self.bound, config, host, asked.authority, &listener.origins));
        if let Some(host) = host {
            step = step.by(&host.origins);
            explanation.virtual_host = Some(host.name.to_string());
        }
        explanation.steps.push(step);
        host
    }

    fn select_route<'c>(
        &self,
        host: &'c VirtualHost,
        asked: &Asked<'_>,
        explanation: &mut Explanation,
    ) -> Option<&'c Route> {
        let mut recorder = Recorder::default();
        let chosen = host.select_route(asked, &mut recorder);
        let step = recorder.into_step(Stage::Route, "no route of the virtual host takes the request");
        let origins: &[ResourceKey] = chosen.map_or(&[], |(_, route)| &route.origins);
        explanation.route = chosen.map(|(index, route)| route.label(index));
        explanation.steps.push(step.by(origins));
        chosen.map(|(_, route)| route)
    }

    fn act(
        &self,
        host: &VirtualHost,
        route: &Route,
        asked: &Asked<'_>,
        mut explanation: Explanation,
    ) -> Explanation {
        match &route.action {
            Action::Forward(forward) => {
                let status = forward.cluster_not_found_status;
                self.forward(&forward.cluster, Some(status), explanation)
            }
            Action::Redirect(redirect) => {
                let location = redirect.location(&route.matches.path, asked);
                let last = explanation.steps.last_mut().expect("the route was just chosen");
                last.why = format!("{}; it redirects to {}", last.why, String::from_utf8_lossy(&location));
                explanation.end(Outcome::new(OutcomeKind::Redirect, redirect.status, None))
            }
            // How sidecars end requests to hosts that nobody knows (compile: `unknown`).
            Action::Direct(direct) if &*host.name == "block_all" => {
                explanation.end(Outcome::new(OutcomeKind::Blackhole, direct.status, None))
            }
            Action::Direct(direct) => {
                explanation.end(Outcome::new(OutcomeKind::DirectResponse, direct.status, None))
            }
        }
    }

    /// `missing_status` is what a request is answered with if the cluster does not exist; connections
    /// are not answered.
    fn forward(
        &self,
        choice: &ClusterChoice,
        missing_status: Option<u16>,
        mut explanation: Explanation,
    ) -> Explanation {
        let shares = choice.shares();
        let several = shares.len() > 1;
        for (name, part) in shares {
            let target = Target { bound: &self.bound, name: &name, share: part, several };
            let (cluster, steps) = share(&target);
            explanation.clusters.push(cluster);
            explanation.steps.extend(steps);
        }
        let outcome = whole(&explanation, missing_status);
        explanation.end(outcome)
    }
}

/// The outcome of all requests together: if some get through, that; else what most of them meet.
fn whole(explanation: &Explanation, missing_status: Option<u16>) -> Outcome {
    let kinds = || explanation.clusters.iter().map(|cluster| cluster.outcome);
    for good in [OutcomeKind::Forward, OutcomeKind::Passthrough] {
        if kinds().any(|kind| kind == good) {
            return Outcome::plain(good);
        }
    }
    let most = explanation.clusters.iter().max_by(|a, b| a.share.total_cmp(&b.share));
    let is_http = missing_status.is_some();
    match most.map_or(OutcomeKind::NoCluster, |cluster| cluster.outcome) {
        OutcomeKind::NoCluster => {
            Outcome::new(OutcomeKind::NoCluster, missing_status, ResponseFlag::NoClusterFound)
        }
        kind => Outcome::new(kind, is_http.then_some(503), ResponseFlag::NoHealthyUpstream),
    }
}

fn not_found() -> Outcome {
    Outcome::new(OutcomeKind::NoRoute, 404, ResponseFlag::NoRouteFound)
}

/// Its name, or its position, or what it is.
fn label(listener: &Listener, chain: &FilterChain) -> String {
    if !chain.name.is_empty() {
        return chain.name.to_string();
    }
    match listener.chains.iter().position(|candidate| std::ptr::eq(candidate, chain)) {
        Some(index) => format!("#{index}"),
        None => "default".to_string(),
    }
}

/// What the proxy knows of a connection when it chooses a chain.
fn seen(facts: &ConnectionFacts<'_>, looks_for_tls: bool, looks_for_http: bool) -> String {
    let found = match (facts.transport, facts.application_protocols, facts.server_name) {
        (Transport::Tls, _, Some(name)) => format!("TLS for {name}"),
        (Transport::Tls, _, None) => "TLS without a name".to_string(),
        (_, [protocol, ..], _) => format!("{protocol} in the clear"),
        _ if looks_for_tls || looks_for_http => "neither TLS nor HTTP was found".to_string(),
        _ => "the first bytes are not looked at".to_string(),
    };
    format!("to {}; {found}", facts.destination)
}
