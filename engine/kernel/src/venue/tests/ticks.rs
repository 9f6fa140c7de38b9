//! Matching on trades and on quotes, by hand.

use super::script::check;

#[test]
fn takers_share_the_prints_that_come() {
    check(
        "venue finest=trades
         trade 100 5
         1 buy 2 market
         2 buy 2 limit 101
         3 sell 3 limit 99 ioc
         4 buy 3 market fok
         5 buy 1 limit 99 ioc
         trade 100.5 3 sell
         > 1 filled 100.5 2 taker trade_take @2
         > 2 filled 100.5 1 taker trade_take @2
         > 3 canceled ioc_rest @2
         > 4 canceled fok_not_filled @2
         > 5 canceled ioc_rest @2
         # the rest of 2 rests now, at its limit
         trade 101 5 sell
         trade 100.9 0.4 buy
         > 2 filled 101 0.4 maker trade_through @4
         trade 100 5
         > 2 filled 101 0.6 maker trade_through @5",
    );
}

#[test]
fn resting_limits_wait_for_a_print_through_or_for_their_queue() {
    check(
        "venue finest=trades
         trade 100 5
         1 buy 2 limit 99
         trade 100 1
         # at the price: all volume is ahead of us
         trade 99 50 sell
         trade 98.9 1 sell
         > 1 filled 99 1 maker trade_through @4
         # whoever was ahead at 99 is gone
         trade 99 0.5 sell
         > 1 filled 99 0.5 maker trade_queue @5",
    );
    check(
        "venue finest=trades queue=3
         trade 100 5
         1 sell 2 limit 101
         2 sell 2 limit 101
         trade 100 1
         # the aggressor sold: nothing of the asks is gone
         trade 101 9 sell
         trade 101 2 buy
         # one more is ahead of both; five are left for us
         trade 101 4 buy
         > 1 filled 101 2 maker trade_queue @5
         > 2 filled 101 1 maker trade_queue @5
         trade 101 0.5
         > 2 filled 101 0.5 maker trade_queue @6
         # a new price is a new queue
         amend 2 limit=102
         > 2 replaced 2 @6
         trade 102 2 buy
         trade 102.1 9 buy
         > 2 filled 102 0.5 maker trade_through @8",
    );
}

#[test]
fn stops_are_triggered_by_a_print_and_take_it() {
    check(
        "venue finest=trades bps=10
         trade 100 5
         1 buy 2 stop 101
         2 sell 1 stop 99
         3 buy 1 stop_limit 101 101.2
         4 buy 1 stop_limit 101 100.5
         5 sell 1 stop 100
         > 5 rejected stop_would_trigger_at_once @1
         trade 101 2.5
         > 1 triggered @2
         > 1 filled 101.2 2 taker trade_take @2
         > 3 triggered @2
         > 3 filled 101.2 0.5 taker trade_take @2
         > 4 triggered @2
         trade 98 9
         > 2 triggered @3
         > 2 filled 97.9 1 taker trade_take @3
         > 3 filled 101.2 0.5 maker trade_through @3
         > 4 filled 100.5 1 maker trade_through @3",
    );
}

#[test]
fn post_only_expiry_and_bars_on_trades() {
    check(
        "venue finest=trades
         trade 100 5
         1 buy 1 limit 100 post
         > 1 rejected post_only_would_take @1
         2 buy 1 limit 99 post
         3 buy 1 limit 98 gtd+3
         4 buy 1 market
         # bars tell nothing new where trades are known
         bar 90 91 89 90 100
         trade 98.5 1
         > 3 expired @4
         > 2 filled 99 1 maker trade_through @62",
    );
}

#[test]
fn quotes_are_taken_on_arrival_up_to_their_size() {
    check(
        "venue finest=quotes
         quote 99.9 2 100.1 3
         1 buy 2 market
         > 1 filled 100.1 2 taker quote_take @1
         # one is left of three
         2 buy 2 market ioc
         > 2 filled 100.1 1 taker quote_take @1
         > 2 canceled ioc_rest @1
         3 buy 1 market
         4 buy 1 market fok
         > 4 canceled fok_not_filled @1
         5 sell 3 limit 99.5
         > 5 filled 99.9 2 taker quote_take @1
         6 buy 1 limit 100 ioc
         > 6 canceled ioc_rest @1
         # crossed and locked quotes are nobody's market
         quote 100.2 5 100.1 5
         quote 100.1 5 100.1 5
         quote 99.8 4 100.2 1.5
         > 3 filled 100.2 1 taker quote_take @4
         > 5 filled 99.5 1 maker quote_cross @4",
    );
}

#[test]
fn resting_limits_fill_when_the_other_side_reaches_them() {
    check(
        "venue finest=quotes bps=10 half_spread=10
         quote 99.9 2 100.1 3
         1 buy 2 limit 100
         2 buy 2 limit 100 post
         3 buy 1 limit 100.1 post
         > 3 rejected post_only_would_take @1
         4 sell 1 limit 100.5 gtd+3
         quote 99.7 2 99.9 3
         > 1 filled 100 2 maker quote_cross @2
         > 2 filled 100 1 maker quote_cross @2
         # a print through fills too, a print at the price does not
         trade 100 5 sell
         trade 99.8 5 sell
         > 4 expired @4
         > 2 filled 100 1 maker trade_through @4
         # nothing is left of the quote; half of the spread is paid by buying at the ask
         5 buy 1 market
         quote 99.7 2 99.9 3
         > 5 filled 99.9 1 taker quote_take @5",
    );
}

#[test]
fn stops_are_triggered_by_the_side_that_they_take() {
    check(
        "venue finest=quotes
         quote 99.9 2 100.1 3
         1 buy 1 stop 100.1
         > 1 rejected stop_would_trigger_at_once @1
         2 buy 1 stop 100.5
         3 sell 3 stop 99.5
         4 buy 2 stop_limit 100.5 100.6
         5 buy 1 stop_limit 100.5 100.4
         quote 100.3 2 100.5 2
         > 2 triggered @2
         > 2 filled 100.5 1 taker quote_take @2
         > 4 triggered @2
         > 4 filled 100.5 1 taker quote_take @2
         > 5 triggered @2
         quote 99.4 2 99.6 9
         > 3 triggered @3
         > 3 filled 99.4 2 taker quote_take @3
         > 4 filled 100.6 1 maker quote_cross @3
         > 5 filled 100.4 1 maker quote_cross @3
         quote 99.3 2 99.6 9
         > 3 filled 99.3 1 taker quote_take @4",
    );
}
