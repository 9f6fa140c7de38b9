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
mod form;
mod layout;
mod rows;
#[cfg(test)]
mod tests;
mod words;

use std::path::Path;

use tapedeck_model::{Event, Record, Span};

use crate::error::ReportError;
use crate::facts::{Gatherer, RunFacts};
use crate::names::Names;
use crate::orders::{OrderState, Orders};
use crate::trips::RoundTrip;
use file::TableFile;
use layout::{EquityRows, EventRows, FillRows, OrderRows, PositionRows, Table as _, TradeRows};
use rows::FillContext;

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

/// The most rows of a row group, whatever the options say: a column counts them in 32 bits.
const GROUP_ROWS_MAX: usize = 1 << 24;

/// Names of the tables that are written, as `<name>.parquet`.
pub const TABLES: [&str; 6] =
    [EventRows::NAME, OrderRows::NAME, FillRows::NAME, TradeRows::NAME, PositionRows::NAME, EquityRows::NAME];

/// Writes tables while records come in.
#[derive(Debug)]
pub struct TableWriter {
    gatherer: Gatherer,
    open: Orders,
    events: TableFile<EventRows>,
    orders: TableFile<OrderRows>,
    fills: TableFile<FillRows>,
    trades: TableFile<TradeRows>,
    positions: TableFile<PositionRows>,
    equity: TableFile<EquityRows>,
    group_rows: usize,
}

impl TableWriter {
    /// Creates the files in `folder`, which must exist.
    ///
    /// # Errors
    /// [`ReportError::Io`].
    pub fn new(folder: &Path, options: TableOptions) -> Result<Self, ReportError> {
        Ok(Self {
            gatherer: Gatherer::new(options.returns_interval),
            open: Orders::new(),
            events: TableFile::create(folder)?,
            orders: TableFile::create(folder)?,
            fills: TableFile::create(folder)?,
            trades: TableFile::create(folder)?,
            positions: TableFile::create(folder)?,
            equity: TableFile::create(folder)?,
            group_rows: options.row_group_rows.clamp(1, GROUP_ROWS_MAX),
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
        if let Some(trip) = self.gatherer.push(record)? {
            self.push_trip(seq, &trip)?;
        }
        let names = &self.gatherer.facts().names;
        let id = record.event.client_order_id();
        // The kinds of most records say themselves what they are about; looking that up is for the others.
        let known = id
            .filter(|_| !rows::names_instrument(&record.event))
            .and_then(|id| self.open.get(id))
            .map(|order| order.request.instrument);
        self.events.rows.push(record, known, names);
        self.events.flush(self.group_rows, names)?;
        if id.is_some() {
            let sum = || ReportError::Overflow { seq, what: "a sum over an order's fills" };
            if let Some(order) = self.open.apply(record).ok_or_else(sum)? {
                self.push_order(seq, &order)?;
            }
        }
        self.push_own(record)
    }

    fn push_trip(&mut self, seq: u64, trip: &RoundTrip) -> Result<(), ReportError> {
        let names = &self.gatherer.facts().names;
        let instrument = names.instrument(trip.instrument).ok_or_else(|| unknown(seq))?;
        self.trades.rows.push(trip, instrument);
        self.trades.flush(self.group_rows, names)
    }

    fn push_order(&mut self, seq: u64, order: &OrderState) -> Result<(), ReportError> {
        let names = &self.gatherer.facts().names;
        let instrument = names.instrument(order.request.instrument).ok_or_else(|| unknown(seq))?;
        let average = || ReportError::Overflow { seq, what: "an average price" };
        self.orders.rows.push(order, instrument, names).ok_or_else(average)?;
        self.orders.flush(self.group_rows, names)
    }

    /// The row of a record whose kind has a table of its own.
    fn push_own(&mut self, record: &Record) -> Result<(), ReportError> {
        let seq = record.header.seq;
        let names = &self.gatherer.facts().names;
        match &record.event {
            Event::Filled { instrument, deal, report, cum_qty, leaves_qty } => {
                let instrument = names.instrument(*instrument).ok_or_else(|| unknown(seq))?;
                let context = FillContext { instrument, deal: *deal, cum_qty: *cum_qty, leaves_qty: *leaves_qty };
                self.fills.rows.push(record, report, &context, names);
                self.fills.flush(self.group_rows, names)
            }
            Event::PositionChanged(point) => self.push_position(record, (point.strategy, point.instrument, None)),
            Event::SidePositionChanged { position_side, point } => {
                self.push_position(record, (point.strategy, point.instrument, Some(*position_side)))
            }
            Event::FundingPaid { strategy: Some(strategy), instrument, net_qty, .. } => {
                let side = names.side_of(*instrument, *net_qty);
                self.push_position(record, (*strategy, *instrument, side))
            }
            Event::Equity(point) => {
                self.equity.rows.push(record, point);
                self.equity.flush(self.group_rows, names)
            }
            _ => Ok(()),
        }
    }

    /// The row of a position as it is after the record, if there was one.
    fn push_position(&mut self, record: &Record, key: crate::names::PositionKey) -> Result<(), ReportError> {
        let facts = self.gatherer.facts();
        let Some(point) = facts.positions.get(&key) else { return Ok(()) };
        let instrument = facts.names.instrument(key.1).ok_or_else(|| unknown(record.header.seq))?;
        let funding = facts.funding_of.get(&key).copied().unwrap_or_default();
        self.positions.rows.push(record, (point, key.2), (instrument, funding));
        self.positions.flush(self.group_rows, &facts.names)
    }

    /// Ends the journal: what was gathered, and the files with all their rows, which are still to be closed.
    ///
    /// # Errors
    /// [`ReportError`]; the files are then useless.
    pub fn end(mut self) -> Result<(RunFacts, FilledTables), ReportError> {
        let seq = self.gatherer.facts().counts.events;
        for order in self.open.drain() {
            self.push_order(seq, &order)?;
        }
        let Self { gatherer, events, orders, fills, trades, positions, equity, .. } = self;
        Ok((gatherer.finish()?, FilledTables { events, orders, fills, trades, positions, equity }))
    }
}

/// Tables that have all their rows, some of them not yet in their files. Closing them needs nothing but names, so
/// it can be done while something else is made of the facts.
#[derive(Debug)]
#[must_use = "a file that is not closed is no Parquet file"]
pub struct FilledTables {
    events: TableFile<EventRows>,
    orders: TableFile<OrderRows>,
    fills: TableFile<FillRows>,
    trades: TableFile<TradeRows>,
    positions: TableFile<PositionRows>,
    equity: TableFile<EquityRows>,
}

impl FilledTables {
    /// Writes what is left and closes the files.
    ///
    /// # Errors
    /// [`ReportError`]; the files are then useless.
    pub fn close(self, names: &Names) -> Result<(), ReportError> {
        self.events.close(names)?;
        self.orders.close(names)?;
        self.fills.close(names)?;
        self.trades.close(names)?;
        self.positions.close(names)?;
        self.equity.close(names)
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
    let (facts, tables) = writer.end()?;
    tables.close(&facts.names)?;
    Ok(facts)
}
