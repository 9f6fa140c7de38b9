//! Funding rates at multiples of an interval since the epoch, the first at or after the start.
//!
//! With n the number of the settlement from 0, the rate is
//!
//! ```text
//! rates[n mod len]                                                  if `rates` is given
//! rate + amplitude x sin(2 pi n / period) + noise x N(0, 1)          else
//! ```
//!
//! The second form is rounded to the nearest 1e-8 (ties to even), as exchanges publish rates, and held
//! within -1 and 1.

use tapedeck_model::number::parse_decimal;
use tapedeck_model::param::{ParamKind, ParamSpec};
use tapedeck_model::{
    Chunk, Columns, Draws, FundingTick, InstrumentIx, ParamError, Params, Price, Source, SourceError, Span, math,
};

use crate::given::{self, COUNT};
use crate::tape::{content_hash, restart};
use crate::{BuildSynth, SynthComponent, SynthContext, SynthKind};

/// Units of 1e-12 in the step of a rate.
const STEP: i64 = 10_000;
const RATE: ParamKind = ParamKind::Decimal { min: "-1", max: "1" };
const CHUNK_ROWS: usize = 8192;
/// Streams from here on are those of funding, one per settlement; no path of prices draws from them.
const STREAM: u64 = 3 << 61;

pub(crate) const COMPONENT: SynthComponent = SynthComponent {
    name: "funding",
    help: "Funding rates every `interval` of the data: constant, a sine wave, random, or a list that repeats.",
    params: &[
        ParamSpec::required("rate", RATE, "fraction of value", "Mean rate; above zero longs pay.").or("0.0001"),
        ParamSpec::required(
            "amplitude",
            ParamKind::Decimal { min: "0", max: "1" },
            "fraction of value",
            "Largest distance of the wave from the mean.",
        )
        .or("0"),
        ParamSpec::required(
            "period",
            ParamKind::Int { min: 2, max: 1_000_000_000 },
            "settlements",
            "Length of a wave.",
        )
        .or("21"),
        ParamSpec::required(
            "noise",
            ParamKind::Decimal { min: "0", max: "1" },
            "fraction of value",
            "Standard deviation of what is drawn for each settlement.",
        )
        .or("0"),
        ParamSpec::optional(
            "rates",
            ParamKind::Texts,
            "fractions of value",
            "The rates themselves, again and again; the keys above then do not count.",
        ),
        COUNT,
    ],
    build: BuildSynth::Alone(build),
};

enum Shape {
    Listed(Vec<i64>),
    Wave { rate: f64, amplitude: f64, period: u64, noise: f64 },
}

struct FundingTape {
    instrument: InstrumentIx,
    shape: Shape,
    draws: Draws,
    number: u64,
    /// When the next settlement is.
    next: i64,
    interval: i64,
    left: u64,
    end: i64,
    hash: [u8; 32],
}

fn build(params: &Params, context: &SynthContext<'_>) -> Result<Box<dyn Source>, ParamError> {
    let interval = match context.kind {
        SynthKind::Funding { interval } if interval > Span::ZERO => interval,
        SynthKind::Funding { .. } => return Err(ParamError::new("", "an interval above zero is needed")),
        SynthKind::Bars { .. }
        | SynthKind::Trades
        | SynthKind::Quotes
        | SynthKind::Depth
        | SynthKind::Mbo
        | SynthKind::Marks { .. } => {
            return Err(ParamError::new("", format!("makes funding, not {}", context.kind.text())));
        }
    };
    let (left, end) = given::limits(params, context)?;
    let floor = context.start.floor_to(interval);
    let next = if floor < context.start { floor.saturating_add(interval) } else { floor };
    Ok(Box::new(FundingTape {
        instrument: context.instrument.ix,
        shape: shape(params)?,
        draws: context.draws(),
        number: 0,
        next: next.nanos(),
        interval: interval.nanos(),
        left,
        end,
        hash: content_hash("funding", params, context),
    }))
}

fn shape(params: &Params) -> Result<Shape, ParamError> {
    let scaled = |key: &str, value| {
        Price::from_decimal(value, FundingTick::RATE_SCALE).map_err(|error| ParamError::new(key, error.to_string()))
    };
    if let Some(listed) = params.texts_opt("rates")? {
        let rates = listed.iter().map(|text| {
            let value = parse_decimal(text).map_err(|error| ParamError::new("rates", error.to_string()))?;
            let raw = scaled("rates", value)?.raw();
            let fits = raw.unsigned_abs() <= FundingTick::RATE_MAX.unsigned_abs();
            fits.then_some(raw).ok_or_else(|| ParamError::new("rates", format!("{text} is not between -1 and 1")))
        });
        let rates = rates.collect::<Result<Vec<i64>, ParamError>>()?;
        return if rates.is_empty() {
            Err(ParamError::new("rates", "must name at least one rate"))
        } else {
            Ok(Shape::Listed(rates))
        };
    }
    let float = |key: &str| -> Result<f64, ParamError> {
        Ok(scaled(key, params.decimal(key)?)?.to_f64(FundingTick::RATE_SCALE))
    };
    let period = given::int_from(params, "period", 2)?.unsigned_abs();
    Ok(Shape::Wave { rate: float("rate")?, amplitude: float("amplitude")?, period, noise: float("noise")? })
}

impl FundingTape {
    fn rate(&mut self) -> i64 {
        let number = self.number;
        self.number += 1;
        match &self.shape {
            Shape::Listed(rates) => rates[(number % rates.len() as u64) as usize],
            Shape::Wave { rate, amplitude, period, noise } => {
                let mut value = *rate;
                if *amplitude > 0.0 {
                    // The place in the wave is exact before it becomes an angle, so waves do not drift.
                    let place = (number % period) as f64 / *period as f64;
                    value += amplitude * math::sin(std::f64::consts::TAU * place);
                }
                if *noise > 0.0 {
                    value += noise * self.draws.stream(STREAM + number).normal();
                }
                let steps = (value.clamp(-1.0, 1.0) * 1e8).round_ties_even();
                steps as i64 * STEP
            }
        }
    }
}

impl Source for FundingTape {
    fn next_chunk(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError> {
        restart(chunk, self.instrument, self.number);
        let (mut rates, mut intervals, mut marks) = (Vec::new(), Vec::new(), Vec::new());
        while self.left > 0 && self.next < self.end && rates.len() < CHUNK_ROWS {
            rates.push(self.rate());
            intervals.push(self.interval);
            marks.push(0);
            chunk.ts_event.push(self.next);
            self.left -= 1;
            let Some(next) = self.next.checked_add(self.interval) else {
                self.left = 0;
                break;
            };
            self.next = next;
        }
        chunk.columns = Columns::Funding { rate: rates, interval: intervals, mark_px: marks };
        Ok(!chunk.is_empty())
    }

    fn content_hash(&self) -> [u8; 32] {
        self.hash
    }
}

#[cfg(test)]
mod tests {
    use tapedeck_model::param::ParamValue;

    use super::*;
    use crate::fixture::{context, instrument, params};

    fn rates(params: &Params, seed: u64) -> Vec<(i64, i64)> {
        let instrument = instrument();
        let kind = SynthKind::Funding { interval: Span::HOUR };
        let mut source = build(params, &context(&instrument, kind, seed)).unwrap();
        let (mut chunk, mut all) = (Chunk::new(instrument.ix), Vec::new());
        while source.next_chunk(&mut chunk).unwrap() {
            let Columns::Funding { rate, .. } = &chunk.columns else { panic!("another kind") };
            all.extend(chunk.ts_event.iter().copied().zip(rate.iter().copied()));
        }
        all
    }

    #[test]
    fn a_list_repeats_at_whole_hours() {
        let listed = ParamValue::Texts(vec!["0.0001".to_owned(), "-0.00005".to_owned()]);
        let made = rates(&params("funding", "count=3").with("rates", listed), 1);
        let hour = Span::HOUR.nanos();
        // The start, 1000 s, lies in the first hour of the epoch.
        assert_eq!(made, [(hour, 100_000_000), (2 * hour, -50_000_000), (3 * hour, 100_000_000)]);
    }

    #[test]
    fn a_wave_has_its_mean_and_height() {
        let made = rates(&params("funding", "rate=0.0001 amplitude=0.0004 period=4 count=4"), 1);
        let only: Vec<i64> = made.iter().map(|(_, rate)| *rate).collect();
        assert_eq!(only, [100_000_000, 500_000_000, 100_000_000, -300_000_000]);
    }

    #[test]
    fn noise_comes_from_the_seed() {
        let noisy = params("funding", "noise=0.0002 count=5000");
        assert_eq!(rates(&noisy, 1), rates(&noisy, 1));
        assert_ne!(rates(&noisy, 1), rates(&noisy, 2));
        assert!(rates(&noisy, 1).iter().all(|(_, rate)| rate % STEP == 0));
    }

    #[test]
    fn a_rate_beyond_the_whole_is_refused() {
        let wrong = params("funding", "count=1").with("rates", ParamValue::Texts(vec!["1.5".to_owned()]));
        assert_eq!(shape(&wrong).err().map(|error| error.name), Some("rates".to_owned()));
    }
}
