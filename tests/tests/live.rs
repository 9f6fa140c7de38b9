//! The live seam: a tape played through the live driver, with an in-process venue and a clock that
//! the feed sets, is recorded; the recording, fed through the kernel again, issues the same commands
//! and gives the same fingerprint.

#![allow(clippy::expect_used, reason = "a test that cannot set its stage fails")]

use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use crossbeam_channel::unbounded;
use tapedeck_kernel::drive::{JournalSink, SimDriver};
use tapedeck_kernel::run::Core;
use tapedeck_kernel::spec::{CoreSpec, RunSpec};
use tapedeck_kernel::venue::SimVenue;
use tapedeck_live::{DurableLog, InProcessVenue, LiveDriver, LiveInput, LiveOutcome, WallClock, replay};
use tapedeck_model::port::{LinkError, VenueLink};
use tapedeck_model::{BookLaw, Chunk, Command, Event, InstrumentIx, RecordRef, SourceIx, Ts};
use tapedeck_tests::{assembled, decode};

const SCENARIO: &str = r#"
[scenario]
name = "live"
seed = 11
base_currency = "USD"
start = "2024-01-01"
end = "2024-01-01T08:00:00Z"

[[instrument]]
symbol = "BTCUSD"
venue = "SIM"
kind = "linear"
base = "BTC"
quote = "USD"
tick_size = "0.05"
lot_size = "0.01"

[[data]]
instrument = "BTCUSD"
kind = "trades"
[data.synthetic]
generator = "ticks"
start_price = "100"
gap = "5s"

[[venue]]
name = "SIM"
[venue.entry_latency]
model = "none"
[venue.cancel_latency]
model = "none"
[venue.report_latency]
model = "none"

[account]
kind = "netting"
deposits = { USD = "100000" }

[[strategy]]
type = "random"
rate = "0.3"

[[risk]]
rule = "max_open_orders"
limit = 10
"#;

/// A log in memory that several hold.
#[derive(Clone, Default)]
struct SharedLog {
    bytes: Arc<Mutex<Vec<u8>>>,
    synced: Arc<Mutex<usize>>,
}

impl DurableLog for SharedLog {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes.lock().expect("no writer panicked").extend_from_slice(bytes);
        Ok(())
    }
    fn sync(&mut self) -> io::Result<()> {
        *self.synced.lock().expect("no writer panicked") = self.bytes.lock().expect("no writer panicked").len();
        Ok(())
    }
}

/// A clock on the wall that the feed sets.
#[derive(Clone)]
struct FeedClock(Arc<AtomicI64>);

impl WallClock for FeedClock {
    fn now(&self) -> Ts {
        Ts::from_nanos(self.0.load(Ordering::SeqCst))
    }
}

/// The core of a scenario, and what else the scenario is made of.
fn core_of(spec: RunSpec, first_ts: Ts) -> (Core, RunSpec) {
    let core = Core::new(CoreSpec {
        seed: spec.seed,
        scenario_hash: spec.scenario_hash,
        currencies: spec.currencies.clone(),
        instruments: spec.instruments.clone(),
        base_currency: spec.base_currency,
        accounts: spec.accounts.clone(),
        margin: spec.margin.clone(),
        loans: spec.loans.clone(),
        strategies: spec.strategies,
        rules: spec.rules,
        source_names: spec.sources.iter().map(|slot| slot.name.clone()).collect(),
        fee_rate_max: vec![1_000_000_000; spec.instruments.len()],
        books: vec![BookLaw::default(); spec.instruments.len()],
        carries_transfers: false,
        start: spec.start,
        first_ts,
        equity_interval: spec.equity_interval,
    })
    .expect("a good scenario");
    (core, RunSpec { strategies: Vec::new(), rules: Vec::new(), ..assembled(SCENARIO, &[]) })
}

struct Session {
    outcome: LiveOutcome,
    inputs: Vec<u8>,
    unsynced: usize,
    journal: Vec<u8>,
}

const START: Ts = Ts::from_nanos(1_704_067_200_000_000_000);

fn live_session() -> Session {
    let (core, mut rest) = core_of(assembled(SCENARIO, &[]), START);
    let venue = SimVenue::new(rest.venues.pop().expect("a venue"), &rest.instruments).expect("a good venue");
    let mut source = rest.sources.pop().expect("a source").source;
    let (sender, feed) = unbounded();
    let venue = InProcessVenue::new(venue, sender.clone());
    let clock = FeedClock(Arc::new(AtomicI64::new(START.nanos())));
    let (inputs, journal) = (SharedLog::default(), SharedLog::default());
    let logs: (Box<dyn DurableLog>, Box<dyn DurableLog>) = (Box::new(inputs.clone()), Box::new(journal.clone()));
    let driver = LiveDriver::new(core, feed, Box::new(venue.clone()), Box::new(clock.clone()), logs);
    let session = std::thread::spawn(move || driver.run());

    let mut chunk = Chunk::new(InstrumentIx(0));
    let mut number = 0;
    while source.next_chunk(&mut chunk).expect("a good tape") {
        for row in 0..chunk.len() {
            let record = chunk.record(row);
            // As fast as the driver goes, but no faster: a market does not run away from us.
            while !sender.is_empty() {
                std::thread::yield_now();
            }
            clock.0.store(record.ts_recv().nanos(), Ordering::SeqCst);
            venue.show(RecordRef { source: SourceIx(0), number }, &record).expect("a session");
            number += 1;
        }
    }
    sender.send(LiveInput::Stop).expect("a session");
    let outcome = session.join().expect("no panic").expect("a good session");
    let take = |log: &SharedLog| log.bytes.lock().expect("no writer panicked").clone();
    let synced = *inputs.synced.lock().expect("no writer panicked");
    let inputs = take(&inputs);
    Session { outcome, unsynced: inputs.len() - synced, inputs, journal: take(&journal) }
}

#[test]
fn a_recorded_session_replays_to_the_same_commands_and_fingerprint() {
    let session = live_session();
    assert!(session.outcome.commands > 100, "too few commands to tell: {}", session.outcome.commands);
    assert_eq!(session.unsynced, 0, "the log of inputs is durable");
    let records = decode(&session.journal);
    assert!(records.iter().any(|record| matches!(record.event, Event::Filled { .. })));
    assert!(records.iter().any(|record| matches!(record.event, Event::TimerFired { .. })), "real timers went off");

    let (core, _) = core_of(assembled(SCENARIO, &[]), START);
    let again = replay(core, session.inputs.as_slice()).expect("a good recording");
    assert_eq!(again.recorded.len() as u64, session.outcome.commands);
    assert_eq!(again.recorded, again.replayed);
    assert_eq!(again.fingerprint, session.outcome.fingerprint);
}

/// A stop among inputs that were received together: what came after it changed the session, but no replay.
#[test]
fn what_is_received_after_the_stop_is_not_acted_on() {
    struct Nowhere;
    impl VenueLink for Nowhere {
        fn send(&mut self, _: Ts, _: &Command) -> Result<(), LinkError> {
            Ok(())
        }
    }
    let (core, mut rest) = core_of(assembled(SCENARIO, &[]), START);
    let mut source = rest.sources.pop().expect("a source").source;
    let mut chunk = Chunk::new(InstrumentIx(0));
    let (sender, feed) = unbounded();
    let mut number = 0;
    while number < 200 && source.next_chunk(&mut chunk).expect("a good tape") {
        for row in 0..chunk.len().min(200) {
            let at = RecordRef { source: SourceIx(0), number };
            sender.send(LiveInput::Market(at, chunk.record(row))).expect("a session");
            number += 1;
            if number == 100 {
                sender.send(LiveInput::Stop).expect("a session");
            }
        }
    }
    let clock = FeedClock(Arc::new(AtomicI64::new(START.nanos())));
    let (inputs, journal) = (SharedLog::default(), SharedLog::default());
    let logs: (Box<dyn DurableLog>, Box<dyn DurableLog>) = (Box::new(inputs.clone()), Box::new(journal));
    let outcome = LiveDriver::new(core, feed, Box::new(Nowhere), Box::new(clock), logs).run().expect("a good session");
    assert!(outcome.commands > 0);
    let (core, _) = core_of(assembled(SCENARIO, &[]), START);
    let log = inputs.bytes.lock().expect("no writer panicked").clone();
    let again = replay(core, log.as_slice()).expect("a good recording");
    assert_eq!(again.recorded.len() as u64, outcome.commands);
    assert_eq!((again.fingerprint, again.recorded.len()), (outcome.fingerprint, again.replayed.len()));
}

#[test]
fn a_recording_with_another_strategy_is_told_apart() {
    let session = live_session();
    let other = SCENARIO.replace("rate = \"0.3\"", "rate = \"0.2\"");
    let (core, _) = core_of(assembled(&other, &[]), START);
    match replay(core, session.inputs.as_slice()) {
        Ok(again) => assert_ne!(again.recorded, again.replayed),
        // Reports about orders that this strategy never sent.
        Err(error) => assert!(error.to_string().contains("not known"), "{error}"),
    }
}

/// Counts frames and keeps nothing.
struct Nothing;

impl JournalSink for Nothing {
    fn frame(&mut self, frame: tapedeck_journal::RawFrame) -> Option<tapedeck_journal::RawFrame> {
        Some(frame)
    }
}

#[test]
fn the_same_strategy_trades_in_simulated_time_too() {
    let driver = SimDriver::new(assembled(SCENARIO, &[])).expect("a good scenario");
    let summary = driver.run(&mut Nothing, &std::sync::atomic::AtomicBool::new(false)).expect("a good run");
    assert!(summary.counts.fills > 0);
}
