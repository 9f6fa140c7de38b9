//! The loops over the rows of a chunk, one per kind of record.
//!
//! Enters: a chunk and which of its rows. Leaves: records, each made of its columns and handed over.
//! Invariant: nothing is looked up twice per row.

use std::ops::Range;

use tapedeck_model::market::derivative::{px_from_column, span_from_column};
use tapedeck_model::{
    Bar, Chunk, Columns, DepthFlags, DepthTick, FundingTick, InstrumentIx, Levels, MarkTick, MboTick, Price, Qty,
    QuoteTick, Tick, TradeTick, Ts,
};

use super::{Play, times_received};

/// Hands over rows of a chunk, the first of which has `number` in its source, for as long as `go` lets
/// each pass (it is asked by position among `rows`) and `play` wants more. Gives the number of rows
/// taken.
///
/// One loop per kind of record, so that nothing is looked up twice per row.
#[inline]
pub(super) fn play_rows<P: Play>(
    chunk: &Chunk,
    rows: Range<usize>,
    number: u64,
    go: impl Fn(usize, Times<'_>) -> bool,
    play: &mut P,
) -> (usize, Result<(), P::Error>) {
    let instrument = chunk.instrument;
    let (first, events) = (rows.start, chunk.ts_event.get(rows).unwrap_or_default());
    let len = events.len();
    let rows = Rows { times: Times { events, received: cut(times_received(chunk), first, len) }, number };
    match &chunk.columns {
        Columns::Bars { interval, open, high, low, close, volume } => {
            let (open, high, low, close, volume) = (
                cut(open, first, len),
                cut(high, first, len),
                cut(low, first, len),
                cut(close, first, len),
                cut(volume, first, len),
            );
            rows.play(go, play, |row, ts_event, ts_recv| Bar {
                instrument,
                ts_event,
                ts_recv,
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
            rows.play(go, play, |row, ts_event, ts_recv| TradeTick {
                instrument,
                ts_event,
                ts_recv,
                px: Price::from_raw(px[row]),
                qty: Qty::from_raw(qty[row]),
                aggressor: TradeTick::aggressor_from(aggressor[row]),
            })
        }
        Columns::Quotes { bid_px, ask_px, bid_qty, ask_qty } => {
            let (bid_px, ask_px, bid_qty, ask_qty) =
                (cut(bid_px, first, len), cut(ask_px, first, len), cut(bid_qty, first, len), cut(ask_qty, first, len));
            rows.play(go, play, |row, ts_event, ts_recv| QuoteTick {
                instrument,
                ts_event,
                ts_recv,
                bid_px: Price::from_raw(bid_px[row]),
                ask_px: Price::from_raw(ask_px[row]),
                bid_qty: Qty::from_raw(bid_qty[row]),
                ask_qty: Qty::from_raw(ask_qty[row]),
            })
        }
        Columns::Depth { side, px, qty, flags } => {
            let depth = DepthRows {
                side: cut(side, first, len),
                px: cut(px, first, len),
                qty: cut(qty, first, len),
                flags: cut(flags, first, len),
            };
            rows.play_depth(instrument, &depth, go, play)
        }
        Columns::Mbo { .. } | Columns::Marks { .. } | Columns::Funding { .. } => {
            play_others(chunk, (first, len), rows, go, play)
        }
    }
}

/// The same for orders one by one, and for the records that only contracts have, of which there are few.
#[inline(never)]
fn play_others<P: Play>(
    chunk: &Chunk,
    (first, len): (usize, usize),
    rows: Rows<'_>,
    go: impl Fn(usize, Times<'_>) -> bool,
    play: &mut P,
) -> (usize, Result<(), P::Error>) {
    let instrument = chunk.instrument;
    match &chunk.columns {
        Columns::Mbo { action, side, px, qty, order_id, flags } => {
            let (action, side, px) = (cut(action, first, len), cut(side, first, len), cut(px, first, len));
            let (qty, order_id, flags) = (cut(qty, first, len), cut(order_id, first, len), cut(flags, first, len));
            rows.play(go, play, |row, ts_event, ts_recv| MboTick {
                instrument,
                ts_event,
                ts_recv,
                action: MboTick::action_from(action[row]),
                side: TradeTick::aggressor_from(side[row]),
                px: Price::from_raw(px[row]),
                qty: Qty::from_raw(qty[row]),
                order_id: order_id[row],
                flags: DepthFlags::from_bits_truncate(flags[row]),
            })
        }
        Columns::Marks { mark_px, index_px } => {
            let (mark_px, index_px) = (cut(mark_px, first, len), cut(index_px, first, len));
            rows.play(go, play, |row, ts_event, ts_recv| MarkTick {
                instrument,
                ts_event,
                ts_recv,
                mark_px: Price::from_raw(mark_px[row]),
                index_px: px_from_column(index_px[row]),
            })
        }
        Columns::Funding { rate, interval, mark_px } => {
            let (rate, interval, mark_px) =
                (cut(rate, first, len), cut(interval, first, len), cut(mark_px, first, len));
            rows.play(go, play, |row, ts_event, ts_recv| FundingTick {
                instrument,
                ts_event,
                ts_recv,
                rate: rate[row],
                interval: span_from_column(interval[row]),
                mark_px: px_from_column(mark_px[row]),
            })
        }
        Columns::Bars { .. } | Columns::Trades { .. } | Columns::Quotes { .. } | Columns::Depth { .. } => {
            unreachable!("these have loops of their own")
        }
    }
}

/// `len` rows of a column from `first` on: of one known length, the columns need no check per row.
fn cut<T>(column: &[T], first: usize, len: usize) -> &[T] {
    &column[first..first + len]
}

/// When rows happened and when we receive them; as many of the one as of the other.
#[derive(Clone, Copy)]
pub(super) struct Times<'a> {
    pub(super) events: &'a [i64],
    pub(super) received: &'a [i64],
}

/// Columns of depth, as long as each other.
struct DepthRows<'a> {
    side: &'a [i8],
    px: &'a [i64],
    qty: &'a [i64],
    flags: &'a [u8],
}

impl Times<'_> {
    /// The first row from `row` on, and before `end`, with other times than it has, or `end`: times do not fall.
    #[inline]
    fn end_of_instant(self, row: usize, end: usize) -> usize {
        let until = |times: &[i64], end: usize| match times.get(row..end) {
            Some([first, .., last]) if first == last => end,
            Some([first, rest @ ..]) => row + 1 + rest.partition_point(|ts| ts == first),
            _ => row,
        };
        until(self.received, until(self.events, end))
    }
}

/// Rows that may be played.
struct Rows<'a> {
    times: Times<'a>,
    /// Number of the first one in its source.
    number: u64,
}

impl Rows<'_> {
    /// Rows of depth: those of a message that only change levels all at once, if `play` takes them so.
    #[inline]
    fn play_depth<P: Play>(
        self,
        instrument: InstrumentIx,
        depth: &DepthRows<'_>,
        go: impl Fn(usize, Times<'_>) -> bool,
        play: &mut P,
    ) -> (usize, Result<(), P::Error>) {
        let DepthRows { side, px, qty, flags } = depth;
        let events = self.times.events;
        let times = Times { events, received: &self.times.received[..events.len()] };
        // Rows below `plain` have no flag; of rows below `one_by_one` is known that they are not taken at once.
        let (mut row, mut plain, mut one_by_one) = (0, 0, 0);
        while row < events.len() && go(row, times) {
            let number = self.number + row as u64;
            let (ts_event, ts_recv) = (Ts::from_nanos(events[row]), Ts::from_nanos(times.received[row]));
            if row >= one_by_one {
                if plain <= row {
                    plain = flags[row..].iter().position(|flags| *flags != 0).map_or(events.len(), |more| row + more);
                }
                let end = times.end_of_instant(row, plain);
                // What is true of the second row is true of all that share its times.
                if end > row + 1 && go(row + 1, times) {
                    let columns = (&side[row..end], &px[row..end], &qty[row..end]);
                    match play.play_levels(number, &Levels::new(instrument, (ts_event, ts_recv), columns)) {
                        Ok(true) => {
                            row = end;
                            continue;
                        }
                        Ok(false) => one_by_one = end,
                        Err(error) => return (row, Err(error)),
                    }
                }
            }
            let tick = DepthTick {
                instrument,
                ts_event,
                ts_recv,
                side: TradeTick::aggressor_from(side[row]),
                px: Price::from_raw(px[row]),
                qty: Qty::from_raw(qty[row]),
                flags: DepthFlags::from_bits_truncate(flags[row]),
            };
            let played = play.play(number, &tick);
            row += 1;
            match played {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return (row, Err(error)),
            }
        }
        (row, Ok(()))
    }

    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "one loop over columns, without a call per row, is the way of every record"
    )]
    fn play<T: Tick, P: Play>(
        self,
        go: impl Fn(usize, Times<'_>) -> bool,
        play: &mut P,
        tick: impl Fn(usize, Ts, Ts) -> T,
    ) -> (usize, Result<(), P::Error>) {
        let events = self.times.events;
        let received = &self.times.received[..events.len()];
        let mut row = 0;
        while row < events.len() && go(row, Times { events, received }) {
            let tick = tick(row, Ts::from_nanos(events[row]), Ts::from_nanos(received[row]));
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
