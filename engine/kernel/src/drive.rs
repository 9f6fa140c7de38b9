//! The driver of simulated time: sources and simulated venues around the [`Core`].
//!
//! Enters: a [`RunSpec`]. Leaves: journal frames and a summary. It owns virtual time: latency is a
//! later place in the merge, never a wait. Invariants: the venue sees a record at `ts_event`, we at
//! `ts_recv`; messages between a strategy and a venue do not overtake each other; at the end what is
//! under way to us still arrives, and no order leaves any more.

mod incidents;
mod redenomination;
mod transfers;

use std::sync::atomic::{AtomicBool, Ordering};

use tapedeck_journal::RawFrame;
use tapedeck_model::order::RejectReason;
use tapedeck_model::transfer::TransferAsk;
use tapedeck_model::{
    Amount, ClientOrderId, Command, Event, InstrumentIx, Levels, MarketRecord, OrderStatus, RecordRef, SourceError,
    SourceIx, Span, StrategyIx, Tick, Ts, VenueIx, VenueReport,
};

use crate::merge::{Cursor, Item, Key, Phase, Play, Queue, Sources};
use crate::run::{Core, Counts, TimerWish};
use crate::spec::{CoreSpec, RunError, RunSpec, SourceSlot};
use crate::venue::{SimVenue, TimedReport, Way, refused};
use incidents::Incidents;
use transfers::Routes;

/// Where journal frames go.
pub trait JournalSink {
    /// Takes a frame, in order; may give a spent one back for reuse.
    fn frame(&mut self, frame: RawFrame) -> Option<RawFrame>;
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSummary {
    /// Counts.
    pub counts: Counts,
    /// Market records played.
    pub records: u64,
    /// Bars whose outcome depended on the assumed path.
    pub ambiguous_bars: u64,
    /// Equity when it was first known.
    pub equity_first: Option<Amount>,
    /// Equity at the end.
    pub equity_last: Option<Amount>,
    /// Largest fall from a peak, as a fraction of the peak, over every mark.
    pub max_drawdown: f64,
    /// Fees by currency.
    pub fees: Vec<Amount>,
    /// Fees in the base currency, at the last known prices.
    pub fees_in_base: Option<Amount>,
    /// Whether a risk rule ended the run early.
    pub halted: bool,
    /// Content hash and number of records of each source, by position.
    pub sources: Vec<SourceEnd>,
    /// Time of the first and of the last input.
    pub span: (Ts, Ts),
}

/// What a source was, as known at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceEnd {
    /// Its name.
    pub name: String,
    /// How many records it gave.
    pub records: u64,
    /// BLAKE3 of its content.
    pub content_hash: [u8; 32],
    /// Defects dealt with.
    pub issues: tapedeck_model::port::DataIssues,
}

/// When the last message of each (venue, strategy) arrives. Every strategy has a session of its own,
/// so that no strategy's messages wait for another's.
struct Sessions {
    strategies: usize,
    last: Vec<Ts>,
}

impl Sessions {
    fn new(venues: usize, strategies: usize) -> Self {
        Self { strategies, last: vec![Ts::MIN; venues * strategies] }
    }

    /// When a message arrives that would by itself arrive at `ts`.
    fn in_order(&mut self, venue: u16, strategy: StrategyIx, ts: Ts) -> Ts {
        let last = &mut self.last[usize::from(venue) * self.strategies + strategy.usize()];
        *last = ts.max(*last);
        *last
    }

    /// The same for a message about the account itself: it is on every session of its venue, so that it
    /// arrives after all that was said before it and before all that is said after it.
    fn in_order_with_all(&mut self, venue: u16, ts: Ts) -> Ts {
        let first = usize::from(venue) * self.strategies;
        let sessions = &mut self.last[first..first + self.strategies];
        let arrival = sessions.iter().copied().fold(ts, Ts::max);
        sessions.fill(arrival);
        arrival
    }
}

/// A backtest, ready to go.
pub struct SimDriver {
    core: Core,
    venues: Vec<SimVenue>,
    /// Position of each instrument's venue.
    venue_of: Vec<u16>,
    /// When the last message of each session arrives: what a strategy says to a venue, and what the
    /// venue says to it, does not overtake itself.
    command_last: Sessions,
    report_last: Sessions,
    sources: Sources,
    names: Vec<String>,
    queue: Queue,
    reports: Vec<TimedReport>,
    commands: Vec<Command>,
    timers: Vec<TimerWish>,
    transfers: Vec<TransferAsk>,
    routes: Routes,
    incidents: Incidents,
    now: Ts,
    first_ts: Ts,
    records: u64,
}

impl SimDriver {
    /// Puts the parts together and reads the first piece of every source.
    ///
    /// # Errors
    /// [`RunError`]: bad data, parts that do not fit.
    pub fn new(mut spec: RunSpec) -> Result<Self, RunError> {
        let targets = incidents::foresee(&mut spec)?;
        let venue_of = venues_by_instrument(&spec)?;
        let venues = spec
            .venues
            .into_iter()
            .map(|venue| SimVenue::new(venue, &spec.instruments))
            .collect::<Result<Vec<_>, _>>()?;
        let books = venue_of.iter().zip(0..).map(|(venue, ix)| venues[usize::from(*venue)].book_law(InstrumentIx(ix)));
        let books = books.collect();
        let fee_rate_max = venue_of.iter().map(|ix| venues[usize::from(*ix)].fee_rate_max()).collect();
        let names: Vec<String> = spec.sources.iter().map(|slot| slot.name.clone()).collect();
        let cursors = spec
            .sources
            .into_iter()
            .enumerate()
            .map(|(ix, slot)| cursor(SourceIx(ix as u16), slot))
            .collect::<Result<Vec<_>, _>>()?;
        let sources = Sources::new(cursors);
        let first_ts = sources.peek().ok_or_else(|| RunError::Spec {
            problem: "there is no market record to play between `start` and `end`".to_owned(),
        })?;
        let mut queue = Queue::default();
        for (instrument, at) in spec.expiries {
            let venue = venue_of.get(instrument.usize()).copied().unwrap_or_default();
            // Before any command of that instant: none was pushed earlier.
            queue.push(at, Phase::Command, venue, Item::Expiry(instrument));
        }
        let strategies = spec.strategies.len();
        let core = Core::new(CoreSpec {
            seed: spec.seed,
            scenario_hash: spec.scenario_hash,
            currencies: spec.currencies,
            instruments: spec.instruments,
            base_currency: spec.base_currency,
            accounts: spec.accounts,
            margin: spec.margin,
            loans: spec.loans,
            strategies: spec.strategies,
            rules: spec.rules,
            source_names: names.clone(),
            fee_rate_max,
            books,
            carries_transfers: true,
            start: spec.start,
            first_ts,
            equity_interval: spec.equity_interval,
        })?;
        let incidents = Incidents::schedule(spec.incidents, targets, (venues.len(), first_ts), &mut queue);
        Ok(Self {
            command_last: Sessions::new(venues.len(), strategies),
            report_last: Sessions::new(venues.len(), strategies),
            core,
            venues,
            venue_of,
            sources,
            names,
            queue,
            incidents,
            reports: Vec::new(),
            commands: Vec::new(),
            timers: Vec::new(),
            transfers: Vec::new(),
            routes: Routes::new(spec.routes),
            now: first_ts,
            first_ts,
            records: 0,
        })
    }

    /// Plays every record and ends the run. `stop` is looked at often enough for Ctrl-C.
    ///
    /// # Errors
    /// [`RunError`]; the journal is then unfinished.
    pub fn run(mut self, sink: &mut dyn JournalSink, stop: &AtomicBool) -> Result<RunSummary, RunError> {
        self.play(sink, stop)?;
        self.finish(sink)
    }

    /// The machine, for inspection.
    pub const fn core(&self) -> &Core {
        &self.core
    }

    /// The venues, for inspection.
    pub fn venues(&self) -> &[SimVenue] {
        &self.venues
    }

    /// Plays every record, or as many as a risk rule lets happen. Once.
    ///
    /// # Errors
    /// [`RunError`]; the journal is then unfinished.
    pub fn play(&mut self, sink: &mut dyn JournalSink, stop: &AtomicBool) -> Result<(), RunError> {
        self.begin()?;
        loop {
            // At every turn: one turn may play a whole chunk.
            if stop.load(Ordering::Relaxed) {
                return Err(RunError::Stopped);
            }
            if !self.turn(sink)? {
                return Ok(());
            }
        }
    }

    /// Starts the strategies. Once, before the first [`SimDriver::turn`].
    ///
    /// # Errors
    /// [`RunError`]; the journal is then unfinished.
    pub fn begin(&mut self) -> Result<(), RunError> {
        self.core.begin_run()?;
        self.dispatch();
        Ok(())
    }

    /// One turn of [`SimDriver::play`], for those who want to look at the machine in between: what is
    /// next in time, or records up to where something comes in between. Whether anything was left to
    /// play.
    ///
    /// # Errors
    /// [`RunError`]; the journal is then unfinished.
    #[inline]
    pub fn turn(&mut self, sink: &mut dyn JournalSink) -> Result<bool, RunError> {
        if self.core.wants_stop() {
            return Ok(false);
        }
        let Some(ts) = self.sources.peek() else { return Ok(false) };
        match self.next_key() {
            Some(key) if key.ts < ts => self.take_next(ts)?,
            next => {
                let next = next.map_or(Ts::MAX, |key| key.ts);
                if !self.play_straight(ts, next)? {
                    self.see_from(ts, next)?;
                }
            }
        }
        while let Some(frame) = self.core.take_frame() {
            if let Some(spent) = sink.frame(frame) {
                self.core.recycle(spent);
            }
        }
        Ok(true)
    }

    /// The way of almost every record of a run: nothing else happens at its time, so the venue sees it
    /// and we receive it with nothing in between. Goes on until something comes in between; whether
    /// any record was played.
    #[inline]
    fn play_straight(&mut self, ts: Ts, next: Ts) -> Result<bool, RunError> {
        if self.incidents.is_any_down {
            return Ok(false);
        }
        let Some((at, others)) = self.sources.leader(ts) else { return Ok(false) };
        let until = others.min(next);
        let Self { sources, venues, venue_of, core, reports, now, .. } = self;
        core.calm();
        let Some((RecordRef { source, .. }, record)) = sources.next_of(at) else { return Ok(false) };
        let venue = venue_of[record.instrument().usize()];
        let desk = &mut venues[usize::from(venue)];
        if desk.is_quiet_for(&record) {
            let played = sources.take_while_straight(at, until, &mut Receiving { core, now })?;
            if let Some((place, last)) = sources.last_of(at).filter(|_| played > 0) {
                desk.on_quiet_records(played, place, &last);
            }
            self.records += played;
            self.dispatch();
            return Ok(played > 0);
        }
        let mut watched = Watched { core, venue: desk, reports, now, source, answered: None };
        let played = sources.take_while_straight(at, until, &mut watched)?;
        let answered = watched.answered;
        self.records += played;
        if let Some((place, record)) = answered {
            self.schedule_reports(venue);
            self.receive_in_turn(at, place, &record)?;
        } else {
            self.dispatch();
        }
        Ok(played > 0)
    }

    /// The phase of receiving for a record of a cursor that is received as it happens: what comes before it, such as
    /// what the venue has just said of it, then the record.
    fn receive_in_turn(&mut self, at: usize, place: RecordRef, record: &MarketRecord) -> Result<(), RunError> {
        let key = Key::of_market(record.ts_recv(), place);
        while !self.core.wants_stop() && self.queue.peek().is_some_and(|next| next < key) {
            self.take_queued()?;
        }
        if self.core.wants_stop() {
            self.sources.hold_last(at);
            return Ok(());
        }
        self.now = key.ts;
        self.core.on_market(key.ts, record)?;
        self.dispatch();
        Ok(())
    }

    /// Phase 0 from `ts` on: the venues see every record of a time, then all else of that time happens.
    /// `next` is when anything else happens next.
    #[inline]
    fn see_from(&mut self, ts: Ts, next: Ts) -> Result<(), RunError> {
        let (mut ts, mut last) = (ts, next);
        while let Some((at, others)) = self.sources.leader(ts) {
            let Cursor { source, instrument, .. } = self.sources.cursors()[at];
            let venue = self.venue_of[instrument.usize()];
            let Self { sources, venues, reports, now, .. } = self;
            let mut seeing = Seeing { venue: &mut venues[usize::from(venue)], reports, now, source };
            self.records += sources.see(at, others, last, &mut seeing)?;
            if !self.reports.is_empty() {
                self.schedule_reports(venue);
            }
            // Only what happened at the same time may still come before all else.
            (ts, last) = (self.now, self.now);
        }
        self.take_all_to(ts)
    }

    /// All that happens up to `ts`, but for what venues see.
    fn take_all_to(&mut self, ts: Ts) -> Result<(), RunError> {
        let until = ts.saturating_add(Span::from_nanos(1));
        while self.next_key().is_some_and(|key| key.ts <= ts) && !self.core.wants_stop() {
            self.take_next(until)?;
        }
        Ok(())
    }

    /// The place of what happens next, but for what venues see.
    #[inline]
    fn next_key(&self) -> Option<Key> {
        match (self.queue.peek(), self.sources.peek_received()) {
            (Some(queued), Some(record)) => Some(queued.min(record)),
            (queued, record) => queued.or(record),
        }
    }

    /// What happens next, but for what venues see; of market records all before `until` between which
    /// nothing else happens.
    fn take_next(&mut self, until: Ts) -> Result<(), RunError> {
        let queued = self.queue.peek();
        match self.sources.peek_received() {
            Some(record) if queued.is_none_or(|queued| record < queued) => {
                self.core.calm();
                let until = queued.map_or(until, |queued| queued.ts.min(until));
                self.receive(until)?;
            }
            _ => return self.take_queued(),
        }
        self.dispatch();
        Ok(())
    }

    /// We receive what is next under way, and what follows it before `until`.
    fn receive(&mut self, until: Ts) -> Result<(), RunError> {
        if self.incidents.is_any_down {
            return self.receive_some(until);
        }
        let Self { sources, core, now, .. } = self;
        sources.receive(until, &mut Receiving { core, now })
    }

    fn take_queued(&mut self) -> Result<(), RunError> {
        let Some((Key { ts, source, .. }, item)) = self.queue.pop() else { return Ok(()) };
        self.now = ts;
        match item {
            Item::Command(command) => {
                self.venues[usize::from(source)].on_command(ts, command, &mut self.reports)?;
                self.schedule_reports(source);
            }
            Item::Expiry(instrument) => {
                self.venues[usize::from(source)].on_expiry(ts, *instrument, &mut self.reports)?;
                self.schedule_reports(source);
            }
            Item::Report(report) => self.core.on_report(ts, VenueIx(source), report)?,
            Item::Timer(strategy, timer) => self.core.on_timer(ts, *strategy, *timer)?,
            Item::Depart(ask) => {
                let ask = *ask;
                self.depart(ts, &ask)?;
            }
            Item::Arrive(under_way) => {
                let under_way = *under_way;
                self.arrive(ts, &under_way)?;
            }
            Item::Begin(number) => {
                let number = *number;
                self.begin_incident(ts, number)?;
            }
            Item::End(number) => {
                let number = *number;
                self.end_incident(ts, number);
            }
            Item::Learn(number) => {
                let number = *number;
                self.learn(ts, source, number)?;
            }
        }
        self.dispatch();
        Ok(())
    }

    /// Sends what the core wants sent and sets its timers, if there is any of that.
    #[inline]
    fn dispatch(&mut self) {
        if self.core.has_output() {
            self.send();
        }
    }

    fn send(&mut self) {
        self.core.take_commands(&mut self.commands);
        for command in self.commands.drain(..) {
            let instrument = match &command {
                Command::Submit { request, .. } => request.instrument,
                Command::CancelAll { instrument, .. } => instrument.unwrap_or(InstrumentIx(0)),
                Command::Amend { client_order_id, .. } | Command::Cancel { client_order_id } => {
                    // An order of which a change is sent is open, so it is known.
                    self.core.oms().order(*client_order_id).map_or(InstrumentIx(0), |order| order.request.instrument)
                }
            };
            let venue = self.venue_of[instrument.usize()];
            let at_venue = &mut self.venues[usize::from(venue)];
            if at_venue.is_cut_off(self.now) {
                // Our own side says so, as long after as an answer takes.
                let reason = RejectReason::NotConnected;
                let answer = ClientOrderId { strategy: command.strategy(), number: 0 };
                let answer = VenueReport::CancelRejected { client_order_id: answer, reason };
                let delay = at_venue.report_delay_ns(self.now, &answer);
                let told = self.now.saturating_add(Span::from_nanos(delay));
                tell_refused(&self.core, &mut self.queue, (venue, told), (&command, reason));
                continue;
            }
            let delay = match at_venue.way_of(self.now, &command) {
                Way::ArrivesAfter(delay) => delay,
                Way::RefusedAfter(delay) => {
                    let told = at_venue.delivered(self.now.saturating_add(Span::from_nanos(delay)));
                    let told = self.report_last.in_order(venue, command.strategy(), told);
                    let reason = RejectReason::VenueBusy;
                    tell_refused(&self.core, &mut self.queue, (venue, told), (&command, reason));
                    continue;
                }
            };
            let sent = self.now.saturating_add(Span::from_nanos(delay));
            let arrival = self.command_last.in_order(venue, command.strategy(), sent);
            self.queue.push(arrival, Phase::Command, venue, Item::Command(command));
        }
        self.core.take_timers(&mut self.timers);
        for TimerWish { at, strategy, timer } in self.timers.drain(..) {
            self.queue.push(at, Phase::Timer, strategy.0, Item::Timer(strategy, timer));
        }
        self.send_transfers();
    }

    /// Sends the reports that wait on their way to us.
    fn schedule_reports(&mut self, venue: u16) {
        let ix = usize::from(venue);
        for TimedReport { report, .. } in self.reports.drain(..) {
            let delay = self.venues[ix].report_delay_ns(self.now, &report);
            let sent = self.venues[ix].delivered(self.now.saturating_add(Span::from_nanos(delay)));
            let arrival = match report.strategy() {
                Some(strategy) => self.report_last.in_order(venue, strategy, sent),
                None => self.report_last.in_order_with_all(venue, sent),
            };
            self.queue.push(arrival, Phase::Report, venue, Item::Report(report));
        }
    }

    /// What is on its way to us arrives; commands and timers under way do not matter any more.
    fn drain(&mut self) -> Result<(), RunError> {
        self.core.close_gate();
        // Incidents that are over, as long as nothing comes after them that is under way to us.
        let mut over: Vec<(Ts, u16)> = Vec::new();
        while let Some(key) = self.next_key() {
            let is_record = self.sources.peek_received() == Some(key);
            let item = match self.queue.peek().filter(|_| !is_record).and_then(|_| self.queue.pop()) {
                None => None,
                Some((Key { source, .. }, item @ (Item::Report(_) | Item::Learn(_)))) => Some((source, *item)),
                Some((Key { ts, .. }, Item::End(number))) => {
                    over.push((ts, *number));
                    continue;
                }
                Some((Key { ts, .. }, Item::Depart(ask))) => {
                    let ask = *ask;
                    self.depart(ts, &ask)?;
                    continue;
                }
                // What is under way between venues stays so.
                Some((_, Item::Command(_) | Item::Timer(..) | Item::Begin(_) | Item::Expiry(_) | Item::Arrive(_))) => {
                    continue;
                }
            };
            for (ts, number) in over.drain(..) {
                self.end_incident(ts, number);
            }
            match item {
                Some((venue, Item::Report(report))) => {
                    self.core.on_report(key.ts, VenueIx(venue), &report)?;
                    self.now = key.ts;
                }
                Some((venue, Item::Learn(number))) => {
                    self.learn(key.ts, venue, number)?;
                    self.now = key.ts;
                }
                _ => self.receive(key.ts)?,
            }
            self.core.take_commands(&mut self.commands);
            self.core.take_timers(&mut self.timers);
            assert!(self.commands.is_empty(), "no order leaves after the gate is closed");
            self.timers.clear();
        }
        Ok(())
    }

    /// Ends the run: what is under way to us arrives, the last records and frames are written. Once,
    /// after [`SimDriver::play`].
    ///
    /// # Errors
    /// [`RunError`]; the journal is then unfinished.
    pub fn finish(&mut self, sink: &mut dyn JournalSink) -> Result<RunSummary, RunError> {
        let halted = self.core.wants_stop();
        self.drain()?;
        let sources: Vec<SourceEnd> = self
            .sources
            .cursors()
            .iter()
            .zip(&self.names)
            .map(|(cursor, name)| SourceEnd {
                name: name.clone(),
                records: cursor.records,
                content_hash: cursor.source().content_hash(),
                issues: cursor.source().issues(),
            })
            .collect();
        let mut notes = notes_of(&sources);
        let blocked = self.venues.iter().flat_map(SimVenue::blocked_fills);
        notes.extend(blocked.map(|(instrument, count)| Event::FillsBlocked { instrument, count }));
        let ambiguous_bars = self.venues.iter().map(SimVenue::ambiguous_bars).sum();
        self.core.end_run(&notes, ambiguous_bars)?;
        while let Some(frame) = self.core.take_frame() {
            sink.frame(frame);
        }
        sink.frame(self.core.last_frame());
        Ok(RunSummary {
            counts: self.core.counts(),
            records: self.records,
            ambiguous_bars,
            equity_first: self.core.equity_first(),
            equity_last: self.core.equity(),
            max_drawdown: self.core.max_drawdown(),
            fees: self.core.fees().to_vec(),
            fees_in_base: self.core.fees_in_base(),
            halted,
            sources,
            span: (self.first_ts, self.now),
        })
    }
}

/// The place at the beginning of a source.
fn cursor(ix: SourceIx, slot: SourceSlot) -> Result<Cursor, SourceError> {
    let cursor = Cursor::new(ix, slot.instrument, slot.source, slot.feed_latency)?;
    Ok(if slot.is_heard { cursor } else { cursor.unheard() })
}

/// We hear at `told` that a command went no further; of a cancel of all, for each order that waits for one.
#[cold]
fn tell_refused(core: &Core, queue: &mut Queue, (venue, told): (u16, Ts), (command, reason): (&Command, RejectReason)) {
    if let Command::CancelAll { strategy, instrument } = command {
        core.oms().each_open(*strategy, &mut |order| {
            let concerned = instrument.is_none_or(|only| only == order.request.instrument);
            if concerned && order.status == OrderStatus::PendingCancel {
                let report = VenueReport::CancelRejected { client_order_id: order.client_order_id, reason };
                queue.push(told, Phase::Report, venue, Item::Report(report));
            }
        });
    }
    if let Some(report) = refused(command, reason) {
        queue.push(told, Phase::Report, venue, Item::Report(report));
    }
}

/// Records that the venue sees one by one.
struct Watched<'a> {
    core: &'a mut Core,
    venue: &'a mut SimVenue,
    reports: &'a mut Vec<TimedReport>,
    now: &'a mut Ts,
    source: SourceIx,
    /// The record that the venue answered: its reports may be due before we receive the record.
    answered: Option<(RecordRef, MarketRecord)>,
}

impl Play for Watched<'_> {
    type Error = RunError;

    #[inline]
    fn play<T: Tick>(&mut self, number: u64, tick: &T) -> Result<bool, RunError> {
        *self.now = tick.ts_recv();
        let (place, record) = (RecordRef { source: self.source, number }, tick.record());
        self.venue.on_record(place, &record, self.reports)?;
        if self.reports.is_empty() {
            self.core.on_market(tick.ts_recv(), &record)?;
            return Ok(!self.core.is_stirred());
        }
        self.answered = Some((place, record));
        Ok(false)
    }
}

/// Records that the venue sees before we receive them.
struct Seeing<'a> {
    venue: &'a mut SimVenue,
    reports: &'a mut Vec<TimedReport>,
    now: &'a mut Ts,
    source: SourceIx,
}

impl Play for Seeing<'_> {
    type Error = RunError;

    #[inline]
    fn play<T: Tick>(&mut self, number: u64, tick: &T) -> Result<bool, RunError> {
        *self.now = tick.ts_event();
        self.venue.on_record(RecordRef { source: self.source, number }, &tick.record(), self.reports)?;
        Ok(self.reports.is_empty())
    }

    #[inline]
    fn play_levels(&mut self, number: u64, levels: &Levels<'_>) -> Result<bool, RunError> {
        *self.now = levels.ts_event;
        Ok(self.venue.on_levels(RecordRef { source: self.source, number }, levels))
    }
}

/// Records that we receive, the venue being through with them.
struct Receiving<'a> {
    core: &'a mut Core,
    now: &'a mut Ts,
}

impl Play for Receiving<'_> {
    type Error = RunError;

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the way of every record: its fields stay in registers")]
    fn play<T: Tick>(&mut self, _: u64, tick: &T) -> Result<bool, RunError> {
        *self.now = tick.ts_recv();
        self.core.on_tick(tick.ts_recv(), tick)?;
        Ok(!self.core.is_stirred())
    }

    #[inline]
    fn play_levels(&mut self, _: u64, levels: &Levels<'_>) -> Result<bool, RunError> {
        *self.now = levels.ts_recv;
        self.core.on_levels(levels);
        Ok(true)
    }
}

/// The position of each instrument's venue.
fn venues_by_instrument(spec: &RunSpec) -> Result<Vec<u16>, RunError> {
    let mut venue_of = vec![None; spec.instruments.len()];
    for (ix, venue) in spec.venues.iter().enumerate() {
        for instrument in &venue.instruments {
            let place = venue_of.get_mut(instrument.usize());
            match place {
                Some(place @ None) => *place = Some(ix as u16),
                Some(Some(_)) | None => {
                    let problem = format!("venue {} lists an unknown or foreign instrument", venue.name);
                    return Err(RunError::Spec { problem });
                }
            }
        }
    }
    venue_of
        .into_iter()
        .collect::<Option<Vec<u16>>>()
        .ok_or_else(|| RunError::Spec { problem: "every instrument needs a venue".to_owned() })
}

/// What the journal says of the sources at the end.
fn notes_of(sources: &[SourceEnd]) -> Vec<Event> {
    let mut notes = Vec::new();
    for (ix, end) in sources.iter().enumerate() {
        let source = SourceIx(ix as u16);
        for (issue, count) in end.issues.iter().filter(|(_, count)| *count > 0) {
            notes.push(Event::DataIssues { source, issue: *issue, count: *count });
        }
        notes.push(Event::SourceEnded { source, records: end.records, content_hash: end.content_hash });
    }
    notes
}
