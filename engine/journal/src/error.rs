//! Why a log is refused, and where.

use std::fmt;
use std::io;

use thiserror::Error;

use crate::codec::Defect;

/// A place in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// Number of the frame, from 0.
    pub frame: u64,
    /// Where the frame, or the record in it, begins: bytes from the start of the log.
    pub offset: u64,
    /// `seq` of the record, or of the frame's first.
    pub seq: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "frame {}, byte {}, record {}", self.frame, self.offset, self.seq)
    }
}

/// Why a log is refused. Records handed out before were verified and stand.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The bytes could not be read.
    #[error("{place}: the journal could not be read")]
    Read {
        /// Where.
        place: Place,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// It does not start like a frame.
    #[error(
        "{place}: expected the start of a frame, {expected:02x?}, found {found:02x?}; this is not a journal of this kind, or it was overwritten here"
    )]
    WrongMagic {
        /// Where.
        place: Place,
        /// What a frame of this kind of log starts with.
        expected: [u8; 4],
        /// What was found.
        found: [u8; 4],
    },
    /// Another version of the format.
    #[error(
        "{place}: format version {found}, this build reads version {supported}; read it with the build that wrote it, or run again"
    )]
    WrongVersion {
        /// Where.
        place: Place,
        /// What was found.
        found: u16,
        /// What this build reads.
        supported: u16,
    },
    /// The end is missing.
    #[error(
        "{place}: the journal breaks off here, its last frame is missing; the run was interrupted or the file was cut off"
    )]
    Truncated {
        /// Where the first frame begins that is not whole.
        place: Place,
    },
    /// The end is missing, which is not a defect for a reader that was told to expect it.
    #[error("{place}: unfinished; everything before was verified, {torn_bytes} bytes of a torn frame follow")]
    Unfinished {
        /// Where the next frame would begin: the bytes before are whole and verified.
        place: Place,
        /// Bytes after that.
        torn_bytes: u64,
    },
    /// Some byte of the frame is not what was sealed.
    #[error("{place}: the frame's hash does not match; a byte of it was changed, restore the file from a copy")]
    HashMismatch {
        /// Where.
        place: Place,
    },
    /// Bytes after the last frame.
    #[error("{place}: there are bytes after the last frame; something was appended to a finished journal")]
    TrailingBytes {
        /// Where.
        place: Place,
    },
    /// A flag of which this version knows nothing.
    #[error("{place}: unknown flags {flags:#06x} in the frame's header; a newer build may have written it")]
    UnknownFlags {
        /// Where.
        place: Place,
        /// All flags found.
        flags: u16,
    },
    /// The frame does not begin where the one before ended.
    #[error("{place}: the frame says that it begins with record {found}; its writer was at fault")]
    WrongSeq {
        /// Where.
        place: Place,
        /// What the header says.
        found: u64,
    },
    /// The frame does not hold as many records as it says.
    #[error("{place}: the frame holds {found} records and says {declared}; its writer was at fault")]
    CountMismatch {
        /// Where.
        place: Place,
        /// What the header says.
        declared: u32,
        /// What its payload holds, or one more than declared if it holds more.
        found: u64,
    },
    /// A record that is not one.
    #[error("{place}: a record of kind {kind} cannot be decoded; a newer build may have written it")]
    BadRecord {
        /// Where.
        place: Place,
        /// Number of its kind; 0 if it is not even whole enough to have one.
        kind: u16,
        /// What is wrong with it.
        #[source]
        defect: Defect,
    },
    /// Input or time goes back.
    #[error("{place}: the record's input or time is before that of the record before; its writer was at fault")]
    OutOfOrder {
        /// Where.
        place: Place,
    },
    /// Reading went on after an error.
    #[error("{place}: reading stopped here at an earlier error")]
    Stopped {
        /// Where.
        place: Place,
    },
}
