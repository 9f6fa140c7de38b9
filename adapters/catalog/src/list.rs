//! What is in a catalog, from paths and footers alone.
//!
//! Invariants: records are not read, but for the times of files of other programs; what is listed is sorted.

mod columns;

use std::path::{Path, PathBuf};

use parquet::file::metadata::RowGroupMetaData;
use tapedeck_model::{InstrumentId, Span, Ts};

use crate::error::CatalogError;
use crate::footer::{Footer, SCHEMA_KEY, metadata, value_of};
use crate::partition::Series;
use crate::series::{DayFiles, known_series};
use crate::spec::DataKind;
use crate::transaction::settle;
use columns::Ranges;

pub use columns::ColumnRange;

/// One data set of a catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogEntry {
    /// What its records are, with the interval of bars.
    pub kind: DataKind,
    /// Whose they are.
    pub instrument: InstrumentId,
    /// Time of the first record; open time of a bar.
    pub first: Ts,
    /// Time of the last record; open time of a bar.
    pub last: Ts,
    /// Records.
    pub rows: u64,
    /// Days that have records.
    pub days: u64,
    /// Days without records between the first and the last that have some: first and last of each stretch.
    pub missing: Vec<(Ts, Ts)>,
    /// Files.
    pub files: u64,
    /// Size of the files.
    pub bytes: u64,
    /// BLAKE3 of the hashes of the files' records in order, in hexadecimal digits; `None` if another program wrote one of
    /// them.
    pub content_hash: Option<String>,
    /// The folder that holds those of its days; the first of them if there are more.
    pub folder: PathBuf,
}

/// All there is to say about a data set without reading it.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// What it is.
    pub entry: CatalogEntry,
    /// Names and types of its columns, as in its first file.
    pub columns: Vec<(String, String)>,
    /// Least and greatest number of each column of prices, quantities and rates, where the files tell.
    pub ranges: Vec<ColumnRange>,
    /// Row groups of all files.
    pub row_groups: u64,
    /// Compressions, each once.
    pub compressions: Vec<String>,
    /// Versions of the layout, each once; `None` stands for a file of another program.
    pub schemas: Vec<Option<String>>,
    /// Least, middle and greatest number of rows of a day.
    pub rows_per_day: [u64; 3],
}

/// Which data sets are meant; nothing means all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeriesFilter {
    /// The word for a kind of records.
    pub kind: Option<String>,
    /// `SYMBOL` or `SYMBOL.VENUE`.
    pub instrument: Option<String>,
    /// Interval of bars.
    pub interval: Option<Span>,
}

impl SeriesFilter {
    /// The data sets of a catalog that are meant, sorted by kind, venue, symbol and interval.
    pub(crate) fn of(&self, root: &Path) -> Result<Vec<Series>, CatalogError> {
        // What is no folder is no catalog, rather than an empty one.
        std::fs::read_dir(root).map_err(|e| CatalogError::io(root, e))?;
        settle(root)?;
        let all = known_series(root)?;
        let meant: Vec<Series> = all.iter().filter(|series| self.means(series)).cloned().collect();
        if meant.is_empty() && *self != Self::default() {
            let known = all.iter().map(Series::to_string).collect();
            return Err(CatalogError::NoSeries { root: root.to_owned(), wanted: self.text(), known });
        }
        Ok(meant)
    }

    fn means(&self, series: &Series) -> bool {
        let name = |text: &String| *text == series.instrument.symbol || *text == series.instrument.to_string();
        let length = |interval: &Span| matches!(series.kind, DataKind::Bars { interval: own } if own == *interval);
        self.kind.as_ref().is_none_or(|kind| kind == series.kind.text())
            && self.instrument.as_ref().is_none_or(name)
            && self.interval.as_ref().is_none_or(length)
    }

    /// As a series is called.
    fn text(&self) -> String {
        let interval = self.interval.map(|interval| interval.to_string());
        let parts = [&self.instrument, &self.kind, &interval];
        parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

/// The data sets of the catalog at `root`, sorted by kind, venue, symbol and interval. Files that
/// are not laid out as a catalog is are passed over.
///
/// # Errors
/// [`CatalogError`] for a file that is laid out so but cannot be one of a catalog, or what the system refuses.
pub fn ls(root: &Path) -> Result<Vec<CatalogEntry>, CatalogError> {
    let all = SeriesFilter::default().of(root)?;
    let entries = all.iter().map(|series| entry(series, &series.days(root)?));
    entries.filter_map(Result::transpose).collect()
}

/// The same in detail, of those data sets that are meant.
///
/// # Errors
/// As [`ls`]; [`CatalogError::NoSeries`] if the filter means none.
pub fn describe(root: &Path, filter: &SeriesFilter) -> Result<Vec<Description>, CatalogError> {
    let meant = filter.of(root)?;
    let described = meant.iter().map(|series| description(series, &series.days(root)?));
    described.filter_map(Result::transpose).collect()
}

/// Each data set that is meant by its name for people, with its first file.
///
/// # Errors
/// As [`describe`].
pub fn first_files(root: &Path, filter: &SeriesFilter) -> Result<Vec<(String, PathBuf)>, CatalogError> {
    let mut files = Vec::new();
    for series in filter.of(root)? {
        let first = series.days(root)?.into_values().flatten().next();
        files.extend(first.map(|file| (series.to_string(), file)));
    }
    Ok(files)
}

/// `None` if there is no record.
fn entry(series: &Series, days: &DayFiles) -> Result<Option<CatalogEntry>, CatalogError> {
    let (mut range, mut rows, mut files, mut bytes): (Option<(Ts, Ts)>, u64, u64, u64) = (None, 0, 0, 0);
    let mut hash = Some(blake3::Hasher::new());
    for file in days.values().flatten() {
        let footer = Footer::read(file, series.kind)?;
        hash = hash.zip(footer.content_hash).map(|(mut hash, own)| {
            hash.update(own.as_bytes());
            hash
        });
        range = match (range, footer.range) {
            (Some((first, last)), Some((from, until))) => Some((first.min(from), last.max(until))),
            (one, other) => one.or(other),
        };
        rows += footer.rows;
        files += 1;
        bytes += file.metadata().map_err(|e| CatalogError::io(file, e))?.len();
    }
    let folder = days.values().flatten().find_map(|file| file.parent()?.parent()).unwrap_or(Path::new("")).to_owned();
    Ok(range.map(|(first, last)| CatalogEntry {
        kind: series.kind,
        instrument: series.instrument.clone(),
        first,
        last,
        rows,
        days: days.len() as u64,
        missing: missing(days),
        files,
        bytes,
        content_hash: hash.map(|hash| hash.finalize().to_hex().to_string()),
        folder,
    }))
}

fn missing(days: &DayFiles) -> Vec<(Ts, Ts)> {
    let back = Span::from_nanos(-Span::DAY.nanos());
    let pairs = days.keys().zip(days.keys().skip(1));
    let gaps = pairs.map(|(day, next)| (day.saturating_add(Span::DAY), next.saturating_add(back)));
    gaps.filter(|(first, last)| first <= last).collect()
}

fn description(series: &Series, days: &DayFiles) -> Result<Option<Description>, CatalogError> {
    let Some(entry) = entry(series, days)? else { return Ok(None) };
    let mut ranges = Ranges::default();
    let (mut row_groups, mut compressions, mut schemas) = (0, Vec::new(), Vec::new());
    let (mut columns, mut by_day) = (None, Vec::new());
    for files in days.values() {
        let mut rows = 0;
        for file in files {
            let metadata = metadata(file)?;
            rows += metadata.file_metadata().num_rows().unsigned_abs();
            if columns.is_none() {
                columns = Some(columns::types_of(file, &metadata)?);
            }
            note(&mut schemas, value_of(&metadata, SCHEMA_KEY));
            for group in metadata.row_groups() {
                row_groups += 1;
                ranges.add(group);
                compressions_of(group).for_each(|name| note(&mut compressions, name));
            }
        }
        by_day.push(rows);
    }
    by_day.sort_unstable();
    let at = |place: usize| by_day.get(place).copied().unwrap_or_default();
    let rows_per_day = [at(0), at(by_day.len().saturating_sub(1) / 2), at(by_day.len().saturating_sub(1))];
    let columns = columns.unwrap_or_default();
    Ok(Some(Description { entry, columns, ranges: ranges.list(), row_groups, compressions, schemas, rows_per_day }))
}

fn compressions_of(group: &RowGroupMetaData) -> impl Iterator<Item = String> {
    group.columns().iter().map(|column| column.compression().to_string().to_lowercase())
}

fn note<T: PartialEq>(known: &mut Vec<T>, one: T) {
    if !known.contains(&one) {
        known.push(one);
    }
}
