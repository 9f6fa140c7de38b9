//! The units of an asset change at the venue, as text.

use super::script::{Stage, check, margin_of, plain_spec};
use crate::venue::*;
use tapedeck_model::{OrderRequest, Side};

/// 1 of the asset is there, 2 are bought: 3 old units are 30 new ones.
#[test]
fn orders_end_the_balance_is_converted_and_orders_in_old_units_are_refused() {
    let stage = check(
        "
        venue funds=1:1000 taker=0.001
        trade 100 9
        1 buy 2 market
        trade 100 9
        > 1 filled 100 2 taker trade_take @2
        2 buy 1 limit 90
        3 sell 1 stop 80
        4 sell 1 limit 120 show=0.5
        redenominate 10
        > 2 canceled instrument_redenominated @3
        > 3 canceled instrument_redenominated @3
        > 4 canceled instrument_redenominated @3
        5 buy 1 market
        > 5 rejected instrument_redenominated @3
        cancel 2
        > 2 cancel_rejected unknown_order @3
        told 7
        6 buy 1 market
        > 6 rejected instrument_redenominated @3
        7 sell 1 limit 50 post
        8 buy 1 market
        trade 10 9
        > 8 filled 10 1 taker trade_take @4
        ",
    );
    let balance = |ix| stage.venue.funds.balance(CurrencyIx(ix)).unwrap().to_string();
    assert_eq!((balance(0).as_str(), balance(1).as_str()), ("31", "789.79"));
    assert_eq!(stage.units, ["30 held 20"]);
}

/// A group, an order that waits for the mark price, and quotes: nothing meets what was shown in old units.
#[test]
fn nothing_is_left_of_groups_triggers_and_what_was_shown() {
    check(
        "
        quote 99 5 101 5
        mark 100
        bracket 1 buy 1 limit 90 | 2 sell 1 limit 120 | 3 sell 1 stop 80
        > 2 held @2
        > 3 held @2
        4 sell 1 stop 95 by=mark
        redenominate 0.1
        > 1 canceled instrument_redenominated @3
        > 2 canceled parent_ended @3
        > 3 canceled sibling_ended @3
        > 4 canceled instrument_redenominated @3
        told 5
        5 buy 1 market
        quote 990 5 1010 5
        > 5 filled 1010 1 taker quote_take @4
        ",
    );
    check(
        "
        depth clear bid 99 5 ask 101 5
        redenominate 0.1
        told 1
        1 buy 1 market
        > 1 canceled no_liquidity @2
        depth clear bid 990 5 ask 1010 5
        2 buy 1 market
        > 2 filled 1010 1 taker book_take @3
        ",
    );
}

/// 10 old units at 100 are 1 new one at 1000. Wallet 100, 5 % of the value is maintenance: what was 94.7 is 947.
#[test]
fn a_contract_has_its_cost_and_its_liquidation_price_in_new_units() {
    let long = check(
        "venue margin=cross:100:10
         trade 100 50
         1 buy 10 market
         trade 100 50
         > 1 filled 100 10 taker trade_take @2
         2 sell 10 limit 120 reduce
         trade 94.8 1
         redenominate 0.1
         > 2 canceled instrument_redenominated @4
         told 3
         3 buy 1 limit 900
         > 3 rejected insufficient_margin @4
         funding 0.0001 950
         > position pays 0.095 for 1 at 950 @5
         trade 948 1
         trade 946 1
         > liquidated sell 946 1 of 1: close with 45.905 <= 47.3, fee 9.46 @7",
    );
    assert_eq!(long.units, ["0 held 1"]);
    check(
        "venue margin=isolated:100:10
         trade 100 50
         1 sell 10 market
         trade 100 50
         > 1 filled 100 10 taker trade_take @2
         redenominate 0.1
         trade 1047 1
         trade 1048 1
         > liquidated buy 1048 1 of -1: close with 52 <= 52.4, fee 10.48 @5",
    );
}

#[test]
fn a_contract_is_not_redenominated_in_part_but_a_holding_is() {
    let change = |ratio: &str| Redenomination {
        venue: 0,
        asset: CurrencyIx(0),
        ratio: Ratio::from_decimal(ratio.parse().unwrap()).unwrap(),
    };
    let bought = |spec: VenueSpec| {
        let mut stage = Stage::new(spec, 1);
        let request = OrderRequest::market(InstrumentIx(0), Side::Buy, Qty::parse("0.15", 3).unwrap());
        let client_order_id = ClientOrderId { strategy: StrategyIx(0), number: 1 };
        let command = Command::Submit { client_order_id, request };
        stage.venue.on_command(Ts::from_nanos(1), &command, &mut stage.out).unwrap();
        let trade = tapedeck_model::TradeTick {
            instrument: InstrumentIx(0),
            ts_event: Ts::from_nanos(2),
            ts_recv: Ts::from_nanos(2),
            px: Price::parse("100", 2).unwrap(),
            qty: Qty::parse("5", 3).unwrap(),
            aggressor: None,
        };
        stage.record(&MarketRecord::Trade(trade));
        stage
    };
    let at = Ts::from_nanos(3);
    for margin in [None, Some(margin_of("cross:1000:10"))] {
        let mut stage = bought(VenueSpec { margin, ..plain_spec(1) });
        let error = stage.venue.on_redenomination(at, &change("0.001"), &mut stage.out).unwrap_err();
        let (instrument, qty) = ("X0.SIM".to_owned(), "0.15".to_owned());
        assert_eq!(error, VenueError::Fraction { instrument, qty, ratio: change("0.001").ratio });
        assert!(error.to_string().contains("0.15 in X0.SIM times 0.001 is finer"), "{error}");
    }
    let funds = Some(vec![(CurrencyIx(1), Amount::parse("1000").unwrap())]);
    let mut stage = bought(VenueSpec { funds, ..plain_spec(1) });
    let report = stage.venue.on_redenomination(at, &change("0.001"), &mut stage.out).unwrap();
    assert_eq!(report.holding.map(|held| held.to_string()).as_deref(), Some("0.00015"));
    assert_eq!(report.positions, Amount::ZERO);
    let most = change("1000000000000000000");
    stage.venue.on_redenomination(at, &most, &mut stage.out).unwrap();
    let most = stage.venue.on_redenomination(at, &most, &mut stage.out).unwrap_err();
    assert!(matches!(most, VenueError::Overflow { .. }), "{most}");
}

/// A contract that expires after the change says so, not that its units changed.
#[test]
fn an_end_for_good_comes_before_a_change_of_units() {
    check(
        "trade 100 9
         redenominate 10
         told 2
         delist last
         2 buy 1 market
         > 2 rejected instrument_delisted @3
         1 buy 1 market
         > 1 rejected instrument_delisted @3",
    );
}
