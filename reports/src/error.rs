//! What can go wrong on the way from a journal to its reports.

use std::path::PathBuf;

use thiserror::Error;

/// Why a report could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The journal could not be read.
    #[error("the journal could not be read")]
    Journal {
        /// What the reader said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file could not be written.
    #[error("could not write {}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A table could not be encoded.
    #[error("could not encode the table `{table}`")]
    Table {
        /// Which table.
        table: &'static str,
        /// What the encoder said.
        #[source]
        source: parquet::errors::ParquetError,
    },
    /// A value cannot be represented.
    #[error("record {seq}: {what} is too large")]
    Overflow {
        /// Which record.
        seq: u64,
        /// What did not fit.
        what: &'static str,
    },
    /// A record speaks of something that was never declared, or of an order that was never sent.
    #[error("record {seq}: {what} is not known")]
    Unknown {
        /// Which record.
        seq: u64,
        /// What is missing.
        what: &'static str,
    },
}

impl ReportError {
    /// Wraps whatever a source of records fails with.
    pub fn journal(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Journal { source: Box::new(source) }
    }
}
