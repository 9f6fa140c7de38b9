//! Triggers that come back, trail or look elsewhere, by hand. The path goes high first (`ohlc`) on bars.

use super::script::{check, check_only};

#[test]
fn if_touched_orders_wait_for_a_better_price_on_bars() {
    check(
        "bar 100 105 95 100 10
         1 buy 1 touch 97
         2 sell 1 touch 103
         3 buy 1 touch_limit 97 96
         4 sell 1 touch_limit 103 103
         5 buy 1 touch 90
         # reached already: as for a stop
         6 buy 1 touch 100
         > 6 rejected stop_would_trigger_at_once @60
         7 sell 1 touch_limit 99 98
         > 7 rejected stop_would_trigger_at_once @60
         bar 100 104 96 100 10
         # 103 on the way up, 97 on the way down; 4 is marketable when triggered
         > 2 triggered @75
         > 2 filled 103 1 taker bar_path @75
         > 4 triggered @75
         > 4 filled 103 1 taker bar_path @75
         > 1 triggered @97.5
         > 1 filled 97 1 taker bar_path @97.5
         > 3 triggered @97.5
         > 3 filled 96 1 maker bar_path @100
         # a gap fills at the open, which is better
         bar 88 89 87 88 10
         > 5 triggered @120
         > 5 filled 88 1 taker bar_open @120",
    );
}

#[test]
fn if_touched_orders_take_the_print_or_the_side_that_touches_them() {
    check(
        "trade 100 5
         1 buy 2 touch 99
         2 sell 2 touch_limit 101 101.5
         trade 99.5 5 sell
         trade 98.9 1 sell
         > 1 triggered @3
         > 1 filled 98.9 1 taker trade_take @3
         trade 101 5 buy
         > 1 filled 101 1 taker trade_take @4
         > 2 triggered @4
         trade 102 5 buy
         > 2 filled 101.5 2 maker trade_through @5",
    );
    check(
        "quote 99 5 101 5
         1 buy 1 touch 100
         2 sell 1 touch 100
         quote 99.5 5 100.5 5
         quote 99 5 100 5
         > 1 triggered @3
         > 1 filled 100 1 taker quote_take @3
         quote 100 5 101 5
         > 2 triggered @4
         > 2 filled 100 1 taker quote_take @4",
    );
    check(
        "depth clear bid 99 5 ask 101 5
         1 buy 1 touch 100
         depth ask 100 2
         > 1 triggered @2
         > 1 filled 100 1 taker book_take @2",
    );
}

#[test]
fn a_trailing_stop_follows_the_path_of_a_bar() {
    check(
        "bar 100 100 100 100 10
         1 sell 1 trail 3
         2 buy 1 trail 3
         3 sell 1 trail_bps 200
         # up to 104 (20 s), down to 99 (40 s), up to 100: best 104, so 1 triggers at 101, which is
         # 3/5 of the way down, and 3 at 101.92, to the tick away from the price 101.9, 42 % of the way;
         # 2 begins at 100 with its trigger at 103, 3/4 of the way up
         bar 100 104 99 100 10
         > 2 triggered @75
         > 2 filled 103 1 taker bar_path @75
         > 3 triggered @88.4
         > 3 filled 101.9 1 taker bar_path @88.4
         > 1 triggered @92
         > 1 filled 101 1 taker bar_path @92",
    );
}

#[test]
fn a_trailing_stop_never_goes_back_and_a_gap_fills_at_the_open() {
    check(
        "bar 100 100 100 100 10
         1 sell 1 trail 5
         # best 106, trigger 101; then prices between 102 and 105 move nothing
         bar 104 106 102 106 10
         bar 105 105 102 103 10
         bar 103 104 102 102 10
         # a gap through 101
         bar 99 100 98 99 10
         > 1 triggered @240
         > 1 filled 99 1 taker bar_open @240",
    );
}

#[test]
fn a_trailing_stop_waits_for_its_activation_price() {
    check(
        "bar 100 100 100 100 10
         1 sell 1 trail 2 from=103
         2 buy 1 trail 2 from=97
         # below 103 it is no stop, however far the price falls
         bar 100 102 98 100 10
         # 103 is reached on the way to 104: best 104, trigger 102; then the low 98
         bar 100 104 98 100 10
         > 1 triggered @146.666666666
         > 1 filled 102 1 taker bar_path @146.666666666
         # 97 is reached on the way to 96: best 96, trigger 98
         bar 100 100 96 100 10
         > 2 triggered @230
         > 2 filled 98 1 taker bar_path @230",
    );
}

#[test]
fn a_trailing_stop_follows_prints_quotes_and_books() {
    check(
        "trade 100 5
         1 sell 1 trail 1
         2 sell 1 trail 1 from=102
         trade 100 5
         trade 100.5 5
         # trigger 99.5: the print there is taken
         trade 99.6 5
         trade 99.5 5
         > 1 triggered @5
         > 1 filled 99.5 1 taker trade_take @5
         trade 102 5
         trade 103 5
         trade 101.9 5
         > 2 triggered @8
         > 2 filled 101.9 1 taker trade_take @8",
    );
    // A sale looks at the bid, a buy at the ask.
    check(
        "quote 99 5 101 5
         1 sell 1 trail 1
         2 buy 1 trail 1
         quote 100 5 102 5
         > 2 triggered @2
         > 2 filled 102 1 taker quote_take @2
         quote 99.5 5 101 5
         quote 98.8 5 100 5
         > 1 triggered @4
         > 1 filled 98.8 1 taker quote_take @4",
    );
    check(
        "depth clear bid 99 5 ask 101 5
         1 sell 1 trail 1
         depth bid 100 5
         depth bid 100 0
         > 1 triggered @3
         > 1 filled 99 1 taker book_take @3",
    );
}

#[test]
fn rare_terms_that_make_no_sense_are_refused() {
    check(
        "bar 100 105 95 100 10
         1 sell 1 trail 0
         > 1 rejected bad_terms @60
         2 sell 1 trail 0.05
         > 2 rejected bad_terms @60
         3 sell 1 trail_bps 0
         > 3 rejected bad_terms @60
         4 sell 1 trail_bps 5001
         > 4 rejected bad_terms @60
         5 sell 1 trail 1 from=100.05
         > 5 rejected bad_terms @60
         6 sell 1 stop 97 from=101
         > 6 rejected bad_terms @60
         7 buy 1 limit 99 show=2
         > 7 rejected bad_terms @60
         8 buy 1 limit 99 show=0.005
         > 8 rejected bad_terms @60
         9 buy 1 market show=0.5
         > 9 rejected bad_terms @60
         10 buy 1 limit 99 ioc show=0.5
         > 10 rejected bad_terms @60
         11 buy 1 limit 99 show=0.5 vary=10001
         > 11 rejected bad_terms @60
         12 buy 1 limit 99 by=mark
         > 12 rejected bad_terms @60
         13 sell 1 trail 1 post
         > 13 rejected bad_combination @60",
    );
}

#[test]
fn a_post_only_order_is_moved_off_what_it_would_take() {
    check(
        "quote 99 5 101 5
         1 buy 1 limit 102 reprice
         > 1 replaced 1 at 100.9 @1
         2 sell 1 limit 98 reprice
         > 2 replaced 1 at 101 @1
         3 buy 1 limit 102 post
         > 3 rejected post_only_would_take @1
         # no need to move
         4 buy 1 limit 100.5 reprice
         amend 4 limit=103
         > 4 replaced 1 @1
         quote 99 5 100.9 5
         > 1 filled 100.9 1 maker quote_cross @2
         > 4 filled 100.9 1 maker quote_cross @2",
    );
    check(
        "depth clear bid 99 5 ask 101 5
         1 buy 1 limit 101 reprice
         > 1 replaced 1 at 100.9 @1
         trade 100.9 1 sell
         > 1 filled 100.9 1 maker trade_queue @2",
    );
    check(
        "bar 100 105 95 100 10
         1 buy 1 limit 103 reprice
         > 1 replaced 1 at 99.9 @60
         bar 100 101 99 100 10
         > 1 filled 99.9 1 maker bar_path @91",
    );
}

#[test]
fn an_amendment_keeps_the_place_only_where_the_venue_lets_it() {
    let script = |keeps: &str, end: &str| {
        format!(
            "venue queue=0 keeps={keeps}
             trade 100 5
             1 buy 2 limit 99
             2 buy 2 limit 99
             amend 1 qty=1
             > 1 replaced 1 @1
             {end}"
        )
    };
    check(&script(
        "true",
        "trade 99 1.5 sell\n> 1 filled 99 1 maker trade_queue @2\n> 2 filled 99 0.5 maker trade_queue @2",
    ));
    check(&script("false", "trade 99 1.5 sell\n> 2 filled 99 1.5 maker trade_queue @2"));
}

#[test]
fn an_iceberg_shows_a_part_at_a_time_and_loses_its_place_with_each() {
    // Each part has 1 ahead of it. A print fills no more than what shows.
    check(
        "venue queue=1
         trade 100 5
         1 buy 3 limit 99 show=1
         trade 99 5 sell
         > 1 filled 99 1 maker trade_queue @2
         trade 99 1 sell
         trade 99 0.4 sell
         > 1 filled 99 0.4 maker trade_queue @4
         trade 99 5 sell
         > 1 filled 99 0.6 maker trade_queue @5
         # through the price all of it is reached
         trade 98.9 5 sell
         > 1 filled 99 1 maker trade_through @6",
    );
    // On a book a new part stands behind all that the level shows then.
    check(
        "depth clear bid 99 2 ask 101 5
         1 buy 3 limit 99 show=1
         trade 99 5 sell
         > 1 filled 99 1 maker trade_queue @2
         depth bid 99 4
         trade 99 1 sell
         trade 99 3 sell
         > 1 filled 99 1 maker trade_queue @5
         depth bid 99 0 bid 98 1 ask 99 9
         > 1 filled 99 1 maker book_cross @6",
    );
}

#[test]
fn what_an_iceberg_shows_anew_varies_by_its_own_draw() {
    let shown = |number: u32| {
        let stage = check_only(&format!(
            "venue queue=0
             trade 100 5
             {number} buy 60 limit 99 show=4 vary=5000
             {}",
            "trade 99 90 sell\n".repeat(9)
        ));
        stage.fills().iter().map(|(qty, _)| qty.raw()).collect::<Vec<_>>()
    };
    let first = shown(1);
    assert_eq!(first[0], 4_000, "the first part is as asked for");
    assert_eq!(first, shown(1));
    assert_ne!(first, shown(2));
    assert!(first.iter().all(|qty| (2_000..=6_000).contains(qty) && qty % 10 == 0), "{first:?}");
    assert!(first.iter().any(|qty| *qty != 4_000), "{first:?}");
}

#[test]
fn the_evidence_of_an_iceberg_has_the_queue_of_each_part() {
    let stage = check_only(
        "depth clear bid 99 2 ask 101 5
         1 buy 2 limit 99 show=1
         trade 99 5 sell
         depth bid 99 4
         depth bid 99 3
         trade 99 4 sell",
    );
    let queues: Vec<_> = stage.fills().iter().map(|(_, entry)| entry.raw()).collect();
    assert_eq!(queues, [2_000, 2_000], "behind the two that the level showed as each part came");
}

#[test]
fn a_trigger_looks_at_mark_or_index_alone() {
    check(
        "trade 100 5
         1 sell 1 stop 98 by=mark
         > 1 rejected bad_terms @1
         mark 100 101
         2 sell 1 stop 98 by=mark
         3 sell 1 stop_limit 99 97 by=index
         4 buy 1 touch 98 by=mark
         5 sell 1 stop 100 by=mark
         > 5 rejected stop_would_trigger_at_once @2
         # prints alone trigger nothing
         trade 97 5
         mark 99.5 99
         > 3 triggered @4
         trade 97.5 5
         > 3 filled 97.5 1 taker trade_take @5
         mark 98 99.5
         > 2 triggered @6
         > 4 triggered @6
         trade 97.7 5
         > 2 filled 97.7 1 taker trade_take @7
         > 4 filled 97.7 1 taker trade_take @7",
    );
    // Where something is shown it is taken at once, as by an order that arrives.
    check(
        "quote 99 5 101 5
         mark 100
         1 sell 1 trail 2 by=mark
         2 buy 1 limit 100 by=mark
         > 2 rejected bad_terms @2
         3 sell 1 stop 90 by=index
         > 3 rejected bad_terms @2
         quote 90 5 92 5
         mark 101
         mark 99.1
         mark 99
         > 1 triggered @6
         > 1 filled 90 1 taker quote_take @6",
    );
    check(
        "depth clear bid 99 5 ask 101 5
         mark 100
         1 buy 1 stop 102 by=mark
         mark 102
         > 1 triggered @3
         > 1 filled 101 1 taker book_take @3",
    );
    // On bars it meets the path at the moment of the mark, 2 s into the next bar: 100 + 4 x 2/20 = 100.4.
    check(
        "bar 100 105 95 100 10
         mark 100
         1 sell 1 stop 98 by=mark
         mark 98
         > 1 triggered @62
         bar_to 120 100 104 96 100 10
         > 1 filled 100.4 1 taker bar_arrival @62",
    );
}

#[test]
fn a_bracket_can_stop_on_the_mark() {
    check(
        "quote 99 5 101 5
         mark 100
         bracket 1 buy 1 market | 2 sell 1 limit 105 | 3 sell 1 stop 98 by=mark
         > 2 held @2
         > 3 held @2
         > 1 filled 101 1 taker quote_take @2
         > 2 activated 1 @2
         > 3 activated 1 @2
         mark 98
         > 3 triggered @3
         > 3 filled 99 1 taker quote_take @3
         > 2 canceled sibling_filled @3",
    );
}
