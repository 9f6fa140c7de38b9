//! The orders behind the levels of a book, in the order in which they stand (L3).
//!
//! Enters: orders that come, change and go, by id. Leaves: who left a level and from where in its queue, and
//! each level's orders from first to last. Invariants: a level has a line if and only if it has orders, and the line
//! is in the order of arrival; an order is found by its id without a search through others. Memory is that
//! of the most orders that stood at one time. Deliberately absent: what levels show, which the book keeps.

use crate::number::{Price, Qty};
use crate::order::Side;

/// An order that rests at the venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resting {
    /// The venue's number of it.
    pub order_id: u64,
    /// Its side.
    pub side: Side,
    /// Its price.
    pub px: Price,
    /// What is left of it, above zero.
    pub qty: Qty,
    /// When it joined its line: of two orders of a level the one with the smaller number stands before the
    /// other. Numbers of one book rise and are never used twice.
    pub place: u64,
}

/// What left a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// The order as it was.
    pub order: Resting,
    /// How much of it left.
    pub qty: Qty,
    /// Whether it was traded; else it was taken back or lost its place.
    pub executed: bool,
}

/// No slot.
const NONE: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Node {
    order: Resting,
    before: u32,
    behind: u32,
}

/// First and last of a level.
#[derive(Debug, Clone, Copy)]
struct Line {
    first: u32,
    last: u32,
}

/// Orders by id and by level.
#[derive(Debug, Clone, Default)]
pub(super) struct Orders {
    nodes: Vec<Node>,
    nodes_free: Vec<u32>,
    lines: Vec<Line>,
    lines_free: Vec<u32>,
    by_id: Table,
    by_level: Table,
    place_next: u64,
}

impl Orders {
    /// Takes every order away; places go on rising.
    pub(super) fn clear(&mut self) {
        self.nodes.clear();
        self.nodes_free.clear();
        self.lines.clear();
        self.lines_free.clear();
        self.by_id.clear();
        self.by_level.clear();
    }

    /// The place of an order that joins now.
    pub(super) const fn place_next(&self) -> u64 {
        self.place_next
    }

    /// Number of orders.
    pub(super) const fn len(&self) -> usize {
        self.by_id.len
    }

    /// Slots in use or to be used again, of orders and of the table that finds them.
    #[cfg(test)]
    pub(super) const fn slots(&self) -> usize {
        self.nodes.len() + self.by_id.places.len()
    }

    #[inline]
    pub(super) fn find(&self, order_id: u64) -> Option<Resting> {
        self.by_id.get(order_id).map(|slot| self.nodes[slot as usize].order)
    }

    /// Puts an order last in the line of its level. Its id must not be there.
    pub(super) fn join(&mut self, order_id: u64, side: Side, px: Price, qty: Qty) {
        let order = Resting { order_id, side, px, qty, place: self.place_next };
        self.place_next += 1;
        let level = level_key(side, px);
        let at = self.by_level.get(level);
        let before = at.map_or(NONE, |at| self.lines[at as usize].last);
        let slot = put(&mut self.nodes, &mut self.nodes_free, Node { order, before, behind: NONE });
        match at {
            Some(at) => {
                self.nodes[before as usize].behind = slot;
                self.lines[at as usize].last = slot;
            }
            None => {
                let at = put(&mut self.lines, &mut self.lines_free, Line { first: slot, last: slot });
                self.by_level.insert(level, at);
            }
        }
        self.by_id.insert(order_id, slot);
    }

    /// Leaves of an order what is left; it keeps its place. What is not above zero takes it away.
    pub(super) fn reduce(&mut self, order_id: u64, left: Qty) {
        let Some(slot) = self.by_id.get(order_id) else { return };
        if left > Qty::ZERO {
            self.nodes[slot as usize].order.qty = left;
            return;
        }
        self.by_id.remove(order_id);
        self.nodes_free.push(slot);
        let Node { order, before, behind } = self.nodes[slot as usize];
        if before != NONE {
            self.nodes[before as usize].behind = behind;
        }
        if behind != NONE {
            self.nodes[behind as usize].before = before;
        }
        if before != NONE && behind != NONE {
            return;
        }
        let level = level_key(order.side, order.px);
        let Some(at) = self.by_level.get(level) else { return };
        let line = &mut self.lines[at as usize];
        if before == NONE {
            line.first = behind;
        }
        if behind == NONE {
            line.last = before;
        }
        if line.first == NONE {
            self.by_level.remove(level);
            self.lines_free.push(at);
        }
    }

    /// The orders of a level, first to last.
    pub(super) fn line(&self, side: Side, px: Price) -> impl Iterator<Item = Resting> {
        let mut slot = self.by_level.get(level_key(side, px)).map_or(NONE, |at| self.lines[at as usize].first);
        std::iter::from_fn(move || {
            let node = self.nodes.get(slot as usize)?;
            slot = node.behind;
            Some(node.order)
        })
    }
}

/// Puts something into a free slot, or a new one.
fn put<T>(slots: &mut Vec<T>, free: &mut Vec<u32>, item: T) -> u32 {
    if let Some(slot) = free.pop() {
        slots[slot as usize] = item;
        return slot;
    }
    slots.push(item);
    let slot = slots.len() - 1;
    assert!(slot < NONE as usize, "a book has fewer than 2^32 orders");
    slot as u32
}

/// A level as a key: prices are above zero, so nothing is lost.
#[inline]
const fn level_key(side: Side, px: Price) -> u64 {
    let bit = match side {
        Side::Buy => 0,
        Side::Sell => 1,
    };
    (px.raw() as u64) << 1 | bit
}

/// Slots by key: open addressing with linear probing, at most half full. Nothing depends on the order of the keys in it.
#[derive(Debug, Clone, Default)]
struct Table {
    /// Keys and slots; a slot of `NONE` means that the place is free. A power of two of them, or none.
    places: Vec<(u64, u32)>,
    len: usize,
}

/// Places of the first allocation.
const PLACES_MIN: usize = 64;

impl Table {
    fn clear(&mut self) {
        self.places.fill((0, NONE));
        self.len = 0;
    }

    /// Where a key would stand if nothing else were there: the finaliser of SplitMix64 (G. Steele, D. Lea, C. Flood,
    /// "Fast splittable pseudorandom number generators", OOPSLA 2014), so that ids in a row lie apart.
    #[inline]
    fn home(&self, key: u64) -> usize {
        let mixed = (key ^ key >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) as usize & (self.places.len() - 1)
    }

    /// The place of a key, or the free one where it would be put; the table is not empty.
    #[inline]
    fn probe(&self, key: u64) -> usize {
        let mut at = self.home(key);
        while self.places[at].1 != NONE && self.places[at].0 != key {
            at = (at + 1) & (self.places.len() - 1);
        }
        at
    }

    #[inline]
    fn get(&self, key: u64) -> Option<u32> {
        if self.places.is_empty() {
            return None;
        }
        Some(self.places[self.probe(key)].1).filter(|slot| *slot != NONE)
    }

    fn insert(&mut self, key: u64, slot: u32) {
        if self.places.len() <= 2 * self.len {
            self.grow();
        }
        let at = self.probe(key);
        self.places[at] = (key, slot);
        self.len += 1;
    }

    #[cold]
    fn grow(&mut self) {
        let size = (2 * self.places.len()).max(PLACES_MIN);
        let old = std::mem::replace(&mut self.places, vec![(0, NONE); size]);
        for (key, slot) in old.into_iter().filter(|(_, slot)| *slot != NONE) {
            let at = self.probe(key);
            self.places[at] = (key, slot);
        }
    }

    /// Takes a key out and moves those after it up, so that no search stops before them.
    fn remove(&mut self, key: u64) {
        if self.get(key).is_none() {
            return;
        }
        let last = self.places.len() - 1;
        let mut hole = self.probe(key);
        let mut at = hole;
        loop {
            at = (at + 1) & last;
            let (key, slot) = self.places[at];
            if slot == NONE {
                break;
            }
            // It may move if its home does not lie behind the hole.
            if (at.wrapping_sub(self.home(key)) & last) >= (at.wrapping_sub(hole) & last) {
                self.places[hole] = (key, slot);
                hole = at;
            }
        }
        self.places[hole] = (0, NONE);
        self.len -= 1;
    }
}
