//! A JSON array of rows, each an array of cells or a dictionary, as columns.
//!
//! Numbers are what JSON's are, 64-bit floats. The array is read on a thread of its own, which is a few batches ahead:
//! memory holds those, whatever the length of the file. A row with a wrong number of cells keeps its place, with a note.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use crossbeam_channel::{Sender, bounded};
use serde::Deserializer as _;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde_json::Value;

use super::{Batch, Batches, Opened, TimeRange, Torn};
use crate::error::CatalogError;
use crate::packed;

/// Batches that are read ahead.
const AHEAD: usize = 2;
/// Columns that hold words; all others hold numbers.
const WORDS: &[&str] = &["id", "type", "side"];

/// Opens a file whose cells are called `names`, in this order.
pub(super) fn open(path: &Path, names: &[&str]) -> Result<Opened, CatalogError> {
    let field = |name: &&str| {
        let data = if WORDS.contains(name) { DataType::Utf8 } else { DataType::Float64 };
        Field::new(*name, data, true)
    };
    let schema = Schema::new(names.iter().map(field).collect::<Vec<_>>());
    // What cannot be opened is refused now.
    packed::open(path)?;
    let (columns, path) = (schema.clone(), path.to_owned());
    let start = Box::new(move |positions: &[usize], batch_rows: usize, _range: Option<TimeRange>| {
        let kept = Arc::new(columns.project(positions).map_err(|e| e.to_string())?);
        let (sender, receiver) = bounded(AHEAD);
        let rows = Rows {
            sender,
            names: columns.fields().iter().map(|field| field.name().clone()).collect(),
            kept,
            positions: positions.to_vec(),
            height: batch_rows,
            cells: Vec::new(),
            torn: Vec::new(),
        };
        std::thread::spawn(move || rows.read(&path));
        let batches: Batches = Box::new(receiver.into_iter());
        Ok((batches, 0))
    });
    Ok(Opened { schema, metadata: None, start })
}

/// Rows on their way to whoever plays them.
struct Rows {
    sender: Sender<Result<Batch, String>>,
    names: Vec<String>,
    kept: SchemaRef,
    positions: Vec<usize>,
    /// Rows to a batch.
    height: usize,
    /// Those of the batch, each with the cells that are kept.
    cells: Vec<Vec<Value>>,
    torn: Vec<Torn>,
}

impl Rows {
    fn read(mut self, path: &Path) {
        let text = packed::open(path).map_err(|e| e.to_string());
        let outcome = text.and_then(|text| {
            let mut json = serde_json::Deserializer::from_reader(text);
            json.deserialize_seq(&mut self).and_then(|()| json.end()).map_err(|e| e.to_string())
        });
        let last = match outcome {
            Ok(()) if self.cells.is_empty() => return,
            Ok(()) => self.batch(),
            Err(problem) => Err(format!("it is no JSON array of rows: {problem}")),
        };
        // Nobody listens any more where the source was dropped.
        let _ = self.sender.send(last);
    }

    /// Takes a row; `false` if nobody wants any more.
    fn push(&mut self, row: Value) -> bool {
        let mut cells = match row {
            Value::Array(cells) => cells,
            Value::Object(mut row) => {
                let cell = |name: &String| row.remove(name).unwrap_or(Value::Null);
                self.names.iter().map(cell).collect()
            }
            other => vec![other],
        };
        let (found, expected) = (cells.len(), self.names.len());
        if found != expected {
            self.torn.push(Torn { row: self.cells.len(), found, expected });
            cells.clear();
        }
        let kept = self.positions.iter().map(|at| cells.get_mut(*at).map(Value::take).unwrap_or_default());
        self.cells.push(kept.collect());
        if self.cells.len() < self.height {
            return true;
        }
        let batch = self.batch();
        self.sender.send(batch).is_ok()
    }

    fn batch(&mut self) -> Result<Batch, String> {
        let rows = std::mem::take(&mut self.cells);
        let column = |(at, field): (usize, &Arc<Field>)| -> ArrayRef {
            let cells = rows.iter().map(|row| row.get(at));
            if field.data_type() == &DataType::Utf8 {
                Arc::new(cells.map(|cell| cell.and_then(Value::as_str)).collect::<StringArray>())
            } else {
                Arc::new(cells.map(|cell| cell.and_then(Value::as_f64)).collect::<Float64Array>())
            }
        };
        let arrays = self.kept.fields().iter().enumerate().map(column).collect();
        let columns = RecordBatch::try_new(Arc::clone(&self.kept), arrays).map_err(|e| e.to_string())?;
        Ok(Batch { columns, torn: std::mem::take(&mut self.torn) })
    }
}

impl<'de> Visitor<'de> for &mut Rows {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an array of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        while let Some(row) = rows.next_element::<Value>()? {
            if !self.push(row) {
                return Err(A::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}
