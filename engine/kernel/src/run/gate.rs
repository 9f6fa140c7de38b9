//! Doors 7 and 8: what a strategy wants passes every rule or goes no further.

use tapedeck_model::event::DenyReason;
use tapedeck_model::port::{RiskObservation, RiskQuery};
use tapedeck_model::{
    Amendment, Amount, ClientOrderId, Command, Event, Order, OrderRequest, OrderStatus, OrderUpdate, Qty, RuleIx, Side,
    StrategyIx,
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

impl Core {
    /// Doors 7 and 8 for a new order.
    pub(super) fn submit(&mut self, client_order_id: ClientOrderId, request: &OrderRequest) -> Result<(), KernelError> {
        self.note(&Event::SubmitIntended { client_order_id, request: *request });
        match self.admit(client_order_id, request, None) {
            Ok((approved, reserve)) => self.send(&approved, reserve),
            Err((reason, rule)) => {
                self.deny(client_order_id, request, reason, rule);
                Ok(())
            }
        }
    }

    /// Whether an order may go; of a change of the open order `replaced`, whether its new values may.
    fn admit(
        &mut self,
        client_order_id: ClientOrderId,
        request: &OrderRequest,
        replaced: Option<&Order>,
    ) -> Result<(Approved, Reserve), Denial> {
        let strategy = client_order_id.strategy;
        self.gate(strategy, request)?;
        let state = &self.state;
        let instrument = &state.instruments[request.instrument.usize()];
        let mark = state.market.state(request.instrument).mark().ok_or(no(DenyReason::NoPrice))?;
        let equity = self.equity_known().ok_or(no(DenyReason::NoPrice))?;
        // Nobody looks at exposure where there is no rule and no margin.
        let (gross_exposure, open_exposure) = if self.risk.is_empty() && state.account.kind() == AccountKind::Spot {
            (Amount::ZERO, Amount::ZERO)
        } else {
            let gross = state.marks.exposure(&state.account).ok_or(no(DenyReason::NoPrice))?;
            (gross, state.open_exposure(request.instrument).ok_or(no(DenyReason::NoPrice))?)
        };
        let (filled, standing) = replaced.map_or((0, 0), |order| (order.cum_qty.raw(), order.leaves_qty.raw()));
        // The rules look at what is still to be filled, the account at the whole order.
        let open_part = OrderRequest { order_qty: Qty::from_raw(request.order_qty.raw() - filled), ..*request };
        let worst = request.kind.limit_px().or(request.kind.trigger_px()).unwrap_or(mark);
        let notional = instrument
            .notional(worst, open_part.order_qty)
            .and_then(|quote| state.marks.to_base(quote, instrument.quote))
            .ok_or(no(DenyReason::Overflow))?;
        let open = state.oms.open_qty(request.instrument);
        let others = |open: i64, side| Qty::from_raw(if request.side == side { open - standing } else { open });
        let query = RiskQuery {
            now: self.clock.now(),
            strategy,
            request: &open_part,
            instrument,
            mark,
            net_qty: state.account.net_qty(request.instrument),
            open_buy_qty: others(open.buy, Side::Buy),
            open_sell_qty: others(open.sell, Side::Sell),
            notional,
            gross_exposure,
            open_exposure,
            open_orders: state.oms.open_orders() - u32::from(replaced.is_some()),
            equity,
        };
        let held = state.account.position(strategy, request.instrument).net_qty;
        let Self { risk, encoder, clock, .. } = self;
        let approved = risk.check(query, client_order_id, held, &mut |event| {
            encoder.append(clock.input(), clock.now(), &event);
        })?;
        let whole_qty = Qty::from_raw(approved.request().order_qty.raw() + filled);
        let reserve = state.account.reserve_for(&ReserveQuery {
            request: &OrderRequest { order_qty: whole_qty, ..*approved.request() },
            instrument,
            mark,
            fee_rate_max: state.fee_rate_max[request.instrument.usize()],
            fee_currency: None,
            replacing: replaced.map(|order| order.client_order_id),
            equity: Some(equity),
            gross_exposure: Some(gross_exposure),
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
        let held = self.state.account.position(strategy, request.instrument).net_qty.raw();
        if request.reduce_only && held.signum() * request.side.sign() >= 0 {
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
        if request.order_qty < order.cum_qty {
            return Err(as_it_is(DenyReason::InvalidOrder));
        }
        if request.order_qty == order.cum_qty {
            return Ok(());
        }
        let open_part = request.order_qty.raw() - order.cum_qty.raw();
        match self.admit(client_order_id, &request, Some(&order)) {
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
