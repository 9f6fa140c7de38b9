//! The end of an instrument: a contract expires, or any instrument is taken off the venue.
//!
//! Enters: the instant. Leaves: an expiry (or, of a delisting, a cancel) for every open order, then one report per
//! strategy that holds something; of a spot account one report of all that it held. The price of settlement at an
//! expiry is the one that is stated, else the last index price, else the last mark price, else the last price; at
//! a delisting it is the one that the scenario chose. Invariant: nothing is open afterwards, nothing is held unless
//! holdings stay, and no order is taken any more.

use tapedeck_model::order::{CancelReason, RejectReason};
use tapedeck_model::{Amount, Deal, HoldingReport, InstrumentIx, Price, Qty, SettlementReport, Side, Ts, VenueReport};

use super::desk::Desk;
use super::scene::Scene;
use super::{TimedReport, VenueError};

/// An instrument is taken off the venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delisting {
    /// Which.
    pub instrument: InstrumentIx,
    /// What becomes of what is held of it.
    pub fate: Fate,
}

/// What becomes of what is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is settled at a price.
    Settled(SettlementPx),
    /// It is lost; of spot accounts only.
    WrittenOff,
    /// It stays, and is valued at its last known price; of spot accounts only.
    Kept,
}

/// At which price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettlementPx {
    /// At a stated one.
    Stated(Price),
    /// At the venue's last mark price.
    Mark,
    /// At the last price at which was dealt; of quotes and books the middle, rounded down.
    Last,
}

impl SettlementPx {
    fn of(self, desk: &Desk) -> Option<Price> {
        match self {
            Self::Stated(px) => Some(px),
            Self::Mark => desk.mark_px(),
            Self::Last => desk.last_px(),
        }
    }
}

/// Ends all that is open in an instrument as it expires.
///
/// # Errors
/// [`VenueError::NoMark`] if a position is held and no price is known.
pub(super) fn settle(scene: &mut Scene<'_>, now: Ts, stated: Option<Price>) -> Result<(), VenueError> {
    for order in &mut scene.desk.orders {
        order.expiry = order.expiry.min(now);
    }
    scene.expire_due(now);
    scene.desk.close(RejectReason::InstrumentExpired);
    let desk = &scene.desk;
    let last = stated.or(desk.index_px()).or(desk.mark_px()).or(desk.last_px());
    settle_positions(scene, now, last)
}

/// Ends all that is open in an instrument as it is taken off the venue.
///
/// # Errors
/// [`VenueError::NoMark`] if something is held and the price is not known; [`VenueError::Overflow`].
pub(super) fn delist(scene: &mut Scene<'_>, now: Ts, delisting: &Delisting) -> Result<(), VenueError> {
    scene.cancel_all(None, now, CancelReason::Delisted);
    scene.desk.close(RejectReason::Delisted);
    let settled_at = match delisting.fate {
        Fate::Kept => return Ok(()),
        Fate::WrittenOff => None,
        Fate::Settled(at) => Some(at),
    };
    let px = settled_at.and_then(|at| at.of(scene.desk));
    match scene.funds.balance(scene.desk.instrument.base) {
        Some(holding) => settle_holding(scene, now, (settled_at, px), holding),
        None => settle_positions(scene, now, px),
    }
}

fn no_price(desk: &Desk, at: Ts) -> VenueError {
    VenueError::NoMark { instrument: desk.instrument.id.to_string(), at }
}

fn settle_positions(scene: &mut Scene<'_>, now: Ts, last: Option<Price>) -> Result<(), VenueError> {
    let Scene { desk, out, funds, .. } = scene;
    let mut told = None;
    for cell in 0..desk.positions.len() {
        let held = std::mem::take(&mut desk.positions[cell]);
        if held == Qty::ZERO {
            continue;
        }
        let settlement_px = last.filter(|px| *px > Price::ZERO).ok_or_else(|| no_price(desk, now))?;
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

/// All that a spot account has of the base asset is exchanged for the quote currency, or is gone.
fn settle_holding(
    scene: &mut Scene<'_>,
    now: Ts,
    (settled_at, px): (Option<SettlementPx>, Option<Price>),
    holding: Amount,
) -> Result<(), VenueError> {
    let Scene { desk, out, funds, .. } = scene;
    if holding == Amount::ZERO && desk.positions.iter().all(|held| *held == Qty::ZERO) {
        return Ok(());
    }
    let settlement_px = px.filter(|px| *px > Price::ZERO);
    if settled_at.is_some() && settlement_px.is_none() {
        return Err(no_price(desk, now));
    }
    let report = HoldingReport { instrument: desk.instrument.ix, ts_event: now, settlement_px, holding };
    let moved = report.paid(&desk.instrument).and_then(|paid| {
        funds.credit(desk.instrument.base, holding.checked_neg()?)?;
        funds.credit(desk.instrument.quote, paid)
    });
    moved.ok_or_else(|| VenueError::Overflow { instrument: desk.instrument.id.to_string() })?;
    desk.positions.fill(Qty::ZERO);
    out.push(TimedReport { ts_event: now, report: VenueReport::HoldingSettled(report) });
    Ok(())
}
