//! Mark prices around the path of a generator of bars.
//!
//! Enters: bars. Leaves: one mark per bar, at its close. With c the close of bar n,
//!
//! ```text
//! index(n) = c
//! mark(n)  = c x (1 + (premium_bps + premium_noise_bps x N(0, 1)) / 10000)
//! ```
//!
//! rounded to the nearest price of the instrument's scale (ties to even), at least the smallest. So marks
//! and bars of one instrument, generator, interval and parameters tell of one market. The noise is drawn
//! apart: it does not change the path.

use tapedeck_model::param::{ParamKind, ParamSpec};
use tapedeck_model::{Chunk, Columns, Draws, InstrumentIx, ParamError, Params, Price, Source, SourceError, Stream};

use crate::tape::{BarMaker, BarTape, Blocks, Schedule, content_hash, out_of_range, restart, schedule};
use crate::{SynthContext, SynthKind};

const BPS: ParamKind = ParamKind::Decimal { min: "-5000", max: "5000" };

pub(crate) const PREMIUM: ParamSpec = ParamSpec::optional(
    "premium_bps",
    BPS,
    "bps of price",
    "Of mark prices only: how far the mark lies above the index, which is the price; absent: 0.",
);

pub(crate) const PREMIUM_NOISE: ParamSpec = ParamSpec::optional(
    "premium_noise_bps",
    ParamKind::Decimal { min: "0", max: "5000" },
    "bps of price",
    "Of mark prices only: standard deviation of the premium from one mark to the next; absent: 0.",
);

/// Streams from here on are those of the noise; bars need far fewer.
const NOISE_STREAM: u64 = 1 << 62;
/// Marks per stream of noise.
const NOISE_BLOCK: u64 = 4096;
const CHUNK_ROWS: u64 = 8192;

/// The tape of a maker of bars: bars, or marks.
pub(crate) fn source<M: BarMaker + 'static>(
    name: &'static str,
    params: &Params,
    context: &SynthContext<'_>,
    maker: M,
) -> Result<Box<dyn Source>, ParamError> {
    if let SynthKind::Marks { .. } = context.kind {
        return Ok(Box::new(MarkTape::new(name, params, context, maker)?));
    }
    for key in ["premium_bps", "premium_noise_bps"] {
        if params.contains(key) {
            return Err(ParamError::new(key, "is about mark prices; the data are bars"));
        }
    }
    Ok(Box::new(BarTape::new(name, params, context, maker)?))
}

struct MarkTape<M> {
    name: &'static str,
    instrument: InstrumentIx,
    schedule: Schedule,
    blocks: Blocks,
    maker: M,
    premium_bps: f64,
    noise_bps: f64,
    draws: Draws,
    noise: Stream,
    failed: bool,
    hash: [u8; 32],
}

impl<M: BarMaker> MarkTape<M> {
    fn new(name: &'static str, params: &Params, context: &SynthContext<'_>, maker: M) -> Result<Self, ParamError> {
        let bps = |key: &str| -> Result<f64, ParamError> {
            let Some(value) = params.decimal_opt(key)? else { return Ok(0.0) };
            let raw = Price::from_decimal(value, 9).map_err(|error| ParamError::new(key, error.to_string()))?;
            Ok(raw.to_f64(9))
        };
        Ok(Self {
            name,
            instrument: context.instrument.ix,
            schedule: schedule(params, context)?,
            blocks: Blocks::new(&context.draws()),
            maker,
            premium_bps: bps("premium_bps")?,
            noise_bps: bps("premium_noise_bps")?,
            draws: context.draws(),
            noise: context.draws().stream(NOISE_STREAM),
            failed: false,
            hash: content_hash(name, params, context),
        })
    }

    /// The index and the mark of the next bar; `None` if a price leaves its range.
    fn next(&mut self) -> Option<(i64, i64)> {
        let (number, stream) = self.blocks.advance();
        let index = self.maker.bar(number, stream)?.close;
        let mut bps = self.premium_bps;
        if self.noise_bps > 0.0 {
            if number != 0 && number.is_multiple_of(NOISE_BLOCK) {
                self.noise = self.draws.stream(NOISE_STREAM + number / NOISE_BLOCK);
            }
            bps += self.noise_bps * self.noise.normal();
        }
        if bps == 0.0 {
            return Some((index, index));
        }
        let mark = (index as f64 * (1.0 + bps / 10_000.0)).round_ties_even().max(1.0);
        // Beyond 2^53 a float no longer tells prices apart.
        (mark <= 9_007_199_254_740_992.0).then_some((index, mark as i64))
    }
}

impl<M: BarMaker> Source for MarkTape<M> {
    fn next_chunk(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError> {
        if self.failed {
            // The error is told once; then the source is at its end.
            self.failed = false;
            self.schedule.count = self.blocks.number();
            return Err(out_of_range(self.name, self.blocks.number()));
        }
        let Schedule { start, interval, count } = self.schedule;
        restart(chunk, self.instrument, self.blocks.number());
        let (mut marks, mut indices) = match std::mem::replace(&mut chunk.columns, empty()) {
            Columns::Marks { mark_px, index_px } => (mark_px, index_px),
            _ => (Vec::new(), Vec::new()),
        };
        marks.clear();
        indices.clear();
        for _ in 0..CHUNK_ROWS.min(count - self.blocks.number()) {
            let number = self.blocks.number();
            let Some((index, mark)) = self.next() else {
                self.failed = true;
                break;
            };
            // The schedule was checked up to its last bar.
            chunk.ts_event.push(start + (number as i64 + 1) * interval);
            marks.push(mark);
            indices.push(index);
        }
        chunk.columns = Columns::Marks { mark_px: marks, index_px: indices };
        if chunk.is_empty() && self.failed { self.next_chunk(chunk) } else { Ok(!chunk.is_empty()) }
    }

    fn content_hash(&self) -> [u8; 32] {
        self.hash
    }
}

const fn empty() -> Columns {
    Columns::Marks { mark_px: Vec::new(), index_px: Vec::new() }
}

#[cfg(test)]
mod tests {
    use tapedeck_model::{MarketRecord, Span};

    use super::*;
    use crate::fixture::{context, find, instrument, made, params};

    fn records(name: &str, given: &str, kind: SynthKind) -> Vec<MarketRecord> {
        let instrument = instrument();
        let mut source = made(&find(name), &params(name, given), &context(&instrument, kind, 7)).unwrap();
        let (mut chunk, mut all) = (Chunk::new(instrument.ix), Vec::new());
        while source.next_chunk(&mut chunk).unwrap() {
            all.extend((0..chunk.len()).map(|row| chunk.record(row)));
        }
        all
    }

    #[test]
    fn the_index_of_a_mark_is_the_close_of_its_bar() {
        let (minute, given) = (Span::MINUTE, "count=20000");
        let bars = records("garch", given, SynthKind::Bars { interval: minute });
        let noisy =
            records("garch", "count=20000 premium_bps=-3 premium_noise_bps=2", SynthKind::Marks { interval: minute });
        assert_eq!(bars.len(), noisy.len());
        let mut below = 0;
        for (bar, mark) in bars.iter().zip(&noisy) {
            let (MarketRecord::Bar(bar), MarketRecord::Mark(mark)) = (bar, mark) else { panic!("other kinds") };
            assert_eq!((bar.ts_event, Some(bar.close)), (mark.ts_event, mark.index_px));
            below += usize::from(mark.mark_px < bar.close);
        }
        // After rounding, those with a premium below -0.5 bps, 1.25 deviations above the mean: 89 %.
        assert!((17_500..18_300).contains(&below), "{below}");
    }

    #[test]
    fn a_premium_is_rounded_to_the_scale() {
        let kind = SynthKind::Marks { interval: Span::MINUTE };
        let marks = records("constant", "price=100.05 premium_bps=12 count=2", kind);
        let px = |record: &MarketRecord| match record {
            MarketRecord::Mark(mark) => (mark.ts_event.nanos(), mark.mark_px.raw(), mark.index_px.map(Price::raw)),
            _ => panic!("another kind"),
        };
        // 100.05 x 1.0012 = 100.17006.
        let minute = Span::MINUTE.nanos();
        let start = 1_000_000_000_000;
        assert_eq!(
            marks.iter().map(px).collect::<Vec<_>>(),
            [(start + minute, 10_017, Some(10_005)), (start + 2 * minute, 10_017, Some(10_005))]
        );
    }

    #[test]
    fn bars_have_no_premium() {
        let instrument = instrument();
        let kind = SynthKind::Bars { interval: Span::MINUTE };
        let built =
            made(&find("constant"), &params("constant", "premium_bps=1 count=1"), &context(&instrument, kind, 7));
        assert_eq!(built.err().map(|error| error.name), Some("premium_bps".to_owned()));
    }
}
