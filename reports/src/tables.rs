//! Tables for people: the journal as Parquet files.
//!
//! Enters: records in order, pushed as a run goes or read from its journal. Leaves: `events`,
//! `orders`, `fills`, `trades`, `positions` and `equity` in a folder, and the [`RunFacts`] gathered
//! on the way. One pass; memory is bounded by the size of a row group, however long the journal.
//!
//! Columns:
//! - Words (kinds, names, sides, reasons) are dictionaries; instants are UTC nanoseconds.
//! - Prices and quantities are exact: `Decimal(18, s)` if all instruments of the run have the same
//!   scale `s` for them, stored as the 64-bit integer that they are in the journal (so a value
//!   beyond 18 digits is kept as it is), else `Decimal(38, s)` with the finest scale.
//! - Money and average prices are `Decimal(38, 18)`; money has up to 24 decimals and is rounded half
//!   to even at the 18th. The journal has it exact.
//! - `events` names an order by `strategy` and `order_number`, `orders` and `fills` also by
//!   `client_order_id`, which is both: `sma-17`.
//!
//! No thread is started: to encode a row group costs less than to hand it over.

mod column;
mod encode;
mod file;
mod layout;
mod rows;

#[cfg(test)]
mod tests;

use std::path::Path;

use tapedeck_model::{Event, Record, Span};

use crate::error::ReportError;
use crate::facts::{Gatherer, RunFacts};
use crate::names::Names;
use crate::orders::Orders;
use file::TableFile;
use layout::{ColumnSpec, FillContext};
use rows::Rows;

/// How tables are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableOptions {
    /// Interval at whose multiples equity is sampled for returns.
    pub returns_interval: Span,
    /// Rows of a row group, at most.
    pub row_group_rows: usize,
}

impl Default for TableOptions {
    fn default() -> Self {
        Self { returns_interval: Span::DAY, row_group_rows: 16_384 }
    }
}

/// Names of the tables that are written, as `<name>.parquet`.
pub const TABLES: [&str; 6] = ["events", "orders", "fills", "trades", "positions", "equity"];

const COLUMNS: [&[ColumnSpec]; 6] =
    [layout::EVENTS, layout::ORDERS, layout::FILLS, layout::TRADES, layout::POSITIONS, layout::EQUITY];

/// Positions in [`TABLES`].
const EVENTS: usize = 0;
const ORDERS: usize = 1;
const FILLS: usize = 2;
const TRADES: usize = 3;
const POSITIONS: usize = 4;
const EQUITY: usize = 5;

/// Writes tables while records come in.
#[derive(Debug)]
pub struct TableWriter {
    gatherer: Gatherer,
    orders: Orders,
    rows: [Rows; 6],
    files: Vec<TableFile>,
    group_rows: usize,
}

impl TableWriter {
    /// Creates the files in `folder`, which must exist.
    ///
    /// # Errors
    /// [`ReportError::Io`] or [`ReportError::Table`].
    pub fn new(folder: &Path, options: TableOptions) -> Result<Self, ReportError> {
        let tables = TABLES.into_iter().zip(COLUMNS);
        let files: Result<Vec<_>, _> =
            tables.map(|(table, columns)| TableFile::create(folder, table, columns)).collect();
        Ok(Self {
            gatherer: Gatherer::new(options.returns_interval),
            orders: Orders::new(),
            rows: COLUMNS.map(Rows::new),
            files: files?,
            group_rows: options.row_group_rows.max(1),
        })
    }

    /// What was gathered so far.
    pub fn facts(&self) -> &RunFacts {
        self.gatherer.facts()
    }

    /// Takes in the next record.
    ///
    /// # Errors
    /// [`ReportError`]; the files are then useless.
    pub fn push(&mut self, record: &Record) -> Result<(), ReportError> {
        let seq = record.header.seq;
        let overflow = |what| ReportError::Overflow { seq, what };
        let trip = self.gatherer.push(record)?;
        let names = &self.gatherer.facts().names;
        let id = record.event.client_order_id();
        // The kinds of most records say themselves what they are about; looking that up is for the others.
        let known = id
            .filter(|_| !layout::names_instrument(&record.event))
            .and_then(|id| self.orders.get(id))
            .map(|order| order.request.instrument);
        layout::event_row(&mut self.rows[EVENTS], record, known, names);
        if id.is_some()
            && let Some(order) = self.orders.apply(record).ok_or(overflow("a sum over an order's fills"))?
        {
            layout::order_row(&mut self.rows[ORDERS], &order, names).ok_or(overflow("an average price"))?;
            self.flush(ORDERS, self.group_rows)?;
        }
        if let Some(trip) = trip {
            layout::trade_row(&mut self.rows[TRADES], &trip, &self.gatherer.facts().names);
            self.flush(TRADES, self.group_rows)?;
        }
        self.flush(EVENTS, self.group_rows)?;
        self.push_own(record)
    }

    /// The row of a record whose kind has a table of its own.
    fn push_own(&mut self, record: &Record) -> Result<(), ReportError> {
        let seq = record.header.seq;
        let names = &self.gatherer.facts().names;
        let table = match &record.event {
            Event::Filled { instrument, side, report, cum_qty, leaves_qty } => {
                let instrument = names.instrument(*instrument).ok_or(unknown(seq))?;
                let context = FillContext { instrument, side: *side, cum_qty: *cum_qty, leaves_qty: *leaves_qty };
                layout::fill_row(&mut self.rows[FILLS], record, report, &context, names);
                FILLS
            }
            Event::PositionChanged(point) => {
                let instrument = names.instrument(point.instrument).ok_or(unknown(seq))?;
                layout::position_row(&mut self.rows[POSITIONS], record, point, instrument);
                POSITIONS
            }
            Event::Equity(point) => {
                layout::equity_row(&mut self.rows[EQUITY], record, point);
                EQUITY
            }
            _ => return Ok(()),
        };
        self.flush(table, self.group_rows)
    }

    /// Writes the rows of a table if there are at least `rows_min`.
    #[inline]
    fn flush(&mut self, table: usize, rows_min: usize) -> Result<(), ReportError> {
        let len = self.rows[table].len();
        if len < rows_min { Ok(()) } else { self.write_group(table, len) }
    }

    fn write_group(&mut self, table: usize, len: usize) -> Result<(), ReportError> {
        let names = &self.gatherer.facts().names;
        let file = &mut self.files[table];
        let pages = self.rows[table].take(names, file.forms(names)?).map_err(|source| file.failed(source))?;
        file.write(len, pages, names)
    }

    /// Writes what is left and closes the files.
    ///
    /// # Errors
    /// [`ReportError`]; the files are then useless.
    pub fn finish(mut self) -> Result<RunFacts, ReportError> {
        let seq = self.gatherer.facts().counts.events;
        for order in self.orders.drain() {
            let names: &Names = &self.gatherer.facts().names;
            layout::order_row(&mut self.rows[ORDERS], &order, names)
                .ok_or(ReportError::Overflow { seq, what: "an average price" })?;
        }
        (0..TABLES.len()).try_for_each(|table| self.flush(table, 1))?;
        let facts = self.gatherer.finish()?;
        self.files.into_iter().try_for_each(|file| file.close(&facts.names))?;
        Ok(facts)
    }
}

fn unknown(seq: u64) -> ReportError {
    ReportError::Unknown { seq, what: "the instrument" }
}

/// Writes the tables of a journal into `folder`, which must exist.
///
/// # Errors
/// [`ReportError::Journal`] for what the records fail with, else as [`TableWriter`].
pub fn write_tables<E>(
    records: impl Iterator<Item = Result<Record, E>>,
    folder: &Path,
    options: TableOptions,
) -> Result<RunFacts, ReportError>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let mut writer = TableWriter::new(folder, options)?;
    for record in records {
        writer.push(&record.map_err(ReportError::journal)?)?;
    }
    writer.finish()
}
