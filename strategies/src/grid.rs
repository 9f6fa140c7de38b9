//! A ladder of limit orders around a centre.
//!
//! Rule:
//! 1. The price is a bar's close, a trade's price or the middle of a quote or book (rounded down),
//!    whichever came last. At the first price after the warm-up the ladder is placed.
//! 2. Placing: the centre is the price rounded down to the tick; the step is `spacing` ticks, or
//!    `spacing` basis points of the centre rounded down to the tick, and at least one tick. For k = 1
//!    to `levels` a buy limit goes to centre - k steps (left out at or below zero) and, unless
//!    `sides = "buy"`, a sell limit to centre + k steps, in this order, each of `qty`.
//! 3. When one of these orders is filled whole, the opposite order of the same quantity is placed one
//!    step away: above a filled buy, below a filled sell. These orders count like those of the ladder.
//! 4. When the price is `recenter` steps or more from the centre, everything is canceled; at the first
//!    price at which no order of ours is open any more, the ladder is placed anew as in 2. Fills that
//!    come in between are not answered.
//! 5. An order that is denied, rejected, expired or below the venue's minima is left out until the
//!    ladder is placed anew.

use tapedeck_model::event::LogLevel;
use tapedeck_model::param::{ParamKind, ParamSpec};
use tapedeck_model::port::StrategyComponent;
use tapedeck_model::{
    Bar, Context, Decimal, DepthTick, Fill, Instrument, InstrumentIx, OrderRequest, OrderStatus, ParamError, Params,
    Price, Qty, QuoteTick, Side, Strategy, TradeTick,
};

use crate::sizing::{EACH_QTY_PARAM, fixed_qty, only_one, within_filters};

/// Basis points in one, in the unit of [`Spacing::Bps`].
const BPS_ONE: i128 = 10_000 * 1_000_000;

pub(crate) const COMPONENT: StrategyComponent = StrategyComponent {
    name: "grid",
    help: "Limit orders at equal steps around a centre; a fill is answered one step away.",
    params: &[
        ParamSpec::required(
            "levels",
            ParamKind::Int { min: 1, max: 1_000 },
            "orders per side",
            "Height of the ladder.",
        )
        .or("5"),
        ParamSpec::required(
            "spacing",
            ParamKind::Decimal { min: "0.000001", max: "1000000000" },
            "see `spacing_unit`",
            "Distance between two orders.",
        ),
        ParamSpec::required(
            "spacing_unit",
            ParamKind::Choice(&["ticks", "bps"]),
            "",
            "Whether `spacing` is in ticks (a whole number) or in basis points of the centre.",
        )
        .or("bps"),
        EACH_QTY_PARAM,
        ParamSpec::required(
            "sides",
            ParamKind::Choice(&["both", "buy"]),
            "",
            "First ladder on both sides, or only below the price, for an account that has nothing to sell yet.",
        )
        .or("both"),
        ParamSpec::optional(
            "recenter",
            ParamKind::Int { min: 1, max: 1_000_000 },
            "steps",
            "Distance of the price from the centre at which the ladder moves; absent: `levels` + 1.",
        ),
        ParamSpec::required("post_only", ParamKind::Bool, "", "Refuse to take liquidity.").or("true"),
    ],
    build,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spacing {
    Ticks(i64),
    /// Millionths of a basis point.
    Bps(i64),
}

/// Where the ladder stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Unplaced,
    Placed { centre: Price, step: Price },
    Clearing,
}

struct Grid {
    levels: i64,
    spacing: Spacing,
    qty: Qty,
    sells_first: bool,
    recenter: i64,
    post_only: bool,
    phase: Phase,
    said_too_small: bool,
}

fn build(params: &Params, instruments: &[&Instrument]) -> Result<Box<dyn Strategy>, ParamError> {
    let instrument = only_one(instruments)?;
    let levels = params.int("levels")?;
    Ok(Box::new(Grid {
        levels,
        spacing: spacing(params)?,
        qty: fixed_qty(params, "qty", instrument)?,
        sells_first: params.text("sides")? == "both",
        recenter: params.int_opt("recenter")?.unwrap_or(levels.saturating_add(1)),
        post_only: params.bool("post_only")?,
        phase: Phase::Unplaced,
        said_too_small: false,
    }))
}

fn spacing(params: &Params) -> Result<Spacing, ParamError> {
    let (value, in_ticks): (Decimal, bool) = (params.decimal("spacing")?, params.text("spacing_unit")? == "ticks");
    let raw = Price::from_decimal(value, if in_ticks { 0 } else { 6 })
        .map_err(|e| ParamError::new("spacing", e.to_string()))?
        .raw();
    if raw <= 0 {
        return Err(ParamError::new("spacing", "must be above zero"));
    }
    Ok(if in_ticks { Spacing::Ticks(raw) } else { Spacing::Bps(raw) })
}

impl Grid {
    fn on_price(&mut self, ctx: &mut Context<'_>, ix: InstrumentIx, price: Price) {
        if ctx.warm_up {
            return;
        }
        match self.phase {
            Phase::Unplaced => self.place(ctx, ix, price),
            Phase::Placed { centre, step } => {
                let distance = (i128::from(price.raw()) - i128::from(centre.raw())).abs();
                if distance >= i128::from(step.raw()) * i128::from(self.recenter) {
                    ctx.cancel_all();
                    self.phase = Phase::Clearing;
                }
            }
            Phase::Clearing => {
                let mut open = 0_u32;
                ctx.view().each_open_order(ctx.strategy, &mut |_| open += 1);
                if open == 0 {
                    self.place(ctx, ix, price);
                }
            }
        }
    }

    fn place(&mut self, ctx: &mut Context<'_>, ix: InstrumentIx, price: Price) {
        let tick = ctx.instrument(ix).rules_at(ctx.now).tick_size;
        let centre = price.floor_to(tick);
        // A step beyond what a price can hold leaves no level to place.
        let Some(step) = self.step(centre, tick) else {
            return;
        };
        self.phase = Phase::Placed { centre, step };
        for level in 1..=self.levels {
            self.order(ctx, ix, Side::Buy, at(centre, step, -level));
            if self.sells_first {
                self.order(ctx, ix, Side::Sell, at(centre, step, level));
            }
        }
    }

    fn step(&self, centre: Price, tick: Price) -> Option<Price> {
        match self.spacing {
            Spacing::Ticks(ticks) => ticks.checked_mul(tick.raw()).map(Price::from_raw),
            Spacing::Bps(millionths) => {
                let raw = i128::from(centre.raw()) * i128::from(millionths) / BPS_ONE;
                let step = Price::from_raw(i64::try_from(raw).ok()?);
                Some(step.floor_to(tick).max(tick))
            }
        }
    }

    fn order(&mut self, ctx: &mut Context<'_>, ix: InstrumentIx, side: Side, px: Option<Price>) {
        let Some(px) = px.filter(|px| *px > Price::ZERO) else {
            return;
        };
        if let Some(qty) = within_filters(ctx.instrument(ix), ctx.now, px, self.qty) {
            let post_only = self.post_only;
            ctx.submit(OrderRequest { post_only, ..OrderRequest::limit(ix, side, qty, px) });
        } else if !self.said_too_small {
            self.said_too_small = true;
            ctx.log(LogLevel::Warn, "an order is left out, being below the venue's minima (said once)");
        }
    }
}

/// `centre + level x step`, if a price can hold it.
fn at(centre: Price, step: Price, level: i64) -> Option<Price> {
    step.raw().checked_mul(level).and_then(|away| centre.checked_add(Price::from_raw(away)))
}

impl Strategy for Grid {
    fn on_bar(&mut self, ctx: &mut Context<'_>, bar: &Bar) {
        self.on_price(ctx, bar.instrument, bar.close);
    }

    fn on_trade(&mut self, ctx: &mut Context<'_>, trade: &TradeTick) {
        self.on_price(ctx, trade.instrument, trade.px);
    }

    fn on_quote(&mut self, ctx: &mut Context<'_>, quote: &QuoteTick) {
        let sum = i128::from(quote.bid_px.raw()) + i128::from(quote.ask_px.raw());
        // The middle of two prices is a price.
        self.on_price(ctx, quote.instrument, Price::from_raw(sum.div_euclid(2) as i64));
    }

    fn on_book(&mut self, ctx: &mut Context<'_>, last: &DepthTick) {
        if let Some(quote) = ctx.market(last.instrument).quote {
            self.on_quote(ctx, &quote);
        }
    }

    fn on_fill(&mut self, ctx: &mut Context<'_>, fill: &Fill) {
        let request = fill.order.request;
        let (Phase::Placed { step, .. }, OrderStatus::Filled, Some(px)) =
            (self.phase, fill.order.status, request.kind.limit_px())
        else {
            return;
        };
        self.order(ctx, request.instrument, request.side.opposite(), at(px, step, request.side.sign()));
    }
}

#[cfg(test)]
mod tests;
