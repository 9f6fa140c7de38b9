//! The venue takes positions away that are short of maintenance margin.
//!
//! Enters: records, as the mark moves. Leaves: cancels of open orders, stages of liquidations, losses
//! that the insurance fund covers. Invariants: a pool is looked at at every mark of its instruments
//! and when one of them settles funding; orders are canceled before anything is taken; each stage makes a
//! position smaller, so it ends.
//!
//! The law: with margin balance <= maintenance margin every open order of the pool is canceled (cross:
//! of every cross instrument of the currency; isolated: of the instrument). Then the position that needs
//! most maintenance margin (at a tie the first by name, in hedge mode the long one before the short one) is
//! taken down to the next lower bracket, or closed if it is in the lowest,
//! again and again until the balance is above the maintenance. A stage is filled whole at the mark,
//! worsened by the stated slippage, to the tick against us, and shown liquidity is not touched. The fee
//! goes to the insurance fund, at most what is left. What is missing in a pool without positions is
//! covered by the fund.

use tapedeck_model::margin::{Bankruptcy, Liquidation, LiquidationStage, MarginMode, bracket_of};
use tapedeck_model::order::{CancelReason, RejectReason};
use tapedeck_model::{
    Amendment, Amount, Bar, ClientOrderId, CurrencyIx, DepthFlags, Instrument, InstrumentIx, MarketRecord,
    OrderRequest, Price, Qty, RecordRef, Side, TradeId, Ts, VenueReport,
};

use super::bars::{self, Rest};
use super::desk::{Desk, Hold};
use super::margin::{Asked, Exposure, LIQUIDATION_RATE_ONE, VenueMargin};
use super::{RecordKind, SimVenue, TimedReport, VenueError};
use crate::margin::{Holding, Pool, Standing, shares};

impl SimVenue {
    /// A record passes that may touch an order, and that may move a mark.
    pub(super) fn on_margined_record(
        &mut self,
        touched: bool,
        at: RecordRef,
        record: &MarketRecord,
        out: &mut Vec<TimedReport>,
    ) -> Result<(), VenueError> {
        let ix = record.instrument();
        if let MarketRecord::Bar(bar) = record {
            return self.on_margined_bar(touched, at, bar, out);
        }
        if touched {
            self.match_record(at, record, out)?;
        }
        if let MarketRecord::Mark(mark) = record {
            if let Some(margin) = self.funds.margin_mut() {
                margin.on_mark_px(ix, mark.mark_px);
            }
            return self.watch_pool_of(ix, mark.ts_event, out);
        }
        if let (true, MarketRecord::Funding(tick)) = (touched, record) {
            // What was paid is gone from the balance: the next mark may come too late.
            return self.watch_pool_of(ix, tick.ts_event, out);
        }
        let Some(px) = self.desk(ix).and_then(|desk| desk.last_px_of(record)) else { return Ok(()) };
        let Some(margin) = self.funds.margin_mut() else { return Ok(()) };
        if !margin.follows_last(ix) {
            return Ok(());
        }
        margin.on_last_px(ix, px);
        self.watch_pool_of(ix, record.ts_event(), out)
    }

    fn on_margined_bar(
        &mut self,
        touched: bool,
        at: RecordRef,
        bar: &Bar,
        out: &mut Vec<TimedReport>,
    ) -> Result<(), VenueError> {
        let ix = bar.instrument;
        let counts = self.desk(ix).is_some_and(|desk| desk.counts(bar));
        let follows = self.funds.margin().is_some_and(|margin| margin.follows_last(ix));
        let held = self.funds.margin().is_some_and(|margin| margin.book.is_held(ix));
        if touched {
            let rest = self.match_bar(at, bar, out)?;
            if follows {
                self.take_along(ix, rest, out)?;
            }
        } else if counts && follows && held {
            let rest = bars::whole_path(bar, self.bar_rules.path);
            self.take_along(ix, rest, out)?;
        }
        if let Some(margin) = self.funds.margin_mut().filter(|_| counts) {
            margin.on_last_px(ix, bar.close);
        }
        self.watch_pool_of(ix, bar.ts_event, out)
    }

    /// Goes along the rest of a bar's path, taking positions away wherever margin runs out.
    fn take_along(&mut self, ix: InstrumentIx, mut rest: Rest, out: &mut Vec<TimedReport>) -> Result<(), VenueError> {
        while let Some(margin) = self.funds.margin_mut().filter(|margin| margin.rules.on) {
            let Some((moment, px)) = rest.first_breach(|px, ts| margin.is_breached_at(ix, px, ts)) else { break };
            margin.on_last_px(ix, px);
            rest.since = moment;
            let before = self.trade_id_last;
            self.watch_pool_of(ix, moment.ts, out)?;
            if self.trade_id_last == before {
                // Nothing can be taken, as a value cannot be represented: going on would find the same again.
                break;
            }
        }
        Ok(())
    }

    /// The last of many records for which the venue was quiet.
    pub(super) fn note_quiet_mark(&mut self, record: &MarketRecord) {
        let ix = record.instrument();
        let px = match record {
            MarketRecord::Bar(bar) => Some(bar.close),
            other => self.desk(ix).and_then(|desk| desk.last_px_of(other)),
        };
        if let (Some(margin), Some(px)) = (self.funds.margin_mut(), px) {
            margin.on_last_px(ix, px);
        }
        if let (Some(loans), Some(px)) = (self.funds.loans_mut(), px) {
            loans.on_last_px(ix, px);
        }
    }

    /// The same for a change of an open order.
    pub(super) fn check_amended_margin(
        &self,
        now: Ts,
        id: ClientOrderId,
        (instrument, amendment): (InstrumentIx, &Amendment),
    ) -> Result<(), RejectReason> {
        let order = self.desk(instrument).and_then(|desk| Some(&desk.orders[desk.find(id)?]));
        let is_bounded = self.funds.margin().is_some() || self.funds.loans().is_some();
        let Some(order) = order.filter(|_| is_bounded) else { return Ok(()) };
        let request = OrderRequest {
            order_qty: amendment.order_qty.unwrap_or(order.request.order_qty),
            kind: amendment.applied_to(order.request.kind),
            ..order.request
        };
        self.check_margin(now, &request, Some((id, order.cum_qty)))
    }

    /// Looks at the pools of an instrument, and takes away what is short of margin.
    pub(super) fn watch_pool_of(
        &mut self,
        ix: InstrumentIx,
        now: Ts,
        out: &mut Vec<TimedReport>,
    ) -> Result<(), VenueError> {
        let Some(margin) = self.funds.margin().filter(|margin| margin.rules.on) else { return Ok(()) };
        for pool in margin.book.pools_of(ix).into_iter().flatten() {
            let standing = self.funds.margin().and_then(|margin| margin.standing(pool, now));
            if standing.is_some_and(|standing| standing.is_breached()) {
                self.cancel_pool(pool, now, out)?;
                while self.take_stage(pool, now, out)? {}
            }
            self.cover(pool, now, out)?;
        }
        // What an isolated position left its currency with, once nothing of it is held.
        let left = self.funds.margin().and_then(|margin| margin.book.unheld_currency_of(ix));
        left.map_or(Ok(()), |currency| self.cover(Pool::Cross(currency), now, out))
    }

    pub(super) fn desk(&self, ix: InstrumentIx) -> Option<&Desk> {
        self.desks.get(ix.usize()).and_then(Option::as_ref)
    }

    fn cancel_pool(&mut self, pool: Pool, now: Ts, out: &mut Vec<TimedReport>) -> Result<(), VenueError> {
        for at in 0..self.desks.len() {
            let ix = InstrumentIx(at as u16);
            let belongs = self.funds.margin().is_some_and(|margin| match pool {
                Pool::Isolated(holding) => holding.instrument == ix,
                Pool::Cross(_) => margin.book.pools_of(ix).contains(&Some(pool)),
            });
            if belongs && self.desk(ix).is_some_and(|desk| !desk.orders.is_empty()) {
                self.at_desk((ix, now), out, |scene, _, _| {
                    scene.cancel_all(None, now, CancelReason::Liquidation);
                    Ok(())
                })?;
            }
        }
        Ok(())
    }

    /// One stage, if the pool is short of margin; whether it was.
    #[inline(never)]
    fn take_stage(&mut self, pool: Pool, now: Ts, out: &mut Vec<TimedReport>) -> Result<bool, VenueError> {
        let Some(margin) = self.funds.margin() else { return Ok(false) };
        let Some(standing) = margin.standing(pool, now).filter(Standing::is_breached) else { return Ok(false) };
        let Some(holding) = margin.heaviest(pool, now) else { return Ok(false) };
        let ix = holding.instrument;
        let trade_id = TradeId(self.trade_id_last + 1);
        let overflow = |name: String| VenueError::Overflow { instrument: name };
        let Some(instrument) = margin.instrument(ix).cloned() else { return Ok(false) };
        let name = || instrument.id.to_string();
        let liquidation =
            stage(margin, (&instrument, holding), (standing, now), trade_id).ok_or_else(|| overflow(name()))?;
        self.trade_id_last = trade_id.0;
        let taken = self.desks.get_mut(ix.usize()).and_then(Option::as_mut).and_then(|desk| {
            let lot = instrument.rules_at(now).lot_size;
            let mut cells: Vec<&mut Qty> = desk.cells_of(holding.side).collect();
            let held: Vec<Qty> = cells.iter().map(|qty| **qty).collect();
            let parts = shares(&held, liquidation.net_qty, liquidation.last_qty, lot)?;
            for (position, part) in cells.iter_mut().zip(parts) {
                **position = position.checked_sub(part)?;
            }
            Some(())
        });
        taken.ok_or_else(|| overflow(name()))?;
        let booked = self.funds.margin_mut().and_then(|margin| margin.book.liquidate(&instrument, &liquidation));
        booked.ok_or_else(|| overflow(name()))?;
        out.push(TimedReport { ts_event: now, report: VenueReport::Liquidated(liquidation) });
        Ok(true)
    }

    /// The fund pays what is missing in a pool without positions.
    fn cover(&mut self, pool: Pool, now: Ts, out: &mut Vec<TimedReport>) -> Result<(), VenueError> {
        let Some(margin) = self.funds.margin_mut() else { return Ok(()) };
        let Some(covered) = margin.book.missing(pool) else { return Ok(()) };
        let (currency, instrument) = match pool {
            Pool::Cross(currency) => (currency, None),
            Pool::Isolated(holding) => {
                let Some(instrument) = margin.instrument(holding.instrument) else { return Ok(()) };
                (instrument.settlement, Some(holding.instrument))
            }
        };
        let bankruptcy = Bankruptcy { currency, instrument, covered, ts_event: now };
        let paid = margin.book.cover(&bankruptcy);
        paid.ok_or_else(|| VenueError::Overflow { instrument: format!("currency number {}", currency.0) })?;
        out.push(TimedReport { ts_event: now, report: VenueReport::Bankrupt(bankruptcy) });
        Ok(())
    }

    /// Whether an order that arrives may open what it would; `replaced` is the open order that it changes.
    pub(super) fn check_margin(
        &self,
        now: Ts,
        request: &OrderRequest,
        replaced: Option<(ClientOrderId, Qty)>,
    ) -> Result<(), RejectReason> {
        if self.funds.loans().is_some() {
            return self.check_debt(now, request, replaced);
        }
        let Some(margin) = self.funds.margin().filter(|_| !request.only_reduces()) else { return Ok(()) };
        let Some(desk) = self.desk(request.instrument) else { return Ok(()) };
        let px = request.kind.limit_px().or(request.kind.trigger_px()).or_else(|| desk.known_px(request.side));
        let Some(px) = px.or_else(|| margin.mark(request.instrument)) else { return Ok(()) };
        let filled = replaced.map_or(Qty::ZERO, |(_, filled)| filled);
        let asked = Asked {
            instrument: request.instrument,
            deal: request.deal(),
            px,
            qty: Qty::from_raw(request.order_qty.raw().saturating_sub(filled.raw())),
            fee_rate_max: self.fees.rate_max(),
        };
        let except = replaced.map(|(id, _)| id);
        margin.check_order(&asked, now, &|ix| self.desk(ix).map_or(Some(Exposure::NONE), |desk| exposure(desk, except)))
    }
}

impl SimVenue {
    /// How much of a currency the venue lets out of the account now; `None` where it does not look at balances.
    pub fn withdrawable(&self, now: Ts, currency: CurrencyIx) -> Option<Amount> {
        let Some(margin) = self.funds.margin() else { return self.funds.withdrawable(currency) };
        let open = |ix| self.desk(ix).map_or(Some(Exposure::NONE), |desk| exposure(desk, None));
        let free = margin.withdrawable(currency, now, &open);
        Some(free.unwrap_or(Amount::ZERO).max(Amount::ZERO))
    }
}

/// What the open orders of a desk would open, at their own prices; `None` on overflow.
fn exposure(desk: &Desk, except: Option<ClientOrderId>) -> Option<Exposure> {
    let live = desk.orders.iter().filter(|order| !order.done && order.hold == Hold::Live);
    let orders = live.filter(|order| !order.request.only_reduces());
    orders.filter(|order| Some(order.id) != except).try_fold(Exposure::NONE, |sum, order| {
        let kind = order.request.kind;
        let Some(px) = kind.limit_px().or(kind.trigger_px()).or_else(|| desk.known_px(order.request.side)) else {
            return Some(sum);
        };
        sum.with(order.request.side, desk.instrument.notional(px, order.leaves())?)
    })
}

/// The next stage of a position; `None` on overflow.
fn stage(
    margin: &VenueMargin,
    (instrument, holding): (&Instrument, Holding),
    (standing, now): (Standing, Ts),
    trade_id: TradeId,
) -> Option<Liquidation> {
    let (mark_px, net_qty) = (margin.mark(instrument.ix)?, margin.book.qty(holding));
    let terms = margin.book.terms(instrument.ix)?;
    let size = Qty::from_raw(net_qty.raw().checked_abs()?);
    let side = if net_qty > Qty::ZERO { Side::Sell } else { Side::Buy };
    let value = |qty: Qty| instrument.notional(mark_px, qty).and_then(Amount::checked_abs);
    let (at, bracket) = bracket_of(terms.brackets_at(now), value(size)?)?;
    let lot = instrument.rules_at(now).lot_size;
    let kept = if at == 0 { Qty::ZERO } else { largest(size, lot, |qty| Some(value(qty)? <= bracket.floor))? };
    let (stage, last_qty) = match size.checked_sub(kept)? {
        part if kept > Qty::ZERO && part > Qty::ZERO => (LiquidationStage::Reduce, part),
        _ => (LiquidationStage::Close, size),
    };
    let last_px = worsened(instrument, (mark_px, side), margin.rules.slippage, now)?;
    let paid = instrument.notional(last_px, last_qty)?;
    // What the worse price costs is gone before the fee is looked at.
    let slipped = paid.checked_sub(value(last_qty)?)?.checked_abs()?;
    let left = standing.balance.checked_sub(slipped)?.max(Amount::ZERO);
    let fee = paid.mul_div(margin.rules.fee, LIQUIDATION_RATE_ONE)?.min(left);
    Some(Liquidation {
        instrument: instrument.ix,
        trade_id,
        mode: match margin.book.pool_of(holding)? {
            Pool::Cross(_) => MarginMode::Cross,
            Pool::Isolated(_) => MarginMode::Isolated,
        },
        stage,
        side,
        mark_px,
        last_px,
        last_qty,
        net_qty,
        margin_balance: standing.balance,
        maintenance: standing.maintenance,
        fee,
        ts_event: now,
    })
}

/// The largest number of lots, as a quantity below `size`, that `fits`; more never fit if fewer do not.
fn largest(size: Qty, lot: Qty, fits: impl Fn(Qty) -> Option<bool>) -> Option<Qty> {
    let (mut low, mut high) = (0, size.raw() / lot.raw() + 1);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if fits(Qty::from_raw(middle.checked_mul(lot.raw())?))? { low = middle } else { high = middle }
    }
    Some(Qty::from_raw(low * lot.raw()).min(size))
}

/// A mark moved against us, to the tick against us, and at least one tick.
pub(super) fn worsened(instrument: &Instrument, (px, side): (Price, Side), slippage: i64, now: Ts) -> Option<Price> {
    let tick = instrument.rules_at(now).tick_size;
    let adverse = i128::from(px.raw()) * i128::from(slippage);
    let adverse = i64::try_from(-(-adverse).div_euclid(i128::from(LIQUIDATION_RATE_ONE))).ok()?;
    Some(match side {
        Side::Buy => {
            let raw = px.raw().checked_add(adverse).filter(|raw| *raw < i64::MAX / 2)?;
            Price::from_raw(raw).ceil_to(tick)
        }
        Side::Sell => Price::from_raw(px.raw().checked_sub(adverse)?).floor_to(tick).max(tick),
    })
}

impl Desk {
    /// The last price that a record shows, if orders are filled by its kind.
    pub(super) fn last_px_of(&self, record: &MarketRecord) -> Option<Price> {
        let middle = || {
            let (bid, ask) = (self.known_px(Side::Sell)?, self.known_px(Side::Buy)?);
            Some(Price::from_raw((i128::from(bid.raw()) + i128::from(ask.raw())).div_euclid(2) as i64))
        };
        match record {
            MarketRecord::Trade(trade) if self.finest == RecordKind::Trades => Some(trade.px),
            MarketRecord::Quote(quote) if self.finest == RecordKind::Quotes && quote.bid_px < quote.ask_px => middle(),
            MarketRecord::Depth(row) if row.flags.has(DepthFlags::LAST) => middle(),
            MarketRecord::Mbo(row) if row.flags.has(DepthFlags::LAST) => middle(),
            MarketRecord::Bar(_)
            | MarketRecord::Trade(_)
            | MarketRecord::Quote(_)
            | MarketRecord::Depth(_)
            | MarketRecord::Mbo(_)
            | MarketRecord::Mark(_)
            | MarketRecord::Funding(_) => None,
        }
    }
}
