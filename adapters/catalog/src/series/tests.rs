//! Days that a period needs, and series as other programs lay them out.

use std::fs;

use tapedeck_model::market::{Chunk, Columns};
use tapedeck_model::{InstrumentIx, MarketRecord};
use tempfile::TempDir;

use super::*;
use crate::tests::{MINUTE_BARS, instrument, play};
use crate::{OnConflict, Transaction, ls};

const HOUR_NS: i64 = 3_600_000_000_000;
const HOUR_BARS: DataKind = DataKind::Bars { interval: Span::HOUR };

fn import(root: &Path, kind: DataKind, chunk: &Chunk) {
    let mut transaction = Transaction::open(root, OnConflict::Error).unwrap();
    let series = transaction.series(kind, &instrument(1), Vec::new());
    transaction.add(series, chunk, &|| false).unwrap();
    transaction.finish(&|| false).unwrap();
}

/// Bars by the hour from 1970 on.
fn bars(hours: i64) -> Chunk {
    let column = || (0..hours).map(|hour| 100 + hour).collect::<Vec<i64>>();
    let (open, high, low, close, volume) = (column(), column(), column(), column(), column());
    let columns = Columns::Bars { interval: Span::HOUR, open, high, low, close, volume };
    let ts_event = (1..=hours).map(|hour| hour * HOUR_NS).collect();
    Chunk { instrument: InstrumentIx(0), first_number: 0, ts_event, ts_recv: Vec::new(), columns }
}

/// A level an hour; the hours in `snapshots` begin the book anew.
fn depth(hours: i64, snapshots: &[i64]) -> Chunk {
    let flags = (0..hours).map(|hour| if snapshots.contains(&hour) { 3 } else { 1 }).collect();
    let rows = || 0..hours;
    let columns = Columns::Depth {
        side: rows().map(|_| 1).collect(),
        px: rows().map(|hour| 100 + hour % 7).collect(),
        qty: rows().map(|hour| hour % 3).collect(),
        flags,
    };
    let ts_event = rows().map(|hour| hour * HOUR_NS).collect();
    Chunk { instrument: InstrumentIx(0), first_number: 0, ts_event, ts_recv: Vec::new(), columns }
}

fn hour(hour: i64) -> Ts {
    Ts::from_nanos(hour * HOUR_NS)
}

fn records(spec: FileSpec) -> Vec<MarketRecord> {
    play(spec).unwrap().records
}

#[test]
fn a_period_reads_the_days_that_it_touches() {
    let folder = TempDir::new().unwrap();
    import(folder.path(), HOUR_BARS, &bars(96));
    let spec = |from: i64, until: i64| {
        FileSpec::in_catalog(folder.path(), HOUR_BARS, &instrument(1), (Some(hour(from)), Some(hour(until))))
    };
    let all = FileSpec::in_catalog(folder.path(), HOUR_BARS, &instrument(1), (None, None)).unwrap();
    assert_eq!(all.paths.len(), 4);
    for (from, until, days) in
        [(0, 96, 4), (23, 24, 1), (23, 25, 2), (24, 48, 1), (30, 90, 3), (-9, 1, 1), (95, 999, 1)]
    {
        let pruned = spec(from, until).unwrap();
        assert_eq!(pruned.paths.len(), days, "{from}..{until}");
        let whole = FileSpec { start: Some(hour(from)), end: Some(hour(until)), ..all.clone() };
        assert!(records(pruned) == records(whole), "{from}..{until}");
    }
    let error = spec(96, 99).unwrap_err().to_string();
    assert!(error.contains("days from 1970-01-01T00:00:00Z to 1970-01-04"), "{error}");
}

#[test]
fn of_a_book_the_days_back_to_a_snapshot_are_read() {
    let folder = TempDir::new().unwrap();
    // The second day begins with a whole book, the third has one at 01:00, the fourth has none.
    import(folder.path(), DataKind::Depth, &depth(96, &[0, 24, 49]));
    let all = FileSpec::in_catalog(folder.path(), DataKind::Depth, &instrument(1), (None, None)).unwrap();
    for (from, days) in [(0, 4), (23, 4), (24, 4), (25, 3), (47, 3), (48, 3), (50, 3), (72, 3), (95, 3)] {
        let period = (Some(hour(from)), None);
        let pruned = FileSpec::in_catalog(folder.path(), DataKind::Depth, &instrument(1), period).unwrap();
        assert_eq!(pruned.paths.len(), days, "{from}");
        let whole = FileSpec { start: Some(hour(from)), ..all.clone() };
        assert!(records(pruned) == records(whole), "{from}");
    }
}

#[test]
fn what_is_not_there_is_told_with_what_is() {
    let folder = TempDir::new().unwrap();
    import(folder.path(), HOUR_BARS, &bars(1));
    let error = FileSpec::in_catalog(folder.path(), MINUTE_BARS, &instrument(1), (None, None)).unwrap_err();
    assert!(matches!(&error, CatalogError::NoSeries { known, .. } if known == &["BTCUSD.SIM bars 1h"]), "{error}");
    assert!(error.to_string().contains("has no BTCUSD.SIM bars 1m; it has BTCUSD.SIM bars 1h"), "{error}");
    let nowhere = folder.path().join("nowhere");
    assert!(FileSpec::in_catalog(&nowhere, MINUTE_BARS, &instrument(1), (None, None)).is_err());
}

#[test]
fn files_of_other_programs_are_read_and_listed() {
    let folder = TempDir::new().unwrap();
    let chunk = bars(24);
    let mut named = instrument(1);
    named.id.symbol = "BTC/USD".to_owned();
    // Another name of the file, other digits in the escape, floats, no footer of ours.
    let day = folder.path().join("bars/venue=SIM/instrument=BTC%2fUSD/interval=60m/date=1970-01-01");
    let mut source = crate::write::tests::of_chunks(vec![chunk.clone()]);
    let file = day.join("data_0.parquet");
    crate::write_source(&mut source, &named, HOUR_BARS, &file, crate::FileLayout::Float).unwrap();
    strip_footer(&file);
    let spec = FileSpec::in_catalog(folder.path(), HOUR_BARS, &named, (None, None)).unwrap();
    assert_eq!(records(spec), (0..24).map(|row| chunk.record(row)).collect::<Vec<_>>());
    let entries = ls(folder.path()).unwrap();
    assert_eq!((entries.len(), entries[0].rows, entries[0].last), (1, 24, hour(23)));
    fs::create_dir(day.with_file_name("date=soon")).unwrap();
    let error = FileSpec::in_catalog(folder.path(), HOUR_BARS, &named, (None, None)).unwrap_err().to_string();
    assert!(error.contains("expected date=YYYY-MM-DD"), "{error}");
}

/// The same rows as another program would write them.
fn strip_footer(path: &Path) {
    let file = fs::File::open(path).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let (schema, batches) = (reader.schema().clone(), reader.build().unwrap());
    let batches: Vec<_> = batches.map(Result::unwrap).collect();
    let mut writer = parquet::arrow::ArrowWriter::try_new(fs::File::create(path).unwrap(), schema, None).unwrap();
    for batch in &batches {
        writer.write(batch).unwrap();
    }
    writer.close().unwrap();
}
