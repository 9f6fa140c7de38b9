//! Orders as a fold of the journal.
//!
//! Enters: records in order. Leaves: the state of open orders, and each order once it can change no
//! more. An order that was canceled or expired may still get a late fill, so it lingers behind a
//! bounded number of later ones before it leaves.
//!
//! Invariant: memory holds open orders and at most [`LINGERING_MAX`] ended ones.

#![allow(clippy::option_option, reason = "as in checked arithmetic, the outer `None` is an overflow")]

use std::collections::{BTreeMap, VecDeque};

use tapedeck_model::{
    Amount, ClientOrderId, CurrencyIx, Event, FillReport, OrderKind, OrderRequest, OrderStatus, Qty, Record, Ts,
    VenueOrderId,
};

/// Ended orders that may still get a late fill.
const LINGERING_MAX: usize = 1_024;

/// One order, as the journal tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderState {
    /// Its name.
    pub client_order_id: ClientOrderId,
    /// The venue's name, once accepted.
    pub venue_order_id: Option<VenueOrderId>,
    /// What was asked for, as approved and amended.
    pub request: OrderRequest,
    /// How it ended, if it did.
    pub ended: Option<OrderStatus>,
    /// Where it stands in the venue, changes under way apart; `None` before it was sent.
    pub working: Option<OrderStatus>,
    /// A change is under way.
    pub amend_pending: bool,
    /// A cancel is under way.
    pub cancel_pending: bool,
    /// Filled so far.
    pub cum_qty: Qty,
    /// Taken back, expired or refused.
    pub canceled_qty: Qty,
    /// Sum of `last_px * last_qty`, raw.
    pub cum_px_qty: i128,
    /// Fees of its fills; `None` if they have several currencies.
    pub fees: Option<(Amount, CurrencyIx)>,
    /// Number of its fills.
    pub fills: u32,
    /// When it was wanted.
    pub ts_intended: Ts,
    /// When it was sent.
    pub ts_submitted: Option<Ts>,
    /// When the venue's acceptance was known.
    pub ts_accepted: Option<Ts>,
    /// When its last fill was known.
    pub ts_filled: Option<Ts>,
    /// When its end was known.
    pub ts_ended: Option<Ts>,
    /// Why it ended: denied, rejected or canceled for this reason.
    pub reason: Option<&'static str>,
}

impl OrderState {
    fn new(client_order_id: ClientOrderId, request: OrderRequest, ts: Ts) -> Self {
        Self {
            client_order_id,
            venue_order_id: None,
            request,
            ended: None,
            working: None,
            amend_pending: false,
            cancel_pending: false,
            cum_qty: Qty::ZERO,
            canceled_qty: Qty::ZERO,
            cum_px_qty: 0,
            fees: None,
            fills: 0,
            ts_intended: ts,
            ts_submitted: None,
            ts_accepted: None,
            ts_filled: None,
            ts_ended: None,
            reason: None,
        }
    }

    /// Where it stands; `None` between intent and verdict.
    pub fn status(&self) -> Option<OrderStatus> {
        if self.ended.is_some() {
            self.ended
        } else if self.cancel_pending {
            Some(OrderStatus::PendingCancel)
        } else if self.amend_pending {
            Some(OrderStatus::PendingAmend)
        } else {
            self.working
        }
    }

    /// Still open.
    pub fn leaves_qty(&self) -> Qty {
        if self.ended.is_some() {
            return Qty::ZERO;
        }
        self.request.order_qty.checked_sub(self.cum_qty).unwrap_or(Qty::ZERO)
    }

    fn end(&mut self, status: OrderStatus, ts: Ts, reason: Option<&'static str>) {
        self.canceled_qty = self.leaves_qty();
        (self.ended, self.ts_ended, self.reason) = (Some(status), Some(ts), reason);
    }

    /// `None` on overflow.
    fn fill(&mut self, report: &FillReport, ts: Ts) -> Option<()> {
        if self.ended.is_some() {
            // A late fill: some of what was thought canceled was filled after all.
            self.canceled_qty = self.canceled_qty.checked_sub(report.last_qty)?;
        }
        self.cum_qty = self.cum_qty.checked_add(report.last_qty)?;
        let value = i128::from(report.last_px.raw()) * i128::from(report.last_qty.raw());
        self.cum_px_qty = self.cum_px_qty.checked_add(value)?;
        self.fees = match self.fees {
            None if self.fills == 0 => Some((report.fee, report.fee_currency)),
            Some((sum, currency)) if currency == report.fee_currency => Some((sum.checked_add(report.fee)?, currency)),
            Some(_) | None => None,
        };
        self.fills = self.fills.checked_add(1)?;
        self.ts_filled = Some(ts);
        self.working = Some(OrderStatus::PartiallyFilled);
        self.end_if_filled(ts);
        Some(())
    }

    fn end_if_filled(&mut self, ts: Ts) {
        if self.ended.is_none() && self.cum_qty >= self.request.order_qty {
            self.end(OrderStatus::Filled, ts, None);
        }
    }

    fn replace(&mut self, order_qty: Qty, kind: OrderKind, ts: Ts) {
        self.amend_pending = false;
        (self.request.order_qty, self.request.kind) = (order_qty, kind);
        self.end_if_filled(ts);
    }

    /// `None` on overflow.
    fn apply(&mut self, event: &Event, ts: Ts) -> Option<()> {
        if let Event::Filled { report, .. } = event {
            return self.fill(report, ts);
        }
        if self.ended.is_some() {
            return Some(());
        }
        if let Event::Submitted { request, .. } = event {
            (self.request, self.working, self.ts_submitted) = (*request, Some(OrderStatus::Submitted), Some(ts));
        } else if let Event::Denied { reason, .. } = event {
            // A denied change or cancel leaves an order that was sent as it is.
            if self.working.is_none() {
                self.end(OrderStatus::Denied, ts, Some(reason.text()));
            }
        } else if let Event::Accepted { venue_order_id, .. } = event {
            (self.venue_order_id, self.ts_accepted) = (Some(*venue_order_id), Some(ts));
            if self.working == Some(OrderStatus::Submitted) {
                self.working = Some(OrderStatus::Accepted);
            }
        } else if let Event::Rejected { reason, .. } = event {
            self.end(OrderStatus::Rejected, ts, Some(reason.text()));
        } else if let Event::Canceled { reason, .. } = event {
            self.end(OrderStatus::Canceled, ts, Some(reason.text()));
        } else if let Event::Replaced { order_qty, kind, .. } = event {
            self.replace(*order_qty, *kind, ts);
        } else if let Event::Held { venue_order_id, .. } = event {
            (self.venue_order_id, self.ts_accepted) = (Some(*venue_order_id), Some(ts));
            self.working = Some(OrderStatus::Held);
        } else if let Event::Activated { order_qty, .. } = event {
            (self.request.order_qty, self.working) = (*order_qty, Some(OrderStatus::Accepted));
        } else if let Event::Resized { order_qty, .. } = event {
            self.request.order_qty = *order_qty;
        } else {
            self.apply_word(event, ts);
        }
        Some(())
    }

    /// Events whose kind says it all.
    fn apply_word(&mut self, event: &Event, ts: Ts) {
        // Numbers of `Event::number`, fixed by the journal format.
        match event.number() {
            21 => self.amend_pending = true,
            22 => self.cancel_pending = true,
            25 => self.working = Some(OrderStatus::Triggered),
            27 => self.amend_pending = false,
            28 => self.cancel_pending = false,
            31 => self.end(OrderStatus::Expired, ts, None),
            _ => {}
        }
    }
}

/// Orders of a run. Each stays where it is until it leaves: a state is larger than all else that is moved.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Orders {
    open: BTreeMap<ClientOrderId, Box<OrderState>>,
    lingering: VecDeque<Box<OrderState>>,
}

impl Orders {
    /// No orders.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in a record; an order that can change no more, if one left. `None` on overflow.
    pub fn apply(&mut self, record: &Record) -> Option<Option<Box<OrderState>>> {
        let Some(id) = record.event.client_order_id() else { return Some(None) };
        let ts = record.header.ts;
        if let Event::SubmitIntended { request, .. } = &record.event {
            self.open.insert(id, Box::new(OrderState::new(id, *request, ts)));
            return Some(None);
        }
        let Some(order) = self.open.get_mut(&id) else {
            if matches!(record.event, Event::Filled { .. })
                && let Some(order) = self.lingering.iter_mut().find(|o| o.client_order_id == id)
            {
                order.apply(&record.event, ts)?;
            }
            return Some(None);
        };
        order.apply(&record.event, ts)?;
        let Some(ended) = order.ended else { return Some(None) };
        let left = self.open.remove(&id);
        if !matches!(ended, OrderStatus::Canceled | OrderStatus::Expired) {
            return Some(left);
        }
        self.lingering.extend(left);
        Some(if self.lingering.len() > LINGERING_MAX { self.lingering.pop_front() } else { None })
    }

    /// Open orders, by name.
    pub fn open(&self) -> impl Iterator<Item = &OrderState> {
        self.open.values().map(Box::as_ref)
    }

    /// An order that is open or lingers.
    pub fn get(&self, id: ClientOrderId) -> Option<&OrderState> {
        let state = self.open.get(&id).or_else(|| self.lingering.iter().find(|o| o.client_order_id == id));
        state.map(Box::as_ref)
    }

    /// All that have not left: ended ones first, then open ones by name.
    pub fn drain(&mut self) -> Vec<Box<OrderState>> {
        let mut rest: Vec<Box<OrderState>> = self.lingering.drain(..).collect();
        rest.extend(std::mem::take(&mut self.open).into_values());
        rest
    }
}
