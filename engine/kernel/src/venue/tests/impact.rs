//! What our own trading has moved the market meets: orders that rest, triggers, limits that come. One unit bought at 100
//! moves it up by 10 bps, which is a tick, where nothing else is said.

use proptest::prelude::*;

use super::script::{SECOND, Stage, check, impact_of, plain_spec};
use crate::venue::*;
use tapedeck_model::order::{OrderKind, Side};
use tapedeck_model::{
    DepthFlags, DepthTick, MarketRecord, MboAction, MboTick, Price, QuoteTick, StrategyIx, TradeTick,
};

#[test]
fn on_bars_the_path_must_come_as_much_nearer() {
    check(
        "venue path=olhc impact=0:10:60
         bar 100 101 99 100 10
         1 buy 1 market
         bar 100 101 99 100 10
         > 1 filled 100 1 taker bar_open @60
         2 buy 1 limit 98
         3 sell 1 limit 102
         # What moved away from purchases did not move toward sales.
         bar 100 102 98 100 10
         > 3 filled 102 1 maker bar_path @160
         bar 100 101 97.9 100 10
         > 2 filled 98 1 maker bar_path @200
         # A market that opens beyond a limit opens a tick higher than on the tape.
         4 buy 1 limit 98
         bar 97 98 97 98 10
         > 4 filled 97.1 1 taker bar_open @240",
    );
    // Those that rested when the bar began: at their limits, one of which the moved open has just come to.
    check(
        "venue path=olhc impact=0:10:60
         bar 100 101 99 100 10
         1 buy 1 market
         2 buy 1 limit 98
         3 buy 1 limit 97.1
         4 buy 1 limit 97
         bar 100 101 99 100 10
         > 1 filled 100 1 taker bar_open @60
         bar 97 98 97 98 10
         > 2 filled 98 1 maker bar_open @120
         > 3 filled 97.1 1 maker bar_open @120",
    );
}

/// A tick for good and two for a while, which the purchase at the open adds when the limit has looked along the path.
#[test]
fn what_moves_inside_a_bar_is_met_inside_it() {
    check(
        "venue path=olhc impact=20:10:600
         bar 100 101 99 100 10
         1 buy 1 limit 99
         2 buy 1 market
         bar 100 101 98.8 100 10
         > 2 filled 100.2 1 taker bar_open @60
         bar 100 101 98.7 100 10
         > 1 filled 99 1 maker bar_path @140",
    );
}

#[test]
fn on_trades_a_print_must_go_through_the_moved_limit() {
    check(
        "venue queue=1 impact=0:10:60
         trade 100 5
         1 buy 1 market
         trade 100 5
         > 1 filled 100 1 taker trade_take @2
         2 buy 1 limit 99.5
         3 sell 1 limit 100.1
         # At its price on the tape, and at its price in the moved market, where all that stands there may stand first.
         trade 99.5 3 sell
         trade 99.4 3 sell
         trade 99.3 0.4 sell
         > 2 filled 99.5 0.4 maker trade_through @5
         # The line of the tape goes on: nobody stands before the sale any more.
         trade 100.1 1 buy
         trade 100.1 1 buy
         > 3 filled 100.1 1 maker trade_queue @7
         # A limit that comes takes what is within it in the moved market.
         4 buy 1 limit 100.1 ioc
         trade 100.1 3
         > 4 canceled ioc_rest @8
         5 buy 1 limit 100.2 ioc
         trade 100.1 3
         > 5 filled 100.2 1 taker trade_take @9",
    );
}

#[test]
fn on_quotes_the_other_side_must_come_as_much_nearer() {
    check(
        "venue impact=0:10:60
         quote 99.9 5 100 5
         1 buy 1 market
         > 1 filled 100 1 taker quote_take @1
         2 buy 1 limit 99.5
         3 sell 1 limit 100.5
         quote 99.4 5 99.5 5
         trade 99.4 5 sell
         quote 99.3 5 99.4 5
         > 2 filled 99.5 1 maker quote_cross @4
         4 buy 1 limit 99.4 ioc
         > 4 canceled ioc_rest @4
         5 buy 1 limit 99.5 ioc
         > 5 filled 99.5 1 taker quote_take @4
         # Sold two: the market is where the tape is, then below it.
         6 sell 3 market
         > 6 filled 99.3 3 taker quote_take @4
         quote 100.5 5 100.6 5
         quote 100.6 5 100.7 5
         > 3 filled 100.5 1 maker quote_cross @6",
    );
}

#[test]
fn on_a_book_the_line_is_the_tape_s_and_prints_must_go_through() {
    check(
        "venue impact=0:10:60
         depth clear bid 99.5 2 bid 99.4 5 ask 100 5 ask 100.1 5
         1 buy 1 market
         > 1 filled 100 1 taker book_take @1
         2 buy 1 limit 99.5
         # What stood before it is served, and the order with the next print where nothing is moved; not here.
         trade 99.5 2 sell
         depth bid 99.5 0
         trade 99.5 3 sell
         trade 99.4 3 sell
         trade 99.3 0.4 sell
         > 2 filled 99.5 0.4 maker trade_through @6
         depth bid 99.4 0 bid 99 5 ask 99.5 5
         depth ask 99.4 0.2 ask 99.5 5
         > 2 filled 99.5 0.2 maker book_cross @8
         # Walks the levels within its limit as the market stands when it comes.
         3 buy 9 limit 99.6 ioc
         > 3 filled 99.6 5 taker book_take @8
         > 3 canceled ioc_rest @8
         4 buy 2 limit 100 fok
         > 4 canceled fok_not_filled @8",
    );
}

#[test]
fn order_by_order_an_execution_must_be_beyond_the_moved_limit() {
    check(
        "venue impact=0:10:60
         mbo clear add 1 bid 99.5 2 add 2 ask 100 5 add 3 bid 99.4 2 add 4 bid 99.3 2
         1 buy 1 market
         > 1 filled 100 1 taker book_take @1
         2 buy 1 limit 99.5
         mbo exec 1 2
         mbo add 5 bid 99.5 2
         mbo exec 5 2
         mbo exec 3 2
         mbo exec 4 0.4
         > 2 filled 99.5 0.4 maker trade_through @6",
    );
}

/// Two ticks for a while, half of them gone after ten seconds.
#[test]
fn an_order_is_met_again_when_the_impact_is_gone() {
    check(
        "venue impact=20:0:10
         quote 99.9 5 100 5
         1 buy 1 market
         > 1 filled 100.2 1 taker quote_take @1
         2 buy 1 limit 99.5
         quote 99.4 5 99.5 5
         quote 99.3 5 99.4 5
         quote 99.2 5 99.3 5
         > 2 filled 99.5 1 maker quote_cross @4",
    );
    // More than a tick until ten seconds have passed; a bar fills nothing here and lets time pass.
    check(
        "venue impact=20:0:10
         quote 99.9 5 100 5
         1 buy 1 market
         > 1 filled 100.2 1 taker quote_take @1
         2 buy 1 limit 99.5
         bar_to 9 100 100 100 100 1
         quote 99.3 5 99.4 5
         quote 99.3 5 99.4 5
         > 2 filled 99.5 1 maker quote_cross @11",
    );
    // What is left is a tick, until less than a billionth of the smallest unit of price is left.
    check(
        "venue impact=20:0:10
         quote 99.9 5 100 5
         1 buy 1 market
         > 1 filled 100.2 1 taker quote_take @1
         2 buy 1 limit 99.5
         bar_to 342 100 100 100 100 1
         quote 99.4 5 99.5 5
         quote 99.4 5 99.5 5
         > 2 filled 99.5 1 maker quote_cross @344",
    );
}

#[test]
fn triggers_see_the_moved_price_where_it_is_against_them() {
    check(
        "venue impact=0:15:60
         quote 99.9 5 100 5
         1 buy 1 market
         > 1 filled 100 1 taker quote_take @1
         # A tick and a half: one tick of it is seen, and all of it paid.
         2 buy 1 stop 101
         3 buy 1 touch 99.5
         4 sell 1 stop 99.2
         5 buy 1 trail 0.5
         quote 99.4 5 99.5 5
         quote 99.3 5 99.4 5
         > 3 triggered @3
         > 3 filled 99.6 1 taker quote_take @3
         # Nearly three ticks now, two of which are seen; the best price was 99.6, as seen then.
         quote 99.7 5 99.8 5
         quote 99.8 5 99.9 5
         > 5 triggered @5
         > 5 filled 100.2 1 taker quote_take @5
         # Four and a bit.
         quote 100.4 5 100.5 5
         quote 100.5 5 100.6 5
         > 2 triggered @7
         > 2 filled 101.1 1 taker quote_take @7
         # Sales see the tape.
         quote 99.3 5 99.4 5
         quote 99.2 5 99.3 5
         > 4 triggered @9
         > 4 filled 99.2 1 taker quote_take @9",
    );
}

#[test]
fn on_a_bar_a_stop_is_reached_where_the_moved_path_is_at_its_trigger() {
    check(
        "venue path=ohlc impact=0:10:60
         bar 100 101 99 100 10
         1 buy 1 market
         2 buy 1 stop 102
         bar 100 101 99 100 10
         > 1 filled 100 1 taker bar_open @60
         bar 100 101.9 98 100 10
         > 2 triggered @140
         > 2 filled 102 1 taker bar_path @140",
    );
    // The best price was 99, a tick higher as seen: 101.1 is seen at 101 and paid.
    check(
        "venue path=ohlc impact=0:10:60
         bar 100 101 99 100 10
         1 buy 1 market
         2 buy 1 trail 2
         bar 100 101 99 100 10
         > 1 filled 100 1 taker bar_open @60
         bar 100 101 98 100 10
         > 2 triggered @140
         > 2 filled 101.1 1 taker bar_path @140",
    );
    // A sale of one that was sold before; a bar that goes back before it has come so far.
    check(
        "venue path=olhc impact=0:10:60
         bar 100 101 99 100 10
         1 sell 1 market
         2 sell 1 stop 98
         bar 100 101 99 100 10
         > 1 filled 100 1 taker bar_open @60
         bar 100 101 98.2 100 10
         bar 98.1 101 98 100 10
         > 2 triggered @180
         > 2 filled 98 1 taker bar_open @180",
    );
}

#[test]
fn orders_of_ours_that_a_moved_market_has_not_come_to_are_not_traded_with() {
    // The bid has come to the sale at 100.4 on the tape; in the moved market it is two ticks below it.
    check(
        "venue impact=0:20:60 stp=cancel_maker
         quote 99.9 5 100 5
         1 sell 1 market
         > 1 filled 99.9 1 taker quote_take @1
         2 sell 1 limit 100.4
         quote 100.4 5 100.6 5
         3 buy 1 market
         > 2 canceled self_trade @2
         > 3 filled 100.6 1 taker quote_take @2",
    );
}

#[test]
fn a_child_s_trigger_sees_the_moved_price() {
    check(
        "venue queue=0 impact=0:10:60
         trade 100 5
         1 sell 1 market
         trade 100 5
         > 1 filled 100 1 taker trade_take @2
         oto 2 buy 1 limit 99 | 3 sell 1 stop 98.9
         > 3 held @2
         trade 99 1 sell
         > 2 filled 99 1 maker trade_queue @3
         > 3 activated 1 @3
         > 3 triggered @3
         trade 99 1
         > 3 filled 98.9 1 taker trade_take @4",
    );
}

#[test]
fn a_redenomination_scales_what_was_moved() {
    // Ten new units for one: the tick that was moved is less than one in new units; and two ticks of old ones are one.
    check(
        "venue impact=0:100:60
         quote 99.9 5 100 5
         1 buy 1 market
         > 1 filled 100 1 taker quote_take @1
         redenominate 10
         told 2
         quote 9.9 5 10 5
         2 buy 1 limit 9.5
         quote 9.3 5 9.5 5
         quote 9.3 5 9.4 5
         > 2 filled 9.5 1 maker quote_cross @5",
    );
}

/// A record of a random tape, in ticks around 100, and a purchase or a sale by the market before it.
#[derive(Debug, Clone, Copy)]
struct Step {
    level: i64,
    width: i64,
    qty: i64,
    market: i64,
}

fn step() -> impl Strategy<Value = Step> {
    (980_i64..1_020, 1_i64..6, 10_i64..40, -3_i64..=3).prop_map(|(level, width, qty, market)| Step {
        level,
        width,
        qty,
        market,
    })
}

/// The records of a step on one of six kinds of tape.
fn records(step: &Step, tape: u8, now: i64) -> Vec<MarketRecord> {
    let px = |ticks: i64| Price::from_raw(ticks * 10);
    let instrument = InstrumentIx(0);
    let (ts_event, ts_recv) = (Ts::from_nanos(now), Ts::from_nanos(now));
    let Step { level, width, .. } = *step;
    let qty = Qty::from_raw(step.qty * 100);
    let aggressor = Some(if step.qty % 2 == 0 { Side::Buy } else { Side::Sell });
    let trade = TradeTick { instrument, ts_event, ts_recv, px: px(level), qty, aggressor };
    let bar = Bar {
        instrument,
        ts_event,
        ts_recv,
        interval: Span::MINUTE,
        open: px(level),
        high: px(level + width),
        low: px(level - step.qty % 7),
        close: px(level),
        volume: Qty::from_raw(1_000_000),
    };
    let (bid_px, ask_px) = (px(level - width), px(level));
    let quote = QuoteTick { instrument, ts_event, ts_recv, bid_px, bid_qty: qty, ask_px, ask_qty: qty };
    let row = |side, px, flags| DepthTick { instrument, ts_event, ts_recv, side: Some(side), px, qty, flags };
    match tape {
        0 => vec![MarketRecord::Bar(bar)],
        1 => vec![MarketRecord::Trade(trade)],
        2 => vec![MarketRecord::Quote(quote)],
        3 => vec![MarketRecord::Trade(trade), MarketRecord::Quote(quote)],
        4 => vec![
            MarketRecord::Trade(trade),
            MarketRecord::Depth(row(Side::Buy, bid_px, DepthFlags::CLEAR)),
            MarketRecord::Depth(row(Side::Sell, ask_px, DepthFlags::LAST)),
        ],
        _ => {
            let mbo = |order_id, action, side: Option<Side>, px, flags| {
                MarketRecord::Mbo(MboTick {
                    instrument,
                    ts_event,
                    ts_recv,
                    action: Some(action),
                    side,
                    px,
                    qty,
                    order_id,
                    flags,
                })
            };
            vec![
                mbo(1, MboAction::Add, Some(Side::Buy), bid_px, DepthFlags::CLEAR),
                mbo(2, MboAction::Add, Some(Side::Sell), ask_px, DepthFlags::LAST),
                mbo(1 + u64::from(step.qty % 2 == 0), MboAction::Execute, None, Price::ZERO, DepthFlags::LAST),
            ]
        }
    }
}

/// After each step, what was filled of an order that came after the first, and whether its trigger was reached.
fn resting(
    steps: &[Step],
    (tape, side, kind): (u8, Side, OrderKind),
    slippage: Box<dyn SlippageModel>,
) -> Vec<(Qty, bool)> {
    let spec = VenueSpec { queue_ahead: Some(Decimal::ONE), slippage, ..plain_spec(1) };
    let mut stage = Stage::new(spec, 1);
    let send = |stage: &mut Stage, number: u32, request: OrderRequest| {
        let client_order_id = ClientOrderId { strategy: StrategyIx(0), number };
        let now = Ts::from_nanos(stage.now);
        stage.venue.on_command(now, &Command::Submit { client_order_id, request }, &mut stage.out).unwrap();
    };
    let market = |side, qty| OrderRequest::market(InstrumentIx(0), side, Qty::from_raw(qty));
    let (mut done, mut filled, mut triggered) = (Vec::new(), Qty::ZERO, false);
    for (nth, step) in steps.iter().enumerate() {
        let now = (nth as i64 + 1) * 60 * SECOND;
        for record in records(step, tape, now) {
            stage.record(&record);
        }
        if nth == 1 {
            send(&mut stage, 1, OrderRequest { kind, ..market(side, 9_000) });
        }
        if step.market != 0 {
            let taker = if step.market > 0 { Side::Buy } else { Side::Sell };
            send(&mut stage, nth as u32 + 2, market(taker, step.market.abs() * 30));
        }
        let of_it = |timed: &TimedReport| timed.report.client_order_id().is_some_and(|id| id.number == 1);
        for timed in stage.out.drain(..).filter(of_it) {
            match timed.report {
                VenueReport::Filled(fill) => filled = filled.checked_add(fill.last_qty).unwrap(),
                VenueReport::Triggered { .. } => triggered = true,
                _ => {}
            }
        }
        done.push((filled, triggered));
    }
    done
}

proptest! {
    /// What our trading moves never makes an order fill earlier or more. Orders of ours that take are
    /// small here, for what one leaves of a record another may have.
    #[test]
    fn no_order_gains_by_what_was_moved(
        steps in prop::collection::vec(step(), 2..60), tape in 0_u8..6, buys in any::<bool>(), away in 0_i64..15,
        eta in 0_u32..200, gamma in 0_u32..100,
    ) {
        let side = if buys { Side::Buy } else { Side::Sell };
        let limit_px = Price::from_raw(10 * (1_000 - side.sign() * away));
        let order = (tape, side, OrderKind::Limit { limit_px });
        let moved = resting(&steps, order, impact_of(&format!("{eta}:{gamma}:300")));
        let still = resting(&steps, order, impact_of("0:0:300"));
        for (nth, ((moved, _), (still, _))) in moved.iter().zip(&still).enumerate() {
            prop_assert!(moved <= still, "after {nth}: {moved:?} of {still:?}");
        }
    }

    /// Nor does it ever have a stop reached later, or an if-touched order earlier.
    #[test]
    fn no_trigger_helps_by_what_was_moved(
        steps in prop::collection::vec(step(), 2..60), tape in 0_u8..6, buys in any::<bool>(), away in 1_i64..15,
        stops in any::<bool>(), eta in 0_u32..200, gamma in 0_u32..100,
    ) {
        let side = if buys { Side::Buy } else { Side::Sell };
        let beyond = if stops { side.sign() * away } else { -side.sign() * away };
        let trigger_px = Price::from_raw(10 * (steps[1].level + beyond));
        let kind = if stops { OrderKind::Stop { trigger_px } } else { OrderKind::Touch { trigger_px } };
        let moved = resting(&steps, (tape, side, kind), impact_of(&format!("{eta}:{gamma}:300")));
        let still = resting(&steps, (tape, side, kind), impact_of("0:0:300"));
        for (nth, ((_, moved), (_, still))) in moved.iter().zip(&still).enumerate() {
            prop_assert!(if stops { moved >= still } else { moved <= still }, "after {nth}: {moved} and {still}");
        }
    }
}
