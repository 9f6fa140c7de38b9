//! The hot paths of the engine, each alone: merge, venue, order management, journal, account.
//!
//! Every bench asserts once, before it is timed, that it does the work that its name says.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a benchmark that cannot go on has nothing better to do")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Bencher, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tapedeck_benches::{CHUNK_ROWS, MemoryTape, START, bars, deposits, instrument, quotes, trades, venue_spec, walk};
use tapedeck_journal::{Encoder, RawFrame, Sealer};
use tapedeck_kernel::account::{Account, AccountKind, AccountSpec, Marks};
use tapedeck_kernel::merge::{Cursor, Item, Phase, Play, Queue, Sources};
use tapedeck_kernel::oms::Oms;
use tapedeck_kernel::venue::{LimitFill, RecordKind, SimVenue, TimedReport, VenueSpec};
use tapedeck_model::event::{EquityPoint, PostingReason, RiskDecision};
use tapedeck_model::order::{Evidence, FillBasis};
use tapedeck_model::{
    Amount, Bar, Book, Chunk, ClientOrderId, Columns, Command, CurrencyIx, Draws, Event, FillReport, Instrument,
    InstrumentIx, Liquidity, MarketRecord, OrderRequest, Price, Qty, RecordRef, RuleIx, Side, SourceError, SourceIx,
    Span, StrategyIx, Tick, TradeId, Ts, VenueOrderId, VenueReport,
};

const INSTRUMENT: InstrumentIx = InstrumentIx(0);
const USD: CurrencyIx = CurrencyIx(1);
/// What every order here wants: 0.001 BTC.
const QTY: Qty = Qty::from_raw(100);
/// Records of a tape that a venue sees again and again.
const RECORDS: usize = 4_096;
/// Events between two looks at the encoder.
const EVENTS: u64 = 1_000;

/// Takes whatever comes.
struct Taken;

impl Play for Taken {
    type Error = SourceError;

    fn play<T: Tick>(&mut self, number: u64, tick: &T) -> Result<bool, SourceError> {
        black_box((number, tick.ts_recv()));
        Ok(true)
    }
}

/// Takes every record, as the driver does: straight through where nothing else shares the time.
fn drain(mut sources: Sources) -> u64 {
    let mut records = 0;
    while let Some(ts) = sources.peek() {
        let (at, until) = sources.leader(ts).unwrap();
        records += sources.take_while_straight(at, until, &mut Taken).unwrap();
        while let Some((at, others)) = sources.leader(ts) {
            records += sources.see(at, others, ts, &mut Taken).unwrap();
        }
        while sources.peek_received().is_some() {
            sources.receive(Ts::MAX, &mut Taken).unwrap();
        }
    }
    records
}

/// `sources` tapes of trades a second apart, each `shift_ns` later than the one before.
fn merged(sources: u16, shift_ns: i64) -> Vec<MemoryTape> {
    let tape = |source: i64| {
        let ts_event = (0..CHUNK_ROWS as i64).map(|row| START + row * Span::SECOND.nanos() + source * shift_ns);
        MemoryTape::new(vec![Chunk {
            instrument: INSTRUMENT,
            first_number: 0,
            ts_event: ts_event.collect(),
            ts_recv: Vec::new(),
            columns: Columns::Trades {
                px: walk(CHUNK_ROWS),
                qty: vec![1_000; CHUNK_ROWS],
                aggressor: vec![1; CHUNK_ROWS],
            },
        }])
    };
    (0..i64::from(sources)).map(tape).collect()
}

fn cursors(tapes: &[MemoryTape]) -> Sources {
    let cursor =
        |(ix, tape): (u16, &MemoryTape)| Cursor::new(SourceIx(ix), INSTRUMENT, Box::new(tape.for_a_run()), None);
    Sources::new((0..).zip(tapes).map(cursor).collect::<Result<_, _>>().unwrap())
}

fn merge(c: &mut Criterion) {
    let mut group = c.benchmark_group("merge");
    for (name, count, shift_ns) in
        [("1 source", 1, 0), ("2 sources in turns", 2, 1), ("8 sources in turns", 8, 1), ("8 sources in step", 8, 0)]
    {
        let tapes = merged(count, shift_ns);
        let records = u64::from(count) * CHUNK_ROWS as u64;
        assert_eq!(drain(cursors(&tapes)), records);
        group.throughput(Throughput::Elements(records));
        group.bench_function(name, |b| b.iter_batched(|| cursors(&tapes), drain, BatchSize::PerIteration));
    }
    for waiting in [4_i64, 1_024] {
        let mut queue = Queue::default();
        let item = Item::Command(Command::Submit { client_order_id: id(1), request: market(Side::Buy) });
        (0..waiting).for_each(|nth| queue.push(Ts::from_nanos(nth), Phase::Command, 0, item));
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::new("queue pop and push", waiting), |b| {
            b.iter(|| {
                let (key, item) = queue.pop().unwrap();
                let item = *item;
                queue.push(key.ts.saturating_add(Span::from_nanos(waiting)), Phase::Command, 0, item);
            });
        });
    }
    group.finish();
}

const fn id(number: u32) -> ClientOrderId {
    ClientOrderId { strategy: StrategyIx(0), number }
}

const fn market(side: Side) -> OrderRequest {
    OrderRequest::market(INSTRUMENT, side, QTY)
}

const fn limit(side: Side, limit_px: Price) -> OrderRequest {
    OrderRequest::limit(INSTRUMENT, side, QTY, limit_px)
}

/// A venue, the tape that it sees round and round, and our orders.
struct Stand {
    venue: SimVenue,
    records: Vec<MarketRecord>,
    reports: Vec<TimedReport>,
    order: u32,
    fills: u64,
}

impl Stand {
    fn new(spec: VenueSpec, records: Vec<MarketRecord>) -> Self {
        let venue = SimVenue::new(spec, &[instrument()]).unwrap();
        Self { venue, records, reports: Vec::new(), order: 0, fills: 0 }
    }

    fn submit(&mut self, now: Ts, request: OrderRequest) {
        self.order += 1;
        let command = Command::Submit { client_order_id: id(self.order), request };
        self.venue.on_command(now, &command, &mut self.reports).unwrap();
    }

    fn see(&mut self, row: usize) {
        let at = RecordRef { source: SourceIx(0), number: row as u64 };
        self.venue.on_record(at, &self.records[row], &mut self.reports).unwrap();
    }

    /// Counts what was said and forgets it.
    fn listen(&mut self) {
        let filled = |said: &&TimedReport| matches!(said.report, VenueReport::Filled(_));
        self.fills += self.reports.iter().filter(filled).count() as u64;
        self.reports.clear();
    }

    /// Plays the tape once; `wish` may send an order before each record.
    fn round(&mut self, wish: impl Fn(usize, &MarketRecord) -> Option<(Ts, OrderRequest)>) -> u64 {
        let before = self.fills;
        for row in 0..self.records.len() {
            if let Some((now, request)) = wish(row, &self.records[row]) {
                self.submit(now, request);
            }
            self.see(row);
            self.listen();
        }
        self.fills - before
    }
}

/// Orders that no price here comes near: buys at one dollar.
fn rest(stand: &mut Stand, orders: usize) {
    (0..orders).for_each(|_| stand.submit(Ts::from_nanos(START), limit(Side::Buy, Price::from_raw(100))));
    stand.listen();
    assert_eq!(stand.venue.working_orders(), orders);
}

/// Bars that all fall to the same low.
fn bars_with_low(low: Price) -> Vec<MarketRecord> {
    let lowered = |record: MarketRecord| match record {
        MarketRecord::Bar(bar) => MarketRecord::Bar(Bar { low, ..bar }),
        other => other,
    };
    bars(&walk(RECORDS)).records().into_iter().map(lowered).collect()
}

/// Levels of a book that change, near the touch of one that is full and all over one that is sparse.
fn levels(c: &mut Criterion) {
    let mut group = c.benchmark_group("levels");
    group.throughput(Throughput::Elements(RECORDS as u64));
    let mut draws = Draws::new(1, "bench/levels").stream(0);
    for (case, reach, step) in
        [("20 near the touch", 20, 1), ("2,000 side by side", 2_000, 1), ("2,000 apart", 2_000, 50)]
    {
        let changes: Vec<(Side, Price, Qty)> = (0..RECORDS)
            .map(|row| {
                let (side, away) = (side(row), (1 + draws.below(reach) as i64) * step);
                let qty = Qty::from_raw(draws.below(3) as i64);
                (side, Price::from_raw(2_000_000 - side.sign() * away), qty)
            })
            .collect();
        let mut book = Book::new();
        group.bench_function(case, |b| {
            b.iter(|| {
                for (side, px, qty) in &changes {
                    black_box(book.set(*side, *px, *qty));
                }
                black_box(book.best(Side::Buy))
            });
        });
    }
    group.finish();
}

/// Bars passing resting orders: what the desk's window saves, and what it costs to look.
fn book(c: &mut Criterion) {
    let mut group = c.benchmark_group("book");
    group.throughput(Throughput::Elements(RECORDS as u64));
    for resting in [0, 10, 1_000] {
        let mut stand = Stand::new(venue_spec(RecordKind::Bars), bars(&walk(RECORDS)).records());
        rest(&mut stand, resting);
        assert_eq!(stand.round(|_, _| None), 0);
        group.bench_function(BenchmarkId::new("untouched bar", resting), |b| b.iter(|| stand.round(|_, _| None)));
    }
    // The low reaches one order's limit and does not go through it: it is looked at and not filled.
    for resting in [0, 10, 1_000] {
        let low = Price::from_raw(10_000);
        let spec = VenueSpec { limit_fill: LimitFill::Through, ..venue_spec(RecordKind::Bars) };
        let mut stand = Stand::new(spec, bars_with_low(low));
        rest(&mut stand, resting);
        stand.submit(Ts::from_nanos(START), limit(Side::Buy, low));
        assert_eq!((stand.round(|_, _| None), stand.venue.working_orders()), (0, resting + 1));
        group.bench_function(BenchmarkId::new("touched bar", resting), |b| b.iter(|| stand.round(|_, _| None)));
    }
    group.finish();
}

fn side(row: usize) -> Side {
    if row.is_multiple_of(2) { Side::Buy } else { Side::Sell }
}

/// A market order that arrives just before the record; before a bar's open, if it is a bar.
#[allow(clippy::unnecessary_wraps, reason = "it stands in a table beside wishes that may be none")]
fn taking(row: usize, record: &MarketRecord) -> Option<(Ts, OrderRequest)> {
    let now = match record {
        MarketRecord::Bar(bar) => bar.ts_open(),
        _ => Ts::from_nanos(record.ts_event().nanos() - 1),
    };
    Some((now, market(side(row))))
}

/// A limit order at the bar's own extreme, which is reached and fills.
fn resting(row: usize, record: &MarketRecord) -> Option<(Ts, OrderRequest)> {
    let MarketRecord::Bar(bar) = record else { return None };
    let limit_px = if side(row) == Side::Buy { bar.low } else { bar.high };
    Some((bar.ts_open(), limit(side(row), limit_px)))
}

/// An order per record, from its arrival to its fill.
fn matching(c: &mut Criterion) {
    type Wish = fn(usize, &MarketRecord) -> Option<(Ts, OrderRequest)>;
    let prices = walk(RECORDS);
    let works: [(&str, RecordKind, MemoryTape, usize, Wish); 5] = [
        ("market order per bar", RecordKind::Bars, bars(&prices), 0, taking),
        ("limit order per bar", RecordKind::Bars, bars(&prices), 0, resting),
        ("limit order per bar, 10 others resting", RecordKind::Bars, bars(&prices), 10, resting),
        ("market order per trade", RecordKind::Trades, trades(&prices), 0, taking),
        ("market order per quote", RecordKind::Quotes, quotes(&prices), 0, taking),
    ];
    let mut group = c.benchmark_group("matching");
    group.throughput(Throughput::Elements(RECORDS as u64));
    for (name, kind, tape, others, wish) in works {
        let mut stand = Stand::new(venue_spec(kind), tape.records());
        rest(&mut stand, others);
        stand.round(wish);
        assert_eq!((stand.round(wish), stand.venue.working_orders()), (RECORDS as u64, others), "{name}");
        group.bench_function(name, |b| b.iter(|| stand.round(wish)));
    }
    group.finish();
}

fn fill(number: u32) -> FillReport {
    FillReport {
        client_order_id: id(number),
        trade_id: TradeId(u64::from(number)),
        last_px: Price::from_raw(2_000_000),
        last_qty: QTY,
        liquidity: Liquidity::Taker,
        fee: Amount::parse("0.02").unwrap(),
        fee_currency: USD,
        ts_event: Ts::from_nanos(START),
        evidence: Evidence {
            record: RecordRef::default(),
            basis: FillBasis::BarOpen,
            reference_px: Price::from_raw(2_000_000),
            slippage_px: Price::ZERO,
            impact_px: Price::ZERO,
            noise_px: Price::ZERO,
            available_qty: QTY,
            queue_entry_qty: Qty::ZERO,
            queue_ahead_qty: Qty::ZERO,
        },
    }
}

fn submitted(number: u32, side: Side) -> Event {
    let reserved = Amount::parse("20.02").unwrap();
    Event::Submitted { client_order_id: id(number), request: market(side), currency: USD, reserved }
}

fn oms(c: &mut Criterion) {
    let mut group = c.benchmark_group("oms");
    group.throughput(Throughput::Elements(1));
    group.bench_function("submit, accept, fill", |b| {
        let (mut oms, mut number) = (Oms::new(1, 1), 0);
        let now = Ts::from_nanos(START);
        let (mut left, filled) = (submitted(1, Side::Buy), fill(1));
        b.iter(|| {
            number += 1;
            let client_order_id = id(number);
            if let Event::Submitted { client_order_id: of, .. } = &mut left {
                *of = client_order_id;
            }
            oms.apply(now, &left);
            let venue_order_id = VenueOrderId(u64::from(number));
            let accepted = VenueReport::Accepted { client_order_id, venue_order_id };
            oms.apply(now, &oms.judge(&accepted).unwrap());
            let filled = FillReport { client_order_id, trade_id: TradeId(u64::from(number)), ..filled };
            oms.apply(now, &oms.judge(&VenueReport::Filled(filled)).unwrap());
        });
        assert_eq!(oms.open_orders(), 0);
    });
    group.finish();
}

fn account() -> (Account, Marks) {
    let kind = AccountKind::Spot;
    let spec = AccountSpec { kind, strategies: 1, base_currency: USD, currencies: 2 };
    let mut account = Account::new(&spec, &[instrument()]).unwrap();
    for (currency, amount) in deposits() {
        let lines = Account::deposit(currency, amount).unwrap();
        account.apply(&Event::Posted { reason: PostingReason::Deposit, lines }).unwrap();
    }
    (account, Marks::new(&spec, &[instrument()]).unwrap())
}

/// Books a fill as the kernel does; gives the two events.
fn settle(account: &mut Account, instrument: &Instrument, side: Side, report: &FillReport) -> [Event; 2] {
    let effects = account.effects_of_fill(StrategyIx(0), instrument, side, report).unwrap();
    let events =
        [Event::Posted { reason: PostingReason::Fill, lines: effects.lines }, Event::PositionChanged(effects.position)];
    for event in &events {
        account.apply(event).unwrap();
    }
    events
}

/// The events that a run is full of.
fn frequent_events() -> Vec<Event> {
    let (mut account, _) = account();
    let report = fill(1);
    let limit = Amount::parse("100000").unwrap();
    let client_order_id = id(1);
    let filled =
        Event::Filled { instrument: INSTRUMENT, deal: Side::Buy.into(), report, cum_qty: QTY, leaves_qty: Qty::ZERO };
    let [posted, moved] = settle(&mut account, &instrument(), Side::Buy, &report);
    let value = Amount::parse("20").unwrap();
    let equity = EquityPoint {
        ts_event: Ts::from_nanos(START),
        equity: limit,
        high: limit,
        low: limit,
        exposure: value,
        max_drawdown: 0.1,
    };
    vec![
        Event::SubmitIntended { client_order_id, request: market(Side::Buy) },
        Event::RiskChecked { client_order_id, rule: RuleIx(0), decision: RiskDecision::Pass, value, limit },
        Event::Approved { client_order_id, order_qty: QTY },
        submitted(1, Side::Buy),
        Event::Accepted { client_order_id, venue_order_id: VenueOrderId(1) },
        filled,
        posted,
        moved,
        Event::Equity(equity),
    ]
}

/// An event again and again, at one time.
struct Scribe {
    encoder: Encoder,
    input: u64,
}

impl Scribe {
    fn new() -> Self {
        Self { encoder: Encoder::new(), input: 0 }
    }

    fn write(&mut self, event: &Event) {
        self.input += 1;
        self.encoder.append(self.input, Ts::from_nanos(START), event);
    }

    fn full_frame(&mut self, event: &Event) -> RawFrame {
        loop {
            self.write(event);
            if let Some(frame) = self.encoder.take_full() {
                return frame;
            }
        }
    }
}

fn encode(b: &mut Bencher<'_>, event: &Event) {
    let mut scribe = Scribe::new();
    b.iter(|| {
        (0..EVENTS).for_each(|_| scribe.write(event));
        while let Some(frame) = scribe.encoder.take_full() {
            scribe.encoder.recycle(frame);
        }
    });
}

fn journal(c: &mut Criterion) {
    let mut group = c.benchmark_group("journal");
    let events = frequent_events();
    for event in &events {
        group.throughput(Throughput::Elements(EVENTS));
        group.bench_with_input(BenchmarkId::new("encode", event.text()), event, encode);
    }
    let frame = Scribe::new().full_frame(&events[0]);
    group.throughput(Throughput::Bytes(frame.bytes().len() as u64));
    group.bench_function("seal a frame of 64 KiB", |b| {
        let mut out = Vec::new();
        b.iter(|| {
            out.clear();
            let mut sealer = Sealer::new();
            sealer.seal(&frame, &mut out);
            sealer.fingerprint()
        });
    });
    group.finish();
}

fn accounting(c: &mut Criterion) {
    let mut group = c.benchmark_group("account");
    let instrument = instrument();
    group.throughput(Throughput::Elements(1));
    group.bench_function("book a fill", |b| {
        let (mut account, _) = account();
        let (report, mut nth) = (fill(1), 0);
        b.iter(|| {
            nth += 1;
            settle(&mut account, &instrument, side(nth), &report)
        });
    });
    group.bench_function("mark and equity", |b| {
        let (mut account, mut marks) = account();
        settle(&mut account, &instrument, Side::Buy, &fill(1));
        let mut mark_x2 = 4_000_000;
        b.iter(|| {
            mark_x2 ^= 1;
            marks.on_mark(INSTRUMENT, mark_x2);
            marks.equity(&account).unwrap()
        });
    });
    group.finish();
}

fn short() -> Criterion {
    let (warm_up, measurement) = (Duration::from_millis(300), Duration::from_secs(1));
    Criterion::default().warm_up_time(warm_up).measurement_time(measurement).sample_size(20).nresamples(10_000)
}

criterion_group! {
    name = engine;
    config = short();
    targets = merge, levels, book, matching, oms, journal, accounting
}
criterion_main!(engine);
