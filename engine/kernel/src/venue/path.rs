//! The path that prices are assumed to take through a bar.
//!
//! Enters: a bar and the order of its extremes. Leaves: when a level is reached, and the price at
//! an instant. The path is linear in time through four points: the open at the start, the first
//! extreme after a third, the second after two thirds, the close at the end. Invariant: exact
//! integer arithmetic; times are rounded down to a nanosecond, prices nowhere.

use tapedeck_model::{Bar, Price, Side, Ts};

use super::desk::Working;
use super::shift::Shift;

/// A moment on a path. Ordered as it happens: within one nanosecond by leg and distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment {
    pub(super) ts: Ts,
    /// Which of the three legs, from 0.
    leg: u8,
    /// How far along the leg, in raw price units.
    travel: u64,
}

/// Which extreme comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extremes {
    HighFirst,
    LowFirst,
}

impl Extremes {
    pub(super) const fn other(self) -> Self {
        match self {
            Self::HighFirst => Self::LowFirst,
            Self::LowFirst => Self::HighFirst,
        }
    }

    /// The extreme nearer to the open first. At a tie, the low first in a bar that does not fall,
    /// the high first in one that does: the bar first goes against its own direction, which is the
    /// worse for whoever follows it with a stop.
    pub(super) fn adaptive(bar: &Bar) -> Self {
        let up = bar.high.raw().saturating_sub(bar.open.raw());
        let down = bar.open.raw().saturating_sub(bar.low.raw());
        if up < down || (up == down && bar.close < bar.open) { Self::HighFirst } else { Self::LowFirst }
    }
}

/// A bar's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Path {
    ts_open: i64,
    /// Above zero.
    interval: i64,
    points: [i64; 4],
}

impl Path {
    pub(super) fn new(bar: &Bar, extremes: Extremes) -> Self {
        let (open, high, low, close) = (bar.open.raw(), bar.high.raw(), bar.low.raw(), bar.close.raw());
        let points = match extremes {
            Extremes::HighFirst => [open, high, low, close],
            Extremes::LowFirst => [open, low, high, close],
        };
        Self { ts_open: bar.ts_open().nanos(), interval: bar.interval.nanos().max(1), points }
    }

    pub(super) fn open(&self) -> (Moment, Price) {
        (Moment { ts: Ts::from_nanos(self.ts_open), leg: 0, travel: 0 }, Price::from_raw(self.points[0]))
    }

    /// Where the path is at `ts`, which lies after the open and not after the close; the price is
    /// rounded to the scale against `side`.
    pub(super) fn at(&self, ts: Ts, side: Side) -> (Moment, Price) {
        let offset = ts.nanos().saturating_sub(self.ts_open).clamp(0, self.interval);
        let (offset, interval) = (i128::from(offset), i128::from(self.interval));
        let leg = (3 * offset / interval).min(2);
        let into_leg = 3 * offset - leg * interval;
        let leg = leg as usize;
        let (from, to) = (i128::from(self.points[leg]), i128::from(self.points[leg + 1]));
        let moved = (to - from) * into_leg;
        let px = from
            + match side {
                Side::Buy => -((-moved).div_euclid(interval)),
                Side::Sell => moved.div_euclid(interval),
            };
        let travel = (moved.abs() / interval) as u64;
        // The price lies between two raw prices of the bar, rounded to the scale, so it fits.
        (Moment { ts, leg: leg as u8, travel }, Price::from_raw(px as i64))
    }

    /// When a path that is on the near side of `level` at `from` reaches it, rising or falling.
    pub(super) fn reaches(&self, from: Moment, level: Price, rising: bool) -> Option<Moment> {
        let level = level.raw();
        for leg in usize::from(from.leg)..3 {
            let (start, end) = (self.points[leg], self.points[leg + 1]);
            let reached = if rising { start < level && end >= level } else { start > level && end <= level };
            if !reached {
                continue;
            }
            return Some(self.moment_of(from, leg, level));
        }
        None
    }

    /// When the path is at `level` on a leg that leads there.
    fn moment_of(&self, from: Moment, leg: usize, level: i64) -> Moment {
        let (start, end) = (self.points[leg], self.points[leg + 1]);
        let (travel, length) = (level.abs_diff(start), end.abs_diff(start));
        let (interval, wide) = (i128::from(self.interval), i128::from(length).max(1));
        let offset = interval * (leg as i128 * wide + i128::from(travel)) / (3 * wide);
        let ts = Ts::from_nanos(self.ts_open.saturating_add(offset as i64));
        Moment { ts: ts.max(from.ts), leg: leg as u8, travel }
    }

    /// The price at a moment of this path.
    pub(super) fn px_of(&self, moment: Moment) -> Price {
        let leg = usize::from(moment.leg);
        let (start, end) = (self.points[leg], self.points[leg + 1]);
        let travel = i64::try_from(moment.travel).unwrap_or(i64::MAX);
        Price::from_raw(if end >= start { start.saturating_add(travel) } else { start.saturating_sub(travel) })
    }

    /// Takes a trailing stop along from `from`, where the price is `px` and it is not reached: when its
    /// trigger is reached, if it is.
    pub(super) fn trail(
        &self,
        (from, px): (Moment, Price),
        order: &mut Working,
        (shift, tick): (Shift, Price),
    ) -> Option<Moment> {
        let mut at = px;
        for leg in usize::from(from.leg)..3 {
            let end = Price::from_raw(self.points[leg + 1]);
            let helps = order.within(end, at);
            if helps {
                // The best price of the leg is its end; on the way there nothing is reached.
                order.observe(shift.seen(end), tick);
            } else if order.trail.best.is_some() && order.is_beyond(shift.seen(end), order.trail.trigger_px) {
                return Some(self.moment_of(from, leg, shift.on_tape(order.trail.trigger_px).raw()));
            }
            at = end;
        }
        None
    }

    /// Where a path that goes on from `from` first `breaches` something, before `until`: at `from` itself, or
    /// on the way of a leg at whose end it does. Whatever is breached at a price must be breached beyond it.
    pub(super) fn first_breach(
        &self,
        from: Moment,
        until: Option<Moment>,
        breaches: impl Fn(Price, Ts) -> bool,
    ) -> Option<(Moment, Price)> {
        let in_time = |moment: Moment| until.is_none_or(|until| moment < until);
        let first = usize::from(from.leg);
        let way = self.points[first + 1].saturating_sub(self.points[first]).signum();
        let start = self.points[first].saturating_add(way.saturating_mul(from.travel as i64));
        if breaches(Price::from_raw(start), from.ts) {
            return in_time(from).then_some((from, Price::from_raw(start)));
        }
        for leg in first..3 {
            let (mut near, mut far) = (if leg == first { start } else { self.points[leg] }, self.points[leg + 1]);
            let end = Ts::from_nanos(self.ts_open.saturating_add(self.interval / 3 * (leg as i64 + 1)));
            if !breaches(Price::from_raw(far), end) {
                continue;
            }
            while near.abs_diff(far) > 1 {
                let middle = i64::midpoint(near, far);
                if breaches(Price::from_raw(middle), end) { far = middle } else { near = middle }
            }
            let moment = self.on_leg(leg, far).max(from);
            return in_time(moment).then_some((moment, Price::from_raw(far)));
        }
        None
    }

    /// When a leg is at a price that lies on it.
    fn on_leg(&self, leg: usize, px: i64) -> Moment {
        let (start, end) = (self.points[leg], self.points[leg + 1]);
        let (travel, length) = (px.abs_diff(start), end.abs_diff(start).max(1));
        let (interval, wide) = (i128::from(self.interval), i128::from(length));
        let offset = interval * (leg as i128 * wide + i128::from(travel)) / (3 * wide);
        Moment { ts: Ts::from_nanos(self.ts_open.saturating_add(offset as i64)), leg: leg as u8, travel }
    }

    /// The start of an expiry: before all else of its instant.
    pub(super) const fn end_at(ts: Ts) -> Moment {
        Moment { ts, leg: 0, travel: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tapedeck_model::{InstrumentIx, Qty, Span};

    fn bar(open: i64, high: i64, low: i64, close: i64) -> Bar {
        let px = Price::from_raw;
        Bar {
            instrument: InstrumentIx(0),
            ts_event: Ts::from_nanos(1_300),
            ts_recv: Ts::from_nanos(1_300),
            interval: Span::from_nanos(300),
            open: px(open),
            high: px(high),
            low: px(low),
            close: px(close),
            volume: Qty::from_raw(1),
        }
    }

    #[test]
    fn the_path_is_linear_through_four_points() {
        let path = Path::new(&bar(100, 120, 90, 105), Extremes::HighFirst);
        for (ts, buy, sell) in [
            (1_001, 101, 100),
            (1_050, 110, 110),
            (1_100, 120, 120),
            (1_150, 105, 105),
            (1_250, 98, 97),
            (1_300, 105, 105),
        ] {
            let at = |side| path.at(Ts::from_nanos(ts), side).1.raw();
            assert_eq!((at(Side::Buy), at(Side::Sell)), (buy, sell), "at {ts}");
        }
        let start = path.open().0;
        let reach = |level, rising| path.reaches(start, Price::from_raw(level), rising).map(|m| m.ts.nanos());
        assert_eq!(reach(110, true), Some(1_050));
        assert_eq!(reach(120, true), Some(1_100));
        assert_eq!(reach(90, false), Some(1_200));
        assert_eq!(reach(99, false), Some(1_170));
        assert_eq!((reach(121, true), reach(89, false)), (None, None));
    }

    #[test]
    fn adaptive_goes_to_the_nearer_extreme_first() {
        for (o, h, l, c, first) in [
            (100, 101, 90, 95, Extremes::HighFirst),
            (100, 110, 99, 95, Extremes::LowFirst),
            (100, 105, 95, 101, Extremes::LowFirst),
            (100, 105, 95, 100, Extremes::LowFirst),
            (100, 105, 95, 99, Extremes::HighFirst),
        ] {
            assert_eq!(Extremes::adaptive(&bar(o, h, l, c)), first, "{o} {h} {l} {c}");
        }
    }

    proptest! {
        #[test]
        fn at_the_moment_of_reaching_the_price_is_the_level(
            o in 1_000_i64..2_000, up in 0_i64..500, down in 0_i64..500, c in 0_i64..=100, level in 500_i64..2_500,
        ) {
            let (high, low) = (o + up, o - down);
            let close = low + (high - low) * c / 100;
            let mut bar = bar(o, high, low, close);
            bar.interval = Span::from_nanos(60_000_000_000);
            bar.ts_event = Ts::from_nanos(60_000_000_000);
            for extremes in [Extremes::HighFirst, Extremes::LowFirst] {
                let path = Path::new(&bar, extremes);
                let rising = level > o;
                let reached = (level != o).then(|| path.reaches(path.open().0, Price::from_raw(level), rising)).flatten();
                prop_assert_eq!(reached.is_some(), level != o && (low..=high).contains(&level));
                if let Some(moment) = reached {
                    let side = if rising { Side::Buy } else { Side::Sell };
                    // Half a unit of price takes more than a nanosecond here, so the rounding shows nowhere.
                    prop_assert_eq!(path.at(moment.ts, side).1.raw(), level);
                }
            }
        }
    }
}
