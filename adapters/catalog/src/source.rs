//! A data set of one instrument as a source of records.
//!
//! Invariants: files are played in the order of their first time, whatever order they are named in;
//! what can be refused before the first record is refused by [`open`].

use std::path::{Path, PathBuf};

use tapedeck_model::market::Chunk;
use tapedeck_model::port::DataIssues;
use tapedeck_model::{Source, SourceError, Span, Ts};

use crate::check::{Checker, Origin};
use crate::decode::{FileReader, Part, tells_of_times};
use crate::error::CatalogError;
use crate::hash::FileHash;
use crate::rows::{Bad, Fault, Rows};
use crate::spec::{DataKind, FileSpec};

/// Rows that are decoded at a time: few enough that they are still in the cache when they are played.
const BATCH_ROWS: usize = 16_384;
/// Rows that are looked at to find a file's first time.
const PROBE_ROWS: usize = 256;

/// Opens a data set and checks schema and columns of every file.
///
/// # Errors
/// [`CatalogError`] for anything that is wrong before the first record.
pub fn open(spec: FileSpec) -> Result<Box<dyn Source>, CatalogError> {
    Ok(Box::new(FileSource::open(spec, BATCH_ROWS)?))
}

/// Market records from Parquet and CSV files.
pub struct FileSource {
    spec: FileSpec,
    batch_rows: usize,
    /// Files still to be read, the next one last.
    waiting: Vec<PathBuf>,
    reader: Option<FileReader>,
    rows: Rows,
    checker: Checker,
    hash: FileHash,
    ended: bool,
}

impl FileSource {
    /// As [`open`], with chunks of at most `batch_rows` records; their size changes no record.
    ///
    /// # Errors
    /// As [`open`].
    pub fn open(spec: FileSpec, batch_rows: usize) -> Result<Self, CatalogError> {
        check_spec(&spec, batch_rows)?;
        let files = in_order_of_time(&spec)?;
        let hash = FileHash::spawn(files.clone());
        let waiting = files.into_iter().rev().collect();
        let checker = Checker::new(&spec);
        Ok(Self { spec, batch_rows, waiting, reader: None, rows: Rows::default(), checker, hash, ended: false })
    }

    /// One batch into `chunk`; `None` at the end of the last file.
    fn advance(&mut self, chunk: &mut Chunk) -> Result<Option<()>, SourceError> {
        if self.reader.is_none() {
            let Some(path) = self.waiting.pop() else { return Ok(None) };
            let opened = FileReader::open(&self.spec, &path, self.batch_rows, Part::Wanted);
            self.reader = Some(opened.map_err(|e| changed(&path, &e))?);
        }
        let Some(reader) = &mut self.reader else { return Ok(None) };
        if reader.next(&self.spec, &mut self.rows)? {
            let origin = Origin { path: &reader.path, layout: &reader.layout };
            self.checker.pass(&mut self.rows, &origin, chunk)?;
        } else {
            self.checker.end_file(&mut self.rows, chunk);
            self.reader = None;
        }
        Ok(Some(()))
    }

    fn finish(&self) -> Result<(), SourceError> {
        let refuse = |problem: String| SourceError::File { file: self.spec.name.clone(), problem };
        if self.checker.records() == 0 {
            let bound = |ts: Option<Ts>| ts.map_or_else(|| "open".to_owned(), |t| t.to_string());
            let (start, end) = (bound(self.spec.start), bound(self.spec.end));
            return Err(refuse(format!("no usable rows between start ({start}) and end ({end})")));
        }
        self.checker.finish().map_err(refuse)?;
        self.hash.wait().map(|_| ()).map_err(refuse)
    }
}

impl Source for FileSource {
    fn next_chunk(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError> {
        while !self.ended {
            match self.advance(chunk) {
                Ok(Some(())) if chunk.is_empty() => {}
                Ok(Some(())) => return Ok(true),
                Ok(None) => {
                    self.ended = true;
                    self.finish()?;
                }
                Err(error) => {
                    self.ended = true;
                    return Err(error);
                }
            }
        }
        Ok(false)
    }

    /// BLAKE3 over the BLAKE3 of each file, in order of time; all bytes, also of rows not wanted.
    /// Waits for it; zeros if a file could not be read, which the end of the source tells.
    fn content_hash(&self) -> [u8; 32] {
        self.hash.wait().unwrap_or_default()
    }

    fn issues(&self) -> DataIssues {
        self.checker.issues()
    }
}

fn check_spec(spec: &FileSpec, batch_rows: usize) -> Result<(), CatalogError> {
    let refuse = |problem: &str| Err(CatalogError::Spec { name: spec.name.clone(), problem: problem.to_owned() });
    if matches!(spec.kind, DataKind::Bars { interval } if interval <= Span::ZERO) {
        return refuse("`interval` must be above zero");
    }
    if let (Some(start), Some(end)) = (spec.start, spec.end)
        && start >= end
    {
        return refuse("`end` must be after `start`");
    }
    if batch_rows == 0 {
        return refuse("a batch has at least one row");
    }
    Ok(())
}

/// The files by their first time; such without rows last.
fn in_order_of_time(spec: &FileSpec) -> Result<Vec<PathBuf>, CatalogError> {
    // One file has an order as it is, so all that matters is that there are times.
    if let [path] = spec.paths.as_slice()
        && tells_of_times(spec, path)?
    {
        return Ok(vec![path.clone()]);
    }
    let mut files = Vec::new();
    for path in &spec.paths {
        files.push((first_time(spec, path)?, path.clone()));
    }
    files.sort_by_key(|(first, path)| (first.is_none(), *first, path.clone()));
    files.dedup();
    if files.iter().all(|(first, _)| first.is_none()) {
        return Err(CatalogError::Empty { name: spec.name.clone(), files: files.len() });
    }
    for pair in files.windows(2) {
        if let [(Some(a), first), (Some(b), second)] = pair
            && a == b
        {
            let at = Ts::from_nanos(*a).to_string();
            return Err(CatalogError::Overlap { first: first.clone(), second: second.clone(), at });
        }
    }
    Ok(files.into_iter().map(|(_, path)| path).collect())
}

/// The first time in a file that can be read; `None` if it has no rows.
pub(crate) fn first_time(spec: &FileSpec, path: &Path) -> Result<Option<i64>, CatalogError> {
    let mut reader = FileReader::open(spec, path, PROBE_ROWS, Part::Times)?;
    let mut rows = Rows::default();
    if !reader.next(spec, &mut rows)? || rows.ts.is_empty() {
        return Ok(None);
    }
    let good = (0..rows.ts.len()).find(|row| !rows.faults.iter().any(|fault| fault.row == *row));
    match good.and_then(|row| rows.ts.get(row)) {
        Some(ts) => Ok(Some(*ts)),
        None => {
            let (value, what) = match rows.faults.first() {
                Some(Fault { bad: Bad::Unit, value, .. }) => (value.as_str(), Bad::Unit.problem()),
                fault => {
                    let what = "state `time_unit` if it holds numbers".to_owned();
                    (fault.map_or("", |fault| fault.value.as_str()), what)
                }
            };
            Err(CatalogError::format(path, format!("its column of times cannot be read (found {value}); {what}")))
        }
    }
}

/// A file that could be opened before cannot be opened any more.
fn changed(path: &Path, error: &CatalogError) -> SourceError {
    SourceError::File { file: path.display().to_string(), problem: error.to_string() }
}
