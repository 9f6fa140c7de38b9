//! One line of a recording: the local time, and the exchange's message as it came.
//!
//! Messages are those of spot, USD-M and COIN-M streams, with or without the envelope of a combined
//! stream, and answers to requests for a snapshot. Numbers stay text here: what they mean depends on the
//! instrument.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::LineProblem;
use crate::recording::{Pair, Sight};

/// Digits of a Unix time in nanoseconds, from 2001 to 2286.
const LOCAL_DIGITS: usize = 19;
/// Nanoseconds of a millisecond.
const MILLIS: i64 = 1_000_000;
/// What `X` of a trade says if the trade went through the book.
const MARKET: &str = "MARKET";

/// What a line holds.
#[derive(Debug)]
pub(crate) enum Message<'a> {
    Update(Update<'a>),
    Snapshot(Snapshot<'a>),
    Trade(Trade<'a>),
    Ticker(Ticker<'a>),
    /// Something that we do not use.
    Other,
}

/// Changes of levels (`depthUpdate`).
#[derive(Debug, Deserialize)]
pub(crate) struct Update<'a> {
    s: &'a str,
    /// Milliseconds: when it was sent.
    #[serde(rename = "E")]
    sent: i64,
    /// Milliseconds: when the book changed; absent on spot.
    #[serde(rename = "T")]
    changed: Option<i64>,
    /// Number of the first change in it.
    #[serde(rename = "U")]
    pub(crate) first: u64,
    /// Number of the last change in it.
    #[serde(rename = "u")]
    pub(crate) last: u64,
    /// Number of the last change of the message before; absent on spot.
    #[serde(rename = "pu")]
    pub(crate) before: Option<u64>,
    #[serde(rename = "b", borrow)]
    pub(crate) bids: Vec<Pair<'a>>,
    #[serde(rename = "a", borrow)]
    pub(crate) asks: Vec<Pair<'a>>,
}

/// The book as a request for it was answered.
#[derive(Debug, Deserialize)]
pub(crate) struct Snapshot<'a> {
    /// Number of the last change in it.
    #[serde(rename = "lastUpdateId")]
    pub(crate) last: u64,
    /// Milliseconds; absent on spot.
    #[serde(rename = "T")]
    changed: Option<i64>,
    #[serde(borrow)]
    pub(crate) bids: Vec<Pair<'a>>,
    #[serde(borrow)]
    pub(crate) asks: Vec<Pair<'a>>,
}

/// A public trade.
#[derive(Debug, Deserialize)]
pub(crate) struct Trade<'a> {
    s: &'a str,
    /// Milliseconds: when it was matched.
    #[serde(rename = "T")]
    matched: i64,
    #[serde(rename = "t")]
    pub(crate) id: u64,
    #[serde(rename = "p")]
    pub(crate) px: &'a str,
    #[serde(rename = "q")]
    pub(crate) qty: &'a str,
    /// Whether the buyer was the maker: then the seller took.
    #[serde(rename = "m")]
    pub(crate) buyer_made: bool,
    #[serde(rename = "X")]
    kind: Option<&'a str>,
}

/// The best bid and offer (`bookTicker`) of a futures stream; a spot stream tells no time.
#[derive(Debug, Deserialize)]
pub(crate) struct Ticker<'a> {
    s: &'a str,
    /// Number of the change of the book that it tells of.
    #[serde(rename = "u")]
    pub(crate) last: u64,
    /// Milliseconds: when the book changed.
    #[serde(rename = "T")]
    changed: i64,
    #[serde(rename = "b")]
    pub(crate) bid_px: &'a str,
    #[serde(rename = "B")]
    pub(crate) bid_qty: &'a str,
    #[serde(rename = "a")]
    pub(crate) ask_px: &'a str,
    #[serde(rename = "A")]
    pub(crate) ask_qty: &'a str,
}

/// Trades of one taker at one price, told together (`aggTrade`).
#[derive(Deserialize)]
struct Aggregated<'a> {
    s: &'a str,
    #[serde(rename = "T")]
    matched: i64,
    #[serde(rename = "a")]
    id: u64,
    #[serde(rename = "p")]
    px: &'a str,
    #[serde(rename = "q")]
    qty: &'a str,
    #[serde(rename = "m")]
    buyer_made: bool,
}

/// Which stream trades are taken from; each of them holds them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TradeStream {
    /// One by one (`trade`).
    Each,
    /// Those of one taker at one price together (`aggTrade`).
    Aggregated,
}

impl<'a> From<Aggregated<'a>> for Trade<'a> {
    fn from(trade: Aggregated<'a>) -> Self {
        let Aggregated { s, matched, id, px, qty, buyer_made } = trade;
        Self { s, matched, id, px, qty, buyer_made, kind: None }
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(rename = "lastUpdateId")]
    last: Option<u64>,
}

#[derive(Deserialize)]
struct Head<'a> {
    e: Option<&'a str>,
}

impl Update<'_> {
    /// Nanoseconds: when the book changed, or on spot when that was told.
    pub(crate) fn ts_event(&self) -> Result<i64, LineProblem> {
        nanos("T", self.changed.unwrap_or(self.sent))
    }
}

impl Snapshot<'_> {
    /// Nanoseconds, if it says so.
    pub(crate) fn ts_event(&self) -> Result<Option<i64>, LineProblem> {
        self.changed.map(|millis| nanos("T", millis)).transpose()
    }
}

impl Trade<'_> {
    /// Nanoseconds: when it was matched.
    pub(crate) fn ts_event(&self) -> Result<i64, LineProblem> {
        nanos("T", self.matched)
    }

    /// Whether it went through the book; an insurance fund's did not.
    pub(crate) fn is_of_market(&self) -> bool {
        self.kind.is_none_or(|kind| kind == MARKET)
    }
}

impl Ticker<'_> {
    /// Nanoseconds: when the book changed.
    pub(crate) fn ts_event(&self) -> Result<i64, LineProblem> {
        nanos("T", self.changed)
    }
}

impl<'a> Message<'a> {
    /// Whose it is, if it says so.
    pub(crate) fn symbol(&self) -> Option<&'a str> {
        match self {
            Self::Update(update) => Some(update.s),
            Self::Trade(trade) => Some(trade.s),
            Self::Ticker(ticker) => Some(ticker.s),
            Self::Snapshot(_) | Self::Other => None,
        }
    }

    /// What it is about.
    pub(crate) fn sight(&self) -> Sight {
        match self {
            Self::Update(_) => Sight::Update,
            Self::Snapshot(snapshot) => Sight::Snapshot { last: snapshot.last },
            Self::Trade(_) => Sight::Trade,
            Self::Ticker(_) => Sight::Ticker,
            Self::Other => Sight::Other,
        }
    }

    /// Its prices with their quantities, by `see`.
    pub(crate) fn numbers(&self, see: &mut dyn FnMut(Pair<'a>)) {
        match self {
            Self::Update(Update { bids, asks, .. }) | Self::Snapshot(Snapshot { bids, asks, .. }) => {
                bids.iter().chain(asks).copied().for_each(see);
            }
            Self::Trade(trade) => see([trade.px, trade.qty]),
            Self::Ticker(ticker) => {
                see([ticker.bid_px, ticker.bid_qty]);
                see([ticker.ask_px, ticker.ask_qty]);
            }
            Self::Other => {}
        }
    }

    /// When it happened, if it is one that we use and says so.
    pub(crate) fn ts_event(&self) -> Result<Option<i64>, LineProblem> {
        match self {
            Self::Update(update) => update.ts_event().map(Some),
            Self::Snapshot(snapshot) => snapshot.ts_event(),
            Self::Trade(trade) if trade.is_of_market() => trade.ts_event().map(Some),
            Self::Ticker(ticker) => ticker.ts_event().map(Some),
            Self::Trade(_) | Self::Other => Ok(None),
        }
    }
}

/// Local time and message of a line of `symbol`'s recording.
pub(crate) fn parse<'a>(line: &'a str, symbol: &str) -> Result<(i64, Message<'a>), LineProblem> {
    let (local, text) = split(line)?;
    let message = message(text, TradeStream::Each)?;
    match message.symbol() {
        Some(found) if found != symbol => {
            Err(LineProblem::Symbol { found: found.to_owned(), expected: symbol.to_owned() })
        }
        _ => Ok((local, message)),
    }
}

/// A message as it came.
pub(crate) fn message(text: &str, trades: TradeStream) -> Result<Message<'_>, LineProblem> {
    let envelope: Envelope<'_> = read(text)?;
    match (envelope.data, envelope.last) {
        (None, Some(_)) => Ok(Message::Snapshot(read(text)?)),
        (data, _) => of_stream(data.map_or(text, RawValue::get), trades),
    }
}

fn of_stream(text: &str, trades: TradeStream) -> Result<Message<'_>, LineProblem> {
    let Head { e } = read(text)?;
    Ok(match (e, trades) {
        (Some("depthUpdate"), _) => Message::Update(read(text)?),
        (Some("trade"), TradeStream::Each) => Message::Trade(read(text)?),
        (Some("aggTrade"), TradeStream::Aggregated) => Message::Trade(read::<Aggregated<'_>>(text)?.into()),
        // On spot it has neither a kind nor a time, so it cannot be put in order with depth.
        (Some("bookTicker"), _) => Message::Ticker(read(text)?),
        (Some(_) | None, _) => Message::Other,
    })
}

fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, LineProblem> {
    serde_json::from_str(text).map_err(LineProblem::Message)
}

fn split(line: &str) -> Result<(i64, &str), LineProblem> {
    let (digits, text) = line.split_once(' ').unwrap_or((line, ""));
    let whole = digits.len() == LOCAL_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    let local = digits.parse::<i64>().ok().filter(|_| whole);
    let found = || line.chars().take(LOCAL_DIGITS + 1).collect();
    local.map(|local| (local, text)).ok_or_else(|| LineProblem::LocalTime { found: found() })
}

fn nanos(field: &'static str, millis: i64) -> Result<i64, LineProblem> {
    let problem = || LineProblem::Value {
        field,
        value: millis.to_string(),
        problem: "this is no time in Unix milliseconds".to_owned(),
    };
    millis.checked_mul(MILLIS).filter(|_| millis >= 0).ok_or_else(problem)
}
