//! Matching on an order book: takers walk the venue's own levels, makers stand in line.
//!
//! Enters: rows of depth, prints, orders that arrive. Leaves: reports. Invariants: what we took of a
//! level is not there again before the feed tells of that level anew (the refill rule); our orders take
//! no more of a print or a level than it shows, but where the scenario wants makers filled whole; a
//! resting order fills at its own limit, with a print through it, with a print at it after what stood
//! before it, or when the opposite side of the book reaches it; nothing is matched on a book that lost
//! messages, is crossed or locked.

use tapedeck_model::order::{CancelReason, FillBasis};
use tapedeck_model::port::QueueModel;
use tapedeck_model::{
    Book, DepthFlags, DepthTick, Level, Liquidity, Price, Qty, QuoteTick, RecordRef, Side, TimeInForce, TradeTick, Ts,
};

use super::desk::{Desk, Stance, Working};
use super::fills::{Hand, Offer, Terms};
use super::queue::Place;
use super::scene::Scene;
use super::{MakerFill, VenueError};

/// The venue's book of one instrument, and what we took of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Depth {
    book: Book,
    /// What we took of levels since the feed last told of them.
    taken: Vec<(Side, Level)>,
    /// The last row.
    at: RecordRef,
    /// Whether the message under way began a snapshot.
    anew: bool,
}

impl Depth {
    /// Takes a row; gives what its level showed before.
    #[inline]
    pub(super) fn apply(&mut self, at: RecordRef, row: &DepthTick) -> Qty {
        self.at = at;
        if row.flags.has(DepthFlags::CLEAR) {
            self.taken.clear();
            self.anew = true;
        }
        if !self.taken.is_empty() {
            self.taken.retain(|(side, level)| Some(*side) != row.side || level.px != row.px);
        }
        self.book.apply(row)
    }

    /// The best price that is left of a side, if the book can be believed.
    pub(super) fn best_px(&self, side: Side) -> Option<Price> {
        if self.is_believed() { self.book.best(side).map(|level| level.px) } else { None }
    }

    /// Best levels as a quote, once the book is believed and shows both.
    #[inline]
    pub(super) fn quote(&self, row: &DepthTick) -> Option<QuoteTick> {
        let both = self.book.best(Side::Buy).is_some() && self.book.best(Side::Sell).is_some();
        (both && self.is_believed()).then(|| self.book.quote(row))
    }

    /// Whether the message under way began a snapshot that no order has looked at.
    pub(super) const fn is_anew(&self) -> bool {
        self.anew
    }

    #[inline]
    fn is_believed(&self) -> bool {
        self.book.trouble_now().is_none()
    }

    /// What is left of a level.
    fn left_of(&self, side: Side, level: Level) -> Qty {
        let taken = self.taken.iter().find(|(other, at)| *other == side && at.px == level.px);
        Qty::from_raw(level.qty.raw() - taken.map_or(0, |(_, taken)| taken.qty.raw()))
    }

    fn take(&mut self, side: Side, px: Price, qty: Qty) {
        match self.taken.iter_mut().find(|(other, at)| *other == side && at.px == px) {
            Some((_, taken)) => taken.qty = Qty::from_raw(taken.qty.raw() + qty.raw()),
            None => self.taken.push((side, Level { px, qty })),
        }
    }

    /// The `nth` level of a side, best first, with what is left of it.
    fn level(&self, side: Side, nth: usize) -> Option<(Level, Qty)> {
        self.book.levels(side).nth(nth).map(|level| (level, self.left_of(side, level)))
    }

    /// What is left on a side at a price that `order` accepts.
    fn left_within(&self, order: &Working, limit: Option<Price>) -> Qty {
        let side = order.request.side.opposite();
        let reached = self.book.levels(side).take_while(|level| limit.is_none_or(|px| order.within(level.px, px)));
        let sum = reached.fold(0_i64, |sum, level| sum.saturating_add(self.left_of(side, level).raw()));
        Qty::from_raw(sum)
    }

    /// Where a resting order stands that comes now.
    fn join(&self, order: &Working, limit: Price) -> Place {
        Place::behind(self.book.qty_at(order.request.side, limit))
    }
}

/// A level changed: those who rest there may move up.
#[inline]
pub(super) fn move_up(desk: &mut Desk, row: &DepthTick, before: Qty, model: &dyn QueueModel) {
    let Some(side) = row.side else { return };
    if !desk.may_rest_at(side, row.px) {
        return;
    }
    for order in &mut desk.orders {
        if order.request.side == side && order.stance() == Stance::Limit(row.px) {
            let unit = tapedeck_model::number::pow10(desk.instrument.qty_scale) as f64;
            order.place.level_changed((before, row.qty), unit, model);
        }
    }
}

/// A message is whole and may concern an order: every order meets the book.
///
/// # Errors
/// [`VenueError::Overflow`].
pub(super) fn on_message(scene: &mut Scene<'_>, ts: Ts) -> Result<(), VenueError> {
    let Scene { desk, slippage, fees, funds, trade_id_last, out, maker_fill } = scene;
    let Desk { instrument, orders, positions, depth, observations, .. } = &mut **desk;
    if std::mem::take(&mut depth.anew) {
        for order in orders.iter_mut() {
            if let Stance::Limit(limit) = order.stance() {
                order.place.cap(depth.book.qty_at(order.request.side, limit));
            }
        }
    }
    if depth.is_believed() {
        let terms = Terms { instrument, slippage: *slippage, fees: *fees };
        let mut hand = Hand { positions, funds, trade_id_last, out };
        for order in orders.iter_mut().filter(|order| !order.done) {
            let fresh = order.arrived_at == *observations;
            Meeting { depth: &mut *depth, maker_fill: *maker_fill, ts, fresh }.meet(&terms, &mut hand, order)?;
        }
        *observations += 1;
    }
    Ok(())
}

/// The last order has just arrived and meets the book, if that can be believed.
///
/// # Errors
/// [`VenueError::Overflow`].
pub(super) fn on_arrival(scene: &mut Scene<'_>, now: Ts) -> Result<(), VenueError> {
    let Scene { desk, slippage, fees, funds, trade_id_last, out, maker_fill } = scene;
    let Desk { instrument, orders, positions, depth, observations, .. } = &mut **desk;
    let Some(order) = orders.last_mut() else { return Ok(()) };
    if !depth.is_believed() {
        return Ok(());
    }
    let terms = Terms { instrument, slippage: *slippage, fees: *fees };
    let mut hand = Hand { positions, funds, trade_id_last, out };
    Meeting { depth, maker_fill: *maker_fill, ts: now, fresh: true }.meet(&terms, &mut hand, order)?;
    // It has seen the book; the next message finds it resting.
    order.arrived_at = *observations - 1;
    Ok(())
}

/// An order and the book.
struct Meeting<'a> {
    depth: &'a mut Depth,
    maker_fill: MakerFill,
    ts: Ts,
    /// Whether the order meets a book for the first time.
    fresh: bool,
}

impl Meeting<'_> {
    fn meet(&mut self, terms: &Terms<'_>, hand: &mut Hand<'_>, order: &mut Working) -> Result<(), VenueError> {
        let opposite = order.request.side.opposite();
        if let Stance::Stop(trigger) = order.stance() {
            let Some(px) = self.depth.best_px(opposite) else { return Ok(()) };
            if !order.fires(px, trigger) {
                return Ok(());
            }
            hand.trigger(order, self.ts);
            self.fresh = true;
        }
        match order.stance() {
            Stance::Limit(limit) if !self.fresh => self.cross(terms, hand, order, limit),
            Stance::Limit(limit) if order.request.post_only => {
                order.place = self.depth.join(order, limit);
                Ok(())
            }
            Stance::Limit(limit) => self.take(terms, hand, order, Some(limit)),
            Stance::Market | Stance::Stop(_) => self.take(terms, hand, order, None),
        }
    }

    /// The order takes level by level what it can; what is left of a limit order rests.
    fn take(
        &mut self,
        terms: &Terms<'_>,
        hand: &mut Hand<'_>,
        order: &mut Working,
        limit: Option<Price>,
    ) -> Result<(), VenueError> {
        let side = order.request.side.opposite();
        let whole =
            order.request.time_in_force != TimeInForce::Fok || self.depth.left_within(order, limit) >= order.leaves();
        let mut nth = 0;
        while let Some((level, left)) = self.depth.level(side, nth).filter(|_| whole && !order.done) {
            nth += 1;
            if limit.is_some_and(|limit| !order.within(level.px, limit)) {
                break;
            }
            if left <= Qty::ZERO {
                continue;
            }
            let offer = Offer {
                record: self.depth.at,
                ts: self.ts,
                basis: FillBasis::BookTake,
                liquidity: Liquidity::Taker,
                reference_px: level.px,
                limit_px: limit,
                available_qty: Some(left),
                market_qty: level.qty,
                queue_entry_qty: Qty::ZERO,
                queue_ahead_qty: Qty::ZERO,
                // The level's own price is the price: the half of the spread is paid.
                half_spread: Some(Price::ZERO),
                more_follow: true,
            };
            let filled = hand.execute(terms, order, &offer)?;
            self.depth.take(side, level.px, filled);
        }
        hand.end_if_immediate(order, self.ts);
        match limit {
            Some(limit) if !order.done => order.place = self.depth.join(order, limit),
            None if !order.done => hand.cancel(order, self.ts, CancelReason::NoLiquidity),
            Some(_) | None => {}
        }
        Ok(())
    }

    /// A resting order fills at its limit where the opposite side of the book has come to it.
    fn cross(
        &mut self,
        terms: &Terms<'_>,
        hand: &mut Hand<'_>,
        order: &mut Working,
        limit: Price,
    ) -> Result<(), VenueError> {
        let side = order.request.side.opposite();
        let left = match self.maker_fill {
            MakerFill::Partial => self.depth.left_within(order, Some(limit)),
            MakerFill::Whole if self.depth.best_px(side).is_some_and(|px| order.within(px, limit)) => order.leaves(),
            MakerFill::Whole => Qty::ZERO,
        };
        if left <= Qty::ZERO {
            return Ok(());
        }
        let offer = maker_offer((self.depth.at, self.ts), order, (FillBasis::BookCross, limit, left));
        let mut filled = hand.execute(terms, order, &offer)?;
        let mut nth = 0;
        while let Some((level, left)) = self.depth.level(side, nth).filter(|_| filled > Qty::ZERO) {
            let part = left.min(filled);
            if part > Qty::ZERO {
                self.depth.take(side, level.px, part);
                filled = Qty::from_raw(filled.raw() - part.raw());
            }
            nth += 1;
        }
        Ok(())
    }
}

/// A print may concern an order that rests.
///
/// # Errors
/// [`VenueError::Overflow`].
pub(super) fn on_trade(scene: &mut Scene<'_>, at: RecordRef, trade: &TradeTick) -> Result<(), VenueError> {
    let Scene { desk, slippage, fees, funds, trade_id_last, out, maker_fill } = scene;
    let Desk { instrument, orders, positions, depth, .. } = &mut **desk;
    if !depth.is_believed() {
        return Ok(());
    }
    let lot = instrument.rules_at(trade.ts_event).lot_size;
    let terms = Terms { instrument, slippage: *slippage, fees: *fees };
    let mut hand = Hand { positions, funds, trade_id_last, out };
    let mut taken = Qty::ZERO;
    for order in orders.iter_mut().filter(|order| !order.done && trade.aggressor != Some(order.request.side)) {
        let Stance::Limit(limit) = order.stance() else { continue };
        if !order.within(trade.px, limit) {
            continue;
        }
        let ahead = order.place.ahead_qty();
        let (basis, served) = if trade.px == limit {
            (FillBasis::TradeQueue, order.place.serve(trade.qty, lot))
        } else {
            order.place.reach();
            (FillBasis::TradeThrough, trade.qty)
        };
        let left = match maker_fill {
            // What our earlier orders took stood behind the same queue.
            MakerFill::Partial => Qty::from_raw(served.raw() - taken.raw()),
            MakerFill::Whole if served > Qty::ZERO => order.leaves(),
            MakerFill::Whole => Qty::ZERO,
        };
        if left <= Qty::ZERO {
            continue;
        }
        let offer = maker_offer((at, trade.ts_event), order, (basis, limit, left));
        let filled = hand.execute(&terms, order, &Offer { queue_ahead_qty: ahead, market_qty: trade.qty, ..offer })?;
        taken = Qty::from_raw(taken.raw().saturating_add(filled.raw()));
    }
    Ok(())
}

/// What a resting order is offered at its own limit.
fn maker_offer(
    (record, ts): (RecordRef, Ts),
    order: &Working,
    (basis, limit, available): (FillBasis, Price, Qty),
) -> Offer {
    Offer {
        record,
        ts,
        basis,
        liquidity: Liquidity::Maker,
        reference_px: limit,
        limit_px: Some(limit),
        available_qty: Some(available),
        market_qty: available,
        queue_entry_qty: order.place.entry_qty(),
        queue_ahead_qty: order.place.ahead_qty(),
        half_spread: None,
        more_follow: false,
    }
}
