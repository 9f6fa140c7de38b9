//! Matching on public trades: a print is what there is to take, once.
//!
//! Enters: a print that touches an order. Leaves: reports. Invariants: our orders together never
//! fill more than the print, in order of arrival; a resting order fills at its own limit, either
//! because the print went through it or after the queue ahead of it was served.

use tapedeck_model::order::FillBasis;
use tapedeck_model::{Liquidity, Price, Qty, RecordRef, TradeTick};

use super::desk::{Stance, Working};
use super::fills::{Hand, Offer, Terms};
use super::scene::Scene;
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
    let Scene { desk, slippage, fees, funds, trade_id_last, out, .. } = scene;
    let terms = Terms { instrument: &desk.instrument, slippage: *slippage, fees: *fees };
    let mut hand = Hand { positions: &mut desk.positions, funds, trade_id_last, out };
    for order in desk.orders.iter_mut().filter(|order| !order.done) {
        print.meet(&terms, &mut hand, order)?;
    }
    assert!(print.taken <= trade.qty.max(Qty::ZERO), "a print is filled once");
    desk.observations += u64::from(feeds_takers);
    Ok(())
}

impl Print<'_> {
    fn meet(&mut self, terms: &Terms<'_>, hand: &mut Hand<'_>, order: &mut Working) -> Result<(), VenueError> {
        let (px, ts) = (self.trade.px, self.trade.ts_event);
        let mut fresh = order.arrived_at == self.observations;
        if let Stance::Stop(trigger) = order.stance() {
            if !self.feeds_takers || !order.fires(px, trigger) {
                return Ok(());
            }
            hand.trigger(order, ts);
            fresh = true;
        }
        let limit = match order.stance() {
            Stance::Limit(limit) => limit,
            Stance::Market | Stance::Stop(_) if self.feeds_takers => return self.take(terms, hand, order),
            Stance::Market | Stance::Stop(_) => return Ok(()),
        };
        if self.feeds_takers && fresh && !order.request.post_only {
            if order.within(px, limit) {
                return self.take(terms, hand, order);
            }
            hand.end_if_immediate(order, ts);
            return Ok(());
        }
        self.serve_resting(terms, hand, order, limit)
    }

    fn left(&self) -> Qty {
        Qty::from_raw((self.trade.qty.raw() - self.taken.raw()).max(0))
    }

    /// The order takes the print at its price.
    fn take(&mut self, terms: &Terms<'_>, hand: &mut Hand<'_>, order: &mut Working) -> Result<(), VenueError> {
        let offer = Offer {
            record: self.at,
            ts: self.trade.ts_event,
            basis: FillBasis::TradeTake,
            liquidity: Liquidity::Taker,
            reference_px: self.trade.px,
            limit_px: order.request.kind.limit_px(),
            available_qty: Some(self.left()),
            market_qty: self.trade.qty,
            queue_entry_qty: Qty::ZERO,
            queue_ahead_qty: Qty::ZERO,
            more_follow: false,
            half_spread: None,
        };
        self.fill(terms, hand, order, &offer)
    }

    /// The print goes through a resting order, or serves the queue in which it stands.
    fn serve_resting(
        &mut self,
        terms: &Terms<'_>,
        hand: &mut Hand<'_>,
        order: &mut Working,
        limit: Price,
    ) -> Result<(), VenueError> {
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
            (FillBasis::TradeQueue, Qty::from_raw((size - ahead.raw() - self.taken.raw()).max(0)))
        } else {
            // Whoever stood before us at our price is gone.
            order.queue_ahead = Some(Qty::ZERO);
            (FillBasis::TradeThrough, self.left())
        };
        if available == Qty::ZERO {
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
        };
        self.fill(terms, hand, order, &offer)
    }

    fn fill(
        &mut self,
        terms: &Terms<'_>,
        hand: &mut Hand<'_>,
        order: &mut Working,
        offer: &Offer,
    ) -> Result<(), VenueError> {
        let filled = hand.execute(terms, order, offer)?;
        self.taken = Qty::from_raw(self.taken.raw() + filled.raw());
        Ok(())
    }
}
