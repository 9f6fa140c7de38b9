//! Transfers in simulated time: what a strategy or the scenario asks for leaves at once and arrives later.

//! Invariant: how long a transfer takes depends on its way and on how many went before on it, on nothing else.

use tapedeck_model::port::LatencyQuery;
use tapedeck_model::transfer::{TransferAsk, UnderWay};
use tapedeck_model::{Amount, Span, Ts};

use super::SimDriver;
use crate::merge::{Item, Phase};
use crate::run::TransferTerms;
use crate::spec::{KernelError, Route, RunError};

/// Every way for money, with how many transfers went on it.
pub(super) struct Routes(Vec<(Route, u64)>);

impl Routes {
    pub(super) fn new(routes: Vec<Route>) -> Self {
        Self(routes.into_iter().map(|route| (route, 0)).collect())
    }

    fn of(&self, ask: &TransferAsk) -> Option<usize> {
        let fits = |route: &Route| (route.from, route.to, route.currency) == (ask.from, ask.to, ask.currency);
        self.0.iter().position(|(route, _)| fits(route))
    }

    /// What the next transfer on a way costs, and when it arrives if it leaves now; `None` if there is no such way.
    fn terms(&self, ask: &TransferAsk, now: Ts) -> Option<(Amount, Ts)> {
        let (route, sent) = &self.0[self.of(ask)?];
        let delay = route.time.delay_ns(&LatencyQuery { number: *sent, sent: now, events: 0 });
        Some((route.fee, now.saturating_add(Span::from_nanos(delay))))
    }

    /// A transfer left.
    fn count(&mut self, ask: &TransferAsk) {
        if let Some(at) = self.of(ask) {
            self.0[at].1 += 1;
        }
    }
}

impl SimDriver {
    /// What strategies have asked for comes next at this instant.
    pub(super) fn send_transfers(&mut self) {
        self.core.take_transfers(&mut self.transfers);
        for ask in self.transfers.drain(..) {
            self.queue.push(self.now, Phase::Command, ask.from.0, Item::Depart(ask));
        }
    }

    /// Money leaves one venue for another, if our own side and the venue let it.
    pub(super) fn depart(&mut self, ts: Ts, ask: &TransferAsk) -> Result<(), RunError> {
        let terms = self.routes.terms(ask, ts);
        let from = self.venues.get_mut(ask.from.usize());
        let terms = terms.zip(from).map(|((fee, arrives), venue)| TransferTerms {
            fee,
            arrives,
            venue_free: venue.withdrawable(ts, ask.currency),
        });
        let Some(under_way) = self.core.send_transfer(ts, ask, terms)? else { return Ok(()) };
        self.routes.count(ask);
        if let Some(venue) = self.venues.get_mut(ask.from.usize()) {
            let out = ask.amount.checked_neg().ok_or_else(too_large)?;
            venue.on_money(ask.currency, out)?;
        }
        let arrives = terms.map_or(ts, |terms| terms.arrives);
        self.queue.push(arrives, Phase::Incident, ask.to.0, Item::Arrive(under_way));
        Ok(())
    }

    /// Money arrives at a venue.
    pub(super) fn arrive(&mut self, ts: Ts, under_way: &UnderWay) -> Result<(), RunError> {
        if let Some(venue) = self.venues.get_mut(under_way.to.usize()) {
            venue.on_money(under_way.currency, under_way.amount)?;
        }
        Ok(self.core.receive_transfer(ts, under_way)?)
    }
}

fn too_large() -> RunError {
    RunError::Kernel(KernelError::Overflow { what: "a transfer" })
}
