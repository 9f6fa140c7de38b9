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
//! so that the mean of s^2 is V.

use tapedeck_model::param::{ParamKind, ParamSpec};
use tapedeck_model::{Decimal, ParamError, Params, Source, Stream, math};

use crate::gbm::{DRIFT, PER_ROOT_YEAR};
use crate::given::{self, COUNT, VOLUME};
use crate::marks::{PREMIUM, PREMIUM_NOISE, source};
use crate::path::{Move, Path, Returns, START_PRICE};
use crate::{BuildSynth, SynthComponent, SynthContext};

const SHARE: ParamKind = ParamKind::Decimal { min: "0", max: "0.999" };

pub(crate) const COMPONENT: SynthComponent = SynthComponent {
    name: "garch",
    help: "Geometric Brownian motion with GARCH(1,1) volatility (Bollerslev 1986).",
    params: &[
        START_PRICE,
        DRIFT,
        ParamSpec::required(
            "volatility",
            PER_ROOT_YEAR,
            "per square root of a year",
            "Long-run standard deviation of log returns.",
        )
        .or("0.6"),
        ParamSpec::required(
            "alpha",
            SHARE,
            "",
            "Share of the last squared shock in the next variance; alpha + beta is below 1.",
        )
        .or("0.05"),
        ParamSpec::required("beta", SHARE, "", "Share of the last variance in the next one.").or("0.9"),
        VOLUME,
        PREMIUM,
        PREMIUM_NOISE,
        COUNT,
    ],
    build: BuildSynth::Alone(build),
};

pub(crate) struct Garch {
    /// Constants per bar.
    omega: f64,
    alpha: f64,
    beta: f64,
    mean_return: f64,
    /// Variance of the next shock.
    variance: f64,
}

fn build(params: &Params, context: &SynthContext<'_>) -> Result<Box<dyn Source>, ParamError> {
    source("garch", params, context, maker(params, context)?)
}

pub(crate) fn maker(params: &Params, context: &SynthContext<'_>) -> Result<Path<Garch>, ParamError> {
    let (drift, volatility) = (given::float(params, "drift")?, given::float_from_zero(params, "volatility")?);
    let (alpha, beta) = (given::float_from_zero(params, "alpha")?, given::float_from_zero(params, "beta")?);
    // Compared as decimals: 0.1 + 0.9 is one.
    if params.decimal("alpha")? + params.decimal("beta")? >= Decimal::ONE {
        return Err(ParamError::new("alpha", "alpha + beta must be below 1, or the variance grows for ever"));
    }
    let dt = given::years(context);
    let variance = volatility * volatility * dt;
    let (omega, mean_return) = ((1.0 - alpha - beta) * variance, drift * dt - variance / 2.0);
    Path::new(Garch { omega, alpha, beta, mean_return, variance }, params, context)
}

impl Returns for Garch {
    fn draw(&mut self, stream: &mut Stream) -> Move {
        let sigma = math::sqrt(self.variance);
        let shock = sigma * stream.normal();
        self.variance = self.omega + self.alpha * shock * shock + self.beta * self.variance;
        Move { log_return: self.mean_return + shock, sigma, jump: 0.0 }
    }
}
