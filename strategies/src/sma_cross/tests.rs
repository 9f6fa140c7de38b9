use super::*;
use crate::testing::{Stand, spot};
use proptest::prelude::{prop, prop_assert_eq, prop_oneof, proptest};
use tapedeck_model::{Amount, Decimal, OrderStatus, ParamValue};

fn params(fast: i64, slow: i64, direction: &str) -> Params {
    Params::new()
        .with("fast", ParamValue::Int(fast))
        .with("slow", ParamValue::Int(slow))
        .with("direction", ParamValue::Text(direction.to_owned()))
        .with("size", ParamValue::Text("all_in".to_owned()))
        .with("buffer", ParamValue::Decimal(Decimal::new(1, 2)))
}

fn fixed(direction: &str) -> Box<dyn Strategy> {
    let params = params(2, 3, direction)
        .with("size", ParamValue::Text("fixed".to_owned()))
        .with("qty", ParamValue::Decimal(Decimal::TWO));
    build(&params, &[&spot()]).unwrap()
}

/// Plays closes, filling every order before the next bar; one word per bar.
fn play(strategy: &mut dyn Strategy, closes: &[i64]) -> String {
    let mut stand = Stand::new();
    stand.view.balances[0].total = Amount::from_scaled(1_000, 0).unwrap();
    let mut words = Vec::new();
    for close in closes {
        let before = stand.requests().len();
        stand.bar(strategy, *close);
        words.push(match stand.requests()[before..] {
            [] => "-".to_owned(),
            [request] => {
                stand.end(strategy, before as u32 + 1, OrderStatus::Filled);
                format!("{}{}", request.side, request.order_qty.display(5))
            }
            _ => panic!("more than one order in a bar"),
        });
    }
    words.join(" ")
}

/// Means of 2 and 3 closes. Ties are not long.
#[test]
fn orders_by_hand() {
    let rows: [(&str, &[i64], &str); 8] = [
        ("long_only", &[100, 100, 100, 100, 100], "- - - - -"),
        // (100 + 103) / 2 > 303 / 3
        ("long_only", &[100, 100, 103], "- - buy2"),
        ("long_only", &[100, 100, 103, 103, 100, 100], "- - buy2 - sell2 -"),
        // 303 / 3 = 101 = (102 + 100) / 2: a tie closes the position.
        ("long_only", &[100, 101, 102, 100], "- - buy2 sell2"),
        ("long_short", &[100, 100, 100, 103, 103, 103, 103], "- - sell2 buy4 - sell4 -"),
        ("long_short", &[103, 102, 101, 104, 90], "- - sell2 buy4 sell4"),
        ("long_only", &[103, 102], "- -"),
        ("long_only", &[103, 102, 101, 100], "- - - -"),
    ];
    for (direction, closes, expected) in rows {
        assert_eq!(play(&mut *fixed(direction), closes), expected, "{direction} {closes:?}");
    }
}

#[test]
fn all_in_keeps_the_buffer_and_the_fee() {
    let mut strategy = build(&params(1, 2, "long_only"), &[&spot()]).unwrap();
    let mut stand = Stand::new();
    stand.view.fee_rate_max = 1_000_000_000;
    stand.bar(&mut *strategy, 9_900);
    stand.bar(&mut *strategy, 10_000);
    // 10000 * 0.99 / (100 * 1.001) = 98.90109890...
    assert_eq!(stand.requests()[0].order_qty.display(5), "98.90109");
    stand.end(&mut *strategy, 1, OrderStatus::Filled);
    // The fee was taken in the asset: what is there is sold, not what was bought.
    stand.view.balances[0].total = Amount::parse("98.8021999").unwrap();
    stand.bar(&mut *strategy, 9_000);
    assert_eq!(stand.requests()[1].order_qty.display(5), "98.80219");
}

#[test]
fn an_open_order_is_waited_for() {
    let mut strategy = fixed("long_short");
    let mut stand = Stand::new();
    for close in [100, 100, 103, 103, 100] {
        stand.bar(&mut *strategy, close);
    }
    assert_eq!(stand.requests().len(), 1, "the reversal waits");
    stand.view.balances[0].total = Amount::from_scaled(2, 0).unwrap();
    stand.end(&mut *strategy, 1, OrderStatus::Filled);
    stand.bar(&mut *strategy, 100);
    let requests = stand.requests();
    assert_eq!((requests[1].side, requests[1].order_qty.display(5)), (Side::Sell, "4".to_owned()));
}

#[test]
fn a_denied_order_is_not_repeated() {
    let mut strategy = fixed("long_only");
    let mut stand = Stand::new();
    for close in [100, 100, 103] {
        stand.bar(&mut *strategy, close);
    }
    stand.end(&mut *strategy, 1, OrderStatus::Denied);
    for close in [106, 109, 112] {
        stand.bar(&mut *strategy, close);
    }
    assert_eq!(stand.requests().len(), 1);
}

#[test]
fn the_warm_up_only_fills_the_means() {
    let mut strategy = fixed("long_only");
    let mut stand = Stand::new();
    stand.warm_up = true;
    for close in [100, 100, 103] {
        stand.bar(&mut *strategy, close);
    }
    assert!(stand.requests().is_empty());
    stand.warm_up = false;
    stand.bar(&mut *strategy, 106);
    assert_eq!(stand.requests().len(), 1);
}

#[test]
fn too_small_is_said_once() {
    let mut strategy = fixed("long_only");
    let mut stand = Stand::new();
    stand.view.instrument.rules[0].qty_min = Qty::from_raw(200_001);
    for close in [100, 100, 103, 103, 100, 100, 103, 103] {
        stand.bar(&mut *strategy, close);
    }
    assert_eq!((stand.requests().len(), stand.wishes.len()), (0, 1));
}

#[test]
fn wrong_parameters_are_named() {
    let name = |params: Params| build(&params, &[&spot()]).err().map(|error| error.name);
    assert_eq!(name(params(3, 3, "long_only")).as_deref(), Some("fast"));
    assert_eq!(name(params(0, 3, "long_only")).as_deref(), Some("fast"));
    let with_qty = params(1, 3, "long_only").with("qty", ParamValue::Decimal(Decimal::ONE));
    assert_eq!(name(with_qty).as_deref(), Some("qty"));
    let without = params(1, 3, "long_only").with("size", ParamValue::Text("fixed".to_owned()));
    assert_eq!(name(without).as_deref(), Some("qty"));
    assert_eq!(name(params(1, 3, "long_only")), None);
}

proptest! {
    /// Against the definition: sums of windows, cross-multiplied.
    #[test]
    fn cross_equals_its_definition(
        closes in prop::collection::vec(prop_oneof![95_i64..105, 1_i64..i64::MAX], 1..120),
        fast in 1_usize..20, more in 1_usize..20
    ) {
        let slow = fast + more;
        let mut cross = Cross::new(fast, slow);
        for (last, close) in closes.iter().enumerate() {
            let sum = |n: usize| closes[last + 1 - n..=last].iter().map(|c| i128::from(*c)).sum::<i128>();
            let expected = (last + 1 >= slow).then(|| sum(fast) * slow as i128 > sum(slow) * fast as i128);
            prop_assert_eq!(cross.push(*close), expected);
        }
    }
}
