//! freqtrade's files: `PAIR-5m.feather`, `PAIR-trades.json.gz`, `futures/PAIR-8h-funding_rate.feather`, also as Parquet.
//!
//! Times are open times; marks become prices known at their close; funding rates stand in the column `open`. Old
//! dictionaries of trades are read as well. HDF5 is not: its columns are named in pickled Python, which is not to be trusted.
//! Source: <https://www.freqtrade.io/en/stable/data-download/>.

use std::path::Path;

use super::{Published, interval_of, name_of};
use crate::error::CatalogError;
use crate::spec::{Custom, DataKind, Format, TimeUnit};

const CANDLES: &[&str] = &["date", "open", "high", "low", "close", "volume"];
const TRADES: &[&str] = &["timestamp", "id", "type", "side", "price", "amount", "cost"];

const READ: &str = "PAIR-5m, PAIR-trades, PAIR-1h-futures, PAIR-1h-mark or PAIR-8h-funding_rate, ending in .feather, \
                    .parquet, .json or .json.gz";

/// What a file holds.
pub(super) fn recognise(path: &Path, kind: Option<&str>) -> Result<Published, CatalogError> {
    let name = name_of(path);
    let refuse = |what: &str| CatalogError::format(path, format!("{what}; expected {READ}"));
    let (stem, ending) = name.split_once('.').ok_or_else(|| refuse("its name has no ending"))?;
    let format = match ending {
        "feather" => Format::Feather,
        "parquet" => Format::Parquet,
        "json" | "json.gz" => Format::Json,
        other => return Err(refuse(&format!("`.{other}` is not read"))),
    };
    let parts: Vec<&str> = stem.split('-').collect();
    let set = |pair: &str, kind, names, columns| {
        let mut set = Published::new(path, &symbol_of(pair), kind, format);
        set.columns = columns;
        set.time_unit = Some(TimeUnit::Millis);
        set.custom = Custom { names, ..Custom::default() };
        set
    };
    let length = |text: &str| interval_of(text).ok_or_else(|| refuse(&format!("`{text}` is no length of a bar")));
    Ok(match parts.as_slice() {
        [pair, "trades"] => set(pair, DataKind::Trades, TRADES, &[("ts", "timestamp")]),
        [pair, every, "mark"] => {
            let mut marks = set(pair, DataKind::Marks, CANDLES, &[("ts", "date"), ("mark_px", "close")]);
            marks.custom.shift = length(every)?;
            marks
        }
        [pair, _, "funding_rate"] => set(pair, DataKind::Funding, CANDLES, &[("ts", "date"), ("rate", "open")]),
        [pair, every] | [pair, every, "futures" | "spot"] if kind.is_none_or(|kind| kind == "bars") => {
            set(pair, DataKind::Bars { interval: length(every)? }, CANDLES, &[])
        }
        _ => return Err(refuse("its name does not say what it holds")),
    })
}

/// `XRP_ETH` as `XRP/ETH`, `XRP_USDT_USDT` as `XRP/USDT:USDT`, as the library writes them below its files.
fn symbol_of(pair: &str) -> String {
    pair.replacen('_', "/", 1).replacen('_', ":", 1)
}
