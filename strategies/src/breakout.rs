//! Breaks out of a channel of closes with a bracket: an entry at market, a profit target and a stop.
//!
//! Rule, at the close of each bar:
//! 1. The channel is the highest high and the lowest low of the `lookback` bars before this one. A close
//!    above it wants to be long, one below it short (`long_short` only).
//! 2. If nothing is held and no order is open, it sends a bracket: a market order for the position, and as
//!    a pair a limit order `target` distances beyond the close and a stop `stop` distances before it. The
//!    distance is the mean true range of the last `lookback` bars (`exit_unit = "atr"`) or 0.01 % of the
//!    close (`"bps"`); prices are rounded to the tick away from the close.
//! 3. From then on the venue holds the exits, sizes them by what the entry fills, and ends one when the
//!    other is filled. Nothing is changed by the strategy.
//! 4. Should something be held while no order is open (an exit ended without a fill), it is closed at
//!    market, if the venue's minima allow.
//! 5. During the warm-up only the bars are taken in.
//!
//! True range of a bar: the larger of high and the last close, less the smaller of low and the last close
//! (J. W. Wilder, New Concepts in Technical Trading Systems, 1978); its mean here is the plain one, in
//! integers, rounded down. Nothing is allocated per bar.

use std::collections::VecDeque;

use tapedeck_model::param::{ParamKind, ParamSpec};
use tapedeck_model::port::StrategyComponent;
use tapedeck_model::{
    Bar, ClientOrderId, Context, Decimal, Instrument, OrderKind, OrderRequest, ParamError, Params, Price, Qty, Side,
    Strategy,
};

use crate::sizing::{BUFFER_PARAM, QTY_PARAM, SIZE_PARAM, Sizing, only_one, within_filters};

const DISTANCE: ParamKind = ParamKind::Decimal { min: "0.0001", max: "5000" };
/// Decimals of a count of distances.
const DISTANCE_SCALE: u8 = 4;
const BPS: i128 = 10_000;

pub(crate) const COMPONENT: StrategyComponent = StrategyComponent {
    name: "breakout",
    help: "Enters at market when a bar closes beyond the last highs or lows, with a target and a stop as a bracket.",
    params: &[
        ParamSpec::required("lookback", ParamKind::Int { min: 1, max: 100_000 }, "bars", "Length of the channel.")
            .or("60"),
        ParamSpec::required(
            "exit_unit",
            ParamKind::Choice(&["atr", "bps"]),
            "",
            "What `target` and `stop` count: mean true ranges of the last `lookback` bars, or 0.01 % of the close.",
        )
        .or("atr"),
        ParamSpec::required("target", DISTANCE, "exit_unit", "Distance of the profit target from the close.").or("3"),
        ParamSpec::required("stop", DISTANCE, "exit_unit", "Distance of the stop from the close.").or("2"),
        ParamSpec::required(
            "direction",
            ParamKind::Choice(&["long_only", "long_short"]),
            "",
            "Whether closes below the channel are sold.",
        )
        .or("long_only"),
        SIZE_PARAM,
        QTY_PARAM,
        BUFFER_PARAM,
    ],
    build,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ExitUnit {
    Atr,
    Bps,
}

/// A bar as far as the channel needs it.
#[derive(Debug, Clone, Copy)]
struct Past {
    high: i64,
    low: i64,
    true_range: i64,
}

/// The last bars, with the sum of their true ranges.
struct Channel {
    lookback: usize,
    bars: VecDeque<Past>,
    range_sum: i128,
    close: Option<i64>,
}

impl Channel {
    fn new(lookback: usize) -> Self {
        Self { lookback, bars: VecDeque::with_capacity(lookback + 1), range_sum: 0, close: None }
    }

    /// Highest high and lowest low, once there are enough bars.
    fn bounds(&self) -> Option<(i64, i64)> {
        if self.bars.len() < self.lookback {
            return None;
        }
        let high = self.bars.iter().map(|bar| bar.high).max()?;
        let low = self.bars.iter().map(|bar| bar.low).min()?;
        Some((high, low))
    }

    fn push(&mut self, bar: &Bar) {
        let (mut top, mut bottom) = (bar.high.raw(), bar.low.raw());
        if let Some(close) = self.close {
            (top, bottom) = (top.max(close), bottom.min(close));
        }
        let true_range = top.saturating_sub(bottom);
        self.close = Some(bar.close.raw());
        self.bars.push_back(Past { high: bar.high.raw(), low: bar.low.raw(), true_range });
        self.range_sum += i128::from(true_range);
        if self.bars.len() > self.lookback
            && let Some(oldest) = self.bars.pop_front()
        {
            self.range_sum -= i128::from(oldest.true_range);
        }
    }

    /// Mean true range, rounded down.
    fn mean_range(&self) -> i128 {
        self.range_sum / (self.bars.len().max(1) as i128)
    }
}

struct Breakout {
    channel: Channel,
    exit_unit: ExitUnit,
    /// In units of 1e-4 of a distance.
    target: i128,
    stop: i128,
    is_long_only: bool,
    sizing: Sizing,
    orders: [Option<ClientOrderId>; 3],
}

fn build(params: &Params, instruments: &[&Instrument]) -> Result<Box<dyn Strategy>, ParamError> {
    let instrument = only_one(instruments)?;
    let lookback = usize::try_from(params.int("lookback")?).ok().filter(|bars| (1..=100_000).contains(bars));
    let distance = |name: &str| {
        let value: Decimal = params.decimal(name)?;
        let scaled = Price::from_decimal(value, DISTANCE_SCALE).map_err(|e| ParamError::new(name, e.to_string()))?;
        if scaled <= Price::ZERO {
            return Err(ParamError::new(name, "must be above zero"));
        }
        Ok(i128::from(scaled.raw()))
    };
    Ok(Box::new(Breakout {
        channel: Channel::new(lookback.ok_or_else(|| ParamError::new("lookback", "must be from 1 to 100000 bars"))?),
        exit_unit: if params.text("exit_unit")? == "bps" { ExitUnit::Bps } else { ExitUnit::Atr },
        target: distance("target")?,
        stop: distance("stop")?,
        is_long_only: params.text("direction")? == "long_only",
        sizing: Sizing::from_params(params, instrument)?,
        orders: [None; 3],
    }))
}

impl Strategy for Breakout {
    fn on_bar(&mut self, ctx: &mut Context<'_>, bar: &Bar) {
        let bounds = self.channel.bounds();
        self.channel.push(bar);
        let Some((high, low)) = bounds.filter(|_| !ctx.warm_up) else { return };
        let open = |id: &ClientOrderId| ctx.order(*id).is_some_and(|order| !order.status.is_terminal());
        if self.orders.iter().flatten().any(open) {
            return;
        }
        if ctx.position(bar.instrument).net_qty != Qty::ZERO {
            self.close(ctx, bar);
        } else if bar.close.raw() > high {
            self.enter(ctx, bar, Side::Buy);
        } else if bar.close.raw() < low && !self.is_long_only {
            self.enter(ctx, bar, Side::Sell);
        }
    }
}

impl Breakout {
    fn enter(&mut self, ctx: &mut Context<'_>, bar: &Bar, side: Side) {
        let Some(qty) = self.sizing.new_position(ctx, bar.instrument, bar.close) else { return };
        let tick = ctx.instrument(bar.instrument).rules_at(ctx.now).tick_size;
        let (Some(target_px), Some(trigger_px)) = (
            self.exit_px(bar.close, tick, (self.target, side.sign())),
            self.exit_px(bar.close, tick, (self.stop, -side.sign())),
        ) else {
            return;
        };
        let exit = OrderRequest::market(bar.instrument, side.opposite(), qty);
        self.orders = ctx
            .submit_bracket(
                OrderRequest::market(bar.instrument, side, qty),
                OrderRequest { kind: OrderKind::Limit { limit_px: target_px }, ..exit },
                OrderRequest { kind: OrderKind::Stop { trigger_px }, ..exit },
            )
            .map(Some);
    }

    /// A price `count` distances from the close, to the tick away from it; `None` if there is none above zero.
    fn exit_px(&self, close: Price, tick: Price, (count, sign): (i128, i64)) -> Option<Price> {
        let unit = i128::from(10_i64.pow(u32::from(DISTANCE_SCALE)));
        let away = match self.exit_unit {
            ExitUnit::Atr => count.checked_mul(self.channel.mean_range())?,
            ExitUnit::Bps => count.checked_mul(i128::from(close.raw()))? / BPS,
        };
        let away = i64::try_from(-(-away).div_euclid(unit)).ok()?;
        let px = Price::from_raw(close.raw().checked_add(away.checked_mul(sign)?)?);
        let px = if sign > 0 { px.ceil_to(tick) } else { px.floor_to(tick) };
        (px > Price::ZERO && px != close).then_some(px)
    }

    fn close(&mut self, ctx: &mut Context<'_>, bar: &Bar) {
        let held = ctx.position(bar.instrument).net_qty;
        let side = if held > Qty::ZERO { Side::Sell } else { Side::Buy };
        let instrument = ctx.instrument(bar.instrument);
        let qty = Qty::from_raw(held.raw().saturating_abs());
        if let Some(qty) = within_filters(instrument, ctx.now, bar.close, qty) {
            let request = OrderRequest { reduce_only: true, ..OrderRequest::market(bar.instrument, side, qty) };
            self.orders = [Some(ctx.submit(request)), None, None];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Stand, spot};
    use tapedeck_model::{GroupKind, OrderStatus, ParamValue};

    fn strategy(pairs: &[(&str, &str)]) -> Box<dyn Strategy> {
        let mut params = Params::new();
        let given = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
        for spec in COMPONENT.params {
            let Some(text) = given(spec.name).or(spec.default) else { continue };
            let value = match spec.kind {
                ParamKind::Int { .. } => ParamValue::Int(text.parse().unwrap()),
                ParamKind::Decimal { .. } => ParamValue::Decimal(text.parse().unwrap()),
                _ => ParamValue::Text(text.to_owned()),
            };
            params.insert(spec.name, value);
        }
        build(&params, &[&spot()]).unwrap()
    }

    const FIXED: [(&str, &str); 3] = [("lookback", "3"), ("size", "fixed"), ("qty", "0.5")];

    /// Closes 100, 101, 99, then 102: the ranges are 0, 1, 2 and 3, so the last three have a mean of 2.
    fn play(pairs: &[(&str, &str)]) -> Vec<OrderRequest> {
        let mut strategy = strategy(&[pairs, &FIXED].concat());
        let mut stand = Stand::new();
        for close in [10_000, 10_100, 9_900, 10_200] {
            stand.bar(&mut *strategy, close);
        }
        stand.requests()
    }

    #[test]
    fn a_close_beyond_the_channel_sends_a_bracket() {
        let requests = play(&[]);
        let [entry, target, stop] = requests[..] else { panic!("{requests:?}") };
        assert_eq!((entry.side, entry.kind), (Side::Buy, OrderKind::Market));
        assert_eq!((target.side, target.kind), (Side::Sell, OrderKind::Limit { limit_px: Price::from_raw(10_800) }));
        assert_eq!((stop.side, stop.kind), (Side::Sell, OrderKind::Stop { trigger_px: Price::from_raw(9_800) }));
        for (leg, request) in (0..).zip(&requests) {
            let group = request.terms.group.unwrap();
            assert_eq!((group.kind, group.leg, group.first), (GroupKind::Bracket, leg, 1));
            assert_eq!(request.order_qty, Qty::from_raw(50_000));
        }
    }

    #[test]
    fn distances_can_be_parts_of_the_close() {
        // 30 bps of 102 is 0.306, 20.5 bps 0.2091: both to the cent away from the close.
        let requests = play(&[("exit_unit", "bps"), ("target", "30"), ("stop", "20.5")]);
        assert_eq!(requests[1].kind, OrderKind::Limit { limit_px: Price::from_raw(10_231) });
        assert_eq!(requests[2].kind, OrderKind::Stop { trigger_px: Price::from_raw(10_179) });
    }

    #[test]
    fn nothing_is_sent_while_an_order_is_open_and_the_rest_is_closed_after() {
        let mut strategy = strategy(&FIXED);
        let mut stand = Stand::new();
        for close in [10_000, 10_100, 9_900, 10_200, 10_300, 10_400] {
            stand.bar(&mut *strategy, close);
        }
        assert_eq!(stand.requests().len(), 3);
        stand.end(&mut *strategy, 1, OrderStatus::Filled);
        stand.end(&mut *strategy, 2, OrderStatus::Canceled);
        stand.end(&mut *strategy, 3, OrderStatus::Canceled);
        stand.bar(&mut *strategy, 10_350);
        let requests = stand.requests();
        assert_eq!(requests.len(), 4);
        assert!(requests[3].reduce_only && requests[3].side == Side::Sell && requests[3].terms.group.is_none());
    }

    #[test]
    fn shorts_are_sent_only_where_they_are_wanted() {
        for (direction, expected) in [("long_only", 0), ("long_short", 3)] {
            let mut strategy = strategy(&[&[("direction", direction)], &FIXED[..]].concat());
            let mut stand = Stand::new();
            for close in [10_000, 10_100, 9_900, 9_800] {
                stand.bar(&mut *strategy, close);
            }
            let requests = stand.requests();
            assert_eq!(requests.len(), expected, "{direction}");
            // Ranges 1, 2 and 1: a mean of 1.33.
            if let [_, target, stop] = requests[..] {
                assert_eq!(target.kind.limit_px(), Some(Price::from_raw(9_401)));
                assert_eq!(stop.kind.trigger_px(), Some(Price::from_raw(10_066)));
            }
        }
    }
}
