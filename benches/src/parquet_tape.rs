//! Minute bars in a Parquet file, as other tools write them, and the least work that reads it.
//!
//! Enters: a number of rows. Leaves: a file with the columns `ts` (UTC nanoseconds, open times),
//! `open`, `high`, `low`, `close` and `volume` (float64). Invariant: memory does not grow with the
//! number of rows.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, TimestampNanosecondArray};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use tapedeck_model::{Draws, Span, Stream};

use crate::{CHUNK_ROWS, START, endless_walk};

/// Rows of a row group: a minute short of three months.
const ROW_GROUP_ROWS: usize = 131_072;

/// Units of the last decimal of a price, and of a volume.
const CENT: f64 = 100.0;
const MILLI: f64 = 1_000.0;

/// Writes the first `rows` bars around [`crate::walk`], compressed by zstd, and gives the number of
/// bytes.
///
/// # Errors
/// [`ParquetError`] if the file cannot be written.
pub fn write_bars(path: &Path, rows: usize) -> Result<u64, ParquetError> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .build();
    let mut bars = Bars::new();
    let first = bars.batch(rows.min(CHUNK_ROWS))?;
    let mut writer = ArrowWriter::try_new(File::create(path)?, first.schema(), Some(properties))?;
    writer.write(&first)?;
    while bars.row < rows {
        writer.write(&bars.batch((rows - bars.row).min(CHUNK_ROWS))?)?;
    }
    writer.close()?;
    Ok(std::fs::metadata(path)?.len())
}

/// Decodes every column of the file into Arrow arrays and lets them go; gives the number of rows.
///
/// # Errors
/// [`ParquetError`] if the file cannot be read.
pub fn raw_decode(path: &Path) -> Result<usize, ParquetError> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?.with_batch_size(CHUNK_ROWS).build()?;
    let mut rows = 0;
    for batch in reader {
        rows += std::hint::black_box(batch?).num_rows();
    }
    Ok(rows)
}

/// The bars, made as they are written.
struct Bars {
    closes: Box<dyn Iterator<Item = i64>>,
    draws: Stream,
    close_last: i64,
    row: usize,
}

impl Bars {
    fn new() -> Self {
        let mut closes = endless_walk();
        let close_last = closes.next().unwrap_or_default();
        Self { closes: Box::new(closes), draws: Draws::new(1, "bench/bars").stream(0), close_last, row: 0 }
    }

    fn batch(&mut self, rows: usize) -> Result<RecordBatch, ParquetError> {
        let first = self.row;
        self.row += rows;
        let ts = (first..self.row).map(|row| START + row as i64 * Span::MINUTE.nanos());
        let mut columns: [Vec<f64>; 5] = std::array::from_fn(|_| Vec::with_capacity(rows));
        for close in self.closes.by_ref().take(rows) {
            let open = std::mem::replace(&mut self.close_last, close) + self.draws.below(21) as i64 - 10;
            let high = open.max(close) + self.draws.below(300) as i64;
            let low = open.min(close) - self.draws.below(300) as i64;
            let volume = 1.0 + self.draws.below(50_000) as f64;
            let [opens, highs, lows, closes, volumes] = &mut columns;
            for (column, price) in [(opens, open), (highs, high), (lows, low), (closes, close)] {
                column.push(price as f64 / CENT);
            }
            volumes.push(volume / MILLI);
        }
        let ts: ArrayRef = Arc::new(TimestampNanosecondArray::from_iter_values(ts).with_timezone("UTC"));
        let values = columns.map(|column| Arc::new(Float64Array::from(column)) as ArrayRef);
        let names = ["open", "high", "low", "close", "volume"];
        let columns = std::iter::once(("ts", ts)).chain(names.into_iter().zip(values));
        RecordBatch::try_from_iter(columns).map_err(ParquetError::from)
    }
}
