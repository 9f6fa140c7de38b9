//! What one order's fate does to others at the same desk: groups, and orders that may only reduce.
//!
//! Enters: a fill or an end of an order. Leaves: quantities of others, their activation or end, each
//! reported. Invariants: the orders of a pair together never fill more than one of them; what waits for
//! a parent never works with more than the parent has filled and the exits have not closed; a reduce-only
//! order is never larger than the position. All of it happens before any other order meets the market.
//! Deliberately absent: what happens on the way to the venue, which knows nothing of groups.

use tapedeck_model::order::CancelReason;
use tapedeck_model::{GroupLeg, Qty, Ts, VenueReport};

use super::desk::Hold;
use super::fills::{Hand, reducible};

impl Hand<'_> {
    /// After an order filled `qty`.
    pub(super) fn follow_fill(&mut self, place: usize, qty: Qty, ts: Ts) {
        if let Some(leg) = self.orders[place].request.terms.group {
            self.follow_in_group(place, leg, qty, ts);
        }
        self.follow_position(place, ts);
    }

    fn follow_in_group(&mut self, place: usize, leg: GroupLeg, qty: Qty, ts: Ts) {
        if leg.is_parent() {
            for other in self.others(place, leg) {
                self.feed_child(other, (place, qty), ts);
            }
            return;
        }
        if let Some(other) = leg.sibling().and_then(|number| self.find(place, number)) {
            let left = Qty::from_raw(self.orders[other].leaves().raw() - qty.raw());
            if left <= Qty::ZERO {
                self.cancel(other, ts, CancelReason::SiblingFilled);
            } else {
                self.resize(other, left, ts);
            }
        }
        // All that the parent has filled is closed again: what is left of it would stand without an exit.
        if leg.is_child()
            && self.orders[place].done
            && let Some(parent) = self.find(place, leg.first)
        {
            self.cancel(parent, ts, CancelReason::ExitDone);
        }
    }

    /// The parent filled `qty`: a waiting order begins to work with what that is, one that works has more.
    fn feed_child(&mut self, child: usize, (parent, qty): (usize, Qty), ts: Ts) {
        let filled = self.orders[parent].cum_qty;
        let order = &mut self.orders[child];
        if order.hold != Hold::Held {
            let left = Qty::from_raw(order.leaves().raw() + qty.raw());
            self.resize(child, left, ts);
            return;
        }
        (order.hold, order.request.order_qty) = (Hold::Woken, filled);
        *self.stirred = true;
        let client_order_id = order.id;
        self.say(child, ts, VenueReport::Activated { client_order_id, order_qty: filled });
    }

    /// After an order ended without being filled whole.
    pub(super) fn follow_end(&mut self, place: usize, ts: Ts) {
        let Some(leg) = self.orders[place].request.terms.group else { return };
        if let Some(other) = leg.sibling().and_then(|number| self.find(place, number)) {
            self.cancel(other, ts, CancelReason::SiblingEnded);
        }
        if leg.is_parent() && self.orders[place].cum_qty == Qty::ZERO {
            for other in self.others(place, leg) {
                // The first of a pair takes the second with it.
                if !self.orders[other].done {
                    self.cancel(other, ts, CancelReason::ParentEnded);
                }
            }
        }
    }

    /// A position changed: the same strategy's orders that may only reduce it are not larger than it.
    fn follow_position(&mut self, place: usize, ts: Ts) {
        let strategy = self.orders[place].id.strategy;
        for other in 0..self.orders.len() {
            let order = &self.orders[other];
            if !order.request.only_reduces() || order.done || order.hold == Hold::Held || order.id.strategy != strategy
            {
                continue;
            }
            let most = reducible(self.positions, strategy, order.request.deal());
            if most == Qty::ZERO {
                self.cancel(other, ts, CancelReason::NothingToReduce);
            } else if order.leaves() > most {
                self.resize(other, most, ts);
            }
        }
    }

    /// Leaves an open order with `left` to fill.
    fn resize(&mut self, place: usize, left: Qty, ts: Ts) {
        let order = &mut self.orders[place];
        order.request.order_qty = Qty::from_raw(order.cum_qty.raw() + left.raw());
        let (client_order_id, order_qty) = (order.id, order.request.order_qty);
        assert!(order_qty > order.cum_qty, "an order that is resized has something left");
        self.say(place, ts, VenueReport::Resized { client_order_id, order_qty });
    }

    /// The open order of the same strategy with this number.
    fn find(&self, place: usize, number: u32) -> Option<usize> {
        let strategy = self.orders[place].id.strategy;
        self.orders.iter().position(|o| o.id.number == number && o.id.strategy == strategy && !o.done)
    }

    /// The other open orders of a group; at most two.
    fn others(&self, place: usize, leg: GroupLeg) -> impl Iterator<Item = usize> + use<> {
        let number = self.orders[place].id.number;
        let numbers = (0..leg.kind.legs()).map(|nth| leg.first.saturating_add(u32::from(nth)));
        let mut found = [None; 3];
        for (place_of, number) in found.iter_mut().zip(numbers.filter(|other| *other != number)) {
            *place_of = self.find(place, number);
        }
        found.into_iter().flatten()
    }
}
