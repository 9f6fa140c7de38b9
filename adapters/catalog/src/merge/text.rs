//! Rows for people: what catalog and import say of an instant.

use tapedeck_model::number::format_scaled;
use tapedeck_model::{FundingTick, Instrument, MarketRecord, Side};

/// Most rows of an instant that a message quotes.
const QUOTED: usize = 3;

/// Rows of one instant.
pub(super) fn rows_text(rows: &[MarketRecord], instrument: &Instrument) -> String {
    if rows.is_empty() {
        return "nothing".to_owned();
    }
    let quoted: Vec<String> = rows.iter().take(QUOTED).map(|row| row_text(row, instrument)).collect();
    match rows.len() {
        1 => format!("({})", quoted.concat()),
        count if count > QUOTED => format!("{count} rows ({}; ...)", quoted.join("; ")),
        count => format!("{count} rows ({})", quoted.join("; ")),
    }
}

fn row_text(row: &MarketRecord, instrument: &Instrument) -> String {
    let px = |px: tapedeck_model::Price| format_scaled(i128::from(px.raw()), instrument.price_scale);
    let qty = |qty: tapedeck_model::Qty| format_scaled(i128::from(qty.raw()), instrument.qty_scale);
    let side = |side: Option<Side>| match side {
        Some(Side::Buy) => "buy",
        Some(Side::Sell) => "sell",
        None => "no side",
    };
    let known = |text: Option<String>| text.unwrap_or_else(|| "not known".to_owned());
    let text = match row {
        MarketRecord::Bar(r) => {
            let [open, high, low, close] = [r.open, r.high, r.low, r.close].map(px);
            format!("open {open}, high {high}, low {low}, close {close}, volume {}", qty(r.volume))
        }
        MarketRecord::Trade(r) => format!("{} at {}, {}", qty(r.qty), px(r.px), side(r.aggressor)),
        MarketRecord::Quote(r) => {
            format!("bid {} at {}, ask {} at {}", qty(r.bid_qty), px(r.bid_px), qty(r.ask_qty), px(r.ask_px))
        }
        MarketRecord::Depth(r) => {
            format!("{} {} at {}, flags {}", side(r.side), qty(r.qty), px(r.px), r.flags.bits())
        }
        MarketRecord::Mark(r) => format!("mark {}, index {}", px(r.mark_px), known(r.index_px.map(px))),
        MarketRecord::Funding(r) => {
            let rate = format_scaled(i128::from(r.rate), FundingTick::RATE_SCALE);
            let interval = known(r.interval.map(|span| span.to_string()));
            format!("rate {rate}, interval {interval}, mark {}", known(r.mark_px.map(px)))
        }
        MarketRecord::Mbo(r) => {
            let action = r.action.map_or_else(|| "flags".to_owned(), |action| format!("{action:?}").to_lowercase());
            let (order, flags) = (r.order_id, r.flags.bits());
            format!("{action} order {order}: {} {} at {}, flags {flags}", side(r.side), qty(r.qty), px(r.px))
        }
    };
    if row.ts_recv() == row.ts_event() { text } else { format!("{text}, received {}", row.ts_recv()) }
}
