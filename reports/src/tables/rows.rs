//! Rows under construction: typed columns, filled from left to right.
//!
//! Enters: values, one call for each column in the order of the table. Leaves: a page for each
//! column. A row allocates nothing.

use parquet::errors::ParquetError;
use tapedeck_model::{Amount, ClientOrderId, Price, Qty, Side, Ts};

use super::column::{Column, Forms, Page, Values};
use super::encode;
use super::layout::ColumnSpec;
use crate::names::Names;

/// Rows of one table.
#[derive(Debug)]
pub struct Rows {
    columns: Vec<Column>,
    at: usize,
    len: usize,
    text: String,
}

impl Rows {
    /// No rows of these columns.
    pub fn new(columns: &[ColumnSpec]) -> Self {
        let columns = columns.iter().map(|(_, kind, empty)| Column::new(*kind, *empty)).collect();
        Self { columns, at: 0, len: 0, text: String::new() }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The next column, if its cell has a value.
    #[inline]
    fn cell(&mut self, valid: bool) -> Option<&mut Values> {
        let column = self.columns.get_mut(self.at);
        self.at += 1;
        // A row that is too long fails at its end.
        let column = column?;
        match &mut column.validity {
            Some(validity) => validity.push(valid),
            None => assert!(valid, "a column without empty cells has a value in each row"),
        }
        valid.then_some(&mut column.values)
    }

    #[inline]
    fn int(&mut self, value: Option<i64>) {
        match (self.cell(value.is_some()), value) {
            (Some(Values::Int(values)), Some(value)) => values.push(value),
            (cell, _) => none_or_bug(cell),
        }
    }

    /// As [`Self::int`], for most rows of most tables.
    #[inline]
    fn some_int(&mut self, value: i64) {
        match self.cell(true) {
            Some(Values::Int(values)) => values.push(value),
            cell => none_or_bug(cell),
        }
    }

    #[inline]
    fn scaled(&mut self, value: Option<(i64, u8)>) {
        match (self.cell(value.is_some()), value) {
            (Some(Values::Scaled(raws, scales)), Some((raw, scale))) => {
                raws.push(raw);
                scales.push(scale);
            }
            (cell, _) => none_or_bug(cell),
        }
    }

    #[inline]
    fn key(&mut self, value: Option<u32>) {
        match (self.cell(value.is_some()), value) {
            (Some(Values::Named(keys)), Some(key)) => keys.push(key),
            (cell, _) => none_or_bug(cell),
        }
    }

    /// An unsigned counter.
    #[inline]
    pub fn count(&mut self, value: u64) {
        self.some_int(i64::try_from(value).unwrap_or(i64::MAX));
    }

    /// An optional unsigned counter.
    #[inline]
    pub fn maybe_count(&mut self, value: Option<u64>) {
        self.int(value.map(|value| i64::try_from(value).unwrap_or(i64::MAX)));
    }

    /// An instant.
    #[inline]
    pub fn ts(&mut self, value: Ts) {
        self.some_int(value.nanos());
    }

    /// An optional instant.
    #[inline]
    pub fn maybe_ts(&mut self, value: Option<Ts>) {
        self.int(value.map(Ts::nanos));
    }

    /// A decimal in units of 1e-18.
    #[inline]
    pub fn e18(&mut self, value: Option<i128>) {
        match (self.cell(value.is_some()), value) {
            (Some(Values::Decimal(bytes)), Some(value)) => bytes.extend_from_slice(&value.to_be_bytes()),
            (cell, _) => none_or_bug(cell),
        }
    }

    /// A price; `None` for the price or for its unknown scale leaves the cell empty.
    #[inline]
    pub fn px(&mut self, value: Option<Price>, scale: Option<u8>) {
        self.scaled(value.map(Price::raw).zip(scale));
    }

    /// A quantity; `None` for the quantity or for its unknown scale leaves the cell empty.
    #[inline]
    pub fn qty(&mut self, value: Option<Qty>, scale: Option<u8>) {
        self.scaled(value.map(Qty::raw).zip(scale));
    }

    /// Money, half to even at 18 decimals.
    #[inline]
    pub fn amount(&mut self, value: Option<Amount>) {
        self.e18(value.map(encode::money_e18));
    }

    /// A float.
    #[inline]
    pub fn float(&mut self, value: f64) {
        match self.cell(true) {
            Some(Values::Float(bytes)) => bytes.extend_from_slice(&value.to_le_bytes()),
            cell => none_or_bug(cell),
        }
    }

    /// Yes or no.
    #[inline]
    pub fn flag(&mut self, value: bool) {
        match self.cell(true) {
            Some(Values::Bool(values)) => values.push(value),
            cell => none_or_bug(cell),
        }
    }

    /// One of few words.
    #[inline]
    pub fn word(&mut self, value: Option<&str>) {
        match (self.cell(value.is_some()), value) {
            (Some(Values::Word(words)), Some(word)) => words.push(word),
            (cell, _) => none_or_bug(cell),
        }
    }

    /// An order's name.
    pub fn order(&mut self, id: ClientOrderId, names: &Names) {
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        names.write_order(id, &mut text);
        match self.cell(true) {
            Some(Values::Text(bytes)) => encode::text(bytes, &text),
            cell => none_or_bug(cell),
        }
        self.text = text;
    }

    /// A position in a table of names.
    #[inline]
    pub fn name(&mut self, ix: Option<u16>) {
        self.key(ix.map(u32::from));
    }

    /// Buy or sell.
    #[inline]
    pub fn side(&mut self, side: Option<Side>) {
        self.key(side.map(|side| u32::from(side.number())));
    }

    /// A kind of event.
    #[inline]
    pub fn event(&mut self, number: u16, text: &'static str) {
        match self.cell(true) {
            Some(Values::Event(kinds)) => kinds.push(number, text),
            cell => none_or_bug(cell),
        }
    }

    /// Ends a row.
    #[inline]
    pub fn end(&mut self) {
        assert!(self.at == self.columns.len(), "a row has a value for each column");
        self.at = 0;
        self.len += 1;
    }

    /// The rows so far, a page for each column; there are none afterwards.
    ///
    /// # Errors
    /// As [`Column::take`].
    pub fn take(&mut self, names: &Names, forms: Forms) -> Result<Vec<Page>, ParquetError> {
        self.len = 0;
        self.columns.iter_mut().map(|column| column.take(names, forms)).collect()
    }
}

/// An empty cell is fine; a value for the wrong column is a bug of a table, not of data.
#[inline]
fn none_or_bug(cell: Option<&mut Values>) {
    assert!(cell.is_none(), "a value stands in a column of another kind");
}
