//! Average-price accounting of one position.
//!
//! Enters: a position and a fill. Leaves: the position after it and what the closed part earned.
//! Invariant: cost released plus cost kept is the cost before, to the last digit.

use tapedeck_model::port::PositionView;
use tapedeck_model::{Amount, Instrument, Price, Qty, Side};

/// What a fill made of a position.
pub(crate) struct Moved {
    pub(crate) position: PositionView,
    /// Profit of the part that was closed, before fees; `None` if nothing was closed.
    pub(crate) realized: Option<Amount>,
}

/// The position after a fill of `qty` at `px`; `None` on overflow.
///
/// The cost of an inverse contract is the sum of `qty * multiplier / price`, so its average price is harmonic.
/// A reduction releases cost in proportion (half-even at 1e-24); what goes past zero opens a new
/// position at the fill's price.
pub(crate) fn after_fill(
    before: PositionView,
    instrument: &Instrument,
    side: Side,
    (px, qty): (Price, Qty),
) -> Option<Moved> {
    let filled = qty.raw().checked_mul(side.sign())?;
    let held = before.net_qty.raw();
    let net_qty = Qty::from_raw(held.checked_add(filled)?);
    if held == 0 || (held > 0) == (filled > 0) {
        let entry_cost = before.entry_cost.checked_add(instrument.notional(px, Qty::from_raw(filled))?)?;
        return Some(Moved { position: PositionView { net_qty, entry_cost, ..before }, realized: None });
    }
    // Signed like the position: what is closed of it, at most all.
    let closed = if held > 0 { held.min(filled.checked_neg()?) } else { held.max(filled.checked_neg()?) };
    let released = if closed == held { before.entry_cost } else { before.entry_cost.mul_div(closed, held)? };
    let realized = instrument.gain(released, instrument.notional(px, Qty::from_raw(closed))?)?;
    let opened = Qty::from_raw(filled.checked_add(closed)?);
    let entry_cost = before.entry_cost.checked_sub(released)?.checked_add(instrument.notional(px, opened)?)?;
    let realized_pnl = before.realized_pnl.checked_add(realized)?;
    assert!(net_qty != Qty::ZERO || entry_cost == Amount::ZERO, "a flat position has no cost");
    Some(Moved { position: PositionView { net_qty, entry_cost, realized_pnl, ..before }, realized: Some(realized) })
}
