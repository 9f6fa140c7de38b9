//! LEAN's files of crypto and crypto futures, which count in UTC with plain decimals:
//! `MARKET/minute/SYMBOL/YYYYMMDD_trade.zip`, `MARKET/hour/SYMBOL_quote.zip`, `MARKET/margin_interest/SYMBOL.csv`.
//!
//! Bars of quotes become the best bid and offer with which they end. Stretches without a trade or a quote have no line.
//! Source: `Data/crypto/readme.md` of <https://github.com/QuantConnect/Lean>.

use std::path::Path;

use tapedeck_model::Span;

use super::{Published, folders_of, name_of};
use crate::error::CatalogError;
use crate::spec::{Custom, DataKind, Format, TimeBase, TimeUnit};

const TRADE_BARS: &[&str] = &["ts", "open", "high", "low", "close", "volume"];
const QUOTE_BARS: &[&str] = &[
    "ts",
    "bid_open",
    "bid_high",
    "bid_low",
    "bid_close",
    "bid_size",
    "ask_open",
    "ask_high",
    "ask_low",
    "ask_close",
    "ask_size",
];
const TRADE_TICKS: &[&str] = &["ts", "px", "qty"];
const QUOTE_TICKS: &[&str] = &["ts", "bid_px", "bid_qty", "ask_px", "ask_qty"];
const FUNDING: &[&str] = &["ts", "rate"];
const LAST_QUOTE: &[(&str, &str)] =
    &[("bid_px", "bid_close"), ("bid_qty", "bid_size"), ("ask_px", "ask_close"), ("ask_qty", "ask_size")];

const READ: &str = "as in crypto/coinbase/minute/btcusd/20180404_trade.zip, crypto/binance/hour/btcusdt_trade.zip or \
                    cryptofuture/binance/margin_interest/btcusd.csv";

/// What a file holds.
pub(super) fn recognise(path: &Path) -> Result<Published, CatalogError> {
    let name = name_of(path);
    let refuse = |what: &str| CatalogError::format(path, format!("{what}; expected a path {READ}"));
    let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
    let folders: Vec<&str> = folders_of(path).take(4).collect();
    let folder = |nth: usize| folders.get(nth).copied().unwrap_or_default();
    let daily = ["tick", "second", "minute"].contains(&folder(1));
    let [resolution, market, class] = if daily { [1, 2, 3] } else { [0, 1, 2] }.map(folder);
    if !["crypto", "cryptofuture"].contains(&class) {
        return Err(refuse("only crypto and crypto futures are read"));
    }
    let set = |symbol: &str, kind, names, columns| {
        let mut set = Published::new(path, &symbol.to_ascii_uppercase(), kind, Format::Csv);
        set.venue = Some(market.to_owned());
        set.columns = columns;
        set.time_unit = daily.then_some(TimeUnit::Millis);
        let base = if daily { TimeBase::DayOfName } else { TimeBase::Epoch };
        set.custom = Custom { names, base, ..Custom::default() };
        set
    };
    if resolution == "margin_interest" {
        return Ok(set(stem, DataKind::Funding, FUNDING, &[]));
    }
    let (before, what) = stem.rsplit_once('_').ok_or_else(|| refuse("its name does not say what it holds"))?;
    let symbol = if daily { folder(0) } else { before };
    let interval = match resolution {
        "tick" => None,
        "second" => Some(Span::from_nanos(1_000_000_000)),
        "minute" => Some(Span::MINUTE),
        "hour" => Some(Span::from_nanos(60 * Span::MINUTE.nanos())),
        "daily" => Some(Span::DAY),
        other => return Err(refuse(&format!("`{other}` is no resolution of LEAN"))),
    };
    Ok(match (what, interval) {
        ("trade", Some(interval)) => set(symbol, DataKind::Bars { interval }, TRADE_BARS, &[]),
        ("trade", None) => set(symbol, DataKind::Trades, TRADE_TICKS, &[]),
        ("quote", None) => set(symbol, DataKind::Quotes, QUOTE_TICKS, &[]),
        ("quote", Some(interval)) => {
            let mut quotes = set(symbol, DataKind::Quotes, QUOTE_BARS, LAST_QUOTE);
            quotes.custom.shift = interval;
            quotes
        }
        (other, _) => return Err(refuse(&format!("`{other}` is neither trade nor quote"))),
    })
}
