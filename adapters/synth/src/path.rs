//! Bars around a path of log prices.
//!
//! Enters: a model of log returns, one per bar. Leaves: bars. A bar opens at the close before it. Between
//! open and close the price takes [`SUB_STEPS`] steps of a Brownian bridge of the bar's variance (steps are
//! sums of four uniforms: only extremes come from them); what jumps in a bar jumps at once, in one of the
//! steps, each as likely; high and low are the extremes of that path. The volume is uniform from half its mean to one and a half of
//! it. Invariants: prices are rounded to the nearest tick, at least one tick; the path itself goes on
//! unrounded. Deliberately absent: any tie between volume and price.

use tapedeck_model::param::ParamSpec;
use tapedeck_model::{ParamError, Params, Stream, math};

use crate::SynthContext;
use crate::given::{self, PRICE};
use crate::tape::{BarMaker, RawBar};

const SUB_STEPS: usize = 8;
/// One over the square root of [`SUB_STEPS`].
const SUB_STEP_SCALE: f64 = std::f64::consts::FRAC_1_SQRT_2 / 2.0;
/// Beyond 2^53 a float no longer tells ticks apart.
const TICKS_MAX: f64 = 9_007_199_254_740_992.0;

pub(crate) const START_PRICE: ParamSpec =
    ParamSpec::required("start_price", PRICE, "quote per unit", "Open of the first bar, a multiple of the tick.")
        .or("100");

/// What the price does in a bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Move {
    /// From open to close, with the jump.
    pub log_return: f64,
    /// Standard deviation of what is no jump.
    pub sigma: f64,
    /// What of the return comes at once; zero if nothing does.
    pub jump: f64,
}

/// A model of log returns.
pub(crate) trait Returns: Send {
    /// The next bar's.
    fn draw(&mut self, stream: &mut Stream) -> Move;
}

/// The grid of an instrument: a price in ticks, a volume in lots.
pub(crate) struct Grid {
    tick: i64,
    lot: i64,
}

impl Grid {
    pub(crate) fn new(context: &SynthContext<'_>) -> Self {
        let rules = given::rules(context);
        Self { tick: rules.tick_size.raw(), lot: rules.lot_size.raw() }
    }

    /// The nearest price to so many ticks, at least one tick, raw; `None` if it cannot be held.
    pub(crate) fn price(&self, ticks: f64) -> Option<i64> {
        let ticks = ticks.round_ties_even().max(1.0);
        if ticks > TICKS_MAX { None } else { self.tick.checked_mul(ticks as i64) }
    }

    /// So many lots, raw.
    pub(crate) fn volume(&self, lots: i64) -> Option<i64> {
        self.lot.checked_mul(lots)
    }

    /// A raw price in ticks.
    pub(crate) fn ticks(&self, raw: i64) -> f64 {
        (raw / self.tick) as f64
    }

    /// The whole lots of a raw quantity, raw.
    pub(crate) fn whole_lots(&self, raw: i64) -> i64 {
        raw - raw % self.lot
    }
}

/// A maker of bars from log returns.
pub(crate) struct Path<R> {
    returns: R,
    grid: Grid,
    lots: i64,
    /// State: logarithm of the price in ticks, last close raw.
    log_ticks: f64,
    last: i64,
}

impl<R: Returns> Path<R> {
    pub(crate) fn new(returns: R, params: &Params, context: &SynthContext<'_>) -> Result<Self, ParamError> {
        let start = given::price(params, "start_price", context)?;
        let grid = Grid::new(context);
        let lots = given::lots(params, "volume", context)?;
        Ok(Self { returns, lots, log_ticks: math::ln(grid.ticks(start)), last: start, grid })
    }

    fn price(&self, log_ticks: f64) -> Option<i64> {
        self.grid.price(math::exp(log_ticks))
    }
}

/// Largest and smallest value of the way from 0 to the end of a move.
fn extremes(drawn: &Move, stream: &mut Stream) -> (f64, f64) {
    let sigma = drawn.sigma * SUB_STEP_SCALE;
    let mut path = [0.0; SUB_STEPS];
    let mut walk = 0.0;
    for place in &mut path {
        walk += sigma * cheap_normal(stream.bits());
        *place = walk;
    }
    let jump_at = if drawn.jump == 0.0 { SUB_STEPS } else { stream.below(SUB_STEPS as u64) as usize };
    // Each step takes an equal share of what the walk misses the end by.
    let slope = (drawn.log_return - drawn.jump - walk) / SUB_STEPS as f64;
    let (mut high, mut low) = (drawn.log_return.max(0.0), drawn.log_return.min(0.0));
    for (step, place) in path.iter().take(SUB_STEPS - 1).enumerate() {
        let smooth = place + slope * (step + 1) as f64;
        let value = if step >= jump_at { smooth + drawn.jump } else { smooth };
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

impl<R: Returns> BarMaker for Path<R> {
    fn bar(&mut self, _: u64, stream: &mut Stream) -> Option<RawBar> {
        let drawn = self.returns.draw(stream);
        let (high, low) = extremes(&drawn, stream);
        let lots = if self.lots == 0 {
            0
        } else {
            // From half the mean to one and a half of it.
            self.lots / 2 + stream.below(self.lots.unsigned_abs() + 1) as i64
        };
        let open = self.last;
        let close = self.price(self.log_ticks + drawn.log_return)?;
        // Rounding of the open may leave it outside of the path by less than a tick.
        let bar = RawBar {
            open,
            high: self.price(self.log_ticks + high)?.max(open).max(close),
            low: self.price(self.log_ticks + low)?.min(open).min(close),
            close,
            volume: self.grid.volume(lots)?,
        };
        self.log_ticks += drawn.log_return;
        self.last = close;
        Some(bar)
    }
}

#[cfg(test)]
mod tests {
    use tapedeck_model::Draws;

    use super::*;

    /// The extremes of a bar with a jump lie beyond it on both sides at times: before it and after it.
    #[test]
    fn a_jump_is_part_of_the_path() {
        let mut stream = Draws::new(1, "test").stream(0);
        let drawn = Move { log_return: 0.5, sigma: 0.01, jump: 0.5 };
        let (mut above, mut below) = (0, 0);
        for _ in 0..1_000 {
            let (high, low) = extremes(&drawn, &mut stream);
            assert!((0.5..0.6).contains(&high) && (-0.1..=0.0).contains(&low), "{high} {low}");
            above += usize::from(high > 0.5);
            below += usize::from(low < 0.0);
        }
        assert!((500..1_000).contains(&above) && (500..1_000).contains(&below), "{above} {below}");
    }
}
