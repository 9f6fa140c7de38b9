//! Margin accounts: what may be opened, and when and how a position is taken away.

use proptest::prelude::*;
use tapedeck_model::{OrderRequest, Price, Side, StrategyIx, TradeTick};

use super::script::{SECOND, Stage, check, margin_of, plain_spec};
use crate::venue::*;

/// Wallet 100, 10 long at 100 on leverage 10: 5 % of the value is maintenance. At 95 the balance is 50 and
/// the maintenance 47.5; at 94.7 they are 47 and 47.35.
#[test]
fn a_position_is_closed_at_the_first_mark_at_which_margin_runs_out() {
    check(
        "venue margin=cross:100:10
         trade 100 50
         1 buy 10 market
         trade 100 50
         > 1 filled 100 10 taker trade_take @2
         2 buy 1 limit 90
         > 2 rejected insufficient_margin @2
         3 sell 10 limit 120 reduce
         trade 95 1
         trade 94.8 1
         trade 94.7 1
         > 3 canceled liquidation @5
         > liquidated sell 94.7 10 of 10: close with 47 <= 47.35, fee 9.47 @5
         trade 94 1",
    );
}

/// Funding alone: 10 long at 100 have a balance of 60 at 96 and need 48. Paying 12.96 leaves 47.04, and nobody
/// waits for the next print.
#[test]
fn funding_that_leaves_too_little_margin_is_followed_by_a_liquidation_at_once() {
    check(
        "venue margin=cross:100:10
         trade 100 50
         1 buy 10 market
         trade 100 50
         > 1 filled 100 10 taker trade_take @2
         2 sell 10 limit 120 reduce
         trade 96 1
         funding 0.001
         > position pays 0.96 for 10 at 96 @4
         funding 0.0125 96
         > position pays 12 for 10 at 96 @5
         > 2 canceled liquidation @5
         > liquidated sell 96 10 of 10: close with 47.04 <= 48, fee 9.6 @5
         trade 90 1",
    );
    check(
        "venue margin=isolated:1000:10
         trade 100 50
         1 buy 10 market
         trade 100 50
         > 1 filled 100 10 taker trade_take @2
         funding 0.06
         > position pays 60 for 10 at 100 @3
         > liquidated sell 100 10 of 10: close with 40 <= 50, fee 10 @3",
    );
}

#[test]
fn a_short_position_is_taken_away_as_the_price_rises() {
    check(
        "venue margin=cross:100:10 slip=0.01
         trade 100 50
         1 sell 10 market
         trade 100 50
         > 1 filled 100 10 taker trade_take @2
         trade 104.7 1
         trade 104.8 1
         > liquidated buy 105.9 10 of -10: close with 52 <= 52.4, fee 10.59 @4",
    );
}

/// A gap beyond the wallet: the fund covers what is missing, the fee is what is left, which is nothing.
#[test]
fn a_loss_beyond_the_wallet_is_covered_and_said() {
    check(
        "venue margin=cross:100:10
         trade 100 50
         1 buy 10 market
         trade 100 50
         > 1 filled 100 10 taker trade_take @2
         trade 85 1
         > liquidated sell 85 10 of 10: close with -50 <= 42.5, fee 0 @3
         > bankrupt 50 @3
         2 buy 0.1 market
         > 2 rejected insufficient_margin @3",
    );
}

/// 20 long at 100 with brackets 5 % up to 1000 and 10 % beyond (cum 50): at 94 the value is 1880, the
/// balance 80 and the maintenance 138. Brought down to 1000 or less, 10.63 stay: the balance is
/// 80 - fee 8.8078, the maintenance below 50.
#[test]
fn a_large_position_is_first_brought_down_to_the_next_bracket() {
    check(
        "venue margin=cross:200:10:0/0.05/10:1000/0.1/10
         trade 100 50
         1 buy 20 market
         trade 100 50
         > 1 filled 100 20 taker trade_take @2
         trade 94 1
         > liquidated sell 94 9.37 of 20: reduce with 80 <= 138, fee 8.8078 @3
         trade 92 1
         trade 91.9 1
         trade 91.8 1
         > liquidated sell 91.8 10.63 of 10.63: close with 47.8062 <= 48.7917, fee 9.75834 @6",
    );
}

/// The isolated wallet is a tenth of the value; the rest of the wallet stays out of it.
#[test]
fn an_isolated_position_leaves_the_rest_of_the_wallet_alone() {
    check(
        "venue margin=isolated:1000:10
         trade 100 50
         1 buy 10 market
         trade 100 50
         > 1 filled 100 10 taker trade_take @2
         2 buy 1 limit 80
         trade 94.7 1
         > 2 canceled liquidation @3
         > liquidated sell 94.7 10 of 10: close with 47 <= 47.35, fee 9.47 @3
         3 buy 90 market
         trade 100 500
         > 3 filled 100 90 taker trade_take @4
         trade 80 1
         > liquidated sell 80 90 of 90: close with -900 <= 360, fee 0 @5
         > bankrupt 900 @5",
    );
}

/// The path of a bar: margin runs out at 94.73, on the way from 100 to 90, though the bar closes at 100.
#[test]
fn a_bar_is_looked_at_along_its_path() {
    check(
        "venue margin=cross:100:10
         bar 100 100 100 100 50
         1 buy 10 market
         bar 100 100 99 100 50
         > 1 filled 100 10 taker bar_open @60
         bar 100 101 90 100 50
         > liquidated sell 94.7 10 of 10: close with 47.3 <= 47.365, fee 9.47 @151.4",
    );
}

/// A stop that the path reaches first saves the position; one that it reaches too late is canceled.
#[test]
fn what_comes_first_on_the_path_happens_first() {
    check(
        "venue margin=cross:100:10
         bar 100 100 100 100 50
         1 buy 10 market
         bar 100 100 99 100 50
         > 1 filled 100 10 taker bar_open @60
         2 sell 10 stop 96 reduce
         bar 100 101 90 100 50
         > 2 triggered @149.09090909
         > 2 filled 96 10 taker bar_path @149.09090909",
    );
    check(
        "venue margin=cross:100:10
         bar 100 100 100 100 50
         1 buy 10 market
         bar 100 100 99 100 50
         > 1 filled 100 10 taker bar_open @60
         2 sell 10 stop 94 reduce
         bar 100 101 90 100 50
         > 2 canceled liquidation @151.4
         > liquidated sell 94.7 10 of 10: close with 47.3 <= 47.365, fee 9.47 @151.4",
    );
}

/// A position that is opened inside a bar is not taken away by a price that was there before.
#[test]
fn a_bar_cannot_take_away_what_was_opened_after_its_extreme() {
    check(
        "venue margin=cross:110:10 path=olhc
         bar 100 100 100 100 50
         1 buy 10 stop 100.5
         bar 100 101 90 100.8 50
         > 1 triggered @99.09090909
         > 1 filled 100.5 10 taker bar_path @99.09090909",
    );
}

/// Once the tape has mark prices only they count: not the path of a bar, and not its close.
#[test]
fn mark_prices_count_where_there_are_some() {
    check(
        "venue margin=cross:100:10
         mark 100
         bar 100 100 100 100 50
         1 buy 10 market
         bar 100 100 99 100 50
         > 1 filled 100 10 taker bar_open @61
         bar 100 101 90 91 50
         mark 94.74
         mark 94.73
         > liquidated sell 94.7 10 of 10: close with 47.3 <= 47.365, fee 9.47 @183",
    );
}

#[test]
fn no_bracket_that_allows_the_leverage_holds_more() {
    check(
        "venue margin=cross:100000:20:0/0.05/20:1000/0.05/10
         trade 100 50
         1 buy 20 limit 100
         > 1 rejected position_too_large @1
         2 buy 10 limit 100
         trade 99.9 50
         > 2 filled 99.9 10 taker trade_take @2
         amend 2 qty=11
         > 2 amend_rejected unknown_order @2
         3 buy 1 limit 90
         > 3 rejected position_too_large @2
         4 sell 20 limit 110
         > 4 rejected position_too_large @2
         5 sell 20 limit 99.9",
    );
}

/// Coin-margined: 10 contracts of 100 dollars at 125 are 8 coins. With 2.4 in the wallet the balance at p is
/// 10.4 - 1000 / p and the maintenance 50 / p, so margin runs out at 1050 / 10.4 = 100.96.
#[test]
fn an_inverse_position_is_taken_away_by_its_value_in_coin() {
    check(
        "venue margin=cross:2.4:4 inverse=100
         trade 125 50
         1 buy 10 market
         trade 125 50
         > 1 filled 125 10 taker trade_take @2
         2 buy 2.1 limit 125
         > 2 rejected insufficient_margin @2
         3 buy 1.9 limit 125
         trade 125.1 1
         trade 100 0.1
         > 3 filled 125 0.1 maker trade_through @4
         > 3 canceled liquidation @4
         > liquidated sell 100 10.1 of 10.1: close with 0.38 <= 0.505, fee 0.101 @4",
    );
    check(
        "venue margin=cross:2.4:4 inverse=100
         trade 125 50
         1 buy 10 market
         trade 125 50
         > 1 filled 125 10 taker trade_take @2
         trade 101 1
         trade 100 1
         > liquidated sell 100 10 of 10: close with 0.4 <= 0.5, fee 0.1 @4",
    );
    // 10 at 100 are 10 coins: -7.7 + 1000 / p against 50 / p, which is 123.38.
    check(
        "venue margin=cross:2.3:5 inverse=100
         trade 100 50
         1 sell 10 market
         trade 100 50
         > 1 filled 100 10 taker trade_take @2
         trade 123 1
         trade 125 1
         > liquidated buy 125 10 of -10: close with 0.3 <= 0.4, fee 0.08 @4",
    );
}

/// Brackets are in coin: 5 % up to 6 and 10 % beyond (cum 0.3). At 100 the 10 contracts are worth 10, of which 6
/// stay: the wallet is 2.4 - 0.8 - 0.04. At 80 these are worth 7.5; 4.8 of them would be 6.
#[test]
fn brackets_of_an_inverse_contract_are_in_coin() {
    check(
        "venue margin=cross:2.4:4:0/0.05/10:6/0.1/10 inverse=100
         trade 125 50
         1 buy 10 market
         trade 125 50
         > 1 filled 125 10 taker trade_take @2
         trade 100 1
         > liquidated sell 100 4 of 10: reduce with 0.4 <= 0.7, fee 0.04 @3
         trade 80 1
         > liquidated sell 80 1.2 of 6: reduce with -1.14 <= 0.45, fee 0 @4
         > liquidated sell 80 4.8 of 4.8: close with -1.14 <= 0.3, fee 0 @4
         > bankrupt 1.14 @4",
    );
    check(
        "venue margin=cross:100:20:0/0.05/20:10/0.05/10 inverse=100
         trade 100 50
         1 buy 10 limit 100
         2 buy 1 limit 90
         > 2 rejected position_too_large @1
         3 sell 10 limit 100.1",
    );
}

/// The isolated wallet is a quarter of the value in coin; on the way down a bar margin runs out where
/// 2 + 8 - 1000 / p is 50 / p: at 105.
#[test]
fn an_isolated_inverse_position_runs_out_along_the_path_of_a_bar() {
    check(
        "venue margin=isolated:50:4 inverse=100
         bar 125 125 125 125 50
         1 buy 10 market
         bar 125 125 125 125 50
         > 1 filled 125 10 taker bar_open @60
         bar 125 126 100 125 50
         > liquidated sell 105 10 of 10: close with 0.47619047619047619047619 <= 0.47619047619047619047619, fee 0.095238095238095238095238 @156.153846153",
    );
}

/// Sums over what the venue said, in units of 1e-5: money that fills and liquidations moved, signed
/// quantity, fees, and what was covered.
#[derive(Debug, Default)]
struct Naive {
    flow: i128,
    qty: i128,
    fees: i128,
    covered: i128,
}

impl Naive {
    fn take(&mut self, side: Side, px: Price, qty: Qty) {
        let signed = i128::from(qty.raw()) * i128::from(side.sign());
        self.qty += signed;
        self.flow -= signed * i128::from(px.raw());
    }

    fn hear(&mut self, timed: &TimedReport, requests: &[OrderRequest]) {
        let unit = 10_i128.pow(19);
        match timed.report {
            VenueReport::Filled(fill) => {
                let side = requests[fill.client_order_id.number as usize - 1].side;
                self.take(side, fill.last_px, fill.last_qty);
            }
            VenueReport::Liquidated(taken) => {
                self.take(taken.side, taken.last_px, taken.last_qty);
                self.fees += taken.fee.raw() / unit;
                // Fees are 1 % of a value in units of 1e-5: two more digits.
                assert_eq!(taken.fee.raw() % (unit / 100), 0);
                self.fees += i128::from(taken.fee.raw() % unit != 0);
            }
            VenueReport::Bankrupt(bankrupt) => self.covered += bankrupt.covered.raw() / unit,
            _ => {}
        }
    }

    /// Wallet and unrealised profit, and 5 % of the value, in units of 1e-5; the fees may be one unit too
    /// high for each stage.
    fn standing(&self, wallet: i128, px: Price) -> (i128, i128) {
        let value = self.qty * i128::from(px.raw());
        (wallet + self.flow + value - self.fees + self.covered, value.abs() / 20)
    }
}

proptest! {
    /// After every mark the balance is above the maintenance margin, by plain sums; and at every liquidation
    /// it was not.
    #[test]
    fn none_is_missed_and_none_is_without_cause(
        steps in prop::collection::vec((any::<bool>(), 1_i64..400, -40_i64..=40), 2..150), mode in any::<bool>(),
    ) {
        // One order after the other, each filled by the next print, on the whole wallet.
        let mut spec = plain_spec(1);
        let text = if mode { "cross:50:15" } else { "cross:90:7" };
        spec.margin = Some(margin_of(text));
        let wallet = if mode { 5_000_000 } else { 9_000_000 };
        let mut stage = Stage::new(spec, 1);
        let (mut naive, mut requests, mut px, mut heard) = (Naive::default(), Vec::new(), 10_000_i64, 0);
        for (number, (buy, qty, step)) in steps.into_iter().enumerate() {
            px = (px + step * 10).max(1_000);
            let ts = Ts::from_nanos((number as i64 + 1) * SECOND);
            let last = Price::from_raw(px);
            let trade =
                TradeTick { instrument: InstrumentIx(0), ts_event: ts, ts_recv: ts, px: last, qty: Qty::from_raw(1_000_000), aggressor: None };
            stage.record(&MarketRecord::Trade(trade));
            for timed in &stage.out[heard..] {
                if let VenueReport::Liquidated(taken) = timed.report {
                    let (balance, maintenance) = naive.standing(wallet, last);
                    prop_assert!(balance <= maintenance, "{balance} above {maintenance}: {taken:?}");
                    prop_assert_eq!(taken.maintenance.raw() / 10_i128.pow(19), maintenance);
                }
                naive.hear(timed, &requests);
            }
            heard = stage.out.len();
            let (balance, maintenance) = naive.standing(wallet, last);
            prop_assert!(naive.qty == 0 || balance + 1 > maintenance, "{balance} of {maintenance} at {px}: {naive:?}");
            prop_assert!(naive.qty != 0 || balance >= 0, "{balance} is left");
            let side = if buy { Side::Buy } else { Side::Sell };
            let request = OrderRequest::market(InstrumentIx(0), side, Qty::from_raw(qty * 10));
            requests.push(request);
            let id = ClientOrderId { strategy: StrategyIx(0), number: requests.len() as u32 };
            stage.venue.on_command(ts, &Command::Submit { client_order_id: id, request }, &mut stage.out).unwrap();
        }
    }
}
