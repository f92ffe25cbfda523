//! The rules as a client sees them. A test client in either form drives a session by hand; the clock
//! is a variable.

use std::sync::Arc;
use std::time::Duration;

use outrigger_proto::type_url::{CLUSTER, ENDPOINT, LISTENER, ROUTE};
use tokio::time::Instant;

use super::{Ask, Request, Session, Timing};
use crate::message::{Form, Response};
use crate::provider::Event;
use crate::resource::{Assets, Resource, ResourceMap};

mod order;
mod protocol;

const BOTH: [Form; 2] = [Form::Sotw, Form::Delta];

/// Resources as `name@version`; clusters that end in `-eds` need endpoints of their own name.
fn map(type_url: &str, resources: &[&str]) -> Arc<ResourceMap> {
    let resource = |text: &&str| {
        let (name, version) = text.split_once('@').unwrap();
        let needs = (type_url == CLUSTER && name.ends_with("-eds")).then(|| (ENDPOINT, name.into()));
        let body = text.as_bytes().to_vec().into();
        (name.into(), Arc::new(Resource { name: name.into(), version: version.into(), body, needs }))
    };
    Arc::new(resources.iter().map(resource).collect())
}

fn assets(version: u64, types: [(&'static str, &[&str]); 4]) -> Arc<Assets> {
    let types = types.map(|(url, resources)| (url, map(url, resources))).to_vec();
    Arc::new(Assets { version, types })
}

/// A state with one cluster, its endpoints, a listener and a route.
fn one(version: u64) -> Arc<Assets> {
    assets(
        version,
        [(CLUSTER, &["a-eds@1"]), (ENDPOINT, &["a-eds@1"]), (LISTENER, &["l@1"]), (ROUTE, &["r@1"])],
    )
}

struct Client {
    session: Session,
    form: Form,
    now: Instant,
    events: Vec<Event>,
    /// State of the world: names asked for and nonce of the latest response, by type.
    asked: Vec<(&'static str, Vec<String>, String)>,
}

impl Client {
    fn new(form: Form, assets: Arc<Assets>) -> Client {
        let now = Instant::now();
        let session = Session::new(form, assets, Timing::default(), now);
        Client { session, form, now, events: Vec::new(), asked: Vec::new() }
    }

    /// A proxy that has everything of `assets`: all four types subscribed and answered.
    fn with_everything(form: Form, assets: Arc<Assets>) -> Client {
        let endpoints: Vec<_> = assets.get(ENDPOINT).unwrap().keys().map(|k| k.to_string()).collect();
        let routes: Vec<_> = assets.get(ROUTE).unwrap().keys().map(|k| k.to_string()).collect();
        let mut client = Client::new(form, assets);
        client.subscribe(CLUSTER, &[]);
        client.subscribe(ENDPOINT, &endpoints.iter().map(String::as_str).collect::<Vec<_>>());
        client.subscribe(LISTENER, &[]);
        client.subscribe(ROUTE, &routes.iter().map(String::as_str).collect::<Vec<_>>());
        client.drain();
        client.events();
        client
    }

    fn publish(&mut self, assets: Arc<Assets>) {
        self.session.publish(assets, self.now);
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    fn request(&mut self, request: Request) {
        self.session.request(request, self.now);
    }

    /// Asks for these in addition, as a stream's first or a later request of the type.
    fn subscribe(&mut self, url: &'static str, names: &[&str]) {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let ask = match self.form {
            Form::Delta => Ask::Delta { subscribe: names, unsubscribe: vec![], initial: vec![] },
            Form::Sotw => {
                let entry = self.entry(url);
                entry.1.extend(names);
                Ask::Sotw { names: entry.1.clone(), version: String::new() }
            }
        };
        let nonce = if self.form == Form::Sotw { self.entry(url).2.clone() } else { String::new() };
        self.request(Request { type_url: url.into(), nonce, ask, ..Default::default() });
    }

    fn unsubscribe(&mut self, url: &'static str, name: &str) {
        let (nonce, ask) = match self.form {
            Form::Delta => {
                let unsubscribe = vec![name.to_string()];
                (String::new(), Ask::Delta { subscribe: vec![], unsubscribe, initial: vec![] })
            }
            Form::Sotw => {
                let entry = self.entry(url);
                entry.1.retain(|n| n != name);
                (entry.2.clone(), Ask::Sotw { names: entry.1.clone(), version: String::new() })
            }
        };
        self.request(Request { type_url: url.into(), nonce, ask, error: None });
    }

    /// The first delta request of a client that comes back.
    fn resume(&mut self, url: &'static str, names: &[&str], held: &[(&str, &str)]) {
        let subscribe = names.iter().map(ToString::to_string).collect();
        let initial = held.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        let ask = Ask::Delta { subscribe, unsubscribe: vec![], initial };
        self.request(Request { type_url: url.into(), ask, ..Default::default() });
    }

    fn answer(&mut self, response: &Response, error: Option<&str>) {
        let nonce = response.nonce.to_string();
        let ask = match self.form {
            Form::Delta => Ask::default(),
            Form::Sotw => {
                let url = [CLUSTER, ENDPOINT, LISTENER, ROUTE, "unknown"]
                    .into_iter()
                    .find(|url| **url == *response.type_url)
                    .unwrap();
                let entry = self.entry(url);
                entry.2 = nonce.clone();
                Ask::Sotw { names: entry.1.clone(), version: response.version.to_string() }
            }
        };
        let error = error.map(str::to_string);
        self.request(Request { type_url: response.type_url.to_string(), nonce, error, ask });
    }

    fn ack(&mut self, response: &Response) {
        self.answer(response, None);
    }

    fn next(&mut self) -> Option<Response> {
        self.session.response(self.now)
    }

    /// The next response in words: `CDS a@1 b@1 -c`.
    fn next_text(&mut self) -> String {
        self.next().map(|response| text(&response)).unwrap_or_default()
    }

    /// Takes and acknowledges everything that comes; returns it in words.
    fn drain(&mut self) -> Vec<String> {
        let mut texts = Vec::new();
        while let Some(response) = self.next() {
            texts.push(text(&response));
            self.ack(&response);
        }
        texts
    }

    fn events(&mut self) -> Vec<String> {
        self.events.extend(self.session.events());
        self.events.drain(..).map(|event| event_text(&event)).collect()
    }

    fn entry(&mut self, url: &'static str) -> &mut (&'static str, Vec<String>, String) {
        if let Some(index) = self.asked.iter().position(|entry| entry.0 == url) {
            return &mut self.asked[index];
        }
        self.asked.push((url, Vec::new(), String::new()));
        self.asked.last_mut().unwrap()
    }
}

fn short(url: &str) -> &str {
    match url {
        CLUSTER => "CDS",
        ENDPOINT => "EDS",
        LISTENER => "LDS",
        ROUTE => "RDS",
        other => other,
    }
}

fn text(response: &Response) -> String {
    let mut text = short(&response.type_url).to_string();
    for resource in response.resources.iter() {
        text.push_str(&format!(" {}@{}", resource.name, resource.version));
    }
    for name in response.removed.iter() {
        text.push_str(&format!(" -{name}"));
    }
    text
}

fn event_text(event: &Event) -> String {
    match event {
        Event::Subscribed { type_url } => format!("{} subscribed", short(type_url)),
        Event::Sent { type_url, version, .. } => format!("{} sent {version}", short(type_url)),
        Event::Acked { type_url, version, .. } => format!("{} acked {version}", short(type_url)),
        Event::Nacked { type_url, version, error, resources, .. } => {
            let names: Vec<_> = resources.iter().map(|r| &*r.name).collect();
            format!("{} nacked {version} {}: {error}", short(type_url), names.join(","))
        }
        Event::Settled { version } => format!("settled {version}"),
        Event::Unsettled => "unsettled".into(),
        Event::Disconnected => "disconnected".into(),
    }
}
