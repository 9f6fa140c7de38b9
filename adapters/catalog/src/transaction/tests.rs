//! Transactions that end, do not end, and meet.

use tapedeck_model::InstrumentIx;
use tapedeck_model::market::Columns;
use tempfile::TempDir;

use super::*;
use crate::tests::{MINUTE_BARS, MINUTE_NS, instrument, play};
use crate::{FileSpec, expand_paths, ls};

const DAY_NS: i64 = 86_400_000_000_000;

/// One bar at noon of each of some days.
fn noons(days: Range<i64>) -> Chunk {
    let column = || days.clone().map(|day| 100 + day).collect::<Vec<i64>>();
    let ts_event = days.clone().map(|day| day * DAY_NS + DAY_NS / 2 + MINUTE_NS).collect();
    let columns = Columns::Bars {
        interval: Span::MINUTE,
        open: column(),
        high: column(),
        low: column(),
        close: column(),
        volume: column(),
    };
    Chunk { instrument: InstrumentIx(0), first_number: 0, ts_event, ts_recv: Vec::new(), columns }
}

fn named(symbol: &str) -> Instrument {
    let mut instrument = instrument(1);
    symbol.clone_into(&mut instrument.id.symbol);
    instrument
}

fn import(root: &Path, symbol: &str, days: Range<i64>) -> Result<ImportSummary, CatalogError> {
    let mut transaction = Transaction::open(root, OnConflict::Error)?;
    let series = transaction.series(MINUTE_BARS, &named(symbol), Vec::new());
    transaction.add(series, &noons(days), &|| false)?;
    Ok(transaction.finish(&|| false)?.remove(0))
}

#[test]
fn several_series_come_in_together() {
    let folder = TempDir::new().unwrap();
    let mut transaction = Transaction::open(folder.path(), OnConflict::Error).unwrap();
    let [a, b, none] = ["A", "B", "C"].map(|symbol| transaction.series(MINUTE_BARS, &named(symbol), Vec::new()));
    for day in 0..3 {
        transaction.add(a, &noons(day..day + 1), &|| false).unwrap();
        transaction.add(b, &noons(2 * day..2 * day + 2), &|| false).unwrap();
    }
    assert!(ls(folder.path()).unwrap().is_empty(), "nothing is seen before the end");
    let summaries = transaction.finish(&|| false).unwrap();
    let days: Vec<u64> = summaries.iter().map(|summary| summary.days_written).collect();
    assert_eq!((days, none), (vec![3, 6, 0], SeriesIx(2)));
    let files: Vec<u64> = ls(folder.path()).unwrap().iter().map(|entry| entry.files).collect();
    assert_eq!(files, [3, 6]);
}

#[test]
fn one_that_is_dropped_has_not_happened() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("made/catalog");
    let mut transaction = Transaction::open(&root, OnConflict::Error).unwrap();
    let series = transaction.series(MINUTE_BARS, &named("A"), Vec::new());
    transaction.add(series, &noons(0..9), &|| false).unwrap();
    assert!(root.join(STAGING).exists());
    assert!(matches!(import(&root, "A", 0..1), Err(CatalogError::Locked { .. })));
    drop(transaction);
    assert!(!folder.path().join("made").exists());
}

#[test]
fn what_a_killed_one_left_is_settled() {
    let folder = TempDir::new().unwrap();
    import(folder.path(), "A", 0..2).unwrap();
    // Killed before it was written down.
    fs::create_dir_all(folder.path().join(STAGING)).unwrap();
    fs::write(folder.path().join(STAGING).join("1.parquet"), "half of a file").unwrap();
    fs::write(folder.path().join(".lock"), "by process 1").unwrap();
    assert_eq!(ls(folder.path()).unwrap().len(), 1);
    import(folder.path(), "A", 1..3).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    // Killed after it.
    let mut stage = Stage::open(folder.path()).unwrap();
    let mut changes = Changes::default();
    fs::rename(day(folder.path(), "A", 2), stage.folder.join("1.parquet")).unwrap();
    changes.take_over(&stage, &stage.folder.join("1.parquet"), &day(Path::new(""), "A", 2), &[]).unwrap();
    changes.commit(folder.path()).unwrap();
    stage.committed = true;
    drop(stage);
    assert_eq!(ls(folder.path()).unwrap()[0].rows, 3);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

fn day(root: &Path, symbol: &str, day: i64) -> PathBuf {
    let series = Series { kind: MINUTE_BARS, instrument: named(symbol).id };
    root.join(series.day_file(Ts::from_nanos(day * DAY_NS)))
}

#[test]
fn many_writers_leave_a_whole_catalog() {
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    // Each half of the days of one series twice, and a series of its own.
    std::thread::scope(|scope| {
        for writer in 0..8_i64 {
            scope.spawn(move || {
                let own = format!("OWN{writer}");
                for (symbol, days) in [("ALL", 5 * (writer % 2)..5 * (writer % 2) + 6), (own.as_str(), 0..3)] {
                    loop {
                        match import(root, symbol, days.clone()) {
                            Ok(_) => break,
                            Err(CatalogError::Locked { .. }) => std::thread::yield_now(),
                            Err(other) => panic!("{other}"),
                        }
                    }
                }
            });
        }
    });
    let entries = ls(root).unwrap();
    let rows: Vec<u64> = entries.iter().map(|entry| entry.rows).collect();
    assert_eq!(rows, [11, 3, 3, 3, 3, 3, 3, 3, 3]);
    let files = expand_paths(&["bars/venue=SIM/instrument=ALL".to_owned()], root).unwrap();
    let played = play(FileSpec::of_catalog(MINUTE_BARS, &named("ALL"), files)).unwrap();
    let chunk = noons(0..11);
    assert_eq!(played.records, (0..11).map(|row| chunk.record(row)).collect::<Vec<_>>());
    assert_eq!(fs::read_dir(root).unwrap().count(), 1, "neither locks nor staging folders are left");
}

#[test]
fn a_day_of_several_files_is_not_merged_with_one_of_them() {
    let folder = TempDir::new().unwrap();
    import(folder.path(), "A", 0..1).unwrap();
    let file = day(folder.path(), "A", 0);
    fs::copy(&file, file.with_file_name("part-1.parquet")).unwrap();
    let error = import(folder.path(), "A", 0..1).unwrap_err().to_string();
    assert!(error.contains("2 files") && error.contains("sim data compact"), "{error}");
}

#[test]
fn notes_of_both_imports_stay() {
    let folder = TempDir::new().unwrap();
    let noted = |note: &str, days: Range<i64>| {
        let mut transaction = Transaction::open(folder.path(), OnConflict::Error).unwrap();
        let note = vec![("recv_shift".to_owned(), note.to_owned())];
        let series = transaction.series(MINUTE_BARS, &named("A"), note);
        let mut chunk = noons(days);
        // Another minute of the same day.
        chunk.ts_event.iter_mut().for_each(|ts| *ts = ts.rem_euclid(DAY_NS) + MINUTE_NS * (*ts / DAY_NS));
        transaction.add(series, &chunk, &|| false).unwrap();
        transaction.finish(&|| false).unwrap();
    };
    noted("a 1ns", 0..1);
    noted("b 2ns", 1..2);
    noted("a 1ns", 2..3);
    let footer = Footer::read(&day(folder.path(), "A", 0), MINUTE_BARS).unwrap();
    assert_eq!((footer.rows, footer.notes), (3, vec![("recv_shift".to_owned(), "a 1ns; b 2ns".to_owned())]));
}
