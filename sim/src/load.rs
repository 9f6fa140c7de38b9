//! Scenario files from disk.

use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::registry::Registry;
use crate::scenario::{Origin, Scenario};

/// A scenario and where it came from.
pub struct Loaded {
    /// The scenario.
    pub scenario: Scenario,
    /// The file, absolute.
    pub file: PathBuf,
    /// What its paths are relative to, absolute.
    pub base_dir: PathBuf,
}

/// Reads and checks a scenario file.
///
/// # Errors
/// [`Failure`] if it cannot be read or is wrong.
pub fn load(path: &Path, overrides: &[String], registry: &Registry) -> Result<Loaded, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::file(path, "read", &error))?;
    let shown = path.display().to_string();
    let scenario = Scenario::load(Origin { file: &shown, text: &text, overrides }, registry)?;
    let file = std::path::absolute(path).map_err(|error| Failure::file(path, "find", &error))?;
    let base_dir = file.parent().map_or_else(|| PathBuf::from("."), Path::to_owned);
    Ok(Loaded { scenario, file, base_dir })
}
