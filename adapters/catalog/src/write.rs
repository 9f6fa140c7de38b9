//! Records onto disk: one Parquet file, complete or not there at all.
//!
//! Enters: chunks. Leaves: a file under its name, once it is whole; until then it has a hidden name
//! beside it that no reader looks at, and goes away when writing fails. Invariants: memory holds one
//! row group; the hash of the rows does not depend on the sizes of the chunks.

mod columns;
mod content;
#[cfg(test)]
pub(crate) mod tests;

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use tapedeck_model::market::Chunk;
use tapedeck_model::{Instrument, InstrumentIx, Source, Ts};
use tempfile::NamedTempFile;

use crate::error::CatalogError;
use crate::footer::{CONTENT_KEY, SCHEMA_KEY, SCHEMA_VERSION};
use crate::spec::DataKind;
use columns::Shape;
use content::ContentHash;

/// Rows to a row group.
pub(crate) const GROUP_ROWS: usize = 128 * 1024;
/// Zstandard's level.
const COMPRESSION_LEVEL: i32 = 3;

/// How the columns of a file are typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FileLayout {
    /// Times as nanoseconds in UTC, named `ts` (open time of bars) or `ts_event` (ticks); prices and
    /// quantities as exact decimals.
    #[default]
    Catalog,
    /// The same with times named `ts` and 64-bit floats in place of decimals, for other programs.
    Float,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteSummary {
    /// Records, at least one.
    pub rows: u64,
    /// Time of the first record; open time of a bar.
    pub first: Ts,
    /// Time of the last record; open time of a bar.
    pub last: Ts,
    /// Size of the file.
    pub bytes: u64,
    /// BLAKE3 of the records, which also stands in the footer in hexadecimal digits.
    pub content_hash: [u8; 32],
}

/// Writes everything that `source` gives into one Parquet file at `target`, which it replaces if it
/// is there. Folders on the way are made. A column `ts_recv` is written if the source has receive
/// times of its own.
///
/// # Errors
/// [`CatalogError`] if the source fails, has no records or others than `kind`, if a number does not
/// fit the layout, or what the system refuses. `target` is then as it was.
pub fn write_source(
    source: &mut dyn Source,
    instrument: &Instrument,
    kind: DataKind,
    target: &Path,
    layout: FileLayout,
) -> Result<WriteSummary, CatalogError> {
    let mut writer: Option<FileWriter> = None;
    let mut chunk = Chunk::new(InstrumentIx(0));
    while source.next_chunk(&mut chunk)? {
        if chunk.is_empty() {
            continue;
        }
        let open = match writer.take() {
            Some(open) => open,
            None => FileWriter::create(target, Shape::new(instrument, kind, layout, &chunk))?,
        };
        writer.insert(open).write(&chunk, 0..chunk.len())?;
    }
    let Some(writer) = writer else {
        let problem = "there are no records, so nothing was written".to_owned();
        return Err(CatalogError::Spec { name: instrument.id.to_string(), problem });
    };
    writer.finish()?.replace().map(|(_, summary)| summary)
}

/// A file being written under a hidden name.
pub(crate) struct FileWriter {
    target: PathBuf,
    /// What messages call it.
    shown: PathBuf,
    shape: Shape,
    arrow: ArrowWriter<NamedTempFile<File>>,
    content: ContentHash,
    rows: u64,
    range: Option<(i64, i64)>,
}

impl FileWriter {
    /// Begins the file that shall become `target`, in the layout of the catalog, for records as in
    /// `chunk`; messages name `shown` instead.
    pub(crate) fn for_catalog(
        (target, shown): (&Path, &Path),
        instrument: &Instrument,
        kind: DataKind,
        chunk: &Chunk,
    ) -> Result<Self, CatalogError> {
        let writer = Self::create(target, Shape::new(instrument, kind, FileLayout::Catalog, chunk))?;
        Ok(Self { shown: shown.to_owned(), ..writer })
    }

    /// Adds facts to the footer, which change nothing of the rows and of their hash.
    pub(crate) fn note(&mut self, facts: &[(String, String)]) {
        for (key, value) in facts {
            self.arrow.append_key_value_metadata(KeyValue::new(format!("tapedeck.{key}"), value.clone()));
        }
    }

    fn create(target: &Path, shape: Shape) -> Result<Self, CatalogError> {
        let refuse = |e| CatalogError::io(target, e);
        let name = target.file_name().ok_or_else(|| CatalogError::format(target, "it names no file"))?;
        let folder = match target.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        std::fs::create_dir_all(folder).map_err(refuse)?;
        // Opened by hand: the file keeps the permissions that the user's files have.
        let temporary = tempfile::Builder::new()
            .prefix(&format!(".{}.", name.to_string_lossy()))
            .suffix(".unfinished")
            .make_in(folder, |path| File::options().write(true).create_new(true).open(path))
            .map_err(refuse)?;
        let properties = properties(&shape);
        let arrow = ArrowWriter::try_new(temporary, Arc::new(shape.schema()), Some(properties))
            .map_err(|e| parquet_error(target, e))?;
        let content = ContentHash::new(&shape);
        Ok(Self { target: target.to_owned(), shown: target.to_owned(), shape, arrow, content, rows: 0, range: None })
    }

    /// Adds some rows of a chunk.
    pub(crate) fn write(&mut self, chunk: &Chunk, rows: Range<usize>) -> Result<(), CatalogError> {
        let refuse = |problem: String| CatalogError::format(&self.shown, problem);
        let slices = self.shape.slices(chunk, rows).map_err(refuse)?;
        let (Some(first), Some(last)) = (slices.ts.first(), slices.ts.last()) else { return Ok(()) };
        self.range = Some((self.range.map_or(*first, |(first, _)| first), *last));
        self.rows += slices.ts.len() as u64;
        self.content.update(&slices);
        let batch = self.shape.batch(slices).map_err(refuse)?;
        self.arrow.write(&batch).map_err(|e| parquet_error(&self.shown, e))
    }

    /// Ends the file, which keeps its hidden name until it is published.
    ///
    /// # Panics
    /// If nothing was written: who begins a file has a row for it.
    pub(crate) fn finish(mut self) -> Result<Finished, CatalogError> {
        let range = self.range;
        assert!(range.is_some(), "a file that was begun has rows");
        let (first, last) = range.unwrap_or_default();
        let content_hash = self.content.finish();
        let text = blake3::Hash::from_bytes(content_hash).to_hex().to_string();
        self.arrow.append_key_value_metadata(KeyValue::new(CONTENT_KEY.to_owned(), text));
        let file = self.arrow.into_inner().map_err(|e| parquet_error(&self.shown, e))?;
        let bytes = file.as_file().sync_all().and_then(|()| file.as_file().metadata());
        let bytes = bytes.map_err(|e| CatalogError::io(&self.shown, e))?.len();
        let (first, last) = (Ts::from_nanos(first), Ts::from_nanos(last));
        let summary = WriteSummary { rows: self.rows, first, last, bytes, content_hash };
        Ok(Finished { file, target: self.target, summary })
    }
}

/// A whole file under its hidden name; goes away unless it is published.
pub(crate) struct Finished {
    file: NamedTempFile<File>,
    target: PathBuf,
    summary: WriteSummary,
}

impl Finished {
    /// BLAKE3 of the records.
    pub(crate) fn content_hash(&self) -> [u8; 32] {
        self.summary.content_hash
    }

    /// Gives the file its name; one that is there already goes away.
    pub(crate) fn replace(self) -> Result<(PathBuf, WriteSummary), CatalogError> {
        self.file.persist(&self.target).map_err(|e| CatalogError::io(&self.target, e.error))?;
        Ok((self.target, self.summary))
    }
}

fn properties(shape: &Shape) -> WriterProperties {
    let level = ZstdLevel::try_new(COMPRESSION_LEVEL).unwrap_or_default();
    let mut pairs = vec![KeyValue::new(SCHEMA_KEY.to_owned(), SCHEMA_VERSION.to_owned())];
    pairs.extend(shape.facts().into_iter().map(|(key, value)| KeyValue::new(format!("tapedeck.{key}"), value)));
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_key_value_metadata(Some(pairs))
        .build()
}

fn parquet_error(target: &Path, error: ParquetError) -> CatalogError {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(source) => CatalogError::io(target, *source),
            Err(source) => CatalogError::format(target, source),
        },
        other => CatalogError::format(target, other),
    }
}
