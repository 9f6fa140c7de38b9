//! The lines of one recording, however they are packed.

use std::io::{self, BufRead};
use std::path::{Path, PathBuf};

use serde::de::Error as _;
use tapedeck_model::Ts;

use crate::error::{CatalogError, LineProblem};
use crate::packed;

/// A recording being read.
pub(crate) struct Lines {
    path: PathBuf,
    reader: Box<dyn BufRead + Send>,
    bytes: Vec<u8>,
    /// Lines read so far.
    number: u64,
    last_local: i64,
    ended: bool,
}

/// What stands in a line: its number, local time and message, or what is wrong with it.
pub(crate) type Outcome<M> = (u64, Result<(i64, M), LineProblem>);

impl Lines {
    pub(crate) fn open(path: &Path) -> Result<Self, CatalogError> {
        let reader = packed::open(path)?;
        Ok(Self { path: path.to_owned(), reader, bytes: Vec::new(), number: 0, last_local: i64::MIN, ended: false })
    }

    /// The next line that is not blank, as `parse` understands it; after one that breaks off there is none.
    pub(crate) fn next<'a, M>(
        &'a mut self,
        parse: impl FnOnce(&'a str) -> Result<(i64, M), LineProblem>,
    ) -> Option<Outcome<M>> {
        let outcome = match self.read() {
            Ok(true) => match std::str::from_utf8(&self.bytes) {
                Ok(text) => parse(text.trim_end()),
                Err(error) => Err(LineProblem::Message(serde_json::Error::custom(error))),
            },
            Ok(false) => return None,
            Err(error) => Err(LineProblem::BrokenOff(error)),
        };
        let (before, last_local) = (self.last_local, &mut self.last_local);
        let outcome = outcome.and_then(|(local, message)| {
            if local < before {
                let [found, before] = [local, before].map(Ts::from_nanos);
                return Err(LineProblem::LocalTimeBack { found, before });
            }
            *last_local = local;
            Ok((local, message))
        });
        Some((self.number, outcome))
    }

    /// The error of a line.
    pub(crate) fn refuse(path: &Path, line: u64, problem: LineProblem) -> CatalogError {
        CatalogError::Line { file: path.to_owned(), line, problem }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Lines read so far, blank ones included.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    fn read(&mut self) -> io::Result<bool> {
        while !self.ended {
            self.bytes.clear();
            self.number += 1;
            let read = self.reader.read_until(b'\n', &mut self.bytes).inspect_err(|_| self.ended = true)?;
            if read == 0 {
                self.number -= 1;
                self.ended = true;
            } else if !self.bytes.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
