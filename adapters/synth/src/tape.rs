//! What all generators share: numbers of records, blocks of draws, filling of chunks, the hash.
//!
//! Enters: a generator that makes one record after the other. Leaves: a [`Source`]. Invariants: record
//! n draws from stream n / [`BLOCK`], so where chunks begin changes nothing; after an error, and
//! after the last record, the source is at its end. A record that cannot be made ends its chunk; the
//! error comes with the next call, so that the records before it do not depend on the chunk size.

use tapedeck_model::{
    Chunk, Columns, Draws, InstrumentIx, ParamError, ParamValue, Params, Source, SourceError, Span, Stream, Ts,
};

use crate::given;
use crate::{SynthContext, SynthKind};

/// Records per random stream.
const BLOCK: u64 = 4096;

/// Records per chunk.
const CHUNK_ROWS: u64 = 8192;

/// A bar without times: raw prices and quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawBar {
    pub open: i64,
    pub high: i64,
    pub low: i64,
    pub close: i64,
    pub volume: i64,
}

/// A generator of bars.
pub(crate) trait BarMaker: Send {
    /// Bar `number`, called once for each number from 0; `None` if a price leaves its range.
    fn bar(&mut self, number: u64, stream: &mut Stream) -> Option<RawBar>;
}

/// 2^32: chances and sizes use half of a draw.
pub(crate) const HALF: u64 = 1 << 32;

/// `0..bound` from 32 random bits; `bound` is below 2^32.
pub(crate) const fn scaled(bits: u64, bound: u64) -> u64 {
    (bits * bound) >> 32
}

/// The random stream of the record at hand.
pub(crate) struct Blocks {
    draws: Draws,
    stream: Stream,
    number: u64,
}

impl Blocks {
    pub(crate) fn new(draws: &Draws) -> Self {
        Self { stream: draws.stream(0), draws: draws.clone(), number: 0 }
    }

    /// Number of the next record.
    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    /// The stream for the next record, and its number.
    #[inline]
    pub(crate) fn advance(&mut self) -> (u64, &mut Stream) {
        let number = self.number;
        if number != 0 && number.is_multiple_of(BLOCK) {
            self.stream = self.draws.stream(number / BLOCK);
        }
        self.number += 1;
        (number, &mut self.stream)
    }
}

/// BLAKE3 of what determines the records: name of the generator, parameters, instrument, times and
/// key. The key itself is secret to the streams; four words of the stream with the largest number,
/// which no record uses, stand for it.
pub(crate) fn content_hash(name: &str, params: &Params, context: &SynthContext<'_>) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("tapedeck 2026 synthetic content v1");
    let mut text = |word: &str| {
        hasher.update(&(word.len() as u64).to_le_bytes());
        hasher.update(word.as_bytes());
    };
    text(name);
    text(context.kind.text());
    text(&context.instrument.id.to_string());
    for (key, value) in params.iter() {
        text(key);
        text(&value_text(value));
    }
    let rules = given::rules(context);
    let interval = context.kind.interval().nanos();
    let item = context.instrument;
    let end = context.end.map_or(i64::MAX, Ts::nanos);
    let scales = [i64::from(item.price_scale), i64::from(item.qty_scale)];
    let grids = [rules.tick_size.raw(), rules.lot_size.raw()];
    for number in [context.start.nanos(), end, interval].into_iter().chain(scales).chain(grids) {
        hasher.update(&number.to_le_bytes());
    }
    let mut key = context.draws().stream(u64::MAX);
    for _ in 0..4 {
        hasher.update(&key.bits().to_le_bytes());
    }
    *hasher.finalize().as_bytes()
}

/// One text per value: `1` and `1.0` are the same decimal.
fn value_text(value: &ParamValue) -> String {
    match value {
        ParamValue::Decimal(decimal) => decimal.normalize().to_string(),
        other => format!("{other:?}"),
    }
}

/// When bars open and close.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    pub(crate) start: i64,
    pub(crate) interval: i64,
    pub(crate) count: u64,
}

/// The times of a generator of bars, which gives marks as well.
pub(crate) fn schedule(params: &Params, context: &SynthContext<'_>) -> Result<Schedule, ParamError> {
    // Bar n opens at start + n * interval, which must lie before the end, as with bars from files. A mark
    // comes when the bar closes, which must lie there as well.
    let last_open = match context.kind {
        SynthKind::Bars { .. } => 1,
        SynthKind::Marks { .. } => 0,
        SynthKind::Trades | SynthKind::Quotes | SynthKind::Depth | SynthKind::Mbo | SynthKind::Funding { .. } => {
            return Err(ParamError::new("", format!("makes bars or marks, not {}", context.kind.text())));
        }
    };
    let (start, interval) = (context.start.nanos(), context.kind.interval().nanos());
    if interval <= 0 {
        return Err(ParamError::new("", "an interval above zero is needed"));
    }
    let fitting = context.end.map(|end| {
        let length = i128::from(end.nanos()) - i128::from(start);
        u64::try_from((length - 1).div_euclid(i128::from(interval)) + last_open).unwrap_or(0)
    });
    let count = match (given::count(params)?, fitting) {
        (Some(count), Some(fitting)) => count.min(fitting),
        (Some(count), None) | (None, Some(count)) => count,
        (None, None) => return Err(given::endless()),
    };
    let last = i128::from(start) + i128::from(count) * i128::from(interval);
    if i64::try_from(last).is_err() {
        return Err(ParamError::new("count", "the last bar lies beyond the end of time"));
    }
    Ok(Schedule { start, interval, count })
}

/// A source of bars.
pub(crate) struct BarTape<M> {
    name: &'static str,
    instrument: InstrumentIx,
    schedule: Schedule,
    blocks: Blocks,
    maker: M,
    failed: bool,
    hash: [u8; 32],
    chunk_rows: u64,
}

impl<M: BarMaker> BarTape<M> {
    pub(crate) fn new(
        name: &'static str,
        params: &Params,
        context: &SynthContext<'_>,
        maker: M,
    ) -> Result<Self, ParamError> {
        Ok(Self {
            name,
            instrument: context.instrument.ix,
            schedule: schedule(params, context)?,
            blocks: Blocks::new(&context.draws()),
            maker,
            failed: false,
            hash: content_hash(name, params, context),
            chunk_rows: CHUNK_ROWS,
        })
    }

    #[cfg(test)]
    pub(crate) fn with_chunk_rows(mut self, chunk_rows: u64) -> Self {
        self.chunk_rows = chunk_rows;
        self
    }
}

impl<M: BarMaker> Source for BarTape<M> {
    fn next_chunk(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError> {
        if self.failed {
            // The error is told once; then the source is at its end.
            self.failed = false;
            self.schedule.count = self.blocks.number();
            return Err(out_of_range(self.name, self.blocks.number()));
        }
        let Schedule { start, interval, count } = self.schedule;
        restart(chunk, self.instrument, self.blocks.number());
        let columns = bar_columns(chunk, Span::from_nanos(interval));
        let rows = self.chunk_rows.min(count - self.blocks.number());
        for _ in 0..rows {
            let (number, stream) = self.blocks.advance();
            let Some(bar) = self.maker.bar(number, stream) else {
                self.failed = true;
                break;
            };
            // The schedule was checked up to its last bar.
            columns.ts_event.push(start + (number as i64 + 1) * interval);
            columns.open.push(bar.open);
            columns.high.push(bar.high);
            columns.low.push(bar.low);
            columns.close.push(bar.close);
            columns.volume.push(bar.volume);
        }
        if chunk.is_empty() && self.failed { self.next_chunk(chunk) } else { Ok(!chunk.is_empty()) }
    }

    fn content_hash(&self) -> [u8; 32] {
        self.hash
    }
}

/// The error of record `number` (from 1), whose price or time cannot be held.
pub(crate) fn out_of_range(name: &str, number: u64) -> SourceError {
    let problem = format!("record {number} has a price that is not above zero, or a price or time too large to hold");
    SourceError::File { file: format!("synthetic {name}"), problem }
}

/// Empties the head of a chunk.
pub(crate) fn restart(chunk: &mut Chunk, instrument: InstrumentIx, first_number: u64) {
    chunk.instrument = instrument;
    chunk.first_number = first_number;
    chunk.ts_event.clear();
    chunk.ts_recv.clear();
}

struct BarColumns<'a> {
    ts_event: &'a mut Vec<i64>,
    open: &'a mut Vec<i64>,
    high: &'a mut Vec<i64>,
    low: &'a mut Vec<i64>,
    close: &'a mut Vec<i64>,
    volume: &'a mut Vec<i64>,
}

/// The chunk's columns as empty columns of bars; buffers of the right kind are used again.
fn bar_columns(chunk: &mut Chunk, length: Span) -> BarColumns<'_> {
    if !matches!(chunk.columns, Columns::Bars { .. }) {
        let (open, high, low, close, volume) = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        chunk.columns = Columns::Bars { interval: length, open, high, low, close, volume };
    }
    let Columns::Bars { interval, open, high, low, close, volume } = &mut chunk.columns else {
        unreachable!("the columns were just made columns of bars");
    };
    *interval = length;
    for column in [&mut *open, &mut *high, &mut *low, &mut *close, &mut *volume] {
        column.clear();
    }
    BarColumns { ts_event: &mut chunk.ts_event, open, high, low, close, volume }
}
