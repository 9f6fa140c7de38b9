//! One order meets one offer.
//!
//! Enters: an order, what the market offers it, the venue's models. Leaves: fill, cancel and
//! trigger reports. Invariants: a fill is never better than the offer's reference price, never
//! worse than the order's limit, never more than what is offered, what is left of the order, what
//! can be paid, or, for a reduce-only order, what it would reduce. The same for every kind of
//! record: the kinds differ only in what they offer.

use std::cell::Cell;

use tapedeck_model::order::{CancelReason, Evidence, FillBasis};
use tapedeck_model::port::{Adverse, FeeModel, FeeQuery, Impact, SlippageModel, SlippageQuery};
use tapedeck_model::{
    Deal, Draws, FillReport, Instrument, Liquidity, PositionSide, Price, Qty, RecordRef, Side, StrategyIx, TimeInForce,
    TradeId, Ts, VenueReport,
};

use super::desk::{Stance, Working};
use super::funds::{Funds, Payment, Settlement, moves};
use super::loans::Charges;
use super::settings::SelfTrade;
use super::token::Token;
use super::{TimedReport, VenueError};

/// What holds for every fill of an instrument.
#[derive(Clone, Copy)]
pub(super) struct Terms<'a> {
    pub(super) instrument: &'a Instrument,
    pub(super) slippage: Slip<'a>,
    pub(super) fees: &'a dyn FeeModel,
    /// The token that fees are paid in, where they are.
    pub(super) token: Option<&'a Token>,
    pub(super) draws: &'a Draws,
}

/// A slippage model with what it knows of the market.
#[derive(Clone, Copy)]
pub(super) struct Slip<'a> {
    pub(super) model: &'a dyn SlippageModel,
    /// Over a day, from the last while.
    pub(super) volatility: Option<f64>,
    /// In raw units, from the last while.
    pub(super) daily_volume: Option<f64>,
    /// Where our own trading has moved the price: fills move it on.
    pub(super) impact: &'a Cell<Impact>,
}

/// What fills change.
pub(super) struct Hand<'a> {
    pub(super) orders: &'a mut [Working],
    /// Set when an order was woken.
    pub(super) stirred: &'a mut bool,
    pub(super) self_trade: SelfTrade,
    /// The desk's count of observations.
    pub(super) observed: u64,
    pub(super) positions: &'a mut [Qty],
    pub(super) funds: &'a mut Funds,
    pub(super) trade_id_last: &'a mut u64,
    pub(super) out: &'a mut Vec<TimedReport>,
}

/// What the market offers to one order at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offer {
    pub(super) record: RecordRef,
    pub(super) ts: Ts,
    pub(super) basis: FillBasis,
    pub(super) liquidity: Liquidity,
    pub(super) reference_px: Price,
    /// The order's limit, if it has one.
    pub(super) limit_px: Option<Price>,
    /// `None`: as much as is asked for.
    pub(super) available_qty: Option<Qty>,
    /// Size of the record.
    pub(super) market_qty: Qty,
    /// Queue ahead of the order as it came, and just before; zero where no queue is modelled.
    pub(super) queue_entry_qty: Qty,
    pub(super) queue_ahead_qty: Qty,
    /// Half of the spread, as far as the reference price does not contain it.
    pub(super) half_spread: Option<Price>,
    /// What the order's own side shows, where that is known: orders of ours there that this has come to are
    /// filled by the market, not by us.
    pub(super) own_side_px: Option<Price>,
    /// The next level of a book is offered at once: what must fill at once or not at all does not end
    /// with this offer.
    pub(super) more_follow: bool,
}

impl Hand<'_> {
    pub(super) fn say(&mut self, place: usize, ts: Ts, report: VenueReport) {
        let order = &mut self.orders[place];
        order.ts_last = order.ts_last.max(ts);
        self.out.push(TimedReport { ts_event: order.ts_last, report });
    }

    pub(super) fn trigger(&mut self, place: usize, ts: Ts) {
        let order = &mut self.orders[place];
        assert!(!order.triggered, "a stop is triggered once");
        order.triggered = true;
        let client_order_id = order.id;
        self.say(place, ts, VenueReport::Triggered { client_order_id });
    }

    /// Takes a price in; whether the order works now, having been triggered by it just now or not: `fresh`
    /// says which, for an order that is triggered meets the market for the first time.
    pub(super) fn works_at(
        &mut self,
        terms: &Terms<'_>,
        place: usize,
        (px, ts): (Price, Ts),
        fresh: &mut bool,
    ) -> bool {
        let order = &mut self.orders[place];
        if !order.waits() {
            return true;
        }
        let tick = terms.instrument.rules_at(ts).tick_size;
        let seen = terms.shift(order.request.side, ts).seen(px);
        if order.stance() == Stance::Away || !order.observe(seen, tick) {
            return false;
        }
        self.trigger(place, ts);
        *fresh = true;
        true
    }

    pub(super) fn cancel(&mut self, place: usize, ts: Ts, reason: CancelReason) {
        let order = &mut self.orders[place];
        assert!(!order.done, "an order ends once");
        order.done = true;
        let client_order_id = order.id;
        self.say(place, ts, VenueReport::Canceled { client_order_id, reason });
        self.follow_end(place, ts);
    }

    pub(super) fn expire(&mut self, place: usize) {
        let order = &mut self.orders[place];
        assert!(!order.done, "an order ends once");
        order.done = true;
        let (client_order_id, ts) = (order.id, order.expiry);
        self.say(place, ts, VenueReport::Expired { client_order_id });
        self.follow_end(place, ts);
    }

    /// After an order's first observation: what must fill at once or not at all ends here.
    pub(super) fn end_if_immediate(&mut self, place: usize, ts: Ts) {
        let order = &self.orders[place];
        if order.done {
            return;
        }
        match order.request.time_in_force {
            TimeInForce::Ioc => self.cancel(place, ts, CancelReason::ImmediateOrCancel),
            TimeInForce::Fok => self.cancel(place, ts, CancelReason::FillOrKill),
            TimeInForce::Gtc | TimeInForce::Gtd(_) | TimeInForce::Day => {}
        }
    }

    /// How much a reduce-only order may fill; `None` if it is none.
    fn reducible(&self, place: usize) -> Option<Qty> {
        let order = &self.orders[place];
        let request = &order.request;
        request.only_reduces().then(|| reducible(self.positions, order.id.strategy, request.deal()))
    }

    /// The order takes what it can of the offer; the quantity filled is returned.
    ///
    /// # Errors
    /// [`VenueError::Overflow`] if a value cannot be represented.
    pub(super) fn execute(&mut self, terms: &Terms<'_>, place: usize, offer: &Offer) -> Result<Qty, VenueError> {
        let order = self.orders[place];
        let leaves = order.leaves();
        assert!(!order.done && leaves > Qty::ZERO, "only an open order is executed");
        let reducible = self.reducible(place);
        if reducible == Some(Qty::ZERO) {
            self.cancel(place, offer.ts, CancelReason::NothingToReduce);
            return Ok(Qty::ZERO);
        }
        let lot = terms.instrument.rules_at(offer.ts).lot_size;
        // An offer that is not a whole number of lots is used down to the lot.
        let offered = offer.available_qty.map_or(leaves, |qty| if qty >= leaves { leaves } else { qty.floor_to(lot) });
        let wanted = offered.min(reducible.unwrap_or(leaves));
        if offer.liquidity == Liquidity::Taker && wanted > Qty::ZERO && !self.may_take(terms, place, offer, wanted) {
            return Ok(Qty::ZERO);
        }
        let affordable = if wanted > Qty::ZERO { self.affordable(terms, &order, offer, wanted)? } else { None };
        let qty = affordable.as_ref().map_or(Qty::ZERO, |priced| priced.fill.last_qty);
        if order.request.time_in_force == TimeInForce::Fok && qty < leaves && !offer.more_follow {
            self.end_if_immediate(place, offer.ts);
            return Ok(Qty::ZERO);
        }
        if let Some(priced) = &affordable {
            self.book(terms, place, priced)?;
        }
        if self.orders[place].done {
            return Ok(qty);
        }
        if qty < wanted {
            self.cancel(place, offer.ts, CancelReason::InsufficientFunds);
        } else if !offer.more_follow {
            self.end_if_immediate(place, offer.ts);
        }
        Ok(qty)
    }

    /// The largest part of `wanted` that can be paid, as a fill; `None` if that is nothing.
    fn affordable(
        &self,
        terms: &Terms<'_>,
        order: &Working,
        offer: &Offer,
        wanted: Qty,
    ) -> Result<Option<Priced>, VenueError> {
        let whole = price(self.funds, terms, order, (offer, wanted))?;
        if whole.settlement.is_some() {
            return Ok(Some(whole));
        }
        // Bisection over lots: `best` is always payable, `high` never.
        let lot = terms.instrument.rules_at(offer.ts).lot_size.raw();
        let (mut low, mut high) = (0, (wanted.raw() - 1) / lot + 1);
        let mut best = None;
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            let part = price(self.funds, terms, order, (offer, Qty::from_raw(middle * lot)))?;
            if part.settlement.is_some() {
                (low, best) = (middle, Some(part));
            } else {
                high = middle;
            }
        }
        Ok(best)
    }

    fn book(&mut self, terms: &Terms<'_>, place: usize, priced: &Priced) -> Result<(), VenueError> {
        let overflow = || VenueError::Overflow { instrument: terms.instrument.id.to_string() };
        let Priced { fill, settlement: Some(settlement), .. } = priced else {
            panic!("a fill that cannot be paid is cut before it is made");
        };
        self.funds.book(settlement);
        terms.slippage.impact.set(priced.impact);
        if let Some(margin) = self.funds.margin_mut() {
            let (last, fee) = ((fill.last_px, fill.last_qty), (fill.fee, fill.fee_currency));
            margin.fill(terms.instrument, self.orders[place].request.deal(), last, fee).ok_or_else(overflow)?;
        }
        let charges = if self.funds.loans().is_some() {
            self.borrow(terms, place, fill).ok_or_else(overflow)?
        } else {
            [None; 3]
        };
        let order = &mut self.orders[place];
        let position = &mut self.positions[cell(order.id.strategy, order.request.terms.position_side)];
        *position = match order.request.side {
            Side::Buy => position.checked_add(fill.last_qty),
            Side::Sell => position.checked_sub(fill.last_qty),
        }
        .ok_or_else(overflow)?;
        *self.trade_id_last += 1;
        order.cum_qty = order.cum_qty.checked_add(fill.last_qty).ok_or_else(overflow)?;
        order.fills += 1;
        if fill.liquidity == Liquidity::Maker {
            order.hide(fill.last_qty);
        }
        order.done = order.leaves() == Qty::ZERO;
        let ts_event = order.ts_last.max(fill.ts_event);
        let report = FillReport { trade_id: TradeId(*self.trade_id_last), ts_event, ..*fill };
        self.say(place, ts_event, VenueReport::Filled(report));
        for interest in charges.into_iter().flatten() {
            self.out.push(TimedReport { ts_event, report: VenueReport::Interest(interest) });
        }
        self.follow_fill(place, fill.last_qty, ts_event);
        Ok(())
    }
}

impl Hand<'_> {
    /// Books a fill in an account that may borrow: what was owed until then is charged first. `None` on overflow.
    #[cold]
    fn borrow(&mut self, terms: &Terms<'_>, place: usize, fill: &FillReport) -> Option<Charges> {
        let order = &self.orders[place];
        let (side, qty, ts) = (order.request.side, fill.last_qty, order.ts_last.max(fill.ts_event));
        let notional = terms.instrument.notional(fill.last_px, qty)?;
        let payment = Payment { side, qty, notional, fee: fill.fee, fee_currency: fill.fee_currency, ts };
        let moves = moves(terms.instrument, &payment)?;
        let loans = self.funds.loans_mut()?;
        loans.accrue(ts, self.out)?;
        loans.book(&moves, ts)
    }
}

/// Where the position of a strategy stands; in hedge mode its long one and its short one stand beside each other.
const fn cell(strategy: StrategyIx, position_side: Option<PositionSide>) -> usize {
    match position_side {
        None => strategy.usize(),
        Some(side) => 2 * strategy.usize() + side.place(),
    }
}

/// How far a deal would bring the position toward zero.
pub(super) fn reducible(positions: &[Qty], strategy: StrategyIx, deal: Deal) -> Qty {
    let position = positions.get(cell(strategy, deal.position_side)).map_or(0, |qty| qty.raw());
    match deal.side {
        Side::Buy => Qty::from_raw((-position).max(0)),
        Side::Sell => Qty::from_raw(position.max(0)),
    }
}

/// A fill, and what it makes of the balances; `None` if it cannot be paid.
struct Priced {
    fill: FillReport,
    settlement: Option<Settlement>,
    /// Where the price stands after it.
    impact: Impact,
}

/// A fill of `qty` with everything but its trade id.
fn price(funds: &Funds, terms: &Terms<'_>, order: &Working, (offer, qty): (&Offer, Qty)) -> Result<Priced, VenueError> {
    let overflow = || VenueError::Overflow { instrument: terms.instrument.id.to_string() };
    let side = order.request.side;
    let (adverse, impact) = adverse_of(terms, order, offer, qty);
    let last_px = final_px(terms, order, offer, adverse.total());
    let notional = terms.instrument.notional(last_px, qty).ok_or_else(overflow)?;
    let liquidity = offer.liquidity;
    let query = FeeQuery { instrument: terms.instrument, side, liquidity, qty, notional, ts: offer.ts };
    let (fee, fee_currency) = terms.fees.fee(&query).ok_or_else(overflow)?;
    let mut payment = Payment { side, qty, notional, fee, fee_currency, ts: offer.ts };
    let in_token = terms.token.and_then(|token| pay_in_token(token, funds, terms.instrument, &mut payment));
    let settlement = in_token.or_else(|| funds.settlement(terms.instrument, &payment));
    let evidence = Evidence {
        record: offer.record,
        basis: offer.basis,
        reference_px: offer.reference_px,
        slippage_px: Price::from_raw((last_px.raw() - offer.reference_px.raw()) * side.sign()),
        impact_px: nearest(adverse.impact),
        noise_px: nearest(adverse.noise),
        available_qty: offer.available_qty.unwrap_or(offer.market_qty.max(qty)),
        queue_entry_qty: offer.queue_entry_qty,
        queue_ahead_qty: offer.queue_ahead_qty,
    };
    let fill = FillReport {
        client_order_id: order.id,
        trade_id: TradeId(0),
        last_px,
        last_qty: qty,
        liquidity,
        fee: payment.fee,
        fee_currency: payment.fee_currency,
        ts_event: offer.ts,
        evidence,
    };
    Ok(Priced { fill, settlement, impact })
}

/// Turns the fee of a fill into one in the venue's token, if there is enough of it for all of the fee; `None`: it stays
/// as it is.
#[cold]
fn pay_in_token(token: &Token, funds: &Funds, instrument: &Instrument, payment: &mut Payment) -> Option<Settlement> {
    let fee = token.fee(payment.fee, payment.fee_currency, payment.ts)?;
    let paid = Payment { fee, fee_currency: token.currency(), ..*payment };
    let settlement = funds.settlement(instrument, &paid)?;
    *payment = paid;
    Some(settlement)
}

/// What a fill of `qty` pays beyond the reference price (makers: nothing), and where it leaves the price.
fn adverse_of(terms: &Terms<'_>, order: &Working, offer: &Offer, qty: Qty) -> (Adverse, Impact) {
    let Slip { model, volatility, daily_volume, impact } = terms.slippage;
    let before = impact.get();
    match offer.liquidity {
        Liquidity::Maker => (Adverse::default(), before),
        Liquidity::Taker => {
            let query = SlippageQuery {
                instrument: terms.instrument,
                side: order.request.side,
                reference_px: offer.reference_px,
                qty,
                market_qty: offer.market_qty,
                half_spread: offer.half_spread,
                // Not the strategy's index: it would change with strategies that are no concern of this one.
                draw_number: (u64::from(order.id.number) << 16) | u64::from(order.fills & 0xffff),
                ts: offer.ts,
                cum_qty: order.cum_qty,
                volatility,
                daily_volume,
                impact: before,
            };
            let adverse = model.adverse(&query);
            assert!(adverse.total() >= 0.0, "slippage is never in our favour");
            (adverse, model.impact_after(&query))
        }
    }
}

/// A model's term as it stands in the evidence. The cast saturates.
fn nearest(px: f64) -> Price {
    Price::from_raw(px.round() as i64)
}

/// The reference price, moved against us and to the tick, but not past the limit and not below one tick.
fn final_px(terms: &Terms<'_>, order: &Working, offer: &Offer, adverse: f64) -> Price {
    // A float's last bit must not cost a tick. The cast saturates; four tenths of the range leave room for the
    // sum.
    let adverse = ((adverse - 1e-9).ceil() as i64).clamp(0, i64::MAX / 5 * 2);
    let tick = terms.instrument.rules_at(offer.ts).tick_size;
    let reference = offer.reference_px.raw();
    let moved = match order.request.side {
        Side::Buy => Price::from_raw(reference.saturating_add(adverse).min(i64::MAX / 2)).ceil_to(tick),
        Side::Sell => Price::from_raw(reference.saturating_sub(adverse)).floor_to(tick).max(tick),
    };
    match (offer.limit_px, order.request.side) {
        (None, _) => moved,
        (Some(limit), Side::Buy) => moved.min(limit),
        (Some(limit), Side::Sell) => moved.max(limit),
    }
}
