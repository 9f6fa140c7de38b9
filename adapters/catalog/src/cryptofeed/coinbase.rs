//! Coinbase's messages: `snapshot` and `l2update` of a book, `match` of trades.

use serde::Deserialize;
use tapedeck_model::Ts;

use super::told::{Book, Print, Told, refuse};
use crate::error::LineProblem;
use crate::recording::{Fields, Pair};

/// How Coinbase calls prices and quantities.
pub(super) const FIELDS: Fields = Fields {
    bid: ["price of a bid", "size of a bid"],
    ask: ["price of an ask", "size of an ask"],
    trade: ["price", "size"],
};

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    product_id: Option<&'a str>,
}

#[derive(Deserialize)]
struct Snapshot<'a> {
    #[serde(borrow)]
    bids: Vec<Pair<'a>>,
    #[serde(borrow)]
    asks: Vec<Pair<'a>>,
    time: Option<&'a str>,
}

#[derive(Deserialize)]
struct Update<'a> {
    /// Side, price and new size.
    #[serde(borrow)]
    changes: Vec<[&'a str; 3]>,
    time: &'a str,
}

#[derive(Deserialize)]
struct Match<'a> {
    trade_id: u64,
    /// The maker's.
    side: &'a str,
    size: &'a str,
    price: &'a str,
    time: &'a str,
}

/// Whose message it is, and what it tells.
pub(super) fn read(text: &str) -> Result<(Option<&str>, Told<'_>), LineProblem> {
    let Head { kind, product_id } = parse(text)?;
    let told = match kind {
        "snapshot" => snapshot(parse(text)?)?,
        "l2update" => update(&parse(text)?)?,
        "match" => trade(&parse(text)?)?,
        // `last_match` is a trade before the recording; `ticker` says no sizes.
        _ => return Ok((product_id, Told::Other)),
    };
    let symbol = product_id.ok_or_else(|| refuse("product_id", "absent", "expected the symbol of the message"))?;
    Ok((Some(symbol), told))
}

fn snapshot(Snapshot { bids, asks, time }: Snapshot<'_>) -> Result<Told<'_>, LineProblem> {
    let ts_event = time.map(nanos).transpose()?;
    Ok(Told::Snapshot(Book { ts_event, bids, asks, ..Book::default() }))
}

fn update<'a>(Update { changes, time }: &Update<'a>) -> Result<Told<'a>, LineProblem> {
    let mut book = Book { ts_event: Some(nanos(time)?), ..Book::default() };
    for [side, px, size] in changes {
        match *side {
            "buy" => book.bids.push([px, size]),
            "sell" => book.asks.push([px, size]),
            other => return Err(refuse("side", other, "expected `buy` or `sell`")),
        }
    }
    Ok(Told::Update(book))
}

fn trade<'a>(Match { trade_id, side, size, price, time }: &Match<'a>) -> Result<Told<'a>, LineProblem> {
    let buyer_made = match *side {
        "buy" => true,
        "sell" => false,
        other => return Err(refuse("side", other, "expected `buy` or `sell`")),
    };
    let print = Print { ts_event: nanos(time)?, pair: [price, size], buyer_made, id: Some(*trade_id) };
    Ok(Told::Trades(vec![print]))
}

fn nanos(text: &str) -> Result<i64, LineProblem> {
    text.parse::<Ts>().map(Ts::nanos).map_err(|error| refuse("time", text, &error.to_string()))
}

fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, LineProblem> {
    serde_json::from_str(text).map_err(LineProblem::Message)
}
