use proptest::prelude::*;
use tapedeck_model::event::{DenyReason, LedgerAccount, PostingReason};
use tapedeck_model::market::RecordRef;
use tapedeck_model::order::{CancelReason, Evidence, FillBasis};
use tapedeck_model::{
    Amendment, ClientOrderId, DatedRules, FillReport, InstrumentId, Liquidity, OrderKind, OrderRequest, Price, Shows,
    Span, TradeId, Ts,
};

use super::*;

mod hedge;
mod oracle;

const USD: CurrencyIx = CurrencyIx(0);
const BTC: CurrencyIx = CurrencyIx(1);
const ETH: CurrencyIx = CurrencyIx(2);
const IX: InstrumentIx = InstrumentIx(0);
const ME: StrategyIx = StrategyIx(0);
const SPOT: AccountKind = AccountKind::Spot;

fn netting(leverage: i64) -> AccountKind {
    AccountKind::Netting { max_leverage: leverage * LEVERAGE_ONE }
}

/// `base/quote` with prices of 2 and quantities of 4 decimals.
fn instrument(ix: u16, kind: InstrumentKind, base: CurrencyIx, quote: CurrencyIx) -> Instrument {
    let rules = DatedRules {
        from: Ts::MIN,
        tick_size: Price::from_raw(1),
        lot_size: Qty::from_raw(1),
        qty_min: Qty::from_raw(1),
        qty_max: Qty::from_raw(i64::MAX),
        notional_min: Amount::ZERO,
    };
    Instrument {
        ix: InstrumentIx(ix),
        id: InstrumentId { venue: "SIM".to_owned(), symbol: format!("I{ix}") },
        kind,
        base,
        quote,
        settlement: quote,
        price_scale: 2,
        qty_scale: 4,
        multiplier: 1,
        multiplier_scale: 0,
        rules: vec![rules],
    }
}

fn spec(kind: AccountKind) -> AccountSpec {
    AccountSpec { kind, strategies: 2, base_currency: USD, currencies: 2 }
}

fn btcusd() -> Instrument {
    instrument(0, InstrumentKind::Spot, BTC, USD)
}

fn amount(text: &str) -> Amount {
    Amount::parse(text).unwrap()
}

fn px(text: &str) -> Price {
    Price::parse(text, 2).unwrap()
}

fn qty(text: &str) -> Qty {
    Qty::parse(text, 4).unwrap()
}

fn id(number: u32) -> ClientOrderId {
    ClientOrderId { strategy: ME, number }
}

fn side(text: &str) -> Side {
    if text == "buy" { Side::Buy } else { Side::Sell }
}

fn report(number: u32, last_px: Price, last_qty: Qty, (fee, fee_currency): (Amount, CurrencyIx)) -> FillReport {
    FillReport {
        client_order_id: id(number),
        trade_id: TradeId(1),
        last_px,
        last_qty,
        liquidity: Liquidity::Taker,
        fee,
        fee_currency,
        ts_event: Ts::from_nanos(0),
        evidence: Evidence {
            record: RecordRef::default(),
            basis: FillBasis::BarOpen,
            reference_px: last_px,
            slippage_px: Price::ZERO,
            impact_px: Price::ZERO,
            noise_px: Price::ZERO,
            available_qty: last_qty,
            queue_entry_qty: Qty::ZERO,
            queue_ahead_qty: Qty::ZERO,
        },
    }
}

/// An account with its instrument, its prices and everything that was applied to it.
struct Desk {
    instrument: Instrument,
    account: Account,
    marks: Marks,
    events: Vec<Event>,
}

impl Desk {
    fn new(kind: AccountKind, instrument: Instrument, deposits: &[(CurrencyIx, &str)]) -> Self {
        let instruments = std::slice::from_ref(&instrument);
        let (account, marks) =
            (Account::new(&spec(kind), instruments).unwrap(), Marks::new(&spec(kind), instruments).unwrap());
        let mut desk = Self { instrument, account, marks, events: Vec::new() };
        for (currency, text) in deposits {
            let lines = Account::deposit(*currency, amount(text)).unwrap();
            desk.apply(Event::Posted { reason: PostingReason::Deposit, lines });
        }
        desk
    }

    fn apply(&mut self, event: Event) {
        self.account.apply(&event).unwrap();
        self.events.push(event);
    }

    fn fill(&mut self, side: Side, report: &FillReport) -> FillEffects {
        let effects = self.account.effects_of_fill(ME, &self.instrument, side, report).unwrap();
        self.apply(Event::Posted { reason: PostingReason::Fill, lines: effects.lines });
        self.apply(Event::PositionChanged(effects.position));
        self.mark(report.last_px);
        effects
    }

    /// Funding of the whole position at a mark and a rate in units of 1e-12.
    fn fund(&mut self, mark_px: Price, rate: i64) {
        let net_qty = self.account.position(ME, IX).net_qty;
        let value = self.instrument.notional(mark_px, net_qty).unwrap();
        let paid = value.mul_div(rate, 1_000_000_000_000).unwrap();
        let (instrument, ts_event) = (IX, Ts::from_nanos(0));
        self.apply(Event::FundingPaid { strategy: Some(ME), instrument, ts_event, rate, mark_px, net_qty, paid });
        let lines = Account::funding(self.instrument.settlement, paid).unwrap();
        self.apply(Event::Posted { reason: PostingReason::Funding, lines });
    }

    fn mark(&mut self, px: Price) {
        self.marks.on_mark(IX, px.raw() * 2);
    }

    fn reserve(&self, request: &OrderRequest, replacing: Option<ClientOrderId>) -> Result<Reserve, DenyReason> {
        self.account.reserve_for(&ReserveQuery {
            before_qty: Qty::ZERO,
            now: Ts::MIN,
            request,
            instrument: &self.instrument,
            mark: px("100"),
            fee_rate_max: 1_000_000_000,
            fee_currency: None,
            replacing,
            equity: self.marks.equity(&self.account),
            gross_exposure: self.marks.exposure(&self.account),
            marks: &self.marks,
        })
    }

    fn submit(&mut self, number: u32, request: OrderRequest) -> Result<Reserve, DenyReason> {
        let reserve = self.reserve(&request, None)?;
        let Reserve { currency, amount: reserved } = reserve;
        self.apply(Event::Submitted { client_order_id: id(number), request, currency, reserved });
        Ok(reserve)
    }

    fn free(&self, currency: CurrencyIx) -> String {
        self.account.balance(currency).free().to_string()
    }

    /// The state equals the fold of its events, the ledger sums to zero, the aggregates are sums.
    fn check(&self, kind: AccountKind) {
        let mut fold = Account::new(&spec(kind), std::slice::from_ref(&self.instrument)).unwrap();
        self.events.iter().for_each(|event| fold.apply(event).unwrap());
        assert_eq!(fold, self.account);
        for currency in [USD, BTC] {
            let sum =
                LedgerAccount::ALL.iter().map(|column| self.account.ledger(*column, currency).raw()).sum::<i128>();
            assert_eq!(sum, 0);
        }
        assert_eq!(self.account.net_qty(IX), self.account.position(ME, IX).net_qty);
    }
}

/// A request from `side kind qty price...`.
fn request(row: &str) -> OrderRequest {
    let words: Vec<&str> = row.split_whitespace().collect();
    let price = |at: usize| px(words[at]);
    let kind = match words[1] {
        "market" => OrderKind::Market,
        "limit" => OrderKind::Limit { limit_px: price(3) },
        "stop" => OrderKind::Stop { trigger_px: price(3) },
        _ => OrderKind::StopLimit { trigger_px: price(3), limit_px: price(4) },
    };
    OrderRequest { kind, ..OrderRequest::market(IX, side(words[0]), qty(words[2])) }
}

/// Rows: order => what it reserves or why it is denied. The mark is 100, fees are at most 0.1 %.
fn check_reserves(desk: &Desk, table: &str) {
    for row in table.trim().lines() {
        let (order, expected) = row.split_once("=>").unwrap();
        let found = match desk.reserve(&request(order), None) {
            Ok(Reserve { currency, amount }) => format!("{amount} {}", if currency == USD { "USD" } else { "BTC" }),
            Err(reason) => reason.to_string(),
        };
        assert_eq!(found, expected.trim(), "{row}");
    }
}

#[test]
fn spot_orders_reserve_what_they_may_cost() {
    let desk = Desk::new(SPOT, btcusd(), &[(USD, "1001"), (BTC, "2")]);
    check_reserves(
        &desk,
        "
        buy  limit 10 100              => 1001 USD
        buy  limit 10.0001 100         => insufficient_funds
        buy  limit 5 120               => 600.6 USD
        buy  market 1                  => 101.101 USD
        buy  market 9.901              => insufficient_funds
        buy  stop 1 110                => 111.2111 USD
        buy  stop_limit 1 110 120      => 120.12 USD
        sell market 2                  => 2 BTC
        sell market 2.0001             => insufficient_funds
        sell limit 1.5 500             => 1.5 BTC
        sell limit 0 500               => invalid_order
        buy  limit 1 -5                => invalid_order
        buy  limit 900000000000000 90000000000000 => overflow
        ",
    );
}

#[test]
fn netting_orders_reserve_the_margin_of_what_increases() {
    let contract = instrument(0, InstrumentKind::Linear, BTC, USD);
    let mut desk = Desk::new(netting(2), contract, &[(USD, "1000")]);
    desk.mark(px("100"));
    check_reserves(
        &desk,
        "
        buy  limit 20 100      => 1000 USD
        buy  limit 20.0001 100 => insufficient_funds
        sell limit 20 100      => 1000 USD
        sell limit 20 50       => 1000 USD
        sell limit 10 110      => 550 USD
        buy  market 4          => 200 USD
        ",
    );
    desk.fill(Side::Buy, &report(1, px("100"), qty("12"), (Amount::ZERO, USD)));
    // Margin 600 is used; 12 can be sold freely, more is a new short.
    check_reserves(
        &desk,
        "
        buy  market 8      => 400 USD
        buy  market 8.0001 => insufficient_funds
        sell market 12     => 0 USD
        sell market 13     => 50 USD
        ",
    );
    // An order that only reduces passes whatever the equity.
    desk.mark(px("1"));
    check_reserves(&desk, "sell market 12 => 0 USD\nbuy market 1 => insufficient_funds");
    // Open orders on the same side reduce first.
    desk.mark(px("100"));
    desk.submit(2, request("sell limit 10 100")).unwrap();
    check_reserves(&desk, "sell limit 2 100 => 0 USD\nsell limit 3 100 => 50 USD");
    assert_eq!(desk.account.open_qty(IX, Side::Sell), qty("10"));
    desk.check(netting(2));
}

#[test]
fn a_reserve_for_what_opens_outlasts_the_fills_that_close() {
    let contract = instrument(0, InstrumentKind::Linear, BTC, USD);
    let mut desk = Desk::new(netting(2), contract, &[(USD, "10000")]);
    desk.mark(px("100"));
    desk.fill(Side::Buy, &report(1, px("100"), qty("10"), (Amount::ZERO, USD)));
    // 10 close the position, 5 open a short of 500: a margin of 250.
    desk.submit(2, request("sell limit 15 100")).unwrap();
    assert_eq!(desk.free(USD), "9750");
    let filled = |cum: &str, leaves: &str| Event::Filled {
        instrument: IX,
        deal: Side::Sell.into(),
        report: report(2, px("100"), qty("1"), (Amount::ZERO, USD)),
        cum_qty: qty(cum),
        leaves_qty: qty(leaves),
    };
    for (cum, leaves, free) in [("4", "11", "9750"), ("10", "5", "9750"), ("13", "2", "9900"), ("15", "0", "10000")] {
        desk.apply(filled(cum, leaves));
        assert_eq!(desk.free(USD), free, "with {cum} filled");
    }
    // A larger order opens more; the reserve grows with what it is for.
    desk.submit(3, request("sell limit 15 100")).unwrap();
    let larger = Amendment { order_qty: Some(qty("20")), ..Amendment::default() };
    desk.apply(Event::AmendSubmitted { client_order_id: id(3), amendment: larger });
    assert_eq!(desk.free(USD), "9500");
    desk.check(netting(2));
}

#[test]
fn reserves_follow_fills_changes_and_ends() {
    let mut desk = Desk::new(SPOT, btcusd(), &[(USD, "1001")]);
    desk.submit(1, request("buy limit 4 100")).unwrap();
    desk.submit(2, request("buy limit 1 100")).unwrap();
    assert_eq!(desk.free(USD), "500.5");
    assert_eq!((desk.account.open_orders(), desk.account.open_qty(IX, Side::Buy)), (2, qty("5")));
    let filled = |number, cum: &str, leaves: &str| Event::Filled {
        instrument: IX,
        deal: Side::Buy.into(),
        report: report(number, px("100"), qty("1"), (Amount::ZERO, USD)),
        cum_qty: qty(cum),
        leaves_qty: qty(leaves),
    };
    desk.apply(filled(1, "1", "3"));
    assert_eq!(desk.free(USD), "600.6");

    // A dearer change holds the larger reserve until the venue answers.
    let dearer = Amendment { order_qty: Some(qty("5")), limit_px: Some(px("120")), trigger_px: None };
    let whole = request("buy limit 5 120");
    assert_eq!(desk.reserve(&whole, Some(id(1))), Ok(Reserve { currency: USD, amount: amount("480.48") }));
    assert_eq!(desk.reserve(&request("buy limit 10 120"), Some(id(1))), Err(DenyReason::InsufficientFunds));
    desk.apply(Event::AmendSubmitted { client_order_id: id(1), amendment: dearer });
    assert_eq!(desk.free(USD), "420.42");
    desk.apply(Event::AmendRejected { client_order_id: id(1), reason: tapedeck_model::order::RejectReason::OffTick });
    assert_eq!(desk.free(USD), "600.6");
    desk.apply(Event::AmendSubmitted { client_order_id: id(1), amendment: dearer });
    desk.apply(Event::Replaced { client_order_id: id(1), order_qty: qty("5"), kind: whole.kind });
    assert_eq!((desk.free(USD), desk.account.open_qty(IX, Side::Buy)), ("420.42".to_owned(), qty("5")));

    let canceled = Event::Canceled { client_order_id: id(1), reason: CancelReason::Requested, canceled_qty: qty("4") };
    desk.apply(canceled.clone());
    desk.apply(canceled);
    desk.apply(filled(2, "1", "0"));
    assert_eq!((desk.free(USD), desk.account.open_orders()), ("1001".to_owned(), 0));
    assert_eq!(desk.account.open_qty(IX, Side::Buy), Qty::ZERO);
    desk.check(SPOT);
}

#[test]
fn what_does_not_balance_or_fit_is_an_error() {
    let mut desk = Desk::new(SPOT, btcusd(), &[(USD, "1")]);
    let mut lines = PostingLines::new();
    lines.push(LedgerAccount::Cash, USD, amount("1"));
    lines.push(LedgerAccount::Fees, BTC, amount("-1"));
    let posted = |lines| Event::Posted { reason: PostingReason::Fill, lines };
    assert!(matches!(desk.account.apply(&posted(lines)), Err(AccountError::Unbalanced { .. })));
    let mut lines = PostingLines::new();
    lines.push(LedgerAccount::Cash, USD, Amount::MAX);
    lines.push(LedgerAccount::Trading, USD, Amount::MAX.checked_neg().unwrap());
    assert!(matches!(desk.account.apply(&posted(lines)), Err(AccountError::Overflow { .. })));
    let huge = report(1, Price::from_raw(i64::MAX), Qty::from_raw(i64::MAX), (Amount::ZERO, USD));
    let effects = desk.account.effects_of_fill(ME, &desk.instrument, Side::Buy, &huge);
    assert!(matches!(effects, Err(AccountError::Overflow { .. })));
    let contract = instrument(0, InstrumentKind::Linear, BTC, USD);
    assert!(matches!(Account::new(&spec(SPOT), &[contract]), Err(AccountError::ContractOnSpot { .. })));
    assert!(matches!(Account::new(&spec(netting(0)), &[btcusd()]), Err(AccountError::Leverage)));
}

#[test]
fn currencies_are_converted_along_the_shortest_path() {
    let spot = |ix, base, quote| instrument(ix, InstrumentKind::Spot, base, quote);
    let spec = AccountSpec { currencies: 3, ..spec(SPOT) };
    // ETH -> BTC by the mark, BTC -> USD by the inverse of USD/BTC.
    let mut marks = Marks::new(&spec, &[spot(0, ETH, BTC), spot(1, USD, BTC)]).unwrap();
    assert_eq!(marks.to_base(amount("3"), USD), Some(amount("3")));
    marks.on_mark(InstrumentIx(0), 25);
    assert_eq!(marks.to_base(amount("3"), ETH), None);
    marks.on_mark(InstrumentIx(1), 3);
    // 0.125 BTC per ETH, 0.015 BTC per USD: 3 ETH = 0.375 BTC = 25 USD.
    assert_eq!(marks.to_base(amount("3"), ETH), Some(amount("25")));
    marks.on_mark(InstrumentIx(1), 0);
    assert_eq!(marks.to_base(amount("3"), BTC), None);

    // Two ways of equal length: the first instrument's is taken. A direct one beats both.
    let mut marks = Marks::new(&spec, &[spot(0, BTC, USD), spot(1, BTC, USD), spot(2, ETH, USD)]).unwrap();
    marks.on_mark(InstrumentIx(0), 200);
    marks.on_mark(InstrumentIx(1), 400);
    assert_eq!(marks.to_base(amount("1"), BTC), Some(amount("1")));

    let missing = Marks::new(&spec, &[spot(0, BTC, USD)]).map(|_| ());
    assert_eq!(missing, Err(AccountError::NoConversion { currency: ETH }));
    // A contract on ETH that settles in USD needs no way from ETH.
    let quanto = Instrument { settlement: USD, ..instrument(0, InstrumentKind::Linear, ETH, BTC) };
    assert!(Marks::new(&AccountSpec { kind: netting(1), ..spec }, &[quanto]).is_ok());
}

#[test]
fn strategies_have_their_own_positions_in_one_account() {
    let mut desk = Desk::new(netting(1), instrument(0, InstrumentKind::Linear, BTC, USD), &[(USD, "1000")]);
    assert!(desk.account.is_flat());
    desk.fill(Side::Buy, &report(1, px("100"), qty("3"), (Amount::ZERO, USD)));
    let sold = report(2, px("110"), qty("3"), (Amount::ZERO, USD));
    let other = StrategyIx(1);
    let effects = desk.account.effects_of_fill(other, &desk.instrument, Side::Sell, &sold).unwrap();
    assert!(effects.lines.as_slice().is_empty());
    desk.apply(Event::PositionChanged(effects.position));
    assert_eq!(desk.account.net_qty(IX), Qty::ZERO);
    assert_eq!(desk.account.position(other, IX).net_qty, qty("-3"));
    // Long from 100, short from 110: 30 whatever the price; not flat, but not exposed.
    assert_eq!(desk.marks.equity(&desk.account), Some(amount("1030")));
    assert_eq!(desk.marks.exposure(&desk.account), Some(Amount::ZERO));
    assert!(!desk.account.is_flat());
}

#[test]
fn equity_is_sampled_at_multiples_and_falls_are_measured_at_every_mark() {
    let minute = |n: i64| Ts::from_nanos(n * Span::MINUTE.nanos());
    let mut track = EquityTrack::new(minute(30), Span::HOUR);
    // Rows: minute, equity, boundary due before it (minute).
    for (at, equity, due) in [
        (31, "100", None),
        (60, "120", None),
        (61, "90", Some(60)),
        (62, "130", None),
        (200, "125", Some(180)),
        (240, "117", None),
        (241, "140", Some(240)),
    ] {
        assert_eq!(track.due(minute(at)), due.map(minute), "minute {at}");
        if let Some(boundary) = due {
            let (equity, high, low, drawdown) = match boundary {
                60 => ("120", "120", "100", 0.0),
                180 => ("130", "130", "90", 0.25),
                _ => ("117", "130", "117", 0.25),
            };
            let point = track.sample(minute(boundary), amount(equity), Amount::ZERO);
            assert_eq!((point.high, point.low), (amount(high), amount(low)), "minute {boundary}");
            assert_eq!(point.max_drawdown, drawdown);
            assert_eq!(track.due(minute(boundary)), None);
        }
        track.observe(amount(equity));
    }
    // From the peak of 140.
    track.observe(amount("70"));
    assert_eq!(track.max_drawdown(), 0.5);
}

#[derive(Debug, Clone)]
struct Trade {
    buy: bool,
    px: i64,
    qty: i64,
    fee_base: bool,
    rate: i64,
}

fn trades() -> impl Strategy<Value = Vec<Trade>> {
    let trade = (any::<bool>(), 1_i64..2_000_000, 1_i64..5_000_000, any::<bool>(), -500_i64..2_000)
        .prop_map(|(buy, px, qty, fee_base, rate)| Trade { buy, px, qty, fee_base, rate });
    prop::collection::vec(trade, 1..40)
}

/// The fee of a trade: `rate` in units of 1e-6 of what is received or paid.
fn fee(instrument: &Instrument, trade: &Trade) -> (Amount, CurrencyIx) {
    let (px, qty) = (Price::from_raw(trade.px), Qty::from_raw(trade.qty));
    let (whole, currency) =
        if trade.fee_base { (instrument.base_amount(qty), BTC) } else { (instrument.notional(px, qty), USD) };
    (whole.unwrap().mul_div(trade.rate, 1_000_000).unwrap(), currency)
}

proptest! {
    /// Cash and positions at the mark equal the plain sum of all flows, to the last digit.
    #[test]
    fn nothing_is_lost_over_random_fills(trades in trades(), spot in any::<bool>(), mark in 1_i64..3_000_000) {
        let kind = if spot { SPOT } else { netting(3) };
        let mut desk = Desk::new(kind, btcusd(), &[(USD, "1000000")]);
        let (mut usd, mut btc, mut net) = (amount("1000000").raw(), 0_i128, 0_i64);
        for (number, trade) in (1..).zip(&trades) {
            let (px, qty) = (Price::from_raw(trade.px), Qty::from_raw(trade.qty));
            let side = if trade.buy { Side::Buy } else { Side::Sell };
            let (fee, currency) = fee(&desk.instrument, trade);
            desk.fill(side, &report(number, px, qty, (fee, currency)));
            net += side.sign() * trade.qty;
            usd -= i128::from(side.sign()) * desk.instrument.notional(px, qty).unwrap().raw();
            *(if currency == USD { &mut usd } else { &mut btc }) -= fee.raw();
            desk.check(kind);
        }
        desk.mark(Price::from_raw(mark));
        prop_assert_eq!(desk.account.net_qty(IX).raw(), net);
        // Raw BTC is 1e-24, a price 1e-2.
        let value = |btc: i128| tapedeck_model::number::div_half_even(btc * i128::from(mark), 100);
        let held = i128::from(net) * tapedeck_model::number::pow10(20);
        let expected = if spot { usd + value(held + btc) } else { usd + value(held) + value(btc) };
        prop_assert_eq!(desk.marks.equity(&desk.account).map(Amount::raw), Some(expected));
    }

    /// Orders that were let through, filled at their limit or better: no spot balance goes below zero.
    #[test]
    fn spot_balances_stay_above_zero_within_reserves(trades in trades(), steps in prop::collection::vec(0_usize..4, 40)) {
        let mut desk = Desk::new(SPOT, btcusd(), &[(USD, "500000"), (BTC, "100")]);
        let mut open: Vec<(u32, OrderRequest, i64)> = Vec::new();
        for ((number, trade), step) in (1..).zip(&trades).zip(steps) {
            let side = if trade.buy { Side::Buy } else { Side::Sell };
            let limit_px = Price::from_raw(trade.px);
            let request = OrderRequest::limit(IX, side, Qty::from_raw(trade.qty), limit_px);
            if desk.submit(number, request).is_ok() {
                open.push((number, request, 0));
            }
            if step == 0 && !open.is_empty() {
                let (number, request, cum) = open.remove(open.len() / 2);
                let canceled_qty = Qty::from_raw(request.order_qty.raw() - cum);
                desk.apply(Event::Expired { client_order_id: id(number), canceled_qty });
            } else if let Some((number, request, cum)) = open.first_mut() {
                let leaves = request.order_qty.raw() - *cum;
                let qty = if step == 1 { leaves } else { (leaves / 2).max(1) };
                *cum += qty;
                let side = request.side;
                let last_px = limit_px_of(request);
                let fee = desk.instrument.notional(last_px, Qty::from_raw(qty)).unwrap().mul_div(1, 1000).unwrap();
                let report = report(*number, last_px, Qty::from_raw(qty), (fee, USD));
                let (cum_qty, leaves_qty) = (Qty::from_raw(*cum), Qty::from_raw(leaves - qty));
                desk.apply(Event::Filled { instrument: IX, deal: side.into(), report, cum_qty, leaves_qty });
                desk.fill(side, &report);
                if leaves == qty {
                    open.remove(0);
                }
            }
            for currency in [USD, BTC] {
                let balance = desk.account.balance(currency);
                prop_assert!(balance.total >= Amount::ZERO && balance.reserved >= Amount::ZERO);
                prop_assert!(balance.free() >= Amount::ZERO, "{balance:?}");
            }
            prop_assert_eq!(desk.account.open_orders() as usize, open.len());
        }
        for (number, request, cum) in open {
            let canceled_qty = Qty::from_raw(request.order_qty.raw() - cum);
            let reason = CancelReason::RunEnded;
            desk.apply(Event::Canceled { client_order_id: id(number), reason, canceled_qty });
        }
        prop_assert_eq!([USD, BTC].map(|c| desk.account.balance(c).reserved), [Amount::ZERO; 2]);
        desk.check(SPOT);
    }
}

fn limit_px_of(request: &OrderRequest) -> Price {
    request.kind.limit_px().unwrap()
}

/// Contracts of 100 USD, settled in BTC.
fn inverse() -> Instrument {
    let contract = instrument(0, InstrumentKind::Inverse, BTC, USD);
    Instrument { settlement: BTC, multiplier: 100, qty_scale: 0, ..contract }
}

/// By hand: 10 contracts at 100 are 10 BTC, sold at 125 they are 8: 2 BTC are earned.
#[test]
fn an_inverse_contract_earns_in_its_base() {
    let mut desk = Desk::new(netting(10), inverse(), &[(BTC, "20")]);
    let lots = |count: i64| Qty::from_raw(count);
    desk.fill(Side::Buy, &report(1, px("100"), lots(10), (amount("0.01"), BTC)));
    desk.mark(px("80"));
    // 10 x 100 x (1/100 - 1/80) = -2.5 BTC; 19.99 - 2.5 at a price of 80.
    assert_eq!(desk.marks.equity(&desk.account), Some(amount("1399.2")));
    assert_eq!(desk.marks.exposure(&desk.account), Some(amount("1000")));
    let effects = desk.fill(Side::Sell, &report(2, px("125"), lots(15), (Amount::ZERO, BTC)));
    assert_eq!(effects.closed_pnl, Some(amount("2")));
    let position = desk.account.position(ME, IX);
    assert_eq!((position.net_qty, position.entry_cost), (lots(-5), amount("-4")));
    assert_eq!(desk.account.balance(BTC).total, amount("21.99"));
    // Short 5 at 125, marked at 100: 5 x 100 x (1/100 - 1/125) = 1 for us; 22.99 at a price of 100.
    desk.mark(px("100"));
    assert_eq!(desk.marks.equity(&desk.account), Some(amount("2299")));
    desk.check(netting(10));
}

proptest! {
    /// Whatever is rounded on the way, cash is deposits plus what was realised, and a position that is closed
    /// has realised what all its fills were worth.
    #[test]
    fn nothing_of_an_inverse_position_is_lost(
        fills in proptest::collection::vec((1_i64..1_000, 1_i64..100_000, any::<bool>()), 1..20)
    ) {
        let mut desk = Desk::new(netting(1000), inverse(), &[(BTC, "1000000")]);
        let mut value = 0_i128;
        let mut fill = |desk: &mut Desk, number: usize, (qty, at, buys): (i64, i64, bool)| {
            let side = if buys { Side::Buy } else { Side::Sell };
            let (last_px, last_qty) = (Price::from_raw(at), Qty::from_raw(qty));
            value += desk.instrument.notional(last_px, last_qty).unwrap().raw() * i128::from(side.sign());
            desk.fill(side, &report(number as u32 + 1, last_px, last_qty, (Amount::ZERO, BTC)));
        };
        for (number, given) in fills.iter().enumerate() {
            fill(&mut desk, number, *given);
        }
        let net = desk.account.position(ME, IX).net_qty.raw();
        if net != 0 {
            fill(&mut desk, fills.len(), (net.abs(), 777, net < 0));
        }
        let position = desk.account.position(ME, IX);
        prop_assert_eq!(position.entry_cost, Amount::ZERO);
        // A fill that reverses is worth two parts, each rounded by itself.
        prop_assert!((position.realized_pnl.raw() - value).abs() <= fills.len() as i128);
        let deposit = amount("1000000");
        prop_assert_eq!(desk.account.balance(BTC).total, deposit.checked_add(position.realized_pnl).unwrap());
        desk.check(netting(1000));
    }
}

#[test]
fn from_its_first_mark_price_on_an_instrument_is_valued_at_it() {
    let contract = instrument(0, InstrumentKind::Linear, BTC, USD);
    let mut desk = Desk::new(netting(2), contract, &[(USD, "1000")]);
    desk.fill(Side::Buy, &report(1, px("100"), qty("2"), (Amount::ZERO, USD)));
    let equity = |desk: &Desk| desk.marks.equity(&desk.account).unwrap().to_string();
    desk.mark(px("110"));
    assert_eq!(equity(&desk), "1020");
    desk.marks.on_price(IX, 2 * px("105").raw(), Shows::Mark);
    assert_eq!(equity(&desk), "1010");
    desk.mark(px("120"));
    desk.marks.on_price(IX, 0, Shows::Nothing);
    assert_eq!(equity(&desk), "1010");
    assert_eq!(desk.marks.exposure(&desk.account), Some(amount("210")));
}
