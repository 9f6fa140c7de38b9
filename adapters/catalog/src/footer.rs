//! What a file says about itself in its footer.
//!
//! Enters: a Parquet file of a catalog. Leaves: the hash of its rows, their number, first and last time. Of
//! our files rows are not decoded: times come from the statistics of the row groups. Files of other
//! programs have no hash, and their column of times is read through.

use std::fs::File;
use std::path::Path;

use arrow_array::Array;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use parquet::file::statistics::Statistics;
use tapedeck_model::Ts;

use crate::cells::{check_time, time_reader};
use crate::decode::batches_of;
use crate::error::CatalogError;
use crate::spec::DataKind;

/// What the keys of our footers begin with.
const PREFIX: &str = "tapedeck.";
/// Footer key of the version of the layout.
pub(crate) const SCHEMA_KEY: &str = "tapedeck.schema";
/// Version of the layout.
pub(crate) const SCHEMA_VERSION: &str = "1";
/// Footer key of the hash of the rows, in hexadecimal digits.
pub(crate) const CONTENT_KEY: &str = "tapedeck.content_hash";
/// Keys after the prefix that every file of ours has; all others are notes of an import.
const FACTS: [&str; 7] = ["schema", "content_hash", "kind", "instrument", "interval", "price_scale", "qty_scale"];

/// A footer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Footer {
    /// Hash of the rows in hexadecimal digits; `None` if another program wrote the file.
    pub(crate) content_hash: Option<String>,
    pub(crate) rows: u64,
    /// First and last time, open times of bars; `None` if there are no rows.
    pub(crate) range: Option<(Ts, Ts)>,
    /// What an import noted, by keys without our prefix.
    pub(crate) notes: Vec<(String, String)>,
}

impl Footer {
    /// The footer of a file with records of `kind`.
    pub(crate) fn read(path: &Path, kind: DataKind) -> Result<Self, CatalogError> {
        let metadata = metadata(path)?;
        let rows = metadata.file_metadata().num_rows().unsigned_abs();
        if !is_ours(path, &metadata)? {
            let range = scanned(path, kind)?;
            return Ok(Self { content_hash: None, rows, range, notes: Vec::new() });
        }
        let refuse = |problem: &str| not_ours(path, problem);
        let content_hash =
            value_of(&metadata, CONTENT_KEY).ok_or_else(|| refuse("its footer names no content hash"))?;
        let range = times(&metadata).ok_or_else(|| refuse("it has no statistics of its times"))?;
        Ok(Self { content_hash: Some(content_hash), rows, range: Some(range), notes: notes(&metadata) })
    }
}

/// Decimals of prices and quantities in a file of ours.
pub(crate) fn scales(path: &Path) -> Option<(u8, u8)> {
    let metadata = metadata(path).ok()?;
    let scale = |key: &str| value_of(&metadata, key)?.parse().ok();
    Some((scale("tapedeck.price_scale")?, scale("tapedeck.qty_scale")?))
}

/// Refuses a file whose schema is of another version.
pub(crate) fn check_schema(path: &Path) -> Result<(), CatalogError> {
    is_ours(path, &metadata(path)?).map(|_| ())
}

/// What the file as a whole says of itself.
pub(crate) fn metadata(path: &Path) -> Result<ParquetMetaData, CatalogError> {
    let file = File::open(path).map_err(|e| CatalogError::io(path, e))?;
    let read = ParquetMetaDataReader::new().parse_and_finish(&file);
    read.map_err(|e| not_ours(path, &format!("not Parquet: {e}")))
}

fn is_ours(path: &Path, metadata: &ParquetMetaData) -> Result<bool, CatalogError> {
    match value_of(metadata, SCHEMA_KEY) {
        None => Ok(false),
        Some(version) if version == SCHEMA_VERSION => Ok(true),
        Some(version) => Err(not_ours(path, &format!("its schema is version {version}, expected {SCHEMA_VERSION}"))),
    }
}

fn not_ours(path: &Path, problem: &str) -> CatalogError {
    CatalogError::format(path, format!("it is no file of the catalog: {problem}"))
}

/// What a footer says under a key.
pub(crate) fn value_of(metadata: &ParquetMetaData, key: &str) -> Option<String> {
    let pairs = metadata.file_metadata().key_value_metadata()?;
    pairs.iter().find(|pair| pair.key == key)?.value.clone()
}

fn notes(metadata: &ParquetMetaData) -> Vec<(String, String)> {
    let pairs = metadata.file_metadata().key_value_metadata().into_iter().flatten();
    let note = pairs.filter_map(|pair| Some((pair.key.strip_prefix(PREFIX)?, pair.value.as_ref()?)));
    note.filter(|(key, _)| !FACTS.contains(key)).map(|(key, value)| (key.to_owned(), value.clone())).collect()
}

/// First and last time: the first column of every file of ours.
fn times(metadata: &ParquetMetaData) -> Option<(Ts, Ts)> {
    let mut range: Option<(i64, i64)> = None;
    for group in metadata.row_groups() {
        let Statistics::Int64(statistics) = group.columns().first()?.statistics()? else { return None };
        let (min, max) = (*statistics.min_opt()?, *statistics.max_opt()?);
        range = Some(range.map_or((min, max), |(first, last)| (first.min(min), last.max(max))));
    }
    range.map(|(first, last)| (Ts::from_nanos(first), Ts::from_nanos(last)))
}

/// The same, row by row.
fn scanned(path: &Path, kind: DataKind) -> Result<Option<(Ts, Ts)>, CatalogError> {
    let mut range: Option<(i64, i64)> = None;
    batches_of(path, &[&[kind.time_column()]], |columns| {
        for column in columns {
            let name = kind.time_column();
            check_time(column.data_type(), None)
                .map_err(|problem| CatalogError::format(path, format!("column `{name}` {problem}")))?;
            let read = time_reader(column.as_ref(), None);
            for row in 0..column.len() {
                let ts = if column.is_null(row) { None } else { read(row).ok() };
                let ts = ts.ok_or_else(|| CatalogError::format(path, format!("`{name}` has a cell without a time")))?;
                range = Some(range.map_or((ts, ts), |(first, last)| (first.min(ts), last.max(ts))));
            }
        }
        Ok(())
    })?;
    Ok(range.map(|(first, last)| (Ts::from_nanos(first), Ts::from_nanos(last))))
}
