//! One column under construction, and the page that it becomes.
//!
//! Enters: values, typed, in the order of their rows. Leaves: a [`Page`]. Only values that are there
//! are kept; a [`Sparse`] column keeps the rows in which they stand, so an empty cell costs nothing.
//!
//! Invariant: a column that is not sparse has a value for each row, which is checked as its page is
//! made. A page leaves nothing behind.

use parquet::basic::Encoding;
use parquet::errors::ParquetError;
use tapedeck_model::number::pow10;
use tapedeck_model::{Amount, ClientOrderId, Price, Qty, Ts};

use super::encode;
use super::form::{Form, Forms, Kind};
use super::words::Dictionary;
use crate::names::{DIGITS_MAX, Names, digits};

/// What the pages of a run have in common.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// The names behind indices.
    pub names: &'a Names,
    /// How prices and quantities are stored.
    pub forms: Forms,
}

/// A page as it goes into a file.
#[derive(Debug)]
pub struct Page {
    /// The words that indices stand for, if the page holds indices.
    pub dictionary: Option<Dictionary>,
    /// Levels and values.
    pub bytes: Vec<u8>,
    /// How values are encoded.
    pub encoding: Encoding,
    /// Smallest and largest instant of a column of instants.
    pub range: Option<(i64, i64)>,
}

impl Page {
    fn of(bytes: Vec<u8>, encoding: Encoding) -> Self {
        Self { dictionary: None, bytes, encoding, range: None }
    }

    /// Values as they are; they leave behind a buffer of the same size.
    fn plain(mut levels: Vec<u8>, values: &mut Vec<u8>) -> Self {
        if levels.is_empty() {
            levels = std::mem::replace(values, Vec::with_capacity(values.len()));
        } else {
            levels.append(values);
        }
        Self::of(levels, Encoding::PLAIN)
    }

    fn deltas(mut bytes: Vec<u8>, values: &mut Vec<i64>) -> Self {
        encode::deltas(&mut bytes, values);
        values.clear();
        Self::of(bytes, Encoding::DELTA_BINARY_PACKED)
    }

    /// Positions in a dictionary.
    pub fn indices<K: Copy + Into<u32>>(mut bytes: Vec<u8>, keys: &[K], dictionary: Dictionary) -> Self {
        encode::indices(&mut bytes, keys, dictionary.entries);
        Self { dictionary: Some(dictionary), ..Self::of(bytes, Encoding::RLE_DICTIONARY) }
    }
}

/// A column of a table.
pub trait Column: Default {
    /// What it holds.
    const KIND: Kind;
    /// Whether a row may have no value.
    const EMPTY: bool = false;

    /// How many values there are.
    fn len(&self) -> usize;

    /// Appends the definition levels of `rows` rows, if there are any, and forgets them.
    fn levels(&mut self, rows: usize, _: &mut Vec<u8>) {
        assert_eq!(self.len(), rows, "a column without empty cells has a value in each row");
    }

    /// The values so far after their levels; there are none afterwards.
    ///
    /// # Errors
    /// A [`ParquetError`] if a price or a quantity has another scale than the file.
    fn take(&mut self, levels: Vec<u8>, run: Run<'_>) -> Result<Page, ParquetError>;
}

/// The page of `rows` rows of a column; there are none afterwards.
///
/// # Errors
/// As [`Column::take`].
pub fn page(column: &mut impl Column, rows: usize, run: Run<'_>) -> Result<Page, ParquetError> {
    let mut levels = Vec::new();
    column.levels(rows, &mut levels);
    column.take(levels, run)
}

/// A column of which most cells are empty.
#[derive(Debug, Default)]
pub struct Sparse<C> {
    rows: Vec<u32>,
    values: C,
}

impl<C> Sparse<C> {
    /// The cell of a row, which is after all rows before; the caller fills it.
    #[inline]
    pub fn at(&mut self, row: u32) -> &mut C {
        self.rows.push(row);
        &mut self.values
    }
}

impl<C: Column> Column for Sparse<C> {
    const KIND: Kind = C::KIND;
    const EMPTY: bool = true;

    fn len(&self) -> usize {
        self.values.len()
    }

    fn levels(&mut self, rows: usize, into: &mut Vec<u8>) {
        assert_eq!(self.len(), self.rows.len(), "a cell has one value");
        encode::levels(into, rows, &self.rows);
        self.rows.clear();
    }

    fn take(&mut self, levels: Vec<u8>, run: Run<'_>) -> Result<Page, ParquetError> {
        self.values.take(levels, run)
    }
}

/// Counters.
#[derive(Debug, Default)]
pub struct Counts(Vec<i64>);

impl Counts {
    /// Takes in the next one; a number beyond 63 bits becomes the largest that there is.
    #[inline]
    pub fn push(&mut self, value: u64) {
        self.0.push(i64::try_from(value).unwrap_or(i64::MAX));
    }
}

impl Column for Counts {
    const KIND: Kind = Kind::Int;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn take(&mut self, levels: Vec<u8>, _: Run<'_>) -> Result<Page, ParquetError> {
        Ok(Page::deltas(levels, &mut self.0))
    }
}

/// Instants.
#[derive(Debug, Default)]
pub struct Instants(Vec<i64>);

impl Instants {
    /// Takes in the next one.
    #[inline]
    pub fn push(&mut self, ts: Ts) {
        self.0.push(ts.nanos());
    }
}

impl Column for Instants {
    const KIND: Kind = Kind::Ts;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn take(&mut self, levels: Vec<u8>, _: Run<'_>) -> Result<Page, ParquetError> {
        let wider = |(low, high): (i64, i64), ts: &i64| (low.min(*ts), high.max(*ts));
        let range = self.0.first().map(|first| self.0.iter().fold((*first, *first), wider));
        Ok(Page { range, ..Page::deltas(levels, &mut self.0) })
    }
}

/// Integers with their scales.
#[derive(Debug, Default)]
struct Scaled {
    raws: Vec<i64>,
    /// The scale that holds from a value on.
    scales: Vec<(usize, u8)>,
}

impl Scaled {
    #[inline]
    fn push(&mut self, raw: i64, scale: u8) {
        if self.scales.last().is_none_or(|(_, last)| *last != scale) {
            self.scales.push((self.raws.len(), scale));
        }
        self.raws.push(raw);
    }

    fn take(&mut self, levels: Vec<u8>, form: Form) -> Result<Page, ParquetError> {
        let late = || ParquetError::General("an instrument was declared after rows had been written".to_owned());
        let page = if form.wide {
            let mut bytes = levels;
            bytes.reserve(self.raws.len() * size_of::<i128>());
            let ends = self.scales.iter().skip(1).map(|(from, _)| *from).chain([self.raws.len()]);
            for ((from, scale), end) in self.scales.iter().zip(ends) {
                let unit = pow10(form.scale.checked_sub(*scale).ok_or_else(late)?);
                for raw in &self.raws[*from..end] {
                    bytes.extend_from_slice(&(i128::from(*raw) * unit).to_be_bytes());
                }
            }
            self.raws.clear();
            Page::of(bytes, Encoding::PLAIN)
        } else if self.scales.iter().all(|(_, scale)| *scale == form.scale) {
            Page::deltas(levels, &mut self.raws)
        } else {
            return Err(late());
        };
        self.scales.clear();
        Ok(page)
    }
}

/// Prices.
#[derive(Debug, Default)]
pub struct Prices(Scaled);

impl Prices {
    /// Takes in the next one, of an instrument whose prices have so many decimals.
    #[inline]
    pub fn push(&mut self, px: Price, scale: u8) {
        self.0.push(px.raw(), scale);
    }
}

impl Column for Prices {
    const KIND: Kind = Kind::Px;

    fn len(&self) -> usize {
        self.0.raws.len()
    }

    fn take(&mut self, levels: Vec<u8>, run: Run<'_>) -> Result<Page, ParquetError> {
        self.0.take(levels, run.forms.px)
    }
}

/// Quantities.
#[derive(Debug, Default)]
pub struct Quantities(Scaled);

impl Quantities {
    /// Takes in the next one, of an instrument whose quantities have so many decimals.
    #[inline]
    pub fn push(&mut self, qty: Qty, scale: u8) {
        self.0.push(qty.raw(), scale);
    }
}

impl Column for Quantities {
    const KIND: Kind = Kind::Qty;

    fn len(&self) -> usize {
        self.0.raws.len()
    }

    fn take(&mut self, levels: Vec<u8>, run: Run<'_>) -> Result<Page, ParquetError> {
        self.0.take(levels, run.forms.qty)
    }
}

/// Money and average prices, as the file has them.
#[derive(Debug, Default)]
pub struct Decimals(Vec<u8>);

impl Decimals {
    /// Takes in money, half to even at 18 decimals.
    #[inline]
    pub fn push(&mut self, amount: Amount) {
        self.push_e18(encode::money_e18(amount));
    }

    /// Takes in a number in units of 1e-18.
    #[inline]
    pub fn push_e18(&mut self, value: i128) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }
}

impl Column for Decimals {
    const KIND: Kind = Kind::Decimal;

    fn len(&self) -> usize {
        self.0.len() / size_of::<i128>()
    }

    fn take(&mut self, levels: Vec<u8>, _: Run<'_>) -> Result<Page, ParquetError> {
        Ok(Page::plain(levels, &mut self.0))
    }
}

/// Floats, as the file has them.
#[derive(Debug, Default)]
pub struct Floats(Vec<u8>);

impl Floats {
    /// Takes in the next one.
    #[inline]
    pub fn push(&mut self, value: f64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }
}

impl Column for Floats {
    const KIND: Kind = Kind::Float;

    fn len(&self) -> usize {
        self.0.len() / size_of::<f64>()
    }

    fn take(&mut self, levels: Vec<u8>, _: Run<'_>) -> Result<Page, ParquetError> {
        Ok(Page::plain(levels, &mut self.0))
    }
}

/// Yes or no.
#[derive(Debug, Default)]
pub struct Flags(Vec<bool>);

impl Flags {
    /// Takes in the next one.
    #[inline]
    pub fn push(&mut self, value: bool) {
        self.0.push(value);
    }
}

impl Column for Flags {
    const KIND: Kind = Kind::Bool;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn take(&mut self, mut levels: Vec<u8>, _: Run<'_>) -> Result<Page, ParquetError> {
        encode::flags(&mut levels, &self.0);
        self.0.clear();
        Ok(Page::of(levels, Encoding::PLAIN))
    }
}

/// Names of orders, as the file has them.
#[derive(Debug, Default)]
pub struct OrderNames {
    len: usize,
    bytes: Vec<u8>,
}

impl OrderNames {
    /// Takes in the next one.
    #[inline]
    pub fn push(&mut self, id: ClientOrderId, names: &Names) {
        let mut buffer = [0; DIGITS_MAX];
        let (strategy, number) = (names.strategy(id.strategy).as_bytes(), digits(id.number, &mut buffer));
        encode::text(&mut self.bytes, &[strategy, b"-", number]);
        self.len += 1;
    }
}

impl Column for OrderNames {
    const KIND: Kind = Kind::Text;

    fn len(&self) -> usize {
        self.len
    }

    fn take(&mut self, levels: Vec<u8>, _: Run<'_>) -> Result<Page, ParquetError> {
        self.len = 0;
        Ok(Page::plain(levels, &mut self.bytes))
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A run whose prices have two decimals and whose quantities have up to six.
    pub fn run(names: &Names) -> Run<'_> {
        let (px, qty) = (Form { scale: 2, wide: false }, Form { scale: 6, wide: true });
        Run { names, forms: Forms { px, qty } }
    }

    #[test]
    fn a_sparse_column_without_values_is_one_run_of_empty_cells() {
        let names = Names::new();
        let mut column = Sparse::<Counts>::default();
        for _ in 0..2 {
            let page = page(&mut column, 16_384, run(&names)).unwrap();
            // 16 384 times level 0; no values from 0 in blocks of 128 in 4 parts.
            assert_eq!(page.bytes, [4, 0, 0, 0, 0x80, 0x80, 0x02, 0, 0x80, 0x01, 4, 0, 0]);
        }
    }

    #[test]
    fn a_page_leaves_no_rows_and_no_values_behind() {
        let names = Names::new();
        let mut column = Sparse::<Flags>::default();
        column.at(1).push(true);
        assert_eq!(page(&mut column, 3, run(&names)).unwrap().bytes, [2, 0, 0, 0, 3, 0b010, 1]);
        column.at(0).push(false);
        column.at(2).push(true);
        assert_eq!(page(&mut column, 3, run(&names)).unwrap().bytes, [2, 0, 0, 0, 3, 0b101, 0b10]);
    }

    #[test]
    fn plain_values_need_no_levels_in_a_full_column() {
        let names = Names::new();
        let mut column = Decimals::default();
        for value in [1, -2] {
            column.push_e18(value);
            assert_eq!(page(&mut column, 1, run(&names)).unwrap().bytes, value.to_be_bytes());
        }
    }

    #[test]
    fn the_range_of_instants_is_that_of_their_page() {
        let names = Names::new();
        let mut column = Instants::default();
        for ts in [5, -3, 4] {
            column.push(Ts::from_nanos(ts));
        }
        assert_eq!(page(&mut column, 3, run(&names)).unwrap().range, Some((-3, 5)));
        assert_eq!(page(&mut column, 0, run(&names)).unwrap().range, None);
    }

    #[test]
    fn quantities_of_several_scales_are_brought_to_the_finest() {
        let names = Names::new();
        let mut column = Quantities::default();
        for (raw, scale) in [(7, 6), (7, 5), (8, 5), (-1, 6)] {
            column.push(Qty::from_raw(raw), scale);
        }
        let expected: Vec<u8> = [7_i128, 70, 80, -1].into_iter().flat_map(i128::to_be_bytes).collect();
        assert_eq!(page(&mut column, 4, run(&names)).unwrap().bytes, expected);
        column.push(Qty::from_raw(1), 7);
        assert!(page(&mut column, 1, run(&names)).is_err(), "finer than the file");
        let mut column = Prices::default();
        column.push(Price::from_raw(1), 3);
        assert!(page(&mut column, 1, run(&names)).is_err(), "another scale than the file");
    }

    #[test]
    #[should_panic(expected = "a value in each row")]
    fn a_full_column_without_a_value_in_a_row_is_a_bug() {
        let _ = page(&mut Floats::default(), 1, run(&Names::new()));
    }

    #[test]
    #[should_panic(expected = "a cell has one value")]
    fn a_cell_that_is_not_filled_is_a_bug() {
        let mut column = Sparse::<Counts>::default();
        column.at(0);
        let _ = page(&mut column, 1, run(&Names::new()));
    }
}
