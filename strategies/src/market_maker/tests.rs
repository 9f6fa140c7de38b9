//! The rule, step by step.

use super::*;
use crate::testing::{Stand, spot};
use tapedeck_model::port::Wish;
use tapedeck_model::{Decimal, Intent, ParamValue};

fn maker(given: &[(&str, i64)], first_at: Option<Ts>) -> Box<dyn Strategy> {
    let named = [("half_spread", 5), ("spacing", 5), ("skew", 2), ("levels", 5), ("max_units", 10)];
    let mut params = Params::new().with("qty", ParamValue::Decimal(Decimal::ONE));
    for (name, value) in named.iter().chain(given) {
        params.insert(name, ParamValue::Int(*value));
    }
    params.insert("interval", ParamValue::Span(Span::from_nanos(100_000_000)));
    if let Some(at) = first_at {
        params.insert("first_at", ParamValue::Time(at));
    }
    build(&params, &[&spot()]).unwrap()
}

fn prices(stand: &Stand, side: Side, skip: usize) -> Vec<i64> {
    let ours = stand.requests().into_iter().skip(skip).filter(|request| request.side == side);
    ours.filter_map(|request| request.kind.limit_px().map(Price::raw)).collect()
}

fn timers(stand: &Stand) -> Vec<i64> {
    let at = |wish: &Wish| if let Wish::Timer { at, .. } = wish { Some(at.nanos()) } else { None };
    stand.wishes.iter().filter_map(at).collect()
}

#[test]
fn quotes_lean_against_the_position_and_keep_what_is_wanted() {
    let mut stand = Stand::new();
    let given = [("half_spread", 2), ("spacing", 2), ("skew", 2), ("levels", 2), ("max_units", 2)];
    let mut maker = maker(&given, None);
    let tick = stand.view.instrument.rules_at(stand.now).tick_size.raw();
    stand.view.book.set(Side::Buy, Price::from_raw(100 * tick), Qty::from_raw(5));
    stand.view.book.set(Side::Sell, Price::from_raw(103 * tick), Qty::from_raw(5));
    stand.book(&mut *maker);
    let first = stand.now.nanos() + 100_000_000;
    assert_eq!(timers(&stand), [first]);
    stand.now = Ts::from_nanos(first);
    stand.call(|ctx| maker.on_timer(ctx, 0));
    assert_eq!(timers(&stand), [first, first + 100_000_000]);
    // Middle 101.5: 101 - 2 = 99, down to 98; 102 + 2 = 104.
    let ticks = |raw: Vec<i64>| raw.into_iter().map(|px| px / tick).collect::<Vec<_>>();
    assert_eq!(ticks(prices(&stand, Side::Buy, 0)), [98, 96]);
    assert_eq!(ticks(prices(&stand, Side::Sell, 0)), [104, 106]);
    // Long one unit: both sides 2 ticks lower, but no ask below the best one: 96, 94, 104 and 106.
    stand.view.position.net_qty = stand.requests()[0].order_qty;
    stand.call(|ctx| maker.on_timer(ctx, 0));
    assert_eq!(ticks(prices(&stand, Side::Buy, 4)), [94]);
    assert_eq!(ticks(prices(&stand, Side::Sell, 4)), [0_i64; 0]);
    let canceled: Vec<u32> = stand
        .wishes
        .iter()
        .filter_map(|wish| match wish {
            Wish::Order(Intent::Cancel { client_order_id }) => Some(client_order_id.number),
            _ => None,
        })
        .collect();
    assert_eq!(canceled, [1]);
}

#[test]
fn a_side_at_its_bound_and_prices_below_zero_are_not_quoted() {
    let mut stand = Stand::new();
    let first_at = Some(Ts::from_nanos(1_000_000_000));
    let mut maker = maker(&[("levels", 3), ("max_units", 1), ("skew", 0)], first_at);
    let tick = stand.view.instrument.rules_at(stand.now).tick_size.raw();
    stand.call(|ctx| maker.on_start(ctx));
    assert_eq!(timers(&stand), [1_000_000_000]);
    stand.view.book.set(Side::Buy, Price::from_raw(12 * tick), Qty::from_raw(5));
    stand.call(|ctx| maker.on_timer(ctx, 0));
    assert!(stand.requests().is_empty(), "one side is missing");
    stand.view.book.set(Side::Sell, Price::from_raw(13 * tick), Qty::from_raw(5));
    stand.view.position.net_qty = Qty::from_raw(-1_000_000_000);
    stand.call(|ctx| maker.on_timer(ctx, 0));
    assert_eq!(prices(&stand, Side::Sell, 0), [0_i64; 0]);
    assert_eq!(prices(&stand, Side::Buy, 0), [5 * tick]);
}

#[test]
fn halves_round_away_from_zero() {
    for (part, whole, ratio) in [(5, 10, 1), (4, 10, 0), (-5, 10, -1), (-4, 10, 0), (25, 10, 3), (0, 10, 0)] {
        assert_eq!(rounded_ratio(part, whole), ratio);
    }
}
