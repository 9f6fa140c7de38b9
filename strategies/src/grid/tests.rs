use super::*;
use crate::testing::{Stand, spot};
use tapedeck_model::ParamValue;
use tapedeck_model::port::Wish;

fn params(levels: i64, spacing: &str, unit: &str) -> Params {
    Params::new()
        .with("levels", ParamValue::Int(levels))
        .with("spacing", ParamValue::Decimal(spacing.parse().unwrap()))
        .with("spacing_unit", ParamValue::Text(unit.to_owned()))
        .with("qty", ParamValue::Decimal(Decimal::ONE))
        .with("sides", ParamValue::Text("both".to_owned()))
        .with("post_only", ParamValue::Bool(true))
}

fn grid(levels: i64, spacing: &str, unit: &str) -> Box<dyn Strategy> {
    build(&params(levels, spacing, unit), &[&spot()]).unwrap()
}

/// Side and price of each order from number `from` (from 0) on.
fn ladder(stand: &Stand, from: usize) -> String {
    let word = |request: &OrderRequest| {
        assert!(request.post_only);
        format!("{}@{}", request.side, request.kind.limit_px().unwrap().display(2))
    };
    stand.requests()[from..].iter().map(word).collect::<Vec<_>>().join(" ")
}

#[test]
fn ladders_by_hand() {
    for (levels, spacing, unit, tick, price, expected) in [
        (2, "10", "ticks", 1, 10_000, "buy@99.9 sell@100.1 buy@99.8 sell@100.2"),
        (1, "50", "bps", 1, 10_000, "buy@99.5 sell@100.5"),
        // 100.03 is rounded down to the tick of 0.05; 0.5 bps of it is below a tick.
        (1, "0.5", "bps", 5, 10_003, "buy@99.95 sell@100.05"),
        // 33.3 bps of 100 are 0.333, rounded down to 0.3.
        (1, "33.3", "bps", 10, 10_009, "buy@99.7 sell@100.3"),
        // The second buy would be at zero.
        (2, "5", "ticks", 1, 10, "buy@0.05 sell@0.15 sell@0.2"),
    ] {
        let mut strategy = grid(levels, spacing, unit);
        let mut stand = Stand::new();
        stand.view.instrument.rules[0].tick_size = Price::from_raw(tick);
        stand.trade(&mut *strategy, price);
        assert_eq!(ladder(&stand, 0), expected);
        stand.trade(&mut *strategy, price);
        assert_eq!(ladder(&stand, 0), expected, "an unchanged price adds nothing");
    }
}

#[test]
fn quotes_are_taken_at_their_middle_and_bars_at_their_close() {
    let mut stand = Stand::new();
    stand.quote(&mut *grid(1, "10", "ticks"), 9_999, 10_002);
    stand.bar(&mut *grid(1, "10", "ticks"), 5_000);
    assert_eq!(ladder(&stand, 0), "buy@99.9 sell@100.1 buy@49.9 sell@50.1");
}

#[test]
fn only_buys_at_first_if_told_so() {
    let params = params(2, "10", "ticks").with("sides", ParamValue::Text("buy".to_owned()));
    let mut strategy = build(&params, &[&spot()]).unwrap();
    let mut stand = Stand::new();
    stand.trade(&mut *strategy, 10_000);
    stand.end(&mut *strategy, 1, OrderStatus::Filled);
    assert_eq!(ladder(&stand, 0), "buy@99.9 buy@99.8 sell@100");
}

#[test]
fn a_fill_is_answered_one_step_away() {
    let mut strategy = grid(1, "10", "ticks");
    let mut stand = Stand::new();
    stand.trade(&mut *strategy, 10_000);
    stand.end(&mut *strategy, 1, OrderStatus::Filled);
    stand.end(&mut *strategy, 3, OrderStatus::Filled);
    stand.end(&mut *strategy, 2, OrderStatus::Rejected);
    assert_eq!(ladder(&stand, 2), "sell@100 buy@99.9");
}

#[test]
fn the_ladder_moves_once_the_old_one_is_gone() {
    let mut strategy = grid(1, "10", "ticks");
    let mut stand = Stand::new();
    stand.trade(&mut *strategy, 10_000);
    stand.trade(&mut *strategy, 10_019);
    assert_eq!(stand.wishes.len(), 2);
    stand.trade(&mut *strategy, 10_020);
    assert_eq!(stand.wishes.len(), 3, "all are canceled at two steps from the centre");
    stand.end(&mut *strategy, 1, OrderStatus::Canceled);
    stand.trade(&mut *strategy, 10_030);
    assert_eq!(stand.requests().len(), 2, "one is still open");
    stand.end(&mut *strategy, 2, OrderStatus::Filled);
    stand.trade(&mut *strategy, 10_040);
    assert_eq!(ladder(&stand, 2), "buy@100.3 sell@100.5");
}

#[test]
fn too_small_is_said_once() {
    let mut strategy = grid(3, "10", "ticks");
    let mut stand = Stand::new();
    stand.view.instrument.rules[0].qty_min = Qty::from_raw(i64::MAX);
    stand.trade(&mut *strategy, 10_000);
    assert!(matches!(stand.wishes[..], [Wish::Log { .. }]));
}

#[test]
fn wrong_parameters_are_named() {
    let name = |params: Params| build(&params, &[&spot()]).err().map(|error| error.name);
    assert_eq!(name(params(1, "1.5", "ticks")).as_deref(), Some("spacing"));
    assert_eq!(name(params(1, "0", "bps")).as_deref(), Some("spacing"));
    assert_eq!(name(params(1, "1", "bps").with("qty", ParamValue::Decimal(Decimal::ZERO))).as_deref(), Some("qty"));
    assert_eq!(name(params(1, "1.5", "bps")), None);
}
