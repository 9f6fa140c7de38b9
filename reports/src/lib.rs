//! Folds of the journal into tables, metrics, pages and answers.
//!
//! Enters: records of a journal, one after the other: from [`records`] or as a run makes them.
//! Leaves: Parquet tables and [`RunFacts`] ([`TableWriter`], [`write_tables`]), figures
//! ([`Metrics`]), a page ([`render_page`]), a [`summary`], the state at any point ([`replay`]), the
//! first difference of two runs ([`diff`]) and the story of an order ([`why`]).
//!
//! Invariants: every fold is one pass in bounded memory; nothing here knows how a run was made.
//! Deliberately absent: the kernel, market data, clocks.

#![deny(missing_docs)]
#![deny(unsafe_code)]

mod audit;
mod book;
mod describe;
mod diff;
mod error;
mod facts;
#[cfg(test)]
mod fixture;
mod html;
mod metrics;
mod names;
mod orders;
mod returns;
mod series;
mod summary;
mod tables;
mod text;
mod trips;
mod variants;
mod why;

use std::io::Read;

use tapedeck_journal::{JournalError, Reader};
use tapedeck_model::Record;

pub use audit::Audit;
pub use book::{Book, Replay, replay};
pub use describe::{Describer, describe};
pub use diff::{Branch, Diff, Outcome, diff};
pub use error::ReportError;
pub use facts::{Counts, FillMark, Gatherer, RunFacts, TRIPS_SHOWN, TripStats, TripsShown};
pub use html::{PageInput, PriceSeries, escape, plain_page, render_page};
pub use metrics::Metrics;
pub use names::Names;
pub use orders::{OrderState, Orders};
pub use returns::{ReturnSampler, ReturnStats};
pub use series::{Bucket, Series, Thinned};
pub use summary::{Figure, costs, figures, summary};
pub use tables::{FilledTables, TABLES, TableOptions, TableWriter, write_tables};
pub use trips::{DECIMALS, RoundTrip, TripBook, average_px_e18};
pub use variants::{VariantRow, Variants};
pub use why::{Chain, why};

/// The records of a journal, until its end or the first thing wrong with it.
pub fn records<R: Read>(reader: Reader<R>) -> impl Iterator<Item = Result<Record, JournalError>> {
    let mut reader = Some(reader);
    std::iter::from_fn(move || {
        let next = reader.as_mut()?.next_record().transpose();
        if !matches!(next, Some(Ok(_))) {
            reader = None;
        }
        next
    })
}
