//! An order book by price level, as one feed shows it.
//!
//! Enters: rows of depth messages. Leaves: the best levels, any level's quantity, and whether the book
//! can be believed. Invariants: no level is empty; each side stands in order of price; a book that lost
//! messages is not believed before the next snapshot. Memory is that of the levels in use. Used twice
//! per instrument: the venue's own book, and ours, which is behind by the feed's latency.

use crate::event::MarketException;
use crate::market::{DepthFlags, DepthTick, QuoteTick};
use crate::number::{Price, Qty};
use crate::order::Side;

/// A price level with something on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// Its price.
    pub px: Price,
    /// What is shown there, above zero.
    pub qty: Qty,
}

/// Price levels of both sides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Book {
    bids: Ladder,
    asks: Ladder,
    /// Messages were lost since the last snapshot.
    lost: bool,
    /// Why the book was not believed after its last message.
    trouble: Option<MarketException>,
}

impl Book {
    /// Nothing is shown.
    pub const fn new() -> Self {
        Self { bids: Ladder::new(), asks: Ladder::new(), lost: false, trouble: None }
    }

    /// Takes a row of a message; gives the quantity that its level showed before.
    #[inline]
    pub fn apply(&mut self, row: &DepthTick) -> Qty {
        if row.flags.has(DepthFlags::CLEAR) {
            self.clear();
            self.lost = false;
        } else if row.flags.has(DepthFlags::GAP) {
            self.lost = true;
        }
        row.side.map_or(Qty::ZERO, |side| self.set(side, row.px, row.qty))
    }

    /// Sets a level; zero takes it away. Gives the quantity that it showed before.
    #[inline]
    pub fn set(&mut self, side: Side, px: Price, qty: Qty) -> Qty {
        match side {
            Side::Buy => self.bids.set(rank_of(side, px), qty),
            Side::Sell => self.asks.set(rank_of(side, px), qty),
        }
    }

    /// Takes every level away.
    pub fn clear(&mut self) {
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
        self.lost
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
        match trouble {
            Some(exception) if began => Err(exception),
            Some(_) => Ok(None),
            None => Ok(self.best(Side::Buy).zip(self.best(Side::Sell))),
        }
    }

    /// Why the book cannot be believed as it stands.
    #[inline]
    pub fn trouble_now(&self) -> Option<MarketException> {
        if self.lost {
            return Some(MarketException::BookGap);
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

/// Ranks of a page: the bits of its mask.
const PAGE_BITS: u32 = u64::BITS.trailing_zeros();

/// Where a page is, and which of its ranks hold a level.
#[derive(Debug, Clone, Copy)]
struct Entry {
    /// What the ranks of the page have in common: a rank without its last bits.
    page: i64,
    /// A bit for each level. Never zero.
    mask: u64,
    /// The page's position among the pages.
    slot: u32,
}

/// One side by rank, in pages of consecutive ranks.
///
/// A level is found by computing where it is: its page is as far from the best one as their numbers
/// tell, less the pages between them that are empty. So what happens near the touch looks at one or
/// two entries, and no level ever moves; only entries do, one for many levels.
#[derive(Debug, Clone, Default)]
struct Ladder {
    /// Pages with levels, rising.
    index: Vec<Entry>,
    /// Quantities by the last bits of the rank; what is not in the mask means nothing.
    pages: Vec<[Qty; u64::BITS as usize]>,
    /// Pages without levels.
    free: Vec<u32>,
    len: usize,
}

impl Ladder {
    const fn new() -> Self {
        Self { index: Vec::new(), pages: Vec::new(), free: Vec::new(), len: 0 }
    }

    fn clear(&mut self) {
        self.index.clear();
        self.pages.clear();
        self.free.clear();
        self.len = 0;
    }

    /// Where the entry of a page is, or would be.
    #[inline]
    fn find(&self, page: i64) -> Result<usize, usize> {
        let Some(best) = self.index.last() else { return Err(0) };
        if best.page < page {
            return Err(self.index.len());
        }
        // Pages are whole numbers, so there are at most as many above this one as the best is away.
        let away = usize::try_from(best.page.abs_diff(page)).unwrap_or(usize::MAX);
        let low = (self.index.len() - 1).saturating_sub(away);
        if self.index[low].page == page {
            return Ok(low);
        }
        self.index[low..]
            .binary_search_by_key(&page, |entry| entry.page)
            .map_or_else(|at| Err(low + at), |at| Ok(low + at))
    }

    #[inline]
    fn set(&mut self, rank: i64, qty: Qty) -> Qty {
        let (page, bit) = (rank >> PAGE_BITS, (rank & 63) as usize);
        match self.find(page) {
            Ok(at) => {
                let entry = &mut self.index[at];
                let place = &mut self.pages[entry.slot as usize][bit];
                let before = if entry.mask >> bit & 1 == 1 { *place } else { Qty::ZERO };
                if qty > Qty::ZERO {
                    self.len += usize::from(before == Qty::ZERO);
                    *place = qty;
                    entry.mask |= 1 << bit;
                } else if before > Qty::ZERO {
                    self.len -= 1;
                    entry.mask &= !(1 << bit);
                    if entry.mask == 0 {
                        self.free.push(entry.slot);
                        self.index.remove(at);
                    }
                }
                before
            }
            Err(at) => {
                if qty > Qty::ZERO {
                    self.open(at, page, bit, qty);
                }
                Qty::ZERO
            }
        }
    }

    /// The first level of a page.
    fn open(&mut self, at: usize, page: i64, bit: usize, qty: Qty) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.pages.push([Qty::ZERO; u64::BITS as usize]);
            (self.pages.len() - 1) as u32
        });
        self.pages[slot as usize][bit] = qty;
        self.index.insert(at, Entry { page, mask: 1 << bit, slot });
        self.len += 1;
    }

    fn qty_at(&self, rank: i64) -> Qty {
        let bit = (rank & 63) as usize;
        let entry = self.find(rank >> PAGE_BITS).ok().map(|at| &self.index[at]);
        let shown = entry.filter(|entry| entry.mask >> bit & 1 == 1);
        shown.map_or(Qty::ZERO, |entry| self.pages[entry.slot as usize][bit])
    }

    #[inline]
    fn best(&self) -> Option<(i64, Qty)> {
        self.index.last().map(|entry| self.level(entry, entry.mask.ilog2()))
    }

    #[inline]
    fn level(&self, entry: &Entry, bit: u32) -> (i64, Qty) {
        (entry.page << PAGE_BITS | i64::from(bit), self.pages[entry.slot as usize][bit as usize])
    }

    /// Levels, best first.
    fn iter(&self) -> impl Iterator<Item = (i64, Qty)> {
        self.index.iter().rev().flat_map(move |entry| {
            let mut mask = entry.mask;
            std::iter::from_fn(move || {
                let bit = mask.checked_ilog2()?;
                mask &= !(1 << bit);
                Some(self.level(entry, bit))
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
