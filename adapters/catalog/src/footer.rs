//! What a file of ours says about itself in its footer.
//!
//! Enters: a Parquet file. Leaves: the hash of its rows, their number, first and last time. Rows are
//! not decoded: times come from the statistics of the row groups.

use std::fs::File;
use std::path::Path;

use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use parquet::file::statistics::Statistics;
use tapedeck_model::Ts;

use crate::error::CatalogError;

/// Footer key of the version of the layout.
pub(crate) const SCHEMA_KEY: &str = "tapedeck.schema";
/// Version of the layout.
pub(crate) const SCHEMA_VERSION: &str = "1";
/// Footer key of the hash of the rows, in hexadecimal digits.
pub(crate) const CONTENT_KEY: &str = "tapedeck.content_hash";

/// A footer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Footer {
    /// Hash of the rows in hexadecimal digits.
    pub(crate) content_hash: String,
    pub(crate) rows: u64,
    /// First time; open time of bars.
    pub(crate) first: Ts,
    /// Last time; open time of bars.
    pub(crate) last: Ts,
}

impl Footer {
    pub(crate) fn read(path: &Path) -> Result<Self, CatalogError> {
        let refuse = |problem: &str| CatalogError::format(path, format!("it is no file of the catalog: {problem}"));
        let file = File::open(path).map_err(|e| CatalogError::io(path, e))?;
        let metadata =
            ParquetMetaDataReader::new().parse_and_finish(&file).map_err(|e| refuse(&format!("not Parquet: {e}")))?;
        let version = value_of(&metadata, SCHEMA_KEY).ok_or_else(|| refuse("its footer names no schema"))?;
        if version != SCHEMA_VERSION {
            return Err(refuse(&format!("its schema is version {version}, expected {SCHEMA_VERSION}")));
        }
        let content_hash =
            value_of(&metadata, CONTENT_KEY).ok_or_else(|| refuse("its footer names no content hash"))?;
        let (first, last) = times(&metadata).ok_or_else(|| refuse("it has no statistics of its times"))?;
        let rows = metadata.file_metadata().num_rows().unsigned_abs();
        Ok(Self { content_hash, rows, first, last })
    }
}

#[cfg(test)]
impl Footer {
    /// What a footer says under a key.
    pub(crate) fn value(path: &Path, key: &str) -> Result<Option<String>, CatalogError> {
        let file = File::open(path).map_err(|e| CatalogError::io(path, e))?;
        let metadata =
            ParquetMetaDataReader::new().parse_and_finish(&file).map_err(|e| CatalogError::format(path, e))?;
        Ok(value_of(&metadata, key))
    }
}

fn value_of(metadata: &ParquetMetaData, key: &str) -> Option<String> {
    let pairs = metadata.file_metadata().key_value_metadata()?;
    pairs.iter().find(|pair| pair.key == key)?.value.clone()
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
