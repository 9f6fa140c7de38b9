//! What is wrong with market data on disk.
//!
//! Enters: a data set as [`tapedeck_catalog::FileSpec`] describes it, what is looked for, when its venue is open. Leaves:
//! a [`Report`]: each kind of finding with an exact count and the first places (file, row, time, values), and a score.
//! Invariants: rows are looked at as they stand, in one pass and bounded memory; nothing is written; equal data and
//! settings give an equal report. Deliberately absent: mending data; opinions about strategies.

#![deny(missing_docs)]
#![deny(unsafe_code)]

mod calendar;
mod compare;
mod findings;
mod kind;
mod moves;
mod report;
mod robust;
mod settings;
mod stream;
#[cfg(test)]
mod tests;
mod times;
mod values;

use tapedeck_catalog::FileSpec;
use thiserror::Error;

pub use calendar::Calendar;
pub use compare::Compared;
pub use findings::{Finding, Place};
pub use kind::{Kind, Severity};
pub use report::{Judged, Report, SpreadNs, score};
pub use settings::{Checks, Limit, Settings, SettingsError};
pub use stream::FileFacts;

use findings::Findings;
use moves::Moves;
use report::Seen;
use stream::Stream;
use times::Times;
use values::Scales;

/// Rows between two questions whether to stop.
const ROWS_TO_STOP: u64 = 16_384;

/// What is looked at, and how.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The data. The scales of its instrument say how many decimals are kept; its rules are not looked at.
    pub spec: &'a FileSpec,
    /// Step of a price in the scale of `spec`, if it is known.
    pub tick: Option<i64>,
    /// What is looked for.
    pub settings: &'a Settings,
    /// When the venue is open.
    pub calendar: &'a Calendar,
    /// Another source of the same.
    pub against: Option<&'a FileSpec>,
    /// Bars that the data should make.
    pub coarse: Option<&'a FileSpec>,
    /// Asked now and then whether to stop.
    pub stop: &'a dyn Fn() -> bool,
}

/// Why there is no report.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum QualityError {
    /// Two data sets cannot be compared.
    #[error("{problem}")]
    Mismatch {
        /// Why not.
        problem: String,
    },
    /// Whoever asked for it wanted it to stop.
    #[error("stopped")]
    Stopped,
}

/// Looks at a data set. Files that cannot be read are findings.
///
/// # Errors
/// [`QualityError`].
pub fn check(asked: &Asked<'_>) -> Result<Report, QualityError> {
    let Asked { spec, settings, .. } = asked;
    if let Some(problem) = compare::mismatch(spec, asked.against, asked.coarse) {
        return Err(QualityError::Mismatch { problem });
    }
    let mut seen = look(asked)?;
    seen.against = asked.against.map(|other| compare::against(spec, other, settings, &mut seen.findings));
    seen.coarse = asked.coarse.map(|other| compare::coarse(spec, other, settings, &mut seen.findings));
    Ok(Report::new(spec, settings, seen))
}

/// One pass over the rows.
fn look(asked: &Asked<'_>) -> Result<Seen, QualityError> {
    let Asked { spec, tick, settings, calendar, stop, .. } = asked;
    let (price, qty) = (spec.instrument.price_scale, spec.instrument.qty_scale);
    let scales = Scales { kind: spec.kind, price, qty, tick: tick.filter(|tick| *tick > 0) };
    let mut findings = Findings::new(settings.places_max);
    let mut stream = Stream::open(spec, &mut findings);
    let mut times = Times::new(spec, calendar);
    let mut moves = Moves::new(&settings.checks, scales);
    let mut range: Option<(i64, i64)> = None;
    let mut rows = 0_u64;
    while let Some(row) = stream.next(&mut findings) {
        rows += 1;
        if rows.is_multiple_of(ROWS_TO_STOP) && stop() {
            return Err(QualityError::Stopped);
        }
        if let Some(ts) = row.raw.ts {
            range = Some(range.map_or((ts, ts), |(first, last)| (first.min(ts), last.max(ts))));
        }
        values::pass(&scales, &row, &mut findings);
        if times.pass(&row, &mut findings) {
            moves.pass(&row, &mut findings);
        }
    }
    moves.finish(&mut findings);
    let (files, times) = (stream.into_files(), times.finish());
    Ok(Seen { files, range, times, findings, against: None, coarse: None })
}
