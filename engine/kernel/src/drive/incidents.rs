//! Incidents in simulated time: when they begin and end, and the data that they keep from us.
//!
//! Invariant: a run without incidents pays one look at a flag for each turn.

use tapedeck_model::event::PostingReason;
use tapedeck_model::{Amount, Currency, Tick, Ts, VenueIx};

use super::SimDriver;
use super::redenomination::Change;
use crate::incident::{Incident, IncidentSpec};
use crate::merge::{Item, Phase, Play, Queue};
use crate::run::{Core, IncidentNotice};
use crate::spec::{RunError, RunSpec};
use crate::venue::{Redenomination, Window};

/// The incidents of a run.
pub(super) struct Incidents {
    pub(super) list: Vec<Scheduled>,
    /// By venue.
    feeds: Vec<Feed>,
    /// Redenominations under way.
    pub(super) changes: Vec<Change>,
    /// Whether any feed is down, or any record may be in other units than our account.
    pub(super) is_any_down: bool,
}

pub(super) struct Scheduled {
    pub(super) spec: IncidentSpec,
    target: String,
    /// What its venue's feed had missed as it began.
    missed_before: u64,
    /// Whether it has begun.
    has_begun: bool,
}

/// The data of one venue on their way to us.
#[derive(Debug, Clone, Copy, Default)]
struct Feed {
    /// Incidents in force that keep them from us.
    stops: u32,
    missed: u64,
}

/// Tells the venues what will be wrong with them.
///
/// # Errors
/// [`RunError::Spec`] if an incident names no venue or currency of the run, or ends before it starts.
pub(super) fn foresee(spec: &mut RunSpec) -> Result<Vec<String>, RunError> {
    let mut targets = Vec::with_capacity(spec.incidents.len());
    for incident in &spec.incidents {
        let wrong = |what: &str| RunError::Spec { problem: format!("incident {}: {what}", incident.name) };
        if incident.until < incident.start || (incident.what.lasts() && incident.until == incident.start) {
            return Err(wrong("it ends before it starts, or as it starts"));
        }
        targets.push(match &incident.what {
            Incident::Venue { venue, trouble } => {
                let about = spec.venues.get_mut(usize::from(*venue)).ok_or_else(|| wrong("there is no such venue"))?;
                let window = Window { from: incident.start, until: incident.until, trouble: trouble.clone() };
                about.troubles.push(window);
                about.name.clone()
            }
            Incident::Transfer(ask) => {
                let code = spec.currencies.get(ask.currency.usize()).map(Currency::code);
                let name = |venue: VenueIx| spec.venues.get(venue.usize()).map(|venue| venue.name.as_str());
                let parts = code.zip(name(ask.from).zip(name(ask.to)));
                let (code, (from, to)) = parts.ok_or_else(|| wrong("there is no such venue or currency"))?;
                format!("{code} from {from} to {to}")
            }
            Incident::Deposit { venue, currency, .. }
            | Incident::Withdrawal { venue, currency, .. }
            | Incident::Airdrop { venue, currency, .. } => {
                let known = spec.currencies.get(currency.usize()).map(Currency::code);
                let code = known.ok_or_else(|| wrong("there is no such currency"))?;
                let about = spec.venues.get(usize::from(*venue)).ok_or_else(|| wrong("there is no such venue"))?;
                if spec.venues.len() > 1 { format!("{code} at {}", about.name) } else { code.to_owned() }
            }
            Incident::Delisting(delisting) => {
                let known = spec.instruments.get(delisting.instrument.usize());
                known.ok_or_else(|| wrong("there is no such instrument"))?.id.to_string()
            }
            Incident::Redenomination(Redenomination { venue, asset, .. }) => {
                let code = spec.currencies.get(asset.usize()).map(Currency::code);
                let about = spec.venues.get(usize::from(*venue)).map(|about| about.name.as_str());
                let (code, about) = code.zip(about).ok_or_else(|| wrong("there is no such venue or asset"))?;
                format!("{code} at {about}")
            }
        });
    }
    Ok(targets)
}

impl Incidents {
    /// Puts all that begins after `first_ts`, or is then in force, on the queue.
    pub(super) fn schedule(
        list: Vec<IncidentSpec>,
        targets: Vec<String>,
        (venues, first_ts): (usize, Ts),
        queue: &mut Queue,
    ) -> Self {
        let list: Vec<Scheduled> = list
            .into_iter()
            .zip(targets)
            .map(|(spec, target)| Scheduled { spec, target, missed_before: 0, has_begun: false })
            .collect();
        // At one instant what is over ends before anything begins.
        let mut times: Vec<(Ts, u8, Item)> = Vec::with_capacity(2 * list.len());
        for (ix, Scheduled { spec, .. }) in list.iter().enumerate() {
            let is_over = spec.until < first_ts || (spec.until == first_ts && spec.what.lasts());
            if !is_over || spec.what.is_for_good() {
                times.push((spec.start.max(first_ts), 1, Item::Begin(ix as u16)));
                if spec.what.lasts() {
                    times.push((spec.until, 0, Item::End(ix as u16)));
                }
            }
        }
        times.sort_by_key(|(ts, phase, _)| (*ts, *phase));
        for (ts, _, item) in times {
            queue.push(ts, Phase::Incident, 0, item);
        }
        Self { list, feeds: vec![Feed::default(); venues], changes: Vec::new(), is_any_down: false }
    }

    pub(super) fn look(&mut self) {
        self.is_any_down = self.feeds.iter().any(|feed| feed.stops > 0) || !self.changes.is_empty();
    }
}

impl SimDriver {
    /// An incident begins.
    pub(super) fn begin_incident(&mut self, ts: Ts, number: u16) -> Result<(), RunError> {
        let Some(scheduled) = self.incidents.list.get_mut(usize::from(number)) else { return Ok(()) };
        let Scheduled { spec, target, missed_before, has_begun } = scheduled;
        *has_begun = true;
        let notice = IncidentNotice { name: &spec.name, kind: spec.what.kind(), target, until: spec.until };
        self.core.begin_incident(ts, notice);
        let money = match &spec.what {
            Incident::Venue { venue, trouble } => {
                let ix = *venue;
                if trouble.stops_data() {
                    let Some(feed) = self.incidents.feeds.get_mut(usize::from(ix)) else { return Ok(()) };
                    *missed_before = feed.missed;
                    feed.stops += 1;
                    if feed.stops == 1 {
                        for instrument in instruments_of(&self.venue_of, ix) {
                            self.core.conceal(instrument);
                        }
                    }
                }
                if matches!(trouble, crate::venue::Trouble::Disconnect) {
                    self.venues[usize::from(ix)].on_disconnect(ts, &mut self.reports)?;
                    self.schedule_reports(ix);
                }
                self.incidents.look();
                return Ok(());
            }
            Incident::Delisting(delisting) => {
                let delisting = *delisting;
                let Some(ix) = self.venue_of.get(delisting.instrument.usize()).copied() else { return Ok(()) };
                self.venues[usize::from(ix)].on_delisting(ts, &delisting, &mut self.reports)?;
                self.schedule_reports(ix);
                return Ok(());
            }
            Incident::Redenomination(change) => {
                let change = *change;
                return self.begin_redenomination(ts, number, &change);
            }
            Incident::Deposit { venue, currency, amount } => {
                (PostingReason::Deposit, (*venue, *currency), Some(*amount))
            }
            Incident::Withdrawal { venue, currency, amount } => {
                (PostingReason::Withdrawal, (*venue, *currency), amount.checked_neg())
            }
            Incident::Transfer(ask) => {
                let ask = *ask;
                return self.depart(ts, &ask);
            }
            Incident::Airdrop { venue, currency, amount } => {
                (PostingReason::Airdrop, (*venue, *currency), Some(*amount))
            }
        };
        let (reason, (ix, currency), Some(amount)) = money else { return Ok(()) };
        let Some(venue) = self.venues.get_mut(usize::from(ix)) else { return Ok(()) };
        let free = if amount < Amount::ZERO { venue.withdrawable(ts, currency) } else { None };
        let moved = self.core.move_money(reason, (VenueIx(ix), currency), amount, free)?;
        venue.on_money(currency, moved)?;
        Ok(())
    }

    /// An incident is over.
    pub(super) fn end_incident(&mut self, ts: Ts, number: u16) {
        let begun = self.incidents.list.get(usize::from(number)).filter(|scheduled| scheduled.has_begun);
        let Some(Scheduled { spec, missed_before, .. }) = begun else { return };
        let Incident::Venue { venue, trouble } = &spec.what else { return };
        let (ix, mut missed) = (*venue, 0);
        let stopped = trouble.stops_data();
        if let Some(feed) = self.incidents.feeds.get_mut(usize::from(ix)).filter(|_| stopped) {
            missed = feed.missed - missed_before;
            feed.stops -= 1;
            if feed.stops == 0 {
                for instrument in instruments_of(&self.venue_of, ix) {
                    self.core.reveal(instrument);
                }
            }
        }
        self.core.end_incident(ts, &spec.name, missed);
        self.incidents.look();
    }

    /// We receive what is next under way, while some feed is down or the units of some records are not ours.
    pub(super) fn receive_some(&mut self, until: Ts) -> Result<(), RunError> {
        let Self { sources, core, now, incidents, venue_of, .. } = self;
        let Incidents { feeds, changes, .. } = incidents;
        sources.receive(until, &mut Gapped { core, now, feeds, changes, venue_of })?;
        if !self.incidents.changes.is_empty() {
            self.end_changes(self.now);
        }
        Ok(())
    }
}

/// Instruments of a venue.
fn instruments_of(venue_of: &[u16], venue: u16) -> impl Iterator<Item = tapedeck_model::InstrumentIx> + '_ {
    let of_venue = venue_of.iter().enumerate().filter(move |(_, of)| **of == venue);
    of_venue.map(|(ix, _)| tapedeck_model::InstrumentIx(ix as u16))
}

/// Records of which some do not reach us.
struct Gapped<'a> {
    core: &'a mut Core,
    now: &'a mut Ts,
    feeds: &'a mut [Feed],
    changes: &'a mut [Change],
    venue_of: &'a [u16],
}

impl Play for Gapped<'_> {
    type Error = RunError;

    fn play<T: Tick>(&mut self, _: u64, tick: &T) -> Result<bool, RunError> {
        *self.now = tick.ts_recv();
        let feed = self.venue_of.get(tick.instrument().usize()).and_then(|ix| self.feeds.get_mut(usize::from(*ix)));
        let units = Change::of_record(self.changes, tick.instrument(), tick.ts_event());
        if let Some(feed) = feed.filter(|feed| feed.stops > 0) {
            feed.missed += 1;
            if units.is_some() {
                self.core.miss_aside(tick);
            } else {
                self.core.miss(tick);
            }
            return Ok(true);
        }
        if let Some((change, units)) = units {
            change.unseen += 1;
            self.core.on_aside(tick.ts_recv(), tick, units)?;
            return Ok(!self.core.is_stirred());
        }
        self.core.on_tick(tick.ts_recv(), tick)?;
        Ok(!self.core.is_stirred())
    }
}
