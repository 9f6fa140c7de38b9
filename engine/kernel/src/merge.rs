//! The merge: n sources, commands under way, venue reports and timers in; one stream out, in the total
//! order `(time, phase, source, sequence)`.
//!
//! A source is read at two places: the venue's, in order of `ts_event`, and ours behind it, in order
//! of `ts_recv`. A record between them is under way; nothing is copied for that. Invariants: no two
//! keys are equal; what comes out never goes back in time; we receive no record that the venue has not
//! seen, and none twice.

mod rows;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use tapedeck_model::port::{LatencyModel, LatencyQuery};
use tapedeck_model::transfer::{TransferAsk, UnderWay};
use tapedeck_model::{
    Chunk, Columns, Command, InstrumentIx, Levels, MarketRecord, RecordRef, Source, SourceError, SourceIx, StrategyIx,
    Tick, Ts, VenueReport,
};

use crate::rate::RateMeter;
use rows::{Times, play_rows};

/// What happens first at equal times. The first phase, 0, is the venue seeing market data; it is
/// not queued, so it has no member here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Phase {
    /// An incident begins or ends.
    Incident = 1,
    /// The venue handles an arriving command.
    Command = 2,
    /// We receive a venue report.
    Report = 3,
    /// We receive market data.
    Market = 4,
    /// A timer goes off.
    Timer = 5,
}

/// The place of something in the total order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// When.
    pub ts: Ts,
    /// What first.
    pub phase: Phase,
    /// Venue, source or strategy, by position in its table sorted by name.
    pub source: u16,
    /// Count of what was queued; for market data the record's number.
    pub seq: u64,
}

impl Key {
    /// Of a market record that we receive at `ts`.
    pub const fn of_market(ts: Ts, at: RecordRef) -> Self {
        Self { ts, phase: Phase::Market, source: at.source.0, seq: at.number }
    }
}

/// Something under way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Item {
    /// A command on its way to a venue.
    Command(Command),
    /// A report on its way to us.
    Report(VenueReport),
    /// A timer.
    Timer(StrategyIx, u64),
    /// A contract expires at its venue.
    Expiry(InstrumentIx),
    /// Money is to leave one venue for another.
    Depart(TransferAsk),
    /// Money arrives at a venue.
    Arrive(UnderWay),
    /// The incident with this number begins.
    Begin(u16),
    /// The incident with this number is over.
    End(u16),
    /// We learn of the redenomination that is the incident with this number.
    Learn(u16),
}

/// What is under way, by [`Key`]. Its buffers are reused: steady state allocates nothing.
///
/// Most of what is pushed comes after all that is waiting: it joins the end of a lane, which is
/// sorted for nothing. Only what comes before the lane's end pays for a heap.
#[derive(Debug, Default)]
pub struct Queue {
    /// Keys that rise, with the slot of their item: items are large, so they stay where they are.
    lane: VecDeque<(Key, Slot)>,
    heap: BinaryHeap<Reverse<(Key, Slot)>>,
    items: Vec<Item>,
    free: Vec<Slot>,
    seq: u64,
}

/// Position among the items of a [`Queue`].
type Slot = u32;

impl Queue {
    /// Adds something that has no number of its own.
    #[inline]
    pub fn push(&mut self, ts: Ts, phase: Phase, source: u16, item: Item) {
        self.seq += 1;
        let key = Key { ts, phase, source, seq: self.seq };
        self.insert(key, item);
    }

    #[inline]
    fn insert(&mut self, key: Key, item: Item) {
        let slot = if let Some(slot) = self.free.pop() {
            self.items[slot as usize] = item;
            slot
        } else {
            self.items.push(item);
            (self.items.len() - 1) as Slot
        };
        if self.lane.back().is_none_or(|(last, _)| *last < key) {
            self.lane.push_back((key, slot));
        } else {
            self.heap.push(Reverse((key, slot)));
        }
    }

    /// When and in which place the next thing comes.
    #[inline]
    pub fn peek(&self) -> Option<Key> {
        let lane = self.lane.front().map(|(key, _)| *key);
        let Some(Reverse((heap, _))) = self.heap.peek() else { return lane };
        Some(lane.map_or(*heap, |lane| lane.min(*heap)))
    }

    /// Takes the next thing. It stands where it stood until the next one is added.
    #[inline]
    pub fn pop(&mut self) -> Option<(Key, &Item)> {
        let from_heap = match (self.lane.front(), self.heap.peek()) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some((lane, _)), Some(Reverse((heap, _)))) => heap < lane,
        };
        let (key, slot) = if from_heap { self.heap.pop().map(|Reverse(next)| next) } else { self.lane.pop_front() }?;
        self.free.push(slot);
        self.items.get(slot as usize).map(|item| (key, item))
    }
}

/// The two places in one source: the venue's, and ours behind it.
pub struct Cursor {
    /// The source's position in the table sorted by name.
    pub source: SourceIx,
    /// Its instrument.
    pub instrument: InstrumentIx,
    /// Records that the venue has seen.
    pub records: u64,
    /// Records that we have received.
    received: u64,
    feed: Box<dyn Source>,
    feed_latency: Option<Box<dyn LatencyModel>>,
    /// Whether we receive its records at all.
    is_heard: bool,
    /// Counts this source's records, if the feed latency asks for that.
    rate: Option<RateMeter>,
    /// Where the venue is. Receive times, unless there are none, are those that hold: the recorded ones
    /// plus the feed latency, never before the event nor before those of the record before.
    chunk: Chunk,
    row: usize,
    /// What the venue is through with and we are not, oldest first.
    behind: VecDeque<Chunk>,
    /// Where we are: in the oldest chunk behind, or in the venue's.
    received_row: usize,
    spare: Vec<Chunk>,
    /// The latest receive time of the chunks so far: feeds do not overtake themselves.
    ts_recv_last: i64,
}

impl Cursor {
    /// At the first record of a source.
    ///
    /// # Errors
    /// The source's first error.
    pub fn new(
        source: SourceIx,
        instrument: InstrumentIx,
        feed: Box<dyn Source>,
        feed_latency: Option<Box<dyn LatencyModel>>,
    ) -> Result<Self, SourceError> {
        let rate = feed_latency.as_ref().and_then(|model| model.rate_window()).map(RateMeter::new);
        let mut cursor = Self {
            source,
            instrument,
            records: 0,
            received: 0,
            feed,
            feed_latency,
            is_heard: true,
            rate,
            chunk: Chunk::new(instrument),
            row: 0,
            behind: VecDeque::new(),
            received_row: 0,
            spare: Vec::new(),
            ts_recv_last: i64::MIN,
        };
        cursor.refill()?;
        Ok(cursor)
    }

    /// Only the venue sees its records: we receive none.
    #[must_use]
    pub fn unheard(mut self) -> Self {
        self.is_heard = false;
        self
    }

    /// When the next record happened; `None` at the end.
    #[inline]
    pub fn peek(&self) -> Option<Ts> {
        self.chunk.ts_event.get(self.row).copied().map(Ts::from_nanos)
    }

    /// When we receive the next record that is under way; `None` if none is.
    #[inline]
    fn peek_received(&self) -> Option<Ts> {
        let (chunk, rows) = self.under_way();
        (self.received_row < rows).then(|| Ts::from_nanos(times_received(chunk)[self.received_row]))
    }

    /// When the next record that is under way happened; `None` if none is.
    fn peek_under_way(&self) -> Option<Ts> {
        let (chunk, rows) = self.under_way();
        (self.received_row < rows).then(|| Ts::from_nanos(chunk.ts_event[self.received_row]))
    }

    /// The chunk in which we are, and how many of its rows the venue has seen.
    #[inline]
    fn under_way(&self) -> (&Chunk, usize) {
        match self.behind.front() {
            Some(chunk) => (chunk, chunk.len()),
            None => (&self.chunk, self.row),
        }
    }

    /// Hands the venue's next records to `play`: all that happened at the time of the first, and what
    /// follows it before `others` and not after `last`, or after the first of them is received. At
    /// most to the end of the chunk.
    ///
    /// # Errors
    /// What `play` gives, its record being taken, or the source's error when the next chunk is read.
    #[inline]
    fn see<P: Play>(&mut self, others: i64, last: i64, play: &mut P) -> Result<(), P::Error>
    where
        P::Error: From<SourceError>,
    {
        let Some(first) = self.chunk.ts_event.get(self.row).copied() else { return Ok(()) };
        let last = last.min(times_received(&self.chunk)[self.row]);
        let go = |row: usize, times: Times<'_>| {
            let ts = times.events[row];
            ts == first || (ts < others && ts <= last)
        };
        let (count, played) = play_rows(&self.chunk, self.row..self.chunk.len(), self.records, go, play);
        self.row += count;
        self.records += count as u64;
        if !self.is_heard {
            (self.received_row, self.received) = (self.row, self.records);
        }
        played?;
        if self.row == self.chunk.len() {
            let last = self.chunk.ts_event[self.row - 1];
            self.refill()?;
            if let Some(next) = self.peek() {
                assert!(next.nanos() >= last, "source {} went back in time between chunks", self.source.0);
            }
        }
        Ok(())
    }

    /// Hands records that are under way to `play`: the next one, and those that are received before
    /// `until`. At most to the end of the chunk.
    ///
    /// # Errors
    /// What `play` gives; its record is taken.
    #[inline]
    fn receive<P: Play>(&mut self, until: i64, play: &mut P) -> Result<(), P::Error> {
        let (chunk, rows) = self.under_way();
        let go = |row: usize, times: Times<'_>| row == 0 || times.received[row] < until;
        let (count, played) = play_rows(chunk, self.received_row..rows, self.received, go, play);
        self.received_row += count;
        self.received += count as u64;
        if self.behind.front().is_some_and(|chunk| chunk.len() == self.received_row) {
            self.received_row = 0;
            self.spare.extend(self.behind.pop_front());
        }
        played
    }

    /// Hands over records that the venue sees and we receive at once, for as long as each can go
    /// straight through and `play` wants more: it happened before `until`, is alone at its time, and is
    /// not the last of its chunk.
    ///
    /// # Errors
    /// What `play` gives; its record is taken.
    #[inline]
    fn take_straight<P: Play>(&mut self, until: Ts, play: &mut P) -> Result<(), P::Error> {
        // Rows of one message share their time: none is alone at it.
        let straight = self.chunk.ts_recv.is_empty() && !matches!(self.chunk.columns, Columns::Depth { .. });
        if !straight || !self.is_heard || self.received < self.records {
            return Ok(());
        }
        let until = until.nanos();
        let go = |row: usize, Times { events, .. }: Times<'_>| {
            row + 1 < events.len() && events[row] < until && events[row] < events[row + 1]
        };
        let (count, played) = play_rows(&self.chunk, self.row..self.chunk.len(), self.records, go, play);
        self.row += count;
        self.records += count as u64;
        (self.received_row, self.received) = (self.row, self.records);
        played
    }

    /// What the source says of itself at its end.
    pub fn source(&self) -> &dyn Source {
        &*self.feed
    }

    /// The venue goes on to the next chunk; the one before stays until we are through with it.
    fn refill(&mut self) -> Result<(), SourceError> {
        if self.received < self.records {
            let fresh = self.spare.pop().unwrap_or_else(|| Chunk::new(self.instrument));
            self.behind.push_back(std::mem::replace(&mut self.chunk, fresh));
        } else {
            self.received_row = 0;
        }
        self.row = 0;
        loop {
            self.chunk.ts_recv.clear();
            if !self.feed.next_chunk(&mut self.chunk)? {
                self.chunk.ts_event.clear();
                self.chunk.ts_recv.clear();
                return Ok(());
            }
            if !self.chunk.is_empty() {
                self.settle_received();
                return Ok(());
            }
        }
    }

    /// Makes the chunk's receive times those that hold; leaves them out where every record is received
    /// as it happens.
    fn settle_received(&mut self) {
        let Chunk { ts_event, ts_recv, .. } = &mut self.chunk;
        let at_once = ts_recv.is_empty() && self.feed_latency.is_none();
        if let Some(last) = ts_event.last().filter(|_| at_once && ts_event[0] >= self.ts_recv_last) {
            self.ts_recv_last = *last;
            return;
        }
        if ts_recv.is_empty() {
            ts_recv.extend_from_slice(ts_event);
        }
        if self.feed_latency.is_none() && as_recorded(ts_event, ts_recv, self.ts_recv_last) {
            self.ts_recv_last = ts_recv.last().copied().unwrap_or(self.ts_recv_last);
            return;
        }
        for (nth, (event, received)) in ts_event.iter().zip(ts_recv).enumerate() {
            let sent = Ts::from_nanos(*event);
            let events = self.rate.as_mut().map_or(0, |rate| {
                rate.see(sent);
                rate.events(sent)
            });
            let query = LatencyQuery { number: self.records + nth as u64, sent, events };
            let delay = self.feed_latency.as_ref().map_or(0, |model| model.delay_ns(&query));
            self.ts_recv_last = received.saturating_add(delay).max(self.ts_recv_last).max(*event);
            *received = self.ts_recv_last;
        }
    }
}

/// Whether receive times hold as they are: none is before its event or before the one before it.
fn as_recorded(ts_event: &[i64], ts_recv: &[i64], before: i64) -> bool {
    let order = ts_recv.is_sorted() && ts_recv.first().is_none_or(|first| before <= *first);
    order && ts_event.iter().zip(ts_recv).all(|(event, received)| event <= received)
}

/// When each record of a chunk is received.
#[inline]
fn times_received(chunk: &Chunk) -> &[i64] {
    if chunk.ts_recv.is_empty() { &chunk.ts_event } else { &chunk.ts_recv }
}

/// Who is handed records in order.
pub trait Play {
    /// What can go wrong.
    type Error;

    /// Takes the record with this number of its source; says whether the next one may follow at once.
    ///
    /// # Errors
    /// Its own.
    fn play<T: Tick>(&mut self, number: u64, tick: &T) -> Result<bool, Self::Error>;

    /// Takes rows of depth that only change levels, the first of which has this number, as if they came one by
    /// one and each let the next one follow; or says `false` and takes none.
    ///
    /// # Errors
    /// Its own; none is taken then.
    fn play_levels(&mut self, _number: u64, _levels: &Levels<'_>) -> Result<bool, Self::Error> {
        Ok(false)
    }
}

/// The cursors of a run, in order of source name.
pub struct Sources {
    cursors: Vec<Cursor>,
    /// When the venue sees the next record of each cursor; `i64::MAX` at its end.
    heads: Vec<i64>,
    /// When we receive the next record of each that is under way; `i64::MAX` if none is.
    under_way: Vec<i64>,
    /// The least of these.
    under_way_min: i64,
}

impl Sources {
    /// Of these cursors.
    pub fn new(cursors: Vec<Cursor>) -> Self {
        let nothing = vec![i64::MAX; cursors.len()];
        let mut sources = Self { heads: nothing.clone(), under_way: nothing, under_way_min: i64::MAX, cursors };
        (0..sources.cursors.len()).for_each(|at| sources.look(at));
        sources
    }

    #[inline]
    fn head(cursor: &Cursor) -> i64 {
        cursor.peek().map_or(i64::MAX, Ts::nanos)
    }

    /// Notes where a cursor is.
    #[inline]
    fn look(&mut self, at: usize) {
        let cursor = &self.cursors[at];
        self.heads[at] = Self::head(cursor);
        self.under_way[at] = cursor.peek_received().map_or(i64::MAX, Ts::nanos);
        self.under_way_min = self.under_way.iter().copied().min().unwrap_or(i64::MAX);
    }

    /// When the next record of any source happened; `None` when all are at their ends.
    #[inline]
    pub fn peek(&self) -> Option<Ts> {
        self.heads.iter().min().filter(|ts| **ts != i64::MAX).map(|ts| Ts::from_nanos(*ts))
    }

    /// The place of the record that we receive next, of those under way.
    #[inline]
    pub fn peek_received(&self) -> Option<Key> {
        let ts = self.under_way_min;
        if ts == i64::MAX {
            return None;
        }
        let at = self.under_way.iter().position(|other| *other == ts)?;
        let Cursor { source, received, .. } = &self.cursors[at];
        Some(Key::of_market(Ts::from_nanos(ts), RecordRef { source: *source, number: *received }))
    }

    /// Whether a record that happened at `ts` or before is under way.
    pub fn is_under_way_from(&self, ts: Ts) -> bool {
        self.cursors.iter().any(|cursor| cursor.peek_under_way().is_some_and(|event| event <= ts))
    }

    /// The cursor whose record the venue sees next, and until when no other source has one.
    #[inline]
    pub fn leader(&self, ts: Ts) -> Option<(usize, Ts)> {
        let at = self.heads.iter().position(|head| *head == ts.nanos())?;
        Some((at, Ts::from_nanos(least_but(&self.heads, at))))
    }

    /// Plays the records of one cursor for as long as each can go straight through: it happened before
    /// `until`, is alone at its time, is received at once, and `play` wants more. How many were played.
    ///
    /// # Errors
    /// What `play` gives.
    #[inline]
    pub fn take_while_straight<P: Play>(&mut self, at: usize, until: Ts, play: &mut P) -> Result<u64, P::Error> {
        let cursor = &mut self.cursors[at];
        let before = cursor.records;
        let taken = cursor.take_straight(until, play);
        self.heads[at] = Self::head(cursor);
        taken.map(|()| cursor.records - before)
    }

    /// The record that was just taken straight was seen only: it is still under way.
    pub fn hold_last(&mut self, at: usize) {
        let cursor = &mut self.cursors[at];
        cursor.received -= 1;
        cursor.received_row -= 1;
        self.look(at);
    }

    /// The venue sees what one cursor, the leader, has next: what happened at the same time, and what
    /// comes after that before `others` and not after `last`. How many records.
    ///
    /// # Errors
    /// What `play` gives, or the source's error when the next chunk is read.
    #[inline]
    pub fn see<P: Play>(&mut self, at: usize, others: Ts, last: Ts, play: &mut P) -> Result<u64, P::Error>
    where
        P::Error: From<SourceError>,
    {
        let cursor = &mut self.cursors[at];
        let before = cursor.records;
        let seen = cursor.see(others.nanos(), last.nanos(), play);
        let count = cursor.records - before;
        self.look(at);
        seen.map(|()| count)
    }

    /// We receive what is next under way, and what follows it of the same source before `until` and
    /// before anything of another source.
    ///
    /// # Errors
    /// What `play` gives.
    #[inline]
    pub fn receive<P: Play>(&mut self, until: Ts, play: &mut P) -> Result<(), P::Error> {
        let Some(key) = self.peek_received() else { return Ok(()) };
        let at = usize::from(key.source);
        let until = least_but(&self.under_way, at).min(until.nanos());
        let received = self.cursors[at].receive(until, play);
        self.look(at);
        received
    }

    /// The record that a cursor hands over next, as its source gave it.
    pub fn next_of(&self, at: usize) -> Option<(RecordRef, MarketRecord)> {
        let Cursor { source, records, chunk, row, .. } = &self.cursors[at];
        (*row < chunk.len()).then(|| (RecordRef { source: *source, number: *records }, chunk.record(*row)))
    }

    /// The record that a cursor handed over last, if it is of the chunk at hand.
    pub fn last_of(&self, at: usize) -> Option<(RecordRef, MarketRecord)> {
        let Cursor { source, records, chunk, row, .. } = &self.cursors[at];
        let row = row.checked_sub(1)?;
        Some((RecordRef { source: *source, number: records - 1 }, chunk.record(row)))
    }

    /// The cursors.
    pub fn cursors(&self) -> &[Cursor] {
        &self.cursors
    }
}

/// The least of all times but one.
#[inline]
fn least_but(times: &[i64], at: usize) -> i64 {
    let others = times.iter().enumerate().filter(|(ix, _)| *ix != at);
    others.map(|(_, ts)| *ts).min().unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
