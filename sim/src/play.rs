//! Plays a scenario into a folder: kernel on this thread, journal and tables on another.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use tapedeck_kernel::drive::{RunSummary, SimDriver};
use tapedeck_kernel::spec::RunError;
use tapedeck_kernel::venue::VenueError;
use tapedeck_model::Span;
use tapedeck_reports::{FilledTables, TableOptions};

use crate::assemble::{PriceTaps, assemble};
use crate::failure::Failure;
use crate::journal_writer::{self, Written};
use crate::progress::Progress;
use crate::registry::Registry;
use crate::scenario::Scenario;

/// What came of a run.
pub struct Played {
    /// What the kernel counted.
    pub summary: RunSummary,
    /// The journal and what was gathered from it.
    pub written: Written,
    /// Prices as they went by.
    pub prices: PriceTaps,
    /// Recordings of latency that were read, with their hashes.
    pub recordings: Vec<(String, [u8; 32])>,
    /// Stored results of checks of what was read from catalogs.
    pub quality: Vec<serde_json::Value>,
    /// From the first record to the last row of a table.
    pub elapsed: Duration,
}

/// Where and how a scenario is played.
pub struct Stage<'a> {
    /// The components.
    pub registry: &'a Registry,
    /// What paths are relative to.
    pub base_dir: &'a Path,
    /// Where the journal and the tables go.
    pub folder: &'a Path,
    /// Set by Ctrl-C.
    pub stop: &'a AtomicBool,
    /// Whether a person watches.
    pub progress: Progress,
}

/// Plays a scenario. The tables have all their rows, but are still to be closed.
///
/// # Errors
/// [`Failure`]: problems of the scenario or the data, an interruption, a full disk.
pub fn play(scenario: &Scenario, stage: &Stage<'_>) -> Result<(Played, FilledTables), Failure> {
    let assembled = assemble(scenario, stage.registry, stage.base_dir)?;
    let started = Instant::now();
    let driver = SimDriver::new(assembled.spec).map_err(run_failure)?;
    let returns_interval = scenario.report.own.params.span("returns_interval").unwrap_or(Span::DAY);
    let options = TableOptions { returns_interval, ..TableOptions::default() };
    let (mut sink, queue) = journal_writer::channel(stage.stop);
    let (summary, written) = std::thread::scope(|scope| {
        let writer = scope.spawn(|| journal_writer::write_all(queue, stage.folder, options));
        let shown = stage.progress.show(scope, &assembled.meter);
        let summary = driver.run(&mut sink, stage.stop);
        drop(shown);
        // Hanging up ends the writer.
        drop(sink);
        (summary, writer.join())
    });
    let written = written.map_err(|_| Failure::internal("the journal's writer panicked"))?;
    // A writer that failed is why the run was stopped, so it is asked first.
    let (written, tables) = written.map_err(Failure::internal)?;
    let summary = summary.map_err(run_failure)?;
    let played = Played {
        summary,
        written,
        prices: assembled.prices,
        recordings: assembled.recordings,
        quality: assembled.quality,
        elapsed: started.elapsed(),
    };
    Ok((played, tables))
}

/// Whose fault it is that a run ended early.
pub fn run_failure(error: RunError) -> Failure {
    match error {
        RunError::Stopped => Failure::Interrupted,
        RunError::Source(_) | RunError::Spec { .. } | RunError::Venue(VenueError::Fraction { .. }) => {
            Failure::input(error.to_string())
        }
        error => Failure::internal(error),
    }
}
