//! From a tree to an object of a kind: decoding, then validation.

use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::check::{Check, Finding, Validate, is_dns_label, is_dns_subdomain};
use crate::meta::Meta;
use crate::object::{Object, Resource};
use crate::opaque::Opaque;
use crate::pod::{PodSpec, PodStatus};
use crate::service_account::ServiceAccountSpec;
use crate::yaml::{Mistake, Node, decode};

/// What came of a tree: an object, or why not.
pub(crate) struct Reading {
    pub resource: Option<Resource>,
    pub mistakes: Vec<Mistake>,
    pub findings: Vec<Finding>,
}

/// How names of a kind are spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameRule {
    /// One part: `a-b`.
    Label,
    /// Several parts: `a-b.c`.
    Subdomain,
}

/// What a reader must know beside the tree.
pub(crate) struct Scope<'s> {
    /// The namespace of objects that name none; `None` for kinds that have none.
    pub namespace: Option<&'s str>,
    pub name_rule: NameRule,
}

pub(crate) type Reader = fn(&Node, &Scope<'_>) -> Reading;

/// The outermost form of most kinds.
#[derive(Deserialize)]
#[serde(
    rename_all = "camelCase",
    default,
    bound(deserialize = "S: Deserialize<'de> + Default, T: Deserialize<'de> + Default")
)]
struct Envelope<S, T> {
    #[serde(rename = "apiVersion")]
    _api_version: Opaque,
    #[serde(rename = "kind")]
    _kind: Opaque,
    metadata: Meta,
    spec: S,
    status: T,
}

impl<S: Default, T: Default> Default for Envelope<S, T> {
    fn default() -> Self {
        Envelope {
            _api_version: Opaque::default(),
            _kind: Opaque::default(),
            metadata: Meta::default(),
            spec: S::default(),
            status: T::default(),
        }
    }
}

/// The outermost form of a ServiceAccount.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ServiceAccountEnvelope {
    #[serde(rename = "apiVersion")]
    _api_version: Opaque,
    #[serde(rename = "kind")]
    _kind: Opaque,
    metadata: Meta,
    secrets: Opaque,
    image_pull_secrets: Opaque,
    automount_service_account_token: Opaque,
}

/// Reads a kind of the usual form.
pub(crate) fn usual<S>(node: &Node, scope: &Scope<'_>, wrap: fn(Arc<Object<S>>) -> Resource) -> Reading
where
    S: DeserializeOwned + Default + Validate,
{
    with_status::<S, Opaque>(node, scope, wrap)
}

/// Reads a Pod.
pub(crate) fn pod(node: &Node, scope: &Scope<'_>) -> Reading {
    with_status::<PodSpec, PodStatus>(node, scope, Resource::Pod)
}

fn with_status<S, T>(node: &Node, scope: &Scope<'_>, wrap: fn(Arc<Object<S, T>>) -> Resource) -> Reading
where
    S: DeserializeOwned + Default + Validate,
    T: DeserializeOwned + Default,
{
    let decoded = decode::<Envelope<S, T>>(node);
    finish(decoded.value, decoded.mistakes, |envelope, check| {
        let meta = finish_meta(envelope.metadata, scope, check);
        check.within("spec", |check| envelope.spec.validate(check));
        wrap(Arc::new(Object { meta, spec: envelope.spec, status: envelope.status }))
    })
}

/// Reads a ServiceAccount.
pub(crate) fn service_account(node: &Node, scope: &Scope<'_>) -> Reading {
    let decoded = decode::<ServiceAccountEnvelope>(node);
    finish(decoded.value, decoded.mistakes, |envelope, check| {
        let meta = finish_meta(envelope.metadata, scope, check);
        let spec = ServiceAccountSpec {
            secrets: envelope.secrets,
            image_pull_secrets: envelope.image_pull_secrets,
            automount_service_account_token: envelope.automount_service_account_token,
        };
        Resource::ServiceAccount(Arc::new(Object::new(meta, spec)))
    })
}

/// Validates only what was read without a mistake: what is missing because it was wrong must not be
/// reported as missing too.
fn finish<E>(
    value: Option<E>,
    mistakes: Vec<Mistake>,
    build: impl FnOnce(E, &mut Check) -> Resource,
) -> Reading {
    let (Some(value), true) = (value, mistakes.is_empty()) else {
        return Reading { resource: None, mistakes, findings: Vec::new() };
    };
    let mut check = Check::default();
    let resource = build(value, &mut check);
    Reading { resource: Some(resource), mistakes, findings: check.into_findings() }
}

fn finish_meta(mut meta: Meta, scope: &Scope<'_>, check: &mut Check) -> Meta {
    match scope.namespace {
        None => meta.namespace = "".into(),
        Some(default) if meta.namespace.is_empty() => meta.namespace = default.into(),
        Some(_) => {}
    }
    check.within("metadata", |check| {
        if meta.name.is_empty() {
            check.within("name", |check| check.refuse("the object has no name", "write metadata.name"));
        }
        let allowed = match scope.name_rule {
            NameRule::Label => is_dns_label(&meta.name),
            NameRule::Subdomain => is_dns_subdomain(&meta.name),
        };
        if !meta.name.is_empty() && !allowed {
            let advice = match scope.name_rule {
                NameRule::Label => "at most 63 lower-case letters, digits and '-'",
                NameRule::Subdomain => "at most 253 lower-case letters, digits, '-' and '.'",
            };
            let message = format!("'{}' is not allowed as a name", meta.name);
            check.within("name", |check| check.refuse(message, advice));
        }
        if !meta.namespace.is_empty() && !is_dns_label(&meta.namespace) {
            let message = format!("'{}' is not allowed as a namespace", meta.namespace);
            let advice = "at most 63 lower-case letters, digits and '-'";
            check.within("namespace", |check| check.refuse(message, advice));
        }
        check.labels("labels", meta.labels.iter());
    });
    meta
}
