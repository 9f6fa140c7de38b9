//! The first look at a recording: what must be known before its first record.
//!
//! How far the local clock is behind shows only at the end, and which updates a snapshot makes useless
//! only where it comes, later in the file than they.

use std::path::{Path, PathBuf};

use super::lines::Lines;
use super::message::Message;
use crate::error::{CatalogError, LineProblem};
use crate::spec::OnError;

/// Lines between two questions whether to stop.
pub(super) const STOP_LINES: u64 = 4_096;

/// What a recording holds.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) path: PathBuf,
    /// Lines, blank ones included.
    pub(super) lines: u64,
    /// Local time of the first line; the greatest one if there is none.
    pub(super) first_local: i64,
    /// What makes the least feed latency zero if it is negative, nanoseconds.
    pub(super) recv_shift: i64,
    pub(super) snapshots: Vec<Mark>,
    pub(super) updates: u64,
    pub(super) trades: u64,
    pub(super) tickers: u64,
}

/// A snapshot to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// Where it stands, counted from the first line of the first recording.
    pub(super) line: u64,
    /// Number of the last change in it.
    pub(super) last: u64,
    /// When the first update after it happened.
    pub(super) next_event: Option<i64>,
}

impl Survey {
    pub(super) fn take(
        path: &Path,
        symbol: &str,
        on_error: OnError,
        stop: &dyn Fn() -> bool,
    ) -> Result<Self, CatalogError> {
        let mut lines = Lines::open(path)?;
        let mut survey = Self {
            path: path.to_owned(),
            lines: 0,
            first_local: i64::MAX,
            recv_shift: 0,
            snapshots: Vec::new(),
            updates: 0,
            trades: 0,
            tickers: 0,
        };
        while let Some((line, outcome)) = lines.next(symbol) {
            if line % STOP_LINES == 0 && stop() {
                return Err(CatalogError::Stopped);
            }
            match outcome.and_then(|(local, message)| survey.note(line, local, &message)) {
                Err(problem) if on_error == OnError::Fail => return Err(Lines::refuse(path, line, problem)),
                // The second look counts what is left out.
                Ok(()) | Err(_) => {}
            }
        }
        survey.lines = lines.number();
        Ok(survey)
    }

    fn note(&mut self, line: u64, local: i64, message: &Message<'_>) -> Result<(), LineProblem> {
        let ts_event = message.ts_event()?;
        self.first_local = self.first_local.min(local);
        if let Some(ts_event) = ts_event {
            self.recv_shift = self.recv_shift.max(ts_event.saturating_sub(local));
        }
        match message {
            Message::Update(_) => {
                self.updates += 1;
                for mark in self.snapshots.iter_mut().rev().take_while(|mark| mark.next_event.is_none()) {
                    mark.next_event = ts_event;
                }
            }
            Message::Snapshot(snapshot) => {
                self.snapshots.push(Mark { line, last: snapshot.last, next_event: None });
            }
            Message::Trade(_) => self.trades += 1,
            Message::Ticker(_) => self.tickers += 1,
            Message::Other => {}
        }
        Ok(())
    }
}
