//! The run folder: made under a temporary name, renamed when it is complete.
//!
//! Invariant: whatever happens, a folder under its final name is complete. An unfinished one is
//! removed on failure, on Ctrl-C and on panic.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::failure::Failure;
use crate::interrupt;

/// The manifest's name: a folder with it is a run folder.
pub const MANIFEST: &str = "manifest.json";
/// The resolved scenario's name.
pub const SCENARIO: &str = "scenario.toml";
/// The journal's name.
pub const JOURNAL: &str = "journal.bin";

/// Prices as the charts show them: the only thing in the page that the journal does not hold.
pub const PRICES: &str = "prices.json";

/// What the run came to under other assumptions, which the journal does not hold either; there if asked for.
pub const VARIANTS: &str = "variants.json";

/// A run folder that is being written.
pub struct Unfinished {
    folder: TempDir,
    // Dropped after the folder, which is in it.
    _made: MadeFolders,
}

/// Folders that were made for a run folder, outermost first. Those that are empty when this is
/// dropped go again: a run that failed leaves nothing.
struct MadeFolders(Vec<PathBuf>);

impl MadeFolders {
    /// Makes `folder` and what it lies in.
    fn make(folder: &Path) -> Result<Self, Failure> {
        let missing = folder.ancestors().filter(|above| !above.as_os_str().is_empty() && !above.exists());
        let mut made = Self(missing.map(Path::to_owned).collect());
        made.0.reverse();
        fs::create_dir_all(folder).map_err(|error| Failure::file(folder, "create", &error))?;
        Ok(made)
    }
}

impl Drop for MadeFolders {
    fn drop(&mut self) {
        interrupt::remove_empty(&self.0);
    }
}

/// What became of a finished folder.
pub struct Finished {
    /// Where the run is.
    pub path: PathBuf,
    /// Whether the same run was there already and was kept.
    pub kept: bool,
}

impl Unfinished {
    /// In `parent`, which is made if it is not there.
    ///
    /// # Errors
    /// [`Failure::Input`] if the folder cannot be made.
    pub fn create(parent: &Path) -> Result<Self, Failure> {
        let made = MadeFolders::make(parent)?;
        let folder = tempfile::Builder::new()
            .prefix(".unfinished-")
            .tempdir_in(parent)
            .map_err(|error| Failure::file(parent, "write in", &error))?;
        interrupt::guard(folder.path(), &made.0);
        Ok(Self { folder, _made: made })
    }

    /// Where it is now.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes one file.
    ///
    /// # Errors
    /// [`Failure::Input`] if it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<(), Failure> {
        let path = self.path().join(name);
        fs::write(&path, text).map_err(|error| Failure::file(&path, "write", &error))
    }

    /// Gives it its final name. A complete run with the same fingerprint is kept instead.
    ///
    /// # Errors
    /// [`Failure::Input`] if something else has the name.
    pub fn finish(self, target: &Path, fingerprint: &str) -> Result<Finished, Failure> {
        let path = target.to_owned();
        if target.exists() {
            return match fingerprint_of(target) {
                Some(found) if found == fingerprint => Ok(Finished { path, kept: true }),
                found => Err(occupied(target, found.as_deref())),
            };
        }
        fs::rename(self.path(), target).map_err(|error| Failure::file(target, "create", &error))?;
        // It is no longer there under its temporary name, so there is nothing to remove.
        let _ = self.folder.keep();
        interrupt::release();
        Ok(Finished { path, kept: false })
    }
}

/// The failure of writing to a folder that is there already.
pub fn occupied(target: &Path, fingerprint: Option<&str>) -> Failure {
    let what = fingerprint.map_or_else(
        || "is not a run folder".to_owned(),
        |found| format!("holds another run ({})", found.get(..12).unwrap_or(found)),
    );
    Failure::input_with_help(format!("{} exists and {what}", target.display()), "choose another --out, or remove it")
}

/// The fingerprint of a complete run folder.
pub fn fingerprint_of(folder: &Path) -> Option<String> {
    let text = fs::read_to_string(folder.join(MANIFEST)).ok()?;
    let manifest: Value = serde_json::from_str(&text).ok()?;
    manifest.get("fingerprint")?.as_str().map(str::to_owned)
}

/// A complete run folder that is read.
pub struct RunFolder {
    /// Where it is.
    pub path: PathBuf,
    /// Its manifest.
    pub manifest: Value,
}

impl RunFolder {
    /// Opens a run folder.
    ///
    /// # Errors
    /// [`Failure::Input`] if it is not one.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let file = path.join(MANIFEST);
        let help = "a run folder is made by `sim run`";
        let not_a_run =
            |what: String| Failure::input_with_help(format!("{} is not a run folder: {what}", path.display()), help);
        let text = fs::read_to_string(&file).map_err(|error| not_a_run(format!("{MANIFEST}: {error}")))?;
        let manifest = serde_json::from_str(&text).map_err(|error| not_a_run(format!("{MANIFEST}: {error}")))?;
        Ok(Self { path: path.to_owned(), manifest })
    }

    /// A text of the manifest; empty if it is not there.
    pub fn text(&self, key: &str) -> &str {
        self.manifest.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    /// The resolved scenario.
    ///
    /// # Errors
    /// [`Failure::Input`] if it cannot be read.
    pub fn scenario_text(&self) -> Result<String, Failure> {
        let path = self.path.join(SCENARIO);
        fs::read_to_string(&path).map_err(|error| Failure::file(&path, "read", &error))
    }

    /// The journal.
    ///
    /// # Errors
    /// [`Failure::Input`] if it cannot be opened.
    pub fn journal(&self) -> Result<tapedeck_journal::Reader<fs::File>, Failure> {
        let path = self.path.join(JOURNAL);
        let file = fs::File::open(&path).map_err(|error| Failure::file(&path, "open", &error))?;
        Ok(tapedeck_journal::Reader::new(file))
    }
}
