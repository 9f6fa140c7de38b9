//! Files written here, read back: types, defects, order, sizes of batches.

pub(crate) mod depth;
mod derivative;
mod mbo;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Decimal128Array, Float32Array, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray,
};
use parquet::arrow::ArrowWriter;
use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;
use tapedeck_model::event::DataIssue;
use tapedeck_model::market::Chunk;
use tapedeck_model::number::{raw_from_f64, raw_qty_from_f64};
use tapedeck_model::port::DataIssues;
use tapedeck_model::{
    Amount, CurrencyIx, DatedRules, Instrument, InstrumentId, InstrumentIx, InstrumentKind, MarketRecord, Price, Qty,
    Side, Source, Span, Ts,
};
use tempfile::TempDir;

use super::*;
use crate::cells::{Scaling, numbers};
use crate::decode::tells_of_times;

pub(crate) fn instrument(tick: i64) -> Instrument {
    let rules = DatedRules {
        from: Ts::MIN,
        tick_size: Price::from_raw(tick),
        lot_size: Qty::from_raw(1),
        qty_min: Qty::from_raw(1),
        qty_max: Qty::from_raw(i64::MAX),
        notional_min: Amount::ZERO,
    };
    Instrument {
        ix: InstrumentIx(0),
        id: InstrumentId { venue: "SIM".to_owned(), symbol: "BTCUSD".to_owned() },
        kind: InstrumentKind::Spot,
        base: CurrencyIx(0),
        quote: CurrencyIx(1),
        settlement: CurrencyIx(1),
        price_scale: 2,
        qty_scale: 3,
        multiplier: 1,
        multiplier_scale: 0,
        rules: vec![rules],
    }
}

pub(crate) const MINUTE_BARS: DataKind = DataKind::Bars { interval: Span::MINUTE };

pub(crate) fn spec(kind: DataKind, paths: &[PathBuf]) -> FileSpec {
    FileSpec {
        name: "test".to_owned(),
        kind,
        paths: paths.to_vec(),
        format: None,
        columns: BTreeMap::new(),
        time_unit: None,
        custom: crate::spec::Custom::default(),
        price_scale: None,
        qty_scale: None,
        volume_unit: VolumeUnit::Base,
        volume_optional: false,
        on_error: OnError::Fail,
        strict_ticks: false,
        start: None,
        end: None,
        instrument: instrument(1),
    }
}

#[derive(Debug, PartialEq)]
pub(crate) struct Played {
    pub(crate) records: Vec<MarketRecord>,
    pub(crate) issues: DataIssues,
    hash: [u8; 32],
}

pub(crate) fn drain(mut source: Box<dyn Source>) -> Result<Played, String> {
    let mut chunk = Chunk::new(InstrumentIx(9));
    let mut records = Vec::new();
    while source.next_chunk(&mut chunk).map_err(|e| e.to_string())? {
        assert_eq!(chunk.first_number, records.len() as u64);
        records.extend((0..chunk.len()).map(|row| chunk.record(row)));
    }
    assert_eq!(source.next_chunk(&mut chunk), Ok(false), "the end stays the end");
    Ok(Played { records, issues: source.issues(), hash: source.content_hash() })
}

pub(crate) fn play(spec: FileSpec) -> Result<Played, String> {
    drain(open(spec).map_err(|e| e.to_string())?)
}

pub(crate) fn play_in(spec: FileSpec, batch_rows: usize) -> Result<Played, String> {
    drain(Box::new(FileSource::open(spec, batch_rows).map_err(|e| e.to_string())?))
}

fn write_parquet(path: &Path, columns: Vec<(&str, ArrayRef)>, group_rows: usize) {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(group_rows)).build();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

pub(crate) fn write_text(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

pub(crate) const MINUTE_NS: i64 = 60_000_000_000;

/// `rows` bars from minute `from`, in float columns.
fn write_bars(path: &Path, from: i64, rows: i64, group_rows: usize) {
    let ts: Vec<i64> = (from..from + rows).map(|i| i * MINUTE_NS).collect();
    let px = |add: f64| Arc::new((from..from + rows).map(|i| 100.0 + i as f64 / 100.0 + add).collect::<Float64Array>());
    write_parquet(
        path,
        vec![
            ("Time", Arc::new(TimestampNanosecondArray::from(ts))),
            ("open", px(0.0)),
            ("high", px(0.5)),
            ("low", px(-0.5)),
            ("close", px(0.1)),
            ("volume", Arc::new((0..rows).map(|i| i as f64 + 0.5).collect::<Float64Array>())),
        ],
        group_rows,
    );
}

#[test]
fn every_type_of_time_and_price_gives_the_same_bar() {
    let folder = TempDir::new().unwrap();
    let hour = 1_640_995_200;
    let times: Vec<(&str, ArrayRef, Option<TimeUnit>)> = vec![
        ("s", Arc::new(TimestampSecondArray::from(vec![hour])), None),
        (
            "ms zone",
            Arc::new(TimestampMillisecondArray::from(vec![hour * 1000]).with_timezone("America/New_York")),
            None,
        ),
        ("ns", Arc::new(TimestampNanosecondArray::from(vec![hour * 1_000_000_000])), None),
        ("int s", Arc::new(Int64Array::from(vec![hour])), Some(TimeUnit::Seconds)),
        ("int ns", Arc::new(Int64Array::from(vec![hour * 1_000_000_000])), Some(TimeUnit::Nanos)),
        ("text", Arc::new(StringArray::from(vec!["2022-01-01 02:00:00+02:00"])), None),
        ("day", Arc::new(arrow_array::Date32Array::from(vec![18_993])), None),
        ("day 64", Arc::new(arrow_array::Date64Array::from(vec![hour * 1000])), None),
    ];
    let decimal = Decimal128Array::from(vec![1005]).with_precision_and_scale(18, 1).unwrap();
    let prices: Vec<(&str, ArrayRef, Option<u8>)> = vec![
        ("f64", Arc::new(Float64Array::from(vec![100.5])), None),
        ("f32", Arc::new(Float32Array::from(vec![100.5])), None),
        ("decimal", Arc::new(decimal), None),
        ("integer", Arc::new(Int64Array::from(vec![1_005_000])), Some(4)),
        ("text", Arc::new(StringArray::from(vec!["1.005e2"])), None),
    ];
    for (time_name, time, time_unit) in &times {
        for (price_name, price, price_scale) in &prices {
            let path = folder.path().join("bars.parquet");
            let volume: ArrayRef = Arc::new(Float64Array::from(vec![7.125]));
            let [o, h, l, c] = ["open", "high", "low", "close"].map(|name| (name, Arc::clone(price)));
            write_parquet(&path, vec![("ts", Arc::clone(time)), o, h, l, c, ("volume", volume)], 10);
            let spec = FileSpec { time_unit: *time_unit, price_scale: *price_scale, ..spec(MINUTE_BARS, &[path]) };
            let played = play(spec).unwrap();
            let [MarketRecord::Bar(bar)] = played.records.as_slice() else { panic!("{time_name} {price_name}") };
            assert_eq!(bar.ts_event.to_string(), "2022-01-01T00:01:00Z", "{time_name}");
            assert_eq!((bar.open.raw(), bar.close.raw(), bar.volume.raw()), (10_050, 10_050, 7_125), "{price_name}");
        }
    }
}

#[test]
fn csv_may_have_a_mark_and_carriage_returns() {
    let folder = TempDir::new().unwrap();
    for (text, unit) in [
        ("\u{feff}Date,Open,High,Low,Close,Volume\r\n2022-01-01,1,2,0.5,1.5,3\r\n", None),
        ("open_time,open,high,low,close,volume,extra\n1640995200000,1,2,0.5,1.5,3,x\n", Some(TimeUnit::Millis)),
        ("time,open,high,low,close,volume\n1640995200.0,1,2,0.5,1.5,3\n", Some(TimeUnit::Seconds)),
        ("close_at,open,high,low,close,volume\n2022-01-01T00:01:00Z,1,2,0.5,1.5,3\n", None),
    ] {
        let path = write_text(&folder, "bars.csv", text);
        let mut spec = FileSpec { time_unit: unit, ..spec(MINUTE_BARS, &[path]) };
        if text.starts_with("close_at") {
            spec.columns.insert("close_time".to_owned(), "close_at".to_owned());
        }
        let played = play(spec).unwrap();
        let [MarketRecord::Bar(bar)] = played.records.as_slice() else { panic!("{text}") };
        assert_eq!(bar.ts_event.to_string(), "2022-01-01T00:01:00Z");
        assert_eq!((bar.open.raw(), bar.high.raw(), bar.low.raw(), bar.volume.raw()), (100, 200, 50, 3000));
    }
}

#[test]
fn trades_know_their_aggressor_and_quotes_both_sides() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("trades.parquet");
    let maker: ArrayRef = Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("ts", Arc::new(TimestampNanosecondArray::from(vec![5, 5, 6]))),
        ("price", Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0]))),
        ("amount", Arc::new(Float64Array::from(vec![1.0, 2.0, 0.0125]))),
        ("is_buyer_maker", maker),
    ];
    write_parquet(&path, columns, 10);
    let played = play(spec(DataKind::Trades, &[path])).unwrap();
    let sides: Vec<Option<Side>> = played
        .records
        .iter()
        .map(|r| if let MarketRecord::Trade(t) = r { t.aggressor } else { panic!("a trade") })
        .collect();
    assert_eq!(sides, [Some(Side::Sell), Some(Side::Buy), None]);
    assert_eq!(played.issues, [(DataIssue::TruncatedQty, 1)]);

    let text = "ts,local_ts,bid,ask,bid_size,ask_size\n10,12,1,2,3,4\n11,12,1.5,1.25,0,4\n";
    let path = write_text(&folder, "quotes.csv", text);
    let mut spec = FileSpec { time_unit: Some(TimeUnit::Nanos), ..spec(DataKind::Quotes, &[path]) };
    spec.columns.insert("ts_recv".to_owned(), "local_ts".to_owned());
    let played = play(spec).unwrap();
    let [_, MarketRecord::Quote(quote)] = played.records.as_slice() else { panic!("two quotes") };
    assert_eq!((quote.bid_px.raw(), quote.ask_px.raw(), quote.bid_qty.raw()), (150, 125, 0));
    assert_eq!((quote.ts_event.nanos(), quote.ts_recv.nanos()), (11, 12));
}

const HEADER: &str = "ts,open,high,low,close,volume\n2022-01-01T00:00:00,10,11,9,10,1\n";

#[test]
fn bad_rows_are_told_with_their_place() {
    let folder = TempDir::new().unwrap();
    for (row, place, problem) in [
        ("2022-01-01T00:01:00,10.005,11,9,10,1", "row 2, column `open`", "does not fit 2 decimals"),
        ("2022-01-01T00:01:00,10,9.5,9,10,1", "row 2, column `high`", "below open"),
        ("2022-01-01T00:01:00,10,11,10.5,10,1", "row 2, column `low`", "above open"),
        ("2022-01-01T00:01:00,10,11,-1,10,1", "row 2, column `low`", "above zero"),
        ("2022-01-01T00:01:00,10,11,9,NaN,1", "row 2, column `close`", "missing"),
        ("2022-01-01T00:01:00,inf,11,9,10,1", "row 2, column `open`", "infinite"),
        ("2022-01-01T00:01:00,10,11,9,ten,1", "row 2, column `close`", "cannot be read"),
        ("2022-01-01T00:01:00,10,11,9,10,-1", "row 2, column `volume`", "negative"),
        ("2022-01-01T00:01:00,10,11,9,10,", "row 2, column `volume`", "missing"),
        ("2022-01-01T00:01:00,1e17,1e17,9,10,1", "row 2, column `open`", "too large"),
        ("2022-01-01T00:00:00,10,11,9,10,1", "row 2, column `ts`", "that of the row before"),
        ("2021-12-31T23:59:00,10,11,9,10,1", "row 2, column `ts`", "goes back"),
        ("2022-01-01T00:00:30,10,11,9,10,1", "row 2, column `ts`", "no multiple of 1m"),
        ("yesterday,10,11,9,10,1", "row 2, column `ts`", "cannot be read"),
        ("2022-01-01T00:01:00,10", "row 2, column `ts`", "the line has 2 fields, the first one has 6"),
        ("2022-01-01T00:01:00,10,11,9,10,1,1", "row 2, column `ts`", "the line has 7 fields"),
    ] {
        let path = write_text(&folder, "bars.csv", &format!("{HEADER}{row}\n"));
        let error = play(spec(MINUTE_BARS, &[path])).unwrap_err();
        assert!(error.contains(place) && error.contains(problem) && error.contains("bars.csv"), "{row}: {error}");
    }
}

#[test]
fn every_codec_of_other_tools_is_read() {
    let folder = TempDir::new().unwrap();
    let ts: ArrayRef = Arc::new(TimestampMillisecondArray::from(vec![60_000, 120_000]));
    let px: ArrayRef = Arc::new(Float64Array::from(vec![10.25, 10.5]));
    let columns = ["open", "high", "low", "close", "volume"].map(|name| (name, Arc::clone(&px)));
    let batch = RecordBatch::try_from_iter(std::iter::once(("ts", ts)).chain(columns)).unwrap();
    for (nth, codec) in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::BROTLI(BrotliLevel::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
        Compression::ZSTD(ZstdLevel::default()),
    ]
    .into_iter()
    .enumerate()
    {
        let path = folder.path().join(format!("{nth}.parquet"));
        let properties = WriterProperties::builder().set_compression(codec).build();
        let file = std::fs::File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let played = play(spec(MINUTE_BARS, &[path])).unwrap_or_else(|problem| panic!("{codec:?}: {problem}"));
        assert_eq!(played.records.len(), 2, "{codec:?}");
    }
}

#[test]
fn columns_without_names_are_named_by_position() {
    let folder = TempDir::new().unwrap();
    let rows = "1640995200000,10,12,9,11,1.5,1640995259999\n1640995260000,11,11,10,10,2,1640995319999\n";
    let path = write_text(&folder, "klines.csv", rows);
    let positions = [("ts", "#1"), ("open", "#2"), ("high", "#3"), ("low", "#4"), ("close", "#5"), ("volume", "#6")];
    let columns = positions.map(|(field, column)| (field.to_owned(), column.to_owned())).into();
    let unit = Some(TimeUnit::Millis);
    let nameless = FileSpec { columns, time_unit: unit, ..spec(MINUTE_BARS, &[path]) };
    let named = write_text(&folder, "named.csv", &format!("ts,open,high,low,close,volume,close_ts\n{rows}"));
    let named = FileSpec { time_unit: unit, ..spec(MINUTE_BARS, &[named]) };
    let (nameless, named) = (play(nameless).unwrap(), play(named).unwrap());
    assert_eq!(nameless.records.len(), 2, "the first line is a row");
    assert_eq!(nameless.records, named.records);
}

#[test]
fn bad_files_are_refused_before_anything_runs() {
    let folder = TempDir::new().unwrap();
    for (name, text, problem) in [
        ("a.csv", "1,2,3\n", "the file has no header line"),
        ("b.csv", "", "the file is empty"),
        ("c.csv", "ts,open,high,low,close\n", "no column for `volume`"),
        ("d.csv", "time,date,open,high,low,close,volume\n", "more than one column could be `ts`"),
        ("e.csv", "ts,open,high,low,close,volume\n", "there are no rows"),
        ("f.csv", "ts,open,high,low,close,volume\n1640995200,1,1,1,1,1\n", "state `time_unit`"),
        ("g.txt", "ts\n", "state `format`"),
        ("h.parquet", "PAR1", "not a readable Parquet file"),
    ] {
        let path = write_text(&folder, name, text);
        let error = open(spec(MINUTE_BARS, &[path])).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.contains(problem), "{name}: {error}");
    }
    let path = folder.path().join("integers.parquet");
    let one: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let columns = ["ts", "open", "high", "low", "close", "volume"].map(|name| (name, Arc::clone(&one)));
    write_parquet(&path, columns.to_vec(), 10);
    let error = open(spec(MINUTE_BARS, std::slice::from_ref(&path))).err().map(|e| e.to_string()).unwrap_or_default();
    assert!(error.contains("`time_unit`") && error.contains("columns found: ts, open"), "{error}");
    let unit = FileSpec { time_unit: Some(TimeUnit::Seconds), ..spec(MINUTE_BARS, std::slice::from_ref(&path)) };
    let error = open(unit).err().map(|e| e.to_string()).unwrap_or_default();
    assert!(error.contains("`price_scale`"), "{error}");
    let mut strange = spec(MINUTE_BARS, &[path]);
    strange.columns.insert("price".to_owned(), "open".to_owned());
    let error = open(strange).err().map(|e| e.to_string()).unwrap_or_default();
    assert!(error.contains("`columns` names `price`"), "{error}");
}

#[test]
fn skip_and_repair_count_what_they_do() {
    let folder = TempDir::new().unwrap();
    let rows = "2022-01-01T00:01:00,10,9.5,9,10,1\n2022-01-01T00:02:00,10,11,9,10,NaN\n\
                2022-01-01T00:02:00,20,20,20,20,1\n2022-01-01T00:01:00,10,11,9,10,1\n\
                2022-01-01T00:03:00,NaN,11,9,10,1\n2022-01-01T00:04:00,10,11,9,10,1\n";
    let path = write_text(&folder, "bars.csv", &format!("{HEADER}{rows}"));
    let skip = FileSpec { on_error: OnError::Skip, ..spec(MINUTE_BARS, std::slice::from_ref(&path)) };
    let repair = FileSpec { on_error: OnError::Repair, ..spec(MINUTE_BARS, &[path]) };
    for batch_rows in [1, 2, 3, 100] {
        // Skipped: no range, no volume, going back, no price. The second row of 00:02 is then good.
        let skipped = play_in(skip.clone(), batch_rows).unwrap();
        assert_eq!(skipped.issues, [(DataIssue::SkippedRow, 4), (DataIssue::Gap, 2)]);
        assert_eq!(skipped.records.len(), 3);
        let repaired = play_in(repair.clone(), batch_rows).unwrap();
        assert_eq!(repaired.issues, [(DataIssue::RepairedRow, 5), (DataIssue::Gap, 1)]);
        let [_, MarketRecord::Bar(widened), MarketRecord::Bar(silent), _] = repaired.records.as_slice() else {
            panic!("four bars")
        };
        assert_eq!((widened.high.raw(), silent.volume.raw(), silent.open.raw()), (1000, 0, 1000));
    }
}

#[test]
fn torn_lines_are_left_out_where_bad_rows_are() {
    let folder = TempDir::new().unwrap();
    let rows = "2022-01-01T00:01:00,10\n2022-01-01T00:02:00,10,11,9,10,1,1\n2022-01-01T00:03:00,10,11,9,10,1\n";
    let torn_first = "ts,open,high,low,close,volume\n1,2\n2022-01-01T00:00:00,10,11,9,10,1\n";
    for (text, kept, torn) in [(format!("{HEADER}{rows}"), 2, 2), (torn_first.to_owned(), 1, 1)] {
        let path = write_text(&folder, "bars.csv", &text);
        for (on_error, issue) in [(OnError::Skip, DataIssue::SkippedRow), (OnError::Repair, DataIssue::RepairedRow)] {
            let played = play(FileSpec { on_error, ..spec(MINUTE_BARS, std::slice::from_ref(&path)) }).unwrap();
            assert_eq!(played.records.len(), kept);
            assert_eq!(played.issues.iter().find(|(found, _)| *found == issue), Some(&(issue, torn)));
        }
    }
}

#[test]
fn prices_between_ticks_are_counted_or_refused() {
    let folder = TempDir::new().unwrap();
    let path = write_text(&folder, "bars.csv", &format!("{HEADER}2022-01-01T00:01:00,10.01,11,9,10.03,1\n"));
    let loose = FileSpec { instrument: instrument(5), ..spec(MINUTE_BARS, &[path]) };
    assert_eq!(play(loose.clone()).unwrap().issues, [(DataIssue::OffTickPrice, 2)]);
    let error = play(FileSpec { strict_ticks: true, ..loose }).unwrap_err();
    assert!(error.contains("row 2, column `open`") && error.contains("tick 0.05"), "{error}");
}

#[test]
fn bars_without_a_volume_column_are_read_if_they_may() {
    let folder = TempDir::new().unwrap();
    let path =
        write_text(&folder, "bars.csv", "ts,open,high,low,close\n2022-01-01,3,3,3,3\n2022-01-01T00:01:00,4,4,4,4\n");
    let strict = spec(MINUTE_BARS, &[path]);
    for volume_unit in [VolumeUnit::Base, VolumeUnit::Quote] {
        let played = play(FileSpec { volume_optional: true, volume_unit, ..strict.clone() }).unwrap();
        let bars: Vec<_> = played
            .records
            .iter()
            .map(|record| match record {
                MarketRecord::Bar(bar) => (bar.close.raw(), bar.volume.raw()),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(bars, [(300, 0), (400, 0)]);
    }
    // A column that is named must be there all the same.
    let columns = BTreeMap::from([("volume".to_owned(), "size".to_owned())]);
    let named = FileSpec { volume_optional: true, columns, ..strict.clone() };
    for refused in [strict, named] {
        assert!(play(refused).is_err_and(|error| error.contains("volume")));
    }
}

#[test]
fn quote_volume_is_divided_by_the_close_and_rounded_down() {
    let folder = TempDir::new().unwrap();
    let path = write_text(&folder, "bars.csv", "ts,open,high,low,close,volume\n2022-01-01,3,3,3,3,10\n");
    let played = play(FileSpec { volume_unit: VolumeUnit::Quote, ..spec(MINUTE_BARS, &[path]) }).unwrap();
    let [MarketRecord::Bar(bar)] = played.records.as_slice() else { panic!("one bar") };
    assert_eq!(bar.volume.raw(), 3_333);
}

#[test]
fn the_order_in_which_files_are_named_changes_nothing() {
    let folder = TempDir::new().unwrap();
    // Names run against time.
    let paths = ["c.parquet", "b.parquet", "a.parquet"].map(|name| folder.path().join(name));
    for (i, path) in paths.iter().enumerate() {
        write_bars(path, i as i64 * 10, 10, 4);
    }
    let [first, second, third] = paths.clone();
    let played = play(spec(MINUTE_BARS, &paths)).unwrap();
    assert_eq!(played.records.len(), 30);
    assert_eq!(played.issues, []);
    assert_eq!(play(spec(MINUTE_BARS, &[third, first.clone(), second.clone()])).unwrap(), played);
    write_bars(&second, 9, 10, 4);
    let error = play(spec(MINUTE_BARS, &[first, second])).unwrap_err();
    assert!(error.contains("b.parquet: it overlaps") && error.contains("c.parquet"), "{error}");
}

#[test]
fn a_file_tells_of_times_only_where_no_first_row_can_lack_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bars.parquet");
    let spec = spec(MINUTE_BARS, std::slice::from_ref(&path));
    let tells = |times: ArrayRef| {
        let prices: ArrayRef = Arc::new(Float64Array::from(vec![1.0; times.len()]));
        let others = ["open", "high", "low", "close", "volume"].map(|name| (name, Arc::clone(&prices)));
        write_parquet(&path, [("ts", times)].into_iter().chain(others).collect(), 2);
        (tells_of_times(&spec, &path).unwrap(), open(spec.clone()).is_ok())
    };
    let millis = |cells: Vec<Option<i64>>| -> ArrayRef { Arc::new(TimestampMillisecondArray::from(cells)) };
    assert_eq!(tells(millis(vec![Some(0), Some(60_000), None])), (true, true), "the third row is in another group");
    assert_eq!(tells(millis(vec![None, Some(0)])), (false, true), "a hole must be seen");
    assert_eq!(tells(millis(vec![None, None])), (false, false), "no time at all is refused at once");
    assert_eq!(tells(millis(vec![Some(0), Some(i64::MAX)])), (false, true), "nanoseconds cannot hold the second");
    assert_eq!(tells(millis(vec![])), (false, false), "no rows are refused at once");
    let text: ArrayRef = Arc::new(StringArray::from(vec!["2024-01-01T00:00:00Z"]));
    assert_eq!(tells(text), (false, true), "statistics of text say nothing of times");
}

#[test]
fn pruning_gives_the_rows_of_filtering() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("bars.parquet");
    write_bars(&path, 0, 100, 7);
    let all = play(spec(MINUTE_BARS, std::slice::from_ref(&path))).unwrap();
    for (from, to) in [(0, 100), (7, 14), (13, 15), (50, 51), (93, 200), (-5, 3)] {
        let (start, end) = (Ts::from_nanos(from * MINUTE_NS), Ts::from_nanos(to * MINUTE_NS));
        let part = FileSpec { start: Some(start), end: Some(end), ..spec(MINUTE_BARS, std::slice::from_ref(&path)) };
        let expected: Vec<MarketRecord> = all
            .records
            .iter()
            .filter(|r| if let MarketRecord::Bar(b) = r { b.ts_open() >= start && b.ts_open() < end } else { false })
            .copied()
            .collect();
        let played = play(part).unwrap();
        assert_eq!(played.records, expected);
        assert_eq!(played.hash, all.hash, "all bytes count");
    }
    let late = FileSpec { start: Some(Ts::from_nanos(MINUTE_NS * 500)), ..spec(MINUTE_BARS, &[path]) };
    assert!(play(late).unwrap_err().contains("no usable rows"));
}

#[test]
fn rows_are_numbered_as_in_the_file_also_after_pruning() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("bars.parquet");
    write_bars(&path, 0, 30, 10);
    let mut part = FileSpec { start: Some(Ts::from_nanos(20 * MINUTE_NS)), ..spec(MINUTE_BARS, &[path]) };
    part.instrument.price_scale = 1;
    let error = play(part).unwrap_err();
    assert!(error.contains("row 22, column `open`"), "{error}");
}

#[test]
fn sizes_of_batches_and_reading_ahead_change_nothing() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("bars.parquet");
    write_bars(&path, 0, 1000, 300);
    let whole = play(spec(MINUTE_BARS, std::slice::from_ref(&path))).unwrap();
    assert_eq!(whole.hash, *blake3::hash(blake3::hash(&std::fs::read(&path).unwrap()).as_bytes()).as_bytes());
    for batch_rows in [1, 7, 999, 1000] {
        assert_eq!(play_in(spec(MINUTE_BARS, std::slice::from_ref(&path)), batch_rows).unwrap(), whole);
        let source = FileSource::open(spec(MINUTE_BARS, std::slice::from_ref(&path)), batch_rows).unwrap();
        assert_eq!(drain(ReadAhead::spawn(Box::new(source), 2)).unwrap(), whole);
    }
    // Dropped in the middle: returns because the thread ends.
    let source = FileSource::open(spec(MINUTE_BARS, &[path]), 1).unwrap();
    drop(ReadAhead::spawn(Box::new(source), 1));
}

#[test]
fn folders_and_patterns_name_files() {
    let folder = TempDir::new().unwrap();
    for name in ["year=2022/b.parquet", "year=2021/a.parquet", "year=2021/.hidden.parquet", "year=2021/notes.txt"] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }
    let expected: Vec<PathBuf> =
        ["year=2021/a.parquet", "year=2022/b.parquet"].iter().map(|name| folder.path().join(name)).collect();
    for paths in [vec!["."], vec!["year=*/*.parquet"], vec!["year=2022", "year=2021", "year=2021/a.parquet"]] {
        let paths: Vec<String> = paths.iter().map(ToString::to_string).collect();
        let found: Vec<PathBuf> = expand_paths(&paths, folder.path()).unwrap();
        let plain: Vec<PathBuf> = found.iter().map(|p| p.components().collect()).collect();
        assert!(plain.iter().filter(|p| !p.ends_with(".hidden.parquet")).eq(&expected), "{paths:?}: {plain:?}");
    }
    assert!(expand_paths(&["nothing*.csv".to_owned()], folder.path()).is_err());
}

proptest! {
    /// The loop without branches and the model's own rule agree on every float.
    #[test]
    fn columns_of_floats_are_exact(cells in prop::collection::vec(-1_000_000_000_i64..1_000_000_000, 1..50), noise in any::<f64>()) {
        let mut values: Vec<f64> = cells.iter().map(|c| *c as f64 / 100.0).collect();
        for values in [values.clone(), { values.push(noise); values }] {
            let array = Float64Array::from(values.clone());
            for cut in [false, true] {
                let (mut out, mut bad) = (Vec::new(), Vec::new());
                let scaling = Scaling { scale: 2, stated: None, cut };
                numbers(&array, scaling, &mut out, |row, _| bad.push(row), |_| {});
                for (row, value) in values.iter().enumerate() {
                    let expected = if cut { raw_qty_from_f64(*value, 2) } else { raw_from_f64(*value, 2) };
                    match expected {
                        Ok(raw) => prop_assert_eq!(raw, out[row]),
                        Err(_) => prop_assert!(bad.contains(&row), "{} at {}", value, row),
                    }
                }
            }
        }
    }
}

/// The folder of shared real data, if there is one.
pub(crate) fn shared() -> Option<PathBuf> {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let folder = std::env::var_os("TAPEDECK_SHARED").map_or_else(default, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "the shared data is missing");
    println!("skipped: there is no {}", folder.display());
    None
}

#[test]
fn real_minute_bars_agree_with_the_oracle() {
    let Some(shared) = shared() else { return };
    let file = shared.join("data/nautilus/btc-perp-20211231-20220201_1m.csv");
    let oracle = std::fs::read_to_string(shared.join("oracles/inputs/btcperp_1m.csv")).unwrap();
    let expected: BTreeMap<i64, i64> = oracle
        .lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            (cells[0].parse::<i64>().unwrap() * 1_000_000, Price::parse(cells[4], 3).unwrap().raw())
        })
        .collect();
    let closes = |played: &Played, to_scale_3: i64| -> BTreeMap<i64, i64> {
        let bars = played.records.iter().map(|r| if let MarketRecord::Bar(b) = r { b } else { panic!("a bar") });
        bars.map(|bar| (bar.ts_open().nanos(), bar.close.raw() * to_scale_3)).collect()
    };
    let mut real = FileSpec { volume_unit: VolumeUnit::Quote, ..spec(MINUTE_BARS, &[file]) };
    real.instrument.price_scale = 3;
    assert_eq!(play(real.clone()).unwrap().records.len(), 45_031);
    real.start = Some("2022-01-01".parse().unwrap());
    real.end = Some("2022-02-01".parse().unwrap());
    assert_eq!(closes(&play(real.clone()).unwrap(), 1), expected);

    // A few minutes were interpolated by the publisher and fit no scale of 1: those are left out.
    real.instrument.price_scale = 1;
    assert!(play(real.clone()).unwrap_err().contains("does not fit 1 decimals"));
    real.on_error = OnError::Skip;
    let played = play(real).unwrap();
    let skipped: u64 = played.issues.iter().filter(|(issue, _)| *issue == DataIssue::SkippedRow).map(|(_, n)| n).sum();
    assert!((1..100).contains(&skipped), "{skipped}");
    assert_eq!(played.records.len() as u64 + skipped, 44_640);
    assert!(closes(&played, 100).iter().all(|(ts, close)| expected.get(ts) == Some(close)));
}
