//! Snapshots and updates as one sequence, as the exchange's manual says.
//!
//! Enters: updates and snapshots in the order of receipt. Leaves: rows of depth that begin with a
//! snapshot and have no hole that they do not tell. Rules: before a snapshot updates are kept, less those
//! that it holds already (futures: `u < lastUpdateId`, spot: `u <= lastUpdateId`); the first one applied
//! must reach over it (futures: `U` or `pu <= lastUpdateId`, spot: `U <= lastUpdateId + 1`); each further
//! one must follow the one before (futures: `pu` = its `u`, spot: `U <= u + 1`). Where one does not, a row
//! tells the gap, and all begins anew with the next snapshot. That futures also accept `pu` is ours: ids
//! are shared by all symbols, so a snapshot may well fall between two updates with nothing lost.

use std::collections::VecDeque;

use tapedeck_model::market::DepthFlags;

use super::message::{Snapshot, Update};
use crate::error::LineProblem;
use crate::recording::{Level, Mark, Stamp, Tape};

/// Updates that are kept for a snapshot: an answer to a request takes far fewer.
const KEPT_MAX: usize = 65_536;

/// What became of updates and snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct DepthCounts {
    pub(super) applied: u64,
    pub(super) before_snapshot: u64,
    pub(super) repeated: u64,
    pub(super) without_snapshot: u64,
    pub(super) gaps: u64,
    pub(super) snapshots: u64,
    pub(super) snapshots_unused: u64,
}

/// Numbers of the changes in an update.
#[derive(Debug, Clone, Copy)]
struct Ids {
    first: u64,
    last: u64,
    /// Only futures say so.
    before: Option<u64>,
}

impl Ids {
    /// Whether a snapshot holds all of it.
    fn is_within(self, snapshot: u64) -> bool {
        if self.before.is_some() { self.last < snapshot } else { self.last <= snapshot }
    }

    /// Whether nothing is missing between a snapshot and it.
    fn bridges(self, snapshot: u64) -> bool {
        match self.before {
            Some(before) => self.first <= snapshot || before <= snapshot,
            None => self.first <= snapshot.saturating_add(1),
        }
    }

    /// Whether nothing is missing between the update that ends with `last` and it.
    fn follows(self, last: u64) -> bool {
        self.before.map_or(self.first <= last.saturating_add(1), |before| before == last)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// For a snapshot.
    Waiting,
    /// A snapshot is there, the first update after it is not.
    Bridging { snapshot: u64 },
    /// The last update is applied.
    Live { last: u64 },
}

/// What is to be done with an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Apply,
    Gap,
    Keep,
    BeforeSnapshot,
    Repeated,
    WithoutSnapshot,
}

/// An update that waits for a snapshot.
struct Kept {
    ids: Ids,
    stamp: Stamp,
    levels: Vec<Level>,
}

/// The sequence of depth of one instrument.
pub(super) struct Sync {
    state: State,
    /// At most [`KEPT_MAX`].
    kept: VecDeque<Kept>,
    /// Snapshots still to come.
    marks: VecDeque<Mark>,
    counts: DepthCounts,
}

impl Sync {
    /// For updates among which these snapshots will come.
    pub(super) fn new(marks: VecDeque<Mark>) -> Self {
        Self { state: State::Waiting, kept: VecDeque::new(), marks, counts: DepthCounts::default() }
    }

    pub(super) fn counts(&self) -> DepthCounts {
        self.counts
    }

    /// Takes an update; one that cannot be used changes nothing.
    pub(super) fn update(
        &mut self,
        line: u64,
        ts_recv: i64,
        update: &Update<'_>,
        tape: &mut Tape<'_>,
    ) -> Result<(), LineProblem> {
        self.pass(line);
        let ids = Ids { first: update.first, last: update.last, before: update.before };
        let ts_event = tape.in_order(update.ts_event()?)?;
        let levels = match self.place(ids) {
            Place::Apply | Place::Gap | Place::Keep => tape.levels(&update.bids, &update.asks)?,
            Place::BeforeSnapshot | Place::Repeated | Place::WithoutSnapshot => Vec::new(),
        };
        self.put(Kept { ids, stamp: Stamp { ts_event, ts_recv }, levels }, tape);
        Ok(())
    }

    /// Takes a snapshot. It happened when it says so, on spot with the first update after it; never
    /// after we knew it, nor before what is told already.
    pub(super) fn snapshot(
        &mut self,
        line: u64,
        ts_recv: i64,
        snapshot: &Snapshot<'_>,
        tape: &mut Tape<'_>,
    ) -> Result<(), LineProblem> {
        self.pass(line);
        if matches!(self.state, State::Live { .. }) {
            self.counts.snapshots_unused += 1;
            return Ok(());
        }
        let (said, levels) = (snapshot.ts_event()?, tape.levels(&snapshot.bids, &snapshot.asks)?);
        let mark = self.marks.pop_front_if(|mark| mark.line == line);
        let kept = std::mem::take(&mut self.kept);
        let next = kept.iter().find(|kept| !kept.ids.is_within(snapshot.last)).map(|kept| kept.stamp.ts_event);
        let next = next.or(mark.and_then(|mark| mark.next_event)).unwrap_or(ts_recv);
        let ts_event = said.unwrap_or(next).min(next).min(ts_recv).max(tape.last().ts_event);
        tape.depth(Stamp { ts_event, ts_recv }, DepthFlags::CLEAR, &levels);
        self.counts.snapshots += 1;
        self.state = State::Bridging { snapshot: snapshot.last };
        for mut kept in kept {
            // The book is known only now.
            kept.stamp.ts_recv = kept.stamp.ts_recv.max(ts_recv);
            self.put(kept, tape);
        }
        Ok(())
    }

    /// Forgets snapshots of earlier lines, which could not be used.
    fn pass(&mut self, line: u64) {
        while self.marks.front().is_some_and(|mark| mark.line < line) {
            self.marks.pop_front();
        }
    }

    fn place(&self, ids: Ids) -> Place {
        match self.state {
            State::Waiting => match self.marks.front() {
                None => Place::WithoutSnapshot,
                Some(mark) if ids.is_within(mark.last) => Place::BeforeSnapshot,
                Some(_) => Place::Keep,
            },
            State::Bridging { snapshot } if ids.is_within(snapshot) => Place::BeforeSnapshot,
            State::Bridging { snapshot } if ids.bridges(snapshot) => Place::Apply,
            State::Live { last } if ids.last <= last => Place::Repeated,
            State::Live { last } if ids.follows(last) => Place::Apply,
            State::Bridging { .. } | State::Live { .. } => Place::Gap,
        }
    }

    fn put(&mut self, update: Kept, tape: &mut Tape<'_>) {
        match self.place(update.ids) {
            Place::Apply => {
                self.counts.applied += 1;
                tape.depth(update.stamp, DepthFlags::NONE, &update.levels);
                self.state = State::Live { last: update.ids.last };
            }
            Place::Gap => {
                self.counts.gaps += 1;
                tape.depth(update.stamp, DepthFlags::GAP, &[]);
                self.state = State::Waiting;
                self.put(update, tape);
            }
            Place::Keep => {
                if self.kept.len() >= KEPT_MAX {
                    // A snapshot as late as that finds a gap, which is then told.
                    self.kept.pop_front();
                    self.counts.without_snapshot += 1;
                }
                self.kept.push_back(update);
            }
            Place::BeforeSnapshot => self.counts.before_snapshot += 1,
            Place::Repeated => self.counts.repeated += 1,
            Place::WithoutSnapshot => self.counts.without_snapshot += 1,
        }
    }
}
