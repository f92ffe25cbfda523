//! Changes of headers that configuration asks for, with Envoy's command operators filled in.

use std::borrow::Cow;

use outrigger_traffic::{HeaderMutation, HeaderMutations, HeaderTarget};

use super::context::Context;
use super::head::{RequestHead, ResponseHead};
use super::story::Story;
use crate::telemetry::{NO_HEADERS, RequestRecord};

/// Changes a request's head, the most specific changes first.
pub fn request<'s>(
    layers: &[&HeaderMutations],
    context: &Context,
    story: &Story<'s>,
    request: &mut RequestHead,
) {
    let empty = ResponseHead::default();
    for layer in layers.iter().filter(|layer| !layer.request.is_empty()) {
        let values = values(&layer.request, context, &story.record(context, request, &empty, NO_HEADERS));
        apply(&layer.request, request, values);
    }
}

/// Changes a response's head, the most specific changes first.
pub fn response<'s>(
    layers: &[&HeaderMutations],
    context: &Context,
    story: &Story<'s>,
    request: &RequestHead,
    response: &mut ResponseHead,
) {
    for layer in layers.iter().filter(|layer| !layer.response.is_empty()) {
        let values = values(&layer.response, context, &story.record(context, request, response, NO_HEADERS));
        apply(&layer.response, response, values);
    }
}

/// The values with operators, filled in before anything changes: they read the head that is about to.
fn values(mutations: &[HeaderMutation], context: &Context, record: &RequestRecord<'_>) -> Vec<String> {
    let mut values = Vec::new();
    for mutation in mutations {
        let (HeaderMutation::Set(_, value)
        | HeaderMutation::Append(_, value)
        | HeaderMutation::AddIfAbsent(_, value)
        | HeaderMutation::SetIfPresent(_, value)) = mutation
        else {
            continue;
        };
        if value.contains('%') {
            let mut out = Vec::new();
            context.worker.telemetry.format(value).write(record, &mut out);
            values.push(String::from_utf8_lossy(&out).into_owned());
        }
    }
    values
}

fn apply<H: HeaderTarget>(mutations: &[HeaderMutation], head: &mut H, values: Vec<String>) {
    let mut values = values.into_iter();
    HeaderMutation::apply_all(mutations, head, |_| Cow::Owned(values.next().unwrap_or_default()));
}
