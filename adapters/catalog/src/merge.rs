//! A day of the catalog and the same day of an import as one.
//!
//! Enters: two files in order of time. Leaves: the verdict that one of them holds all, or a third file. Invariants: no row
//! of one source is dropped because it looks like another of the same source; what is dropped stands in the other
//! source, at the same instant and in the same order; memory holds one instant of each. `docs/data.md` states
//! the rule, ADR 29 why it is this one.

mod cursor;
mod rule;
#[cfg(test)]
mod tests;
mod text;

use std::path::Path;

use tapedeck_model::market::Chunk;
use tapedeck_model::{Instrument, Ts};

use crate::error::CatalogError;
use crate::footer::Footer;
use crate::spec::{DataKind, OnConflict};
use crate::write::FileWriter;
pub(crate) use cursor::Cursor;
use rule::{Settled, settle_instant};
use text::rows_text;

/// What is merged.
pub(crate) struct Pair<'a> {
    pub(crate) kind: DataKind,
    pub(crate) instrument: &'a Instrument,
    /// The file of the catalog.
    pub(crate) there: (&'a Path, &'a Footer),
    /// The one of the import.
    pub(crate) new: (&'a Path, &'a Footer),
    /// What messages call the file of both.
    pub(crate) shown: &'a Path,
    /// What the import notes in its footers.
    pub(crate) notes: &'a [(String, String)],
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Merged {
    /// The catalog's file holds all of it.
    There,
    /// The import's file does.
    New,
    /// A file of both was written.
    Written,
}

/// Where they differed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Conflicts {
    pub(crate) kept: u64,
    pub(crate) replaced: u64,
}

/// Merges a day, if need be into a file at `into`.
pub(crate) fn merge(
    pair: &Pair<'_>,
    on_conflict: OnConflict,
    into: &Path,
    stop: &dyn Fn() -> bool,
) -> Result<(Merged, Conflicts), CatalogError> {
    if pair.is_there() {
        return Ok((Merged::There, Conflicts::default()));
    }
    let mut merging = Merging {
        pair,
        on_conflict,
        there: Cursor::open(pair.kind, pair.instrument, pair.there.0)?,
        new: Cursor::open(pair.kind, pair.instrument, pair.new.0)?,
        out: Out { pair, into, writer: None, last: None },
        conflicts: Conflicts::default(),
        stop,
    };
    merging.check_receive_times()?;
    if pair.kind.is_of_book() {
        return merging.book();
    }
    merging.instants()?;
    merging.end()
}

/// Writes the file of the catalog anew at `into`, with the row groups that its rows need.
pub(crate) fn rewrite(pair: &Pair<'_>, into: &Path, stop: &dyn Fn() -> bool) -> Result<(), CatalogError> {
    let mut cursor = Cursor::open(pair.kind, pair.instrument, pair.there.0)?;
    let mut out = Out { pair, into, writer: None, last: None };
    while cursor.peek()?.is_some() {
        if stop() {
            return Err(CatalogError::Stopped);
        }
        cursor.pass_until(None, &mut out)?;
    }
    out.writer.map_or(Ok(()), |writer| writer.finish()?.replace().map(|_| ()))
}

impl Pair<'_> {
    /// Whether the same records are there, by their hashes.
    fn is_there(&self) -> bool {
        self.new.1.content_hash.is_some() && self.there.1.content_hash == self.new.1.content_hash
    }

    fn mixed(&self, problem: impl Into<String>) -> CatalogError {
        CatalogError::Mixed { file: self.shown.to_owned(), problem: problem.into() }
    }
}

struct Merging<'a> {
    pair: &'a Pair<'a>,
    on_conflict: OnConflict,
    there: Cursor,
    new: Cursor,
    out: Out<'a>,
    conflicts: Conflicts,
    stop: &'a dyn Fn() -> bool,
}

impl Merging<'_> {
    /// A file has receive times for all of its rows or for none.
    fn check_receive_times(&mut self) -> Result<(), CatalogError> {
        let has = [&mut self.there, &mut self.new].map(Cursor::has_receive_times);
        match has {
            [Ok(Some(true)), Ok(Some(false))] => {
                Err(self.pair.mixed("the catalog's rows have receive times, those of the import have none"))
            }
            [Ok(Some(false)), Ok(Some(true))] => {
                Err(self.pair.mixed("the import's rows have receive times, those of the catalog have none"))
            }
            [there, new] => there.and(new).map(|_| ()),
        }
    }

    /// Every instant once: where both have rows, by the rule.
    fn instants(&mut self) -> Result<(), CatalogError> {
        loop {
            if (self.stop)() {
                return Err(CatalogError::Stopped);
            }
            match (self.there.peek()?, self.new.peek()?) {
                (None, None) => return Ok(()),
                (Some(_), None) => self.there.pass_until(None, &mut self.out)?,
                (None, Some(_)) => self.new.pass_until(None, &mut self.out)?,
                (Some(there), Some(new)) if there < new => self.there.pass_until(Some(new), &mut self.out)?,
                (Some(there), Some(new)) if new < there => self.new.pass_until(Some(there), &mut self.out)?,
                (Some(at), Some(_)) => self.instant(at)?,
            }
        }
    }

    fn instant(&mut self, at: i64) -> Result<(), CatalogError> {
        let (there, new) = (self.there.instant()?, self.new.instant()?);
        let takes_new = match settle_instant(self.pair.kind, &there, &new) {
            Settled::There => false,
            Settled::New => true,
            Settled::Conflict => match self.on_conflict {
                OnConflict::Error => {
                    let text = |rows: &[_]| rows_text(rows, self.pair.instrument);
                    return Err(self.conflict(at, text(&there), text(&new)));
                }
                OnConflict::Keep => {
                    self.conflicts.kept += 1;
                    false
                }
                OnConflict::Replace => {
                    self.conflicts.replaced += 1;
                    true
                }
            },
        };
        if takes_new {
            self.there.skip(there.len());
            self.new.pass(new.len(), &mut self.out)
        } else {
            self.new.skip(new.len());
            self.there.pass(there.len(), &mut self.out)
        }
    }

    /// Rows of books build on each other: one after the other, or one in the other.
    fn book(mut self) -> Result<(Merged, Conflicts), CatalogError> {
        let Some((there_first, there_last)) = self.pair.there.1.range else { return Ok((Merged::New, self.conflicts)) };
        let Some((first, last)) = self.pair.new.1.range else { return Ok((Merged::There, self.conflicts)) };
        if there_last < first || last < there_first {
            self.instants()?;
            return self.end();
        }
        let outcome = if there_first <= first && last <= there_last {
            match rule::first_stranger(&mut self.there, &mut self.new, self.stop)? {
                None => return Ok((Merged::There, self.conflicts)),
                // As long as the other, and it may be the one that holds more.
                Some(_) if (there_first, there_last) == (first, last) => self.holds_there()?,
                some => some,
            }
        } else if first <= there_first && there_last <= last {
            self.holds_there()?
        } else {
            let there = format!("rows from {there_first} to {there_last}");
            let new = format!("rows from {first} to {last} (changes of a book cannot be put together from both)");
            Some((there_first.max(first).nanos(), there, new))
        };
        let Some((at, there, new)) = outcome else { return Ok((Merged::New, self.conflicts)) };
        match self.on_conflict {
            OnConflict::Error => Err(self.conflict(at, there, new)),
            OnConflict::Keep => Ok((Merged::There, Conflicts { kept: 1, replaced: 0 })),
            OnConflict::Replace => Ok((Merged::New, Conflicts { kept: 0, replaced: 1 })),
        }
    }

    /// The first place, if any, where the import lacks rows of the catalog.
    fn holds_there(&self) -> Result<Option<rule::Stranger>, CatalogError> {
        let Pair { kind, instrument, there, new, .. } = self.pair;
        let (mut whole, mut part) =
            (Cursor::open(*kind, instrument, new.0)?, Cursor::open(*kind, instrument, there.0)?);
        let stranger = rule::first_stranger(&mut whole, &mut part, self.stop)?;
        Ok(stranger.map(|(at, new, there)| (at, there, new)))
    }

    fn conflict(&self, at: i64, there: String, new: String) -> CatalogError {
        let at = Ts::from_nanos(at.saturating_sub(self.pair.kind.shift()));
        CatalogError::Conflict { file: self.pair.shown.to_owned(), at, there, new }
    }

    /// Ends the file; one with the records of a file that is there already was not needed.
    fn end(self) -> Result<(Merged, Conflicts), CatalogError> {
        let Some(writer) = self.out.writer else { return Ok((Merged::There, self.conflicts)) };
        let finished = writer.finish()?;
        let hash = blake3::Hash::from_bytes(finished.content_hash()).to_hex();
        if self.pair.there.1.content_hash.as_deref() == Some(hash.as_str()) {
            return Ok((Merged::There, self.conflicts));
        }
        finished.replace()?;
        Ok((Merged::Written, self.conflicts))
    }
}

/// The file of both.
struct Out<'a> {
    pair: &'a Pair<'a>,
    into: &'a Path,
    writer: Option<FileWriter>,
    /// Times of the last row: when it happened, when it was received.
    last: Option<(i64, Option<i64>)>,
}

impl Out<'_> {
    /// Takes rows that come after those before.
    fn write(&mut self, chunk: &Chunk, rows: std::ops::Range<usize>) -> Result<(), CatalogError> {
        self.check_order(chunk, &rows)?;
        let mut writer = match self.writer.take() {
            Some(writer) => writer,
            None => {
                let Pair { kind, instrument, there, shown, .. } = self.pair;
                let mut writer = FileWriter::for_catalog((self.into, shown), instrument, *kind, chunk)?;
                writer.note(&joint_notes(&there.1.notes, self.pair.notes));
                writer
            }
        };
        writer.write(chunk, rows)?;
        self.writer = Some(writer);
        Ok(())
    }

    /// Rows that are right by themselves may be wrong side by side: nobody could read such a file.
    fn check_order(&mut self, chunk: &Chunk, rows: &std::ops::Range<usize>) -> Result<(), CatalogError> {
        let at = |row: usize| Some((*chunk.ts_event.get(row)?, chunk.ts_recv.get(row).copied()));
        let (Some(first), Some(last)) = (at(rows.start), at(rows.end.saturating_sub(1))) else { return Ok(()) };
        if let Some(before) = self.last {
            let when = Ts::from_nanos(first.0.saturating_sub(self.pair.kind.shift()));
            let interval = self.pair.kind.shift();
            if interval > 0 && first.0.saturating_sub(before.0) % interval != 0 {
                return Err(self
                    .pair
                    .mixed(format!("the bar at {when} is no multiple of the interval after the one before")));
            }
            if first.1 < before.1 {
                return Err(self
                    .pair
                    .mixed(format!("at {when} the receive time goes back, as if two clocks had told it")));
            }
        }
        self.last = Some(last);
        Ok(())
    }
}

/// Notes of both; where they differ, both texts.
fn joint_notes(there: &[(String, String)], new: &[(String, String)]) -> Vec<(String, String)> {
    let mut notes = there.to_vec();
    for (key, value) in new {
        match notes.iter_mut().find(|(known, _)| known == key) {
            Some((_, text)) if text.split("; ").any(|part| part == value) => {}
            Some((_, text)) => *text = format!("{text}; {value}"),
            None => notes.push((key.clone(), value.clone())),
        }
    }
    notes
}
