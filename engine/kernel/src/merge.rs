//! The merge: n sources, commands under way, venue reports, deliveries and timers in; one stream
//! out, in the total order `(time, phase, source, sequence)`.
//!
//! Invariants: no two keys are equal; what comes out never goes back in time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use tapedeck_model::port::LatencyModel;
use tapedeck_model::{
    Bar, Chunk, Columns, Command, InstrumentIx, MarketRecord, Price, Qty, QuoteTick, RecordRef, Source, SourceError,
    SourceIx, StrategyIx, Tick, TradeTick, Ts, VenueReport,
};

/// What happens first at equal times. The first phase, 0, is the venue seeing market data; it is
/// not queued, so it has no member here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Phase {
    /// The venue handles an arriving command.
    Command = 1,
    /// We receive a venue report.
    Report = 2,
    /// We receive market data.
    Market = 3,
    /// A timer goes off.
    Timer = 4,
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
    /// A market record on its way to us.
    Market(RecordRef, MarketRecord),
    /// A timer.
    Timer(StrategyIx, u64),
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

    /// Adds a market record.
    pub fn push_market(&mut self, ts: Ts, at: RecordRef, record: MarketRecord) {
        self.insert(Key::of_market(ts, at), Item::Market(at, record));
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

/// The place in one source.
pub struct Cursor {
    /// The source's position in the table sorted by name.
    pub source: SourceIx,
    /// Its instrument.
    pub instrument: InstrumentIx,
    /// Records taken so far.
    pub records: u64,
    feed: Box<dyn Source>,
    feed_latency: Option<Box<dyn LatencyModel>>,
    chunk: Chunk,
    row: usize,
    /// The latest receive time handed out: feeds do not overtake themselves.
    ts_recv_last: Ts,
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
        let columns = Columns::Trades { px: Vec::new(), qty: Vec::new(), aggressor: Vec::new() };
        let chunk = Chunk { instrument, first_number: 0, ts_event: Vec::new(), ts_recv: Vec::new(), columns };
        let mut cursor =
            Self { source, instrument, records: 0, feed, feed_latency, chunk, row: 0, ts_recv_last: Ts::MIN };
        cursor.refill()?;
        Ok(cursor)
    }

    /// When the next record happened; `None` at the end.
    #[inline]
    pub fn peek(&self) -> Option<Ts> {
        self.chunk.ts_event.get(self.row).copied().map(Ts::from_nanos)
    }

    /// Whether the record after the next one happened at the same time, as far as this chunk tells.
    #[inline]
    pub fn is_tied(&self, ts: Ts) -> bool {
        match self.chunk.ts_event.get(self.row + 1) {
            Some(next) => *next == ts.nanos(),
            // The next chunk may go on at the same time: say yes, the slow way is always right.
            None => true,
        }
    }

    /// Takes the next record. Its `ts_recv` is the recorded one, plus the feed latency if there is a
    /// model, and never before that of the record before it.
    ///
    /// # Errors
    /// The source's error when the next chunk is read.
    ///
    /// # Panics
    /// At the end of the source: the caller has looked with [`Cursor::peek`].
    #[inline]
    pub fn take(&mut self) -> Result<(RecordRef, MarketRecord), SourceError> {
        let mut record = self.chunk.record(self.row);
        let at = RecordRef { source: self.source, number: self.records };
        self.row += 1;
        self.records += 1;
        let ts_recv = match &self.feed_latency {
            None => record.ts_recv(),
            Some(model) => record.ts_recv().saturating_add(tapedeck_model::Span::from_nanos(model.delay_ns(at.number))),
        };
        let ts_recv = ts_recv.max(self.ts_recv_last).max(record.ts_event());
        self.ts_recv_last = ts_recv;
        match &mut record {
            MarketRecord::Bar(bar) => bar.ts_recv = ts_recv,
            MarketRecord::Trade(trade) => trade.ts_recv = ts_recv,
            MarketRecord::Quote(quote) => quote.ts_recv = ts_recv,
            MarketRecord::Depth(row) => row.ts_recv = ts_recv,
        }
        if self.row == self.chunk.len() {
            let last = record.ts_event();
            self.refill()?;
            if let Some(next) = self.peek() {
                assert!(next >= last, "source {} went back in time between chunks", self.source.0);
            }
        }
        Ok((at, record))
    }

    /// Hands over records for as long as each can go straight through and `play` wants more: it
    /// happened before `until`, is alone at its time, is received at once, and is not the last of its
    /// chunk.
    ///
    /// # Errors
    /// What `play` gives; its record is taken.
    #[inline]
    fn take_straight<P: Play>(&mut self, until: Ts, play: &mut P) -> Result<(), P::Error> {
        let next = self.chunk.ts_event.get(self.row).copied();
        let straight = self.feed_latency.is_none() && self.chunk.ts_recv.is_empty();
        if !straight || next.is_none_or(|ts| ts < self.ts_recv_last.nanos()) {
            return Ok(());
        }
        let (count, played) = play_straight(&self.chunk, self.row, (self.records, until.nanos()), play);
        self.row += count;
        self.records += count as u64;
        played
    }

    /// What the source says of itself at its end.
    pub fn source(&self) -> &dyn Source {
        &*self.feed
    }

    fn refill(&mut self) -> Result<(), SourceError> {
        self.row = 0;
        loop {
            if !self.feed.next_chunk(&mut self.chunk)? {
                self.chunk.ts_event.clear();
                return Ok(());
            }
            if !self.chunk.is_empty() {
                return Ok(());
            }
        }
    }
}

/// Who is handed records that go straight through.
pub trait Play {
    /// What can go wrong.
    type Error;

    /// Takes the record with this number of its source; says whether the next one may follow at once.
    ///
    /// # Errors
    /// Its own.
    fn play<T: Tick>(&mut self, number: u64, tick: &T) -> Result<bool, Self::Error>;
}

/// Hands over the rows of a chunk from `first` on that happened before `until`, each alone at its
/// time, until `play` has enough. The last row of the chunk is left: the next chunk may go on at its
/// time. Gives the number of rows taken.
///
/// One loop per kind of record, so that nothing is looked up twice per row.
#[inline]
fn play_straight<P: Play>(
    chunk: &Chunk,
    first: usize,
    (number, until): (u64, i64),
    play: &mut P,
) -> (usize, Result<(), P::Error>) {
    let instrument = chunk.instrument;
    let times = chunk.ts_event.get(first..).unwrap_or_default();
    let len = times.len();
    let rows = Rows { times, number, until };
    match &chunk.columns {
        Columns::Bars { interval, open, high, low, close, volume } => {
            let (open, high, low, close, volume) = (
                cut(open, first, len),
                cut(high, first, len),
                cut(low, first, len),
                cut(close, first, len),
                cut(volume, first, len),
            );
            rows.play(play, |row, ts| Bar {
                instrument,
                ts_event: ts,
                ts_recv: ts,
                interval: *interval,
                open: Price::from_raw(open[row]),
                high: Price::from_raw(high[row]),
                low: Price::from_raw(low[row]),
                close: Price::from_raw(close[row]),
                volume: Qty::from_raw(volume[row]),
            })
        }
        Columns::Trades { px, qty, aggressor } => {
            let (px, qty) = (cut(px, first, len), cut(qty, first, len));
            let aggressor = cut(aggressor, first, len);
            rows.play(play, |row, ts| TradeTick {
                instrument,
                ts_event: ts,
                ts_recv: ts,
                px: Price::from_raw(px[row]),
                qty: Qty::from_raw(qty[row]),
                aggressor: TradeTick::aggressor_from(aggressor[row]),
            })
        }
        Columns::Quotes { bid_px, ask_px, bid_qty, ask_qty } => {
            let (bid_px, ask_px, bid_qty, ask_qty) =
                (cut(bid_px, first, len), cut(ask_px, first, len), cut(bid_qty, first, len), cut(ask_qty, first, len));
            rows.play(play, |row, ts| QuoteTick {
                instrument,
                ts_event: ts,
                ts_recv: ts,
                bid_px: Price::from_raw(bid_px[row]),
                ask_px: Price::from_raw(ask_px[row]),
                bid_qty: Qty::from_raw(bid_qty[row]),
                ask_qty: Qty::from_raw(ask_qty[row]),
            })
        }
        // Rows of one message share their time: none is alone at it.
        Columns::Depth { .. } => (0, Ok(())),
    }
}

/// `len` rows of a column from `first` on: of one known length, the columns need no check per row.
fn cut<T>(column: &[T], first: usize, len: usize) -> &[T] {
    &column[first..first + len]
}

/// The rows that may go straight through.
struct Rows<'a> {
    times: &'a [i64],
    /// Number of the first one in its source.
    number: u64,
    until: i64,
}

impl Rows<'_> {
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "one loop over columns, without a call per row, is the way of every record"
    )]
    fn play<T: Tick, P: Play>(self, play: &mut P, tick: impl Fn(usize, Ts) -> T) -> (usize, Result<(), P::Error>) {
        let mut row = 0;
        while row + 1 < self.times.len() {
            let (ts, next) = (self.times[row], self.times[row + 1]);
            if ts >= self.until || ts >= next {
                break;
            }
            let tick = tick(row, Ts::from_nanos(ts));
            let played = play.play(self.number + row as u64, &tick);
            row += 1;
            match played {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return (row, Err(error)),
            }
        }
        (row, Ok(()))
    }
}

/// The cursors of a run, in order of source name.
pub struct Sources {
    cursors: Vec<Cursor>,
    /// Next time of each cursor; `i64::MAX` at its end.
    heads: Vec<i64>,
}

impl Sources {
    /// Of these cursors.
    pub fn new(cursors: Vec<Cursor>) -> Self {
        let heads = cursors.iter().map(Self::head).collect();
        Self { cursors, heads }
    }

    fn head(cursor: &Cursor) -> i64 {
        cursor.peek().map_or(i64::MAX, Ts::nanos)
    }

    /// When the next record of any source happened; `None` when all are at their ends.
    #[inline]
    pub fn peek(&self) -> Option<Ts> {
        self.heads.iter().min().filter(|ts| **ts != i64::MAX).map(|ts| Ts::from_nanos(*ts))
    }

    /// The only cursor whose next record happened at `ts` and whose following one did not; `None`
    /// if several records share the time.
    #[inline]
    pub fn alone_at(&self, ts: Ts) -> Option<usize> {
        let at = self.heads.iter().position(|head| *head == ts.nanos())?;
        let tied = self.heads[at + 1..].contains(&ts.nanos()) || self.cursors[at].is_tied(ts);
        (!tied).then_some(at)
    }

    /// The cursor whose record comes next, and until when no other source has one.
    pub fn leader(&self, ts: Ts) -> Option<(usize, Ts)> {
        let at = self.first_at(ts)?;
        let others = self.heads.iter().enumerate().filter(|(ix, _)| *ix != at).map(|(_, head)| *head);
        Some((at, Ts::from_nanos(others.min().unwrap_or(i64::MAX))))
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

    /// The first cursor, in order of name, whose next record happened at `ts`.
    pub fn first_at(&self, ts: Ts) -> Option<usize> {
        self.heads.iter().position(|head| *head == ts.nanos())
    }

    /// Takes the next record of a cursor.
    ///
    /// # Errors
    /// The source's error when the next chunk is read.
    #[inline]
    pub fn take(&mut self, at: usize) -> Result<(RecordRef, MarketRecord), SourceError> {
        let taken = self.cursors[at].take()?;
        self.heads[at] = Self::head(&self.cursors[at]);
        Ok(taken)
    }

    /// The cursors.
    pub fn cursors(&self) -> &[Cursor] {
        &self.cursors
    }
}

#[cfg(test)]
mod tests;
