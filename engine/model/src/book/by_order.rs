//! A book that is told of orders one by one: its levels are the sums of them.

use super::{Book, FaultLaw, Left, Resting};
use crate::event::MarketException;
use crate::market::DepthFlags;
use crate::mbo::{MboAction, MboTick};
use crate::number::{Price, Qty};
use crate::order::Side;

impl Book {
    /// Takes an order-by-order row; gives what left a level by it. A row that cannot be true of the book changes
    /// nothing else: it is dealt with by the book's [`FaultLaw`] and said by [`Book::top`]. A book that lost
    /// messages takes nothing before the next snapshot.
    #[inline]
    pub fn apply_order(&mut self, row: &MboTick) -> Option<Left> {
        if self.orders.is_none() {
            self.clear();
            self.orders = Some(Box::default());
        }
        if row.flags.has(DepthFlags::CLEAR) {
            self.clear();
            self.lost = None;
        } else if row.flags.has(DepthFlags::GAP) {
            self.lost = Some(MarketException::BookGap);
        }
        let action = row.action.filter(|_| self.lost.is_none())?;
        match self.change_order(action, row) {
            Ok(left) => left,
            Err(exception) => {
                match self.law.faults {
                    FaultLaw::Suspend => self.lost = Some(exception),
                    FaultLaw::Skip => self.fault = Some(exception),
                }
                None
            }
        }
    }

    fn change_order(&mut self, action: MboAction, row: &MboTick) -> Result<Option<Left>, MarketException> {
        let Self { orders: Some(orders), .. } = self else { return Ok(None) };
        let found = orders.find(row.order_id);
        let known = || found.ok_or(MarketException::UnknownOrder);
        match action {
            MboAction::Add => {
                let side = row.side.ok_or(MarketException::ImpossibleOrder)?;
                if found.is_some() {
                    return Err(MarketException::DuplicateOrder);
                }
                self.join(row.order_id, side, (row.px, row.qty)).map(|()| None)
            }
            MboAction::Modify => {
                let order = known()?;
                if row.px <= Price::ZERO || row.qty <= Qty::ZERO {
                    return Err(MarketException::ImpossibleOrder);
                }
                if row.px == order.px && row.qty <= order.qty {
                    let lost = Qty::from_raw(order.qty.raw() - row.qty.raw());
                    return Ok(self.leave(order, lost, false));
                }
                // Checked before anything changes: nothing is changed by half.
                let there = if row.px == order.px { order.qty.raw() } else { 0 };
                self.room(order.side, row.px, Qty::from_raw(row.qty.raw() - there.min(row.qty.raw())))?;
                let left = self.leave(order, order.qty, false);
                self.join(row.order_id, order.side, (row.px, row.qty)).map(|()| left)
            }
            MboAction::Cancel => {
                let order = known()?;
                let qty = if row.qty == Qty::ZERO { order.qty } else { row.qty };
                self.leave_checked(order, qty, false)
            }
            MboAction::Execute => self.leave_checked(known()?, row.qty, true),
        }
    }

    fn leave_checked(&mut self, order: Resting, qty: Qty, executed: bool) -> Result<Option<Left>, MarketException> {
        if qty <= Qty::ZERO {
            return Err(MarketException::ImpossibleOrder);
        }
        if qty > order.qty {
            return Err(MarketException::ExcessQty);
        }
        Ok(self.leave(order, qty, executed))
    }

    /// A part of an order leaves, at most all of it.
    fn leave(&mut self, order: Resting, qty: Qty, executed: bool) -> Option<Left> {
        if qty == Qty::ZERO {
            return None;
        }
        if let Some(orders) = &mut self.orders {
            orders.reduce(order.order_id, Qty::from_raw(order.qty.raw() - qty.raw()));
        }
        let shown = self.qty_at(order.side, order.px);
        assert!(shown >= qty, "a level is the sum of its orders");
        self.set(order.side, order.px, Qty::from_raw(shown.raw() - qty.raw()));
        Some(Left { order, qty, executed })
    }

    fn join(&mut self, order_id: u64, side: Side, (px, qty): (Price, Qty)) -> Result<(), MarketException> {
        if px <= Price::ZERO || qty <= Qty::ZERO {
            return Err(MarketException::ImpossibleOrder);
        }
        let shown = self.room(side, px, qty)?;
        if let Some(orders) = &mut self.orders {
            orders.join(order_id, side, px, qty);
        }
        self.set(side, px, shown);
        Ok(())
    }

    /// What a level shows with `qty` more, if that can be held.
    fn room(&self, side: Side, px: Price, qty: Qty) -> Result<Qty, MarketException> {
        self.qty_at(side, px).checked_add(qty).ok_or(MarketException::ImpossibleOrder)
    }

    /// Whether orders are told one by one.
    pub const fn is_by_order(&self) -> bool {
        self.orders.is_some()
    }

    /// Number of orders, where they are told one by one.
    pub fn order_count(&self) -> usize {
        self.orders.as_ref().map_or(0, |orders| orders.len())
    }

    /// An order, where they are told one by one.
    pub fn order(&self, order_id: u64) -> Option<Resting> {
        self.orders.as_ref()?.find(order_id)
    }

    /// The place that an order gets that joins now: every order with a smaller one was there before it.
    pub fn place_next(&self) -> u64 {
        self.orders.as_ref().map_or(0, |orders| orders.place_next())
    }

    /// The orders of a level, first to last, where they are told one by one.
    pub fn line(&self, side: Side, px: Price) -> impl Iterator<Item = Resting> {
        self.orders.iter().flat_map(move |orders| orders.line(side, px))
    }

    /// The orders of a side, best level first and each level first to last, where they are told one by one.
    pub fn queue(&self, side: Side) -> impl Iterator<Item = Resting> {
        self.levels(side).flat_map(move |level| self.line(side, level.px))
    }
}

/// The same levels and the same orders in the same lines.
impl PartialEq for Book {
    fn eq(&self, other: &Self) -> bool {
        let same_levels = self.bids == other.bids && self.asks == other.asks && self.lost == other.lost;
        let line =
            |book: &Self, side| book.queue(side).map(|order| (order.order_id, order.px, order.qty)).collect::<Vec<_>>();
        same_levels && [Side::Buy, Side::Sell].into_iter().all(|side| line(self, side) == line(other, side))
    }
}

impl Eq for Book {}

#[cfg(test)]
mod tests;
