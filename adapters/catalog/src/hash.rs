//! BLAKE3 of files on a thread of its own, so that it costs the decoder nothing.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use crossbeam_channel::{Receiver, bounded};

const BUFFER_BYTES: usize = 256 * 1024;

/// A hash being computed: BLAKE3 over the BLAKE3 of each file, in the order given.
pub(crate) struct FileHash {
    result: Receiver<Result<[u8; 32], String>>,
    known: OnceLock<Result<[u8; 32], String>>,
    stop: Arc<AtomicBool>,
}

impl FileHash {
    pub(crate) fn spawn(files: Vec<PathBuf>) -> Self {
        let (sender, result) = bounded(1);
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        std::thread::spawn(move || {
            // Nobody listens any more when the source was dropped: then there is nothing to tell.
            let _ = sender.send(hash_files(&files, &told));
        });
        Self { result, known: OnceLock::new(), stop }
    }

    /// Waits for the hash.
    pub(crate) fn wait(&self) -> Result<[u8; 32], String> {
        self.known.get_or_init(|| self.result.recv().unwrap_or_else(|_| Err("hashing was stopped".to_owned()))).clone()
    }
}

impl Drop for FileHash {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

pub(crate) fn hash_files(files: &[PathBuf], stop: &AtomicBool) -> Result<[u8; 32], String> {
    let mut all = blake3::Hasher::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    for file in files {
        let hash = hash_file(file, &mut buffer, stop).map_err(|e| format!("{}: {e}", file.display()))?;
        all.update(&hash);
    }
    Ok(*all.finalize().as_bytes())
}

fn hash_file(path: &Path, buffer: &mut [u8], stop: &AtomicBool) -> std::io::Result<[u8; 32]> {
    let mut file = File::open(path)?;
    let mut hasher = blake3::Hasher::new();
    while !stop.load(Ordering::Relaxed) {
        let read = file.read(buffer)?;
        if read == 0 {
            return Ok(*hasher.finalize().as_bytes());
        }
        let (bytes, _) = buffer.split_at(read);
        hasher.update(bytes);
    }
    Err(std::io::Error::other("hashing was stopped"))
}
