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

mod message;
mod sync;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use tapedeck_model::{Instrument, Span};

use crate::error::{CatalogError, LineProblem};
use crate::recording::{
    Fields, Lines, Mark, Numbers, RecordingCounts, RecordingFile, Reels, STOP_LINES, Stamp, Survey, Wanted, kinds,
};
use crate::spec::{OnConflict, OnError};
use crate::transaction::{ImportSummary, Transaction};
pub(crate) use message::{Message, TradeStream, message};
use message::{Ticker, Trade, parse};
use sync::{DepthCounts, Sync};

/// How Binance calls prices and quantities.
pub(crate) const FIELDS: Fields = Fields { bid: ["b", "B"], ask: ["a", "A"], trade: ["p", "q"] };

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
    let files = files(recording, stop)?;
    let surveys: Vec<&Survey> = files.iter().map(|file| &file.survey).collect();
    let kinds = kinds(&recording.instrument.id.to_string(), recording.wanted, &surveys)?;
    let shifts: Vec<String> = files.iter().map(File::shift).collect();
    let notes = [("recv_shift".to_owned(), shifts.join(", "))];
    let mut transaction = Transaction::open(root, on_conflict)?;
    let described = (&recording.instrument, FIELDS);
    let reels = Reels::new(described, recording.on_error, &mut transaction, kinds, &notes);
    let mut import = Import::new(reels, marks(&files));
    let mut passed = 0;
    for file in &files {
        play(recording, (file, passed), &mut import, &mut transaction, stop)?;
        passed += file.lines;
    }
    let [depth, trades, quotes] = import.reels.summaries(&transaction.finish(stop)?);
    let counts = import.counts();
    let told = |file: File| RecordingFile {
        recv_shift: Span::from_nanos(file.survey.recv_shift),
        path: file.path,
        lines: file.lines,
    };
    Ok(RecordingSummary { files: files.into_iter().map(told).collect(), depth, trades, quotes, counts })
}

/// A recording after the first look at it.
struct File {
    path: PathBuf,
    /// Lines, blank ones included.
    lines: u64,
    survey: Survey,
}

impl File {
    fn take(recording: &Recording, path: &Path, stop: &dyn Fn() -> bool) -> Result<Self, CatalogError> {
        let symbol = &recording.instrument.id.symbol;
        let mut lines = Lines::open(path)?;
        let mut survey = Survey::new();
        while let Some((line, outcome)) = lines.next(|text| parse(text, symbol)) {
            if line % STOP_LINES == 0 && stop() {
                return Err(CatalogError::Stopped);
            }
            let noted = outcome.and_then(|(local, message)| {
                survey.note(line, local, message.ts_event()?, message.sight());
                Ok(())
            });
            match noted {
                Err(problem) if recording.on_error == OnError::Fail => return Err(Lines::refuse(path, line, problem)),
                // The second look counts what is left out.
                Ok(()) | Err(_) => {}
            }
        }
        Ok(Self { path: path.to_owned(), lines: lines.number(), survey })
    }

    /// Its name, and what was added to its local times.
    fn shift(&self) -> String {
        format!("{} {}ns", self.path.file_name().unwrap_or_default().to_string_lossy(), self.survey.recv_shift)
    }
}

/// The recordings in the order of time.
fn files(recording: &Recording, stop: &dyn Fn() -> bool) -> Result<Vec<File>, CatalogError> {
    let take = |path: &PathBuf| File::take(recording, path, stop);
    let mut files = recording.paths.iter().map(take).collect::<Result<Vec<File>, CatalogError>>()?;
    files.sort_by_key(|file| file.survey.first_local);
    Ok(files)
}

/// Reads a recording after `passed` lines of others.
fn play(
    recording: &Recording,
    (file, passed): (&File, u64),
    import: &mut Import<'_>,
    transaction: &mut Transaction,
    stop: &dyn Fn() -> bool,
) -> Result<(), CatalogError> {
    let symbol = &recording.instrument.id.symbol;
    let mut lines = Lines::open(&file.path)?;
    while let Some((line, outcome)) = lines.next(|text| parse(text, symbol)) {
        if line % STOP_LINES == 0 && stop() {
            return Err(CatalogError::Stopped);
        }
        let outcome = outcome.and_then(|(local, message)| {
            import.take(passed + line, local.saturating_add(file.survey.recv_shift), &message)
        });
        match outcome {
            Err(problem) if recording.on_error == OnError::Fail => {
                return Err(Lines::refuse(&file.path, line, problem));
            }
            Err(_) => import.reels.leave_out(),
            Ok(()) => {}
        }
        import.reels.hand_over_full(transaction, stop)?;
    }
    import.reels.hand_over(transaction, stop)
}

/// One symbol on its way into the catalog.
pub(crate) struct Import<'a> {
    pub(crate) reels: Reels<'a>,
    sync: Sync,
    trades: Numbers,
    last_quote: Option<u64>,
    counts: RecordingCounts,
}

impl<'a> Import<'a> {
    /// For messages among which these snapshots will come.
    pub(crate) fn new(reels: Reels<'a>, marks: VecDeque<Mark>) -> Self {
        let counts = RecordingCounts::default();
        Self { reels, sync: Sync::new(marks), trades: Numbers::default(), last_quote: None, counts }
    }

    /// Takes a message; one that cannot be used changes nothing. Lines are counted over all files.
    pub(crate) fn take(&mut self, line: u64, ts_recv: i64, message: &Message<'_>) -> Result<(), LineProblem> {
        match (message, self.reels.depth()) {
            (Message::Update(update), Some(tape)) => self.sync.update(line, ts_recv, update, tape)?,
            (Message::Snapshot(snapshot), Some(tape)) => self.sync.snapshot(line, ts_recv, snapshot, tape)?,
            (Message::Trade(trade), _) => self.trade(ts_recv, trade)?,
            (Message::Ticker(ticker), _) => self.quote(ts_recv, ticker)?,
            (Message::Other, _) => self.counts.other += 1,
            (Message::Update(_) | Message::Snapshot(_), None) => {}
        }
        Ok(())
    }

    fn trade(&mut self, ts_recv: i64, trade: &Trade<'_>) -> Result<(), LineProblem> {
        let Some(tape) = self.reels.trades() else { return Ok(()) };
        if self.trades.is_repeated(trade.id, &mut self.counts) {
            return Ok(());
        }
        if trade.is_of_market() {
            let ts_event = tape.in_order(trade.ts_event()?)?;
            let level = tape.trade([trade.px, trade.qty], trade.buyer_made)?;
            tape.push(Stamp { ts_event, ts_recv }, level);
        } else {
            self.counts.trades_off_market += 1;
        }
        self.trades.pass(trade.id, &mut self.counts);
        Ok(())
    }

    fn quote(&mut self, ts_recv: i64, ticker: &Ticker<'_>) -> Result<(), LineProblem> {
        let Some(tape) = self.reels.quotes() else { return Ok(()) };
        if self.last_quote.is_some_and(|last| ticker.last <= last) {
            self.counts.quotes_repeated += 1;
            return Ok(());
        }
        let ts_event = tape.in_order(ticker.ts_event()?)?;
        tape.ticker(Stamp { ts_event, ts_recv }, [ticker.bid_px, ticker.bid_qty], [ticker.ask_px, ticker.ask_qty])?;
        self.last_quote = Some(ticker.last);
        Ok(())
    }

    /// What became of the messages.
    pub(crate) fn counts(&self) -> RecordingCounts {
        let DepthCounts { applied, before_snapshot, repeated, without_snapshot, gaps, snapshots, snapshots_unused } =
            self.sync.counts();
        RecordingCounts {
            updates: applied,
            updates_before_snapshot: before_snapshot,
            updates_repeated: repeated,
            updates_without_snapshot: without_snapshot,
            gaps,
            snapshots,
            snapshots_unused,
            ..self.counts
        }
    }
}

/// The snapshots of all recordings, by lines counted from the first one's first.
fn marks(files: &[File]) -> VecDeque<Mark> {
    let mut passed = 0;
    let mut marks = VecDeque::new();
    for file in files {
        marks.extend(file.survey.snapshots.iter().map(|mark| Mark { line: passed + mark.line, ..*mark }));
        passed += file.lines;
    }
    marks
}
