//! Market data on disk: Parquet and CSV sources.
//!
//! Enters: files. Leaves: chunks of exact records in order of time. Invariants: the order in which files are named and the size of batches change no
//! record; a defect is an error with its place or is counted, never passed on in silence.
//! Deliberately absent: network, exchange formats, guesses about units.

#![deny(missing_docs)]
#![deny(unsafe_code)]

mod ahead;
mod cells;
mod check;
mod decode;
mod error;
mod hash;
mod layout;
mod paths;
mod rows;
mod source;
mod spec;

pub use ahead::ReadAhead;
pub use error::CatalogError;
pub use paths::expand_paths;
pub use source::{FileSource, open};
pub use spec::{DataKind, FileSpec, Format, OnError, TimeUnit, VolumeUnit};

#[cfg(test)]
mod tests;
