//! What the kernel does with a market record, by its kind.
//!
//! Enters: a bar, a trade or a quote. Leaves: what it changes of what is known, and the call of a
//! strategy. A new kind of record is one more implementation.

use crate::event::MarketException;
use crate::ids::InstrumentIx;
use crate::market::{Bar, MarketRecord, MarketState, QuoteTick, TradeTick};
use crate::port::{Context, Strategy};
use crate::time::Ts;

/// A kind of market record: what it changes, and how a strategy is told of it. The way of a record
/// through the kernel is compiled once for each.
pub trait Tick: Copy {
    /// Of which instrument.
    fn instrument(&self) -> InstrumentIx;

    /// When we know it.
    fn ts_recv(&self) -> Ts;

    /// Takes note of it; gives twice the new mark, or why it changes nothing.
    ///
    /// # Errors
    /// A crossed or locked quote.
    fn show(&self, state: &mut MarketState) -> Result<i64, MarketException>;

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
    fn ts_recv(&self) -> Ts {
        self.ts_recv
    }

    #[inline]
    fn show(&self, state: &mut MarketState) -> Result<i64, MarketException> {
        state.bar = Some(*self);
        Ok(2 * self.close.raw())
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
    fn ts_recv(&self) -> Ts {
        self.ts_recv
    }

    #[inline]
    fn show(&self, state: &mut MarketState) -> Result<i64, MarketException> {
        state.trade = Some(*self);
        Ok(2 * self.px.raw())
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
    fn ts_recv(&self) -> Ts {
        self.ts_recv
    }

    #[inline]
    fn show(&self, state: &mut MarketState) -> Result<i64, MarketException> {
        if self.bid_px > self.ask_px {
            return Err(MarketException::CrossedQuote);
        }
        if self.bid_px == self.ask_px {
            return Err(MarketException::LockedQuote);
        }
        state.quote = Some(*self);
        Ok(self.bid_px.raw() + self.ask_px.raw())
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
