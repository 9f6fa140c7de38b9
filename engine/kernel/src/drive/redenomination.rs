//! Redenominations in simulated time: the venue changes its units, later we learn of it, and records that are then in
//! other units than our account are kept from strategies.
//!
//! Invariant: we learn of it after all that the venue said before, and before all that it says after.

use tapedeck_model::{InstrumentIx, MarketRecord, Price, Ratio, RedenominationReport, Span, Ts, VenueIx};

use super::SimDriver;
use crate::account::Ahead;
use crate::merge::{Item, Phase};
use crate::spec::RunError;
use crate::venue::Redenomination;

/// A redenomination that has begun and that our side is not through with.
pub(super) struct Change {
    /// Number of its incident.
    number: u16,
    /// What the venue said.
    report: RedenominationReport,
    instruments: Vec<InstrumentIx>,
    /// Whether we have learned of it.
    is_known: bool,
    /// Records that strategies did not see.
    pub(super) unseen: u64,
}

impl Change {
    /// The redenomination on account of which a record is in other units than our account, if it is, and in which.
    pub(super) fn of_record(
        changes: &mut [Self],
        instrument: InstrumentIx,
        ts_event: Ts,
    ) -> Option<(&mut Self, (Ratio, Ahead))> {
        let change = changes.iter_mut().find(|change| change.instruments.contains(&instrument))?;
        // What the venue sees at the instant itself comes before it.
        let is_new = ts_event > change.report.ts_event;
        let units = (change.report.ratio, if is_new { Ahead::Yes } else { Ahead::No });
        (is_new != change.is_known).then_some((change, units))
    }
}

/// Up to how many new units of an old one, and how many old ones of a new one, a price may have moved by itself.
const PLAIN_RATIO: f64 = 4.0;

impl SimDriver {
    /// The venue changes its units; what it says of that is on its way to us.
    pub(super) fn begin_redenomination(
        &mut self,
        ts: Ts,
        number: u16,
        change: &Redenomination,
    ) -> Result<(), RunError> {
        self.check_units(change)?;
        let Some(venue) = self.venues.get_mut(usize::from(change.venue)) else { return Ok(()) };
        let report = venue.on_redenomination(ts, change, &mut self.reports)?;
        let instruments = venue.instruments_of(change.asset);
        // Orders end first.
        self.schedule_reports(change.venue);
        for instrument in &instruments {
            self.core.keep_aside(*instrument);
        }
        let venue = &mut self.venues[usize::from(change.venue)];
        let delay = venue.account_report_delay_ns(ts);
        let sent = venue.delivered(ts.saturating_add(Span::from_nanos(delay)));
        let arrival = self.report_last.in_order_with_all(change.venue, sent);
        self.queue.push(arrival, Phase::Report, change.venue, Item::Learn(number));
        self.incidents.changes.push(Change { number, report, instruments, is_known: false, unseen: 0 });
        self.incidents.look();
        Ok(())
    }

    /// What comes next of the tape is in new units, as far as prices tell: nearer to the old price in new units than to
    /// the old price. Data that were adjusted beforehand would change the worth of what is held by the ratio.
    fn check_units(&self, change: &Redenomination) -> Result<(), RunError> {
        let ratio = change.ratio.to_f64();
        let Some(venue) = self.venues.get(usize::from(change.venue)) else { return Ok(()) };
        if (PLAIN_RATIO.recip()..=PLAIN_RATIO).contains(&ratio) {
            return Ok(());
        }
        for (at, cursor) in self.sources.cursors().iter().enumerate() {
            let (instrument, last_px) = match venue.last_px_of(cursor.instrument) {
                Some((instrument, last_px)) if instrument.base == change.asset && last_px > Price::ZERO => {
                    (instrument, last_px)
                }
                _ => continue,
            };
            let Some(next_px) = self.sources.next_of(at).and_then(|(_, record)| first_px(&record)) else { continue };
            // By how much the price moved, squared, is compared with what the change alone would make of it.
            let moved = next_px.raw() as f64 / last_px.raw() as f64;
            let is_in_old_units = (moved * moved * ratio > 1.0) == (ratio > 1.0);
            if is_in_old_units {
                let scale = instrument.price_scale;
                let problem = format!(
                    "{} is at {} after the redenomination, and was at {} before it: with {} new units for an old one \
                     about {:.6} was to come; give its data in new units from then on, or leave the incident out if they \
                     were adjusted beforehand",
                    instrument.id,
                    next_px.display(scale),
                    last_px.display(scale),
                    change.ratio,
                    last_px.raw() as f64 / 10_f64.powi(i32::from(scale)) / ratio,
                );
                return Err(RunError::Spec { problem });
            }
        }
        Ok(())
    }

    /// We learn of a redenomination.
    pub(super) fn learn(&mut self, ts: Ts, venue: u16, number: u16) -> Result<(), RunError> {
        let Some(change) = self.incidents.changes.iter_mut().find(|change| change.number == number) else {
            return Ok(());
        };
        change.is_known = true;
        let report = change.report;
        // What strategies say in answer is in new units.
        let first_orders = self.core.next_orders();
        self.core.redenominate(ts, VenueIx(venue), &report)?;
        if let Some(venue) = self.venues.get_mut(usize::from(venue)) {
            venue.on_redenomination_told(report.asset, &first_orders);
        }
        self.end_changes(ts);
        Ok(())
    }

    /// Redenominations that we know of are over once no record in old units is under way.
    pub(super) fn end_changes(&mut self, ts: Ts) {
        let Self { incidents, sources, core, .. } = self;
        let (list, mut ended) = (&incidents.list, false);
        incidents.changes.retain(|change| {
            let is_over = change.is_known && !sources.is_under_way_from(change.report.ts_event);
            if is_over {
                ended = true;
                change.instruments.iter().for_each(|instrument| core.forget_aside(*instrument));
                if let Some(scheduled) = list.get(usize::from(change.number)) {
                    core.end_incident(ts, &scheduled.spec.name, change.unseen);
                }
            }
            !is_over
        });
        if ended {
            self.incidents.look();
        }
    }
}

/// The first price of a record that tells of dealing; none of a level or an order, which may stand anywhere.
fn first_px(record: &MarketRecord) -> Option<Price> {
    match record {
        MarketRecord::Bar(bar) => Some(bar.open),
        MarketRecord::Trade(trade) => Some(trade.px),
        MarketRecord::Quote(quote) => Some(quote.bid_px),
        MarketRecord::Mark(mark) => Some(mark.mark_px),
        MarketRecord::Depth(_) | MarketRecord::Mbo(_) | MarketRecord::Funding(_) => None,
    }
    .filter(|px| *px > Price::ZERO)
}
