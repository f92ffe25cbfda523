//! Small values as JSON, in the forms of Envoy's messages.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use outrigger_base::ResourceKey;
use serde_json::{Value, json};

/// Envoy's Address message.
pub fn socket_address(address: SocketAddr) -> Value {
    json!({"socket_address": {"address": address.ip().to_string(), "port_value": address.port()}})
}

/// Envoy's Metadata message, with the objects that something came from.
pub fn metadata(origins: &[ResourceKey]) -> Value {
    let Some(first) = origins.first() else { return Value::Null };
    let all: Vec<String> = origins.iter().map(ResourceKey::to_path).collect();
    json!({"filter_metadata": {"istio": {"config": first.to_path(), "origins": all}}})
}

/// Envoy's Duration in JSON.
pub fn duration(duration: Duration) -> Value {
    format!("{}s", duration.as_secs_f64()).into()
}

/// A limit of time, where none is `0s`.
pub fn limit(limit: Option<Duration>) -> Value {
    duration(limit.unwrap_or_default())
}

/// Takes fields without content out of an object.
pub fn compact(mut value: Value) -> Value {
    if let Value::Object(fields) = &mut value {
        fields.retain(|_, field| match field {
            Value::Null => false,
            Value::Array(items) => !items.is_empty(),
            Value::Object(fields) => !fields.is_empty(),
            Value::String(text) => !text.is_empty(),
            Value::Bool(_) | Value::Number(_) => true,
        });
    }
    value
}

pub fn strings(values: &[Arc<str>]) -> Value {
    values.iter().map(|value| Value::from(&**value)).collect()
}
