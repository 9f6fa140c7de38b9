//! Matching on a book that is told order by order: places in the queue are exact.
//!
//! Enters: rows of orders at the venue. Leaves: reports. Invariants: an order of ours stands behind the orders that
//! rested at its price when it came, and moves up by what of these trades or is taken back, and by nothing else; it
//! fills when an order that stands behind it, or at a worse price, trades while nobody stands before it; our orders
//! together take no more than what traded; what we took of an order never comes back while that order rests. All else is as
//! on levels (`depth`).

use tapedeck_model::book::{Left, Resting};
use tapedeck_model::order::FillBasis;
use tapedeck_model::{Book, DepthFlags, MboTick, Price, Qty, RecordRef, Ts};

use super::{Depth, Standing, maker_offer, on_message};
use crate::venue::desk::{Desk, Stance, Working};
use crate::venue::fills::{Offer, Terms};
use crate::venue::scene::{Parts, Scene};
use crate::venue::{MakerFill, VenueError};

/// What is kept beside the book.
#[derive(Debug, Clone, Default)]
pub(in crate::venue) struct State {
    /// What we took of orders that still rest.
    taken: Vec<(u64, Qty)>,
    /// Whether the book could be believed after the last whole message.
    sound: bool,
    /// What the row at hand traded, if that may concern an order of ours.
    traded: Option<Left>,
    /// Whether the row at hand ends a message that may concern an order of ours.
    whole: bool,
}

impl State {
    /// An order at the venue, and what is left of it.
    pub(super) fn standing(&self, order: Resting) -> Standing {
        let taken = self.taken.iter().find(|(id, _)| *id == order.order_id).map_or(0, |(_, qty)| qty.raw());
        let left = Qty::from_raw((order.qty.raw() - taken).max(0));
        Standing { px: order.px, qty: order.qty, left, order_id: Some(order.order_id) }
    }

    /// What is left of some orders together.
    pub(super) fn left_of(&self, orders: impl Iterator<Item = Resting>) -> Qty {
        let sum = orders.fold(0_i64, |sum, order| sum.saturating_add(self.standing(order).left.raw()));
        Qty::from_raw(sum)
    }

    pub(super) fn take(&mut self, order_id: u64, qty: Qty) {
        match self.taken.iter_mut().find(|(id, _)| *id == order_id) {
            Some((_, taken)) => *taken = Qty::from_raw(taken.raw() + qty.raw()),
            None => self.taken.push((order_id, qty)),
        }
    }
}

impl Depth {
    /// Takes a row; gives what left a level by it.
    fn apply_order(&mut self, at: RecordRef, row: &MboTick) -> Option<Left> {
        self.at = at;
        if row.flags.has(DepthFlags::CLEAR) {
            self.by_order.taken.clear();
            self.anew = true;
        }
        let left = self.book.apply_order(row);
        if let Some(left) = left.filter(|_| !self.by_order.taken.is_empty())
            && self.book.order(left.order.order_id).is_none()
        {
            self.by_order.taken.retain(|(id, _)| *id != left.order.order_id);
        }
        left
    }
}

/// Remembers a row and says whether it may concern an order.
#[inline]
pub(in crate::venue) fn see(desk: &mut Desk, at: RecordRef, row: &MboTick) -> bool {
    let was_sound = desk.depth.by_order.sound;
    let left = desk.depth.apply_order(at, row);
    let ends = row.flags.has(DepthFlags::LAST);
    if ends {
        desk.depth.by_order.sound = desk.depth.is_believed();
    }
    if desk.orders.is_empty() {
        return false;
    }
    if let Some(left) = &left {
        move_up(desk, left);
    }
    let traded = left.filter(|left| left.executed && was_sound && desk.is_touched_at(left.order.px, row.ts_event));
    let whole = ends && desk.see_book(row.ts_event);
    let state = &mut desk.depth.by_order;
    (state.traded, state.whole) = (traded, whole);
    traded.is_some() || whole
}

/// Something left a level: those of ours who stand behind it move up.
fn move_up(desk: &mut Desk, left: &Left) {
    let Resting { side, px, place, .. } = left.order;
    if !desk.may_rest_at(side, px) {
        return;
    }
    for order in desk.orders.iter_mut().filter(|order| order.request.side == side) {
        if order.stance() == Stance::Limit(px) && order.place.is_behind(place) {
            order.place.move_up(left.qty);
        }
    }
}

/// A row may concern an order.
///
/// # Errors
/// [`VenueError::Overflow`].
pub(in crate::venue) fn on_row(scene: &mut Scene<'_>, ts: Ts) -> Result<(), VenueError> {
    let State { traded, whole, .. } = &mut scene.desk.depth.by_order;
    let (traded, whole) = (traded.take(), std::mem::take(whole));
    if let Some(left) = traded {
        on_execution(scene, ts, &left)?;
    }
    if whole { on_message(scene, ts) } else { Ok(()) }
}

/// An order traded: those of ours whom its taker would have met before it fill, best price first and each price in order of
/// arrival.
fn on_execution(scene: &mut Scene<'_>, ts: Ts, left: &Left) -> Result<(), VenueError> {
    let maker_fill = scene.maker_fill;
    let Parts { terms, mut hand, depth, .. } = scene.parts();
    let lot = terms.instrument.rules_at(ts).lot_size;
    let (mut taken, mut last) = (Qty::ZERO, None);
    while let Some((limit, nth)) = next_met(&terms, hand.orders, (ts, left), last) {
        last = Some((limit, nth));
        let order = &hand.orders[nth];
        let basis = if limit == left.order.px { FillBasis::TradeQueue } else { FillBasis::TradeThrough };
        let available = match maker_fill {
            MakerFill::Partial => Qty::from_raw(left.qty.raw() - taken.raw()),
            MakerFill::Whole => order.leaves(),
        };
        if available <= Qty::ZERO {
            break;
        }
        let shown = order.shown_qty().filter(|_| basis == FillBasis::TradeQueue);
        let available = shown.map_or(available, |shown| available.min(shown));
        let offer = maker_offer((depth.at, ts), order, (basis, limit, available));
        let filled = hand.execute(&terms, nth, &Offer { market_qty: left.qty, ..offer })?;
        taken = Qty::from_raw(taken.raw().saturating_add(filled.raw()));
        let order = &mut hand.orders[nth];
        order.show_anew(terms.draws, lot, depth.join(order, limit));
    }
    Ok(())
}

/// The next of our orders that would have traded before `left` did, after the one with this limit and position.
fn next_met(
    terms: &Terms<'_>,
    orders: &[Working],
    (ts, left): (Ts, &Left),
    after: Option<(Price, usize)>,
) -> Option<(Price, usize)> {
    let side = left.order.side;
    let rank = |(limit, nth): (Price, usize)| (-side.sign() * limit.raw(), nth);
    let met = orders.iter().enumerate().filter_map(|(nth, order)| {
        let Stance::Limit(limit) = order.stance() else { return None };
        let stands_first = limit != left.order.px || !order.place.is_behind(left.order.place);
        let meets = order.within(left.order.px, limit) && terms.shift(side, ts).serves(left.order.px, limit);
        let open = !order.done && order.request.side == side && meets;
        (open && stands_first && order.place.ahead_qty() == Qty::ZERO).then_some((limit, nth))
    });
    met.filter(|one| after.is_none_or(|after| rank(*one) > rank(after))).min_by_key(|one| rank(*one))
}

/// After a snapshot: those who stood before an order can only have become fewer, and stand first in the line. So no more
/// of its first orders stand before it than make up what stood there.
pub(super) fn seat_again(book: &Book, order: &mut Working, limit: Price) {
    let bound = order.place.ahead_qty();
    let (mut ahead, mut joined) = (Qty::ZERO, book.place_next());
    for resting in book.line(order.request.side, limit) {
        match ahead.checked_add(resting.qty).filter(|sum| *sum <= bound) {
            Some(sum) => ahead = sum,
            None => {
                joined = resting.place;
                break;
            }
        }
    }
    order.place.seat(joined, ahead);
}
