//! One market from two sides.

use super::*;
use crate::fixture::{context, instrument, moments, params, records};
use tapedeck_model::{DepthTick, MarketRecord, TradeTick};

fn depth_and_trades(given: &str, seed: u64) -> (Vec<DepthTick>, Vec<TradeTick>) {
    let item = instrument();
    let (mut depth, mut trades) = (Vec::new(), Vec::new());
    for kind in [SynthKind::Depth, SynthKind::Trades] {
        let mut source = tape(&params("flow", given), &context(&item, kind, seed)).unwrap();
        for record in records(&mut source) {
            match record {
                MarketRecord::Depth(row) => depth.push(row),
                MarketRecord::Trade(trade) => trades.push(trade),
                _ => panic!("neither depth nor trade"),
            }
        }
    }
    (depth, trades)
}

#[test]
fn the_book_is_whole_after_every_message_and_every_print_leaves_it() {
    let (depth, trades) = depth_and_trades("count=20000 size=0.02 market_rate=0.2", 7);
    let mut book = Book::new();
    let mut prints = trades.iter().peekable();
    let (mut messages, mut levels) = (0, 0);
    let mut served = 0;
    for row in &depth {
        let before = book.apply(row);
        let late = prints.peek().is_some_and(|print| print.ts_event.nanos() + DEPTH_DELAY_NS < row.ts_event.nanos());
        assert!(!late, "a print without a message a microsecond later");
        if let Some(print) = prints.peek()
            && print.ts_event.nanos() + DEPTH_DELAY_NS == row.ts_event.nanos()
        {
            let lost = before.raw() - row.qty.raw();
            assert_eq!((print.px, print.qty.raw()), (row.px, lost), "the level loses what was printed");
            assert_eq!(print.aggressor, row.side.map(Side::opposite));
            prints.next();
            served += 1;
        }
        if row.flags.has(DepthFlags::LAST) {
            messages += 1;
            assert!(matches!(book.top(), Ok(Some(_))), "message {messages}");
            levels = levels.max(book.depth(Side::Buy));
        }
    }
    assert!(messages > 15_000 && levels >= 20 && served > 2_000, "{messages} {levels} {served}");
    assert!(depth[0].flags.has(DepthFlags::CLEAR) && !depth[1].flags.has(DepthFlags::CLEAR));
}

/// Order by order it is the same market: after each message the same levels, and its trades the same prints.
#[test]
fn orders_and_levels_are_one_market() {
    let given = "count=20000 size=0.02 market_rate=0.2 cancel_rate=0.4";
    let (depth, trades) = depth_and_trades(given, 7);
    let item = instrument();
    let mut source = tape(&params("flow", given), &context(&item, SynthKind::Mbo, 7)).unwrap();
    let (mut levels, mut orders) = (Book::new(), Book::new());
    let mut depth = depth.iter();
    let mut prints: Vec<(i64, i64, i64)> = Vec::new();
    let (mut messages, mut longest) = (0, 0);
    for record in records(&mut source) {
        let MarketRecord::Mbo(row) = record else { panic!("an order") };
        let left = orders.apply_order(&row);
        assert_eq!(orders.trouble_now().filter(|_| row.flags.has(DepthFlags::LAST)), None);
        if let Some(left) = left.filter(|left| left.executed) {
            let line: Vec<Resting> = orders.line(left.order.side, left.order.px).collect();
            assert!(line.iter().all(|other| other.place >= left.order.place), "first come, first traded");
            longest = longest.max(line.len());
            let (ts, px) = (row.ts_event.nanos(), left.order.px.raw());
            match prints.last_mut().filter(|(at, of, _)| (*at, *of) == (ts, px)) {
                Some((_, _, qty)) => *qty += left.qty.raw(),
                None => prints.push((ts, px, left.qty.raw())),
            }
        }
        if row.flags.has(DepthFlags::LAST) {
            for level in depth.by_ref() {
                levels.apply(level);
                if level.flags.has(DepthFlags::LAST) {
                    break;
                }
            }
            for side in [Side::Buy, Side::Sell] {
                assert!(orders.levels(side).eq(levels.levels(side)), "message {messages}");
            }
            messages += 1;
        }
    }
    let told: Vec<(i64, i64, i64)> =
        trades.iter().map(|print| (print.ts_event.nanos(), print.px.raw(), print.qty.raw())).collect();
    // A print per step and level; the tapes end at the same count of rows, not at the same step.
    assert!(prints.len() > 2_000 && prints.iter().zip(&told).all(|(a, b)| a == b));
    assert!(messages > 5_000 && longest > 5, "{messages} messages, {longest} in a line");
}

#[test]
fn chunk_sizes_and_the_other_kind_change_nothing() {
    let item = instrument();
    for kind in [SynthKind::Depth, SynthKind::Mbo, SynthKind::Trades] {
        for more in ["", "excitation=0.5 cross_excitation=0.2 decay=1s"] {
            let made = |rows: usize| {
                let given = params("flow", &format!("count=3000 market_rate=0.3 {more}"));
                records(&mut tape(&given, &context(&item, kind, 3)).unwrap().with_chunk_rows(rows))
            };
            assert_eq!(made(7), made(8_192));
        }
    }
    assert_ne!(depth_and_trades("count=50", 1).0, depth_and_trades("count=50", 2).0);
}

#[test]
fn rates_and_sizes_are_as_asked_for() {
    let (depth, trades) = depth_and_trades("count=40000 gap=1s size=0.02 market_rate=0.1", 11);
    let seconds = (depth[depth.len() - 1].ts_event.nanos() - depth[0].ts_event.nanos()) as f64 / 1e9;
    let messages = depth.iter().filter(|row| row.flags.has(DepthFlags::LAST)).count() as f64;
    assert!((seconds / messages - 1.0).abs() < 0.02, "{seconds} s for {messages} messages");
    let mut times: Vec<i64> = trades.iter().map(|trade| trade.ts_event.nanos()).collect();
    times.dedup();
    let orders = times.len() as f64;
    let span = (trades[trades.len() - 1].ts_event.nanos() - trades[0].ts_event.nanos()) as f64 / 1e9;
    assert!((orders / span - 0.1).abs() < 0.005, "{orders} market orders in {span} s");
}

#[test]
fn wrong_parameters_are_named_and_a_price_out_of_range_is_an_error() {
    let item = instrument();
    for (given, kind, name) in [
        ("", SynthKind::Depth, "count"),
        ("count=1", SynthKind::Quotes, ""),
        ("count=1 gap=1us", SynthKind::Depth, "gap"),
        ("count=1 size=0.001", SynthKind::Depth, "size"),
        ("count=1 market_rate=0.7 cancel_rate=0.4", SynthKind::Trades, "cancel_rate"),
    ] {
        let error = tape(&params("flow", given), &context(&item, kind, 1)).err().unwrap();
        assert_eq!(error.name, name, "{given}: {error}");
    }
    let mut source =
        tape(&params("flow", "count=9 start_price=92233720368547758.05"), &context(&item, SynthKind::Depth, 1))
            .unwrap();
    let mut chunk = Chunk::new(InstrumentIx(0));
    assert!(source.next_chunk(&mut chunk).is_err());
    assert_eq!(source.next_chunk(&mut chunk), Ok(false));
}

/// Excited steps come in clusters, at the same mean rate and with the same part of market orders.
#[test]
fn excitation_clusters_and_keeps_the_rates() {
    let given = "count=60000 gap=1s size=0.02 market_rate=0.1";
    let fano_and_rates = |more: &str| {
        let (depth, trades) = depth_and_trades(&format!("{given} {more}"), 11);
        let start = depth[0].ts_event.nanos();
        let messages: Vec<i64> = depth
            .iter()
            .filter(|row| row.flags.has(DepthFlags::LAST))
            .map(|row| row.ts_event.nanos() - start)
            .collect();
        let end = messages[messages.len() - 1];
        let window = 100_000_000_000;
        let mut counts = vec![0.0; (end / window) as usize];
        for ts in &messages {
            if let Some(count) = counts.get_mut((ts / window) as usize) {
                *count += 1.0;
            }
        }
        let found = moments(&counts);
        let mut orders: Vec<i64> =
            trades.iter().map(|trade| trade.ts_event.nanos() - start).filter(|ts| *ts <= end).collect();
        orders.dedup();
        (found.variance / found.mean, found.mean / 100.0, orders.len() as f64 / messages.len() as f64)
    };
    let (fano, rate, orders) = fano_and_rates("");
    assert!(
        (fano - 1.0).abs() < 0.2 && (rate - 1.0).abs() < 0.02 && (orders - 0.1).abs() < 0.005,
        "{fano} {rate} {orders}"
    );
    let (fano, rate, orders) = fano_and_rates("excitation=0.4 cross_excitation=0.2 decay=1s");
    // 1 / (1 - 0.6)^2 = 6.25, and a little less in windows of a hundred seconds.
    assert!((5.0..7.5).contains(&fano), "{fano}");
    assert!((rate - 1.0).abs() < 0.05 && (orders - 0.1).abs() < 0.01, "{rate} {orders}");
}
