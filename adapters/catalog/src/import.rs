//! A data set into the catalog, day by day.
//!
//! Enters: any source of files. Leaves: one file per day in UTC (of the open time of bars).
//! Invariants: memory holds part of a day; a day is there whole or not at all, whatever interrupts;
//! importing the same again changes nothing; one that is stopped leaves the catalog as it was. Deliberately absent: mending two versions of a day into
//! one.

#[cfg(test)]
mod tests;

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use tapedeck_model::market::Chunk;
use tapedeck_model::port::DataIssues;
use tapedeck_model::{Instrument, InstrumentIx, Span, Ts};

use crate::ahead::ReadAhead;
use crate::error::CatalogError;
use crate::footer::Footer;
use crate::partition::Series;
use crate::source::open;
use crate::spec::{DataKind, FileSpec};
use crate::write::{FileWriter, Finished};

/// Chunks that are decoded ahead of the writer.
const READ_AHEAD_CHUNKS: usize = 2;

/// What was imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportSummary {
    /// Records, those of unchanged days included.
    pub rows: u64,
    /// Time of the first record; open time of a bar.
    pub first: Ts,
    /// Time of the last record; open time of a bar.
    pub last: Ts,
    /// Days that are new.
    pub days_written: u64,
    /// Days that were there already with the same records.
    pub days_unchanged: u64,
    /// Defects of the data that were dealt with.
    pub issues: DataIssues,
}

/// Copies a data set into the catalog at `root`:
/// `<kind>/venue=V/instrument=I[/interval=1m]/date=YYYY-MM-DD/part-0.parquet`.
///
/// `stop` is asked once per chunk and day; when it says so, the catalog is made what it was.
///
/// # Errors
/// [`CatalogError`] for what is wrong with the data; [`CatalogError::Conflict`] if a day is there
/// already with other records. Days before that one stay, whole. [`CatalogError::Stopped`].
pub fn import(spec: FileSpec, root: &Path, stop: &dyn Fn() -> bool) -> Result<ImportSummary, CatalogError> {
    let (kind, instrument) = (spec.kind, spec.instrument.clone());
    let mut source = ReadAhead::spawn(open(spec)?, READ_AHEAD_CHUNKS);
    let mut days = Days::new(root, kind, &instrument);
    let mut chunk = Chunk::new(InstrumentIx(0));
    while source.next_chunk(&mut chunk)? {
        match days.add(&chunk, stop) {
            Err(CatalogError::Stopped) => {
                days.undo()?;
                return Err(CatalogError::Stopped);
            }
            other => other?,
        }
    }
    // A data set without one row has failed as a source already.
    days.finish(source.issues())
}

/// The day being written and what became of those before.
pub(crate) struct Days<'a> {
    root: &'a Path,
    series: Series,
    instrument: &'a Instrument,
    day: Option<(Ts, FileWriter)>,
    /// What every file shall say in its footer besides.
    notes: Vec<(String, String)>,
    rows: u64,
    range: Option<(Ts, Ts)>,
    /// Files that are new.
    written: Vec<PathBuf>,
    /// Folders that are new, outer ones before inner ones.
    made: Vec<PathBuf>,
    unchanged: u64,
}

impl<'a> Days<'a> {
    pub(crate) fn new(root: &'a Path, kind: DataKind, instrument: &'a Instrument) -> Self {
        let series = Series { kind, instrument: instrument.id.clone() };
        Self {
            root,
            series,
            instrument,
            day: None,
            notes: Vec::new(),
            rows: 0,
            range: None,
            written: Vec::new(),
            made: Vec::new(),
            unchanged: 0,
        }
    }

    /// The day on which a record with this `ts_event` lies.
    fn day_of(&self, ts_event: i64) -> Ts {
        let shift = match self.series.kind {
            DataKind::Bars { interval } => interval.nanos(),
            DataKind::Trades
            | DataKind::Quotes
            | DataKind::Depth
            | DataKind::Marks
            | DataKind::Funding
            | DataKind::Mbo => 0,
        };
        Ts::from_nanos(ts_event.saturating_sub(shift)).floor_to(Span::DAY)
    }

    /// As `new`, with facts for the footers.
    pub(crate) fn with_notes(mut self, notes: Vec<(String, String)>) -> Self {
        self.notes = notes;
        self
    }

    pub(crate) fn add(&mut self, chunk: &Chunk, stop: &dyn Fn() -> bool) -> Result<(), CatalogError> {
        let mut from = 0;
        while let Some((first, rest)) = chunk.ts_event.get(from..).and_then(<[i64]>::split_first) {
            if stop() {
                return Err(CatalogError::Stopped);
            }
            let day = self.day_of(*first);
            let until = from + 1 + rest.partition_point(|ts| self.day_of(*ts) == day);
            self.add_rows(day, chunk, from..until)?;
            from = until;
        }
        Ok(())
    }

    fn add_rows(&mut self, day: Ts, chunk: &Chunk, rows: Range<usize>) -> Result<(), CatalogError> {
        if self.day.as_ref().is_some_and(|(current, _)| *current != day) {
            self.end_day()?;
        }
        let mut writer = match self.day.take() {
            Some((_, writer)) => writer,
            None => {
                let target = self.series.day_file(self.root, day);
                let above = target.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty());
                let mut missing: Vec<PathBuf> = above.filter(|above| !above.exists()).map(Path::to_owned).collect();
                missing.reverse();
                self.made.append(&mut missing);
                let mut writer = FileWriter::for_catalog(&target, self.instrument, self.series.kind, chunk)?;
                writer.note(&self.notes);
                writer
            }
        };
        writer.write(chunk, rows)?;
        self.day = Some((day, writer));
        Ok(())
    }

    /// Ends the last day; nothing may have been added, then times are zero.
    pub(crate) fn finish(mut self, issues: DataIssues) -> Result<ImportSummary, CatalogError> {
        self.end_day()?;
        let Days { rows, range, written, unchanged, .. } = self;
        let (first, last) = range.unwrap_or_default();
        let (days_written, days_unchanged) = (written.len() as u64, unchanged);
        Ok(ImportSummary { rows, first, last, days_written, days_unchanged, issues })
    }

    fn end_day(&mut self) -> Result<(), CatalogError> {
        let Some((_, writer)) = self.day.take() else { return Ok(()) };
        let finished = writer.finish()?;
        let summary = finished.summary;
        if is_there(&finished)? {
            self.unchanged += 1;
        } else {
            let file = finished.target.clone();
            finished.publish()?;
            self.written.push(file);
        }
        self.rows += summary.rows;
        self.range = Some((self.range.map_or(summary.first, |(first, _)| first), summary.last));
        Ok(())
    }
}

impl Days<'_> {
    /// Takes away what is new: the file being written, the days, the folders.
    pub(crate) fn undo(mut self) -> Result<(), CatalogError> {
        self.day = None;
        for file in &self.written {
            fs::remove_file(file).map_err(|e| CatalogError::io(file, e))?;
        }
        for folder in self.made.iter().rev() {
            // One that somebody else has put something into stays.
            let _ = fs::remove_dir(folder);
        }
        Ok(())
    }
}

/// Whether the same records are there already.
fn is_there(finished: &Finished) -> Result<bool, CatalogError> {
    let file = &finished.target;
    let is_there = fs::exists(file).map_err(|e| CatalogError::io(file, e))?;
    if !is_there {
        return Ok(false);
    }
    let there = Footer::read(file)?;
    let hash = blake3::Hash::from_bytes(finished.summary.content_hash).to_hex();
    if there.content_hash == hash.as_str() {
        return Ok(true);
    }
    let problem = format!(
        "this day is there already with other records ({} rows, {} in the import)",
        there.rows, finished.summary.rows
    );
    Err(CatalogError::Conflict { file: file.clone(), problem })
}
