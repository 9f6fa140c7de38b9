//! Arrow files ("Feather"): the wanted columns, batch by batch as they were written, cut where those are large.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use arrow_ipc::reader::FileReader;

use super::{Batch, Batches, Opened, TimeRange};
use crate::error::CatalogError;

pub(super) fn open(path: &Path) -> Result<Opened, CatalogError> {
    let file = File::open(path).map_err(|e| CatalogError::io(path, e))?;
    let refuse = |problem: &str| CatalogError::format(path, format!("it is not a readable Feather file: {problem}"));
    if file.metadata().map_err(|e| CatalogError::io(path, e))?.len() == 0 {
        return Err(refuse("it is empty"));
    }
    let kept = file.try_clone().map_err(|e| CatalogError::io(path, e))?;
    let reader = FileReader::try_new(BufReader::new(file), None).map_err(|e| refuse(&e.to_string()))?;
    let schema = reader.schema().as_ref().clone();
    drop(reader);
    let start = Box::new(move |positions: &[usize], batch_rows: usize, _range: Option<TimeRange>| {
        let reader = FileReader::try_new(BufReader::new(kept), Some(positions.to_vec())).map_err(|e| e.to_string())?;
        let cut = move |batch: Result<arrow_array::RecordBatch, _>| match batch {
            Ok(batch) => {
                let rows = batch.num_rows();
                let slice = |from: usize| batch.slice(from, batch_rows.min(rows - from));
                let whole = |columns| Ok(Batch { columns, torn: Vec::new() });
                (0..rows).step_by(batch_rows.max(1)).map(slice).map(whole).collect::<Vec<_>>()
            }
            Err(error) => vec![Err(arrow_schema::ArrowError::to_string(&error))],
        };
        let batches: Batches = Box::new(reader.flat_map(cut));
        Ok((batches, 0))
    });
    Ok(Opened { schema, metadata: None, start })
}
