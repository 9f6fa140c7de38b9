//! Published files: what their names say, and real ones against what was measured of them with other tools.

use std::fs;

use serde_json::Value;
use tapedeck_model::event::DataIssue;
use tapedeck_model::{Decimal, MarketRecord, Price, Side, Ts};

use super::*;
use crate::tests::{instrument, play, shared, write_text};

/// Coins with eight decimals.
fn coin(venue: Option<&str>, symbol: &str) -> Instrument {
    let mut coin = instrument(1);
    (coin.price_scale, coin.qty_scale) = (8, 8);
    coin.id.venue = venue.unwrap_or("SIM").to_owned();
    coin.id.symbol = symbol.to_owned();
    coin
}

fn one(publisher: Publisher, path: &Path, kind: Option<&str>) -> Result<Published, String> {
    let sets = published(publisher, &[path.display().to_string()], kind).map_err(|e| e.to_string())?;
    assert_eq!(sets.len(), 1);
    Ok(sets.into_iter().next().unwrap())
}

fn records(set: &Published) -> Result<Vec<MarketRecord>, String> {
    let coin = coin(set.venue.as_deref(), &set.symbol);
    play(set.spec(coin, OnError::Fail)).map(|played| played.records)
}

#[test]
fn names_say_what_files_hold() {
    use Publisher::{Binance, Freqtrade, Lean};
    let bars = |text: &str| DataKind::Bars { interval: interval_of(text).unwrap() };
    for (publisher, path, symbol, kind) in [
        (Binance, "BTCUSDT-1m-2024-01.zip", "BTCUSDT", bars("1m")),
        (Binance, "a/BTCUSD_PERP-4h-2024-01-31.csv", "BTCUSD_PERP", bars("4h")),
        (Binance, "BTCUSDT-1w-2024-01.zip", "BTCUSDT", bars("7d")),
        (Binance, "XRPETH-aggTrades-2019-10-11.csv", "XRPETH", DataKind::Trades),
        (Binance, "XRPETH-trades-2019-10-11.zip", "XRPETH", DataKind::Trades),
        (Binance, "BTCUSDT-bookTicker-2024-01-01.zip", "BTCUSDT", DataKind::Quotes),
        (Binance, "BTCUSDT-fundingRate-2024-01.zip", "BTCUSDT", DataKind::Funding),
        (Binance, "um/monthly/markPriceKlines/BTCUSDT/1m/BTCUSDT-1m-2024-01.zip", "BTCUSDT", DataKind::Marks),
        (Freqtrade, "ADA_BTC-5m.feather", "ADA/BTC", bars("5m")),
        (Freqtrade, "XRP_USDT_USDT-1h-futures.json.gz", "XRP/USDT:USDT", bars("1h")),
        (Freqtrade, "XRP_USDT_USDT-8h-mark.feather", "XRP/USDT:USDT", DataKind::Marks),
        (Freqtrade, "XRP_USDT_USDT-8h-funding_rate.feather", "XRP/USDT:USDT", DataKind::Funding),
        (Freqtrade, "XRP_ETH-trades.parquet", "XRP/ETH", DataKind::Trades),
        (Lean, "crypto/coinbase/minute/btcusd/20180404_trade.zip", "BTCUSD", bars("1m")),
        (Lean, "crypto/coinbase/second/btcusd/20180404_quote.zip", "BTCUSD", DataKind::Quotes),
        (Lean, "crypto/coinbase/tick/btcusd/20180404_trade.zip", "BTCUSD", DataKind::Trades),
        (Lean, "crypto/binance/hour/btcusdt_trade.zip", "BTCUSDT", bars("1h")),
        (Lean, "cryptofuture/binance/margin_interest/btcusd.csv", "BTCUSD", DataKind::Funding),
    ] {
        let set = publisher.recognise(Path::new(path), None).unwrap();
        assert_eq!((set.symbol.as_str(), set.kind), (symbol, kind), "{path}");
    }
    let marks = Binance.recognise(Path::new("BTCUSDT-1m-2024-01.zip"), Some("mark")).unwrap();
    assert_eq!((marks.kind, marks.custom.shift), (DataKind::Marks, Span::MINUTE));
    for (publisher, path, problem) in [
        (Binance, "notes.csv", "its name does not say what it holds"),
        (Binance, "BTCUSDT-metrics-2024-01-01.zip", "`metrics` is none that is read"),
        (Binance, "um/premiumIndexKlines/BTCUSDT-1m-2024-01.zip", "`premiumIndexKlines` are none that are read"),
        (Freqtrade, "UNITTEST_BTC-5m.h5", "`.h5` is not read"),
        (Freqtrade, "UNITTEST_BTC.feather", "its name does not say what it holds"),
        (Lean, "equity/usa/daily/aapl.zip", "only crypto and crypto futures are read"),
        (Lean, "crypto/coinbase/daily/btcusd_openinterest.zip", "`openinterest` is neither trade nor quote"),
    ] {
        let refused = publisher.recognise(Path::new(path), None).unwrap_err().to_string();
        assert!(refused.contains(problem), "{path}: {refused}");
    }
}

#[test]
fn times_go_over_from_milliseconds_to_microseconds_between_files_and_headers_come_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let row = |time: &str| format!("{time},1.5,2,1,1.75,10,0,0,3,0,0,0\n");
    let header = KLINES_HEADER;
    write_text(&folder, "BTCUSDT-1d-2024-12.csv", &row("1735603200000"));
    write_text(&folder, "BTCUSDT-1d-2025-01.csv", &format!("{header}\n{}", row("1735689600000000")));
    let folder = folder.path().display().to_string();
    let sets = published(Publisher::Binance, &[folder], None).unwrap();
    let [set] = sets.as_slice() else { panic!("one set, not {sets:?}") };
    let opened: Vec<String> = records(set)
        .unwrap()
        .iter()
        .map(|record| if let MarketRecord::Bar(bar) = record { bar.ts_open().to_string() } else { panic!("a bar") })
        .collect();
    assert_eq!(opened, ["2024-12-31T00:00:00Z", "2025-01-01T00:00:00Z"]);
    let folder = tempfile::tempdir().unwrap();
    let seconds = write_text(&folder, "BTCUSDT-1d-2024-12.csv", &row("1735603200"));
    let refused = one(Publisher::Binance, &seconds, None).and_then(|set| records(&set)).unwrap_err();
    assert!(refused.contains("since 1973; is it in seconds?") && refused.contains("1735603200"), "{refused}");
}

const KLINES_HEADER: &str = "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,\
                             taker_buy_quote_volume,ignore";

#[test]
fn quotes_marks_and_rates_are_read_from_small_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| write_text(&folder, name, text);
    let ticker = file("A-bookTicker-2024-01-01.csv", "7,1.5,3,1.6,4,1704067200123,1704067200125\n");
    let played = records(&one(Publisher::Binance, &ticker, None).unwrap()).unwrap();
    let [MarketRecord::Quote(quote)] = played.as_slice() else { panic!("a quote, not {played:?}") };
    assert_eq!((quote.bid_px, quote.ask_px), (px("1.5"), px("1.6")));
    assert_eq!(quote.ts_event.to_string(), "2024-01-01T00:00:00.123Z");
    let rates = file(
        "A-fundingRate-2024-01.csv",
        "calc_time,funding_interval_hours,last_funding_rate\n1704067200000,8,0.00037409\n",
    );
    let played = records(&one(Publisher::Binance, &rates, None).unwrap()).unwrap();
    assert!(matches!(played.as_slice(), [MarketRecord::Funding(_)]), "{played:?}");
    let marks = file("A-1m-2024-01.csv", "1704067200000,1.5,2,1,1.75,0,1704067259999,0,60,0,0,0\n");
    let played = records(&one(Publisher::Binance, &marks, Some("mark")).unwrap()).unwrap();
    let [MarketRecord::Mark(mark)] = played.as_slice() else { panic!("a mark, not {played:?}") };
    assert_eq!((mark.mark_px, mark.ts_event.to_string()), (px("1.75"), "2024-01-01T00:01:00Z".to_owned()));
}

fn px(text: &str) -> Price {
    Price::parse(text, 8).unwrap()
}

/// A price as it was measured, of floats with their tails.
fn near(measured: &Value) -> i64 {
    let measured: f64 = measured.as_str().unwrap().parse().unwrap();
    (measured * 1e8).round() as i64
}

#[test]
fn json_that_is_damaged_is_refused_with_its_file() {
    let folder = tempfile::tempdir().unwrap();
    for (text, problem) in [
        ("", "no JSON array of rows"),
        ("{}", "no JSON array of rows"),
        ("[[1,2,3,0.5,2,1]", "no JSON array of rows"),
        ("[[1,2,3,0.5,2,1]] and more", "no JSON array of rows"),
        ("[[1,2,3]]", "3 fields"),
        ("[[1,2,1e309,0.5,2,1]]", "no JSON array of rows"),
        ("[[60000,2,3,0.5,\"x\",1]]", "a value is missing"),
    ] {
        let file = write_text(&folder, "A_B-1m.json", text);
        let refused = one(Publisher::Freqtrade, &file, None).and_then(|set| records(&set)).unwrap_err();
        assert!(refused.contains(problem) && refused.contains("A_B-1m.json"), "{text}: {refused}");
    }
}

/// Rows of depth in short: side, price, quantity (in thousandths) and flags.
fn levels(records: &[MarketRecord]) -> Vec<String> {
    let level = |record: &MarketRecord| {
        let MarketRecord::Depth(row) = record else { panic!("depth, not {record:?}") };
        let side = row.side.map_or("-", |side| if side == Side::Buy { "bid" } else { "ask" });
        format!(
            "{} {side} {} {} {}",
            row.ts_recv.nanos(),
            row.px.raw() / 1_000_000,
            row.qty.raw() / 100_000,
            row.flags.bits()
        )
    };
    records.iter().map(level).collect()
}

#[test]
fn books_come_as_updates_and_as_whole_books() {
    let folder = tempfile::tempdir().unwrap();
    let updates = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n\
        d,P,1,5,true,bid,1.5,2\nd,P,1,5,true,ask,1.6,3\nd,P,2,6,true,ask,1.7,1\nd,P,3,7,false,bid,1.5,0\n\
        d,P,3,8,false,bid,1.4,1\nd,P,4,9,true,bid,1.3,1\n";
    let file = write_text(&folder, "updates.csv", updates);
    let set = one(Publisher::Tardis, &file, None).unwrap();
    assert_eq!((set.venue.as_deref(), set.symbol.as_str(), set.kind), (Some("d"), "P", DataKind::Depth));
    let expected = [
        "5000 bid 150 2000 2",
        "5000 ask 160 3000 1",
        "6000 ask 170 1000 1",
        "7000 bid 150 0 1",
        "8000 bid 140 1000 1",
        "9000 bid 130 1000 3",
    ];
    assert_eq!(levels(&records(&set).unwrap()), expected);
    for rows in 1..4 {
        let coin = coin(None, "P");
        let played = crate::tests::play_in(set.spec(coin, OnError::Fail), rows).unwrap();
        assert_eq!(levels(&played.records), expected, "batches of {rows}");
    }
    let books = "exchange,symbol,timestamp,local_timestamp,asks[0].price,asks[0].amount,bids[0].price,bids[0].amount,\
        asks[1].price,asks[1].amount,bids[1].price,bids[1].amount\n\
        d,P,1,5,1.6,3,1.5,2,1.7,1,,\nd,P,1,5,,,,,,,,\n";
    let file = write_text(&folder, "books.csv", books);
    let played = records(&one(Publisher::Tardis, &file, None).unwrap()).unwrap();
    assert_eq!(levels(&played), ["5000 bid 150 2000 2", "5000 ask 160 3000 0", "5000 ask 170 1000 1", "5000 - 0 0 3"]);
    let depth = "symbol,timestamp,first_update_id,last_update_id,side,update_type,price,qty,pu\n\
        A,1,7,9,b,snap,1.5,2,-1\nA,1,7,9,a,snap,1.6,3,-1\nA,2,10,11,a,set,1.6,0,9\nA,2,12,12,a,set,1.7,1,11\n";
    let file = write_text(&folder, "A_T_DEPTH_2022-11-01_depth_snap.csv", depth);
    let played = records(&one(Publisher::Binance, &file, None).unwrap()).unwrap();
    let expected =
        ["1000000 bid 150 2000 2", "1000000 ask 160 3000 1", "2000000 ask 160 0 1", "2000000 ask 170 1000 1"];
    assert_eq!(levels(&played), expected);
    for (name, text, problem) in [
        ("torn.csv", updates.replace("bid,1.5,2", "bid,1.5"), "fields"),
        ("word.csv", updates.replace("bid,1.5,2", "middle,1.5,2"), "cannot be read"),
        ("less.csv", updates.replace("amount", "size"), "no column `amount`"),
        ("nobody.csv", "exchange,symbol\n".to_owned(), "no rows"),
        ("other.csv", "exchange,symbol,funding_rate\nd,P,1\n".to_owned(), "its columns are none that are known"),
    ] {
        let file = write_text(&folder, name, &text);
        let refused = one(Publisher::Tardis, &file, None).and_then(|set| records(&set)).unwrap_err();
        assert!(refused.contains(problem) && refused.contains(name), "{name}: {refused}");
    }
}

#[test]
fn real_books_of_publishers_hold_what_was_measured_of_them() {
    let Some(shared) = shared() else { return };
    let truth = truth(&shared);
    let folder = tempfile::tempdir().unwrap();
    let tardis = |name: &str| {
        let path = format!("nautilus/tardis/{name}.csv");
        (truth[&path].clone(), one(Publisher::Tardis, &shared.join("data").join(&path), None).unwrap())
    };
    let messages = |records: &[MarketRecord]| levels(records).iter().filter(|row| row.ends_with(" 1")).count() as u64;
    for name in ["binance-futures_book_snapshot_25_BTCUSDT", "binance-futures_book_snapshot_5_BTCUSDT"] {
        let (about, set) = tardis(name);
        let played = records(&set).unwrap();
        assert_eq!(messages(&played), about["rows"].as_u64().unwrap(), "{name}");
        let [first, last] = [played.first(), played.last()].map(|record| record.unwrap().ts_event());
        assert_eq!((first, last), (time(&about["first"]), time(&about["last"])), "{name}");
        let best = |side: Side, better: fn(i64, i64) -> i64| {
            let last = |r: &&MarketRecord| r.ts_event() == last;
            let px = |r: &MarketRecord| {
                if let MarketRecord::Depth(row) = r { (row.side == Some(side)).then_some(row.px.raw()) } else { None }
            };
            played.iter().filter(last).filter_map(px).reduce(better)
        };
        let stated = ["last_best_bid", "last_best_ask"].map(|key| Some(px(about[key].as_str().unwrap()).raw()));
        assert_eq!([best(Side::Buy, i64::max), best(Side::Sell, i64::min)], stated, "{name}");
    }
    let (about, set) = tardis("deribit_incremental_book_L2_BTC-PERPETUAL");
    let played = records(&set).unwrap();
    assert_eq!((played.len() as u64, messages(&played)), (about["rows"].as_u64().unwrap(), 1));
    for name in ["bitmex_trades_XBTUSD", "huobi-dm-swap_quotes_BTC-USD"] {
        let (about, set) = tardis(name);
        let played = records(&set).unwrap();
        assert_eq!(played.len() as u64, about["rows"].as_u64().unwrap(), "{name}");
        assert_eq!(played[0].ts_event().to_string()[..23], about["first"].as_str().unwrap()[..23], "{name}");
    }
    for (name, kind) in [("btcusdt-depth-snap.csv", "snap"), ("btcusdt-depth-update.csv", "update")] {
        let about = &truth[format!("nautilus/binance/{name}")];
        // The name that Binance gives such a file.
        let file = folder.path().join(format!("BTCUSDT_T_DEPTH_2022-11-01_depth_{kind}.csv"));
        fs::copy(shared.join("data/nautilus/binance").join(name), &file).unwrap();
        let played = records(&one(Publisher::Binance, &file, None).unwrap()).unwrap();
        assert_eq!((played.len() as u64, messages(&played)), (about["rows"].as_u64().unwrap(), 1), "{name}");
        assert_eq!(played[0].ts_event(), time(&about["first"]), "{name}");
        let deleted = |r: &&MarketRecord| matches!(r, MarketRecord::Depth(row) if row.qty.raw() == 0);
        assert_eq!(played.iter().filter(deleted).count() as u64, about["zero_qty"].as_u64().unwrap(), "{name}");
    }
}

/// What was measured of a file with other tools.
fn truth(shared: &Path) -> Value {
    let text = fs::read_to_string(shared.join("data/TRUTH.json")).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["tables"].take()
}

/// The sum of exact parts of eight decimals.
fn sum(parts: impl Iterator<Item = i64>) -> Decimal {
    Decimal::from_i128_with_scale(parts.map(i128::from).sum(), 8).normalize()
}

/// Whether a sum is what was measured; what was measured of floats is a sum of floats.
fn is(sum: Decimal, measured: &Value) -> bool {
    let text = measured.as_str().map_or_else(|| measured.to_string(), str::to_owned);
    let measured: f64 = text.parse().unwrap();
    let sum: f64 = sum.to_string().parse().unwrap();
    (sum - measured).abs() <= 1e-12 * measured.abs()
}

/// Whose layout a file of the measured ones has, if it is one that is read.
fn publisher_of(name: &str) -> Option<Publisher> {
    match name.split_once('/')?.0 {
        "freqtrade" if ![".h5", ".csv"].iter().any(|ending| name.ends_with(ending)) => Some(Publisher::Freqtrade),
        "lean" if name.starts_with("lean/crypto") => Some(Publisher::Lean),
        "derived" => Some(Publisher::Binance),
        _ => None,
    }
}

/// A time as it was measured, also in LEAN's form.
fn time(measured: &Value) -> Ts {
    let text = measured.as_str().unwrap();
    text.parse().unwrap_or_else(|_| {
        let day = crate::cells::dashed(&text[..8]).unwrap();
        format!("{day}T{}Z", &text[9..]).parse().unwrap()
    })
}

#[test]
fn real_files_hold_what_was_measured_of_them() {
    let Some(shared) = shared() else { return };
    let truth = truth(&shared);
    let mut looked_at = 0;
    for (name, about) in truth.as_object().unwrap() {
        let Some(publisher) = publisher_of(name) else { continue };
        looked_at += 1;
        let set = one(publisher, &shared.join("data").join(name), None).unwrap();
        if about["rows"] == 0 {
            let refused = records(&set).unwrap_err();
            assert!(refused.contains("it is empty"), "{refused}");
            continue;
        }
        let coin = coin(set.venue.as_deref(), &set.symbol);
        let played = play(set.spec(coin, OnError::Fail)).unwrap_or_else(|problem| panic!("{name}: {problem}"));
        assert_eq!(played.records.len() as u64, about["rows"].as_u64().unwrap(), "{name}");
        let stamp = |record: Option<&MarketRecord>| match record.unwrap() {
            MarketRecord::Bar(bar) => bar.ts_open(),
            other => Ts::from_nanos(other.ts_event().nanos() - set.custom.shift.nanos()),
        };
        let [first, last] = [played.records.first(), played.records.last()].map(stamp);
        assert_eq!((first, last), (time(&about["first"]), time(&about["last"])), "{name}");
        let gaps: u64 = played.issues.iter().filter(|(issue, _)| *issue == DataIssue::Gap).map(|(_, n)| *n).sum();
        if matches!(set.kind, DataKind::Bars { .. }) {
            assert_eq!(gaps, about["gap_places"].as_u64().unwrap(), "{name}");
        }
        check(&played.records, about, name);
    }
    assert!(looked_at >= 50, "only {looked_at} files of the publishers");
}

/// Sums, extremes and first values of one file's records.
fn check(records: &[MarketRecord], about: &Value, name: &str) {
    let raws = |of: fn(&MarketRecord) -> Option<i64>| records.iter().filter_map(of);
    match &records[0] {
        MarketRecord::Bar(_) => {
            let volume = raws(|r| if let MarketRecord::Bar(bar) = r { Some(bar.volume.raw()) } else { None });
            assert!(is(sum(volume), &about["sum_volume"]), "{name}");
            let lows = raws(|r| if let MarketRecord::Bar(bar) = r { Some(bar.low.raw()) } else { None });
            let highs = raws(|r| if let MarketRecord::Bar(bar) = r { Some(bar.high.raw()) } else { None });
            assert_eq!(
                (lows.min(), highs.max()),
                (Some(near(&about["min_low"])), Some(near(&about["max_high"]))),
                "{name}"
            );
        }
        MarketRecord::Trade(_) => {
            let qty = raws(|r| if let MarketRecord::Trade(trade) = r { Some(trade.qty.raw()) } else { None });
            assert!(is(sum(qty), &about["sum_amount"]), "{name}");
            let bought =
                |r: &&MarketRecord| matches!(r, MarketRecord::Trade(trade) if trade.aggressor == Some(Side::Buy));
            let stated = ["buy", "False"].iter().find_map(|side| about["sides"].get(side)?.as_u64());
            assert_eq!(Some(records.iter().filter(bought).count() as u64), stated, "{name}");
        }
        MarketRecord::Quote(first) => {
            let [bid, ask] = [0, 1].map(|side| about["first_close_bid_ask"][side].as_str().unwrap());
            assert_eq!((first.bid_px, first.ask_px), (px(bid), px(ask)), "{name}");
        }
        MarketRecord::Funding(_) => {
            let rates = raws(|r| if let MarketRecord::Funding(tick) = r { Some(tick.rate) } else { None });
            let sum = Decimal::from_i128_with_scale(rates.map(i128::from).sum(), 12);
            assert!(is(sum, &about["sum_rate"]), "{name}: {sum}");
        }
        MarketRecord::Mark(first) => assert_eq!(first.mark_px.raw(), near(&about["first_close"]), "{name}"),
        MarketRecord::Depth(_) | MarketRecord::Mbo(_) => panic!("{name} holds no book"),
    }
}

#[test]
fn the_same_trades_come_in_every_form() {
    let Some(shared) = shared() else { return };
    let trades = |publisher, path: &str| {
        let set = one(publisher, &shared.join("data").join(path), None).unwrap();
        records(&set).unwrap()
    };
    let feather = trades(Publisher::Freqtrade, "freqtrade/XRP_ETH-trades.feather");
    for (publisher, path) in [
        (Publisher::Freqtrade, "freqtrade/XRP_ETH-trades.parquet"),
        (Publisher::Freqtrade, "freqtrade/XRP_ETH-trades.json.gz"),
        (Publisher::Freqtrade, "freqtrade/XRP_OLD-trades.json.gz"),
        (Publisher::Binance, "derived/binance_aggtrades"),
    ] {
        assert!(trades(publisher, path) == feather, "{path} holds other trades");
    }
}
