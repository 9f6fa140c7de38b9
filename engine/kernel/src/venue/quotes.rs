//! Matching on best bids and offers: what is shown can be taken, once, until the next quote.
//!
//! Enters: a quote that touches an order, or an order that arrives while a quote is shown. Leaves:
//! reports. Invariants: no more is filled from a quote than it shows; a resting order fills at its
//! own limit when the opposite side reaches it.

use tapedeck_model::order::FillBasis;
use tapedeck_model::{Liquidity, OrderRequest, Price, Qty, Side, Ts};

use super::VenueError;
use super::desk::{Shown, Stance};
use super::fills::{Hand, Offer, Terms};
use super::scene::{Parts, Scene};

/// Every order meets the quote that is shown.
///
/// # Errors
/// [`VenueError::Overflow`].
pub(super) fn on_quote(scene: &mut Scene<'_>) -> Result<(), VenueError> {
    let Parts { terms, mut hand, shown, observations, .. } = scene.parts();
    let Some(shown) = shown else { return Ok(()) };
    let ts = shown.quote.ts_event;
    for place in 0..hand.orders.len() {
        let order = &hand.orders[place];
        if !order.done {
            let fresh = order.arrived_at == *observations;
            Meeting { shown: &mut *shown, ts, fresh }.meet(&terms, &mut hand, place)?;
        }
    }
    *observations += 1;
    Ok(())
}

/// An order has just arrived and meets the quote that is shown, if one is.
///
/// # Errors
/// [`VenueError::Overflow`].
pub(super) fn on_arrival(scene: &mut Scene<'_>, place: usize, now: Ts) -> Result<(), VenueError> {
    let Parts { terms, mut hand, shown, observations, .. } = scene.parts();
    let Some(shown) = shown else { return Ok(()) };
    Meeting { shown, ts: now, fresh: true }.meet(&terms, &mut hand, place)?;
    // It has seen the quote; the next one finds it resting.
    hand.orders[place].arrived_at = *observations - 1;
    Ok(())
}

/// An order and the quote.
struct Meeting<'a> {
    shown: &'a mut Shown,
    ts: Ts,
    /// Whether the order sees a quote for the first time.
    fresh: bool,
}

impl Meeting<'_> {
    fn meet(&mut self, terms: &Terms<'_>, hand: &mut Hand<'_>, place: usize) -> Result<(), VenueError> {
        let quote = &self.shown.quote;
        let px = match hand.orders[place].request.side {
            Side::Buy => quote.ask_px,
            Side::Sell => quote.bid_px,
        };
        if !hand.works_at(terms, place, (px, self.ts), &mut self.fresh) {
            return Ok(());
        }
        let order = &hand.orders[place];
        match order.stance() {
            Stance::Limit(limit) if !order.within(px, terms.shift(order.request.side, self.ts).met_at(limit)) => {
                if self.fresh {
                    hand.end_if_immediate(place, self.ts);
                    hand.rest(place, limit, self.ts);
                }
                Ok(())
            }
            Stance::Limit(limit) if !self.fresh || order.request.post_only => {
                self.fill(terms, hand, place, (limit, FillBasis::QuoteCross, Liquidity::Maker))
            }
            Stance::Limit(limit) => {
                self.fill(terms, hand, place, (px, FillBasis::QuoteTake, Liquidity::Taker))?;
                hand.rest(place, limit, self.ts);
                Ok(())
            }
            Stance::Market | Stance::Stop(_) | Stance::Touch(_) | Stance::Trail | Stance::Away => {
                self.fill(terms, hand, place, (px, FillBasis::QuoteTake, Liquidity::Taker))
            }
        }
    }

    fn fill(
        &mut self,
        terms: &Terms<'_>,
        hand: &mut Hand<'_>,
        place: usize,
        (reference_px, basis, liquidity): (Price, FillBasis, Liquidity),
    ) -> Result<(), VenueError> {
        let OrderRequest { side, kind, .. } = hand.orders[place].request;
        let (left, market_qty, own_side_px) = match side {
            Side::Buy => (&mut self.shown.ask_left, self.shown.quote.ask_qty, self.shown.quote.bid_px),
            Side::Sell => (&mut self.shown.bid_left, self.shown.quote.bid_qty, self.shown.quote.ask_px),
        };
        let offer = Offer {
            record: self.shown.record,
            ts: self.ts,
            basis,
            liquidity,
            reference_px,
            limit_px: kind.limit_px(),
            available_qty: Some(*left),
            market_qty,
            queue_entry_qty: Qty::ZERO,
            queue_ahead_qty: Qty::ZERO,
            more_follow: false,
            // The quote's own side is the price: the half of the spread is paid.
            half_spread: Some(Price::ZERO),
            own_side_px: Some(own_side_px),
        };
        let filled = hand.execute(terms, place, &offer)?;
        *left = Qty::from_raw(left.raw() - filled.raw());
        Ok(())
    }
}
