//! Orders on an order book, case by case.

use super::script::check;
use crate::venue::*;

fn evidence(reports: &[TimedReport]) -> Vec<(i64, i64, i64)> {
    let of = |timed: &TimedReport| match &timed.report {
        VenueReport::Filled(fill) => {
            let found = fill.evidence;
            Some((found.queue_entry_qty.raw(), found.queue_ahead_qty.raw(), found.available_qty.raw()))
        }
        _ => None,
    };
    reports.iter().filter_map(of).collect()
}

#[test]
fn a_taker_walks_the_levels_and_what_it_took_is_gone() {
    check(
        "
        depth clear bid 99 5 ask 101 1 ask 102 2 ask 103 4
        +0 1 buy 2.5 market
        > 1 filled 101 1 taker book_take @1
        > 1 filled 102 1.5 taker book_take @1
        # Nothing was told of these levels since: half of 102 is left, and then 103.
        +0 2 buy 1 market
        > 2 filled 102 0.5 taker book_take @1
        > 2 filled 103 0.5 taker book_take @1
        # The feed tells of 101 anew: it can be taken again, up to what it shows.
        depth ask 101 0.3
        +0 3 buy 0.4 market
        > 3 filled 101 0.3 taker book_take @2
        > 3 filled 103 0.1 taker book_take @2
        # A snapshot tells of everything.
        depth clear bid 99 5 ask 101 1
        +0 4 buy 2 market
        > 4 filled 101 1 taker book_take @3
        > 4 canceled no_liquidity @3
        ",
    );
}

#[test]
fn limits_take_up_to_their_price_and_rest_with_what_is_left() {
    check(
        "
        depth clear bid 99 5 bid 98 5 ask 101 1 ask 102 1
        +0 1 buy 2 limit 101
        > 1 filled 101 1 taker book_take @1
        +0 2 buy 2 limit 101 ioc
        > 2 canceled ioc_rest @1
        # A fill-or-kill looks at all levels within its limit before it takes any.
        +0 3 sell 11 limit 98 fok
        > 3 canceled fok_not_filled @1
        +0 4 sell 7 limit 98 fok
        > 4 filled 99 5 taker book_take @1
        > 4 filled 98 2 taker book_take @1
        +0 5 sell 1 limit 97 post
        > 5 rejected post_only_would_take @1
        # The ask comes down to the rest of the first order, which was there.
        depth ask 101 0.4
        > 1 filled 101 0.4 maker book_cross @2
        ",
    );
}

#[test]
fn a_maker_waits_for_what_stood_before_it() {
    let stage = check(
        "
        depth clear bid 99 5 ask 101 5
        +0 1 buy 2 limit 99
        # Who joins later stands behind; who leaves without a trade is taken to have stood behind.
        depth bid 99 9
        depth bid 99 6
        trade 99 4 sell
        # The level tells of the trade; a buyer's print moves no bid.
        depth bid 99 2
        trade 99 9 buy
        trade 99 1 sell
        depth bid 99 1
        trade 99 0.5 sell
        > 1 filled 99 0.5 maker trade_queue @9
        # Through the price: no more than the print.
        trade 98.9 1 sell
        > 1 filled 99 1 maker trade_through @10
        trade 98.9 9 sell
        > 1 filled 99 0.5 maker trade_through @11
        ",
    );
    assert_eq!(evidence(&stage.out), [(5_000, 0, 500), (5_000, 0, 1_000), (5_000, 0, 9_000)]);
}

#[test]
fn a_falling_level_shortens_the_queue() {
    let stage = check(
        "
        depth clear bid 99 5 ask 101 5
        +0 1 buy 2 limit 99
        depth bid 99 1
        trade 99 1.2 sell
        > 1 filled 99 0.2 maker trade_queue @3
        ",
    );
    assert_eq!(evidence(&stage.out), [(5_000, 1_000, 200)]);
    check(
        "
        venue queue_model=power
        depth clear bid 99 6 ask 101 5
        +0 1 buy 2 limit 99
        depth bid 99 10
        # Six before, four behind: of two that leave 0.457 stood behind, so 4.457 stand before.
        depth bid 99 8
        trade 99 4.5 sell
        > 1 filled 99 0.04 maker trade_queue @4
        ",
    );
}

#[test]
fn makers_may_be_filled_whole() {
    check(
        "
        venue maker_fill=whole
        depth clear bid 99 1 ask 101 5
        +0 1 buy 2 limit 99
        trade 99 1.01 sell
        > 1 filled 99 2 maker trade_queue @2
        ",
    );
}

#[test]
fn our_orders_share_a_print() {
    check(
        "
        depth clear bid 99 1 ask 101 5
        +0 1 buy 2 limit 99
        +0 2 buy 2 limit 99
        trade 99 4 sell
        > 1 filled 99 2 maker trade_queue @2
        > 2 filled 99 1 maker trade_queue @2
        ",
    );
}

#[test]
fn nothing_is_matched_on_a_book_that_cannot_be_believed() {
    check(
        "
        depth clear bid 99 1 ask 101 5
        +0 1 buy 1 limit 99
        depth gap bid 98 1
        # Messages were lost: no fill, and a market order waits for a snapshot.
        trade 98 9 sell
        +0 2 buy 1 market
        depth clear bid 99 1 ask 100 5
        > 2 filled 100 1 taker book_take @4
        # Crossed: the same, until it is not.
        depth bid 100.5 1
        +0 3 buy 1 market
        depth bid 100.5 0
        > 3 filled 100 1 taker book_take @6
        ",
    );
}

#[test]
fn stops_look_at_the_side_they_would_take() {
    check(
        "
        depth clear bid 99 5 ask 101 5
        +0 1 buy 1 stop 102
        +0 2 sell 1 stop_limit 98 97
        depth ask 101 0 ask 102 1
        > 1 triggered @2
        > 1 filled 102 1 taker book_take @2
        depth bid 99 0 bid 97.5 0.4
        > 2 triggered @3
        > 2 filled 97.5 0.4 taker book_take @3
        ",
    );
}

#[test]
fn an_amended_price_is_a_new_place_and_less_keeps_its_place() {
    let stage = check(
        "
        depth clear bid 99 5 bid 98 3 ask 101 5
        +0 1 buy 2 limit 99
        +0 2 buy 2 limit 99
        +0 amend 1 qty=1
        > 1 replaced 1 @1
        +0 amend 2 limit=98
        > 2 replaced 2 @1
        trade 99 6 sell
        > 1 filled 99 1 maker trade_queue @2
        trade 98 4 sell
        > 2 filled 98 1 maker trade_queue @3
        ",
    );
    assert_eq!(evidence(&stage.out), [(5_000, 5_000, 1_000), (3_000, 3_000, 1_000)]);
}
