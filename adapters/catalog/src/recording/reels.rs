//! The days of depth, of trades and of quotes of one symbol, while they are written.

use tapedeck_model::Instrument;
use tapedeck_model::event::DataIssue;

use super::RecordingCounts;
use super::tape::{CHUNK_ROWS, Fields, Tape};
use crate::error::CatalogError;
use crate::spec::{DataKind, OnError};
use crate::transaction::{ImportSummary, SeriesIx, Transaction};

/// One kind of records, and where they go.
type Reel<'a> = (Tape<'a>, SeriesIx);

/// What is written of one symbol; a kind that is not wanted is `None`.
pub(crate) struct Reels<'a> {
    on_error: OnError,
    depth: Option<Reel<'a>>,
    trades: Option<Reel<'a>>,
    quotes: Option<Reel<'a>>,
}

impl<'a> Reels<'a> {
    /// For depth, trades and quotes as `kinds` says, with `notes` for the footers.
    pub(crate) fn new(
        (instrument, fields): (&'a Instrument, Fields),
        on_error: OnError,
        transaction: &mut Transaction,
        kinds: [bool; 3],
        notes: &[(String, String)],
    ) -> Self {
        let mut reel = |kind, wanted: bool| {
            let tape = Tape::new(instrument, on_error, fields);
            wanted.then(|| (tape, transaction.series(kind, instrument, notes.to_vec())))
        };
        let [depth, trades, quotes] = kinds;
        Self {
            on_error,
            depth: reel(DataKind::Depth, depth),
            trades: reel(DataKind::Trades, trades),
            quotes: reel(DataKind::Quotes, quotes),
        }
    }

    pub(crate) fn depth(&mut self) -> Option<&mut Tape<'a>> {
        self.depth.as_mut().map(|(tape, _)| tape)
    }

    pub(crate) fn trades(&mut self) -> Option<&mut Tape<'a>> {
        self.trades.as_mut().map(|(tape, _)| tape)
    }

    pub(crate) fn quotes(&mut self) -> Option<&mut Tape<'a>> {
        self.quotes.as_mut().map(|(tape, _)| tape)
    }

    /// Counts a line that could not be used, once.
    pub(crate) fn leave_out(&mut self) {
        let issue = if self.on_error == OnError::Skip { DataIssue::SkippedRow } else { DataIssue::RepairedRow };
        if let Some((tape, _)) = self.all().next() {
            tape.count(issue);
        }
    }

    /// Hands over what is much already.
    pub(crate) fn hand_over_full(
        &mut self,
        transaction: &mut Transaction,
        stop: &dyn Fn() -> bool,
    ) -> Result<(), CatalogError> {
        self.hand_over_from(CHUNK_ROWS, transaction, stop)
    }

    /// Hands over the rest.
    pub(crate) fn hand_over(
        &mut self,
        transaction: &mut Transaction,
        stop: &dyn Fn() -> bool,
    ) -> Result<(), CatalogError> {
        self.hand_over_from(1, transaction, stop)
    }

    /// Rows of those tapes that have at least so many.
    fn hand_over_from(
        &mut self,
        rows: usize,
        transaction: &mut Transaction,
        stop: &dyn Fn() -> bool,
    ) -> Result<(), CatalogError> {
        for (tape, series) in self.all().filter(|(tape, _)| tape.rows() >= rows) {
            transaction.add(*series, &tape.take(), stop)?;
        }
        Ok(())
    }

    /// What the transaction says of depth, of trades and of quotes.
    pub(crate) fn summaries(&self, all: &[ImportSummary]) -> [Option<ImportSummary>; 3] {
        [&self.depth, &self.trades, &self.quotes].map(|reel| {
            let (tape, series) = reel.as_ref()?;
            all.get(series.index()).map(|summary| ImportSummary { issues: tape.issues(), ..summary.clone() })
        })
    }

    fn all(&mut self) -> impl Iterator<Item = &mut Reel<'a>> {
        self.depth.iter_mut().chain(&mut self.trades).chain(&mut self.quotes)
    }
}

/// The numbers of trades, which an exchange gives one after the other.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Numbers {
    last: Option<u64>,
}

impl Numbers {
    /// Whether a trade came before already; then that is counted.
    pub(crate) fn is_repeated(self, id: u64, counts: &mut RecordingCounts) -> bool {
        let is_repeated = self.last.is_some_and(|last| id <= last);
        counts.trades_repeated += u64::from(is_repeated);
        is_repeated
    }

    /// Goes on to a trade that is not repeated; the numbers passed over are counted.
    pub(crate) fn pass(&mut self, id: u64, counts: &mut RecordingCounts) {
        let next = self.last.map_or(id, |last| last.saturating_add(1));
        counts.trades_missing += id.saturating_sub(next);
        self.last = Some(id);
    }
}
