//! Real recordings: what independent scripts counted in them, and the best prices that the exchange told.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};

use flate2::read::GzDecoder;
use serde_json::Value;
use tapedeck_model::book::{Book, BookLaw, Level, QuoteLaw};
use tapedeck_model::market::DepthFlags;
use tapedeck_model::number::format_scaled;
use tapedeck_model::{DepthTick, Price, Qty};

use super::*;
use crate::tests::shared;

/// A recording, and the decimals of its prices and quantities.
const FILES: [(&str, &str, u8, u8); 3] = [
    ("usdm/btcusdt_20240808.gz", "BTCUSDT", 1, 3),
    ("spot/btcusdt_20240808.gz", "BTCUSDT", 2, 8),
    ("cm/btcusd_perp_20240808.gz", "BTCUSD_PERP", 1, 0),
];

/// A recording as read here once more, without regard to the importer.
#[derive(Default)]
struct Naive {
    /// Number of the last change of each update, with its line.
    updates: Vec<(u64, usize)>,
    /// Line and `lastUpdateId`.
    snapshot: (usize, u64),
    is_spot: bool,
    /// Best bid and offer by the number of the change.
    tops: BTreeMap<u64, [String; 4]>,
}

fn naive(path: &Path) -> Naive {
    let mut naive = Naive::default();
    let file = BufReader::new(GzDecoder::new(std::fs::File::open(path).unwrap()));
    for (at, line) in file.lines().enumerate() {
        let line = line.unwrap();
        let message: Value = serde_json::from_str(&line[20..]).unwrap();
        let (stream, data) = (message["stream"].as_str().unwrap_or_default(), &message["data"]);
        if stream.contains("@depth") {
            naive.updates.push((data["u"].as_u64().unwrap(), at));
        } else if stream.ends_with("@bookTicker") {
            let top = ["b", "B", "a", "A"].map(|key| data[key].as_str().unwrap().to_owned());
            naive.tops.insert(data["u"].as_u64().unwrap(), top);
        } else if let Some(last) = message["lastUpdateId"].as_u64() {
            naive.snapshot = (at, last);
            naive.is_spot = message.get("T").is_none();
        }
    }
    naive
}

/// The book after each message, as best levels; and the book at the end.
fn books(records: &[MarketRecord]) -> (Vec<(Level, Level)>, Book) {
    let (mut book, mut tops) = (Book::new(), Vec::new());
    for record in records {
        let MarketRecord::Depth(row) = record else { panic!("depth") };
        book.apply(row);
        if row.flags.has(DepthFlags::LAST) {
            tops.push(book.top().unwrap().unwrap());
        }
    }
    (tops, book)
}

fn decimal(text: &Value, scale: u8) -> i64 {
    Qty::parse(text.as_str().unwrap(), scale).unwrap().raw()
}

#[test]
fn recordings_give_what_independent_scripts_counted() {
    let Some(shared) = shared() else { return };
    let truth = std::fs::read_to_string(shared.join("data/TRUTH.json")).unwrap();
    let truth: Value = serde_json::from_str(&truth).unwrap();
    for (name, symbol, price_scale, qty_scale) in FILES {
        let name = format!("hftbacktest/{name}");
        let path = shared.join("data").join(&name);
        let mut instrument = instrument(1);
        symbol.clone_into(&mut instrument.id.symbol);
        (instrument.price_scale, instrument.qty_scale) = (price_scale, qty_scale);
        let folder = TempDir::new().unwrap();
        let recording = Recording { instrument: instrument.clone(), ..recording(vec![path.clone()]) };
        let summary =
            import_recording(&recording, &folder.path().join("catalog"), OnConflict::Error, &|| false).unwrap();
        let outcome = Outcome { folder, summary };
        let read = |kind: DataKind| {
            let files = expand_paths(&[kind.text().to_owned()], &outcome.folder.path().join("catalog")).unwrap();
            play(crate::FileSpec { instrument: instrument.clone(), ..spec(kind, &files) }).unwrap().records
        };
        let truth = &truth["raw_ws"][&name];
        counts_agree(&outcome.summary, truth);
        trades_agree(&read(DataKind::Trades), &truth["trades"], &instrument);
        let records = read(DataKind::Depth);
        assert_eq!(records.len() as u64, truth["snapshot_book"]["level_updates"].as_u64().unwrap());
        let (tops, book) = books(&records);
        tops_agree(&tops, &naive(&path), &truth["bookTicker_vs_depth"], &instrument);
        book_agrees(&book, &records, &truth["snapshot_book"], &instrument);
        if outcome.summary.quotes.is_some() {
            let quotes = read(DataKind::Quotes);
            quotes_agree(&quotes, &truth["bookTicker"], &instrument);
            for law in [QuoteLaw::Prune, QuoteLaw::Fuse] {
                quotes_count_between_messages(&records, &quotes, law);
            }
        }
    }
}

fn quotes_agree(records: &[MarketRecord], truth: &Value, instrument: &Instrument) {
    assert_eq!(records.len() as u64, truth["n"].as_u64().unwrap());
    for (record, told) in [(records.first(), &truth["first"]), (records.last(), &truth["last"])] {
        let Some(MarketRecord::Quote(quote)) = record else { panic!("a quote") };
        let found = [quote.bid_px.raw(), quote.bid_qty.raw(), quote.ask_px.raw(), quote.ask_qty.raw()];
        let (px, qty) = (instrument.price_scale, instrument.qty_scale);
        assert_eq!(
            found,
            [("b", px), ("B", qty), ("a", px), ("A", qty)].map(|(key, scale)| decimal(&told[key], scale))
        );
        assert_eq!(quote.ts_event.nanos(), told["T"].as_i64().unwrap() * 1_000_000);
    }
}

/// Depth and quotes in the order of the exchange, depth last at equal times: after each message of depth the
/// book is that of depth alone, and after each quote its best levels are never better than the quote's, or
/// exactly those.
fn quotes_count_between_messages(depth: &[MarketRecord], quotes: &[MarketRecord], law: QuoteLaw) {
    let (mut alone, mut book) = (Book::new(), Book::with_law(BookLaw { quotes: law, ..BookLaw::default() }));
    let told = quotes.len() as u64;
    let mut quotes = quotes.iter().peekable();
    let (mut counted, mut changes) = (0, 0);
    for record in depth {
        let MarketRecord::Depth(row) = record else { panic!("depth") };
        while let Some(MarketRecord::Quote(quote)) = quotes.next_if(|quote| quote.ts_event() <= row.ts_event) {
            counted += u64::from(book.tell(quote, |_, _| changes += 1));
            let tops = book.best(Side::Buy).zip(book.best(Side::Sell)).filter(|_| book.depth(Side::Buy) > 900);
            let Some((bid, ask)) = tops else { continue };
            assert!(bid.px <= quote.bid_px && ask.px >= quote.ask_px && book.trouble_now().is_none());
            assert!(bid.px < quote.bid_px || bid.qty <= quote.bid_qty);
            let same = (bid.px, bid.qty, ask.px, ask.qty) == (quote.bid_px, quote.bid_qty, quote.ask_px, quote.ask_qty);
            assert!(same || law == QuoteLaw::Prune);
        }
        alone.apply(row);
        book.apply(row);
        if row.flags.has(DepthFlags::LAST) {
            book.end_message(row);
            assert_eq!(
                [Side::Buy, Side::Sell].map(|side| book.best(side)),
                [Side::Buy, Side::Sell].map(|side| alone.best(side))
            );
        }
    }
    for side in [Side::Buy, Side::Sell] {
        assert!(book.levels(side).eq(alone.levels(side)));
    }
    assert!(counted * 100 > told * 98 && changes > 5_000, "{counted} of {told} quotes count, {changes} changes");
}

fn counts_agree(summary: &RecordingSummary, truth: &Value) {
    let count = |value: &Value| value.as_u64().unwrap();
    let found = summary.counts;
    let book = &truth["snapshot_book"];
    assert_eq!(summary.files[0].lines, count(&truth["lines"]));
    assert_eq!(found.updates, count(&book["applied"]));
    assert_eq!(found.updates_before_snapshot, count(&book["dropped_before_snapshot"]));
    assert_eq!(found.updates + found.updates_before_snapshot, count(&truth["depth"]["n"]));
    assert_eq!(found.gaps, count(&book["chain_breaks_after"]));
    assert_eq!(found.trades_missing, count(&truth["trades"]["ids_missing"]));
    // Of spot it says no time.
    let timed = truth["bookTicker"]["first"].get("T").is_some();
    let tickers = truth["bookTicker"]["n"].as_u64().unwrap();
    let expected = RecordingCounts {
        updates: found.updates,
        updates_before_snapshot: found.updates_before_snapshot,
        snapshots: 1,
        other: if timed { 0 } else { tickers },
        ..RecordingCounts::default()
    };
    assert_eq!(found, expected, "nothing else is in it");
    assert_eq!(summary.depth.as_ref().unwrap().issues, []);
    // The least feed latency is the shift, to the microsecond that the truth is rounded to.
    let latency = |value: &Value| (value["min"].as_f64().unwrap() * 1e3).round() as i64;
    let by_kind = |kind: &str| {
        let matched = &truth["local_minus_T_ms"][kind];
        latency(if matched.is_null() { &truth["local_minus_E_ms"][kind] } else { matched })
    };
    let least = by_kind("depthUpdate").min(by_kind("trade"));
    let least = if timed { least.min(by_kind("bookTicker")) } else { least };
    let shift = summary.files[0].recv_shift.nanos();
    assert!((shift + least * 1_000).abs() < 1_000, "{shift}");
}

fn trades_agree(records: &[MarketRecord], truth: &Value, instrument: &Instrument) {
    let trades: Vec<_> = records
        .iter()
        .map(|record| match record {
            MarketRecord::Trade(trade) => trade,
            _ => panic!("a trade"),
        })
        .collect();
    let sum = |side: Option<Side>| {
        let wanted = trades.iter().filter(|trade| side.is_none() || trade.aggressor == side);
        format_scaled(wanted.map(|trade| i128::from(trade.qty.raw())).sum(), instrument.qty_scale)
    };
    assert_eq!(trades.len() as u64, truth["n"].as_u64().unwrap());
    assert_eq!(sum(None), truth["sum_qty"].as_str().unwrap());
    assert_eq!(sum(Some(Side::Buy)), truth["sum_taker_buy_qty"].as_str().unwrap());
    let sold = trades.iter().filter(|trade| trade.aggressor == Some(Side::Sell)).count();
    assert_eq!(sold as u64, truth["buyer_is_maker"].as_u64().unwrap());
    let notional: i128 = trades.iter().map(|trade| i128::from(trade.px.raw()) * i128::from(trade.qty.raw())).sum();
    let scale = instrument.price_scale + instrument.qty_scale;
    assert_eq!(format_scaled(notional, scale), truth["sum_notional"].as_str().unwrap());
    assert!(trades.iter().all(|trade| trade.ts_recv >= trade.ts_event));
}

/// At every update after the snapshot, the best levels are those that the exchange told last, by number.
fn tops_agree(tops: &[(Level, Level)], naive: &Naive, truth: &Value, instrument: &Instrument) {
    let (at, snapshot) = naive.snapshot;
    let applied =
        naive.updates.iter().filter(|(last, _)| if naive.is_spot { *last > snapshot } else { *last >= snapshot });
    let applied: Vec<&(u64, usize)> = applied.collect();
    assert_eq!(tops.len(), applied.len() + 1, "one message for the snapshot, one for each update");
    let (mut same, mut last_told) = (0, 0);
    for ((bid, ask), (last, line)) in tops.iter().skip(1).zip(applied) {
        let Some((told_at, [bid_px, bid_qty, ask_px, ask_qty])) = naive.tops.range(..=*last).next_back() else {
            continue;
        };
        let px = |text: &str| Price::parse(text, instrument.price_scale).unwrap();
        let qty = |text: &str| Qty::parse(text, instrument.qty_scale).unwrap();
        assert_eq!((bid.px, bid.qty, ask.px, ask.qty), (px(bid_px), qty(bid_qty), px(ask_px), qty(ask_qty)));
        same += u64::from(told_at == last);
        last_told += u64::from(*line > at);
    }
    assert_eq!(same, truth["same_u"].as_u64().unwrap());
    assert_eq!(last_told, truth["last_bt_le_u"].as_u64().unwrap());
}

fn book_agrees(book: &Book, records: &[MarketRecord], truth: &Value, instrument: &Instrument) {
    for (side, levels, sum, top) in
        [(Side::Buy, "bid_levels", "sum_bid_qty", "top5_bid"), (Side::Sell, "ask_levels", "sum_ask_qty", "top5_ask")]
    {
        assert_eq!(book.depth(side) as u64, truth[levels].as_u64().unwrap());
        let found: i128 = book.levels(side).map(|level| i128::from(level.qty.raw())).sum();
        assert_eq!(format_scaled(found, instrument.qty_scale), truth[sum].as_str().unwrap());
        let best: Vec<(i64, i64)> = book.levels(side).take(5).map(|level| (level.px.raw(), level.qty.raw())).collect();
        let told = truth[top].as_array().unwrap().iter();
        let told: Vec<(i64, i64)> = told
            .map(|level| (decimal(&level[0], instrument.price_scale), decimal(&level[1], instrument.qty_scale)))
            .collect();
        assert_eq!(best, told);
    }
    let row = |record: &MarketRecord| match record {
        MarketRecord::Depth(row) => *row,
        _ => panic!("depth"),
    };
    let rows: Vec<DepthTick> = records.iter().map(row).collect();
    let deletes = rows.iter().filter(|row| row.qty == Qty::ZERO).count();
    assert_eq!(deletes as u64, truth["deletes"].as_u64().unwrap());
    assert!(rows.iter().all(|row| row.ts_recv >= row.ts_event && !row.flags.has(DepthFlags::GAP)));
}
