//! One file as a stream of batches of exact rows.
//!
//! Enters: a Parquet or CSV file. Leaves: [`Rows`], with notes on cells that could not be read.
//! Invariants: only the columns of the layout are decoded; memory holds one batch; of a sorted
//! Parquet file only row groups that touch the wanted times are read.

mod book_file;
mod csv_file;
mod feather_file;
mod json_file;
mod parquet_file;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) use csv_file::first_cells;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Schema};
use parquet::file::metadata::ParquetMetaData;
use tapedeck_model::number::format_scaled;
use tapedeck_model::{FundingTick, MboAction, SourceError, Ts};

use crate::cells::{
    Read, Scaling, actions, buyer_maker_reader, dashed, fast_flags, fast_sides, flags_reader, level_side_reader,
    number_reader, numbers, order_ids, side_from_text, take_numbers, take_times, text_reader, times,
};
use crate::error::CatalogError;
use crate::layout::{Field, Layout, VOLUME, may_be_unknown};
use crate::paths::format_of;
use crate::rows::{Bad, Fault, Rows};
use crate::spec::{DataKind, FileSpec, Format, TimeBase, VolumeUnit};

/// Decimals of hours between two settlements.
const HOURS_SCALE: u8 = 4;
/// Decimals of seconds between them: nanoseconds.
const SECONDS_SCALE: u8 = 9;
/// Nanoseconds of one step of hours.
const HOURS_UNIT_NS: i64 = 360_000_000;

/// Batches of the projected columns, in the order of their positions in the file.
type Batches = Box<dyn Iterator<Item = Result<Batch, String>> + Send>;

/// Consecutive rows as Arrow columns.
struct Batch {
    columns: RecordBatch,
    /// Rows of text that have no cells, because their line has a wrong number of fields.
    torn: Vec<Torn>,
}

/// A line with a wrong number of fields.
struct Torn {
    row: usize,
    found: usize,
    expected: usize,
}

/// A file about to be read.
struct Opened {
    schema: Schema,
    /// What a Parquet file says of its row groups.
    metadata: Option<Arc<ParquetMetaData>>,
    /// Starts reading: the wanted positions in rising order, and rows to a batch. Also tells how
    /// many rows of the file are passed over first.
    #[expect(clippy::type_complexity, reason = "one use")]
    start: Box<dyn FnOnce(&[usize], usize, Option<TimeRange>) -> Result<(Batches, u64), String>>,
}

/// The times that are wanted, as nanoseconds in the file's own column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeRange {
    /// Position of the column of times.
    pub(crate) column: usize,
    /// Nanoseconds of one step, if the column is numeric.
    pub(crate) step: i64,
    /// First wanted time.
    pub(crate) start: i64,
    /// First time that is not wanted any more.
    pub(crate) end: i64,
}

/// What to read of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Every column of the layout, only the wanted times.
    Wanted,
    /// Only the times, from the beginning.
    Times,
}

/// A file being read.
pub(crate) struct FileReader {
    pub(crate) path: PathBuf,
    pub(crate) layout: Layout,
    /// Where each column of the layout stands in a batch.
    places: Vec<usize>,
    /// Added to the times of the file.
    offset: i64,
    batches: Batches,
    next_row: u64,
}

impl FileReader {
    /// Opens a file and checks that it can be read as `spec` says.
    pub(crate) fn open(spec: &FileSpec, path: &Path, batch_rows: usize, part: Part) -> Result<Self, CatalogError> {
        let opened = open(path, spec.format, spec.custom.names)?;
        let offset = offset(spec, path)?;
        let mut layout = Layout::resolve(spec, path, &opened.schema)?;
        let range = wanted_range(spec, &layout, &opened.schema, offset);
        if part == Part::Times {
            let time = layout.time_position();
            layout.columns = layout.columns.into_iter().skip(time).take(1).collect();
        }
        let mut positions: Vec<usize> = layout.columns.iter().map(|c| c.index).collect();
        positions.sort_unstable();
        positions.dedup();
        let places = layout.columns.iter().map(|c| positions.partition_point(|position| *position < c.index)).collect();
        let range = if part == Part::Wanted { range } else { None };
        let (batches, passed) =
            (opened.start)(&positions, batch_rows, range).map_err(|e| CatalogError::format(path, e))?;
        Ok(Self { path: path.to_owned(), layout, places, offset, batches, next_row: passed + 1 })
    }

    /// The next batch into `rows`, or `false` at the end of the file.
    pub(crate) fn next(&mut self, spec: &FileSpec, rows: &mut Rows) -> Result<bool, SourceError> {
        let refuse = |problem: String| SourceError::File { file: self.path.display().to_string(), problem };
        let Some(batch) = self.batches.next() else { return Ok(false) };
        let Batch { columns: batch, torn } = batch.map_err(refuse)?;
        let (_, mut arrays, height) = batch.into_parts();
        rows.clear();
        rows.first_row = self.next_row;
        self.next_row += height as u64;
        let column = self.layout.time_position();
        rows.faults.extend(torn.into_iter().map(|Torn { row, found, expected }| {
            let value = format!("{found} fields");
            Fault { row, column, bad: Bad::Fields { found, expected }, value }
        }));
        for (column, place) in self.places.iter().enumerate() {
            let Some(array) = arrays.get_mut(*place) else { continue };
            let is_read_again = self.places.iter().skip(column + 1).any(|other| other == place);
            if is_read_again || !self.take_column(spec, column, array, rows) {
                self.decode_column(spec, column, array, rows);
            }
        }
        if is_quote_volume(spec) {
            self.decode_quote_volume(spec, &arrays, rows);
        }
        if self.offset != 0 {
            for ts in rows.ts.iter_mut().chain(&mut rows.ts_recv) {
                *ts = ts.saturating_add(self.offset);
            }
        }
        if matches!(spec.kind, DataKind::Bars { .. }) && self.layout.position(VOLUME).is_none() {
            let [_, _, _, _, volume] = &mut rows.values;
            volume.resize(rows.ts.len(), 0);
        }
        match spec.kind {
            DataKind::Depth => self.clear_flag_rows(rows),
            DataKind::Marks => self.clear_unknown(spec.kind, rows, [1, 1]),
            DataKind::Funding => self.clear_unknown(spec.kind, rows, [1, 2]),
            DataKind::Mbo => self.clear_unneeded(rows),
            DataKind::Bars { .. } | DataKind::Trades | DataKind::Quotes => {}
        }
        Ok(true)
    }

    /// A value that may be unknown is zero where its cell is empty or its column is not there.
    fn clear_unknown(&self, kind: DataKind, rows: &mut Rows, slots: [usize; 2]) {
        let Rows { ts, values, faults, .. } = rows;
        for slot in slots {
            if let Some(column) = values.get_mut(slot) {
                column.resize(ts.len(), 0);
            }
        }
        let unknown = |column: usize| self.layout.columns.get(column).is_some_and(|c| may_be_unknown(kind, c.field));
        faults.retain(|fault| fault.bad != Bad::Missing || !unknown(fault.column));
    }

    /// A row that bears flags only needs neither price nor quantity.
    fn clear_flag_rows(&self, rows: &mut Rows) {
        let Rows { side, faults, .. } = rows;
        let of_level = |column: usize| {
            self.layout.columns.get(column).is_some_and(|c| matches!(c.field, Field::Price(_) | Field::Qty(_)))
        };
        faults.retain(|fault| fault.bad != Bad::Missing || side.get(fault.row) != Some(&0) || !of_level(fault.column));
    }

    /// Of an order each action needs its own cells; others may be empty.
    fn clear_unneeded(&self, rows: &mut Rows) {
        let Rows { action, faults, .. } = rows;
        let field = |column: usize| self.layout.columns.get(column).map(|c| c.field);
        let needed = |action: Option<MboAction>, field: Field| match (action, field) {
            (None, Field::Price(_) | Field::Qty(_) | Field::OrderId)
            | (Some(MboAction::Cancel), Field::Price(_) | Field::Qty(_))
            | (Some(MboAction::Execute), Field::Price(_)) => false,
            (_, _) => true,
        };
        faults.retain(|fault| {
            let action = action.get(fault.row).copied().and_then(MboAction::from_number);
            fault.bad != Bad::Missing || field(fault.column).is_none_or(|field| needed(action, field))
        });
    }

    /// A column whose cells are what is wanted already, without a copy; whether it is one.
    fn take_column(&self, spec: &FileSpec, column: usize, array: &mut ArrayRef, rows: &mut Rows) -> bool {
        let taken = match self.layout.columns.get(column).map(|c| c.field) {
            Some(Field::Ts) => take_times(array, spec.time_unit).map(|whole| rows.ts = whole),
            Some(Field::TsRecv) => take_times(array, spec.time_unit).map(|whole| rows.ts_recv = whole),
            Some(Field::Qty(_)) if is_quote_volume(spec) => None,
            Some(field @ (Field::Price(slot) | Field::Qty(slot))) => {
                let out = rows.values.get_mut(slot);
                out.and_then(|out| take_numbers(array, scaling(spec, field)).map(|whole| *out = whole))
            }
            _ => None,
        };
        taken.is_some()
    }

    fn decode_column(&self, spec: &FileSpec, column: usize, array: &dyn Array, rows: &mut Rows) {
        let Some(field) = self.layout.columns.get(column).map(|c| c.field) else { return };
        let Rows { ts, ts_recv, values, side, flags, action, order_id, faults, cut, .. } = rows;
        let mut bad = |row, bad| faults.push(Fault { row, column, bad, value: cell_text(array, row) });
        match field {
            Field::Ts => times(array, spec.time_unit, ts, bad),
            Field::TsRecv => times(array, spec.time_unit, ts_recv, bad),
            Field::CloseTime => {
                times(array, spec.time_unit, ts, bad);
                if let DataKind::Bars { interval } = spec.kind {
                    for t in ts.iter_mut() {
                        *t = t.saturating_sub(interval.nanos());
                    }
                }
            }
            Field::Qty(_) if is_quote_volume(spec) => {}
            Field::Price(slot) | Field::Qty(slot) => {
                if let Some(out) = values.get_mut(slot) {
                    numbers(array, scaling(spec, field), out, bad, |row| cut.push(row));
                }
            }
            Field::Rate => numbers(array, exact(array, FundingTick::RATE_SCALE), &mut values[0], bad, |_| {}),
            Field::Seconds => numbers(array, exact(array, SECONDS_SCALE), &mut values[1], bad, |_| {}),
            Field::Hours => {
                let hours = &mut values[1];
                numbers(array, exact(array, HOURS_SCALE), hours, bad, |_| {});
                for hours in hours.iter_mut() {
                    *hours = hours.saturating_mul(HOURS_UNIT_NS);
                }
            }
            Field::Side | Field::BuyerMaker => {
                if let Some(sides) = fast_sides(array) {
                    side.extend_from_slice(sides);
                    return;
                }
                let read = side_reader(spec.kind, field, array);
                // A side that is not told is not known: no defect.
                side.extend((0..array.len()).map(|row| match read(row) {
                    Ok(side) => side,
                    Err(Bad::Missing) => 0,
                    Err(problem) => {
                        bad(row, problem);
                        0
                    }
                }));
            }
            Field::OrderId => order_ids(array, order_id, bad),
            Field::Action => actions(array, action, bad),
            Field::Flags => {
                if let Some(all) = fast_flags(array) {
                    flags.extend_from_slice(all);
                    return;
                }
                let read = flags_reader(array);
                flags.extend((0..array.len()).map(|row| {
                    read(row).unwrap_or_else(|problem| {
                        bad(row, problem);
                        0
                    })
                }));
            }
        }
    }

    /// Quote volume at the scale of an exact notional, divided by close and multiplier.
    fn decode_quote_volume(&self, spec: &FileSpec, arrays: &[ArrayRef], rows: &mut Rows) {
        let Some(column) = self.layout.position(VOLUME) else { return };
        let Some(array) = self.places.get(column).and_then(|place| arrays.get(*place)) else { return };
        let instrument = &spec.instrument;
        let scaling = Scaling { scale: instrument.notional_scale(), stated: spec.qty_scale, cut: true };
        let read = number_reader(array, scaling);
        let [_, _, _, close, volume] = &mut rows.values;
        volume.clear();
        for (row, close) in close.iter().enumerate() {
            let unit = i128::from(*close) * i128::from(instrument.multiplier);
            // A close of 0 or less is a defect of its own.
            let outcome = read(row).and_then(|(notional, _)| {
                let qty = if unit > 0 { notional.div_euclid(unit) } else { 0 };
                i64::try_from(qty).map_err(|_| Bad::TooLarge)
            });
            volume.push(outcome.unwrap_or_else(|bad| {
                rows.faults.push(Fault { row, column, bad, value: cell_text(array, row) });
                0
            }));
        }
    }
}

fn side_reader(kind: DataKind, field: Field, array: &dyn Array) -> Read<'_, i8> {
    match (kind, field) {
        (DataKind::Depth | DataKind::Mbo, _) => level_side_reader(array),
        (_, Field::BuyerMaker) => buyer_maker_reader(array),
        _ => text_reader(array, side_from_text),
    }
}

/// Opens a file of a stated format, or of the one that its ending names.
fn open(path: &Path, format: Option<Format>, names: &[&str]) -> Result<Opened, CatalogError> {
    let format = format.or_else(|| format_of(path)).ok_or_else(|| {
        CatalogError::format(path, "its ending is neither .parquet nor .csv (.csv.gz, .zip); state `format`")
    })?;
    match format {
        Format::Parquet => parquet_file::open(path),
        Format::Csv => csv_file::open(path, names),
        Format::Feather => feather_file::open(path),
        Format::Json => json_file::open(path, names),
        Format::Book(form) => book_file::open(path, form),
    }
}

/// Whether a file that can be read as `spec` says tells by itself that its first rows have times, so that they
/// need not be looked at.
pub(crate) fn tells_of_times(spec: &FileSpec, path: &Path) -> Result<bool, CatalogError> {
    let opened = open(path, spec.format, spec.custom.names)?;
    let layout = Layout::resolve(spec, path, &opened.schema)?;
    let Some((metadata, column)) = opened.metadata.zip(layout.columns.get(layout.time_position())) else {
        return Ok(false);
    };
    let step = parquet_file::step_of(opened.schema.field(column.index).data_type(), spec.time_unit);
    Ok(step.is_some_and(|step| parquet_file::begins_with_times(&metadata, column.index, step)))
}

/// The columns of any file and its first rows, at most `rows` (one batch).
pub(crate) fn first_rows(path: &Path, rows: usize) -> Result<(Schema, Option<RecordBatch>), CatalogError> {
    let Opened { schema, start, .. } = open(path, None, &[])?;
    let positions: Vec<usize> = (0..schema.fields().len()).collect();
    let refuse = |problem: String| CatalogError::format(path, problem);
    let (mut batches, _) = start(&positions, rows.max(1), None).map_err(refuse)?;
    let first = batches.next().transpose().map_err(refuse)?;
    Ok((schema, first.map(|batch| batch.columns)))
}

/// Hands over some columns of any file, each by the first of its names that the file has, batch by batch.
///
/// # Errors
/// [`CatalogError`] for a file that lacks one of them or cannot be read, and what `take` gives.
pub(crate) fn batches_of(
    path: &Path,
    wanted: &[&[&str]],
    mut take: impl FnMut(&[ArrayRef]) -> Result<(), CatalogError>,
) -> Result<(), CatalogError> {
    let refuse = |problem: String| CatalogError::format(path, problem);
    let Opened { schema, start, .. } = open(path, None, &[])?;
    let mut at = Vec::with_capacity(wanted.len());
    for names in wanted {
        let found = names.iter().find_map(|name| schema.index_of(name).ok());
        let missing = || {
            let name = names.first().copied().unwrap_or_default();
            refuse(format!("it has no column `{name}` (also known as {})", names.join(", ")))
        };
        at.push(found.ok_or_else(missing)?);
    }
    let mut positions = at.clone();
    positions.sort_unstable();
    positions.dedup();
    let (batches, _) = start(&positions, BATCH_ROWS, None).map_err(refuse)?;
    for batch in batches {
        let Batch { columns, torn } = batch.map_err(refuse)?;
        if let Some(torn) = torn.first() {
            return Err(refuse(format!("a line has {} fields, expected {}", torn.found, torn.expected)));
        }
        let places = at.iter().map(|at| positions.partition_point(|position| position < at));
        let chosen: Vec<ArrayRef> = places.map(|place| columns.column(place).clone()).collect();
        take(&chosen)?;
    }
    Ok(())
}

/// Rows of a batch where nobody asks for another number.
const BATCH_ROWS: usize = 8_192;

fn is_quote_volume(spec: &FileSpec) -> bool {
    spec.volume_unit == VolumeUnit::Quote && matches!(spec.kind, DataKind::Bars { .. })
}

fn scaling(spec: &FileSpec, field: Field) -> Scaling {
    let instrument = &spec.instrument;
    match field {
        Field::Price(_) => Scaling { scale: instrument.price_scale, stated: spec.price_scale, cut: false },
        _ => Scaling { scale: instrument.qty_scale, stated: spec.qty_scale, cut: true },
    }
}

/// Of numbers that no key of the scenario scales: integers are whole.
fn exact(array: &dyn Array, scale: u8) -> Scaling {
    Scaling { scale, stated: array.data_type().is_integer().then_some(0), cut: false }
}

/// What is added to the times of a file.
fn offset(spec: &FileSpec, path: &Path) -> Result<i64, CatalogError> {
    let shift = spec.custom.shift.nanos();
    let base = match spec.custom.base {
        TimeBase::Epoch => return Ok(shift),
        TimeBase::DayOfName => path.file_name().and_then(|name| name.to_str()?.get(..8)).and_then(dashed),
    };
    let day = base.and_then(|day| day.parse::<Ts>().ok());
    let day = day.ok_or_else(|| {
        CatalogError::format(path, "its times count from midnight, but its name does not begin with a day (YYYYMMDD)")
    })?;
    Ok(day.nanos().saturating_add(shift))
}

fn wanted_range(spec: &FileSpec, layout: &Layout, schema: &Schema, offset: i64) -> Option<TimeRange> {
    let column = layout.columns.get(layout.time_position())?;
    let shift = match (column.field, spec.kind) {
        (Field::CloseTime, DataKind::Bars { interval }) => interval.nanos(),
        _ => 0,
    };
    let bound = |ts: Option<Ts>, open: i64| ts.map_or(open, |t| t.nanos().saturating_add(shift - offset));
    let data = schema.field(column.index).data_type();
    let step = parquet_file::step_of(data, spec.time_unit)?;
    // Levels before the start make the book at the start.
    let from = spec.start.filter(|_| !spec.kind.is_of_book());
    let (start, end) = (bound(from, i64::MIN), bound(spec.end, i64::MAX));
    (spec.start.is_some() || spec.end.is_some()).then_some(TimeRange { column: column.index, step, start, end })
}

/// A cell for a message.
fn cell_text(array: &dyn Array, row: usize) -> String {
    if array.is_null(row) {
        return "nothing".to_owned();
    }
    match array.data_type() {
        DataType::Float64 => array.as_primitive::<Float64Type>().value(row).to_string(),
        DataType::Float32 => array.as_primitive::<Float32Type>().value(row).to_string(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            text_reader(array, |text| Ok(format!("`{text}`")))(row).unwrap_or_else(|_| "nothing".to_owned())
        }
        data if data.is_integer() || matches!(data, DataType::Decimal128(..)) => {
            let scaling = Scaling { scale: 12, stated: Some(0), cut: true };
            number_reader(array, scaling)(row).map_or_else(|_| "?".to_owned(), |(v, _)| format_scaled(v, 12))
        }
        data => format!("a {data}"),
    }
}
