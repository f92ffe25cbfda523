//! What the control plane says about manifests, as lines for people.

use std::path::Path;

use serde_json::Value;

/// One finding of the control plane's status, laid out as every program here prints findings. Files
/// are named as the scenario names them, without the `folder` of the run.
pub fn line(finding: &Value, folder: &Path) -> String {
    let text = |pointer: &str| finding.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let mut line = String::new();
    let file = Path::new(text("/position/file"));
    if !file.as_os_str().is_empty() {
        let file = file.strip_prefix(folder).unwrap_or(file).display();
        line += &format!("{file}:{}:{}: ", finding["position"]["line"], finding["position"]["column"]);
    }
    line += &format!("{}[{}]", text("/severity"), text("/code"));
    let object = [text("/object/kind"), text("/object/namespace"), text("/object/name")];
    for (index, part) in object.into_iter().filter(|part| !part.is_empty()).enumerate() {
        line.push(if index == 0 { ' ' } else { '/' });
        line.push_str(part);
    }
    if !text("/field").is_empty() {
        line += &format!(" {}", text("/field"));
    }
    line += &format!(": {}", text("/message"));
    if !text("/advice").is_empty() {
        line += &format!(" ({})", text("/advice"));
    }
    line
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use outrigger_base::{Code, Diagnostic, Kind, Position, ResourceKey};

    use super::*;

    #[test]
    fn a_finding_reads_as_the_other_programs_print_it() {
        let mut finding = Diagnostic::warning(Code::NOT_ACTED_ON, "mirrors are not acted on yet")
            .with_object(ResourceKey::new(Kind::VIRTUAL_SERVICE, "shop", "web"))
            .with_field("spec.http[0].mirrors")
            .with_position(Position { file: Arc::new("/run/mesh.yaml".into()), line: 7, column: 3 })
            .with_advice("remove it");
        let value = serde_json::to_value(&finding).unwrap();
        finding.position = Some(Position { file: Arc::new("mesh.yaml".into()), line: 7, column: 3 });
        assert_eq!(line(&value, Path::new("/run")), finding.to_string());
        let bare = Diagnostic::error(Code::INVALID, "no");
        assert_eq!(line(&serde_json::to_value(&bare).unwrap(), Path::new("/")), bare.to_string());
    }
}
