//! The end of a contract.
//!
//! Enters: the instant of expiry. Leaves: an expiry for every open order, then one report per strategy that
//! holds something. The price of settlement is the one that is stated, else the last index price, else the
//! last mark price, else the last price. Invariant: nothing is open and nothing is held afterwards, and no
//! order is taken any more.

use tapedeck_model::{Amount, Deal, Price, Qty, SettlementReport, Side, Ts, VenueReport};

use super::scene::Scene;
use super::{TimedReport, VenueError};

/// Ends all that is open in an instrument.
///
/// # Errors
/// [`VenueError::NoMark`] if a position is held and no price is known.
pub(super) fn settle(scene: &mut Scene<'_>, now: Ts, stated: Option<Price>) -> Result<(), VenueError> {
    for order in &mut scene.desk.orders {
        order.expiry = order.expiry.min(now);
    }
    scene.expire_due(now);
    let Scene { desk, out, funds, .. } = scene;
    desk.expired = true;
    let last = stated.or(desk.index_px()).or(desk.mark_px()).or(desk.last_px());
    let mut told = None;
    for cell in 0..desk.positions.len() {
        let held = std::mem::take(&mut desk.positions[cell]);
        if held == Qty::ZERO {
            continue;
        }
        let Some(settlement_px) = last.filter(|px| *px > Price::ZERO) else {
            return Err(VenueError::NoMark { instrument: desk.instrument.id.to_string(), at: now });
        };
        if let Some(margin) = funds.margin_mut() {
            let side = if held > Qty::ZERO { Side::Sell } else { Side::Buy };
            let position_side = margin.book.holding_of(desk.instrument.ix, held).side;
            let qty = Qty::from_raw(held.raw().saturating_abs());
            let free = (Amount::ZERO, desk.instrument.settlement);
            let overflow = || VenueError::Overflow { instrument: desk.instrument.id.to_string() };
            margin
                .fill(&desk.instrument, Deal { side, position_side }, (settlement_px, qty), free)
                .ok_or_else(overflow)?;
        }
        let (instrument, strategy) = (desk.instrument.ix, Some(desk.strategy_of(cell)));
        // One report ends both positions of hedge mode.
        if told.replace(strategy) == Some(strategy) {
            continue;
        }
        let report = SettlementReport { instrument, strategy, ts_event: now, settlement_px };
        out.push(TimedReport { ts_event: now, report: VenueReport::Settled(report) });
    }
    Ok(())
}
