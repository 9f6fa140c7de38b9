//! An order book moved by random order flow, and the prints that belong to it.
//!
//! Zero intelligence (E. Smith, J. D. Farmer, L. Gillemot, S. Krishnamurthy, "Statistical theory of the
//! continuous double auction", Quantitative Finance 3, 2003), one event per step, on whole ticks and lots:
//! - Step 0 is a snapshot: `levels` bids of `size` from `start_price` down, as many asks from `spread` ticks
//!   above it, a tick apart.
//! - Step n comes an exponential time of mean `gap` (at least 2 us) after step n - 1, on either side, each
//!   as likely. With probability `market_rate` it is a market order of 1 to 2 `size` - 1 lots, uniform, that
//!   takes level by level but never the last lot of a side; with probability `cancel_rate` a level of the
//!   side, uniform, loses from one lot to all of it, but a side's only level stays; else a limit order of 1 to
//!   2 `size` - 1 lots joins a level 1 to `levels` ticks, uniform, from the opposite best, never below one
//!   tick.
//!
//! With `excitation` or `cross_excitation` steps call forth steps, see [`excitation`].
//!
//! As `trades` a market order gives one print per level, at the step's time. As `depth` every step gives one
//! message: a snapshot at the step's time, else a microsecond after it, so that the venue tells of a print
//! before it tells of what the print left. As `mbo` every step gives one message at its time, order by order: a
//! level of the snapshot is one order, a limit order is one more, a market order trades with each level's orders from the
//! first on, and a cancel takes from an order of the level, by a part of the step's own draw, and the ones behind it, then
//! from the first on; an order that loses a part is modified. All draw the same numbers, so they are one market.

use std::collections::VecDeque;

use tapedeck_model::book::Resting;
use tapedeck_model::param::{ParamKind, ParamSpec};
use tapedeck_model::{
    Book, Chunk, Columns, Decimal, DepthFlags, InstrumentIx, Level, MboAction, MboTick, ParamError, Params, Price, Qty,
    Side, Source, SourceError, Span, Stream, Ts, math,
};

use crate::given::{self, COUNT, PRICE};
use crate::tape::{self, Blocks, HALF, out_of_range, restart, scaled};
use crate::{BuildSynth, SynthComponent, SynthContext, SynthKind};

mod excitation;

use excitation::Excitation;

/// Rows per chunk.
const CHUNK_ROWS: usize = 8192;
/// How long after a print the book tells of it.
const DEPTH_DELAY_NS: i64 = 1_000;
/// Shortest time between two steps.
const GAP_MIN_NS: i64 = 2 * DEPTH_DELAY_NS;
const RATE: ParamKind = ParamKind::Decimal { min: "0", max: "1" };
const EXCITATION: ParamKind = ParamKind::Decimal { min: "0", max: "0.99" };

pub(crate) const COMPONENT: SynthComponent = SynthComponent {
    name: "flow",
    help: "Depth, orders or trades of one market: an order book moved by random limit orders, cancels and market orders.",
    params: &[
        ParamSpec::required("start_price", PRICE, "quote per unit", "First best bid, a multiple of the tick.")
            .or("100"),
        ParamSpec::required("spread", ParamKind::Int { min: 1, max: 1_000_000 }, "ticks", "First ask less first bid.")
            .or("1"),
        ParamSpec::required(
            "levels",
            ParamKind::Int { min: 2, max: 1_000 },
            "levels per side",
            "Levels of the first snapshot, and how far from the opposite best limit orders come.",
        )
        .or("20"),
        ParamSpec::required(
            "size",
            ParamKind::Decimal { min: "0", max: "1000000000" },
            "units of the instrument",
            "Mean size of an order; at least one lot.",
        )
        .or("1"),
        ParamSpec::required("gap", ParamKind::Span, "duration", "Mean time between two steps; 10us to 1d.").or("100ms"),
        ParamSpec::required("market_rate", RATE, "orders per step", "Probability that a step is a market order.")
            .or("0.1"),
        ParamSpec::required("cancel_rate", RATE, "cancels per step", "Probability that a step is a cancel.").or("0.4"),
        ParamSpec::optional(
            "excitation",
            EXCITATION,
            "steps per step",
            "How many further steps of its own kind, market order or change of the book, a step calls forth (Hawkes 1971); absent: none.",
        ),
        ParamSpec::optional(
            "cross_excitation",
            EXCITATION,
            "steps per step",
            "How many of either kind, by their rates; together with `excitation` below 1; absent: none.",
        ),
        ParamSpec::optional(
            "decay",
            ParamKind::Span,
            "duration",
            "How long after a step those that it calls forth come on the mean; 1us to 1d; needed with excitation.",
        ),
        COUNT,
    ],
    build: BuildSynth::Alone(build),
};

/// One row of either output.
#[derive(Debug, Clone, Copy)]
struct Row {
    ts: i64,
    /// Side of the level; of a print the taker's.
    side: Side,
    px: i64,
    qty: i64,
    flags: DepthFlags,
    /// Of orders only.
    order: Option<(MboAction, u64)>,
}

/// Why a level changes.
#[derive(Debug, Clone, Copy)]
enum Why {
    /// A limit order joins it.
    Joins,
    /// Something is taken back, by this draw.
    Leaves(u64),
    /// A market order takes.
    Trades,
}

/// The market: constants and state. Prices in ticks, quantities in lots.
struct Market {
    tick: i64,
    lot: i64,
    levels: i64,
    size: i64,
    /// Probabilities in units of 2^-32.
    takers: u64,
    cancels: u64,
    mean_gap_ns: f64,
    excitation: Option<Excitation>,
    start: (i64, i64),
    ts: i64,
    book: Book,
    /// The same, order by order, where that is wanted.
    orders: Book,
    order_id_last: u64,
    /// The orders of a level that loses something.
    line: Vec<Resting>,
}

impl Market {
    fn from_params(params: &Params, context: &SynthContext<'_>) -> Result<Self, ParamError> {
        let rules = given::rules(context);
        let gap = params.span("gap")?;
        if !(5 * GAP_MIN_NS..=Span::DAY.nanos()).contains(&gap.nanos()) {
            return Err(ParamError::new("gap", format!("must be from 10us to 1d, found {gap}")));
        }
        let rate = |name: &str| {
            let scaled = (params.decimal(name)? * Decimal::from(HALF)).trunc();
            let scaled = u64::try_from(scaled).ok().filter(|rate| *rate <= HALF);
            scaled.ok_or_else(|| ParamError::new(name, "must be from 0 to 1"))
        };
        let size = given::lots(params, "size", context)?;
        if !(1..=1 << 30).contains(&size) {
            return Err(ParamError::new("size", format!("must be from 1 to 2^30 lots, found {size}")));
        }
        let (market_rate, cancel_rate) = (rate("market_rate")?, rate("cancel_rate")?);
        if market_rate + cancel_rate > HALF {
            return Err(ParamError::new("cancel_rate", "must be at most 1 less `market_rate`"));
        }
        let bid = given::price(params, "start_price", context)? / rules.tick_size.raw();
        let mean_gap_ns = (gap.nanos() - GAP_MIN_NS) as f64;
        Ok(Self {
            tick: rules.tick_size.raw(),
            lot: rules.lot_size.raw(),
            levels: given::int_from(params, "levels", 2)?,
            size,
            takers: market_rate,
            cancels: cancel_rate,
            mean_gap_ns,
            excitation: Excitation::from_params(params, market_rate, mean_gap_ns)?,
            start: (bid, given::int_from(params, "spread", 1)?),
            ts: context.start.nanos(),
            book: Book::new(),
            orders: Book::new(),
            order_id_last: 0,
            line: Vec::new(),
        })
    }

    /// The rows of the next step; `None` if a price or time cannot be held.
    fn step(&mut self, number: u64, stream: &mut Stream, rows: &mut Rows) -> Option<()> {
        if number == 0 {
            return self.snapshot(rows);
        }
        let gap_ns = self.gap_ns(stream);
        self.ts = self.ts.checked_add(GAP_MIN_NS)?.checked_add(gap_ns)?;
        let (chance, place) = (stream.bits(), stream.bits());
        let side = if chance & 1 == 1 { Side::Buy } else { Side::Sell };
        let sized = 1 + scaled((chance % HALF) & !1, 2 * self.size.unsigned_abs() - 1);
        let what = chance >> 32;
        let (takers, cancels) = self.rates_now(what);
        if what < takers {
            self.market_order(side, sized, rows)?;
        } else if what < takers + cancels && self.book.depth(side) > 1 {
            let nth = scaled(place >> 32, self.book.depth(side) as u64) as usize;
            let level = self.book.levels(side).nth(nth)?;
            let part = 1 + scaled(place % HALF, level.qty.raw().unsigned_abs().min(HALF - 1)) as i64;
            self.change(side, level, (-part, Why::Leaves(place)), rows)?;
        } else {
            let distance = 1 + scaled(place >> 32, self.levels.unsigned_abs()) as i64;
            let px = match side {
                Side::Buy => (self.book.best(Side::Sell)?.px.raw() - distance).max(1),
                Side::Sell => self.book.best(Side::Buy)?.px.raw().checked_add(distance)?,
            };
            let px = Price::from_raw(px);
            let level = Level { px, qty: self.book.qty_at(side, px) };
            self.change(side, level, (sized as i64, Why::Joins), rows)?;
        }
        rows.end_message();
        Some(())
    }

    /// Time to the next step, less what steps are apart at least.
    fn gap_ns(&mut self, stream: &mut Stream) -> i64 {
        let gap = stream.uniform();
        let wait = match &mut self.excitation {
            Some(excitation) => excitation.wait(gap, stream),
            // 1 - gap lies in (0, 1], so the logarithm is finite; the time is at most 37 means.
            None => -math::ln(1.0 - gap) * self.mean_gap_ns,
        };
        wait as i64
    }

    /// Probabilities of a market order and of a cancel in the step that draws `what`.
    fn rates_now(&mut self, what: u64) -> (u64, u64) {
        let Some(excitation) = &mut self.excitation else { return (self.takers, self.cancels) };
        let takers = excitation.takers_now();
        excitation.add(what < takers);
        // Cancels keep their part of what is no market order.
        (takers, (HALF - takers) * self.cancels / (HALF - self.takers).max(1))
    }

    fn snapshot(&mut self, rows: &mut Rows) -> Option<()> {
        let (bid, spread) = self.start;
        let ask = bid.checked_add(spread)?;
        rows.clear_next();
        for nth in 0..self.levels {
            let places = [(Side::Buy, bid - nth), (Side::Sell, ask.checked_add(nth)?)];
            for (side, px) in places.into_iter().filter(|(_, px)| *px > 0) {
                self.book.set(side, Price::from_raw(px), Qty::from_raw(self.size));
                match rows.output {
                    Output::Depth => rows.book(self.row(self.ts, side, (px, self.size))?),
                    Output::Orders => self.join(side, (px, self.size), rows)?,
                    Output::Trades => {}
                }
            }
        }
        rows.end_message();
        Some(())
    }

    /// A market order of `side` takes up to `lots` level by level.
    fn market_order(&mut self, side: Side, lots: u64, rows: &mut Rows) -> Option<()> {
        let from = side.opposite();
        let mut lots = lots as i64;
        while lots > 0 {
            let level = self.book.best(from)?;
            // The last lot of a side stays, so that there is always a price.
            let spare = level.qty.raw() - i64::from(self.book.depth(from) == 1);
            let part = lots.min(spare);
            if part == 0 {
                break;
            }
            if rows.output == Output::Trades {
                rows.waiting.push_back(self.row(self.ts, side, (level.px.raw(), part))?);
            }
            self.change(from, level, (-part, Why::Trades), rows)?;
            lots -= part;
        }
        Some(())
    }

    /// A level gains or loses; `level` is as it was.
    fn change(&mut self, side: Side, level: Level, (lots, why): (i64, Why), rows: &mut Rows) -> Option<()> {
        let qty = level.qty.raw().checked_add(lots)?;
        self.book.set(side, level.px, Qty::from_raw(qty));
        match (rows.output, why) {
            (Output::Trades, _) => {}
            (Output::Depth, _) => {
                let ts = self.ts.checked_add(DEPTH_DELAY_NS)?;
                rows.book(self.row(ts, side, (level.px.raw(), qty))?);
            }
            (Output::Orders, Why::Joins) => self.join(side, (level.px.raw(), lots), rows)?,
            (Output::Orders, Why::Trades) => self.leave(side, (level.px, -lots), None, rows)?,
            (Output::Orders, Why::Leaves(draw)) => self.leave(side, (level.px, -lots), Some(draw), rows)?,
        }
        Some(())
    }

    /// An order joins a level.
    fn join(&mut self, side: Side, (px, lots): (i64, i64), rows: &mut Rows) -> Option<()> {
        self.order_id_last += 1;
        self.tell((MboAction::Add, self.order_id_last), side, (px, lots), rows)
    }

    /// Orders of a level lose `lots` together: they trade from the first on, or are taken back from the one that `draw` falls on.
    fn leave(&mut self, side: Side, (px, lots): (Price, i64), draw: Option<u64>, rows: &mut Rows) -> Option<()> {
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        line.extend(self.orders.line(side, px));
        // The draw's halves are used already: their product is as good as a third.
        let mixed = draw.map_or(0, |draw| draw.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32);
        let first = scaled(mixed, line.len() as u64) as usize;
        let mut left = lots;
        for order in line.iter().cycle().skip(first).take(line.len()) {
            let part = left.min(order.qty.raw());
            let rest = order.qty.raw() - part;
            let (action, qty) = match draw {
                _ if part == 0 => break,
                None => (MboAction::Execute, part),
                Some(_) if rest == 0 => (MboAction::Cancel, 0),
                Some(_) => (MboAction::Modify, rest),
            };
            self.tell((action, order.order_id), side, (px.raw(), qty), rows)?;
            left -= part;
        }
        assert!(left == 0, "a level has no more than its orders");
        self.line = line;
        Some(())
    }

    /// A row of an order, in ticks and lots in our own book.
    fn tell(
        &mut self,
        (action, order_id): (MboAction, u64),
        side: Side,
        (px, lots): (i64, i64),
        rows: &mut Rows,
    ) -> Option<()> {
        let ts = Ts::from_nanos(self.ts);
        self.orders.apply_order(&MboTick {
            instrument: InstrumentIx(0),
            ts_event: ts,
            ts_recv: ts,
            action: Some(action),
            side: Some(side),
            px: Price::from_raw(px),
            qty: Qty::from_raw(lots),
            order_id,
            flags: DepthFlags::NONE,
        });
        let row = self.row(self.ts, side, (px, lots))?;
        rows.book(Row { order: Some((action, order_id)), ..row });
        Some(())
    }

    fn row(&self, ts: i64, side: Side, (px, qty): (i64, i64)) -> Option<Row> {
        let (px, qty) = (px.checked_mul(self.tick)?, qty.checked_mul(self.lot)?);
        Some(Row { ts, side, px, qty, flags: DepthFlags::NONE, order: None })
    }
}

/// Which side of the market is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Output {
    Depth,
    Orders,
    Trades,
}

/// Rows of steps that are made and not handed over yet.
struct Rows {
    output: Output,
    waiting: VecDeque<Row>,
    flags_next: DepthFlags,
    /// Rows of the message under way.
    open: usize,
}

impl Rows {
    fn clear_next(&mut self) {
        self.flags_next = DepthFlags::CLEAR;
    }

    /// A row of the message under way.
    fn book(&mut self, row: Row) {
        let flags = std::mem::take(&mut self.flags_next);
        self.waiting.push_back(Row { flags, ..row });
        self.open += 1;
    }

    fn end_message(&mut self) {
        if std::mem::take(&mut self.open) > 0
            && let Some(last) = self.waiting.back_mut()
        {
            last.flags = last.flags.with(DepthFlags::LAST);
        }
    }
}

/// A source of depth or trades.
pub(crate) struct FlowTape {
    instrument: InstrumentIx,
    market: Market,
    blocks: Blocks,
    rows: Rows,
    number: u64,
    left: u64,
    end: i64,
    failed: bool,
    hash: [u8; 32],
    chunk_rows: usize,
}

fn build(params: &Params, context: &SynthContext<'_>) -> Result<Box<dyn Source>, ParamError> {
    Ok(Box::new(tape(params, context)?))
}

pub(crate) fn tape(params: &Params, context: &SynthContext<'_>) -> Result<FlowTape, ParamError> {
    let output = match context.kind {
        SynthKind::Depth => Output::Depth,
        SynthKind::Mbo => Output::Orders,
        SynthKind::Trades => Output::Trades,
        SynthKind::Bars { .. } | SynthKind::Quotes | SynthKind::Marks { .. } | SynthKind::Funding { .. } => {
            return Err(ParamError::new("", format!("makes depth, mbo or trades, not {}", context.kind.text())));
        }
    };
    let (left, end) = given::limits(params, context)?;
    Ok(FlowTape {
        instrument: context.instrument.ix,
        market: Market::from_params(params, context)?,
        blocks: Blocks::new(&context.draws()),
        rows: Rows { output, waiting: VecDeque::new(), flags_next: DepthFlags::NONE, open: 0 },
        number: 0,
        left,
        end,
        failed: false,
        hash: tape::content_hash("flow", params, context),
        chunk_rows: CHUNK_ROWS,
    })
}

impl FlowTape {
    #[cfg(test)]
    pub(crate) fn with_chunk_rows(mut self, chunk_rows: usize) -> Self {
        self.chunk_rows = chunk_rows;
        self
    }

    /// The next row; `None` at the end or after a failure.
    fn next_row(&mut self) -> Option<Row> {
        if self.left == 0 {
            return None;
        }
        while self.rows.waiting.is_empty() {
            if self.market.ts >= self.end {
                self.left = 0;
                return None;
            }
            let (number, stream) = self.blocks.advance();
            if self.market.step(number, stream, &mut self.rows).is_none() {
                self.failed = true;
                self.left = 0;
                return None;
            }
        }
        let row = self.rows.waiting.pop_front().filter(|row| row.ts < self.end);
        self.left = if row.is_some() { self.left - 1 } else { 0 };
        row
    }
}

impl Source for FlowTape {
    fn next_chunk(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError> {
        restart(chunk, self.instrument, self.number);
        let (mut sides, mut px, mut qty, mut flags) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut actions, mut order_ids) = (Vec::new(), Vec::new());
        while chunk.ts_event.len() < self.chunk_rows {
            let Some(row) = self.next_row() else { break };
            chunk.ts_event.push(row.ts);
            sides.push(row.side.sign() as i8);
            px.push(row.px);
            qty.push(row.qty);
            flags.push(row.flags.bits());
            if let Some((action, order_id)) = row.order {
                actions.push(action.number());
                order_ids.push(order_id);
            }
        }
        self.number += chunk.ts_event.len() as u64;
        chunk.columns = match self.rows.output {
            Output::Depth => Columns::Depth { side: sides, px, qty, flags },
            Output::Orders => Columns::Mbo { action: actions, side: sides, px, qty, order_id: order_ids, flags },
            Output::Trades => Columns::Trades { px, qty, aggressor: sides },
        };
        if chunk.is_empty() && std::mem::take(&mut self.failed) {
            return Err(out_of_range("flow", self.number + 1));
        }
        Ok(!chunk.is_empty())
    }

    fn content_hash(&self) -> [u8; 32] {
        self.hash
    }
}

#[cfg(test)]
mod tests;
