//! Arbitrary values for property tests: made from a list of numbers, so that they shrink with it.

use std::ops::Range;

use proptest::prelude::*;
use tapedeck_model::event::{
    Anomaly, DataIssue, DenyReason, EquityPoint, HaltAction, IncidentKind, LedgerAccount, LogLevel, MarketException,
    PositionPoint, PostingLines, PostingReason, RiskDecision, TransferRefusal, TransferSent,
};
use tapedeck_model::loan::{
    BorrowTerms, DAILY_RATE_MAX, DatedRate, InterestReport, LoanLiquidation, LoanStanding, MarginCall,
};
use tapedeck_model::margin::{
    Bankruptcy, BracketRow, DatedBrackets, Liquidation, LiquidationShare, LiquidationStage, MaintenanceBasis,
    MarginMode, MarginTerms, brackets_of,
};
use tapedeck_model::order::{CancelReason, Evidence, FillBasis, RejectReason};
use tapedeck_model::{
    Amendment, Amount, Bar, ClientOrderId, CurrencyIx, DatedRules, Deal, DepthFlags, DepthTick, Display, Event,
    FillReport, FundingReport, FundingTick, GroupKind, GroupLeg, HoldingReport, Instrument, InstrumentId, InstrumentIx,
    InstrumentKind, Intent, Liquidity, MarkTick, MarketRecord, MboAction, MboTick, OrderKind, OrderRequest,
    PositionMode, PositionSide, Price, Qty, QuoteTick, Ratio, RecordRef, RedenominationReport, RuleIx,
    SettlementReport, Side, SourceIx, Span, StrategyIx, Terms, TimeInForce, TradeId, TradeTick, Trail, TriggerBy, Ts,
    VenueIx, VenueOrderId, VenueReport,
};

use crate::input::InputRecord;

/// Numbers from which values are made; zeros once they are used up.
pub(crate) struct Draw {
    numbers: std::vec::IntoIter<u64>,
}

impl Draw {
    pub(crate) fn new(numbers: Vec<u64>) -> Self {
        Self { numbers: numbers.into_iter() }
    }

    fn next(&mut self) -> u64 {
        self.numbers.next().unwrap_or(0)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(crate) fn make<T: Make>(&mut self) -> T {
        T::make(self)
    }
}

/// What can be made.
pub(crate) trait Make {
    fn make(draw: &mut Draw) -> Self;
}

macro_rules! make {
    ($draw:ident; $($name:ty => $value:expr;)*) => {$(
        impl Make for $name {
            fn make($draw: &mut Draw) -> Self {
                $value
            }
        }
    )*};
}

macro_rules! make_struct {
    ($($name:ident { $($field:ident),* $(,)? })*) => {
        make! { draw; $($name => Self { $($field: draw.make()),* };)* }
    };
}

macro_rules! make_numbered {
    ($($name:ident)*) => {
        make! { draw; $($name => Self::ALL[draw.below(Self::ALL.len())];)* }
    };
}

make! { draw;
    u16 => draw.next() as u16;
    u32 => draw.next() as u32;
    u64 => draw.next();
    i64 => draw.next() as i64;
    i128 => i128::from(draw.next() as i64) << 64 | i128::from(draw.next());
    bool => draw.next() % 2 == 1;
    f64 => {
        let value = f64::from_bits(draw.next());
        if value.is_nan() { f64::INFINITY } else { value }
    };
    [u8; 32] => std::array::from_fn(|_| draw.next() as u8);
    String => {
        let len = draw.below(12);
        (0..len).map(|_| char::from_u32(draw.next() as u32 % 0x11_0000).unwrap_or('\u{fffd}')).collect()
    };
    InstrumentIx => Self(draw.make());
    CurrencyIx => Self(draw.make());
    StrategyIx => Self(draw.make());
    SourceIx => Self(draw.make());
    RuleIx => Self(draw.make());
    VenueIx => Self(draw.make());
    VenueOrderId => Self(draw.make());
    TradeId => Self(draw.make());
    Ts => Self::from_nanos(draw.make());
    Span => Self::from_nanos(draw.make());
    Price => Self::from_raw(draw.make());
    Qty => Self::from_raw(draw.make());
    Amount => Self::from_raw(draw.make());
    OrderKind => match draw.below(7) {
        4 => Self::Touch { trigger_px: draw.make() },
        5 => Self::TouchLimit { trigger_px: draw.make(), limit_px: draw.make() },
        6 => Self::Trailing { trail: draw.make() },
        0 => Self::Market,
        1 => Self::Limit { limit_px: draw.make() },
        2 => Self::Stop { trigger_px: draw.make() },
        _ => Self::StopLimit { trigger_px: draw.make(), limit_px: draw.make() },
    };
    u8 => draw.next() as u8;
    Deal => Self::ALL[draw.below(Self::ALL.len())];
    Trail => if draw.make() { Self::Px(draw.make()) } else { Self::Bps(draw.make()) };
    TimeInForce => match draw.below(5) {
        0 => Self::Gtc,
        1 => Self::Ioc,
        2 => Self::Fok,
        3 => Self::Gtd(draw.make()),
        _ => Self::Day,
    };
    Intent => match draw.below(4) {
        3 => Self::CancelAll { strategy: draw.make(), instrument: draw.make() },
        0 => Self::Submit { client_order_id: draw.make(), request: draw.make() },
        1 => Self::Amend { client_order_id: draw.make(), amendment: draw.make() },
        _ => Self::Cancel { client_order_id: draw.make() },
    };
    DepthFlags => Self::from_bits(draw.below(8) as u8).unwrap_or(Self::NONE);
    MarketRecord => match draw.below(7) {
        0 => Self::Bar(draw.make()),
        1 => Self::Trade(draw.make()),
        2 => Self::Depth(draw.make()),
        3 => Self::Mark(draw.make()),
        4 => Self::Funding(draw.make()),
        5 => Self::Mbo(draw.make()),
        _ => Self::Quote(draw.make()),
    };
    BorrowTerms => {
        let mut from = draw.next() as i64 >> 8;
        let mut rates = Vec::new();
        for _ in 0..=draw.below(3) {
            let daily_rate = (draw.next() % DAILY_RATE_MAX.unsigned_abs()) as i64;
            rates.push(DatedRate { from: Ts::from_nanos(from), daily_rate });
            from += 1 + draw.below(1_000) as i64;
        }
        Self { rates }
    };
    VenueReport => match draw.below(21) {
        17 => Self::Interest(draw.make()),
        18 => Self::LoanLiquidated(draw.make()),
        19 => Self::MarginCalled(draw.make()),
        16 => Self::HoldingSettled(draw.make()),
        9 => Self::Held { client_order_id: draw.make(), venue_order_id: draw.make() },
        10 => Self::Activated { client_order_id: draw.make(), order_qty: draw.make() },
        11 => Self::Resized { client_order_id: draw.make(), order_qty: draw.make() },
        12 => Self::Liquidated(draw.make()),
        13 => Self::Bankrupt(draw.make()),
        14 => Self::Settled(draw.make()),
        15 => Self::Funding(draw.make()),
        0 => Self::Accepted { client_order_id: draw.make(), venue_order_id: draw.make() },
        1 => Self::Rejected { client_order_id: draw.make(), reason: draw.make() },
        2 => Self::Triggered { client_order_id: draw.make() },
        3 => Self::Replaced { client_order_id: draw.make(), order_qty: draw.make(), kind: draw.make() },
        4 => Self::AmendRejected { client_order_id: draw.make(), reason: draw.make() },
        5 => Self::CancelRejected { client_order_id: draw.make(), reason: draw.make() },
        6 => Self::Filled(draw.make()),
        7 => Self::Canceled { client_order_id: draw.make(), reason: draw.make() },
        _ => Self::Expired { client_order_id: draw.make() },
    };
    InputRecord => match draw.below(5) {
        0 => Self::Market { at: draw.make(), record: draw.make() },
        1 => Self::Report { venue: draw.make(), report: draw.make() },
        2 => Self::Timer { strategy: draw.make(), timer: draw.make() },
        3 => Self::Command { venue: draw.make(), command: draw.make() },
        _ => Self::Stop,
    };
    PostingLines => {
        let mut lines = Self::new();
        for _ in 0..draw.below(tapedeck_model::event::POSTING_LINES_MAX + 1) {
            lines.push(draw.make(), draw.make(), draw.make());
        }
        lines
    };
    DatedRules => Self {
        from: Ts::MIN,
        tick_size: Price::from_raw(1 + (draw.next() >> 2) as i64),
        lot_size: Qty::from_raw(1 + (draw.next() >> 2) as i64),
        qty_min: Qty::from_raw((draw.next() >> 2) as i64),
        qty_max: Qty::from_raw(i64::MAX),
        notional_min: Amount::from_raw(i128::from(draw.next())),
    };
    MarginTerms => {
        let rate = 1 + (draw.next() % 40) as i64 * 1_000_000_000;
        let mut terms = Self::flat(draw.make(), 1 + (draw.next() % 20_000_000) as i64, rate).expect("terms that hold");
        terms.basis = draw.make();
        for day in 1..=draw.below(3) {
            let rows: Vec<BracketRow> = (0..=draw.below(3) as i64)
                .map(|nth| BracketRow {
                    floor: Amount::from_raw(i128::from(nth) << 90),
                    cap: None,
                    rate: rate + nth,
                    leverage_max: 20_000_000,
                    cum: None,
                })
                .collect();
            let from = Ts::from_nanos(day as i64 * Span::DAY.nanos());
            terms.tables.push(DatedBrackets { from, brackets: brackets_of(&rows).expect("rows that hold") });
        }
        terms
    };
    Instrument => {
        let mut rules: Vec<DatedRules> = (0..=draw.below(4)).map(|_| draw.make()).collect();
        for (day, rule) in rules.iter_mut().enumerate().skip(1) {
            rule.from = Ts::from_nanos(day as i64 * Span::DAY.nanos());
        }
        let (kind, base) = (draw.make(), draw.make());
        Self {
            ix: draw.make(),
            id: draw.make(),
            kind,
            base,
            quote: draw.make(),
            settlement: if kind == InstrumentKind::Inverse { base } else { draw.make() },
            price_scale: draw.below(9) as u8,
            qty_scale: draw.below(9) as u8,
            multiplier: 1 + (draw.next() >> 2) as i64,
            multiplier_scale: draw.below(9) as u8,
            rules,
        }
    };
}

impl<T: Make> Make for Option<T> {
    fn make(draw: &mut Draw) -> Self {
        draw.make::<bool>().then(|| draw.make())
    }
}

impl<T: Make> Make for Box<T> {
    fn make(draw: &mut Draw) -> Self {
        Self::new(draw.make())
    }
}

make_numbered! {
    Anomaly CancelReason DataIssue DenyReason FillBasis HaltAction IncidentKind InstrumentKind LedgerAccount Liquidity
    LogLevel GroupKind LiquidationStage MaintenanceBasis MarginMode MarketException MboAction PositionMode PositionSide
    PostingReason RejectReason RiskDecision Side TransferRefusal TriggerBy
}

make_struct! {
    ClientOrderId { strategy, number }
    RecordRef { source, number }
    OrderRequest { instrument, side, kind, order_qty, time_in_force, post_only, reduce_only, terms }
    Terms { trigger_by, activation_px, display, reprice, position_side, group }
    Display { qty, variance_bps }
    GroupLeg { kind, leg, first }
    Amendment { order_qty, limit_px, trigger_px }
    Evidence { record, basis, reference_px, slippage_px, impact_px, noise_px, available_qty, queue_entry_qty, queue_ahead_qty }
    FillReport {
        client_order_id, trade_id, last_px, last_qty, liquidity, fee, fee_currency, ts_event, evidence,
    }
    FundingReport { instrument, strategy, ts_event, rate, mark_px, net_qty, paid }
    SettlementReport { instrument, strategy, ts_event, settlement_px }
    TransferSent { transfer, strategy, from, to, currency, amount, fee, arrives }
    HoldingReport { instrument, ts_event, settlement_px, holding }
    Ratio { num, den }
    RedenominationReport { asset, ts_event, ratio, holding, positions }
    EquityPoint { ts_event, equity, high, low, exposure, max_drawdown }
    PositionPoint { strategy, instrument, net_qty, entry_cost, realized_pnl }
    Bar { instrument, ts_event, ts_recv, interval, open, high, low, close, volume }
    TradeTick { instrument, ts_event, ts_recv, px, qty, aggressor }
    DepthTick { instrument, ts_event, ts_recv, side, px, qty, flags }
    MarkTick { instrument, ts_event, ts_recv, mark_px, index_px }
    FundingTick { instrument, ts_event, ts_recv, rate, interval, mark_px }
    MboTick { instrument, ts_event, ts_recv, action, side, px, qty, order_id, flags }
    QuoteTick { instrument, ts_event, ts_recv, bid_px, ask_px, bid_qty, ask_qty }
    InstrumentId { venue, symbol }
    Liquidation {
        instrument, trade_id, mode, stage, side, mark_px, last_px, last_qty, net_qty, margin_balance, maintenance, fee,
        ts_event,
    }
    LiquidationShare { strategy, instrument, side, last_px, last_qty, fee }
    Bankruptcy { currency, instrument, covered, ts_event }
    InterestReport { currency, ts_event, borrowed, daily_rate, interest }
    LoanStanding { assets, debt }
    MarginCall { ts_event, standing }
    LoanLiquidation { instrument, trade_id, side, mark_px, last_px, amount, whole, fee, standing, ts_event }
}

macro_rules! make_event {
    ($($variant:ident $({ $($field:ident),* $(,)? })? $(($inner:ident))?),* $(,)?) => {
        /// One maker for each kind of event.
        pub(crate) const EVENT_MAKERS: &[fn(&mut Draw) -> Event] = &[
            $(|draw| Event::$variant $({ $($field: draw.make()),* })? $(({ let $inner = draw.make(); $inner }))?),*
        ];
    };
}

make_event! {
    RunStarted { format, seed, scenario_hash, base_currency },
    CurrencyDeclared { currency, code },
    InstrumentDeclared { instrument },
    StrategyDeclared { strategy, id },
    RuleDeclared { rule, name },
    SourceDeclared { source, name },
    SubmitIntended { client_order_id, request },
    AmendIntended { client_order_id, amendment },
    CancelIntended { client_order_id },
    RiskChecked { client_order_id, rule, decision, value, limit },
    Approved { client_order_id, order_qty },
    Denied { client_order_id, reason, rule },
    Submitted { client_order_id, request, currency, reserved },
    AmendSubmitted { client_order_id, amendment },
    CancelSubmitted { client_order_id },
    Accepted { client_order_id, venue_order_id },
    Rejected { client_order_id, reason },
    Triggered { client_order_id },
    Replaced { client_order_id, order_qty, kind },
    AmendRejected { client_order_id, reason },
    CancelRejected { client_order_id, reason },
    Filled { instrument, deal, report, cum_qty, leaves_qty },
    Canceled { client_order_id, reason, canceled_qty },
    Expired { client_order_id, canceled_qty },
    ReportRefused { client_order_id, anomaly },
    Liquidated(report),
    LiquidationShared(share),
    Held { client_order_id, venue_order_id },
    Activated { client_order_id, order_qty },
    Resized { client_order_id, order_qty },
    CancelAllSubmitted { strategy, instrument },
    Posted { reason, lines },
    PositionChanged(point),
    FundingPaid { strategy, instrument, ts_event, rate, mark_px, net_qty, paid },
    PositionSettled { strategy, instrument, ts_event, settlement_px, net_qty },
    Bankrupt(report),
    MarginDeclared { instrument, terms },
    Equity(point),
    Signal { strategy, name, value },
    Log { strategy, level, text },
    TimerFired { strategy, timer },
    Halted { rule, strategy, action, value, limit },
    Resumed { rule },
    MarketRefused { exception, quote },
    DataIssues { source, issue, count },
    SourceEnded { source, records, content_hash },
    RunEnded { inputs, ambiguous_bars, warmup_denied },
    IncidentBegan { name, kind, target, until },
    IncidentEnded { name, missed },
    CapitalMoved { before, after },
    WithdrawalRefused { currency, amount, free },
    FillsBlocked { instrument, count },
    SidePositionChanged { position_side, point },
    PositionModeDeclared { mode },
    VenueDeclared { venue, name },
    PostedAt { venue, reason, lines },
    BankruptAt { venue, bankruptcy },
    TransferSent(sent),
    TransferArrived { transfer, venue, currency, amount },
    TransferRefused { strategy, from, to, currency, amount, free, reason },
    PositionModeDeclaredAt { venue, mode },
    HoldingSettled(report),
    Redenominated { venue, report },
    InterestCharged(report),
    LoanLiquidated(report),
    MarginCalled(report),
    BorrowDeclared { currency, terms },
}

/// Values of any type that can be made.
pub(crate) fn made<T: Make + std::fmt::Debug>() -> impl Strategy<Value = T> {
    numbers().prop_map(|numbers| Draw::new(numbers).make())
}

/// Events of one kind: an index into [`EVENT_MAKERS`].
pub(crate) fn event_of(kind: usize) -> impl Strategy<Value = Event> {
    numbers().prop_map(move |numbers| EVENT_MAKERS[kind](&mut Draw::new(numbers)))
}

/// Lists of events of any kind.
pub(crate) fn events(count: Range<usize>) -> impl Strategy<Value = Vec<Event>> {
    let event = (0..EVENT_MAKERS.len(), numbers());
    proptest::collection::vec(event.prop_map(|(kind, numbers)| EVENT_MAKERS[kind](&mut Draw::new(numbers))), count)
}

/// The same events on every machine and in every run: each kind once.
pub(crate) fn fixed_events() -> Vec<Event> {
    EVENT_MAKERS
        .iter()
        .zip(1_u64..)
        .map(|(make, seed)| {
            let numbers = (1..64_u64).map(|n| (n * seed).wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
            make(&mut Draw::new(numbers))
        })
        .collect()
}

fn numbers() -> impl Strategy<Value = Vec<u64>> {
    proptest::collection::vec(any::<u64>(), 64)
}
