//! The live driver: wall time around the same kernel that a backtest runs.
//!
//! Enters: market records and venue reports from a channel, as adapters receive them. Leaves:
//! commands to a [`VenueLink`](tapedeck_model::port::VenueLink), a durable log of inputs, a journal. Invariants: an input is in the
//! log, and the log is synced, before the kernel sees it; commands leave only after that; the
//! kernel sees wall time only as the time of an input. So the log, played through the kernel again
//! ([`replay`]), gives the same commands and the same fingerprint.
//!
//! Deliberately absent: connections to exchanges (each is an adapter of its own that feeds the
//! channel), reconciliation after a crash.

mod driver;
mod in_process;
mod log;
mod replay;

pub use driver::{LiveDriver, LiveInput, LiveOutcome, SystemClock, WallClock};
pub use in_process::InProcessVenue;
pub use log::{DurableLog, FileLog};
pub use replay::{ReplayOutcome, replay};

use tapedeck_journal::JournalError;
use tapedeck_kernel::spec::KernelError;
use tapedeck_model::port::LinkError;
use thiserror::Error;

/// What ends a live session early.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LiveError {
    /// The kernel refused to go on.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// The log cannot be written: nothing may happen that would not be on record.
    #[error("the {log} cannot be written")]
    Log {
        /// Which file.
        log: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A command did not leave.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The log of inputs is damaged.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The channel was closed without [`LiveInput::Stop`].
    #[error("the feed ended without being told to stop")]
    FeedLost,
}
