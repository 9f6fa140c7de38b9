//! What the kernel does with a market record, by its kind.
//!
//! Enters: a bar, a trade, a quote or a row of depth. Leaves: what it changes of what is known, and the call of a
//! strategy. A new kind of record is one more implementation.

use crate::book::Book;
use crate::event::MarketException;
use crate::ids::InstrumentIx;
use crate::market::{
    Bar, DepthFlags, DepthTick, FundingTick, MarkTick, MarketRecord, MarketState, QuoteTick, TradeTick,
};
use crate::port::{Context, Strategy};
use crate::time::Ts;

/// What the price of a kind of record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// The last known price, at which orders are looked at.
    Last,
    /// The venue's mark price, at which positions are valued.
    Mark,
    /// No price at all.
    Nothing,
}

/// A kind of market record: what it changes, and how a strategy is told of it. The way of a record
/// through the kernel is compiled once for each.
pub trait Tick: Copy {
    /// What its price is.
    const SHOWS: Shows = Shows::Last;

    /// Of which instrument.
    fn instrument(&self) -> InstrumentIx;

    /// When it happened at the venue.
    fn ts_event(&self) -> Ts;

    /// When we know it.
    fn ts_recv(&self) -> Ts;

    /// Takes note of it; gives twice the price that it shows (of a kind that shows none: anything), `None` if there is nothing to tell yet (a message that
    /// goes on, a book without one of its sides), or why it changes nothing.
    ///
    /// # Errors
    /// A crossed or locked quote or book, a book that lost messages.
    fn show(&self, state: &mut MarketState, book: &mut Book) -> Result<Option<i64>, MarketException>;

    /// The one that was shown last.
    fn last(state: &MarketState) -> Option<&Self>;

    /// Tells a strategy.
    fn tell(&self, strategy: &mut dyn Strategy, ctx: &mut Context<'_>);

    /// As one of all kinds.
    fn record(&self) -> MarketRecord;
}

impl Tick for Bar {
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
    fn show(&self, state: &mut MarketState, _: &mut Book) -> Result<Option<i64>, MarketException> {
        state.bar = Some(*self);
        Ok(Some(2 * self.close.raw()))
    }

    #[inline]
    fn last(state: &MarketState) -> Option<&Self> {
        state.bar.as_ref()
    }

    #[inline]
    fn tell(&self, strategy: &mut dyn Strategy, ctx: &mut Context<'_>) {
        strategy.on_bar(ctx, self);
    }

    #[inline]
    fn record(&self) -> MarketRecord {
        MarketRecord::Bar(*self)
    }
}

impl Tick for TradeTick {
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
    fn show(&self, state: &mut MarketState, _: &mut Book) -> Result<Option<i64>, MarketException> {
        state.trade = Some(*self);
        Ok(Some(2 * self.px.raw()))
    }

    #[inline]
    fn last(state: &MarketState) -> Option<&Self> {
        state.trade.as_ref()
    }

    #[inline]
    fn tell(&self, strategy: &mut dyn Strategy, ctx: &mut Context<'_>) {
        strategy.on_trade(ctx, self);
    }

    #[inline]
    fn record(&self) -> MarketRecord {
        MarketRecord::Trade(*self)
    }
}

impl Tick for QuoteTick {
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
        if self.bid_px > self.ask_px {
            return Err(MarketException::CrossedQuote);
        }
        if self.bid_px == self.ask_px {
            return Err(MarketException::LockedQuote);
        }
        book.tell(self, |_, _| {});
        state.quote = Some(*self);
        Ok(Some(self.bid_px.raw() + self.ask_px.raw()))
    }

    #[inline]
    fn last(state: &MarketState) -> Option<&Self> {
        state.quote.as_ref()
    }

    #[inline]
    fn tell(&self, strategy: &mut dyn Strategy, ctx: &mut Context<'_>) {
        strategy.on_quote(ctx, self);
    }

    #[inline]
    fn record(&self) -> MarketRecord {
        MarketRecord::Quote(*self)
    }
}

impl Tick for DepthTick {
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
        book.apply(self);
        if !self.flags.has(DepthFlags::LAST) {
            return Ok(None);
        }
        book.end_message(self);
        let Some((bid, ask)) = book.top()? else { return Ok(None) };
        state.depth = Some(*self);
        state.quote = Some(book.quote(self));
        Ok(Some(bid.px.raw() + ask.px.raw()))
    }

    #[inline]
    fn last(state: &MarketState) -> Option<&Self> {
        state.depth.as_ref()
    }

    #[inline]
    fn tell(&self, strategy: &mut dyn Strategy, ctx: &mut Context<'_>) {
        strategy.on_book(ctx, self);
    }

    #[inline]
    fn record(&self) -> MarketRecord {
        MarketRecord::Depth(*self)
    }
}

impl Tick for MarkTick {
    const SHOWS: Shows = Shows::Mark;

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
    fn show(&self, state: &mut MarketState, _: &mut Book) -> Result<Option<i64>, MarketException> {
        state.venue_mark = Some(*self);
        Ok(Some(2 * self.mark_px.raw()))
    }

    #[inline]
    fn last(state: &MarketState) -> Option<&Self> {
        state.venue_mark.as_ref()
    }

    #[inline]
    fn tell(&self, strategy: &mut dyn Strategy, ctx: &mut Context<'_>) {
        strategy.on_mark(ctx, self);
    }

    #[inline]
    fn record(&self) -> MarketRecord {
        MarketRecord::Mark(*self)
    }
}

impl Tick for FundingTick {
    const SHOWS: Shows = Shows::Nothing;

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
    fn show(&self, state: &mut MarketState, _: &mut Book) -> Result<Option<i64>, MarketException> {
        state.funding = Some(*self);
        Ok(Some(0))
    }

    #[inline]
    fn last(state: &MarketState) -> Option<&Self> {
        state.funding.as_ref()
    }

    #[inline]
    fn tell(&self, strategy: &mut dyn Strategy, ctx: &mut Context<'_>) {
        strategy.on_funding(ctx, self);
    }

    #[inline]
    fn record(&self) -> MarketRecord {
        MarketRecord::Funding(*self)
    }
}
