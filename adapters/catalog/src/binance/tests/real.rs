//! Real recordings: what independent scripts counted in them, and the best prices that the exchange told.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};

use flate2::read::GzDecoder;
use serde_json::Value;
use tapedeck_model::book::{Book, Level};
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
        let summary = import_recording(&recording, &folder.path().join("catalog"), &|| false).unwrap();
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
    }
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
    let tickers = truth["bookTicker"]["n"].as_u64().unwrap();
    let expected = RecordingCounts {
        updates: found.updates,
        updates_before_snapshot: found.updates_before_snapshot,
        snapshots: 1,
        other: tickers,
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
    assert_eq!((summary.files[0].recv_shift.nanos() + 500) / 1_000, -least);
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
