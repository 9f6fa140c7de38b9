//! What is in a catalog, from paths and footers alone.

use std::collections::BTreeMap;
use std::path::Path;

use tapedeck_model::{InstrumentId, Span, Ts};

use crate::error::CatalogError;
use crate::footer::Footer;
use crate::partition::Series;
use crate::paths::collect;
use crate::spec::DataKind;
use crate::transaction::settle;

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
    /// Files, one per day.
    pub files: u64,
    /// Size of the files.
    pub bytes: u64,
}

/// The data sets of the catalog at `root`, sorted by kind, venue, symbol and interval. Files that
/// are not laid out as a catalog is are passed over.
///
/// # Errors
/// [`CatalogError`] for a file that is laid out so but is none of ours, or what the system refuses.
pub fn ls(root: &Path) -> Result<Vec<CatalogEntry>, CatalogError> {
    // What is no folder is no catalog, rather than an empty one.
    std::fs::read_dir(root).map_err(|e| CatalogError::io(root, e))?;
    settle(root)?;
    let mut files = Vec::new();
    collect(root, &mut files)?;
    let mut entries: BTreeMap<(&str, InstrumentId, Span), CatalogEntry> = BTreeMap::new();
    for file in files {
        let below = file.strip_prefix(root).ok();
        let Some(Series { kind, instrument }) = below.and_then(Series::of_file) else { continue };
        let Footer { rows, range, .. } = Footer::read(&file, kind)?;
        let Some((first, last)) = range else { continue };
        let bytes = file.metadata().map_err(|e| CatalogError::io(&file, e))?.len();
        let interval = match kind {
            DataKind::Bars { interval } => interval,
            DataKind::Trades
            | DataKind::Quotes
            | DataKind::Depth
            | DataKind::Marks
            | DataKind::Funding
            | DataKind::Mbo => Span::ZERO,
        };
        let none = CatalogEntry { kind, instrument: instrument.clone(), first, last, rows: 0, files: 0, bytes: 0 };
        let entry = entries.entry((kind.text(), instrument, interval)).or_insert(none);
        entry.first = entry.first.min(first);
        entry.last = entry.last.max(last);
        entry.rows += rows;
        entry.files += 1;
        entry.bytes += bytes;
    }
    Ok(entries.into_values().collect())
}
