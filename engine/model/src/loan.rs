//! Borrowing on a spot account: rates, interest, and what the venue says of a debt.
//!
//! A balance below zero is a debt, of which a part is interest that was charged and not yet paid. Whatever comes in
//! pays the interest first, then what was borrowed. Source of the rules: Binance cross margin ("Interest is
//! calculated hourly", on what was borrowed, at a twenty-fourth of the daily rate; less than an hour counts as one;
//! margin level = total assets / (total borrowed + total accrued interest)).

use thiserror::Error;

use crate::ids::{CurrencyIx, InstrumentIx, TradeId};
use crate::number::{Amount, Price};
use crate::order::Side;
use crate::time::{Span, Ts};

/// A daily rate of 1, and of all other rates here, in their units.
pub const LOAN_RATE_ONE: i64 = 1_000_000_000_000;
/// A margin level, or a leverage, of 1 in its units.
pub const LOAN_LEVEL_ONE: i64 = 1_000_000;
/// The largest daily rate; scenarios have at most 1, which a run that multiplies costs may multiply by 1000.
pub const DAILY_RATE_MAX: i64 = 1_000 * LOAN_RATE_ONE;

/// Hours of a day.
const HOURS: i64 = 24;

/// A rate from an instant on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatedRate {
    /// First instant at which it holds.
    pub from: Ts,
    /// Interest per day, as a fraction of what was borrowed in units of 1e-12; at least zero.
    pub daily_rate: i64,
}

/// At what rates a currency can be borrowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BorrowTerms {
    /// By date; before the first nothing can be borrowed.
    pub rates: Vec<DatedRate>,
}

/// Why terms of borrowing are refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BorrowError {
    /// There is no rate at all.
    #[error("terms of borrowing need a rate")]
    Empty,
    /// Two rates hold from one instant, or they are not sorted.
    #[error("there are two rates from {from}, or they are not in the order of their dates")]
    Dates {
        /// From when.
        from: Ts,
    },
    /// A rate is below zero or too large.
    #[error("the daily rate from {from} is below 0 or above 1000")]
    Rate {
        /// From when.
        from: Ts,
    },
}

impl BorrowTerms {
    /// Whether they make sense.
    ///
    /// # Errors
    /// [`BorrowError`].
    pub fn validate(&self) -> Result<(), BorrowError> {
        let Some(first) = self.rates.first() else { return Err(BorrowError::Empty) };
        let mut before = first.from;
        for (at, rate) in self.rates.iter().enumerate() {
            if at > 0 && rate.from <= before {
                return Err(BorrowError::Dates { from: rate.from });
            }
            if !(0..=DAILY_RATE_MAX).contains(&rate.daily_rate) {
                return Err(BorrowError::Rate { from: rate.from });
            }
            before = rate.from;
        }
        Ok(())
    }

    /// The daily rate at an instant; `None` if nothing can be borrowed then.
    pub fn daily_rate_at(&self, ts: Ts) -> Option<i64> {
        let held = self.rates.partition_point(|rate| rate.from <= ts);
        self.rates.get(held.checked_sub(1)?).map(|rate| rate.daily_rate)
    }
}

/// Interest of one hour: a twenty-fourth of the daily rate, rounded half to even at 1e-24. `None` on overflow.
pub fn hourly_interest(borrowed: Amount, daily_rate: i64) -> Option<Amount> {
    borrowed.mul_div(daily_rate, HOURS * LOAN_RATE_ONE)
}

/// The last full hour, UTC, not after an instant.
pub fn hour_of(ts: Ts) -> Ts {
    ts.floor_to(Span::HOUR)
}

/// Interest that was charged, for one hour that has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterestReport {
    /// Of which currency.
    pub currency: CurrencyIx,
    /// When it was charged: a full hour, or as something was borrowed.
    pub ts_event: Ts,
    /// On how much: all that was borrowed at a full hour, else what was borrowed then.
    pub borrowed: Amount,
    /// The daily rate, in units of 1e-12.
    pub daily_rate: i64,
    /// How much; it is owed from then on.
    pub interest: Amount,
}

/// What stands against what, in the currency in which the instruments are quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LoanStanding {
    /// Worth of all balances above zero.
    pub assets: Amount,
    /// Worth of all that is owed, interest included.
    pub debt: Amount,
}

impl LoanStanding {
    /// Whether assets / debt is at or below a level, in units of 1e-6; never without a debt.
    pub fn is_at(&self, level: i64) -> bool {
        let least = self.debt.mul_div(level, LOAN_LEVEL_ONE).unwrap_or(Amount::MAX);
        self.debt > Amount::ZERO && self.assets <= least
    }

    /// What is left once all is paid back; `None` on overflow.
    pub fn equity(&self) -> Option<Amount> {
        self.assets.checked_sub(self.debt)
    }

    /// How much may be owed at a leverage, in units of 1e-6: (leverage - 1) x equity. `None` on overflow.
    pub fn debt_max(&self, leverage: i64) -> Option<Amount> {
        self.equity()?.max(Amount::ZERO).mul_div(leverage.checked_sub(LOAN_LEVEL_ONE)?, LOAN_LEVEL_ONE)
    }
}

/// The margin level fell to the level of a margin call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarginCall {
    /// When.
    pub ts_event: Ts,
    /// What stands against the debt.
    pub standing: LoanStanding,
}

/// The venue sold, or bought back, so that a debt is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoanLiquidation {
    /// In what.
    pub instrument: InstrumentIx,
    /// The venue's number of the trade.
    pub trade_id: TradeId,
    /// Sell: an asset for the quote that is owed; buy: an asset that is owed.
    pub side: Side,
    /// At which price the account was valued.
    pub mark_px: Price,
    /// At which price it was done.
    pub last_px: Price,
    /// How much of the base asset, above zero; not in lots.
    pub amount: Amount,
    /// Whether nothing of the asset is held or owed afterwards.
    pub whole: bool,
    /// In the quote currency, for the insurance fund.
    pub fee: Amount,
    /// How the account stood before.
    pub standing: LoanStanding,
    /// When.
    pub ts_event: Ts,
}

impl LoanLiquidation {
    /// What it was worth at its price, in the quote currency, rounded half to even at 1e-24. `None` on overflow.
    pub fn value(&self, price_scale: u8) -> Option<Amount> {
        self.amount.mul_div(self.last_px.raw(), 10_i64.checked_pow(u32::from(price_scale))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(text: &str) -> Amount {
        Amount::parse(text).unwrap()
    }

    #[test]
    fn an_hour_costs_a_twenty_fourth_of_a_day() {
        // 10000 at 0.024 % a day: 0.1 an hour.
        assert_eq!(hourly_interest(amount("10000"), 240_000_000), Some(amount("0.1")));
        assert_eq!(
            hourly_interest(amount("1"), LOAN_RATE_ONE).map(|sum| sum.to_string()),
            Some("0.041666666666666666666667".to_owned())
        );
    }

    #[test]
    fn rates_hold_from_their_date_on() {
        let at = Ts::from_nanos;
        let rate = |from, daily_rate| DatedRate { from: at(from), daily_rate };
        let terms = BorrowTerms { rates: vec![rate(10, 3), rate(20, 5)] };
        assert_eq!(terms.validate(), Ok(()));
        let found = [9, 10, 19, 20, 99].map(|ts| terms.daily_rate_at(at(ts)));
        assert_eq!(found, [None, Some(3), Some(3), Some(5), Some(5)]);
        let of = |rates| BorrowTerms { rates }.validate();
        assert_eq!(of(Vec::new()), Err(BorrowError::Empty));
        assert_eq!(of(vec![rate(5, 1), rate(5, 2)]), Err(BorrowError::Dates { from: at(5) }));
        assert_eq!(of(vec![rate(5, -1)]), Err(BorrowError::Rate { from: at(5) }));
        assert_eq!(of(vec![rate(5, DAILY_RATE_MAX + 1)]), Err(BorrowError::Rate { from: at(5) }));
    }

    #[test]
    fn a_level_is_assets_over_debt() {
        let standing = LoanStanding { assets: amount("110"), debt: amount("100") };
        assert!(standing.is_at(1_100_000) && standing.is_at(1_200_000) && !standing.is_at(1_099_999));
        assert!(!LoanStanding { assets: Amount::ZERO, debt: Amount::ZERO }.is_at(1_100_000));
        assert_eq!(standing.equity(), Some(amount("10")));
        assert_eq!(standing.debt_max(3_000_000), Some(amount("20")));
        let sunk = LoanStanding { assets: amount("1"), debt: amount("2") };
        assert_eq!(sunk.debt_max(3_000_000), Some(Amount::ZERO));
    }
}
