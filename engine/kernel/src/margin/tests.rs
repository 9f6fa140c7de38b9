//! How a liquidation is shared; the book itself is tested through venue and account.

use super::*;
use proptest::prelude::*;

fn parts(held: &[i64], closed: i64, lot: i64) -> Option<Vec<i64>> {
    let held: Vec<Qty> = held.iter().map(|raw| Qty::from_raw(*raw)).collect();
    let net = Qty::from_raw(held.iter().map(|qty| qty.raw()).sum());
    let parts = shares(&held, net, Qty::from_raw(closed), Qty::from_raw(lot))?;
    Some(parts.into_iter().map(Qty::raw).collect())
}

#[test]
fn a_stage_is_shared_by_a_stated_rule() {
    // Closing takes all of everybody's, whatever the side.
    assert_eq!(parts(&[30, -10, 0, 5], 25, 1), Some(vec![30, -10, 0, 5]));
    // Reducing takes from the position's side, in proportion.
    assert_eq!(parts(&[30, -10, 10], 12, 1), Some(vec![9, 0, 3]));
    // Whole lots; the rest comes from the one that still holds most, at a tie from the first.
    assert_eq!(parts(&[20, 20], 10, 4), Some(vec![6, 4]));
    assert_eq!(parts(&[-20, -30], 10, 3), Some(vec![-3, -7]));
    // What is held must be what the venue says.
    assert_eq!(shares(&[Qty::from_raw(3)], Qty::from_raw(4), Qty::from_raw(1), Qty::from_raw(1)), None);
    assert_eq!(parts(&[4], 5, 1), None);
    assert_eq!(parts(&[4, -4], 1, 1), None);
}

#[test]
fn no_profit_can_be_taken_out_before_it_is_realised() {
    use tapedeck_model::margin::MarginTerms;
    use tapedeck_model::{DatedRules, Deal, InstrumentId, Side};

    let usd = CurrencyIx(0);
    let rules = DatedRules {
        from: Ts::MIN,
        tick_size: Price::from_raw(1),
        lot_size: Qty::from_raw(1),
        qty_min: Qty::from_raw(1),
        qty_max: Qty::from_raw(i64::MAX),
        notional_min: Amount::ZERO,
    };
    let contract = Instrument {
        ix: InstrumentIx(0),
        id: InstrumentId { venue: "SIM".to_owned(), symbol: "PERP".to_owned() },
        kind: InstrumentKind::Linear,
        base: CurrencyIx(1),
        quote: usd,
        settlement: usd,
        price_scale: 0,
        qty_scale: 0,
        multiplier: 1,
        multiplier_scale: 0,
        rules: vec![rules],
    };
    let amount = |text: &str| Amount::parse(text).unwrap();
    let mut book = MarginBook::new(std::slice::from_ref(&contract), 2);
    // Leverage 10, maintenance 1 %.
    book.set_terms(contract.ix, &MarginTerms::flat(MarginMode::Cross, 10_000_000, 10_000_000_000).unwrap()).unwrap();
    book.credit(usd, amount("100")).unwrap();
    book.fill(
        &contract,
        Deal { side: Side::Buy, position_side: None },
        (Price::from_raw(10), Qty::from_raw(10)),
        (Amount::ZERO, usd),
    )
    .unwrap();
    // 100 + 10 x (mark - 10) - mark, but never more than the wallet's 100.
    for (mark, free) in [(10, "90"), (12, "100"), (8, "72"), (1, "9")] {
        let value = |_: InstrumentIx, qty: Qty| contract.notional(Price::from_raw(mark), qty);
        assert_eq!(book.withdrawable(usd, Ts::MIN, &value), Some(amount(free)), "at {mark}");
    }
}

proptest! {
    #[test]
    fn shares_sum_up_and_never_cross_zero(
        held in prop::collection::vec(-1_000_i64..1_000, 1..6), part in 1_i64..=100, lot in 1_i64..20,
    ) {
        let net: i64 = held.iter().sum();
        let closed = (net.abs() * part / 100).max(1);
        prop_assume!(net != 0);
        let taken = parts(&held, closed, lot).unwrap();
        prop_assert_eq!(taken.iter().sum::<i64>(), closed * net.signum());
        for (taken, held) in taken.iter().zip(&held) {
            prop_assert!(taken.abs() <= held.abs() && taken * held >= 0, "{} of {}", taken, held);
        }
    }
}
