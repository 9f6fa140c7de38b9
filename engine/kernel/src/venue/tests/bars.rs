//! Matching on bars, by hand. The path goes high first (`ohlc`) where nothing else is said.

use super::script::check;
use crate::venue::tests::instrument;
use tapedeck_model::CurrencyIx;

#[test]
fn market_orders_fill_at_the_next_open_whatever_their_time_in_force() {
    check(
        "bar 100 105 95 102 10
         1 buy 1 market
         2 sell 2 market ioc
         3 buy 1 market fok
         4 buy 1 market day
         5 buy 1 market gtd+90
         bar 103 104 101 102 10
         > 1 filled 103 1 taker bar_open @60
         > 2 filled 103 2 taker bar_open @60
         > 3 filled 103 1 taker bar_open @60
         > 4 filled 103 1 taker bar_open @60
         > 5 filled 103 1 taker bar_open @60
         bar 90 110 80 100 10",
    );
}

#[test]
fn limit_orders_fill_at_the_open_or_at_their_price() {
    check(
        "bar 100 105 95 100 10
         # marketable at first sight: taker at the open
         1 buy 1 limit 101
         # rest, then reached on the path: high at 20 s, low at 40 s
         2 buy 1 limit 98
         3 sell 1 limit 102
         # not reached
         4 buy 1 limit 90
         5 sell 1 limit 110
         bar 100 104 96 101 10
         > 1 filled 100 1 taker bar_open @60
         > 3 filled 102 1 maker bar_path @70
         > 2 filled 98 1 maker bar_path @95
         # a gap through a resting limit fills at the open, as maker
         bar 85 86 84 85 10
         > 4 filled 85 1 maker bar_open @120
         bar 120 121 119 120 10
         > 5 filled 120 1 maker bar_open @180",
    );
}

#[test]
fn limit_orders_that_must_fill_at_once_see_the_open_only() {
    check(
        "venue participation=0.1
         bar 100 105 95 100 10
         1 buy 1 limit 98 ioc
         2 buy 1 limit 98 fok
         3 buy 3 limit 101 fok
         4 buy 0.4 limit 101 fok
         5 buy 3 limit 101 ioc
         bar 100 104 96 101 10
         > 1 canceled ioc_rest @60
         > 2 canceled fok_not_filled @60
         > 3 canceled fok_not_filled @60
         > 4 filled 100 0.4 taker bar_open @60
         > 5 filled 100 0.6 taker bar_open @60
         > 5 canceled ioc_rest @60",
    );
}

#[test]
fn stops_fill_at_their_trigger_or_at_a_worse_open() {
    check(
        "bar 100 105 95 100 10
         1 buy 1 stop 103
         2 sell 1 stop 97
         3 buy 1 stop 110
         4 sell 1 stop 90 fok
         5 sell 1 stop 90 ioc
         bar 100 104 96 100 10
         > 1 triggered @75
         > 1 filled 103 1 taker bar_path @75
         > 2 triggered @97.5
         > 2 filled 97 1 taker bar_path @97.5
         bar 112 113 111 112 10
         > 3 triggered @120
         > 3 filled 112 1 taker bar_open @120
         bar 88 89 87 88 10
         > 4 triggered @180
         > 4 filled 88 1 taker bar_open @180
         > 5 triggered @180
         > 5 filled 88 1 taker bar_open @180",
    );
}

#[test]
fn stop_limits_become_limits_on_the_rest_of_the_path() {
    check(
        "bar 100 105 95 100 10
         # marketable when triggered
         1 buy 1 stop_limit 102 103
         # rests when triggered, and the path comes back to it
         2 buy 1 stop_limit 103 99
         # rests when triggered, and the path does not come back in this bar
         3 sell 1 stop_limit 97 103
         4 buy 1 stop_limit 103 99 ioc
         bar 100 104 96 100 10
         > 1 triggered @70
         > 1 filled 102 1 taker bar_path @70
         > 2 triggered @75
         > 4 triggered @75
         > 4 canceled ioc_rest @75
         > 2 filled 99 1 maker bar_path @92.5
         > 3 triggered @97.5
         bar 100 104 96 100 10
         > 3 filled 103 1 maker bar_path @135
         # a gap over trigger and limit: triggered, rests
         5 buy 1 stop_limit 105 106
         bar 107 108 107 107 10
         > 5 triggered @180
         bar 106 107 105 106 10
         > 5 filled 106 1 maker bar_open @240",
    );
}

#[test]
fn slippage_is_paid_by_takers_up_to_their_limit_and_rounded_against_them() {
    // 10 bps of 100 are 0.1; of 100.5 they are 0.1005, so a buyer pays 100.7 and a seller gets 100.3.
    check(
        "venue bps=10
         bar 100 105 95 100 10
         1 buy 1 market
         2 sell 1 market
         3 buy 1 limit 100
         4 buy 1 limit 101
         5 buy 1 limit 99
         6 buy 1 stop 102
         bar 100 104 96 100.5 10
         > 1 filled 100.1 1 taker bar_open @60
         > 2 filled 99.9 1 taker bar_open @60
         > 3 filled 100 1 taker bar_open @60
         > 4 filled 100.1 1 taker bar_open @60
         > 6 triggered @70
         > 6 filled 102.2 1 taker bar_path @70
         > 5 filled 99 1 maker bar_path @92.5
         7 buy 1 market
         8 sell 1 market
         bar 100.5 101 100 100.5 10
         > 7 filled 100.7 1 taker bar_open @120
         > 8 filled 100.3 1 taker bar_open @120",
    );
    check(
        "venue half_spread=10
         bar 100 105 95 100 10
         1 buy 1 market
         bar 100 104 96 100.5 10
         > 1 filled 100.1 1 taker bar_open @60",
    );
}

#[test]
fn all_orders_share_the_volume_of_a_bar_and_carry_over() {
    check(
        "venue participation=0.25
         bar 100 105 95 100 10
         1 buy 2 market
         2 buy 2 market
         3 sell 1 limit 104
         bar 100 104 96 100 10
         > 1 filled 100 2 taker bar_open @60
         > 2 filled 100 0.5 taker bar_open @60
         bar 101 104 96 100 4.03
         > 2 filled 101 1 taker bar_open @120
         # no trades, no fills, no triggers; what must be at once is over
         4 sell 1 stop 99.5
         5 sell 1 market ioc
         bar 99 99 99 99 0
         > 5 canceled ioc_rest @180
         bar 103 104 102 103 8
         > 2 filled 103 0.5 taker bar_open @240
         > 3 filled 104 1 maker bar_path @260
         cancel 4
         > 4 canceled requested @300",
    );
}

#[test]
fn through_needs_one_tick_beyond() {
    check(
        "venue limit_fill=through
         bar 100 105 95 100 10
         1 buy 1 limit 98
         2 sell 1 limit 102
         bar 100 102 98 100 10
         bar 100 102.1 98 98 10
         > 2 filled 102 1 maker bar_path @140
         bar 98 99 98 98 10
         bar 98 99 97.9 98 10
         > 1 filled 98 1 maker bar_path @280
         # marketable at first sight needs no more than the price
         3 buy 1 limit 98
         bar 98 99 98 98 10
         > 3 filled 98 1 taker bar_open @300",
    );
}

#[test]
fn orders_that_arrive_inside_a_bar_act_from_there_on() {
    // Open 100, up to 106 at 20 s, down to 94 at 40 s, close 100 at 60 s.
    check(
        "bar 100 105 95 100 10
         # at 10 s the path is at 103
         +10 1 buy 1 market
         # at 11 s it is at 103.3, which no tick rounds
         +11 2 sell 1 limit 102
         # the high is past when this arrives at 21 s, the low is not
         +21 3 sell 1 limit 106
         +21 4 buy 1 limit 95
         # at 30 s it is at 100 and falls: a stop above is not reached
         +30 5 buy 1 stop 101
         +31 6 sell 1 stop 98 
         +50 7 buy 1 limit 96 ioc
         bar 100 106 94 100 10
         > 1 filled 103 1 taker bar_arrival @70
         > 2 filled 103.3 1 taker bar_arrival @71
         > 6 triggered @93.333333333
         > 6 filled 98 1 taker bar_path @93.333333333
         > 4 filled 95 1 maker bar_path @98.333333333
         > 7 canceled ioc_rest @110",
    );
}

#[test]
fn expiry_ends_an_order_inside_the_bar() {
    check(
        "bar 100 105 95 100 10
         # the high comes at 20 s, the low at 40 s
         1 buy 1 limit 96 gtd+39
         2 buy 1 limit 96 gtd+41
         3 sell 1 limit 104 gtd+25
         4 buy 1 limit 90 gtd+60
         5 buy 1 limit 90 gtd+61
         bar 100 104 96 100 10
         > 3 filled 104 1 maker bar_path @80
         > 1 expired @99
         > 2 filled 96 1 maker bar_path @100
         > 4 expired @120
         bar 80 81 79 80 10
         > 5 filled 80 1 maker bar_open @120",
    );
    // A day order ends at midnight, 86,400 s.
    let bars = "bar 100 101 99 100 1\n".repeat(1_439);
    check(&format!(
        "{bars}1 buy 1 limit 50 day
         bar 100 101 99 100 1
         > 1 expired @86400
         2 buy 1 limit 50 day
         bar 100 101 99 100 1"
    ));
}

#[test]
fn a_post_only_order_never_fills_better_than_its_limit() {
    check(
        "bar 100 105 95 100 10
         1 buy 1 limit 99 post
         2 buy 1 limit 100 post
         > 2 rejected post_only_would_take @60
         3 sell 1 limit 100 post
         > 3 rejected post_only_would_take @60
         bar 98 99 97 98 10
         > 1 filled 99 1 maker bar_open @60",
    );
}

#[test]
fn the_path_decides_and_is_counted() {
    let script = |path: &str, fills: &str| {
        let stage = check(&format!(
            "venue path={path}
             bar 100 105 95 100 10
             1 buy 1 limit 97
             2 buy 1 stop_limit 103 98
             bar 100 104 95 101 10
             {fills}"
        ));
        assert_eq!(stage.venue.ambiguous_bars(), 1, "{path}");
    };
    // High first: the stop-limit is triggered at 103 and filled at 98 on the way to the low.
    let high_first =
        "> 2 triggered @75\n> 2 filled 98 1 maker bar_path @93.333333333\n> 1 filled 97 1 maker bar_path @95.555555555";
    // Low first: triggered after the low, and the close stays above 98.
    let low_first = "> 1 filled 97 1 maker bar_path @72\n> 2 triggered @97.777777777";
    script("ohlc", high_first);
    script("olhc", low_first);
    script("adaptive", high_first);
    // Bought at 98 and closed at 101: having that fill is the better.
    script("best", high_first);
    script("worst", low_first);

    let stage = check(
        "bar 100 105 95 100 10
         1 buy 1 market
         2 buy 1 limit 96
         bar 100 104 95 101 10
         > 1 filled 100 1 taker bar_open @60
         > 2 filled 96 1 maker bar_path @97.777777777",
    );
    assert_eq!(stage.venue.ambiguous_bars(), 0, "the same fills at other times are no ambiguity");
}

/// A market order that arrives inside a bar is ambiguous only if it fills at another price: not where both
/// paths are at one price as it arrives, and not where they differ by less than the tick takes away.
#[test]
fn an_arrival_inside_a_bar_counts_only_if_it_fills_otherwise() {
    for (arrival, bar, fill, ambiguous) in [
        // Half way the path is half way between the extremes, whichever came first.
        ("+30", "100 104 96 100", "100", 0),
        ("+10", "100 104 96 100", "102", 1),
        // Five seconds in it is at 100.01 or at 99.99: a buyer pays 100.1 or 100.
        ("+5", "100 100.04 99.96 100", "100.1", 1),
        // One and a half extremes higher nothing differs any more: 100.03 or 100.07, up to the tick.
        ("+10", "100.05 100.1 100 100.05", "100.1", 0),
        ("+10", "100 100 100 100", "100", 0),
    ] {
        let stage = check(&format!(
            "bar 100 105 95 100 10
             {arrival} 1 buy 1 market
             bar {bar} 10
             > 1 filled {fill} 1 taker bar_arrival @{}",
            60 + arrival.parse::<i64>().unwrap()
        ));
        assert_eq!(stage.venue.ambiguous_bars(), ambiguous, "{arrival} {bar}");
    }
}

#[test]
fn reduce_only_cuts_to_the_position() {
    check(
        "bar 100 105 95 100 10
         1 sell 1 market reduce
         > 1 rejected reduce_only_would_not_reduce @60
         2 buy 2 market
         bar 100 100 100 100 10
         > 2 filled 100 2 taker bar_open @60
         3 buy 1 market reduce
         > 3 rejected reduce_only_would_not_reduce @120
         4 sell 3 limit 101 reduce
         5 sell 3 limit 102 reduce
         6 sell 3 market fok reduce
         bar 100 102 100 100 10
         > 6 canceled fok_not_filled @120
         > 4 filled 101 2 maker bar_path @130
         > 4 canceled nothing_to_reduce @130
         > 5 canceled nothing_to_reduce @130",
    );
}

#[test]
fn a_spot_account_pays_with_what_it_has() {
    let stage = check(
        "venue funds=1:1000 taker=0.001
         bar 100 105 95 100 100
         # 9.99 lots of 100 and 0.999 of fees cost 999.999; 10 would cost 1001
         1 buy 10 market
         2 buy 1 market
         3 sell 20 market
         4 sell 1 market fok
         bar 100 100 100 100 100
         > 1 filled 100 9.99 taker bar_open @60
         > 1 canceled insufficient_funds @60
         > 2 canceled insufficient_funds @60
         > 3 filled 100 10.99 taker bar_open @60
         > 3 canceled insufficient_funds @60
         > 4 canceled fok_not_filled @60",
    );
    // 1000 - 999 - 0.999 + 1099 - 1.099
    let balance = |ix| stage.venue.funds.balance(CurrencyIx(ix)).unwrap().to_string();
    assert_eq!((balance(0).as_str(), balance(1).as_str()), ("0", "1097.902"));
    assert_eq!(instrument(0).base, CurrencyIx(0));
}
