//! Matching on an order book: takers walk the venue's own levels, makers stand in line.
//!
//! Enters: rows of depth, best bids and offers beside them, prints, orders that arrive. Leaves: reports. Invariants: what we took of a
//! level is not there again before the feed tells of that level anew (the refill rule); our orders take
//! no more of a print or a level than it shows, but where the scenario wants makers filled whole; a
//! resting order fills at its own limit, with a print through it, with a print at it after what stood
//! before it, or when the opposite side of the book reaches it; nothing is matched on a book that lost
//! messages, is crossed or locked.

pub(super) mod by_order;

use tapedeck_model::book::Change;
use tapedeck_model::order::{CancelReason, FillBasis};
use tapedeck_model::port::QueueModel;
use tapedeck_model::{
    Book, BookLaw, DepthFlags, DepthTick, Level, Liquidity, Price, Qty, QuoteTick, RecordRef, Side, TimeInForce,
    TradeTick, Ts,
};

use super::desk::{Desk, Stance, Working};
use super::fills::{Hand, Offer, Terms};
use super::queue::Place;
use super::scene::{Parts, Scene};
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
    /// Levels that the quote at hand changed.
    changes: Vec<(Side, Change)>,
    /// Where orders are told one by one.
    by_order: by_order::State,
}

/// What a taker meets: a level, or where they are told one by one an order of it.
#[derive(Debug, Clone, Copy)]
struct Standing {
    px: Price,
    /// What it shows.
    qty: Qty,
    /// What is left of that.
    left: Qty,
    /// The order.
    order_id: Option<u64>,
}

impl Depth {
    pub(super) fn new(law: BookLaw) -> Self {
        Self { book: Book::with_law(law), ..Self::default() }
    }

    /// How its book is kept.
    pub(super) const fn law(&self) -> BookLaw {
        self.book.law()
    }

    /// Takes a best bid and offer, which may count for the book. Whether it does.
    fn tell(&mut self, at: RecordRef, quote: &QuoteTick) -> bool {
        let Self { book, changes, .. } = self;
        changes.clear();
        let counts = book.tell(quote, |side, change| changes.push((side, change)));
        if !self.changes.is_empty() {
            self.at = at;
            // It tells of these levels anew.
            let told = |side: Side, px: Price| self.changes.iter().any(|(s, change)| *s == side && change.px == px);
            self.taken.retain(|(side, level)| !told(*side, level.px));
        }
        counts
    }

    /// Takes a row; gives what its level showed before.
    #[inline]
    pub(super) fn apply(&mut self, at: RecordRef, row: &DepthTick) -> Qty {
        self.at = at;
        if row.flags.has(DepthFlags::CLEAR) {
            self.taken.clear();
            self.anew = true;
        }
        if let Some(side) = row.side {
            self.refill(side, row.px);
        }
        let before = self.book.apply(row);
        if row.flags.has(DepthFlags::LAST) {
            self.book.end_message(row);
        }
        before
    }

    /// Rows that only change levels come, the last of them at `at`.
    pub(super) const fn begin_levels(&mut self, at: RecordRef) {
        self.at = at;
    }

    /// Takes one of them; gives what its level showed before.
    #[inline]
    pub(super) fn set_level(&mut self, side: Side, px: Price, qty: Qty) -> Qty {
        self.refill(side, px);
        self.book.set_told(side, px, qty)
    }

    /// The feed tells of a level anew.
    #[inline]
    fn refill(&mut self, side: Side, px: Price) {
        if !self.taken.is_empty() {
            self.taken.retain(|(other, level)| *other != side || level.px != px);
        }
    }

    /// The best price that is left of a side, if the book can be believed.
    pub(super) fn best_px(&self, side: Side) -> Option<Price> {
        if self.is_believed() { self.book.best(side).map(|level| level.px) } else { None }
    }

    /// Best bid and ask, if the book can be believed; of a side that shows nothing the price that no order reaches.
    #[inline]
    pub(super) fn top(&self) -> Option<(Price, Price)> {
        if !self.is_believed() {
            return None;
        }
        let bid = self.book.best(Side::Buy).map_or(Price::from_raw(i64::MIN), |level| level.px);
        Some((bid, self.book.best(Side::Sell).map_or(Price::from_raw(i64::MAX), |level| level.px)))
    }

    /// The next message is to be looked at as if it began a snapshot.
    pub(super) const fn look_again(&mut self) {
        self.anew = true;
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

    fn take(&mut self, side: Side, Standing { px, order_id, .. }: Standing, qty: Qty) {
        if let Some(order_id) = order_id {
            return self.by_order.take(order_id, qty);
        }
        match self.taken.iter_mut().find(|(other, at)| *other == side && at.px == px) {
            Some((_, taken)) => taken.qty = Qty::from_raw(taken.qty.raw() + qty.raw()),
            None => self.taken.push((side, Level { px, qty })),
        }
    }

    /// The `nth` of what stands on a side, best first.
    fn standing(&self, side: Side, nth: usize) -> Option<Standing> {
        if self.book.is_by_order() {
            return self.book.queue(side).nth(nth).map(|order| self.by_order.standing(order));
        }
        self.book.levels(side).nth(nth).map(|level| {
            let (Level { px, qty }, left) = (level, self.left_of(side, level));
            Standing { px, qty, left, order_id: None }
        })
    }

    /// What is left on a side at a price that `order` accepts.
    fn left_within(&self, order: &Working, limit: Price) -> Qty {
        let side = order.request.side.opposite();
        let reached = self.book.levels(side).take_while(|level| order.within(level.px, limit));
        let left = |level: Level| {
            let by_order = self.book.is_by_order();
            if by_order { self.by_order.left_of(self.book.line(side, level.px)) } else { self.left_of(side, level) }
        };
        let sum = reached.fold(0_i64, |sum, level| sum.saturating_add(left(level).raw()));
        Qty::from_raw(sum)
    }

    /// Where a resting order stands that comes now.
    fn join(&self, order: &Working, limit: Price) -> Place {
        Place::behind(self.book.qty_at(order.request.side, limit)).joined_at(self.book.place_next())
    }
}

/// A level changed: those who rest there may move up.
#[inline(always)]
#[expect(clippy::inline_always, reason = "for every row of a book, and few rows are where an order may rest")]
pub(super) fn move_up(desk: &mut Desk, side: Side, change: Change, model: &dyn QueueModel) {
    if desk.may_rest_at(side, change.px) {
        move_up_those_at(desk, side, change, model);
    }
}

#[inline(never)]
fn move_up_those_at(desk: &mut Desk, side: Side, change: Change, model: &dyn QueueModel) {
    for order in &mut desk.orders {
        if order.request.side == side && order.stance() == Stance::Limit(change.px) {
            let unit = tapedeck_model::number::pow10(desk.instrument.qty_scale) as f64;
            order.place.level_changed((change.before, change.after), unit, model);
        }
    }
}

/// A best bid and offer beside the book: what it changes moves those who rest there up. Whether it counts.
pub(super) fn take_quote(desk: &mut Desk, at: RecordRef, quote: &QuoteTick, model: &dyn QueueModel) -> bool {
    let counts = desk.depth.tell(at, quote);
    for nth in 0..desk.depth.changes.len() {
        let (side, change) = desk.depth.changes[nth];
        move_up(desk, side, change, model);
    }
    counts
}

/// A message is whole and may concern an order: every order meets the book.
///
/// # Errors
/// [`VenueError::Overflow`].
pub(super) fn on_message(scene: &mut Scene<'_>, ts: Ts) -> Result<(), VenueError> {
    let maker_fill = scene.maker_fill;
    let Parts { terms, mut hand, depth, observations, .. } = scene.parts();
    if std::mem::take(&mut depth.anew) {
        for order in hand.orders.iter_mut() {
            if let Stance::Limit(limit) = order.stance() {
                if depth.book.is_by_order() {
                    by_order::seat_again(&depth.book, order, limit);
                } else {
                    order.place.cap(depth.book.qty_at(order.request.side, limit));
                }
            }
        }
    }
    if depth.is_believed() {
        for place in 0..hand.orders.len() {
            let order = &hand.orders[place];
            if !order.done {
                let fresh = order.arrived_at == *observations;
                Meeting { depth: &mut *depth, maker_fill, ts, fresh }.meet(&terms, &mut hand, place)?;
            }
        }
        *observations += 1;
    }
    Ok(())
}

/// An order has just arrived and meets the book, if that can be believed.
///
/// # Errors
/// [`VenueError::Overflow`].
pub(super) fn on_arrival(scene: &mut Scene<'_>, place: usize, now: Ts) -> Result<(), VenueError> {
    let maker_fill = scene.maker_fill;
    let Parts { terms, mut hand, depth, observations, .. } = scene.parts();
    if !depth.is_believed() {
        return Ok(());
    }
    Meeting { depth, maker_fill, ts: now, fresh: true }.meet(&terms, &mut hand, place)?;
    // It has seen the book; the next message finds it resting.
    hand.orders[place].arrived_at = *observations - 1;
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
    fn meet(&mut self, terms: &Terms<'_>, hand: &mut Hand<'_>, place: usize) -> Result<(), VenueError> {
        if hand.orders[place].waits() {
            let Some(px) = self.depth.best_px(hand.orders[place].request.side.opposite()) else { return Ok(()) };
            if !hand.works_at(terms, place, (px, self.ts), &mut self.fresh) {
                return Ok(());
            }
        }
        let order = &hand.orders[place];
        match order.stance() {
            Stance::Limit(limit) if !self.fresh => self.cross(terms, hand, place, limit),
            Stance::Limit(limit) if order.request.post_only => {
                self.rest(hand, place, limit);
                Ok(())
            }
            Stance::Limit(limit) => self.take(terms, hand, place, Some(limit)),
            Stance::Market | Stance::Stop(_) | Stance::Touch(_) | Stance::Trail | Stance::Away => {
                self.take(terms, hand, place, None)
            }
        }
    }

    /// What is left of a limit order stands in line, unless that would be against an order of ours.
    fn rest(&self, hand: &mut Hand<'_>, place: usize, limit: Price) {
        if hand.rest(place, limit, self.ts) {
            let order = &mut hand.orders[place];
            order.place = self.depth.join(order, limit);
        }
    }

    /// The order takes level by level what it can; what is left of a limit order rests.
    fn take(
        &mut self,
        terms: &Terms<'_>,
        hand: &mut Hand<'_>,
        place: usize,
        limit: Option<Price>,
    ) -> Result<(), VenueError> {
        let order = hand.orders[place];
        let side = order.request.side.opposite();
        // As the market stands when it comes: what it moves itself does not end it.
        let met_at = limit.map(|limit| terms.shift(order.request.side, self.ts).met_at(limit));
        let whole =
            order.request.time_in_force != TimeInForce::Fok || self.may_fill_whole(terms, hand, (place, met_at));
        let mut nth = 0;
        while let Some(standing) = self.depth.standing(side, nth).filter(|_| whole && !hand.orders[place].done) {
            nth += 1;
            if met_at.is_some_and(|px| !order.within(standing.px, px)) {
                break;
            }
            if standing.left <= Qty::ZERO {
                continue;
            }
            let offer = self.taker_offer(&order, standing);
            let filled = hand.execute(terms, place, &offer)?;
            self.depth.take(side, standing, filled);
        }
        hand.end_if_immediate(place, self.ts);
        match limit {
            Some(limit) if !hand.orders[place].done => self.rest(hand, place, limit),
            None if !hand.orders[place].done => hand.cancel(place, self.ts, CancelReason::NoLiquidity),
            Some(_) | None => {}
        }
        Ok(())
    }

    /// What a level, or an order of it, offers to an order that takes.
    fn taker_offer(&self, order: &Working, standing: Standing) -> Offer {
        Offer {
            record: self.depth.at,
            ts: self.ts,
            basis: FillBasis::BookTake,
            liquidity: Liquidity::Taker,
            reference_px: standing.px,
            limit_px: order.request.kind.limit_px(),
            available_qty: Some(standing.left),
            market_qty: standing.qty,
            queue_entry_qty: Qty::ZERO,
            queue_ahead_qty: Qty::ZERO,
            // Its own price is the price: the half of the spread is paid.
            half_spread: Some(Price::ZERO),
            own_side_px: self.depth.best_px(order.request.side),
            more_follow: true,
        }
    }

    /// Whether the book has all that an order must fill at once, and none of it stands behind ours.
    fn may_fill_whole(&self, terms: &Terms<'_>, hand: &mut Hand<'_>, (place, met_at): (usize, Option<Price>)) -> bool {
        let order = hand.orders[place];
        let side = order.request.side.opposite();
        let (mut left, mut nth) = (order.leaves(), 0);
        while let Some(standing) = self.depth.standing(side, nth) {
            if met_at.is_some_and(|px| !order.within(standing.px, px)) {
                return false;
            }
            if standing.left >= left {
                return hand.may_take(terms, place, &self.taker_offer(&order, standing), left);
            }
            left = Qty::from_raw(left.raw() - standing.left.raw());
            nth += 1;
        }
        false
    }

    /// A resting order fills at its limit where the opposite side of the book has come to it.
    fn cross(&mut self, terms: &Terms<'_>, hand: &mut Hand<'_>, place: usize, limit: Price) -> Result<(), VenueError> {
        let order = &hand.orders[place];
        let side = order.request.side.opposite();
        let met_at = terms.shift(order.request.side, self.ts).met_at(limit);
        let left = match self.maker_fill {
            MakerFill::Partial => self.depth.left_within(order, met_at),
            MakerFill::Whole if self.depth.best_px(side).is_some_and(|px| order.within(px, met_at)) => order.leaves(),
            MakerFill::Whole => Qty::ZERO,
        };
        if left <= Qty::ZERO {
            return Ok(());
        }
        let offer = maker_offer((self.depth.at, self.ts), order, (FillBasis::BookCross, limit, left));
        let mut filled = hand.execute(terms, place, &offer)?;
        let lot = terms.instrument.rules_at(self.ts).lot_size;
        let order = &mut hand.orders[place];
        order.show_anew(terms.draws, lot, self.depth.join(order, limit));
        let mut nth = 0;
        while let Some(standing) = self.depth.standing(side, nth).filter(|_| filled > Qty::ZERO) {
            let part = standing.left.min(filled);
            if part > Qty::ZERO {
                self.depth.take(side, standing, part);
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
    let maker_fill = scene.maker_fill;
    let Parts { terms, mut hand, depth, .. } = scene.parts();
    if !depth.is_believed() {
        return Ok(());
    }
    let lot = terms.instrument.rules_at(trade.ts_event).lot_size;
    let mut taken = Qty::ZERO;
    for nth in 0..hand.orders.len() {
        let order = &mut hand.orders[nth];
        if order.done || trade.aggressor == Some(order.request.side) {
            continue;
        }
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
        if left <= Qty::ZERO || !terms.shift(order.request.side, trade.ts_event).serves(trade.px, limit) {
            continue;
        }
        let left =
            if basis == FillBasis::TradeQueue { order.shown_qty().map_or(left, |shown| left.min(shown)) } else { left };
        let offer = maker_offer((at, trade.ts_event), order, (basis, limit, left));
        let filled = hand.execute(&terms, nth, &Offer { queue_ahead_qty: ahead, market_qty: trade.qty, ..offer })?;
        taken = Qty::from_raw(taken.raw().saturating_add(filled.raw()));
        let order = &mut hand.orders[nth];
        order.show_anew(terms.draws, lot, depth.join(order, limit));
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
        own_side_px: None,
        more_follow: false,
    }
}
