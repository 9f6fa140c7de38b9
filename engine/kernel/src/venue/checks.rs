//! What the venue refuses on arrival.
//!
//! Enters: an order or an amended order, the rules of its day, the last known price. Leaves: a
//! reason, or nothing. Deliberately absent: money, which is looked at when a fill is made.

use tapedeck_model::order::RejectReason;
use tapedeck_model::{
    Amendment, Amount, ClientOrderId, Instrument, OrderKind, OrderRequest, Price, Qty, Side, TimeInForce, Ts,
};

use super::desk::{Desk, Stance, Working, expiry_of};
use super::fills::reducible;

/// Whether a new order may stand.
///
/// # Errors
/// The first reason against it.
pub(super) fn check_new(desk: &Desk, id: ClientOrderId, request: &OrderRequest, now: Ts) -> Result<(), RejectReason> {
    check_combination(request)?;
    check_terms(desk, request, now)?;
    if expiry_of(request.time_in_force, now) <= now {
        return Err(RejectReason::AlreadyExpired);
    }
    if request.reduce_only && reducible(&desk.positions, id.strategy, request.side) == Qty::ZERO {
        return Err(RejectReason::WouldNotReduce);
    }
    check_against_market(desk, request, request.kind.trigger_px().is_some())
}

/// What an order becomes by an amendment.
///
/// # Errors
/// The first reason against it; the order then stays as it is.
pub(super) fn amended(
    desk: &Desk,
    order: &Working,
    amendment: &Amendment,
    now: Ts,
) -> Result<OrderRequest, RejectReason> {
    let mut request = order.request;
    request.order_qty = amendment.order_qty.unwrap_or(request.order_qty);
    request.kind = amended_kind(order, amendment)?;
    if request.order_qty < order.cum_qty {
        return Err(RejectReason::BelowFilled);
    }
    if request.order_qty == order.cum_qty && order.cum_qty > Qty::ZERO {
        // Amended down to what is filled: it completes, and its other terms do not matter.
        return Ok(request);
    }
    check_terms(desk, &request, now)?;
    let waits = matches!(order.stance(), Stance::Stop(_));
    // A limit order that already stands where it stands is not new to the market.
    if request.kind != order.request.kind {
        check_against_market(desk, &request, waits)?;
    }
    Ok(request)
}

fn amended_kind(order: &Working, amendment: &Amendment) -> Result<OrderKind, RejectReason> {
    let mut kind = order.request.kind;
    if let Some(new_px) = amendment.limit_px {
        match &mut kind {
            OrderKind::Limit { limit_px } | OrderKind::StopLimit { limit_px, .. } => *limit_px = new_px,
            OrderKind::Market | OrderKind::Stop { .. } => return Err(RejectReason::BadCombination),
        }
    }
    if let Some(new_px) = amendment.trigger_px {
        match &mut kind {
            OrderKind::Stop { trigger_px } | OrderKind::StopLimit { trigger_px, .. } if !order.triggered => {
                *trigger_px = new_px;
            }
            OrderKind::Market | OrderKind::Limit { .. } | OrderKind::Stop { .. } | OrderKind::StopLimit { .. } => {
                return Err(RejectReason::BadCombination);
            }
        }
    }
    Ok(kind)
}

/// Post-only means to rest: it goes with limit orders that may rest, and with nothing else.
fn check_combination(request: &OrderRequest) -> Result<(), RejectReason> {
    let may_rest = match (request.kind, request.time_in_force) {
        (OrderKind::Limit { .. }, TimeInForce::Gtc | TimeInForce::Gtd(_) | TimeInForce::Day) => true,
        (OrderKind::Limit { .. }, TimeInForce::Ioc | TimeInForce::Fok)
        | (OrderKind::Market | OrderKind::Stop { .. } | OrderKind::StopLimit { .. }, _) => false,
    };
    if request.post_only && !may_rest { Err(RejectReason::BadCombination) } else { Ok(()) }
}

fn check_terms(desk: &Desk, request: &OrderRequest, now: Ts) -> Result<(), RejectReason> {
    let rules = desk.instrument.rules_at(now);
    for px in [request.kind.limit_px(), request.kind.trigger_px()].into_iter().flatten() {
        if px <= Price::ZERO {
            return Err(RejectReason::BadPrice);
        }
        if !px.is_multiple_of(rules.tick_size) {
            return Err(RejectReason::OffTick);
        }
    }
    let qty = request.order_qty;
    if qty <= Qty::ZERO {
        return Err(RejectReason::QtyTooSmall);
    }
    if !qty.is_multiple_of(rules.lot_size) {
        return Err(RejectReason::OffLot);
    }
    if qty < rules.qty_min {
        return Err(RejectReason::QtyTooSmall);
    }
    if qty > rules.qty_max {
        return Err(RejectReason::QtyTooLarge);
    }
    let px = request.kind.limit_px().or(request.kind.trigger_px()).or(desk.known_px(request.side));
    check_notional(&desk.instrument, rules.notional_min, px, qty)
}

/// Without any known price there is nothing to compare.
fn check_notional(instrument: &Instrument, min: Amount, px: Option<Price>, qty: Qty) -> Result<(), RejectReason> {
    let Some(px) = px else { return Ok(()) };
    match instrument.notional(px, qty) {
        Some(notional) if notional < min => Err(RejectReason::NotionalTooSmall),
        Some(_) => Ok(()),
        None => Err(RejectReason::QtyTooLarge),
    }
}

fn check_against_market(desk: &Desk, request: &OrderRequest, waits: bool) -> Result<(), RejectReason> {
    let Some(known) = desk.known_px(request.side) else { return Ok(()) };
    let reached = |level: Price, side: Side| match side {
        Side::Buy => known >= level,
        Side::Sell => known <= level,
    };
    if let (true, Some(trigger)) = (waits, request.kind.trigger_px()) {
        return if reached(trigger, request.side) { Err(RejectReason::WouldTrigger) } else { Ok(()) };
    }
    match request.kind.limit_px() {
        Some(limit) if request.post_only && reached(limit, request.side.opposite()) => Err(RejectReason::WouldTake),
        Some(_) | None => Ok(()),
    }
}
