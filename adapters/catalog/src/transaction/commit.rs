//! What a transaction does to the catalog, written down before it is done.
//!
//! Enters: new files in the staging folder, files that go away. Leaves: the same changes in the catalog. Invariants:
//! as soon as the commit file has its name, everything it lists happens, in this process or in the next one that
//! opens the catalog; before that nothing has happened; doing it twice is doing it once.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::lock::Lock;
use crate::error::CatalogError;

/// The staging folder in a catalog's folder.
pub(crate) const STAGING: &str = ".staging";
/// The commit file in the staging folder.
const COMMIT: &str = "commit";
/// How often a reader looks whether a writer has done what it has written down.
const LOOKS: usize = 500;
const PAUSE: Duration = Duration::from_millis(10);

/// What a transaction does.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Changes {
    /// Names in the staging folder, and where in the catalog they go.
    pub(crate) moves: Vec<(String, String)>,
    /// Files of the catalog that go away.
    pub(crate) removals: Vec<String>,
}

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        self.moves.is_empty() && self.removals.is_empty()
    }

    /// Writes them down; from here on they happen.
    pub(crate) fn commit(&self, root: &Path) -> Result<(), CatalogError> {
        let staging = root.join(STAGING);
        let (unfinished, path) = (staging.join("commit.unfinished"), staging.join(COMMIT));
        let refuse = |e: io::Error| CatalogError::io(&path, e);
        let text = serde_json::to_vec(self).map_err(|e| CatalogError::format(&path, e))?;
        let mut file = File::create(&unfinished).map_err(refuse)?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(refuse)?;
        fs::rename(&unfinished, &path).map_err(refuse)?;
        sync_folder(&staging)?;
        sync_folder(root)
    }

    /// Does what is written down and not done yet.
    fn play(&self, root: &Path) -> Result<(), CatalogError> {
        let staging = root.join(STAGING);
        let mut changed = BTreeSet::new();
        for (name, target) in &self.moves {
            let (from, to) = (staging.join(inside(root, name)?), root.join(inside(root, target)?));
            changed.extend(to.ancestors().skip(1).take_while(|above| above.starts_with(root)).map(Path::to_owned));
            if let Some(folder) = to.parent() {
                fs::create_dir_all(folder).map_err(|e| CatalogError::io(folder, e))?;
            }
            absent_is_done(fs::rename(&from, &to)).map_err(|e| CatalogError::io(&to, e))?;
        }
        for name in &self.removals {
            let path = root.join(inside(root, name)?);
            absent_is_done(fs::remove_file(&path)).map_err(|e| CatalogError::io(&path, e))?;
            for above in path.ancestors().skip(1).take_while(|above| above.starts_with(root) && *above != root) {
                // A folder that still holds something stays.
                let _ = fs::remove_dir(above);
            }
        }
        for folder in changed.iter().rev().filter(|folder| folder.exists()) {
            sync_folder(folder)?;
        }
        Ok(())
    }
}

/// Does what a committed transaction left, or takes away what one left that was not committed. Only for who holds
/// the lock.
pub(crate) fn recover(root: &Path) -> Result<(), CatalogError> {
    let staging = root.join(STAGING);
    let path = staging.join(COMMIT);
    match fs::read(&path) {
        Ok(text) => {
            let changes: Changes = serde_json::from_slice(&text)
                .map_err(|e| CatalogError::format(&path, format!("it is no list of changes: {e}")))?;
            changes.play(root)?;
            // First the list: without it nobody looks for the files that it names.
            fs::remove_file(&path).map_err(|e| CatalogError::io(&path, e))?;
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(CatalogError::io(&path, e)),
    }
    absent_is_done(fs::remove_dir_all(&staging)).map_err(|e| CatalogError::io(&staging, e))
}

/// Before reading: does what a writer had written down when it was ended, or waits until it has done so.
pub(crate) fn settle(root: &Path) -> Result<(), CatalogError> {
    let commit = root.join(STAGING).join(COMMIT);
    for _ in 0..LOOKS {
        if !commit.exists() {
            return Ok(());
        }
        match Lock::take(root) {
            Ok(_lock) => return recover(root),
            Err(CatalogError::Locked { .. }) => std::thread::sleep(PAUSE),
            Err(other) => return Err(other),
        }
    }
    // It says who is still writing.
    let _lock = Lock::take(root)?;
    recover(root)
}

/// A path that leads nowhere but into the catalog.
fn inside<'a>(root: &Path, name: &'a str) -> Result<&'a Path, CatalogError> {
    let path = Path::new(name);
    if path.components().all(|part| matches!(part, Component::Normal(_))) {
        return Ok(path);
    }
    let commit: PathBuf = root.join(STAGING).join(COMMIT);
    Err(CatalogError::format(&commit, format!("`{name}` leads out of the catalog")))
}

fn absent_is_done(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Makes names in a folder last, where the system needs that said.
fn sync_folder(folder: &Path) -> Result<(), CatalogError> {
    if cfg!(not(unix)) {
        return Ok(());
    }
    File::open(folder).and_then(|file| file.sync_all()).map_err(|e| CatalogError::io(folder, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A catalog with `old` and a commit that puts `a` and `b` there and takes `old` away.
    fn stage(folder: &Path) -> Changes {
        fs::create_dir_all(folder.join(STAGING)).unwrap();
        fs::create_dir_all(folder.join("x/y")).unwrap();
        fs::write(folder.join("x/y/old"), "old").unwrap();
        for name in ["0", "1"] {
            fs::write(folder.join(STAGING).join(name), name).unwrap();
        }
        let to = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        Changes { moves: vec![to("0", "p/q/a"), to("1", "p/q/b")], removals: vec!["x/y/old".to_owned()] }
    }

    fn is_done(folder: &Path) -> bool {
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
        read("p/q/a") == "0" && read("p/q/b") == "1" && !folder.join("x").exists() && !folder.join(STAGING).exists()
    }

    #[test]
    fn what_is_committed_happens_however_often_it_is_interrupted() {
        for done in 0..3 {
            let folder = tempfile::tempdir().unwrap();
            let changes = stage(folder.path());
            changes.commit(folder.path()).unwrap();
            // As far as another process came.
            let Changes { moves, .. } = &changes;
            for (from, to) in moves.iter().take(done) {
                fs::create_dir_all(folder.path().join("p/q")).unwrap();
                fs::rename(folder.path().join(STAGING).join(from), folder.path().join(to)).unwrap();
            }
            settle(folder.path()).unwrap();
            assert!(is_done(folder.path()), "{done}");
            settle(folder.path()).unwrap();
        }
    }

    #[test]
    fn what_is_not_committed_goes_away() {
        let folder = tempfile::tempdir().unwrap();
        stage(folder.path());
        settle(folder.path()).unwrap();
        assert!(folder.path().join(STAGING).exists(), "a reader leaves a writer alone");
        recover(folder.path()).unwrap();
        assert!(!folder.path().join(STAGING).exists() && folder.path().join("x/y/old").exists());
        assert!(!folder.path().join("p").exists());
    }

    #[test]
    fn a_list_that_leads_out_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut changes = stage(folder.path());
        changes.removals.push("../other".to_owned());
        changes.commit(folder.path()).unwrap();
        let error = settle(folder.path()).unwrap_err().to_string();
        assert!(error.contains("leads out"), "{error}");
        fs::write(folder.path().join(STAGING).join(COMMIT), "no list").unwrap();
        let error = settle(folder.path()).unwrap_err().to_string();
        assert!(error.contains("no list of changes"), "{error}");
    }
}
