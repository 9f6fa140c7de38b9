//! What keeps a catalog small and whole: one file per day, and no days that nobody wants.
//!
//! Enters: the days of the series that are meant. Leaves: what would be done, or it done, in one transaction. Invariants:
//! files of a day become one by the rule by which imports merge; what is not named in the plan is not touched.

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use arrow_schema::{DataType, Schema};
use parquet::arrow::parquet_to_arrow_schema;
use tapedeck_model::{Amount, CurrencyIx, DatedRules, Instrument, InstrumentIx, InstrumentKind, Price, Qty, Ts};

use crate::error::CatalogError;
use crate::footer::metadata;
use crate::list::SeriesFilter;
use crate::partition::Series;
use crate::spec::OnConflict;
use crate::transaction::Transaction;
use crate::write::GROUP_ROWS;

/// A file with more row groups than this times what its rows need is written anew.
const GROUPS_FACTOR: u64 = 2;

/// A day that something is done to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayPlan {
    /// The series, for people.
    pub series: String,
    /// The day.
    pub day: Ts,
    /// How many files it has.
    pub files: u64,
    /// Their row groups.
    pub row_groups: u64,
    /// Their rows, before any are found to be the same.
    pub rows: u64,
    /// Their size.
    pub bytes: u64,
}

/// A plan with what it is about.
struct Work {
    plan: DayPlan,
    series: Series,
    paths: Vec<PathBuf>,
}

/// Days with several files, or with many tiny row groups.
///
/// # Errors
/// [`CatalogError`] as of [`crate::ls`].
pub fn plan_compaction(root: &Path, filter: &SeriesFilter) -> Result<Vec<DayPlan>, CatalogError> {
    Ok(to_compact(root, filter)?.into_iter().map(|work| work.plan).collect())
}

/// Makes one file of each of those days, and tells of them.
///
/// # Errors
/// [`CatalogError::Disagree`] if files of a day differ and `on_conflict` does not settle it, what else is wrong with
/// them, [`CatalogError::Locked`] and [`CatalogError::Stopped`]. The catalog is then as it was.
pub fn compact(
    root: &Path,
    filter: &SeriesFilter,
    on_conflict: OnConflict,
    stop: &dyn Fn() -> bool,
) -> Result<Vec<DayPlan>, CatalogError> {
    filter.of(root)?;
    let mut transaction = Transaction::open(root, on_conflict)?;
    let mut done = Vec::new();
    for Work { plan, series, paths } in to_compact(root, filter)? {
        let instrument = bare_instrument(&series, &paths)?;
        transaction.unite(&series, &instrument, (plan.day, &paths), stop).map_err(|error| match error {
            CatalogError::Conflict { file, at, there, new } => CatalogError::Disagree {
                folder: file.parent().unwrap_or(&file).to_owned(),
                at,
                first: there,
                second: new,
            },
            other => other,
        })?;
        done.push(plan);
    }
    transaction.finish(stop)?;
    Ok(done)
}

/// Days that lie before `before`.
///
/// # Errors
/// [`CatalogError`] as of [`crate::ls`].
pub fn plan_pruning(root: &Path, filter: &SeriesFilter, before: Ts) -> Result<Vec<DayPlan>, CatalogError> {
    Ok(to_prune(root, filter, before)?.into_iter().map(|work| work.plan).collect())
}

/// Takes those days away, and tells of them.
///
/// # Errors
/// [`CatalogError::Locked`], or what the system refuses. The catalog is then as it was.
pub fn prune(root: &Path, filter: &SeriesFilter, before: Ts) -> Result<Vec<DayPlan>, CatalogError> {
    filter.of(root)?;
    let mut transaction = Transaction::open(root, OnConflict::Error)?;
    let work = to_prune(root, filter, before)?;
    for path in work.iter().flat_map(|work| &work.paths) {
        transaction.remove(path)?;
    }
    transaction.finish(&|| false)?;
    Ok(work.into_iter().map(|work| work.plan).collect())
}

fn to_compact(root: &Path, filter: &SeriesFilter) -> Result<Vec<Work>, CatalogError> {
    let mut work = all_days(root, filter)?;
    work.retain(|Work { plan, .. }| plan.files > 1 || plan.row_groups > groups_max(plan.rows));
    Ok(work)
}

/// How many row groups a file with so many rows may have before it is written anew.
pub(crate) fn groups_max(rows: u64) -> u64 {
    GROUPS_FACTOR * rows.div_ceil(GROUP_ROWS as u64).max(1)
}

fn to_prune(root: &Path, filter: &SeriesFilter, before: Ts) -> Result<Vec<Work>, CatalogError> {
    let mut work = all_days(root, filter)?;
    work.retain(|Work { plan, .. }| plan.day.saturating_add(tapedeck_model::Span::DAY) <= before);
    Ok(work)
}

fn all_days(root: &Path, filter: &SeriesFilter) -> Result<Vec<Work>, CatalogError> {
    let mut work = Vec::new();
    for series in filter.of(root)? {
        for (day, paths) in series.days(root)? {
            let files = paths.len() as u64;
            let mut plan = DayPlan { series: series.to_string(), day, files, row_groups: 0, rows: 0, bytes: 0 };
            for path in &paths {
                let metadata = metadata(path)?;
                plan.row_groups += metadata.num_row_groups() as u64;
                plan.rows += metadata.file_metadata().num_rows().unsigned_abs();
                plan.bytes += path.metadata().map_err(|e| CatalogError::io(path, e))?.len();
            }
            work.push(Work { plan, series: series.clone(), paths });
        }
    }
    Ok(work)
}

/// What reading and writing files needs to know of an instrument: its name and as many decimals as the files have.
fn bare_instrument(series: &Series, paths: &[PathBuf]) -> Result<Instrument, CatalogError> {
    let (mut price_scale, mut qty_scale) = (0, 0);
    for path in paths {
        let metadata = metadata(path)?;
        let file = metadata.file_metadata();
        let schema = parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata());
        let schema = schema.map_err(|e| CatalogError::format(path, e))?;
        price_scale = price_scale.max(scale_of(path, &schema, &["open", "px", "bid_px", "mark_px"])?);
        qty_scale = qty_scale.max(scale_of(path, &schema, &["volume", "qty", "bid_qty"])?);
    }
    let rules = DatedRules {
        from: Ts::MIN,
        tick_size: Price::from_raw(1),
        lot_size: Qty::from_raw(1),
        qty_min: Qty::from_raw(1),
        qty_max: Qty::from_raw(i64::MAX),
        notional_min: Amount::ZERO,
    };
    Ok(Instrument {
        ix: InstrumentIx(0),
        id: series.instrument.clone(),
        kind: InstrumentKind::Spot,
        base: CurrencyIx(0),
        quote: CurrencyIx(1),
        settlement: CurrencyIx(1),
        price_scale,
        qty_scale,
        multiplier: 1,
        multiplier_scale: 0,
        rules: vec![rules],
    })
}

/// Decimals of the first of these columns that a file has; none if it has none of them.
fn scale_of(path: &Path, schema: &Schema, names: &[&str]) -> Result<u8, CatalogError> {
    let Some(field) = names.iter().find_map(|name| schema.field_with_name(name).ok()) else { return Ok(0) };
    let scale = match field.data_type() {
        DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) | DataType::Decimal128(_, scale) => {
            u8::try_from(*scale).ok()
        }
        _ => None,
    };
    let problem = || {
        let (name, data) = (field.name(), field.data_type());
        format!("column `{name}` has type {data}, not exact decimals; bring the file in with `sim data import`")
    };
    scale.ok_or_else(|| CatalogError::format(path, problem()))
}
