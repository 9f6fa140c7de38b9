//! Geometric Brownian motion with jumps (R. C. Merton, "Option pricing when underlying stock returns are
//! discontinuous", Journal of Financial Economics 3, 1976).
//!
//! With dt = interval / 365 days, z standard normal, N a Poisson number of mean `jump_rate` dt and J normal with mean
//! `jump_mean` and standard deviation `jump_deviation`, every bar has the log return
//!
//! ```text
//! r = (drift - jump_rate k - volatility^2 / 2) dt + volatility sqrt(dt) z + J(1) + ... + J(N)
//! k = exp(jump_mean + jump_deviation^2 / 2) - 1       mean relative change by a jump
//! ```
//!
//! so that the mean price grows by the drift, jumps included (the drift is compensated). The jumps of a
//! bar come together, as one of mean N `jump_mean` and variance N `jump_deviation`^2. N is drawn by inversion from one
//! uniform.

use tapedeck_model::param::{ParamKind, ParamSpec};
use tapedeck_model::{ParamError, Params, Source, Stream, math};

use crate::gbm::{DRIFT, Diffusion, VOLATILITY};
use crate::given::{self, COUNT, VOLUME};
use crate::marks::{PREMIUM, PREMIUM_NOISE, source};
use crate::path::{Move, Path, Returns, START_PRICE};
use crate::{BuildSynth, SynthComponent, SynthContext};

/// Mean number of jumps in a bar, at most: beyond it e to its negative is no use to draw with.
const PER_BAR_MAX: f64 = 100.0;

pub(crate) const COMPONENT: SynthComponent = SynthComponent {
    name: "jump_diffusion",
    help: "Geometric Brownian motion with lognormal jumps at Poisson times (Merton 1976).",
    params: &[
        START_PRICE,
        DRIFT,
        VOLATILITY,
        ParamSpec::required(
            "jump_rate",
            ParamKind::Decimal { min: "0", max: "1000000" },
            "jumps per year of 365 days",
            "Mean number of jumps; at most 100 in a bar.",
        )
        .or("50"),
        ParamSpec::required(
            "jump_mean",
            ParamKind::Decimal { min: "-5", max: "5" },
            "log return",
            "Mean size of a jump.",
        )
        .or("-0.01"),
        ParamSpec::required(
            "jump_deviation",
            ParamKind::Decimal { min: "0", max: "2" },
            "log return",
            "Standard deviation of the size of a jump.",
        )
        .or("0.03"),
        VOLUME,
        PREMIUM,
        PREMIUM_NOISE,
        COUNT,
    ],
    build: BuildSynth::Alone(build),
};

pub(crate) struct JumpDiffusion {
    diffusion: Diffusion,
    /// Mean number of jumps in a bar, and the probability of none.
    per_bar: f64,
    none: f64,
    mean: f64,
    deviation: f64,
}

fn build(params: &Params, context: &SynthContext<'_>) -> Result<Box<dyn Source>, ParamError> {
    source("jump_diffusion", params, context, maker(params, context)?)
}

pub(crate) fn maker(params: &Params, context: &SynthContext<'_>) -> Result<Path<JumpDiffusion>, ParamError> {
    Path::new(returns_of(params, context)?, params, context)
}

fn returns_of(params: &Params, context: &SynthContext<'_>) -> Result<JumpDiffusion, ParamError> {
    let (drift, volatility) = (given::float(params, "drift")?, given::float_from_zero(params, "volatility")?);
    let rate = given::float_from_zero(params, "jump_rate")?;
    let (mean, deviation) = (given::float(params, "jump_mean")?, given::float_from_zero(params, "jump_deviation")?);
    let per_bar = rate * given::years(context);
    if per_bar > PER_BAR_MAX {
        let problem = format!("gives {per_bar:.1} jumps in a bar; at most {PER_BAR_MAX} are possible");
        return Err(ParamError::new("jump_rate", problem));
    }
    let compensator = rate * (math::exp(mean + deviation * deviation / 2.0) - 1.0);
    let diffusion = Diffusion::new(drift - compensator, volatility, context);
    Ok(JumpDiffusion { diffusion, per_bar, none: math::exp(-per_bar), mean, deviation })
}

impl JumpDiffusion {
    /// A Poisson number: the first at which the sum of probabilities exceeds a uniform.
    fn jumps(&self, stream: &mut Stream) -> f64 {
        let wanted = stream.uniform();
        let (mut number, mut probability) = (0.0, self.none);
        let mut sum = probability;
        // Rounded sums may stay just below one: far beyond the mean nothing is added any more.
        while wanted >= sum && probability > f64::MIN_POSITIVE {
            number += 1.0;
            probability *= self.per_bar / number;
            sum += probability;
        }
        number
    }
}

impl Returns for JumpDiffusion {
    fn draw(&mut self, stream: &mut Stream) -> Move {
        let smooth = self.diffusion.by(stream.normal());
        let number = self.jumps(stream);
        if number == 0.0 {
            return smooth;
        }
        let jump = number * self.mean + math::sqrt(number) * self.deviation * stream.normal();
        Move { log_return: smooth.log_return + jump, jump, ..smooth }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SynthKind;
    use crate::fixture::{bars, build as built, context, instrument, moments, params, returns};
    use tapedeck_model::Span;

    const HOURS: SynthKind = SynthKind::Bars { interval: Span::HOUR };
    const PARAMS: &str = "count=100000 start_price=1000000000000 volatility=0.5 drift=0 \
                          jump_rate=876 jump_mean=-0.01 jump_deviation=0.02";

    /// One jump in ten hours: variance volatility^2 dt + rate dt (mean^2 + deviation^2), and the fourth
    /// cumulant rate dt (mean^4 + 6 mean^2 deviation^2 + 3 deviation^4).
    #[test]
    fn moments_are_those_of_the_model() {
        let found = moments(&returns(&bars("jump_diffusion", PARAMS, HOURS)));
        let (dt, per_bar, mean, deviation): (f64, f64, f64, f64) = (1.0 / 8_760.0, 0.1, -0.01, 0.02);
        let variance = 0.25 * dt + per_bar * (mean * mean + deviation * deviation);
        assert!((found.variance / variance - 1.0).abs() < 0.04, "{} {variance}", found.variance);
        let (m2, d2) = (mean * mean, deviation * deviation);
        let fourth = per_bar * (m2 * m2 + 6.0 * m2 * d2 + 3.0 * d2 * d2);
        let excess = fourth / (variance * variance);
        assert!((found.excess_kurtosis / excess - 1.0).abs() < 0.15, "{} {excess}", found.excess_kurtosis);
        // The mean price does not grow: the log return is that of the compensated drift and the jumps.
        let k = math::exp(mean + d2 / 2.0) - 1.0;
        let expected = -per_bar * k - 0.125 * dt + per_bar * mean;
        let error = math::sqrt(variance / 100_000.0);
        assert!((found.mean - expected).abs() < 4.0 * error, "{} {expected} {error}", found.mean);
    }

    #[test]
    fn the_number_of_jumps_is_poisson() {
        for (rate, per_bar) in [("87600", 10.0), ("876000", 100.0)] {
            let (item, given) = (instrument(), params("jump_diffusion", &format!("jump_rate={rate}")));
            let context = context(&item, HOURS, 1);
            let model = returns_of(&given, &context).unwrap();
            let mut stream = context.draws().stream(0);
            let drawn: Vec<f64> = (0..100_000).map(|_| model.jumps(&mut stream)).collect();
            let found = moments(&drawn);
            assert!((found.mean / per_bar - 1.0).abs() < 0.01, "{}", found.mean);
            assert!((found.variance / per_bar - 1.0).abs() < 0.03, "{}", found.variance);
        }
    }

    #[test]
    fn too_many_jumps_are_refused() {
        let error = built("jump_diffusion", "count=1 jump_rate=1000000", HOURS).err().unwrap();
        assert_eq!(error.name, "jump_rate");
        assert!(error.problem.starts_with("gives 114.2 jumps in a bar"), "{error}");
    }
}
