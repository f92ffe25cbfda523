use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use crate::ResourceKey;

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing is lost.
    Info,
    /// Something that was written has no effect, or surely not the wanted one.
    Warning,
    /// The object, or its promise of security, is not in force.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

/// A stable name of a kind of finding, e.g. `OUT0001`; tools match on it, so it never changes meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Code(pub &'static str);

impl Code {
    /// A manifest could not be read: syntax, type, unknown or duplicate field.
    pub const MALFORMED: Code = Code("OUT0001");
    /// No such kind is known here.
    pub const UNKNOWN_KIND: Code = Code("OUT0002");
    /// A value is well formed but not allowed.
    pub const INVALID: Code = Code("OUT0003");
    /// A field or kind is valid but not acted on by this version.
    pub const NOT_ACTED_ON: Code = Code("OUT0004");
    /// Security that was asked for is not enforced by this version.
    pub const SECURITY_NOT_ENFORCED: Code = Code("OUT0005");
    /// The object, or a part of it, lost against another that claims the same.
    pub const CONFLICT: Code = Code("OUT0006");
    /// Something refers to an object that does not exist.
    pub const MISSING_REFERENCE: Code = Code("OUT0007");
    /// Two sources hold the same object.
    pub const DUPLICATE_OBJECT: Code = Code("OUT0008");
    /// A key of the mesh-wide configuration is not acted on.
    pub const MESH_CONFIG_NOT_ACTED_ON: Code = Code("OUT0009");
    /// A part of an object can never have an effect.
    pub const UNREACHABLE: Code = Code("OUT0010");
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A place in a file; line and column count from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Position {
    /// The file as the user named it.
    pub file: Arc<PathBuf>,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

/// A finding about what a user wrote. A mistake of a user is a value of this type, never a panic
/// and never only a log line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Diagnostic {
    /// How much it weighs.
    pub severity: Severity,
    /// What kind of finding.
    pub code: Code,
    /// The object it is about, if one could be told.
    pub object: Option<ResourceKey>,
    /// Path of the field inside the object, e.g. `spec.http[0].route[1].weight`; empty: the object itself.
    pub field: String,
    /// Where it was written, if it came from a file.
    pub position: Option<Position>,
    /// What is the matter, one sentence without a full stop.
    pub message: String,
    /// What to do about it; empty if the message says it all.
    pub advice: String,
}

impl Diagnostic {
    /// A finding without object, field, position or advice; the `with_` methods add them.
    pub fn new(severity: Severity, code: Code, message: impl Into<String>) -> Self {
        Diagnostic {
            severity,
            code,
            object: None,
            field: String::new(),
            position: None,
            message: message.into(),
            advice: String::new(),
        }
    }

    /// An error; see [`Diagnostic::new`].
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message)
    }

    /// A warning; see [`Diagnostic::new`].
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message)
    }

    /// Names the object it is about.
    #[must_use]
    pub fn with_object(mut self, object: ResourceKey) -> Self {
        self.object = Some(object);
        self
    }

    /// Names the field it is about.
    #[must_use]
    pub fn with_field(mut self, field: impl Into<String>) -> Self {
        self.field = field.into();
        self
    }

    /// Says where it was written.
    #[must_use]
    pub fn with_position(mut self, position: Position) -> Self {
        self.position = Some(position);
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn with_advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = advice.into();
        self
    }
}

impl fmt::Display for Diagnostic {
    /// One line, in the order a compiler would print it:
    /// `mesh.yaml:3:7: warning[OUT0004] Gateway/ns/name spec.x: message (advice)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(position) = &self.position {
            write!(f, "{position}: ")?;
        }
        write!(f, "{}[{}]", self.severity, self.code)?;
        if let Some(object) = &self.object {
            write!(f, " {object}")?;
        }
        if !self.field.is_empty() {
            write!(f, " {}", self.field)?;
        }
        write!(f, ": {}", self.message)?;
        if !self.advice.is_empty() {
            write!(f, " ({})", self.advice)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    #[test]
    fn prints_as_one_line_that_an_editor_can_jump_to() {
        let finding = Diagnostic::warning(Code::NOT_ACTED_ON, "mirrors are not acted on yet")
            .with_object(ResourceKey::new(Kind::VIRTUAL_SERVICE, "ns", "vs"))
            .with_field("spec.http[0].mirrors")
            .with_position(Position { file: Arc::new("mesh.yaml".into()), line: 7, column: 3 })
            .with_advice("remove it");
        assert_eq!(
            finding.to_string(),
            "mesh.yaml:7:3: warning[OUT0004] VirtualService/ns/vs spec.http[0].mirrors: \
             mirrors are not acted on yet (remove it)"
        );
    }
}
