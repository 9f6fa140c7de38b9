//! Types of columns and ranges of their numbers, from the metadata of files.

use std::collections::BTreeMap;
use std::path::Path;

use parquet::arrow::parquet_to_arrow_schema;
use parquet::basic::LogicalType;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use parquet::file::statistics::Statistics;
use tapedeck_model::number::{format_scaled, pow10};

use crate::error::CatalogError;

/// Columns of numbers whose range says something.
const NUMBERS: [&str; 14] = [
    "open", "high", "low", "close", "volume", "px", "qty", "bid_px", "ask_px", "bid_qty", "ask_qty", "mark_px",
    "index_px", "rate",
];

/// The range of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnRange {
    /// The column.
    pub name: String,
    /// The least number.
    pub min: String,
    /// The greatest number.
    pub max: String,
}

/// Names and types of the columns of a file.
pub(super) fn types_of(file: &Path, metadata: &ParquetMetaData) -> Result<Vec<(String, String)>, CatalogError> {
    let file_metadata = metadata.file_metadata();
    let schema = parquet_to_arrow_schema(file_metadata.schema_descr(), file_metadata.key_value_metadata());
    let schema = schema.map_err(|e| CatalogError::format(file, e))?;
    Ok(schema.fields().iter().map(|field| (field.name().clone(), field.data_type().to_string())).collect())
}

/// A number of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Number {
    Decimal { raw: i128, scale: u8 },
    Float(f64),
}

/// Ranges of columns; `None` where something does not tell.
#[derive(Debug, Default)]
pub(super) struct Ranges(BTreeMap<String, Option<(Number, Number)>>);

impl Ranges {
    pub(super) fn add(&mut self, group: &RowGroupMetaData) {
        for column in group.columns() {
            let name = column.column_path().string();
            if NUMBERS.contains(&name.as_str()) {
                let range = range_of(column);
                let known = self.0.entry(name).or_insert(range);
                *known = known
                    .zip(range)
                    .and_then(|((min, max), (from, until))| Some((least(min, from)?, greatest(max, until)?)));
            }
        }
    }

    pub(super) fn list(self) -> Vec<ColumnRange> {
        let told = self.0.into_iter().filter_map(|(name, range)| range.map(|range| (name, range)));
        told.map(|(name, (min, max))| ColumnRange { name, min: min.text(), max: max.text() }).collect()
    }
}

impl Number {
    fn text(self) -> String {
        match self {
            Self::Decimal { raw, scale } => format_scaled(raw, scale),
            Self::Float(number) => number.to_string(),
        }
    }
}

fn least(a: Number, b: Number) -> Option<Number> {
    Some(if is_less(b, a)? { b } else { a })
}

fn greatest(a: Number, b: Number) -> Option<Number> {
    Some(if is_less(a, b)? { b } else { a })
}

/// `None` for numbers of different natures or beyond what can be compared.
fn is_less(a: Number, b: Number) -> Option<bool> {
    match (a, b) {
        (Number::Float(a), Number::Float(b)) => a.partial_cmp(&b).map(std::cmp::Ordering::is_lt),
        (Number::Decimal { raw: a, scale: of_a }, Number::Decimal { raw: b, scale: of_b }) => {
            let common = of_a.max(of_b);
            Some(a.checked_mul(pow10(common - of_a))? < b.checked_mul(pow10(common - of_b))?)
        }
        (Number::Float(_), Number::Decimal { .. }) | (Number::Decimal { .. }, Number::Float(_)) => None,
    }
}

fn range_of(column: &ColumnChunkMetaData) -> Option<(Number, Number)> {
    let scale = match column.column_descr().logical_type_ref() {
        Some(LogicalType::Decimal(decimal)) => u8::try_from(decimal.scale).ok(),
        _ => None,
    };
    let decimal = |raw: i128| scale.map(|scale| Number::Decimal { raw, scale });
    match column.statistics()? {
        Statistics::Int64(s) => Some((decimal((*s.min_opt()?).into())?, decimal((*s.max_opt()?).into())?)),
        Statistics::Int32(s) => Some((decimal((*s.min_opt()?).into())?, decimal((*s.max_opt()?).into())?)),
        Statistics::Double(s) => Some((Number::Float(*s.min_opt()?), Number::Float(*s.max_opt()?))),
        Statistics::FixedLenByteArray(s) => {
            Some((decimal(big_endian(s.min_bytes_opt()?)?)?, decimal(big_endian(s.max_bytes_opt()?)?)?))
        }
        Statistics::Boolean(_) | Statistics::Int96(_) | Statistics::Float(_) | Statistics::ByteArray(_) => None,
    }
}

/// A signed number of any length up to 16 bytes.
fn big_endian(bytes: &[u8]) -> Option<i128> {
    let negative = bytes.first()? & 0x80 != 0;
    let mut whole = if negative { [0xff; 16] } else { [0; 16] };
    let from = whole.len().checked_sub(bytes.len())?;
    whole.get_mut(from..)?.copy_from_slice(bytes);
    Some(i128::from_be_bytes(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_bytes_keep_their_sign() {
        for (bytes, number) in [(&[0xff_u8, 0xfe][..], -2), (&[0x01, 0x00], 256), (&[0x7f], 127), (&[0x80], -128)] {
            assert_eq!(big_endian(bytes), Some(number));
        }
        assert_eq!((big_endian(&[]), big_endian(&[0; 17])), (None, None));
    }

    #[test]
    fn decimals_are_compared_across_scales() {
        let decimal = |raw, scale| Number::Decimal { raw, scale };
        assert_eq!(is_less(decimal(15, 1), decimal(149, 2)), Some(false));
        assert_eq!(is_less(decimal(149, 2), decimal(15, 1)), Some(true));
        assert_eq!(is_less(decimal(i128::MAX, 0), decimal(1, 2)), None);
        assert_eq!(is_less(Number::Float(f64::NAN), Number::Float(1.0)), None);
        assert_eq!(is_less(Number::Float(1.0), decimal(1, 0)), None);
    }
}
