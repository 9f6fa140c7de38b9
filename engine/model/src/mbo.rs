//! Order-by-order records (market by order, L3).
//!
//! Enters: what a venue says of each order that rests on its book. Leaves: the book's orders and levels, in
//! the form that strategies and the venue see. Deliberately absent: ids that are no numbers; an importer numbers them.

use crate::book::Book;
use crate::event::MarketException;
use crate::ids::InstrumentIx;
use crate::market::{DepthFlags, DepthTick, MarketRecord, MarketState};
use crate::number::{Price, Qty};
use crate::order::{Side, numbered};
use crate::port::{Context, Strategy};
use crate::tick::Tick;
use crate::time::Ts;

numbered! {
    /// What happened to an order at the venue.
    MboAction {
        /// It joins its level, last in the line.
        Add = 1 "add",
        /// It has another price or quantity from now on. Less at the same price keeps its place; anything else
        /// makes it the last of its level.
        Modify = 2 "modify",
        /// A part of it, or all of it, is taken back.
        Cancel = 3 "cancel",
        /// A part of it, or all of it, is traded.
        Execute = 4 "execute",
    }
}

/// A row of an order-by-order message (L3). Rows of one message have the same times and stand together; the last
/// of them says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MboTick {
    /// Which instrument.
    pub instrument: InstrumentIx,
    /// When it happened at the venue.
    pub ts_event: Ts,
    /// When we know it.
    pub ts_recv: Ts,
    /// What happened; `None` for a row that bears flags only.
    pub action: Option<MboAction>,
    /// Side of the order; needed by `Add` alone.
    pub side: Option<Side>,
    /// Price of the order from now on, of `Add` and `Modify`; else without meaning, as an order trades at its own.
    pub px: Price,
    /// Of `Add` and `Modify` what the order shows from now on; of `Execute` what is traded; of `Cancel` what is
    /// taken back, zero for all of it.
    pub qty: Qty,
    /// The venue's number of the order, unique among those that rest.
    pub order_id: u64,
    /// Where the row stands in its message, and what it means for the book.
    pub flags: DepthFlags,
}

impl MboTick {
    /// The action of a chunk's column; zero is none.
    #[inline]
    pub const fn action_from(number: u8) -> Option<MboAction> {
        MboAction::from_number(number)
    }

    /// The row as one of depth, without a level of its own: the book has changed, and this is the message's end.
    pub const fn as_depth(&self) -> DepthTick {
        let Self { instrument, ts_event, ts_recv, flags, .. } = *self;
        DepthTick { instrument, ts_event, ts_recv, side: None, px: Price::ZERO, qty: Qty::ZERO, flags }
    }
}

impl Tick for MboTick {
    #[inline]
    fn instrument(&self) -> InstrumentIx {
        self.instrument
    }

    #[inline]
    fn ts_event(&self) -> Ts {
        self.ts_event
    }

    #[inline]
    fn ts_recv(&self) -> Ts {
        self.ts_recv
    }

    #[inline]
    fn show(&self, state: &mut MarketState, book: &mut Book) -> Result<Option<i64>, MarketException> {
        book.apply_order(self);
        if !self.flags.has(DepthFlags::LAST) {
            return Ok(None);
        }
        let Some((bid, ask)) = book.top()? else { return Ok(None) };
        let last = self.as_depth();
        state.quote = Some(book.quote(&last));
        state.depth = Some(last);
        state.mbo = Some(*self);
        Ok(Some(bid.px.raw() + ask.px.raw()))
    }

    #[inline]
    fn last(state: &MarketState) -> Option<&Self> {
        state.mbo.as_ref()
    }

    #[inline]
    fn tell(&self, strategy: &mut dyn Strategy, ctx: &mut Context<'_>) {
        strategy.on_book(ctx, &self.as_depth());
    }

    #[inline]
    fn record(&self) -> MarketRecord {
        MarketRecord::Mbo(*self)
    }
}
