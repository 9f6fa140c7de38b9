//! A spot account that may borrow, as text.

use proptest::prelude::*;
use tapedeck_model::{OrderRequest, Price, Side, Span, StrategyIx};

use super::script::{SECOND, Stage, check, loans_of, plain_spec};
use crate::venue::*;

fn balances(stage: &Stage) -> (String, String) {
    let loans = stage.venue.funds.loans().unwrap();
    (loans.balance(CurrencyIx(0)).to_string(), loans.balance(CurrencyIx(1)).to_string())
}

/// 1000 are there, 2000 are spent: 1000 are borrowed, at 1 % an hour. What is sold pays the interest of 20 first, then
/// 480 of what was borrowed.
#[test]
fn what_is_missing_is_borrowed_and_proceeds_pay_interest_first() {
    let stage = check(
        "venue loans=1000:3:0.24:0.024
         bar 100 100 100 100 500
         1 buy 20 market
         bar 100 100 100 100 500
         > 1 filled 100 20 taker bar_open @60
         > interest 10 on 1000 quote @60
         bar_to 3540 100 100 100 100 500
         bar_to 3600 100 100 100 100 500
         > interest 10 on 1000 quote @3600
         2 sell 5 market
         bar_to 3660 100 100 100 100 500
         > 2 filled 100 5 taker bar_open @3600
         bar_to 10860 100 100 100 100 500
         > interest 5.2 on 520 quote @7200
         > interest 5.2 on 520 quote @10800
         3 buy 1 market
         bar_to 10920 100 100 100 100 500
         > 3 filled 100 1 taker bar_open @10860
         > interest 1 on 100 quote @10860
         4 sell 16 market
         bar_to 10980 100 100 100 100 500
         > 4 filled 100 16 taker bar_open @10920
         bar_to 18000 100 100 100 100 500",
    );
    // 1000 - 2000 + 500 - 100 + 1600, less 10 + 10 + 5.2 + 5.2 + 1.
    assert_eq!(balances(&stage), ("0".to_owned(), "968.6".to_owned()));
}

/// 5 are sold and none is there: 5 are borrowed at 0.1 % an hour. 1500 / (5.005 x price) is 1.3 at 230.54 and 1.1 at
/// 272.455, which the path crosses on its way to 280. The venue buys exactly what is owed, to the tick against us.
#[test]
fn a_short_sale_borrows_the_asset_and_is_bought_back_as_the_price_rises() {
    let stage = check(
        "venue loans=1000:3:0.24:0.024
         bar 100 100 100 100 500
         1 sell 5 market
         bar 100 100 100 100 500
         > 1 filled 100 5 taker bar_open @60
         > interest 0.005 on 5 base @60
         2 buy 1 limit 50
         bar 230 230.5 230 230.5 500
         bar 240 240 240 240 500
         > margin call 1500 / 1201.2 @240
         bar 241 241 241 241 500
         bar 220 220 220 220 500
         bar 240 240 240 240 500
         > margin call 1500 / 1201.2 @420
         bar 250 280 250 260 500
         > 2 canceled liquidation @434.973333333
         > forced buy 5.005 at 272.5 whole, fee 27.27725, with 1500 / 1363.6623 @434.973333333",
    );
    // 1500 - 5.005 x 272.5 - 27.27725
    assert_eq!(balances(&stage), ("0".to_owned(), "108.86025".to_owned()));
}

/// 30 are bought with 1000: 2000 are owed, and 20 of interest. 30 x 74 is 2220, less than 1.1 x 2020. What is sold
/// pays 2020 with its fee of 2 %: 2020 / 0.98 / 74 of the asset.
#[test]
fn as_much_is_sold_as_pays_what_is_owed() {
    let stage = check(
        "venue loans=1000:3:0.24:0.024
         trade 100 500
         1 buy 30 market
         trade 100 500
         > 1 filled 100 30 taker trade_take @2
         > interest 20 on 2000 quote @2
         trade 74.1 1
         > margin call 2223 / 2020 @3
         trade 74 1
         > forced sell 27.854384997242140099282958 at 74, fee 41.224489795918367346938778, with 2220 / 2020 @4
         trade 60 1",
    );
    assert!(!stage.venue.funds.loans().unwrap().owes());
}

/// A gap: 30 x 60 do not pay 2020. All is sold, no fee is left, and the fund covers the rest.
#[test]
fn what_nothing_is_left_to_pay_is_covered() {
    let stage = check(
        "venue loans=1000:3:0.24:0.024 debt_slip=0.01
         trade 100 500
         1 buy 30 market
         trade 100 500
         > 1 filled 100 30 taker trade_take @2
         > interest 20 on 2000 quote @2
         trade 60 1
         > forced sell 30 at 59.4 whole, fee 0, with 1800 / 2020 @3
         > bankrupt 238 @3
         2 buy 0.1 market
         > 2 rejected insufficient_margin @3",
    );
    assert_eq!(balances(&stage), ("0".to_owned(), "0".to_owned()));
}

/// With 1000 and a leverage of 3 at most 2000 may be owed; open orders count as if they got nothing.
#[test]
fn no_order_may_owe_more_than_the_leverage_allows() {
    check(
        "venue loans=1000:3:0.24:-
         trade 100 500
         1 buy 30.01 limit 100
         > 1 rejected insufficient_margin @1
         2 buy 30 limit 99
         3 buy 1 limit 99
         > 3 rejected insufficient_margin @1
         amend 2 qty=31
         > 2 amend_rejected insufficient_margin @1
         4 sell 0.1 limit 101
         > 4 rejected insufficient_margin @1
         cancel 2
         > 2 canceled requested @1
         5 buy 10 limit 100",
    );
    // Turned round: 10 are owed, and buying 25 owes 500 once they are there.
    check(
        "venue loans=1000:2:0:0
         trade 100 500
         1 sell 10 market
         trade 100 500
         > 1 filled 100 10 taker trade_take @2
         > interest 0 on 10 base @2
         2 sell 0.1 market
         > 2 rejected insufficient_margin @2
         3 buy 25 market
         trade 100 500
         > 3 filled 100 25 taker trade_take @3
         > interest 0 on 500 quote @3",
    );
}

/// A stop that comes first on the path saves what the venue would have sold.
#[test]
fn what_comes_first_on_the_path_happens_first() {
    check(
        "venue loans=1000:3:0:0
         bar 100 100 100 100 500
         1 buy 30 market
         bar 100 100 100 100 500
         > 1 filled 100 30 taker bar_open @60
         > interest 0 on 2000 quote @60
         2 sell 30 stop 75
         bar 100 101 70 100 500
         > 2 triggered @156.774193548
         > 2 filled 75 30 taker bar_path @156.774193548",
    );
}

/// Full hours and an order now and then, at a price of 100, told by bars of `interval` seconds: what was charged, and
/// what is left.
fn charged(orders: &[(u8, bool, i64)], interval: i64) -> (Vec<tapedeck_model::loan::InterestReport>, Vec<Amount>) {
    let mut spec = plain_spec(1);
    spec.loans = Some(loans_of("1000:20:0.24:0.12"));
    let mut stage = Stage::new(spec, 1);
    let px = Price::from_raw(10_000);
    for second in (interval..=24 * 3_600).step_by(interval as usize) {
        let ts_event = Ts::from_nanos(second * SECOND);
        stage.record(&MarketRecord::Bar(Bar {
            instrument: InstrumentIx(0),
            ts_event,
            ts_recv: ts_event,
            interval: Span::from_nanos(interval * SECOND),
            open: px,
            high: px,
            low: px,
            close: px,
            volume: Qty::from_raw(1_000_000),
        }));
        for (number, (hour, buy, qty)) in (1..).zip(orders) {
            if i64::from(*hour) * 3_600 == second {
                let side = if *buy { Side::Buy } else { Side::Sell };
                let request = OrderRequest::market(InstrumentIx(0), side, Qty::from_raw(qty * 10));
                let id = ClientOrderId { strategy: StrategyIx(0), number };
                let command = Command::Submit { client_order_id: id, request };
                stage.venue.on_command(ts_event, &command, &mut stage.out).unwrap();
            }
        }
    }
    let interest = stage.out.iter().filter_map(|timed| match timed.report {
        VenueReport::Interest(report) => Some(report),
        _ => None,
    });
    (interest.collect(), stage.venue.funds.loans().unwrap().balances().to_vec())
}

proptest! {
    /// However long the bars are, the same hours are charged, on the same debts.
    #[test]
    fn the_length_of_bars_leaves_interest_as_it_is(
        mut orders in prop::collection::vec((1_u8..24, any::<bool>(), 2_i64..3_000), 1..12),
    ) {
        orders.sort_by_key(|(hour, ..)| *hour);
        let whole = charged(&orders, 3_600);
        for interval in [300, 900, 1_800] {
            prop_assert_eq!(charged(&orders, interval), whole.clone(), "{} s", interval);
        }
    }
}
