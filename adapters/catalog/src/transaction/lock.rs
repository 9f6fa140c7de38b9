//! One writer at a time.
//!
//! The lock is the system's on an open file, so that it ends with its process, however that ends. Invariants:
//! a file that is held is the one that stands under the name: whoever got hold of one that was taken away
//! meanwhile tries again. Deliberately absent: catalogs that several machines share over a network.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tapedeck_model::Ts;

use crate::error::CatalogError;

/// The file in a catalog's folder.
const NAME: &str = ".lock";
/// How often the holder is asked for its name, while it has not written it yet.
const ASKED: usize = 10;
const PAUSE: Duration = Duration::from_millis(10);

/// The right to write into a catalog; ends when dropped.
pub(crate) struct Lock {
    path: PathBuf,
    /// Open as long as the lock is held.
    #[expect(dead_code, reason = "it is held, not looked at")]
    held: File,
}

impl Lock {
    /// Takes the lock of the catalog at `root`, which is a folder.
    pub(crate) fn take(root: &Path) -> Result<Self, CatalogError> {
        let path = root.join(NAME);
        let refuse = |e: io::Error| CatalogError::io(&path, e);
        let options = File::options().read(true).write(true).create(true).truncate(false).clone();
        loop {
            let mut held = options.open(&path).map_err(refuse)?;
            match held.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(CatalogError::Locked { root: root.to_owned(), owner: owner(&mut held) });
                }
                Err(TryLockError::Error(e)) => return Err(refuse(e)),
            }
            let text = ours();
            held.set_len(0).and_then(|()| held.write_all(text.as_bytes())).map_err(refuse)?;
            // Its holder may have taken the file away between opening and locking it.
            if fs::read_to_string(&path).is_ok_and(|there| there == text) {
                return Ok(Self { path, held });
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // One that stays is taken over: only who holds it counts.
        let _ = fs::remove_file(&self.path);
    }
}

/// Locks that this process has asked for, so that no two of its texts are the same.
static ASKED_FOR: AtomicU64 = AtomicU64::new(0);

/// What others read of us.
fn ours() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let since = Ts::from_nanos(i64::try_from(since).unwrap_or(i64::MAX));
    let command: Vec<String> = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let (process, number) = (std::process::id(), ASKED_FOR.fetch_add(1, Ordering::Relaxed));
    format!("by process {process} (#{number}) on {} since {since}: {}", host(), command.join(" "))
}

/// The name of this machine, where the system tells it.
fn host() -> String {
    let told = fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned());
    let told = told.or_else(|| std::env::var("HOSTNAME").ok()).or_else(|| std::env::var("COMPUTERNAME").ok());
    told.filter(|name| !name.is_empty()).unwrap_or_else(|| "an unnamed host".to_owned())
}

fn owner(file: &mut File) -> String {
    let mut text = String::new();
    for _ in 0..ASKED {
        text.clear();
        let read = file.rewind().and_then(|()| file.read_to_string(&mut text));
        if read.is_ok() && !text.is_empty() {
            return text;
        }
        std::thread::sleep(PAUSE);
    }
    "by somebody who has not said its name".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_the_first_is() {
        let folder = tempfile::tempdir().unwrap();
        let first = Lock::take(folder.path()).unwrap();
        let error = Lock::take(folder.path()).err().unwrap().to_string();
        assert!(error.contains(&format!("by process {}", std::process::id())) && error.contains("wait"), "{error}");
        drop(first);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        // What a process that was killed leaves hinders nobody.
        fs::write(folder.path().join(NAME), "by process 1").unwrap();
        drop(Lock::take(folder.path()).unwrap());
    }

    #[test]
    fn of_many_at_once_one_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let inside = std::sync::atomic::AtomicUsize::new(0);
        let taken = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..300 {
                        let Ok(lock) = Lock::take(folder.path()) else { continue };
                        assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                        taken.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                        inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                        drop(lock);
                    }
                });
            }
        });
        assert!(taken.into_inner() > 0);
    }
}
