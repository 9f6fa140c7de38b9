//! The market view: market records in, what we know of each instrument out.
//!
//! Invariant: the quote that strategies see has bid < ask, and so has the book whenever they are told of
//! it; a crossed or locked one is a named exception. Deliberately absent: the venue's own view, which is ahead of ours
//! by the feed latency.

use tapedeck_model::event::MarketException;
use tapedeck_model::{Book, BookLaw, InstrumentIx, Levels, MarketState, Shows, Tick};

/// What we have received last of every instrument.
#[derive(Debug, Clone)]
pub struct MarketView {
    states: Vec<MarketState>,
    books: Vec<Book>,
    /// Instruments whose records do not reach us, with the book as it goes on unseen.
    concealed: Vec<(InstrumentIx, Book)>,
    /// Instruments whose units change.
    aside: Vec<Aside>,
}

/// What we have received of an instrument in the units that are not those of our account.
#[derive(Debug, Clone)]
struct Aside {
    instrument: InstrumentIx,
    state: MarketState,
    book: Book,
}

impl MarketView {
    /// Nothing known of instruments whose books are kept by these laws.
    pub fn new(books: &[BookLaw]) -> Self {
        Self {
            states: vec![MarketState::default(); books.len()],
            books: books.iter().map(|law| Book::with_law(*law)).collect(),
            concealed: Vec::new(),
            aside: Vec::new(),
        }
    }

    /// The units of an instrument change: records in the new ones are kept aside.
    #[cold]
    pub fn keep_aside(&mut self, instrument: InstrumentIx) {
        let Some(book) = self.books.get(instrument.usize()) else { return };
        let book = Book::with_law(book.law());
        self.aside.push(Aside { instrument, state: MarketState::default(), book });
    }

    /// Takes a record in the units that our account does not have; returns twice the price that it shows, if any.
    pub fn apply_aside<T: Tick>(&mut self, tick: &T) -> Option<i64> {
        let Aside { state, book, .. } = self.aside.iter_mut().find(|aside| aside.instrument == tick.instrument())?;
        // Nobody is told of it, nor of what is wrong with it.
        show(tick, state, book).ok().flatten()
    }

    /// The same of one that is not received: of a book the copy goes on unseen.
    pub fn miss_aside<T: Tick>(&mut self, tick: &T) {
        if let Some(aside) = self.aside.iter_mut().find(|aside| aside.instrument == tick.instrument()) {
            let _ = tick.show(&mut MarketState::default(), &mut aside.book);
        }
    }

    /// Our account has the new units from now on: what was aside is what we see, and the other way round.
    #[cold]
    pub fn redenominate(&mut self, instrument: InstrumentIx) {
        let Self { states, books, concealed, aside } = self;
        let Some(aside) = aside.iter_mut().find(|aside| aside.instrument == instrument) else { return };
        let (Some(state), Some(book)) = (states.get_mut(instrument.usize()), books.get_mut(instrument.usize())) else {
            return;
        };
        std::mem::swap(state, &mut aside.state);
        if let Some((_, unseen)) = concealed.iter_mut().find(|(other, _)| *other == instrument) {
            // What we see stands still, so it shows nothing in new units.
            *book = Book::with_law(book.law());
            std::mem::swap(unseen, &mut aside.book);
        } else {
            std::mem::swap(book, &mut aside.book);
        }
    }

    /// No record in other units comes any more.
    #[cold]
    pub fn forget_aside(&mut self, instrument: InstrumentIx) {
        self.aside.retain(|aside| aside.instrument != instrument);
    }

    /// What is known of one instrument.
    #[inline]
    pub fn state(&self, instrument: InstrumentIx) -> &MarketState {
        &self.states[instrument.usize()]
    }

    /// From now on records of an instrument are not received.
    #[cold]
    pub fn conceal(&mut self, instrument: InstrumentIx) {
        let Some(book) = self.books.get(instrument.usize()).cloned() else { return };
        if !self.concealed.iter().any(|(other, _)| *other == instrument) {
            self.concealed.push((instrument, book));
        }
    }

    /// A record that is not received; of a book the copy goes on unseen.
    pub fn miss<T: Tick>(&mut self, tick: &T) {
        if let Some((_, book)) = self.concealed.iter_mut().find(|(other, _)| *other == tick.instrument()) {
            // Nobody is told of what it shows, nor of what is wrong with it.
            let _ = tick.show(&mut MarketState::default(), book);
        }
    }

    /// Records of an instrument are received again: of trades, quotes and bars those that were missed stay
    /// unknown, the book is up to date.
    #[cold]
    pub fn reveal(&mut self, instrument: InstrumentIx) {
        let Some(at) = self.concealed.iter().position(|(other, _)| *other == instrument) else { return };
        let (_, book) = self.concealed.swap_remove(at);
        if let Some(seen) = self.books.get_mut(instrument.usize()) {
            *seen = book;
        }
    }

    /// The order book of one instrument, as received.
    pub fn book(&self, instrument: InstrumentIx) -> &Book {
        &self.books[instrument.usize()]
    }

    /// Takes a record; returns twice the price that it shows, `None` if there is nothing to tell yet, or why it
    /// changes nothing.
    ///
    /// # Errors
    /// A crossed or locked quote or book, a book that lost messages.
    #[inline]
    pub fn apply<T: Tick>(&mut self, tick: &T) -> Result<Option<i64>, MarketException> {
        let at = tick.instrument().usize();
        show(tick, &mut self.states[at], &mut self.books[at])
    }

    /// Rows of a message that is not whole yet.
    #[inline]
    pub fn set_levels(&mut self, levels: &Levels<'_>) {
        let book = &mut self.books[levels.instrument.usize()];
        for (side, px, qty) in levels.iter() {
            book.set_told(side, px, qty);
        }
    }
}

#[inline]
fn show<T: Tick>(tick: &T, state: &mut MarketState, book: &mut Book) -> Result<Option<i64>, MarketException> {
    let Some(px_x2) = tick.show(state, book)? else { return Ok(None) };
    if T::SHOWS == Shows::Last {
        state.mark_x2 = Some(px_x2);
        state.mark_ts = tick.ts_recv();
    }
    Ok(Some(px_x2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapedeck_model::{MarkTick, Price, Qty, QuoteTick, Ts};

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
        let mut view = MarketView::new(&[BookLaw::default()]);
        assert_eq!(view.apply(&quote(99, 102)), Ok(Some(201)));
        assert_eq!(view.apply(&quote(103, 102)), Err(MarketException::CrossedQuote));
        assert_eq!(view.apply(&quote(102, 102)), Err(MarketException::LockedQuote));
        assert_eq!(view.state(InstrumentIx(0)).mark_x2, Some(201));
        assert_eq!(view.state(InstrumentIx(0)).mark(), Some(Price::from_raw(100)));
    }

    #[test]
    fn a_mark_price_is_not_the_last_known_price() {
        let mut view = MarketView::new(&[BookLaw::default()]);
        let (instrument, ts_event, ts_recv) = (InstrumentIx(0), Ts::from_nanos(2), Ts::from_nanos(3));
        let mark = MarkTick { instrument, ts_event, ts_recv, mark_px: Price::from_raw(90), index_px: None };
        assert_eq!(view.apply(&quote(99, 102)), Ok(Some(201)));
        assert_eq!(view.apply(&mark), Ok(Some(180)));
        let state = view.state(instrument);
        assert_eq!((state.mark(), state.mark_ts), (Some(Price::from_raw(100)), Ts::from_nanos(1)));
        assert_eq!(state.venue_mark, Some(mark));
    }
}
