//! CSV as columns of text. A byte order mark and CRLF are fine. A first line with numbers in it is no
//! header but a row; the columns are then named as their publisher does, else by their positions: `#1`, `#2`
//! and so on. A line with a wrong number of fields keeps its place as a row without cells, with a note.

use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use csv::{Reader, ReaderBuilder, StringRecord, Trim};

use super::{Batch, Batches, Opened, TimeRange, Torn};
use crate::error::CatalogError;
use crate::packed;

/// What text is read from.
type Text = Box<dyn BufRead + Send>;

/// Opens a file whose columns are called `names` if it has no header line.
pub(super) fn open(path: &Path, names: &[&str]) -> Result<Opened, CatalogError> {
    let mut reader = read(path, true)?;
    let header = reader.headers().map_err(|e| CatalogError::format(path, e))?.clone();
    if header.is_empty() {
        return Err(CatalogError::format(path, "the file is empty; expected a header line"));
    }
    let nameless = header.iter().any(|name| name.parse::<f64>().is_ok());
    if nameless {
        reader = read(path, false)?;
    }
    let known = |nth: usize| names.get(nth).map_or_else(|| column_at(nth + 1), |name| (*name).to_owned());
    let named = |(nth, name): (usize, &str)| if nameless { known(nth) } else { name.to_owned() };
    let names = header.iter().enumerate().map(named);
    let fields: Vec<Field> = names.map(|name| Field::new(name, DataType::Utf8, true)).collect();
    let fields_expected = header.len();
    let start = Box::new(move |positions: &[usize], batch_rows: usize, _range: Option<TimeRange>| {
        let positions = positions.to_vec();
        let lines = Lines { reader, record: StringRecord::new(), positions, batch_rows, fields_expected };
        let batches: Batches = Box::new(lines);
        Ok((batches, 0))
    });
    Ok(Opened { schema: Schema::new(fields), metadata: None, start })
}

fn read(path: &Path, has_headers: bool) -> Result<Reader<Text>, CatalogError> {
    let mut builder = ReaderBuilder::new();
    builder.has_headers(has_headers).flexible(true).trim(Trim::All).buffer_capacity(256 * 1024);
    Ok(builder.from_reader(packed::open(path)?))
}

/// The names of the columns, and the cells of the first row, if there is one.
pub(crate) fn first_cells(path: &Path) -> Result<[Vec<String>; 2], CatalogError> {
    let refuse = |e| CatalogError::format(path, e);
    let mut reader = read(path, true)?;
    let cells = |record: &StringRecord| record.iter().map(str::to_owned).collect();
    let names = cells(reader.headers().map_err(refuse)?);
    let mut first = StringRecord::new();
    reader.read_record(&mut first).map_err(refuse)?;
    Ok([names, cells(&first)])
}

/// The name of a column of a file without a header line; the first is 1.
pub(crate) fn column_at(position: usize) -> String {
    format!("#{position}")
}

struct Lines {
    reader: Reader<Text>,
    record: StringRecord,
    positions: Vec<usize>,
    batch_rows: usize,
    fields_expected: usize,
}

impl Iterator for Lines {
    type Item = Result<Batch, String>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut columns: Vec<StringBuilder> = self.positions.iter().map(|_| StringBuilder::new()).collect();
        let mut rows = 0;
        let mut torn = Vec::new();
        while rows < self.batch_rows {
            match self.reader.read_record(&mut self.record) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return Some(Err(error.to_string())),
            }
            let is_whole = self.record.len() == self.fields_expected;
            if !is_whole {
                torn.push(Torn { row: rows, found: self.record.len(), expected: self.fields_expected });
            }
            for (column, position) in columns.iter_mut().zip(&self.positions) {
                column.append_option(self.record.get(*position).filter(|cell| is_whole && !cell.is_empty()));
            }
            rows += 1;
        }
        if rows == 0 {
            return None;
        }
        let named = self.positions.iter().map(usize::to_string);
        let arrays = columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef);
        let columns = RecordBatch::try_from_iter_with_nullable(named.zip(arrays).map(|(n, a)| (n, a, true)));
        Some(columns.map(|columns| Batch { columns, torn }).map_err(|e| e.to_string()))
    }
}
