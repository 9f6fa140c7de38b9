//! Orders on a book that is told order by order: cases, and a page of plain code that agrees on every fill.

use super::script::{SECOND, Stage, check, plain_spec};
use crate::venue::*;
use proptest::prelude::{prop, prop_assert_eq, proptest};
use proptest::strategy::Strategy as _;
use tapedeck_model::order::FillBasis;
use tapedeck_model::{DepthFlags, Liquidity, MboAction, MboTick, Price, Side, StrategyIx, TimeInForce};

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

#[test]
fn a_taker_walks_the_orders_and_what_it_took_does_not_come_back() {
    check(
        "
        mbo clear add 1 bid 99 5 add 2 ask 101 1 add 3 ask 101 2 add 4 ask 102 4
        +0 1 buy 2.5 market
        > 1 filled 101 1 taker book_take @1
        > 1 filled 101 1.5 taker book_take @1
        # Another order joins the level: of the third half a unit is left, then it.
        mbo add 5 ask 101 1
        +0 2 buy 2 limit 101 ioc
        > 2 filled 101 0.5 taker book_take @2
        > 2 filled 101 1 taker book_take @2
        > 2 canceled ioc_rest @2
        # The second is changed, but it is ours already; a new one is not.
        mbo modify 2 103 1
        mbo cancel 2 0 add 6 ask 103 1
        +0 3 buy 9 limit 103
        > 3 filled 102 4 taker book_take @4
        > 3 filled 103 1 taker book_take @4
        ",
    );
}

#[test]
fn a_place_moves_by_what_stood_before_it_and_by_nothing_else() {
    let stage = check(
        "
        mbo clear add 1 bid 99 3 add 2 bid 99 2 add 9 ask 101 9
        +0 1 buy 2 limit 99
        mbo add 3 bid 99 4
        # Who stands behind leaves: nothing moves. Who stands before leaves in part, less keeps its place.
        mbo cancel 3 1
        mbo cancel 2 0.5
        mbo modify 1 99 1
        # Now 1 and 1.5 stand before. More is a new place, behind us.
        mbo modify 2 99 2.5
        mbo exec 1 0.4
        mbo exec 1 0.6
        # Nobody is before us: what trades behind would have met us first.
        mbo exec 3 0.5
        > 1 filled 99 0.5 maker trade_queue @9
        mbo exec 3 2.5 exec 2 2.5
        > 1 filled 99 1.5 maker trade_queue @10
        ",
    );
    assert_eq!(evidence(&stage.out), [(5_000, 0, 500), (5_000, 0, 2_500)]);
}

#[test]
fn a_sweep_meets_ours_by_price_and_by_arrival() {
    check(
        "
        mbo clear add 1 bid 99 1 add 2 bid 98 1 add 3 bid 97 9 add 9 ask 101 9
        +0 1 buy 1 limit 98
        +0 2 buy 1 limit 99
        +0 3 buy 1 limit 99
        # One takes all of 99 and 98 and two of 97: as many of ours as that quantity has.
        mbo exec 1 1 exec 2 1 exec 3 2
        > 2 filled 99 1 maker trade_through @2
        > 3 filled 99 1 maker trade_through @2
        > 1 filled 98 1 maker trade_through @2
        ",
    );
    check(
        "
        mbo clear add 1 bid 99 1 add 9 ask 101 9
        +0 1 buy 2 limit 99
        # What is left of who took it rests at our price: it would have met us.
        mbo exec 1 1 add 5 ask 99 1.5
        > 1 filled 99 1.5 maker book_cross @2
        ",
    );
    check(
        "
        venue maker_fill=whole
        mbo clear add 1 bid 99 1 add 9 ask 101 9
        +0 1 buy 2 limit 99
        mbo add 2 bid 99 1 exec 1 1
        mbo exec 2 0.1
        > 1 filled 99 2 maker trade_queue @3
        ",
    );
}

#[test]
fn prints_quotes_and_levels_beside_orders_fill_nothing() {
    check(
        "
        mbo clear add 1 bid 99 1 add 9 ask 101 9
        +0 1 buy 2 limit 99
        trade 98 9 sell
        quote 97 1 98 9
        depth ask 98 9
        mbo exec 1 1
        ",
    );
}

#[test]
fn nothing_is_matched_on_orders_that_cannot_be_so() {
    let impossible = [
        "mbo exec 77 1",
        "mbo add 1 bid 98 1",
        "mbo exec 1 5.5",
        "mbo cancel 1 6",
        "mbo modify 1 99 0",
        "mbo gap cancel 1 0",
        // Crossed.
        "mbo add 5 bid 101 1",
    ];
    for row in impossible {
        check(&format!(
            "
            mbo clear add 1 bid 99 5 add 9 ask 101 9
            +0 1 buy 1 limit 99
            {row}
            +0 2 buy 1 market
            mbo cancel 9 1
            mbo clear add 1 bid 99 5 add 8 ask 100 4
            > 2 filled 100 1 taker book_take @4
            "
        ));
    }
    check(
        "
        venue order_faults=skip
        mbo clear add 1 bid 99 5 add 9 ask 101 9
        mbo exec 77 1
        +0 1 buy 1 market
        > 1 filled 101 1 taker book_take @2
        ",
    );
}

#[test]
fn after_a_snapshot_no_more_stands_before_us_than_did() {
    let stage = check(
        "
        mbo clear add 1 bid 99 3 add 2 bid 99 2 add 9 ask 101 9
        +0 1 buy 1 limit 99
        mbo add 3 bid 99 4
        mbo gap cancel 9 1
        # Of five before us the first has gone; the third came after us.
        mbo clear add 2 bid 99 2 add 3 bid 99 4 add 9 ask 101 9
        mbo exec 2 2
        mbo exec 3 0.2
        > 1 filled 99 0.2 maker trade_queue @6
        ",
    );
    assert_eq!(evidence(&stage.out), [(5_000, 0, 200)]);
}

#[test]
fn stops_and_amendments_are_as_on_levels() {
    check(
        "
        mbo clear add 1 bid 99 5 add 2 bid 98 1 add 9 ask 101 1 add 8 ask 102 3
        +0 1 buy 1 stop 102
        mbo exec 9 1
        > 1 triggered @2
        > 1 filled 102 1 taker book_take @2
        +0 2 buy 2 limit 99
        +0 amend 2 qty=1
        > 2 replaced 1 @2
        +0 amend 2 limit=98
        > 2 replaced 1 @2
        +0 3 sell 1 limit 98 post
        > 3 rejected post_only_would_take @2
        mbo exec 1 5 exec 2 1
        mbo add 4 bid 97 1
        mbo exec 4 0.3
        > 2 filled 98 0.3 maker trade_through @5
        ",
    );
}

/// Whoever stands in a line: an order of the tape, or one of ours.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Who {
    Theirs(u64),
    Ours(u32),
}

/// Somebody in a line.
#[derive(Debug, Clone, Copy)]
struct InLine {
    who: Who,
    qty: i64,
    /// Of theirs: what we took.
    taken: i64,
}

/// A fill: whose, price, quantity, whether it took, who stood before it as it came.
type NaiveFill = (u32, i64, i64, bool, i64);

/// An order of ours that rests.
#[derive(Debug, Clone, Copy)]
struct Mine {
    number: u32,
    side: Side,
    px: i64,
    entry: i64,
}

/// The venue as a list of people in lines: bids, then asks; ours stand among theirs.
#[derive(Default)]
struct Lines {
    sides: [Vec<(i64, Vec<InLine>)>; 2],
    mine: Vec<Mine>,
    fills: Vec<NaiveFill>,
}

fn at(side: Side) -> usize {
    usize::from(side == Side::Sell)
}

/// Above zero if `a` is the better price of a side.
fn better(side: Side, a: i64, b: i64) -> i64 {
    side.sign() * (a - b)
}

impl Lines {
    /// Prices of a side, best first.
    fn prices(&self, side: Side) -> Vec<i64> {
        let mut prices: Vec<i64> = self.sides[at(side)].iter().map(|(px, _)| *px).collect();
        prices.sort_by_key(|px| -side.sign() * px);
        prices
    }

    fn line(&mut self, side: Side, px: i64) -> &mut Vec<InLine> {
        let lines = &mut self.sides[at(side)];
        let place = lines.iter().position(|(other, _)| *other == px).unwrap_or_else(|| {
            lines.push((px, Vec::new()));
            lines.len() - 1
        });
        &mut lines[place].1
    }

    fn theirs(&self) -> Vec<(Side, i64, u64, i64)> {
        let mut all = Vec::new();
        for side in [Side::Buy, Side::Sell] {
            for (px, line) in &self.sides[at(side)] {
                for one in line {
                    if let Who::Theirs(id) = one.who {
                        all.push((side, *px, id, one.qty));
                    }
                }
            }
        }
        all.sort_by_key(|(_, _, id, _)| *id);
        all
    }

    fn best_theirs(&mut self, side: Side) -> Option<(i64, u64, i64)> {
        self.prices(side).into_iter().find_map(|px| {
            let first = self.line(side, px).iter().find(|one| matches!(one.who, Who::Theirs(_))).copied();
            first.map(|one| match one.who {
                Who::Theirs(id) => (px, id, one.qty),
                Who::Ours(_) => unreachable!(),
            })
        })
    }

    /// Fills one of ours that rests, if anything is left of it.
    fn fill_mine(&mut self, mine: Mine, limit: i64) -> i64 {
        let line = self.line(mine.side, mine.px);
        let Some(place) = line.iter().position(|one| one.who == Who::Ours(mine.number)) else { return 0 };
        let part = limit.min(line[place].qty);
        line[place].qty -= part;
        if line[place].qty == 0 {
            line.remove(place);
            self.mine.retain(|other| other.number != mine.number);
        }
        if part > 0 {
            self.fills.push((mine.number, mine.px, part, false, mine.entry));
        }
        part
    }

    /// Their order trades: whoever of ours its taker would have met first has it.
    fn execute(&mut self, side: Side, px: i64, id: u64, qty: i64) {
        let mut left = qty;
        for level in self.prices(side).into_iter().filter(|level| better(side, *level, px) >= 0) {
            let line = self.line(side, level).clone();
            for one in line {
                match one.who {
                    Who::Ours(number) => {
                        let mine = *self.mine.iter().find(|mine| mine.number == number).unwrap();
                        left -= self.fill_mine(mine, left);
                    }
                    // Whoever of ours stands behind one of theirs waits.
                    Who::Theirs(_) => break,
                }
            }
        }
        self.leave(side, px, id, qty);
    }

    fn leave(&mut self, side: Side, px: i64, id: u64, qty: i64) {
        let line = self.line(side, px);
        for one in line.iter_mut().filter(|one| one.who == Who::Theirs(id)) {
            one.qty -= qty;
        }
        line.retain(|one| one.qty > 0);
    }

    /// What can be taken of a side up to a price, best first: price and quantity of each order.
    fn take(&mut self, side: Side, limit: Option<i64>, wanted: i64, really: bool) -> Vec<(i64, i64)> {
        let mut found = Vec::new();
        let mut left = wanted;
        for px in self.prices(side) {
            if limit.is_some_and(|limit| better(side, limit, px) > 0) {
                break;
            }
            for one in self.line(side, px).iter_mut().filter(|one| matches!(one.who, Who::Theirs(_))) {
                let part = left.min((one.qty - one.taken).max(0));
                if part > 0 {
                    found.push((px, part));
                    left -= part;
                    one.taken += if really { part } else { 0 };
                }
            }
        }
        found
    }

    /// After a message: who of ours is reached by the other side fills at its price, in order of arrival.
    fn cross(&mut self) {
        for mine in self.mine.clone() {
            let line = self.line(mine.side, mine.px);
            let Some(open) = line.iter().find(|one| one.who == Who::Ours(mine.number)).map(|one| one.qty) else {
                continue;
            };
            let reached = self.take(mine.side.opposite(), Some(mine.px), open, true);
            self.fill_mine(mine, reached.iter().map(|(_, qty)| qty).sum());
        }
    }

    fn arrive(&mut self, number: u32, (side, px, qty): (Side, i64, i64), how: u8) {
        let limit = (how != 0).then_some(px);
        let other = side.opposite();
        let reach: i64 = self.take(other, limit, qty, false).iter().map(|(_, qty)| qty).sum();
        // Post-only looks at what the book shows, be it taken or not.
        let would_take = self.best_theirs(other).is_some_and(|(best, ..)| better(other, px, best) <= 0);
        if how == 2 && would_take || how == 4 && reach < qty {
            return;
        }
        let took = if how == 2 { Vec::new() } else { self.take(other, limit, qty, true) };
        let left = qty - took.iter().map(|(_, qty)| qty).sum::<i64>();
        self.fills.extend(took.into_iter().map(|(px, qty)| (number, px, qty, true, 0)));
        if left > 0 && (how == 1 || how == 2) {
            let line = self.line(side, px);
            let entry = line.iter().filter(|one| matches!(one.who, Who::Theirs(_))).map(|one| one.qty).sum();
            line.push(InLine { who: Who::Ours(number), qty: left, taken: 0 });
            self.mine.push(Mine { number, side, px, entry });
        }
    }

    fn withdraw(&mut self, nth: usize) -> Option<u32> {
        let mine = *self.mine.get(nth % self.mine.len().max(1))?;
        self.line(mine.side, mine.px).retain(|one| one.who != Who::Ours(mine.number));
        self.mine.retain(|other| other.number != mine.number);
        Some(mine.number)
    }
}

/// One step: of them or of us. Numbers are reduced to what there is.
#[derive(Debug, Clone, Copy)]
enum Step {
    Add(Side, i64, i64),
    /// Which order; zero takes all.
    Cancel(usize, i64),
    /// Which order, another price or the same, another quantity.
    Modify(usize, i64, i64),
    /// A taker of theirs.
    Sweep(Side, i64),
    Order(Side, i64, i64, u8),
    Withdraw(usize),
}

fn step() -> impl proptest::strategy::Strategy<Value = Step> {
    let side = || prop::sample::select(vec![Side::Buy, Side::Sell]);
    proptest::prop_oneof![
        6 => (side(), 1_i64..6, 1_i64..9).prop_map(|(side, off, lots)| Step::Add(side, off, lots * 10)),
        3 => (0_usize..50, 0_i64..5).prop_map(|(nth, lots)| Step::Cancel(nth, lots * 10)),
        2 => (0_usize..50, 0_i64..4, 1_i64..9).prop_map(|(nth, off, lots)| Step::Modify(nth, off, lots * 10)),
        3 => (side(), 1_i64..30).prop_map(|(side, lots)| Step::Sweep(side, lots * 10)),
        4 => (side(), -4_i64..6, 6_i64..16, 0_u8..5).prop_map(|(side, off, lots, how)| Step::Order(side, off, lots * 10, how)),
        1 => (0_usize..9).prop_map(Step::Withdraw),
    ]
}

fn row(action: MboAction, order_id: u64, side: Side, (px, qty): (i64, i64)) -> MboTick {
    MboTick {
        instrument: InstrumentIx(0),
        ts_event: Ts::from_nanos(0),
        ts_recv: Ts::from_nanos(0),
        action: Some(action),
        side: Some(side),
        px: Price::from_raw(px),
        qty: Qty::from_raw(qty),
        order_id,
        flags: DepthFlags::NONE,
    }
}

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

/// The same step in plain code; gives the rows of the tape.
fn naive_step(lines: &mut Lines, step: Step, next_id: &mut u64) -> Vec<MboTick> {
    let theirs = lines.theirs();
    let pick = |nth: usize| theirs.get(nth % theirs.len().max(1)).copied();
    let mut rows = Vec::new();
    match step {
        Step::Add(side, off, qty) => {
            // Never so that their book is crossed.
            let other = lines.best_theirs(side.opposite()).map_or(10_000 + side.sign() * 20, |(px, ..)| px);
            let px = other - side.sign() * off * 10;
            *next_id += 1;
            lines.line(side, px).push(InLine { who: Who::Theirs(*next_id), qty, taken: 0 });
            rows.push(row(MboAction::Add, *next_id, side, (px, qty)));
        }
        Step::Cancel(nth, qty) => {
            let Some((side, px, id, there)) = pick(nth) else { return rows };
            let qty = qty.min(there);
            lines.leave(side, px, id, if qty == 0 { there } else { qty });
            rows.push(row(MboAction::Cancel, id, side, (0, qty)));
        }
        Step::Modify(nth, off, qty) => {
            let Some((side, px, id, there)) = pick(nth) else { return rows };
            let to = px - side.sign() * off * 10;
            if off == 0 && qty <= there {
                lines.leave(side, px, id, there - qty);
            } else {
                let line = lines.line(side, px);
                let place = line.iter().position(|one| one.who == Who::Theirs(id)).unwrap();
                let one = line.remove(place);
                lines.line(side, to).push(InLine { qty, ..one });
            }
            rows.push(row(MboAction::Modify, id, side, (to, qty)));
        }
        Step::Sweep(side, qty) => {
            let mut left = qty;
            while let Some((px, id, there)) = lines.best_theirs(side).filter(|_| left > 0) {
                let part = left.min(there);
                lines.execute(side, px, id, part);
                rows.push(row(MboAction::Execute, id, side, (px, part)));
                left -= part;
            }
        }
        Step::Order(..) | Step::Withdraw(_) => {}
    }
    if !rows.is_empty() {
        lines.cross();
    }
    rows
}

proptest! {
    /// Ours are of one side at a time: what ends where ours would meet ours is another matter.
    #[test]
    fn plain_code_agrees_on_every_fill(
        steps in prop::collection::vec(step(), 1..120),
        ours in prop::sample::select(vec![Side::Buy, Side::Sell]),
    ) {
        let finest = vec![(InstrumentIx(0), RecordKind::Mbo)];
        let mut stage = Stage::new(VenueSpec { finest, ..plain_spec(1) }, 1);
        let mut lines = Lines::default();
        let (mut seen, mut next_id) = (0, 1);
        // Somebody is always there, so that every order is answered at once.
        let mut begin = [row(MboAction::Add, 0, Side::Buy, (9_000, 10)), row(MboAction::Add, 1, Side::Sell, (11_000, 10))];
        begin[0].flags = DepthFlags::CLEAR;
        begin[1].flags = DepthFlags::LAST;
        for row in begin {
            stage.record(&MarketRecord::Mbo(row));
            let (side, px) = (row.side.unwrap(), row.px.raw());
            lines.line(side, px).push(InLine { who: Who::Theirs(row.order_id), qty: row.qty.raw(), taken: 0 });
        }
        for (nth, step) in steps.into_iter().enumerate() {
            let now = Ts::from_nanos((nth as i64 + 1) * SECOND);
            lines.fills.clear();
            let step = match step {
                Step::Order(_, off, qty, how) => Step::Order(ours, off, qty, how),
                theirs => theirs,
            };
            let mut rows = naive_step(&mut lines, step, &mut next_id);
            if let Some(last) = rows.last_mut() {
                last.flags = DepthFlags::LAST;
            }
            for row in rows {
                stage.record(&MarketRecord::Mbo(MboTick { ts_event: now, ts_recv: now, ..row }));
            }
            let command = match step {
                Step::Order(side, off, qty, how) => {
                    let (number, px) = (nth as u32 + 1, 10_000 - side.sign() * off * 10);
                    lines.arrive(number, (side, px, qty), how);
                    let id = ClientOrderId { strategy: StrategyIx(0), number };
                    Some(Command::Submit { client_order_id: id, request: order_of(side, (px, qty), how) })
                }
                Step::Withdraw(nth) => lines.withdraw(nth).map(|number| Command::Cancel {
                    client_order_id: ClientOrderId { strategy: StrategyIx(0), number },
                }),
                _ => None,
            };
            if let Some(command) = command {
                stage.venue.on_command(now, &command, &mut stage.out).unwrap();
            }
            let fills = stage.out[seen..].iter().filter_map(|timed| match &timed.report {
                VenueReport::Filled(fill) => {
                    let taker = fill.liquidity == Liquidity::Taker;
                    let entry = fill.evidence.queue_entry_qty.raw();
                    assert!(taker == (fill.evidence.basis == FillBasis::BookTake) && fill.evidence.queue_ahead_qty == Qty::ZERO || !taker);
                    Some((fill.client_order_id.number, fill.last_px.raw(), fill.last_qty.raw(), taker, entry))
                }
                _ => None,
            });
            let fills: Vec<NaiveFill> = fills.collect();
            seen = stage.out.len();
            prop_assert_eq!(fills, lines.fills.clone(), "at step {} {:?}", nth, step);
        }
    }
}
