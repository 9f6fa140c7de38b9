//! Levels of order books: sides, flags, messages over the ends of batches and files.

use arrow_array::{Int8Array, Int32Array, UInt8Array};
use tapedeck_model::DepthTick;

use super::*;

/// Rows as text: time, side, price, quantity, flags; a receive time where it differs.
pub(crate) fn rows(played: &Played) -> Vec<String> {
    let row = |record: &MarketRecord| {
        let MarketRecord::Depth(DepthTick { ts_event, ts_recv, side, px, qty, flags, .. }) = *record else {
            panic!("depth")
        };
        let side = match side {
            Some(Side::Buy) => "bid",
            Some(Side::Sell) => "ask",
            None => "-",
        };
        let late = if ts_recv == ts_event { String::new() } else { format!(" at {}", ts_recv.nanos()) };
        format!("{} {side} {} {} {}{late}", ts_event.nanos(), px.raw(), qty.raw(), flags.bits())
    };
    played.records.iter().map(row).collect()
}

/// The same with times from `zero` on as milliseconds after it.
pub(crate) fn rows_in_ms(played: &Played, zero: i64) -> Vec<String> {
    let short = |row: String| {
        let words = row.split(' ').map(|word| match word.parse::<i64>() {
            Ok(nanos) if nanos >= zero => ((nanos - zero) / 1_000_000).to_string(),
            _ => word.to_owned(),
        });
        words.collect::<Vec<String>>().join(" ")
    };
    rows(played).into_iter().map(short).collect()
}

fn csv(folder: &TempDir, text: &str) -> FileSpec {
    named(folder, &[("depth.csv", text)])
}

fn named(folder: &TempDir, files: &[(&str, &str)]) -> FileSpec {
    let paths: Vec<PathBuf> = files.iter().map(|(name, text)| write_text(folder, name, text)).collect();
    FileSpec { time_unit: Some(TimeUnit::Nanos), ..spec(DataKind::Depth, &paths) }
}

/// The same whatever the size of batches.
fn check(spec: &FileSpec, expected: &[&str]) {
    for batch_rows in [1, 2, 3, 65_536] {
        let played = play_in(spec.clone(), batch_rows).unwrap();
        assert_eq!(rows(&played), expected, "batches of {batch_rows}");
    }
}

#[test]
fn flags_are_read_as_they_stand() {
    let folder = TempDir::new().unwrap();
    let text = "ts,ts_recv,side,price,size,flags\n\
        10,11,bid,1.5,2,2\n10,11,ask,1.6,3,1\n10,12,sell,1.6,0,0\n10,12,buy,1.4,0.5,1\n20,25,,,,5\n20,25,0,0,0,1\n";
    let expected = [
        "10 bid 150 2000 2 at 11",
        "10 ask 160 3000 1 at 11",
        "10 ask 160 0 0 at 12",
        "10 bid 140 500 1 at 12",
        "20 - 0 0 5 at 25",
        "20 - 0 0 1 at 25",
    ];
    check(&csv(&folder, text), &expected);
}

#[test]
fn without_flags_rows_of_one_time_are_one_message() {
    let folder = TempDir::new().unwrap();
    let text = "ts,side,px,qty\n10,b,1,2\n10,a,2,2\n10,1,1,3\n11,-1,2,0\n12,ask,3,1\n12,ask,4,1\n";
    let expected =
        ["10 bid 100 2000 0", "10 ask 200 2000 0", "10 bid 100 3000 1", "11 ask 200 0 1", "12 ask 300 1000 0"];
    check(&csv(&folder, text), &[&expected[..], &["12 ask 400 1000 1"]].concat());
    // A message ends with its file.
    let files = named(&folder, &[("1.csv", "ts,side,px,qty\n12,b,1,2\n"), ("2.csv", "ts,side,px,qty\n13,b,1,2\n")]);
    check(&files, &["12 bid 100 2000 1", "13 bid 100 2000 1"]);
    let wanted = FileSpec { end: Some(Ts::from_nanos(12)), ..csv(&folder, text) };
    check(&wanted, &expected[..4]);
}

#[test]
fn integers_tell_sides_and_flags() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("depth.parquet");
    let times: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![10, 10, 12]));
    write_parquet(
        &path,
        vec![
            ("ts_event", Arc::clone(&times)),
            ("side", Arc::new(Int8Array::from(vec![Some(1), Some(-1), None]))),
            ("px", Arc::new(Int64Array::from(vec![Some(15), Some(16), None]))),
            ("qty", Arc::new(Float64Array::from(vec![Some(0.5), Some(0.0), None]))),
            ("flags", Arc::new(UInt8Array::from(vec![2, 1, 5]))),
        ],
        10,
    );
    let file = FileSpec { price_scale: Some(1), ..spec(DataKind::Depth, std::slice::from_ref(&path)) };
    check(&file, &["10 bid 150 500 2", "10 ask 160 0 1", "12 - 0 0 5"]);
    let odd = |column: &'static str, array: ArrayRef| {
        let mut columns: Vec<(&str, ArrayRef)> = vec![("ts", Arc::clone(&times))];
        let ones: ArrayRef = Arc::new(Float64Array::from(vec![1.0; 3]));
        for name in ["side", "px", "qty", "flags"] {
            let fill: ArrayRef =
                if ["px", "qty"].contains(&name) { Arc::clone(&ones) } else { Arc::new(Int32Array::from(vec![1; 3])) };
            columns.push((name, if name == column { Arc::clone(&array) } else { fill }));
        }
        write_parquet(&path, columns, 10);
        play(spec(DataKind::Depth, std::slice::from_ref(&path))).unwrap_err()
    };
    let error = odd("flags", Arc::new(Float64Array::from(vec![1.0; 3])));
    assert!(error.contains("column `flags` has type Float64; expected integers"), "{error}");
    let error = odd("side", Arc::new(Int32Array::from(vec![1, 1, 2])));
    assert!(error.contains("row 3, column `side`: the value cannot be read (found 2)"), "{error}");
    let error = odd("flags", Arc::new(Int32Array::from(vec![1, 1, 8])));
    assert!(error.contains("row 3, column `flags`: no sum of 1"), "{error}");
}

const HEADER: &str = "ts,ts_recv,side,px,qty,flags\n";

#[test]
fn bad_rows_of_depth_are_told_with_their_place() {
    let folder = TempDir::new().unwrap();
    for (line, place, problem) in [
        ("9,10,bid,1,1,1", "row 3, column `ts`", "the time goes back"),
        ("11,9,bid,1,1,1", "row 3, column `ts_recv`", "the receive time goes back"),
        ("11,11,bid,0,1,1", "row 3, column `px`", "a price must be above zero"),
        ("11,11,bid,-1,1,1", "row 3, column `px`", "a price must be above zero"),
        ("11,11,ask,1,-1,1", "row 3, column `qty`", "a quantity must not be negative"),
        ("11,11,ask,NaN,1,1", "row 3, column `px`", "a value is missing"),
        ("11,11,ask,1.001,1,1", "row 3, column `px`", "does not fit 2 decimals"),
        ("11,11,ask,1,,1", "row 3, column `qty`", "a value is missing"),
        ("11,11,mid,1,1,1", "row 3, column `side`", "the value cannot be read"),
        ("11,11,,1,1,1", "row 3, column `side`", "a row of neither side has no price and no quantity"),
        ("11,11,bid,1,1,9", "row 3, column `flags`", "no sum of 1"),
        ("11,11,bid,1,1,", "row 3, column `flags`", "a value is missing"),
        ("11,11,bid,1,1,0", "test", "the last row does not end its message"),
        ("11,11,bid,1,1,0\n12,12,bid,1,1,1", "row 4, column `ts`", "the row before does not end its message"),
        ("11,11,bid,1,1,0\n11,12,bid,1,1,1", "row 4, column `ts`", "the row before does not end its message"),
        ("11,11,bid", "row 3", "the line has 3 fields"),
    ] {
        let text = format!("{HEADER}10,10,bid,1,1,3\n10,10,ask,2,1,1\n{line}\n");
        for batch_rows in [1, 2, 100] {
            let error = play_in(csv(&folder, &text), batch_rows).unwrap_err();
            assert!(error.contains(place) && error.contains(problem), "{line}: {error}");
        }
    }
    let error = play(csv(&folder, "ts,side,px,qty\n10,,0,0\n")).unwrap_err();
    assert!(error.contains("column `side`") && error.contains("only with a column `flags`"), "{error}");
    let error = play(csv(&folder, "ts,px,qty\n10,1,0\n")).unwrap_err();
    assert!(error.contains("there is no column for `side`"), "{error}");
}

#[test]
fn flags_outlive_a_level_that_is_left_out() {
    let folder = TempDir::new().unwrap();
    // A bad price in the row that clears, a bad quantity in one that ends, a row without any flags, a
    // message inside another, a time that goes back.
    let text = format!(
        "{HEADER}10,10,bid,-1,1,2\n10,10,ask,2,-1,1\n11,11,bid,0,1,0\n11,11,bid,1,1,0\n\
         12,12,bid,1,1,0\n12,12,bid,2,1,1\n9,9,bid,1,1,1\n13,13,ask,2,1,1\n"
    );
    for on_error in [OnError::Skip, OnError::Repair] {
        let file = FileSpec { on_error, ..csv(&folder, &text) };
        check(&file, &["10 - 0 0 2", "10 - 0 0 1", "11 bid 100 1000 0", "12 - 0 0 1", "13 ask 200 1000 1"]);
        let issue = if on_error == OnError::Skip { DataIssue::SkippedRow } else { DataIssue::RepairedRow };
        assert_eq!(play(file).unwrap().issues, [(issue, 6)]);
    }
}

#[test]
fn depth_goes_into_the_catalog_and_back() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("catalog");
    let day = 86_400_000_000_000_i64;
    let text = format!("{HEADER}10,11,bid,1.25,2,3\n{day},{day},,,,5\n{day},{day},ask,2,0.125,1\n");
    let source = csv(&folder, &text);
    let summary = import(source.clone(), &root, OnConflict::Error, &|| false).unwrap();
    assert_eq!((summary.rows, summary.days_written), (3, 2));
    let files = expand_paths(&["depth/venue=SIM/instrument=BTCUSD".to_owned()], &root).unwrap();
    assert_eq!(files.len(), 2);
    assert_eq!(play(spec(DataKind::Depth, &files)).unwrap().records, play(source).unwrap().records);
    let entries = ls(&root).unwrap();
    let found: Vec<(DataKind, u64, u64)> = entries.iter().map(|entry| (entry.kind, entry.rows, entry.files)).collect();
    assert_eq!(found, [(DataKind::Depth, 3, 2)]);
    let table = head(&root, 9).unwrap();
    assert_eq!(table.columns.join("|"), "ts_event|ts_recv|px|qty|side|flags");
    assert_eq!(table.rows[0][2..].join("|"), "1.25|2|1|3");
}

#[test]
fn what_stands_before_the_start_becomes_a_snapshot() {
    let folder = TempDir::new().unwrap();
    let flagged = format!(
        "{HEADER}10,11,bid,1,2,2\n10,11,ask,3,1,1\n11,12,bid,1,0,0\n11,12,bid,1.5,4,1\n\
         20,24,ask,2,1,0\n20,24,ask,3,0,1\n30,31,,,,5\n40,41,bid,1,1,3\n"
    );
    let plain =
        "ts,side,px,qty\n10,bid,1,2\n10,ask,3,1\n11,bid,1,0\n11,bid,1.5,4\n20,ask,2,1\n20,ask,3,0\n30,bid,1,1\n";
    let from = |text: &str, start: i64| FileSpec { start: Some(Ts::from_nanos(start)), ..csv(&folder, text) };
    let rest = ["20 ask 200 1000 0 at 24", "20 ask 300 0 1 at 24", "30 - 0 0 5 at 31", "40 bid 100 1000 3 at 41"];
    let begin = ["15 bid 150 4000 2", "15 ask 300 1000 1"];
    check(&from(&flagged, 15), &[&begin[..], &rest].concat());
    // A snapshot is not received before what it is made of.
    check(&from(&flagged, 21), &[&["21 bid 150 4000 2 at 24", "21 ask 200 1000 1 at 24"], &rest[2..]].concat());
    check(&from(&flagged, 31), &["31 - 0 0 5", rest[3]]);
    check(
        &from(plain, 20),
        &["20 bid 150 4000 2", "20 ask 300 1000 1", "20 ask 200 1000 0", "20 ask 300 0 1", "30 bid 100 1000 1"],
    );
    check(&from(plain, 30), &["30 bid 150 4000 2", "30 ask 200 1000 1", "30 bid 100 1000 1"]);
}

#[test]
fn a_tape_with_flags_begins_with_a_snapshot_or_a_gap() {
    let folder = TempDir::new().unwrap();
    check(
        &csv(&folder, &format!("{HEADER}10,10,bid,1,2,0\n10,10,ask,3,1,1\n")),
        &["10 bid 100 2000 4", "10 ask 300 1000 1"],
    );
}
