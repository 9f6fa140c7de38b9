//! Parquet through the Arrow reader: projection, row groups by statistics.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, TimeUnit as ArrowUnit};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::basic::Type as PhysicalType;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::statistics::Statistics;
use parquet::schema::types::SchemaDescriptor;

use super::{Batch, Batches, Opened, TimeRange};
use crate::error::CatalogError;
use crate::spec::TimeUnit;

pub(super) fn open(path: &Path) -> Result<Opened, CatalogError> {
    let file = File::open(path).map_err(|e| CatalogError::io(path, e))?;
    let refuse = |e| CatalogError::format(path, format!("it is not a readable Parquet file: {e}"));
    let mut metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(refuse)?;
    if let Some(plain) = plain_schema(metadata.schema(), metadata.parquet_schema()) {
        let options = ArrowReaderOptions::new().with_schema(Arc::new(plain));
        metadata = ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options).map_err(refuse)?;
    }
    let schema = metadata.schema().as_ref().clone();
    let told = Arc::clone(metadata.metadata());
    let start = Box::new(move |positions: &[usize], batch_rows: usize, range: Option<TimeRange>| {
        let (groups, passed) = wanted_groups(metadata.metadata(), range);
        let mask = ProjectionMask::roots(metadata.parquet_schema(), positions.iter().copied());
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
            .with_projection(mask)
            .with_batch_size(batch_rows)
            .with_row_groups(groups)
            .build()
            .map_err(|e| e.to_string())?;
        let whole = |columns| Batch { columns, torn: Vec::new() };
        let batches: Batches = Box::new(reader.map(move |batch| batch.map(whole).map_err(|e| e.to_string())));
        Ok((batches, passed))
    });
    Ok(Opened { schema, metadata: Some(told), start })
}

/// The schema with plain columns in place of dictionaries, and with decimals as wide as they are in the file,
/// if that makes a difference.
fn plain_schema(schema: &Schema, parquet: &SchemaDescriptor) -> Option<Schema> {
    let in_64_bits = |name: &str| {
        parquet.columns().iter().any(|c| c.path().parts() == [name] && c.physical_type() == PhysicalType::INT64)
    };
    let plain = |field: &Arc<Field>| match field.data_type() {
        DataType::Dictionary(_, value) => Arc::new(field.as_ref().clone().with_data_type(value.as_ref().clone())),
        DataType::Decimal128(precision, scale) if in_64_bits(field.name()) => {
            Arc::new(field.as_ref().clone().with_data_type(DataType::Decimal64(*precision, *scale)))
        }
        _ => Arc::clone(field),
    };
    let fields: Vec<_> = schema.fields().iter().map(plain).collect();
    let differs = fields.iter().zip(schema.fields()).any(|(plain, field)| plain.data_type() != field.data_type());
    differs.then(|| Schema::new_with_metadata(fields, schema.metadata().clone()))
}

/// Nanoseconds of one step of a numeric column of times; `None` if it is not numeric.
pub(super) fn step_of(data: &DataType, unit: Option<TimeUnit>) -> Option<i64> {
    match data {
        DataType::Timestamp(ArrowUnit::Second, _) => Some(1_000_000_000),
        DataType::Timestamp(ArrowUnit::Millisecond, _) | DataType::Date64 => Some(1_000_000),
        DataType::Timestamp(ArrowUnit::Microsecond, _) => Some(1_000),
        DataType::Timestamp(ArrowUnit::Nanosecond, _) => Some(1),
        DataType::Date32 => Some(86_400_000_000_000),
        DataType::Int32 | DataType::Int64 => unit.and_then(TimeUnit::step),
        _ => None,
    }
}

/// From the first to the last row group that touches the wanted times, and how many rows stand
/// before them. Groups in between stay, so that row numbers are those of the file.
fn wanted_groups(metadata: &ParquetMetaData, range: Option<TimeRange>) -> (Vec<usize>, u64) {
    let groups = metadata.row_groups();
    let Some(range) = range else { return ((0..groups.len()).collect(), 0) };
    let leaf = leaf_of(metadata, range.column);
    let touches = |group: &RowGroupMetaData| leaf.is_none_or(|leaf| may_touch(group, leaf, range));
    let first = groups.iter().position(touches).unwrap_or(groups.len());
    let last = groups.iter().rposition(touches).map_or(first, |last| last + 1);
    let passed: i64 = groups.iter().take(first).map(RowGroupMetaData::num_rows).sum();
    ((first..last).collect(), passed.unsigned_abs())
}

/// Where a column of plain values lies among the columns of pages.
fn leaf_of(metadata: &ParquetMetaData, column: usize) -> Option<usize> {
    let leaves = metadata.file_metadata().schema_descr();
    (0..leaves.num_columns()).find(|leaf| leaves.get_column_root_idx(*leaf) == column)
}

/// `false` only where statistics prove that no row has a wanted time.
fn may_touch(group: &RowGroupMetaData, leaf: usize, range: TimeRange) -> bool {
    let Some((min, max)) = told_range(group, leaf) else { return true };
    max.saturating_mul(range.step) >= range.start && min.saturating_mul(range.step) < range.end
}

/// Whether statistics prove that the first rows have times: each row of their group one that nanoseconds can
/// hold. `step` is the nanoseconds of one.
pub(super) fn begins_with_times(metadata: &ParquetMetaData, column: usize, step: i64) -> bool {
    let first = metadata.row_groups().first().filter(|group| group.num_rows() > 0);
    let range = first.zip(leaf_of(metadata, column)).and_then(|(group, leaf)| told_range(group, leaf));
    range.is_some_and(|(min, max)| min.checked_mul(step).is_some() && max.checked_mul(step).is_some())
}

/// The least and the largest integer of a column in a row group; `None` where statistics do not tell them, and
/// where a row may have none: that is a defect which must be seen.
fn told_range(group: &RowGroupMetaData, leaf: usize) -> Option<(i64, i64)> {
    let statistics = group.columns().get(leaf)?.statistics()?;
    if statistics.null_count_opt() != Some(0) {
        return None;
    }
    match statistics {
        Statistics::Int64(s) => Some((*s.min_opt()?, *s.max_opt()?)),
        Statistics::Int32(s) => Some((i64::from(*s.min_opt()?), i64::from(*s.max_opt()?))),
        _ => None,
    }
}
