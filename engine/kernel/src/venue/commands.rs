//! Commands at the venue: orders alone and in groups, amendments, cancels of one and of all.
//!
//! Enters: commands at their time of arrival. Leaves: reports. Invariants: a group is taken whole or refused
//! whole; its orders are all at the desk before the first of them meets the market. Deliberately absent:
//! matching.

use tapedeck_model::order::{CancelReason, RejectReason};
use tapedeck_model::terms::may_group;
use tapedeck_model::{
    Amendment, ClientOrderId, Command, GroupLeg, InstrumentIx, OrderRequest, Qty, Side, StrategyIx, Ts, VenueOrderId,
    VenueReport,
};

use super::desk::{Hold, Working, expiry_of};
use super::gate::refused;
use super::queue::Place;
use super::triggers::Trailed;
use super::{SimVenue, TimedReport, VenueError, checks};

/// Orders of one group at most.
const LEGS_MAX: usize = 3;

impl SimVenue {
    /// A command arrives at `now`. Reports are added to `out`.
    ///
    /// # Errors
    /// [`VenueError::NotTraded`] or [`VenueError::Overflow`].
    pub fn on_command(&mut self, now: Ts, command: &Command, out: &mut Vec<TimedReport>) -> Result<(), VenueError> {
        if !self.arriving.is_empty() {
            self.give_up_groups(now, command, out);
        }
        if let Some(reason) = self.gate.as_mut().and_then(|gate| gate.refusal(now, command)) {
            self.refuse(now, command, reason, out);
            return Ok(());
        }
        match *command {
            Command::Submit { client_order_id, request } => match request.terms.group {
                Some(leg) => self.submit_leg((now, client_order_id), &request, leg, out),
                None => self.submit(now, client_order_id, request, out),
            },
            Command::Amend { client_order_id, amendment } => self.amend(now, client_order_id, &amendment, out),
            Command::Cancel { client_order_id } => self.cancel(now, client_order_id, out),
            Command::CancelAll { strategy, instrument } => {
                self.cancel_working((Some(strategy), instrument), (now, CancelReason::Requested), out)
            }
        }
    }

    /// Says that a command goes no further: of a cancel of all that every working order stays.
    fn refuse(&self, now: Ts, command: &Command, reason: RejectReason, out: &mut Vec<TimedReport>) {
        if let Command::CancelAll { strategy, instrument } = command {
            let concerned = |(id, at): &&(ClientOrderId, InstrumentIx)| {
                id.strategy == *strategy && instrument.is_none_or(|only| only == *at)
            };
            for (client_order_id, _) in self.working.iter().filter(concerned) {
                let report = VenueReport::CancelRejected { client_order_id: *client_order_id, reason };
                out.push(TimedReport { ts_event: now, report });
            }
        }
        out.extend(refused(command, reason).map(|report| TimedReport { ts_event: now, report }));
    }

    /// The connection is lost at `now`: where the venue cancels then, every working order ends.
    ///
    /// # Errors
    /// [`VenueError::Overflow`].
    pub fn on_disconnect(&mut self, now: Ts, out: &mut Vec<TimedReport>) -> Result<(), VenueError> {
        if !self.order_rules.cancel_on_disconnect {
            return Ok(());
        }
        self.cancel_working((None, None), (now, CancelReason::Disconnected), out)
    }

    fn cancel_working(
        &mut self,
        (strategy, instrument): (Option<StrategyIx>, Option<InstrumentIx>),
        (now, reason): (Ts, CancelReason),
        out: &mut Vec<TimedReport>,
    ) -> Result<(), VenueError> {
        for ix in 0..self.desks.len() {
            let ix = InstrumentIx(ix as u16);
            let concerned = instrument.is_none_or(|only| only == ix)
                && self.working.iter().any(|(id, at)| *at == ix && strategy.is_none_or(|only| only == id.strategy));
            if concerned {
                self.at_desk((ix, now), out, |scene, _, _| {
                    scene.cancel_all(strategy, now, reason);
                    Ok(())
                })?;
            }
        }
        Ok(())
    }

    fn submit(
        &mut self,
        now: Ts,
        id: ClientOrderId,
        request: OrderRequest,
        out: &mut Vec<TimedReport>,
    ) -> Result<(), VenueError> {
        let queue_ahead = self.queue_ahead.get(request.instrument.usize()).copied().flatten();
        let venue_order_id = VenueOrderId(self.venue_order_id_last + 1);
        let margin = self.check_margin(now, &request, None);
        self.know(id, request.instrument);
        let accepted = self.at_desk((request.instrument, now), out, |scene, _, _| {
            scene.expire_unless_bars(now);
            let checked = checks::check_new(scene.desk, id, &request, now);
            let stands = match checked.and_then(|stands| margin.map(|()| stands)) {
                Ok(stands) => stands,
                Err(reason) => {
                    scene.say(now, VenueReport::Rejected { client_order_id: id, reason });
                    return Ok(false);
                }
            };
            scene.say(now, VenueReport::Accepted { client_order_id: id, venue_order_id });
            if stands.kind != request.kind {
                let (order_qty, kind) = (stands.order_qty, stands.kind);
                scene.say(now, VenueReport::Replaced { client_order_id: id, order_qty, kind });
            }
            scene.arrive(arriving((id, &stands), (now, scene.desk.observations), queue_ahead))?;
            Ok(true)
        })?;
        if accepted {
            self.venue_order_id_last = venue_order_id.0;
        } else {
            self.forget(id);
        }
        Ok(())
    }

    /// An order of a group waits for the others.
    fn submit_leg(
        &mut self,
        (now, id): (Ts, ClientOrderId),
        request: &OrderRequest,
        leg: GroupLeg,
        out: &mut Vec<TimedReport>,
    ) -> Result<(), VenueError> {
        let came = self.arriving.iter().filter(|(other, _)| other.strategy == id.strategy).count();
        if !leg.is_place_of(id) || usize::from(leg.leg) != came {
            let reason = RejectReason::BadGroup;
            out.push(TimedReport { ts_event: now, report: VenueReport::Rejected { client_order_id: id, reason } });
            return Ok(());
        }
        self.arriving.push((id, *request));
        if leg.leg + 1 < leg.kind.legs() {
            return Ok(());
        }
        let mut legs = [(id, OrderRequest::market(request.instrument, Side::Buy, Qty::ZERO)); LEGS_MAX];
        let of_it = self.arriving.iter().filter(|(other, _)| other.strategy == id.strategy);
        for (place, came) in legs.iter_mut().zip(of_it) {
            *place = *came;
        }
        self.arriving.retain(|(other, _)| other.strategy != id.strategy);
        match legs.get(..usize::from(leg.kind.legs())) {
            Some(legs) => self.submit_group(now, leg, legs, out),
            None => Ok(()),
        }
    }

    /// A group that is not continued by the same strategy's next command never comes.
    fn give_up_groups(&mut self, now: Ts, command: &Command, out: &mut Vec<TimedReport>) {
        let strategy = command.strategy();
        let goes_on = match command {
            Command::Submit { request, .. } => request.terms.group.map(|leg| leg.first),
            Command::Amend { .. } | Command::Cancel { .. } | Command::CancelAll { .. } => None,
        };
        self.arriving.retain(|(id, request)| {
            let kept = id.strategy != strategy || request.terms.group.map(|leg| leg.first) == goes_on;
            if !kept {
                let (client_order_id, reason) = (*id, RejectReason::GroupIncomplete);
                out.push(TimedReport { ts_event: now, report: VenueReport::Rejected { client_order_id, reason } });
            }
            kept
        });
    }

    /// A group is whole: it is taken or refused, then its orders enter the market in their order.
    fn submit_group(
        &mut self,
        now: Ts,
        leg: GroupLeg,
        legs: &[(ClientOrderId, OrderRequest)],
        out: &mut Vec<TimedReport>,
    ) -> Result<(), VenueError> {
        let Some((_, OrderRequest { instrument, .. })) = legs.first() else { return Ok(()) };
        let instrument = *instrument;
        let queue_ahead = self.queue_ahead.get(instrument.usize()).copied().flatten();
        let venue_order_id_first = self.venue_order_id_last + 1;
        // Of each order alone; those that wait for a parent only reduce what it opens.
        let margin = legs.iter().enumerate().find_map(|(nth, (_, request))| {
            let waits = request.terms.group.is_some_and(GroupLeg::is_child);
            let refused = if waits { Ok(()) } else { self.check_margin(now, request, None) };
            refused.err().map(|reason| (nth, reason))
        });
        for (id, _) in legs {
            self.know(*id, instrument);
        }
        let accepted = self.at_desk((instrument, now), out, |scene, _, _| {
            scene.expire_unless_bars(now);
            let mut stands = [OrderRequest::market(instrument, Side::Buy, Qty::ZERO); LEGS_MAX];
            for ((_, request), place) in legs.iter().zip(&mut stands) {
                *place = *request;
            }
            let fits = stands.get(..legs.len()).is_some_and(|requests| may_group(leg.kind, requests));
            let mut refused = if fits { None } else { Some((legs.len(), RejectReason::BadGroup)) };
            for (nth, ((id, request), place)) in legs.iter().zip(&mut stands).enumerate() {
                if refused.is_none() {
                    match checks::check_leg(scene.desk, *id, request, now) {
                        Ok(request) => *place = request,
                        Err(reason) => refused = Some((nth, reason)),
                    }
                }
            }
            if let Some((at, reason)) = refused.or(margin) {
                for (nth, (id, _)) in legs.iter().enumerate() {
                    let reason = if nth == at || at == legs.len() { reason } else { RejectReason::GroupLeg };
                    scene.say(now, VenueReport::Rejected { client_order_id: *id, reason });
                }
                return Ok(false);
            }
            let first = scene.desk.orders.len();
            for (((id, request), stands), nth) in legs.iter().zip(&stands).zip(0..) {
                let (client_order_id, venue_order_id) = (*id, VenueOrderId(venue_order_id_first + nth));
                let order = arriving((*id, stands), (now, scene.desk.observations), queue_ahead);
                scene.say(
                    now,
                    match order.hold {
                        Hold::Live => VenueReport::Accepted { client_order_id, venue_order_id },
                        Hold::Held | Hold::Woken => VenueReport::Held { client_order_id, venue_order_id },
                    },
                );
                if stands.kind != request.kind {
                    let (order_qty, kind) = (stands.order_qty, stands.kind);
                    scene.say(now, VenueReport::Replaced { client_order_id, order_qty, kind });
                }
                scene.desk.admit(order);
            }
            (first..first + legs.len()).try_for_each(|place| scene.enter(place))?;
            Ok(true)
        })?;
        if accepted {
            self.venue_order_id_last += legs.len() as u64;
        } else {
            for (id, _) in legs {
                self.forget(*id);
            }
        }
        Ok(())
    }

    fn amend(
        &mut self,
        now: Ts,
        id: ClientOrderId,
        amendment: &Amendment,
        out: &mut Vec<TimedReport>,
    ) -> Result<(), VenueError> {
        let unknown = VenueReport::AmendRejected { client_order_id: id, reason: RejectReason::UnknownOrder };
        let Some(instrument) = self.instrument_of(id) else {
            out.push(TimedReport { ts_event: now, report: unknown });
            return Ok(());
        };
        let queue = (self.queue_ahead[instrument.usize()], self.order_rules.amend_keeps_priority);
        let margin = self.check_amended_margin(now, id, (instrument, amendment));
        self.at_desk((instrument, now), out, |scene, _, _| {
            let Some(place) = scene.open_order(id, now) else {
                scene.say(now, unknown);
                return Ok(());
            };
            let amended = checks::amended(scene.desk, &scene.desk.orders[place], amendment, now);
            match amended.and_then(|request| margin.map(|()| request)) {
                Err(reason) => {
                    scene.say(now, VenueReport::AmendRejected { client_order_id: id, reason });
                    Ok(())
                }
                Ok(request) => scene.replace(place, request, queue, now),
            }
        })
    }

    fn cancel(&mut self, now: Ts, id: ClientOrderId, out: &mut Vec<TimedReport>) -> Result<(), VenueError> {
        let unknown = VenueReport::CancelRejected { client_order_id: id, reason: RejectReason::UnknownOrder };
        let Some(instrument) = self.instrument_of(id) else {
            out.push(TimedReport { ts_event: now, report: unknown });
            return Ok(());
        };
        self.at_desk((instrument, now), out, |scene, _, _| {
            let Some(place) = scene.open_order(id, now) else {
                scene.say(now, unknown);
                return Ok(());
            };
            scene.cancel(place, now, CancelReason::Requested);
            Ok(())
        })
    }

    /// Notes where an order is, before it acts: one that ends as it arrives is forgotten when its desk is
    /// settled.
    fn know(&mut self, id: ClientOrderId, instrument: InstrumentIx) {
        assert!(self.instrument_of(id).is_none(), "order {id} is working already, but ids are counters");
        let place = self.working.partition_point(|(other, _)| *other < id);
        self.working.insert(place, (id, instrument));
    }

    fn forget(&mut self, id: ClientOrderId) {
        if let Ok(place) = self.working.binary_search_by_key(&id, |(id, _)| *id) {
            self.working.remove(place);
        }
    }

    fn instrument_of(&self, id: ClientOrderId) -> Option<InstrumentIx> {
        let place = self.working.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        self.working.get(place).map(|(_, instrument)| *instrument)
    }
}

/// An order as it comes.
fn arriving(
    (id, request): (ClientOrderId, &OrderRequest),
    (now, observations): (Ts, u64),
    queue_ahead: Option<Qty>,
) -> Working {
    let waits = request.terms.group.is_some_and(GroupLeg::is_child);
    Working {
        id,
        request: *request,
        cum_qty: Qty::ZERO,
        triggered: false,
        hold: if waits { Hold::Held } else { Hold::Live },
        trail: Trailed::default(),
        shown: request.terms.display.map_or(Qty::ZERO, |display| display.qty),
        refreshes: 0,
        arrived: now,
        arrived_at: observations,
        expiry: expiry_of(request.time_in_force, now),
        queue_ahead,
        place: Place::behind(queue_ahead.unwrap_or(Qty::ZERO)),
        fills: 0,
        ts_last: now,
        done: false,
    }
}
