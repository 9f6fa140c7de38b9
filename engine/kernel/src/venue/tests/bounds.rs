//! Bands of prices, the age of what is shown, and rules that change with time, by hand.

use super::instrument;
use super::script::{check, plain_spec};
use crate::venue::*;
use tapedeck_model::order::{OrderKind, Side, TimeInForce};
use tapedeck_model::{DatedRules, DepthFlags, DepthTick, Price, StrategyIx};

#[test]
fn limits_outside_of_the_band_are_refused_whatever_their_side() {
    check(
        "venue finest=trades price_band=5
         1 buy 1 limit 500
         trade 100 5
         > 1 filled 100 1 taker trade_take @1
         2 buy 1 limit 105
         3 buy 1 limit 105.1
         > 3 rejected price_band @1
         4 sell 1 limit 94.9
         > 4 rejected price_band @1
         5 buy 1 limit 94.9
         > 5 rejected price_band @1
         # at the trigger nothing is looked at but the limit
         6 buy 1 stop 120
         amend 2 limit=106
         > 2 amend_rejected price_band @1",
    );
}

#[test]
fn an_order_takes_no_quote_that_is_too_old() {
    check(
        "venue finest=quotes age=10
         quote 99 5 100 5
         +10 1 buy 1 market
         > 1 filled 100 1 taker quote_take @11
         +11 2 buy 1 market
         +11 3 buy 1 limit 101 ioc
         +11 4 buy 1 limit 99.5
         quote 99 5 100.5 5
         > 2 filled 100.5 1 taker quote_take @12
         > 3 filled 100.5 1 taker quote_take @12",
    );
}

#[test]
fn an_order_takes_no_level_that_is_too_old_and_stands_behind_what_is_shown_next() {
    check(
        "venue age=10
         depth bid 99 5 ask 100 5
         +11 1 buy 1 market
         +11 2 buy 1 limit 99
         depth bid 99 7
         > 1 filled 100 1 taker book_take @12
         trade 99 7 sell
         trade 99 1 sell
         > 2 filled 99 1 maker trade_queue @12",
    );
}

/// Ticks and lots change at ten seconds; orders that rest stay as they are.
#[test]
fn rules_of_the_day_hold_on_a_book() {
    let mut dated = instrument(0);
    let before = dated.rules[0];
    dated.rules.push(DatedRules {
        from: Ts::from_nanos(10_000_000_000),
        tick_size: Price::from_raw(50),
        lot_size: Qty::from_raw(100),
        qty_min: Qty::from_raw(100),
        notional_min: Amount::parse("50").unwrap(),
        ..before
    });
    let mut venue = SimVenue::new(plain_spec(1), &[dated]).unwrap();
    let mut out = Vec::new();
    let row = |side, px, qty, flags| {
        let (ts_event, ts_recv) = (Ts::from_nanos(1), Ts::from_nanos(1));
        let (px, qty) = (Price::from_raw(px), Qty::from_raw(qty));
        MarketRecord::Depth(DepthTick {
            instrument: InstrumentIx(0),
            ts_event,
            ts_recv,
            side: Some(side),
            px,
            qty,
            flags,
        })
    };
    let none = DepthFlags::from_bits_truncate(0);
    venue.on_record(RecordRef::default(), &row(Side::Buy, 9_900, 5_000, none), &mut out).unwrap();
    venue.on_record(RecordRef::default(), &row(Side::Sell, 10_000, 1_230, DepthFlags::LAST), &mut out).unwrap();
    let mut submit = |number, seconds: i64, (px, qty): (i64, i64)| {
        let kind = OrderKind::Limit { limit_px: Price::from_raw(px) };
        let order_qty = Qty::from_raw(qty);
        let request = OrderRequest {
            kind,
            time_in_force: TimeInForce::Gtc,
            ..OrderRequest::market(InstrumentIx(0), Side::Buy, order_qty)
        };
        let client_order_id = ClientOrderId { strategy: StrategyIx(0), number };
        out.clear();
        let command = Command::Submit { client_order_id, request };
        venue.on_command(Ts::from_nanos(seconds * 1_000_000_000), &command, &mut out).unwrap();
        out.iter()
            .map(|timed| match timed.report {
                VenueReport::Rejected { reason, .. } => reason.text().to_owned(),
                VenueReport::Filled(fill) => format!("filled {}", fill.last_qty.raw()),
                _ => "accepted".to_owned(),
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(submit(1, 9, (9_910, 60)), ["accepted"], "the old tick and lot");
    assert_eq!(submit(2, 10, (9_910, 1_000)), ["off_tick"]);
    assert_eq!(submit(3, 10, (9_900, 130)), ["off_lot"]);
    assert_eq!(submit(4, 10, (9_900, 0)), ["qty_too_small"]);
    assert_eq!(submit(5, 10, (9_900, 300)), ["notional_too_small"]);
    // A level that is no multiple of the lot is used down to it.
    assert_eq!(submit(6, 10, (10_000, 2_000)), ["accepted", "filled 1200"]);
}
