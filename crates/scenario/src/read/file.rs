//! `scenario.yaml` as it is written: what serde sees. Everything may be absent here; what must be
//! there, and what fits together, is checked when it is turned into the model, so that one reading
//! finds all mistakes. The JSON schema (`schema.rs`) says the same again; a test compares the two.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ScenarioFile {
    pub name: Option<String>,
    pub title: Option<String>,
    pub manifests: Vec<String>,
    pub hosts: Vec<HostFile>,
    pub steps: Vec<StepFile>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct HostFile {
    pub name: Option<String>,
    pub kind: Option<String>,
    pub workload: Option<String>,
    pub address: Option<OneOrMany>,
    pub namespace: Option<String>,
    pub labels: BTreeMap<String, Scalar>,
    pub locality: Option<String>,
    pub meshed: Option<bool>,
    pub app: Option<AppFile>,
    pub replaces: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct AppFile {
    pub run: Option<String>,
    pub version: Option<Scalar>,
    pub port: Option<u16>,
    pub name: Option<String>,
    pub env: BTreeMap<String, Scalar>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct StepFile {
    pub wait: Option<WaitFile>,
    pub request: Option<RequestFile>,
    pub apply: Option<String>,
    pub delete: Option<String>,
    pub start: Option<String>,
    pub stop: Option<String>,
    pub kill: Option<String>,
    pub load: Option<LoadFile>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct WaitFile {
    pub synced: Option<bool>,
    pub within: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct RequestFile {
    pub from: Option<String>,
    pub url: Option<String>,
    pub method: Option<String>,
    pub headers: BTreeMap<String, Scalar>,
    pub host: Option<String>,
    pub body: Option<String>,
    pub count: Option<u64>,
    pub concurrency: Option<u16>,
    pub timeout: Option<String>,
    pub expect: ExpectFile,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct LoadFile {
    pub from: Option<String>,
    pub url: Option<String>,
    pub method: Option<String>,
    pub headers: BTreeMap<String, Scalar>,
    pub host: Option<String>,
    pub body: Option<String>,
    pub rps: Option<u32>,
    pub until: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ExpectFile {
    pub status: BTreeMap<String, f64>,
    pub failed: Option<u64>,
    pub shares: BTreeMap<String, f64>,
}

/// A text, or a list of texts.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub fn as_slice(&self) -> &[String] {
        match self {
            OneOrMany::One(text) => std::slice::from_ref(text),
            OneOrMany::Many(texts) => texts,
        }
    }
}

/// A text that YAML may take for a number or a truth value, as in `env: {PORT: 80}`.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    Text(String),
    Whole(i64),
    Number(f64),
    Truth(bool),
}

impl Scalar {
    pub fn into_string(self) -> String {
        match self {
            Scalar::Text(text) => text,
            Scalar::Whole(number) => number.to_string(),
            Scalar::Number(number) => number.to_string(),
            Scalar::Truth(truth) => truth.to_string(),
        }
    }
}
