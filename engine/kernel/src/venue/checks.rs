//! What the venue refuses on arrival.
//!
//! Enters: an order or an amended order, the rules of its day, the last known price. Leaves: a
//! reason, or nothing. Deliberately absent: money, which is looked at when a fill is made.

use tapedeck_model::order::RejectReason;
use tapedeck_model::{
    Amendment, Amount, ClientOrderId, GroupLeg, Instrument, OrderKind, OrderRequest, Price, Qty, Side, Terms,
    TimeInForce, Trail, TriggerBy, Ts,
};

use super::desk::{Desk, Hold, Working, expiry_of};
use super::fills::reducible;

/// Whether a new order may stand, and as what: a post-only order may be moved.
///
/// # Errors
/// The first reason against it.
pub(super) fn check_new(
    desk: &Desk,
    id: ClientOrderId,
    request: &OrderRequest,
    now: Ts,
) -> Result<OrderRequest, RejectReason> {
    check_alone(desk, id, request, now)?;
    if request.only_reduces() && reducible(&desk.positions, id.strategy, request.deal()) == Qty::ZERO {
        return Err(RejectReason::WouldNotReduce);
    }
    stands_against_market(desk, request, request.kind.has_trigger(), now)
}

/// The same for an order of a group. What waits for its parent meets the market only when that is filled.
///
/// # Errors
/// The first reason against it.
pub(super) fn check_leg(
    desk: &Desk,
    id: ClientOrderId,
    request: &OrderRequest,
    now: Ts,
) -> Result<OrderRequest, RejectReason> {
    if request.terms.group.is_some_and(GroupLeg::is_child) {
        return check_alone(desk, id, request, now).map(|()| *request);
    }
    check_new(desk, id, request, now)
}

/// What does not depend on the market or a position.
fn check_alone(desk: &Desk, id: ClientOrderId, request: &OrderRequest, now: Ts) -> Result<(), RejectReason> {
    if let Some(reason) = desk.refuses(id) {
        return Err(reason);
    }
    if !desk.position_mode.admits(request) {
        return Err(RejectReason::PositionSide);
    }
    check_combination(request)?;
    check_terms(desk, request, now)?;
    check_rare_terms(desk, request, now)?;
    if expiry_of(request.time_in_force, now) <= now { Err(RejectReason::AlreadyExpired) } else { Ok(()) }
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
    if let Some(leg) = request.terms.group
        && request.order_qty != order.request.order_qty
        && (!leg.is_parent() || request.order_qty > order.request.order_qty)
    {
        // The sizes of a group follow each other.
        return Err(RejectReason::BadGroup);
    }
    if request.order_qty == order.cum_qty && order.cum_qty > Qty::ZERO {
        // Amended down to what is filled: it completes, and its other terms do not matter.
        return Ok(request);
    }
    check_terms(desk, &request, now)?;
    if order.hold != Hold::Live {
        return Ok(request);
    }
    // A limit order that already stands where it stands is not new to the market.
    if request.kind == order.request.kind {
        return Ok(request);
    }
    stands_against_market(desk, &request, order.waits(), now)
}

fn amended_kind(order: &Working, amendment: &Amendment) -> Result<OrderKind, RejectReason> {
    let mut kind = order.request.kind;
    if let Some(new_px) = amendment.limit_px {
        match &mut kind {
            OrderKind::Limit { limit_px }
            | OrderKind::StopLimit { limit_px, .. }
            | OrderKind::TouchLimit { limit_px, .. } => *limit_px = new_px,
            OrderKind::Market | OrderKind::Stop { .. } | OrderKind::Touch { .. } | OrderKind::Trailing { .. } => {
                return Err(RejectReason::BadCombination);
            }
        }
    }
    if let Some(new_px) = amendment.trigger_px {
        match &mut kind {
            OrderKind::Stop { trigger_px }
            | OrderKind::StopLimit { trigger_px, .. }
            | OrderKind::Touch { trigger_px }
            | OrderKind::TouchLimit { trigger_px, .. }
                if !order.triggered =>
            {
                *trigger_px = new_px;
            }
            OrderKind::Market
            | OrderKind::Limit { .. }
            | OrderKind::Stop { .. }
            | OrderKind::StopLimit { .. }
            | OrderKind::Touch { .. }
            | OrderKind::TouchLimit { .. }
            | OrderKind::Trailing { .. } => return Err(RejectReason::BadCombination),
        }
    }
    Ok(kind)
}

/// Post-only means to rest: it goes with limit orders that may rest, and with nothing else.
fn check_combination(request: &OrderRequest) -> Result<(), RejectReason> {
    let may_rest = match (request.kind, request.time_in_force) {
        (OrderKind::Limit { .. }, TimeInForce::Gtc | TimeInForce::Gtd(_) | TimeInForce::Day) => true,
        (OrderKind::Limit { .. }, TimeInForce::Ioc | TimeInForce::Fok)
        | (
            OrderKind::Market
            | OrderKind::Stop { .. }
            | OrderKind::StopLimit { .. }
            | OrderKind::Touch { .. }
            | OrderKind::TouchLimit { .. }
            | OrderKind::Trailing { .. },
            _,
        ) => false,
    };
    let may = (may_rest || !request.post_only) && (request.post_only || !request.terms.reprice);
    if may { Ok(()) } else { Err(RejectReason::BadCombination) }
}

/// Trigger, trail and displayed quantity.
fn check_rare_terms(desk: &Desk, request: &OrderRequest, now: Ts) -> Result<(), RejectReason> {
    let Terms { trigger_by, activation_px, display, .. } = request.terms;
    let rules = desk.instrument.rules_at(now);
    let trail = match request.kind {
        OrderKind::Trailing { trail } => Some(trail),
        OrderKind::Market
        | OrderKind::Limit { .. }
        | OrderKind::Stop { .. }
        | OrderKind::StopLimit { .. }
        | OrderKind::Touch { .. }
        | OrderKind::TouchLimit { .. } => None,
    };
    let whole_ticks = |px: Price| px > Price::ZERO && px.is_multiple_of(rules.tick_size);
    let trails = trail.is_none_or(|trail| match trail {
        Trail::Px(distance) => whole_ticks(distance),
        Trail::Bps(_) => trail.is_valid(),
    });
    let activates = activation_px.is_none_or(|px| trail.is_some() && whole_ticks(px));
    // A trigger that looks at a price which the venue does not have would wait for ever.
    let watches =
        trigger_by == TriggerBy::Last || (request.kind.has_trigger() && desk.watched_px(trigger_by).is_some());
    let lasting = match request.time_in_force {
        TimeInForce::Gtc | TimeInForce::Gtd(_) | TimeInForce::Day => true,
        TimeInForce::Ioc | TimeInForce::Fok => false,
    };
    let shows = display.is_none_or(|display| {
        let fits = display.qty > Qty::ZERO && display.qty <= request.order_qty && display.variance_bps <= 10_000;
        fits && display.qty.is_multiple_of(rules.lot_size) && lasting && request.kind.limit_px().is_some()
    });
    if trails && activates && watches && shows { Ok(()) } else { Err(RejectReason::BadTerms) }
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
    match instrument.quote_value(px, qty) {
        Some(notional) if notional < min => Err(RejectReason::NotionalTooSmall),
        Some(_) => Ok(()),
        None => Err(RejectReason::QtyTooLarge),
    }
}

/// Whether an order may stand as the market is, and as what.
fn stands_against_market(
    desk: &Desk,
    request: &OrderRequest,
    waits: bool,
    now: Ts,
) -> Result<OrderRequest, RejectReason> {
    let side = request.side;
    if request.kind.limit_px().is_some_and(|limit| !desk.is_within_band(limit, side)) {
        return Err(RejectReason::PriceBand);
    }
    let reached = |known: Price, level: Price, side: Side| match side {
        Side::Buy => known >= level,
        Side::Sell => known <= level,
    };
    if waits {
        let known = match request.terms.trigger_by {
            TriggerBy::Last => desk.known_px(side),
            by @ (TriggerBy::Mark | TriggerBy::Index) => desk.watched_px(by),
        };
        let fires = known.zip(request.kind.trigger_px()).is_some_and(|(known, trigger)| match request.kind {
            OrderKind::Touch { .. } | OrderKind::TouchLimit { .. } => reached(known, trigger, side.opposite()),
            OrderKind::Market
            | OrderKind::Limit { .. }
            | OrderKind::Stop { .. }
            | OrderKind::StopLimit { .. }
            | OrderKind::Trailing { .. } => reached(known, trigger, side),
        });
        return if fires { Err(RejectReason::WouldTrigger) } else { Ok(*request) };
    }
    let Some(limit) = request.kind.limit_px().filter(|_| request.post_only) else { return Ok(*request) };
    // What an order of ours offers is there to be taken as well.
    let offered = [desk.known_px(side), desk.own_px(side.opposite())].into_iter().flatten();
    let best = match side {
        Side::Buy => offered.min(),
        Side::Sell => offered.max(),
    };
    let Some(best) = best.filter(|best| reached(*best, limit, side.opposite())) else { return Ok(*request) };
    if !request.terms.reprice {
        return Err(RejectReason::WouldTake);
    }
    let tick = desk.instrument.rules_at(now).tick_size;
    let moved = Price::from_raw(best.raw().saturating_sub(tick.raw() * side.sign()));
    let limit_px = match side {
        Side::Buy => moved.floor_to(tick),
        Side::Sell => moved.ceil_to(tick),
    };
    if limit_px <= Price::ZERO {
        Err(RejectReason::WouldTake)
    } else {
        Ok(OrderRequest { kind: OrderKind::Limit { limit_px }, ..*request })
    }
}
