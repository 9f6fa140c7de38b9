//! Names and indices. Indices are dense and follow the sorted order of names, so that the order of
//! sections in a scenario changes nothing.

use std::fmt;

macro_rules! index {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub u16);

        impl $name {
            /// As a position in a table.
            pub const fn usize(self) -> usize {
                self.0 as usize
            }
        }
    };
}

index! {
    /// Position of an instrument in the run's table, sorted by [`InstrumentId`].
    InstrumentIx
}
index! {
    /// Position of a currency in the run's table, sorted by code.
    CurrencyIx
}
index! {
    /// Position of a strategy in the run's table, sorted by its id.
    StrategyIx
}
index! {
    /// Position of a data source in the run's table, sorted by name.
    SourceIx
}
index! {
    /// Position of a venue in the run's table, sorted by name. Each venue has an account of its own.
    VenueIx
}
index! {
    /// Position of a risk rule in the run's chain.
    RuleIx
}

/// An instrument's name: `SYMBOL.VENUE`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstrumentId {
    /// The venue's name, for example `BINANCE`.
    pub venue: String,
    /// The venue's symbol (FIX 55), for example `BTCUSDT`.
    pub symbol: String,
}

impl fmt::Display for InstrumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.symbol, self.venue)
    }
}

/// A currency or asset code, for example `USD` or `BTC`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency(String);

impl Currency {
    /// A code of 1 to 16 ASCII letters, digits, `-` or `_`; `None` for anything else.
    pub fn new(code: &str) -> Option<Self> {
        let fits =
            (1..=16).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        fits.then(|| Self(code.to_owned()))
    }

    /// The code.
    pub fn code(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Our own name of an order (FIX 11): the strategy and its own counter, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientOrderId {
    /// Who sent it.
    pub strategy: StrategyIx,
    /// The strategy's counter, from 1.
    pub number: u32,
}

impl fmt::Display for ClientOrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.strategy.0, self.number)
    }
}

/// The venue's name of an order (FIX 37).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VenueOrderId(pub u64);

/// The venue's name of one execution of ours (FIX 1003); unique per instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TradeId(pub u64);
