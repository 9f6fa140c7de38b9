//! Money between venues: what is asked for, what is under way, what became of it.

use crate::ids::{CurrencyIx, StrategyIx, VenueIx};
use crate::number::Amount;
use crate::order::numbered;
use crate::time::Ts;

numbered! {
    /// Why a transfer did not leave.
    TransferRefusal {
        /// There is no way from the one venue to the other for this currency.
        NoRoute = 1 "no_route",
        /// It is not above the fee, so nothing would arrive.
        BelowFee = 2 "below_fee",
        /// So much is not free: it is not there, set aside by open orders, or needed as margin.
        InsufficientFunds = 3 "insufficient_funds",
        /// The run is still warming up.
        WarmUp = 4 "warm_up",
        /// The run is ending.
        Ending = 5 "ending",
    }
}

/// A transfer that left, as it stands in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransferSent {
    /// Its number in the run, from 1.
    pub transfer: u64,
    /// Who asked for it; `None`: the scenario.
    pub strategy: Option<StrategyIx>,
    /// From which venue.
    pub from: VenueIx,
    /// To which venue.
    pub to: VenueIx,
    /// In what.
    pub currency: CurrencyIx,
    /// What leaves; what arrives is this less the fee.
    pub amount: Amount,
    /// What it costs.
    pub fee: Amount,
    /// When it arrives.
    pub arrives: Ts,
}

/// Money is to leave one venue for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransferAsk {
    /// Who asked for it; `None`: the scenario.
    pub strategy: Option<StrategyIx>,
    /// From which venue.
    pub from: VenueIx,
    /// To which venue.
    pub to: VenueIx,
    /// In what.
    pub currency: CurrencyIx,
    /// What is to leave.
    pub amount: Amount,
}

/// Money that has left one venue and not arrived at another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnderWay {
    /// The transfer's number in the run.
    pub transfer: u64,
    /// Who asked for it; `None`: the scenario.
    pub strategy: Option<StrategyIx>,
    /// From which venue.
    pub from: VenueIx,
    /// To which venue.
    pub to: VenueIx,
    /// In what.
    pub currency: CurrencyIx,
    /// What arrives.
    pub amount: Amount,
}

/// What became of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransferUpdate {
    /// From which venue.
    pub from: VenueIx,
    /// To which venue.
    pub to: VenueIx,
    /// In what.
    pub currency: CurrencyIx,
    /// What was asked for; once it arrived, what arrived.
    pub amount: Amount,
    /// What became of it.
    pub news: TransferNews,
}

/// News of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferNews {
    /// It left.
    Sent {
        /// What it costs, of the amount.
        fee: Amount,
        /// When it arrives.
        arrives: Ts,
    },
    /// It arrived.
    Arrived,
    /// It did not leave.
    Refused {
        /// Why.
        reason: TransferRefusal,
        /// How much could have left.
        free: Amount,
    },
}
