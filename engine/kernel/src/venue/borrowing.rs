//! A spot account that may borrow: what orders may owe, and how debts are called in.
//!
//! Enters: records, as prices move and hours begin; orders as they arrive. Leaves: interest, margin calls, cancels of
//! open orders, forced trades, losses that the insurance fund covers. Invariants: how the account stands is looked at
//! with every price; orders are canceled before anything is sold; forced trades end with nothing owed, or with nothing
//! left to sell.
//!
//! The law: at a margin level (assets / debt) at or below that of the call the venue warns, once until the level is
//! above it again. At or below the level of liquidation it cancels every open order; buys back every asset that
//! is owed, by index; then sells assets, those worth most first, until the quote that is owed is paid. A
//! forced trade is of exactly as much as is needed, not in lots, at the mark worsened by the stated slippage, to the
//! tick against us. Its fee goes to the insurance fund, at most what is left. What is still owed then, though nothing
//! is left, the fund covers.

use tapedeck_model::loan::{LOAN_RATE_ONE, LoanLiquidation, LoanStanding, MarginCall};
use tapedeck_model::margin::Bankruptcy;
use tapedeck_model::number::pow10;
use tapedeck_model::order::{CancelReason, RejectReason};
use tapedeck_model::{
    Amount, Bar, ClientOrderId, CurrencyIx, GroupLeg, InstrumentIx, MarketRecord, OrderRequest, Qty, RecordRef, Side,
    TradeId, Ts, VenueReport,
};

use super::bars::{self, Rest};
use super::desk::{Desk, Hold};
use super::liquidation::worsened;
use super::loans::Loans;
use super::{SimVenue, TimedReport, VenueError};
use crate::loan::loan_shares;

/// Forced trades that one look can lead to, beside two for each currency.
const ROUNDS: usize = 8;

fn too_large() -> VenueError {
    VenueError::Overflow { instrument: "an account that borrows".to_owned() }
}

impl SimVenue {
    /// A record passes that may touch an order, and that may move a price.
    pub(super) fn on_borrowing_record(
        &mut self,
        touched: bool,
        at: RecordRef,
        record: &MarketRecord,
        out: &mut Vec<TimedReport>,
    ) -> Result<(), VenueError> {
        let (ix, now) = (record.instrument(), record.ts_event());
        match record {
            MarketRecord::Bar(bar) => self.walk_borrowing_bar(touched, at, bar, out)?,
            MarketRecord::Mark(mark) => {
                if touched {
                    self.match_record(at, record, out)?;
                }
                if let Some(loans) = self.funds.loans_mut() {
                    loans.on_mark_px(ix, mark.mark_px);
                }
            }
            other => {
                if touched {
                    self.match_record(at, other, out)?;
                }
                let px = self.desk(ix).and_then(|desk| desk.last_px_of(other));
                if let (Some(loans), Some(px)) = (self.funds.loans_mut(), px) {
                    loans.on_last_px(ix, px);
                }
            }
        }
        self.accrue(now, out)?;
        self.watch_loans(now, out)
    }

    fn walk_borrowing_bar(
        &mut self,
        touched: bool,
        at: RecordRef,
        bar: &Bar,
        out: &mut Vec<TimedReport>,
    ) -> Result<(), VenueError> {
        let ix = bar.instrument;
        let counts = self.desk(ix).is_some_and(|desk| desk.counts(bar));
        let follows = self.funds.loans().is_some_and(|loans| loans.follows_last(ix));
        self.accrue(bar.ts_open(), out)?;
        let rest = if touched {
            Some(self.match_bar(at, bar, out)?)
        } else {
            Some(bars::whole_path(bar, self.bar_rules.path)).filter(|_| counts)
        };
        if let Some(rest) = rest.filter(|_| follows) {
            self.go_along(ix, rest, out)?;
        }
        if let Some(loans) = self.funds.loans_mut().filter(|_| counts) {
            loans.on_last_px(ix, bar.close);
        }
        Ok(())
    }

    /// Goes along the rest of a bar's path, calling debts in wherever the level is too low.
    fn go_along(&mut self, ix: InstrumentIx, mut rest: Rest, out: &mut Vec<TimedReport>) -> Result<(), VenueError> {
        while let Some(loans) = self.funds.loans_mut().filter(|loans| loans.rules.on && loans.is_exposed_to(ix)) {
            let Some((moment, px)) = rest.first_breach(|px, _| loans.is_breached_at(ix, px)) else { break };
            loans.on_last_px(ix, px);
            rest.since = moment;
            let before = self.trade_id_last;
            self.accrue(moment.ts, out)?;
            self.watch_loans(moment.ts, out)?;
            if self.trade_id_last == before {
                break;
            }
        }
        Ok(())
    }

    /// Charges interest up to an instant.
    fn accrue(&mut self, to: Ts, out: &mut Vec<TimedReport>) -> Result<(), VenueError> {
        self.funds.loans_mut().and_then(|loans| loans.accrue(to, out)).ok_or_else(too_large)
    }

    /// Looks at how the account stands.
    fn watch_loans(&mut self, now: Ts, out: &mut Vec<TimedReport>) -> Result<(), VenueError> {
        let Some(loans) = self.funds.loans_mut() else { return Ok(()) };
        if !loans.owes() {
            loans.called = false;
            return Ok(());
        }
        let Some(standing) = loans.standing() else { return Ok(()) };
        if loans.rules.on && standing.is_at(loans.rules.level) {
            return self.call_in(now, out);
        }
        let called = standing.is_at(loans.rules.call);
        if called && !loans.called {
            let report = VenueReport::MarginCalled(MarginCall { ts_event: now, standing });
            out.push(TimedReport { ts_event: now, report });
        }
        loans.called = called;
        Ok(())
    }

    #[cold]
    fn call_in(&mut self, now: Ts, out: &mut Vec<TimedReport>) -> Result<(), VenueError> {
        for at in 0..self.desks.len() {
            let ix = InstrumentIx(at as u16);
            if self.desk(ix).is_some_and(|desk| !desk.orders.is_empty()) {
                self.at_desk((ix, now), out, |scene, _, _| {
                    scene.cancel_all(None, now, CancelReason::Liquidation);
                    Ok(())
                })?;
            }
        }
        let rounds = ROUNDS + 2 * self.funds.loans().map_or(0, |loans| loans.balances().len());
        for _ in 0..rounds {
            if !self.trade_for_debt(now, out)? {
                break;
            }
        }
        self.cover_debts(now, out)
    }

    /// One forced trade, if there is anything to be paid and to pay with; whether there was.
    fn trade_for_debt(&mut self, now: Ts, out: &mut Vec<TimedReport>) -> Result<bool, VenueError> {
        let Some(loans) = self.funds.loans() else { return Ok(false) };
        let trade_id = TradeId(self.trade_id_last + 1);
        let Some(next) = next_trade(loans) else { return Ok(false) };
        let trade = forced_trade(loans, next, (trade_id, now)).ok_or_else(too_large)?;
        self.trade_id_last = trade.trade_id.0;
        let instrument = loans.instrument(trade.instrument).cloned().ok_or_else(too_large)?;
        let moved = self.funds.loans_mut().and_then(|loans| {
            let value = trade.value(instrument.price_scale)?;
            let (base, quote) = match trade.side {
                Side::Buy => (trade.amount, value.checked_neg()?),
                Side::Sell => (trade.amount.checked_neg()?, value),
            };
            loans.credit(instrument.base, base)?;
            loans.credit(instrument.quote, quote.checked_sub(trade.fee)?)
        });
        moved.ok_or_else(too_large)?;
        if let Some(desk) = self.desks.get_mut(trade.instrument.usize()).and_then(Option::as_mut) {
            let parts = loan_shares(&desk.positions, &instrument, &trade).ok_or_else(too_large)?;
            for (position, part) in desk.positions.iter_mut().zip(parts) {
                *position = position.checked_sub(part).ok_or_else(too_large)?;
            }
        }
        out.push(TimedReport { ts_event: now, report: VenueReport::LoanLiquidated(trade) });
        Ok(true)
    }

    /// The fund pays what is owed though nothing is left.
    fn cover_debts(&mut self, now: Ts, out: &mut Vec<TimedReport>) -> Result<(), VenueError> {
        let Some(loans) = self.funds.loans_mut() else { return Ok(()) };
        if loans.balances().iter().any(|balance| *balance > Amount::ZERO) {
            return Ok(());
        }
        for at in 0..loans.balances().len() {
            let currency = CurrencyIx(at as u16);
            let covered = loans.balance(currency).checked_neg().ok_or_else(too_large)?;
            if covered > Amount::ZERO {
                loans.credit(currency, covered).ok_or_else(too_large)?;
                let report = Bankruptcy { currency, instrument: None, covered, ts_event: now };
                out.push(TimedReport { ts_event: now, report: VenueReport::Bankrupt(report) });
            }
        }
        Ok(())
    }

    /// Whether an order that arrives may owe what it would: were it and every open order filled, and nothing got for
    /// the open ones, the debt must be within the leverage. An order that adds no debt always may, but what it gives must be there, or
    /// be lent. Before a price is known there is nothing to compare. `replaced` is the open order that it changes.
    pub(super) fn check_debt(
        &self,
        now: Ts,
        request: &OrderRequest,
        replaced: Option<(ClientOrderId, Qty)>,
    ) -> Result<(), RejectReason> {
        let short = RejectReason::InsufficientMargin;
        let (Some(loans), Some(desk)) = (self.funds.loans(), self.desk(request.instrument)) else { return Ok(()) };
        let Some(standing) = loans.standing() else { return Ok(()) };
        let mut balances = loans.balances().to_vec();
        let except = replaced.map(|(id, _)| id);
        for desk in self.desks.iter().flatten() {
            spend(&mut balances, desk, except, self.fees.rate_max())?;
        }
        let marks = |ix| loans.mark(ix);
        let Some(before) = loans.standing_of(&balances, &marks) else { return Ok(()) };
        let filled = replaced.map_or(Qty::ZERO, |(_, filled)| filled);
        let leaves = Qty::from_raw(request.order_qty.raw().saturating_sub(filled.raw()));
        let Some((given, got)) = exchanged(desk, request, leaves, self.fees.rate_max())? else {
            return Ok(());
        };
        add(&mut balances, given.0, given.1.checked_neg().ok_or(short)?).ok_or(short)?;
        add(&mut balances, got.0, got.1).ok_or(short)?;
        let borrows = balances.get(given.0.usize()).is_some_and(|balance| *balance < Amount::ZERO);
        if borrows && !loans.lends(given.0, now) {
            return Err(short);
        }
        let Some(LoanStanding { debt, .. }) = loans.standing_of(&balances, &marks) else { return Ok(()) };
        let most = standing.debt_max(loans.rules.leverage).ok_or(short)?;
        if debt > before.debt.max(most) { Err(short) } else { Ok(()) }
    }
}

/// An amount of a currency.
type Sum = (CurrencyIx, Amount);

fn add(balances: &mut [Amount], currency: CurrencyIx, amount: Amount) -> Option<()> {
    let balance = balances.get_mut(currency.usize())?;
    *balance = balance.checked_add(amount)?;
    Some(())
}

/// What the open orders of a desk give, as far as a price of theirs is known; of a pair one alone.
///
/// # Errors
/// `InsufficientMargin` if a sum cannot be represented.
fn spend(
    balances: &mut [Amount],
    desk: &Desk,
    except: Option<ClientOrderId>,
    fee_rate: i64,
) -> Result<(), RejectReason> {
    let live = desk.orders.iter().filter(|order| !order.done && order.hold == Hold::Live && Some(order.id) != except);
    for order in live {
        let sibling = order.request.terms.group.and_then(GroupLeg::sibling);
        let is_second = sibling.is_some_and(|number| {
            number < order.id.number && desk.find(ClientOrderId { number, ..order.id }).is_some()
        });
        if is_second {
            continue;
        }
        if let Some((given, _)) = exchanged(desk, &order.request, order.leaves(), fee_rate)? {
            let spent = given.1.checked_neg().and_then(|amount| add(balances, given.0, amount));
            spent.ok_or(RejectReason::InsufficientMargin)?;
        }
    }
    Ok(())
}

/// What an order gives and gets for so much, the largest fee included, at the price that it bears; nothing where
/// no price is known.
///
/// # Errors
/// `InsufficientMargin` if a value cannot be represented.
fn exchanged(desk: &Desk, request: &OrderRequest, qty: Qty, fee_rate: i64) -> Result<Option<(Sum, Sum)>, RejectReason> {
    let instrument = &desk.instrument;
    let px = request.kind.limit_px().or(request.kind.trigger_px()).or_else(|| desk.known_px(request.side));
    let Some(px) = px.or_else(|| desk.last_px()) else { return Ok(None) };
    let sums = || {
        let (base, quote) = (instrument.base_amount(qty)?, instrument.notional(px, qty)?);
        let fee = quote.mul_div(fee_rate.max(0), LOAN_RATE_ONE)?;
        Some(match request.side {
            Side::Buy => ((instrument.quote, quote.checked_add(fee)?), (instrument.base, base)),
            Side::Sell => ((instrument.base, base), (instrument.quote, quote.checked_sub(fee)?)),
        })
    };
    sums().map(Some).ok_or(RejectReason::InsufficientMargin)
}

/// What is traded next so that debts are paid: an asset that is owed, else the one that is worth most for the quote
/// that is owed; `None` if nothing is owed, or no price of it is known.
fn next_trade(loans: &Loans) -> Option<(CurrencyIx, Side, LoanStanding)> {
    let standing = loans.standing()?;
    let quote = loans.quote();
    let all = (0..loans.balances().len()).map(|ix| CurrencyIx(ix as u16));
    let owed = all.filter(|currency| *currency != quote).find(|currency| loans.balance(*currency) < Amount::ZERO);
    match owed {
        Some(currency) => Some((currency, Side::Buy, standing)),
        None if loans.balance(quote) < Amount::ZERO => Some((most_worth(loans)?, Side::Sell, standing)),
        None => None,
    }
}

/// The forced trade of a currency; `None` on overflow.
fn forced_trade(
    loans: &Loans,
    (currency, side, standing): (CurrencyIx, Side, LoanStanding),
    (trade_id, now): (TradeId, Ts),
) -> Option<LoanLiquidation> {
    let ix = loans.priced_by(currency)?;
    let (instrument, mark_px) = (loans.instrument(ix)?, loans.mark(ix)?);
    let last_px = worsened(instrument, (mark_px, side), loans.rules.slippage, now)?;
    let there = loans.balance(currency).checked_abs()?;
    let amount = match side {
        Side::Buy => there,
        Side::Sell => {
            let owed = loans.balance(loans.quote()).checked_neg()?;
            there.min(needed(owed, last_px.raw(), loans, instrument.price_scale)?)
        }
    };
    let mut trade = LoanLiquidation {
        instrument: ix,
        trade_id,
        side,
        mark_px,
        last_px,
        amount,
        whole: amount == there,
        fee: Amount::ZERO,
        standing,
        ts_event: now,
    };
    let value = trade.value(instrument.price_scale)?;
    // What the worse price costs is gone before the fee is looked at.
    let at_mark = LoanLiquidation { last_px: mark_px, ..trade }.value(instrument.price_scale)?;
    let left = standing.equity()?.checked_sub(value.checked_sub(at_mark)?.checked_abs()?)?.max(Amount::ZERO);
    trade.fee = value.mul_div(loans.rules.fee, LOAN_RATE_ONE)?.min(left);
    Some(trade)
}

/// The asset that is worth most, the first at a tie.
fn most_worth(loans: &Loans) -> Option<CurrencyIx> {
    let mut most: Option<(CurrencyIx, Amount)> = None;
    for (ix, balance) in loans.balances().iter().enumerate() {
        let currency = CurrencyIx(ix as u16);
        if currency == loans.quote() || *balance <= Amount::ZERO {
            continue;
        }
        let worth = loans.worth(currency, *balance, &|ix| loans.mark(ix))?;
        if most.is_none_or(|(_, before)| worth > before) {
            most = Some((currency, worth));
        }
    }
    most.map(|(currency, _)| currency)
}

/// How much of an asset pays `owed` of the quote at a price, its fee included; a little more rather than less.
fn needed(owed: Amount, px: i64, loans: &Loans, price_scale: u8) -> Option<Amount> {
    let kept = LOAN_RATE_ONE.checked_sub(loans.rules.fee)?;
    if kept <= 0 {
        return Some(Amount::MAX);
    }
    let gross = owed.mul_div(LOAN_RATE_ONE, kept)?;
    gross.mul_div(i64::try_from(pow10(price_scale)).ok()?, px)?.checked_add(Amount::from_raw(2))
}
