//! Files into the catalog, day by day.
//!
//! Enters: any source of files. Leaves: what `transaction` makes of its records. Invariants: an import happens as a whole or
//! not at all; importing the same again changes nothing.

#[cfg(test)]
mod tests;

use std::path::Path;

use tapedeck_model::InstrumentIx;
use tapedeck_model::market::Chunk;

use crate::ahead::ReadAhead;
use crate::error::CatalogError;
use crate::source::open;
use crate::spec::{FileSpec, OnConflict};
use crate::transaction::{ImportSummary, Transaction};

/// Chunks that are decoded ahead of the writer.
const READ_AHEAD_CHUNKS: usize = 2;

/// Copies a data set into the catalog at `root`:
/// `<kind>/venue=V/instrument=I[/interval=1m]/date=YYYY-MM-DD/part-0.parquet`.
///
/// `stop` is asked once per chunk and day; when it says so, the catalog is as it was.
///
/// # Errors
/// [`CatalogError`] for what is wrong with the data; [`CatalogError::Conflict`] if the catalog has other records of
/// an instant, [`CatalogError::Locked`] if somebody else is writing, [`CatalogError::Stopped`]. The catalog is then
/// as it was.
pub fn import(
    spec: FileSpec,
    root: &Path,
    on_conflict: OnConflict,
    stop: &dyn Fn() -> bool,
) -> Result<ImportSummary, CatalogError> {
    Ok(import_all(vec![spec], root, on_conflict, stop)?.pop().unwrap_or_default())
}

/// The same for several data sets of different series: all of them, or none.
///
/// # Errors
/// As of [`import`].
pub fn import_all(
    specs: Vec<FileSpec>,
    root: &Path,
    on_conflict: OnConflict,
    stop: &dyn Fn() -> bool,
) -> Result<Vec<ImportSummary>, CatalogError> {
    let mut transaction = Transaction::open(root, on_conflict)?;
    let mut chunk = Chunk::new(InstrumentIx(0));
    let mut issues = Vec::new();
    for spec in specs {
        let series = transaction.series(spec.kind, &spec.instrument, Vec::new());
        let mut source = ReadAhead::spawn(open(spec)?, READ_AHEAD_CHUNKS);
        while source.next_chunk(&mut chunk)? {
            transaction.add(series, &chunk, stop)?;
        }
        transaction.end(series, stop)?;
        issues.push(source.issues());
    }
    // A data set without one row has failed as a source already.
    let summaries = transaction.finish(stop)?;
    Ok(summaries.into_iter().zip(issues).map(|(summary, issues)| ImportSummary { issues, ..summary }).collect())
}
