//! Geometric Brownian motion whose volatility follows GARCH(1,1) (T. Bollerslev, "Generalized
//! autoregressive conditional heteroskedasticity", Journal of Econometrics 31, 1986).
//!
//! With dt = interval / 365 days, V = volatility^2 dt and omega = (1 - alpha - beta) V, bar n has
//!
//! ```text
//! e(n) = s(n) z(n),  z standard normal          the shock
//! s^2(n+1) = omega + alpha e(n)^2 + beta s^2(n) its variance, s^2(0) = V
//! r(n) = drift dt - V / 2 + e(n)                the log return
//! ```
//!
//! so that the mean of s^2 is V. A bar opens at the close before it. Between open and close the price
//! takes [`SUB_STEPS`] steps of a Brownian bridge of the same variance (steps are sums of four
//! uniforms: only extremes come from them); high and low are the extremes of that path. Prices are
//! rounded to the nearest tick, at least one tick. The path itself goes on unrounded.

use tapedeck_model::param::{ParamKind, ParamSpec};
use tapedeck_model::{Decimal, ParamError, Params, Price, Source, Span, Stream, math};

use crate::given::{self, COUNT, PRICE, VOLUME};
use crate::marks::{PREMIUM, PREMIUM_NOISE, source};
use crate::tape::{BarMaker, RawBar};
use crate::{SynthComponent, SynthContext};

const SUB_STEPS: usize = 8;
/// One over the square root of [`SUB_STEPS`].
const SUB_STEP_SCALE: f64 = std::f64::consts::FRAC_1_SQRT_2 / 2.0;
/// 365 days: markets that do not close.
const YEAR_NS: f64 = 365.0 * Span::DAY.nanos() as f64;

pub(crate) const COMPONENT: SynthComponent = SynthComponent {
    name: "garch",
    help: "Geometric Brownian motion with GARCH(1,1) volatility (Bollerslev 1986).",
    params: &[
        ParamSpec::required("start_price", PRICE, "quote per unit", "Open of the first bar, a multiple of the tick.")
            .or("100"),
        ParamSpec::required(
            "drift",
            ParamKind::Decimal { min: "-10", max: "10" },
            "per year of 365 days",
            "Growth rate of the mean price.",
        )
        .or("0"),
        ParamSpec::required(
            "volatility",
            ParamKind::Decimal { min: "0", max: "10" },
            "per square root of a year",
            "Long-run standard deviation of log returns.",
        )
        .or("0.6"),
        ParamSpec::required(
            "alpha",
            ParamKind::Decimal { min: "0", max: "0.999" },
            "",
            "Share of the last squared shock in the next variance; alpha + beta is below 1.",
        )
        .or("0.05"),
        ParamSpec::required(
            "beta",
            ParamKind::Decimal { min: "0", max: "0.999" },
            "",
            "Share of the last variance in the next one.",
        )
        .or("0.9"),
        VOLUME,
        PREMIUM,
        PREMIUM_NOISE,
        COUNT,
    ],
    build,
};

pub(crate) struct Garch {
    /// Constants per bar.
    omega: f64,
    alpha: f64,
    beta: f64,
    mean_return: f64,
    /// State: logarithm of the price in ticks, variance of the next shock, last close raw.
    log_ticks: f64,
    variance: f64,
    last: i64,
    tick: i64,
    lots: i64,
    lot: i64,
}

fn build(params: &Params, context: &SynthContext<'_>) -> Result<Box<dyn Source>, ParamError> {
    source("garch", params, context, maker(params, context)?)
}

#[cfg(test)]
pub(crate) fn tape(params: &Params, context: &SynthContext<'_>) -> Result<crate::tape::BarTape<Garch>, ParamError> {
    crate::tape::BarTape::new("garch", params, context, maker(params, context)?)
}

fn maker(params: &Params, context: &SynthContext<'_>) -> Result<Garch, ParamError> {
    // A kind without an interval is refused by the tape.
    let interval = context.kind.interval();
    let number = |name| params.decimal(name).and_then(|value| as_float(name, value));
    let (drift, volatility, alpha, beta) = (number("drift")?, number("volatility")?, number("alpha")?, number("beta")?);
    for (name, value) in [("volatility", volatility), ("alpha", alpha), ("beta", beta)] {
        if value < 0.0 {
            return Err(ParamError::new(name, "must not be negative"));
        }
    }
    // Compared as decimals: 0.1 + 0.9 is one.
    if params.decimal("alpha")? + params.decimal("beta")? >= Decimal::ONE {
        return Err(ParamError::new("alpha", "alpha + beta must be below 1, or the variance grows for ever"));
    }
    let dt = interval.nanos() as f64 / YEAR_NS;
    let variance = volatility * volatility * dt;
    let start = given::price(params, "start_price", context)?;
    let rules = given::rules(context);
    Ok(Garch {
        omega: (1.0 - alpha - beta) * variance,
        alpha,
        beta,
        mean_return: drift * dt - variance / 2.0,
        log_ticks: math::ln((start / rules.tick_size.raw()) as f64),
        variance,
        last: start,
        tick: rules.tick_size.raw(),
        lots: given::lots(params, "volume", context)?,
        lot: rules.lot_size.raw(),
    })
}

/// A decimal of at most 12 decimals as a float; the same on every platform.
fn as_float(name: &str, value: Decimal) -> Result<f64, ParamError> {
    let raw = Price::from_decimal(value, 12).map_err(|error| ParamError::new(name, error.to_string()))?;
    Ok(raw.to_f64(12))
}

impl Garch {
    /// The nearest tick to `exp(log_ticks)`, at least one, raw.
    fn price(&self, log_ticks: f64) -> Option<i64> {
        let ticks = math::exp(log_ticks).round_ties_even().max(1.0);
        // Beyond 2^53 a float no longer tells ticks apart.
        if ticks > 9_007_199_254_740_992.0 {
            return None;
        }
        self.tick.checked_mul(ticks as i64)
    }
}

/// Largest and smallest value of a bridge from 0 to `end` whose steps have standard deviation `sigma`.
fn extremes(end: f64, sigma: f64, stream: &mut Stream) -> (f64, f64) {
    let mut path = [0.0; SUB_STEPS];
    let mut walk = 0.0;
    for place in &mut path {
        walk += sigma * cheap_normal(stream.bits());
        *place = walk;
    }
    // Each step takes an equal share of what the walk misses the end by.
    let slope = (end - walk) / SUB_STEPS as f64;
    let (mut high, mut low) = (end.max(0.0), end.min(0.0));
    for (step, place) in path.iter().take(SUB_STEPS - 1).enumerate() {
        let value = place + slope * (step + 1) as f64;
        high = high.max(value);
        low = low.min(value);
    }
    (high, low)
}

/// Square root of three.
const SQRT_3: f64 = 1.732_050_807_568_877_2;

/// About normal with mean 0 and variance 1: the sum of four uniforms of 16 bits.
fn cheap_normal(bits: u64) -> f64 {
    let sum = (bits & 0xffff) + ((bits >> 16) & 0xffff) + ((bits >> 32) & 0xffff) + (bits >> 48);
    // Mean 4 * 65535 / 2; a discrete uniform has variance (65536^2 - 1) / 12, four have a third of it.
    (sum as f64 - 131_070.0) * (SQRT_3 / 65_536.0)
}

impl BarMaker for Garch {
    fn bar(&mut self, _: u64, stream: &mut Stream) -> Option<RawBar> {
        let sigma = math::sqrt(self.variance);
        let shock = sigma * stream.normal();
        let log_return = self.mean_return + shock;
        let (high, low) = extremes(log_return, sigma * SUB_STEP_SCALE, stream);
        let volume = if self.lots == 0 {
            0
        } else {
            // From half the mean to one and a half of it.
            self.lots / 2 + stream.below(self.lots.unsigned_abs() + 1) as i64
        };
        let open = self.last;
        let close = self.price(self.log_ticks + log_return)?;
        // Rounding of the open may leave it outside of the path by less than a tick.
        let bar = RawBar {
            open,
            high: self.price(self.log_ticks + high)?.max(open).max(close),
            low: self.price(self.log_ticks + low)?.min(open).min(close),
            close,
            volume: volume.checked_mul(self.lot)?,
        };
        self.log_ticks += log_return;
        self.variance = self.omega + self.alpha * shock * shock + self.beta * self.variance;
        self.last = close;
        Some(bar)
    }
}
