//! What holds for any orders on any tape.

use proptest::prelude::*;

use super::script::{SECOND, Stage, plain_spec};
use crate::venue::*;
use tapedeck_model::order::{FillBasis, FillReport, Liquidity, OrderKind, Side, TimeInForce};
use tapedeck_model::{Bar, Display, GroupKind, GroupLeg, Price, QuoteTick, Span, StrategyIx, TradeTick, Trail};

/// One step of a random run, in small whole numbers.
#[derive(Debug, Clone, Copy)]
struct Step {
    kind: u8,
    side: bool,
    tif: u8,
    level: i64,
    offset: i64,
    qty: i64,
    up: i64,
    down: i64,
}

fn step() -> impl Strategy<Value = Step> {
    (0_u8..8, any::<bool>(), 0_u8..6, 950_i64..1_050, -30_i64..30, 1_i64..300, 0_i64..30, 0_i64..30).prop_map(
        |(kind, side, tif, level, offset, qty, up, down)| Step { kind, side, tif, level, offset, qty, up, down },
    )
}

fn request(step: &Step, instrument: InstrumentIx) -> OrderRequest {
    let px = |ticks: i64| Price::from_raw(ticks * 10);
    let (limit_px, trigger_px) = (px(step.level + step.offset), px(step.level));
    let kind = match step.kind {
        0 => OrderKind::Market,
        1 => OrderKind::Limit { limit_px },
        2 => OrderKind::Stop { trigger_px },
        3 => OrderKind::StopLimit { trigger_px, limit_px },
        4 => OrderKind::Touch { trigger_px },
        5 => OrderKind::TouchLimit { trigger_px, limit_px },
        6 => OrderKind::Trailing { trail: Trail::Px(px(step.up + 1)) },
        _ => OrderKind::Trailing { trail: Trail::Bps(step.down as u32 + 1) },
    };
    let side = if step.side { Side::Buy } else { Side::Sell };
    let time_in_force = match step.tif {
        0 => TimeInForce::Ioc,
        1 => TimeInForce::Fok,
        2 => TimeInForce::Day,
        _ => TimeInForce::Gtc,
    };
    let market = OrderRequest::market(instrument, side, Qty::from_raw(step.qty * 10));
    let mut request = OrderRequest { kind, time_in_force, ..market };
    if matches!(kind, OrderKind::Trailing { .. }) && step.tif == 4 {
        request.terms.activation_px = Some(trigger_px);
    }
    if kind.limit_px().is_some() && step.tif == 5 {
        request.terms.display = Some(Display { qty: Qty::from_raw((step.qty + 3) / 4 * 10), variance_bps: 2_000 });
    }
    request
}

/// A group from three steps: its kind is the first's.
fn group(steps: [&Step; 3], first: u32) -> Vec<(ClientOrderId, OrderRequest)> {
    let kind = GroupKind::ALL[usize::from(steps[0].tif % 3)];
    let parent = request(steps[0], InstrumentIx(0));
    let legs = (0..kind.legs()).zip(steps).map(|(leg, step)| {
        let mut request = request(step, InstrumentIx(0));
        let waits = leg > 0 || kind == GroupKind::Oco;
        if waits {
            request.time_in_force = TimeInForce::Gtc;
            request.side = if kind == GroupKind::Oco { parent.side } else { parent.side.opposite() };
            if request.kind == OrderKind::Market {
                request.kind = OrderKind::Stop { trigger_px: Price::from_raw(step.level * 10) };
            }
        }
        request.order_qty = parent.order_qty;
        request.terms.display = None;
        request.reduce_only = leg > 0 && step.qty % 4 == 0;
        request.terms.group = Some(GroupLeg { kind, leg, first });
        (ClientOrderId { strategy: StrategyIx(0), number: first + u32::from(leg) }, request)
    });
    legs.collect()
}

/// What is filled of every order so far, and the sizes that the venue told.
#[derive(Default)]
struct Told {
    filled: std::collections::BTreeMap<u32, i64>,
    size: std::collections::BTreeMap<u32, i64>,
    ended: std::collections::BTreeSet<u32>,
}

impl Told {
    fn hear(&mut self, timed: &TimedReport) {
        let number = timed.report.client_order_id().unwrap().number;
        match timed.report {
            VenueReport::Filled(fill) => *self.filled.entry(number).or_default() += fill.last_qty.raw(),
            VenueReport::Activated { order_qty, .. } | VenueReport::Resized { order_qty, .. } => {
                self.size.insert(number, order_qty.raw());
            }
            VenueReport::Canceled { .. } | VenueReport::Expired { .. } | VenueReport::Rejected { .. } => {
                assert!(self.ended.insert(number), "an order ends once: {timed:?}");
            }
            _ => {}
        }
        if let Some(size) = self.size.get(&number) {
            assert!(self.filled(number) <= *size, "more than its size: {timed:?}");
        }
    }

    fn filled(&self, number: u32) -> i64 {
        self.filled.get(&number).copied().unwrap_or(0)
    }

    /// Whether a group never did more than it may.
    fn check(&self, legs: &[(ClientOrderId, OrderRequest)]) {
        let numbers: Vec<u32> = legs.iter().map(|(id, _)| id.number).collect();
        let whole = legs[0].1.order_qty.raw();
        let exits: i64 = numbers[1..].iter().map(|number| self.filled(*number)).sum();
        match legs[0].1.terms.group.unwrap().kind {
            GroupKind::Oco => assert!(self.filled(numbers[0]) + exits <= whole, "a pair fills once"),
            GroupKind::Oto | GroupKind::Bracket => {
                assert!(exits <= self.filled(numbers[0]), "exits close no more than the entry opened");
            }
        }
    }
}

/// The record of a step: bars, trades or quotes around the step's level.
fn record(step: &Step, tape: u8, number: i64, instrument: InstrumentIx) -> MarketRecord {
    let px = |ticks: i64| Price::from_raw(ticks * 10);
    let ts_event = Ts::from_nanos((number + 1) * 60 * SECOND);
    let ts_recv = ts_event;
    let qty = Qty::from_raw(step.qty * 10);
    match tape {
        0 => MarketRecord::Bar(Bar {
            instrument,
            ts_event,
            ts_recv,
            interval: Span::MINUTE,
            open: px(step.level),
            high: px(step.level + step.up),
            low: px(step.level - step.down),
            close: px(step.level + step.offset.clamp(-step.down, step.up)),
            volume: qty,
        }),
        1 => {
            let aggressor = [None, Some(Side::Buy), Some(Side::Sell)][usize::from(step.tif % 3)];
            MarketRecord::Trade(TradeTick { instrument, ts_event, ts_recv, px: px(step.level), qty, aggressor })
        }
        _ => MarketRecord::Quote(QuoteTick {
            instrument,
            ts_event,
            ts_recv,
            bid_px: px(step.level - 1 - step.down),
            ask_px: px(step.level + step.up),
            bid_qty: qty,
            ask_qty: Qty::from_raw(step.up * 10 + 10),
        }),
    }
}

/// A venue with slippage, a share of volume and a queue.
fn spec(tape: u8, count: u16) -> VenueSpec {
    let slippage = super::script::params(&[("bps", "7"), ("noise_bps", "5")]);
    VenueSpec {
        participation: (tape == 0).then(|| Decimal::new(3, 1)),
        path: PathModel::Worst,
        queue_ahead: Some(Decimal::ONE),
        slippage: (slippage_components()[1].build)(&slippage, tapedeck_model::Draws::new(1, "slippage")).unwrap(),
        ..plain_spec(count)
    }
}

/// Everything said to the orders of `instrument`, which is the strategy's number too.
fn play(steps: &[Step], tape: u8, instruments: &[u16]) -> (Vec<(OrderRequest, TimedReport)>, Vec<MarketRecord>) {
    let count = instruments.iter().max().unwrap() + 1;
    let mut stage = Stage::new(spec(tape, count), count);
    let (mut requests, mut records) = (Vec::new(), Vec::new());
    for (number, pair) in steps.chunks_exact(2).enumerate() {
        for ix in instruments {
            let instrument = InstrumentIx(*ix);
            let record = record(&pair[0], tape, number as i64, instrument);
            stage.record(&record);
            records.push(record);
            let id = ClientOrderId { strategy: StrategyIx(*ix), number: number as u32 + 1 };
            let request = request(&pair[1], instrument);
            requests.push((id, request));
            // Some arrive inside the next bar.
            let now = record.ts_event().saturating_add(Span::from_nanos(i64::from(pair[1].tif / 3) * 7 * SECOND));
            let command = Command::Submit { client_order_id: id, request };
            stage.venue.on_command(now, &command, &mut stage.out).unwrap();
        }
    }
    let told = |timed: &TimedReport| {
        let id = timed.report.client_order_id().unwrap();
        (requests.iter().find(|(other, _)| *other == id).unwrap().1, *timed)
    };
    (stage.out.iter().map(told).collect(), records)
}

fn fills(said: &[(OrderRequest, TimedReport)]) -> Vec<(OrderRequest, FillReport)> {
    said.iter()
        .filter_map(|(request, timed)| match timed.report {
            VenueReport::Filled(fill) => Some((*request, fill)),
            _ => None,
        })
        .collect()
}

/// What one record lets us have of it, on one side.
fn bound(record: &MarketRecord, side: Side) -> i64 {
    match record {
        MarketRecord::Bar(bar) => bar.volume.raw() * 3 / 10,
        MarketRecord::Trade(trade) => trade.qty.raw(),
        MarketRecord::Quote(quote) => match side {
            Side::Buy => quote.ask_qty.raw(),
            Side::Sell => quote.bid_qty.raw(),
        },
        MarketRecord::Depth(row) => row.qty.raw(),
        MarketRecord::Mark(_) | MarketRecord::Funding(_) => 0,
        MarketRecord::Mbo(row) => row.qty.raw(),
    }
}

proptest! {
    #[test]
    fn no_fill_is_better_than_its_law(steps in prop::collection::vec(step(), 2..120), tape in 0_u8..3) {
        let (said, records) = play(&steps, tape, &[0]);
        let fills = fills(&said);
        for (request, fill) in &fills {
            let sign = request.side.sign();
            let worse_by = |px: Price| (fill.last_px.raw() - px.raw()) * sign;
            prop_assert!(worse_by(fill.evidence.reference_px) >= 0, "better than the market: {fill:?}");
            prop_assert_eq!(worse_by(fill.evidence.reference_px), fill.evidence.slippage_px.raw());
            if let Some(limit) = request.kind.limit_px() {
                prop_assert!(worse_by(limit) <= 0, "worse than the limit: {request:?} {fill:?}");
            }
            if let (Some(trigger), Liquidity::Taker) = (request.kind.trigger_px(), fill.liquidity) {
                // A market order after its trigger may carry over to a better record.
                let first = fills.iter().find(|(_, f)| f.client_order_id == fill.client_order_id).unwrap();
                let carried = first.1.evidence.record != fill.evidence.record;
                if fill.evidence.basis == FillBasis::BarPath {
                    prop_assert!(worse_by(trigger) >= 0, "stop better than its trigger: {request:?} {fill:?} {carried}");
                }
            }
            prop_assert!(fill.last_qty > Qty::ZERO && fill.last_qty <= fill.evidence.available_qty);
        }
        for (number, record) in records.iter().enumerate() {
            for side in [Side::Buy, Side::Sell] {
                let taken: i64 = fills
                    .iter()
                    .filter(|(r, f)| f.evidence.record.number == number as u64 && (tape < 2 || r.side == side))
                    .map(|(_, f)| f.last_qty.raw())
                    .sum();
                prop_assert!(taken <= bound(record, side), "{taken} of {record:?}");
            }
        }
    }

    /// At every prefix of what is said; and a group that is done has left nothing that works.
    #[test]
    fn groups_fill_no_more_than_they_may(steps in prop::collection::vec(step(), 4..120), tape in 0_u8..3) {
        let mut stage = Stage::new(spec(tape, 1), 1);
        let (mut groups, mut told, mut heard) = (Vec::new(), Told::default(), 0);
        for (number, four) in steps.chunks_exact(4).enumerate() {
            stage.record(&record(&four[3], tape, number as i64, InstrumentIx(0)));
            let legs = group([&four[0], &four[1], &four[2]], number as u32 * 3 + 1);
            let now = Ts::from_nanos((number as i64 + 1) * 60 * SECOND + i64::from(four[3].tif / 3) * 7 * SECOND);
            for (client_order_id, request) in &legs {
                let command = Command::Submit { client_order_id: *client_order_id, request: *request };
                stage.venue.on_command(now, &command, &mut stage.out).unwrap();
            }
            groups.push(legs);
            if four[3].qty % 5 == 0 {
                let client_order_id = ClientOrderId { strategy: StrategyIx(0), number: four[3].qty as u32 % 20 + 1 };
                stage.venue.on_command(now, &Command::Cancel { client_order_id }, &mut stage.out).unwrap();
            }
            for timed in &stage.out[heard..] {
                told.hear(timed);
                let of = groups.iter().find(|legs| legs.iter().any(|(id, _)| Some(*id) == timed.report.client_order_id()));
                if let Some(legs) = of {
                    told.check(legs);
                }
            }
            heard = stage.out.len();
        }
    }

    #[test]
    fn orders_end_once_and_their_time_does_not_go_back(steps in prop::collection::vec(step(), 2..80), tape in 0_u8..3) {
        let (said, _) = play(&steps, tape, &[0]);
        for (request, first) in &said {
            let id = first.report.client_order_id().unwrap();
            let mine: Vec<&TimedReport> =
                said.iter().map(|(_, t)| t).filter(|t| t.report.client_order_id() == Some(id)).collect();
            prop_assert!(mine.is_sorted_by_key(|t| t.ts_event), "{mine:?}");
            let filled: i64 = fills(&said).iter().filter(|(_, f)| f.client_order_id == id).map(|(_, f)| f.last_qty.raw()).sum();
            prop_assert!(filled <= request.order_qty.raw());
            let ends = mine.iter().filter(|t| {
                matches!(t.report, VenueReport::Canceled { .. } | VenueReport::Expired { .. } | VenueReport::Rejected { .. })
            });
            let ends = ends.count() + usize::from(filled == request.order_qty.raw());
            prop_assert!(ends <= 1, "{mine:?}");
        }
    }

    /// Another instrument beside, before or after in the table, changes nothing but the venue's counters.
    #[test]
    fn unrelated_instruments_change_nothing(steps in prop::collection::vec(step(), 2..60), tape in 0_u8..3) {
        let told = |instruments: &[u16]| -> Vec<_> {
            let (said, _) = play(&steps, tape, instruments);
            fills(&said)
                .into_iter()
                .filter(|(request, _)| request.instrument == InstrumentIx(1))
                .map(|(_, f)| (f.client_order_id, f.last_px, f.last_qty, f.liquidity, f.fee, f.ts_event))
                .collect()
        };
        let alone = told(&[1]);
        prop_assert_eq!(&alone, &told(&[0, 1]));
        prop_assert_eq!(&alone, &told(&[1, 0]));
    }
}

#[test]
fn untouched_bars_change_nothing() {
    let mut stage = Stage::new(spec(0, 1), 1);
    let far = |number, side, px| {
        let request = OrderRequest::limit(InstrumentIx(0), side, Qty::from_raw(1_000), Price::from_raw(px));
        Command::Submit { client_order_id: ClientOrderId { strategy: StrategyIx(0), number }, request }
    };
    let step = Step { kind: 0, side: true, tif: 3, level: 1_000, offset: 0, qty: 100, up: 5, down: 5 };
    stage.record(&record(&step, 0, 0, InstrumentIx(0)));
    for (number, side, px) in [(1, Side::Buy, 5_000), (2, Side::Sell, 15_000)] {
        stage.venue.on_command(Ts::from_nanos(60 * SECOND), &far(number, side, px), &mut stage.out).unwrap();
    }
    let said = stage.out.len();
    for number in 1..1_000 {
        stage.record(&record(&step, 0, number, InstrumentIx(0)));
    }
    assert_eq!((stage.out.len(), stage.venue.working_orders(), stage.venue.ambiguous_bars()), (said, 2, 0));
}

proptest! {
    /// A bar is ambiguous exactly if a venue that goes to the high first and one that goes to the low first
    /// fill otherwise: another order, price, quantity or liquidity.
    #[test]
    fn a_bar_is_ambiguous_if_and_only_if_the_two_paths_fill_otherwise(
        steps in prop::collection::vec((step(), 0_i64..60), 1..6),
        (open, up, down, close) in (980_i64..1_020, 0_i64..40, 0_i64..40, 0_i64..=100),
        bounded in any::<bool>(),
    ) {
        let play = |path: PathModel| {
            let participation = bounded.then(|| "0.5".parse().unwrap());
            let mut stage = Stage::new(VenueSpec { path, participation, ..plain_spec(1) }, 1);
            let bar = |minute: i64, [open, high, low, close]: [i64; 4]| {
                let ts_event = Ts::from_nanos(minute * 60 * SECOND);
                let px = |ticks: i64| Price::from_raw(ticks * 10);
                let (open, high, low, close) = (px(open), px(high), px(low), px(close));
                let (instrument, interval, volume) = (InstrumentIx(0), Span::MINUTE, Qty::from_raw(5_000));
                MarketRecord::Bar(Bar { instrument, ts_event, ts_recv: ts_event, interval, open, high, low, close, volume })
            };
            stage.record(&bar(1, [1_000; 4]));
            let mut steps = steps.clone();
            steps.sort_by_key(|(_, second)| *second);
            for (number, (step, second)) in (1..).zip(steps) {
                let client_order_id = ClientOrderId { strategy: StrategyIx(0), number };
                let request = request(&step, InstrumentIx(0));
                let ts = Ts::from_nanos((60 + second) * SECOND);
                stage.venue.on_command(ts, &Command::Submit { client_order_id, request }, &mut stage.out).unwrap();
            }
            let (high, low) = (open + up, open - down);
            stage.record(&bar(2, [open, high, low, low + (high - low) * close / 100]));
            let mut fills: Vec<_> = stage.out.iter().filter_map(|timed| match timed.report {
                VenueReport::Filled(fill) => Some((fill.client_order_id, fill.last_px, fill.last_qty, fill.liquidity == Liquidity::Maker)),
                _ => None,
            }).collect();
            fills.sort();
            (fills, stage.venue.ambiguous_bars())
        };
        let (high_first, low_first) = (play(PathModel::Ohlc).0, play(PathModel::Olhc).0);
        for path in [PathModel::Adaptive, PathModel::Ohlc, PathModel::Olhc, PathModel::Best, PathModel::Worst] {
            prop_assert_eq!(play(path).1, u64::from(high_first != low_first), "{:?}", path);
        }
    }
}
