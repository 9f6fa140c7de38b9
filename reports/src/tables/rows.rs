//! Rows under construction: typed columns, filled from left to right.
//!
//! Enters: values, one call for each column in the order of the table. Leaves: Arrow batches.
//! Columns of few words are dictionaries built from indices, so that a row allocates nothing.
//!
//! Decimals are `Decimal128(38, 18)`: prices (at most 12 decimals) and quantities are exact; money
//! has up to 24 decimals and is rounded half to even at the 18th.

use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, Decimal128Builder, Float64Builder, Int32Builder, Int64Builder, StringBuilder,
    StringDictionaryBuilder, TimestampNanosecondBuilder,
};
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, RecordBatch, StringArray};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use tapedeck_model::number::{div_half_even, pow10};
use tapedeck_model::{Amount, ClientOrderId, Price, Qty, Side, Ts};

use super::BATCH_ROWS;
use crate::names::Names;
use crate::trips::DECIMALS;

/// Which table of names a column's indices point to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameSet {
    /// Kinds of events, by number.
    Events,
    /// Strategies.
    Strategies,
    /// Instruments.
    Instruments,
    /// Currencies.
    Currencies,
    /// Buy and sell, by number.
    Sides,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A signed integer.
    Int,
    /// A UTC instant in nanoseconds.
    Ts,
    /// An exact decimal.
    Decimal,
    /// A float.
    Float,
    /// Yes or no.
    Bool,
    /// A text that is rarely the same twice.
    Text,
    /// One of few words.
    Word,
    /// One of a table of names.
    Named(NameSet),
}

enum Column {
    Int(Int64Builder),
    Ts(TimestampNanosecondBuilder),
    Decimal(Decimal128Builder),
    Float(Float64Builder),
    Bool(BooleanBuilder),
    Text(StringBuilder),
    Word(StringDictionaryBuilder<Int32Type>),
    Named(Int32Builder, NameSet),
}

/// How many numbers of event kinds there may be.
const EVENT_NUMBERS: usize = 64;

/// Rows of one table.
pub struct Rows {
    schema: SchemaRef,
    columns: Vec<Column>,
    at: usize,
    len: usize,
    event_texts: [&'static str; EVENT_NUMBERS],
}

fn data_type(kind: Kind) -> DataType {
    match kind {
        Kind::Int => DataType::Int64,
        Kind::Ts => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
        Kind::Decimal => DataType::Decimal128(38, DECIMALS as i8),
        Kind::Float => DataType::Float64,
        Kind::Bool => DataType::Boolean,
        Kind::Text => DataType::Utf8,
        Kind::Word | Kind::Named(_) => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
    }
}

fn column(kind: Kind) -> Column {
    match kind {
        Kind::Int => Column::Int(Int64Builder::with_capacity(BATCH_ROWS)),
        Kind::Ts => Column::Ts(TimestampNanosecondBuilder::with_capacity(BATCH_ROWS).with_data_type(data_type(kind))),
        Kind::Decimal => Column::Decimal(Decimal128Builder::with_capacity(BATCH_ROWS).with_data_type(data_type(kind))),
        Kind::Float => Column::Float(Float64Builder::with_capacity(BATCH_ROWS)),
        Kind::Bool => Column::Bool(BooleanBuilder::new()),
        Kind::Text => Column::Text(StringBuilder::with_capacity(BATCH_ROWS, BATCH_ROWS * 12)),
        Kind::Word => Column::Word(StringDictionaryBuilder::new()),
        Kind::Named(set) => Column::Named(Int32Builder::with_capacity(BATCH_ROWS), set),
    }
}

/// A value for the wrong column is a bug of a table, not of data.
macro_rules! cell {
    ($self:ident, $variant:ident) => {{
        let at = $self.at;
        $self.at += 1;
        match $self.columns.get_mut(at) {
            Some(Column::$variant(builder)) => builder,
            _ => panic!("column {at} does not hold a {}", stringify!($variant)),
        }
    }};
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").field("schema", &self.schema).field("len", &self.len).finish_non_exhaustive()
    }
}

impl Rows {
    /// No rows of these columns: name, kind, whether it may be empty.
    pub fn new(columns: &[(&'static str, Kind, bool)]) -> Self {
        let fields: Vec<Field> =
            columns.iter().map(|(name, kind, empty)| Field::new(*name, data_type(*kind), *empty)).collect();
        Self {
            schema: Arc::new(Schema::new(fields)),
            columns: columns.iter().map(|(_, kind, _)| column(*kind)).collect(),
            at: 0,
            len: 0,
            event_texts: ["?"; EVENT_NUMBERS],
        }
    }

    /// Names and types of the columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// An unsigned counter.
    pub fn count(&mut self, value: u64) {
        cell!(self, Int).append_value(i64::try_from(value).unwrap_or(i64::MAX));
    }

    /// An optional unsigned counter.
    pub fn maybe_count(&mut self, value: Option<u64>) {
        cell!(self, Int).append_option(value.map(|v| i64::try_from(v).unwrap_or(i64::MAX)));
    }

    /// An instant.
    pub fn ts(&mut self, value: Ts) {
        cell!(self, Ts).append_value(value.nanos());
    }

    /// An optional instant.
    pub fn maybe_ts(&mut self, value: Option<Ts>) {
        cell!(self, Ts).append_option(value.map(Ts::nanos));
    }

    /// A decimal in units of 1e-18.
    pub fn e18(&mut self, value: Option<i128>) {
        cell!(self, Decimal).append_option(value);
    }

    /// A price; `None` for the price or for its unknown scale leaves the cell empty.
    pub fn px(&mut self, value: Option<Price>, scale: Option<u8>) {
        let value = value.zip(scale).map(|(px, scale)| i128::from(px.raw()) * pow10(DECIMALS - scale));
        self.e18(value);
    }

    /// A quantity; `None` for the quantity or for its unknown scale leaves the cell empty.
    pub fn qty(&mut self, value: Option<Qty>, scale: Option<u8>) {
        let value = value.zip(scale).map(|(qty, scale)| i128::from(qty.raw()) * pow10(DECIMALS - scale));
        self.e18(value);
    }

    /// Money, half to even at 18 decimals.
    pub fn amount(&mut self, value: Option<Amount>) {
        self.e18(value.map(|amount| div_half_even(amount.raw(), pow10(Amount::SCALE - DECIMALS))));
    }

    /// A float.
    pub fn float(&mut self, value: Option<f64>) {
        cell!(self, Float).append_option(value);
    }

    /// Yes or no.
    pub fn flag(&mut self, value: bool) {
        cell!(self, Bool).append_value(value);
    }

    /// One of few words.
    pub fn word(&mut self, value: Option<&str>) {
        match value {
            Some(value) => cell!(self, Word).append_value(value),
            None => cell!(self, Word).append_null(),
        }
    }

    /// An order's name.
    pub fn order(&mut self, value: Option<ClientOrderId>, names: &Names) {
        let builder = cell!(self, Text);
        match value {
            Some(id) => {
                names.write_order(id, builder);
                builder.append_value("");
            }
            None => builder.append_null(),
        }
    }

    fn key(&mut self, value: Option<i32>) {
        let at = self.at;
        self.at += 1;
        match self.columns.get_mut(at) {
            Some(Column::Named(builder, _)) => builder.append_option(value),
            _ => panic!("column {at} does not hold names"),
        }
    }

    /// A position in a table of names.
    pub fn name(&mut self, ix: Option<u16>) {
        self.key(ix.map(i32::from));
    }

    /// Buy or sell.
    pub fn side(&mut self, side: Option<Side>) {
        self.key(side.map(|side| i32::from(side.number())));
    }

    /// A kind of event.
    pub fn event(&mut self, number: u16, text: &'static str) {
        assert!(usize::from(number) < EVENT_NUMBERS, "numbers of event kinds are small");
        self.event_texts[usize::from(number)] = text;
        self.key(Some(i32::from(number)));
    }

    /// Ends a row.
    pub fn end(&mut self) {
        assert!(self.at == self.columns.len(), "a row has a value for each column");
        self.at = 0;
        self.len += 1;
    }

    /// The rows so far as a batch; there are none afterwards.
    ///
    /// # Errors
    /// An index beyond its table of names.
    pub fn take(&mut self, names: &Names) -> Result<RecordBatch, ArrowError> {
        let texts = &self.event_texts;
        let arrays: Result<Vec<ArrayRef>, ArrowError> =
            self.columns.iter_mut().map(|column| finish(column, names, texts)).collect();
        self.len = 0;
        RecordBatch::try_new(self.schema.clone(), arrays?)
    }
}

fn finish(column: &mut Column, names: &Names, event_texts: &[&'static str]) -> Result<ArrayRef, ArrowError> {
    Ok(match column {
        Column::Int(builder) => Arc::new(builder.finish()),
        Column::Ts(builder) => Arc::new(builder.finish()),
        Column::Decimal(builder) => Arc::new(builder.finish()),
        Column::Float(builder) => Arc::new(builder.finish()),
        Column::Bool(builder) => Arc::new(builder.finish()),
        Column::Text(builder) => Arc::new(builder.finish()),
        Column::Word(builder) => Arc::new(builder.finish()),
        Column::Named(builder, set) => {
            let values = match set {
                NameSet::Events => StringArray::from_iter_values(event_texts),
                NameSet::Strategies => StringArray::from_iter_values(names.strategies()),
                NameSet::Instruments => StringArray::from_iter_values(names.instrument_texts()),
                NameSet::Currencies => StringArray::from_iter_values(names.currencies()),
                NameSet::Sides => {
                    let mut texts = vec!["?"; Side::ALL.len() + 1];
                    for side in Side::ALL {
                        texts[usize::from(side.number())] = side.text();
                    }
                    StringArray::from_iter_values(texts)
                }
            };
            Arc::new(DictionaryArray::try_new(builder.finish(), Arc::new(values))?)
        }
    })
}
