//! The venue from outside: cases as text, properties, and what each case needs.

mod bars;
mod bounds;
mod by_order;
mod commands;
mod delisting;
mod depth;
mod funding;
mod groups;
mod hedge;
mod impact;
mod loans;
mod margin;
mod properties;
mod redenomination;
mod script;
mod self_trade;
mod ticks;
mod token;
mod triggers;

use tapedeck_model::{
    Amount, CurrencyIx, DatedRules, Instrument, InstrumentId, InstrumentIx, InstrumentKind, Price, Qty, Ts,
};

/// Spot, base currency 0, quote currency 1; price 2 decimals, tick 0.1; quantity 3 decimals, lot 0.01.
pub(super) fn instrument(ix: u16) -> Instrument {
    Instrument {
        ix: InstrumentIx(ix),
        id: InstrumentId { venue: "SIM".to_owned(), symbol: format!("X{ix}") },
        kind: InstrumentKind::Spot,
        base: CurrencyIx(0),
        quote: CurrencyIx(1),
        settlement: CurrencyIx(1),
        price_scale: 2,
        qty_scale: 3,
        multiplier: 1,
        multiplier_scale: 0,
        rules: vec![DatedRules {
            from: Ts::MIN,
            tick_size: Price::from_raw(10),
            lot_size: Qty::from_raw(10),
            qty_min: Qty::from_raw(20),
            qty_max: Qty::from_raw(100_000),
            notional_min: Amount::parse("5").unwrap(),
        }],
    }
}
