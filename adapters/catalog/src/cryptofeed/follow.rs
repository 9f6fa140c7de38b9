//! One symbol whose updates bear no numbers: a book begins with its snapshot and goes on until something is lost.
//!
//! Enters: messages in the order of receipt, and what is known to be lost. Leaves: rows of depth with every gap told,
//! trades, counts. Invariants: after a checksum that does not agree, a line that cannot be read or a new connection
//! nothing is told of the book until the next snapshot; an update is written only after its checksum agrees.

use std::collections::VecDeque;

use tapedeck_model::market::DepthFlags;

use super::checked::Checked;
use super::told::{Book, Print, Told};
use crate::error::LineProblem;
use crate::recording::{Level, Mark, Numbers, RecordingCounts, Reels, Stamp};

/// One symbol on its way into the catalog.
pub(super) struct Follow<'a> {
    pub(super) reels: Reels<'a>,
    /// Which file tells of the book, while the book is known.
    source: Option<usize>,
    /// Where the exchange tells checksums.
    checked: Option<Checked>,
    /// Snapshots still to come.
    marks: VecDeque<Mark>,
    trades: Numbers,
    counts: RecordingCounts,
}

/// Where and when a message was received.
#[derive(Debug, Clone, Copy)]
pub(super) struct Receipt {
    pub(super) file: usize,
    /// Among the lines of all files.
    pub(super) place: u64,
    pub(super) ts_recv: i64,
}

impl<'a> Follow<'a> {
    /// For messages among which these snapshots will come, and a book to check, if the exchange tells checksums.
    pub(super) fn new(reels: Reels<'a>, marks: VecDeque<Mark>, checked: Option<Checked>) -> Self {
        Self { reels, source: None, checked, marks, trades: Numbers::default(), counts: RecordingCounts::default() }
    }

    /// Takes a message; one of depth that cannot be used makes a gap.
    pub(super) fn take(&mut self, at: Receipt, told: &Told<'_>) -> Result<(), LineProblem> {
        let outcome = match told {
            Told::Snapshot(book) => self.snapshot(at, book),
            Told::Update(book) => self.update(at, book),
            Told::Trades(prints) => return self.print(at, prints),
            Told::Other => {
                self.counts.other += 1;
                return Ok(());
            }
        };
        if outcome.is_err() {
            self.tell_gap(at.ts_recv);
        }
        outcome
    }

    /// Something was lost of a file.
    pub(super) fn lose(&mut self, file: usize, ts_recv: i64) {
        if self.source == Some(file) {
            self.tell_gap(ts_recv);
        }
    }

    fn tell_gap(&mut self, ts_recv: i64) {
        let Some(tape) = self.reels.depth().filter(|_| self.source.is_some()) else { return };
        // When it was lost nobody knows: right after what is known.
        let ts_event = tape.last().ts_event;
        tape.depth(Stamp { ts_event, ts_recv }, DepthFlags::GAP, &[]);
        self.counts.gaps += 1;
        self.source = None;
    }

    /// The book happened when it says so, else with the first update after it; never after we knew it, nor before
    /// what is told already.
    fn snapshot(&mut self, at: Receipt, book: &Book<'_>) -> Result<(), LineProblem> {
        while self.marks.front().is_some_and(|mark| mark.line < at.place) {
            self.marks.pop_front();
        }
        let next = self.marks.pop_front_if(|mark| mark.line == at.place).and_then(|mark| mark.next_event);
        let Some(tape) = self.reels.depth() else { return Ok(()) };
        let levels = tape.levels(&book.bids, &book.asks)?;
        let next = next.unwrap_or(at.ts_recv);
        let ts_event = book.ts_event.unwrap_or(next).min(next).min(at.ts_recv).max(tape.last().ts_event);
        tape.depth(Stamp { ts_event, ts_recv: at.ts_recv }, DepthFlags::CLEAR, &levels);
        if let Some(checked) = &mut self.checked {
            *checked = Checked::default();
            checked.apply(&levels, book.bids.iter().chain(&book.asks));
        }
        self.counts.snapshots += 1;
        self.source = Some(at.file);
        Ok(())
    }

    fn update(&mut self, at: Receipt, book: &Book<'_>) -> Result<(), LineProblem> {
        let Some(tape) = self.reels.depth() else { return Ok(()) };
        if self.source.is_none() {
            self.counts.updates_without_snapshot += 1;
            return Ok(());
        }
        let ts_event = tape.in_order(book.ts_event.unwrap_or(at.ts_recv))?;
        let mut levels = tape.levels(&book.bids, &book.asks)?;
        if let Some(checked) = &mut self.checked {
            checked.apply(&levels, book.bids.iter().chain(&book.asks));
            levels.append(&mut check(checked, book, &mut self.counts)?);
        }
        tape.depth(Stamp { ts_event, ts_recv: at.ts_recv }, DepthFlags::NONE, &levels);
        self.counts.updates += 1;
        Ok(())
    }

    fn print(&mut self, at: Receipt, prints: &[Print<'_>]) -> Result<(), LineProblem> {
        let Some(tape) = self.reels.trades() else { return Ok(()) };
        let mut found = Vec::with_capacity(prints.len());
        for print in prints {
            if print.id.is_some_and(|id| self.trades.is_repeated(id, &mut self.counts)) {
                continue;
            }
            found.push((tape.trade(print.pair, print.buyer_made)?, tape.in_order(print.ts_event)?, print.id));
        }
        for (level, ts_event, id) in found {
            if let Some(id) = id {
                self.trades.pass(id, &mut self.counts);
            }
            tape.push(Stamp { ts_event, ts_recv: at.ts_recv }, level);
        }
        Ok(())
    }

    /// What became of the messages.
    pub(super) fn counts(&self) -> RecordingCounts {
        self.counts
    }
}

/// Compares checksums; leaves the levels that fell out of the depth.
fn check(checked: &mut Checked, book: &Book<'_>, counts: &mut RecordingCounts) -> Result<Vec<Level>, LineProblem> {
    let gone = book.depth.map(|depth| checked.cut(depth)).unwrap_or_default();
    if let Some(expected) = book.checksum {
        let found = checked.checksum();
        if found != expected {
            counts.checksums_wrong += 1;
            return Err(LineProblem::Checksum { found, expected });
        }
        counts.checksums += 1;
    }
    counts.levels_out_of_depth += gone.len() as u64;
    Ok(gone)
}
