//! An order book by price level, as one feed shows it.
//!
//! Enters: rows of depth messages, and best bids and offers beside them; or orders one by one. Leaves: the best levels, any
//! level's quantity, and whether the book can be believed. Invariants: no level is empty; each side stands in order of price; a book that lost
//! messages is not believed before the next snapshot. Memory is that of the levels in use. Used twice
//! per instrument: the venue's own book, and ours, which is behind by the feed's latency.

mod by_order;
mod orders;

use crate::event::MarketException;
use crate::market::{DepthFlags, DepthTick, QuoteTick};
use crate::number::{Price, Qty};
use crate::order::Side;
use crate::time::Ts;
use orders::Orders;

pub use orders::{Left, Resting};

/// What a best bid and offer does to the book of the same instrument, if it is not older than the book's
/// last message. It counts until the next message that is not older than it: that one tells what changed
/// since the message before, so what it does not name is again as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QuoteLaw {
    /// Nothing: levels change with depth alone.
    #[default]
    Ignore,
    /// It takes away: better levels go, and the best level shows no more than the quote. Levels that the
    /// book does not know are not added, and none grows.
    Prune,
    /// It says what is so: better levels go, and the best level shows what the quote shows.
    Fuse,
}

/// What an order-by-order record does that cannot be true of the book (an unknown id, one that is there already,
/// more than there is).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FaultLaw {
    /// The book is not believed before the next snapshot.
    #[default]
    Suspend,
    /// The record is left out, and its message is not told to strategies.
    Skip,
}

/// How a book of an instrument is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BookLaw {
    /// What best bids and offers do to it, where levels are told.
    pub quotes: QuoteLaw,
    /// What impossible records do to it, where orders are told one by one.
    pub faults: FaultLaw,
}

/// A price level with something on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// Its price.
    pub px: Price,
    /// What is shown there, above zero.
    pub qty: Qty,
}

/// A level that changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Its price.
    pub px: Price,
    /// What it showed.
    pub before: Qty,
    /// What it shows now; zero: it is gone.
    pub after: Qty,
}

/// Price levels of both sides.
#[derive(Debug, Clone, Default)]
pub struct Book {
    bids: Ladder,
    asks: Ladder,
    /// Why nothing has been believed since the last snapshot, if messages were lost.
    lost: Option<MarketException>,
    /// Why the book was not believed after its last message.
    trouble: Option<MarketException>,
    law: BookLaw,
    /// When the last whole message happened; kept where quotes count.
    told: Option<Ts>,
    /// The last quote that counted, until a message that is not older.
    fresh: Option<QuoteTick>,
    /// Levels that quotes changed since the last message, as that left them.
    changed: Vec<(Side, Level)>,
    /// Where orders are told one by one.
    orders: Option<Box<Orders>>,
    /// What an order-by-order record of the message under way did wrong, where that is passed over.
    fault: Option<MarketException>,
}

impl Book {
    /// Nothing is shown.
    pub const fn new() -> Self {
        Self {
            bids: Ladder::new(),
            asks: Ladder::new(),
            lost: None,
            trouble: None,
            law: BookLaw { quotes: QuoteLaw::Ignore, faults: FaultLaw::Suspend },
            told: None,
            fresh: None,
            changed: Vec::new(),
            orders: None,
            fault: None,
        }
    }

    /// The same, kept by a law.
    pub fn with_law(law: BookLaw) -> Self {
        Self { law, ..Self::new() }
    }

    /// How it is kept.
    pub const fn law(&self) -> BookLaw {
        self.law
    }

    /// Takes a row of a message; gives the quantity that its level showed before.
    #[inline]
    pub fn apply(&mut self, row: &DepthTick) -> Qty {
        if row.flags.has(DepthFlags::CLEAR) {
            self.clear();
            self.lost = None;
        } else if row.flags.has(DepthFlags::GAP) {
            self.lost = Some(MarketException::BookGap);
        }
        row.side.map_or(Qty::ZERO, |side| self.set_told(side, row.px, row.qty))
    }

    /// Takes one of [`Levels`](crate::market::Levels); gives the quantity that it showed before.
    #[inline]
    pub fn set_told(&mut self, side: Side, px: Price, qty: Qty) -> Qty {
        if !self.changed.is_empty() {
            self.changed.retain(|(other, level)| *other != side || level.px != px);
        }
        self.set(side, px, qty)
    }

    /// The message with this row is whole: quotes that are not newer than it count no more.
    #[inline]
    pub fn end_message(&mut self, row: &DepthTick) {
        if self.law.quotes != QuoteLaw::Ignore {
            self.end_beside_quotes(row.ts_event);
        }
    }

    fn end_beside_quotes(&mut self, ts: Ts) {
        self.told = Some(ts);
        while let Some((side, level)) = self.changed.pop() {
            self.set(side, level.px, level.qty);
        }
        if let Some(quote) = self.fresh.take().filter(|quote| quote.ts_event > ts) {
            self.tell(&quote, |_, _| {});
        }
    }

    /// Takes a best bid and offer by the book's [`QuoteLaw`]; calls `changed` with the side and each level
    /// that changed, as it was, once it has changed. Whether the quote counts: not before the first message,
    /// not if it is older than the last one, is crossed or locked, nor where messages were lost. A side
    /// without a quantity says nothing.
    #[inline]
    pub fn tell(&mut self, quote: &QuoteTick, changed: impl FnMut(Side, Change)) -> bool {
        let counts = self.law.quotes != QuoteLaw::Ignore
            && self.lost.is_none()
            && quote.bid_px < quote.ask_px
            && self.told.is_some_and(|told| told <= quote.ts_event);
        if counts {
            self.take_quote(quote, changed);
        }
        counts
    }

    #[inline(never)]
    fn take_quote(&mut self, quote: &QuoteTick, mut changed: impl FnMut(Side, Change)) {
        self.fresh = Some(*quote);
        for (side, px, qty) in [(Side::Buy, quote.bid_px, quote.bid_qty), (Side::Sell, quote.ask_px, quote.ask_qty)] {
            if qty <= Qty::ZERO {
                continue;
            }
            while let Some(best) = self.best(side).filter(|best| rank_of(side, best.px) > rank_of(side, px)) {
                changed(side, self.change(side, best, Qty::ZERO));
            }
            let before = self.qty_at(side, px);
            let after = if self.law.quotes == QuoteLaw::Fuse { qty } else { before.min(qty) };
            if before != after {
                changed(side, self.change(side, Level { px, qty: before }, after));
            }
        }
    }

    /// A quote changes a level.
    fn change(&mut self, side: Side, Level { px, qty: before }: Level, after: Qty) -> Change {
        if !self.changed.iter().any(|(other, level)| *other == side && level.px == px) {
            self.changed.push((side, Level { px, qty: before }));
        }
        self.set(side, px, after);
        Change { px, before, after }
    }

    /// Sets a level; zero takes it away. Gives the quantity that it showed before.
    #[inline]
    pub fn set(&mut self, side: Side, px: Price, qty: Qty) -> Qty {
        // Which side comes next is anybody's guess: a choice of addresses instead of a branch.
        let ladder = if side == Side::Buy { &mut self.bids } else { &mut self.asks };
        ladder.set(rank_of(side, px), qty)
    }

    /// Takes every level away.
    pub fn clear(&mut self) {
        self.changed.clear();
        if let Some(orders) = &mut self.orders {
            orders.clear();
        }
        self.bids.clear();
        self.asks.clear();
    }

    /// The best level of a side.
    #[inline]
    pub fn best(&self, side: Side) -> Option<Level> {
        self.side(side).best().map(|(rank, qty)| level_of(side, rank, qty))
    }

    /// What is shown at a price.
    pub fn qty_at(&self, side: Side, px: Price) -> Qty {
        self.side(side).qty_at(rank_of(side, px))
    }

    /// The levels of a side, best first.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = Level> {
        self.side(side).iter().map(move |(rank, qty)| level_of(side, rank, qty))
    }

    /// Number of levels of a side.
    pub fn depth(&self, side: Side) -> usize {
        self.side(side).len
    }

    /// Whether messages were lost since the last snapshot.
    pub const fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    /// After a whole message: best bid and offer, if the book can be believed and shows both.
    ///
    /// # Errors
    /// Why it cannot be believed, said once as it begins.
    #[inline]
    pub fn top(&mut self) -> Result<Option<(Level, Level)>, MarketException> {
        let trouble = self.trouble_now();
        let began = trouble.is_some() && trouble != self.trouble;
        self.trouble = trouble;
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        match trouble {
            Some(exception) if began => Err(exception),
            Some(_) => Ok(None),
            None => Ok(self.best(Side::Buy).zip(self.best(Side::Sell))),
        }
    }

    /// Why the book cannot be believed as it stands.
    #[inline]
    pub fn trouble_now(&self) -> Option<MarketException> {
        if self.lost.is_some() {
            return self.lost;
        }
        let (bid, ask) = (self.best(Side::Buy)?, self.best(Side::Sell)?);
        match bid.px.cmp(&ask.px) {
            std::cmp::Ordering::Less => None,
            std::cmp::Ordering::Equal => Some(MarketException::LockedBook),
            std::cmp::Ordering::Greater => Some(MarketException::CrossedBook),
        }
    }

    /// Best bid and offer in the form of a quote, zero where a side is empty.
    pub fn quote(&self, row: &DepthTick) -> QuoteTick {
        let nothing = Level { px: Price::ZERO, qty: Qty::ZERO };
        let (bid, ask) = (self.best(Side::Buy).unwrap_or(nothing), self.best(Side::Sell).unwrap_or(nothing));
        QuoteTick {
            instrument: row.instrument,
            ts_event: row.ts_event,
            ts_recv: row.ts_recv,
            bid_px: bid.px,
            ask_px: ask.px,
            bid_qty: bid.qty,
            ask_qty: ask.qty,
        }
    }

    const fn side(&self, side: Side) -> &Ladder {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }
}

/// How good a price is on its side: the best level has the highest rank.
#[inline]
const fn rank_of(side: Side, px: Price) -> i64 {
    match side {
        Side::Buy => px.raw(),
        // One's complement turns the order round and has no overflow.
        Side::Sell => !px.raw(),
    }
}

#[inline]
const fn level_of(side: Side, rank: i64, qty: Qty) -> Level {
    let px = match side {
        Side::Buy => rank,
        Side::Sell => !rank,
    };
    Level { px: Price::from_raw(px), qty }
}

/// How many bits of a rank tell its place in its page: a page has a bit of a mask for each rank.
const PAGE_BITS: u32 = u64::BITS.trailing_zeros();

/// Ranks of a page.
const PAGE_RANKS: usize = u64::BITS as usize;

/// How many pages near each other are found without a search; a power of two.
const HINTS: usize = 1_024;

/// Which levels of a page there are.
#[derive(Debug, Clone, Copy)]
struct Head {
    /// What the page's ranks have in common: a rank without its last bits.
    number: i64,
    /// A bit for each level; zero if the page is free.
    mask: u64,
}

/// One side by rank, in pages.
///
/// No level ever moves: a page stays where it is until it is empty. Where a page is, is guessed from
/// its number and seldom searched for.
#[derive(Debug, Clone, Default)]
struct Ladder {
    heads: Vec<Head>,
    /// Quantities of each page by the last bits of the rank; zero where the mask has no bit.
    qtys: Vec<[Qty; PAGE_RANKS]>,
    /// Pages without levels.
    free: Vec<u32>,
    /// Pages with levels, by number, rising: number and position among the pages.
    order: Vec<(i64, u32)>,
    /// By the last bits of a page's number: where a page with such a number was last seen.
    hints: Vec<u32>,
    len: usize,
}

impl Ladder {
    const fn new() -> Self {
        Self { heads: Vec::new(), qtys: Vec::new(), free: Vec::new(), order: Vec::new(), hints: Vec::new(), len: 0 }
    }

    fn clear(&mut self) {
        self.heads.clear();
        self.qtys.clear();
        self.free.clear();
        self.order.clear();
        self.len = 0;
    }

    /// The position of a page as it was last seen.
    #[inline]
    fn guess(&self, number: i64) -> Option<usize> {
        let at = *self.hints.get(number as usize % HINTS)? as usize;
        self.heads.get(at).filter(|head| head.number == number && head.mask != 0).map(|_| at)
    }

    /// The position of a page, or its place in the order if there is none.
    fn search(&self, number: i64) -> Result<usize, usize> {
        let place = self.order.binary_search_by_key(&number, |(number, _)| *number)?;
        Ok(self.order[place].1 as usize)
    }

    #[inline]
    fn set(&mut self, rank: i64, qty: Qty) -> Qty {
        match self.guess(rank >> PAGE_BITS) {
            Some(at) => self.set_in(at, rank, qty),
            None => self.set_searching(rank, qty),
        }
    }

    /// Sets a level of a page. Whether it comes or goes is anybody's guess: no branch but for a page that ends.
    #[inline]
    fn set_in(&mut self, at: usize, rank: i64, qty: Qty) -> Qty {
        let bit = rank as usize % PAGE_RANKS;
        let after = qty.max(Qty::ZERO);
        let before = std::mem::replace(&mut self.qtys[at][bit], after);
        let (was, is) = (before != Qty::ZERO, after != Qty::ZERO);
        self.len = self.len + usize::from(is) - usize::from(was);
        let head = &mut self.heads[at];
        head.mask = head.mask & !(1 << bit) | u64::from(is) << bit;
        if head.mask == 0 {
            self.close(rank >> PAGE_BITS, at);
        }
        before
    }

    #[inline(never)]
    fn set_searching(&mut self, rank: i64, qty: Qty) -> Qty {
        let number = rank >> PAGE_BITS;
        match self.search(number) {
            Ok(at) => {
                self.hints[number as usize % HINTS] = at as u32;
                self.set_in(at, rank, qty)
            }
            Err(place) => {
                if qty > Qty::ZERO {
                    self.open(place, number, rank as usize % PAGE_RANKS, qty);
                }
                Qty::ZERO
            }
        }
    }

    /// The first level of a page.
    #[inline(never)]
    fn open(&mut self, place: usize, number: i64, bit: usize, qty: Qty) {
        let at = self.free.pop().unwrap_or_else(|| {
            self.heads.push(Head { number, mask: 0 });
            self.qtys.push([Qty::ZERO; PAGE_RANKS]);
            (self.heads.len() - 1) as u32
        });
        self.heads[at as usize] = Head { number, mask: 1 << bit };
        self.qtys[at as usize][bit] = qty;
        self.order.insert(place, (number, at));
        self.hints.resize(HINTS, 0);
        self.hints[number as usize % HINTS] = at;
        self.len += 1;
    }

    /// The last level of a page is gone.
    #[inline(never)]
    fn close(&mut self, number: i64, at: usize) {
        self.free.push(at as u32);
        if let Ok(place) = self.order.binary_search_by_key(&number, |(number, _)| *number) {
            self.order.remove(place);
        }
    }

    fn qty_at(&self, rank: i64) -> Qty {
        let (number, bit) = (rank >> PAGE_BITS, rank as usize % PAGE_RANKS);
        let at = self.guess(number).or_else(|| self.search(number).ok());
        let shown = at.filter(|at| self.heads[*at].mask >> bit & 1 == 1);
        shown.map_or(Qty::ZERO, |at| self.qtys[at][bit])
    }

    #[inline]
    fn best(&self) -> Option<(i64, Qty)> {
        let at = self.order.last()?.1 as usize;
        self.heads[at].mask.checked_ilog2().map(|bit| self.level(at, bit))
    }

    /// The level at a place of a page.
    #[inline]
    fn level(&self, at: usize, bit: u32) -> (i64, Qty) {
        (self.heads[at].number << PAGE_BITS | i64::from(bit), self.qtys[at][bit as usize])
    }

    /// Levels, best first.
    fn iter(&self) -> impl Iterator<Item = (i64, Qty)> {
        self.order.iter().rev().flat_map(move |(_, at)| {
            let at = *at as usize;
            let mut mask = self.heads[at].mask;
            std::iter::from_fn(move || {
                let bit = mask.checked_ilog2()?;
                mask &= !(1 << bit);
                Some(self.level(at, bit))
            })
        })
    }
}

/// The same levels, whatever pages they are in.
impl PartialEq for Ladder {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl Eq for Ladder {}

#[cfg(test)]
mod tests;
