//! Self-trade prevention, by hand.

use super::script::check;

/// A resting sale at 100 amid a market of 99 and 101, then a buy that would meet it.
fn on_a_book(mode: &str, end: &str) {
    check(&format!(
        "venue stp={mode}
         depth clear bid 99 5 ask 101 5
         1 sell 1 limit 100 as=1
         2 buy 1 market
         {end}"
    ));
}

#[test]
fn the_mode_says_which_order_ends() {
    on_a_book("cancel_maker", "> 1 canceled self_trade @1\n> 2 filled 101 1 taker book_take @1");
    on_a_book("cancel_taker", "> 2 canceled self_trade @1");
    on_a_book("cancel_both", "> 1 canceled self_trade @1\n> 2 canceled self_trade @1");
}

#[test]
fn only_what_stands_in_the_way_counts() {
    check(
        "venue stp=cancel_taker
         depth clear bid 99 5 ask 101 1 ask 103 5
         # behind the level that is taken
         1 sell 1 limit 102 as=1
         2 buy 1 market
         > 2 filled 101 1 taker book_take @1
         depth ask 101 1
         # the second half would meet it
         3 buy 2 market
         > 3 filled 101 1 taker book_take @2
         > 3 canceled self_trade @2
         # all or nothing: nothing
         depth ask 101 1
         4 buy 2 limit 103 fok
         > 4 canceled self_trade @3
         # behind what stands before it at its own price
         depth ask 101 4
         5 sell 1 limit 101
         6 buy 3 market
         > 6 filled 101 3 taker book_take @4
         7 buy 1 limit 101 post
         > 7 rejected post_only_would_take @4",
    );
}

#[test]
fn orders_of_ours_do_not_rest_crossed() {
    check(
        "depth clear bid 99 5 ask 101 5
         1 sell 1 limit 100
         2 buy 1 limit 100.5
         > 1 canceled self_trade @1
         # post-only: ours is there to be taken as well
         3 sell 1 limit 100.5 post
         > 3 rejected post_only_would_take @1
         4 sell 1 limit 100 reprice
         > 4 replaced 1 at 100.6 @1",
    );
    check(
        "quote 99 5 101 5
         1 sell 1 limit 100 as=1
         2 buy 9 limit 101
         > 1 canceled self_trade @1
         > 2 filled 101 5 taker quote_take @1",
    );
    check(
        "venue stp=cancel_taker
         bar 100 105 95 100 10
         1 sell 1 limit 103 as=1
         bar 100 102 99 100 10
         2 buy 1 limit 103
         > 2 canceled self_trade @120
         trade 100 5",
    );
    check(
        "venue stp=cancel_both
         trade 100 5
         1 sell 1 limit 101 as=1
         2 buy 1 limit 101
         > 1 canceled self_trade @1
         > 2 canceled self_trade @1",
    );
}

#[test]
fn what_the_market_came_to_is_filled_by_the_market() {
    // The ask has come down to the buy of 100: that is filled, and is not in the way of the sale.
    check(
        "quote 99 5 101 5
         1 buy 1 limit 100 as=1
         2 sell 1 stop 98.5
         quote 98 5 99.5 5
         > 1 filled 100 1 maker quote_cross @2
         > 2 triggered @2
         > 2 filled 98 1 taker quote_take @2",
    );
}
