//! The objects of pods, as a scheduler and a kubelet would write them.

use std::collections::BTreeMap;

use outrigger_api as api;
use outrigger_base::constants;
use serde_json::{Value, json};

use crate::model::{Host, HostKind, Scenario};
use crate::objects::Objects;

/// Where a pod is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Its app does not answer yet.
    Starting,
    /// It takes requests.
    Ready,
    /// Somebody asked for its end.
    Terminating,
}

/// Any moment does: only that there is one counts.
const DELETED_AT: &str = "2026-01-01T00:00:00Z";

/// The pod of a host. `deployment` is the object as it was written; a pod may have none.
pub fn pod(host: &Host, deployment: Option<&Value>, stage: Stage) -> Value {
    let text = |pointer: &str| deployment?.pointer(pointer)?.as_str();
    let template = |pointer: &str| deployment?.pointer(&format!("/spec/template{pointer}")).cloned();
    let condition = if stage == Stage::Starting { "False" } else { "True" };
    let addresses: Vec<Value> = host.addresses.iter().map(|a| json!({"ip": a.to_string()})).collect();
    let owner = json!([{
        "apiVersion": "apps/v1", "kind": "Deployment", "controller": true,
        "name": text("/metadata/name").unwrap_or_default(),
        // Files have no uid; owners are found by name.
        "uid": text("/metadata/uid").unwrap_or_default(),
    }]);
    let account = template("/spec/serviceAccountName").or_else(|| template("/spec/serviceAccount"));
    let mut metadata = json!({
        "name": host.name, "namespace": host.namespace,
        "labels": labels(host, template("/metadata/labels")),
    });
    if deployment.is_some() {
        metadata["ownerReferences"] = owner;
    }
    if let Some(annotations) = template("/metadata/annotations") {
        metadata["annotations"] = annotations;
    }
    if stage == Stage::Terminating {
        metadata["deletionTimestamp"] = DELETED_AT.into();
    }
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": metadata,
        "spec": {
            "serviceAccountName": account.unwrap_or_else(|| "default".into()),
            "nodeName": host.name,
            "containers": template("/spec/containers").unwrap_or_else(|| json!([])),
        },
        "status": {
            "phase": "Running",
            "podIP": host.addresses.first().map(ToString::to_string),
            "podIPs": addresses,
            "conditions": [{"type": "Ready", "status": condition}],
        },
    })
}

/// The template's labels, then the host's. There are no Node objects to take a locality from, so it
/// goes into the label that exists for that.
fn labels(host: &Host, template: Option<Value>) -> BTreeMap<String, Value> {
    let mut labels: BTreeMap<String, Value> = match template {
        Some(Value::Object(map)) => map.into_iter().collect(),
        _ => BTreeMap::new(),
    };
    if !host.locality.is_empty() {
        labels.insert(constants::LABEL_LOCALITY.to_owned(), host.locality.replace('/', ".").into());
    }
    labels.extend(host.labels.iter().map(|(key, value)| (key.to_owned(), value.into())));
    labels
}

/// The labels of a host's proxy: a pod's are those of the pod.
pub fn proxy_labels(host: &Host, deployment: Option<&Value>) -> BTreeMap<String, String> {
    let template = deployment.and_then(|d| d.pointer("/spec/template/metadata/labels")).cloned();
    let all = labels(host, template).into_iter();
    all.filter_map(|(key, value)| Some((key, value.as_str()?.to_owned()))).collect()
}

impl Scenario {
    /// The pods that stand once the scenario's first manifests are applied and all hosts are up, as
    /// resources: what a mesh without a runner is to be told beside the manifests.
    pub fn pods(&self) -> Vec<api::Resource> {
        let mut objects = Objects::default();
        for file in &self.manifests {
            let text = std::fs::read_to_string(self.directory.join(file)).unwrap_or_default();
            objects.insert(&file.to_string_lossy(), &text);
        }
        let hosts = self.hosts.iter().filter(|h| h.kind == HostKind::Pod && h.replaces.is_none());
        let pods = hosts.filter_map(|host| {
            let deployment = match &host.workload {
                Some(workload) => Some(objects.deployment(workload)?),
                None => None,
            };
            Some(pod(host, deployment, Stage::Ready).to_string())
        });
        let read = |text: String| api::parse(&self.directory, &text, "default").objects;
        pods.flat_map(read).map(|located| located.resource).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> Host {
        Host {
            name: "web-1".into(),
            kind: HostKind::Pod,
            workload: None,
            addresses: vec!["10.0.0.1".parse().unwrap()],
            namespace: "shop".into(),
            labels: [("version", "v2")].into_iter().collect(),
            locality: "us/us-east-1/az-1".into(),
            meshed: true,
            app: None,
            replaces: None,
        }
    }

    #[test]
    fn a_pod_has_its_templates_labels_ports_and_account() {
        let deployment = json!({
            "metadata": {"name": "web"},
            "spec": {"template": {
                "metadata": {"labels": {"app": "web", "version": "v1"}},
                "spec": {"serviceAccountName": "sa", "containers": [{"name": "c", "ports": [{"containerPort": 80}]}]},
            }},
        });
        let pod = pod(&host(), Some(&deployment), Stage::Terminating);
        let expected = json!({"app": "web", "version": "v2", "istio-locality": "us.us-east-1.az-1"});
        assert_eq!(pod["metadata"]["labels"], expected);
        assert_eq!(pod["spec"]["serviceAccountName"], "sa");
        assert_eq!(pod["spec"]["containers"][0]["ports"][0]["containerPort"], 80);
        assert_eq!(pod["metadata"]["ownerReferences"][0]["name"], "web");
        assert_eq!(pod["status"]["podIP"], "10.0.0.1");
        assert!(pod["metadata"]["deletionTimestamp"].is_string());
    }
}
