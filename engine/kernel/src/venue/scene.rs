//! What matching and commands work on: one desk, and what the venue shares among its desks.

use tapedeck_model::order::CancelReason;
use tapedeck_model::port::{FeeModel, SlippageModel};
use tapedeck_model::{ClientOrderId, OrderRequest, Qty, Ts, VenueReport};

use super::desk::{Desk, Stance, Working};
use super::fills::Hand;
use super::funds::Funds;
use super::{MakerFill, RecordKind, TimedReport, VenueError, depth, quotes};

pub(super) struct Scene<'a> {
    pub(super) desk: &'a mut Desk,
    pub(super) slippage: &'a dyn SlippageModel,
    pub(super) fees: &'a dyn FeeModel,
    pub(super) funds: &'a mut Funds,
    pub(super) trade_id_last: &'a mut u64,
    pub(super) out: &'a mut Vec<TimedReport>,
    pub(super) maker_fill: MakerFill,
}

impl Scene<'_> {
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
        let order = self.desk.orders[place];
        if !order.done && order.expiry <= now {
            let (mut hand, order) = self.hand_and_order(place);
            hand.expire(order);
        }
    }

    /// Where an order stands, if it is still open at `now`.
    pub(super) fn open_order(&mut self, id: ClientOrderId, now: Ts) -> Option<usize> {
        self.expire_unless_bars(now);
        let place = self.desk.find(id)?;
        self.expire_if_due(place, now);
        (!self.desk.orders[place].done).then_some(place)
    }

    pub(super) fn cancel(&mut self, place: usize, now: Ts) {
        let (mut hand, order) = self.hand_and_order(place);
        hand.cancel(order, now, CancelReason::Requested);
    }

    fn hand_and_order(&mut self, place: usize) -> (Hand<'_>, &mut Working) {
        let Self { desk, funds, trade_id_last, out, .. } = self;
        (Hand { positions: &mut desk.positions, funds, trade_id_last, out }, &mut desk.orders[place])
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
        queue_ahead: Option<Qty>,
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
        if request.kind == old.request.kind && request.order_qty <= old.request.order_qty {
            self.desk.orders[place] = new;
            return Ok(());
        }
        self.desk.orders.remove(place);
        self.arrive(Working { arrived: now, arrived_at: self.desk.observations, queue_ahead, ..new })
    }

    /// An order arrives, last of all. Where a quote or a book is shown, it meets that at once; on trades,
    /// one that the last print would not have filled rests from now on and does not take the next.
    ///
    /// # Errors
    /// [`VenueError::Overflow`] if it fills at once and a value cannot be represented.
    pub(super) fn arrive(&mut self, mut order: Working) -> Result<(), VenueError> {
        let now = order.arrived;
        if let (RecordKind::Trades, Stance::Limit(limit), Some(last)) =
            (self.desk.finest, order.stance(), self.desk.px_last)
            && !order.is_immediate()
            && !order.within(last, limit)
        {
            order.arrived_at = self.desk.observations - 1;
        }
        self.desk.admit(order);
        if self.desk.finest == RecordKind::Depth { depth::on_arrival(self, now) } else { quotes::on_arrival(self, now) }
    }
}
