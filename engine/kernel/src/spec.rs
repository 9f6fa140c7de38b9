//! What a run is made of, and what can end it early.

use tapedeck_model::loan::BorrowTerms;
use tapedeck_model::margin::MarginTerms;
use tapedeck_model::port::LatencyModel;
use tapedeck_model::time::Span;
use tapedeck_model::{
    Amount, BookLaw, ClientOrderId, Currency, CurrencyIx, Instrument, InstrumentIx, PositionMode, RedenominationReport,
    Source, SourceError, StrategyIx, Ts, VenueIx,
};
use thiserror::Error;

pub use crate::host::StrategySlot;

use crate::account::{AccountError, AccountKind};
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
    /// In what equity is measured.
    pub base_currency: CurrencyIx,
    /// The account at each venue, by the venue's name.
    pub accounts: Vec<VenueAccount>,
    /// Margin terms of every instrument of a margin account.
    pub margin: Vec<(InstrumentIx, MarginTerms)>,
    /// At what rates an account that may borrow does, by currency; empty for other accounts.
    pub loans: Vec<(CurrencyIx, BorrowTerms)>,
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
    /// Whether the driver carries money between venues; else transfers are refused.
    pub carries_transfers: bool,
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
    /// The account at each venue, by the venue's name.
    pub accounts: Vec<VenueAccount>,
    /// Margin terms of every instrument of a margin account.
    pub margin: Vec<(InstrumentIx, MarginTerms)>,
    /// At what rates an account that may borrow does, by currency; empty for other accounts.
    pub loans: Vec<(CurrencyIx, BorrowTerms)>,
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
    /// Ways for money between venues.
    pub routes: Vec<Route>,
    /// What befalls venues and the account, by start, then name.
    pub incidents: Vec<IncidentSpec>,
    /// When trading starts; before it, orders are denied and counted.
    pub start: Ts,
    /// How often equity is journaled.
    pub equity_interval: Span,
}

/// The account at one venue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VenueAccount {
    /// The venue's name.
    pub venue: String,
    /// Kind of account.
    pub kind: AccountKind,
    /// Whether an instrument has one position or a long and a short one.
    pub position_mode: PositionMode,
    /// Money put in at the start.
    pub deposits: Vec<(CurrencyIx, Amount)>,
}

/// A way for money from one venue to another.
pub struct Route {
    /// From which venue.
    pub from: VenueIx,
    /// To which venue.
    pub to: VenueIx,
    /// In what.
    pub currency: CurrencyIx,
    /// What a transfer costs, of what leaves; at least zero.
    pub fee: Amount,
    /// How long it takes; the number of a draw is how many transfers went before on this way.
    pub time: Box<dyn LatencyModel>,
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
    /// The venue settled a holding that is not the one that we have: going on would lose the difference.
    #[error("the venue settled a holding of {holding} at a delisting, but we have {held}")]
    Holding {
        /// What it settled.
        holding: Amount,
        /// What we have.
        held: Amount,
    },
    /// The venue converted something else at a redenomination than what we have: going on would lose the difference.
    #[error(
        "by the venue there are {} of an asset after its redenomination and {} in positions, by our account {} and {}",
        shown(report.holding), report.positions, shown(ours.holding), ours.positions
    )]
    Redenomination {
        /// What the venue said.
        report: Box<RedenominationReport>,
        /// What we would have.
        ours: Box<RedenominationReport>,
    },
    /// Something of a venue that the run does not have.
    #[error("something was said of venue number {}, which the run does not have", venue.0)]
    UnknownVenue {
        /// Which.
        venue: VenueIx,
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

/// An amount, or a word where none is said.
fn shown(amount: Option<Amount>) -> String {
    amount.map_or_else(|| "any".to_owned(), |amount| amount.to_string())
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
