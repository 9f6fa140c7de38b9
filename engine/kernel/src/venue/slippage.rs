//! What a taker pays beyond the reference price.
//!
//! Enters: the reference price and what the market offered. Leaves: raw price units against us,
//! at least zero. Invariant: no randomness but the order's own stream. Deliberately absent: the
//! limit of an order and the rounding to the tick, which belong to the fill.

use tapedeck_model::param::{ParamError, ParamKind, ParamSpec, Params};
use tapedeck_model::port::{
    Adverse, BuildSlippage, Impact, MarketMemory, SlippageComponent, SlippageModel, SlippageQuery,
};
use tapedeck_model::random::Draws;
use tapedeck_model::{Component, Span, Ts, math};

use super::impact::{self, AlmgrenChriss, Daily};

/// The model of a venue that names none.
pub const DEFAULT_SLIPPAGE: &str = "fixed_bps";

const BPS: ParamKind = ParamKind::Decimal { min: "0", max: "10000" };
const NOISE_BPS: ParamSpec =
    ParamSpec::optional("noise_bps", BPS, "bps of price", "Size of seeded noise around the model; 0 for none.").or("0");
const NOISE: ParamSpec = ParamSpec::optional(
    "noise",
    ParamKind::Choice(&["uniform", "half_normal"]),
    "",
    "uniform: between -noise_bps and +noise_bps, the total held at zero; half_normal: |N(0, 1)| * noise_bps against us.",
)
.or("uniform");

const SAMPLE: ParamSpec = ParamSpec::optional(
    "sample",
    ParamKind::Span,
    "duration",
    "Volatility and volume are measured at multiples of it.",
)
.or("1m");
const HALF_LIFE: ParamSpec =
    ParamSpec::optional("half_life", ParamKind::Span, "duration", "What was measured so long ago counts half.")
        .or("6h");
const VOLATILITY: ParamSpec = ParamSpec::optional(
    "volatility",
    ParamKind::Decimal { min: "0", max: "10" },
    "per square root of a day",
    "Standard deviation of log returns before it is measured.",
)
.or("0.04");
const DAILY_VOLUME: ParamSpec = ParamSpec::optional(
    "daily_volume",
    ParamKind::Decimal { min: "0.000000000001", max: "1000000000000" },
    "units of the instrument",
    "What is traded in a day; absent: as measured from prints and bars; where nothing is known, what we trade is all.",
);

/// Slippage models that a scenario can choose.
pub fn slippage_components() -> &'static [SlippageComponent] {
    &COMPONENTS
}

static COMPONENTS: [SlippageComponent; 7] = [
    Component {
        name: "none",
        help: "Takers pay the reference price, plus noise if asked for.",
        params: &[NOISE_BPS, NOISE],
        build: build_none as BuildSlippage,
    },
    Component {
        name: "fixed_bps",
        help: "Takers pay a fixed part of the price (default, 1 bps).",
        params: &[
            ParamSpec::optional("bps", BPS, "bps of price", "What a taker pays beyond the reference price.").or("1"),
            NOISE_BPS,
            NOISE,
        ],
        build: build_fixed_bps,
    },
    Component {
        name: "half_spread",
        help: "Takers pay half of the spread beyond a trade price; a fill against the shown quote has paid it already.",
        params: &[
            ParamSpec::optional("default_bps", BPS, "bps of price", "Half of the spread where no quote is known.")
                .or("1"),
            NOISE_BPS,
            NOISE,
        ],
        build: build_half_spread,
    },
    Component {
        name: "volume_share",
        help: "Impact = coefficient * (quantity / market quantity)^e * price; e = 1 (Kyle, Econometrica 1985) or \
               1/2 (Torre, BARRA Market Impact Model Handbook, 1997).",
        params: &[
            ParamSpec::optional(
                "coefficient",
                ParamKind::Decimal { min: "0", max: "10" },
                "fraction of price",
                "Impact of taking all that the record offers (a bar's volume, a print's or quote's size).",
            )
            .or("0.01"),
            ParamSpec::optional(
                "shape",
                ParamKind::Choice(&["linear", "square_root"]),
                "",
                "How impact grows with the share of volume.",
            )
            .or("square_root"),
            NOISE_BPS,
            NOISE,
        ],
        build: build_volume_share,
    },
    Component {
        name: "volatility",
        help: "Takers pay coefficient * sigma * price, sigma being the recent volatility over `horizon`.",
        params: &[
            ParamSpec::optional(
                "coefficient",
                ParamKind::Decimal { min: "0", max: "1000" },
                "standard deviations",
                "How many a taker pays.",
            )
            .or("0.1"),
            ParamSpec::optional("horizon", ParamKind::Span, "duration", "Over how long.").or("1m"),
            VOLATILITY,
            SAMPLE,
            HALF_LIFE,
            NOISE_BPS,
            NOISE,
        ],
        build: build_volatility,
    },
    Component {
        name: "square_root",
        help: "An order pays y * sigma * sqrt(Q / V) * price on average: sigma and V of a day, Q what is filled of it \
               (Toth et al., Physical Review X 1, 2011).",
        params: &[
            ParamSpec::optional("y", ParamKind::Decimal { min: "0", max: "100" }, "", "Of order one, as measured.")
                .or("1"),
            DAILY_VOLUME,
            VOLATILITY,
            SAMPLE,
            HALF_LIFE,
            NOISE_BPS,
            NOISE,
        ],
        build: build_square_root,
    },
    Component {
        name: "almgren_chriss",
        help: "Half of the spread, temporary impact that fades and permanent impact that stays, both linear in the \
               quantity; later takers pay what earlier ones moved, and orders that rest meet it (Almgren and Chriss, 2000).",
        params: &[
            ParamSpec::optional("epsilon_bps", BPS, "bps of price", "Half of the spread.").or("1"),
            ParamSpec::optional(
                "eta_bps",
                BPS,
                "bps of price",
                "Temporary impact of trading one percent of a day's volume at once.",
            )
            .or("2"),
            ParamSpec::optional(
                "gamma_bps",
                BPS,
                "bps of price",
                "Permanent impact of trading one percent of a day's volume.",
            )
            .or("0.2"),
            ParamSpec::optional(
                "decay",
                ParamKind::Span,
                "duration",
                "After so long half of the temporary impact is gone; 0s: it is gone with the fill.",
            )
            .or("10m"),
            DAILY_VOLUME,
            SAMPLE,
            HALF_LIFE,
            NOISE_BPS,
            NOISE,
        ],
        build: build_almgren_chriss,
    },
];

/// The deterministic part of a model.
enum Law {
    None,
    FixedBps { bps: f64 },
    HalfSpread { default_bps: f64 },
    VolumeShare { coefficient: f64, square_root: bool },
    Volatility { coefficient: f64, horizon: Span, daily: Daily },
    SquareRoot { y: f64, daily: Daily },
    AlmgrenChriss(AlmgrenChriss),
}

impl Law {
    /// Spread and slippage proper, and impact.
    fn terms(&self, query: &SlippageQuery<'_>) -> (f64, f64) {
        let price = query.reference_px.raw() as f64;
        match self {
            Self::None => (0.0, 0.0),
            Self::FixedBps { bps } => (of_bps(price, *bps), 0.0),
            Self::HalfSpread { default_bps } => match query.half_spread {
                Some(half) => (half.raw() as f64, 0.0),
                None => (of_bps(price, *default_bps), 0.0),
            },
            Self::Volatility { coefficient, horizon, daily } => {
                (impact::of_volatility(query, daily, (*coefficient, *horizon)), 0.0)
            }
            Self::SquareRoot { y, daily } => (0.0, impact::square_root(query, daily, *y)),
            Self::AlmgrenChriss(law) => (law.spread(query), law.impact(query)),
            Self::VolumeShare { coefficient, square_root } => {
                // Nothing known of the market's size: as if we took all of it.
                let share = if query.market_qty.raw() > 0 {
                    query.qty.raw() as f64 / query.market_qty.raw() as f64
                } else {
                    1.0
                };
                let growth = if *square_root { math::sqrt(share) } else { share };
                (0.0, coefficient * growth * price)
            }
        }
    }
}

/// Multiplied before divided: whole results stay whole, and no tick is lost to a float's last bit.
fn of_bps(price: f64, bps: f64) -> f64 {
    bps * price / 10_000.0
}

enum Noise {
    Uniform,
    HalfNormal,
}

struct Model {
    law: Law,
    noise_bps: f64,
    noise: Noise,
    draws: Draws,
    memory: Option<MarketMemory>,
}

impl SlippageModel for Model {
    fn adverse(&self, query: &SlippageQuery<'_>) -> Adverse {
        let (slippage, impact) = self.law.terms(query);
        let (slippage, impact) = (slippage.max(0.0), impact.max(0.0));
        if self.noise_bps == 0.0 {
            return Adverse { slippage, impact, noise: 0.0 };
        }
        let mut stream = self.draws.stream(query.draw_number);
        let factor = match self.noise {
            Noise::Uniform => 2.0 * stream.uniform() - 1.0,
            Noise::HalfNormal => stream.normal().abs(),
        };
        let noise = of_bps(query.reference_px.raw() as f64, self.noise_bps * factor);
        let adverse = Adverse { slippage, impact, noise };
        // The total is held at zero; written so that it is never below by a float's last bit.
        if adverse.total() < 0.0 { Adverse { noise: -(slippage + impact), ..adverse } } else { adverse }
    }

    fn impact_after(&self, query: &SlippageQuery<'_>) -> Impact {
        match &self.law {
            Law::AlmgrenChriss(law) => law.after(query),
            Law::None
            | Law::FixedBps { .. }
            | Law::HalfSpread { .. }
            | Law::VolumeShare { .. }
            | Law::Volatility { .. }
            | Law::SquareRoot { .. } => query.impact,
        }
    }

    fn moved(&self, impact: &Impact, ts: Ts) -> f64 {
        match &self.law {
            Law::AlmgrenChriss(law) => law.moved(impact, ts),
            Law::None
            | Law::FixedBps { .. }
            | Law::HalfSpread { .. }
            | Law::VolumeShare { .. }
            | Law::Volatility { .. }
            | Law::SquareRoot { .. } => 0.0,
        }
    }

    fn memory(&self) -> Option<MarketMemory> {
        self.memory
    }
}

fn with_noise(law: Law, params: &Params, draws: Draws) -> Result<Box<dyn SlippageModel>, ParamError> {
    let noise_bps = params.decimal_opt("noise_bps")?.map_or(0.0, super::float);
    let noise = match params.text_opt("noise")?.as_deref() {
        None | Some("uniform") => Noise::Uniform,
        Some("half_normal") => Noise::HalfNormal,
        Some(other) => return Err(ParamError::new("noise", format!("expected uniform or half_normal, found {other}"))),
    };
    let memory = if params.contains("sample") { Some(memory(params)?) } else { None };
    Ok(Box::new(Model { law, noise_bps, noise, draws, memory }))
}

fn memory(params: &Params) -> Result<MarketMemory, ParamError> {
    let (sample, half_life) = (params.span("sample")?, params.span("half_life")?);
    for (name, span) in [("sample", sample), ("half_life", half_life)] {
        if span <= Span::ZERO {
            return Err(ParamError::new(name, "must be above zero"));
        }
    }
    Ok(MarketMemory { sample, half_life })
}

fn daily(params: &Params) -> Result<Daily, ParamError> {
    let volatility_default = params.decimal_opt("volatility")?.map_or(0.0, super::float);
    Ok(Daily { volatility_default, volume: params.decimal_opt("daily_volume")? })
}

fn build_none(params: &Params, draws: Draws) -> Result<Box<dyn SlippageModel>, ParamError> {
    with_noise(Law::None, params, draws)
}

fn build_fixed_bps(params: &Params, draws: Draws) -> Result<Box<dyn SlippageModel>, ParamError> {
    with_noise(Law::FixedBps { bps: super::float(params.decimal("bps")?) }, params, draws)
}

fn build_half_spread(params: &Params, draws: Draws) -> Result<Box<dyn SlippageModel>, ParamError> {
    with_noise(Law::HalfSpread { default_bps: super::float(params.decimal("default_bps")?) }, params, draws)
}

fn build_volume_share(params: &Params, draws: Draws) -> Result<Box<dyn SlippageModel>, ParamError> {
    let square_root = match params.text("shape")?.as_str() {
        "linear" => false,
        "square_root" => true,
        other => return Err(ParamError::new("shape", format!("expected linear or square_root, found {other}"))),
    };
    let coefficient = super::float(params.decimal("coefficient")?);
    with_noise(Law::VolumeShare { coefficient, square_root }, params, draws)
}

fn build_volatility(params: &Params, draws: Draws) -> Result<Box<dyn SlippageModel>, ParamError> {
    let (coefficient, horizon) = (super::float(params.decimal("coefficient")?), params.span("horizon")?);
    if horizon <= Span::ZERO {
        return Err(ParamError::new("horizon", "must be above zero"));
    }
    with_noise(Law::Volatility { coefficient, horizon, daily: daily(params)? }, params, draws)
}

fn build_square_root(params: &Params, draws: Draws) -> Result<Box<dyn SlippageModel>, ParamError> {
    let y = super::float(params.decimal("y")?);
    with_noise(Law::SquareRoot { y, daily: daily(params)? }, params, draws)
}

fn build_almgren_chriss(params: &Params, draws: Draws) -> Result<Box<dyn SlippageModel>, ParamError> {
    let bps = |name: &str| params.decimal(name).map(|value| super::float(value) / 10_000.0);
    let half_life = params.span("decay")?;
    if half_life < Span::ZERO {
        return Err(ParamError::new("decay", "must not be below zero"));
    }
    let law = AlmgrenChriss {
        epsilon: bps("epsilon_bps")?,
        // Of one percent of a day's volume.
        eta: 100.0 * bps("eta_bps")?,
        gamma: 100.0 * bps("gamma_bps")?,
        half_life,
        daily: daily(params)?,
    };
    with_noise(Law::AlmgrenChriss(law), params, draws)
}

#[cfg(test)]
mod tests {
    use super::super::tests::instrument;
    use super::*;
    use tapedeck_model::param::ParamValue;
    use tapedeck_model::{Decimal, Price, Qty, Side};

    fn adverse(name: &str, params: &[(&str, ParamValue)], half_spread: Option<i64>) -> Vec<f64> {
        let params = params.iter().fold(Params::new(), |p, (k, v)| p.with(k, v.clone()));
        let component = slippage_components().iter().find(|c| c.name == name).unwrap();
        let model = (component.build)(&params, Draws::new(1, "venue/SIM/slippage")).unwrap();
        let instrument = instrument(0);
        let query = |draw_number| SlippageQuery {
            instrument: &instrument,
            side: Side::Buy,
            reference_px: Price::from_raw(30_000),
            qty: Qty::from_raw(25),
            market_qty: Qty::from_raw(100),
            half_spread: half_spread.map(Price::from_raw),
            draw_number,
            ts: Ts::MIN,
            cum_qty: Qty::ZERO,
            volatility: None,
            daily_volume: None,
            impact: Impact::default(),
        };
        (0..500).map(|n| model.adverse(&query(n)).total()).collect()
    }

    fn decimal(text: &str) -> ParamValue {
        ParamValue::Decimal(text.parse::<Decimal>().unwrap())
    }

    #[test]
    fn laws_give_their_formula() {
        let word = |w: &str| ParamValue::Text(w.to_owned());
        assert_eq!(adverse("none", &[], None)[0], 0.0);
        assert_eq!(adverse("fixed_bps", &[("bps", decimal("1"))], None)[0], 3.0);
        assert_eq!(adverse("half_spread", &[("default_bps", decimal("2"))], None)[0], 6.0);
        assert_eq!(adverse("half_spread", &[("default_bps", decimal("2"))], Some(5))[0], 5.0);
        let share =
            |shape: &str| adverse("volume_share", &[("coefficient", decimal("0.5")), ("shape", word(shape))], None)[0];
        assert_eq!(share("linear"), 0.5 * 0.25 * 30_000.0);
        assert_eq!(share("square_root"), 0.5 * 0.5 * 30_000.0);
    }

    #[test]
    fn noise_is_seeded_and_never_in_our_favour() {
        let params = [("bps", decimal("1")), ("noise_bps", decimal("2"))];
        let drawn = adverse("fixed_bps", &params, None);
        assert_eq!(drawn, adverse("fixed_bps", &params, None));
        assert!(drawn.iter().all(|x| (0.0..=9.0).contains(x)));
        assert!(drawn.contains(&0.0) && drawn.iter().any(|x| *x > 6.0));
    }
}
