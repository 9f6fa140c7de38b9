//! A book of orders against naive lists.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::book::{BookLaw, Level};
use crate::ids::InstrumentIx;
use crate::time::Ts;

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
        flags: DepthFlags::LAST,
    }
}

/// Orders of each level in a list, first to last: id and quantity.
#[derive(Default)]
struct Naive(BTreeMap<(bool, i64), Vec<(u64, i64)>>);

impl Naive {
    fn find(&self, id: u64) -> Option<((bool, i64), usize, i64)> {
        self.0.iter().find_map(|(level, line)| {
            let at = line.iter().position(|(other, _)| *other == id)?;
            Some((*level, at, line[at].1))
        })
    }

    /// What went wrong, or what left: price, quantity, whether it traded.
    fn apply(&mut self, row: &MboTick) -> Result<Option<(i64, i64, bool)>, MarketException> {
        use MarketException as E;
        let (px, qty, id) = (row.px.raw(), row.qty.raw(), row.order_id);
        let found = self.find(id);
        if row.action == Some(MboAction::Add) {
            if found.is_some() {
                return Err(E::DuplicateOrder);
            }
            if px <= 0 || qty <= 0 {
                return Err(E::ImpossibleOrder);
            }
            self.0.entry((row.side == Some(Side::Buy), px)).or_default().push((id, qty));
            return Ok(None);
        }
        let (level, at, there) = found.ok_or(E::UnknownOrder)?;
        let line = self.0.get_mut(&level).unwrap();
        let executed = row.action == Some(MboAction::Execute);
        let gone = if row.action == Some(MboAction::Modify) {
            if px <= 0 || qty <= 0 {
                return Err(E::ImpossibleOrder);
            }
            if px != level.1 || qty > there {
                line.remove(at);
                self.0.entry((level.0, px)).or_default().push((id, qty));
                return Ok(Some((level.1, there, false)));
            }
            there - qty
        } else if qty == 0 && !executed {
            there
        } else {
            qty
        };
        if gone < 0 || executed && gone == 0 {
            return Err(E::ImpossibleOrder);
        }
        if gone > there {
            return Err(E::ExcessQty);
        }
        line[at].1 -= gone;
        line.retain(|(_, qty)| *qty > 0);
        Ok((gone > 0).then_some((level.1, gone, executed)))
    }

    fn levels(&self, buy: bool) -> Vec<(i64, i64)> {
        let of_side = self.0.iter().filter(|((side, _), line)| *side == buy && !line.is_empty());
        let sums = of_side.map(|((_, px), line)| (*px, line.iter().map(|(_, qty)| qty).sum()));
        if buy { sums.rev().collect() } else { sums.collect() }
    }
}

fn action() -> impl Strategy<Value = MboAction> {
    prop::sample::select(vec![MboAction::Add, MboAction::Add, MboAction::Modify, MboAction::Cancel, MboAction::Execute])
}

proptest! {
    #[test]
    fn agrees_with_naive_lists(
        rows in prop::collection::vec((action(), 0_u64..40, any::<bool>(), 0_i64..12, -1_i64..6), 1..400),
        // Ids in a row, far apart, and such that share their low bits.
        spread in prop::sample::select(vec![1_u64, 1 << 40, 64, 0x9e37_79b9_7f4a_7c15]),
    ) {
        let mut book = Book::with_law(BookLaw { faults: FaultLaw::Skip, ..BookLaw::default() });
        let mut naive = Naive::default();
        for (action, id, buy, px, qty) in rows {
            // Bids below asks: a crossed book is another matter.
            let side = if buy { Side::Buy } else { Side::Sell };
            let px = if px == 0 { 0 } else if buy { px } else { px + 100 };
            let mut row = row(action, id.wrapping_mul(spread), side, (px, qty));
            if let Some(order) = book.order(row.order_id).filter(|order| order.side != side && px > 0) {
                row.px = if order.side == Side::Buy { Price::from_raw(px - 100) } else { Price::from_raw(px + 100) };
            }
            let expected = naive.apply(&row);
            let left = book.apply_order(&row);
            prop_assert_eq!(left.map(|left| (left.order.px.raw(), left.qty.raw(), left.executed)), expected.unwrap_or(None));
            prop_assert_eq!(book.top().err(), expected.err());
            for buy in [true, false] {
                let side = if buy { Side::Buy } else { Side::Sell };
                let shown: Vec<(i64, i64)> = book.levels(side).map(|Level { px, qty }| (px.raw(), qty.raw())).collect();
                prop_assert_eq!(&shown, &naive.levels(buy));
                for (px, _) in shown {
                    let line: Vec<Resting> = book.line(side, Price::from_raw(px)).collect();
                    prop_assert!(line.windows(2).all(|pair| pair[0].place < pair[1].place));
                    let found: Vec<(u64, i64)> = line.iter().map(|order| (order.order_id, order.qty.raw())).collect();
                    prop_assert_eq!(&found, &naive.0[&(buy, px)]);
                }
            }
            prop_assert_eq!(book.order_count(), naive.0.values().map(Vec::len).sum::<usize>());
        }
    }
}

#[test]
fn an_impossible_row_suspends_the_book_until_a_snapshot() {
    let mut book = Book::new();
    let add = |id, side, px| row(MboAction::Add, id, side, (px, 5));
    book.apply_order(&add(1, Side::Buy, 99));
    book.apply_order(&add(2, Side::Sell, 101));
    assert!(matches!(book.top(), Ok(Some(_))));
    book.apply_order(&row(MboAction::Execute, 1, Side::Buy, (99, 6)));
    assert_eq!(book.top(), Err(MarketException::ExcessQty));
    assert_eq!(book.top(), Ok(None), "said once");
    assert_eq!(book.apply_order(&row(MboAction::Cancel, 1, Side::Buy, (99, 0))), None, "what follows means nothing");
    let again = MboTick { flags: DepthFlags::CLEAR.with(DepthFlags::LAST), ..add(7, Side::Buy, 98) };
    book.apply_order(&again);
    assert_eq!((book.top(), book.order_count()), (Ok(None), 1));
    book.apply_order(&add(8, Side::Sell, 100));
    assert!(matches!(book.top(), Ok(Some(_))));
    book.apply_order(&MboTick { flags: DepthFlags::GAP.with(DepthFlags::LAST), action: None, ..add(9, Side::Buy, 1) });
    assert_eq!(book.top(), Err(MarketException::BookGap));
}

#[test]
fn memory_is_that_of_the_orders_that_rest() {
    let mut book = Book::new();
    for id in 0..100_000_u64 {
        book.apply_order(&row(MboAction::Add, id, Side::Buy, (1 + (id % 7) as i64, 1)));
        if id >= 10 {
            book.apply_order(&row(MboAction::Cancel, id - 10, Side::Buy, (0, 0)));
        }
    }
    let orders = book.orders.as_ref().unwrap();
    assert_eq!(orders.len(), 10);
    assert!(orders.slots() <= 64 + 2 * 11, "{} slots", orders.slots());
}
