//! Market data on disk: Parquet and CSV sources, and a catalog of day files.
//!
//! Enters: files, recordings of an exchange's messages, or a source to be kept. Leaves: chunks of exact records in order of time, or
//! Parquet files. Invariants: the order in which files are named and the size of batches change no
//! record; a defect is an error with its place or is counted, never passed on in silence; a file
//! that was written is complete and gives the same records when it is read.
//! Deliberately absent: network, guesses about units.

#![deny(missing_docs)]
#![deny(unsafe_code)]

mod ahead;
mod binance;
mod cells;
mod check;
mod cryptofeed;
mod decode;
mod error;
mod footer;
mod hash;
mod head;
mod holdings;
mod import;
mod layout;
mod list;
mod merge;
mod order_latency;
mod packed;
mod partition;
mod paths;
mod published;
mod raw;
mod recording;
mod rows;
mod series;
mod settlements;
mod source;
mod spec;
mod transaction;
mod upkeep;
mod write;

pub use ahead::ReadAhead;
pub use binance::{Recording, RecordingSummary, import_recording};
pub use cryptofeed::{Session, SessionFeed, SessionSummary, SessionSymbol, WrongChecksum, sessions};
pub use error::{CatalogError, LineProblem};
pub use head::{Table, head};
pub use holdings::{HeldFile, Holding, holdings};
pub use import::{import, import_all};
pub use list::{CatalogEntry, ColumnRange, Description, SeriesFilter, describe, first_files, ls};
pub use order_latency::read_order_latency;
pub use paths::expand_paths;
pub use published::{Published, Publisher, published, published_forms};
pub use raw::{RawFault, RawFaultKind, RawFile, RawRow, raw_files};
pub use recording::{RecordingCounts, RecordingFile, Wanted};
pub use settlements::{MissingRate, Settlements, WholeFunding};
pub use source::{FileSource, open};
pub use spec::{BookForm, Custom, DataKind, FileSpec, Format, OnConflict, OnError, TimeBase, TimeUnit, VolumeUnit};
pub use transaction::{ImportSummary, SeriesIx, Transaction};
pub use upkeep::{DayPlan, compact, plan_compaction, plan_pruning, prune};
pub use write::{FileLayout, WriteSummary, write_source};

#[cfg(test)]
mod tests;
