//! What the benchmarks share: tapes in memory and on disk, venues and runs built by hand.

#![allow(clippy::expect_used, reason = "a benchmark that cannot be set up has nothing better to do than end")]

pub mod parquet_tape;
pub mod peer_tape;

use std::process::Command;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tapedeck_journal::{RawFrame, Sealer};
use tapedeck_kernel::account::AccountKind;
use tapedeck_kernel::drive::{JournalSink, RunSummary, SimDriver};
use tapedeck_kernel::risk::RiskSlot;
use tapedeck_kernel::spec::{RunError, RunSpec, SourceSlot, StrategySlot, VenueAccount};
use tapedeck_kernel::venue::{
    LimitFill, MakerFill, OrderRules, PathModel, RecordKind, TokenSpec, VenueSpec, fee_components, latency_components,
    queue_components, slippage_components,
};
use tapedeck_model::port::{FeeModel, LatencyModel, LatencySetup, Leg, QueueModel, SlippageModel};
use tapedeck_model::{
    Amount, BookLaw, Chunk, Columns, Currency, CurrencyIx, DatedRules, Decimal, Draws, Instrument, InstrumentId,
    InstrumentIx, InstrumentKind, MarketRecord, ParamKind, ParamSpec, ParamValue, Params, PositionMode, Price, Qty,
    Source, SourceError, Span, Strategy, Ts,
};

/// The middle one of some figures; of an even number the upper one of the two.
///
/// # Panics
/// Without a figure.
pub fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Runs a program to its end; gives the seconds that it took and what it printed.
///
/// # Panics
/// If it does not end well.
pub fn finish(command: &mut Command) -> (f64, Vec<u8>) {
    let start = Instant::now();
    let output = command.output().expect("the program starts");
    let seconds = start.elapsed().as_secs_f64();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    (seconds, output.stdout)
}

/// Rows of a chunk, as files are decoded.
pub const CHUNK_ROWS: usize = 65_536;

/// The start of every tape here, nanoseconds: 2020-01-01T00:00:00Z.
pub const START: i64 = 1_577_836_800_000_000_000;

/// A tape in memory. A run takes its chunks, so that none pays for copying the data, and what it has read is kept
/// by the tape until the next run, so that none pays for freeing them.
pub struct MemoryTape {
    chunks: Vec<Chunk>,
    next: usize,
    spent: Arc<Mutex<Vec<Chunk>>>,
}

impl MemoryTape {
    /// Of these chunks.
    pub fn new(chunks: Vec<Chunk>) -> Self {
        Self { chunks, next: 0, spent: Arc::default() }
    }

    /// The whole tape, for one run; what the run before has read is freed.
    ///
    /// # Panics
    /// If a run has panicked.
    pub fn for_a_run(&self) -> Self {
        self.spent.lock().expect("no run has panicked").clear();
        Self { chunks: self.chunks.clone(), next: 0, spent: Arc::clone(&self.spent) }
    }

    /// Its records, in order.
    pub fn records(&self) -> Vec<MarketRecord> {
        self.chunks.iter().flat_map(|chunk| (0..chunk.len()).map(|row| chunk.record(row))).collect()
    }
}

impl Source for MemoryTape {
    fn next_chunk(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError> {
        let Some(next) = self.chunks.get_mut(self.next) else { return Ok(false) };
        self.next += 1;
        let next = std::mem::replace(next, Chunk::new(next.instrument));
        self.spent.lock().expect("no run has panicked").push(std::mem::replace(chunk, next));
        Ok(true)
    }

    fn content_hash(&self) -> [u8; 32] {
        [0; 32]
    }
}

/// A random walk of closes in cents, the same on every machine.
pub fn walk(rows: usize) -> Vec<i64> {
    endless_walk().take(rows).collect()
}

/// [`walk`] without an end.
pub fn endless_walk() -> impl Iterator<Item = i64> {
    let mut stream = Draws::new(1, "bench/walk").stream(0);
    let mut px = 2_000_000_i64;
    std::iter::repeat_with(move || {
        px = (px + stream.below(2001) as i64 - 1000).max(10_000);
        px
    })
}

/// Minute bars around a walk of closes.
pub fn bars(closes: &[i64]) -> MemoryTape {
    let minute = Span::MINUTE.nanos();
    let mut previous = closes.first().copied().unwrap_or(0);
    let mut first = 0;
    let chunks = closes.chunks(CHUNK_ROWS).map(|part| {
        let open: Vec<i64> = part.iter().map(|close| std::mem::replace(&mut previous, *close)).collect();
        let high = open.iter().zip(part).map(|(open, close)| open.max(close) + 300).collect();
        let low = open.iter().zip(part).map(|(open, close)| open.min(close) - 300).collect();
        let first_number = first as u64;
        let ts_event = (0..part.len()).map(|row| START + (first + row + 1) as i64 * minute).collect();
        first += part.len();
        Chunk {
            instrument: InstrumentIx(0),
            first_number,
            ts_event,
            ts_recv: Vec::new(),
            columns: Columns::Bars {
                interval: Span::MINUTE,
                open,
                high,
                low,
                close: part.to_vec(),
                volume: vec![100_000_000; part.len()],
            },
        }
    });
    MemoryTape::new(chunks.collect())
}

/// Trades along a walk of prices, a millisecond apart.
pub fn trades(prices: &[i64]) -> MemoryTape {
    let chunks = prices.chunks(CHUNK_ROWS).enumerate().map(|(nth, part)| {
        let first = nth * CHUNK_ROWS;
        Chunk {
            instrument: InstrumentIx(0),
            first_number: first as u64,
            ts_event: (0..part.len()).map(|row| START + (first + row) as i64 * 1_000_000).collect(),
            ts_recv: Vec::new(),
            columns: Columns::Trades {
                px: part.to_vec(),
                qty: vec![1_000; part.len()],
                aggressor: vec![1; part.len()],
            },
        }
    });
    MemoryTape::new(chunks.collect())
}

/// Quotes two cents wide around a walk of prices, a millisecond apart.
pub fn quotes(prices: &[i64]) -> MemoryTape {
    let chunks = prices.chunks(CHUNK_ROWS).enumerate().map(|(nth, part)| {
        let first = nth * CHUNK_ROWS;
        Chunk {
            instrument: InstrumentIx(0),
            first_number: first as u64,
            ts_event: (0..part.len()).map(|row| START + (first + row) as i64 * 1_000_000).collect(),
            ts_recv: Vec::new(),
            columns: Columns::Quotes {
                bid_px: part.iter().map(|px| px - 1).collect(),
                ask_px: part.iter().map(|px| px + 1).collect(),
                bid_qty: vec![1_000; part.len()],
                ask_qty: vec![1_000; part.len()],
            },
        }
    });
    MemoryTape::new(chunks.collect())
}

/// BTC against USD: cents and 1e-5.
pub fn instrument() -> Instrument {
    Instrument {
        ix: InstrumentIx(0),
        id: InstrumentId { venue: "SIM".to_owned(), symbol: "BTCUSD".to_owned() },
        kind: InstrumentKind::Spot,
        base: CurrencyIx(0),
        quote: CurrencyIx(1),
        settlement: CurrencyIx(1),
        price_scale: 2,
        qty_scale: 5,
        multiplier: 1,
        multiplier_scale: 0,
        rules: vec![DatedRules {
            from: Ts::MIN,
            tick_size: Price::from_raw(1),
            lot_size: Qty::from_raw(1),
            qty_min: Qty::from_raw(1),
            qty_max: Qty::from_raw(i64::MAX),
            notional_min: Amount::ZERO,
        }],
    }
}

/// The defaults of a component's parameters.
pub fn with_defaults(specs: &[ParamSpec]) -> Params {
    specs.iter().filter_map(|spec| Some((spec, spec.default?))).fold(Params::new(), |params, (spec, text)| {
        let value = match spec.kind {
            ParamKind::Int { .. } => ParamValue::Int(text.parse().expect("a whole number")),
            ParamKind::Decimal { .. } => ParamValue::Decimal(text.parse().expect("a decimal")),
            ParamKind::Bool => ParamValue::Bool(text == "true"),
            ParamKind::Span => ParamValue::Span(text.parse().expect("a span")),
            ParamKind::Time => ParamValue::Time(text.parse().expect("a time")),
            ParamKind::Text | ParamKind::Choice(_) => ParamValue::Text(text.to_owned()),
            ParamKind::Texts | ParamKind::DecimalList { .. } | ParamKind::Decimals | ParamKind::TextMap => {
                return params;
            }
        };
        params.with(spec.name, value)
    })
}

fn no_latency() -> Box<dyn LatencyModel> {
    let none = latency_components().iter().find(|c| c.name == "none").expect("there is a model of no latency");
    let setup = LatencySetup { draws: Draws::new(0, ""), leg: Leg::ToVenue, recorded: None };
    (none.build)(&with_defaults(none.params), setup).expect("its defaults are good")
}

fn no_slippage() -> Box<dyn SlippageModel> {
    let none = slippage_components().iter().find(|c| c.name == "none").expect("there is a model of no slippage");
    (none.build)(&with_defaults(none.params), Draws::new(0, "")).expect("its defaults are good")
}

fn risk_averse() -> Box<dyn QueueModel> {
    let model = queue_components().iter().find(|c| c.name == "risk_averse").expect("there is a risk-averse model");
    (model.build)(&with_defaults(model.params)).expect("its defaults are good")
}

fn fee(instrument: &Instrument) -> Box<dyn FeeModel> {
    let model = fee_components().iter().find(|c| c.name == "maker_taker").expect("there is a maker/taker model");
    let rate = ParamValue::Decimal(Decimal::new(1, 3));
    let params = with_defaults(model.params).with("maker", rate.clone()).with("taker", rate);
    (model.build)(&params, &[instrument]).expect("0.1 % fits")
}

/// A billion dollars.
pub fn deposits() -> Vec<(CurrencyIx, Amount)> {
    vec![(CurrencyIx(1), Amount::parse("1000000000").expect("it fits"))]
}

/// A venue without latency and slippage, with a fee of 0.1 % and a spot account of [`deposits`].
pub fn venue_spec(finest: RecordKind) -> VenueSpec {
    VenueSpec {
        name: "SIM".to_owned(),
        instruments: vec![InstrumentIx(0)],
        finest: vec![(InstrumentIx(0), finest)],
        path: PathModel::Adaptive,
        participation: None,
        limit_fill: LimitFill::Touch,
        queue_ahead: None,
        queue: risk_averse(),
        maker_fill: MakerFill::Partial,
        orders: OrderRules::default(),
        display_draws: Draws::new(0, ""),
        books: BookLaw::default(),
        entry_latency: no_latency(),
        cancel_latency: no_latency(),
        report_latency: no_latency(),
        slippage: no_slippage(),
        fees: fee(&instrument()),
        token: TokenSpec::default(),
        settlement_px: Vec::new(),
        funds: Some(deposits()),
        margin: None,
        position_mode: PositionMode::OneWay,
        loans: None,
        troubles: Vec::new(),
        price_band: None,
        age_limits: Vec::new(),
        funding_stress: None,
    }
}

/// A run of one strategy over one tape: no latency, no slippage, 0.1 % fee, a spot account.
pub fn run_spec(tape: MemoryTape, strategy: Box<dyn Strategy>, finest: RecordKind, rules: Vec<RiskSlot>) -> RunSpec {
    let code = |code| Currency::new(code).expect("a currency code");
    RunSpec {
        seed: 1,
        scenario_hash: [0; 32],
        base_currency: CurrencyIx(1),
        currencies: vec![code("BTC"), code("USD")],
        instruments: vec![instrument()],
        accounts: vec![VenueAccount {
            venue: "SIM".to_owned(),
            kind: AccountKind::Spot,
            position_mode: PositionMode::OneWay,
            deposits: deposits(),
        }],
        margin: Vec::new(),
        loans: Vec::new(),
        venues: vec![venue_spec(finest)],
        strategies: vec![StrategySlot { id: "bench".to_owned(), instruments: vec![InstrumentIx(0)], strategy }],
        rules,
        sources: vec![SourceSlot {
            name: "tape".to_owned(),
            instrument: InstrumentIx(0),
            feed_latency: None,
            is_heard: true,
            source: Box::new(tape),
        }],
        routes: Vec::new(),
        incidents: Vec::new(),
        expiries: Vec::new(),
        start: Ts::MIN,
        equity_interval: Span::HOUR,
    }
}

/// Seals what comes and keeps nothing: the whole cost of the chain, on the kernel's own thread.
pub struct SealingSink {
    sealer: Sealer,
}

impl Default for SealingSink {
    fn default() -> Self {
        Self { sealer: Sealer::new() }
    }
}

impl SealingSink {
    /// The fingerprint so far.
    pub fn fingerprint(&self) -> String {
        self.sealer.fingerprint().to_string()
    }
}

impl JournalSink for SealingSink {
    fn frame(&mut self, frame: RawFrame) -> Option<RawFrame> {
        self.sealer.link(&frame);
        Some(frame)
    }
}

/// Hands frames to a thread that seals them, as `sim run` does.
struct ForwardingSink {
    frames: SyncSender<RawFrame>,
    spent: Receiver<RawFrame>,
}

impl JournalSink for ForwardingSink {
    fn frame(&mut self, frame: RawFrame) -> Option<RawFrame> {
        self.frames.send(frame).expect("the sealing thread lives as long as the run");
        self.spent.try_recv().ok()
    }
}

/// Plays a run to its end on this thread and seals on another.
///
/// # Errors
/// Whatever ends the run early.
pub fn play_and_seal_elsewhere(spec: RunSpec) -> Result<RunSummary, RunError> {
    let (frames, full) = sync_channel::<RawFrame>(32);
    let (back, spent) = sync_channel(32);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut sink = SealingSink::default();
            for frame in full {
                // A full channel only means that the kernel has buffers enough.
                let _ = sink.frame(frame).map(|frame| back.try_send(frame));
            }
        });
        let mut sink = ForwardingSink { frames, spent };
        SimDriver::new(spec)?.run(&mut sink, &std::sync::atomic::AtomicBool::new(false))
    })
}

/// Plays a run to its end on this thread.
///
/// # Errors
/// Whatever ends the run early.
pub fn play(spec: RunSpec, sink: &mut SealingSink) -> Result<RunSummary, RunError> {
    SimDriver::new(spec)?.run(sink, &std::sync::atomic::AtomicBool::new(false))
}
