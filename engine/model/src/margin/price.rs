//! The price at which a position is liquidated: formulas, for people and for tests.
//!
//! Enters: a position with what stands behind it. Leaves: a price. The venue itself compares margin
//! balance and maintenance margin at each mark and needs no such price.

use crate::number::Amount;
use crate::order::Side;

use super::{Bracket, MARGIN_LEVERAGE_ONE, MARGIN_RATE_ONE, bracket_of};

/// How the value of a contract follows its price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payoff {
    /// Value = size x price, in the quote currency.
    Linear,
    /// Value = size / price, in the coin.
    Inverse,
}

/// A position and what stands behind it; money in the settlement currency.
#[derive(Debug, Clone, Copy)]
pub struct LiquidationQuery<'a> {
    /// How its value follows the price.
    pub payoff: Payoff,
    /// `Buy` for a long position.
    pub side: Side,
    /// Quantity x multiplier, above zero.
    pub size: Amount,
    /// Its value at entry, above zero.
    pub entry_value: Amount,
    /// What stands behind it: its own wallet if isolated; of a cross position the wallet of the currency,
    /// plus the unrealised profit and less the maintenance margin of all other positions.
    pub wallet: Amount,
    /// The brackets that hold.
    pub brackets: &'a [Bracket],
}

/// How far from a border of a bracket, in units of 1e-24, a rounded value still counts as on it.
const ON_BORDER: i128 = 16;

/// The price at which margin balance equals maintenance margin, in the quote currency, rounded half to
/// even at 1e-24; `None` if there is no such price above zero, or on overflow.
///
/// With s = +1 long, -1 short, the value of the position at that price is
/// `(wallet + cum - s x entry_value) / (rate - s)` if linear (Binance, USDⓈ-M) and
/// `(wallet + cum + s x entry_value) / (rate + s)` if inverse; the price is value / size or size / value.
/// Rate and cum are those of the bracket in which that value lies (floor exclusive, cap inclusive).
pub fn liquidation_px(query: &LiquidationQuery<'_>) -> Option<Amount> {
    let value = query.brackets.iter().enumerate().find_map(|(at, bracket)| {
        let value = value_in(query, bracket).filter(|value| *value > Amount::ZERO)?;
        let (found, _) = bracket_of(query.brackets, value)?;
        // There both brackets mean the same, but for the rounding of the value.
        let on = |edge: Amount| value.raw().abs_diff(edge.raw()) <= ON_BORDER.unsigned_abs();
        (found == at || on(bracket.floor) || on(bracket.cap)).then_some(value)
    })?;
    match query.payoff {
        Payoff::Linear => quotient(value, query.size),
        Payoff::Inverse => quotient(query.size, value),
    }
}

/// The same where maintenance margin is fixed on the value at entry and margin is value / leverage
/// (Bybit, isolated, linear): `entry x (1 - s x (1 / leverage - rate))`, with `leverage` in units of 1e-6
/// and `rate` in units of 1e-12. `None` on overflow.
pub fn liquidation_px_of_entry(side: Side, entry_px: Amount, leverage: i64, rate: i64) -> Option<Amount> {
    let margin = entry_px.mul_div(MARGIN_LEVERAGE_ONE, leverage)?;
    let room = margin.checked_sub(entry_px.mul_div(rate, MARGIN_RATE_ONE)?)?;
    match side {
        Side::Buy => entry_px.checked_sub(room),
        Side::Sell => entry_px.checked_add(room),
    }
}

/// The value at which the margin of a bracket is used up; without a meaning if it lies elsewhere.
fn value_in(query: &LiquidationQuery<'_>, bracket: &Bracket) -> Option<Amount> {
    let sign = match query.payoff {
        Payoff::Linear => -query.side.sign(),
        Payoff::Inverse => query.side.sign(),
    };
    let entry = if sign > 0 { query.entry_value } else { query.entry_value.checked_neg()? };
    let backed = query.wallet.checked_add(bracket.cum)?.checked_add(entry)?;
    let factor = bracket.rate.checked_add(MARGIN_RATE_ONE.checked_mul(sign)?)?;
    backed.mul_div(MARGIN_RATE_ONE, factor)
}

/// `n / d` for a divisor above zero, rounded half to even at 1e-24; `None` on overflow.
fn quotient(n: Amount, d: Amount) -> Option<Amount> {
    let (negative, n, d) = (n.raw() < 0, n.raw().unsigned_abs(), d.raw().unsigned_abs());
    let (mut whole, mut rest) = (n.checked_div(d)?, n.checked_rem(d)?);
    // By hand, digit by digit: the product with 1e24 would not fit.
    for _ in 0..Amount::SCALE {
        rest = rest.checked_mul(10)?;
        whole = whole.checked_mul(10)?.checked_add(rest / d)?;
        rest %= d;
    }
    let twice = rest.checked_mul(2)?;
    let up = twice > d || (twice == d && whole % 2 == 1);
    let raw = i128::try_from(whole.checked_add(u128::from(up))?).ok()?;
    Some(Amount::from_raw(if negative { -raw } else { raw }))
}
