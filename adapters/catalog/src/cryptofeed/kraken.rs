//! Kraken's messages: `[channel, payload, name, pair]`, the payload of `book-N` in one object or two.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::lines::seconds;
use super::told::{Book, Print, Told, refuse};
use crate::error::LineProblem;
use crate::recording::{Fields, Pair};

/// How Kraken calls prices and quantities.
pub(super) const FIELDS: Fields =
    Fields { bid: ["price of b", "volume of b"], ask: ["price of a", "volume of a"], trade: ["price", "volume"] };

/// Price, volume, time, and an `r` where a level comes back into the depth that is told.
#[derive(Deserialize)]
#[expect(dead_code, reason = "the fourth may stand there, what it says is not needed")]
struct Level<'a>(&'a str, &'a str, &'a str, #[serde(default)] Option<&'a str>);

/// Price, volume, time, side of the taker, type of its order, and what else there may be.
type Trade<'a> = [&'a str; 6];

#[derive(Deserialize)]
struct Levels<'a> {
    #[serde(rename = "as", borrow)]
    all_asks: Option<Vec<Level<'a>>>,
    #[serde(rename = "bs", borrow)]
    all_bids: Option<Vec<Level<'a>>>,
    #[serde(rename = "a", borrow, default)]
    asks: Vec<Level<'a>>,
    #[serde(rename = "b", borrow, default)]
    bids: Vec<Level<'a>>,
    c: Option<&'a str>,
}

/// Whose message it is, and what it tells.
pub(super) fn read(text: &str) -> Result<(Option<&str>, Told<'_>), LineProblem> {
    if text.starts_with('{') {
        // Heartbeats and the state of subscriptions.
        serde_json::from_str::<&RawValue>(text).map_err(LineProblem::Message)?;
        return Ok((None, Told::Other));
    }
    let parts: Vec<&RawValue> = serde_json::from_str(text).map_err(LineProblem::Message)?;
    let &[_, ref payload @ .., name, pair] = parts.as_slice() else {
        return Err(refuse("message", text, "it has less than three parts"));
    };
    let (name, pair): (&str, &str) = (parse(name)?, parse(pair)?);
    let told = match name.strip_prefix("book") {
        Some(depth) => book(payload, depth.trim_start_matches('-').parse().ok())?,
        None if name == "trade" => trades(payload)?,
        None => Told::Other,
    };
    Ok((Some(pair), told))
}

fn book<'a>(payload: &[&'a RawValue], depth: Option<usize>) -> Result<Told<'a>, LineProblem> {
    let mut book = Book { depth, ..Book::default() };
    let mut is_snapshot = false;
    for &part in payload {
        let Levels { all_asks, all_bids, asks, bids, c } = parse(part)?;
        is_snapshot |= all_asks.is_some() || all_bids.is_some();
        for levels in [all_bids.unwrap_or_default(), bids] {
            take(levels, &mut book.bids, &mut book.ts_event)?;
        }
        for levels in [all_asks.unwrap_or_default(), asks] {
            take(levels, &mut book.asks, &mut book.ts_event)?;
        }
        if let Some(text) = c {
            let sum = text.parse().map_err(|_| refuse("c", text, "this is no checksum"))?;
            book.checksum = Some(sum);
        }
    }
    Ok(if is_snapshot { Told::Snapshot(book) } else { Told::Update(book) })
}

/// Puts levels onto a side; the message happened with the last of them.
fn take<'a>(levels: Vec<Level<'a>>, side: &mut Vec<Pair<'a>>, last: &mut Option<i64>) -> Result<(), LineProblem> {
    for Level(px, qty, time, _) in levels {
        *last = (*last).max(Some(nanos(time)?));
        side.push([px, qty]);
    }
    Ok(())
}

fn trades<'a>(payload: &[&'a RawValue]) -> Result<Told<'a>, LineProblem> {
    let mut prints = Vec::new();
    for &part in payload {
        for [px, qty, time, side, _, _] in parse::<Vec<Trade<'_>>>(part)? {
            let buyer_made = match side {
                "s" => true,
                "b" => false,
                other => return Err(refuse("side", other, "expected `b` or `s`")),
            };
            prints.push(Print { ts_event: nanos(time)?, pair: [px, qty], buyer_made, id: None });
        }
    }
    Ok(Told::Trades(prints))
}

fn nanos(text: &str) -> Result<i64, LineProblem> {
    seconds(text).ok_or_else(|| refuse("time", text, "this is no time in Unix seconds"))
}

fn parse<'a, T: Deserialize<'a>>(part: &'a RawValue) -> Result<T, LineProblem> {
    serde_json::from_str(part.get()).map_err(LineProblem::Message)
}
