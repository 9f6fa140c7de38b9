//! Journals made by hand for tests.

use tapedeck_model::event::{EquityPoint, LedgerAccount, PositionPoint, PostingLines, PostingReason};
use tapedeck_model::instrument::InstrumentKind;
use tapedeck_model::order::{Evidence, FillBasis};
use tapedeck_model::{
    Amount, ClientOrderId, CurrencyIx, DatedRules, Event, FillReport, Header, Instrument, InstrumentId, InstrumentIx,
    Liquidity, OrderRequest, Price, Qty, Record, RecordRef, Side, SourceIx, StrategyIx, TradeId, Ts, VenueOrderId,
};

/// The base asset of the fixture.
pub const BTC: CurrencyIx = CurrencyIx(0);
/// The quote and base currency of the fixture.
pub const USD: CurrencyIx = CurrencyIx(1);
/// The instrument of the fixture.
pub const BTCUSD: InstrumentIx = InstrumentIx(0);
/// The strategy of the fixture.
pub const SMA: StrategyIx = StrategyIx(0);
/// One minute in nanoseconds.
pub const MINUTE: i64 = 60_000_000_000;

/// An exact amount.
pub fn amount(text: &str) -> Amount {
    Amount::parse(text).unwrap()
}

/// A price with two decimals.
pub fn px(text: &str) -> Price {
    Price::parse(text, 2).unwrap()
}

/// A quantity with five decimals.
pub fn qty(text: &str) -> Qty {
    Qty::parse(text, 5).unwrap()
}

/// The fixture's spot instrument.
pub fn instrument() -> Instrument {
    Instrument {
        ix: BTCUSD,
        id: InstrumentId { venue: "SIM".to_owned(), symbol: "BTCUSD".to_owned() },
        kind: InstrumentKind::Spot,
        base: BTC,
        quote: USD,
        settlement: USD,
        price_scale: 2,
        qty_scale: 5,
        multiplier: 1,
        multiplier_scale: 0,
        rules: vec![DatedRules {
            from: Ts::MIN,
            tick_size: px("0.01"),
            lot_size: qty("0.00001"),
            qty_min: qty("0.00001"),
            qty_max: Qty::from_raw(i64::MAX),
            notional_min: Amount::ZERO,
        }],
    }
}

/// A journal under construction.
#[derive(Debug, Clone)]
pub struct Journal {
    /// The records so far.
    pub records: Vec<Record>,
    ts: i64,
    input: u64,
    number: u32,
    trades: u64,
    held: i64,
    cost: Amount,
    realized: Amount,
}

impl Journal {
    /// Declarations and a deposit of 10 000 USD on 2024-01-01.
    pub fn new() -> Self {
        let ts = "2024-01-01".parse::<Ts>().unwrap().nanos();
        let (held, cost, realized) = (0, Amount::ZERO, Amount::ZERO);
        let mut journal = Self { records: Vec::new(), ts, input: 0, number: 0, trades: 0, held, cost, realized };
        journal.push(Event::RunStarted { format: 1, seed: 42, scenario_hash: [7; 32], base_currency: USD });
        journal.push(Event::CurrencyDeclared { currency: BTC, code: "BTC".to_owned() });
        journal.push(Event::CurrencyDeclared { currency: USD, code: "USD".to_owned() });
        journal.push(Event::InstrumentDeclared { instrument: Box::new(instrument()) });
        journal.push(Event::StrategyDeclared { strategy: SMA, id: "sma".to_owned() });
        journal.push(Event::SourceDeclared { source: SourceIx(0), name: "BTCUSD/bars".to_owned() });
        let mut lines = PostingLines::new();
        lines.push(LedgerAccount::Cash, USD, amount("10000"));
        lines.push(LedgerAccount::Capital, USD, amount("-10000"));
        journal.push(Event::Posted { reason: PostingReason::Deposit, lines });
        journal
    }

    /// Adds a record of the input under way.
    pub fn push(&mut self, event: Event) {
        let seq = self.records.len() as u64;
        let header = Header { seq, input: self.input, ts: Ts::from_nanos(self.ts) };
        self.records.push(Record { header, event });
    }

    /// Begins the next input, so many minutes later.
    pub fn input(&mut self, minutes: i64) {
        self.ts += minutes * MINUTE;
        self.input += 1;
    }

    /// The time that it is.
    pub fn now(&self) -> Ts {
        Ts::from_nanos(self.ts)
    }

    /// Wants, approves, sends and accepts a market order.
    pub fn order(&mut self, side: Side, order_qty: &str) -> ClientOrderId {
        self.number += 1;
        let client_order_id = ClientOrderId { strategy: SMA, number: self.number };
        let request = OrderRequest::market(BTCUSD, side, qty(order_qty));
        self.push(Event::SubmitIntended { client_order_id, request });
        self.push(Event::Approved { client_order_id, order_qty: request.order_qty });
        self.push(Event::Submitted { client_order_id, request, currency: USD, reserved: amount("1") });
        self.push(Event::Accepted { client_order_id, venue_order_id: VenueOrderId(u64::from(self.number)) });
        client_order_id
    }

    /// Fills so much of an order at a price, with a fee in USD (`(price, fee)`); `left` stays open.
    pub fn fill(
        &mut self,
        id: ClientOrderId,
        side: Side,
        (last_qty, left): (&str, &str),
        (last_px, fee): (&str, &str),
    ) {
        self.trades += 1;
        let report = FillReport {
            client_order_id: id,
            trade_id: TradeId(self.trades),
            last_px: px(last_px),
            last_qty: qty(last_qty),
            liquidity: Liquidity::Taker,
            fee: amount(fee),
            fee_currency: USD,
            ts_event: self.now(),
            evidence: Evidence {
                record: RecordRef { source: SourceIx(0), number: self.input },
                basis: FillBasis::BarOpen,
                reference_px: px(last_px),
                slippage_px: px("0.01"),
                impact_px: px("0"),
                noise_px: px("0"),
                available_qty: qty("5"),
                queue_entry_qty: Qty::ZERO,
                queue_ahead_qty: Qty::ZERO,
            },
        };
        let (cum_qty, leaves_qty) = (qty(last_qty), qty(left));
        self.push(Event::Filled { instrument: BTCUSD, deal: side.into(), report, cum_qty, leaves_qty });
        self.book(side, &report);
    }

    fn book(&mut self, side: Side, report: &FillReport) {
        let spot = instrument();
        let notional = spot.notional(report.last_px, report.last_qty).unwrap();
        let base = spot.base_amount(report.last_qty).unwrap();
        let minus = |a: Amount| a.checked_neg().unwrap();
        let (cash_base, cash_quote) = if side == Side::Buy { (base, minus(notional)) } else { (minus(base), notional) };
        let mut lines = PostingLines::new();
        lines.push(LedgerAccount::Cash, BTC, cash_base);
        lines.push(LedgerAccount::Trading, BTC, minus(cash_base));
        lines.push(LedgerAccount::Cash, USD, cash_quote);
        lines.push(LedgerAccount::Trading, USD, minus(cash_quote));
        lines.push(LedgerAccount::Cash, USD, minus(report.fee));
        lines.push(LedgerAccount::Fees, USD, report.fee);
        self.push(Event::Posted { reason: PostingReason::Fill, lines });
        self.move_position(side, report, &spot);
        let (net_qty, entry_cost, realized_pnl) = (Qty::from_raw(self.held), self.cost, self.realized);
        let point = PositionPoint { strategy: SMA, instrument: BTCUSD, net_qty, entry_cost, realized_pnl };
        self.push(Event::PositionChanged(point));
    }

    fn move_position(&mut self, side: Side, report: &FillReport, spot: &Instrument) {
        let signed = report.last_qty.raw() * side.sign();
        let value = |raw: i64| spot.notional(report.last_px, Qty::from_raw(raw)).unwrap();
        let reducing = if self.held * signed < 0 { signed.abs().min(self.held.abs()) } else { 0 };
        if reducing > 0 {
            let released = self.cost.mul_div(reducing, self.held.abs()).unwrap();
            let out = value(-signed.signum() * reducing);
            self.realized = self.realized.checked_add(out.checked_sub(released).unwrap()).unwrap();
            self.cost = self.cost.checked_sub(released).unwrap();
        }
        let opening = signed - signed.signum() * reducing;
        self.cost = self.cost.checked_add(value(opening)).unwrap();
        self.held += signed;
    }

    /// A sample of equity now.
    pub fn equity(&mut self, equity: &str, max_drawdown: f64) {
        let equity = amount(equity);
        let ts_event = self.now();
        let (high, low, exposure) = (equity, equity, Amount::ZERO);
        self.push(Event::Equity(EquityPoint { ts_event, equity, high, low, exposure, max_drawdown }));
    }

    /// The last record.
    pub fn end(&mut self) {
        self.push(Event::RunEnded { inputs: self.input, ambiguous_bars: 3, warmup_denied: 0 });
    }
}

/// A busy run: an order each `every` minutes, equity once an hour.
pub fn busy(minutes: i64, every: i64) -> Journal {
    let mut journal = Journal::new();
    let mut side = Side::Buy;
    for minute in 1..=minutes {
        let wave = (minute as f64 / 20_000.0).sin() * 4_000.0 + (minute as f64 / 700.0).sin() * 600.0;
        journal.input(1);
        if minute % every == 0 {
            let price = format!("{:.2}", 42_000.0 + wave);
            let id = journal.order(side, "0.2");
            journal.fill(id, side, ("0.2", "0"), (&price, "4.2"));
            side = side.opposite();
        }
        if minute % 60 == 0 {
            let equity = format!("{:.2}", 10_000.0 + wave / 4.0 + minute as f64 / 300.0);
            journal.equity(&equity, 0.17);
        }
    }
    journal.end();
    journal
}
