//! What Kraken and Coinbase tell, in one form.

use crate::error::LineProblem;
use crate::recording::{Pair, Sight};

/// A message about one symbol.
#[derive(Debug)]
pub(super) enum Told<'a> {
    /// The whole book.
    Snapshot(Book<'a>),
    /// Changes of the book.
    Update(Book<'a>),
    /// Public trades.
    Trades(Vec<Print<'a>>),
    /// Something that we do not use.
    Other,
}

/// Levels of a book.
#[derive(Debug, Default)]
pub(super) struct Book<'a> {
    /// Nanoseconds, if it says so.
    pub(super) ts_event: Option<i64>,
    /// In the order of the exchange.
    pub(super) bids: Vec<Pair<'a>>,
    pub(super) asks: Vec<Pair<'a>>,
    /// Of the book after it.
    pub(super) checksum: Option<u32>,
    /// Levels of a side that the exchange keeps us told of; none if it is all.
    pub(super) depth: Option<usize>,
}

/// A public trade.
#[derive(Debug)]
pub(super) struct Print<'a> {
    /// Nanoseconds: when it was matched.
    pub(super) ts_event: i64,
    /// Price and quantity.
    pub(super) pair: Pair<'a>,
    /// Whether the buyer was the maker.
    pub(super) buyer_made: bool,
    /// Its number, where the exchange gives one.
    pub(super) id: Option<u64>,
}

impl<'a> Told<'a> {
    /// What it is about.
    pub(super) fn sight(&self) -> Sight {
        match self {
            Self::Snapshot(_) => Sight::Snapshot { last: 0 },
            Self::Update(_) => Sight::Update,
            Self::Trades(_) => Sight::Trade,
            Self::Other => Sight::Other,
        }
    }

    /// When the last of it happened, if it says so.
    pub(super) fn ts_event(&self) -> Option<i64> {
        match self {
            Self::Snapshot(book) | Self::Update(book) => book.ts_event,
            Self::Trades(prints) => prints.iter().map(|print| print.ts_event).max(),
            Self::Other => None,
        }
    }

    /// Its prices with their quantities, by `see`.
    pub(super) fn numbers(&self, see: &mut dyn FnMut(Pair<'a>)) {
        match self {
            Self::Snapshot(book) | Self::Update(book) => book.bids.iter().chain(&book.asks).copied().for_each(see),
            Self::Trades(prints) => prints.iter().map(|print| print.pair).for_each(see),
            Self::Other => {}
        }
    }
}

/// Something of a message that is not as it should be.
pub(super) fn refuse(field: &'static str, value: &str, problem: &str) -> LineProblem {
    LineProblem::Value { field, value: value.to_owned(), problem: problem.to_owned() }
}
