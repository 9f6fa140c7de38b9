//! Real sessions: what independent scripts counted in them.

use serde_json::Value;
use tapedeck_model::book::Book as Levels;
use tapedeck_model::{Price, Qty};

use super::*;
use crate::tests::shared;

/// A symbol as it was imported, and what is told of it.
struct Case<'a> {
    feed: &'a SessionFeed,
    instrument: &'a Instrument,
    root: &'a Path,
    truth: &'a Value,
}

/// Imports the files that begin so, and looks at each symbol that the truth has.
fn each_symbol(begins: &str, truth: &str, look: impl Fn(&Case<'_>)) -> Option<SessionSummary> {
    let shared = shared()?;
    let text = std::fs::read_to_string(shared.join("data/TRUTH.json")).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    let truth = &all["cryptofeed"][truth];
    let files = shared.join("data/cryptofeed").join(format!("{begins}.*")).display().to_string();
    let sessions = sessions(&[files], OnError::Fail, &|| false).unwrap();
    let [session] = sessions.as_slice() else { panic!("one session") };
    let instruments: Vec<Instrument> = session.symbols(Wanted::All).map(|found| of_session(session, &found)).collect();
    let folder = TempDir::new().unwrap();
    let summary = session.import((&instruments, Wanted::All), folder.path(), OnConflict::Error, &|| false).unwrap();
    assert_eq!(summary.feeds.len(), truth["per_symbol"].as_object().unwrap().len());
    for (feed, instrument) in summary.feeds.iter().zip(&instruments) {
        let truth = &truth["per_symbol"][&instrument.id.symbol];
        look(&Case { feed, instrument, root: folder.path(), truth });
    }
    Some(summary)
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

impl Case<'_> {
    /// The book at the end has these best levels, and so many.
    fn book_ends(&self, bids: &Value, asks: &Value, [bid_levels, ask_levels]: [&Value; 2]) {
        let mut book = Levels::new();
        for record in read(self.root, DataKind::Depth, self.instrument).records {
            let MarketRecord::Depth(row) = record else { panic!("depth") };
            assert!(row.ts_recv >= row.ts_event);
            book.apply(&row);
        }
        for (side, best, levels) in [(Side::Buy, bids, bid_levels), (Side::Sell, asks, ask_levels)] {
            let found = book.best(side).unwrap();
            let text = |at: usize| best[at].as_str().unwrap();
            let px = Price::parse(text(0), self.instrument.price_scale).unwrap();
            let qty = Qty::parse(text(1), self.instrument.qty_scale).unwrap();
            assert_eq!((found.px, found.qty), (px, qty), "{}", self.instrument.id);
            assert_eq!(book.depth(side) as u64, count(levels), "{}", self.instrument.id);
        }
    }

    /// All quantities of trades.
    fn traded(&self) -> i128 {
        let records = read(self.root, DataKind::Trades, self.instrument).records;
        let qty = |record: &MarketRecord| match record {
            MarketRecord::Trade(trade) => i128::from(trade.qty.raw()),
            _ => panic!("a trade"),
        };
        records.iter().map(qty).sum()
    }
}

fn binance_agrees(case: &Case<'_>) {
    let Case { feed, truth, .. } = case;
    let (sync, counts) = (&truth["snapshot_sync"], feed.counts);
    let book = &sync["book"];
    let expected = RecordingCounts {
        updates: count(&book["events"]),
        updates_before_snapshot: count(&sync["dropped"]),
        gaps: count(&sync["breaks_after"]),
        trades_missing: count(&truth["agg_gap"]),
        quotes_repeated: count(&truth["bt_back"]),
        snapshots: 1,
        ..RecordingCounts::default()
    };
    assert_eq!(counts, expected);
    assert_eq!(counts.updates + counts.updates_before_snapshot, count(&truth["depth"]));
    case.book_ends(&book["best_bid"], &book["best_ask"], [&book["bid_levels"], &book["ask_levels"]]);
    let trades = feed.trades.as_ref().map_or(0, |trades| trades.rows);
    assert_eq!(trades, count(&truth["agg"]));
    if trades > 0 {
        let told = Qty::parse(truth["agg_qty"].as_str().unwrap(), case.instrument.qty_scale).unwrap();
        assert_eq!(case.traded(), i128::from(told.raw()));
    }
}

#[test]
fn binances_futures_agree() {
    let summary = each_symbol("BINANCE_FUTURES", "BINANCE_FUTURES.ws.1.0", |case| {
        binance_agrees(case);
        let Case { feed, truth, instrument, root } = case;
        assert_eq!(feed.quotes.as_ref().unwrap().rows, count(&truth["bt"]));
        let quotes = read(root, DataKind::Quotes, instrument).records;
        let Some(MarketRecord::Quote(last)) = quotes.last() else { panic!("a quote") };
        let told = &truth["last_bookTicker"];
        let px = |text: &Value| Price::parse(text.as_str().unwrap(), instrument.price_scale).unwrap();
        assert_eq!((last.bid_px, last.ask_px), (px(&told["bid"][0]), px(&told["ask"][0])));
    });
    // 67 klines and the connection.
    assert!(summary.is_none_or(|summary| (summary.other, summary.left_out) == (68, 0)));
}

#[test]
fn binance_us_agrees() {
    let summary = each_symbol("BINANCE_US", "BINANCE_US.ws.1.0", binance_agrees);
    let Some(summary) = summary else { return };
    // The local clock is some 76 ms behind, which the truth has to the tenth of a millisecond.
    let shift = summary.files[0].recv_shift.nanos();
    assert!((shift - 76_000_000).abs() < 50_000, "{shift}");
}

#[test]
fn krakens_checksums_agree() {
    let summary = each_symbol("KRAKEN", "KRAKEN.ws.50.0", |case| {
        let Case { feed, truth, .. } = case;
        let updates = count(&truth["updates"]);
        let expected = RecordingCounts {
            updates,
            checksums: count(&truth["checksum_ok"]),
            checksums_wrong: count(&truth["checksum_bad"]),
            snapshots: 1,
            other: feed.counts.other,
            ..RecordingCounts::default()
        };
        assert_eq!(feed.counts, expected);
        case.book_ends(&truth["best_bid"], &truth["best_ask"], [&truth["levels"][0], &truth["levels"][1]]);
    });
    let Some(summary) = summary else { return };
    let sum = |count: fn(&SessionFeed) -> u64| summary.feeds.iter().map(count).sum::<u64>();
    assert_eq!(sum(|feed| feed.counts.checksums), 4_269);
    // Tickers, which say no time; eight messages of ten trades.
    assert_eq!(sum(|feed| feed.counts.other), 18);
    assert_eq!(sum(|feed| feed.trades.as_ref().map_or(0, |trades| trades.rows)), 10);
}

#[test]
fn coinbase_agrees() {
    let summary = each_symbol("COINBASE", "COINBASE.ws.28.0", |case| {
        let Case { feed, truth, .. } = case;
        let expected = RecordingCounts {
            updates: count(&truth["l2update"]),
            snapshots: 1,
            other: count(&truth["ticker"]) + count(&truth["last_match"]),
            ..RecordingCounts::default()
        };
        assert_eq!(feed.counts, expected);
        let book = &truth["book"];
        case.book_ends(&book["best_bid"], &book["best_ask"], [&book["bid_levels"], &book["ask_levels"]]);
        assert_eq!(feed.trades.as_ref().map_or(0, |trades| trades.rows), count(&truth["match"]));
    });
    assert!(summary.is_none_or(|summary| summary.left_out == 0));
}
