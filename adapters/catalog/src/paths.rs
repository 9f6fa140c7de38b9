//! From the paths of a scenario to files: a file, a pattern, a folder (searched to any depth, so
//! also a Hive folder), or several of them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::error::CatalogError;
use crate::spec::Format;

/// The files that `paths` name, sorted, each once. Relative paths start from `base_dir`.
///
/// In folders only files that end in `.parquet` or `.csv` count; those whose names begin with a point or an underscore
/// never do, as Hive has it.
///
/// # Errors
/// [`CatalogError::NoFiles`] for a path that names none, or what the system refuses.
pub fn expand_paths(paths: &[String], base_dir: &Path) -> Result<Vec<PathBuf>, CatalogError> {
    expand(paths, base_dir, &|path| format_of(path).is_some())
}

/// The same where `counts` tells which files in folders count.
pub(crate) fn expand(
    paths: &[String],
    base_dir: &Path,
    counts: &dyn Fn(&Path) -> bool,
) -> Result<Vec<PathBuf>, CatalogError> {
    let mut files = BTreeSet::new();
    for pattern in paths {
        let full = base_dir.join(pattern);
        let mut named = Vec::new();
        if full.exists() {
            collect_those(&full, counts, &mut named)?;
        } else {
            expand_pattern(pattern, &full, counts, &mut named)?;
        }
        let found = !named.is_empty();
        files.extend(named);
        if !found {
            return Err(CatalogError::NoFiles { pattern: pattern.clone(), base: base_dir.to_owned() });
        }
    }
    if files.is_empty() {
        return Err(CatalogError::NoFiles { pattern: String::new(), base: base_dir.to_owned() });
    }
    Ok(files.into_iter().collect())
}

fn expand_pattern(
    pattern: &str,
    full: &Path,
    counts: &dyn Fn(&Path) -> bool,
    named: &mut Vec<PathBuf>,
) -> Result<(), CatalogError> {
    let refuse = |problem: String| CatalogError::Pattern { pattern: pattern.to_owned(), problem };
    let text = full.to_str().ok_or_else(|| refuse("it is not UTF-8".to_owned()))?;
    for entry in glob::glob(text).map_err(|e| refuse(e.to_string()))? {
        let path = entry.map_err(|e| refuse(e.to_string()))?;
        collect_those(&path, counts, named)?;
    }
    Ok(())
}

/// Onto `files`: `path` itself, or the data files in it, in no order.
pub(crate) fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), CatalogError> {
    collect_those(path, &|file| format_of(file).is_some(), files)
}

fn collect_those(path: &Path, counts: &dyn Fn(&Path) -> bool, files: &mut Vec<PathBuf>) -> Result<(), CatalogError> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in std::fs::read_dir(path).map_err(|e| CatalogError::io(path, e))? {
        let entry = entry.map_err(|e| CatalogError::io(path, e))?.path();
        let hidden = entry.file_name().is_some_and(|name| name.to_string_lossy().starts_with(['.', '_']));
        if !hidden && (entry.is_dir() || counts(&entry)) {
            collect_those(&entry, counts, files)?;
        }
    }
    Ok(())
}

/// The Parquet files of a day of a catalog, sorted; none if there is no such folder. Hidden ones never count.
pub(crate) fn day_files(folder: &Path) -> Result<Vec<PathBuf>, CatalogError> {
    let mut files = Vec::new();
    if folder.exists() {
        collect(folder, &mut files)?;
    }
    files.retain(|file| format_of(file) == Some(Format::Parquet));
    files.sort();
    Ok(files)
}

/// The format that a file's ending names.
pub(crate) fn format_of(path: &Path) -> Option<Format> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    if name.ends_with(".parquet") {
        return Some(Format::Parquet);
    }
    let is_text = [".csv", ".csv.gz", ".csv.zip"].iter().any(|ending| name.ends_with(ending));
    is_text.then_some(Format::Csv)
}
