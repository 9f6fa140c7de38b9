//! Rules that look at one order at a time, and at how many there are.

use std::collections::VecDeque;

use tapedeck_model::port::{HaltRequest, RiskComponent, RiskObservation, RiskOutcome, RiskQuery, RiskRule};
use tapedeck_model::{
    Amount, Component, OrderKind, ParamError, ParamKind, ParamSpec, Params, Price, Qty, Side, Span, StrategyIx, Ts,
};

use super::parse::{self, POSITIVE, SHRINK};
use super::{at_most, at_most_or_cut, closes, count};

pub(super) const MAX_ORDER_QTY: RiskComponent = Component {
    name: "max_order_qty",
    help: "Largest quantity of one order. Orders marked reduce_only that close part of the account's position pass.",
    params: &[
        ParamSpec::required(
            "limit",
            POSITIVE,
            "units of the instrument",
            "Largest order quantity; equal to it passes.",
        ),
        SHRINK,
    ],
    build: build_max_order_qty,
};

pub(super) const MAX_ORDER_NOTIONAL: RiskComponent = Component {
    name: "max_order_notional",
    help: "Largest value of one order, at its limit price (market and stop orders: at the last known price). \
           Orders marked reduce_only that close part of the account's position pass.",
    params: &[
        ParamSpec::required("limit", POSITIVE, "base currency", "Largest order value; equal to it passes."),
        SHRINK,
    ],
    build: build_max_order_notional,
};

pub(super) const PRICE_COLLAR: RiskComponent = Component {
    name: "price_collar",
    help: "Largest distance of an order's limit and trigger price from the last known price. Market orders pass.",
    params: &[
        ParamSpec::required(
            "bps",
            ParamKind::Decimal { min: "0", max: "1000000" },
            "bps of the last known price",
            "Largest distance; equal to it passes.",
        ),
        ParamSpec::required(
            "direction",
            ParamKind::Choice(&["both", "worse"]),
            "",
            "both: distance either way; worse: only buying above and selling below the last known price.",
        )
        .or("both"),
    ],
    build: build_price_collar,
};

pub(super) const ORDER_RATE: RiskComponent = Component {
    name: "order_rate",
    help: "Most orders sent within a sliding interval. Orders marked reduce_only that close part of the account's \
           position pass, and count.",
    params: &[
        ParamSpec::required("count", ParamKind::Int { min: 1, max: 100_000 }, "orders", "Most orders per interval."),
        ParamSpec::required("interval", ParamKind::Span, "", "Length of the interval, above zero.").or("1s"),
    ],
    build: build_order_rate,
};

pub(super) const MAX_OPEN_ORDERS: RiskComponent = Component {
    name: "max_open_orders",
    help: "Most open orders of the account, the new one included. Orders marked reduce_only that close part of the \
           account's position pass.",
    params: &[ParamSpec::required("limit", ParamKind::Int { min: 1, max: 1_000_000 }, "orders", "Most open orders.")],
    build: build_max_open_orders,
};

struct MaxOrderQty {
    limit: Amount,
    shrink: bool,
}

fn build_max_order_qty(params: &Params, _: Option<StrategyIx>) -> Result<Box<dyn RiskRule>, ParamError> {
    Ok(Box::new(MaxOrderQty { limit: parse::amount(params, "limit")?, shrink: params.bool("shrink")? }))
}

impl RiskRule for MaxOrderQty {
    fn check(&mut self, query: &RiskQuery<'_>) -> RiskOutcome {
        let value = query.instrument.base_amount(query.request.order_qty).unwrap_or(Amount::MAX);
        if closes(query) {
            return RiskOutcome::Pass { value, limit: self.limit };
        }
        let allowed = self.shrink.then(|| raw_floor(self.limit, query.instrument.qty_scale));
        at_most_or_cut(query, value, self.limit, allowed)
    }
}

/// A limit in units of an instrument as a raw quantity, rounded down.
pub(super) fn raw_floor(limit: Amount, qty_scale: u8) -> i128 {
    limit.raw().div_euclid(tapedeck_model::number::pow10(Amount::SCALE - qty_scale))
}

struct MaxOrderNotional {
    limit: Amount,
    shrink: bool,
}

fn build_max_order_notional(params: &Params, _: Option<StrategyIx>) -> Result<Box<dyn RiskRule>, ParamError> {
    Ok(Box::new(MaxOrderNotional { limit: parse::amount(params, "limit")?, shrink: params.bool("shrink")? }))
}

impl RiskRule for MaxOrderNotional {
    fn check(&mut self, query: &RiskQuery<'_>) -> RiskOutcome {
        let value = query.notional;
        if closes(query) {
            return RiskOutcome::Pass { value, limit: self.limit };
        }
        let allowed = self.shrink.then(|| affordable(self.limit, value, query.request.order_qty));
        at_most_or_cut(query, value, self.limit, allowed)
    }
}

/// The largest raw quantity worth at most `limit`, at the price at which `qty` is worth `value`.
pub(super) fn affordable(limit: Amount, value: Amount, qty: Qty) -> i128 {
    let qty = i128::from(qty.raw().max(1));
    // Rounded up, so that the cut order never exceeds the limit.
    let each = value.raw().div_euclid(qty) + i128::from(value.raw().rem_euclid(qty) != 0);
    if each <= 0 { 0 } else { limit.raw().div_euclid(each) }
}

struct PriceCollar {
    /// In units of 1e-6 bps.
    limit: i64,
    worse_only: bool,
}

/// Decimals of a distance in bps.
const BPS_SCALE: u8 = 6;

fn build_price_collar(params: &Params, _: Option<StrategyIx>) -> Result<Box<dyn RiskRule>, ParamError> {
    let limit = Price::from_decimal(params.decimal("bps")?, BPS_SCALE)
        .map_err(|error| ParamError::new("bps", error.to_string()))?;
    Ok(Box::new(PriceCollar { limit: limit.raw(), worse_only: params.text("direction")? == "worse" }))
}

impl RiskRule for PriceCollar {
    fn check(&mut self, query: &RiskQuery<'_>) -> RiskOutcome {
        let limit = Amount::from_scaled(i128::from(self.limit), BPS_SCALE).unwrap_or(Amount::MAX);
        let (first, second) = match query.request.kind {
            OrderKind::Market => (None, None),
            OrderKind::Limit { limit_px } => (Some(limit_px), None),
            OrderKind::Stop { trigger_px } | OrderKind::Touch { trigger_px } => (Some(trigger_px), None),
            OrderKind::StopLimit { trigger_px, limit_px } | OrderKind::TouchLimit { trigger_px, limit_px } => {
                (Some(trigger_px), Some(limit_px))
            }
            kind @ OrderKind::Trailing { .. } => (kind.borne_px(query.request.side, query.mark), None),
        };
        let away = |px: Price| {
            let above = i128::from(px.raw()) - i128::from(query.mark.raw());
            let worse = above * i128::from(query.request.side.sign());
            if self.worse_only { worse.max(0) } else { worse.abs() }
        };
        let distance = first.map_or(0, away).max(second.map_or(0, away));
        let mark = i128::from(query.mark.raw());
        if mark <= 0 {
            // A distance relative to such a price has no meaning: only none at all passes.
            return at_most(if distance == 0 { Amount::ZERO } else { Amount::MAX }, limit);
        }
        // distance < 2^64 and 10^10 < 2^34: exact. Compared by cross-multiplication.
        let scaled = distance * 10_000 * i128::from(10_i64.pow(u32::from(BPS_SCALE)));
        let value = Amount::from_scaled(scaled.div_euclid(mark), BPS_SCALE).unwrap_or(Amount::MAX);
        if scaled <= i128::from(self.limit) * mark {
            RiskOutcome::Pass { value, limit }
        } else {
            RiskOutcome::Deny { value, limit }
        }
    }
}

struct OrderRate {
    count: usize,
    interval: Span,
    /// Times of the last orders sent, oldest first, at most `count`.
    sent: VecDeque<Ts>,
}

fn build_order_rate(params: &Params, _: Option<StrategyIx>) -> Result<Box<dyn RiskRule>, ParamError> {
    let interval = params.span("interval")?;
    if interval <= Span::ZERO {
        return Err(ParamError::new("interval", "must be above zero"));
    }
    let count = usize::try_from(params.int("count")?).unwrap_or(0).max(1);
    Ok(Box::new(OrderRate { count, interval, sent: VecDeque::with_capacity(count + 1) }))
}

impl RiskRule for OrderRate {
    fn check(&mut self, query: &RiskQuery<'_>) -> RiskOutcome {
        while self.sent.front().is_some_and(|at| at.saturating_add(self.interval) <= query.now) {
            self.sent.pop_front();
        }
        let (value, limit) =
            (count(self.sent.len() as i64 + i64::from(query.orders_ahead) + 1), count(self.count as i64));
        if closes(query) { RiskOutcome::Pass { value, limit } } else { at_most(value, limit) }
    }

    fn observe(&mut self, observation: &RiskObservation) -> Option<HaltRequest> {
        if let RiskObservation::Sent { now, .. } = observation {
            self.sent.push_back(*now);
            if self.sent.len() > self.count {
                self.sent.pop_front();
            }
        }
        None
    }
}

struct MaxOpenOrders {
    limit: i64,
}

fn build_max_open_orders(params: &Params, _: Option<StrategyIx>) -> Result<Box<dyn RiskRule>, ParamError> {
    Ok(Box::new(MaxOpenOrders { limit: params.int("limit")? }))
}

impl RiskRule for MaxOpenOrders {
    fn check(&mut self, query: &RiskQuery<'_>) -> RiskOutcome {
        let (value, limit) = (count(i64::from(query.open_orders) + 1), count(self.limit));
        if closes(query) { RiskOutcome::Pass { value, limit } } else { at_most(value, limit) }
    }
}

/// Signed position of the account in the direction of the order, and open quantity on its side.
pub(super) fn directed(query: &RiskQuery<'_>) -> (i128, i128) {
    let open = match query.request.side {
        Side::Buy => query.open_buy_qty,
        Side::Sell => query.open_sell_qty,
    };
    (i128::from(query.net_qty.raw()) * i128::from(query.request.side.sign()), i128::from(open.raw()))
}
