//! Matching on public trades: a print is what there is to take, once.
//!
//! Enters: a print that touches an order. Leaves: reports. Invariants: our orders together never
//! fill more than the print, in order of arrival; a resting order fills at its own limit, either
//! because the print went through it or after the queue ahead of it was served.

use tapedeck_model::order::FillBasis;
use tapedeck_model::{Liquidity, Price, Qty, RecordRef, TradeTick};

use super::desk::Stance;
use super::fills::{Hand, Offer, Terms};
use super::queue::Place;
use super::scene::{Parts, Scene};
use super::{RecordKind, VenueError};

/// A print, and what our orders took of it.
struct Print<'a> {
    at: RecordRef,
    trade: &'a TradeTick,
    taken: Qty,
    /// Whether takers fill on prints: not where quotes are known.
    feeds_takers: bool,
    observations: u64,
}

/// Matches a print.
///
/// # Errors
/// [`VenueError::Overflow`].
pub(super) fn on_trade(scene: &mut Scene<'_>, at: RecordRef, trade: &TradeTick) -> Result<(), VenueError> {
    let feeds_takers = scene.desk.finest == RecordKind::Trades;
    let mut print = Print { at, trade, taken: Qty::ZERO, feeds_takers, observations: scene.desk.observations };
    let Parts { terms, mut hand, .. } = scene.parts();
    for place in 0..hand.orders.len() {
        if !hand.orders[place].done {
            print.meet(&terms, &mut hand, place)?;
        }
    }
    assert!(print.taken <= trade.qty.max(Qty::ZERO), "a print is filled once");
    scene.desk.observations += u64::from(feeds_takers);
    Ok(())
}

impl Print<'_> {
    fn meet(&mut self, terms: &Terms<'_>, hand: &mut Hand<'_>, place: usize) -> Result<(), VenueError> {
        let (px, ts) = (self.trade.px, self.trade.ts_event);
        let mut fresh = hand.orders[place].arrived_at == self.observations;
        if hand.orders[place].waits() && (!self.feeds_takers || !hand.works_at(terms, place, (px, ts), &mut fresh)) {
            return Ok(());
        }
        let order = &hand.orders[place];
        let Stance::Limit(limit) = order.stance() else {
            return if self.feeds_takers { self.take(terms, hand, place) } else { Ok(()) };
        };
        if self.feeds_takers && fresh && !order.request.post_only {
            if order.within(px, terms.shift(order.request.side, ts).met_at(limit)) {
                self.take(terms, hand, place)?;
            } else {
                hand.end_if_immediate(place, ts);
            }
            hand.rest(place, limit, ts);
            return Ok(());
        }
        self.serve_resting(terms, hand, place, limit)
    }

    fn left(&self) -> Qty {
        Qty::from_raw((self.trade.qty.raw() - self.taken.raw()).max(0))
    }

    /// The order takes the print at its price.
    fn take(&mut self, terms: &Terms<'_>, hand: &mut Hand<'_>, place: usize) -> Result<(), VenueError> {
        let offer = Offer {
            record: self.at,
            ts: self.trade.ts_event,
            basis: FillBasis::TradeTake,
            liquidity: Liquidity::Taker,
            reference_px: self.trade.px,
            limit_px: hand.orders[place].request.kind.limit_px(),
            available_qty: Some(self.left()),
            market_qty: self.trade.qty,
            queue_entry_qty: Qty::ZERO,
            queue_ahead_qty: Qty::ZERO,
            more_follow: false,
            half_spread: None,
            own_side_px: None,
        };
        self.fill(terms, hand, place, &offer)
    }

    /// The print goes through a resting order, or serves the queue in which it stands.
    fn serve_resting(
        &mut self,
        terms: &Terms<'_>,
        hand: &mut Hand<'_>,
        place: usize,
        limit: Price,
    ) -> Result<(), VenueError> {
        let order = &mut hand.orders[place];
        if !order.within(self.trade.px, limit) {
            return Ok(());
        }
        let queue_ahead_qty = order.queue_ahead.unwrap_or(Qty::ZERO);
        let (basis, available) = if self.trade.px == limit {
            // A print on our own side of the book took the other side's orders, not those beside ours.
            let serves = self.feeds_takers && self.trade.aggressor != Some(order.request.side);
            let Some(ahead) = order.queue_ahead.filter(|_| serves) else { return Ok(()) };
            let size = self.trade.qty.raw();
            order.queue_ahead = Some(Qty::from_raw((ahead.raw() - size).max(0)));
            // What our earlier orders took stood behind the same queue.
            let left = Qty::from_raw((size - ahead.raw() - self.taken.raw()).max(0));
            (FillBasis::TradeQueue, order.shown_qty().map_or(left, |shown| left.min(shown)))
        } else {
            // Whoever stood before us at our price is gone.
            order.queue_ahead = Some(Qty::ZERO);
            (FillBasis::TradeThrough, self.left())
        };
        let shift = terms.shift(order.request.side, self.trade.ts_event);
        if available == Qty::ZERO || !shift.serves(self.trade.px, limit) {
            return Ok(());
        }
        let offer = Offer {
            record: self.at,
            ts: self.trade.ts_event,
            basis,
            liquidity: Liquidity::Maker,
            reference_px: limit,
            limit_px: Some(limit),
            available_qty: Some(available),
            market_qty: self.trade.qty,
            queue_entry_qty: order.place.entry_qty(),
            queue_ahead_qty,
            more_follow: false,
            half_spread: None,
            own_side_px: None,
        };
        self.fill(terms, hand, place, &offer)?;
        let order = &mut hand.orders[place];
        let lot = terms.instrument.rules_at(self.trade.ts_event).lot_size;
        order.show_anew(terms.draws, lot, Place::behind(order.place.entry_qty()));
        Ok(())
    }

    fn fill(&mut self, terms: &Terms<'_>, hand: &mut Hand<'_>, place: usize, offer: &Offer) -> Result<(), VenueError> {
        let filled = hand.execute(terms, place, offer)?;
        self.taken = Qty::from_raw(self.taken.raw() + filled.raw());
        Ok(())
    }
}
