//! Parquet files written on threads of their own.
//!
//! Enters: batches of rows. Leaves: files. A thread holds at most [`BATCHES_MAX`] batches, so a
//! slow disk slows the caller down rather than filling memory.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::error::ReportError;

/// Batches that may wait for one thread.
const BATCHES_MAX: usize = 8;

/// One Parquet file.
struct TableFile {
    table: &'static str,
    path: PathBuf,
    writer: ArrowWriter<BufWriter<File>>,
}

/// A table to be written: its name, which is the file's stem, and its columns.
pub type TableSpec = (&'static str, SchemaRef);

fn properties(schema: &SchemaRef, row_group_rows: usize) -> Result<WriterProperties, ParquetError> {
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_max_row_group_row_count(Some(row_group_rows))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_dictionary_enabled(false);
    for field in schema.fields() {
        let column = ColumnPath::from(field.name().as_str());
        match field.data_type() {
            arrow_schema::DataType::Dictionary(..) => builder = builder.set_column_dictionary_enabled(column, true),
            // Times are what readers filter by.
            arrow_schema::DataType::Timestamp(..) => {
                builder = builder.set_column_statistics_enabled(column, EnabledStatistics::Chunk);
            }
            _ => {}
        }
    }
    Ok(builder.build())
}

impl TableFile {
    fn create(folder: &Path, (table, schema): &TableSpec, row_group_rows: usize) -> Result<Self, ReportError> {
        let path = folder.join(format!("{table}.parquet"));
        let file = File::create(&path).map_err(|source| ReportError::Io { path: path.clone(), source })?;
        let failed = |source| ReportError::Table { table, source };
        let properties = properties(schema, row_group_rows).map_err(failed)?;
        let writer = ArrowWriter::try_new(BufWriter::new(file), schema.clone(), Some(properties)).map_err(failed)?;
        Ok(Self { table, path, writer })
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<(), ReportError> {
        self.writer.write(batch).map_err(|source| ReportError::Table { table: self.table, source })
    }

    fn close(self) -> Result<(), ReportError> {
        let Self { table, path, writer } = self;
        let mut file = writer.into_inner().map_err(|source| ReportError::Table { table, source })?;
        file.flush().map_err(|source| ReportError::Io { path, source })
    }
}

/// A thread that writes some tables.
#[derive(Debug)]
pub struct Sink {
    sender: Option<SyncSender<(usize, RecordBatch)>>,
    thread: Option<JoinHandle<Result<(), ReportError>>>,
}

fn write_all(files: Vec<TableFile>, batches: Receiver<(usize, RecordBatch)>) -> Result<(), ReportError> {
    let mut files = files;
    for (nth, batch) in batches {
        files.get_mut(nth).ok_or(ReportError::Thread)?.write(&batch)?;
    }
    files.into_iter().try_for_each(TableFile::close)
}

impl Sink {
    /// Creates the files and starts the thread.
    ///
    /// # Errors
    /// [`ReportError::Io`] or [`ReportError::Table`].
    pub fn start(folder: &Path, tables: &[TableSpec], row_group_rows: usize) -> Result<Self, ReportError> {
        let files: Result<Vec<TableFile>, ReportError> =
            tables.iter().map(|spec| TableFile::create(folder, spec, row_group_rows)).collect();
        let files = files?;
        let (sender, receiver) = sync_channel(BATCHES_MAX);
        let thread = std::thread::Builder::new()
            .name("tables".to_owned())
            .spawn(move || write_all(files, receiver))
            .map_err(|source| ReportError::Io { path: folder.to_owned(), source })?;
        Ok(Self { sender: Some(sender), thread: Some(thread) })
    }

    /// Hands a batch to the `nth` table.
    ///
    /// # Errors
    /// What stopped the thread, if it stopped.
    pub fn send(&mut self, nth: usize, batch: RecordBatch) -> Result<(), ReportError> {
        match self.sender.as_ref().map(|sender| sender.send((nth, batch))) {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) | None => self.join().and(Err(ReportError::Thread)),
        }
    }

    /// Ends the files and waits for the thread.
    ///
    /// # Errors
    /// What went wrong while writing.
    pub fn finish(mut self) -> Result<(), ReportError> {
        self.join()
    }

    fn join(&mut self) -> Result<(), ReportError> {
        self.sender = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) | None => Err(ReportError::Thread),
        }
    }
}

impl Drop for Sink {
    /// A run that is given up leaves no thread behind that writes into its folder.
    fn drop(&mut self) {
        if self.thread.is_some() {
            let _ = self.join();
        }
    }
}
