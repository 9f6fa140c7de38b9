//! Days of several files that become one, and days that go.

use std::fs;

use tapedeck_model::market::{Chunk, Columns};
use tapedeck_model::{MarketRecord, Span};
use tempfile::TempDir;

use super::*;
use crate::tests::{MINUTE_BARS, MINUTE_NS, instrument, play};
use crate::{DataKind, FileLayout, FileSpec, describe, ls, write_source};

const DAY_NS: i64 = 86_400_000_000_000;

/// Bars of some minutes; `close` tells them from others.
fn bars(minutes: std::ops::Range<i64>, close: i64) -> Chunk {
    let column = |value: i64| minutes.clone().map(|_| value).collect::<Vec<i64>>();
    let [open, high, low, close, volume] = [100, 200, 50, close, 7].map(column);
    let columns = Columns::Bars { interval: Span::MINUTE, open, high, low, close, volume };
    let ts_event = minutes.map(|minute| (minute + 1) * MINUTE_NS).collect();
    Chunk { instrument: InstrumentIx(0), first_number: 0, ts_event, ts_recv: Vec::new(), columns }
}

struct Stage(TempDir);

impl Stage {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// A file of a day, as another program appends it.
    fn append(&self, day: &str, name: &str, chunks: Vec<Chunk>) {
        let path = format!("bars/venue=SIM/instrument=BTCUSD/interval=1m/date={day}/{name}.parquet");
        let mut source = crate::write::tests::of_chunks(chunks);
        let path = self.0.path().join(path);
        write_source(&mut source, &instrument(1), MINUTE_BARS, &path, FileLayout::Catalog).unwrap();
    }

    fn compact(&self, on_conflict: OnConflict) -> Result<Vec<DayPlan>, CatalogError> {
        compact(self.0.path(), &SeriesFilter::default(), on_conflict, &|| false)
    }

    fn records(&self) -> Vec<MarketRecord> {
        let spec = FileSpec::in_catalog(self.0.path(), MINUTE_BARS, &instrument(1), (None, None)).unwrap();
        play(spec).unwrap().records
    }
}

fn records(chunk: &Chunk) -> Vec<MarketRecord> {
    (0..chunk.len()).map(|row| chunk.record(row)).collect()
}

#[test]
fn several_files_of_a_day_become_one() {
    let stage = Stage::new();
    stage.append("1970-01-01", "b", vec![bars(0..10, 60)]);
    stage.append("1970-01-01", "a", vec![bars(8..20, 60)]);
    stage.append("1970-01-01", "part-0", vec![bars(30..40, 60)]);
    stage.append("1970-01-02", "only", vec![bars(1440..1450, 60)]);
    let plan = plan_compaction(stage.0.path(), &SeriesFilter::default()).unwrap();
    assert_eq!((plan.len(), plan[0].files, plan[0].rows), (1, 3, 32));
    assert_eq!(stage.compact(OnConflict::Error).unwrap(), plan);
    let expected = [bars(0..20, 60), bars(30..40, 60), bars(1440..1450, 60)];
    assert_eq!(stage.records(), expected.iter().flat_map(records).collect::<Vec<_>>());
    let entry = &ls(stage.0.path()).unwrap()[0];
    assert_eq!((entry.files, entry.days, entry.missing.len()), (2, 2, 0));
    assert!(stage.compact(OnConflict::Error).unwrap().is_empty(), "there is nothing left to do");
    assert_eq!(fs::read_dir(stage.0.path()).unwrap().count(), 1);
}

#[test]
fn files_that_differ_are_told_or_settled() {
    let stage = Stage::new();
    stage.append("1970-01-01", "a", vec![bars(0..5, 60)]);
    stage.append("1970-01-01", "b", vec![bars(4..9, 70)]);
    let text = stage.compact(OnConflict::Error).unwrap_err().to_string();
    for part in ["date=1970-01-01", "1970-01-01T00:04:00Z", "close 0.6,", "close 0.7,", "first by its name"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(ls(stage.0.path()).unwrap()[0].files, 2);
    stage.compact(OnConflict::Keep).unwrap();
    assert_eq!(stage.records(), [bars(0..5, 60), bars(5..9, 70)].iter().flat_map(records).collect::<Vec<_>>());
}

#[test]
fn tiny_row_groups_are_joined() {
    let stage = Stage::new();
    stage.append("1970-01-01", "part-0", vec![bars(0..9, 60)]);
    let file = stage.0.path().join("bars/venue=SIM/instrument=BTCUSD/interval=1m/date=1970-01-01/part-0.parquet");
    let reader = fs::File::open(&file).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(reader).unwrap();
    let (schema, mut batches) = (reader.schema().clone(), reader.build().unwrap());
    let batch = batches.next().unwrap().unwrap();
    let tiny = parquet::file::properties::WriterProperties::builder().set_max_row_group_row_count(Some(1)).build();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(fs::File::create(&file).unwrap(), schema, Some(tiny)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    assert_eq!(stage.compact(OnConflict::Error).unwrap()[0].row_groups, 9);
    assert_eq!(stage.records(), records(&bars(0..9, 60)));
    let described = &describe(stage.0.path(), &SeriesFilter::default()).unwrap()[0];
    assert_eq!((described.row_groups, described.schemas.as_slice()), (1, &[Some("1".to_owned())][..]));
}

#[test]
fn floats_are_not_compacted() {
    let stage = Stage::new();
    for name in ["a", "b"] {
        let path = format!("bars/venue=SIM/instrument=BTCUSD/interval=1m/date=1970-01-01/{name}.parquet");
        let mut source = crate::write::tests::of_chunks(vec![bars(0..2, 60)]);
        let path = stage.0.path().join(path);
        write_source(&mut source, &instrument(1), MINUTE_BARS, &path, FileLayout::Float).unwrap();
    }
    let text = stage.compact(OnConflict::Error).unwrap_err().to_string();
    assert!(text.contains("not exact decimals"), "{text}");
}

#[test]
fn old_days_go_and_others_stay() {
    let stage = Stage::new();
    for day in 1..5_i64 {
        stage.append(&format!("1970-01-0{day}"), "part-0", vec![bars((day - 1) * 1440..(day - 1) * 1440 + 3, 60)]);
    }
    let before = Ts::from_nanos(2 * DAY_NS);
    let filter = SeriesFilter { kind: Some("bars".to_owned()), ..SeriesFilter::default() };
    let plan = plan_pruning(stage.0.path(), &filter, before).unwrap();
    assert_eq!(plan.iter().map(|plan| plan.day.nanos() / DAY_NS).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(ls(stage.0.path()).unwrap()[0].days, 4);
    assert_eq!(prune(stage.0.path(), &filter, before).unwrap(), plan);
    let entry = ls(stage.0.path()).unwrap().remove(0);
    assert_eq!((entry.days, entry.first.nanos()), (2, 2 * DAY_NS));
    let other = SeriesFilter { kind: Some("trades".to_owned()), ..SeriesFilter::default() };
    assert!(matches!(prune(stage.0.path(), &other, Ts::MAX), Err(CatalogError::NoSeries { .. })));
    prune(stage.0.path(), &filter, Ts::MAX).unwrap();
    assert_eq!(fs::read_dir(stage.0.path()).unwrap().count(), 0, "empty folders go too");
}

#[test]
fn a_description_says_what_there_is() {
    let stage = Stage::new();
    stage.append("1970-01-01", "part-0", vec![bars(0..3, 60)]);
    stage.append("1970-01-04", "part-0", vec![bars(4320..4327, 70)]);
    let described = describe(stage.0.path(), &SeriesFilter::default()).unwrap().remove(0);
    assert_eq!(described.rows_per_day, [3, 3, 7]);
    assert_eq!(described.entry.missing, [(Ts::from_nanos(DAY_NS), Ts::from_nanos(2 * DAY_NS))]);
    let range = |name: &str| {
        let range = described.ranges.iter().find(|range| range.name == name).unwrap();
        (range.min.clone(), range.max.clone())
    };
    assert_eq!(range("close"), ("0.6".to_owned(), "0.7".to_owned()));
    assert_eq!(range("volume"), ("0.007".to_owned(), "0.007".to_owned()));
    let (name, data) = &described.columns[1];
    assert!(name == "open" && data.contains("Decimal") && data.contains("18, 2"), "{data}");
    assert!(described.compressions[0].starts_with("zstd"), "{:?}", described.compressions);
    assert_eq!(described.entry.kind, DataKind::Bars { interval: Span::MINUTE });
    let hash = described.entry.content_hash.clone();
    stage.append("1970-01-04", "part-0", vec![bars(4320..4327, 71)]);
    assert_ne!(ls(stage.0.path()).unwrap()[0].content_hash, hash);
}
