//! Small recordings written by hand: order of messages, holes, clocks, defects.

mod property;
mod real;

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tapedeck_model::event::DataIssue;
use tapedeck_model::{MarketRecord, Side};
use tempfile::TempDir;

use super::*;
use crate::expand_paths;
use crate::spec::DataKind;
use crate::tests::depth::rows_in_ms;
use crate::tests::{instrument, play, spec, write_text};

/// The local time that stands in a line as `ms`.
const LOCAL_ZERO: i64 = 1_700_000_000_000_000_000;
/// The exchange's time that stands in a message as `ms`, milliseconds.
const EVENT_ZERO: i64 = 1_700_000_000_000;

fn recording(paths: Vec<PathBuf>) -> Recording {
    Recording { paths, instrument: instrument(1), wanted: Wanted::All, on_error: OnError::Fail }
}

fn line(local_ms: i64, message: &str) -> String {
    format!("{} {message}\n", LOCAL_ZERO + local_ms * 1_000_000)
}

/// A futures update; `bids` and `asks` in JSON without the outer brackets.
fn update(local_ms: i64, event_ms: i64, [first, last, before]: [u64; 3], bids: &str) -> String {
    let time = EVENT_ZERO + event_ms;
    let data = format!(
        r#"{{"e":"depthUpdate","E":{time},"T":{time},"s":"BTCUSD","U":{first},"u":{last},"pu":{before},"b":[{bids}],"a":[]}}"#
    );
    line(local_ms, &format!(r#"{{"stream":"btcusd@depth@0ms","data":{data}}}"#))
}

/// A spot update.
fn spot(local_ms: i64, event_ms: i64, [first, last]: [u64; 2], bids: &str) -> String {
    let time = EVENT_ZERO + event_ms;
    let data = format!(r#"{{"e":"depthUpdate","E":{time},"s":"BTCUSD","U":{first},"u":{last},"b":[{bids}],"a":[]}}"#);
    line(local_ms, &format!(r#"{{"stream":"btcusd@depth","data":{data}}}"#))
}

fn snapshot(local_ms: i64, event_ms: Option<i64>, last: u64) -> String {
    let time = event_ms.map_or_else(String::new, |ms| format!(r#""E":{0},"T":{0},"#, EVENT_ZERO + ms));
    line(local_ms, &format!(r#"{{"lastUpdateId":{last},{time}"bids":[["1.00","5"]],"asks":[["2.00","6"]]}}"#))
}

fn trade(local_ms: i64, event_ms: i64, id: u64, rest: &str) -> String {
    let time = EVENT_ZERO + event_ms;
    line(
        local_ms,
        &format!(r#"{{"e":"trade","E":{time},"T":{time},"s":"BTCUSD","t":{id},"p":"1.5","q":"0.25",{rest}}}"#),
    )
}

struct Outcome {
    folder: TempDir,
    summary: RecordingSummary,
}

impl Outcome {
    fn read(&self, kind: DataKind) -> crate::tests::Played {
        let files = expand_paths(&[kind.text().to_owned()], &self.folder.path().join("catalog")).unwrap();
        play(spec(kind, &files)).unwrap()
    }

    /// Rows of depth: milliseconds, side, price, quantity, flags, milliseconds of receipt.
    fn depth(&self) -> Vec<String> {
        rows_in_ms(&self.read(DataKind::Depth), LOCAL_ZERO)
    }
}

fn import(text: &str) -> Outcome {
    try_import(text, OnError::Fail).unwrap()
}

fn try_import(text: &str, on_error: OnError) -> Result<Outcome, CatalogError> {
    let folder = TempDir::new().unwrap();
    let path = write_text(&folder, "recording", text);
    let recording = Recording { on_error, ..recording(vec![path]) };
    let summary = import_recording(&recording, &folder.path().join("catalog"), OnConflict::Error, &|| false)?;
    Ok(Outcome { folder, summary })
}

#[test]
fn a_snapshot_after_updates_is_played_first() {
    let text = [
        update(1, 0, [1, 4, 0], r#"["0.9","1"]"#),
        update(2, 1, [5, 8, 4], r#"["0.8","1"],["0.7","0"]"#),
        update(3, 2, [9, 9, 8], ""),
        snapshot(10, Some(1), 6),
        update(11, 10, [12, 14, 9], r#"["0.6","0.0019"]"#),
        line(12, r#"{"stream":"btcusd@bookTicker","data":{"u":15,"s":"BTCUSD"}}"#),
        line(12, r#"{"result":null,"id":1}"#),
        "\n".to_owned(),
    ];
    let outcome = import(&text.concat());
    // The first update is in the snapshot; the second was known only with it.
    assert_eq!(
        outcome.depth(),
        [
            "1 bid 100 5000 2 at 10",
            "1 ask 200 6000 1 at 10",
            "1 bid 80 1000 0 at 10",
            "1 bid 70 0 1 at 10",
            "10 bid 60 1 1 at 11"
        ]
    );
    let counts =
        RecordingCounts { updates: 3, updates_before_snapshot: 1, snapshots: 1, other: 2, ..Default::default() };
    assert_eq!(outcome.summary.counts, counts);
    assert_eq!(outcome.summary.trades, None);
    assert_eq!(outcome.summary.depth.unwrap().issues, [(DataIssue::TruncatedQty, 1)]);
}

#[test]
fn spot_snapshots_happen_with_the_first_update_after_them() {
    let before = import(
        &[spot(1, 0, [1, 4], r#"["0.9","1"]"#), spot(2, 1, [5, 8], r#"["0.8","1"]"#), snapshot(9, None, 4)].concat(),
    );
    assert_eq!(before.depth(), ["1 bid 100 5000 2 at 9", "1 ask 200 6000 1 at 9", "1 bid 80 1000 1 at 9"]);
    let after = import(
        &[snapshot(9, None, 4), spot(10, 8, [3, 5], r#"["0.8","1"]"#), spot(11, 9, [6, 6], r#"["0.7","1"]"#)].concat(),
    );
    assert_eq!(
        after.depth(),
        ["8 bid 100 5000 2 at 9", "8 ask 200 6000 1 at 9", "8 bid 80 1000 1 at 10", "9 bid 70 1000 1 at 11"]
    );
    // Nothing of it is later than when it was known.
    let late = import(&[snapshot(9, None, 4), spot(20, 15, [5, 5], r#"["0.8","1"]"#)].concat());
    assert_eq!(late.depth()[0], "9 bid 100 5000 2");
}

#[test]
fn holes_are_told_and_healed_by_the_next_snapshot() {
    let text = [
        snapshot(1, Some(0), 10),
        update(2, 1, [9, 12, 8], r#"["0.9","1"]"#),
        update(3, 2, [12, 12, 8], r#"["0.9","7"]"#),
        // 15 is missing.
        update(4, 3, [16, 20, 15], r#"["0.8","1"]"#),
        update(5, 4, [21, 22, 20], r#"["0.7","1"]"#),
        snapshot(7, Some(4), 21),
        update(8, 7, [23, 24, 22], r#"["0.6","1"]"#),
        snapshot(9, Some(8), 24),
        // Another hole, and no snapshot any more.
        update(10, 9, [30, 30, 29], r#"["0.5","1"]"#),
        update(11, 10, [31, 31, 30], r#"["0.4","1"]"#),
    ];
    let outcome = import(&text.concat());
    assert_eq!(
        outcome.depth(),
        [
            "0 bid 100 5000 2 at 1",
            "0 ask 200 6000 1 at 1",
            "1 bid 90 1000 1 at 2",
            "3 - 0 0 5 at 4",
            "4 bid 100 5000 2 at 7",
            "4 ask 200 6000 1 at 7",
            "4 bid 70 1000 1 at 7",
            "7 bid 60 1000 1 at 8",
            "9 - 0 0 5 at 10",
        ]
    );
    let counts = RecordingCounts {
        updates: 3,
        updates_before_snapshot: 1,
        updates_repeated: 1,
        updates_without_snapshot: 2,
        gaps: 2,
        snapshots: 2,
        snapshots_unused: 1,
        ..Default::default()
    };
    assert_eq!(outcome.summary.counts, counts);
}

#[test]
fn a_snapshot_may_fall_between_two_updates_or_come_too_early() {
    // Ids are shared by symbols: 11 lies between the updates, and nothing is missing.
    let between = [
        update(1, 0, [1, 10, 0], r#"["0.9","1"]"#),
        snapshot(2, Some(1), 11),
        update(3, 2, [13, 14, 10], r#"["0.8","1"]"#),
    ];
    let outcome = import(&between.concat());
    assert_eq!((outcome.summary.counts.updates, outcome.summary.counts.gaps), (1, 0));
    let early = [update(1, 0, [5, 10, 4], r#"["0.9","1"]"#), snapshot(2, Some(0), 3)];
    let outcome = import(&early.concat());
    assert_eq!(outcome.depth(), ["0 bid 100 5000 2 at 2", "0 ask 200 6000 1 at 2", "0 - 0 0 5 at 2"]);
}

#[test]
fn a_clock_that_is_behind_is_put_forward() {
    let text = [
        snapshot(0, Some(20), 10),
        update(5, 31, [9, 12, 8], r#"["0.9","1"]"#),
        trade(9, 40, 1, r#""m":true"#),
        trade(12, 40, 2, r#""m":false,"X":"MARKET""#),
    ];
    let outcome = import(&text.concat());
    let [file] = outcome.summary.files.as_slice() else { panic!("one file") };
    assert_eq!((file.lines, file.recv_shift), (4, Span::from_nanos(31_000_000)));
    assert_eq!(outcome.depth(), ["20 bid 100 5000 2 at 31", "20 ask 200 6000 1 at 31", "31 bid 90 1000 1 at 36"]);
    let trades: Vec<(i64, Option<Side>)> = outcome
        .read(DataKind::Trades)
        .records
        .iter()
        .map(|record| match record {
            MarketRecord::Trade(trade) => (trade.ts_recv.nanos() - LOCAL_ZERO, trade.aggressor),
            _ => panic!("a trade"),
        })
        .collect();
    assert_eq!(trades, [(40_000_000, Some(Side::Sell)), (43_000_000, Some(Side::Buy))]);
    let files = expand_paths(&["catalog".to_owned()], outcome.folder.path()).unwrap();
    assert_eq!(files.len(), 2);
    for file in files {
        assert_eq!(
            crate::footer::value_of(&crate::footer::metadata(&file).unwrap(), "tapedeck.recv_shift").as_deref(),
            Some("recording 31000000ns")
        );
    }
}

#[test]
fn trades_are_those_of_the_market_and_each_comes_once() {
    let text = [
        trade(1, 0, 5, r#""m":true,"X":"MARKET""#),
        trade(2, 1, 5, r#""m":true,"X":"MARKET""#),
        trade(3, 2, 6, r#""m":true,"X":"INSURANCE_FUND""#),
        trade(4, 3, 9, r#""m":true,"X":"MARKET""#),
    ];
    let outcome = import(&text.concat());
    let counts = RecordingCounts { trades_repeated: 1, trades_missing: 2, trades_off_market: 1, ..Default::default() };
    assert_eq!(outcome.summary.counts, counts);
    assert_eq!((outcome.summary.trades.unwrap().rows, outcome.summary.depth), (2, None));
}

#[test]
fn recordings_follow_one_another() {
    let folder = TempDir::new().unwrap();
    let first = [snapshot(1, Some(0), 10), update(2, 1, [9, 12, 8], r#"["0.9","1"]"#)].concat();
    let second = update(3, 5, [13, 14, 12], r#"["0.8","1"]"#);
    let mut zipped = GzEncoder::new(Vec::new(), Compression::fast());
    zipped.write_all(second.as_bytes()).unwrap();
    let (a, b) = (folder.path().join("a"), write_text(&folder, "b", &first));
    std::fs::write(&a, zipped.finish().unwrap()).unwrap();
    let root = folder.path().join("catalog");
    let summary = import_recording(&recording(vec![a, b]), &root, OnConflict::Error, &|| false).unwrap();
    let shifts: Vec<i64> = summary.files.iter().map(|file| file.recv_shift.nanos()).collect();
    assert_eq!(shifts, [0, 2_000_000]);
    assert_eq!((summary.counts.updates, summary.counts.gaps), (2, 0));
}

#[test]
fn defects_are_told_with_their_line_or_left_out() {
    let good = [snapshot(1, Some(0), 10), update(2, 1, [9, 12, 8], r#"["0.9","1"]"#)].concat();
    let next = update(9, 8, [13, 14, 12], r#"["0.8","1"]"#);
    for (bad, problem) in [
        (line(3, r#"{"stream":"x","data":{"e":"depthUpdate","#), "line 3: the message cannot be read: EOF"),
        (line(3, r#"{"data":{"e":"trade","T":1}}"#), "line 3: the message cannot be read: missing field `s`"),
        ("1700000000000 {}\n".to_owned(), "line 3: it begins with `1700000000000 {}`; expected the local time"),
        (line(1, "{}"), "line 3: the local time goes back: 2023-11-14T22:13:20.001Z after"),
        (update(3, 2, [13, 13, 12], r#"["x","1"]"#), "line 3: `b` is x: the value cannot be read"),
        (update(3, 2, [13, 13, 12], r#"["0.001","1"]"#), "line 3: `b` is 0.001: does not fit 2 decimals"),
        (update(3, 2, [13, 13, 12], r#"["1","-1"]"#), "line 3: `B` is -1: it must not be below 0"),
        (update(3, 2, [13, 13, 12], r#"["0","1"]"#), "line 3: `b` is 0: it must not be below 0.01"),
        (update(3, 0, [13, 13, 12], ""), "line 3: the event time goes back: 2023-11-14T22:13:20Z after"),
        (update(3, -EVENT_ZERO - 1, [13, 13, 12], ""), "line 3: `T` is -1: this is no time"),
        (update(3, 2, [13, 13, 12], "").replace("BTCUSD\"", "ETHUSD\""), "line 3: the message is of `ETHUSD`"),
    ] {
        let text = format!("{good}{bad}{next}");
        let error = try_import(&text, OnError::Fail).err().unwrap().to_string();
        assert!(error.contains(problem), "{problem}: {error}");
        let outcome = try_import(&text, OnError::Skip).unwrap();
        assert_eq!(outcome.summary.counts.updates, 2, "{problem}");
        let depth = outcome.summary.depth.unwrap();
        assert_eq!((depth.rows, depth.issues), (4, vec![(DataIssue::SkippedRow, 1)]), "{problem}");
    }
    let text = format!("{good}{}{next}", update(3, 0, [13, 13, 12], r#"["1","1"]"#));
    let outcome = try_import(&text, OnError::Repair).unwrap();
    assert_eq!(outcome.depth()[3], "1 bid 100 1000 1 at 3");
    assert_eq!(outcome.summary.depth.unwrap().issues, [(DataIssue::RepairedRow, 1)]);
}

#[test]
fn a_recording_that_breaks_off_is_told() {
    let folder = TempDir::new().unwrap();
    let text: String = (0..200).map(|n| trade(n, n, n.unsigned_abs(), r#""m":true"#)).collect();
    let mut zipped = GzEncoder::new(Vec::new(), Compression::fast());
    zipped.write_all(text.as_bytes()).unwrap();
    let bytes = zipped.finish().unwrap();
    let path = folder.path().join("recording.gz");
    std::fs::write(&path, &bytes[..bytes.len() - 40]).unwrap();
    let root = folder.path().join("catalog");
    let error = import_recording(&recording(vec![path.clone()]), &root, OnConflict::Error, &|| false).unwrap_err();
    assert!(matches!(&error, CatalogError::Line { problem: LineProblem::BrokenOff(_), .. }), "{error}");
    assert!(!root.exists());
    let skip = Recording { on_error: OnError::Skip, ..recording(vec![path]) };
    let trades = import_recording(&skip, &root, OnConflict::Error, &|| false).unwrap().trades.unwrap();
    assert!((1..200).contains(&trades.rows));
    assert_eq!(trades.issues, [(DataIssue::SkippedRow, 1)]);
}

#[test]
fn what_cannot_be_imported_is_refused_before_anything_is_written() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("catalog");
    let path = write_text(&folder, "recording", &update(2, 1, [9, 12, 8], r#"["0.9","1"]"#));
    let refused = |recording: &Recording| {
        import_recording(recording, &root, OnConflict::Error, &|| false).unwrap_err().to_string()
    };
    let no_snapshot = recording(vec![path]);
    assert!(refused(&no_snapshot).contains("no snapshot"));
    let trades = Recording { wanted: Wanted::Trades, ..no_snapshot };
    assert!(refused(&trades).contains("no messages of the kind"));
    assert!(!root.exists());
}

#[test]
fn a_stopped_import_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("catalog");
    let text: String = (0..10_000).map(|n| trade(n, n, n.unsigned_abs(), r#""m":true"#)).collect();
    let recording = recording(vec![write_text(&folder, "recording", &text)]);
    for asked in 0..5 {
        let left = std::cell::Cell::new(asked);
        let stop = || left.replace(left.get() - 1) == 0;
        assert!(
            matches!(import_recording(&recording, &root, OnConflict::Error, &stop), Err(CatalogError::Stopped)),
            "{asked}"
        );
        assert!(!root.exists());
    }
}
