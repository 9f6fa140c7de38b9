//! Text files of books as publishers write them, as rows of depth with flags.
//!
//! A message is the lines that share the times (and the update) that the publisher gives a message; its last row is marked.
//! A line that is a snapshot after one that is none begins with an empty book, as Tardis and Binance state of their files;
//! where each line is a whole book, each begins with an empty one. Memory holds one message more than a batch.

use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, RecordBatch, UInt8Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use csv::{Reader, ReaderBuilder, StringRecord, Trim};
use tapedeck_model::market::DepthFlags;

use super::{Batch, Batches, Opened, TimeRange, Torn};
use crate::error::CatalogError;
use crate::packed;
use crate::spec::BookForm;

/// Names of the columns that come of it, in the order of [`Text`].
const COLUMNS: [&str; 5] = ["ts", "ts_recv", "side", "px", "qty"];

/// Which columns of a file hold what.
#[derive(Debug, Clone)]
struct Places {
    /// Times: of the event, and of the receipt.
    ts: usize,
    ts_recv: Option<usize>,
    /// What lines of one message have in common.
    message: Vec<usize>,
    /// Whether a line is of a snapshot, and the word that says so; of whole books it always is.
    snapshot: Option<(usize, &'static str)>,
    /// Side (of whole books: the word itself), price and quantity of each level of a line.
    levels: Vec<(Side, usize, usize)>,
    /// Fields to a line.
    fields: usize,
}

#[derive(Debug, Clone, Copy)]
enum Side {
    At(usize),
    Is(&'static str),
}

pub(super) fn open(path: &Path, form: BookForm) -> Result<Opened, CatalogError> {
    let mut builder = ReaderBuilder::new();
    builder.has_headers(true).flexible(true).trim(Trim::All).buffer_capacity(256 * 1024);
    let mut reader = builder.from_reader(packed::open(path)?);
    let header = reader.headers().map_err(|e| CatalogError::format(path, e))?.clone();
    let places = Places::find(&header, form).map_err(|missing| {
        let problem = format!("there is no column `{missing}`, which files of this kind have");
        CatalogError::Columns { file: path.to_owned(), problem, found: header.iter().collect::<Vec<_>>().join(", ") }
    })?;
    let mut fields: Vec<Field> = COLUMNS.map(|name| Field::new(name, DataType::Utf8, true)).into();
    if places.ts_recv.is_none() {
        fields.remove(1);
    }
    fields.push(Field::new("flags", DataType::UInt8, false));
    let schema = Schema::new(fields);
    let whole = Arc::new(schema.clone());
    let start = Box::new(move |positions: &[usize], batch_rows: usize, _range: Option<TimeRange>| {
        let lines = Lines {
            reader,
            places,
            schema: whole,
            positions: positions.to_vec(),
            batch_rows,
            line: StringRecord::new(),
            text: Text::default(),
            open: None,
            in_snapshot: false,
            ended: false,
        };
        let batches: Batches = Box::new(lines);
        Ok((batches, 0))
    });
    Ok(Opened { schema, metadata: None, start })
}

impl Places {
    fn find(header: &StringRecord, form: BookForm) -> Result<Self, String> {
        let optional = |name: &str| header.iter().position(|column| column == name);
        let at = |name: &str| optional(name).ok_or_else(|| name.to_owned());
        let fields = header.len();
        match form {
            BookForm::TardisUpdates => Ok(Self {
                ts: at("timestamp")?,
                ts_recv: Some(at("local_timestamp")?),
                message: vec![at("timestamp")?, at("local_timestamp")?, at("is_snapshot")?],
                snapshot: Some((at("is_snapshot")?, "true")),
                levels: vec![(Side::At(at("side")?), at("price")?, at("amount")?)],
                fields,
            }),
            BookForm::BinanceUpdates => Ok(Self {
                ts: at("timestamp")?,
                ts_recv: None,
                message: vec![at("timestamp")?, at("last_update_id")?, at("update_type")?],
                snapshot: Some((at("update_type")?, "snap")),
                levels: vec![(Side::At(at("side")?), at("price")?, at("qty")?)],
                fields,
            }),
            BookForm::TardisBooks => {
                let side = |name: &'static str, word: &'static str, level: usize| {
                    let px = optional(&format!("{name}[{level}].price"))?;
                    Some((Side::Is(word), px, optional(&format!("{name}[{level}].amount"))?))
                };
                let of_side = |name, word| (0..).map_while(move |level| side(name, word, level));
                let levels: Vec<_> = of_side("bids", "bid").chain(of_side("asks", "ask")).collect();
                if levels.is_empty() {
                    return Err("bids[0].price".to_owned());
                }
                let (ts, ts_recv) = (at("timestamp")?, at("local_timestamp")?);
                Ok(Self { ts, ts_recv: Some(ts_recv), message: Vec::new(), snapshot: None, levels, fields })
            }
        }
    }
}

/// Rows of a batch that is being made.
#[derive(Default)]
struct Text {
    columns: [StringBuilder; 5],
    flags: Vec<u8>,
    torn: Vec<Torn>,
}

struct Lines {
    reader: Reader<Box<dyn BufRead + Send>>,
    places: Places,
    schema: SchemaRef,
    positions: Vec<usize>,
    batch_rows: usize,
    line: StringRecord,
    text: Text,
    /// What the lines of the message that is open have in common.
    open: Option<Vec<String>>,
    in_snapshot: bool,
    ended: bool,
}

impl Lines {
    /// What the line that was read has in common with others of its message; `None` if it cannot be known.
    fn message(&self) -> Option<Vec<String>> {
        let cell = |at: &usize| self.line.get(*at).unwrap_or_default().to_owned();
        (self.line.len() == self.places.fields).then(|| self.places.message.iter().map(cell).collect())
    }

    /// Whether a line that has this in common with others goes on with their message.
    fn continues(&self, message: Option<&Vec<String>>) -> bool {
        // Each line of whole books is a message of its own; one that is torn belongs to those around it.
        message.is_none_or(|message| !message.is_empty() && self.open.as_ref() == Some(message))
    }

    fn take(&mut self, message: Option<Vec<String>>) {
        let Self { places, line, text, .. } = self;
        let Some(message) = message else {
            text.torn.push(Torn { row: text.flags.len(), found: line.len(), expected: places.fields });
            text.push([None; 5], 0);
            return;
        };
        let cell = |at: usize| line.get(at).filter(|cell| !cell.is_empty());
        let is = |(at, word): (usize, &str)| cell(at).is_some_and(|found| found.eq_ignore_ascii_case(word));
        let (begins_book, in_snapshot) = match places.snapshot {
            None => (true, true),
            Some(snapshot) => (is(snapshot) && !self.in_snapshot, is(snapshot)),
        };
        let mut flags = if begins_book { DepthFlags::CLEAR.bits() } else { 0 };
        let [ts, ts_recv] = [cell(places.ts), places.ts_recv.and_then(cell)];
        let before = text.flags.len();
        for (side, px, qty) in &places.levels {
            let side = match side {
                Side::At(at) => cell(*at),
                Side::Is(word) => Some(*word),
            };
            // Books with fewer levels than others leave cells empty.
            if places.levels.len() == 1 || cell(*px).is_some() {
                text.push([ts, ts_recv, side, cell(*px), cell(*qty)], flags);
                flags = 0;
            }
        }
        if text.flags.len() == before {
            text.push([ts, ts_recv, None, None, None], flags);
        }
        self.in_snapshot = in_snapshot;
        self.open = Some(message);
    }

    fn batch(&mut self) -> Result<Batch, String> {
        let Text { mut columns, flags, torn } = std::mem::take(&mut self.text);
        let mut arrays: Vec<ArrayRef> =
            columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef).collect();
        if self.places.ts_recv.is_none() {
            arrays.remove(1);
        }
        arrays.push(Arc::new(UInt8Array::from(flags)));
        let columns = RecordBatch::try_new(Arc::clone(&self.schema), arrays).map_err(|e| e.to_string())?;
        let columns = columns.project(&self.positions).map_err(|e| e.to_string())?;
        Ok(Batch { columns, torn })
    }
}

impl Text {
    fn push(&mut self, cells: [Option<&str>; 5], flags: u8) {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            column.append_option(cell);
        }
        self.flags.push(flags);
    }

    /// Marks the last row.
    fn end_message(&mut self) {
        if let Some(flags) = self.flags.last_mut() {
            *flags |= DepthFlags::LAST.bits();
        }
    }
}

impl Iterator for Lines {
    type Item = Result<Batch, String>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            match self.reader.read_record(&mut self.line) {
                Ok(true) => {
                    let message = self.message();
                    let mut whole = None;
                    if !self.continues(message.as_ref()) {
                        self.text.end_message();
                        whole = (self.text.flags.len() >= self.batch_rows).then(|| self.batch());
                    }
                    self.take(message);
                    if whole.is_some() {
                        return whole;
                    }
                }
                Ok(false) => {
                    self.ended = true;
                    self.text.end_message();
                }
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error.to_string()));
                }
            }
        }
        (!self.text.flags.is_empty()).then(|| self.batch())
    }
}
