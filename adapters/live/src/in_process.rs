//! A simulated venue behind the port of a real one, for paper sessions and tests.

use std::sync::{Arc, Mutex, PoisonError};

use crossbeam_channel::Sender;
use tapedeck_kernel::venue::{SimVenue, TimedReport, VenueError};
use tapedeck_model::port::{LinkError, VenueLink};
use tapedeck_model::{Command, MarketRecord, RecordRef, Ts};

use crate::driver::LiveInput;

/// A [`SimVenue`] shared by the feed, which shows it market data, and the driver, which sends it
/// commands. Reports go into the feed's channel, as those of a real venue would.
#[derive(Clone)]
pub struct InProcessVenue {
    venue: Arc<Mutex<SimVenue>>,
    reports: Sender<LiveInput>,
}

impl InProcessVenue {
    /// Around a venue; its reports go to `reports`.
    pub fn new(venue: SimVenue, reports: Sender<LiveInput>) -> Self {
        Self { venue: Arc::new(Mutex::new(venue)), reports }
    }

    /// Shows a market record to the venue and then to us, in this order.
    ///
    /// # Errors
    /// [`LinkError`] if the venue refuses the record or the driver has gone.
    pub fn show(&self, at: RecordRef, record: &MarketRecord) -> Result<(), LinkError> {
        self.act(|venue, out| venue.on_record(at, record, out))?;
        self.tell(LiveInput::Market(at, *record))
    }

    fn act(
        &self,
        act: impl FnOnce(&mut SimVenue, &mut Vec<TimedReport>) -> Result<(), VenueError>,
    ) -> Result<(), LinkError> {
        let mut reports = Vec::new();
        // A panic elsewhere leaves the venue as it was between two calls: it may be used.
        let mut venue = self.venue.lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut venue, &mut reports).map_err(|error| LinkError { problem: error.to_string() })?;
        // Under the lock, so that reports go out in the order in which they came about.
        reports.into_iter().try_for_each(|timed| self.tell(LiveInput::Report(timed.report)))
    }

    fn tell(&self, input: LiveInput) -> Result<(), LinkError> {
        self.reports.send(input).map_err(|_| LinkError { problem: "the session has ended".to_owned() })
    }
}

impl VenueLink for InProcessVenue {
    fn send(&mut self, now: Ts, command: &Command) -> Result<(), LinkError> {
        self.act(|venue, out| venue.on_command(now, command, out))
    }
}
