//! Where the market stands, seen from the tape, because of our own trading.
//!
//! Enters: how far it stands from the tape, in price units. Leaves: the same as whole ticks against one side. Invariants:
//! a shift is never in favour of an order; a limit takes it up to the tick and a trigger down to it, so that neither fills
//! better than the exact shift would have it; without lasting impact nothing is computed. Deliberately absent: lines at
//! other prices than the limit: what stands before an order is the tape's affair, the shift only says what comes to it.

use tapedeck_model::port::Impact;
use tapedeck_model::{Price, Side, Ts};

use super::fills::{Slip, Terms};

/// A float's last bit must not cost a tick.
const FORGIVEN: f64 = 1e-9;

/// How far the market stands from the tape against an order of one side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shift {
    side: Side,
    /// Up to the tick, and down to it.
    up: i64,
    down: i64,
}

impl Shift {
    fn new(moved: f64, side: Side, tick: Price) -> Self {
        let against = (moved * side.sign() as f64).max(0.0);
        // The casts saturate; a fifth of the range leaves room for sums.
        let whole = |px: f64| Price::from_raw((px as i64).clamp(0, i64::MAX / 5));
        let up = whole((against - FORGIVEN).ceil()).ceil_to(tick);
        let down = whole((against + FORGIVEN).floor()).floor_to(tick);
        Self { side, up: up.raw(), down: down.raw() }
    }

    /// The price of the tape that has come to a limit.
    pub(super) fn met_at(self, limit: Price) -> Price {
        Price::from_raw(limit.raw().saturating_sub(self.side.sign() * self.up))
    }

    /// Whether a print is for an order that rests: none at its price while the market is moved, as what stands before
    /// it there is not told.
    pub(super) fn serves(self, printed: Price, limit: Price) -> bool {
        let beyond = limit.raw().saturating_sub(printed.raw()).saturating_mul(self.side.sign());
        beyond >= self.up && (beyond > self.down || !self.is_some())
    }

    /// Whether it is harder to be met than on the tape.
    pub(super) const fn is_some(self) -> bool {
        self.up > 0
    }

    /// A price of the tape as a trigger sees it.
    pub(super) fn seen(self, px: Price) -> Price {
        Price::from_raw(px.raw().saturating_add(self.side.sign() * self.down))
    }

    /// The price of the tape at which a trigger sees `px`.
    pub(super) fn on_tape(self, px: Price) -> Price {
        Price::from_raw(px.raw().saturating_sub(self.side.sign() * self.down))
    }
}

/// The farthest that the market may stand from the tape before we trade again, by side: how far ahead of the tape triggers
/// may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Drift {
    buy: i64,
    sell: i64,
}

impl Drift {
    /// The nearest price of the tape that may reach a trigger.
    pub(super) fn nearest(self, trigger_px: Price, side: Side) -> Price {
        Price::from_raw(match side {
            Side::Buy => trigger_px.raw().saturating_sub(self.buy),
            Side::Sell => trigger_px.raw().saturating_add(self.sell),
        })
    }
}

impl Slip<'_> {
    fn is_still(&self) -> bool {
        let impact = self.impact.get();
        impact.permanent == 0.0 && impact.temporary == 0.0
    }

    /// What temporary impact has left decays toward what is permanent, so the market stands between the two.
    pub(super) fn drift(&self) -> Drift {
        if self.is_still() {
            return Drift::default();
        }
        let now = self.impact.get();
        let then = Impact { temporary: 0.0, ..now };
        let (now, then) = (self.model.moved(&now, now.ts), self.model.moved(&then, then.ts));
        let tick = Price::from_raw(1);
        Drift {
            buy: Shift::new(now.max(then), Side::Buy, tick).up,
            sell: Shift::new(now.min(then), Side::Sell, tick).up,
        }
    }
}

impl Terms<'_> {
    /// How far the market stands from the tape at `ts` against an order of this side.
    #[inline]
    pub(super) fn shift(&self, side: Side, ts: Ts) -> Shift {
        if self.slippage.is_still() { Shift { side, up: 0, down: 0 } } else { self.shift_now(side, ts) }
    }

    #[cold]
    fn shift_now(&self, side: Side, ts: Ts) -> Shift {
        let moved = self.slippage.model.moved(&self.slippage.impact.get(), ts);
        Shift::new(moved, side, self.instrument.rules_at(ts).tick_size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tick of 10, limit of 1000: where a limit is met, whether prints at these distances serve it, what a trigger sees
    /// of 1000.
    #[test]
    fn limits_take_a_shift_up_to_the_tick_and_triggers_down_to_it() {
        for (moved, met_at, serves, seen) in [
            (0.0, 1_000, [true, true, true], 1_000),
            (1e-10, 1_000, [true, true, true], 1_000),
            (0.1, 990, [false, true, true], 1_000),
            (9.9, 990, [false, true, true], 1_000),
            (10.0, 990, [false, false, true], 1_010),
            (10.000_000_000_1, 990, [false, false, true], 1_010),
            (14.0, 980, [false, false, true], 1_010),
            (20.0, 980, [false, false, false], 1_020),
            (-500.0, 1_000, [true, true, true], 1_000),
        ] {
            let px = Price::from_raw;
            let (limit, tick) = (px(1_000), px(10));
            let buy = Shift::new(moved, Side::Buy, tick);
            assert_eq!((buy.met_at(limit), buy.seen(limit)), (px(met_at), px(seen)), "{moved}");
            assert_eq!([1_000, 990, 980].map(|at| buy.serves(px(at), limit)), serves, "{moved}");
            assert_eq!((buy.on_tape(buy.seen(limit)), buy.is_some()), (limit, met_at < 1_000));
            let sell = Shift::new(-moved, Side::Sell, tick);
            let mirrored = |raw: i64| px(2_000 - raw);
            assert_eq!((sell.met_at(limit), sell.seen(limit)), (mirrored(met_at), mirrored(seen)), "{moved}");
            assert_eq!([1_000, 1_010, 1_020].map(|at| sell.serves(px(at), limit)), serves, "{moved}");
            // A print between two ticks, as of before a change of the tick.
            assert!(moved < 10.1 || !buy.serves(px(988), limit), "{moved}");
        }
    }

    #[test]
    fn a_shift_beyond_all_prices_is_met_by_none() {
        let shift = Shift::new(f64::INFINITY, Side::Buy, Price::from_raw(10));
        assert!(shift.met_at(Price::from_raw(1_000)) < Price::ZERO);
        assert!(!shift.serves(Price::from_raw(10), Price::from_raw(1_000)));
    }
}
