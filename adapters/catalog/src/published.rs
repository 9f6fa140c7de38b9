//! Files as their publishers lay them out: what they hold, by their names and folders.
//!
//! Enters: paths. Leaves: data sets, each of one symbol and kind, that only want an instrument. Invariants: a file
//! whose name says nothing is refused, not guessed at; the order in which files are named changes nothing.
//! Deliberately absent: the numbers of their instruments, which no such file tells.

mod binance;
mod freqtrade;
mod lean;
mod tardis;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tapedeck_model::{Instrument, Span};

use crate::error::CatalogError;
use crate::paths::expand;
use crate::spec::{Custom, DataKind, FileSpec, Format, OnError, TimeUnit, VolumeUnit};

/// Whose layout files have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publisher {
    /// Binance's bulk files: klines, aggTrades, trades, bookTicker, fundingRate and markPriceKlines, as zip or
    /// plain, with a header line or without, in milliseconds or microseconds.
    Binance,
    /// freqtrade's candles, trades, marks and funding rates, as Feather, Parquet or JSON.
    Freqtrade,
    /// LEAN's zips of crypto and crypto futures: bars, quotes and ticks, and its files of funding rates.
    Lean,
    /// Tardis' CSV files: trades, quotes, updates and snapshots of books.
    Tardis,
}

impl Publisher {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Binance, Self::Freqtrade, Self::Lean, Self::Tardis];

    /// The word for the command line.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Binance => "binance",
            Self::Freqtrade => "freqtrade",
            Self::Lean => "lean",
            Self::Tardis => "tardis",
        }
    }

    /// The publisher of a word.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|publisher| publisher.text() == text)
    }

    /// Whether a file in a folder can be one of theirs.
    fn takes(self, path: &Path) -> bool {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_ascii_lowercase();
        let endings: &[&str] = match self {
            Self::Binance => &[".zip", ".csv"],
            Self::Freqtrade => &[".feather", ".parquet", ".json", ".json.gz"],
            Self::Lean => &[".zip", ".csv"],
            Self::Tardis => &[".csv", ".csv.gz"],
        };
        endings.iter().any(|ending| name.ends_with(ending))
    }

    fn recognise(self, path: &Path, kind: Option<&str>) -> Result<Published, CatalogError> {
        match self {
            Self::Binance => binance::recognise(path, kind),
            Self::Freqtrade => freqtrade::recognise(path, kind),
            Self::Lean => lean::recognise(path),
            Self::Tardis => tardis::recognise(path),
        }
    }
}

/// A data set as it is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Where it was traded, if the layout says so.
    pub venue: Option<String>,
    /// Whose it is.
    pub symbol: String,
    /// What its records are.
    pub kind: DataKind,
    /// Its files.
    pub paths: Vec<PathBuf>,
    format: Format,
    columns: &'static [(&'static str, &'static str)],
    time_unit: Option<TimeUnit>,
    custom: Custom,
}

impl Published {
    /// How it is read.
    pub fn spec(&self, instrument: Instrument, on_error: OnError) -> FileSpec {
        FileSpec {
            name: format!("{}/{}", instrument.id, self.kind.text()),
            kind: self.kind,
            paths: self.paths.clone(),
            format: Some(self.format),
            columns: self.columns.iter().map(|(ours, theirs)| ((*ours).to_owned(), (*theirs).to_owned())).collect(),
            time_unit: self.time_unit,
            custom: self.custom,
            price_scale: None,
            qty_scale: None,
            volume_unit: VolumeUnit::Base,
            volume_optional: false,
            on_error,
            strict_ticks: false,
            start: None,
            end: None,
            instrument,
        }
    }

    fn key(&self) -> Key {
        let interval = match self.kind {
            DataKind::Bars { interval } => interval,
            _ => Span::ZERO,
        };
        (self.venue.clone(), self.symbol.clone(), self.kind.text(), interval)
    }

    /// How its files are written.
    const fn form(&self) -> (Format, Custom, &'static [(&'static str, &'static str)]) {
        (self.format, self.custom, self.columns)
    }

    fn new(path: &Path, symbol: &str, kind: DataKind, format: Format) -> Self {
        Self {
            venue: None,
            symbol: symbol.to_owned(),
            kind,
            paths: vec![path.to_owned()],
            format,
            columns: &[],
            time_unit: None,
            custom: Custom::default(),
        }
    }
}

/// The data sets in files of a publisher; folders are searched. `kind` settles what a name leaves open, as whether
/// bars of prices are marks.
///
/// # Errors
/// [`CatalogError`] for a path without files, a file whose name says nothing that is known, or the same data twice.
pub fn published(publisher: Publisher, paths: &[String], kind: Option<&str>) -> Result<Vec<Published>, CatalogError> {
    let (forms, refused) = published_forms(publisher, paths, kind)?;
    if let Some(error) = refused.into_iter().next() {
        return Err(error);
    }
    for pair in forms.windows(2) {
        if let [one, other] = pair
            && one.key() == other.key()
            && let ([first, ..], [second, ..]) = (one.paths.as_slice(), other.paths.as_slice())
        {
            let problem = format!("it holds the same data in another form as {}; import one of them", first.display());
            return Err(CatalogError::format(second, problem));
        }
    }
    Ok(forms)
}

/// The same where data may be there in more than one form, each of which is a data set; and what is refused.
///
/// # Errors
/// [`CatalogError`] for a path without files.
pub fn published_forms(
    publisher: Publisher,
    paths: &[String],
    kind: Option<&str>,
) -> Result<(Vec<Published>, Vec<CatalogError>), CatalogError> {
    let mut sets: BTreeMap<Key, Vec<Published>> = BTreeMap::new();
    let mut refused = Vec::new();
    for file in expand(paths, Path::new(""), &|path| publisher.takes(path))? {
        match publisher.recognise(&file, kind) {
            Ok(one) => {
                let forms = sets.entry(one.key()).or_default();
                match forms.iter_mut().find(|set| set.form() == one.form()) {
                    Some(set) => set.paths.extend(one.paths),
                    None => forms.push(one),
                }
            }
            Err(error) => refused.push(error),
        }
    }
    Ok((sets.into_values().flatten().collect(), refused))
}

/// What tells data sets apart: venue, symbol, kind, interval.
type Key = (Option<String>, String, &'static str, Span);

/// The name of a file, without the folders before it.
fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// The names of the folders above a file, from the inner one outwards.
fn folders_of(path: &Path) -> impl Iterator<Item = &str> {
    path.ancestors().skip(1).filter_map(|folder| folder.file_name()?.to_str())
}

/// The length of a bar from a word such as `5m` or `1d`.
fn interval_of(text: &str) -> Option<Span> {
    let weeks = text.strip_suffix('w').and_then(|weeks| weeks.parse::<i64>().ok());
    let span = match weeks {
        Some(weeks) => Span::from_nanos(Span::DAY.nanos().checked_mul(weeks.checked_mul(7)?)?),
        None => text.parse().ok()?,
    };
    (span > Span::ZERO).then_some(span)
}
