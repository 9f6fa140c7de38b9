//! Ctrl-C: asks the run to stop, and cleans up itself if the run does not listen.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::failure::Failure;

/// Whether the run shall stop.
pub static STOP: AtomicBool = AtomicBool::new(false);

/// What must not outlive an interrupted process.
struct Leftovers {
    unfinished: PathBuf,
    /// Folders that were made for it, outermost first.
    made: Vec<PathBuf>,
}

/// To be removed if the process must go at once.
static LEFTOVERS: Mutex<Option<Leftovers>> = Mutex::new(None);

/// How long the run has to stop by itself.
const PATIENCE: Duration = Duration::from_millis(600);

/// Whether somebody has heard of [`STOP`], is cleaning up and ends the process then.
static HEEDED: AtomicBool = AtomicBool::new(false);

/// Listens for Ctrl-C and termination.
///
/// # Errors
/// [`Failure::Internal`] if the system refuses.
pub fn listen() -> Result<(), Failure> {
    ctrlc::set_handler(|| {
        STOP.store(true, Ordering::Relaxed);
        std::thread::sleep(PATIENCE);
        if HEEDED.load(Ordering::Relaxed) {
            return;
        }
        let leftovers = LEFTOVERS.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(leftovers) = leftovers {
            // The process ends anyway; what cannot be removed is named as unfinished.
            let _ = std::fs::remove_dir_all(leftovers.unfinished);
            remove_empty(&leftovers.made);
        }
        Failure::Interrupted.report();
        std::process::exit(i32::from(Failure::Interrupted.exit_code()));
    })
    .map_err(Failure::internal)
}

/// Names the folder that must not outlive an interrupted process, and the folders made for it.
pub fn guard(unfinished: &Path, made: &[PathBuf]) {
    let leftovers = Leftovers { unfinished: unfinished.to_owned(), made: made.to_vec() };
    *LEFTOVERS.lock().unwrap_or_else(PoisonError::into_inner) = Some(leftovers);
}

/// The folder is complete and stays.
pub fn release() {
    *LEFTOVERS.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// Removes those folders that are empty; `folders` lists outer ones before inner ones.
pub fn remove_empty(folders: &[PathBuf]) {
    for folder in folders.iter().rev() {
        // A folder that holds something, as after every good run, stays.
        let _ = std::fs::remove_dir(folder);
    }
}

/// Whether Ctrl-C was pressed. Who hears so must stop, and has all the time it needs to clean up.
pub fn heed() -> bool {
    let asked = STOP.load(Ordering::Relaxed);
    if asked {
        HEEDED.store(true, Ordering::Relaxed);
    }
    asked
}

/// Whether Ctrl-C was pressed.
///
/// # Errors
/// [`Failure::Interrupted`] if so.
pub fn check() -> Result<(), Failure> {
    if STOP.load(Ordering::Relaxed) { Err(Failure::Interrupted) } else { Ok(()) }
}
