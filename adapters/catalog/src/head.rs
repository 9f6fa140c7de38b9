//! The first rows of any file, for people.

use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use tapedeck_model::Ts;
use tapedeck_model::number::format_scaled;

use crate::cells::{Scaling, is_text, number_reader, text_reader, time_reader};
use crate::decode::first_rows;
use crate::error::CatalogError;
use crate::paths::collect;

/// Most rows that are looked at, so that memory stays small.
const ROWS_MAX: usize = 65_536;

/// Rows as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Names of the columns as in the file.
    pub columns: Vec<String>,
    /// Rows, each as long as `columns`; a missing value is empty, a value of a nested type is its
    /// type.
    pub rows: Vec<Vec<String>>,
}

/// The first `n` rows (at most 65,536) of a Parquet or CSV file, or of the first file of a folder.
/// Times are printed in UTC.
///
/// # Errors
/// [`CatalogError`] if there is no such file or it cannot be read.
pub fn head(path: &Path, n: usize) -> Result<Table, CatalogError> {
    let file = first_file(path)?;
    let n = n.min(ROWS_MAX);
    let (schema, batch) = first_rows(&file, n)?;
    let columns = schema.fields().iter().map(|field| field.name().clone()).collect();
    let rows = batch.map(|batch| rows_of(&batch, n)).unwrap_or_default();
    Ok(Table { columns, rows })
}

fn first_file(path: &Path) -> Result<PathBuf, CatalogError> {
    let mut files = Vec::new();
    collect(path, &mut files)?;
    let none = || CatalogError::NoFiles { pattern: path.display().to_string(), base: PathBuf::new() };
    files.into_iter().min().ok_or_else(none)
}

fn rows_of(batch: &RecordBatch, n: usize) -> Vec<Vec<String>> {
    (0..batch.num_rows().min(n))
        .map(|row| batch.columns().iter().map(|column| cell(column.as_ref(), row)).collect())
        .collect()
}

fn cell(array: &dyn Array, row: usize) -> String {
    if array.is_null(row) {
        return String::new();
    }
    let whole = |scale| number_reader(array, Scaling { scale, stated: Some(0), cut: false })(row);
    let text = match array.data_type() {
        data if is_text(data) => text_reader(array, |text| Ok(text.to_owned()))(row).ok(),
        DataType::Boolean => Some(array.as_boolean().value(row).to_string()),
        DataType::Float64 => Some(array.as_primitive::<Float64Type>().value(row).to_string()),
        DataType::Float32 => Some(array.as_primitive::<Float32Type>().value(row).to_string()),
        DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) | DataType::Decimal128(_, scale) => {
            let scale = u8::try_from(*scale).unwrap_or(0);
            whole(scale).ok().map(|(raw, _)| format_scaled(raw, scale))
        }
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => {
            time_reader(array, None)(row).ok().map(|nanos| Ts::from_nanos(nanos).to_string())
        }
        data if data.is_integer() => whole(0).ok().map(|(value, _)| value.to_string()),
        _ => None,
    };
    text.unwrap_or_else(|| format!("({})", array.data_type()))
}
