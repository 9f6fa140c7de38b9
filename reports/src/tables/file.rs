//! One table as a Parquet file, a row group at a time.
//!
//! Enters: rows. Leaves: a file. Pages, one for each column of a row group, are not compressed: their encodings
//! leave little to gain, and a compressor would cost more than all the rest of a table. Instants
//! have statistics, because readers filter by them; other columns have none.
//!
//! The layout follows the first rows: how prices and quantities are stored is known once the
//! instruments are.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_schema::{Field, Schema};
use parquet::arrow::{ARROW_SCHEMA_META_KEY, ArrowSchemaConverter, encode_arrow_schema};
use parquet::basic::{ColumnOrder, Compression, Encoding};
use parquet::column::page::{CompressedPage, Page as FilePage, PageWriteSpec, PageWriter as _};
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    ColumnChunkMetaData, FileMetaData, KeyValue, ParquetMetaData, ParquetMetaDataWriter, RowGroupMetaData,
};
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::{ColumnDescPtr, SchemaDescPtr};

use super::column::{Page, Run};
use super::form::{ColumnSpec, Forms};
use super::layout::Table;
use crate::error::ReportError;
use crate::names::Names;

/// The first and last bytes of a file.
const MAGIC: &[u8] = b"PAR1";

/// How the columns of a file are stored.
#[derive(Debug, Clone)]
struct Layout {
    forms: Forms,
    parquet: SchemaDescPtr,
    /// The Arrow types, as readers of Arrow expect them among the file's keys.
    arrow: String,
}

impl Layout {
    fn new(columns: &[ColumnSpec], names: &Names) -> Result<Self, ParquetError> {
        let forms = Forms::of(names.instruments());
        let field = |(name, kind, empty): &ColumnSpec| Field::new(*name, forms.data_type(*kind), *empty);
        let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
        let parquet = Arc::new(ArrowSchemaConverter::new().convert(&schema)?);
        Ok(Self { forms, parquet, arrow: encode_arrow_schema(&schema) })
    }
}

/// One table: the Parquet file and the rows that are not yet in it.
pub struct TableFile<T> {
    /// The rows that are not yet in the file.
    pub rows: T,
    path: PathBuf,
    out: TrackedWrite<File>,
    layout: Option<Layout>,
    groups: Vec<RowGroupMetaData>,
    written: i64,
}

impl<T> std::fmt::Debug for TableFile<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TableFile").field("path", &self.path).field("written", &self.written).finish_non_exhaustive()
    }
}

impl<T: Table> TableFile<T> {
    /// Creates the file in `folder`, which must exist.
    ///
    /// # Errors
    /// [`ReportError::Io`].
    pub fn create(folder: &Path) -> Result<Self, ReportError> {
        let path = folder.join(format!("{}.parquet", T::NAME));
        let create = || {
            let mut out = TrackedWrite::new(File::create(&path)?);
            out.write_all(MAGIC).map(|()| out)
        };
        let out = create().map_err(|source| ReportError::Io { path: path.clone(), source })?;
        Ok(Self { rows: T::default(), path, out, layout: None, groups: Vec::new(), written: 0 })
    }

    /// Writes the rows as a row group if there are at least `rows_min`.
    ///
    /// # Errors
    /// [`ReportError::Table`].
    #[inline]
    pub fn flush(&mut self, rows_min: usize, names: &Names) -> Result<(), ReportError> {
        if self.rows.len() < rows_min { Ok(()) } else { self.write(names).map_err(Self::failed) }
    }

    fn write(&mut self, names: &Names) -> Result<(), ParquetError> {
        let rows = self.rows.len() as i64;
        let forms = self.layout(names)?.forms;
        let pages = self.rows.take(Run { names, forms })?;
        self.write_group(rows, pages, names)
    }

    /// How the columns are stored; settled by the first call.
    fn layout(&mut self, names: &Names) -> Result<&Layout, ParquetError> {
        match &mut self.layout {
            Some(layout) => Ok(layout),
            none => Ok(none.insert(Layout::new(T::COLUMNS, names)?)),
        }
    }

    fn write_group(&mut self, rows: i64, pages: Vec<Page>, names: &Names) -> Result<(), ParquetError> {
        let parquet = self.layout(names)?.parquet.clone();
        let mut chunks = Vec::with_capacity(pages.len());
        let start = self.out.bytes_written();
        for (column, page) in parquet.columns().iter().zip(pages) {
            chunks.push(write_chunk(&mut self.out, column, rows, page)?);
        }
        let size = (self.out.bytes_written() - start) as i64;
        let group = RowGroupMetaData::builder(parquet)
            .set_num_rows(rows)
            .set_total_byte_size(size)
            .set_column_metadata(chunks)
            .set_ordinal(self.groups.len() as i32)
            .set_file_offset(start as i64);
        self.groups.push(group.build()?);
        self.written += rows;
        Ok(())
    }

    /// Writes the rows that are left and what describes the row groups, and closes the file.
    ///
    /// # Errors
    /// [`ReportError::Table`].
    pub fn close(mut self, names: &Names) -> Result<(), ReportError> {
        self.flush(1, names)?;
        self.end(names).map_err(Self::failed)
    }

    fn end(mut self, names: &Names) -> Result<(), ParquetError> {
        let Layout { parquet, arrow, .. } = self.layout(names)?.clone();
        let orders = parquet.columns().iter().map(|column| {
            ColumnOrder::column_order_for_type(
                column.logical_type_ref(),
                column.converted_type(),
                column.physical_type(),
            )
        });
        let file = FileMetaData::new(
            1,
            self.written,
            Some(concat!("tapedeck ", env!("CARGO_PKG_VERSION")).to_owned()),
            Some(vec![KeyValue::new(ARROW_SCHEMA_META_KEY.to_owned(), arrow)]),
            parquet.clone(),
            Some(orders.collect()),
        );
        let metadata = ParquetMetaData::new(file, self.groups);
        ParquetMetaDataWriter::new_with_tracked(self.out, &metadata).finish()
    }

    fn failed(source: ParquetError) -> ReportError {
        ReportError::Table { table: T::NAME, source }
    }
}

fn write_page(out: &mut TrackedWrite<File>, page: FilePage) -> Result<PageWriteSpec, ParquetError> {
    let size = page.buffer().len();
    SerializedPageWriter::new(out).write_page(CompressedPage::new(page, size))
}

fn write_chunk(
    out: &mut TrackedWrite<File>,
    column: &ColumnDescPtr,
    rows: i64,
    page: Page,
) -> Result<ColumnChunkMetaData, ParquetError> {
    let (mut size, mut dictionary_offset) = (0, None);
    let mut encodings = vec![Encoding::RLE, page.encoding];
    if let Some(dictionary) = page.dictionary {
        let spec = write_page(
            out,
            FilePage::DictionaryPage {
                buf: dictionary.bytes.into(),
                num_values: dictionary.entries as u32,
                encoding: Encoding::PLAIN,
                is_sorted: false,
            },
        )?;
        (size, dictionary_offset) = (spec.compressed_size, Some(spec.offset as i64));
        encodings.push(Encoding::PLAIN);
    }
    let spec = write_page(
        out,
        FilePage::DataPage {
            buf: page.bytes.into(),
            num_values: rows as u32,
            encoding: page.encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        },
    )?;
    size += spec.compressed_size;
    let mut chunk = ColumnChunkMetaData::builder(column.clone())
        .set_encodings(encodings)
        .set_compression(Compression::UNCOMPRESSED)
        .set_num_values(rows)
        .set_total_compressed_size(size as i64)
        .set_total_uncompressed_size(size as i64)
        .set_dictionary_page_offset(dictionary_offset)
        .set_data_page_offset(spec.offset as i64);
    if let Some((low, high)) = page.range {
        chunk = chunk.set_statistics(Statistics::int64(Some(low), Some(high), None, None, false));
    }
    chunk.build()
}
