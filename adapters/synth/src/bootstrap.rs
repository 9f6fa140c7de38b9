//! Bars of a real market in another order, in blocks, so that what bars have to do with the ones before them stays.
//!
//! Enters: bars of one interval, whole. Leaves: bars. A bar is kept as its open, high, low and close over the close
//! before it (the first bar's: over its own open), and its volume. Blocks begin at a bar drawn uniformly and go on in the
//! order of the source, whose last bar is followed by its first. The price goes on from close to close: bar n is the
//! price before it times the four ratios. Blocks are
//!
//! - `stationary`: of a geometrically distributed length of mean `block` (D. N. Politis, J. P. Romano, "The stationary
//!   bootstrap", Journal of the American Statistical Association 89, 1994), so that the bars drawn are a stationary series;
//! - `circular`: all of `block` bars (D. N. Politis, J. P. Romano, "A circular block-resampling procedure for stationary
//!   data", in "Exploring the limits of bootstrap", Wiley, 1992).
//!
//! Invariants: at most [`BARS_MAX`] bars are held, 40 bytes each, and half as much again while they are read; the source's hash is part of ours, and its counted
//! defects are ours. Deliberately absent: what passed between two bars of which the source lacks the ones in between
//! is not told from a bar's own return.

use tapedeck_model::param::{ParamKind, ParamSpec};
use tapedeck_model::port::DataIssues;
use tapedeck_model::{Chunk, Columns, ParamError, Params, Source, SourceError, Stream};

use crate::given::{self, COUNT, PRICE};
use crate::marks::{PREMIUM, PREMIUM_NOISE, source};
use crate::path::Grid;
use crate::tape::{BarMaker, RawBar};
use crate::{BuildSynth, SynthComponent, SynthContext};

/// Bars of a source, at most: eight years of minutes, 168 MB.
const BARS_MAX: usize = 1 << 22;
/// Probability one, of a new block.
const ALWAYS: u64 = 1 << 63;

pub(crate) const COMPONENT: SynthComponent = SynthComponent {
    name: "bootstrap",
    help: "Bars from the files of `path` in another order, block by block (Politis and Romano 1994).",
    params: &[
        ParamSpec::required(
            "start_price",
            PRICE,
            "quote per unit",
            "Price before the first bar, a multiple of the tick.",
        )
        .or("100"),
        ParamSpec::required(
            "blocks",
            ParamKind::Choice(&["stationary", "circular"]),
            "",
            "Lengths of blocks: random (stationary bootstrap) or all the same (circular block bootstrap).",
        )
        .or("stationary"),
        ParamSpec::required(
            "block",
            ParamKind::Int { min: 1, max: 1_000_000_000 },
            "bars",
            "Mean length of a block: longer than returns and volatility remember.",
        ),
        PREMIUM,
        PREMIUM_NOISE,
        COUNT,
    ],
    build: BuildSynth::Resample(build),
};

/// A bar over the close before it.
#[derive(Debug, Clone, Copy)]
struct Shape {
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    /// Raw, whole lots.
    volume: i64,
}

/// When a block ends.
#[derive(Debug, Clone, Copy)]
enum Ends {
    /// After each bar with this probability, of [`ALWAYS`].
    By(u64),
    /// After so many bars.
    After(u64),
}

pub(crate) struct Resampler {
    shapes: Vec<Shape>,
    ends: Ends,
    grid: Grid,
    /// State: the price in ticks, not rounded, and the bar that was drawn last.
    ticks: f64,
    at: usize,
}

fn build(
    params: &Params,
    context: &SynthContext<'_>,
    mut origin: Box<dyn Source>,
) -> Result<Box<dyn Source>, ParamError> {
    let maker = maker(params, context, &mut *origin)?;
    Ok(Box::new(Resampled { inner: source("bootstrap", params, context, maker)?, origin }))
}

pub(crate) fn maker(
    params: &Params,
    context: &SynthContext<'_>,
    origin: &mut dyn Source,
) -> Result<Resampler, ParamError> {
    let block = given::int_from(params, "block", 1)?.unsigned_abs();
    let ends = match params.text("blocks")?.as_str() {
        "stationary" => Ends::By(ALWAYS / block),
        "circular" => Ends::After(block),
        other => return Err(ParamError::new("blocks", format!("must be stationary or circular, found {other}"))),
    };
    let grid = Grid::new(context);
    let ticks = grid.ticks(given::price(params, "start_price", context)?);
    Ok(Resampler { shapes: shapes(origin, &grid, context)?, ends, grid, ticks, at: 0 })
}

/// Every bar of the source.
fn shapes(origin: &mut dyn Source, grid: &Grid, context: &SynthContext<'_>) -> Result<Vec<Shape>, ParamError> {
    let (mut chunk, mut shapes) = (Chunk::new(context.instrument.ix), Vec::new());
    let mut before = None;
    while origin.next_chunk(&mut chunk).map_err(|error| ParamError::new("", error.to_string()))? {
        let Columns::Bars { open, high, low, close, volume, .. } = &chunk.columns else {
            return Err(ParamError::new("", "draws from bars, not from other records"));
        };
        if shapes.len() + open.len() > BARS_MAX {
            let problem = format!("the files hold more than {BARS_MAX} bars, which is what fits; name fewer of them");
            return Err(ParamError::new("", problem));
        }
        for ((open, high), ((low, close), volume)) in open.iter().zip(high).zip(low.iter().zip(close).zip(volume)) {
            let base = before.unwrap_or(*open);
            if base <= 0 || *low <= 0 {
                return Err(ParamError::new("", "draws from bars whose prices are above zero"));
            }
            let over = |px: i64| px as f64 / base as f64;
            let (open, high, low) = (over(*open), over(*high), over(*low));
            shapes.push(Shape { open, high, low, close: over(*close), volume: grid.whole_lots(*volume) });
            before = Some(*close);
        }
    }
    if shapes.len() < 2 {
        return Err(ParamError::new("", format!("needs at least two bars to draw from, found {}", shapes.len())));
    }
    Ok(shapes)
}

impl BarMaker for Resampler {
    fn bar(&mut self, number: u64, stream: &mut Stream) -> Option<RawBar> {
        let number_of_shapes = self.shapes.len();
        let (chance, place) = (stream.bits() >> 1, stream.below(number_of_shapes as u64) as usize);
        let has_ended = match self.ends {
            Ends::By(probability) => chance < probability,
            Ends::After(length) => number.is_multiple_of(length),
        };
        self.at = if has_ended || number == 0 { place } else { (self.at + 1) % number_of_shapes };
        let shape = self.shapes[self.at];
        let price = |ratio: f64| self.grid.price(self.ticks * ratio);
        let (open, close) = (price(shape.open)?, price(shape.close)?);
        let bar = RawBar {
            open,
            high: price(shape.high)?.max(open).max(close),
            low: price(shape.low)?.min(open).min(close),
            close,
            volume: shape.volume,
        };
        self.ticks *= shape.close;
        Some(bar)
    }
}

/// The bars made, and what is to be told of those that they are made of.
struct Resampled {
    inner: Box<dyn Source>,
    /// At its end.
    origin: Box<dyn Source>,
}

impl Source for Resampled {
    fn next_chunk(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError> {
        self.inner.next_chunk(chunk)
    }

    fn content_hash(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("tapedeck 2026 resampled content v1");
        hasher.update(&self.inner.content_hash());
        hasher.update(&self.origin.content_hash());
        *hasher.finalize().as_bytes()
    }

    fn issues(&self) -> DataIssues {
        self.origin.issues()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tapedeck_model::event::DataIssue;

    use super::*;
    use crate::fixture::{
        MINUTES, bars_of, build as built, context, find, instrument, made, moments, origin, params, records, returns,
    };

    fn resampler(given: &str, seed: u64) -> Resampler {
        let item = instrument();
        maker(&params("bootstrap", given), &context(&item, MINUTES, seed), &mut *origin("count=5000")).unwrap()
    }

    /// Which bars are drawn, one after the other.
    fn drawn(given: &str, number: u64) -> Vec<usize> {
        let (mut maker, item) = (resampler(given, 4), instrument());
        let mut stream = context(&item, MINUTES, 4).draws().stream(0);
        (0..number).map(|n| maker.bar(n, &mut stream).map(|_| maker.at).unwrap()).collect()
    }

    #[test]
    fn blocks_have_their_length_and_every_bar_is_drawn_as_often() {
        let start = "start_price=1000000000";
        for (given, mean, deviation) in [
            ("block=20", 20.0, tapedeck_model::math::sqrt(20.0 * 19.0)),
            ("block=1", 1.0, 0.0),
            ("block=20 blocks=circular", 20.0, 0.0),
        ] {
            let places = drawn(&format!("{given} {start}"), 400_000);
            let mut lengths = vec![1.0];
            for pair in places.windows(2) {
                if pair[1] == (pair[0] + 1) % 5_000 {
                    *lengths.last_mut().unwrap() += 1.0;
                } else {
                    lengths.push(1.0);
                }
            }
            let found = moments(&lengths);
            assert!((found.mean / mean - 1.0).abs() < 0.03, "{given}: {}", found.mean);
            // One block in 5000 goes on where the one before it ended.
            let spread = tapedeck_model::math::sqrt(found.variance);
            assert!((spread - deviation).abs() < 0.03 * mean, "{given}: {spread}");
            let mut times = vec![0.0; 5_000];
            for place in &places {
                times[*place] += 1.0;
            }
            let found = moments(&times);
            assert!(times.iter().all(|number| *number > 0.0) && (found.mean - 80.0).abs() < 1e-9);
        }
    }

    /// A bar is one of the source's, over the price before it; nothing else is made up.
    #[test]
    fn every_bar_is_one_of_the_source() {
        let item = instrument();
        let given = params("bootstrap", "count=3000 block=10 start_price=1000000000");
        let made = bars_of(&mut *made(&find("bootstrap"), &given, &context(&item, MINUTES, 1)).unwrap());
        let source = bars_of(&mut *origin("count=5000"));
        let key = |ratio: f64| (ratio * 1e8).round() as i64;
        let known: BTreeSet<(i64, i64)> = source
            .windows(2)
            .map(|pair| (&pair[1], pair[0].close.raw() as f64))
            .map(|(bar, base)| (key(bar.close.raw() as f64 / base), bar.volume.raw()))
            .collect();
        let mut last = 100_000_000_000.0;
        let mut unknown = 0;
        for bar in &made {
            let close = bar.close.raw() as f64;
            let near = key(close / last);
            unknown += usize::from(!(near - 1..=near + 1).any(|key| known.contains(&(key, bar.volume.raw()))));
            last = close;
        }
        // The source's first bar has no close before it.
        assert!(unknown < 10, "{unknown}");
    }

    /// Clusters of volatility survive in blocks of a hundred bars, and not in blocks of one.
    #[test]
    fn blocks_keep_what_bars_remember() {
        let item = instrument();
        let correlation = |block: &str| {
            let given = params("bootstrap", &format!("count=200000 start_price=1000000000 {block}"));
            let origin = origin("count=100000 alpha=0.3 beta=0.6 start_price=1000000000");
            let BuildSynth::Resample(build) = find("bootstrap").build else { panic!("another build") };
            let squares: Vec<f64> =
                returns(&bars_of(&mut *build(&given, &context(&item, MINUTES, 1), origin).unwrap()))
                    .into_iter()
                    .map(f64::abs)
                    .collect();
            let found = moments(&squares);
            let lagged: Vec<f64> =
                squares.windows(2).map(|pair| (pair[0] - found.mean) * (pair[1] - found.mean)).collect();
            moments(&lagged).mean / found.variance
        };
        let source: Vec<f64> =
            returns(&bars_of(&mut *origin("count=100000 alpha=0.3 beta=0.6 start_price=1000000000")))
                .into_iter()
                .map(f64::abs)
                .collect();
        let found = moments(&source);
        let lagged: Vec<f64> = source.windows(2).map(|pair| (pair[0] - found.mean) * (pair[1] - found.mean)).collect();
        let expected = moments(&lagged).mean / found.variance;
        assert!(expected > 0.15, "{expected}");
        let (long, short) = (correlation("block=100"), correlation("block=1"));
        assert!((long / expected - 0.99).abs() < 0.1 && short.abs() < 0.01, "{expected} {long} {short}");
    }

    #[test]
    fn the_source_is_part_of_the_hash_and_its_defects_are_told() {
        struct Marred(Box<dyn Source>);
        impl Source for Marred {
            fn next_chunk(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError> {
                self.0.next_chunk(chunk)
            }
            fn content_hash(&self) -> [u8; 32] {
                self.0.content_hash()
            }
            fn issues(&self) -> DataIssues {
                vec![(DataIssue::SkippedRow, 7)]
            }
        }
        let item = instrument();
        let resampled = |of: &str| {
            let BuildSynth::Resample(build) = find("bootstrap").build else { panic!("another build") };
            let given = params("bootstrap", "count=10 block=3");
            build(&given, &context(&item, MINUTES, 1), Box::new(Marred(origin(of)))).unwrap()
        };
        let (mut first, second) = (resampled("count=50"), resampled("count=51"));
        assert_ne!(first.content_hash(), second.content_hash());
        assert_eq!(first.content_hash(), resampled("count=50").content_hash());
        assert_eq!(records(&mut *first).len(), 10);
        assert_eq!(first.issues(), [(DataIssue::SkippedRow, 7)]);
    }

    #[test]
    fn what_cannot_be_drawn_from_is_refused() {
        let item = instrument();
        let BuildSynth::Resample(build) = find("bootstrap").build else { panic!("another build") };
        let given = params("bootstrap", "count=10 block=3");
        let refused = |origin| build(&given, &context(&item, MINUTES, 1), origin).err().unwrap().problem;
        assert_eq!(refused(origin("count=1")), "needs at least two bars to draw from, found 1");
        let trades = built("ticks", "count=5", crate::SynthKind::Trades).unwrap();
        assert_eq!(refused(trades), "draws from bars, not from other records");
        let most = refused(origin("count=4194305 volatility=0"));
        assert!(most.starts_with("the files hold more than 4194304 bars"), "{most}");
        for (given, name) in [("block=0", "block"), ("block=1 start_price=0", "start_price")] {
            assert_eq!(built("bootstrap", &format!("count=1 {given}"), MINUTES).err().unwrap().name, name);
        }
    }
}
