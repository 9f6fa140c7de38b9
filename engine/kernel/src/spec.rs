//! What a run is made of, and what can end it early.

use tapedeck_model::margin::MarginTerms;
use tapedeck_model::port::LatencyModel;
use tapedeck_model::time::Span;
use tapedeck_model::{
    Amount, BookLaw, ClientOrderId, Currency, CurrencyIx, Instrument, InstrumentIx, PositionMode, Source, SourceError,
    StrategyIx, Ts,
};
use thiserror::Error;

pub use crate::host::StrategySlot;

use crate::account::{AccountError, AccountKind, AccountSpec};
use crate::incident::IncidentSpec;
use crate::risk::RiskSlot;
use crate::venue::{VenueError, VenueSpec};

/// What [`crate::run::Core`] is made of. All tables are sorted by name.
pub struct CoreSpec {
    /// Seed of every random stream.
    pub seed: u64,
    /// BLAKE3 of the resolved scenario.
    pub scenario_hash: [u8; 32],
    /// Currencies by code.
    pub currencies: Vec<Currency>,
    /// Instruments by id.
    pub instruments: Vec<Instrument>,
    /// The account.
    pub account: AccountSpec,
    /// Margin terms of every instrument of a margin account; empty for other accounts.
    pub margin: Vec<(InstrumentIx, MarginTerms)>,
    /// Whether an instrument has one position or a long and a short one.
    pub position_mode: PositionMode,
    /// Money put in at the start.
    pub deposits: Vec<(CurrencyIx, Amount)>,
    /// Strategies by id.
    pub strategies: Vec<StrategySlot>,
    /// Risk rules in the order of the chain.
    pub rules: Vec<RiskSlot>,
    /// Names of the sources.
    pub source_names: Vec<String>,
    /// The largest fee rate per instrument, in units of 1e-12 of notional.
    pub fee_rate_max: Vec<i64>,
    /// How the book of each instrument is kept.
    pub books: Vec<BookLaw>,
    /// When trading starts; before it, orders are denied and counted.
    pub start: Ts,
    /// Time of what happens before the first input; not after the first input.
    pub first_ts: Ts,
    /// How often equity is journaled.
    pub equity_interval: Span,
}

/// What a backtest is made of. All tables are sorted by name.
pub struct RunSpec {
    /// Seed of every random stream.
    pub seed: u64,
    /// BLAKE3 of the resolved scenario.
    pub scenario_hash: [u8; 32],
    /// In what equity is measured.
    pub base_currency: CurrencyIx,
    /// Currencies by code.
    pub currencies: Vec<Currency>,
    /// Instruments by id.
    pub instruments: Vec<Instrument>,
    /// Kind of account.
    pub account: AccountKind,
    /// Margin terms of every instrument of a margin account; empty for other accounts.
    pub margin: Vec<(InstrumentIx, MarginTerms)>,
    /// Whether an instrument has one position or a long and a short one.
    pub position_mode: PositionMode,
    /// Money put in at the start.
    pub deposits: Vec<(CurrencyIx, Amount)>,
    /// Venues by name; every instrument belongs to exactly one.
    pub venues: Vec<VenueSpec>,
    /// Strategies by id.
    pub strategies: Vec<StrategySlot>,
    /// Risk rules in the order of the chain.
    pub rules: Vec<RiskSlot>,
    /// Sources by name.
    pub sources: Vec<SourceSlot>,
    /// When contracts expire, those that do.
    pub expiries: Vec<(InstrumentIx, Ts)>,
    /// What befalls venues and the account, by start, then name.
    pub incidents: Vec<IncidentSpec>,
    /// When trading starts; before it, orders are denied and counted.
    pub start: Ts,
    /// How often equity is journaled.
    pub equity_interval: Span,
}

/// A source of a run.
pub struct SourceSlot {
    /// Its name, unique in the run.
    pub name: String,
    /// Its instrument.
    pub instrument: InstrumentIx,
    /// How much later than recorded we receive its records; `None` for not at all.
    pub feed_latency: Option<Box<dyn LatencyModel>>,
    /// Whether we receive its records; else only the venue sees them.
    pub is_heard: bool,
    /// The records.
    pub source: Box<dyn Source>,
}

/// What ends the kernel's work early.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum KernelError {
    /// The account refused an event.
    #[error("journal record {seq}: {source}")]
    Account {
        /// Number of the record.
        seq: u64,
        /// Why.
        #[source]
        source: AccountError,
    },
    /// The account cannot be set up.
    #[error(transparent)]
    Setup(#[from] AccountError),
    /// A fill for an order that nobody knows: going on would lose it.
    #[error("a fill arrived for order {client_order_id}, which is not known")]
    UnknownFill {
        /// Whose it claims to be.
        client_order_id: ClientOrderId,
    },
    /// The venue took a position away that is not the one that we hold: going on would lose it.
    #[error("the venue liquidated {last_qty} of a position of {net_qty}, but we hold {held}, in raw units")]
    Liquidation {
        /// What it took.
        last_qty: i64,
        /// Of what position.
        net_qty: i64,
        /// What we hold.
        held: i64,
    },
    /// A report about an instrument that the run does not have.
    #[error("a report of a venue names instrument number {}, which the run does not have", instrument.0)]
    UnknownInstrument {
        /// Which.
        instrument: InstrumentIx,
    },
    /// A strategy answers every answer with a new request.
    #[error("strategy {} loops: it answers every message about its orders with a new request", strategy.0)]
    Runaway {
        /// Which.
        strategy: StrategyIx,
    },
    /// A sum left its range.
    #[error("{what} left the range of exact amounts")]
    Overflow {
        /// Which.
        what: &'static str,
    },
}

/// What ends a backtest early.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum RunError {
    /// The data are wrong.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The kernel refused to go on.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// The simulated venue refused to go on.
    #[error(transparent)]
    Venue(#[from] VenueError),
    /// The parts do not fit each other.
    #[error("{problem}")]
    Spec {
        /// What is wrong and what was expected.
        problem: String,
    },
    /// Somebody asked for the end (Ctrl-C).
    #[error("stopped on request")]
    Stopped,
}
