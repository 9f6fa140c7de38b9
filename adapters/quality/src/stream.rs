//! The rows of a data set, file after file, as they stand there.
//!
//! Invariants: a file that cannot be opened, or breaks off, is a finding that names it, and the others are read all the
//! same; memory holds one batch.

use std::path::PathBuf;

use tapedeck_catalog::{FileSpec, RawFile, RawRow, raw_files};

use crate::findings::{Findings, Place};
use crate::kind::Kind;

/// A file that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFacts {
    /// Where it is.
    pub path: PathBuf,
    /// Rows that were read of it.
    pub rows: u64,
    /// Why it cannot be read, or not to its end.
    pub problem: Option<String>,
}

/// A row with its file.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// Position of its file.
    pub(crate) file: usize,
    /// As it stands there.
    pub(crate) raw: RawRow,
}

impl Row {
    /// A number of the row.
    pub(crate) fn value(&self, slot: usize) -> Option<i64> {
        self.raw.values.get(slot).copied().flatten()
    }

    /// Its address with a word on what is there.
    pub(crate) fn place(&self, what: String) -> Place {
        Place { file: Some(self.file), row: Some(self.raw.row), ts: self.raw.ts, what }
    }
}

/// Rows of a data set.
pub(crate) struct Stream<'a> {
    spec: &'a FileSpec,
    files: Vec<FileFacts>,
    /// The file being read.
    at: usize,
    readable: usize,
    open: Option<RawFile>,
}

impl<'a> Stream<'a> {
    /// Looks at every file; those that cannot be opened come last.
    pub(crate) fn open(spec: &'a FileSpec, findings: &mut Findings) -> Self {
        let (readable, refused) = raw_files(spec);
        let count = readable.len();
        let good = readable.into_iter().map(|path| FileFacts { path, rows: 0, problem: None });
        let bad =
            refused.into_iter().map(|(path, error)| FileFacts { path, rows: 0, problem: Some(error.to_string()) });
        let files: Vec<FileFacts> = good.chain(bad).collect();
        for (at, file) in files.iter().enumerate() {
            if let Some(problem) = &file.problem {
                findings.add(Kind::UnreadableFile, || of_file(at, problem));
            }
        }
        Self { spec, files, at: 0, readable: count, open: None }
    }

    /// The next row; `None` at the end of the last file.
    pub(crate) fn next(&mut self, findings: &mut Findings) -> Option<Row> {
        while self.at < self.readable {
            let facts = self.files.get_mut(self.at)?;
            let file = match self.open.take() {
                Some(file) => Ok(file),
                None => RawFile::open(self.spec, &facts.path),
            };
            let read = file.and_then(|mut file| file.next_row().map(|row| (file, row)));
            match read {
                Ok((file, Some(raw))) => {
                    self.open = Some(file);
                    facts.rows += 1;
                    return Some(Row { file: self.at, raw });
                }
                Ok((_, None)) => self.at += 1,
                Err(error) => {
                    let problem = error.to_string();
                    findings.add(Kind::UnreadableFile, || of_file(self.at, &problem));
                    facts.problem = Some(problem);
                    self.at += 1;
                }
            }
        }
        None
    }

    pub(crate) fn into_files(self) -> Vec<FileFacts> {
        self.files
    }
}

fn of_file(at: usize, problem: &str) -> Place {
    Place { file: Some(at), row: None, ts: None, what: problem.to_owned() }
}
