//! Margin: what a venue wants to see behind a position, and what it says when it takes one away.
//!
//! Enters: terms of an instrument, as the scenario or a venue gives them. Leaves: initial and
//! maintenance margin, the price at which a position is liquidated, the words of a liquidation.
//! Invariants: the brackets of a table touch each other and are continuous (`cum` makes them so);
//! every amount is in the instrument's settlement currency. Deliberately absent: wallets and positions.
//!
//! Source: Binance, "Leverage and margin of USDⓈ-M futures" and "How to calculate the liquidation price
//! of USDⓈ-M futures contracts": maintenance margin = notional x rate - cum, the rate and cum being those
//! of the bracket in which the notional lies (floor exclusive, cap inclusive).

mod price;

pub use price::{LiquidationQuery, Payoff, liquidation_px, liquidation_px_of_entry};

use thiserror::Error;

use crate::ids::{CurrencyIx, InstrumentIx, StrategyIx, TradeId};
use crate::number::{Amount, Price, Qty};
use crate::order::{Side, numbered};
use crate::time::Ts;

/// A maintenance rate of 1, in units of [`Bracket::rate`].
pub const MARGIN_RATE_ONE: i64 = 1_000_000_000_000;
/// A leverage of 1, in units of [`MarginTerms::leverage`].
pub const MARGIN_LEVERAGE_ONE: i64 = 1_000_000;

numbered! {
    /// What stands behind a position.
    MarginMode {
        /// The whole wallet of the settlement currency, shared with its other cross positions.
        Cross = 1 "cross",
        /// A wallet of its own, filled with the initial margin when the position is opened.
        Isolated = 2 "isolated",
    }
}

numbered! {
    /// On which value maintenance margin is reckoned.
    MaintenanceBasis {
        /// The value at the mark price.
        Mark = 1 "mark",
        /// The value at entry: it does not move with the price.
        Entry = 2 "entry",
    }
}

numbered! {
    /// What a stage of a liquidation does.
    LiquidationStage {
        /// Brings the position down to the next lower bracket.
        Reduce = 1 "reduce",
        /// Closes it.
        Close = 2 "close",
    }
}

/// One bracket of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bracket {
    /// It holds for values above this.
    pub floor: Amount,
    /// It holds up to this value, this value included; [`Amount::MAX`] for no end.
    pub cap: Amount,
    /// Maintenance rate, in units of 1e-12.
    pub rate: i64,
    /// What is taken off, so that maintenance margin does not jump at the floor:
    /// `cum_n = cum_(n-1) + floor_n x (rate_n - rate_(n-1))`.
    pub cum: Amount,
    /// The largest leverage with which a position of this value may be held, in units of 1e-6.
    pub leverage_max: i64,
}

/// The brackets from a date on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatedBrackets {
    /// First instant at which they hold.
    pub from: Ts,
    /// Rising, without a gap, the first from zero.
    pub brackets: Vec<Bracket>,
}

/// The margin terms of one instrument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarginTerms {
    /// What stands behind a position.
    pub mode: MarginMode,
    /// Initial margin is value divided by this; in units of 1e-6.
    pub leverage: i64,
    /// On which value maintenance margin is reckoned.
    pub basis: MaintenanceBasis,
    /// Tables sorted by `from`; never empty, the first from [`Ts::MIN`].
    pub tables: Vec<DatedBrackets>,
}

/// Why margin terms are refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MarginError {
    /// A table is missing, unsorted or empty.
    #[error("{what}")]
    Tables {
        /// What is wrong.
        what: &'static str,
    },
    /// A bracket contradicts itself or its neighbour.
    #[error("the bracket from {floor}: {what}")]
    Bracket {
        /// Which one.
        floor: Amount,
        /// What is wrong.
        what: &'static str,
    },
    /// The leverage is not above zero, or no bracket allows it.
    #[error("leverage {found} must be above zero and at most {max}, the largest of the first bracket")]
    Leverage {
        /// What was asked for.
        found: Amount,
        /// What is possible.
        max: Amount,
    },
}

/// A bracket as it is written down: without `cum`, and with the cap left to the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BracketRow {
    /// It holds for values above this.
    pub floor: Amount,
    /// Up to this value; `None`: up to the next floor, of the last one without end.
    pub cap: Option<Amount>,
    /// Maintenance rate, in units of 1e-12.
    pub rate: i64,
    /// Largest leverage, in units of 1e-6.
    pub leverage_max: i64,
    /// As the venue prints it, to be checked; `None`: it is only computed.
    pub cum: Option<Amount>,
}

/// Brackets from rows in order of their floors: caps and `cum` are filled in and checked.
///
/// # Errors
/// [`MarginError`] for the first row that is wrong.
pub fn brackets_of(rows: &[BracketRow]) -> Result<Vec<Bracket>, MarginError> {
    let mut brackets: Vec<Bracket> = Vec::with_capacity(rows.len());
    for (at, row) in rows.iter().enumerate() {
        let wrong = |what| MarginError::Bracket { floor: row.floor, what };
        let next = rows.get(at + 1).map(|next| next.floor);
        let cap = row.cap.or(next).unwrap_or(Amount::MAX);
        if next.is_some_and(|next| next != cap) {
            return Err(wrong("its cap is not the floor of the next bracket"));
        }
        let cum = match brackets.last() {
            None => Amount::ZERO,
            Some(before) => row
                .rate
                .checked_sub(before.rate)
                .and_then(|step| row.floor.mul_div(step, MARGIN_RATE_ONE))
                .and_then(|step| before.cum.checked_add(step))
                .ok_or(wrong("its `cum` is too large"))?,
        };
        if row.cum.is_some_and(|given| given != cum) {
            return Err(wrong("`cum` is not cum before + floor x (rate - rate before), so maintenance would jump"));
        }
        brackets.push(Bracket { floor: row.floor, cap, rate: row.rate, cum, leverage_max: row.leverage_max });
    }
    check_brackets(&brackets)?;
    Ok(brackets)
}

fn check_brackets(brackets: &[Bracket]) -> Result<(), MarginError> {
    let Some(first) = brackets.first() else { return Err(MarginError::Tables { what: "a table has no brackets" }) };
    let wrong = |bracket: &Bracket, what| Err(MarginError::Bracket { floor: bracket.floor, what });
    if first.floor != Amount::ZERO || first.cum != Amount::ZERO {
        return wrong(first, "the first bracket must begin at zero");
    }
    for bracket in brackets {
        if bracket.floor >= bracket.cap {
            return wrong(bracket, "its cap must be above its floor");
        }
        if bracket.rate <= 0 || bracket.rate >= MARGIN_RATE_ONE {
            return wrong(bracket, "its rate must lie between 0 and 1");
        }
        let product = i128::from(bracket.rate) * i128::from(bracket.leverage_max);
        if bracket.leverage_max <= 0 || product > i128::from(MARGIN_RATE_ONE) * i128::from(MARGIN_LEVERAGE_ONE) {
            return wrong(bracket, "its largest leverage must be above zero and leave the maintenance margin");
        }
    }
    for pair in brackets.windows(2) {
        let [before, after] = pair else { continue };
        let step = after.rate.checked_sub(before.rate).and_then(|step| after.floor.mul_div(step, MARGIN_RATE_ONE));
        if before.cap != after.floor || step.and_then(|step| before.cum.checked_add(step)) != Some(after.cum) {
            return wrong(after, "it does not continue the one before");
        }
        if after.rate < before.rate || after.leverage_max > before.leverage_max {
            return wrong(after, "rates must not fall, and leverage must not rise, with the value");
        }
    }
    Ok(())
}

impl MarginTerms {
    /// Terms with one rate for every value: the table named `flat`. Its largest leverage is the one that
    /// leaves the maintenance margin, cut down to 1e-6.
    ///
    /// # Errors
    /// [`MarginError`] if the rate does not lie between 0 and 1, or the leverage is out of bounds.
    pub fn flat(mode: MarginMode, leverage: i64, rate: i64) -> Result<Self, MarginError> {
        let most = i128::from(MARGIN_RATE_ONE) * i128::from(MARGIN_LEVERAGE_ONE) / i128::from(rate.max(1));
        let leverage_max = i64::try_from(most).unwrap_or(i64::MAX);
        let row = BracketRow { floor: Amount::ZERO, cap: None, rate, leverage_max, cum: None };
        let tables = vec![DatedBrackets { from: Ts::MIN, brackets: brackets_of(&[row])? }];
        let terms = Self { mode, leverage, basis: MaintenanceBasis::Mark, tables };
        terms.validate()?;
        Ok(terms)
    }

    /// Checks what every other method relies on.
    ///
    /// # Errors
    /// [`MarginError`] for the first thing that is wrong.
    pub fn validate(&self) -> Result<(), MarginError> {
        if self.tables.first().is_none_or(|first| first.from != Ts::MIN) {
            return Err(MarginError::Tables { what: "the first table must hold from the beginning of time" });
        }
        if !self.tables.is_sorted_by(|a, b| a.from < b.from) {
            return Err(MarginError::Tables { what: "dates of tables must rise" });
        }
        for table in &self.tables {
            check_brackets(&table.brackets)?;
            let most = table.brackets.first().map_or(0, |first| first.leverage_max);
            if self.leverage <= 0 || self.leverage > most {
                let (found, max) = (leverage_amount(self.leverage), leverage_amount(most));
                return Err(MarginError::Leverage { found, max });
            }
        }
        Ok(())
    }

    /// The brackets that hold at `ts`.
    pub fn brackets_at(&self, ts: Ts) -> &[Bracket] {
        let at = self.tables.partition_point(|table| table.from <= ts).saturating_sub(1);
        self.tables.get(at).map_or(&[], |table| table.brackets.as_slice())
    }

    /// Initial margin of a value: value / leverage, rounded half to even at 1e-24; `None` on overflow.
    pub fn initial(&self, value: Amount) -> Option<Amount> {
        value.mul_div(MARGIN_LEVERAGE_ONE, self.leverage)
    }

    /// Maintenance margin of a value at least zero: value x rate - cum; `None` on overflow.
    pub fn maintenance(&self, value: Amount, ts: Ts) -> Option<Amount> {
        maintenance_of(self.brackets_at(ts), value)
    }

    /// The largest value that may be held with this leverage: the cap of the last bracket that allows it.
    pub fn value_max(&self, ts: Ts) -> Amount {
        let allowed = self.brackets_at(ts).iter().rev().find(|bracket| bracket.leverage_max >= self.leverage);
        allowed.map_or(Amount::ZERO, |bracket| bracket.cap)
    }
}

/// The bracket in which a value at least zero lies, and its position; values beyond the last cap belong
/// to the last one. `None` for an empty table.
pub fn bracket_of(brackets: &[Bracket], value: Amount) -> Option<(usize, &Bracket)> {
    let at = brackets.partition_point(|bracket| bracket.floor < value).saturating_sub(1);
    brackets.get(at).map(|bracket| (at, bracket))
}

/// Maintenance margin of a value at least zero; `None` on overflow or for an empty table.
pub fn maintenance_of(brackets: &[Bracket], value: Amount) -> Option<Amount> {
    let (_, bracket) = bracket_of(brackets, value)?;
    value.mul_div(bracket.rate, MARGIN_RATE_ONE)?.checked_sub(bracket.cum)
}

fn leverage_amount(leverage: i64) -> Amount {
    Amount::from_scaled(i128::from(leverage), 6).unwrap_or(Amount::MAX)
}

/// A stage of a liquidation, as the venue reports it. Amounts are in the settlement currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Liquidation {
    /// Of what.
    pub instrument: InstrumentIx,
    /// The venue's name of the trade.
    pub trade_id: TradeId,
    /// What stood behind the position.
    pub mode: MarginMode,
    /// Whether it was reduced or closed.
    pub stage: LiquidationStage,
    /// Of the venue's trade: `Sell` closes what was held long.
    pub side: Side,
    /// The mark price at which maintenance margin was found missing.
    pub mark_px: Price,
    /// The price of the trade.
    pub last_px: Price,
    /// How much was taken away, above zero.
    pub last_qty: Qty,
    /// The account's signed position before.
    pub net_qty: Qty,
    /// Wallet and unrealised profit behind the position before, at the mark.
    pub margin_balance: Amount,
    /// What it should have been more than.
    pub maintenance: Amount,
    /// Paid to the insurance fund, at least zero.
    pub fee: Amount,
    /// When.
    pub ts_event: Ts,
}

/// What a stage of a liquidation took from one strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiquidationShare {
    /// Whose.
    pub strategy: StrategyIx,
    /// Of what.
    pub instrument: InstrumentIx,
    /// Of the trade: `Sell` closes what was held long.
    pub side: Side,
    /// The price of the trade.
    pub last_px: Price,
    /// How much, above zero.
    pub last_qty: Qty,
    /// Its part of the liquidation fee, at least zero, in the settlement currency.
    pub fee: Amount,
}

/// A loss beyond the wallet, which the venue's insurance fund covers, as the venue reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bankruptcy {
    /// In what.
    pub currency: CurrencyIx,
    /// The isolated position whose wallet it was; `None` for the wallet of the currency.
    pub instrument: Option<InstrumentIx>,
    /// What was missing and is covered, above zero.
    pub covered: Amount,
    /// When.
    pub ts_event: Ts,
}

#[cfg(test)]
mod tests;
