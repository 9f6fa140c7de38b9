//! Doors 7 and 8: what a strategy wants passes every rule or goes no further.

use tapedeck_model::event::DenyReason;
use tapedeck_model::port::{RiskObservation, RiskQuery};
use tapedeck_model::terms::may_group;
use tapedeck_model::{
    Amendment, Amount, ClientOrderId, Command, Event, GroupKind, GroupLeg, InstrumentIx, Order, OrderRequest,
    OrderStatus, OrderUpdate, Qty, RuleIx, Side, StrategyIx,
};

use super::{Core, Notice};
use crate::account::{AccountKind, Reserve, ReserveQuery};
use crate::oms::{amended, transition::Stimulus};
use crate::risk::Approved;
use crate::spec::KernelError;

/// Why an order does not go, and the rule if a rule it was.
type Denial = (DenyReason, Option<RuleIx>);

/// A change that does not go; with its order as asked for, if a rule or the account looked at that.
struct Refused {
    request: Option<OrderRequest>,
    denial: Denial,
}

const fn no(reason: DenyReason) -> Denial {
    (reason, None)
}

/// By how much the position will have changed before an order works: what a parent fills comes before what
/// waits for it, which is as large and opposite.
fn before_qty(request: &OrderRequest, replaced: Option<&Order>) -> Qty {
    let waits = request.terms.group.is_some_and(GroupLeg::is_child) && replaced.is_none_or(|order| order.held);
    if waits { Qty::from_raw(request.order_qty.raw().saturating_mul(-request.side.sign())) } else { Qty::ZERO }
}

/// The sizes of a group follow each other: a pair's and a child's are the venue's to change, and a parent's
/// can only become less.
fn may_amend_qty(request: &OrderRequest, order_qty: Qty) -> bool {
    request
        .terms
        .group
        .is_none_or(|leg| order_qty == request.order_qty || (leg.is_parent() && order_qty < request.order_qty))
}

impl Core {
    /// Doors 7 and 8 for a new order.
    pub(super) fn submit(&mut self, client_order_id: ClientOrderId, request: &OrderRequest) -> Result<(), KernelError> {
        self.note(&Event::SubmitIntended { client_order_id, request: *request });
        match self.admit(client_order_id, request, None, 0) {
            Ok((approved, reserve)) => self.send(&approved, reserve),
            Err((reason, rule)) => {
                self.deny(client_order_id, request, reason, rule);
                Ok(())
            }
        }
    }

    /// An order of a group waits for the others; with the last of them the group is dealt with.
    pub(super) fn submit_leg(
        &mut self,
        leg: GroupLeg,
        client_order_id: ClientOrderId,
        request: &OrderRequest,
    ) -> Result<(), KernelError> {
        self.group.push((client_order_id, *request));
        if leg.leg + 1 < leg.kind.legs() {
            return Ok(());
        }
        let legs = std::mem::take(&mut self.group);
        let result = self.submit_group(leg.kind, &legs);
        self.group = legs;
        self.group.clear();
        result
    }

    /// Doors 7 and 8 for a group: all of it or nothing. Each order passes every rule by itself, as of a pair
    /// only one is filled; what waits for a parent as if that had been filled. A rule that would shrink
    /// an order of a group denies it.
    fn submit_group(&mut self, kind: GroupKind, legs: &[(ClientOrderId, OrderRequest)]) -> Result<(), KernelError> {
        let mut requests = [OrderRequest::market(InstrumentIx(0), Side::Buy, Qty::ZERO); 3];
        for ((client_order_id, request), place) in legs.iter().zip(&mut requests) {
            self.note(&Event::SubmitIntended { client_order_id: *client_order_id, request: *request });
            *place = *request;
        }
        let fits = requests.get(..legs.len()).is_some_and(|requests| may_group(kind, requests));
        let mut admitted = [None, None, None];
        let mut refused = None;
        for (nth, (client_order_id, request)) in legs.iter().enumerate() {
            let verdict = if fits {
                self.admit(*client_order_id, request, None, nth as u32)
            } else {
                Err(no(DenyReason::InvalidOrder))
            };
            match verdict {
                Ok((approved, reserve)) if approved.request().order_qty == request.order_qty => {
                    admitted[nth] = Some((approved, reserve));
                }
                Ok(_) => refused = Some((nth, no(DenyReason::RiskRule))),
                Err(denial) => refused = Some((nth, denial)),
            }
            if refused.is_some() {
                break;
            }
        }
        let Some((at, denial)) = refused else {
            return admitted.iter().flatten().try_for_each(|(approved, reserve)| self.send(approved, *reserve));
        };
        for (nth, (client_order_id, request)) in legs.iter().enumerate() {
            let (reason, rule) = if nth == at { denial } else { no(DenyReason::GroupLeg) };
            self.deny(*client_order_id, request, reason, rule);
        }
        Ok(())
    }

    /// Whether an order may go; of a change of the open order `replaced`, whether its new values may.
    /// `orders_ahead` orders of its group go before it.
    fn admit(
        &mut self,
        client_order_id: ClientOrderId,
        request: &OrderRequest,
        replaced: Option<&Order>,
        orders_ahead: u32,
    ) -> Result<(Approved, Reserve), Denial> {
        let strategy = client_order_id.strategy;
        self.gate(strategy, request)?;
        let state = &self.state;
        let side = request.terms.position_side;
        let instrument = &state.instruments[request.instrument.usize()];
        let mark = state.market.state(request.instrument).mark().ok_or(no(DenyReason::NoPrice))?;
        let equity = self.equity_known().ok_or(no(DenyReason::NoPrice))?;
        // Nobody looks at exposure where there is no rule and no margin.
        let account = state.account(request.instrument);
        let (gross_exposure, open_exposure) = if self.risk.is_empty() && account.kind() == AccountKind::Spot {
            (Amount::ZERO, Amount::ZERO)
        } else {
            let gross = state.marks.exposure_of_all(&state.accounts).ok_or(no(DenyReason::NoPrice))?;
            (gross, state.open_exposure((request.instrument, side)).ok_or(no(DenyReason::NoPrice))?)
        };
        let filled = replaced.map_or(0, |order| order.cum_qty.raw());
        let standing = replaced.map_or(0, |order| state.oms.open_qty_of(order.client_order_id));
        let before_qty = before_qty(request, replaced);
        let net_qty =
            account.side_net_qty(request.instrument, side).checked_add(before_qty).ok_or(no(DenyReason::Overflow))?;
        // The rules look at what is still to be filled, the account at the whole order.
        let open_part = OrderRequest { order_qty: Qty::from_raw(request.order_qty.raw() - filled), ..*request };
        let worst = request.kind.borne_px(request.side, mark).unwrap_or(mark);
        let notional = instrument
            .notional(worst, open_part.order_qty)
            .and_then(|value| state.marks.to_base(value, instrument.value_currency()))
            .ok_or(no(DenyReason::Overflow))?;
        let open = state.oms.open_qty(request.instrument).on(side);
        let others = |open: i64, side| Qty::from_raw(if request.side == side { open - standing } else { open });
        let query = RiskQuery {
            now: self.clock.now(),
            strategy,
            request: &open_part,
            instrument,
            mark,
            net_qty,
            open_buy_qty: others(open.buy, Side::Buy),
            open_sell_qty: others(open.sell, Side::Sell),
            notional,
            gross_exposure,
            open_exposure,
            open_orders: state.oms.open_orders() + orders_ahead - u32::from(replaced.is_some()),
            orders_ahead,
            equity,
        };
        let held = account.held_of(strategy, request.instrument, side).net_qty;
        let held = held.checked_add(before_qty).ok_or(no(DenyReason::Overflow))?;
        let Self { risk, encoder, clock, .. } = self;
        let approved = risk.check(query, client_order_id, held, &mut |event| {
            encoder.append(clock.input(), clock.now(), &event);
        })?;
        let whole_qty = Qty::from_raw(approved.request().order_qty.raw() + filled);
        let own = if state.accounts.is_one() { Some((equity, gross_exposure)) } else { state.worth(account) };
        let reserve = account.reserve_for(&ReserveQuery {
            now: self.clock.now(),
            request: &OrderRequest { order_qty: whole_qty, ..*approved.request() },
            before_qty,
            instrument,
            mark,
            fee_rate_max: state.fee_rate_max[request.instrument.usize()],
            fee_currency: None,
            replacing: replaced.map(|order| order.client_order_id),
            equity: own.map(|(equity, _)| equity),
            gross_exposure: own.map(|(_, exposure)| exposure),
            marks: &state.marks,
        });
        Ok((approved, reserve.map_err(no)?))
    }

    /// What stops an order before any rule looks at it.
    fn gate(&self, strategy: StrategyIx, request: &OrderRequest) -> Result<(), Denial> {
        if self.clock.now() < self.start {
            return Err(no(DenyReason::WarmUp));
        }
        if self.ending {
            return Err(no(DenyReason::Halted));
        }
        if request.order_qty <= Qty::ZERO || !self.host.is_subscribed(strategy, request.instrument) {
            return Err(no(DenyReason::InvalidOrder));
        }
        if !self.state.account(request.instrument).position_mode().admits(request) {
            return Err(no(DenyReason::PositionSide));
        }
        if request.terms.group.is_some_and(GroupLeg::is_child) {
            // It reduces what its parent opens; what it may do by then is the venue's to say.
            return Ok(());
        }
        let held = self.state.accounts.held_of(strategy, request.instrument, request.terms.position_side);
        if request.only_reduces() && held.net_qty.raw().signum() * request.side.sign() >= 0 {
            return Err(no(DenyReason::WouldNotReduce));
        }
        Ok(())
    }

    /// Door 8: an approved order leaves.
    fn send(&mut self, approved: &Approved, reserve: Reserve) -> Result<(), KernelError> {
        let (client_order_id, request) = (approved.client_order_id(), *approved.request());
        self.note(&Event::Approved { client_order_id, order_qty: request.order_qty });
        let Reserve { currency, amount: reserved } = reserve;
        self.record(&Event::Submitted { client_order_id, request, currency, reserved })?;
        self.commands.push(Command::Submit { client_order_id, request });
        self.counts.orders += 1;
        self.observe(&RiskObservation::Sent { now: self.clock.now(), strategy: client_order_id.strategy })
    }

    fn deny(
        &mut self,
        client_order_id: ClientOrderId,
        request: &OrderRequest,
        reason: DenyReason,
        rule: Option<RuleIx>,
    ) {
        let event = Event::Denied { client_order_id, reason, rule };
        self.note(&event);
        self.counts.denied += 1;
        self.counts.warmup_denied += u64::from(reason == DenyReason::WarmUp);
        let order = Order {
            client_order_id,
            venue_order_id: None,
            request: *request,
            status: OrderStatus::Denied,
            cum_qty: Qty::ZERO,
            leaves_qty: Qty::ZERO,
            canceled_qty: request.order_qty,
            held: false,
            cum_px_qty: 0,
            ts_submitted: self.clock.now(),
        };
        // A denied change leaves its order as it is: tell about the order that there is.
        let order = self.state.oms.order(client_order_id).copied().unwrap_or(order);
        self.notices.push_back(Notice { update: OrderUpdate { order, event_number: event.number() }, fill: None });
    }

    /// Doors 7 and 8 for a change of an open order: the changed order passes every rule as a new one would.
    pub(super) fn amend(&mut self, client_order_id: ClientOrderId, amendment: &Amendment) -> Result<(), KernelError> {
        self.note(&Event::AmendIntended { client_order_id, amendment: *amendment });
        match self.admit_change(client_order_id, amendment) {
            Ok(()) => {
                self.record(&Event::AmendSubmitted { client_order_id, amendment: *amendment })?;
                self.commands.push(Command::Amend { client_order_id, amendment: *amendment });
            }
            Err(Refused { request: Some(request), denial: (reason, rule) }) => {
                self.deny(client_order_id, &request, reason, rule);
            }
            Err(Refused { request: None, denial: (reason, _) }) => self.deny_request(client_order_id, reason),
        }
        Ok(())
    }

    fn admit_change(&mut self, client_order_id: ClientOrderId, amendment: &Amendment) -> Result<(), Refused> {
        let as_it_is = |reason| Refused { request: None, denial: no(reason) };
        let order = *self.state.oms.may_request(client_order_id, Stimulus::AmendSubmitted).map_err(as_it_is)?;
        let request = amended(&order, amendment);
        if request.order_qty < order.cum_qty || !may_amend_qty(&order.request, request.order_qty) {
            return Err(as_it_is(DenyReason::InvalidOrder));
        }
        if request.order_qty == order.cum_qty {
            return Ok(());
        }
        let open_part = request.order_qty.raw() - order.cum_qty.raw();
        match self.admit(client_order_id, &request, Some(&order), 0) {
            Ok((approved, _)) if approved.request().order_qty.raw() == open_part => Ok(()),
            // A change is taken whole or not at all: a rule that would shrink it denies it.
            Ok(_) => Err(as_it_is(DenyReason::RiskRule)),
            Err(denial) => Err(Refused { request: Some(request), denial }),
        }
    }

    /// Door 8 for a cancel. Risk has no say: a cancel never adds risk.
    pub(super) fn cancel(&mut self, client_order_id: ClientOrderId) -> Result<(), KernelError> {
        self.note(&Event::CancelIntended { client_order_id });
        let may = if self.ending {
            Err(DenyReason::Halted)
        } else {
            self.state.oms.may_request(client_order_id, Stimulus::CancelSubmitted).map(|_| ())
        };
        if let Err(reason) = may {
            self.deny_request(client_order_id, reason);
            return Ok(());
        }
        self.record(&Event::CancelSubmitted { client_order_id })?;
        self.commands.push(Command::Cancel { client_order_id });
        Ok(())
    }

    /// Door 8 for a cancel of all that a strategy has open, one message for each instrument.
    pub(super) fn cancel_all(
        &mut self,
        strategy: StrategyIx,
        instrument: Option<InstrumentIx>,
    ) -> Result<(), KernelError> {
        if self.ending {
            return Ok(());
        }
        let mut open = Vec::new();
        self.state.oms.each_open(strategy, &mut |order| {
            let of_it = instrument.is_none_or(|only| only == order.request.instrument);
            if of_it && order.status != OrderStatus::PendingCancel {
                open.push((order.request.instrument, order.client_order_id));
            }
        });
        // By instrument, and within one by age.
        open.sort_by_key(|(instrument, _)| *instrument);
        let mut last = None;
        for (instrument, client_order_id) in open {
            if last != Some(instrument) {
                last = Some(instrument);
                self.note(&Event::CancelAllSubmitted { strategy, instrument });
                self.commands.push(Command::CancelAll { strategy, instrument: Some(instrument) });
            }
            self.record(&Event::CancelSubmitted { client_order_id })?;
        }
        Ok(())
    }

    /// Denies a change or cancel.
    fn deny_request(&mut self, client_order_id: ClientOrderId, reason: DenyReason) {
        if let Some(order) = self.state.oms.order(client_order_id) {
            let request = order.request;
            return self.deny(client_order_id, &request, reason, None);
        }
        self.counts.denied += 1;
        self.note(&Event::Denied { client_order_id, reason, rule: None });
    }
}
