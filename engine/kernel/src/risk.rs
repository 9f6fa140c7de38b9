//! Risk: intents in, approvals or denials out.
//!
//! Enters: orders that a strategy (or a halt) wants, and observations of equity, sends and closed
//! trades. Leaves: [`Approved`], the only thing that the order system sends, or the reason why not;
//! a verdict event per rule; halts.
//!
//! Invariants: every order passes every rule of its scope, in the order of the chain, closing
//! orders included; an approved quantity never exceeds the one asked for; while a halt is in force
//! only orders that reduce a position pass. Deliberately absent: money that an order needs, which
//! the account knows.

mod day;
mod exposure;
mod limits;
mod liquidation;
mod parse;
mod watch;

use tapedeck_model::event::{DenyReason, HaltAction, RiskDecision};
use tapedeck_model::port::{RiskComponent, RiskObservation, RiskOutcome, RiskQuery, RiskRule};
use tapedeck_model::{Amount, ClientOrderId, Event, OrderRequest, Qty, RuleIx, Side, StrategyIx, Ts};

/// Every risk rule that a scenario can choose.
pub fn components() -> &'static [RiskComponent] {
    COMPONENTS
}

static COMPONENTS: &[RiskComponent] = &[
    limits::MAX_ORDER_QTY,
    limits::MAX_ORDER_NOTIONAL,
    exposure::MAX_POSITION,
    exposure::MAX_GROSS_EXPOSURE,
    limits::PRICE_COLLAR,
    limits::ORDER_RATE,
    limits::MAX_OPEN_ORDERS,
    watch::DAILY_LOSS,
    watch::DRAWDOWN,
    watch::LOSING_STREAK,
    liquidation::LIQUIDATION,
    day::TRADING_HOURS,
];

/// One rule of a run.
pub struct RiskSlot {
    /// Its name in the journal.
    pub name: String,
    /// Whose orders pass it; `None` for everybody's.
    pub scope: Option<StrategyIx>,
    /// The rule.
    pub rule: Box<dyn RiskRule>,
}

impl RiskSlot {
    fn concerns(&self, strategy: StrategyIx) -> bool {
        self.scope.is_none_or(|scope| scope == strategy)
    }
}

/// An order that every rule agreed to. Only [`RiskChain::check`] makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Approved {
    client_order_id: ClientOrderId,
    request: OrderRequest,
}

impl Approved {
    /// Its name.
    pub const fn client_order_id(&self) -> ClientOrderId {
        self.client_order_id
    }

    /// What may be sent: as asked for, but for a quantity that may be less.
    pub const fn request(&self) -> &OrderRequest {
        &self.request
    }
}

/// A halt in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActiveHalt {
    /// Which rule asked for it.
    pub rule: RuleIx,
    /// Of whom; `None` for all.
    pub strategy: Option<StrategyIx>,
    /// What it does.
    pub action: HaltAction,
    /// When trading goes on; [`Ts::MAX`] for never.
    pub until: Ts,
}

/// The rules of a run, in order, and the halts that they asked for.
pub struct RiskChain {
    rules: Vec<RiskSlot>,
    /// Positions of the rules that watch equity.
    watchers: Vec<usize>,
    halts: Vec<ActiveHalt>,
}

impl RiskChain {
    /// A chain of rules; a rule's position is its [`RuleIx`].
    pub fn new(rules: Vec<RiskSlot>) -> Self {
        let watchers = (0..rules.len()).filter(|at| rules[*at].rule.watches_equity()).collect();
        Self { rules, watchers, halts: Vec::new() }
    }

    /// Whether there are no rules.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rules' names, by [`RuleIx`].
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|slot| slot.name.as_str())
    }

    /// Whether some rule wants equity at every mark (it costs time).
    #[inline]
    pub fn watches_equity(&self) -> bool {
        !self.watchers.is_empty()
    }

    /// Passes one order through the halts and every rule of its scope. `strategy_qty` is the
    /// strategy's own signed position in the instrument. `record` gets a `RiskChecked` for each
    /// rule that looked; `Approved` and `Denied` are the caller's to record.
    ///
    /// # Errors
    /// The reason, and the rule that said no.
    pub fn check(
        &mut self,
        query: RiskQuery<'_>,
        client_order_id: ClientOrderId,
        strategy_qty: Qty,
        record: &mut dyn FnMut(Event),
    ) -> Result<Approved, (DenyReason, Option<RuleIx>)> {
        let asked = *query.request;
        if asked.order_qty.raw() <= 0 {
            return Err((DenyReason::InvalidOrder, None));
        }
        if let Some(halt) = self.halted(query.now, query.strategy)
            && !reduces(&asked, strategy_qty)
            && !reduces(&asked, query.net_qty)
        {
            return Err((DenyReason::Halted, Some(halt.rule)));
        }
        let (mut request, mut notional) = (asked, query.notional);
        for (at, slot) in self.rules.iter_mut().enumerate().filter(|(_, slot)| slot.concerns(query.strategy)) {
            let rule = RuleIx(at as u16);
            let outcome = slot.rule.check(&RiskQuery { request: &request, notional, ..query });
            record(verdict(client_order_id, rule, outcome));
            match outcome {
                RiskOutcome::Pass { .. } => {}
                RiskOutcome::Shrink { order_qty, .. } => {
                    assert!(order_qty.raw() > 0 && order_qty < request.order_qty, "a shrunk order is smaller");
                    notional = notional
                        .mul_div(order_qty.raw(), request.order_qty.raw())
                        .ok_or((DenyReason::Overflow, Some(rule)))?;
                    request.order_qty = order_qty;
                }
                RiskOutcome::Deny { .. } => return Err((DenyReason::RiskRule, Some(rule))),
            }
        }
        assert!(request.order_qty <= asked.order_qty, "an approved quantity never exceeds what was asked for");
        Ok(Approved { client_order_id, request })
    }

    /// Shows something to the rules that watch; records a `Halted` for each halt they ask for and
    /// gives back the new halts, which the caller carries out.
    pub fn observe(&mut self, observation: &RiskObservation, record: &mut dyn FnMut(Event)) -> &[ActiveHalt] {
        let first_new = self.halts.len();
        match *observation {
            RiskObservation::Equity { .. } | RiskObservation::Capital { .. } => {
                for index in 0..self.watchers.len() {
                    self.observe_one(self.watchers[index], observation, record);
                }
            }
            RiskObservation::Sent { strategy, .. }
            | RiskObservation::Closed { strategy, .. }
            | RiskObservation::Liquidated { strategy, .. } => {
                for at in 0..self.rules.len() {
                    if self.rules[at].concerns(strategy) {
                        self.observe_one(at, observation, record);
                    }
                }
            }
        }
        &self.halts[first_new..]
    }

    fn observe_one(&mut self, at: usize, observation: &RiskObservation, record: &mut dyn FnMut(Event)) {
        let Some(asked) = self.rules[at].rule.observe(observation) else { return };
        let halt =
            ActiveHalt { rule: RuleIx(at as u16), strategy: asked.strategy, action: asked.action, until: asked.until };
        let ActiveHalt { rule, strategy, action, .. } = halt;
        record(Event::Halted { rule, strategy, action, value: asked.value, limit: asked.limit });
        self.halts.push(halt);
    }

    /// Whether there is any halt whose end was not recorded yet.
    #[inline]
    pub fn has_halts(&self) -> bool {
        !self.halts.is_empty()
    }

    /// The first halt in force for a strategy.
    #[inline]
    pub fn halted(&self, now: Ts, strategy: StrategyIx) -> Option<ActiveHalt> {
        let concerns = |halt: &&ActiveHalt| now < halt.until && halt.strategy.is_none_or(|who| who == strategy);
        self.halts.iter().find(concerns).copied()
    }

    /// Ends the halts whose time is over, recording a `Resumed` for each.
    pub fn tick(&mut self, now: Ts, record: &mut dyn FnMut(Event)) {
        self.halts.retain(|halt| {
            let over = halt.until <= now && halt.until != Ts::MAX;
            if over {
                record(Event::Resumed { rule: halt.rule });
            }
            !over
        });
    }
}

fn verdict(client_order_id: ClientOrderId, rule: RuleIx, outcome: RiskOutcome) -> Event {
    let (decision, value, limit) = match outcome {
        RiskOutcome::Pass { value, limit } => (RiskDecision::Pass, value, limit),
        RiskOutcome::Shrink { value, limit, .. } => (RiskDecision::Shrink, value, limit),
        RiskOutcome::Deny { value, limit } => (RiskDecision::Deny, value, limit),
    };
    Event::RiskChecked { client_order_id, rule, decision, value, limit }
}

/// Whether an order, filled whole, brings a position nearer to zero and not past it.
fn reduces(request: &OrderRequest, net_qty: Qty) -> bool {
    let against = match request.side {
        Side::Buy => net_qty.raw() < 0,
        Side::Sell => net_qty.raw() > 0,
    };
    against && request.order_qty.raw().unsigned_abs() <= net_qty.raw().unsigned_abs()
}

/// Whether an order can only reduce (it is marked `reduce_only`, or closes a position of hedge mode) and
/// reduces the account's position. Limits that are
/// there to keep risk from growing let such orders through.
fn closes(query: &RiskQuery<'_>) -> bool {
    query.request.only_reduces() && reduces(query.request, query.net_qty)
}

/// Passes at or below the limit.
fn at_most(value: Amount, limit: Amount) -> RiskOutcome {
    if value <= limit { RiskOutcome::Pass { value, limit } } else { RiskOutcome::Deny { value, limit } }
}

/// A count as a measured value.
fn count(n: i64) -> Amount {
    Amount::from_scaled(i128::from(n), 0).unwrap_or(Amount::MAX)
}

/// Passes at or below the limit; above it cuts the order to `allowed_qty`, if that is wanted
/// (`Some`) and leaves an order that the venue's rules permit.
fn at_most_or_cut(query: &RiskQuery<'_>, value: Amount, limit: Amount, allowed_qty: Option<i128>) -> RiskOutcome {
    if value <= limit {
        return RiskOutcome::Pass { value, limit };
    }
    let rules = query.instrument.rules_at(query.now);
    let asked = i128::from(query.request.order_qty.raw());
    let cut = allowed_qty.filter(|raw| (1..asked).contains(raw)).map(|raw| Qty::from_raw(raw as i64));
    match cut.map(|qty| qty.floor_to(rules.lot_size)) {
        Some(order_qty) if order_qty > Qty::ZERO && order_qty >= rules.qty_min => {
            RiskOutcome::Shrink { order_qty, value, limit }
        }
        Some(_) | None => RiskOutcome::Deny { value, limit },
    }
}

#[cfg(test)]
mod tests;
