//! Binance's bulk files (data.binance.vision): `SYMBOL-KIND-DATE.zip` or `.csv`, and its historical depth of futures,
//! `SYMBOL_T_DEPTH_DATE_depth_snap.csv` and `..._depth_update.csv`.
//!
//! Files until 2021 or so have no header line; those of spot count microseconds from 2025 on, milliseconds before.
//! Source: <https://github.com/binance/binance-public-data>.

use std::path::Path;

use super::{Published, folders_of, interval_of, name_of};
use crate::error::CatalogError;
use crate::spec::{BookForm, Custom, DataKind, Format, TimeUnit};

const KLINES: &[&str] = &[
    "open_time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "close_time",
    "quote_volume",
    "count",
    "taker_buy_volume",
    "taker_buy_quote_volume",
    "ignore",
];
const AGG_TRADES: &[&str] = &[
    "agg_trade_id",
    "price",
    "quantity",
    "first_trade_id",
    "last_trade_id",
    "transact_time",
    "is_buyer_maker",
    "is_best_match",
];
const TRADES: &[&str] = &["id", "price", "qty", "quote_qty", "time", "is_buyer_maker", "is_best_match"];
const BOOK_TICKER: &[&str] = &[
    "update_id",
    "best_bid_price",
    "best_bid_qty",
    "best_ask_price",
    "best_ask_qty",
    "transaction_time",
    "event_time",
];
const FUNDING: &[&str] = &["calc_time", "funding_interval_hours", "last_funding_rate"];

const READ: &str = "klines, aggTrades, trades, bookTicker, fundingRate or markPriceKlines, named as in \
                    BTCUSDT-1m-2024-01.zip, or depth as in BTCUSDT_T_DEPTH_2022-11-01_depth_snap.csv";

/// What a file holds.
pub(super) fn recognise(path: &Path, kind: Option<&str>) -> Result<Published, CatalogError> {
    let name = name_of(path);
    let refuse = |what: &str| CatalogError::format(path, format!("{what}; expected {READ}"));
    let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
    if let Some((symbol, what)) = stem.split_once("_T_DEPTH_")
        && ["_depth_snap", "_depth_update"].iter().any(|end| what.ends_with(end))
    {
        let mut set = Published::new(path, symbol, DataKind::Depth, Format::Book(BookForm::BinanceUpdates));
        set.venue = Some("binance".to_owned());
        set.time_unit = Some(TimeUnit::Millis);
        return Ok(set);
    }
    let (symbol, rest) = stem.split_once('-').ok_or_else(|| refuse("its name does not say what it holds"))?;
    let (what, _date) = rest.split_once('-').ok_or_else(|| refuse("its name has no date"))?;
    let with = |kind, names, columns| {
        let mut set = Published::new(path, symbol, kind, Format::Csv);
        set.venue = Some("binance".to_owned());
        set.columns = columns;
        set.time_unit = Some(TimeUnit::MillisOrMicros);
        set.custom = Custom { names, ..Custom::default() };
        set
    };
    Ok(match what {
        "aggTrades" => with(DataKind::Trades, AGG_TRADES, &[("ts", "transact_time")]),
        "trades" => with(DataKind::Trades, TRADES, &[]),
        "bookTicker" => with(
            DataKind::Quotes,
            BOOK_TICKER,
            &[
                ("ts", "transaction_time"),
                ("bid_px", "best_bid_price"),
                ("bid_qty", "best_bid_qty"),
                ("ask_px", "best_ask_price"),
                ("ask_qty", "best_ask_qty"),
            ],
        ),
        "fundingRate" => with(DataKind::Funding, FUNDING, &[]),
        _ => {
            let interval = interval_of(what).ok_or_else(|| refuse(&format!("`{what}` is none that is read")))?;
            let of_folder = folders_of(path).find(|folder| folder.ends_with("Klines"));
            match (kind, of_folder) {
                (Some("mark"), _) | (None, Some("markPriceKlines")) => {
                    let mut set = with(DataKind::Marks, KLINES, &[("ts", "open_time"), ("mark_px", "close")]);
                    set.custom.shift = interval;
                    set
                }
                (None, Some(other)) => return Err(refuse(&format!("`{other}` are none that are read"))),
                (_, _) => with(DataKind::Bars { interval }, KLINES, &[("ts", "open_time")]),
            }
        }
    })
}
