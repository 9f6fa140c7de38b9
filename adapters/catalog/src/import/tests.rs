//! Imports, what they leave, and the views on it.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::KeyValue;
use tapedeck_model::event::DataIssue;
use tapedeck_model::{InstrumentId, MarketRecord, Span, Ts};
use tempfile::TempDir;

use super::*;
use crate::list::{CatalogEntry, ls};
use crate::spec::{DataKind, TimeUnit};
use crate::tests::{MINUTE_BARS, instrument, play, spec, write_text};
use crate::{OnError, expand_paths, head};

const HOUR_BARS: DataKind = DataKind::Bars { interval: Span::HOUR };

const HEADER: &str = "ts,open,high,low,close,volume\n";

/// Hourly bars from 2022-01-01T20:00 on, so that the fifth lies on the next day.
fn bars(rows: usize, close: &str) -> String {
    let row = |row: usize| {
        let (day, hour) = (1 + (20 + row) / 24, (20 + row) % 24);
        format!("2022-01-{day:02}T{hour:02}:00:00,10,12,9,{close},{row}.5")
    };
    let rows: Vec<String> = (0..rows).map(row).collect();
    format!("{HEADER}{}\n", rows.join("\n"))
}

fn hourly(folder: &TempDir, text: &str) -> FileSpec {
    spec(HOUR_BARS, &[write_text(folder, "in.csv", text)])
}

fn ts(text: &str) -> Ts {
    text.parse().unwrap()
}

fn import(spec: FileSpec, root: &Path) -> Result<ImportSummary, CatalogError> {
    super::import(spec, root, OnConflict::Error, &|| false)
}

/// Every file below a folder with its bytes, sorted.
fn contents(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push((path.strip_prefix(root).unwrap().to_owned(), fs::read(&path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

#[test]
fn days_are_written_once_and_read_back() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("catalog");
    let source = hourly(&folder, &bars(30, "11"));
    let summary = import(source.clone(), &root).unwrap();
    let expected = ImportSummary {
        rows: 30,
        first: ts("2022-01-01T20:00:00"),
        last: ts("2022-01-03T01:00:00"),
        days_written: 3,
        ..ImportSummary::default()
    };
    assert_eq!(summary, expected);
    let written = contents(&root);
    let paths: Vec<String> = written.iter().map(|(path, _)| path.display().to_string()).collect();
    let day = |date| format!("bars/venue=SIM/instrument=BTCUSD/interval=1h/date={date}/part-0.parquet");
    assert_eq!(paths, ["2022-01-01", "2022-01-02", "2022-01-03"].map(day));

    let again = import(source.clone(), &root).unwrap();
    assert_eq!(again, ImportSummary { days_written: 0, days_unchanged: 3, ..expected.clone() });
    assert_eq!(contents(&root), written);

    let original = play(source).unwrap().records;
    let files = expand_paths(&["bars/venue=SIM/instrument=BTCUSD/interval=1h".to_owned()], &root).unwrap();
    assert_eq!(play(spec(HOUR_BARS, &files)).unwrap().records, original);
    let (start, end) = (ts("2022-01-01T23:00:00"), ts("2022-01-02T02:00:00"));
    let part = FileSpec { start: Some(start), end: Some(end), ..spec(HOUR_BARS, &files) };
    assert_eq!(play(part).unwrap().records, original[3..6]);

    // A missing day comes back, the others are left alone.
    fs::remove_file(&files[1]).unwrap();
    let mended = import(hourly(&folder, &bars(30, "11")), &root).unwrap();
    assert_eq!((mended.days_written, mended.days_unchanged), (1, 2));
    assert_eq!(contents(&root), written);
}

#[test]
fn a_stopped_import_leaves_the_catalog_as_it_was() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("made/catalog");
    let source = hourly(&folder, &bars(80, "11"));
    let stopped_after = |days: u32| {
        let asked = Cell::new(0);
        let stop = || asked.replace(asked.get() + 1) == days;
        super::import(source.clone(), &root, OnConflict::Error, &stop)
    };
    for days in 0..4 {
        assert!(matches!(stopped_after(days), Err(CatalogError::Stopped)), "{days}");
        assert!(!folder.path().join("made").exists(), "{days} days");
    }
    import(hourly(&folder, &bars(30, "11")), &root).unwrap();
    let before = contents(&root);
    hourly(&folder, &bars(80, "11"));
    assert!(matches!(stopped_after(4), Err(CatalogError::Stopped)));
    assert_eq!(contents(&root), before);
    let summary = import(hourly(&folder, &bars(80, "11")), &root).unwrap();
    assert_eq!((summary.days_written, summary.days_merged, summary.days_unchanged), (2, 1, 2));
}

#[test]
fn an_import_that_breaks_off_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("catalog");
    let text = bars(30, "11").replace("2022-01-03T01:00:00,10,12", "2022-01-03T01:00:00,10,-1");
    let lines: Vec<&str> = text.lines().skip(1).collect();
    let days = [("1.csv", &lines[..4]), ("2.csv", &lines[4..28]), ("3.csv", &lines[28..])];
    let paths = days.map(|(name, rows)| write_text(&folder, name, &format!("{HEADER}{}\n", rows.join("\n"))));
    let source = spec(HOUR_BARS, &paths);
    let error = import(source.clone(), &root).unwrap_err().to_string();
    assert!(error.contains("3.csv, row 2, column `high`"), "{error}");
    assert!(!root.exists());
    let skipped = import(FileSpec { on_error: OnError::Skip, ..source }, &root).unwrap();
    assert_eq!((skipped.rows, skipped.days_written, skipped.days_unchanged), (29, 3, 0));
    assert_eq!(skipped.issues, [(DataIssue::SkippedRow, 1)]);
}

#[test]
fn ticks_go_by_day_and_are_listed() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("catalog");
    let trades = "time,price,amount,side\n86399,1.5,2,buy\n86400,1.25,1.5,\n86400,1.5,3,S\n";
    let trades = FileSpec {
        time_unit: Some(TimeUnit::Seconds),
        ..spec(DataKind::Trades, &[write_text(&folder, "trades.csv", trades)])
    };
    let quotes = "ts,ts_recv,bid,ask,bid_size,ask_size\n10,12,1,2,3,4\n11,12,1.5,1.25,0,4\n";
    let quotes = FileSpec {
        time_unit: Some(TimeUnit::Seconds),
        ..spec(DataKind::Quotes, &[write_text(&folder, "quotes.csv", quotes)])
    };
    let mut minutes = spec(MINUTE_BARS, &[write_text(&folder, "minute.csv", &bars(1, "11"))]);
    minutes.instrument.id = InstrumentId { venue: "X".to_owned(), symbol: "A/B".to_owned() };
    for source in [&trades, &quotes, &minutes, &hourly(&folder, &bars(30, "11"))] {
        import(source.clone(), &root).unwrap();
    }
    for (source, path, rows) in [(&trades, "trades", 3), (&quotes, "quotes", 2), (&minutes, "bars/venue=X", 1)] {
        let files = expand_paths(&[path.to_owned()], &root).unwrap();
        let read: Vec<MarketRecord> = play(spec(source.kind, &files)).unwrap().records;
        assert_eq!(read.len(), rows);
        if source.kind != MINUTE_BARS {
            assert_eq!(read, play((*source).clone()).unwrap().records);
        }
    }
    write_text(&folder, "catalog/notes.txt", "not data");
    write_text(&folder, "catalog/loose.csv", "a,b\n");
    let lines: Vec<String> = ls(&root).unwrap().iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "bars BTCUSD.SIM 2022-01-01T20:00:00Z 2022-01-03T01:00:00Z 30 rows 3 files",
            "bars A/B.X 2022-01-01T20:00:00Z 2022-01-01T20:00:00Z 1 rows 1 files",
            "quotes BTCUSD.SIM 1970-01-01T00:00:10Z 1970-01-01T00:00:11Z 2 rows 1 files",
            "trades BTCUSD.SIM 1970-01-01T23:59:59Z 1970-01-02T00:00:00Z 3 rows 2 files",
        ]
    );
    assert!(ls(&folder.path().join("nowhere")).is_err());
}

fn line(entry: &CatalogEntry) -> String {
    let CatalogEntry { kind, instrument, first, last, rows, files, bytes, .. } = entry;
    assert!(*bytes > 0 && entry.content_hash.is_some());
    format!("{} {instrument} {first} {last} {rows} rows {files} files", kind.text())
}

/// One column of whole numbers, with a footer.
fn write_numbers(path: &Path, footer: &[(&str, &str)]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let column: ArrayRef = std::sync::Arc::new(Int64Array::from(vec![1]));
    let batch = RecordBatch::try_from_iter([("ts_event", column)]).unwrap();
    let mut writer = ArrowWriter::try_new(fs::File::create(path).unwrap(), batch.schema(), None).unwrap();
    for (key, value) in footer {
        writer.append_key_value_metadata(KeyValue::new((*key).to_owned(), (*value).to_owned()));
    }
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

#[test]
fn files_that_cannot_be_of_a_catalog_are_told() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("trades/venue=V/instrument=I/date=1970-01-01/part-0.parquet");
    write_numbers(&path, &[]);
    let error = ls(folder.path()).unwrap_err().to_string();
    assert!(error.contains("column `ts_event`") && error.contains("part-0.parquet"), "{error}");
    write_numbers(&path, &[("tapedeck.schema", "2")]);
    let error = ls(folder.path()).unwrap_err().to_string();
    assert!(error.contains("its schema is version 2, expected 1"), "{error}");
}

#[test]
fn the_head_of_a_file_is_shown_as_text() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("catalog");
    let trades = "time,price,amount,side\n86399,1.5,2,buy\n86399.5,1.25,1.5,\n86400,1.5,3,S\n";
    let path = write_text(&folder, "trades.csv", trades);
    let as_text = |path: &Path, n| {
        let table = head(path, n).unwrap();
        let rows = table.rows.iter().map(|row| row.join("|"));
        [table.columns.join("|")].into_iter().chain(rows).collect::<Vec<String>>()
    };
    assert_eq!(as_text(&path, 1), ["time|price|amount|side", "86399|1.5|2|buy"]);
    assert_eq!(as_text(&path, 0), ["time|price|amount|side"]);
    import(FileSpec { time_unit: Some(TimeUnit::Seconds), ..spec(DataKind::Trades, &[path]) }, &root).unwrap();
    let first_day = ["1970-01-01T23:59:59Z|1.5|2|buy", "1970-01-01T23:59:59.5Z|1.25|1.5|"];
    assert_eq!(as_text(&root, 9), [&["ts_event|px|qty|side"], first_day.as_slice()].concat());
    assert!(head(&folder.path().join("nowhere.csv"), 1).is_err());

    // The plain layout of another program.
    let path = folder.path().join("plain.parquet");
    let mut source = open(hourly(&folder, &bars(2, "11.25"))).unwrap();
    let layout = crate::FileLayout::Float;
    crate::write_source(source.as_mut(), &instrument(1), HOUR_BARS, &path, layout).unwrap();
    let expected = ["ts|open|high|low|close|volume", "2022-01-01T20:00:00Z|10|12|9|11.25|0.5"];
    assert_eq!(as_text(&path, 1), expected);
}
