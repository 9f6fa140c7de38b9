//! Hedge mode: a long and a short position of one strategy at once.

use super::script::check;

/// What is sold of the long position closes it and never opens a short one, and the other way round.
#[test]
fn a_long_and_a_short_position_stand_beside_each_other() {
    check(
        "venue hedge=yes margin=cross:1000:10
         trade 100 50
         1 buy 10 market of=long
         trade 100 50
         > 1 filled 100 10 taker trade_take @2
         2 sell 4 market of=short
         trade 101 50
         > 2 filled 101 4 taker trade_take @3
         funding 0.001 100
         > position pays 1 for 10 at 100 @4
         > position pays -0.4 for -4 at 100 @4
         3 sell 20 limit 102 of=long
         4 buy 1 limit 99 of=short
         trade 102.1 50
         > 3 filled 102 10 maker trade_through @5
         > 3 canceled nothing_to_reduce @5
         5 sell 1 limit 103 of=long
         > 5 rejected reduce_only_would_not_reduce @5
         trade 98.9 50
         > 4 filled 99 1 maker trade_through @6
         funding 0.001 100
         > position pays -0.3 for -3 at 100 @7",
    );
}

/// Closing orders follow their own position, whatever the other one does.
#[test]
fn a_closing_order_shrinks_with_its_position_alone() {
    check(
        "venue hedge=yes
         trade 100 50
         1 buy 10 market of=long
         2 sell 6 market of=short
         trade 100 50
         > 1 filled 100 10 taker trade_take @2
         > 2 filled 100 6 taker trade_take @2
         3 sell 8 limit 105 of=long
         4 buy 6 limit 95 of=short
         5 sell 7 market of=long
         trade 100 50
         > 5 filled 100 7 taker trade_take @3
         > 3 resized 3 @3
         trade 94.9 50
         > 4 filled 95 6 maker trade_through @4
         trade 105.1 50
         > 3 filled 105 3 maker trade_through @5",
    );
}

/// The same inside a bar: an order that the bar does not reach is canceled with its position, so it is not there when
/// the short position is opened anew.
#[test]
fn a_closing_order_ends_with_its_position_inside_a_bar() {
    check(
        "venue hedge=yes
         bar 100 100 100 100 50
         1 sell 5 market of=short
         2 buy 7 market of=long
         bar 100 100 100 100 50
         > 1 filled 100 5 taker bar_open @60
         > 2 filled 100 7 taker bar_open @60
         3 buy 5 limit 80 of=short
         4 buy 5 limit 95 of=short
         5 sell 3 limit 120 of=long
         bar 100 101 94 96 50
         > 4 filled 95 5 maker bar_path @157.142857142
         > 3 canceled nothing_to_reduce @157.142857142
         6 sell 5 market of=short
         bar 96 96 79 90 50
         > 6 filled 96 5 taker bar_open @180",
    );
}

#[test]
fn an_order_must_say_what_the_mode_wants() {
    check(
        "venue hedge=yes
         trade 100 50
         1 buy 1 market
         > 1 rejected position_side @1
         2 buy 1 market of=long
         trade 100 50
         > 2 filled 100 1 taker trade_take @2
         3 sell 1 market of=long reduce
         > 3 rejected position_side @2
         bracket 4 buy 1 limit 99 of=long | 5 sell 1 limit 110 of=long | 6 sell 1 stop 90 of=short
         > 4 rejected bad_group @2
         > 5 rejected bad_group @2
         > 6 rejected bad_group @2",
    );
    check(
        "trade 100 50
         1 buy 1 market of=long
         > 1 rejected position_side @1",
    );
}

/// The exits of a bracket close what its entry opened, beside a position that was there before.
#[test]
fn the_exits_of_a_bracket_close_its_position() {
    check(
        "venue hedge=yes
         trade 100 50
         1 sell 3 market of=short
         trade 100 50
         > 1 filled 100 3 taker trade_take @2
         bracket 2 buy 5 limit 99 of=long | 3 sell 5 limit 110 of=long | 4 sell 5 stop 90 of=long
         > 3 held @2
         > 4 held @2
         trade 98.9 50
         > 2 filled 99 5 maker trade_through @3
         > 3 activated 5 @3
         > 4 activated 5 @3
         trade 110.1 50
         > 3 filled 110 5 maker trade_through @4
         > 4 canceled sibling_filled @4",
    );
}

/// In one-way mode the second order would close the first. Here each has a margin of its own.
#[test]
fn both_positions_need_margin() {
    check(
        "venue hedge=yes margin=cross:101:10
         trade 100 50
         1 buy 5 limit 100 of=long
         2 sell 5 limit 100.1 of=short
         3 buy 1 limit 90 of=long
         > 3 rejected insufficient_margin @1
         trade 99.9 50
         > 1 filled 99.9 5 taker trade_take @2
         trade 100.2 50
         > 2 filled 100.1 5 maker trade_through @3
         4 sell 1 limit 120 of=short
         > 4 rejected insufficient_margin @3
         5 sell 5 limit 120 of=long",
    );
    check(
        "venue hedge=yes margin=cross:100000:20:0/0.05/20:1000/0.05/10
         trade 100 50
         1 buy 10 limit 90 of=long
         2 sell 9 limit 110 of=short
         3 buy 2 limit 80 of=long
         > 3 rejected position_too_large @1",
    );
}

/// 6 long and 3 short at 100 with 100 in the wallet: at p the balance is 100 + 3 (p - 100), and 5 % of 9 p is
/// needed, so margin runs out at 78.43. The long one needs more of it and goes first; then the short one may stay.
#[test]
fn the_position_that_needs_most_is_taken_away_first() {
    check(
        "venue hedge=yes margin=cross:100:10
         trade 100 50
         1 buy 6 market of=long
         2 sell 3 market of=short
         trade 100 50
         > 1 filled 100 6 taker trade_take @2
         > 2 filled 100 3 taker trade_take @2
         3 buy 3 limit 50 of=short
         trade 78.5 1
         trade 78.4 1
         > 3 canceled liquidation @4
         > liquidated sell 78.4 6 of 6: close with 35.2 <= 35.28, fee 4.704 @4
         trade 80 1
         4 buy 3 market of=short
         trade 80 50
         > 4 filled 80 3 taker trade_take @6",
    );
    // 5 of each gain and lose the same; at 200 the wallet of 100 is what 5 % of 2000 are. At a tie the long one goes.
    check(
        "venue hedge=yes margin=cross:100:10
         trade 100 50
         1 buy 5 market of=long
         2 sell 5 market of=short
         trade 100 50
         > 1 filled 100 5 taker trade_take @2
         > 2 filled 100 5 taker trade_take @2
         trade 199.9 1
         trade 200 1
         > liquidated sell 200 5 of 5: close with 100 <= 100, fee 10 @4",
    );
}

/// Each isolated position has its own wallet; the other one stays when it goes, and what it owes is covered.
#[test]
fn isolated_positions_go_one_by_one() {
    check(
        "venue hedge=yes margin=isolated:1000:10
         trade 100 50
         1 buy 10 market of=long
         2 sell 5 market of=short
         trade 100 50
         > 1 filled 100 10 taker trade_take @2
         > 2 filled 100 5 taker trade_take @2
         trade 94.7 1
         > liquidated sell 94.7 10 of 10: close with 47 <= 47.35, fee 9.47 @3
         trade 120 1
         > liquidated buy 120 5 of -5: close with -50 <= 30, fee 0 @4
         > bankrupt 50 @4",
    );
}

/// A contract ends with both positions; one report per strategy says so.
#[test]
fn both_positions_end_with_the_contract() {
    check(
        "venue hedge=yes margin=cross:1000:10
         trade 100 50
         1 buy 10 market of=long
         2 sell 5 market of=short
         3 sell 5 market of=short as=1
         trade 100 50
         > 1 filled 100 10 taker trade_take @2
         > 2 filled 100 5 taker trade_take @2
         > 3 filled 100 5 taker trade_take @2
         expiry
         > position settled at 100 @3
         > position settled at 100 @3",
    );
}
