//! An order book by price level, as one feed shows it.
//!
//! Enters: rows of depth messages. Leaves: the best levels, any level's quantity, and whether the book
//! can be believed. Invariants: no level is empty; each side stands in order of price; a book that lost
//! messages is not believed before the next snapshot. Memory is that of the levels in use. Used twice
//! per instrument: the venue's own book, and ours, which is behind by the feed's latency.

use crate::event::MarketException;
use crate::market::{DepthFlags, DepthTick, QuoteTick};
use crate::number::{Price, Qty};
use crate::order::Side;

/// A price level with something on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// Its price.
    pub px: Price,
    /// What is shown there, above zero.
    pub qty: Qty,
}

/// Price levels of both sides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Book {
    /// Rising, so that the best stands last, where most of what happens happens.
    bids: Vec<Level>,
    /// Falling, so that the best stands last.
    asks: Vec<Level>,
    /// Messages were lost since the last snapshot.
    lost: bool,
    /// Why the book was not believed after its last message.
    trouble: Option<MarketException>,
}

impl Book {
    /// Nothing is shown.
    pub const fn new() -> Self {
        Self { bids: Vec::new(), asks: Vec::new(), lost: false, trouble: None }
    }

    /// Takes a row of a message; gives the quantity that its level showed before.
    #[inline]
    pub fn apply(&mut self, row: &DepthTick) -> Qty {
        if row.flags.has(DepthFlags::CLEAR) {
            self.clear();
            self.lost = false;
        } else if row.flags.has(DepthFlags::GAP) {
            self.lost = true;
        }
        row.side.map_or(Qty::ZERO, |side| self.set(side, row.px, row.qty))
    }

    /// Sets a level; zero takes it away. Gives the quantity that it showed before.
    #[inline]
    pub fn set(&mut self, side: Side, px: Price, qty: Qty) -> Qty {
        let (levels, sign) = match side {
            Side::Buy => (&mut self.bids, 1),
            Side::Sell => (&mut self.asks, -1),
        };
        let place = place_of(levels, px, sign);
        match (levels.get_mut(place), qty > Qty::ZERO) {
            (Some(level), true) if level.px == px => std::mem::replace(&mut level.qty, qty),
            (Some(level), false) if level.px == px => {
                let before = level.qty;
                levels.remove(place);
                before
            }
            (_, true) => {
                levels.insert(place, Level { px, qty });
                Qty::ZERO
            }
            (_, false) => Qty::ZERO,
        }
    }

    /// Takes every level away.
    pub fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
    }

    /// The best level of a side.
    #[inline]
    pub fn best(&self, side: Side) -> Option<Level> {
        self.side(side).last().copied()
    }

    /// What is shown at a price.
    pub fn qty_at(&self, side: Side, px: Price) -> Qty {
        let (levels, sign) = (self.side(side), if side == Side::Buy { 1 } else { -1 });
        levels.get(place_of(levels, px, sign)).filter(|level| level.px == px).map_or(Qty::ZERO, |level| level.qty)
    }

    /// The levels of a side, best first.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = Level> {
        self.side(side).iter().rev().copied()
    }

    /// Number of levels of a side.
    pub fn depth(&self, side: Side) -> usize {
        self.side(side).len()
    }

    /// Whether messages were lost since the last snapshot.
    pub const fn is_lost(&self) -> bool {
        self.lost
    }

    /// After a whole message: best bid and offer, if the book can be believed and shows both.
    ///
    /// # Errors
    /// Why it cannot be believed, said once as it begins.
    #[inline]
    pub fn top(&mut self) -> Result<Option<(Level, Level)>, MarketException> {
        let trouble = self.trouble_now();
        let began = trouble.is_some() && trouble != self.trouble;
        self.trouble = trouble;
        match trouble {
            Some(exception) if began => Err(exception),
            Some(_) => Ok(None),
            None => Ok(self.best(Side::Buy).zip(self.best(Side::Sell))),
        }
    }

    /// Why the book cannot be believed as it stands.
    #[inline]
    pub fn trouble_now(&self) -> Option<MarketException> {
        if self.lost {
            return Some(MarketException::BookGap);
        }
        let (bid, ask) = (self.bids.last()?, self.asks.last()?);
        match bid.px.cmp(&ask.px) {
            std::cmp::Ordering::Less => None,
            std::cmp::Ordering::Equal => Some(MarketException::LockedBook),
            std::cmp::Ordering::Greater => Some(MarketException::CrossedBook),
        }
    }

    /// Best bid and offer in the form of a quote, zero where a side is empty.
    pub fn quote(&self, row: &DepthTick) -> QuoteTick {
        let nothing = Level { px: Price::ZERO, qty: Qty::ZERO };
        let (bid, ask) = (self.best(Side::Buy).unwrap_or(nothing), self.best(Side::Sell).unwrap_or(nothing));
        QuoteTick {
            instrument: row.instrument,
            ts_event: row.ts_event,
            ts_recv: row.ts_recv,
            bid_px: bid.px,
            ask_px: ask.px,
            bid_qty: bid.qty,
            ask_qty: ask.qty,
        }
    }

    fn side(&self, side: Side) -> &[Level] {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }
}

/// How many levels from the best are looked at one by one.
const NEAR: usize = 8;

/// Where a price stands or would stand; `sign` 1 for rising levels, -1 for falling ones.
#[inline]
fn place_of(levels: &[Level], px: Price, sign: i64) -> usize {
    let before = |level: &Level| sign * level.px.raw() < sign * px.raw();
    let far = levels.len().saturating_sub(NEAR);
    match levels[far..].iter().rposition(before) {
        Some(at) => far + at + 1,
        None => levels[..far].partition_point(before),
    }
}

#[cfg(test)]
mod tests;
