//! The JSON schema of `scenario.yaml`, for editors. Written by hand beside the types that read the
//! file (`read/file.rs`); a test holds the two together.

use serde_json::{Value, json};

/// The schema.
pub fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Outrigger scenario",
        "description": "Machines, manifests and steps, run by `outrigger demo DIR`.",
        "type": "object",
        "additionalProperties": false,
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "description": "A short name."},
            "title": {"type": "string", "description": "One line for people."},
            "manifests": {
                "type": "array", "items": {"type": "string"},
                "description": "Files that are applied at the start, relative to this one.",
            },
            "hosts": {"type": "array", "items": {"$ref": "#/$defs/host"}},
            "steps": {"type": "array", "items": {"$ref": "#/$defs/step"}},
        },
        "$defs": {
            "host": host(),
            "app": app(),
            "step": step(),
            "wait": wait(),
            "request": request(),
            "load": load(),
            "expect": expect(),
            "texts": {
                "type": "object",
                "additionalProperties": {"type": ["string", "number", "boolean"]},
            },
            "duration": {"type": "string", "pattern": "^([0-9.]+(h|m|s|ms|us|ns))+$|^0$"},
            "share": {"type": "number", "minimum": 0, "maximum": 1},
        },
    })
}

fn host() -> Value {
    let address = json!({"type": "string", "description": "IPv4 or IPv6."});
    json!({
        "type": "object",
        "description": "A machine with exactly its addresses, joined to the others by a router.",
        "additionalProperties": false,
        "required": ["name", "kind"],
        "properties": {
            "name": {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,62}$"},
            "kind": {"enum": ["pod", "vm", "gateway", "client"]},
            "workload": {
                "type": "string", "pattern": "^Deployment/[^/]+/[^/]+$",
                "description": "Pods only: the Deployment that the pod belongs to. It comes up when \
                                that is applied and ends when that is deleted. A pod without one is \
                                there from the start.",
            },
            "address": {
                "description": "One address, or a list. Without it the host gets one from 10.99.0.0/16.",
                "anyOf": [address, {"type": "array", "items": address}],
            },
            "namespace": {
                "type": "string",
                "description": "Of its proxy and for short names; of pods, that of the workload. \
                                Without it istio-system for gateways, else default.",
            },
            "labels": {"$ref": "#/$defs/texts", "description": "Added to those of the pod's template."},
            "locality": {"type": "string", "description": "REGION/ZONE/SUBZONE"},
            "meshed": {"type": "boolean", "description": "Whether a proxy captures the app's traffic."},
            "app": {"$ref": "#/$defs/app"},
            "replaces": {
                "type": "string",
                "description": "Another pod host of the same workload. Of the two only one runs at a \
                                time: this one from the second time on that the Deployment is applied.",
            },
        },
    })
}

fn app() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["run"],
        "properties": {
            "run": {"enum": ["hello", "whoami", "versioned", "http", "tcp"]},
            "version": {"type": ["string", "number"], "default": "v1"},
            "port": {"type": "integer", "minimum": 1, "maximum": 65535, "default": 8001},
            "name": {"type": "string", "description": "A name to answer with."},
            "env": {"$ref": "#/$defs/texts"},
        },
    })
}

fn step() -> Value {
    let host = json!({"type": "string", "description": "The name of a host."});
    json!({
        "type": "object",
        "description": "One thing that happens.",
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 1,
        "properties": {
            "wait": {"$ref": "#/$defs/wait"},
            "request": {"$ref": "#/$defs/request"},
            "apply": {"type": "string", "description": "A file, relative to this one."},
            "delete": {"type": "string", "pattern": "^[^/]+/([^/]+/)?[^/]+$", "description": "KIND/NAMESPACE/NAME"},
            "start": host, "stop": host, "kill": host,
            "load": {"$ref": "#/$defs/load"},
        },
    })
}

fn wait() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["synced"],
        "properties": {
            "synced": {"const": true, "description": "Every proxy has acknowledged the current state."},
            "within": {"$ref": "#/$defs/duration", "default": "10s"},
        },
    })
}

/// What request and load have in common.
fn target() -> serde_json::Map<String, Value> {
    let properties = json!({
        "from": {"type": "string", "description": "The host that asks."},
        "url": {"type": "string", "pattern": "^http://", "description": "http://HOST[:PORT]/PATH"},
        "method": {"type": "string", "default": "GET"},
        "headers": {"$ref": "#/$defs/texts"},
        "host": {"type": "string", "description": "The Host header, in place of the URL's host."},
        "body": {"type": "string"},
    });
    properties.as_object().cloned().unwrap_or_default()
}

fn request() -> Value {
    let mut properties = target();
    properties.extend([
        ("count".to_owned(), json!({"type": "integer", "minimum": 1, "default": 1})),
        ("concurrency".to_owned(), json!({"type": "integer", "minimum": 1, "maximum": 1024, "default": 1})),
        ("timeout".to_owned(), json!({"$ref": "#/$defs/duration", "default": "15s"})),
        ("expect".to_owned(), json!({"$ref": "#/$defs/expect"})),
    ]);
    json!({
        "type": "object", "additionalProperties": false, "required": ["from", "url"],
        "properties": properties,
    })
}

fn load() -> Value {
    let mut properties = target();
    properties.extend([
        ("rps".to_owned(), json!({"type": "integer", "minimum": 1, "description": "Requests in a second."})),
        ("until".to_owned(), json!({"const": "end", "default": "end"})),
    ]);
    json!({
        "type": "object", "additionalProperties": false, "required": ["from", "url", "rps"],
        "description": "Goes on until the last step is over. No request may fail.",
        "properties": properties,
    })
}

fn expect() -> Value {
    let share = json!({"$ref": "#/$defs/share"});
    json!({
        "type": "object",
        "description": "Shares are of all requests of the step: 0 and 1 exactly, others within 4.5 \
                        standard deviations of a binomial. Without any expectation none may fail.",
        "additionalProperties": false,
        "properties": {
            "status": {
                "type": "object", "propertyNames": {"pattern": "^[1-5][0-9][0-9]$"},
                "additionalProperties": share,
            },
            "failed": {
                "type": "integer", "minimum": 0,
                "description": "How many may fail at most: no whole answer, or a status from 400 that \
                                is not listed under status.",
            },
            "shares": {
                "type": "object", "description": "Pattern in the body: share.",
                "additionalProperties": share,
            },
        },
    })
}
