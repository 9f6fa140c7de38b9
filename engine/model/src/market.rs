//! Market records and their columnar form on the tape.

pub mod derivative;

pub use derivative::{FundingTick, MarkTick};

use derivative::{px_from_column, span_from_column};

use crate::ids::{InstrumentIx, SourceIx};
use crate::mbo::MboTick;
use crate::number::{Price, Qty};
use crate::order::Side;
use crate::time::{Span, Ts};

/// A bar, known at its close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar {
    /// Which instrument.
    pub instrument: InstrumentIx,
    /// When it closed: open time + interval.
    pub ts_event: Ts,
    /// When we know it.
    pub ts_recv: Ts,
    /// Its length.
    pub interval: Span,
    /// First price.
    pub open: Price,
    /// Highest price.
    pub high: Price,
    /// Lowest price.
    pub low: Price,
    /// Last price.
    pub close: Price,
    /// Traded quantity in units of the instrument; never negative.
    pub volume: Qty,
}

impl Bar {
    /// When it opened.
    pub const fn ts_open(&self) -> Ts {
        Ts::from_nanos(self.ts_event.nanos().saturating_sub(self.interval.nanos()))
    }
}

/// A public trade: one print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TradeTick {
    /// Which instrument.
    pub instrument: InstrumentIx,
    /// When the venue matched it.
    pub ts_event: Ts,
    /// When we know it.
    pub ts_recv: Ts,
    /// Price.
    pub px: Price,
    /// Quantity, above zero.
    pub qty: Qty,
    /// The side that took liquidity, where the data says so.
    pub aggressor: Option<Side>,
}

impl TradeTick {
    /// The aggressor of a chunk's column: 1 bought, -1 sold, anything else is not known.
    #[inline]
    pub const fn aggressor_from(sign: i8) -> Option<Side> {
        match sign {
            1 => Some(Side::Buy),
            -1 => Some(Side::Sell),
            _ => None,
        }
    }
}

/// A best bid and offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuoteTick {
    /// Which instrument.
    pub instrument: InstrumentIx,
    /// When it was so at the venue.
    pub ts_event: Ts,
    /// When we know it.
    pub ts_recv: Ts,
    /// Best bid price.
    pub bid_px: Price,
    /// Best ask price.
    pub ask_px: Price,
    /// Quantity at the best bid.
    pub bid_qty: Qty,
    /// Quantity at the best ask.
    pub ask_qty: Qty,
}

/// What a row of a depth message says beside its level; a sum of the constants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DepthFlags(u8);

impl DepthFlags {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// The last row of its message: only then the book is whole.
    pub const LAST: Self = Self(1);
    /// The first row of a snapshot: what the book showed before is void.
    pub const CLEAR: Self = Self(2);
    /// Messages were lost before this row.
    pub const GAP: Self = Self(4);

    /// From the number in a file; bits without a meaning make none.
    pub const fn from_bits(bits: u8) -> Option<Self> {
        if bits < 8 { Some(Self(bits)) } else { None }
    }

    /// From a number that was checked before; bits without a meaning are left out.
    #[inline]
    pub const fn from_bits_truncate(bits: u8) -> Self {
        Self(bits & 7)
    }

    /// The number in a file.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether it says all that `other` says.
    #[inline]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A row of a depth message (L2): what a price level shows from now on. Rows of one message have the same
/// times and stand together; the last of them says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DepthTick {
    /// Which instrument.
    pub instrument: InstrumentIx,
    /// When it was so at the venue.
    pub ts_event: Ts,
    /// When we know it.
    pub ts_recv: Ts,
    /// Bids (`Buy`) or asks (`Sell`); `None` for a row that bears flags only.
    pub side: Option<Side>,
    /// Price of the level.
    pub px: Price,
    /// All that the level shows now; zero: the level is gone.
    pub qty: Qty,
    /// Where the row stands in its message, and what it means for the book.
    pub flags: DepthFlags,
}

/// One record of the tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarketRecord {
    /// A closed bar.
    Bar(Bar),
    /// A public trade.
    Trade(TradeTick),
    /// A change of the best bid or offer.
    Quote(QuoteTick),
    /// A change of a price level.
    Depth(DepthTick),
    /// A mark price.
    Mark(MarkTick),
    /// A settlement of funding.
    Funding(FundingTick),
    /// A change of an order at the venue.
    Mbo(MboTick),
}

impl MarketRecord {
    /// Which instrument.
    pub const fn instrument(&self) -> InstrumentIx {
        match self {
            Self::Bar(r) => r.instrument,
            Self::Trade(r) => r.instrument,
            Self::Quote(r) => r.instrument,
            Self::Depth(r) => r.instrument,
            Self::Mark(r) => r.instrument,
            Self::Funding(r) => r.instrument,
            Self::Mbo(r) => r.instrument,
        }
    }

    /// When it happened at the venue.
    pub const fn ts_event(&self) -> Ts {
        match self {
            Self::Bar(r) => r.ts_event,
            Self::Trade(r) => r.ts_event,
            Self::Quote(r) => r.ts_event,
            Self::Depth(r) => r.ts_event,
            Self::Mark(r) => r.ts_event,
            Self::Funding(r) => r.ts_event,
            Self::Mbo(r) => r.ts_event,
        }
    }

    /// When we know it.
    pub const fn ts_recv(&self) -> Ts {
        match self {
            Self::Bar(r) => r.ts_recv,
            Self::Trade(r) => r.ts_recv,
            Self::Quote(r) => r.ts_recv,
            Self::Depth(r) => r.ts_recv,
            Self::Mark(r) => r.ts_recv,
            Self::Funding(r) => r.ts_recv,
            Self::Mbo(r) => r.ts_recv,
        }
    }
}

/// Where a record stands: source and its number in that source, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RecordRef {
    /// The source.
    pub source: SourceIx,
    /// Number of the record in the source, from 0.
    pub number: u64,
}

/// The columns of a chunk. All columns of one chunk have the same length as its `ts_event`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Columns {
    /// Bars: raw prices and quantities.
    Bars {
        /// Length of each bar.
        interval: Span,
        /// Open prices.
        open: Vec<i64>,
        /// High prices.
        high: Vec<i64>,
        /// Low prices.
        low: Vec<i64>,
        /// Close prices.
        close: Vec<i64>,
        /// Volumes.
        volume: Vec<i64>,
    },
    /// Trades.
    Trades {
        /// Prices.
        px: Vec<i64>,
        /// Quantities.
        qty: Vec<i64>,
        /// 1 = the buyer took, -1 = the seller took, 0 = not known.
        aggressor: Vec<i8>,
    },
    /// Best bids and offers.
    Quotes {
        /// Bid prices.
        bid_px: Vec<i64>,
        /// Ask prices.
        ask_px: Vec<i64>,
        /// Bid quantities.
        bid_qty: Vec<i64>,
        /// Ask quantities.
        ask_qty: Vec<i64>,
    },
    /// Price levels of order books.
    Depth {
        /// 1 = bids, -1 = asks, 0 = flags only.
        side: Vec<i8>,
        /// Prices.
        px: Vec<i64>,
        /// Quantities, zero where the level is gone.
        qty: Vec<i64>,
        /// [`DepthFlags`] as numbers.
        flags: Vec<u8>,
    },
    /// Mark prices.
    Marks {
        /// Mark prices.
        mark_px: Vec<i64>,
        /// Index prices, zero where not known.
        index_px: Vec<i64>,
    },
    /// Funding rates at their settlements.
    Funding {
        /// Rates in units of 1e-12.
        rate: Vec<i64>,
        /// Nanoseconds since the settlement before, zero where not known.
        interval: Vec<i64>,
        /// Mark prices of the settlements, zero where not known.
        mark_px: Vec<i64>,
    },
    /// Orders at the venue.
    Mbo {
        /// [`crate::mbo::MboAction`] as numbers, 0 = flags only.
        action: Vec<u8>,
        /// 1 = bids, -1 = asks, 0 = not said.
        side: Vec<i8>,
        /// Prices.
        px: Vec<i64>,
        /// Quantities.
        qty: Vec<i64>,
        /// The venue's numbers of the orders.
        order_id: Vec<u64>,
        /// [`DepthFlags`] as numbers.
        flags: Vec<u8>,
    },
}

/// Rows of one message of depth that only change levels: no flag is set, so the message goes on after them.
#[derive(Debug, Clone, Copy)]
pub struct Levels<'a> {
    /// Which instrument.
    pub instrument: InstrumentIx,
    /// When they happened.
    pub ts_event: Ts,
    /// When they are received.
    pub ts_recv: Ts,
    side: &'a [i8],
    px: &'a [i64],
    qty: &'a [i64],
}

impl<'a> Levels<'a> {
    /// Rows of columns of [`Columns::Depth`].
    ///
    /// # Panics
    /// If there is not as much of each column.
    pub fn new(
        instrument: InstrumentIx,
        (ts_event, ts_recv): (Ts, Ts),
        (side, px, qty): (&'a [i8], &'a [i64], &'a [i64]),
    ) -> Self {
        assert!(side.len() == px.len() && px.len() == qty.len(), "columns are as long as each other");
        Self { instrument, ts_event, ts_recv, side, px, qty }
    }

    /// How many rows.
    pub const fn len(&self) -> usize {
        self.px.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.px.is_empty()
    }

    /// Each level with its side and its new quantity; rows without a side change none.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = (Side, Price, Qty)> + use<'a> {
        self.side.iter().zip(self.px).zip(self.qty).filter_map(|((side, px), qty)| {
            Some((TradeTick::aggressor_from(*side)?, Price::from_raw(*px), Qty::from_raw(*qty)))
        })
    }
}

/// A piece of a tape: consecutive records of one kind and instrument, in order of time.
///
/// Invariants, kept by every source: `ts_event` does not fall; `ts_recv` is either empty (received
/// when it happened, plus the feed latency of the scenario) or as long as `ts_event` and does not
/// fall either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Which instrument.
    pub instrument: InstrumentIx,
    /// Number of the first record in its source.
    pub first_number: u64,
    /// When each record happened, nanoseconds.
    pub ts_event: Vec<i64>,
    /// When each record was received, nanoseconds; or empty.
    pub ts_recv: Vec<i64>,
    /// The rest.
    pub columns: Columns,
}

impl Chunk {
    /// Without records, to be filled by a source.
    pub const fn new(instrument: InstrumentIx) -> Self {
        let columns = Columns::Trades { px: Vec::new(), qty: Vec::new(), aggressor: Vec::new() };
        Self { instrument, first_number: 0, ts_event: Vec::new(), ts_recv: Vec::new(), columns }
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.ts_event.len()
    }

    /// Whether there are no records.
    pub fn is_empty(&self) -> bool {
        self.ts_event.is_empty()
    }

    /// Record `row`, as received when it happened if the chunk has no receive times.
    ///
    /// # Panics
    /// If `row` is not below [`Chunk::len`].
    #[inline]
    pub fn record(&self, row: usize) -> MarketRecord {
        let instrument = self.instrument;
        let ts_event = Ts::from_nanos(self.ts_event[row]);
        let ts_recv = if self.ts_recv.is_empty() { ts_event } else { Ts::from_nanos(self.ts_recv[row]) };
        match &self.columns {
            Columns::Bars { interval, open, high, low, close, volume } => MarketRecord::Bar(Bar {
                instrument,
                ts_event,
                ts_recv,
                interval: *interval,
                open: Price::from_raw(open[row]),
                high: Price::from_raw(high[row]),
                low: Price::from_raw(low[row]),
                close: Price::from_raw(close[row]),
                volume: Qty::from_raw(volume[row]),
            }),
            Columns::Trades { px, qty, aggressor } => MarketRecord::Trade(TradeTick {
                instrument,
                ts_event,
                ts_recv,
                px: Price::from_raw(px[row]),
                qty: Qty::from_raw(qty[row]),
                aggressor: TradeTick::aggressor_from(aggressor[row]),
            }),
            Columns::Quotes { bid_px, ask_px, bid_qty, ask_qty } => MarketRecord::Quote(QuoteTick {
                instrument,
                ts_event,
                ts_recv,
                bid_px: Price::from_raw(bid_px[row]),
                ask_px: Price::from_raw(ask_px[row]),
                bid_qty: Qty::from_raw(bid_qty[row]),
                ask_qty: Qty::from_raw(ask_qty[row]),
            }),
            Columns::Depth { side, px, qty, flags } => MarketRecord::Depth(DepthTick {
                instrument,
                ts_event,
                ts_recv,
                side: TradeTick::aggressor_from(side[row]),
                px: Price::from_raw(px[row]),
                qty: Qty::from_raw(qty[row]),
                flags: DepthFlags::from_bits_truncate(flags[row]),
            }),
            Columns::Marks { mark_px, index_px } => MarketRecord::Mark(MarkTick {
                instrument,
                ts_event,
                ts_recv,
                mark_px: Price::from_raw(mark_px[row]),
                index_px: px_from_column(index_px[row]),
            }),
            Columns::Funding { rate, interval, mark_px } => MarketRecord::Funding(FundingTick {
                instrument,
                ts_event,
                ts_recv,
                rate: rate[row],
                interval: span_from_column(interval[row]),
                mark_px: px_from_column(mark_px[row]),
            }),
            Columns::Mbo { action, side, px, qty, order_id, flags } => MarketRecord::Mbo(MboTick {
                instrument,
                ts_event,
                ts_recv,
                action: MboTick::action_from(action[row]),
                side: TradeTick::aggressor_from(side[row]),
                px: Price::from_raw(px[row]),
                qty: Qty::from_raw(qty[row]),
                order_id: order_id[row],
                flags: DepthFlags::from_bits_truncate(flags[row]),
            }),
        }
    }
}

/// What we have seen last of an instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MarketState {
    /// The last bar received.
    pub bar: Option<Bar>,
    /// The last trade received.
    pub trade: Option<TradeTick>,
    /// The last quote received that was not crossed; where books are received, the best levels.
    pub quote: Option<QuoteTick>,
    /// The last row of the last message after which the book was whole and not crossed.
    pub depth: Option<DepthTick>,
    /// The same where orders are received one by one.
    pub mbo: Option<MboTick>,
    /// Twice the last known price (a mid-price needs the half), if any price is known. What the venue
    /// calls its mark price does not change it.
    pub mark_x2: Option<i64>,
    /// When the last known price was received.
    pub mark_ts: Ts,
    /// The last mark price received, with its index; only where the instrument has such data.
    pub venue_mark: Option<MarkTick>,
    /// The last settlement of funding received.
    pub funding: Option<FundingTick>,
}

impl MarketState {
    /// The last known price, rounded down to the price scale.
    pub fn mark(&self) -> Option<Price> {
        self.mark_x2.map(|x2| Price::from_raw(x2.div_euclid(2)))
    }
}
