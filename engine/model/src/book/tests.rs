//! The book against a naive ordered map.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::ids::InstrumentIx;
use crate::time::Ts;

fn row(side: Option<Side>, px: i64, qty: i64, flags: DepthFlags) -> DepthTick {
    DepthTick {
        instrument: InstrumentIx(0),
        ts_event: Ts::from_nanos(0),
        ts_recv: Ts::from_nanos(0),
        side,
        px: Price::from_raw(px),
        qty: Qty::from_raw(qty),
        flags,
    }
}

proptest! {
    #[test]
    fn agrees_with_an_ordered_map(
        rows in prop::collection::vec((any::<bool>(), 1_i64..60, 0_i64..4, 0_u8..40), 1..400),
        // Levels that share pages, that stand in neighbouring ones, that are far apart.
        step in prop::sample::select(vec![1_i64, 23, 64, 1_000, 1 << 40]),
    ) {
        let mut book = Book::new();
        let (mut bids, mut asks) = (BTreeMap::new(), BTreeMap::new());
        for (buy, nth, qty, clear) in rows {
            let px = nth * step;
            let side = if buy { Side::Buy } else { Side::Sell };
            let flags = if clear == 0 { DepthFlags::CLEAR } else { DepthFlags::NONE };
            if clear == 0 {
                bids.clear();
                asks.clear();
            }
            let naive = if buy { &mut bids } else { &mut asks };
            let before = if qty > 0 { naive.insert(px, qty) } else { naive.remove(&px) };
            prop_assert_eq!(book.apply(&row(Some(side), px, qty, flags)), Qty::from_raw(before.unwrap_or(0)));
            let shown = |side| book.levels(side).map(|l| (l.px.raw(), l.qty.raw())).collect::<Vec<_>>();
            prop_assert_eq!(shown(Side::Buy), bids.iter().rev().map(|(p, q)| (*p, *q)).collect::<Vec<_>>());
            prop_assert_eq!(shown(Side::Sell), asks.iter().map(|(p, q)| (*p, *q)).collect::<Vec<_>>());
            prop_assert_eq!(book.best(side).map(|l| l.px.raw()), shown(side).first().map(|(p, _)| *p));
            prop_assert_eq!(book.qty_at(side, Price::from_raw(px)), Qty::from_raw(qty));
            prop_assert_eq!((book.depth(Side::Buy), book.depth(Side::Sell)), (bids.len(), asks.len()));
        }
    }
}

fn quote(ts: i64, bid: (i64, i64), ask: (i64, i64)) -> QuoteTick {
    QuoteTick {
        instrument: InstrumentIx(0),
        ts_event: Ts::from_nanos(ts),
        ts_recv: Ts::from_nanos(ts),
        bid_px: Price::from_raw(bid.0),
        ask_px: Price::from_raw(ask.0),
        bid_qty: Qty::from_raw(bid.1),
        ask_qty: Qty::from_raw(ask.1),
    }
}

/// Bids and asks.
type Levels = [BTreeMap<i64, i64>; 2];

/// What a naive book of depth shows once it is seen through a quote.
fn through(depth: &Levels, seen: &Levels, quote: &QuoteTick, law: QuoteLaw) -> Levels {
    let [mut bids, mut asks] = seen.clone();
    bids.retain(|px, _| *px <= quote.bid_px.raw());
    asks.retain(|px, _| *px >= quote.ask_px.raw());
    for (side, px, qty) in [(&mut bids, quote.bid_px, quote.bid_qty), (&mut asks, quote.ask_px, quote.ask_qty)] {
        match law {
            QuoteLaw::Fuse => {
                side.insert(px.raw(), qty.raw());
            }
            QuoteLaw::Prune => {
                side.entry(px.raw()).and_modify(|shown| *shown = (*shown).min(qty.raw()));
            }
            QuoteLaw::Ignore => return depth.clone(),
        }
    }
    [bids, asks]
}

proptest! {
    /// Messages and quotes received in any order of their times.
    #[test]
    fn quotes_count_until_a_message_that_is_not_older(
        steps in prop::collection::vec(
            (any::<bool>(), prop::collection::vec((any::<bool>(), 1_i64..20, 0_i64..5), 1..4), -2_i64..3), 1..80),
        law in prop::sample::select(vec![QuoteLaw::Ignore, QuoteLaw::Prune, QuoteLaw::Fuse]),
    ) {
        let mut book = Book::with_law(BookLaw { quotes: law, ..BookLaw::default() });
        let mut depth: Levels = Default::default();
        let mut seen = depth.clone();
        let (mut told, mut last): (Option<i64>, Option<QuoteTick>) = (None, None);
        for (nth, (is_quote, rows, jitter)) in steps.into_iter().enumerate() {
            let ts = nth as i64 + jitter;
            if is_quote {
                let (_, px, qty) = rows[0];
                let quote = quote(ts, (px, qty + 1), (px + 1 + qty, 2));
                let counts = law != QuoteLaw::Ignore && told.is_some_and(|told| told <= ts);
                prop_assert_eq!(book.tell(&quote, |_, _| {}), counts);
                if counts {
                    seen = through(&depth, &seen, &quote, law);
                    last = Some(quote);
                }
            } else {
                let count = rows.len();
                for (at, (buy, px, qty)) in rows.into_iter().enumerate() {
                    let side = if buy { Side::Buy } else { Side::Sell };
                    let flags = if at + 1 == count { DepthFlags::LAST } else { DepthFlags::NONE };
                    let row = DepthTick { ts_event: Ts::from_nanos(ts), ..row(Some(side), px, qty, flags) };
                    book.apply(&row);
                    let naive = &mut depth[usize::from(!buy)];
                    if qty > 0 { naive.insert(px, qty) } else { naive.remove(&px) };
                    if at + 1 == count {
                        book.end_message(&row);
                    }
                }
                told = Some(ts);
                last = last.filter(|quote| quote.ts_event.nanos() > ts);
                seen = last.as_ref().map_or_else(|| depth.clone(), |quote| through(&depth, &depth, quote, law));
            }
            let shown = |side| book.levels(side).map(|l| (l.px.raw(), l.qty.raw())).collect::<BTreeMap<_, _>>();
            prop_assert_eq!([shown(Side::Buy), shown(Side::Sell)], seen.clone());
        }
    }
}

#[test]
fn trouble_is_said_once_and_ends_with_what_caused_it() {
    let mut book = Book::new();
    book.apply(&row(Some(Side::Buy), 10, 1, DepthFlags::CLEAR));
    assert_eq!(book.top(), Ok(None), "one side only");
    book.apply(&row(Some(Side::Sell), 11, 2, DepthFlags::LAST));
    assert_eq!(book.top().map(|top| top.map(|(bid, ask)| (bid.px.raw(), ask.px.raw()))), Ok(Some((10, 11))));
    book.apply(&row(Some(Side::Buy), 11, 1, DepthFlags::LAST));
    assert_eq!(book.top(), Err(MarketException::LockedBook));
    assert_eq!(book.top(), Ok(None));
    book.apply(&row(Some(Side::Buy), 12, 1, DepthFlags::LAST));
    assert_eq!(book.top(), Err(MarketException::CrossedBook));
    for px in [11, 12] {
        book.apply(&row(Some(Side::Buy), px, 0, DepthFlags::LAST));
    }
    assert!(matches!(book.top(), Ok(Some(_))));
    book.apply(&row(None, 0, 0, DepthFlags::GAP));
    assert_eq!(book.top(), Err(MarketException::BookGap));
    book.apply(&row(Some(Side::Buy), 10, 1, DepthFlags::LAST));
    assert!(book.is_lost(), "diffs mend nothing");
    book.apply(&row(Some(Side::Buy), 10, 1, DepthFlags::CLEAR));
    book.apply(&row(Some(Side::Sell), 11, 1, DepthFlags::LAST));
    assert!(matches!(book.top(), Ok(Some(_))), "a snapshot does");
}
