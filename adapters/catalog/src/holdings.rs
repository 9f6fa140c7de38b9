//! The series of a catalog with their files, as what looks at the files themselves needs them.
//!
//! Enters: a catalog's folder, or one within it. Leaves: each series with the folder of its days and every file.
//! Invariants: nothing is written; a file that cannot be read is listed all the same.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tapedeck_model::InstrumentId;

use crate::error::CatalogError;
use crate::footer::{Footer, scales};
use crate::partition::Series;
use crate::paths::collect;
use crate::spec::DataKind;

/// Parts of a file's path below the catalog's root: kind, venue, instrument, date and file, of bars an interval as well.
const DEPTHS: [usize; 2] = [5, 6];

/// One series of a catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// What its records are.
    pub kind: DataKind,
    /// Whose they are.
    pub instrument: InstrumentId,
    /// The folder that holds those of its days.
    pub folder: PathBuf,
    /// Its files, sorted.
    pub files: Vec<HeldFile>,
    /// Decimals of prices and quantities; `None` if another program wrote the files.
    pub scales: Option<(u8, u8)>,
}

impl Holding {
    /// As [`crate::CatalogEntry::content_hash`].
    pub fn content_hash(&self) -> Option<String> {
        let mut all = blake3::Hasher::new();
        for file in &self.files {
            all.update(file.content_hash.as_ref()?.as_bytes());
        }
        Some(all.finalize().to_hex().to_string())
    }

    /// Size of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// One file of a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldFile {
    /// Where it is.
    pub path: PathBuf,
    /// The hash of its records as its footer says it; `None` if it says none or cannot be read.
    pub content_hash: Option<String>,
    /// Its size.
    pub bytes: u64,
}

/// The series at or below `path`, which may be a catalog's root, a folder in it or one of its files; none if it is not
/// laid out as a catalog is.
///
/// # Errors
/// [`CatalogError`] for what the system refuses.
pub fn holdings(path: &Path) -> Result<Vec<Holding>, CatalogError> {
    let whole = std::path::absolute(path).map_err(|e| CatalogError::io(path, e))?;
    let given: PathBuf = path.to_owned();
    let mut files = Vec::new();
    collect(&given, &mut files)?;
    files.sort();
    let mut found: BTreeMap<(&'static str, InstrumentId, PathBuf), Holding> = BTreeMap::new();
    for file in files {
        // Names above what was given count as well: it may be a folder within a catalog.
        let below = file.strip_prefix(&given).unwrap_or(Path::new(""));
        let full = if below == Path::new("") { whole.clone() } else { whole.join(below) };
        let Some(series) = series_of(&full) else { continue };
        let Some(folder) = file.parent().and_then(Path::parent) else { continue };
        let Series { kind, instrument } = series;
        let key = (kind.text(), instrument.clone(), folder.to_owned());
        let scales = || scales(&file);
        let none = || Holding { kind, instrument, folder: folder.to_owned(), files: Vec::new(), scales: None };
        let holding = found.entry(key).or_insert_with(none);
        holding.scales = holding.scales.or_else(scales);
        let bytes = file.metadata().map_err(|e| CatalogError::io(&file, e))?.len();
        let content_hash = Footer::read(&file, kind).ok().and_then(|footer| footer.content_hash);
        holding.files.push(HeldFile { path: file, content_hash, bytes });
    }
    Ok(found.into_values().collect())
}

/// The series of a file by the folders above it, wherever the catalog's root is.
fn series_of(file: &Path) -> Option<Series> {
    let parts: Vec<_> = file.components().collect();
    DEPTHS.into_iter().find_map(|depth| {
        let from = parts.len().checked_sub(depth)?;
        Series::of_file(&parts.get(from..)?.iter().collect::<PathBuf>())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::OnConflict;
    use crate::tests::{MINUTE_BARS, spec, write_text};

    #[test]
    fn a_series_is_found_from_the_root_from_within_and_by_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let bars = "ts,open,high,low,close,volume\n2024-01-01T00:00:00Z,1,1,1,1,1\n2024-01-02T00:00:00Z,1,1,1,1,1\n";
        let file = write_text(&folder, "bars.csv", bars);
        let root = folder.path().join("catalog");
        crate::import(spec(MINUTE_BARS, &[file]), &root, OnConflict::Error, &|| false).unwrap();
        let all = holdings(&root).unwrap();
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].kind, all[0].files.len(), all[0].scales), (MINUTE_BARS, 2, Some((2, 3))));
        assert!(all[0].files.iter().all(|file| file.content_hash.is_some()));
        let series = root.join("bars/venue=SIM/instrument=BTCUSD/interval=1m");
        assert_eq!(all[0].folder, series);
        assert_eq!(holdings(&series).unwrap(), all);
        let day = holdings(&all[0].files[1].path).unwrap();
        assert_eq!((day[0].files.as_slice(), &day[0].folder), (&all[0].files[1..], &series));
        // What is stored beside the days is seen by no reader.
        std::fs::write(series.join("_quality.json"), "{}").unwrap();
        std::fs::write(series.join("_notes.parquet"), "no Parquet").unwrap();
        assert_eq!(holdings(&root).unwrap(), all);
        let listed = crate::ls(&root).unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!((&listed[0].folder, &listed[0].content_hash), (&all[0].folder, &all[0].content_hash()));
        assert_eq!(listed[0].bytes, all[0].bytes());
        assert_eq!(crate::expand_paths(&[root.display().to_string()], Path::new("")).unwrap().len(), 2);
        assert!(holdings(folder.path().join("bars.csv").as_path()).unwrap().is_empty());
    }
}
