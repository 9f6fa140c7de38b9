//! Sessions that cryptofeed recorded: the raw messages of Binance, Coinbase and Kraken, of many symbols at once.
//!
//! Enters: files `EXCHANGE.ws.N.M` (messages) and `EXCHANGE.http.N.M` (answers to requests for snapshots), plain or gzip;
//! those of one exchange are one session, whose lines are read in the order of their local times. Leaves: days of
//! depth, of trades and of quotes of each symbol.
//!
//! **Looks.** The first look finds the symbols, the decimals of their numbers and the least feed latency of all of
//! them, for they share a clock; the second one writes.
//!
//! **Sequence.** Binance's updates are numbered: see `binance`. Coinbase's and Kraken's are not: see `follow`; Kraken's
//! bear a checksum of the book after them, and each one is verified.
//!
//! Invariants: a session gives the same records of a symbol whether it is imported alone or with others; a session
//! is imported whole or not at all. Deliberately absent: OKX, BitMEX, Deribit, which are refused by name; best bids
//! and offers that say no time (Kraken's and Binance's spot `ticker`) or no sizes (Coinbase's).

mod checked;
mod coinbase;
mod follow;
mod kraken;
mod lines;
mod play;
#[cfg(test)]
mod tests;
mod told;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tapedeck_model::number::parse_decimal;
use tapedeck_model::{Instrument, InstrumentId};

use crate::binance::{self, Message, TradeStream};
use crate::error::{CatalogError, LineProblem};
use crate::paths::expand;
use crate::recording::{Fields, Lines, Pair, RecordingCounts, RecordingFile, STOP_LINES, Sight, Survey, Wanted};
use crate::spec::{OnConflict, OnError};
use crate::transaction::{ImportSummary, Transaction};
use lines::{Head, Line, Merged};
use told::Told;

/// What one exchange sent during one recording, after the first look at it.
#[derive(Debug, Clone)]
pub struct Session {
    venue: String,
    exchange: Exchange,
    paths: Vec<PathBuf>,
    on_error: OnError,
    /// Lines of each file, blank ones included.
    lines: Vec<u64>,
    /// What is added to local times, nanoseconds.
    recv_shift: i64,
    symbols: BTreeMap<String, Seen>,
}

/// A symbol of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSymbol {
    /// As the exchange writes it.
    pub symbol: String,
    /// The most decimals that a price of it has.
    pub price_decimals: u8,
    /// The most decimals that a quantity of it has.
    pub qty_decimals: u8,
}

/// What was imported of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSummary {
    /// Its files.
    pub files: Vec<RecordingFile>,
    /// Its symbols, by name.
    pub feeds: Vec<SessionFeed>,
    /// Where checksums of books do not agree: the first of them.
    pub wrong_checksums: Vec<WrongChecksum>,
    /// Lines that cannot be read, so that nobody knows whose they are.
    pub left_out: u64,
    /// Lines that are about no symbol, or hold nothing that we use.
    pub other: u64,
}

/// What was imported of one symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionFeed {
    /// Whose it is.
    pub instrument: InstrumentId,
    /// Depth, if it was wanted and there is any.
    pub depth: Option<ImportSummary>,
    /// Trades, if they were wanted and there are any.
    pub trades: Option<ImportSummary>,
    /// Best bids and offers, if they were wanted and there are any.
    pub quotes: Option<ImportSummary>,
    /// What became of the messages.
    pub counts: RecordingCounts,
}

/// Where a checksum does not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongChecksum {
    /// Whose book it is.
    pub symbol: String,
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: u64,
}

/// What the first look found of one symbol.
#[derive(Debug, Clone)]
struct Seen {
    survey: Survey,
    /// Of prices and of quantities, the most that there are.
    decimals: [u8; 2],
}

/// Whose messages are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Exchange {
    Binance,
    Coinbase,
    Kraken,
}

/// What a line says.
enum Said<'a> {
    Binance(Message<'a>),
    Told(Told<'a>),
    /// A connection was opened, so something may have been lost before it.
    Opened,
    Other,
}

/// The sessions in files; folders are searched. Files of one exchange are one session; lists of instruments
/// (`EXCHANGE.0`) are passed over.
///
/// # Errors
/// [`CatalogError`] for a file that is none of cryptofeed's, an exchange that is not read, or a line that cannot be
/// read, unless `on_error` leaves it out. [`CatalogError::Stopped`].
pub fn sessions(paths: &[String], on_error: OnError, stop: &dyn Fn() -> bool) -> Result<Vec<Session>, CatalogError> {
    let mut found: BTreeMap<(String, Exchange), Vec<PathBuf>> = BTreeMap::new();
    for path in expand(paths, Path::new(""), &|path| Part::of(path).is_some())? {
        let part = Part::of(&path).ok_or_else(|| {
            CatalogError::format(
                &path,
                "it is none of cryptofeed's files; expected EXCHANGE.ws.N.M or EXCHANGE.http.N.M",
            )
        })?;
        let exchange = Exchange::of(part.venue).ok_or_else(|| {
            let problem = format!("recordings of {} are not read; known: BINANCE..., COINBASE, KRAKEN", part.venue);
            CatalogError::format(&path, problem)
        })?;
        let files = found.entry((part.venue.to_owned(), exchange)).or_default();
        if part.is_recorded {
            files.push(path.clone());
        }
    }
    let sessions = found.into_iter().filter(|(_, paths)| !paths.is_empty());
    let sessions: Result<Vec<Session>, CatalogError> =
        sessions.map(|((venue, exchange), paths)| Session::take(venue, exchange, paths, on_error, stop)).collect();
    match sessions {
        Ok(none) if none.is_empty() => Err(CatalogError::NoFiles { pattern: paths.join(" "), base: PathBuf::new() }),
        other => other,
    }
}

impl Session {
    /// The exchange, as the files are named.
    pub fn venue(&self) -> &str {
        &self.venue
    }

    /// Its symbols that have messages of a kind, by name.
    pub fn symbols(&self, wanted: Wanted) -> impl Iterator<Item = SessionSymbol> {
        let has = move |seen: &Seen| {
            let Survey { updates, trades, tickers, .. } = seen.survey;
            match wanted {
                Wanted::Depth => updates > 0,
                Wanted::Trades => trades > 0,
                Wanted::Quotes => tickers > 0,
                Wanted::All => updates + trades + tickers > 0,
            }
        };
        self.symbols.iter().filter(move |(_, seen)| has(seen)).map(|(symbol, seen)| SessionSymbol {
            symbol: symbol.clone(),
            price_decimals: seen.decimals[0],
            qty_decimals: seen.decimals[1],
        })
    }

    /// Copies the messages of instruments into the catalog at `root`; their symbols are those of the messages.
    /// `stop` is asked every few thousand lines; when it says so, the catalog is as it was.
    ///
    /// # Errors
    /// [`CatalogError`] for what is wrong with the session, with file and line; [`CatalogError::Conflict`] if the
    /// catalog has other records of an instant, [`CatalogError::Locked`] if somebody else is writing,
    /// [`CatalogError::Stopped`]. The catalog is then as it was.
    pub fn import(
        &self,
        (instruments, wanted): (&[Instrument], Wanted),
        root: &Path,
        on_conflict: OnConflict,
        stop: &dyn Fn() -> bool,
    ) -> Result<SessionSummary, CatalogError> {
        play::import(self, (instruments, wanted), Transaction::open(root, on_conflict)?, stop)
    }

    fn take(
        venue: String,
        exchange: Exchange,
        paths: Vec<PathBuf>,
        on_error: OnError,
        stop: &dyn Fn() -> bool,
    ) -> Result<Self, CatalogError> {
        let mut session =
            Self { venue, exchange, paths, on_error, lines: Vec::new(), recv_shift: 0, symbols: BTreeMap::new() };
        let mut lines = Merged::open(&session.paths)?;
        while let Some((line, head)) = lines.next() {
            if line.place % STOP_LINES == 0 && stop() {
                return Err(CatalogError::Stopped);
            }
            let noted = head
                .and_then(|head| said(exchange, head, &line))
                .and_then(|(symbol, said)| session.note(&line, symbol, &said));
            match noted {
                Err(problem) if on_error == OnError::Fail => {
                    return Err(Lines::refuse(lines.path(line.file), line.number, problem));
                }
                // The second look counts what is left out.
                Ok(()) | Err(_) => {}
            }
        }
        session.lines = lines.numbers().collect();
        session.recv_shift = session.symbols.values().map(|seen| seen.survey.recv_shift).max().unwrap_or(0);
        Ok(session)
    }

    fn note(&mut self, line: &Line, symbol: Option<&str>, said: &Said<'_>) -> Result<(), LineProblem> {
        let ts_event = said.ts_event()?;
        let Some(symbol) = symbol else { return Ok(()) };
        if !self.symbols.contains_key(symbol) {
            self.symbols.insert(symbol.to_owned(), Seen { survey: Survey::new(), decimals: [0, 0] });
        }
        if let Some(seen) = self.symbols.get_mut(symbol) {
            seen.survey.note(line.place, line.local, ts_event, said.sight());
            said.numbers(&mut |pair| {
                for (most, text) in seen.decimals.iter_mut().zip(pair) {
                    // What is no number is told by the second look.
                    *most = parse_decimal(text).map_or(*most, |number| (*most).max(number.scale() as u8));
                }
            });
        }
        Ok(())
    }
}

impl Exchange {
    fn of(venue: &str) -> Option<Self> {
        match venue {
            "COINBASE" => Some(Self::Coinbase),
            "KRAKEN" => Some(Self::Kraken),
            _ => venue.starts_with("BINANCE").then_some(Self::Binance),
        }
    }

    fn fields(self) -> Fields {
        match self {
            Self::Binance => binance::FIELDS,
            Self::Coinbase => coinbase::FIELDS,
            Self::Kraken => kraken::FIELDS,
        }
    }
}

impl<'a> Said<'a> {
    fn sight(&self) -> Sight {
        match self {
            Self::Binance(message) => message.sight(),
            Self::Told(told) => told.sight(),
            Self::Opened | Self::Other => Sight::Other,
        }
    }

    fn ts_event(&self) -> Result<Option<i64>, LineProblem> {
        match self {
            Self::Binance(message) => message.ts_event(),
            Self::Told(told) => Ok(told.ts_event()),
            Self::Opened | Self::Other => Ok(None),
        }
    }

    fn numbers(&self, see: &mut dyn FnMut(Pair<'a>)) {
        match self {
            Self::Binance(message) => message.numbers(see),
            Self::Told(told) => told.numbers(see),
            Self::Opened | Self::Other => {}
        }
    }
}

/// What a file is by its name.
struct Part<'a> {
    venue: &'a str,
    /// Whether it holds messages, and not a list of instruments.
    is_recorded: bool,
}

impl<'a> Part<'a> {
    fn of(path: &'a Path) -> Option<Self> {
        let (venue, rest) = path.file_name()?.to_str()?.split_once('.')?;
        let what = rest.split('.').next()?;
        let is_recorded = matches!(what, "ws" | "http");
        let is_list = !what.is_empty() && what.bytes().all(|byte| byte.is_ascii_digit());
        (is_recorded || is_list).then_some(Self { venue, is_recorded })
    }
}

/// Whose line it is, if it says so, and what it says.
fn said(exchange: Exchange, head: Head, line: &Line) -> Result<(Option<&str>, Said<'_>), LineProblem> {
    let body = line.body();
    match (head, exchange) {
        (Head::Opened, _) => Ok((None, Said::Opened)),
        (Head::Sent, _) | (Head::Answer, Exchange::Coinbase | Exchange::Kraken) => Ok((None, Said::Other)),
        (Head::Answer, Exchange::Binance) => {
            let message = binance::message(body, TradeStream::Aggregated)?;
            Ok((asked_symbol(line.url()), Said::Binance(message)))
        }
        (Head::Received, Exchange::Binance) => {
            let message = binance::message(body, TradeStream::Aggregated)?;
            Ok((message.symbol(), Said::Binance(message)))
        }
        (Head::Received, Exchange::Coinbase) => coinbase::read(body).map(|(symbol, told)| (symbol, Said::Told(told))),
        (Head::Received, Exchange::Kraken) => kraken::read(body).map(|(symbol, told)| (symbol, Said::Told(told))),
    }
}

/// The symbol in the address of a request.
fn asked_symbol(url: &str) -> Option<&str> {
    let (_, query) = url.split_once('?')?;
    query.split('&').find_map(|pair| pair.strip_prefix("symbol="))
}
