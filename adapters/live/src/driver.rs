//! One thread that owns the kernel: waits for inputs and timers, logs, steps, sends.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use tapedeck_journal::{Fingerprint, InputEncoder, InputRecord, RawFrame, Sealer};
use tapedeck_kernel::run::{Core, TimerWish};
use tapedeck_model::port::VenueLink;
use tapedeck_model::{Command, MarketRecord, RecordRef, StrategyIx, Ts, VenueIx, VenueReport};

use crate::LiveError;
use crate::log::DurableLog;

/// How many inputs are logged with one sync when they arrive faster than the disk syncs.
const BATCH_MAX: usize = 256;

/// Something that an adapter received.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LiveInput {
    /// A market record; its `ts_recv` is set by the driver.
    Market(RecordRef, MarketRecord),
    /// A venue report.
    Report(VenueReport),
    /// The session is to end.
    Stop,
}

/// The clock on the wall.
pub trait WallClock: Send {
    /// The time now.
    fn now(&self) -> Ts;
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl WallClock for SystemClock {
    fn now(&self) -> Ts {
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        Ts::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
    }
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveOutcome {
    /// Fingerprint of the journal.
    pub fingerprint: Fingerprint,
    /// Inputs taken.
    pub inputs: u64,
    /// Commands sent.
    pub commands: u64,
}

/// The session's only venue: reports and commands bear its place in the log.
const VENUE: u16 = 0;

/// The live driver. See the crate's head for its invariants. A session has one venue.
pub struct LiveDriver {
    core: Core,
    feed: Receiver<LiveInput>,
    link: Box<dyn VenueLink>,
    clock: Box<dyn WallClock>,
    inputs: Recorder,
    journal: Box<dyn DurableLog>,
    sealer: Sealer,
    timers: BinaryHeap<Reverse<(Ts, u64, StrategyIx, u64)>>,
    timers_set: u64,
    /// Wall clocks step back at times; the kernel's time does not.
    now: Ts,
    input: u64,
    commands: u64,
}

/// The log of inputs: what is staged becomes durable with the next [`Recorder::commit`].
struct Recorder {
    encoder: InputEncoder,
    sealer: Sealer,
    log: Box<dyn DurableLog>,
    buffer: Vec<u8>,
}

impl Recorder {
    fn write(&mut self, frame: RawFrame) -> Result<(), LiveError> {
        self.buffer.clear();
        self.sealer.seal(&frame, &mut self.buffer);
        self.encoder.recycle(frame);
        let log = "log of inputs";
        self.log.append(&self.buffer).map_err(|source| LiveError::Log { log, source })?;
        self.log.sync().map_err(|source| LiveError::Log { log, source })
    }

    fn commit(&mut self) -> Result<(), LiveError> {
        self.encoder.flush().map_or(Ok(()), |frame| self.write(frame))
    }
}

impl LiveDriver {
    /// Around a machine at rest. `inputs` gets the log of inputs, `journal` the journal.
    pub fn new(
        core: Core,
        feed: Receiver<LiveInput>,
        link: Box<dyn VenueLink>,
        clock: Box<dyn WallClock>,
        (inputs, journal): (Box<dyn DurableLog>, Box<dyn DurableLog>),
    ) -> Self {
        let inputs =
            Recorder { encoder: InputEncoder::new(), sealer: Sealer::for_inputs(), log: inputs, buffer: Vec::new() };
        Self {
            core,
            feed,
            link,
            clock,
            inputs,
            journal,
            sealer: Sealer::new(),
            timers: BinaryHeap::new(),
            timers_set: 0,
            now: Ts::MIN,
            input: 0,
            commands: 0,
        }
    }

    /// Runs until [`LiveInput::Stop`], or until a risk rule ends the run.
    ///
    /// # Errors
    /// [`LiveError`]; what was logged until then is durable.
    pub fn run(mut self) -> Result<LiveOutcome, LiveError> {
        self.core.begin_run()?;
        self.send()?;
        let mut batch = Vec::with_capacity(BATCH_MAX);
        loop {
            self.collect(&mut batch)?;
            for (ts, record) in &batch {
                self.input += 1;
                self.inputs.encoder.append(self.input, *ts, record);
            }
            self.inputs.commit()?;
            let mut stop = false;
            for (ts, record) in batch.drain(..) {
                stop |= step(&mut self.core, ts, &record)?;
                self.send()?;
                self.write_journal()?;
                // What was received after the stop is on record, but a replay ends with the stop.
                if stop || self.core.wants_stop() {
                    stop = true;
                    break;
                }
            }
            if stop {
                return self.finish();
            }
        }
    }

    /// Waits for the next input or timer, then takes what else is there already.
    fn collect(&mut self, batch: &mut Vec<(Ts, InputRecord)>) -> Result<(), LiveError> {
        let next_timer = self.timers.peek().map(|Reverse((at, ..))| *at);
        let received = match next_timer {
            None => self.feed.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(at) => {
                let wait = at.saturating_since(self.clock.now()).nanos().max(0);
                self.feed.recv_timeout(Duration::from_nanos(wait.unsigned_abs()))
            }
        };
        self.now = self.now.max(self.clock.now());
        // Timers that are due come first: their time lies before that of what was just received.
        while let Some(Reverse((at, _, strategy, timer))) = self.timers.peek().copied() {
            if at > self.now || batch.len() >= BATCH_MAX {
                break;
            }
            self.timers.pop();
            batch.push((self.now, InputRecord::Timer { strategy, timer }));
        }
        match received {
            Ok(input) => batch.push((self.now, self.stamp(input))),
            Err(RecvTimeoutError::Timeout) => return Ok(()),
            Err(RecvTimeoutError::Disconnected) => return Err(LiveError::FeedLost),
        }
        while batch.len() < BATCH_MAX {
            let Ok(input) = self.feed.try_recv() else { break };
            self.now = self.now.max(self.clock.now());
            batch.push((self.now, self.stamp(input)));
        }
        Ok(())
    }

    fn stamp(&self, input: LiveInput) -> InputRecord {
        match input {
            LiveInput::Market(at, mut record) => {
                match &mut record {
                    MarketRecord::Bar(bar) => bar.ts_recv = self.now,
                    MarketRecord::Trade(trade) => trade.ts_recv = self.now,
                    MarketRecord::Quote(quote) => quote.ts_recv = self.now,
                    MarketRecord::Depth(row) => row.ts_recv = self.now,
                    MarketRecord::Mark(mark) => mark.ts_recv = self.now,
                    MarketRecord::Funding(funding) => funding.ts_recv = self.now,
                    MarketRecord::Mbo(row) => row.ts_recv = self.now,
                }
                InputRecord::Market { at, record }
            }
            LiveInput::Report(report) => InputRecord::Report { venue: VENUE, report },
            LiveInput::Stop => InputRecord::Stop,
        }
    }

    /// Logs the commands that the core wants sent, then sends them; sets its timers.
    fn send(&mut self) -> Result<(), LiveError> {
        if !self.core.has_output() {
            return Ok(());
        }
        let mut commands: Vec<Command> = Vec::new();
        self.core.take_commands(&mut commands);
        for command in &commands {
            self.inputs.encoder.append(self.input, self.now, &InputRecord::Command { venue: VENUE, command: *command });
        }
        self.inputs.commit()?;
        for command in &commands {
            self.link.send(self.now, command)?;
            self.commands += 1;
        }
        let mut timers: Vec<TimerWish> = Vec::new();
        self.core.take_timers(&mut timers);
        for TimerWish { at, strategy, timer } in timers {
            self.timers_set += 1;
            self.timers.push(Reverse((at, self.timers_set, strategy, timer)));
        }
        Ok(())
    }

    fn write_journal(&mut self) -> Result<(), LiveError> {
        while let Some(frame) = self.core.take_frame() {
            self.write_frame(&frame)?;
            self.core.recycle(frame);
        }
        Ok(())
    }

    fn write_frame(&mut self, frame: &RawFrame) -> Result<(), LiveError> {
        let mut bytes = Vec::new();
        self.sealer.seal(frame, &mut bytes);
        self.journal.append(&bytes).map_err(|source| LiveError::Log { log: "journal", source })
    }

    fn finish(mut self) -> Result<LiveOutcome, LiveError> {
        self.core.end_run(&[], 0)?;
        self.write_journal()?;
        let last = self.core.last_frame();
        self.write_frame(&last)?;
        self.journal.sync().map_err(|source| LiveError::Log { log: "journal", source })?;
        let end = self.inputs.encoder.finish();
        self.inputs.write(end)?;
        let (fingerprint, inputs, commands) = (self.sealer.fingerprint(), self.input, self.commands);
        Ok(LiveOutcome { fingerprint, inputs, commands })
    }
}

/// One input through the kernel; whether it was the stop.
pub(crate) fn step(core: &mut Core, ts: Ts, record: &InputRecord) -> Result<bool, LiveError> {
    match record {
        InputRecord::Market { record, .. } => core.on_market(ts, record)?,
        InputRecord::Report { venue, report } => core.on_report(ts, VenueIx(*venue), report)?,
        InputRecord::Timer { strategy, timer } => core.on_timer(ts, *strategy, *timer)?,
        InputRecord::Command { .. } => {}
        InputRecord::Stop => return Ok(true),
    }
    Ok(false)
}
