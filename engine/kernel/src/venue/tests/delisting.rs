//! An instrument is taken off the venue, as text.

use super::script::{Stage, check, plain_spec};
use crate::venue::*;

#[test]
fn orders_end_and_positions_are_settled_at_the_chosen_price() {
    for (at, px) in [("mark", "103"), ("last", "101"), ("99.5", "99.5")] {
        check(&format!(
            "
            trade 100 9
            1 buy 2 market
            trade 100 9
            > 1 filled 100 2 taker trade_take @2
            2 buy 1 limit 90
            3 sell 1 stop 80 gtd+100
            mark 103
            trade 101 1
            delist {at}
            > 2 canceled instrument_delisted @5
            > 3 canceled instrument_delisted @5
            > position settled at {px} @5
            4 buy 1 market
            > 4 rejected instrument_delisted @5
            cancel 2
            > 2 cancel_rejected unknown_order @5
            trade 70 9
            funding 0.01
            delist last
            expiry
            "
        ));
    }
}

/// 1 of the base asset is there, 2 are bought: 1000 - 200 - 0.2 are left of the quote.
#[test]
fn all_that_a_spot_account_has_of_the_asset_is_exchanged_or_lost_or_stays() {
    for (fate, said, base, quote) in [
        ("last", "> holding 3 settled at 110 @4", "0", "1129.8"),
        ("90.01", "> holding 3 settled at 90.01 @4", "0", "1069.83"),
        ("write_off", "> holding 3 lost @4", "0", "799.8"),
        ("hold", "", "3", "799.8"),
    ] {
        let stage = check(&format!(
            "venue funds=1:1000 taker=0.001
             trade 100 9
             1 buy 2 market
             trade 100 9
             > 1 filled 100 2 taker trade_take @2
             2 sell 1 limit 120
             trade 110 9
             delist {fate}
             > 2 canceled instrument_delisted @4
             {said}
             3 sell 1 market
             > 3 rejected instrument_delisted @4
             trade 200 9"
        ));
        let balance = |ix| stage.venue.funds.balance(CurrencyIx(ix)).unwrap().to_string();
        assert_eq!((balance(0).as_str(), balance(1).as_str()), (base, quote), "{fate}");
    }
}

/// A loss beyond the wallet is covered at once: no record may come any more.
#[test]
fn a_settlement_that_costs_more_than_the_wallet_is_covered() {
    check(
        "venue margin=cross:100:10
         trade 100 50
         1 buy 10 market
         trade 100 50
         > 1 filled 100 10 taker trade_take @2
         delist 85
         > position settled at 85 @3
         > bankrupt 50 @3",
    );
}

#[test]
fn without_a_price_what_is_held_cannot_be_settled() {
    let mut stage =
        Stage::new(VenueSpec { funds: Some(vec![(CurrencyIx(0), Amount::from_raw(1))]), ..plain_spec(1) }, 1);
    let (instrument, at) = (InstrumentIx(0), Ts::from_nanos(5));
    let error = VenueError::NoMark { instrument: "X0.SIM".to_owned(), at };
    for px in [SettlementPx::Mark, SettlementPx::Last] {
        let delisting = Delisting { instrument, fate: Fate::Settled(px) };
        assert_eq!(stage.venue.on_delisting(at, &delisting, &mut stage.out), Err(error.clone()));
    }
}
