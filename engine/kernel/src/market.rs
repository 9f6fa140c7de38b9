//! The market view: market records in, what we know of each instrument out.
//!
//! Invariant: the quote that strategies see has bid < ask; a crossed or locked one is a named
//! exception and changes nothing. Deliberately absent: the venue's own view, which is ahead of ours
//! by the feed latency.

use tapedeck_model::event::MarketException;
use tapedeck_model::{InstrumentIx, MarketState, Tick};

/// What we have received last of every instrument.
#[derive(Debug, Clone)]
pub struct MarketView {
    states: Vec<MarketState>,
}

impl MarketView {
    /// Nothing known of `instruments` instruments.
    pub fn new(instruments: usize) -> Self {
        Self { states: vec![MarketState::default(); instruments] }
    }

    /// What is known of one instrument.
    #[inline]
    pub fn state(&self, instrument: InstrumentIx) -> &MarketState {
        &self.states[instrument.usize()]
    }

    /// Takes a record; returns twice the new mark, or why it changes nothing.
    ///
    /// # Errors
    /// A crossed or locked quote.
    #[inline]
    pub fn apply<T: Tick>(&mut self, tick: &T) -> Result<i64, MarketException> {
        let state = &mut self.states[tick.instrument().usize()];
        let mark_x2 = tick.show(state)?;
        state.mark_x2 = Some(mark_x2);
        state.mark_ts = tick.ts_recv();
        Ok(mark_x2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapedeck_model::{Price, Qty, QuoteTick, Ts};

    fn quote(bid: i64, ask: i64) -> QuoteTick {
        QuoteTick {
            instrument: InstrumentIx(0),
            ts_event: Ts::from_nanos(1),
            ts_recv: Ts::from_nanos(1),
            bid_px: Price::from_raw(bid),
            ask_px: Price::from_raw(ask),
            bid_qty: Qty::from_raw(1),
            ask_qty: Qty::from_raw(1),
        }
    }

    #[test]
    fn a_crossed_quote_is_an_exception_and_changes_nothing() {
        let mut view = MarketView::new(1);
        assert_eq!(view.apply(&quote(99, 102)), Ok(201));
        assert_eq!(view.apply(&quote(103, 102)), Err(MarketException::CrossedQuote));
        assert_eq!(view.apply(&quote(102, 102)), Err(MarketException::LockedQuote));
        assert_eq!(view.state(InstrumentIx(0)).mark_x2, Some(201));
        assert_eq!(view.state(InstrumentIx(0)).mark(), Some(Price::from_raw(100)));
    }
}
