//! Tardis' CSV files, plain or gzip: what they hold stands in their header line, whose they are in their first row.
//!
//! Times are microseconds: `timestamp` of the exchange, `local_timestamp` of the receipt. A file holds one symbol; those
//! of symbol groups (`SPOT`, `PERPETUALS`) hold several and are refused.
//! Source: <https://docs.tardis.dev/downloadable-csv-files>.

use std::path::Path;

use super::Published;
use crate::decode::first_cells;
use crate::error::CatalogError;
use crate::spec::{BookForm, DataKind, Format, TimeUnit};

const TIMES: &[(&str, &str)] = &[("ts", "timestamp"), ("ts_recv", "local_timestamp")];

/// What a file holds.
pub(super) fn recognise(path: &Path) -> Result<Published, CatalogError> {
    let [names, first] = first_cells(path)?;
    let cell = |name: &str| {
        let at = names.iter().position(|column| column == name);
        at.and_then(|at| first.get(at)).filter(|cell| !cell.is_empty())
    };
    let refuse = |what: &str| {
        let expected = "trades, quotes, incremental_book_L2 or book_snapshot_N as Tardis writes them";
        CatalogError::format(path, format!("{what}; expected {expected}"))
    };
    let (Some(exchange), Some(symbol)) = (cell("exchange"), cell("symbol")) else {
        return Err(refuse("it has no columns `exchange` and `symbol`, or no rows"));
    };
    let has = |column: &str| names.iter().any(|name| name == column);
    let (kind, format, columns) = if has("is_snapshot") {
        (DataKind::Depth, Format::Book(BookForm::TardisUpdates), &[][..])
    } else if has("bids[0].price") {
        (DataKind::Depth, Format::Book(BookForm::TardisBooks), &[][..])
    } else if has("bid_price") && has("ask_price") {
        (DataKind::Quotes, Format::Csv, TIMES)
    } else if has("side") && has("price") && has("amount") {
        (DataKind::Trades, Format::Csv, TIMES)
    } else {
        return Err(refuse("its columns are none that are known"));
    };
    let mut set = Published::new(path, symbol, kind, format);
    set.venue = Some(exchange.clone());
    set.columns = columns;
    set.time_unit = Some(TimeUnit::Micros);
    Ok(set)
}
