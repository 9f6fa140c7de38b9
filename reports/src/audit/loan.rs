//! Interest and forced trades of an account that borrows, by the plainest arithmetic.
//!
//! Enters: rates, money put in, fills, interest, forced trades. Leaves: what does not hold. What is owed is a balance
//! below zero; the part of it that is interest is kept here, as whatever comes in pays it first. Fills of several
//! strategies may reach us in another order than the venue made them; but what the venue says of the account comes
//! after all that it said before, so there they are taken in by the numbers of their trades. Where the run has one
//! instrument also: that no hour was left out, and how the account stood before a forced trade.

use std::collections::{BTreeMap, VecDeque};

use tapedeck_model::loan::{BorrowTerms, InterestReport, LoanLiquidation};
use tapedeck_model::number::pow10;
use tapedeck_model::{Amount, CurrencyIx, Instrument, Side, TradeId, Ts};

/// Nanoseconds of an hour.
const HOUR: i64 = 3_600_000_000_000;
/// A daily rate of 1 in its units, times the hours of a day.
const DAY_ONE: i64 = 24_000_000_000_000;

/// What a fill moved, by currency, and when.
type Fill = (Ts, BTreeMap<CurrencyIx, Amount>);

/// What is known of debts.
#[derive(Debug, Clone, Default)]
pub(super) struct LoanAudit {
    terms: BTreeMap<CurrencyIx, BorrowTerms>,
    /// As the venue has them.
    balances: BTreeMap<CurrencyIx, Amount>,
    /// By currency: the part of what is owed that is interest.
    due: BTreeMap<CurrencyIx, Amount>,
    /// Fills that came since the venue last said something of the account.
    fills: BTreeMap<TradeId, Fill>,
    /// What fills borrowed, with their time, that is still to be charged.
    to_charge: VecDeque<(CurrencyIx, Amount, Ts)>,
    /// By currency: the hour up to which it was charged.
    charged_to: BTreeMap<CurrencyIx, i64>,
    /// Whether the share of a liquidation that comes next is one of a forced trade, which is posted as a whole.
    pub(super) is_forced: bool,
}

fn hour(ts: Ts) -> i64 {
    ts.nanos().div_euclid(HOUR)
}

fn owed(balance: Amount) -> Option<Amount> {
    Some(balance.checked_neg()?.max(Amount::ZERO))
}

impl LoanAudit {
    pub(super) fn declare(&mut self, currency: CurrencyIx, terms: &BorrowTerms) {
        self.terms.insert(currency, terms.clone());
    }

    pub(super) fn is_used(&self) -> bool {
        !self.terms.is_empty()
    }

    fn balance(&self, currency: CurrencyIx) -> Amount {
        self.balances.get(&currency).copied().unwrap_or_default()
    }

    fn due(&self, currency: CurrencyIx) -> Amount {
        self.due.get(&currency).copied().unwrap_or_default()
    }

    fn borrowed(&self, currency: CurrencyIx) -> Option<Amount> {
        owed(self.balance(currency))?.checked_sub(self.due(currency))
    }

    /// Something comes, or goes. By how much more is borrowed then. `None` on overflow.
    pub(super) fn moved(&mut self, currency: CurrencyIx, amount: Amount) -> Option<Amount> {
        let before = self.borrowed(currency)?;
        let after = self.balance(currency).checked_add(amount)?;
        let due = self.due(currency).checked_sub(amount.max(Amount::ZERO))?.max(Amount::ZERO).min(owed(after)?);
        self.balances.insert(currency, after);
        self.due.insert(currency, due);
        self.borrowed(currency)?.checked_sub(before)
    }

    /// A fill came. `None` on overflow.
    pub(super) fn filled(&mut self, trade: TradeId, ts: Ts, moves: &[(CurrencyIx, Amount)]) -> Option<()> {
        let mut sums = BTreeMap::new();
        for (currency, amount) in moves {
            super::add(&mut sums, *currency, *amount)?;
        }
        self.fills.insert(trade, (ts, sums));
        Some(())
    }

    /// Takes in what came before the venue said something of the account. `None` on overflow.
    fn settle(&mut self, alone: bool) -> Option<Vec<String>> {
        let mut found = Vec::new();
        for (trade, (ts, moves)) in std::mem::take(&mut self.fills) {
            if !self.to_charge.is_empty() {
                found.push(format!("what was borrowed before trade {} was not charged", trade.0));
                self.to_charge.clear();
            }
            for (currency, amount) in moves {
                let is_owed = self.borrowed(currency)? > Amount::ZERO;
                let charged_to = self.charged_to.get(&currency).copied();
                if alone && is_owed && charged_to.is_some_and(|charged_to| charged_to < hour(ts)) {
                    found.push(format!("interest was not charged for every hour before {ts}"));
                }
                let more = self.moved(currency, amount)?;
                if more > Amount::ZERO {
                    self.to_charge.push_back((currency, more, ts));
                    if !is_owed {
                        self.charged_to.insert(currency, hour(ts));
                    }
                }
            }
        }
        Some(found)
    }

    /// What does not hold of interest. `None` on overflow.
    pub(super) fn charged(&mut self, report: &InterestReport, alone: bool) -> Option<Vec<String>> {
        let mut found = self.settle(alone)?;
        let InterestReport { currency, ts_event, borrowed, daily_rate, interest } = *report;
        let fresh = self.to_charge.iter().position(|charge| *charge == (currency, borrowed, ts_event));
        if let Some(at) = fresh {
            self.to_charge.remove(at);
        } else {
            if !self.to_charge.is_empty() {
                found.push(format!("what was borrowed before {ts_event} was not charged"));
                self.to_charge.clear();
            }
            let expected = self.borrowed(currency)?;
            if expected != borrowed || ts_event.nanos().rem_euclid(HOUR) != 0 {
                found.push(format!("interest on {borrowed} at {ts_event}, by the fills {expected} is borrowed"));
            }
            let before = self.charged_to.insert(currency, hour(ts_event));
            let follows =
                before.is_some_and(|before| if alone { hour(ts_event) == before + 1 } else { hour(ts_event) > before });
            if !follows {
                found.push(format!("the hour of {ts_event} does not follow the one that was charged before it"));
            }
        }
        let rate = self
            .terms
            .get(&currency)
            .and_then(|terms| terms.rates.iter().rev().find(|rate| rate.from <= ts_event).map(|rate| rate.daily_rate));
        if rate != Some(daily_rate) {
            found.push(format!("interest at {daily_rate}, the rate of {ts_event} is {rate:?}"));
        }
        let expected = borrowed.mul_div(daily_rate, DAY_ONE)?;
        if interest != expected {
            found.push(format!("interest of {interest}, by amount and rate it is {expected}"));
        }
        self.balances.insert(currency, self.balance(currency).checked_sub(interest)?);
        self.due.insert(currency, self.due(currency).checked_add(interest)?);
        Some(found)
    }

    /// What does not hold of a forced trade worth `value`. `None` on overflow.
    pub(super) fn forced(
        &mut self,
        trade: &LoanLiquidation,
        instrument: &Instrument,
        value: Amount,
        alone: bool,
    ) -> Option<Vec<String>> {
        let mut found = self.settle(alone)?;
        self.is_forced = true;
        let (base, quote) = (self.balance(instrument.base), self.balance(instrument.quote));
        let (there, got, paid) = match trade.side {
            Side::Buy => (base.checked_neg()?, trade.amount, value.checked_neg()?),
            Side::Sell => (base, trade.amount.checked_neg()?, value),
        };
        if trade.amount <= Amount::ZERO || trade.amount > there || trade.whole != (trade.amount == there) {
            found.push(format!("a forced trade of {}, of {there}", trade.amount));
        }
        if (trade.last_px.raw() - trade.mark_px.raw()) * trade.side.sign() < 0 {
            found.push("a forced trade is better than the mark".to_owned());
        }
        let worth = base.mul_div(trade.mark_px.raw(), i64::try_from(pow10(instrument.price_scale)).ok()?)?;
        let (mut assets, mut debt) = (Amount::ZERO, Amount::ZERO);
        for part in [worth, quote] {
            assets = assets.checked_add(part.max(Amount::ZERO))?;
            debt = debt.checked_add(owed(part)?)?;
        }
        let said = trade.standing;
        if alone && (assets, debt) != (said.assets, said.debt) {
            found.push(format!("assets {} and debt {}, by the fills {assets} and {debt}", said.assets, said.debt));
        }
        self.moved(instrument.base, got)?;
        self.moved(instrument.quote, paid.checked_sub(trade.fee)?)?;
        Some(found)
    }
}
