//! Recordings of Binance's streams into the catalog: depth, trades, best bids and offers.
//!
//! Enters: files whose lines are a local time in Unix nanoseconds, a space and a message as it came over
//! the wire, plain or gzip; spot, USD-M or COIN-M. Leaves: days of depth, of trades and of quotes.
//!
//! **Times.** `ts_event` is `T`, when the exchange matched; spot depth has none, so there it is `E`, when it
//! was sent. `ts_recv` is the local time. Where any message of a recording that we use was received before
//! it happened, the local clock was behind: all local times of that recording are shifted by the least
//! constant after which no feed latency is negative. A recording that follows another never begins before
//! that one ends. The shift stands in the summary and in the footers (`tapedeck.recv_shift`).
//!
//! **Sequence.** See `sync`: depth begins with the first snapshot, and holes are told. `bookTicker` of futures
//! becomes quotes in the order of its `u`; on spot it says no time, so it cannot be put in order with depth and
//! is left out. That and whatever else a recording holds is counted, as are trades that did not go through the
//! book (`X` other than `MARKET`) and whatever comes twice.
//!
//! **Against hftbacktest's converter.** The same event times, the same shift (its `base_latency` being 0),
//! the same trades. Different: it applies updates before the snapshot to an empty book and then clears each
//! side down to the snapshot's last price, so levels beyond that stay; here the book begins with the
//! snapshot. It does not look at `U`, `u` and `pu`. It writes a row twice where the orders by exchange and
//! by local time differ; here depth and trades are apart, each in one order by both times, and the merge
//! puts them in order. So of BTCUSDT on 2024-08-08 it makes 491,973 rows, and we 445,262 of depth (2,000 of
//! them the snapshot) and 21,313 of trades. A buffered update is received with the snapshot that it needed.
//!
//! Our shift also counts quotes, so it is larger where one of them had the least latency.
//!
//! Deliberately absent: several symbols in one recording; books without a snapshot.

mod lines;
mod message;
mod survey;
mod sync;
mod tape;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use tapedeck_model::event::DataIssue;
use tapedeck_model::{Instrument, Span};

use crate::error::{CatalogError, LineProblem};
use crate::spec::{DataKind, OnConflict, OnError};
use crate::transaction::{ImportSummary, SeriesIx, Transaction};
use lines::Lines;
use message::{Message, Ticker, Trade};
use survey::{Mark, STOP_LINES, Survey};
use sync::{DepthCounts, Sync};
use tape::{CHUNK_ROWS, Stamp, Tape};

/// What is imported of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Depth.
    Depth,
    /// Trades.
    Trades,
    /// Best bids and offers; of futures alone.
    Quotes,
    /// Whatever there is of them.
    All,
}

/// Recordings of one symbol, one after the other.
#[derive(Debug, Clone)]
pub struct Recording {
    /// The files in any order; they are read by their first local time.
    pub paths: Vec<PathBuf>,
    /// Whose messages they hold; its symbol is that of the messages.
    pub instrument: Instrument,
    /// What is imported.
    pub wanted: Wanted,
    /// What happens to a bad line. `Skip` and `Repair` leave it out, which makes a gap if it was an update
    /// of depth; `Repair` raises an event time that goes back to the one before.
    pub on_error: OnError,
}

/// What was imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingSummary {
    /// The recordings in the order of time.
    pub files: Vec<RecordingFile>,
    /// Depth, if it was wanted and there is any.
    pub depth: Option<ImportSummary>,
    /// Trades, if they were wanted and there are any.
    pub trades: Option<ImportSummary>,
    /// Best bids and offers, if they were wanted and there are any.
    pub quotes: Option<ImportSummary>,
    /// What became of the messages.
    pub counts: RecordingCounts,
}

/// One recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingFile {
    /// The file.
    pub path: PathBuf,
    /// Its lines.
    pub lines: u64,
    /// What was added to its local times; zero if no feed latency is negative.
    pub recv_shift: Span,
}

/// What became of the messages that were wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecordingCounts {
    /// Updates of depth that were applied.
    pub updates: u64,
    /// Updates that a snapshot held already.
    pub updates_before_snapshot: u64,
    /// Updates that came twice.
    pub updates_repeated: u64,
    /// Updates after which no snapshot came, so that they change nothing that is known.
    pub updates_without_snapshot: u64,
    /// Places where updates are missing.
    pub gaps: u64,
    /// Snapshots that a book begins with.
    pub snapshots: u64,
    /// Snapshots of a book that was whole.
    pub snapshots_unused: u64,
    /// Trades that came twice.
    pub trades_repeated: u64,
    /// Trades whose numbers were passed over.
    pub trades_missing: u64,
    /// Trades that did not go through the book.
    pub trades_off_market: u64,
    /// Best bids and offers that came twice, or after a later one.
    pub quotes_repeated: u64,
    /// Lines with something else.
    pub other: u64,
}

/// Copies recordings into the catalog at `root`. `stop` is asked every few thousand lines; when it says so,
/// the catalog is as it was.
///
/// # Errors
/// [`CatalogError`] for what is wrong with the recordings, with file and line; [`CatalogError::Conflict`] if
/// the catalog has other records of an instant, [`CatalogError::Locked`] if somebody else is writing,
/// [`CatalogError::Stopped`]. The catalog is then as it was.
pub fn import_recording(
    recording: &Recording,
    root: &Path,
    on_conflict: OnConflict,
    stop: &dyn Fn() -> bool,
) -> Result<RecordingSummary, CatalogError> {
    let surveys = surveys(recording, stop)?;
    let kinds = kinds(recording, &surveys)?;
    let mut import = Import::new(recording, Transaction::open(root, on_conflict)?, &surveys, kinds);
    let mut passed = 0;
    for survey in &surveys {
        import.play(survey, passed, stop)?;
        passed += survey.lines;
    }
    import.finish(&surveys, stop)
}

fn surveys(recording: &Recording, stop: &dyn Fn() -> bool) -> Result<Vec<Survey>, CatalogError> {
    let symbol = &recording.instrument.id.symbol;
    let take = |path: &PathBuf| Survey::take(path, symbol, recording.on_error, stop);
    let mut surveys = recording.paths.iter().map(take).collect::<Result<Vec<Survey>, CatalogError>>()?;
    surveys.sort_by_key(|survey| survey.first_local);
    Ok(surveys)
}

/// Whether depth, trades and quotes are to be written.
fn kinds(recording: &Recording, surveys: &[Survey]) -> Result<[bool; 3], CatalogError> {
    let refuse = |problem: &str| {
        let name = recording.instrument.id.to_string();
        Err(CatalogError::Spec { name, problem: problem.to_owned() })
    };
    let wants = |kind| recording.wanted == kind || recording.wanted == Wanted::All;
    let depth = wants(Wanted::Depth) && surveys.iter().any(|survey| survey.updates > 0);
    let trades = wants(Wanted::Trades) && surveys.iter().any(|survey| survey.trades > 0);
    let quotes = wants(Wanted::Quotes) && surveys.iter().any(|survey| survey.tickers > 0);
    if depth && surveys.iter().all(|survey| survey.snapshots.is_empty()) {
        return refuse(
            "the recording has updates of depth but no snapshot, so no book begins; import its trades alone (kind trades)",
        );
    }
    if !depth && !trades && !quotes {
        return refuse("the recording has no messages of the kind that is wanted");
    }
    Ok([depth, trades, quotes])
}

/// An import on its way.
struct Import<'a> {
    symbol: &'a str,
    on_error: OnError,
    sync: Sync,
    transaction: Transaction,
    depth: Option<(Tape<'a>, SeriesIx)>,
    trades: Option<(Tape<'a>, SeriesIx)>,
    quotes: Option<(Tape<'a>, SeriesIx)>,
    last_trade: Option<u64>,
    last_quote: Option<u64>,
    counts: RecordingCounts,
}

impl<'a> Import<'a> {
    fn new(recording: &'a Recording, mut transaction: Transaction, surveys: &[Survey], kinds: [bool; 3]) -> Self {
        let instrument = &recording.instrument;
        let shifts: Vec<String> = surveys
            .iter()
            .map(|survey| {
                let name = survey.path.file_name().unwrap_or_default().to_string_lossy();
                format!("{name} {}ns", survey.recv_shift)
            })
            .collect();
        let notes = vec![("recv_shift".to_owned(), shifts.join(", "))];
        let mut target = |kind, wanted: bool| {
            let tape = Tape::new(instrument, recording.on_error);
            wanted.then(|| (tape, transaction.series(kind, instrument, notes.clone())))
        };
        let [depth, trades, quotes] = kinds;
        let depth = target(DataKind::Depth, depth);
        let trades = target(DataKind::Trades, trades);
        let quotes = target(DataKind::Quotes, quotes);
        Self {
            symbol: &instrument.id.symbol,
            on_error: recording.on_error,
            sync: Sync::new(marks(surveys)),
            transaction,
            depth,
            trades,
            quotes,
            last_trade: None,
            last_quote: None,
            counts: RecordingCounts::default(),
        }
    }

    /// Reads a recording after `passed` lines of others.
    fn play(&mut self, survey: &Survey, passed: u64, stop: &dyn Fn() -> bool) -> Result<(), CatalogError> {
        let mut lines = Lines::open(&survey.path)?;
        let path = lines.path().to_owned();
        while let Some((line, outcome)) = lines.next(self.symbol) {
            if line % STOP_LINES == 0 && stop() {
                return Err(CatalogError::Stopped);
            }
            let outcome = outcome.and_then(|(local, message)| {
                self.take(passed + line, local.saturating_add(survey.recv_shift), &message)
            });
            match outcome {
                Err(problem) if self.on_error == OnError::Fail => return Err(Lines::refuse(&path, line, problem)),
                Err(_) => self.leave_out(),
                Ok(()) => {}
            }
            self.hand_over(CHUNK_ROWS, stop)?;
        }
        self.hand_over(1, stop)
    }

    /// Rows of those tapes that have at least so many into the catalog.
    fn hand_over(&mut self, rows: usize, stop: &dyn Fn() -> bool) -> Result<(), CatalogError> {
        for (tape, series) in self.depth.iter_mut().chain(&mut self.trades).chain(&mut self.quotes) {
            if tape.rows() >= rows {
                self.transaction.add(*series, &tape.take(), stop)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, line: u64, ts_recv: i64, message: &Message<'_>) -> Result<(), LineProblem> {
        match (message, &mut self.depth) {
            (Message::Update(update), Some((tape, _))) => self.sync.update(line, ts_recv, update, tape)?,
            (Message::Snapshot(snapshot), Some((tape, _))) => self.sync.snapshot(line, ts_recv, snapshot, tape)?,
            (Message::Trade(trade), _) => self.trade(ts_recv, trade)?,
            (Message::Ticker(ticker), _) => self.quote(ts_recv, ticker)?,
            (Message::Other, _) => self.counts.other += 1,
            (Message::Update(_) | Message::Snapshot(_), None) => {}
        }
        Ok(())
    }

    fn trade(&mut self, ts_recv: i64, trade: &Trade<'_>) -> Result<(), LineProblem> {
        let Some((tape, _)) = &mut self.trades else { return Ok(()) };
        if self.last_trade.is_some_and(|last| trade.id <= last) {
            self.counts.trades_repeated += 1;
            return Ok(());
        }
        if trade.is_of_market() {
            let ts_event = tape.in_order(trade.ts_event()?)?;
            tape.trade(Stamp { ts_event, ts_recv }, trade)?;
        } else {
            self.counts.trades_off_market += 1;
        }
        let next = self.last_trade.map_or(trade.id, |last| last.saturating_add(1));
        self.counts.trades_missing += trade.id - next;
        self.last_trade = Some(trade.id);
        Ok(())
    }

    fn quote(&mut self, ts_recv: i64, ticker: &Ticker<'_>) -> Result<(), LineProblem> {
        let Some((tape, _)) = &mut self.quotes else { return Ok(()) };
        if self.last_quote.is_some_and(|last| ticker.last <= last) {
            self.counts.quotes_repeated += 1;
            return Ok(());
        }
        let ts_event = tape.in_order(ticker.ts_event()?)?;
        tape.ticker(Stamp { ts_event, ts_recv }, ticker)?;
        self.last_quote = Some(ticker.last);
        Ok(())
    }

    /// Counts a line that could not be used, once.
    fn leave_out(&mut self) {
        let issue = if self.on_error == OnError::Skip { DataIssue::SkippedRow } else { DataIssue::RepairedRow };
        if let Some((tape, _)) = self.depth.as_mut().or(self.trades.as_mut()).or(self.quotes.as_mut()) {
            tape.count(issue);
        }
    }

    fn finish(self, surveys: &[Survey], stop: &dyn Fn() -> bool) -> Result<RecordingSummary, CatalogError> {
        let DepthCounts { applied, before_snapshot, repeated, without_snapshot, gaps, snapshots, snapshots_unused } =
            self.sync.counts();
        let counts = RecordingCounts {
            updates: applied,
            updates_before_snapshot: before_snapshot,
            updates_repeated: repeated,
            updates_without_snapshot: without_snapshot,
            gaps,
            snapshots,
            snapshots_unused,
            ..self.counts
        };
        let file = |survey: &Survey| RecordingFile {
            path: survey.path.clone(),
            lines: survey.lines,
            recv_shift: Span::from_nanos(survey.recv_shift),
        };
        let files = surveys.iter().map(file).collect();
        let mut summaries = self.transaction.finish(stop)?.into_iter();
        // Series were begun in this order, those that are wanted.
        let mut end = |target: Option<(Tape<'a>, SeriesIx)>| {
            target.and_then(|(tape, _)| summaries.next().map(|s| ImportSummary { issues: tape.issues(), ..s }))
        };
        let [depth, trades, quotes] = [end(self.depth), end(self.trades), end(self.quotes)];
        Ok(RecordingSummary { files, depth, trades, quotes, counts })
    }
}

/// The snapshots of all recordings, by lines counted from the first one's first.
fn marks(surveys: &[Survey]) -> VecDeque<Mark> {
    let mut passed = 0;
    let mut marks = VecDeque::new();
    for survey in surveys {
        marks.extend(survey.snapshots.iter().map(|mark| Mark { line: passed + mark.line, ..*mark }));
        passed += survey.lines;
    }
    marks
}
