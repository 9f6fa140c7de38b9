//! A file of a day, row by row and instant by instant.

use std::collections::VecDeque;
use std::path::Path;

use tapedeck_model::event::DataIssue;
use tapedeck_model::market::Chunk;
use tapedeck_model::{Instrument, InstrumentIx, MarketRecord, SourceError};

use super::Out;
use crate::check::{Checker, Origin};
use crate::decode::{FileReader, Part};
use crate::error::CatalogError;
use crate::rows::Rows;
use crate::spec::{DataKind, FileSpec};

/// Rows that are decoded at a time.
const BATCH_ROWS: usize = 16_384;

/// A file being read; its chunks hold at least the instant at which it stands.
pub(crate) struct Cursor {
    spec: FileSpec,
    reader: FileReader,
    checker: Checker,
    rows: Rows,
    chunks: VecDeque<Chunk>,
    /// The row at which it stands, in the first chunk.
    row: usize,
    ended: bool,
}

impl Cursor {
    pub(crate) fn open(kind: DataKind, instrument: &Instrument, path: &Path) -> Result<Self, CatalogError> {
        let spec = FileSpec::of_catalog(kind, instrument, vec![path.to_owned()]);
        let reader = FileReader::open(&spec, path, BATCH_ROWS, Part::Wanted)?;
        let checker = Checker::of_part(&spec);
        Ok(Self { spec, reader, checker, rows: Rows::default(), chunks: VecDeque::new(), row: 0, ended: false })
    }

    /// One chunk more, unless the file is at its end.
    fn load(&mut self) -> Result<bool, CatalogError> {
        while !self.ended {
            let mut chunk = Chunk::new(InstrumentIx(0));
            if self.reader.next(&self.spec, &mut self.rows)? {
                let origin = Origin { path: &self.reader.path, layout: &self.reader.layout };
                self.checker.pass(&mut self.rows, &origin, &mut chunk)?;
            } else {
                self.ended = true;
                self.checker.end_file(&mut self.rows, &mut chunk);
                let file = self.reader.path.display().to_string();
                let outcome = self.checker.finish().and_then(|()| self.check_whole());
                outcome.map_err(|problem| SourceError::File { file, problem })?;
            }
            if !chunk.is_empty() {
                self.chunks.push_back(chunk);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A merged file must not hold less than this one.
    fn check_whole(&self) -> Result<(), String> {
        let cut = self.checker.issues().iter().any(|(issue, count)| *issue == DataIssue::TruncatedQty && *count > 0);
        if cut {
            Err("its quantities have more decimals than `--lot` keeps; import with a finer one".to_owned())
        } else {
            Ok(())
        }
    }

    /// The time of the row at which it stands; `None` at the end.
    pub(super) fn peek(&mut self) -> Result<Option<i64>, CatalogError> {
        if self.chunks.is_empty() && !self.load()? {
            return Ok(None);
        }
        Ok(self.chunks.front().and_then(|chunk| chunk.ts_event.get(self.row)).copied())
    }

    /// Whose rows they are.
    pub(super) fn instrument(&self) -> &Instrument {
        &self.spec.instrument
    }

    /// Whether rows have receive times; `None` if there are no rows.
    pub(super) fn has_receive_times(&mut self) -> Result<Option<bool>, CatalogError> {
        Ok(self.peek()?.and(self.chunks.front()).map(|chunk| !chunk.ts_recv.is_empty()))
    }

    /// All rows of the instant at which it stands.
    pub(crate) fn instant(&mut self) -> Result<Vec<MarketRecord>, CatalogError> {
        let mut records = Vec::new();
        let Some(at) = self.peek()? else { return Ok(records) };
        let (mut place, mut row) = (0, self.row);
        loop {
            let Some(chunk) = self.chunks.get(place) else {
                if self.load()? {
                    continue;
                }
                return Ok(records);
            };
            let rest = chunk.ts_event.get(row..).unwrap_or_default();
            let count = rest.partition_point(|ts| *ts <= at);
            records.extend((row..row + count).map(|row| chunk.record(row)));
            if count < rest.len() {
                return Ok(records);
            }
            (place, row) = (place + 1, 0);
        }
    }

    /// Passes rows by.
    pub(super) fn skip(&mut self, rows: usize) {
        let mut left = rows;
        while left > 0 {
            let Some(chunk) = self.chunks.front() else { return };
            let step = left.min(chunk.len() - self.row);
            self.step(step);
            left -= step;
        }
    }

    /// Passes rows on that are there already.
    pub(super) fn pass(&mut self, rows: usize, out: &mut Out<'_>) -> Result<(), CatalogError> {
        let mut left = rows;
        while left > 0 {
            let Some(chunk) = self.chunks.front() else { return Ok(()) };
            let step = left.min(chunk.len() - self.row);
            out.write(chunk, self.row..self.row + step)?;
            self.step(step);
            left -= step;
        }
        Ok(())
    }

    /// Passes the rows on that lie before a time, as far as they are in the chunk at hand.
    pub(super) fn pass_until(&mut self, end: Option<i64>, out: &mut Out<'_>) -> Result<(), CatalogError> {
        let Some(chunk) = self.chunks.front() else { return Ok(()) };
        let rest = chunk.ts_event.get(self.row..).unwrap_or_default();
        let count = end.map_or(rest.len(), |end| rest.partition_point(|ts| *ts < end));
        self.pass(count, out)
    }

    fn step(&mut self, rows: usize) {
        self.row += rows;
        if self.chunks.front().is_some_and(|chunk| chunk.len() == self.row) {
            self.chunks.pop_front();
            self.row = 0;
        }
    }
}
