//! Where bytes become durable.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// An append-only file.
pub trait DurableLog: Send {
    /// Appends bytes; they need not be durable yet.
    ///
    /// # Errors
    /// What the system said.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes everything appended so far survive a crash.
    ///
    /// # Errors
    /// What the system said.
    fn sync(&mut self) -> io::Result<()>;
}

/// A [`DurableLog`] in a file, synced with `fdatasync`.
#[derive(Debug)]
pub struct FileLog {
    file: File,
}

impl FileLog {
    /// Creates the file; it must not exist.
    ///
    /// # Errors
    /// What the system said.
    pub fn create(path: &Path) -> io::Result<Self> {
        File::create_new(path).map(|file| Self { file })
    }
}

impl DurableLog for FileLog {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }
}

impl DurableLog for Vec<u8> {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}
