//! The law of borrowing that venue and account share: what a forced trade takes from each strategy.
//!
//! Deliberately absent: what is owed, which is what balances below zero say; rates and interest, which are the
//! model's.

use tapedeck_model::loan::LoanLiquidation;
use tapedeck_model::number::pow10;
use tapedeck_model::{Amount, Instrument, Qty, Side};

use crate::margin::shares;

/// What a forced trade takes from each strategy, signed like what it holds; nothing of a strategy where the trade
/// was of what nobody bought, such as interest. `None` on overflow.
///
/// If nothing of the asset is left or owed, every position in it ends. Else what is sold (bought back) is taken
/// from the net long (short) position of all strategies, in whole lots, as a liquidation of contracts does.
pub fn loan_shares(held: &[Qty], instrument: &Instrument, trade: &LoanLiquidation) -> Option<Vec<Qty>> {
    if trade.whole {
        return Some(held.to_vec());
    }
    let none = vec![Qty::ZERO; held.len()];
    let net = Qty::from_raw(held.iter().try_fold(0_i64, |sum, qty| sum.checked_add(qty.raw()))?);
    let sold = match trade.side {
        Side::Sell => net > Qty::ZERO,
        Side::Buy => net < Qty::ZERO,
    };
    let lot = instrument.rules_at(trade.ts_event).lot_size;
    let size = Qty::from_raw(net.raw().checked_abs()?);
    let closed = qty_of(trade.amount, instrument).map_or(size, |qty| qty.min(size)).floor_to(lot);
    if !sold || closed == Qty::ZERO { Some(none) } else { shares(held, net, closed, lot) }
}

/// An amount of the base asset as a quantity, rounded down; `None` if it does not fit.
fn qty_of(amount: Amount, instrument: &Instrument) -> Option<Qty> {
    let raw = amount.raw() / pow10(Amount::SCALE - instrument.qty_scale);
    i64::try_from(raw).ok().map(Qty::from_raw)
}
