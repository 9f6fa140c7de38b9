//! The first look at a recording: what must be known before its first record.
//!
//! How far the local clock is behind shows only at the end, and which updates a snapshot makes useless
//! only where it comes, later in the file than they.

/// Lines between two questions whether to stop.
pub(crate) const STOP_LINES: u64 = 4_096;

/// What a recording holds of one symbol.
#[derive(Debug, Clone)]
pub(crate) struct Survey {
    /// Local time of the first line; the greatest one if there is none.
    pub(crate) first_local: i64,
    /// What makes the least feed latency zero if it is negative, nanoseconds.
    pub(crate) recv_shift: i64,
    pub(crate) snapshots: Vec<Mark>,
    pub(crate) updates: u64,
    pub(crate) trades: u64,
    pub(crate) tickers: u64,
}

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sight {
    Update,
    /// With the number of the last change in it; zero where the exchange counts none.
    Snapshot {
        last: u64,
    },
    Trade,
    Ticker,
    Other,
}

/// A snapshot to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Where it stands, counted from the first line of the first recording.
    pub(crate) line: u64,
    /// Number of the last change in it.
    pub(crate) last: u64,
    /// When the first update after it happened.
    pub(crate) next_event: Option<i64>,
}

impl Survey {
    pub(crate) fn new() -> Self {
        Self { first_local: i64::MAX, recv_shift: 0, snapshots: Vec::new(), updates: 0, trades: 0, tickers: 0 }
    }

    /// Takes a message that stands in `line` and happened at `ts_event`, if it says when.
    pub(crate) fn note(&mut self, line: u64, local: i64, ts_event: Option<i64>, sight: Sight) {
        self.first_local = self.first_local.min(local);
        if let Some(ts_event) = ts_event {
            self.recv_shift = self.recv_shift.max(ts_event.saturating_sub(local));
        }
        match sight {
            Sight::Update => {
                self.updates += 1;
                for mark in self.snapshots.iter_mut().rev().take_while(|mark| mark.next_event.is_none()) {
                    mark.next_event = ts_event;
                }
            }
            Sight::Snapshot { last } => self.snapshots.push(Mark { line, last, next_event: None }),
            Sight::Trade => self.trades += 1,
            Sight::Ticker => self.tickers += 1,
            Sight::Other => {}
        }
    }
}
