//! Tapes in closed form, so that a person can compute the profit of a strategy on them.
//!
//! Bar n counts from 0. In all of them high and low are the larger and the smaller of open and close,
//! the volume is always the same, and (save in the bar of a gap) a bar opens at the close before it.
//!
//! | generator | open of bar 0 | close of bar n |
//! |---|---|---|
//! | `constant` | price | price |
//! | `ramp` | price | price + (n + 1) x change |
//! | `sine` | price | price + amplitude x sin(2 pi (n + 1) / period), to the nearest tick |
//! | `step` | price | price before bar `at`; price + change from bar `at` on |
//! | `gap` | price | as `step`, but bar `at` also opens there: no one could trade in between |

use tapedeck_model::param::{ParamKind, ParamSpec};
use tapedeck_model::{ParamError, Params, Source, Stream, math};

use crate::given::{self, COUNT, PRICE, PRICE_CHANGE, VOLUME};
use crate::marks::{PREMIUM, PREMIUM_NOISE, source};
use crate::tape::{BarMaker, RawBar};
use crate::{BuildAlone, BuildSynth, SynthComponent, SynthContext};

const START_PRICE: ParamSpec =
    ParamSpec::required("price", PRICE, "quote per unit", "Open of the first bar, a multiple of the tick.").or("100");
const CHANGE: ParamSpec = ParamSpec::required(
    "change",
    PRICE_CHANGE,
    "quote per unit",
    "By how much the price moves, a multiple of the tick.",
);
const AT: ParamSpec = ParamSpec::required(
    "at",
    ParamKind::Int { min: 0, max: i64::MAX },
    "bars",
    "Number of the bar, from 0, that moves.",
);

pub(crate) const CONSTANT: SynthComponent =
    component("constant", "Always the same price.", &[START_PRICE, VOLUME, PREMIUM, PREMIUM_NOISE, COUNT], |p, c| {
        tape("constant", Shape::Constant, p, c)
    });

pub(crate) const RAMP: SynthComponent = component(
    "ramp",
    "Moves by the same change in every bar: bar n closes at price + (n + 1) x change.",
    &[START_PRICE, CHANGE, VOLUME, PREMIUM, PREMIUM_NOISE, COUNT],
    |p, c| tape("ramp", Shape::Ramp { change: given::price_change(p, "change", c)? }, p, c),
);

pub(crate) const SINE: SynthComponent = component(
    "sine",
    "Bar n closes at price + amplitude x sin(2 pi (n + 1) / period), to the nearest tick.",
    &[
        START_PRICE,
        ParamSpec::required("amplitude", PRICE, "quote per unit", "Largest distance from `price`; below it."),
        ParamSpec::required("period", ParamKind::Int { min: 2, max: 1_000_000_000 }, "bars", "Length of a wave."),
        VOLUME,
        PREMIUM,
        PREMIUM_NOISE,
        COUNT,
    ],
    build_sine,
);

pub(crate) const STEP: SynthComponent = component(
    "step",
    "One price, then another: bar `at` opens at the old one and closes at the new one.",
    &[START_PRICE, CHANGE, AT, VOLUME, PREMIUM, PREMIUM_NOISE, COUNT],
    |p, c| tape("step", jump(p, c, At::Close)?, p, c),
);

pub(crate) const GAP: SynthComponent = component(
    "gap",
    "One price, then another: bar `at` already opens at the new one.",
    &[START_PRICE, CHANGE, AT, VOLUME, PREMIUM, PREMIUM_NOISE, COUNT],
    |p, c| tape("gap", jump(p, c, At::Open)?, p, c),
);

const fn component(
    name: &'static str,
    help: &'static str,
    params: &'static [ParamSpec],
    build: BuildAlone,
) -> SynthComponent {
    SynthComponent { name, help, params, build: BuildSynth::Alone(build) }
}

/// When within its bar a jump happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Open,
    Close,
}

#[derive(Debug, Clone, Copy)]
enum Shape {
    Constant,
    Ramp { change: i64 },
    Sine { amplitude: f64, period: u64, tick: i64 },
    Jump { change: i64, bar: u64, at: At },
}

struct Closed {
    shape: Shape,
    price: i64,
    last: i64,
    volume: i64,
}

fn build_sine(params: &Params, context: &SynthContext<'_>) -> Result<Box<dyn Source>, ParamError> {
    let amplitude = given::price(params, "amplitude", context)?;
    if amplitude >= given::price(params, "price", context)? {
        return Err(ParamError::new("amplitude", "must be below `price`: prices are above zero"));
    }
    let tick = given::rules(context).tick_size.raw();
    // The amplitude in ticks: a float only shapes the wave, each price is a whole number of ticks.
    let amplitude = (amplitude / tick) as f64;
    let period = given::int_from(params, "period", 2)?.unsigned_abs();
    tape("sine", Shape::Sine { amplitude, period, tick }, params, context)
}

fn jump(params: &Params, context: &SynthContext<'_>, at: At) -> Result<Shape, ParamError> {
    let bar = given::int_from(params, "at", 0)?.unsigned_abs();
    Ok(Shape::Jump { change: given::price_change(params, "change", context)?, bar, at })
}

fn tape(
    name: &'static str,
    shape: Shape,
    params: &Params,
    context: &SynthContext<'_>,
) -> Result<Box<dyn Source>, ParamError> {
    let price = given::price(params, "price", context)?;
    // Lots are a floor of the quantity, so the product is not above it.
    let volume = given::lots(params, "volume", context)? * given::rules(context).lot_size.raw();
    source(name, params, context, Closed { shape, price, last: price, volume })
}

impl Closed {
    fn close(&self, number: u64) -> Option<i64> {
        let change = match self.shape {
            Shape::Constant => 0,
            Shape::Ramp { change } => i64::try_from(number.checked_add(1)?).ok()?.checked_mul(change)?,
            Shape::Sine { amplitude, period, tick } => {
                // The place in the wave is exact before it becomes an angle, so waves do not drift.
                let place = ((number + 1) % period) as f64 / period as f64;
                let ticks = (amplitude * math::sin(std::f64::consts::TAU * place)).round_ties_even();
                (ticks as i64).checked_mul(tick)?
            }
            Shape::Jump { change, bar, .. } => {
                if number < bar {
                    0
                } else {
                    change
                }
            }
        };
        self.price.checked_add(change).filter(|close| *close > 0)
    }
}

impl BarMaker for Closed {
    fn bar(&mut self, number: u64, _: &mut Stream) -> Option<RawBar> {
        let close = self.close(number)?;
        let gaps = matches!(self.shape, Shape::Jump { bar, at: At::Open, .. } if bar == number);
        let open = if gaps { close } else { self.last };
        self.last = close;
        Some(RawBar { open, high: open.max(close), low: open.min(close), close, volume: self.volume })
    }
}
