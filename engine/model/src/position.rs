//! Position modes: one signed position, or a long and a short one at once.
//!
//! Enters: nothing. Leaves: the words for a side of a position and for a trade in it. Invariant: in hedge
//! mode a long position is bought open and sold closed, a short one the other way round. Source: Binance
//! futures, `positionSide` and "hedge mode".

use crate::order::{OrderRequest, Side, numbered};

numbered! {
    /// How an account holds an instrument.
    #[derive(Default)]
    PositionMode {
        /// One signed position: what is sold closes what was bought.
        #[default]
        OneWay = 1 "one_way",
        /// A long and a short position beside each other; every order says which it means.
        Hedge = 2 "hedge",
    }
}

impl PositionMode {
    /// How many positions an instrument has.
    pub const fn sides(self) -> usize {
        self.all().len()
    }

    /// The positions of an instrument: the only one, or the long one and the short one.
    pub const fn all(self) -> &'static [Option<PositionSide>] {
        match self {
            Self::OneWay => &[None],
            Self::Hedge => &[Some(PositionSide::Long), Some(PositionSide::Short)],
        }
    }

    /// Whether an order says what it must: in hedge mode which position it means, and never that it is
    /// reduce-only, as its side says that; in one-way mode no position.
    pub const fn admits(self, request: &OrderRequest) -> bool {
        match self {
            Self::OneWay => request.terms.position_side.is_none(),
            Self::Hedge => request.terms.position_side.is_some() && !request.reduce_only,
        }
    }
}

numbered! {
    /// One of the two positions of hedge mode (Binance `positionSide`).
    PositionSide {
        /// Bought open, sold closed; its quantity is never below zero.
        Long = 1 "long",
        /// Sold open, bought closed; its quantity is never above zero.
        Short = 2 "short",
    }
}

impl PositionSide {
    /// The side of an order that opens it.
    pub const fn opened_by(self) -> Side {
        match self {
            Self::Long => Side::Buy,
            Self::Short => Side::Sell,
        }
    }

    /// Whether an order of this side can only close it.
    pub const fn is_closed_by(self, side: Side) -> bool {
        !matches!((self, side), (Self::Long, Side::Buy) | (Self::Short, Side::Sell))
    }

    /// The one that a trade of this side closes: `Sell` closes the long one.
    pub const fn closed_by(side: Side) -> Self {
        match side {
            Side::Sell => Self::Long,
            Side::Buy => Self::Short,
        }
    }

    /// The one with such a quantity; `None` for zero.
    pub const fn of_qty(raw: i64) -> Option<Self> {
        match raw {
            1.. => Some(Self::Long),
            0 => None,
            _ => Some(Self::Short),
        }
    }

    /// 0 for long, 1 for short: the place of its cell beside the other one.
    pub const fn place(self) -> usize {
        match self {
            Self::Long => 0,
            Self::Short => 1,
        }
    }
}

/// A trade: buy or sell, and in hedge mode of which position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deal {
    /// Buy or sell.
    pub side: Side,
    /// Which position; `None` in one-way mode.
    pub position_side: Option<PositionSide>,
}

impl From<Side> for Deal {
    fn from(side: Side) -> Self {
        Self { side, position_side: None }
    }
}

impl Deal {
    /// Every deal, in order of number.
    pub const ALL: [Self; 6] = {
        const fn deal(side: Side, position_side: Option<PositionSide>) -> Deal {
            Deal { side, position_side }
        }
        [
            deal(Side::Buy, None),
            deal(Side::Sell, None),
            deal(Side::Buy, Some(PositionSide::Long)),
            deal(Side::Sell, Some(PositionSide::Long)),
            deal(Side::Buy, Some(PositionSide::Short)),
            deal(Side::Sell, Some(PositionSide::Short)),
        ]
    };

    /// The number in the journal: that of the side, and 2 more for long, 4 more for short.
    pub const fn number(self) -> u8 {
        let more = match self.position_side {
            None => 0,
            Some(side) => 2 * side.number(),
        };
        self.side.number() + more
    }

    /// The deal of a number in the journal.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number).checked_sub(1)?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deal_has_a_number_of_its_own() {
        for (deal, number) in Deal::ALL.into_iter().zip(1..) {
            assert_eq!((deal.number(), Deal::from_number(number)), (number, Some(deal)));
        }
        assert_eq!((Deal::from_number(0), Deal::from_number(7)), (None, None));
        assert_eq!(Deal::from(Side::Sell).number(), Side::Sell.number());
    }

    #[test]
    fn a_side_knows_what_opens_and_closes_it() {
        for side in PositionSide::ALL {
            let (opens, closes) = (side.opened_by(), side.opened_by().opposite());
            assert!(side.is_closed_by(closes) && !side.is_closed_by(opens));
            assert_eq!(PositionSide::closed_by(closes), *side);
            assert_eq!(PositionSide::of_qty(opens.sign()), Some(*side));
        }
        assert_eq!(PositionSide::of_qty(0), None);
    }
}
