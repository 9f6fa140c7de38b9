//! Self-trade prevention: an order that arrives never trades with one of the same account that rests.
//!
//! Enters: an order that is about to take at a price, or to rest at one. Leaves: the end of one of
//! the two, or of both. Invariants: no order of ours takes at a price at or beyond which an older order of
//! ours rests on the other side, so far as that would have met it; ours never rest crossed. The account is
//! one at the venue, whatever strategies share it.
//!
//! Our orders are not in the recorded market, so it is the price that tells. A buy at p would have met every
//! sale of ours that rests below p, unless the market itself has come to that and fills it (where one price
//! is all that is known, it has), and one at p itself once what stands before it there is taken. On bars and
//! trades an order that arrives may not cross one of ours that rests, as what stands between is not known.
//! Binance: `selfTradePreventionMode` EXPIRE_TAKER, EXPIRE_MAKER, EXPIRE_BOTH; FIX 2964.

use tapedeck_model::order::{CancelReason, FillBasis};
use tapedeck_model::{Price, Qty, Ts};

use super::desk::{Stance, Working};
use super::fills::{Hand, Offer, Terms};
use super::settings::SelfTrade;

impl Hand<'_> {
    /// Before an order takes up to `wanted` of an offer; whether it still may.
    pub(super) fn may_take(&mut self, terms: &Terms<'_>, place: usize, offer: &Offer, wanted: Qty) -> bool {
        if self.orders.len() == 1 {
            return true;
        }
        let (px, observed) = (offer.reference_px, self.observed);
        let shown = offer.own_side_px.unwrap_or(px);
        self.prevent(place, offer.ts, |other, limit| {
            // One that has not met the market yet rests nowhere.
            other.arrived_at != observed
                && if px == limit {
                    other.ahead_qty(offer.basis).is_some_and(|ahead| wanted > ahead)
                } else {
                    let met_at = terms.shift(other.request.side, offer.ts).met_at(limit);
                    other.within(px, limit) && !other.within(shown, met_at)
                }
        })
    }

    /// Before an order enters a market in which nothing is shown; whether it still may.
    pub(super) fn may_enter(&mut self, place: usize, limit: Price, ts: Ts) -> bool {
        let observed = self.observed;
        self.prevent(place, ts, |other, resting| other.arrived_at != observed && other.within(limit, resting))
    }

    /// What is left of an order after its first sight of the market rests; whether it still may.
    pub(super) fn rest(&mut self, place: usize, limit: Price, ts: Ts) -> bool {
        if self.orders[place].done {
            return false;
        }
        self.orders.len() == 1 || self.prevent(place, ts, |other, resting| other.within(limit, resting))
    }

    fn prevent(&mut self, place: usize, ts: Ts, meets: impl Fn(&Working, Price) -> bool) -> bool {
        let side = self.orders[place].request.side;
        for nth in 0..self.orders.len() {
            let other = &self.orders[nth];
            let Stance::Limit(limit) = other.stance() else { continue };
            let came_before = other.arrived < ts || (other.arrived == ts && nth < place);
            let rests = !other.done && !other.is_immediate() && came_before;
            if nth == place || other.request.side == side || !rests || !meets(other, limit) {
                continue;
            }
            match self.self_trade {
                SelfTrade::CancelTaker => self.cancel(place, ts, CancelReason::SelfTrade),
                SelfTrade::CancelMaker => self.cancel(nth, ts, CancelReason::SelfTrade),
                SelfTrade::CancelBoth => {
                    self.cancel(nth, ts, CancelReason::SelfTrade);
                    if !self.orders[place].done {
                        self.cancel(place, ts, CancelReason::SelfTrade);
                    }
                }
            }
            if self.orders[place].done {
                return false;
            }
        }
        true
    }
}

impl Working {
    /// What stands before it at its price where fills of this kind are made; `None`: everything.
    fn ahead_qty(&self, basis: FillBasis) -> Option<Qty> {
        match basis {
            FillBasis::TradeTake | FillBasis::TradeThrough | FillBasis::TradeQueue => self.queue_ahead,
            FillBasis::BookTake | FillBasis::BookCross => Some(self.place.ahead_qty()),
            FillBasis::BarOpen
            | FillBasis::BarPath
            | FillBasis::BarArrival
            | FillBasis::QuoteTake
            | FillBasis::QuoteCross
            | FillBasis::Venue => Some(Qty::ZERO),
        }
    }
}
