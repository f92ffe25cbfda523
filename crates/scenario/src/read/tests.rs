use std::collections::BTreeSet;
use std::fs;

use serde::Deserialize;
use serde::de::{Deserializer, Visitor};
use serde_json::Value;

use super::file::{AppFile, ExpectFile, HostFile, LoadFile, RequestFile, ScenarioFile, StepFile, WaitFile};
use super::*;
use crate::schema;

const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {template: {metadata: {labels: {app: web}}}}
";

fn read(text: &str) -> Result<Scenario, Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mesh.yaml"), DEPLOYMENT).unwrap();
    fs::write(folder.path().join(FILE_NAME), text).unwrap();
    let prefix = format!("{}/", folder.path().display());
    load(folder.path())
        .map_err(|findings| findings.iter().map(|finding| finding.to_string().replace(&prefix, "")).collect())
}

#[test]
fn a_scenario_is_read_with_its_defaults() {
    let scenario = read(
        "name: shop
manifests: [mesh.yaml]
hosts:
- {name: edge, kind: gateway, address: 10.99.0.2, labels: {istio: ingressgateway}}
- {name: web-1, kind: pod, workload: Deployment/shop/web, meshed: true, app: {run: hello, env: {PORT: 1}}}
- {name: web-2, kind: pod, workload: Deployment/shop/web, address: [10.0.0.9, 'fd00::9'], replaces: web-1}
- {name: outside, kind: client}
steps:
- wait: {synced: true, within: 5s}
- request: {from: outside, url: 'http://10.99.0.2:8002/x', expect: {status: {200: 1.0}, shares: {a: 0.3}}}
- delete: Deployment/shop/web
- apply: mesh.yaml
- load: {from: outside, url: 'http://a/', rps: 50, until: end}
",
    )
    .unwrap();
    let addresses: Vec<String> = scenario.hosts.iter().map(|h| h.addresses[0].to_string()).collect();
    assert_eq!(addresses, ["10.99.0.2", "10.99.1.1", "10.0.0.9", "10.99.1.2"]);
    assert_eq!(scenario.hosts[0].namespace, "istio-system");
    assert_eq!(scenario.hosts[1].namespace, "shop");
    assert_eq!(scenario.hosts[1].app.as_ref().unwrap().env["PORT"], "1");
    let titles: Vec<String> = scenario.steps.iter().map(ToString::to_string).collect();
    assert_eq!(titles[1], "1 × GET http://10.99.0.2:8002/x from outside");
    assert_eq!(titles[2], "delete Deployment/shop/web");
}

#[test]
fn every_mistake_is_found_with_its_place() {
    let findings = read(
        "name: shop
manifests: [missing.yaml, ../mesh.yaml]
hosts:
- {name: web, kind: pod, workload: Deployment/shop/none, adress: 10.0.0.1}
- {name: web, kind: virtual, address: 10.0.0.300}
steps:
- request: {from: nobody, url: 'https://x', expect: {status: {200: 2}, shares: {'(': 1}}}
- {start: web, stop: web}
",
    )
    .unwrap_err();
    let has = |place: &str, text: &str| {
        let found = findings.iter().any(|f| f.starts_with(place) && f.contains(text));
        assert!(found, "{place} {text}: {findings:#?}");
    };
    has("scenario.yaml:2:13:", "there is no file missing.yaml");
    has("scenario.yaml:2:27:", "not inside the scenario's folder");
    has("scenario.yaml:4:", "did you mean 'address'?");
    has("scenario.yaml:4:", "no manifest of the scenario has Deployment/shop/none");
    has("scenario.yaml:5:4:", "a host web is there already");
    has("scenario.yaml:5:15:", "one of: pod, vm, gateway, client");
    has("scenario.yaml:5:", "\"10.0.0.300\" is not the address of a machine");
    has("scenario.yaml:7:", "\"https://x\" cannot be asked");
    has("scenario.yaml:7:", "shares go from 0 to 1");
    has("scenario.yaml:7:", "is no pattern");
    has("scenario.yaml:8:3:", "is start and stop");
}

#[test]
fn a_request_from_nobody_is_refused() {
    let findings =
        read("name: x\nsteps:\n- request: {from: nobody, url: 'http://x'}\n- start: nobody\n").unwrap_err();
    assert!(findings[0].contains("there is no host \"nobody\""), "{findings:?}");
    assert_eq!(findings.len(), 2);
}

/// The field names of a struct, which serde tells the deserializer.
fn fields<'de, T: Deserialize<'de>>() -> BTreeSet<String> {
    struct Probe<'a>(&'a mut Vec<&'static str>);
    impl<'de> Deserializer<'de> for Probe<'_> {
        type Error = serde_json::Error;

        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
            Err(serde::de::Error::custom("only structs are asked"))
        }

        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            _: V,
        ) -> Result<V::Value, Self::Error> {
            self.0.extend(fields);
            Err(serde::de::Error::custom("the names are all that is wanted"))
        }

        serde::forward_to_deserialize_any! {
            bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
            unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }
    let mut names = Vec::new();
    let _ = T::deserialize(Probe(&mut names));
    names.into_iter().map(str::to_owned).collect()
}

#[test]
fn the_schema_and_the_types_know_the_same_keys() {
    let schema = schema();
    let keys = |pointer: &str| -> BTreeSet<String> {
        let properties = schema.pointer(&format!("{pointer}/properties")).and_then(Value::as_object);
        properties.unwrap().keys().cloned().collect()
    };
    assert_eq!(keys(""), fields::<ScenarioFile>());
    assert_eq!(keys("/$defs/host"), fields::<HostFile>());
    assert_eq!(keys("/$defs/app"), fields::<AppFile>());
    assert_eq!(keys("/$defs/step"), fields::<StepFile>());
    assert_eq!(keys("/$defs/wait"), fields::<WaitFile>());
    assert_eq!(keys("/$defs/request"), fields::<RequestFile>());
    assert_eq!(keys("/$defs/load"), fields::<LoadFile>());
    assert_eq!(keys("/$defs/expect"), fields::<ExpectFile>());
}

#[test]
fn the_schema_and_the_types_know_the_same_words() {
    let schema = schema();
    let words = |pointer: &str| schema.pointer(pointer).unwrap().clone();
    let kinds: Vec<&str> = HOST_KINDS.iter().map(|(name, _)| *name).collect();
    let apps: Vec<&str> = APP_KINDS.iter().map(|(name, _)| *name).collect();
    assert_eq!(words("/$defs/host/properties/kind/enum"), Value::from(kinds));
    assert_eq!(words("/$defs/app/properties/run/enum"), Value::from(apps));
}
