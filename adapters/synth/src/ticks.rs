//! A stream of quotes and the trades that belong to it.
//!
//! Step n, from 0, of one market:
//! - A quote comes at t(n), t(0) = start. With probability `move_rate` its bid lies one tick above or
//!   below the bid before it (each as likely; never below one tick), else at the same price. The ask
//!   is `spread` ticks above. Shown sizes are uniform from 1 lot to twice `size` less 1 lot.
//! - t(n+1) = t(n) + 2 ns + an exponential time of mean `gap` - 2 ns.
//! - Half-way between t(n) and t(n+1) one side, each as likely, takes from 1 lot to all of the size
//!   shown on the other side, at its price.
//!
//! As `quotes` step n gives the quote, as `trades` the trade. Both draw the same numbers, so with the
//! same streams they are one market: each trade happens at the bid or ask that was quoted last, no
//! larger than the size shown, strictly between two quotes.

use tapedeck_model::param::{ParamKind, ParamSpec};
use tapedeck_model::{
    Chunk, Columns, Decimal, InstrumentIx, ParamError, Params, Source, SourceError, Span, Stream, math,
};

use crate::given::{self, COUNT, PRICE};
use crate::tape::{self, Blocks, HALF, out_of_range, restart, scaled};
use crate::{BuildSynth, SynthComponent, SynthContext, SynthKind};

/// Records per chunk.
const CHUNK_ROWS: usize = 8192;
/// Shortest time between two quotes: there is a moment strictly between them.
const GAP_MIN_NS: i64 = 2;
pub(crate) const COMPONENT: SynthComponent = SynthComponent {
    name: "ticks",
    help: "Quotes or trades of one market on the tick grid: a random walk with a constant spread.",
    params: &[
        ParamSpec::required("start_price", PRICE, "quote per unit", "First bid, a multiple of the tick.").or("100"),
        ParamSpec::required("spread", ParamKind::Int { min: 1, max: 1_000_000 }, "ticks", "Ask less bid.").or("1"),
        ParamSpec::required(
            "move_rate",
            ParamKind::Decimal { min: "0", max: "1" },
            "moves per quote",
            "Probability that a quote lies one tick from the one before it.",
        )
        .or("0.5"),
        ParamSpec::required("gap", ParamKind::Span, "duration", "Mean time between two quotes; 1us to 1d.").or("1s"),
        ParamSpec::required(
            "size",
            ParamKind::Decimal { min: "0", max: "1000000000" },
            "units of the instrument",
            "Mean size shown at the best bid and ask; at least one lot.",
        )
        .or("1"),
        ParamSpec::optional(
            "output",
            ParamKind::Choice(&["trades", "quotes"]),
            "",
            "Which side of the market; if given, the same as the kind of the data.",
        ),
        COUNT,
    ],
    build: BuildSynth::Alone(build),
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Output {
    Trades,
    Quotes,
}

/// What happens in one step, raw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Step {
    ts: i64,
    ts_next: i64,
    bid: i64,
    ask: i64,
    bid_qty: i64,
    ask_qty: i64,
    trade_qty: i64,
    buyer_took: bool,
}

/// The market: constants and state.
struct Market {
    tick: i64,
    lot: i64,
    spread_ticks: i64,
    /// Probability of a move, in units of 2^-32.
    move_rate: u64,
    mean_gap_ns: f64,
    /// Sizes are drawn from 1 to this many lots.
    size_lots_max: u64,
    ts: i64,
    bid_ticks: i64,
}

impl Market {
    fn from_params(params: &Params, context: &SynthContext<'_>) -> Result<Self, ParamError> {
        let rules = given::rules(context);
        let gap = params.span("gap")?;
        if !(1_000..=Span::DAY.nanos()).contains(&gap.nanos()) {
            return Err(ParamError::new("gap", format!("must be from 1us to 1d, found {gap}")));
        }
        let move_rate = (params.decimal("move_rate")? * Decimal::from(HALF)).trunc();
        let move_rate = u64::try_from(move_rate).ok().filter(|rate| *rate <= HALF);
        let lots = given::lots(params, "size", context)?;
        if !(1..=1 << 30).contains(&lots) {
            return Err(ParamError::new("size", format!("must be from 1 to 2^30 lots, found {lots}")));
        }
        Ok(Self {
            tick: rules.tick_size.raw(),
            lot: rules.lot_size.raw(),
            spread_ticks: given::int_from(params, "spread", 1)?,
            move_rate: move_rate.ok_or_else(|| ParamError::new("move_rate", "must be from 0 to 1"))?,
            mean_gap_ns: (gap.nanos() - GAP_MIN_NS) as f64,
            size_lots_max: 2 * lots.unsigned_abs() - 1,
            ts: context.start.nanos(),
            bid_ticks: given::price(params, "start_price", context)? / rules.tick_size.raw(),
        })
    }

    /// The next step; `None` if a price or time cannot be held.
    #[inline]
    fn step(&mut self, number: u64, stream: &mut Stream) -> Option<Step> {
        let (gap, chance, sizes) = (stream.uniform(), stream.bits(), stream.bits());
        if number > 0 && (chance >> 32) < self.move_rate {
            let up = chance & 1 == 1 || self.bid_ticks == 1;
            self.bid_ticks = self.bid_ticks.checked_add(if up { 1 } else { -1 })?;
        }
        // 1 - gap lies in (0, 1], so the logarithm is finite; the time is at most 37 means.
        let gap_ns = GAP_MIN_NS + (-math::ln(1.0 - gap) * self.mean_gap_ns) as i64;
        let (bid_lots, ask_lots) =
            (1 + scaled(sizes >> 32, self.size_lots_max), 1 + scaled(sizes % HALF, self.size_lots_max));
        let buyer_took = chance & 2 == 2;
        let taken_from = if buyer_took { ask_lots } else { bid_lots };
        // Bits 2 to 31 of the chance: the ones below decided on directions.
        let trade_lots = 1 + scaled((chance % HALF) & !3, taken_from);
        let qty = |lots: u64| i64::try_from(lots).ok()?.checked_mul(self.lot);
        let step = Step {
            ts: self.ts,
            ts_next: self.ts.checked_add(gap_ns)?,
            bid: self.bid_ticks.checked_mul(self.tick)?,
            ask: self.bid_ticks.checked_add(self.spread_ticks)?.checked_mul(self.tick)?,
            bid_qty: qty(bid_lots)?,
            ask_qty: qty(ask_lots)?,
            trade_qty: qty(trade_lots)?,
            buyer_took,
        };
        self.ts = step.ts_next;
        Some(step)
    }
}

/// A source of quotes or trades.
pub(crate) struct TickTape {
    instrument: InstrumentIx,
    output: Output,
    market: Market,
    blocks: Blocks,
    left: u64,
    end: i64,
    failed: bool,
    hash: [u8; 32],
    chunk_rows: usize,
}

fn build(params: &Params, context: &SynthContext<'_>) -> Result<Box<dyn Source>, ParamError> {
    Ok(Box::new(tape(params, context)?))
}

pub(crate) fn tape(params: &Params, context: &SynthContext<'_>) -> Result<TickTape, ParamError> {
    let output = match context.kind {
        SynthKind::Trades => Output::Trades,
        SynthKind::Quotes => Output::Quotes,
        SynthKind::Bars { .. }
        | SynthKind::Depth
        | SynthKind::Mbo
        | SynthKind::Marks { .. }
        | SynthKind::Funding { .. } => {
            return Err(ParamError::new("", format!("makes trades or quotes, not {}", context.kind.text())));
        }
    };
    if params.text_opt("output")?.is_some_and(|said| said != context.kind.text()) {
        return Err(ParamError::new("output", format!("the data are {}", context.kind.text())));
    }
    let (left, end) = given::limits(params, context)?;
    Ok(TickTape {
        instrument: context.instrument.ix,
        output,
        market: Market::from_params(params, context)?,
        blocks: Blocks::new(&context.draws()),
        left,
        end,
        failed: false,
        hash: tape::content_hash("ticks", params, context),
        chunk_rows: CHUNK_ROWS,
    })
}

impl TickTape {
    #[cfg(test)]
    pub(crate) fn with_chunk_rows(mut self, chunk_rows: usize) -> Self {
        self.chunk_rows = chunk_rows;
        self
    }

    /// The next record's step and time, or `None` at the end or after a failure.
    #[inline]
    fn next_step(&mut self) -> Option<(Step, i64)> {
        if self.left == 0 {
            return None;
        }
        let (number, stream) = self.blocks.advance();
        let Some(step) = self.market.step(number, stream) else {
            self.failed = true;
            self.left = 0;
            return None;
        };
        let ts = match self.output {
            Output::Quotes => step.ts,
            Output::Trades => step.ts + (step.ts_next - step.ts) / 2,
        };
        if ts >= self.end {
            self.left = 0;
            return None;
        }
        self.left -= 1;
        Some((step, ts))
    }

    fn fill_quotes(&mut self, chunk: &mut Chunk) {
        if !matches!(chunk.columns, Columns::Quotes { .. }) {
            let (bid_px, ask_px, bid_qty, ask_qty) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            chunk.columns = Columns::Quotes { bid_px, ask_px, bid_qty, ask_qty };
        }
        let Columns::Quotes { bid_px, ask_px, bid_qty, ask_qty } = &mut chunk.columns else {
            unreachable!("the columns were just made columns of quotes");
        };
        for column in [&mut *bid_px, &mut *ask_px, &mut *bid_qty, &mut *ask_qty] {
            column.clear();
        }
        while chunk.ts_event.len() < self.chunk_rows {
            let Some((step, ts)) = self.next_step() else { break };
            chunk.ts_event.push(ts);
            bid_px.push(step.bid);
            ask_px.push(step.ask);
            bid_qty.push(step.bid_qty);
            ask_qty.push(step.ask_qty);
        }
    }

    fn fill_trades(&mut self, chunk: &mut Chunk) {
        if !matches!(chunk.columns, Columns::Trades { .. }) {
            chunk.columns = Columns::Trades { px: Vec::new(), qty: Vec::new(), aggressor: Vec::new() };
        }
        let Columns::Trades { px, qty, aggressor } = &mut chunk.columns else {
            unreachable!("the columns were just made columns of trades");
        };
        px.clear();
        qty.clear();
        aggressor.clear();
        while chunk.ts_event.len() < self.chunk_rows {
            let Some((step, ts)) = self.next_step() else { break };
            chunk.ts_event.push(ts);
            px.push(if step.buyer_took { step.ask } else { step.bid });
            qty.push(step.trade_qty);
            aggressor.push(if step.buyer_took { 1 } else { -1 });
        }
    }
}

impl Source for TickTape {
    fn next_chunk(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError> {
        restart(chunk, self.instrument, self.blocks.number());
        match self.output {
            Output::Quotes => self.fill_quotes(chunk),
            Output::Trades => self.fill_trades(chunk),
        }
        if chunk.is_empty() && std::mem::take(&mut self.failed) {
            return Err(out_of_range("ticks", self.blocks.number()));
        }
        Ok(!chunk.is_empty())
    }

    fn content_hash(&self) -> [u8; 32] {
        self.hash
    }
}
