//! What few orders have: a trigger that looks elsewhere, a trail, a hidden part, a place in a group.
//!
//! Enters: nothing. Leaves: the terms of an order beside its kind and prices. Invariant: the default is
//! an ordinary order. Deliberately absent: what a venue does with them.

use crate::ids::{ClientOrderId, StrategyIx};
use crate::number::{Price, Qty};
use crate::order::{OrderKind, OrderRequest, Side, TimeInForce, numbered};
use crate::position::PositionSide;

numbered! {
    /// Which price a trigger looks at (FIX 1107; Binance `workingType`).
    #[derive(Default)]
    TriggerBy {
        /// The price at which the order would trade: the bar's path, the print, the side of the quote or
        /// book that it would take.
        #[default]
        Last = 1 "last",
        /// The venue's mark price.
        Mark = 2 "mark",
        /// The index price.
        Index = 3 "index",
    }
}

/// How far a trailing stop stays behind the best price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trail {
    /// A distance in price; above zero.
    Px(Price),
    /// A part of the best price, in hundredths of a percent; from 1 to [`Trail::BPS_MAX`]. Binance's
    /// `callbackRate` of 1 (percent) is 100.
    Bps(u32),
}

impl Trail {
    /// Half of the price: beyond that no venue lets a stop trail.
    pub const BPS_MAX: u32 = 5_000;

    /// Whether the distance makes sense.
    pub const fn is_valid(self) -> bool {
        match self {
            Self::Px(distance) => distance.raw() > 0,
            Self::Bps(bps) => bps >= 1 && bps <= Self::BPS_MAX,
        }
    }

    /// Where a stop on `side` triggers whose best price so far is `best`: for a sale below it, for a buy
    /// above it. To the tick away from the best price, so that what fills there is never better than the
    /// exact distance; at least one tick. Rises with the best price and falls with it.
    pub fn trigger_px(self, best: Price, side: Side, tick: Price) -> Price {
        let away = i128::from(side.sign());
        let exact = match self {
            Self::Px(distance) => i128::from(best.raw()) + away * i128::from(distance.raw()),
            Self::Bps(bps) => {
                let scaled = i128::from(best.raw()) * (10_000 + away * i128::from(bps));
                match side {
                    Side::Sell => scaled.div_euclid(10_000),
                    Side::Buy => -(-scaled).div_euclid(10_000),
                }
            }
        };
        // Half of the range leaves room for the tick.
        let held = Price::from_raw(exact.clamp(0, i128::from(i64::MAX / 2)) as i64);
        match side {
            Side::Buy => held.ceil_to(tick).max(tick),
            Side::Sell => held.floor_to(tick).max(tick),
        }
    }
}

/// The part of an iceberg order that shows (FIX 1138).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Display {
    /// How much shows at a time; above zero.
    pub qty: Qty,
    /// By how much of itself the shown quantity varies at most, either way, in hundredths of a percent; at
    /// most 10,000. Zero: it is always the same.
    pub variance_bps: u16,
}

numbered! {
    /// How the orders of a group hang together (FIX 1385).
    GroupKind {
        /// One cancels the other: two orders of the same side and quantity.
        Oco = 1 "oco",
        /// One triggers the other: a parent, and a child that waits for its fills.
        Oto = 2 "oto",
        /// A parent, and a pair of children that wait for its fills and of which one cancels the other.
        Bracket = 3 "bracket",
    }
}

impl GroupKind {
    /// How many orders such a group has.
    pub const fn legs(self) -> u8 {
        match self {
            Self::Oco | Self::Oto => 2,
            Self::Bracket => 3,
        }
    }
}

/// An order's place in its group. The orders of a group have numbers in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupLeg {
    /// What kind of group.
    pub kind: GroupKind,
    /// Its place from 0; a parent is the first.
    pub leg: u8,
    /// Number of the group's first order.
    pub first: u32,
}

impl GroupLeg {
    /// Whether it waits for its parent's fills.
    pub const fn is_child(self) -> bool {
        match self.kind {
            GroupKind::Oco => false,
            GroupKind::Oto | GroupKind::Bracket => self.leg > 0,
        }
    }

    /// Whether others wait for its fills.
    pub const fn is_parent(self) -> bool {
        match self.kind {
            GroupKind::Oco => false,
            GroupKind::Oto | GroupKind::Bracket => self.leg == 0,
        }
    }

    /// The number of the order that it cancels, and that cancels it.
    pub const fn sibling(self) -> Option<u32> {
        match (self.kind, self.leg) {
            (GroupKind::Oco, 0) | (GroupKind::Bracket, 2) => Some(self.first.saturating_add(1)),
            (GroupKind::Oco, 1) => Some(self.first),
            (GroupKind::Bracket, 1) => Some(self.first.saturating_add(2)),
            (GroupKind::Oco | GroupKind::Bracket | GroupKind::Oto, _) => None,
        }
    }

    /// Whether another order of the same strategy belongs to the same group.
    pub const fn is_with(self, other: Self) -> bool {
        self.first == other.first
    }

    /// Whether the place exists and the number of the order goes with it.
    pub const fn is_place_of(self, id: ClientOrderId) -> bool {
        self.leg < self.kind.legs()
            && match self.first.checked_add(self.leg as u32) {
                Some(number) => number == id.number && self.first > 0,
                None => false,
            }
    }

    /// The names of the whole group's orders, of a strategy.
    pub fn ids(self, strategy: StrategyIx) -> impl Iterator<Item = ClientOrderId> {
        (0..self.kind.legs())
            .map(move |leg| ClientOrderId { strategy, number: self.first.saturating_add(u32::from(leg)) })
    }
}

/// Whether requests may stand as one group: of one instrument and quantity; a pair on one side and of
/// kinds that can wait; in hedge mode of one position; what waits for a parent opposite to it, and not post-only, as it must be able to
/// stand whatever the market is by then.
pub fn may_group(kind: GroupKind, legs: &[OrderRequest]) -> bool {
    let Some(first) = legs.first().filter(|_| legs.len() == usize::from(kind.legs())) else { return false };
    let waits = |request: &OrderRequest| {
        let lasting = match request.time_in_force {
            TimeInForce::Gtc | TimeInForce::Gtd(_) | TimeInForce::Day => true,
            TimeInForce::Ioc | TimeInForce::Fok => false,
        };
        lasting && request.kind != OrderKind::Market
    };
    let with_first = |request: &OrderRequest, side: Side| {
        request.instrument == first.instrument
            && request.order_qty == first.order_qty
            && request.side == side
            && request.terms.position_side == first.terms.position_side
    };
    match kind {
        GroupKind::Oco => legs.iter().all(|request| waits(request) && with_first(request, first.side)),
        GroupKind::Oto | GroupKind::Bracket => legs
            .iter()
            .skip(1)
            .all(|request| waits(request) && !request.post_only && with_first(request, first.side.opposite())),
    }
}

/// What few orders have. The default is an ordinary order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Terms {
    /// What its trigger looks at, if it has one.
    pub trigger_by: TriggerBy,
    /// A trailing stop begins to trail when the price reaches this, a sale from below, a buy from above;
    /// `None`: at once.
    pub activation_px: Option<Price>,
    /// How much of it shows while it rests; `None`: all of it.
    pub display: Option<Display>,
    /// A post-only order that would take is moved to the best price at which it does not, instead of being
    /// refused.
    pub reprice: bool,
    /// Which position it trades in hedge mode; `None` in one-way mode.
    pub position_side: Option<PositionSide>,
    /// Its place in a group of orders; given by the context.
    pub group: Option<GroupLeg>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_trail_rounds_away_from_the_best_price() {
        let px = Price::from_raw;
        for (trail, best, side, expected) in [
            (Trail::Px(px(30)), 1_000, Side::Sell, 970),
            (Trail::Px(px(33)), 1_000, Side::Sell, 960),
            (Trail::Px(px(33)), 1_000, Side::Buy, 1_040),
            // 1 % of 1,005 is 10.05: 994.95 and 1,015.05.
            (Trail::Bps(100), 1_005, Side::Sell, 990),
            (Trail::Bps(100), 1_005, Side::Buy, 1_020),
            (Trail::Bps(100), 1_000, Side::Buy, 1_010),
            (Trail::Px(px(2_000)), 1_000, Side::Sell, 10),
        ] {
            assert_eq!(trail.trigger_px(px(best), side, px(10)), px(expected), "{trail:?} {best} {side}");
        }
    }

    #[test]
    fn legs_know_each_other() {
        let leg = |kind, leg| GroupLeg { kind, leg, first: 7 };
        assert_eq!(leg(GroupKind::Oco, 0).sibling(), Some(8));
        assert_eq!(leg(GroupKind::Oco, 1).sibling(), Some(7));
        assert_eq!(leg(GroupKind::Oto, 1).sibling(), None);
        assert_eq!(leg(GroupKind::Bracket, 0).sibling(), None);
        assert_eq!(leg(GroupKind::Bracket, 1).sibling(), Some(9));
        assert_eq!(leg(GroupKind::Bracket, 2).sibling(), Some(8));
        assert!(leg(GroupKind::Bracket, 2).is_child() && !leg(GroupKind::Oco, 1).is_child());
        assert!(leg(GroupKind::Oto, 0).is_parent() && !leg(GroupKind::Oco, 0).is_parent());
        let id = |number| ClientOrderId { strategy: StrategyIx(0), number };
        assert!(leg(GroupKind::Oto, 1).is_place_of(id(8)));
        assert!(!leg(GroupKind::Oto, 1).is_place_of(id(7)) && !leg(GroupKind::Oto, 2).is_place_of(id(9)));
        assert_eq!(leg(GroupKind::Bracket, 1).ids(StrategyIx(0)).map(|id| id.number).collect::<Vec<_>>(), [7, 8, 9]);
    }

    proptest! {
        #[test]
        fn a_trigger_moves_with_the_best_price_and_never_past_it(
            best in 1_i64..1_000_000, more in 0_i64..10_000, distance in 1_i64..100_000, tick in 1_i64..100, is_bps: bool,
        ) {
            let trail = if is_bps { Trail::Bps(distance as u32 % Trail::BPS_MAX + 1) } else { Trail::Px(Price::from_raw(distance)) };
            let at = |best: i64, side| trail.trigger_px(Price::from_raw(best), side, Price::from_raw(tick)).raw();
            for side in [Side::Buy, Side::Sell] {
                prop_assert!(at(best, side) <= at(best + more, side));
                prop_assert!((at(best, side) - best) * side.sign() > 0 || (side == Side::Sell && at(best, side) == tick));
            }
        }
    }
}
