//! One series of a catalog and its days.
//!
//! Enters: folder names. Leaves: the days of a series, and those that a period needs. Invariants: names are compared as
//! what they mean, as other programs write them in other ways; the days left out of a period change no record of it.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tapedeck_model::market::DepthFlags;
use tapedeck_model::{Instrument, InstrumentId, MarketRecord, Span, Ts};

use crate::error::CatalogError;
use crate::footer::check_schema;
use crate::merge::Cursor;
use crate::partition::{Series, date_of, unescaped};
use crate::paths::day_files;
use crate::spec::{DataKind, FileSpec};
use crate::transaction::settle;

/// The days of a series with their files, in order of time.
pub(crate) type DayFiles = BTreeMap<Ts, Vec<PathBuf>>;

impl FileSpec {
    /// The files of a series in the catalog at `root`, those that the records from `start` to before `end` need.
    /// Of books these are the days back to the last one that begins with the whole book.
    ///
    /// # Errors
    /// [`CatalogError::NoSeries`] if the catalog has none, [`CatalogError::NoDays`] if it has none in this period, and
    /// [`CatalogError`] for a file of another version or what the system refuses.
    pub fn in_catalog(
        root: &Path,
        kind: DataKind,
        instrument: &Instrument,
        (start, end): (Option<Ts>, Option<Ts>),
    ) -> Result<Self, CatalogError> {
        // What is no folder is no catalog, rather than an empty one.
        std::fs::read_dir(root).map_err(|e| CatalogError::io(root, e))?;
        settle(root)?;
        let series = Series { kind, instrument: instrument.id.clone() };
        let mut days = series.days(root)?;
        let (Some((first, _)), Some((last, _))) = (days.first_key_value(), days.last_key_value()) else {
            let known = known_series(root)?.iter().map(Series::to_string).collect();
            return Err(CatalogError::NoSeries { root: root.to_owned(), wanted: series.to_string(), known });
        };
        let none =
            CatalogError::NoDays { root: root.to_owned(), series: series.to_string(), first: *first, last: *last };
        days.retain(|day, _| end.is_none_or(|end| *day < end));
        if let Some(start) = start {
            let from = if kind.is_of_book() { whole_book_before(&days, start, (kind, instrument))? } else { start };
            days.retain(|day, _| day.saturating_add(Span::DAY) > from);
        }
        if days.is_empty() {
            return Err(none);
        }
        let files: Vec<PathBuf> = days.into_values().flatten().collect();
        files.iter().try_for_each(|file| check_schema(file))?;
        Ok(Self { start, end, ..Self::of_catalog(kind, instrument, files) })
    }
}

/// The last day that begins with a whole book before `start`; the first of all if none does.
fn whole_book_before(
    days: &DayFiles,
    start: Ts,
    (kind, instrument): (DataKind, &Instrument),
) -> Result<Ts, CatalogError> {
    for (day, files) in days.range(..start).rev() {
        let mut firsts = Vec::new();
        for file in files {
            let first = Cursor::open(kind, instrument, file)?.instant()?.into_iter().next();
            firsts.extend(first.map(|record| (record.ts_event(), is_whole_book(&record))));
        }
        if firsts.into_iter().min().is_some_and(|(ts, whole)| whole && ts < start) {
            return Ok(*day);
        }
    }
    Ok(Ts::MIN)
}

/// Whether what a book showed before this row is void.
fn is_whole_book(record: &MarketRecord) -> bool {
    match record {
        MarketRecord::Depth(row) => row.flags.has(DepthFlags::CLEAR),
        MarketRecord::Mbo(row) => row.flags.has(DepthFlags::CLEAR),
        MarketRecord::Bar(_)
        | MarketRecord::Trade(_)
        | MarketRecord::Quote(_)
        | MarketRecord::Mark(_)
        | MarketRecord::Funding(_) => true,
    }
}

impl Series {
    /// Its days in the catalog at `root`; none if it is not there.
    pub(crate) fn days(&self, root: &Path) -> Result<DayFiles, CatalogError> {
        let mut days = DayFiles::new();
        for folder in self.folders(root)? {
            for name in folders_in(&folder)? {
                let Some(date) = name.strip_prefix("date=") else { continue };
                let path = folder.join(&name);
                let problem = || CatalogError::format(&path, "its name is no day; expected date=YYYY-MM-DD");
                let day = date_of(date).ok_or_else(problem)?;
                days.entry(day).or_default().extend(day_files(&path)?);
            }
        }
        days.retain(|_, files| !files.is_empty());
        Ok(days)
    }

    /// The folders of its days: one, or more where another program writes names in another way.
    fn folders(&self, root: &Path) -> Result<Vec<PathBuf>, CatalogError> {
        let is = |name: &str, key: &str, wanted: &str| {
            name.strip_prefix(key).and_then(unescaped).is_some_and(|value| value == wanted)
        };
        let InstrumentId { venue, symbol } = &self.instrument;
        let mut folders = vec![root.join(self.kind.text())];
        folders = inner(folders, |name| is(name, "venue=", venue))?;
        folders = inner(folders, |name| is(name, "instrument=", symbol))?;
        if let DataKind::Bars { interval } = self.kind {
            let length = |name: &str| name.strip_prefix("interval=").and_then(|text| text.parse::<Span>().ok());
            folders = inner(folders, |name| length(name) == Some(interval))?;
        }
        Ok(folders)
    }
}

/// Every series of a catalog that has a folder, sorted by kind, venue, symbol and interval.
pub(crate) fn known_series(root: &Path) -> Result<Vec<Series>, CatalogError> {
    let mut known = Vec::new();
    for kind in folders_in(root)? {
        let mut folders = inner(vec![root.join(&kind)], |name| name.starts_with("venue="))?;
        folders = inner(folders, |name| name.starts_with("instrument="))?;
        if kind == "bars" {
            folders = inner(folders, |name| name.starts_with("interval="))?;
        }
        let below = folders.iter().filter_map(|folder| folder.strip_prefix(root).ok());
        known.extend(below.filter_map(|folder| Series::of_file(&folder.join("date=/any.parquet"))));
    }
    known.sort_by_key(|series| (series.kind.text(), series.instrument.clone(), series.kind.shift()));
    known.dedup();
    Ok(known)
}

/// The folders in some folders whose names fit.
fn inner(folders: Vec<PathBuf>, fits: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>, CatalogError> {
    let mut found = Vec::new();
    for folder in folders {
        found.extend(folders_in(&folder)?.into_iter().filter(|name| fits(name)).map(|name| folder.join(name)));
    }
    Ok(found)
}

/// Names of the folders in a folder, sorted; none if it is not there. Hidden ones and names that are no text never count.
fn folders_in(folder: &Path) -> Result<Vec<String>, CatalogError> {
    let mut names = Vec::new();
    if folder.is_dir() {
        for entry in std::fs::read_dir(folder).map_err(|e| CatalogError::io(folder, e))? {
            let entry = entry.map_err(|e| CatalogError::io(folder, e))?;
            let name = entry.file_name().into_string().ok().filter(|name| !name.starts_with(['.', '_']));
            names.extend(name.filter(|_| entry.path().is_dir()));
        }
    }
    names.sort();
    Ok(names)
}
