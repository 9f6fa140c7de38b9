//! Ctrl-C: asks the run to stop, and cleans up itself if the run does not listen.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::failure::Failure;

/// Whether the run shall stop.
pub static STOP: AtomicBool = AtomicBool::new(false);

/// The unfinished folder, to be removed if the process must go at once.
static UNFINISHED: Mutex<Option<PathBuf>> = Mutex::new(None);

/// How long the run has to stop by itself.
const PATIENCE: Duration = Duration::from_millis(600);

/// Listens for Ctrl-C and termination.
///
/// # Errors
/// [`Failure::Internal`] if the system refuses.
pub fn listen() -> Result<(), Failure> {
    ctrlc::set_handler(|| {
        STOP.store(true, Ordering::Relaxed);
        std::thread::sleep(PATIENCE);
        let folder = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(folder) = folder {
            // The process ends anyway; what cannot be removed is named as unfinished.
            let _ = std::fs::remove_dir_all(folder);
        }
        Failure::Interrupted.report();
        std::process::exit(i32::from(Failure::Interrupted.exit_code()));
    })
    .map_err(Failure::internal)
}

/// Names the folder that must not outlive an interrupted process; `None` once it is complete.
pub fn guard(folder: Option<&Path>) {
    *UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner) = folder.map(Path::to_owned);
}

/// Whether Ctrl-C was pressed.
///
/// # Errors
/// [`Failure::Interrupted`] if so.
pub fn check() -> Result<(), Failure> {
    if STOP.load(Ordering::Relaxed) { Err(Failure::Interrupted) } else { Ok(()) }
}
