//! Post-only quotes on both sides of an order book, leaning against the position.
//!
//! Rule, every `interval`, the first time one `interval` after the first record told (or at `first_at`),
//! in whole ticks:
//! 1. With best bid b and best ask a (a step without either is left out) and u = position / `qty`, rounded
//!    half away from zero:
//!    bid = min(floor((b + a) / 2) - `half_spread` - `skew` u, b), down to a multiple of `spacing`;
//!    ask = max(floor((b + a + 1) / 2) + `half_spread` - `skew` u, a), up to a multiple of `spacing`.
//! 2. Wanted are bids at bid - i `spacing` and asks at ask + i `spacing`, i = 0 to `levels` - 1, none at or
//!    below zero; no bids at u >= `max_units`, no asks at u <= -`max_units`.
//! 3. Orders of ours that are accepted and not wanted are canceled; then each wanted price at which we have
//!    no open order gets one of `qty`, bids first, best first.
//!
//! The rule is that of the grid of the hftbacktest project's tutorials. During the warm-up nothing is
//! quoted.

use tapedeck_model::param::{ParamKind, ParamSpec};
use tapedeck_model::port::StrategyComponent;
use tapedeck_model::{
    ClientOrderId, Context, DepthTick, Instrument, OrderRequest, OrderStatus, ParamError, Params, Price, Qty, Side,
    Span, Strategy, TradeTick, Ts,
};

use crate::sizing::{EACH_QTY_PARAM, fixed_qty, only_one, within_filters};

const TICKS: ParamKind = ParamKind::Int { min: 0, max: 1_000_000 };

pub(crate) const COMPONENT: StrategyComponent = StrategyComponent {
    name: "market_maker",
    help: "Post-only orders at equal steps on both sides of the book, leaning against the position.",
    params: &[
        ParamSpec::required("half_spread", TICKS, "ticks", "Distance of the first orders from the middle.").or("5"),
        ParamSpec::required(
            "spacing",
            ParamKind::Int { min: 1, max: 1_000_000 },
            "ticks",
            "Distance between two orders, of whose multiples all prices are.",
        )
        .or("5"),
        ParamSpec::required("skew", TICKS, "ticks per `qty`", "How far a position moves both sides against it.")
            .or("2"),
        ParamSpec::required("levels", ParamKind::Int { min: 1, max: 100 }, "orders per side", "Orders per side.")
            .or("5"),
        EACH_QTY_PARAM,
        ParamSpec::required(
            "max_units",
            ParamKind::Int { min: 1, max: 1_000_000 },
            "times `qty`",
            "Position at which the side that would add to it is not quoted.",
        )
        .or("10"),
        ParamSpec::required(
            "interval",
            ParamKind::Span,
            "duration",
            "Time between two looks at the book; at least 1us.",
        )
        .or("100ms"),
        ParamSpec::optional(
            "first_at",
            ParamKind::Time,
            "time",
            "When it first looks at the book; absent: one `interval` after the first record.",
        ),
    ],
    build,
};

struct MarketMaker {
    half_spread: i64,
    spacing: i64,
    skew: i64,
    levels: i64,
    qty: Qty,
    max_units: i64,
    interval: Span,
    first_at: Option<Ts>,
    started: bool,
    /// What is open, kept to be reused: side, price, name and whether it can be canceled.
    open: Vec<(Side, Price, ClientOrderId, bool)>,
    wanted: Vec<Quote>,
}

/// A price at which an order is wanted.
struct Quote {
    side: Side,
    px: Price,
    /// An order of either side is there already.
    is_taken: bool,
}

fn build(params: &Params, instruments: &[&Instrument]) -> Result<Box<dyn Strategy>, ParamError> {
    let instrument = only_one(instruments)?;
    let interval = params.span("interval")?;
    if interval < Span::from_nanos(1_000) {
        return Err(ParamError::new("interval", format!("must be at least 1us, found {interval}")));
    }
    Ok(Box::new(MarketMaker {
        half_spread: params.int("half_spread")?,
        spacing: params.int("spacing")?,
        skew: params.int("skew")?,
        levels: params.int("levels")?,
        qty: fixed_qty(params, "qty", instrument)?,
        max_units: params.int("max_units")?,
        interval,
        first_at: params.time_opt("first_at")?,
        started: false,
        open: Vec::new(),
        wanted: Vec::new(),
    }))
}

impl Strategy for MarketMaker {
    fn on_start(&mut self, ctx: &mut Context<'_>) {
        if let Some(at) = self.first_at {
            self.started = true;
            ctx.set_timer(at, 0);
        }
    }

    fn on_book(&mut self, ctx: &mut Context<'_>, _: &DepthTick) {
        self.start(ctx);
    }

    fn on_trade(&mut self, ctx: &mut Context<'_>, _: &TradeTick) {
        self.start(ctx);
    }

    fn on_timer(&mut self, ctx: &mut Context<'_>, _: u64) {
        ctx.set_timer(ctx.now.saturating_add(self.interval), 0);
        if !ctx.warm_up {
            self.quote(ctx);
        }
    }
}

impl MarketMaker {
    fn start(&mut self, ctx: &mut Context<'_>) {
        if !self.started {
            self.started = true;
            ctx.set_timer(ctx.now.saturating_add(self.interval), 0);
        }
    }

    fn quote(&mut self, ctx: &mut Context<'_>) {
        let Some(&ix) = ctx.instruments.first() else { return };
        let tick = ctx.instrument(ix).rules_at(ctx.now).tick_size;
        let best = |side| ctx.book(ix).best(side).map(|level| level.px.raw().div_euclid(tick.raw()));
        let Some((bid, ask)) = best(Side::Buy).zip(best(Side::Sell)) else { return };
        let units = rounded_ratio(ctx.position(ix).net_qty.raw(), self.qty.raw());
        self.want(units, (bid, ask), tick);

        let open = &mut self.open;
        open.clear();
        ctx.view().each_open_order(ctx.strategy, &mut |order| {
            let px = order.request.kind.limit_px().unwrap_or_default();
            let cancelable = matches!(order.status, OrderStatus::Accepted | OrderStatus::PartiallyFilled);
            open.push((order.request.side, px, order.client_order_id, cancelable));
        });
        for (side, px, id, cancelable) in open.iter() {
            let mut is_wanted = false;
            for quote in self.wanted.iter_mut().filter(|quote| quote.px == *px) {
                // An order of the other side that is still on its way out is in the way as well.
                quote.is_taken = true;
                is_wanted |= quote.side == *side;
            }
            if *cancelable && !is_wanted {
                ctx.cancel(*id);
            }
        }
        for Quote { side, px, .. } in self.wanted.iter().filter(|quote| !quote.is_taken) {
            if let Some(qty) = within_filters(ctx.instrument(ix), ctx.now, *px, self.qty) {
                ctx.submit(OrderRequest { post_only: true, ..OrderRequest::limit(ix, *side, qty, *px) });
            }
        }
    }

    /// Rules 1 and 2. Sums that leave the range of a price saturate, and such a price is not wanted.
    fn want(&mut self, units: i64, (best_bid, best_ask): (i64, i64), tick: Price) {
        let lean = self.skew.saturating_mul(units);
        let sum = best_bid.saturating_add(best_ask);
        let middle = (sum.div_euclid(2), sum.saturating_add(1).div_euclid(2));
        let bid = middle.0.saturating_sub(self.half_spread).saturating_sub(lean).min(best_bid);
        let ask = middle.1.saturating_add(self.half_spread).saturating_sub(lean).max(best_ask);
        let bid = bid.saturating_sub(bid.rem_euclid(self.spacing));
        let ask = ask.saturating_add((-ask).rem_euclid(self.spacing));
        let at = |ticks: i64| ticks.checked_mul(tick.raw()).filter(|raw| *raw > 0).map(Price::from_raw);
        self.wanted.clear();
        for i in 0..self.levels {
            let px = bid.checked_sub(i * self.spacing).and_then(at).filter(|_| units < self.max_units);
            self.wanted.extend(px.map(|px| Quote { side: Side::Buy, px, is_taken: false }));
        }
        for i in 0..self.levels {
            let px = ask.checked_add(i * self.spacing).and_then(at).filter(|_| units > -self.max_units);
            self.wanted.extend(px.map(|px| Quote { side: Side::Sell, px, is_taken: false }));
        }
    }
}

/// `part / whole`, rounded half away from zero; `whole` is above zero.
fn rounded_ratio(part: i64, whole: i64) -> i64 {
    let (part, whole) = (i128::from(part), i128::from(whole.max(1)));
    let rounded = (2 * part.abs() + whole) / (2 * whole);
    i64::try_from(rounded * part.signum()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
