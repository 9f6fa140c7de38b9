//! What the venue refuses, amends and cancels, by hand.

use super::instrument;
use super::script::{check, plain_spec, setup};
use crate::venue::*;
use tapedeck_model::Amendment;
use tapedeck_model::param::{ParamValue, Params};
use tapedeck_model::{Span, StrategyIx};

#[test]
fn orders_that_make_no_sense_are_refused() {
    check(
        "bar 100 105 95 100 10
         1 buy 1 limit 100.05
         > 1 rejected off_tick @60
         2 buy 1 limit 0
         > 2 rejected bad_price @60
         3 buy 1 stop -1
         > 3 rejected bad_price @60
         4 buy 1.005 market
         > 4 rejected off_lot @60
         5 buy 0.01 market
         > 5 rejected qty_too_small @60
         6 buy 0 market
         > 6 rejected qty_too_small @60
         7 buy 100.01 market
         > 7 rejected qty_too_large @60
         8 buy 0.04 market
         > 8 rejected notional_too_small @60
         9 buy 0.05 limit 99.9
         > 9 rejected notional_too_small @60
         10 buy 1 market post
         > 10 rejected bad_combination @60
         11 buy 1 stop 101 post
         > 11 rejected bad_combination @60
         12 buy 1 limit 99 ioc post
         > 12 rejected bad_combination @60
         13 buy 1 limit 99 fok post
         > 13 rejected bad_combination @60
         14 buy 1 limit 99 gtd+0
         > 14 rejected already_expired @60
         15 buy 1 stop 100
         > 15 rejected stop_would_trigger_at_once @60
         16 sell 1 stop_limit 100 99
         > 16 rejected stop_would_trigger_at_once @60
         cancel 17
         > 17 cancel_rejected unknown_order @60
         amend 17 qty=1
         > 17 amend_rejected unknown_order @60
         # at the limits they are fine
         18 buy 0.05 limit 100
         19 buy 100 limit 50",
    );
}

#[test]
fn before_any_price_is_known_nothing_is_compared_with_it() {
    check(
        "1 buy 0.02 market
         2 sell 1 stop 100
         3 buy 1 limit 100 post
         bar 99 100 98 99 10
         > 1 filled 99 0.02 taker bar_open @0
         > 2 triggered @0
         > 2 filled 99 1 taker bar_open @0
         > 3 filled 100 1 maker bar_open @0",
    );
}

#[test]
fn orders_are_amended() {
    check(
        "venue participation=0.2
         bar 100 105 95 100 10
         1 buy 6 limit 98
         bar 100 104 96 100 20
         > 1 filled 98 4 maker bar_path @95
         amend 1 qty=3
         > 1 amend_rejected below_filled @120
         amend 1 limit=97.95
         > 1 amend_rejected off_tick @120
         amend 1 trigger=97
         > 1 amend_rejected bad_combination @120
         amend 1 qty=5
         > 1 replaced 5 @120
         # amended down to what is filled: it is complete
         amend 1 qty=4
         > 1 replaced 4 @120
         cancel 1
         > 1 cancel_rejected unknown_order @120
         2 buy 1 limit 98 post
         amend 2 limit=100
         > 2 amend_rejected post_only_would_take @120
         amend 2 limit=99
         > 2 replaced 1 @120
         3 buy 1 stop 103
         amend 3 trigger=100
         > 3 amend_rejected stop_would_trigger_at_once @120
         amend 3 trigger=102
         > 3 replaced 1 @120
         4 buy 1 market
         amend 4 limit=100
         > 4 amend_rejected bad_combination @120
         5 buy 1 limit 90
         cancel 5
         > 5 canceled requested @120
         bar 100 104 96 100 20
         > 4 filled 100 1 taker bar_open @120
         > 3 triggered @130
         > 3 filled 102 1 taker bar_path @130
         > 2 filled 99 1 maker bar_path @152.5",
    );
}

#[test]
fn an_amended_price_is_a_new_arrival_and_less_is_not() {
    check(
        "venue participation=0.1
         bar 100 105 95 100 10
         1 buy 1 limit 98
         2 buy 1 limit 98
         3 buy 2 limit 98
         amend 3 qty=1
         > 3 replaced 1 @60
         amend 1 limit=97
         > 1 replaced 1 @60
         amend 1 limit=98
         > 1 replaced 1 @60
         bar 100 104 96 100 25
         > 2 filled 98 1 maker bar_path @95
         > 3 filled 98 1 maker bar_path @95
         > 1 filled 98 0.5 maker bar_path @95",
    );
    // On quotes an amended order meets the quote at once.
    check(
        "venue finest=quotes
         quote 99 1 101 1
         1 buy 2 limit 100
         amend 1 limit=101
         > 1 replaced 2 @1
         > 1 filled 101 1 taker quote_take @1",
    );
}

#[test]
fn an_order_past_its_time_cannot_be_taken_back() {
    check(
        "bar 100 105 95 100 10
         1 buy 1 limit 90 gtd+10
         +20 cancel 1
         > 1 expired @70
         > 1 cancel_rejected unknown_order @80",
    );
}

#[test]
fn the_venue_counts_its_orders_and_fills_from_one() {
    let stage = check(
        "bar 100 105 95 100 10
         1 buy 0.01 market
         > 1 rejected qty_too_small @60
         2 buy 1 market
         3 buy 1 limit 90
         bar 100 100 100 100 10
         > 2 filled 100 1 taker bar_open @60",
    );
    let numbers: Vec<u64> = stage
        .out
        .iter()
        .filter_map(|timed| match timed.report {
            VenueReport::Accepted { venue_order_id, .. } => Some(venue_order_id.0),
            VenueReport::Filled(fill) => Some(fill.trade_id.0),
            _ => None,
        })
        .collect();
    assert_eq!(numbers, [1, 2, 1]);
    assert_eq!(stage.venue.working_orders(), 1);
}

#[test]
fn delays_depend_on_the_strategys_own_messages_only() {
    let delays = |others: bool| {
        let mut spec = plain_spec(1);
        let lognormal = |path| {
            let params = Params::new()
                .with("median", ParamValue::Span(Span::SECOND))
                .with("sigma", ParamValue::Decimal(Decimal::ONE));
            (latency_components()[2].build)(&params, setup(path)).unwrap()
        };
        (spec.entry_latency, spec.cancel_latency, spec.report_latency) =
            (lognormal("entry"), lognormal("cancel"), lognormal("report"));
        let mut venue = SimVenue::new(spec, &[instrument(0)]).unwrap();
        let mut drawn = Vec::new();
        for strategy in [0, 1, 0, 1, 0, 0].map(StrategyIx) {
            if strategy == StrategyIx(1) && !others {
                continue;
            }
            let client_order_id = ClientOrderId { strategy, number: 7 };
            let way = |venue: &mut SimVenue, command| match venue.way_of(Ts::MIN, &command) {
                Way::ArrivesAfter(delay) | Way::RefusedAfter(delay) => delay,
            };
            let mine = [
                way(&mut venue, Command::Amend { client_order_id, amendment: Amendment::default() }),
                way(&mut venue, Command::Cancel { client_order_id }),
                venue.report_delay_ns(Ts::MIN, &VenueReport::Triggered { client_order_id }),
            ];
            if strategy == StrategyIx(0) {
                drawn.extend(mine);
            }
        }
        drawn
    };
    assert_eq!(delays(true), delays(false));
    let mut distinct = delays(true);
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 12);
}

#[test]
fn an_impossible_venue_is_refused() {
    let refused = |change: fn(&mut VenueSpec)| {
        let mut spec = plain_spec(1);
        change(&mut spec);
        SimVenue::new(spec, &[instrument(0)]).err().unwrap().to_string()
    };
    for (change, said) in [
        ((|s| s.participation = Some(Decimal::ZERO)) as fn(&mut VenueSpec), "participation 0"),
        (|s| s.participation = Some(Decimal::TWO), "participation 2"),
        (|s| s.queue_ahead = Some(Decimal::NEGATIVE_ONE), "queue_ahead -1 is below zero"),
        (|s| s.funds = Some(vec![(CurrencyIx(1), Amount::from_raw(-1))]), "balance is below zero"),
        (|s| s.instruments.push(InstrumentIx(1)), "does not trade instrument number 1"),
    ] {
        let message = refused(change);
        assert!(message.contains(said), "{message}");
    }
}
