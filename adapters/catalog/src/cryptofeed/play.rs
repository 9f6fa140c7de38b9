//! The second look at a session: its messages into the catalog.

use std::collections::{BTreeMap, VecDeque};

use tapedeck_model::{Instrument, Span};

use super::checked::Checked;
use super::follow::{Follow, Receipt};
use super::lines::{Line, Merged};
use super::{Exchange, Said, Seen, Session, SessionFeed, SessionSummary, WrongChecksum, said};
use crate::binance::Import;
use crate::error::{CatalogError, LineProblem};
use crate::recording::{Lines, RecordingCounts, RecordingFile, Reels, STOP_LINES, Wanted, kinds};
use crate::spec::OnError;
use crate::transaction::{ImportSummary, Transaction};

/// Lines between two looks at what is to be written.
const WRITE_LINES: u64 = 256;
/// Places of wrong checksums that are named.
const NAMED_MAX: usize = 16;

/// One symbol on its way into the catalog.
enum Feed<'a> {
    /// Updates bear numbers.
    Numbered(Box<Import<'a>>),
    /// They do not.
    Followed(Box<Follow<'a>>),
}

/// A session on its way into the catalog.
struct Play<'a> {
    session: &'a Session,
    /// By symbol.
    feeds: BTreeMap<&'a str, (&'a Instrument, Feed<'a>)>,
    wrong_checksums: Vec<WrongChecksum>,
    left_out: u64,
    other: u64,
}

pub(super) fn import(
    session: &Session,
    (instruments, wanted): (&[Instrument], Wanted),
    mut transaction: Transaction,
    stop: &dyn Fn() -> bool,
) -> Result<SessionSummary, CatalogError> {
    let mut feeds = BTreeMap::new();
    for instrument in instruments {
        let symbol = instrument.id.symbol.as_str();
        let seen = session.symbols.get(symbol).ok_or_else(|| unknown(session, symbol))?;
        feeds.insert(symbol, (instrument, feed(session, (instrument, seen), wanted, &mut transaction)?));
    }
    let mut play = Play { session, feeds, wrong_checksums: Vec::new(), left_out: 0, other: 0 };
    play.play(&mut transaction, stop)?;
    Ok(play.summary(&transaction.finish(stop)?))
}

fn unknown(session: &Session, symbol: &str) -> CatalogError {
    let known: Vec<&str> = session.symbols.keys().map(String::as_str).collect();
    let problem = format!("the session has no such symbol; it has {}", known.join(", "));
    CatalogError::Spec { name: format!("{symbol}.{}", session.venue), problem }
}

fn feed<'a>(
    session: &Session,
    (instrument, seen): (&'a Instrument, &Seen),
    wanted: Wanted,
    transaction: &mut Transaction,
) -> Result<Feed<'a>, CatalogError> {
    let kinds = kinds(&instrument.id.to_string(), wanted, &[&seen.survey])?;
    let notes = [("recv_shift".to_owned(), format!("{} {}ns", session.venue, session.recv_shift))];
    let reels = Reels::new((instrument, session.exchange.fields()), session.on_error, transaction, kinds, &notes);
    let marks = VecDeque::from(seen.survey.snapshots.clone());
    Ok(match session.exchange {
        Exchange::Binance => Feed::Numbered(Box::new(Import::new(reels, marks))),
        Exchange::Coinbase => Feed::Followed(Box::new(Follow::new(reels, marks, None))),
        Exchange::Kraken => Feed::Followed(Box::new(Follow::new(reels, marks, Some(Checked::default())))),
    })
}

impl<'a> Feed<'a> {
    fn take(&mut self, at: Receipt, said: &Said<'_>) -> Result<(), LineProblem> {
        match (self, said) {
            (Self::Numbered(import), Said::Binance(message)) => import.take(at.place, at.ts_recv, message),
            (Self::Followed(follow), Said::Told(told)) => follow.take(at, told),
            (Self::Numbered(_) | Self::Followed(_), _) => Ok(()),
        }
    }

    /// Something was lost of a file. Where updates bear numbers, they tell it.
    fn lose(&mut self, file: usize, ts_recv: i64) {
        if let Self::Followed(follow) = self {
            follow.lose(file, ts_recv);
        }
    }

    fn reels(&mut self) -> &mut Reels<'a> {
        match self {
            Self::Numbered(import) => &mut import.reels,
            Self::Followed(follow) => &mut follow.reels,
        }
    }

    fn counts(&self) -> RecordingCounts {
        match self {
            Self::Numbered(import) => import.counts(),
            Self::Followed(follow) => follow.counts(),
        }
    }
}

impl Play<'_> {
    fn play(&mut self, transaction: &mut Transaction, stop: &dyn Fn() -> bool) -> Result<(), CatalogError> {
        let mut lines = Merged::open(&self.session.paths)?;
        while let Some((line, head)) = lines.next() {
            if line.place % STOP_LINES == 0 && stop() {
                return Err(CatalogError::Stopped);
            }
            let told = head.and_then(|head| said(self.session.exchange, head, &line));
            let outcome = match told {
                Ok((symbol, said)) => self.take(&line, symbol, &said),
                Err(problem) => {
                    self.left_out += 1;
                    self.lose(&line);
                    Err(problem)
                }
            };
            match outcome {
                Err(problem) if self.session.on_error == OnError::Fail => {
                    return Err(Lines::refuse(lines.path(line.file), line.number, problem));
                }
                Ok(()) | Err(_) => {}
            }
            if line.place % WRITE_LINES == 0 {
                self.feeds.values_mut().try_for_each(|(_, feed)| feed.reels().hand_over_full(transaction, stop))?;
            }
        }
        self.feeds.values_mut().try_for_each(|(_, feed)| feed.reels().hand_over(transaction, stop))
    }

    fn take(&mut self, line: &Line, symbol: Option<&str>, said: &Said<'_>) -> Result<(), LineProblem> {
        if matches!(said, Said::Opened) {
            self.lose(line);
        }
        let Some(symbol) = symbol else {
            self.other += 1;
            return Ok(());
        };
        // Of a symbol that is not imported.
        let Some((_, feed)) = self.feeds.get_mut(symbol) else { return Ok(()) };
        let outcome = feed.take(self.session.receipt(line), said);
        if outcome.is_err() {
            feed.reels().leave_out();
        }
        if matches!(outcome, Err(LineProblem::Checksum { .. })) && self.wrong_checksums.len() < NAMED_MAX {
            let file = self.session.paths.get(line.file).cloned().unwrap_or_default();
            self.wrong_checksums.push(WrongChecksum { symbol: symbol.to_owned(), file, line: line.number });
        }
        outcome
    }

    /// Something was lost of a line's file.
    fn lose(&mut self, line: &Line) {
        let Receipt { file, ts_recv, .. } = self.session.receipt(line);
        self.feeds.values_mut().for_each(|(_, feed)| feed.lose(file, ts_recv));
    }

    /// What was imported, with the summaries of the transaction.
    fn summary(self, all: &[ImportSummary]) -> SessionSummary {
        let Play { session, feeds, wrong_checksums, left_out, other } = self;
        let recv_shift = Span::from_nanos(session.recv_shift);
        let files = session.paths.iter().zip(&session.lines);
        let files =
            files.map(|(path, lines)| RecordingFile { path: path.clone(), lines: *lines, recv_shift }).collect();
        let told = |(instrument, mut feed): (&Instrument, Feed<'_>)| {
            let [depth, trades, quotes] = feed.reels().summaries(all);
            SessionFeed { instrument: instrument.id.clone(), depth, trades, quotes, counts: feed.counts() }
        };
        SessionSummary { files, feeds: feeds.into_values().map(told).collect(), wrong_checksums, left_out, other }
    }
}

impl Session {
    fn receipt(&self, line: &Line) -> Receipt {
        Receipt { file: line.file, place: line.place, ts_recv: line.local.saturating_add(self.recv_shift) }
    }
}
