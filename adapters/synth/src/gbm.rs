//! Geometric Brownian motion (M. F. M. Osborne, "Brownian motion in the stock market", Operations Research 7, 1959;
//! F. Black, M. Scholes, "The pricing of options and corporate liabilities", Journal of Political Economy 81, 1973).
//!
//! With dt = interval / 365 days and z standard normal, every bar has the log return
//!
//! ```text
//! r = drift dt - volatility^2 dt / 2 + volatility sqrt(dt) z
//! ```
//!
//! so that the mean price grows by the drift.

use tapedeck_model::param::{ParamKind, ParamSpec};
use tapedeck_model::{ParamError, Params, Source, Stream, math};

use crate::given::{self, COUNT, VOLUME};
use crate::marks::{PREMIUM, PREMIUM_NOISE, source};
use crate::path::{Move, Path, Returns, START_PRICE};
use crate::{BuildSynth, SynthComponent, SynthContext};

/// The kind of a drift.
pub(crate) const PER_YEAR: ParamKind = ParamKind::Decimal { min: "-10", max: "10" };
/// The kind of a volatility.
pub(crate) const PER_ROOT_YEAR: ParamKind = ParamKind::Decimal { min: "0", max: "10" };

pub(crate) const DRIFT: ParamSpec =
    ParamSpec::required("drift", PER_YEAR, "per year of 365 days", "Growth rate of the mean price.").or("0");

pub(crate) const VOLATILITY: ParamSpec = ParamSpec::required(
    "volatility",
    PER_ROOT_YEAR,
    "per square root of a year",
    "Standard deviation of log returns, without jumps.",
)
.or("0.6");

pub(crate) const COMPONENT: SynthComponent = SynthComponent {
    name: "gbm",
    help: "Geometric Brownian motion: volatility never changes (Osborne 1959).",
    params: &[START_PRICE, DRIFT, VOLATILITY, VOLUME, PREMIUM, PREMIUM_NOISE, COUNT],
    build: BuildSynth::Alone(build),
};

/// A Brownian motion of log prices, per bar.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Diffusion {
    mean_return: f64,
    sigma: f64,
}

impl Diffusion {
    /// From a drift per year and a volatility per square root of a year.
    pub(crate) fn new(drift: f64, volatility: f64, context: &SynthContext<'_>) -> Self {
        let dt = given::years(context);
        let variance = volatility * volatility * dt;
        Self { mean_return: drift * dt - variance / 2.0, sigma: math::sqrt(variance) }
    }

    /// From the parameters `drift` and `volatility`.
    pub(crate) fn from_params(params: &Params, context: &SynthContext<'_>) -> Result<Self, ParamError> {
        Ok(Self::new(given::float(params, "drift")?, given::float_from_zero(params, "volatility")?, context))
    }

    /// The move that a standard normal shock makes.
    pub(crate) fn by(&self, normal: f64) -> Move {
        Move { log_return: self.mean_return + self.sigma * normal, sigma: self.sigma, jump: 0.0 }
    }
}

impl Returns for Diffusion {
    fn draw(&mut self, stream: &mut Stream) -> Move {
        self.by(stream.normal())
    }
}

fn build(params: &Params, context: &SynthContext<'_>) -> Result<Box<dyn Source>, ParamError> {
    source("gbm", params, context, maker(params, context)?)
}

pub(crate) fn maker(params: &Params, context: &SynthContext<'_>) -> Result<Path<Diffusion>, ParamError> {
    Path::new(Diffusion::from_params(params, context)?, params, context)
}
