//! Does anything at random, for tests of everything behind it.
//!
//! Rule: at each record of a subscribed instrument outside of the warm-up it acts with probability
//! `rate`; at each of its timers it acts in any case. An action is, by chance: a new order (5 of 10;
//! a cancel if `open_max` orders are open), an amendment (2 of 10) or a cancel (1 of 10) of one of its
//! open orders, all orders canceled (1 of 20), or a timer (3 of 20). Orders are of every kind, time in
//! force and flag, within `reach` ticks of the last known price; some combinations are refused by
//! risk rules or venues, which is intended. With `kinds = "all"` two new orders of five are of the rarer
//! kinds (if-touched, trailing, on mark or index price, iceberg, moved post-only) or a group. In hedge mode each
//! order is of the long or the short position with an even chance, and none is reduce-only.
//!
//! Call number n draws from stream n, so what it does depends on the number of its calls and on what
//! it sees, on nothing else.

use tapedeck_model::param::{ParamKind, ParamSpec};
use tapedeck_model::port::StrategyComponent;
use tapedeck_model::{
    Amendment, Bar, Context, Decimal, DepthTick, Instrument, InstrumentIx, Order, OrderKind, OrderRequest, ParamError,
    Params, PositionMode, PositionSide, Price, Qty, QuoteTick, Side, Span, Strategy, Stream, Terms, TimeInForce,
    TradeTick,
};

pub(crate) const COMPONENT: StrategyComponent = StrategyComponent {
    name: "random",
    help: "Sends, amends and cancels orders of every kind at random, from the seed; for tests.",
    params: &[
        ParamSpec::required(
            "rate",
            ParamKind::Decimal { min: "0", max: "1" },
            "actions per record",
            "Probability to act at a record.",
        )
        .or("0.1"),
        ParamSpec::required(
            "lots_max",
            ParamKind::Int { min: 1, max: 1_000_000_000 },
            "lots",
            "Largest quantity of an order.",
        )
        .or("100"),
        ParamSpec::required(
            "reach",
            ParamKind::Int { min: 1, max: 1_000_000 },
            "ticks",
            "Largest distance of a limit or trigger from the last known price.",
        )
        .or("50"),
        ParamSpec::required(
            "open_max",
            ParamKind::Int { min: 1, max: 10_000 },
            "orders",
            "With so many open orders it cancels one rather than send another.",
        )
        .or("20"),
        ParamSpec::required(
            "kinds",
            ParamKind::Choice(&["plain", "all"]),
            "",
            "Which orders it draws: market, limit, stop and stop-limit orders, or all there are, groups included.",
        )
        .or("plain"),
    ],
    build,
};

mod rare;

struct Random {
    /// Probability in millionths.
    rate: u64,
    lots_max: u64,
    reach: u64,
    open_max: usize,
    /// Whether the rarer kinds and groups are drawn.
    draws_all: bool,
    calls: u64,
    /// Reused between calls.
    open: Vec<Order>,
}

fn build(params: &Params, _: &[&Instrument]) -> Result<Box<dyn Strategy>, ParamError> {
    let positive = |name| {
        let value = u64::try_from(params.int(name)?).ok().filter(|value| *value > 0);
        value.ok_or_else(|| ParamError::new(name, "must be above zero"))
    };
    let rate = (params.decimal("rate")? * Decimal::from(1_000_000_u32)).trunc();
    let rate = u64::try_from(rate).ok().filter(|rate| *rate <= 1_000_000);
    Ok(Box::new(Random {
        rate: rate.ok_or_else(|| ParamError::new("rate", "must be from 0 to 1"))?,
        lots_max: positive("lots_max")?,
        reach: positive("reach")?,
        open_max: positive("open_max")? as usize,
        draws_all: params.text("kinds")? == "all",
        calls: 0,
        open: Vec::new(),
    }))
}

impl Random {
    fn stream(&mut self, ctx: &Context<'_>) -> Stream {
        self.calls += 1;
        ctx.draws().stream(self.calls)
    }

    fn on_record(&mut self, ctx: &mut Context<'_>, ix: InstrumentIx) {
        let mut stream = self.stream(ctx);
        if !ctx.warm_up && stream.below(1_000_000) < self.rate {
            self.act(ctx, ix, &mut stream);
        }
    }

    fn act(&mut self, ctx: &mut Context<'_>, ix: InstrumentIx, stream: &mut Stream) {
        self.open.clear();
        let open = &mut self.open;
        ctx.view().each_open_order(ctx.strategy, &mut |order| open.push(*order));
        let chosen = if self.open.is_empty() { 0 } else { stream.below(self.open.len() as u64) as usize };
        let chosen = self.open.get(chosen).copied();
        match (stream.below(20), chosen) {
            (0..10, Some(order)) if self.open.len() >= self.open_max => ctx.cancel(order.client_order_id),
            (0..10, _) if self.draws_all && stream.below(5) < 2 => rare::submit(self, ctx, ix, stream),
            (0..10, _) => {
                if let Some(request) = self.request(ctx, ix, stream) {
                    ctx.submit(request);
                }
            }
            (10..14, Some(order)) => {
                if let Some(amendment) = self.amendment(ctx, &order, stream) {
                    ctx.amend(order.client_order_id, amendment);
                }
            }
            (14..16, Some(order)) => ctx.cancel(order.client_order_id),
            (16, _) => ctx.cancel_all(),
            (17.., _) => {
                let delay = Span::from_nanos(stream.below(3_600_000_000_000) as i64);
                ctx.set_timer(ctx.now.saturating_add(delay), u64::from(ix.0));
            }
            (10..16, None) => {}
        }
    }

    fn request(&self, ctx: &Context<'_>, ix: InstrumentIx, stream: &mut Stream) -> Option<OrderRequest> {
        let side = if stream.below(2) == 0 { Side::Buy } else { Side::Sell };
        let first = self.price(ctx, ix, stream)?;
        let second = self.price(ctx, ix, stream)?;
        let kind = match stream.below(4) {
            0 => OrderKind::Market,
            1 => OrderKind::Limit { limit_px: first },
            2 => OrderKind::Stop { trigger_px: first },
            _ => OrderKind::StopLimit { trigger_px: first, limit_px: second },
        };
        let time_in_force = match stream.below(5) {
            0 => TimeInForce::Gtc,
            1 => TimeInForce::Ioc,
            2 => TimeInForce::Fok,
            3 => TimeInForce::Gtd(ctx.now.saturating_add(Span::from_nanos(stream.below(3_600_000_000_000) as i64))),
            _ => TimeInForce::Day,
        };
        let request = OrderRequest {
            instrument: ix,
            side,
            kind,
            order_qty: self.qty(ctx, ix, stream)?,
            time_in_force,
            post_only: stream.below(4) == 0,
            reduce_only: stream.below(4) == 0,
            terms: Terms::default(),
        };
        Some(match ctx.position_mode(ix) {
            PositionMode::OneWay => request,
            PositionMode::Hedge => {
                let position_side = if stream.below(2) == 0 { PositionSide::Long } else { PositionSide::Short };
                OrderRequest { reduce_only: false, ..request }.of(position_side)
            }
        })
    }

    /// Changes what the order has, each with an even chance.
    fn amendment(&self, ctx: &Context<'_>, order: &Order, stream: &mut Stream) -> Option<Amendment> {
        let ix = order.request.instrument;
        let mut even = |value| if stream.below(2) == 0 { None } else { value };
        let (amend_qty, amend_limit, amend_trigger) = (
            even(Some(())),
            even(order.request.kind.limit_px().map(drop)),
            even(order.request.kind.trigger_px().map(drop)),
        );
        let amendment = Amendment {
            order_qty: amend_qty.and_then(|()| self.qty(ctx, ix, stream)),
            limit_px: amend_limit.and_then(|()| self.price(ctx, ix, stream)),
            trigger_px: amend_trigger.and_then(|()| self.price(ctx, ix, stream)),
        };
        (amendment != Amendment::default()).then_some(amendment)
    }

    fn qty(&self, ctx: &Context<'_>, ix: InstrumentIx, stream: &mut Stream) -> Option<Qty> {
        let lots = stream.below(self.lots_max) as i64 + 1;
        let lot = ctx.instrument(ix).rules_at(ctx.now).lot_size;
        lot.raw().checked_mul(lots).map(Qty::from_raw)
    }

    /// A price on the tick grid within reach; `None` before the first price and at or below zero.
    fn price(&self, ctx: &Context<'_>, ix: InstrumentIx, stream: &mut Stream) -> Option<Price> {
        let tick = ctx.instrument(ix).rules_at(ctx.now).tick_size;
        let ticks = stream.below(2 * self.reach + 1) as i64 - self.reach as i64;
        let away = Price::from_raw(tick.raw().checked_mul(ticks)?);
        let px = ctx.market(ix).mark()?.floor_to(tick).checked_add(away)?;
        (px > Price::ZERO).then_some(px)
    }
}

impl Strategy for Random {
    fn on_bar(&mut self, ctx: &mut Context<'_>, bar: &Bar) {
        self.on_record(ctx, bar.instrument);
    }

    fn on_trade(&mut self, ctx: &mut Context<'_>, trade: &TradeTick) {
        self.on_record(ctx, trade.instrument);
    }

    fn on_quote(&mut self, ctx: &mut Context<'_>, quote: &QuoteTick) {
        self.on_record(ctx, quote.instrument);
    }

    fn on_book(&mut self, ctx: &mut Context<'_>, last: &DepthTick) {
        self.on_record(ctx, last.instrument);
    }

    fn on_timer(&mut self, ctx: &mut Context<'_>, timer: u64) {
        let mut stream = self.stream(ctx);
        // The timer's number is the instrument that it was set for.
        let ix = ctx.instruments.iter().find(|ix| u64::from(ix.0) == timer).copied();
        if let (Some(ix), false) = (ix, ctx.warm_up) {
            self.act(ctx, ix, &mut stream);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Stand, spot};
    use std::collections::BTreeSet;
    use tapedeck_model::port::Wish;
    use tapedeck_model::{Intent, OrderStatus, ParamValue, TriggerBy};

    fn play(seed: u64, kinds: &str) -> Vec<Wish> {
        let params = Params::new()
            .with("rate", ParamValue::Decimal(Decimal::new(5, 1)))
            .with("lots_max", ParamValue::Int(10))
            .with("reach", ParamValue::Int(20))
            .with("open_max", ParamValue::Int(8))
            .with("kinds", ParamValue::Text(kinds.to_owned()));
        let mut strategy = build(&params, &[&spot()]).unwrap();
        let mut stand = Stand::seeded(seed);
        for n in 0..2_000_u32 {
            stand.bar(&mut *strategy, 10_000 + i64::from(n % 7));
            if n % 5 == 0 {
                stand.call(|ctx| strategy.on_timer(ctx, 0));
            }
            stand.end(&mut *strategy, n / 3, OrderStatus::Canceled);
            let open = |order: &&Order| !order.status.is_terminal();
            while stand.view.orders.iter().filter(open).count() > 6 {
                let oldest = stand.view.orders.iter().find(open).map(|order| order.client_order_id.number);
                stand.end(&mut *strategy, oldest.unwrap(), OrderStatus::Canceled);
            }
        }
        stand.wishes
    }

    #[test]
    fn the_seed_decides() {
        for kinds in ["plain", "all"] {
            assert_eq!(play(1, kinds), play(1, kinds));
            assert_ne!(play(1, kinds), play(2, kinds));
        }
        assert_ne!(play(1, "plain"), play(1, "all"));
    }

    fn words(kinds: &str) -> String {
        let mut words = BTreeSet::new();
        for wish in play(3, kinds) {
            match wish {
                Wish::Order(Intent::Submit { request, .. }) => {
                    words.extend([request.kind.text(), request.time_in_force.text(), request.side.text()]);
                    words.extend(request.post_only.then_some("post_only"));
                    words.extend(request.reduce_only.then_some("reduce_only"));
                    words.extend(request.terms.group.map(|leg| leg.kind.text()));
                    words.extend(request.terms.display.map(|_| "iceberg"));
                    words.extend(request.terms.reprice.then_some("reprice"));
                    words.insert(match request.terms.trigger_by {
                        TriggerBy::Last => "by_last",
                        TriggerBy::Mark => "by_mark",
                        TriggerBy::Index => "by_index",
                    });
                    assert!((1..=10).contains(&request.order_qty.raw()));
                }
                Wish::Order(Intent::Amend { .. }) => drop(words.insert("amend")),
                Wish::Order(Intent::Cancel { .. }) => drop(words.insert("cancel")),
                Wish::Order(Intent::CancelAll { .. }) => drop(words.insert("cancel_all")),
                Wish::Timer { .. } => drop(words.insert("timer")),
                Wish::Transfer { .. } | Wish::Signal { .. } | Wish::Log { .. } => panic!("not asked for"),
            }
        }
        words.into_iter().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn everything_happens() {
        assert_eq!(
            words("plain"),
            "amend buy by_last cancel cancel_all day fok gtc gtd ioc limit market post_only reduce_only sell stop stop_limit \
             timer"
        );
        assert_eq!(
            words("all"),
            "amend bracket buy by_index by_last by_mark cancel cancel_all day fok gtc gtd iceberg if_touched ioc limit limit_if_touched market \
             oco oto post_only reduce_only reprice sell stop stop_limit timer trailing_stop"
        );
    }
}
