//! Geometric Brownian motion that switches between regimes (J. D. Hamilton, "A new approach to the economic analysis of
//! nonstationary time series and the business cycle", Econometrica 57, 1989).
//!
//! The regime is a Markov chain on bars. Bar 0 is in the first regime. After each bar it leaves regime i with
//! probability interval / durations\[i\], so that a stay lasts `durations[i]` on the mean, and enters one of the others, each as
//! likely. In regime i a bar has the log return of geometric Brownian motion (see `gbm`) with `drifts[i]` and `volatilities[i]`.

use tapedeck_model::param::{ParamKind, ParamSpec};
use tapedeck_model::{Decimal, ParamError, Params, Source, Span, Stream};

use crate::gbm::Diffusion;
use crate::given::{self, COUNT, VOLUME};
use crate::marks::{PREMIUM, PREMIUM_NOISE, source};
use crate::path::{Move, Path, Returns, START_PRICE};
use crate::{BuildSynth, SynthComponent, SynthContext};

/// How many regimes there may be.
const NUMBERS: std::ops::RangeInclusive<usize> = 2..=4;
/// Probability one, of leaving.
const ALWAYS: u128 = 1 << 63;

pub(crate) const COMPONENT: SynthComponent = SynthComponent {
    name: "regimes",
    help: "Geometric Brownian motion that switches between regimes (Hamilton 1989).",
    params: &[
        START_PRICE,
        ParamSpec::required(
            "drifts",
            ParamKind::DecimalList { min: "-10", max: "10" },
            "per year of 365 days",
            "Growth rate of the mean price in each regime.",
        ),
        ParamSpec::required(
            "volatilities",
            ParamKind::DecimalList { min: "0", max: "10" },
            "per square root of a year",
            "Standard deviation of log returns in each regime.",
        ),
        ParamSpec::required(
            "durations",
            ParamKind::Texts,
            "durations",
            "How long a stay in each regime lasts on the mean, at least a bar; two to four, the first is that of the start.",
        ),
        VOLUME,
        PREMIUM,
        PREMIUM_NOISE,
        COUNT,
    ],
    build: BuildSynth::Alone(build),
};

#[derive(Debug, Clone, Copy)]
struct Regime {
    diffusion: Diffusion,
    /// Probability of leaving it after a bar, of [`ALWAYS`].
    leaving: u64,
}

pub(crate) struct Regimes {
    all: Vec<Regime>,
    now: usize,
}

fn build(params: &Params, context: &SynthContext<'_>) -> Result<Box<dyn Source>, ParamError> {
    source("regimes", params, context, maker(params, context)?)
}

pub(crate) fn maker(params: &Params, context: &SynthContext<'_>) -> Result<Path<Regimes>, ParamError> {
    Path::new(Regimes { all: regimes(params, context)?, now: 0 }, params, context)
}

fn regimes(params: &Params, context: &SynthContext<'_>) -> Result<Vec<Regime>, ParamError> {
    let durations = params.texts("durations")?;
    if !NUMBERS.contains(&durations.len()) {
        return Err(ParamError::new("durations", format!("must name two to four regimes, found {}", durations.len())));
    }
    let floats = |name: &str, min: Decimal| -> Result<Vec<f64>, ParamError> {
        let values = params.decimal_list(name)?;
        if values.len() != durations.len() {
            let problem = format!("must be as many as `durations`, {}, found {}", durations.len(), values.len());
            return Err(ParamError::new(name, problem));
        }
        if values.iter().any(|value| *value < min) {
            return Err(ParamError::new(name, format!("must not be below {min}")));
        }
        values.into_iter().map(|value| given::as_float(name, value)).collect()
    };
    let (drifts, volatilities) = (floats("drifts", Decimal::from(-10))?, floats("volatilities", Decimal::ZERO)?);
    let rows = drifts.into_iter().zip(volatilities).zip(&durations);
    rows.map(|((drift, volatility), duration)| {
        let leaving = leaving(duration, context.kind.interval())?;
        Ok(Regime { diffusion: Diffusion::new(drift, volatility, context), leaving })
    })
    .collect()
}

/// The probability of leaving a regime of this mean duration after a bar, of [`ALWAYS`].
fn leaving(duration: &str, interval: Span) -> Result<u64, ParamError> {
    let span: Span = duration.parse().map_err(|error| ParamError::new("durations", format!("{error}")))?;
    if span < interval || span <= Span::ZERO {
        return Err(ParamError::new("durations", format!("must be at least a bar, {interval}, found {span}")));
    }
    let (span, interval) = (span.nanos().unsigned_abs(), interval.nanos().unsigned_abs());
    let share = u128::from(interval) * ALWAYS / u128::from(span);
    u64::try_from(share).map_err(|error| ParamError::new("durations", error.to_string()))
}

impl Returns for Regimes {
    fn draw(&mut self, stream: &mut Stream) -> Move {
        let regime = self.all[self.now];
        let drawn = regime.diffusion.by(stream.normal());
        if stream.bits() >> 1 < regime.leaving {
            let step = 1 + stream.below(self.all.len() as u64 - 1) as usize;
            self.now = (self.now + step) % self.all.len();
        }
        drawn
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{MINUTES, bars, build as built, context, instrument, moments, params, returns};

    const CALM_AND_WILD: &str = "start_price=1000000000 drifts=0,0 volatilities=0.2,2 durations=200m,50m count=1000000";

    /// Stays of each regime, in bars, as drawn.
    fn stays(given: &str, number: usize) -> Vec<Vec<f64>> {
        let item = instrument();
        let context = context(&item, MINUTES, 3);
        let mut model = Regimes { all: regimes(&params("regimes", given), &context).unwrap(), now: 0 };
        let mut stream = context.draws().stream(0);
        let mut found = vec![Vec::new(); model.all.len()];
        let mut length = 0.0;
        for _ in 0..number {
            let before = model.now;
            model.draw(&mut stream);
            length += 1.0;
            if model.now != before {
                found[before].push(std::mem::take(&mut length));
            }
        }
        found
    }

    /// A geometric number of mean m has the standard deviation sqrt(m (m - 1)).
    #[test]
    fn stays_last_as_long_as_told() {
        for (given, means) in [
            (CALM_AND_WILD, vec![200.0, 50.0]),
            ("drifts=0,0,0 volatilities=1,1,1 durations=30m,1m,90m", vec![30.0, 1.0, 90.0]),
        ] {
            let found = stays(given, 1_000_000);
            for (stays, mean) in found.iter().zip(means) {
                let (drawn, number): (_, f64) = (moments(stays), stays.len() as f64);
                let deviation = math_sqrt(mean * (mean - 1.0));
                let error = deviation / math_sqrt(number);
                assert!((drawn.mean - mean).abs() <= 4.0 * error, "{} {mean} {error}", drawn.mean);
                assert!((math_sqrt(drawn.variance) - deviation).abs() <= 0.06 * deviation, "{}", drawn.variance);
            }
            // Each of the others is entered as often: a chain of three visits them by these shares.
            if found.len() == 3 {
                let visits: Vec<f64> = found.iter().map(|stays| stays.len() as f64).collect();
                let total: f64 = visits.iter().sum();
                assert!(visits.iter().all(|part| (part / total - 1.0 / 3.0).abs() < 0.02), "{visits:?}");
            }
        }
    }

    fn math_sqrt(value: f64) -> f64 {
        tapedeck_model::math::sqrt(value)
    }

    /// Four fifths of the time at 0.2, one fifth at 2: the mean variance, fat tails, and clusters of |returns|.
    #[test]
    fn variance_is_mixed_and_clusters() {
        let returns = returns(&bars("regimes", CALM_AND_WILD, MINUTES));
        let found = moments(&returns);
        let (calm, wild) = (0.04 / 525_600.0, 4.0 / 525_600.0);
        let variance: f64 = 0.8 * calm + 0.2 * wild;
        assert!((found.variance / variance - 1.0).abs() < 0.05, "{} {variance}", found.variance);
        let kurtosis = 3.0 * (0.8 * calm * calm + 0.2 * wild * wild) / (variance * variance) - 3.0;
        assert!((found.excess_kurtosis / kurtosis - 1.0).abs() < 0.1, "{} {kurtosis}", found.excess_kurtosis);
        let sizes: Vec<f64> = returns.iter().map(|value| value.abs()).collect();
        let mean = moments(&sizes);
        let lagged: Vec<f64> = sizes.windows(2).map(|pair| (pair[0] - mean.mean) * (pair[1] - mean.mean)).collect();
        let correlation = moments(&lagged).mean / mean.variance;
        // Var(s) E|z|^2 (1 - 1/200 - 1/50) / (E s^2 - E|z|^2 (E s)^2), with E|z|^2 = 2 / pi.
        let (mean_sigma, two_over_pi) = (0.8 * 0.2 + 0.2 * 2.0, std::f64::consts::FRAC_2_PI);
        let square: f64 = 0.8 * 0.04 + 0.2 * 4.0;
        let expected = two_over_pi * (square - mean_sigma * mean_sigma) * (1.0 - 0.025)
            / (square - two_over_pi * mean_sigma * mean_sigma);
        assert!((correlation - expected).abs() < 0.02, "{correlation} {expected}");
    }

    #[test]
    fn wrong_regimes_are_named() {
        for (given, name) in [
            ("drifts=0 volatilities=1 durations=1h", "durations"),
            ("drifts=0,0,0,0,0 volatilities=1,1,1,1,1 durations=1h,1h,1h,1h,1h", "durations"),
            ("drifts=0,0 volatilities=1,1 durations=1h,30s", "durations"),
            ("drifts=0,0 volatilities=1,1 durations=1h,long", "durations"),
            ("drifts=0,0,0 volatilities=1,1 durations=1h,1h", "drifts"),
            ("drifts=0,0 volatilities=1 durations=1h,1h", "volatilities"),
            ("drifts=0,0 volatilities=1,-1 durations=1h,1h", "volatilities"),
        ] {
            let error = built("regimes", &format!("count=1 {given}"), MINUTES).err().unwrap();
            assert_eq!(error.name, name, "{given}: {error}");
        }
    }
}
