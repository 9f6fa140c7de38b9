//! What recordings of all exchanges have in common.
//!
//! Enters: lines and decoded messages. Leaves: days of depth, of trades and of quotes, and counts. Invariants: an
//! import that is stopped, or fails before its last day, leaves the catalog as it was; rows of a kind are in one order by both of their times.
//! Deliberately absent: what any exchange's messages look like.

mod lines;
mod reels;
mod survey;
mod tape;

use std::path::PathBuf;

use tapedeck_model::Span;

use crate::error::CatalogError;
pub(crate) use lines::Lines;
pub(crate) use reels::{Numbers, Reels};
pub(crate) use survey::{Mark, STOP_LINES, Sight, Survey};
pub(crate) use tape::{Fields, Level, Pair, Stamp, Tape};

/// What is imported of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Depth.
    Depth,
    /// Trades.
    Trades,
    /// Best bids and offers, where the exchange tells their time.
    Quotes,
    /// Whatever there is of them.
    All,
}

/// One recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingFile {
    /// The file.
    pub path: PathBuf,
    /// Its lines.
    pub lines: u64,
    /// What was added to its local times; zero if no feed latency is negative.
    pub recv_shift: Span,
}

/// What became of the messages that were wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecordingCounts {
    /// Updates of depth that were applied.
    pub updates: u64,
    /// Updates that a snapshot held already.
    pub updates_before_snapshot: u64,
    /// Updates that came twice.
    pub updates_repeated: u64,
    /// Updates after which no snapshot came, so that they change nothing that is known; where updates are not
    /// numbered, those that no snapshot came before.
    pub updates_without_snapshot: u64,
    /// Places where updates are missing.
    pub gaps: u64,
    /// Snapshots that a book begins with.
    pub snapshots: u64,
    /// Snapshots of a book that was whole.
    pub snapshots_unused: u64,
    /// Checksums of books that agree.
    pub checksums: u64,
    /// Checksums of books that do not.
    pub checksums_wrong: u64,
    /// Levels that fell out of the depth that was recorded.
    pub levels_out_of_depth: u64,
    /// Trades that came twice.
    pub trades_repeated: u64,
    /// Trades whose numbers were passed over.
    pub trades_missing: u64,
    /// Trades that did not go through the book.
    pub trades_off_market: u64,
    /// Best bids and offers that came twice, or after a later one.
    pub quotes_repeated: u64,
    /// Lines with something else.
    pub other: u64,
}

/// Whether depth, trades and quotes of what is called `name` are to be written.
pub(crate) fn kinds(name: &str, wanted: Wanted, surveys: &[&Survey]) -> Result<[bool; 3], CatalogError> {
    let refuse = |problem: &str| Err(CatalogError::Spec { name: name.to_owned(), problem: problem.to_owned() });
    let wants = |kind| wanted == kind || wanted == Wanted::All;
    let depth = wants(Wanted::Depth) && surveys.iter().any(|survey| survey.updates > 0);
    let trades = wants(Wanted::Trades) && surveys.iter().any(|survey| survey.trades > 0);
    let quotes = wants(Wanted::Quotes) && surveys.iter().any(|survey| survey.tickers > 0);
    if depth && surveys.iter().all(|survey| survey.snapshots.is_empty()) {
        return refuse(
            "the recording has updates of depth but no snapshot, so no book begins; name the file with the snapshots \
             as well, or import its trades alone (kind trades)",
        );
    }
    if !depth && !trades && !quotes {
        return refuse("the recording has no messages of the kind that is wanted");
    }
    Ok([depth, trades, quotes])
}
