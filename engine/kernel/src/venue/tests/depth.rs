//! Orders on an order book, case by case.

use std::collections::BTreeMap;

use super::script::{SECOND, Stage, check, plain_spec};
use crate::venue::*;
use proptest::prelude::{prop, prop_assert, prop_oneof, proptest};
use proptest::strategy::Strategy as _;
use tapedeck_model::order::FillBasis;
use tapedeck_model::{DepthFlags, DepthTick, Liquidity, Price, Side, StrategyIx, TimeInForce, TradeTick};

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

/// An account that looks at every record gets rows of depth one by one.
#[test]
fn levels_are_taken_at_once_where_nobody_looks_at_each() {
    for (venue, at_once) in [("bps=0", true), ("margin=cross:1000:10", false), ("loans=1000:3:0.24:0.024", false)] {
        let mut stage = check(&format!("venue {venue}\ndepth clear bid 99 5 ask 101 1 ask 102 2"));
        let ts = Ts::from_nanos(2 * SECOND);
        let levels = Levels::new(InstrumentIx(0), (ts, ts), (&[-1, 1], &[10_100, 9_800], &[0, 3_000]));
        assert_eq!(stage.venue.on_levels(RecordRef::default(), &levels), at_once, "{venue}");
        let book = &stage.venue.desk(InstrumentIx(0)).unwrap().depth;
        let ask = book.top().map(|(_, ask)| ask.raw());
        assert_eq!(ask, Some(if at_once { 10_200 } else { 10_100 }), "{venue}");
    }
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
fn a_book_of_one_side_fills_what_it_reaches() {
    check(
        "
        depth clear bid 99 5 ask 101 5
        +0 1 buy 1 limit 99
        +0 2 sell 1 stop 97
        depth bid 99 0 ask 99 0.4
        > 1 filled 99 0.4 maker book_cross @2
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

#[test]
fn a_quote_takes_away_what_it_shows_to_be_gone_until_the_next_message() {
    check(
        "
        venue book_quotes=prune
        # Nothing is known of a book before its first message.
        quote 99 1 101 1
        depth clear bid 99 5 ask 101 2 ask 102 2 ask 103 9
        # Asks of 101 are gone, and of 102 one is left; the bid of 100 is not told by depth yet.
        quote 100 1 102 1
        +0 1 buy 4 market
        > 1 filled 102 1 taker book_take @3
        > 1 filled 103 3 taker book_take @3
        +0 2 sell 1 market
        > 2 filled 99 1 taker book_take @3
        # The message names neither 101 nor 102: both are as they were, less what we took since they were told of.
        depth bid 98 1
        +0 3 buy 14 market
        > 3 filled 101 2 taker book_take @4
        > 3 filled 102 1 taker book_take @4
        > 3 filled 103 6 taker book_take @4
        > 3 canceled no_liquidity @4
        # A crossed quote says nothing.
        quote 105 1 104 1
        +0 4 sell 1 market
        > 4 filled 99 1 taker book_take @5
        ",
    );
}

#[test]
fn a_fused_quote_adds_its_levels_and_meets_what_rests() {
    let script = "
        depth clear bid 99 5 ask 101 2
        +0 1 buy 1 limit 100
        +0 2 buy 1 stop 102
        quote 98 1 100 0.4
        ";
    check(&format!(
        "
        venue book_quotes=fuse
        {script}
        > 1 filled 100 0.4 maker book_cross @2
        # The same again is not told anew.
        quote 98 2 100 0.4
        quote 98 2 100 0.1
        > 1 filled 100 0.1 maker book_cross @4
        quote 101 1 102 0.5
        > 2 triggered @5
        > 2 filled 102 0.5 taker book_take @5
        > 2 canceled no_liquidity @5
        "
    ));
    for law in ["prune", "ignore"] {
        check(&format!(
            "venue book_quotes={law}
{script}"
        ));
    }
}

#[test]
fn a_quote_moves_those_who_rest_at_its_level() {
    let stage = check(
        "
        venue book_quotes=prune
        depth clear bid 99 9 ask 101 5
        +0 1 buy 1 limit 99
        # The print and the quote tell of the same trade; three more have left.
        trade 99 4 sell
        quote 99 2 101 5
        # Depth tells of it as well: nobody moves twice.
        depth bid 99 2
        trade 99 2.5 sell
        > 1 filled 99 0.5 maker trade_queue @5
        ",
    );
    assert_eq!(evidence(&stage.out), [(9_000, 2_000, 500)]);
    check(
        "
        venue book_quotes=prune
        depth clear bid 99 9 bid 98 9 ask 101 5
        +0 1 buy 1 limit 99
        # Nobody is left at 99 but us; whoever is told of later came later.
        quote 98 9 101 5
        depth bid 99 7
        trade 99 1 sell
        > 1 filled 99 1 maker trade_queue @4
        ",
    );
}

/// What a naive venue remembers of one side: what levels show, and what was taken since they were told of.
#[derive(Default)]
struct Shown(BTreeMap<i64, (i64, i64)>);

impl Shown {
    fn left_within(&self, side: Side, limit: i64) -> i64 {
        let within = |px: i64| if side == Side::Buy { px >= limit } else { px <= limit };
        self.0.iter().filter(|(px, _)| within(**px)).map(|(_, (shown, taken))| shown - taken).sum()
    }

    fn take_best(&mut self, side: Side, mut qty: i64) {
        let mut levels: Vec<&mut (i64, i64)> = self.0.values_mut().collect();
        if side == Side::Buy {
            levels.reverse();
        }
        for (shown, taken) in levels {
            let part = qty.min(*shown - *taken);
            *taken += part;
            qty -= part;
        }
    }
}

#[derive(Debug, Clone)]
enum Action {
    Level(Side, i64, i64),
    Print(i64, i64, Option<Side>),
    Order(Side, i64, i64, u8),
}

fn action() -> impl proptest::strategy::Strategy<Value = Action> {
    let side = || prop::sample::select(vec![Side::Buy, Side::Sell]);
    // Bids below 100.0, asks above: the book is never crossed.
    prop_oneof![
        4 => (side(), 1_i64..8, 0_i64..30)
            .prop_map(|(side, off, lots)| Action::Level(side, 10_000 - side.sign() * off * 10, lots * 10)),
        2 => (-6_i64..7, 1_i64..30, prop::option::of(side()))
            .prop_map(|(off, lots, side)| Action::Print(10_000 + off * 10, lots * 10, side)),
        3 => (side(), -6_i64..7, 2_i64..40, 0_u8..5)
            .prop_map(|(side, off, lots, how)| Action::Order(side, 10_000 + off * 10, lots * 10, how)),
    ]
}

/// An order of one of five kinds: market, limit, post-only, immediate or cancel, fill or kill.
fn order_of(side: Side, (px, qty): (i64, i64), how: u8) -> OrderRequest {
    let limit = OrderRequest::limit(InstrumentIx(0), side, Qty::from_raw(qty), Price::from_raw(px));
    match how {
        0 => OrderRequest::market(InstrumentIx(0), side, Qty::from_raw(qty)),
        1 => limit,
        2 => OrderRequest { post_only: true, ..limit },
        3 => OrderRequest { time_in_force: TimeInForce::Ioc, ..limit },
        _ => OrderRequest { time_in_force: TimeInForce::Fok, ..limit },
    }
}

proptest! {
    #[test]
    fn we_take_no_more_than_was_shown(actions in prop::collection::vec(action(), 1..150), model in 0_usize..6) {
        let params = super::script::params(&[("n", "3")]);
        let queue = (queue_components()[model].build)(&params).unwrap();
        let finest = vec![(InstrumentIx(0), RecordKind::Depth)];
        let mut stage = Stage::new(VenueSpec { finest, queue, ..plain_spec(1) }, 1);
        let mut sides = [Shown::default(), Shown::default()];
        let mut orders: BTreeMap<ClientOrderId, OrderRequest> = BTreeMap::new();
        let mut seen = 0;
        for (nth, action) in actions.into_iter().enumerate() {
            let now = Ts::from_nanos(nth as i64 * SECOND);
            let head = (InstrumentIx(0), now, now);
            let mut printed = 0;
            match action {
                Action::Level(side, px, qty) => {
                    sides[usize::from(side == Side::Sell)].0.insert(px, (qty, 0));
                    stage.record(&MarketRecord::Depth(DepthTick {
                        instrument: head.0, ts_event: head.1, ts_recv: head.2, side: Some(side),
                        px: Price::from_raw(px), qty: Qty::from_raw(qty), flags: DepthFlags::LAST,
                    }));
                }
                Action::Print(px, qty, aggressor) => {
                    printed = qty;
                    stage.record(&MarketRecord::Trade(TradeTick {
                        instrument: head.0, ts_event: head.1, ts_recv: head.2,
                        px: Price::from_raw(px), qty: Qty::from_raw(qty), aggressor,
                    }));
                }
                Action::Order(side, px, qty, how) => {
                    let id = ClientOrderId { strategy: StrategyIx(0), number: nth as u32 + 1 };
                    let request = order_of(side, (px, qty), how);
                    orders.insert(id, request);
                    let command = Command::Submit { client_order_id: id, request };
                    stage.venue.on_command(now, &command, &mut stage.out).unwrap();
                }
            }
            for timed in &stage.out[seen..] {
                let VenueReport::Filled(fill) = &timed.report else { continue };
                let request = orders[&fill.client_order_id];
                let opposite = request.side.opposite();
                let shown = &mut sides[usize::from(opposite == Side::Sell)];
                let (px, qty) = (fill.last_px.raw(), fill.last_qty.raw());
                if let Some(limit) = request.kind.limit_px() {
                    let worse = request.side.sign() * (px - limit.raw());
                    prop_assert!(worse <= 0 && (fill.liquidity == Liquidity::Taker || worse == 0), "{fill:?}");
                }
                match fill.evidence.basis {
                    FillBasis::BookTake => {
                        let better = shown.0.iter().filter(|(at, (all, taken))| request.side.sign() * (**at - px) < 0 && all > taken);
                        // What is finer than a lot is nobody's to take.
                        prop_assert!(better.map(|(_, (all, taken))| all - taken).all(|left| left < 10), "{fill:?}");
                        let level = shown.0.get_mut(&px).unwrap();
                        level.1 += qty;
                        prop_assert!(level.1 <= level.0, "a level is taken once: {fill:?}");
                    }
                    FillBasis::BookCross => {
                        prop_assert!(qty <= shown.left_within(opposite, px), "{fill:?}");
                        shown.take_best(opposite, qty);
                    }
                    FillBasis::TradeQueue | FillBasis::TradeThrough => {
                        printed -= qty;
                        prop_assert!(printed >= 0, "a print serves once: {fill:?}");
                        prop_assert!(fill.evidence.queue_ahead_qty <= fill.evidence.queue_entry_qty);
                    }
                    basis => prop_assert!(false, "{basis} on a book"),
                }
            }
            seen = stage.out.len();
        }
    }
}
