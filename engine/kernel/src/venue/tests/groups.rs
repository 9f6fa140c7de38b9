//! Groups of orders, orders that follow a position, and the end of many at once, by hand.

use super::script::check;

#[test]
fn one_cancels_the_other_on_bars() {
    check(
        "bar 100 105 95 100 10
         oco 1 sell 1 limit 103 | 2 sell 1 stop 97
         # the high comes first: only the limit fills though the bar reaches both
         bar 100 104 96 100 10
         > 1 filled 103 1 maker bar_path @75
         > 2 canceled sibling_filled @75
         oco 3 sell 1 limit 103 | 4 sell 1 stop 97
         bar 100 102 96 100 10
         > 4 triggered @156.666666666
         > 4 filled 97 1 taker bar_path @156.666666666
         > 3 canceled sibling_filled @156.666666666",
    );
}

#[test]
fn what_one_of_a_pair_fills_the_other_loses() {
    check(
        "venue queue=0
         trade 100 5
         oco 1 sell 2 limit 101 | 2 sell 2 stop 99
         trade 101 0.5 buy
         > 1 filled 101 0.5 maker trade_queue @2
         > 2 resized 1.5 @2
         trade 99 1 sell
         > 2 triggered @3
         > 2 filled 99 1 taker trade_take @3
         > 1 resized 1 @3
         # 0.5 is left of both; the limit is first in the row
         trade 101 5 buy
         > 1 filled 101 0.5 maker trade_queue @4
         > 2 canceled sibling_filled @4",
    );
    check(
        "quote 99 5 101 5
         oco 1 buy 2 limit 98 | 2 buy 2 stop 102
         quote 101 5 102 1
         > 2 triggered @2
         > 2 filled 102 1 taker quote_take @2
         > 1 resized 1 @2
         cancel 1
         > 1 canceled requested @2
         > 2 canceled sibling_ended @2",
    );
}

#[test]
fn a_marketable_leg_fills_as_it_arrives_and_ends_the_other() {
    check(
        "depth clear bid 99 5 ask 101 1
         oco 1 buy 2 limit 101 | 2 buy 2 stop 103
         > 1 filled 101 1 taker book_take @1
         > 2 resized 1 @1
         depth ask 101 0 ask 103 9
         > 2 triggered @2
         > 2 filled 103 1 taker book_take @2
         > 1 canceled sibling_filled @2",
    );
}

#[test]
fn a_child_waits_for_its_parents_fills_and_has_their_size() {
    check(
        "venue queue=0
         trade 100 5
         oto 1 buy 2 limit 99 | 2 sell 2 limit 101
         > 2 held @1
         # nothing is filled: the child does not sell
         trade 102 5 buy
         trade 99 0.5 sell
         > 1 filled 99 0.5 maker trade_queue @3
         > 2 activated 0.5 @3
         trade 99 0.5 sell
         > 1 filled 99 0.5 maker trade_queue @4
         > 2 resized 1 @4
         # the parent ends: the child keeps what there is
         cancel 1
         > 1 canceled requested @4
         trade 102 5 buy
         > 2 filled 101 1 maker trade_through @5",
    );
}

#[test]
fn an_exit_that_closes_all_ends_what_is_left_of_the_entry() {
    check(
        "venue queue=0
         trade 100 5
         bracket 1 buy 2 limit 99 | 2 sell 2 limit 101 | 3 sell 2 stop 98
         > 2 held @1
         > 3 held @1
         trade 99 0.5 sell
         > 1 filled 99 0.5 maker trade_queue @2
         > 2 activated 0.5 @2
         > 3 activated 0.5 @2
         trade 102 5 buy
         > 2 filled 101 0.5 maker trade_through @3
         > 3 canceled sibling_filled @3
         > 1 canceled exit_done @3",
    );
}

#[test]
fn a_child_ends_with_a_parent_that_filled_nothing() {
    check(
        "bar 100 105 95 100 10
         bracket 1 buy 1 limit 90 | 2 sell 1 limit 110 | 3 sell 1 stop 80
         > 2 held @60
         > 3 held @60
         cancel 1
         > 1 canceled requested @60
         > 2 canceled parent_ended @60
         > 3 canceled sibling_ended @60
         oto 4 buy 1 limit 90 gtd+30 | 5 sell 1 limit 110
         > 5 held @60
         bar 100 101 99 100 10
         > 4 expired @90
         > 5 canceled parent_ended @90
         # one leg that is refused refuses all
         oto 6 buy 1 limit 90 | 7 sell 1 limit 110.05
         > 6 rejected group_leg_rejected @120
         > 7 rejected off_tick @120
         oto 8 buy 1 limit 99 | 9 buy 1 limit 98
         > 8 rejected bad_group @120
         > 9 rejected bad_group @120
         oco 10 buy 1 limit 99 | 11 buy 2 stop 102
         > 10 rejected bad_group @120
         > 11 rejected bad_group @120
         oco 12 buy 1 limit 99 | 13 buy 1 stop 99
         > 12 rejected group_leg_rejected @120
         > 13 rejected stop_would_trigger_at_once @120
         oco 14 buy 1 market | 15 buy 1 stop 102
         > 14 rejected bad_group @120
         > 15 rejected bad_group @120",
    );
}

#[test]
fn a_bracket_lives_on_one_path_of_one_bar() {
    // Up to 104 (20 s), down to 96 (40 s), up to 100 (60 s).
    check(
        "bar 100 105 95 100 10
         # filled at the open; the target is reached first
         bracket 1 buy 1 market | 2 sell 1 limit 103 | 3 sell 1 stop 97
         > 2 held @60
         > 3 held @60
         bar 100 104 96 100 10
         > 1 filled 100 1 taker bar_open @60
         > 2 activated 1 @60
         > 3 activated 1 @60
         > 2 filled 103 1 maker bar_path @75
         > 3 canceled sibling_filled @75
         # filled on the way down at 98: the target above was passed before, the stop comes after
         bracket 4 buy 1 limit 98 | 5 sell 1 limit 103 | 6 sell 1 stop 97
         > 5 held @120
         > 6 held @120
         bar 100 104 96 100 10
         > 4 filled 98 1 maker bar_path @155
         > 5 activated 1 @155
         > 6 activated 1 @155
         > 6 triggered @157.5
         > 6 filled 97 1 taker bar_path @157.5
         > 5 canceled sibling_filled @157.5",
    );
}

#[test]
fn a_bracket_follows_a_part_of_its_entry_through_bars() {
    check(
        "venue participation=0.1
         bar 100 105 95 100 10
         bracket 1 buy 2 market | 2 sell 2 limit 103 | 3 sell 2 stop 97
         > 2 held @60
         > 3 held @60
         # 1 of the entry takes the whole share of the volume; the exits wait for the next bar
         bar 100 102 98 100 10
         > 1 filled 100 1 taker bar_open @60
         > 2 activated 1 @60
         > 3 activated 1 @60
         bar 101 104 100 103 30
         > 1 filled 101 1 taker bar_open @120
         > 2 resized 2 @120
         > 3 resized 2 @120
         > 2 filled 103 2 maker bar_path @133.333333333
         > 3 canceled sibling_filled @133.333333333",
    );
}

#[test]
fn a_stop_that_is_passed_when_it_wakes_triggers_at_once() {
    check(
        "trade 100 5
         bracket 1 buy 1 limit 99 | 2 sell 1 limit 101 | 3 sell 1 stop 98
         > 2 held @1
         > 3 held @1
         trade 97 5 sell
         > 1 filled 99 1 maker trade_through @2
         > 2 activated 1 @2
         > 3 activated 1 @2
         > 3 triggered @2
         trade 97.5 5
         > 3 filled 97.5 1 taker trade_take @3
         > 2 canceled sibling_filled @3",
    );
    check(
        "quote 99 5 101 5
         bracket 1 buy 1 market | 2 sell 1 limit 105 | 3 sell 1 stop 99.5
         > 2 held @1
         > 3 held @1
         > 1 filled 101 1 taker quote_take @1
         > 2 activated 1 @1
         > 3 activated 1 @1
         > 3 triggered @1
         > 3 filled 99 1 taker quote_take @1
         > 2 canceled sibling_filled @1",
    );
}

#[test]
fn a_bracket_walks_a_book() {
    check(
        "depth clear bid 99 5 ask 101 1 ask 102 1
         bracket 1 buy 2 market | 2 sell 2 limit 105 | 3 sell 2 stop 98
         > 2 held @1
         > 3 held @1
         > 1 filled 101 1 taker book_take @1
         > 2 activated 1 @1
         > 3 activated 1 @1
         > 1 filled 102 1 taker book_take @1
         > 2 resized 2 @1
         > 3 resized 2 @1
         depth bid 99 0 bid 98 0.5 bid 97 9
         > 3 triggered @2
         > 3 filled 98 0.5 taker book_take @2
         > 2 resized 1.5 @2
         > 3 filled 97 1.5 taker book_take @2
         > 2 canceled sibling_filled @2",
    );
}

#[test]
fn prices_of_a_group_are_amended_and_sizes_follow() {
    check(
        "bar 100 105 95 100 10
         bracket 1 buy 2 limit 98 | 2 sell 2 limit 110 | 3 sell 2 stop 90
         > 2 held @60
         > 3 held @60
         amend 2 limit=103
         > 2 replaced 2 @60
         amend 3 trigger=97
         > 3 replaced 2 @60
         amend 2 qty=1
         > 2 amend_rejected bad_group @60
         amend 1 qty=3
         > 1 amend_rejected bad_group @60
         amend 1 qty=1
         > 1 replaced 1 @60
         bar 99 99 97.5 99 10
         > 1 filled 98 1 maker bar_path @93.333333333
         > 2 activated 1 @93.333333333
         > 3 activated 1 @93.333333333
         bar 99 104 98 99 10
         > 2 filled 103 1 maker bar_path @136
         > 3 canceled sibling_filled @136",
    );
}

#[test]
fn reduce_only_orders_follow_the_position() {
    check(
        "venue queue=0
         trade 100 9
         1 buy 3 market
         trade 100 9
         > 1 filled 100 3 taker trade_take @2
         2 sell 3 limit 102 reduce
         3 sell 2 stop 98 reduce
         4 sell 2 limit 101
         trade 101 1.5 buy
         # 1.5 is held: both shrink to it
         > 4 filled 101 1.5 maker trade_queue @3
         > 2 resized 1.5 @3
         > 3 resized 1.5 @3
         # filled in part, its rest is the position, and the other shrinks to that
         trade 102 1 buy
         > 2 filled 102 1 maker trade_queue @4
         > 3 resized 0.5 @4
         5 sell 5 market
         trade 99 9
         > 5 filled 99 5 taker trade_take @5
         > 2 canceled nothing_to_reduce @5
         > 3 canceled nothing_to_reduce @5",
    );
}

#[test]
fn all_orders_are_canceled_with_one_command_or_with_the_connection() {
    check(
        "venue on_disconnect=cancel
         bar 100 105 95 100 10
         1 buy 1 limit 90
         2 sell 1 stop 80
         bracket 3 buy 1 limit 90 | 4 sell 1 limit 110 | 5 sell 1 stop 80
         > 4 held @60
         > 5 held @60
         6 buy 1 limit 90 as=1
         cancel_all
         > 1 canceled requested @60
         > 2 canceled requested @60
         > 3 canceled requested @60
         > 4 canceled parent_ended @60
         > 5 canceled sibling_ended @60
         7 buy 1 limit 90
         disconnect
         > 6 canceled disconnected @60
         > 7 canceled disconnected @60
         cancel_all",
    );
    check("bar 100 105 95 100 10\n1 buy 1 limit 90\ndisconnect\ncancel 1\n> 1 canceled requested @60");
}
