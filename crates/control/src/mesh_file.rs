//! The file of mesh-wide settings, in the form of Istio's MeshConfig.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use outrigger_api::{MeshConfig, parse_mesh_config};
use outrigger_base::{Code, Diagnostic, Position, Severity};

/// How often the file is looked at: it is one, small and rarely changed.
pub const LOOK: Duration = Duration::from_secs(1);

/// What the file says.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The settings; the usual ones for what is not written.
    pub config: MeshConfig,
    /// What is wrong with them, or not acted on.
    pub diagnostics: Vec<Diagnostic>,
}

impl Settings {
    /// Whether something in it could not be read; then the settings before it stay.
    pub fn is_malformed(&self) -> bool {
        self.diagnostics.iter().any(|d| d.severity == Severity::Error && d.code == Code::MALFORMED)
    }
}

/// The file, as it was last read.
pub struct MeshFile {
    path: PathBuf,
    text: String,
    missing: bool,
}

impl MeshFile {
    /// Reads the file for the first time.
    pub fn open(path: &Path) -> std::io::Result<(MeshFile, Settings)> {
        let text = std::fs::read_to_string(path)?;
        let settings = read(path, &text);
        Ok((MeshFile { path: path.into(), text, missing: false }, settings))
    }

    /// Reads the file again; `None` if it is the same as before.
    pub fn look(&mut self) -> Option<Settings> {
        match std::fs::read_to_string(&self.path) {
            Ok(text) if text == self.text && !self.missing => None,
            Ok(text) => {
                self.missing = false;
                self.text = text;
                Some(read(&self.path, &self.text))
            }
            Err(_) if self.missing => None,
            Err(error) => {
                self.missing = true;
                let position = Position { file: Arc::new(self.path.clone()), line: 1, column: 1 };
                let message = format!("the mesh-wide settings cannot be read: {error}");
                let finding = Diagnostic::error(Code::MALFORMED, message)
                    .with_position(position)
                    .with_advice("the settings that were read last stay in force");
                Some(Settings { config: MeshConfig::default(), diagnostics: vec![finding] })
            }
        }
    }
}

fn read(path: &Path, text: &str) -> Settings {
    let (config, diagnostics) = parse_mesh_config(path, text);
    Settings { config, diagnostics }
}
