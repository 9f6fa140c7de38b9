//! How far a trade moves the price, by published laws.
//!
//! Enters: a fill, the volatility and the volume of a day, where our own trading has moved the price. Leaves:
//! price units against us, and where the price stands afterwards. Invariants: what our trading moved in our
//! favour is not given to us; makers move nothing. Deliberately absent: rounding to the tick; what a moved
//! market means for orders that rest (`shift`).

use tapedeck_model::port::{Impact, SlippageQuery};
use tapedeck_model::{Decimal, Span, Ts, math};

use super::watch::raw_units;

/// Volatility and volume of a day, with what holds before they are known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Daily {
    /// Standard deviation of the logarithm of price over a day, before it is known.
    pub(super) volatility_default: f64,
    /// What is traded in a day, in units of the instrument; `None`: as estimated.
    pub(super) volume: Option<Decimal>,
}

impl Daily {
    pub(super) fn volatility(&self, query: &SlippageQuery<'_>) -> f64 {
        query.volatility.unwrap_or(self.volatility_default)
    }

    /// The part of a day's volume that `raw` is; all of it where nothing is known of the volume.
    fn share(&self, query: &SlippageQuery<'_>, raw: f64) -> f64 {
        let stated = self.volume.map(|units| raw_units(super::float(units), query.instrument.qty_scale));
        match stated.or(query.daily_volume).filter(|volume| *volume > 0.0) {
            Some(volume) => raw / volume,
            None => 1.0,
        }
    }
}

/// `coefficient` standard deviations over `horizon`.
pub(super) fn of_volatility(query: &SlippageQuery<'_>, daily: &Daily, (coefficient, horizon): (f64, Span)) -> f64 {
    let days = horizon.nanos() as f64 / Span::DAY.nanos() as f64;
    coefficient * daily.volatility(query) * math::sqrt(days) * query.reference_px.raw() as f64
}

/// The square-root law: an order of which Q is filled has paid Y sigma sqrt(Q / V) of the price for each unit on
/// average, whatever the pieces. A piece pays what its order has then paid less what it had paid before.
pub(super) fn square_root(query: &SlippageQuery<'_>, daily: &Daily, y: f64) -> f64 {
    let (before, piece) = (query.cum_qty.raw() as f64, query.qty.raw() as f64);
    if piece <= 0.0 {
        return 0.0;
    }
    let paid = |qty: f64| if qty > 0.0 { qty * math::sqrt(daily.share(query, qty)) } else { 0.0 };
    let law = y * daily.volatility(query) * query.reference_px.raw() as f64;
    (law * (paid(before + piece) - paid(before)) / piece).max(0.0)
}

/// Almgren and Chriss, "Optimal execution of portfolio transactions" (2000), with a temporary impact that fades.
#[derive(Debug, Clone, Copy)]
pub(super) struct AlmgrenChriss {
    /// Half of the spread, as a part of the price.
    pub(super) epsilon: f64,
    /// Temporary impact of trading a day's volume at once, as a part of the price.
    pub(super) eta: f64,
    /// Permanent impact of trading a day's volume, as a part of the price.
    pub(super) gamma: f64,
    /// After so long half of the temporary impact is gone; zero: it is gone with the fill.
    pub(super) half_life: Span,
    pub(super) daily: Daily,
}

impl AlmgrenChriss {
    /// Half of the spread.
    pub(super) fn spread(&self, query: &SlippageQuery<'_>) -> f64 {
        self.epsilon * query.reference_px.raw() as f64
    }

    /// What this fill pays for itself and for those before it.
    pub(super) fn impact(&self, query: &SlippageQuery<'_>) -> f64 {
        let against_us = self.moved(&query.impact, query.ts) * query.side.sign() as f64;
        against_us.max(0.0) + self.own(query, self.eta)
    }

    /// How far the market stands from the tape.
    pub(super) fn moved(&self, impact: &Impact, ts: Ts) -> f64 {
        impact.permanent + self.left(impact, ts)
    }

    /// Where the price stands after it.
    pub(super) fn after(&self, query: &SlippageQuery<'_>) -> Impact {
        let sign = query.side.sign() as f64;
        let temporary = if self.half_life > Span::ZERO {
            self.left(&query.impact, query.ts) + sign * self.own(query, self.eta)
        } else {
            0.0
        };
        let permanent = query.impact.permanent + sign * self.own(query, self.gamma);
        Impact { permanent, temporary, ts: query.ts.max(query.impact.ts) }
    }

    fn own(&self, query: &SlippageQuery<'_>, coefficient: f64) -> f64 {
        coefficient * self.daily.share(query, query.qty.raw() as f64) * query.reference_px.raw() as f64
    }

    /// What is left of the temporary impact of earlier fills.
    fn left(&self, impact: &Impact, ts: Ts) -> f64 {
        if self.half_life <= Span::ZERO {
            return 0.0;
        }
        let passed = ts.saturating_since(impact.ts).nanos().max(0) as f64;
        impact.temporary * math::pow(0.5, passed / self.half_life.nanos() as f64)
    }
}

#[cfg(test)]
mod tests;
