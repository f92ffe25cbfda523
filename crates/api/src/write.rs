//! Writes objects back in the form in which they are read.

use serde::Serialize;
use serde_json::Value;

use crate::absent::{Absent, is_absent};
use crate::kinds;
use crate::meta::Meta;
use crate::object::{Object, Resource};

#[derive(Serialize)]
#[serde(rename_all = "camelCase", bound(serialize = "S: Serialize, T: Serialize + Absent"))]
struct Envelope<'o, S, T> {
    api_version: &'o str,
    kind: &'o str,
    metadata: &'o Meta,
    spec: &'o S,
    #[serde(skip_serializing_if = "is_absent")]
    status: &'o T,
}

impl<T: Absent> Absent for &T {
    fn is_absent(&self) -> bool {
        (*self).is_absent()
    }
}

impl Resource {
    /// The object as JSON, which is YAML too, in the preferred version of its kind.
    pub fn to_value(&self) -> Value {
        match self {
            Resource::Namespace(object) => self.usual(object),
            Resource::Service(object) => self.usual(object),
            Resource::ServiceAccount(object) => {
                // Its fields stand at the top of the object.
                let mut value = self.usual(object);
                if let Value::Object(fields) = &mut value
                    && let Some(Value::Object(spec)) = fields.remove("spec")
                {
                    fields.extend(spec);
                }
                value
            }
            Resource::Deployment(object) => self.usual(object),
            Resource::Pod(object) => self.usual(object),
            Resource::ServiceEntry(object) => self.usual(object),
            Resource::WorkloadEntry(object) => self.usual(object),
            Resource::VirtualService(object) => self.usual(object),
            Resource::DestinationRule(object) => self.usual(object),
            Resource::Gateway(object) => self.usual(object),
        }
    }

    fn usual<S: Serialize, T: Serialize + Absent>(&self, object: &Object<S, T>) -> Value {
        let kind = self.kind();
        let api_version = kinds::info(kind).map(|info| info.api_version(info.versions[0]));
        let envelope = Envelope {
            api_version: api_version.as_deref().unwrap_or_default(),
            kind: kind.kind,
            metadata: &object.meta,
            spec: &object.spec,
            status: &object.status,
        };
        serde_json::to_value(envelope).expect("keys are strings and numbers are finite or become null")
    }
}
