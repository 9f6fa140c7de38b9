//! Records that only contracts have: mark and index prices, and funding rates.

use crate::ids::InstrumentIx;
use crate::number::Price;
use crate::time::{Span, Ts};

/// What a venue values positions at: its mark price, and the index that the mark follows.
///
/// A mark is not a price at which anything was dealt: it fills nothing, and need not lie on a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarkTick {
    /// Which instrument.
    pub instrument: InstrumentIx,
    /// When it was so at the venue.
    pub ts_event: Ts,
    /// When we know it.
    pub ts_recv: Ts,
    /// Mark price, above zero.
    pub mark_px: Price,
    /// Price of the underlying index, above zero, where the data says so.
    pub index_px: Option<Price>,
}

/// A funding rate at the instant at which it is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FundingTick {
    /// Which instrument.
    pub instrument: InstrumentIx,
    /// The instant of settlement: who holds a position now pays or is paid.
    pub ts_event: Ts,
    /// When we know it.
    pub ts_recv: Ts,
    /// Fraction of the position's value, in units of 1e-12; above zero longs pay shorts.
    pub rate: i64,
    /// Time from the settlement before to this one, where the data says so.
    pub interval: Option<Span>,
    /// The mark price that the venue settled at, where the data says so.
    pub mark_px: Option<Price>,
}

impl FundingTick {
    /// Decimals of `rate`.
    pub const RATE_SCALE: u8 = 12;
    /// The largest rate, in absolute terms, that makes sense: all that the position is worth.
    pub const RATE_MAX: i64 = 1_000_000_000_000;
}

/// A price of a chunk's column in which zero stands for a price that is not known.
#[inline]
pub const fn px_from_column(raw: i64) -> Option<Price> {
    if raw == 0 { None } else { Some(Price::from_raw(raw)) }
}

/// A span of a chunk's column in which zero stands for one that is not known.
#[inline]
pub const fn span_from_column(nanos: i64) -> Option<Span> {
    if nanos == 0 { None } else { Some(Span::from_nanos(nanos)) }
}
