//! Days that are there: several files of one become one, or go away.

use std::fs;
use std::path::{Path, PathBuf};

use tapedeck_model::{Instrument, Ts};

use super::Transaction;
use crate::error::CatalogError;
use crate::footer::{Footer, metadata};
use crate::merge::{Merged, Pair, merge, rewrite};
use crate::partition::Series;
use crate::upkeep::groups_max;

impl Transaction {
    /// A file of the catalog goes away.
    pub(crate) fn remove(&mut self, file: &Path) -> Result<(), CatalogError> {
        self.changes.remove(&self.stage, file)
    }

    /// The files of a day become one; a single one is written anew if it has too many row groups.
    pub(crate) fn unite(
        &mut self,
        series: &Series,
        instrument: &Instrument,
        (day, files): (Ts, &[PathBuf]),
        stop: &dyn Fn() -> bool,
    ) -> Result<(), CatalogError> {
        let Some((first, others)) = files.split_first() else { return Ok(()) };
        let (kind, target) = (series.kind, series.day_file(day));
        let shown = self.stage.root.join(&target);
        let mut all = (first.clone(), Footer::read(first, kind)?);
        for file in others {
            let (new, into) = (Footer::read(file, kind)?, self.stage.next_path());
            let (there, new) = ((all.0.as_path(), &all.1), (file.as_path(), &new));
            let pair = Pair { kind, instrument, there, new, shown: &shown, notes: &new.1.notes };
            let next = match merge(&pair, self.on_conflict, &into, stop)?.0 {
                Merged::There => continue,
                Merged::New => (file.clone(), new.1.clone()),
                Merged::Written => (into.clone(), Footer::read(&into, kind)?),
            };
            if all.0.starts_with(&self.stage.folder) {
                fs::remove_file(&all.0).map_err(|e| CatalogError::io(&all.0, e))?;
            }
            all = next;
        }
        let is_staged = all.0.starts_with(&self.stage.folder);
        let groups = metadata(&all.0)?.num_row_groups() as u64;
        if all.0 == shown && groups <= groups_max(all.1.rows) {
            return files.iter().filter(|file| **file != shown).try_for_each(|file| self.remove(file));
        }
        let staged =
            if is_staged { all.0 } else { self.rewritten(kind, instrument, (&all.0, &all.1), (&shown, stop))? };
        self.changes.take_over(&self.stage, &staged, &target, files)
    }

    fn rewritten(
        &mut self,
        kind: crate::spec::DataKind,
        instrument: &Instrument,
        file: (&Path, &Footer),
        (shown, stop): (&Path, &dyn Fn() -> bool),
    ) -> Result<PathBuf, CatalogError> {
        let into = self.stage.next_path();
        rewrite(&Pair { kind, instrument, there: file, new: file, shown, notes: &file.1.notes }, &into, stop)?;
        Ok(into)
    }
}
