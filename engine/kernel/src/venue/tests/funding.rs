//! Settlements of funding, and of contracts at their expiry, as text.

use super::script::check;

#[test]
fn who_holds_at_the_instant_pays_at_the_mark() {
    check(
        "
        trade 100 9
        funding 0.001
        1 buy 2 market
        trade 100 9
        > 1 filled 100 2 taker trade_take @3
        funding 0.001
        > position pays 0.2 for 2 at 100 @4
        mark 110
        trade 105 9
        funding 0.001
        > position pays 0.22 for 2 at 110 @7
        funding 0.001 120.5
        > position pays 0.241 for 2 at 120.5 @8
        2 sell 5 market
        trade 100 9
        > 2 filled 100 5 taker trade_take @9
        funding 0.001
        > position pays -0.33 for -3 at 110 @10
        funding -0.0005
        > position pays 0.165 for -3 at 110 @11
        3 buy 3 market
        trade 100 9
        > 3 filled 100 3 taker trade_take @12
        funding 0.5
        ",
    );
}

#[test]
fn at_expiry_orders_end_and_positions_are_settled() {
    check(
        "
        trade 100 9
        1 buy 2 market
        trade 100 9
        > 1 filled 100 2 taker trade_take @2
        2 buy 1 limit 90
        3 sell 1 stop 80 gtd+100
        expiry
        > 2 expired @3
        > 3 expired @3
        > position settled at 100 @3
        4 buy 1 market
        > 4 rejected instrument_expired @3
        cancel 2
        > 2 cancel_rejected unknown_order @3
        trade 70 9
        funding 0.01
        ",
    );
    check(
        "
        trade 100 9
        1 sell 2 market
        trade 100 9
        > 1 filled 100 2 taker trade_take @2
        mark 103
        expiry
        > position settled at 103 @4
        ",
    );
    check(
        "
        trade 100 9
        1 sell 2 market
        trade 100 9
        > 1 filled 100 2 taker trade_take @2
        mark 103 104.5
        expiry
        > position settled at 104.5 @4
        ",
    );
    check(
        "
        venue settlement_px=99.5
        trade 100 9
        1 sell 2 market
        trade 100 9
        > 1 filled 100 2 taker trade_take @2
        mark 103 104.5
        expiry
        > position settled at 99.5 @4
        ",
    );
}

/// Costs multiplied: what the account pays, and not what it is paid.
#[test]
fn funding_paid_is_multiplied_and_funding_received_is_not() {
    check(
        "
        venue stress=3
        trade 100 9
        1 buy 2 market
        trade 100 9
        > 1 filled 100 2 taker trade_take @2
        funding 0.001
        > position pays 0.6 for 2 at 100 @3
        funding -0.001
        > position pays -0.2 for 2 at 100 @4
        ",
    );
}

/// A fill at the open of the bar that opens at the instant is known when the bar is over: the settlement was
/// before it. One inside of the bar that ends then counts.
#[test]
fn a_bar_counts_when_it_is_over() {
    check(
        "
        bar 100 100 100 100 9
        1 buy 1 market
        funding 0.001
        bar 100 100 100 100 9
        > 1 filled 100 1 taker bar_open @61
        funding 0.001
        > position pays 0.1 for 1 at 100 @122
        ",
    );
}

#[test]
fn without_a_mark_the_middle_of_the_quote_values() {
    check(
        "
        venue finest=quotes
        quote 99.9 9 100.2 9
        1 buy 1 market
        > 1 filled 100.2 1 taker quote_take @1
        funding 0.01
        > position pays 1.0005 for 1 at 100.05 @2
        ",
    );
}
