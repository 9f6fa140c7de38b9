//! Tapedeck's words and ports.
//!
//! Enters: nothing. Leaves: types that every other crate speaks in. Deliberately absent: I/O,
//! clocks, threads, floats that hold money.

#![deny(missing_docs)]
#![deny(unsafe_code)]

pub mod book;
pub mod event;
pub mod ids;
pub mod instrument;
pub mod loan;
pub mod margin;
pub mod market;
pub mod math;
pub mod mbo;
pub mod number;
pub mod order;
pub mod param;
pub mod port;
pub mod position;
pub mod random;
pub mod redenomination;
pub mod terms;
pub mod tick;
pub mod time;
pub mod transfer;

pub use book::{Book, BookLaw, FaultLaw, Level, QuoteLaw};
pub use event::{Event, Header, Record};
pub use ids::{
    ClientOrderId, Currency, CurrencyIx, InstrumentId, InstrumentIx, RuleIx, SourceIx, StrategyIx, TradeId, VenueIx,
    VenueOrderId,
};
pub use instrument::{DatedRules, Instrument, InstrumentKind};
pub use market::{
    Bar, Chunk, Columns, DepthFlags, DepthTick, FundingTick, Levels, MarkTick, MarketRecord, MarketState, QuoteTick,
    RecordRef, TradeTick,
};
pub use mbo::{MboAction, MboTick};
pub use number::{Amount, Price, Qty};
pub use order::{
    Amendment, Command, FillReport, FundingReport, HoldingReport, Intent, Liquidity, Order, OrderKind, OrderRequest,
    OrderStatus, SettlementReport, Side, TimeInForce, VenueReport,
};
pub use param::{Component, ParamError, ParamKind, ParamSpec, ParamValue, Params};
pub use port::{Context, Fill, OrderUpdate, Source, SourceError, Strategy, View};
pub use position::{Deal, PositionMode, PositionSide};
pub use random::{Draws, Stream};
pub use redenomination::{Ratio, RedenominationReport};
pub use rust_decimal::Decimal;
pub use terms::{Display, GroupKind, GroupLeg, Terms, Trail, TriggerBy};
pub use tick::{Shows, Tick};
pub use time::{Span, Ts};
