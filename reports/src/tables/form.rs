//! What columns hold, and how prices and quantities are stored.
//!
//! Enters: the instruments of a run. Leaves: the type of each column in a file.
//!
//! Prices and quantities are kept as the integers that they are. In a file all of a kind share a
//! [`Form`]: if every instrument of the run has the same scale, they are 64-bit integers of that
//! scale; else 128-bit ones of the finest. Money has up to 24 decimals and is rounded half to even
//! at the 18th.

use arrow_schema::{DataType, TimeUnit};
use tapedeck_model::Instrument;

use crate::trips::DECIMALS;

/// A column: name, kind, whether it may be empty.
pub type ColumnSpec = (&'static str, Kind, bool);

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A signed integer.
    Int,
    /// A UTC instant in nanoseconds.
    Ts,
    /// A price.
    Px,
    /// A quantity.
    Qty,
    /// An exact decimal with 18 decimals: money and average prices.
    Decimal,
    /// A float.
    Float,
    /// Yes or no.
    Bool,
    /// A text that is rarely the same twice.
    Text,
    /// One of few words or names.
    Word,
}

/// How a price or a quantity is stored in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// Decimals.
    pub scale: u8,
    /// Whether instruments differ in scale, so that 64 bits may be too few.
    pub wide: bool,
}

/// How prices and quantities are stored in the files of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forms {
    /// Prices.
    pub px: Form,
    /// Quantities.
    pub qty: Form,
}

impl Form {
    fn of(scales: impl Iterator<Item = u8> + Clone) -> Self {
        let scale = scales.clone().max().unwrap_or(0);
        Self { scale, wide: scales.into_iter().any(|other| other != scale) }
    }

    fn data_type(self) -> DataType {
        DataType::Decimal128(if self.wide { 38 } else { 18 }, self.scale as i8)
    }
}

impl Forms {
    /// Those of a run with these instruments.
    pub fn of(instruments: &[Instrument]) -> Self {
        Self {
            px: Form::of(instruments.iter().map(|instrument| instrument.price_scale)),
            qty: Form::of(instruments.iter().map(|instrument| instrument.qty_scale)),
        }
    }

    /// The type of a column.
    pub fn data_type(self, kind: Kind) -> DataType {
        match kind {
            Kind::Int => DataType::Int64,
            Kind::Ts => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
            Kind::Px => self.px.data_type(),
            Kind::Qty => self.qty.data_type(),
            Kind::Decimal => DataType::Decimal128(38, DECIMALS as i8),
            Kind::Float => DataType::Float64,
            Kind::Bool => DataType::Boolean,
            Kind::Text => DataType::Utf8,
            Kind::Word => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
        }
    }
}
