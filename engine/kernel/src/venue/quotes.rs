//! Matching on best bids and offers: what is shown can be taken, once, until the next quote.
//!
//! Enters: a quote that touches an order, or an order that arrives while a quote is shown. Leaves:
//! reports. Invariants: no more is filled from a quote than it shows; a resting order fills at its
//! own limit when the opposite side reaches it.

use tapedeck_model::order::FillBasis;
use tapedeck_model::{Liquidity, Price, Qty, Side, Ts};

use super::VenueError;
use super::desk::{Shown, Stance, Working};
use super::fills::{Hand, Offer, Terms};
use super::scene::Scene;

/// Every order meets the quote that is shown.
///
/// # Errors
/// [`VenueError::Overflow`].
pub(super) fn on_quote(scene: &mut Scene<'_>) -> Result<(), VenueError> {
    let Scene { desk, slippage, fees, funds, trade_id_last, out, .. } = scene;
    let Some(shown) = &mut desk.shown else { return Ok(()) };
    let ts = shown.quote.ts_event;
    let terms = Terms { instrument: &desk.instrument, slippage: *slippage, fees: *fees };
    let mut hand = Hand { positions: &mut desk.positions, funds, trade_id_last, out };
    for order in desk.orders.iter_mut().filter(|order| !order.done) {
        let fresh = order.arrived_at == desk.observations;
        Meeting { shown: &mut *shown, ts, fresh }.meet(&terms, &mut hand, order)?;
    }
    desk.observations += 1;
    Ok(())
}

/// The last order has just arrived and meets the quote that is shown, if one is.
///
/// # Errors
/// [`VenueError::Overflow`].
pub(super) fn on_arrival(scene: &mut Scene<'_>, now: Ts) -> Result<(), VenueError> {
    let Scene { desk, slippage, fees, funds, trade_id_last, out, .. } = scene;
    let Some(shown) = &mut desk.shown else { return Ok(()) };
    let terms = Terms { instrument: &desk.instrument, slippage: *slippage, fees: *fees };
    let mut hand = Hand { positions: &mut desk.positions, funds, trade_id_last, out };
    let Some(order) = desk.orders.last_mut() else { return Ok(()) };
    Meeting { shown, ts: now, fresh: true }.meet(&terms, &mut hand, order)?;
    // It has seen the quote; the next one finds it resting.
    order.arrived_at = desk.observations - 1;
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
    fn meet(&mut self, terms: &Terms<'_>, hand: &mut Hand<'_>, order: &mut Working) -> Result<(), VenueError> {
        let quote = &self.shown.quote;
        let px = match order.request.side {
            Side::Buy => quote.ask_px,
            Side::Sell => quote.bid_px,
        };
        if let Stance::Stop(trigger) = order.stance() {
            if !order.fires(px, trigger) {
                return Ok(());
            }
            hand.trigger(order, self.ts);
            self.fresh = true;
        }
        match order.stance() {
            Stance::Limit(limit) if !order.within(px, limit) => {
                if self.fresh {
                    hand.end_if_immediate(order, self.ts);
                }
                Ok(())
            }
            Stance::Limit(limit) if !self.fresh || order.request.post_only => {
                self.fill(terms, hand, order, (limit, FillBasis::QuoteCross, Liquidity::Maker))
            }
            Stance::Limit(_) | Stance::Market | Stance::Stop(_) => {
                self.fill(terms, hand, order, (px, FillBasis::QuoteTake, Liquidity::Taker))
            }
        }
    }

    fn fill(
        &mut self,
        terms: &Terms<'_>,
        hand: &mut Hand<'_>,
        order: &mut Working,
        (reference_px, basis, liquidity): (Price, FillBasis, Liquidity),
    ) -> Result<(), VenueError> {
        let (left, market_qty) = match order.request.side {
            Side::Buy => (&mut self.shown.ask_left, self.shown.quote.ask_qty),
            Side::Sell => (&mut self.shown.bid_left, self.shown.quote.bid_qty),
        };
        let offer = Offer {
            record: self.shown.record,
            ts: self.ts,
            basis,
            liquidity,
            reference_px,
            limit_px: order.request.kind.limit_px(),
            available_qty: Some(*left),
            market_qty,
            queue_entry_qty: Qty::ZERO,
            queue_ahead_qty: Qty::ZERO,
            more_follow: false,
            // The quote's own side is the price: the half of the spread is paid.
            half_spread: Some(Price::ZERO),
        };
        let filled = hand.execute(terms, order, &offer)?;
        *left = Qty::from_raw(left.raw() - filled.raw());
        Ok(())
    }
}
