//! Small files made by hand, one for every kind of finding, and real ones against what was measured of them with other
//! tools.

mod real;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tapedeck_catalog::{Custom, DataKind, OnError, VolumeUnit};
use tapedeck_model::{
    Amount, CurrencyIx, DatedRules, Instrument, InstrumentId, InstrumentIx, InstrumentKind, Price, Qty, Span, Ts,
};
use tempfile::TempDir;

use super::*;

const MINUTES: DataKind = DataKind::Bars { interval: Span::MINUTE };

fn instrument(price_scale: u8, qty_scale: u8) -> Instrument {
    let rules = DatedRules {
        from: Ts::MIN,
        tick_size: Price::from_raw(1),
        lot_size: Qty::from_raw(1),
        qty_min: Qty::from_raw(1),
        qty_max: Qty::from_raw(i64::MAX),
        notional_min: Amount::ZERO,
    };
    Instrument {
        ix: InstrumentIx(0),
        id: InstrumentId { venue: "SIM".to_owned(), symbol: "X".to_owned() },
        kind: InstrumentKind::Spot,
        base: CurrencyIx(0),
        quote: CurrencyIx(1),
        settlement: CurrencyIx(1),
        price_scale,
        qty_scale,
        multiplier: 1,
        multiplier_scale: 0,
        rules: vec![rules],
    }
}

fn spec(kind: DataKind, paths: &[PathBuf]) -> FileSpec {
    FileSpec {
        name: "test".to_owned(),
        kind,
        paths: paths.to_vec(),
        format: None,
        columns: BTreeMap::new(),
        time_unit: None,
        custom: Custom::default(),
        price_scale: None,
        qty_scale: None,
        volume_unit: VolumeUnit::Base,
        volume_optional: true,
        on_error: OnError::Fail,
        strict_ticks: false,
        start: None,
        end: None,
        instrument: instrument(4, 3),
    }
}

fn run(spec: &FileSpec) -> Report {
    run_with(spec, &Settings::default(), &Calendar::always())
}

fn run_with(spec: &FileSpec, settings: &Settings, calendar: &Calendar) -> Report {
    check(&Asked { tick: Some(100), settings, calendar, ..asked(spec, settings, calendar) }).unwrap()
}

fn asked<'a>(spec: &'a FileSpec, settings: &'a Settings, calendar: &'a Calendar) -> Asked<'a> {
    Asked { spec, tick: None, settings, calendar, against: None, coarse: None, stop: &|| false }
}

fn write(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// Kinds with their counts.
fn counts(report: &Report) -> Vec<(&'static str, u64)> {
    report.findings.iter().map(|judged| (judged.finding.kind.name(), judged.finding.count)).collect()
}

fn header(kind: DataKind) -> &'static str {
    match kind {
        DataKind::Bars { .. } => "ts,open,high,low,close,volume",
        DataKind::Trades => "ts,px,qty,side",
        DataKind::Quotes => "ts,ts_recv,bid_px,ask_px,bid_qty,ask_qty",
        DataKind::Depth => "ts,ts_recv,side,px,qty,flags",
        DataKind::Marks => "ts,mark_px",
        DataKind::Funding => "ts,rate",
        DataKind::Mbo => "ts,action,side,px,qty,order_id,flags",
    }
}

/// A file of rows; `@9` is 9 seconds after 2024-01-01.
fn rows(kind: DataKind, lines: &[&str]) -> String {
    let start = "2024-01-01".parse::<Ts>().unwrap().nanos();
    let cell = |cell: &str| match cell.strip_prefix('@').map(str::parse::<f64>) {
        Some(Ok(seconds)) => Ts::from_nanos(start + (seconds * 1e9) as i64).to_string(),
        _ => cell.to_owned(),
    };
    let line = |line: &&str| line.split(',').map(cell).collect::<Vec<_>>().join(",");
    format!("{}\n{}\n", header(kind), lines.iter().map(line).collect::<Vec<_>>().join("\n"))
}

#[test]
fn every_kind_of_finding_is_found_where_it_is_and_nowhere_else() {
    use DataKind::{Depth, Funding, Marks, Mbo, Quotes, Trades};
    // Kind of data, rows, what is found, and in which row if it is one thing.
    type Case<'a> = (DataKind, &'a [&'a str], &'a [(&'a str, u64)], u64);
    let cases: &[Case<'_>] = &[
        (MINUTES, &["@0,1,2,1,2,5", "@60,2,2,1,1.5,5"], &[], 0),
        (MINUTES, &["@0,1,2,1,2,5", "@60,2,2,1,x,5"], &[("unreadable_row", 1)], 2),
        (MINUTES, &["@0,1,2,1,2,5", "@60,2,2,1"], &[("unreadable_row", 1)], 2),
        (MINUTES, &["@0,1,2,1,2,5", "@60,2,2,,1,5"], &[("missing_value", 1)], 2),
        (MINUTES, &["@0,1,2,1,2,5", "@60,2,2,1,1,nan"], &[("missing_volume", 1)], 2),
        (MINUTES, &["@60,1,2,1,2,5", "@0,2,2,1,1,4", "@120,2,2,1,1,4"], &[("out_of_order", 1)], 2),
        (MINUTES, &["@0,1,2,1,2,5", "@0,1,2,1,2,6"], &[("duplicate_time", 1)], 2),
        (MINUTES, &["@0,1,2,1,2,5", "@0,1,2,1,2,5"], &[("duplicate_time", 1), ("duplicate_row", 1)], 2),
        (MINUTES, &["@0,1,2,1,2,5", "@61,2,2,1,1,5"], &[("off_grid", 1), ("gap", 1)], 2),
        (MINUTES, &["@0,1,2,1,2,5", "@240,2,2,1,1,5", "@300,2,2,1,1,5"], &[("gap", 1)], 2),
        (MINUTES, &["@0,1,2,1,2,5", "@60,2,2,0,1,5"], &[("bad_price", 1)], 2),
        (MINUTES, &["@0,1,2,1,2,5", "@60,2,2,1,1,-5"], &[("bad_qty", 1)], 2),
        (MINUTES, &["@0,1,2,1,2,5", "@60,2,1.5,1,1,5"], &[("bad_ohlc", 1)], 2),
        (MINUTES, &["@0,1,2,1,2,5", "@60,2,3,1.5,1,5"], &[("bad_ohlc", 1)], 2),
        (MINUTES, &["@0,1,2,1,2,5", "@60,2,2,2,2,0"], &[("flat_bar", 1), ("zero_volume", 1)], 2),
        (MINUTES, &["@0,1,2,1,2,5", "@60,2.005,2.01,1,2,1"], &[("off_tick", 1)], 2),
        (MINUTES, &["@0,1,2,1,2,5", "@60,2,2.00001,1,2,1"], &[("off_tick", 1)], 2),
        (Trades, &["@0,1,2,buy", "@0,1,3,buy"], &[("equal_time", 1)], 2),
        (Trades, &["@0,1,2,buy", "@0,1,3,buy", "@0,1,2,buy"], &[("equal_time", 2), ("equal_trade", 1)], 2),
        (Trades, &["@0,1,2,buy", "@1,1,0,buy"], &[("bad_qty", 1)], 2),
        (Trades, &["@0,1,2,buy", "@900,1,2,buy"], &[], 0),
        (Quotes, &["@0,@1,1,2,3,3", "@1,@2,1,2,3,4"], &[], 0),
        (Quotes, &["@0,@1,1,2,3,3", "@1,@2,2.1,2,3,4"], &[("crossed", 1)], 2),
        (Quotes, &["@0,@1,1,2,3,3", "@1,@2,2,2,3,4"], &[("locked", 1)], 2),
        (Quotes, &["@0,@1,1,2,3,3", "@1,@0.5,1,2,3,4"], &[("recv_out_of_order", 1), ("negative_latency", 1)], 2),
        (Quotes, &["@0,@1,1,2,3,3", "@0,@1,1,2,3,3"], &[("duplicate_row", 1), ("equal_time", 1)], 2),
        (Depth, &["@0,@1,bid,1,3,3", "@1,@2,bid,1,0,1", "@2,@3,ask,2,3,5"], &[("sequence_break", 1)], 3),
        (Depth, &["@0,@1,bid,1,3,3", "@1,@2,bid,-1,0,1"], &[("bad_price", 1)], 2),
        (Mbo, &["@0,add,bid,1,1,1,1", "@1,cancel,,,,1,1", "@2,add,bid,-1,1,2,1"], &[("bad_price", 1)], 3),
        (Marks, &["@0,1.00005", "@1,0"], &[("bad_price", 1), ("off_tick", 1)], 2),
        (Funding, &["@0,0.01", "@28800.004,-0.01", "@57600,0.01"], &[("odd_time", 1)], 2),
        (Funding, &["@0,0.01", "@28800,-0.01", "@115200,0.01"], &[("gap", 1)], 3),
        (Funding, &["@0,0.01", "@28800,-0.01", "@28800,0.01"], &[("duplicate_time", 1)], 3),
    ];
    for (kind, lines, expected, row) in cases {
        let folder = tempfile::tempdir().unwrap();
        let path = write(&folder, "rows.csv", &rows(*kind, lines));
        let report = run(&spec(*kind, &[path]));
        let mut expected = expected.to_vec();
        expected.sort_by_key(|(name, _)| Kind::from_name(name).unwrap());
        assert_eq!(counts(&report), expected, "{lines:?}: {:?}", report.findings);
        assert_eq!(report.rows, lines.len() as u64, "{lines:?}");
        if let [only] = report.findings.as_slice() {
            let place = only.finding.places.first().unwrap();
            let first = only.finding.count == 1;
            assert!(!first || (place.file, place.row) == (Some(0), Some(*row)), "{lines:?}: {place:?}");
        }
    }
}

/// Bars of a minute that wander a little, with what a test makes of them.
fn wandering(bars: usize, change: impl Fn(usize, &mut [f64; 4])) -> String {
    let mut lines = Vec::new();
    let mut close = 100.0;
    for bar in 0..bars {
        let open: f64 = close;
        close = 100.0 + 0.1 * ((bar * 37 % 11) as f64 - 5.0);
        let mut prices = [open, open.max(close) + 0.05, open.min(close) - 0.05, close];
        change(bar, &mut prices);
        let [open, high, low, close] = prices;
        lines.push(format!("@{},{open:.2},{high:.2},{low:.2},{close:.2},1", bar * 60));
    }
    rows(MINUTES, &lines.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn jumps_that_come_back_are_bad_ticks_and_those_that_stay_are_outliers() {
    let found = |text: &str| {
        let folder = tempfile::tempdir().unwrap();
        counts(&run(&spec(MINUTES, &[write(&folder, "rows.csv", text)])))
    };
    assert_eq!(found(&wandering(200, |_, _| {})), []);
    let bad = wandering(200, |bar, prices| {
        if bar == 100 {
            (prices[2], prices[3]) = (50.0, 50.0);
        }
    });
    assert_eq!(found(&bad), [("bad_tick", 1)]);
    let low = wandering(200, |bar, prices| prices[2] = if bar == 100 { 0.06 } else { prices[2] });
    assert_eq!(found(&low), [("bad_tick", 1)]);
    let high = wandering(200, |bar, prices| prices[1] = if bar == 150 { 900.0 } else { prices[1] });
    assert_eq!(found(&high), [("bad_tick", 1)]);
    let level = wandering(200, |bar, prices| *prices = prices.map(|px| if bar >= 100 { px * 1.5 } else { px }));
    assert_eq!(found(&level), [("outlier", 1)]);
    // The last bar: nobody knows whether it comes back.
    let last = wandering(200, |bar, prices| *prices = prices.map(|px| if bar == 199 { px * 1.5 } else { px }));
    assert_eq!(found(&last), [("outlier", 1)]);
    let still = wandering(200, |bar, prices| {
        if (50..120).contains(&bar) {
            *prices = [100.0, 100.5, 99.5, 100.0];
        }
    });
    assert_eq!(found(&still), [("stale", 1)]);
}

#[test]
fn a_calendar_says_which_bars_are_missing_and_which_should_not_be_there() {
    let folder = tempfile::tempdir().unwrap();
    // 2024-01-01 is a Monday; open from one to two o'clock.
    let lines = ["@3600,1,2,1,2,5", "@7140,1,2,1,2,5", "@7200,1,2,1,1.5,5"];
    let path = write(&folder, "rows.csv", &rows(MINUTES, &lines));
    let calendar = Calendar::from_toml("sessions = [\"mon 01:00 - mon 02:00\"]").unwrap();
    let report = run_with(&spec(MINUTES, &[path]), &Settings::default(), &calendar);
    assert_eq!(counts(&report), [("gap", 1), ("outside_session", 1)]);
    assert_eq!((report.missing, report.rows), (58, 3));
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_the_rest_is_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let good = write(&folder, "good.csv", &rows(MINUTES, &["@0,1,2,1,2,5"]));
    let empty = write(&folder, "empty.feather", "");
    let report = run(&spec(MINUTES, &[empty.clone(), good]));
    assert_eq!(counts(&report), [("unreadable_file", 1)]);
    assert!(report.is_unreadable() && report.is_past());
    assert_eq!((report.rows, report.files.len()), (1, 2));
    let place = report.finding(Kind::UnreadableFile).unwrap().finding.places.first().unwrap();
    assert_eq!(report.files[place.file.unwrap()].path, empty);
    assert!(place.what.contains("empty"), "{}", place.what);
    assert_eq!(run(&spec(MINUTES, &[empty])).score, 0.0);
}

#[test]
fn counts_are_exact_where_places_are_cut() {
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<String> = (0..50).map(|bar| format!("@{},2,2,2,2,0", bar * 60)).collect();
    let path = write(&folder, "rows.csv", &rows(MINUTES, &lines.iter().map(String::as_str).collect::<Vec<_>>()));
    let settings = Settings { places_max: 3, ..Settings::default() };
    let report = run_with(&spec(MINUTES, &[path]), &settings, &Calendar::always());
    let flat = &report.finding(Kind::FlatBar).unwrap().finding;
    assert_eq!((flat.count, flat.places.len()), (50, 3));
    assert_eq!(report.score, 100.0);
    assert!(!report.is_past());
}

#[test]
fn score_and_limits_are_those_of_the_formula() {
    let folder = tempfile::tempdir().unwrap();
    // One bad bar of four, two missing: N is 6.
    let lines = ["@0,1,2,1,2,5", "@60,2,1,1,1.5,5", "@120,1,2,1,2,5", "@300,2,2,1,1.5,5"];
    let path = write(&folder, "rows.csv", &rows(MINUTES, &lines));
    let report = run(&spec(MINUTES, std::slice::from_ref(&path)));
    assert_eq!(counts(&report), [("gap", 1), ("bad_ohlc", 1)]);
    let expected: f64 = 100.0 * (1.0 - (1.0_f64 / 6.0).sqrt()) * (1.0 - 0.3 * (2.0_f64 / 6.0).sqrt());
    assert_eq!(report.score, (10.0 * expected).floor() / 10.0);
    assert!(report.finding(Kind::BadOhlc).unwrap().is_past && report.finding(Kind::Gap).unwrap().is_past);
    let text = "score_min = 10\n[limits]\nbad_ohlc = { count = 1 }\ngap = { count = 1, share = 0.4 }\n";
    let lenient = Settings::from_toml(text).unwrap();
    assert!(!run_with(&spec(MINUTES, std::slice::from_ref(&path)), &lenient, &Calendar::always()).is_past());
    let strict = Settings { score_min: Some(99.0), ..lenient };
    assert!(run_with(&spec(MINUTES, &[path]), &strict, &Calendar::always()).is_past());
}

fn compare_with(fine: &FileSpec, against: Option<&FileSpec>, coarse: Option<&FileSpec>) -> Report {
    let (settings, calendar) = (Settings::default(), Calendar::always());
    check(&Asked { against, coarse, ..asked(fine, &settings, &calendar) }).unwrap()
}

#[test]
fn two_sources_are_compared_where_both_have_data() {
    let folder = tempfile::tempdir().unwrap();
    let here = rows(MINUTES, &["@0,1,2,1,2,5", "@60,1,2,1,2,5", "@120,1,2,1,2,5", "@180,1,2,1,2,5"]);
    let there = rows(MINUTES, &["@60,1.0,2,1,2,5", "@120,1,2,1,2,6", "@240,1,2,1,2,5"]);
    let here = spec(MINUTES, &[write(&folder, "here.csv", &here)]);
    let mut there = spec(MINUTES, &[write(&folder, "there.csv", &there)]);
    there.instrument = instrument(2, 8);
    let report = compare_with(&here, Some(&there), None);
    assert_eq!(counts(&report), [("against_differs", 1), ("against_missing", 1)]);
    let place = &report.finding(Kind::AgainstDiffers).unwrap().finding.places[0];
    assert_eq!((place.row, place.what.as_str()), (Some(3), "volume 6 there, 5 here"));
    let against = report.against.unwrap();
    assert_eq!((against.compared, against.same), (2, 1));
    let trades = spec(DataKind::Trades, &here.paths);
    let (settings, calendar) = (Settings::default(), Calendar::always());
    let refused = check(&Asked { against: Some(&trades), ..asked(&here, &settings, &calendar) });
    assert!(matches!(refused, Err(QualityError::Mismatch { .. })));
}

#[test]
fn fine_data_make_the_coarse_bars_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let trades = ["@1,1,2,buy", "@59,3,1,buy", "@60,2,1,sell", "@130,4,1,buy", "@179,2,1,buy"];
    let trades = spec(DataKind::Trades, &[write(&folder, "t.csv", &rows(DataKind::Trades, &trades))]);
    let minutes = |name: &str, lines: &[&str]| spec(MINUTES, &[write(&folder, name, &rows(MINUTES, lines))]);
    let right = minutes("right.csv", &["@0,1,3,1,3,3", "@60,2,2,2,2,1", "@120,4,4,2,2,2"]);
    let report = compare_with(&trades, None, Some(&right));
    assert_eq!((report.count(Kind::CoarseDiffers), report.count(Kind::CoarseMissing)), (0, 0));
    assert_eq!(report.coarse.as_ref().map(|c| (c.compared, c.same, c.partial)), Some((3, 3, 0)));
    let wrong = minutes("wrong.csv", &["@0,1,3,1,3,3", "@60,2,2,2,2,2", "@120,4,4,2,2,2"]);
    let report = compare_with(&trades, None, Some(&wrong));
    assert_eq!((report.count(Kind::CoarseDiffers), report.count(Kind::CoarseMissing)), (1, 0));
    let hole = minutes("hole.csv", &["@0,1,3,1,3,3", "@120,4,4,2,2,2"]);
    assert_eq!(compare_with(&trades, None, Some(&hole)).count(Kind::CoarseMissing), 1);
    let two = DataKind::Bars { interval: Span::from_nanos(2 * Span::MINUTE.nanos()) };
    let coarser = spec(two, &[write(&folder, "two.csv", &rows(two, &["@0,1,3,1,2,4", "@120,4,9,2,2,2"]))]);
    let report = compare_with(&right, None, Some(&coarser));
    // The second one is not covered to its end.
    assert_eq!(report.coarse.map(|c| (c.compared, c.same, c.partial)), Some((2, 1, 1)));
    let (settings, calendar) = (Settings::default(), Calendar::always());
    let refused = check(&Asked { coarse: Some(&right), ..asked(&coarser, &settings, &calendar) });
    assert_eq!(refused.unwrap_err().to_string(), "bars of 2m do not make bars of 1m");
}

#[test]
fn equal_data_give_equal_json_and_a_stop_is_heard() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(&folder, "rows.csv", &wandering(20_000, |_, _| {}));
    let spec = spec(MINUTES, &[path]);
    assert_eq!(run(&spec).to_json().to_string(), run(&spec).to_json().to_string());
    let (settings, calendar) = (Settings::default(), Calendar::always());
    let stopped = check(&Asked { stop: &|| true, ..asked(&spec, &settings, &calendar) });
    assert_eq!(stopped, Err(QualityError::Stopped));
}

/// The folder of shared real data, if there is one.
fn shared() -> Option<PathBuf> {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let folder = std::env::var_os("TAPEDECK_SHARED").map_or_else(default, PathBuf::from);
    if folder.is_dir() {
        return Some(folder.join("data"));
    }
    assert!(std::env::var_os("CI").is_none(), "the shared data is missing");
    println!("skipped: there is no {}", folder.display());
    None
}
