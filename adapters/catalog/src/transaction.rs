//! Changes of a catalog that happen all together or not at all.
//!
//! Enters: chunks of several series, each in order of time. Leaves: one file per day in UTC (of the open time of
//! bars), merged with what the catalog has of that day. Invariants: until the end nothing is changed that a reader
//! sees; a transaction that is dropped, fails or is killed before it is written down has not happened, one that is
//! written down happens, if need be in the next command (`commit`); one writer at a time (`lock`); memory holds
//! a row group per series, disk what is new. Deliberately absent: changes of several catalogs at once.

mod commit;
mod lock;
#[cfg(test)]
mod tests;
mod unite;

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use tapedeck_model::market::Chunk;
use tapedeck_model::port::DataIssues;
use tapedeck_model::{Instrument, Span, Ts};

use crate::error::CatalogError;
use crate::footer::Footer;
use crate::merge::{Conflicts, Merged, Pair, merge};
use crate::partition::{FILE_NAME, Series};
use crate::paths::day_files;
use crate::spec::{DataKind, OnConflict};
use crate::write::{FileWriter, WriteSummary};
use commit::{Changes, STAGING, recover};
use lock::Lock;

pub(crate) use commit::settle;

/// What was imported of a series.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImportSummary {
    /// Records, those that were there included.
    pub rows: u64,
    /// Time of the first record; open time of a bar.
    pub first: Ts,
    /// Time of the last record; open time of a bar.
    pub last: Ts,
    /// Days that are new.
    pub days_written: u64,
    /// Days that were there and hold more or other records now.
    pub days_merged: u64,
    /// Days that held all of it already.
    pub days_unchanged: u64,
    /// Where catalog and import differed and the catalog's records stayed: instants, of books days.
    pub conflicts_kept: u64,
    /// Where they differed and the catalog's records were replaced.
    pub conflicts_replaced: u64,
    /// Defects of the data that were dealt with; of the source, a transaction knows none.
    pub issues: DataIssues,
}

/// A series of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeriesIx(usize);

impl SeriesIx {
    /// Which of the summaries at the end is its own.
    pub(crate) fn index(self) -> usize {
        self.0
    }
}

/// Changes of a catalog on their way; dropped, they have not happened.
pub struct Transaction {
    stage: Stage,
    on_conflict: OnConflict,
    series: Vec<Days>,
    changes: Changes,
}

impl Transaction {
    /// Begins to change the catalog at `root`, which is made if it is not there. What another writer left when it
    /// was killed is settled first.
    ///
    /// # Errors
    /// [`CatalogError::Locked`] if somebody else is writing, or what the system refuses.
    pub fn open(root: &Path, on_conflict: OnConflict) -> Result<Self, CatalogError> {
        let stage = Stage::open(root)?;
        Ok(Self { stage, on_conflict, series: Vec::new(), changes: Changes::default() })
    }

    /// A series that records are added to; each at most once. `notes` go into the footers of its files.
    pub fn series(&mut self, kind: DataKind, instrument: &Instrument, notes: Vec<(String, String)>) -> SeriesIx {
        let series = Series { kind, instrument: instrument.id.clone() };
        let summary = ImportSummary::default();
        self.series.push(Days { series, instrument: instrument.clone(), notes, day: None, summary });
        SeriesIx(self.series.len() - 1)
    }

    /// Adds records of a series, which come after those added before. `stop` is asked once per chunk and day.
    ///
    /// # Errors
    /// [`CatalogError::Conflict`] and others of a day that is at its end, and [`CatalogError::Stopped`].
    ///
    /// # Panics
    /// If `series` is of another transaction.
    pub fn add(&mut self, series: SeriesIx, chunk: &Chunk, stop: &dyn Fn() -> bool) -> Result<(), CatalogError> {
        let mut from = 0;
        while let Some((first, rest)) = chunk.ts_event.get(from..).and_then(<[i64]>::split_first) {
            if stop() {
                return Err(CatalogError::Stopped);
            }
            let shift = self.of(series).series.kind.shift();
            let day_of = |ts: i64| Ts::from_nanos(ts.saturating_sub(shift)).floor_to(Span::DAY);
            let day = day_of(*first);
            let until = from + 1 + rest.partition_point(|ts| day_of(*ts) == day);
            self.add_rows(series, day, (chunk, from..until), stop)?;
            from = until;
        }
        Ok(())
    }

    /// Makes all of it happen, and tells of each series in the order in which they were begun; one without records
    /// has zero times.
    ///
    /// # Errors
    /// As of [`Transaction::add`], and what the system refuses.
    pub fn finish(mut self, stop: &dyn Fn() -> bool) -> Result<Vec<ImportSummary>, CatalogError> {
        for series in 0..self.series.len() {
            self.end_day(SeriesIx(series), stop)?;
        }
        self.stage.commit(&self.changes)?;
        Ok(self.series.into_iter().map(|days| days.summary).collect())
    }

    fn of(&mut self, series: SeriesIx) -> &mut Days {
        let count = self.series.len();
        assert!(series.0 < count, "series {} of {count}", series.0);
        &mut self.series[series.0]
    }

    fn add_rows(
        &mut self,
        series: SeriesIx,
        day: Ts,
        (chunk, rows): (&Chunk, Range<usize>),
        stop: &dyn Fn() -> bool,
    ) -> Result<(), CatalogError> {
        if self.of(series).day.as_ref().is_some_and(|(current, _)| *current != day) {
            self.end_day(series, stop)?;
        }
        let mut writer = match self.of(series).day.take() {
            Some((_, writer)) => writer,
            None => self.begin_day(series, day, chunk)?,
        };
        writer.write(chunk, rows)?;
        self.of(series).day = Some((day, writer));
        Ok(())
    }

    fn begin_day(&mut self, series: SeriesIx, day: Ts, chunk: &Chunk) -> Result<FileWriter, CatalogError> {
        let (path, root) = (self.stage.next_path(), self.stage.root.clone());
        let days = self.of(series);
        let shown = root.join(days.series.day_file(day));
        let mut writer = FileWriter::for_catalog((&path, &shown), &days.instrument, days.series.kind, chunk)?;
        writer.note(&days.notes);
        Ok(writer)
    }

    /// Tells that a series is whole, so that nothing of it is kept open.
    ///
    /// # Errors
    /// As of [`Transaction::add`].
    ///
    /// # Panics
    /// If `series` is of another transaction.
    pub fn end(&mut self, series: SeriesIx, stop: &dyn Fn() -> bool) -> Result<(), CatalogError> {
        self.end_day(series, stop)
    }

    fn end_day(&mut self, series: SeriesIx, stop: &dyn Fn() -> bool) -> Result<(), CatalogError> {
        let Some((day, writer)) = self.of(series).day.take() else { return Ok(()) };
        let (path, new) = writer.finish()?.replace()?;
        self.of(series).summary.count(&new);
        let folder = self.of(series).series.day_folder(day);
        let there = day_files(&self.stage.root.join(&folder))?;
        let staged = match there.as_slice() {
            [] => {
                self.of(series).summary.days_written += 1;
                Some(path)
            }
            [file] => self.merge_day(series, file, path, stop)?,
            several => {
                let folder = self.stage.root.join(folder);
                return Err(CatalogError::SeveralFiles { folder, files: several.len() });
            }
        };
        if let Some(staged) = staged {
            self.changes.take_over(&self.stage, &staged, &folder.join(FILE_NAME), &there)?;
        }
        Ok(())
    }

    /// Merges a day with the file that is there; gives what takes its place, if anything does.
    fn merge_day(
        &mut self,
        series: SeriesIx,
        there: &Path,
        path: PathBuf,
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<PathBuf>, CatalogError> {
        let kind = self.of(series).series.kind;
        let (footer, new) = (Footer::read(there, kind)?, Footer::read(&path, kind)?);
        let into = self.stage.next_path();
        let on_conflict = self.on_conflict;
        let days = self.of(series);
        let pair = Pair {
            kind,
            instrument: &days.instrument,
            there: (there, &footer),
            new: (&path, &new),
            shown: there,
            notes: &days.notes,
        };
        let (merged, conflicts) = merge(&pair, on_conflict, &into, stop)?;
        let Conflicts { kept, replaced } = conflicts;
        days.summary.conflicts_kept += kept;
        days.summary.conflicts_replaced += replaced;
        let (counter, staged) = match merged {
            Merged::There => (&mut days.summary.days_unchanged, None),
            Merged::New => (&mut days.summary.days_merged, Some(path.clone())),
            Merged::Written => (&mut days.summary.days_merged, Some(into)),
        };
        *counter += 1;
        if staged.as_ref() != Some(&path) {
            fs::remove_file(&path).map_err(|e| CatalogError::io(&path, e))?;
        }
        Ok(staged)
    }
}

impl ImportSummary {
    fn count(&mut self, day: &WriteSummary) {
        if self.rows == 0 {
            self.first = day.first;
        }
        self.last = day.last;
        self.rows += day.rows;
    }
}

impl Changes {
    /// A staged file becomes `target`; other files of the day go away.
    fn take_over(
        &mut self,
        stage: &Stage,
        staged: &Path,
        target: &Path,
        there: &[PathBuf],
    ) -> Result<(), CatalogError> {
        for file in there.iter().filter(|file| **file != stage.root.join(target)) {
            self.remove(stage, file)?;
        }
        let name = staged.strip_prefix(&stage.folder).unwrap_or(staged);
        self.moves.push((text_of(name)?, text_of(target)?));
        Ok(())
    }

    /// A file of the catalog goes away.
    fn remove(&mut self, stage: &Stage, file: &Path) -> Result<(), CatalogError> {
        self.removals.push(text_of(file.strip_prefix(&stage.root).unwrap_or(file))?);
        Ok(())
    }
}

fn text_of(path: &Path) -> Result<String, CatalogError> {
    let text = path.to_str().map(ToOwned::to_owned);
    text.ok_or_else(|| CatalogError::format(path, "its name is not UTF-8; rename it"))
}

/// A series and its day that is being written.
struct Days {
    series: Series,
    instrument: Instrument,
    /// What every file shall say in its footer besides.
    notes: Vec<(String, String)>,
    day: Option<(Ts, FileWriter)>,
    summary: ImportSummary,
}

/// The staging folder of who holds the lock.
struct Stage {
    root: PathBuf,
    folder: PathBuf,
    files: u64,
    /// Folders that were made for it, inner ones first.
    made: Vec<PathBuf>,
    /// Whether the changes are written down: then nothing is taken back any more.
    committed: bool,
    lock: Option<Lock>,
}

impl Stage {
    fn open(root: &Path) -> Result<Self, CatalogError> {
        let above = root.ancestors().filter(|above| !above.as_os_str().is_empty());
        let made = above.take_while(|above| !above.exists()).map(Path::to_owned).collect();
        let refuse = |e| CatalogError::io(root, e);
        fs::create_dir_all(root).map_err(refuse)?;
        let folder = root.join(STAGING);
        let mut stage = Self { root: root.to_owned(), folder, files: 0, made, committed: true, lock: None };
        stage.lock = Some(Lock::take(root)?);
        recover(root)?;
        stage.committed = false;
        fs::create_dir(&stage.folder).map_err(|e| CatalogError::io(&stage.folder, e))?;
        Ok(stage)
    }

    fn next_path(&mut self) -> PathBuf {
        self.files += 1;
        self.folder.join(format!("{}.parquet", self.files))
    }

    fn commit(&mut self, changes: &Changes) -> Result<(), CatalogError> {
        if changes.is_empty() {
            return Ok(());
        }
        changes.commit(&self.root)?;
        self.committed = true;
        recover(&self.root)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // What cannot be removed hinders nobody: the next writer takes it away.
        if !self.committed {
            let _ = fs::remove_dir_all(&self.folder);
        }
        self.lock = None;
        for folder in &self.made {
            // One that holds something, as after every good import, stays.
            let _ = fs::remove_dir(folder);
        }
    }
}
