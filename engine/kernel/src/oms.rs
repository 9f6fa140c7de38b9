//! Order management: venue reports in, order state out.
//!
//! One transition table ([`transition`]) decides everything; a report it refuses becomes a
//! [`Anomaly`] in the journal and changes nothing. State changes only through [`Oms::apply`], so it
//! is a fold of the journal.
//!
//! Invariant: `cum_qty + leaves_qty + canceled_qty == order_qty` for every order at every prefix.
//! Memory is bounded by the orders that are open plus the last [`RETAINED`] that ended (a late fill
//! must find its order); history belongs in the journal.

pub mod transition;

use std::collections::VecDeque;

use tapedeck_model::event::{Anomaly, DenyReason};
use tapedeck_model::order::CancelReason;
use tapedeck_model::{
    Amendment, ClientOrderId, Deal, Event, FillReport, GroupLeg, InstrumentIx, Order, OrderRequest, OrderStatus,
    PositionSide, Qty, Side, StrategyIx, TradeId, Ts, VenueReport,
};
use transition::{Next, Stimulus, next};

/// How many ended orders are kept so that late reports find them.
pub const RETAINED: usize = 4096;

/// Position in the slab; `NONE` for no order.
type Slot = u32;
const NONE: Slot = Slot::MAX;

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    order: Order,
    /// Fills seen; the buffer is reused when the slot is.
    trade_ids: Vec<TradeId>,
    /// Neighbours in the strategy's list of open orders.
    prev: Slot,
    next: Slot,
}

impl Entry {
    /// What the venue said of an order that goes on.
    fn follow(&mut self, event: &Event) {
        match event {
            Event::Accepted { venue_order_id, .. } => self.order.venue_order_id = Some(*venue_order_id),
            Event::Replaced { order_qty, kind, .. } => {
                self.order.request.kind = *kind;
                self.resize(*order_qty);
            }
            Event::Held { venue_order_id, .. } => {
                self.order.venue_order_id = Some(*venue_order_id);
                self.order.held = true;
            }
            Event::Activated { order_qty, .. } => {
                self.order.held = false;
                self.resize(*order_qty);
            }
            Event::Resized { order_qty, .. } => self.resize(*order_qty),
            _ => {}
        }
    }

    /// It ended: what was left will not be filled.
    fn end(&mut self) {
        self.order.canceled_qty = self.order.leaves_qty;
        self.order.leaves_qty = Qty::ZERO;
    }

    /// Of a new total quantity, what is not filled is open.
    fn resize(&mut self, order_qty: Qty) {
        let order = &mut self.order;
        order.request.order_qty = order_qty;
        order.leaves_qty = Qty::from_raw(order_qty.raw() - order.cum_qty.raw());
    }

    /// A fill, late ones included: those count against what was thought canceled.
    fn fill(&mut self, report: &FillReport) {
        let order = &mut self.order;
        let late = order.status.is_terminal();
        order.held = false;
        let part = report.last_qty.raw();
        order.cum_qty = Qty::from_raw(order.cum_qty.raw() + part);
        let rest = if late { &mut order.canceled_qty } else { &mut order.leaves_qty };
        *rest = Qty::from_raw(rest.raw() - part);
        order.cum_px_qty += i128::from(report.last_px.raw()) * i128::from(part);
        self.trade_ids.push(report.trade_id);
    }

    /// What it may still fill as far as it works: an order that waits for its parent can fill nothing.
    fn working_qty(&self) -> i64 {
        if self.order.held { 0 } else { self.order.leaves_qty.raw() }
    }
}

/// Orders of one strategy.
#[derive(Debug, Clone, PartialEq)]
struct Desk {
    /// Slot of each number from `first_number` on; `NONE` once forgotten.
    window: VecDeque<Slot>,
    first_number: u32,
    /// Ends of the list of open orders.
    head: Slot,
    tail: Slot,
}

/// Open quantity of one instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OpenQty {
    /// Of buys.
    pub buy: i64,
    /// Of sells.
    pub sell: i64,
    /// The parts of them that trade short positions of hedge mode.
    pub short_buy: i64,
    /// Likewise.
    pub short_sell: i64,
}

impl OpenQty {
    /// Of the orders of one position; in one-way mode, for `None`, of all.
    #[must_use]
    pub const fn on(self, position_side: Option<PositionSide>) -> Self {
        let Self { buy, sell, short_buy, short_sell } = self;
        let (buy, sell) = match position_side {
            None => return self,
            Some(PositionSide::Long) => (buy - short_buy, sell - short_sell),
            Some(PositionSide::Short) => (short_buy, short_sell),
        };
        Self { buy, sell, short_buy: 0, short_sell: 0 }
    }
}

/// The order-management system.
#[derive(Debug, Clone, PartialEq)]
pub struct Oms {
    slab: Vec<Entry>,
    free: Vec<Slot>,
    desks: Vec<Desk>,
    /// Oldest first, with their names: forgetting one does not touch it, which would be a miss.
    ended: VecDeque<(Slot, ClientOrderId)>,
    open: Vec<OpenQty>,
    open_orders: u32,
}

impl Oms {
    /// No orders.
    pub fn new(strategies: usize, instruments: usize) -> Self {
        let desk = Desk { window: VecDeque::new(), first_number: 1, head: NONE, tail: NONE };
        Self {
            slab: Vec::new(),
            free: Vec::new(),
            desks: vec![desk; strategies],
            ended: VecDeque::new(),
            open: vec![OpenQty::default(); instruments],
            open_orders: 0,
        }
    }

    /// An order that is open or ended not long ago.
    pub fn order(&self, id: ClientOrderId) -> Option<&Order> {
        self.entry(id).map(|entry| &entry.order)
    }

    /// Open quantity in an instrument.
    pub fn open_qty(&self, instrument: InstrumentIx) -> OpenQty {
        self.open[instrument.usize()]
    }

    /// What an open order and the one that is a pair with it add to the open quantity.
    pub fn open_qty_of(&self, id: ClientOrderId) -> i64 {
        let Some(entry) = self.entry(id) else { return 0 };
        let sibling = entry.order.request.terms.group.and_then(GroupLeg::sibling);
        let other = sibling.and_then(|number| self.entry(ClientOrderId { number, ..id }));
        entry.working_qty().max(other.map_or(0, Entry::working_qty))
    }

    /// Number of open orders.
    pub const fn open_orders(&self) -> u32 {
        self.open_orders
    }

    /// Calls `visit` for each open order of a strategy, oldest first.
    pub fn each_open(&self, strategy: StrategyIx, visit: &mut dyn FnMut(&Order)) {
        let mut slot = self.desks[strategy.usize()].head;
        while slot != NONE {
            let entry = &self.slab[slot as usize];
            visit(&entry.order);
            slot = entry.next;
        }
    }

    /// Whether a change or cancel may be sent for an order.
    ///
    /// # Errors
    /// Why not.
    pub fn may_request(&self, id: ClientOrderId, stimulus: Stimulus) -> Result<&Order, DenyReason> {
        let order = self.order(id).ok_or(DenyReason::UnknownOrder)?;
        match next(order.status, stimulus) {
            Some(_) => Ok(order),
            None if order.status.is_terminal() => Err(DenyReason::UnknownOrder),
            None => Err(DenyReason::AlreadyPending),
        }
    }

    /// What a venue report means: the event to journal and apply, or why it is refused.
    ///
    /// # Errors
    /// The [`Anomaly`] to journal.
    pub fn judge(&self, report: &VenueReport) -> Result<Event, Anomaly> {
        let client_order_id = report.client_order_id().ok_or(Anomaly::UnknownOrder)?;
        let entry = self.entry(client_order_id).ok_or(Anomaly::UnknownOrder)?;
        let order = &entry.order;
        let event = match *report {
            VenueReport::Accepted { venue_order_id, .. } => Event::Accepted { client_order_id, venue_order_id },
            VenueReport::Rejected { reason, .. } => Event::Rejected { client_order_id, reason },
            VenueReport::Triggered { .. } => Event::Triggered { client_order_id },
            VenueReport::Replaced { order_qty, kind, .. } => {
                if order_qty < order.cum_qty {
                    return Err(Anomaly::IllegalTransition);
                }
                Event::Replaced { client_order_id, order_qty, kind }
            }
            VenueReport::AmendRejected { reason, .. } => Event::AmendRejected { client_order_id, reason },
            VenueReport::CancelRejected { reason, .. } => Event::CancelRejected { client_order_id, reason },
            VenueReport::Filled(fill) => return judge_fill(entry, &fill),
            VenueReport::Canceled { reason, .. } => {
                Event::Canceled { client_order_id, reason, canceled_qty: order.leaves_qty }
            }
            VenueReport::Expired { .. } => Event::Expired { client_order_id, canceled_qty: order.leaves_qty },
            VenueReport::Held { venue_order_id, .. } => Event::Held { client_order_id, venue_order_id },
            VenueReport::Activated { order_qty, .. } => {
                if order_qty <= order.cum_qty || !order.held {
                    return Err(Anomaly::IllegalTransition);
                }
                Event::Activated { client_order_id, order_qty }
            }
            VenueReport::Resized { order_qty, .. } => {
                if order_qty <= order.cum_qty {
                    return Err(Anomaly::IllegalTransition);
                }
                Event::Resized { client_order_id, order_qty }
            }
            // These are about the account, not about an order.
            VenueReport::Liquidated(_)
            | VenueReport::Bankrupt(_)
            | VenueReport::Funding(_)
            | VenueReport::Settled(_)
            | VenueReport::HoldingSettled(_)
            | VenueReport::Interest(_)
            | VenueReport::LoanLiquidated(_)
            | VenueReport::MarginCalled(_) => return Err(Anomaly::UnknownOrder),
        };
        let stimulus = Stimulus::of(&event).ok_or(Anomaly::IllegalTransition)?;
        next(order.status, stimulus).map(|_| event).ok_or(Anomaly::IllegalTransition)
    }

    /// Folds an event into the state; events about other things change nothing.
    ///
    /// # Panics
    /// If an event was not judged before: that is a bug of the caller, not of the input.
    pub fn apply(&mut self, ts: Ts, event: &Event) {
        match event {
            Event::Submitted { client_order_id, request, .. } => self.open_order(ts, *client_order_id, request),
            Event::Filled { report, .. } => self.change(report.client_order_id, event, |entry| entry.fill(report)),
            Event::Accepted { client_order_id, .. }
            | Event::Replaced { client_order_id, .. }
            | Event::Held { client_order_id, .. }
            | Event::Activated { client_order_id, .. }
            | Event::Resized { client_order_id, .. } => self.change(*client_order_id, event, |one| one.follow(event)),
            Event::Canceled { client_order_id, .. }
            | Event::Expired { client_order_id, .. }
            | Event::Rejected { client_order_id, .. } => self.change(*client_order_id, event, Entry::end),
            Event::Triggered { client_order_id }
            | Event::AmendSubmitted { client_order_id, .. }
            | Event::CancelSubmitted { client_order_id }
            | Event::AmendRejected { client_order_id, .. }
            | Event::CancelRejected { client_order_id, .. } => self.change(*client_order_id, event, |_| {}),
            Event::RunStarted { .. }
            | Event::CurrencyDeclared { .. }
            | Event::InstrumentDeclared { .. }
            | Event::StrategyDeclared { .. }
            | Event::RuleDeclared { .. }
            | Event::SourceDeclared { .. }
            | Event::VenueDeclared { .. }
            | Event::PostedAt { .. }
            | Event::BankruptAt { .. }
            | Event::TransferSent(_)
            | Event::TransferArrived { .. }
            | Event::TransferRefused { .. }
            | Event::MarginDeclared { .. }
            | Event::Liquidated(_)
            | Event::LiquidationShared(_)
            | Event::Bankrupt(_)
            | Event::SubmitIntended { .. }
            | Event::AmendIntended { .. }
            | Event::CancelIntended { .. }
            | Event::RiskChecked { .. }
            | Event::Approved { .. }
            | Event::Denied { .. }
            | Event::ReportRefused { .. }
            | Event::CancelAllSubmitted { .. }
            | Event::Posted { .. }
            | Event::PositionChanged(_)
            | Event::SidePositionChanged { .. }
            | Event::PositionModeDeclared { .. }
            | Event::PositionModeDeclaredAt { .. }
            | Event::FundingPaid { .. }
            | Event::PositionSettled { .. }
            | Event::HoldingSettled(_)
            | Event::Redenominated { .. }
            | Event::BorrowDeclared { .. }
            | Event::InterestCharged(_)
            | Event::MarginCalled(_)
            | Event::LoanLiquidated(_)
            | Event::Equity(_)
            | Event::Signal { .. }
            | Event::Log { .. }
            | Event::TimerFired { .. }
            | Event::Halted { .. }
            | Event::Resumed { .. }
            | Event::MarketRefused { .. }
            | Event::DataIssues { .. }
            | Event::SourceEnded { .. }
            | Event::IncidentBegan { .. }
            | Event::IncidentEnded { .. }
            | Event::CapitalMoved { .. }
            | Event::WithdrawalRefused { .. }
            | Event::FillsBlocked { .. }
            | Event::RunEnded { .. } => {}
        }
    }

    fn slot(&self, id: ClientOrderId) -> Option<Slot> {
        let desk = self.desks.get(id.strategy.usize())?;
        let at = id.number.checked_sub(desk.first_number)?;
        desk.window.get(at as usize).copied().filter(|slot| *slot != NONE)
    }

    fn entry(&self, id: ClientOrderId) -> Option<&Entry> {
        self.slot(id).map(|slot| &self.slab[slot as usize])
    }

    fn open_order(&mut self, ts: Ts, id: ClientOrderId, request: &OrderRequest) {
        let order = Order {
            client_order_id: id,
            venue_order_id: None,
            request: *request,
            status: OrderStatus::Submitted,
            cum_qty: Qty::ZERO,
            leaves_qty: request.order_qty,
            canceled_qty: Qty::ZERO,
            held: request.terms.group.is_some_and(GroupLeg::is_child),
            cum_px_qty: 0,
            ts_submitted: ts,
        };
        let tail = self.desks[id.strategy.usize()].tail;
        let slot = if let Some(slot) = self.free.pop() {
            let entry = &mut self.slab[slot as usize];
            entry.order = order;
            entry.trade_ids.clear();
            (entry.prev, entry.next) = (tail, NONE);
            slot
        } else {
            self.slab.push(Entry { order, trade_ids: Vec::new(), prev: tail, next: NONE });
            (self.slab.len() - 1) as Slot
        };
        if tail == NONE {
            self.desks[id.strategy.usize()].head = slot;
        } else {
            self.slab[tail as usize].next = slot;
        }
        let desk = &mut self.desks[id.strategy.usize()];
        desk.tail = slot;
        if desk.window.is_empty() {
            desk.first_number = id.number;
        }
        assert!(id.number >= desk.first_number, "order numbers of a strategy rise");
        let at = (id.number - desk.first_number) as usize;
        // Denied orders leave holes in the numbers that the venue sees.
        assert!(at >= desk.window.len(), "order {id} submitted twice");
        desk.window.resize(at, NONE);
        desk.window.push_back(slot);
        self.open_orders += 1;
        let open = self.open_part(slot);
        self.add_open(request.instrument, request.deal(), open);
    }

    /// What an order adds to the open quantity of its instrument: what it may still fill. Of a pair of
    /// which one cancels the other only the larger counts, and an order that waits for its parent counts
    /// once it works.
    fn open_part(&self, slot: Slot) -> i64 {
        let entry = &self.slab[slot as usize];
        let ClientOrderId { strategy, .. } = entry.order.client_order_id;
        let open = entry.working_qty();
        let Some(number) = entry.order.request.terms.group.and_then(GroupLeg::sibling) else { return open };
        let other = self.entry(ClientOrderId { strategy, number }).map_or(0, Entry::working_qty);
        (open - other).max(0)
    }

    /// Applies `edit` and the transition of `event`, and keeps lists and sums true.
    fn change(&mut self, id: ClientOrderId, event: &Event, edit: impl FnOnce(&mut Entry)) {
        let (Some(slot), Some(stimulus)) = (self.slot(id), Stimulus::of(event)) else {
            panic!("order {id}: event {} was not judged before it was applied", event.text());
        };
        let open_before = self.open_part(slot);
        let entry = &mut self.slab[slot as usize];
        let was = entry.order.status;
        edit(entry);
        let order = &mut entry.order;
        let Some(to) = next(was, stimulus) else {
            panic!("order {id}: event {} was not judged before it was applied", event.text());
        };
        order.status = match to {
            Next::To(status) => status,
            Next::Keep => was,
            Next::Working if order.leaves_qty == Qty::ZERO && order.cum_qty > Qty::ZERO => OrderStatus::Filled,
            Next::Working if order.cum_qty > Qty::ZERO => OrderStatus::PartiallyFilled,
            Next::Working if order.venue_order_id.is_none() => OrderStatus::Submitted,
            Next::Working if order.held => OrderStatus::Held,
            Next::Working => OrderStatus::Accepted,
            Next::FilledOr(_) if order.leaves_qty == Qty::ZERO => OrderStatus::Filled,
            Next::FilledOr(status) => status,
        };
        let (request, status, leaves) = (order.request, order.status, order.leaves_qty);
        let whole = order.cum_qty.raw() + leaves.raw() + order.canceled_qty.raw();
        assert!(whole == request.order_qty.raw(), "order {id}: cum + leaves + canceled is not its quantity");
        assert!(leaves >= Qty::ZERO && order.canceled_qty >= Qty::ZERO, "order {id}: a part is negative");
        let open = self.open_part(slot);
        self.add_open(request.instrument, request.deal(), open - open_before);
        if status.is_terminal() && !was.is_terminal() {
            self.end(slot);
        }
    }

    fn add_open(&mut self, instrument: InstrumentIx, deal: Deal, delta: i64) {
        let open = &mut self.open[instrument.usize()];
        let of_short = if deal.position_side == Some(PositionSide::Short) { delta } else { 0 };
        match deal.side {
            Side::Buy => (open.buy, open.short_buy) = (open.buy + delta, open.short_buy + of_short),
            Side::Sell => (open.sell, open.short_sell) = (open.sell + delta, open.short_sell + of_short),
        }
    }

    /// Takes an ended order out of the open list and forgets the oldest ended one.
    fn end(&mut self, slot: Slot) {
        let entry = &self.slab[slot as usize];
        let (prev, next, id) = (entry.prev, entry.next, entry.order.client_order_id);
        let strategy = id.strategy.usize();
        match prev {
            NONE => self.desks[strategy].head = next,
            prev => self.slab[prev as usize].next = next,
        }
        match next {
            NONE => self.desks[strategy].tail = prev,
            next => self.slab[next as usize].prev = prev,
        }
        self.open_orders -= 1;
        self.ended.push_back((slot, id));
        if self.ended.len() > RETAINED
            && let Some((oldest, id)) = self.ended.pop_front()
        {
            self.forget(oldest, id);
        }
    }

    fn forget(&mut self, slot: Slot, id: ClientOrderId) {
        let desk = &mut self.desks[id.strategy.usize()];
        desk.window[(id.number - desk.first_number) as usize] = NONE;
        while desk.window.front() == Some(&NONE) {
            desk.window.pop_front();
            desk.first_number += 1;
        }
        self.free.push(slot);
    }
}

fn judge_fill(entry: &Entry, fill: &FillReport) -> Result<Event, Anomaly> {
    let order = &entry.order;
    if entry.trade_ids.contains(&fill.trade_id) {
        return Err(Anomaly::DuplicateFill);
    }
    // After a cancel or expiry a late fill still counts: against what was thought canceled.
    let late = order.status.is_terminal();
    let rest = if late { order.canceled_qty } else { order.leaves_qty };
    if fill.last_qty <= Qty::ZERO || fill.last_qty > rest {
        return Err(Anomaly::Overfill);
    }
    next(order.status, Stimulus::Filled).ok_or(Anomaly::IllegalTransition)?;
    let part = fill.last_qty.raw();
    Ok(Event::Filled {
        instrument: order.request.instrument,
        deal: order.request.deal(),
        report: *fill,
        cum_qty: Qty::from_raw(order.cum_qty.raw() + part),
        leaves_qty: if late { Qty::ZERO } else { Qty::from_raw(rest.raw() - part) },
    })
}

/// The order as it will be once an amendment is accepted.
pub fn amended(order: &Order, amendment: &Amendment) -> OrderRequest {
    OrderRequest {
        order_qty: amendment.order_qty.unwrap_or(order.request.order_qty),
        kind: amendment.applied_to(order.request.kind),
        ..order.request
    }
}

/// The event that ends an order still open when the run ends.
pub const fn canceled_at_end(order: &Order) -> Event {
    Event::Canceled {
        client_order_id: order.client_order_id,
        reason: CancelReason::RunEnded,
        canceled_qty: order.leaves_qty,
    }
}

#[cfg(test)]
mod tests;
