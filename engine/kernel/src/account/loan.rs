//! The account that may borrow, on our own side: what an order must set aside, and what interest and forced trades do.
//!
//! Enters: orders, reports of interest and of forced trades. Leaves: [`Reserve`], postings. What is owed is what a balance
//! has below zero, so there is no other state than the rates, which the journal declares.

use tapedeck_model::event::{DenyReason, LedgerAccount, PostingLines};
use tapedeck_model::loan::{BorrowTerms, InterestReport, LoanLiquidation, LoanStanding};
use tapedeck_model::{Amount, CurrencyIx, Instrument, Qty, Side};

use super::fill::transfer;
use super::reserve::{FEE_RATE_ONE, Reservation, buffered_down, spot_need, waits_for_parent};
use super::{Account, AccountError, Reserve, ReserveQuery, overflow};

impl Account {
    pub(super) fn lend(&mut self, currency: CurrencyIx, terms: &BorrowTerms) -> Result<(), AccountError> {
        if self.lent.is_empty() {
            self.lent = vec![None; self.ledger.len()];
        }
        let place = self.lent.get_mut(currency.usize()).ok_or(AccountError::Unknown { what: "a currency" })?;
        *place = Some(terms.clone());
        Ok(())
    }

    /// The posting of interest: `Cash` down, `Interest` up.
    ///
    /// # Errors
    /// [`AccountError::Overflow`] for the smallest amount there is.
    pub fn interest(report: &InterestReport) -> Result<PostingLines, AccountError> {
        let mut lines = PostingLines::new();
        let paid = report.interest.checked_neg().ok_or(overflow("interest"))?;
        transfer(&mut lines, LedgerAccount::Interest, report.currency, paid).ok_or(overflow("interest"))?;
        Ok(lines)
    }

    /// The posting of a forced trade: both assets change hands, and the fee goes to the insurance fund.
    ///
    /// # Errors
    /// [`AccountError::Overflow`].
    pub fn forced_trade(instrument: &Instrument, trade: &LoanLiquidation) -> Result<PostingLines, AccountError> {
        let mut lines = PostingLines::new();
        let mut moved = || {
            let value = trade.value(instrument.price_scale)?;
            let (base, quote) = match trade.side {
                Side::Buy => (trade.amount, value.checked_neg()?),
                Side::Sell => (trade.amount.checked_neg()?, value),
            };
            transfer(&mut lines, LedgerAccount::Trading, instrument.base, base)?;
            transfer(&mut lines, LedgerAccount::Trading, instrument.quote, quote)?;
            transfer(&mut lines, LedgerAccount::InsuranceFund, instrument.quote, trade.fee.checked_neg()?)
        };
        let moved = moved();
        moved.map(|()| lines).ok_or(overflow("the value of a forced trade"))
    }

    /// An order sets aside what it gives, as on any spot account. What all open orders and this one give may be more than
    /// is there: then it is owed, and what would be owed, if the open ones got nothing, must be within the leverage.
    /// An order that adds no debt always may.
    pub(super) fn loan_reserve(
        &self,
        query: &ReserveQuery<'_>,
        qty: Qty,
        (replaced, leverage): (Option<&Reservation>, i64),
    ) -> Result<Reserve, DenyReason> {
        let reserve = spot_need(query, qty).ok_or(DenyReason::Overflow)?;
        if waits_for_parent(query, replaced) {
            return Ok(reserve);
        }
        let own = replaced.map(|entry| (entry.currency(), self.shared_held(entry, query.replacing)));
        let own_held =
            |currency| own.filter(|(held_in, _)| *held_in == currency).map_or(Amount::ZERO, |(_, held)| held);
        let after = |with: bool| {
            let got = if with { Some(Self::got(query, qty)?) } else { None };
            let mut debt = Amount::ZERO;
            for ix in 0..self.ledger.len() {
                let currency = CurrencyIx(ix as u16);
                let mut left = self.balance(currency).free().checked_add(own_held(currency))?;
                if with && currency == reserve.currency {
                    left = left.checked_sub(reserve.amount)?;
                }
                if let Some((_, amount)) = got.filter(|(got_in, _)| *got_in == currency) {
                    left = left.checked_add(amount)?;
                }
                if left < Amount::ZERO {
                    debt = debt.checked_sub(query.marks.to_base(left, currency)?)?;
                }
            }
            Some(debt)
        };
        let left = self
            .balance(reserve.currency)
            .free()
            .checked_add(own_held(reserve.currency))
            .and_then(|free| free.checked_sub(reserve.amount));
        let lent = self.lent.get(reserve.currency.usize()).and_then(Option::as_ref);
        let is_lent = lent.is_some_and(|terms| terms.daily_rate_at(query.now).is_some());
        if left.ok_or(DenyReason::Overflow)? < Amount::ZERO && !is_lent {
            return Err(DenyReason::InsufficientFunds);
        }
        let (before, debt) = (after(false).ok_or(DenyReason::NoPrice)?, after(true).ok_or(DenyReason::NoPrice)?);
        let equity = query.equity.ok_or(DenyReason::NoPrice)?;
        let most = LoanStanding { assets: equity.max(Amount::ZERO), debt: Amount::ZERO }.debt_max(leverage);
        let most = most.ok_or(DenyReason::Overflow)?;
        if debt > before.max(most) { Err(DenyReason::InsufficientFunds) } else { Ok(reserve) }
    }

    /// What an order brings in, at least, as far as that is known.
    fn got(query: &ReserveQuery<'_>, qty: Qty) -> Option<(CurrencyIx, Amount)> {
        let instrument = query.instrument;
        Some(match query.request.side {
            Side::Buy => (instrument.base, instrument.base_amount(qty)?),
            Side::Sell => {
                let limit = query.request.kind.limit_px();
                let value = match limit {
                    Some(limit) => instrument.notional(limit, qty)?,
                    None => buffered_down(instrument.notional(query.mark, qty)?)?,
                };
                let fee = value.mul_div(query.fee_rate_max.max(0), FEE_RATE_ONE)?;
                (instrument.quote, value.checked_sub(fee)?)
            }
        })
    }
}
