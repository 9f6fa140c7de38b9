//! Real files against what was measured of them with other tools.

use serde_json::Value;
use tapedeck_catalog::{Publisher, published_forms};

use super::*;

fn truth(data: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(data.join("TRUTH.json")).unwrap()).unwrap()
}

/// A published file, with as many decimals as any of them has.
fn publication(publisher: Publisher, path: &Path) -> FileSpec {
    let (sets, refused) = published_forms(publisher, &[path.display().to_string()], None).unwrap();
    assert!(refused.is_empty(), "{refused:?}");
    assert_eq!(sets.len(), 1, "{}", path.display());
    sets[0].spec(instrument(10, 8), OnError::Fail)
}

fn look_at(spec: &FileSpec) -> Report {
    let (settings, calendar) = (Settings::default(), Calendar::always());
    check(&asked(spec, &settings, &calendar)).unwrap()
}

/// Compares the figures that both have; which they were.
fn agree(report: &Report, truth: &Value, name: &str) -> Vec<&'static str> {
    let gap = report.finding(Kind::Gap).map_or(0, |judged| judged.finding.count);
    let duplicates = report.count(Kind::DuplicateTime);
    let mut compared = Vec::new();
    for (key, found) in [
        ("rows", report.rows),
        ("gap_places", gap),
        ("missing_bars", report.missing),
        ("duplicates", duplicates),
        ("backward", report.count(Kind::OutOfOrder)),
        ("off_grid", report.count(Kind::OffGrid)),
        ("bad_ohlc", report.count(Kind::BadOhlc)),
        ("flat_bars", report.count(Kind::FlatBar)),
        ("zero_volume", report.count(Kind::ZeroVolume)),
        ("nan_volume", report.count(Kind::MissingVolume)),
        ("close_crossed", report.count(Kind::Crossed)),
        ("close_locked", report.count(Kind::Locked)),
        ("equal_ts", report.count(Kind::EqualTime)),
    ] {
        let is_of_kind = match report.kind {
            DataKind::Bars { .. } => key != "close_crossed" && key != "close_locked",
            DataKind::Marks => !["flat_bars", "nan_volume", "zero_volume", "bad_ohlc"].contains(&key),
            _ => true,
        };
        if let Some(expected) = truth.get(key).and_then(Value::as_u64).filter(|_| is_of_kind) {
            assert_eq!(found, expected, "{name}: {key}");
            compared.push(key);
        }
    }
    for (key, ts) in [("first", report.range.map(|r| r.0)), ("last", report.range.map(|r| r.1))] {
        let expected = truth.get(key).and_then(Value::as_str).and_then(|text| text.parse::<Ts>().ok());
        // Quotes and marks stand at the end of their stretch; those of trades are cut to milliseconds.
        if let (Some(expected), DataKind::Bars { .. }) = (expected, report.kind) {
            assert_eq!(ts, Some(expected.nanos()), "{name}: {key}");
        }
    }
    compared
}

#[test]
fn published_files_have_the_defects_that_were_measured() {
    let Some(data) = shared() else { return };
    let tables = truth(&data)["tables"].clone();
    let mut files = 0;
    for (name, truth) in tables.as_object().unwrap() {
        let publisher = match name.split('/').next() {
            Some("freqtrade") => Publisher::Freqtrade,
            Some("lean") => Publisher::Lean,
            Some("derived") => Publisher::Binance,
            _ => continue,
        };
        let is_read = !["/equity/", ".h5", "/kraken/", "/orderflow/", "-8m", "symbol-properties", "market-hours"]
            .iter()
            .any(|word| name.contains(word));
        if !is_read {
            continue;
        }
        let report = look_at(&publication(publisher, &data.join(name)));
        let compared = agree(&report, truth, name);
        assert!(compared.contains(&"rows"), "{name}: {compared:?}");
        assert!(!report.is_unreadable(), "{name}");
        files += 1;
    }
    assert!(files >= 45, "{files}");
}

#[test]
fn described_files_have_the_defects_that_were_measured() {
    let Some(data) = shared() else { return };
    let tables = truth(&data)["tables"].clone();
    let columns = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(ours, theirs)| ((*ours).to_owned(), (*theirs).to_owned())).collect::<BTreeMap<_, _>>()
    };
    let described = |name: &str, kind: DataKind, pairs: &[(&str, &str)], unit| FileSpec {
        columns: columns(pairs),
        time_unit: unit,
        instrument: instrument(10, 8),
        ..spec(kind, &[data.join(name)])
    };
    let seconds = Some(tapedeck_catalog::TimeUnit::Seconds);
    let micros = Some(tapedeck_catalog::TimeUnit::Micros);
    let headless = [("ts", "#1"), ("px", "#2"), ("qty", "#3")];
    let local = [("ts", "timestamp"), ("ts_recv", "local_timestamp")];
    let quotes = [("ask_qty", "ask_amount"), ("bid_qty", "bid_amount")];
    for (name, kind, pairs, unit) in [
        ("nautilus/btc-perp-20211231-20220201_1m.csv", MINUTES, &[][..], None),
        ("nautilus/fxcm/usdjpy-m1-ask-2013.csv", MINUTES, &[], None),
        ("nautilus/fxcm/usdjpy-m1-bid-2013.csv", MINUTES, &[], None),
        ("freqtrade/kraken/trades_csv/BCHEUR.csv", DataKind::Trades, &headless, seconds),
        ("nautilus/tardis/bitmex_trades_XBTUSD.csv", DataKind::Trades, &local, micros),
        (
            "nautilus/tardis/huobi-dm-swap_quotes_BTC-USD.csv",
            DataKind::Quotes,
            &[&local[..], &quotes[..]].concat(),
            micros,
        ),
        ("nautilus/binance/btcusdt-quotes.parquet", DataKind::Quotes, &[], None),
        ("nautilus/binance/btcusdt-trades.parquet", DataKind::Trades, &[], None),
    ] {
        let report = look_at(&described(name, kind, pairs, unit));
        let truth = &tables[name];
        // A column of volume that is not there is no cell that is missing.
        let mut known = truth.clone();
        if name.contains("fxcm") {
            known.as_object_mut().unwrap().remove("nan_volume");
        }
        assert!(agree(&report, &known, name).contains(&"rows"), "{name}");
        if name.contains("BCHEUR") {
            assert_eq!(report.count(Kind::EqualTrade), 1);
        }
        if let Some([least, most]) = truth["local_minus_exchange_ms"].as_array().map(Vec::as_slice) {
            let [min, _, max] = report.latency.unwrap();
            let near = |ns: i64, ms: &Value| (ns as f64 / 1e6 - ms.as_f64().unwrap()).abs() < 0.001;
            assert!(near(min, least) && near(max, most), "{name}: {min} {max}");
        }
    }
}

#[test]
fn funding_rates_stand_milliseconds_after_their_grid() {
    let Some(data) = shared() else { return };
    let name = "freqtrade/futures/XRP_USDT_USDT-8h-funding_rate.feather";
    let truth = truth(&data)["tables"][name].clone();
    let report = look_at(&publication(Publisher::Freqtrade, &data.join(name)));
    let ([least, _, most], on_grid) = report.late.unwrap();
    let expected = &truth["ms_after_grid"];
    let ms = |key: &str| expected[key].as_i64().unwrap();
    assert_eq!((least, most, on_grid), (ms("min") * 1_000_000, ms("max") * 1_000_000, ms("zero").unsigned_abs()));
    assert_eq!(report.count(Kind::OddTime), report.rows - on_grid);
    assert_eq!(report.missing, truth["missing_slots"].as_u64().unwrap());
    // Two years are not there.
    let holey = data.join("lean/cryptofuture/binance/margin_interest/btcusd.csv");
    let report = look_at(&publication(Publisher::Lean, &holey));
    assert_eq!(report.count(Kind::Gap), 1);
    assert!(report.missing > 2 * 365 * 3 - 60, "{}", report.missing);
}

/// The days of the places of a kind.
fn days(report: &Report, kind: Kind) -> Vec<String> {
    let places = report.finding(kind).map(|judged| judged.finding.places.as_slice()).unwrap_or_default();
    places.iter().map(|place| Ts::from_nanos(place.ts.unwrap()).to_string()[..10].to_owned()).collect()
}

#[test]
fn bad_ticks_of_daily_bars_are_found_by_their_dates() {
    let Some(data) = shared() else { return };
    let daily = data.join("lean/crypto/coinbase/daily");
    let trades = look_at(&publication(Publisher::Lean, &daily.join("btcusd_trade.zip")));
    assert_eq!(days(&trades, Kind::BadTick), ["2017-04-15"]);
    // Bars of quotes are read as the quotes with which they end; here as the bars that they are.
    let side = |first: usize| {
        let names = ["open", "high", "low", "close"].iter().enumerate();
        let columns = names.map(|(nth, name)| ((*name).to_owned(), format!("#{}", first + nth)));
        let columns = columns.chain([("ts".to_owned(), "#1".to_owned())]).collect();
        let kind = DataKind::Bars { interval: Span::DAY };
        let paths = [daily.join("btcusd_quote.zip")];
        let format = Some(tapedeck_catalog::Format::Csv);
        look_at(&FileSpec { columns, format, instrument: instrument(4, 8), ..spec(kind, &paths) })
    };
    let mut found = days(&side(2), Kind::BadTick);
    found.extend(days(&side(7), Kind::BadTick));
    found.sort();
    found.dedup();
    // By hand: on each of these days a low lies at less than four fifths of open and close, or a high at more than five
    // quarters. One of them was real: on 2017-12-22 the price fell by a third and came back.
    let expected = [
        "2015-10-04",
        "2016-02-27",
        "2016-03-02",
        "2016-03-08",
        "2016-03-14",
        "2016-04-30",
        "2016-05-03",
        "2016-05-09",
        "2016-05-10",
        "2016-05-30",
        "2016-06-02",
        "2016-06-03",
        "2016-06-04",
        "2017-12-22",
        "2018-08-10",
    ];
    assert_eq!(found, expected);
}

#[test]
fn what_agrees_is_found_to_agree_bar_by_bar() {
    let Some(data) = shared() else { return };
    let freqtrade = |name: &str| publication(Publisher::Freqtrade, &data.join("freqtrade").join(name));
    let compared = |report: &Report| report.coarse.as_ref().map(|c| (c.compared, c.same)).unwrap();
    for ending in ["feather", "parquet", "json.gz"] {
        let trades = freqtrade(&format!("XRP_ETH-trades.{ending}"));
        for (bars, count) in [("XRP_ETH-1m.feather", 2_469), ("XRP_ETH-5m.feather", 706)] {
            let report = compare_with(&trades, None, Some(&freqtrade(bars)));
            assert_eq!(compared(&report), (count, count), "{ending} {bars}");
            assert_eq!((report.count(Kind::CoarseDiffers), report.count(Kind::CoarseMissing)), (0, 0));
        }
    }
    let minutes = freqtrade("XRP_ETH-1m.feather");
    let report = compare_with(&minutes, None, Some(&freqtrade("XRP_ETH-5m.feather")));
    assert_eq!(compared(&report), (706, 706));
    let lean = |names: &[&str]| {
        let paths: Vec<String> =
            names.iter().map(|name| data.join("lean/crypto/coinbase").join(name).display().to_string()).collect();
        published_forms(Publisher::Lean, &paths, None).unwrap().0[0].spec(instrument(8, 8), OnError::Fail)
    };
    let seconds = lean(&["second/btcusd/20161007_trade.zip", "second/btcusd/20161008_trade.zip"]);
    let minutes = lean(&["minute/btcusd/20161007_trade.zip", "minute/btcusd/20161008_trade.zip"]);
    let report = compare_with(&seconds, None, Some(&minutes));
    assert_eq!(compared(&report), (1_419 + 1_400, 1_419 + 1_400));
    assert_eq!(report.count(Kind::CoarseMissing), 0);
    let daily = lean(&["daily/btcusd_trade.zip"]);
    for days in [["20161007", "20161008"], ["20170903", "20170904"], ["20180404", "20180405"]] {
        let paths = days.map(|day| format!("minute/btcusd/{day}_trade.zip"));
        let report = compare_with(&lean(&[&paths[0], &paths[1]]), None, Some(&daily));
        assert_eq!(compared(&report), (2, 2), "{days:?}");
    }
    let packed = freqtrade("futures/XRP_USDT_USDT-1h-futures.json.gz");
    let plain = freqtrade("futures/XRP_USDT_USDT-1h-futures.feather");
    let report = compare_with(&packed, Some(&plain), None);
    assert_eq!(report.against.map(|c| (c.compared, c.same)), Some((100, 100)));
}

#[test]
fn two_venues_under_one_name_are_found_to_disagree() {
    let Some(data) = shared() else { return };
    let futures = |name: &str| {
        publication(
            Publisher::Freqtrade,
            &data.join("freqtrade/futures").join(format!("XRP_USDT_USDT-{name}-futures.feather")),
        )
    };
    let report = compare_with(&futures("5m"), None, Some(&futures("1h")));
    let differs = &report.finding(Kind::CoarseDiffers).unwrap().finding;
    assert_eq!(differs.count, 100);
    assert_eq!(differs.places.iter().filter(|place| place.what.contains("open ")).count(), 98);
    assert!(differs.places.iter().all(|place| place.what.contains("volume ")));
    assert!(report.is_past());
}
