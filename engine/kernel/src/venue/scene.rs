//! What matching and commands work on: one desk, and what the venue shares among its desks.

use tapedeck_model::order::CancelReason;
use tapedeck_model::port::FeeModel;
use tapedeck_model::{ClientOrderId, Draws, OrderRequest, Qty, StrategyIx, TriggerBy, Ts, VenueReport};

use super::depth::{self, Depth};
use super::desk::{Desk, Hold, Shown, Stance, Working};
use super::fills::{Hand, Slip, Terms};
use super::funds::Funds;
use super::settings::SelfTrade;
use super::token::Token;
use super::{MakerFill, RecordKind, TimedReport, VenueError, quotes};

pub(super) struct Scene<'a> {
    pub(super) desk: &'a mut Desk,
    pub(super) slippage: Slip<'a>,
    pub(super) fees: &'a dyn FeeModel,
    pub(super) token: Option<&'a Token>,
    pub(super) draws: &'a Draws,
    pub(super) funds: &'a mut Funds,
    pub(super) trade_id_last: &'a mut u64,
    pub(super) out: &'a mut Vec<TimedReport>,
    pub(super) maker_fill: MakerFill,
    pub(super) self_trade: SelfTrade,
}

/// What matching works on, taken apart.
pub(super) struct Parts<'a> {
    pub(super) terms: Terms<'a>,
    pub(super) hand: Hand<'a>,
    pub(super) shown: Option<&'a mut Shown>,
    pub(super) depth: &'a mut Depth,
    pub(super) observations: &'a mut u64,
}

impl Scene<'_> {
    pub(super) fn parts(&mut self) -> Parts<'_> {
        let Self { desk, slippage, fees, token, draws, funds, trade_id_last, out, self_trade, .. } = self;
        let Desk { instrument, orders, positions, stirred, shown, depth, observations, .. } = &mut **desk;
        Parts {
            terms: Terms { instrument, slippage: *slippage, fees: *fees, token: *token, draws },
            hand: Hand {
                orders,
                stirred,
                self_trade: *self_trade,
                observed: *observations,
                positions,
                funds,
                trade_id_last,
                out,
            },
            shown: shown.as_mut(),
            depth,
            observations,
        }
    }

    pub(super) fn say(&mut self, ts_event: Ts, report: VenueReport) {
        self.out.push(TimedReport { ts_event, report });
    }

    /// Ends every order whose time is over at `now`.
    pub(super) fn expire_due(&mut self, now: Ts) {
        for place in 0..self.desk.orders.len() {
            self.expire_if_due(place, now);
        }
    }

    /// The same, but on bars an expiry waits for its bar: the order may have filled before it.
    pub(super) fn expire_unless_bars(&mut self, now: Ts) {
        if self.desk.finest != RecordKind::Bars {
            self.expire_due(now);
        }
    }

    fn expire_if_due(&mut self, place: usize, now: Ts) {
        let order = &self.desk.orders[place];
        if !order.done && order.expiry <= now {
            self.parts().hand.expire(place);
        }
    }

    /// Where an order stands, if it is still open at `now`.
    pub(super) fn open_order(&mut self, id: ClientOrderId, now: Ts) -> Option<usize> {
        self.expire_unless_bars(now);
        let place = self.desk.find(id)?;
        self.expire_if_due(place, now);
        (!self.desk.orders[place].done).then_some(place)
    }

    pub(super) fn cancel(&mut self, place: usize, now: Ts, reason: CancelReason) {
        self.parts().hand.cancel(place, now, reason);
    }

    /// Cancels every open order of a strategy, or of all.
    pub(super) fn cancel_all(&mut self, strategy: Option<StrategyIx>, now: Ts, reason: CancelReason) {
        self.expire_unless_bars(now);
        for place in 0..self.desk.orders.len() {
            self.expire_if_due(place, now);
            let order = &self.desk.orders[place];
            // One order's end may have been another one's.
            if !order.done && strategy.is_none_or(|only| only == order.id.strategy) {
                self.cancel(place, now, reason);
            }
        }
    }

    /// Puts an amended order in place of the old one. A new price or a larger quantity is a new
    /// arrival, last in the queue; less of the same keeps its place.
    ///
    /// # Errors
    /// [`VenueError::Overflow`] if it fills at once and a value cannot be represented.
    pub(super) fn replace(
        &mut self,
        place: usize,
        request: OrderRequest,
        (queue_ahead, keeps_priority): (Option<Qty>, bool),
        now: Ts,
    ) -> Result<(), VenueError> {
        let old = self.desk.orders[place];
        let new = Working { request, ts_last: old.ts_last.max(now), ..old };
        let replaced =
            VenueReport::Replaced { client_order_id: old.id, order_qty: request.order_qty, kind: request.kind };
        self.say(new.ts_last, replaced);
        if request.order_qty == old.cum_qty {
            self.desk.orders[place].done = true;
            return Ok(());
        }
        let is_less = keeps_priority && request.kind == old.request.kind && request.order_qty <= old.request.order_qty;
        if is_less || old.hold != Hold::Live || matches!(old.stance(), Stance::Trail) {
            // A waiting order has no place yet, and a trail goes on from where it is.
            self.desk.orders[place] = new;
            return Ok(());
        }
        self.desk.orders.remove(place);
        self.arrive(Working { arrived: now, arrived_at: self.desk.observations, queue_ahead, ..new })
    }

    /// An order arrives, last of all, and meets the market.
    ///
    /// # Errors
    /// [`VenueError::Overflow`] if it fills at once and a value cannot be represented.
    pub(super) fn arrive(&mut self, order: Working) -> Result<(), VenueError> {
        let place = self.desk.orders.len();
        self.desk.admit(order);
        self.enter(place)
    }

    /// An order that is at the desk enters the market. Where a quote or a book is shown, it meets that at
    /// once; on trades, one that the last print would not have filled rests from now on and does not
    /// take the next.
    ///
    /// # Errors
    /// [`VenueError::Overflow`] if it fills at once and a value cannot be represented.
    pub(super) fn enter(&mut self, place: usize) -> Result<(), VenueError> {
        let order = &self.desk.orders[place];
        let now = order.arrived;
        if order.done || order.hold != Hold::Live {
            return Ok(());
        }
        let is_shown = match self.desk.finest {
            RecordKind::Depth | RecordKind::Mbo | RecordKind::Quotes => true,
            RecordKind::Bars | RecordKind::Trades => false,
        };
        if is_shown && self.desk.is_stale(now) {
            // It waits for the next observation; a book has to look at it then, whatever it touches.
            self.desk.depth.look_again();
            return Ok(());
        }
        match self.desk.finest {
            RecordKind::Depth | RecordKind::Mbo => depth::on_arrival(self, place, now),
            RecordKind::Quotes => quotes::on_arrival(self, place, now),
            RecordKind::Bars | RecordKind::Trades => {
                self.enter_unseen(place, now);
                Ok(())
            }
        }
    }

    /// Where nothing is shown, what stands between two orders of ours is not known: they may not cross.
    fn enter_unseen(&mut self, place: usize, now: Ts) {
        let order = &self.desk.orders[place];
        let Stance::Limit(limit) = order.stance() else { return };
        let is_immediate = order.is_immediate();
        let rests = self.desk.px_last.is_some_and(|last| !order.within(last, limit));
        if !is_immediate && !self.parts().hand.may_enter(place, limit, now) {
            return;
        }
        if self.desk.finest == RecordKind::Trades && rests && !is_immediate {
            self.desk.orders[place].arrived_at = self.desk.observations - 1;
        }
    }

    /// Lets orders enter whose parents were filled just now.
    ///
    /// # Errors
    /// [`VenueError::Overflow`] if one fills at once and a value cannot be represented.
    pub(super) fn wake(&mut self, now: Ts) -> Result<(), VenueError> {
        self.desk.stirred = false;
        while let Some(place) = self.desk.orders.iter().position(|order| order.hold == Hold::Woken) {
            let mut order = self.desk.orders.remove(place);
            (order.hold, order.arrived, order.arrived_at) = (Hold::Live, now, self.desk.observations);
            if order.done {
                // Its end was told; it is dropped with the others that ended.
                self.desk.orders.push(order);
                continue;
            }
            // The price that its trigger looks at now; what is shown of quotes and books it meets as it arrives.
            let known = match order.request.terms.trigger_by {
                TriggerBy::Last => {
                    let last = self.desk.px_last.filter(|_| self.desk.finest == RecordKind::Trades);
                    let shift = self.parts().terms.shift(order.request.side, now);
                    last.map(|px| shift.seen(px))
                }
                by @ (TriggerBy::Mark | TriggerBy::Index) => self.desk.watched_px(by),
            };
            let tick = self.desk.instrument.rules_at(now).tick_size;
            let fires = known.is_some_and(|px| order.waits() && order.observe(px, tick));
            self.arrive(order)?;
            if fires {
                let place = self.desk.orders.len() - 1;
                self.parts().hand.trigger(place, now);
                self.enter(place)?;
            }
        }
        Ok(())
    }
}
