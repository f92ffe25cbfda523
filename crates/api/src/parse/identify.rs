//! Tells which object a manifest is about, even if the manifest is broken: what is in force must
//! not vanish because of a slip of a finger.

use outrigger_base::ResourceKey;

use crate::kinds::{self, KindInfo};
use crate::yaml::Node;

/// Which object a tree is about.
pub(super) struct Identity {
    pub key: ResourceKey,
    /// Whether it says its name.
    pub named: bool,
}

impl Identity {
    pub(super) fn of(node: &Node, info: &KindInfo, namespace_default: &str) -> Identity {
        let metadata = node.get("metadata");
        let word = |field| metadata.and_then(|m| m.get(field)).and_then(Node::text).unwrap_or("");
        let name = word("name");
        let namespace = match (info.namespaced, word("namespace")) {
            (false, _) => "",
            (true, "") => namespace_default,
            (true, written) => written,
        };
        Identity { key: ResourceKey::new(info.kind, namespace, name), named: !name.is_empty() }
    }
}

/// Looks for kind and name in text that is no YAML.
pub(super) fn guess(text: &str, namespace_default: &str) -> Option<ResourceKey> {
    let (mut api_version, mut kind) = ("", "");
    let (mut name, mut namespace) = ("", "");
    let mut metadata_indent: Option<usize> = None;
    for line in text.lines() {
        let trimmed = line.trim_start();
        let indent = line.len() - trimmed.len();
        let Some((field, value)) = trimmed.split_once(':') else { continue };
        let value = plain(value);
        if indent == 0 {
            metadata_indent = None;
            match field {
                "apiVersion" => api_version = value,
                "kind" => kind = value,
                // The first line below says how deep its fields stand.
                "metadata" if value.is_empty() => metadata_indent = Some(0),
                "metadata" => {
                    for (field, value) in flow(value) {
                        match field {
                            "name" => name = value,
                            "namespace" => namespace = value,
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        } else if let Some(deep) = metadata_indent {
            if deep == 0 {
                metadata_indent = Some(indent);
            }
            if deep == 0 || deep == indent {
                match field {
                    "name" => name = value,
                    "namespace" => namespace = value,
                    _ => {}
                }
            }
        }
    }
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let info = kinds::find(group, kind).filter(|info| info.is_read())?;
    if name.is_empty() {
        return None;
    }
    let namespace = match (info.namespaced, namespace) {
        (false, _) => "",
        (true, "") => namespace_default,
        (true, written) => written,
    };
    Some(ResourceKey::new(info.kind, namespace, name))
}

/// The plain entries of a map in braces: `{name: a, namespace: b}`.
fn flow(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let inside = text.trim_start_matches('{').trim_end_matches('}');
    inside.split(',').filter_map(|entry| entry.split_once(':')).map(|(key, value)| (key.trim(), plain(value)))
}

/// A scalar without quotes and comment.
fn plain(value: &str) -> &str {
    let value = value.split(" #").next().unwrap_or(value).trim();
    value.trim_matches(['"', '\''])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_manifest_still_says_which_object_it_is() {
        let text = "---\napiVersion: networking.istio.io/v1\nkind: VirtualService # here\nmetadata:\n  labels:\n    \
                    name: other\n  name: \"vs\"\n  namespace: ns\nspec:\n  hosts: [a\n  name: no\n";
        assert_eq!(guess(text, "default").unwrap().to_string(), "VirtualService/ns/vs");
        let text = "apiVersion: v1\nkind: Service\nmetadata: {name: a, labels: {b: c}}\nspec: {\n";
        assert_eq!(guess(text, "default").unwrap().to_string(), "Service/default/a");
        assert!(guess("kind: Nothing\nmetadata:\n  name: a\n", "default").is_none());
        assert!(guess("apiVersion: v1\nkind: Service\nspec:\n  name: a\n", "default").is_none());
    }
}
