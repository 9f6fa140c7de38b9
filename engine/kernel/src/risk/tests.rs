use proptest::prelude::*;
use tapedeck_model::number::parse_decimal;
use tapedeck_model::{
    CurrencyIx, DatedRules, Instrument, InstrumentId, InstrumentIx, InstrumentKind, OrderKind, ParamKind, ParamValue,
    Params, Price, Span,
};

use super::*;

const ME: StrategyIx = StrategyIx(0);
const OTHER: StrategyIx = StrategyIx(1);

fn instrument() -> Instrument {
    let rules = DatedRules {
        from: Ts::MIN,
        tick_size: Price::from_raw(1),
        lot_size: Qty::from_raw(5),
        qty_min: Qty::from_raw(10),
        qty_max: Qty::from_raw(i64::MAX),
        notional_min: Amount::ZERO,
    };
    Instrument {
        ix: InstrumentIx(0),
        id: InstrumentId { venue: "SIM".to_owned(), symbol: "X".to_owned() },
        kind: InstrumentKind::Linear,
        base: CurrencyIx(1),
        quote: CurrencyIx(0),
        settlement: CurrencyIx(0),
        price_scale: 2,
        qty_scale: 1,
        multiplier: 1,
        multiplier_scale: 0,
        rules: vec![rules],
    }
}

fn amount(text: &str) -> Amount {
    Amount::parse(text).unwrap()
}

fn qty(text: &str) -> Qty {
    Qty::parse(text, 1).unwrap()
}

fn at(text: &str) -> Ts {
    text.parse().unwrap()
}

/// A value as the scenario loader would read it for this parameter.
fn value(kind: ParamKind, text: &str) -> ParamValue {
    match kind {
        ParamKind::Int { .. } => ParamValue::Int(text.parse().unwrap()),
        ParamKind::Decimal { .. } => ParamValue::Decimal(parse_decimal(text).unwrap()),
        ParamKind::Bool => ParamValue::Bool(text == "true"),
        ParamKind::Span => ParamValue::Span(text.parse().unwrap()),
        ParamKind::Texts => ParamValue::Texts(text.split(',').map(str::to_owned).collect()),
        ParamKind::Text | ParamKind::Choice(_) => ParamValue::Text(text.to_owned()),
        ParamKind::Time | ParamKind::DecimalList { .. } | ParamKind::Decimals | ParamKind::TextMap => {
            panic!("no rule has such a parameter")
        }
    }
}

/// A slot from `rule key=value ...`, defaults filled in from the table.
fn try_slot(text: &str, scope: Option<StrategyIx>) -> Result<RiskSlot, tapedeck_model::ParamError> {
    let mut words = text.split_whitespace();
    let name = words.next().unwrap();
    let component = components().iter().find(|component| component.name == name).unwrap();
    let given: Vec<(&str, &str)> = words.map(|word| word.split_once('=').unwrap()).collect();
    let mut params = Params::new();
    for spec in component.params {
        let written = given.iter().find(|(key, _)| *key == spec.name).map(|(_, text)| *text).or(spec.default);
        if let Some(text) = written {
            params.insert(spec.name, value(spec.kind, text));
        }
    }
    for (key, _) in given {
        assert!(component.params.iter().any(|spec| spec.name == key), "{name} has no {key}");
    }
    Ok(RiskSlot { name: name.to_owned(), scope, rule: (component.build)(&params, scope)? })
}

fn slot(text: &str) -> RiskSlot {
    try_slot(text, None).unwrap()
}

fn chain(rules: &[&str]) -> RiskChain {
    RiskChain::new(rules.iter().map(|text| slot(text)).collect())
}

/// What surrounds an order in the tables below. Price 100, money 1:1.
#[derive(Clone, Copy)]
struct Around {
    now: Ts,
    strategy: StrategyIx,
    net: Qty,
    open_buy: Qty,
    open_sell: Qty,
    open_orders: u32,
    own: Qty,
}

const NOTHING: Around = Around {
    now: Ts::from_nanos(0),
    strategy: ME,
    net: Qty::ZERO,
    open_buy: Qty::ZERO,
    open_sell: Qty::ZERO,
    open_orders: 0,
    own: Qty::ZERO,
};

type Verdict = Result<Approved, (DenyReason, Option<RuleIx>)>;

fn check(chain: &mut RiskChain, request: &OrderRequest, around: Around) -> (Verdict, Vec<Event>) {
    let instrument = instrument();
    let mark = Price::from_raw(10_000);
    let worst = request.kind.limit_px().unwrap_or(mark);
    let held = Qty::from_raw(around.net.raw().abs());
    let query = RiskQuery {
        now: around.now,
        strategy: around.strategy,
        request,
        instrument: &instrument,
        mark,
        net_qty: around.net,
        open_buy_qty: around.open_buy,
        open_sell_qty: around.open_sell,
        notional: instrument.notional(worst, request.order_qty).unwrap(),
        gross_exposure: instrument.notional(mark, held).unwrap(),
        open_exposure: Amount::ZERO,
        open_orders: around.open_orders,
        orders_ahead: 0,
        equity: amount("10000"),
    };
    let id = ClientOrderId { strategy: around.strategy, number: 1 };
    let mut events = Vec::new();
    let verdict = chain.check(query, id, around.own, &mut |event| events.push(event));
    (verdict, events)
}

/// A request from `side qty [limit|stop price] [ro]`.
fn request(text: &str) -> OrderRequest {
    let words: Vec<&str> = text.split_whitespace().collect();
    let side = if words[0] == "buy" { Side::Buy } else { Side::Sell };
    let px = || Price::parse(words[3], 2).unwrap();
    let kind = match words.get(2) {
        Some(&"limit") => OrderKind::Limit { limit_px: px() },
        Some(&"stop") => OrderKind::Stop { trigger_px: px() },
        _ => OrderKind::Market,
    };
    let reduce_only = words.last() == Some(&"ro");
    OrderRequest { kind, reduce_only, ..OrderRequest::market(InstrumentIx(0), side, qty(words[1])) }
}

fn word(verdict: &Verdict) -> String {
    match verdict {
        Ok(approved) => approved.request().order_qty.display(1),
        Err((DenyReason::RiskRule, _)) => "deny".to_owned(),
        Err((reason, _)) => reason.to_string(),
    }
}

/// Rows: `order @ net open_buy open_sell => approved quantity or deny`.
fn check_table(rule: &str, table: &str) {
    let mut chain = chain(&[rule]);
    for row in table.trim().lines() {
        let (left, expected) = row.split_once("=>").unwrap();
        let (order, position) = left.split_once('@').unwrap();
        let held: Vec<Qty> = position.split_whitespace().map(qty).collect();
        let around = Around { net: held[0], open_buy: held[1], open_sell: held[2], ..NOTHING };
        let (verdict, events) = check(&mut chain, &request(order), around);
        assert_eq!(word(&verdict), expected.trim(), "{rule}: {row}");
        assert_eq!(events.len(), 1, "one verdict is recorded");
    }
}

#[test]
fn max_order_qty() {
    check_table(
        "max_order_qty limit=5.7",
        "
        buy  5.5     @ 0 0 0  => 5.5
        buy  5.7     @ 0 0 0  => 5.7
        sell 5.8     @ 0 0 0  => deny
        sell 9    ro @ 9 0 0  => 9
        sell 9.1  ro @ 9 0 0  => deny
        ",
    );
    // Cut to the lot of 0.5; below the smallest quantity of 1 there is nothing to cut to.
    check_table("max_order_qty limit=5.7 shrink=true", "buy 5.8 @ 0 0 0 => 5.5\nbuy 5.6 @ 0 0 0 => 5.6");
    check_table("max_order_qty limit=0.9 shrink=true", "buy 5.8 @ 0 0 0 => deny\nbuy 0.9 @ 0 0 0 => 0.9");
}

#[test]
fn max_order_notional() {
    check_table(
        "max_order_notional limit=570",
        "
        buy  5.7            @ 0 0 0  => 5.7
        buy  5.8            @ 0 0 0  => deny
        buy  5.8 limit 98   @ 0 0 0  => 5.8
        buy  5.8 limit 99   @ 0 0 0  => deny
        sell 9   ro         @ 9 0 0  => 9
        ",
    );
    check_table("max_order_notional limit=570 shrink=true", "buy 20 @ 0 0 0 => 5.5\nbuy 20 limit 50 @ 0 0 0 => 11");
    check_table("max_order_notional limit=99 shrink=true", "buy 20 @ 0 0 0 => deny");
}

#[test]
fn max_position() {
    check_table(
        "max_position limit=10",
        "
        buy  10     @ 0 0 0    => 10
        buy  10.1   @ 0 0 0    => deny
        buy  4      @ 3 3 9    => 4
        buy  4.1    @ 3 3 9    => deny
        sell 4      @ -3 9 3   => 4
        sell 4.1    @ -3 9 3   => deny
        sell 15     @ 15 0 0   => 15
        sell 25     @ 15 0 0   => 25
        sell 25.1   @ 15 0 0   => deny
        buy  1      @ 15 0 0   => deny
        ",
    );
    check_table(
        "max_position limit=10 shrink=true",
        "
        buy  10.1   @ 0 0 0    => 10
        buy  20     @ 3.2 3 0  => 3.5
        sell 30     @ 15 0 0   => 25
        sell 4.1    @ -3 9 3   => 4
        buy  1      @ 9.5 0 0  => deny
        buy  1      @ 15 0 0   => deny
        ",
    );
}

#[test]
fn max_gross_exposure() {
    check_table(
        "max_gross_exposure limit=1000",
        "
        buy  10           @ 0 0 0   => 10
        buy  10.1         @ 0 0 0   => deny
        buy  10.1 limit 99 @ 0 0 0  => 10.1
        buy  6            @ 4 0 0   => 6
        buy  6            @ 4 0.1 0 => deny
        sell 14           @ 4 0 0   => 14
        sell 14.1         @ 4 0 0   => deny
        sell 30           @ 15 0 0  => 30
        buy  1            @ 15 0 0  => deny
        ",
    );
    check_table(
        "max_gross_exposure limit=1000 shrink=true",
        "
        buy  30   @ 0 0 0   => 10
        buy  30   @ 4 1 0   => 5
        sell 30   @ 4 0 0   => 14
        buy  1    @ 15 0 0  => deny
        ",
    );
}

#[test]
fn price_collar() {
    check_table(
        "price_collar bps=50",
        "
        buy  1               @ 0 0 0  => 1
        buy  1 limit 100.5   @ 0 0 0  => 1
        buy  1 limit 100.51  @ 0 0 0  => deny
        buy  1 limit 99.5    @ 0 0 0  => 1
        buy  1 limit 99.49   @ 0 0 0  => deny
        sell 1 stop  99.49   @ 0 0 0  => deny
        ",
    );
    check_table(
        "price_collar bps=50 direction=worse",
        "
        buy  1 limit 50      @ 0 0 0  => 1
        buy  1 limit 100.51  @ 0 0 0  => deny
        sell 1 limit 500     @ 0 0 0  => 1
        sell 1 limit 99.49   @ 0 0 0  => deny
        ",
    );
}

#[test]
fn order_rate_slides() {
    let mut chain = chain(&["order_rate count=2 interval=10s"]);
    let second = |n: i64| Ts::from_nanos(n * Span::SECOND.nanos());
    // Rows: second, whether the order passes (and is sent).
    for (at, passes) in [(0, true), (5, true), (9, false), (10, true), (14, false), (15, true), (16, false), (40, true)]
    {
        let around = Around { now: second(at), net: qty("9"), ..NOTHING };
        let (verdict, _) = check(&mut chain, &request("buy 1"), around);
        assert_eq!(verdict.is_ok(), passes, "second {at}");
        assert!(check(&mut chain, &request("sell 9 ro"), around).0.is_ok());
        if passes {
            let sent = RiskObservation::Sent { now: second(at), strategy: ME };
            assert!(chain.observe(&sent, &mut |_| panic!("no halt")).is_empty());
        }
    }
}

#[test]
fn max_open_orders() {
    let mut chain = chain(&["max_open_orders limit=3"]);
    for (open_orders, passes) in [(0, true), (2, true), (3, false)] {
        let around = Around { open_orders, ..NOTHING };
        assert_eq!(check(&mut chain, &request("buy 1"), around).0.is_ok(), passes);
    }
}

#[test]
fn trading_hours() {
    // 2022-01-03 is a Monday.
    let rows = [
        ("from=09:30 to=16:00 weekdays=mon,tue,wed,thu,fri", "2022-01-03T09:30:00", true),
        ("from=09:30 to=16:00 weekdays=mon,tue,wed,thu,fri", "2022-01-03T09:29:59.999", false),
        ("from=09:30 to=16:00 weekdays=mon,tue,wed,thu,fri", "2022-01-03T16:00:00", false),
        ("from=09:30 to=16:00 weekdays=mon,tue,wed,thu,fri", "2022-01-08T12:00:00", false),
        ("from=22:00 to=02:00 weekdays=fri", "2022-01-07T23:00:00", true),
        ("from=22:00 to=02:00 weekdays=fri", "2022-01-08T01:59:59", true),
        ("from=22:00 to=02:00 weekdays=fri", "2022-01-08T02:00:00", false),
        ("from=22:00 to=02:00 weekdays=fri", "2022-01-07T01:00:00", false),
        ("weekdays=sat,sun", "2022-01-08T00:00:00", true),
        ("weekdays=sat,sun", "2022-01-10T00:00:00", false),
    ];
    for (params, now, open) in rows {
        let mut chain = chain(&[&format!("trading_hours {params}")]);
        let around = Around { now: at(now), net: qty("5"), ..NOTHING };
        assert_eq!(check(&mut chain, &request("sell 6"), around).0.is_ok(), open, "{params} at {now}");
        assert!(check(&mut chain, &request("sell 6 ro"), around).0.is_ok());
        assert!(check(&mut chain, &request("sell 5"), around).0.is_ok());
    }
    for bad in ["from=9:30", "from=25:00", "to=12:60", "from=10:00 to=10:00", "weekdays=monday", "from=24:00 to=10:00"]
    {
        assert!(try_slot(&format!("trading_hours {bad}"), None).is_err(), "{bad}");
    }
}

/// Feeds equity in rows `time equity halted?` and checks which one halts.
fn check_equity(rule: &str, rows: &[(&str, &str, bool)]) {
    let mut chain = chain(&[rule]);
    assert!(chain.watches_equity());
    for (now, equity, halts) in rows {
        let mut recorded = 0;
        let seen = RiskObservation::Equity { now: at(now), equity: amount(equity) };
        let raised = chain.observe(&seen, &mut |_| recorded += 1).len();
        assert_eq!((raised, recorded), (usize::from(*halts), usize::from(*halts)), "{rule}: {now} {equity}");
    }
}

#[test]
fn daily_loss_opens_each_day_with_the_last_equity() {
    let days = [
        ("2022-01-01T10:00:00", "1000", false),
        ("2022-01-01T11:00:00", "1100", false),
        ("2022-01-01T12:00:00", "900.01", false),
        ("2022-01-01T13:00:00", "900", true),
        ("2022-01-01T14:00:00", "800", false),
        // The second day opens with 800.
        ("2022-01-02T00:00:00", "721", false),
        ("2022-01-02T01:00:00", "700", true),
    ];
    check_equity("daily_loss limit=100", &days);
    let mut by_fraction = days;
    by_fraction[5] = ("2022-01-02T00:00:00", "720", true);
    by_fraction[6].2 = false;
    check_equity("daily_loss fraction=0.1", &by_fraction);
    for bad in ["", "limit=0", "limit=1 fraction=0.1", "limit=1 action=panic"] {
        assert!(try_slot(&format!("daily_loss {bad}"), None).is_err(), "{bad}");
    }
}

#[test]
fn drawdown_halts_once_and_for_good() {
    check_equity(
        "drawdown fraction=0.2",
        &[
            ("2022-01-01", "1000", false),
            ("2022-01-02", "801", false),
            ("2022-01-03", "2000", false),
            ("2022-01-04", "1600.01", false),
            ("2022-01-05", "1600", true),
            ("2022-01-06", "10", false),
            ("2022-01-07", "3000", false),
            ("2022-01-08", "10", false),
        ],
    );
}

#[test]
fn while_halted_only_what_reduces_passes() {
    let mut chain = RiskChain::new(vec![
        slot("max_order_qty limit=100"),
        slot("drawdown fraction=0.5 action=flatten"),
        try_slot("losing_streak count=2 pause=1h", Some(OTHER)).unwrap(),
    ]);
    let closed = |now: &str, strategy, pnl: &str| RiskObservation::Closed { now: at(now), strategy, pnl: amount(pnl) };
    let mut recorded = Vec::new();
    let mut record = |event: Event| recorded.push(event);
    for (now, strategy, pnl) in [
        ("2022-01-01T00:00:00", OTHER, "-1"),
        ("2022-01-01T00:01:00", OTHER, "0"),
        ("2022-01-01T00:02:00", OTHER, "-1"),
        ("2022-01-01T00:03:00", ME, "-1"),
    ] {
        assert!(chain.observe(&closed(now, strategy, pnl), &mut record).is_empty());
    }
    let raised = chain.observe(&closed("2022-01-01T00:04:00", OTHER, "-0.01"), &mut record).to_vec();
    assert_eq!(raised.len(), 1);
    assert_eq!((raised[0].rule, raised[0].strategy, raised[0].action), (RuleIx(2), Some(OTHER), HaltAction::Cancel));

    let around = Around { now: at("2022-01-01T01:00:00"), strategy: OTHER, own: qty("-5"), ..NOTHING };
    let halted = Err((DenyReason::Halted, Some(RuleIx(2))));
    assert_eq!(check(&mut chain, &request("sell 1"), around), (halted, Vec::new()));
    assert_eq!(check(&mut chain, &request("buy 5.5"), around).0, halted);
    assert_eq!(word(&check(&mut chain, &request("buy 5"), around).0), "5");
    assert_eq!(word(&check(&mut chain, &request("buy 5.5"), Around { net: qty("-9"), ..around }).0), "5.5");
    assert_eq!(word(&check(&mut chain, &request("sell 1"), Around { strategy: ME, ..around }).0), "1");

    // The pause ends by itself, with a record; the drawdown's halt never does.
    for (now, resumed) in [("2022-01-01T01:03:59", 0), ("2022-01-01T01:04:00", 1), ("2022-01-01T01:05:00", 0)] {
        let mut said = Vec::new();
        chain.tick(at(now), &mut |event| said.push(event.text()));
        assert_eq!(said, vec!["resumed"; resumed], "{now}");
    }
    assert!(check(&mut chain, &request("sell 1"), around).0.is_ok());
    for (now, equity) in [("2022-01-02T00:00:00", "100"), ("2022-01-02T00:01:00", "50")] {
        chain.observe(&RiskObservation::Equity { now: at(now), equity: amount(equity) }, &mut record);
    }
    chain.tick(Ts::MAX, &mut record);
    let found = chain.halted(at("2262-01-01"), ME).unwrap();
    assert_eq!((found.rule, found.strategy, found.action), (RuleIx(1), None, HaltAction::Flatten));
    assert_eq!(recorded.iter().map(Event::text).collect::<Vec<_>>(), ["halted", "halted"]);
}

#[test]
fn the_chain_keeps_its_order_and_later_rules_see_the_cut_order() {
    let mut rules = chain(&["max_order_qty limit=8 shrink=true", "max_order_notional limit=500 shrink=true"]);
    let (verdict, events) = check(&mut rules, &request("buy 20"), NOTHING);
    assert_eq!(word(&verdict), "5");
    let seen: Vec<_> = events
        .iter()
        .map(|event| match event {
            Event::RiskChecked { rule, decision, value, limit, .. } => {
                format!("{} {decision} {value} {limit}", rule.0)
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(seen, ["0 shrink 20 8", "1 shrink 800 500"]);

    // A denial ends the walk; a rule of another strategy does not look.
    let mut rules = RiskChain::new(vec![
        try_slot("max_order_qty limit=1", Some(OTHER)).unwrap(),
        slot("max_order_qty limit=8"),
        slot("max_order_notional limit=500"),
    ]);
    let (verdict, events) = check(&mut rules, &request("buy 20"), NOTHING);
    assert_eq!((verdict, events.len()), (Err((DenyReason::RiskRule, Some(RuleIx(1)))), 1));
    assert_eq!(rules.names().collect::<Vec<_>>(), ["max_order_qty", "max_order_qty", "max_order_notional"]);
    assert!(!rules.watches_equity() && !rules.is_empty());
}

#[test]
fn every_default_and_bound_can_be_read() {
    for component in components() {
        assert!(!component.help.is_empty());
        for spec in component.params {
            if let Some(default) = spec.default {
                value(spec.kind, default);
            }
            if let ParamKind::Decimal { min, max } = spec.kind {
                assert!(parse_decimal(min).unwrap() < parse_decimal(max).unwrap());
            }
        }
    }
    assert_eq!(components().len(), 12);
}

proptest! {
    /// What is approved never exceeds what was asked for, is on the lot when cut, and keeps every limit.
    #[test]
    fn approved_orders_keep_the_limits(
        asked in 1_i64..10_000, net in -500_i64..500, open in 0_i64..300, limits in prop::array::uniform4(1_i64..1_000),
        buy in any::<bool>(), limit_px in 1_i64..20_000,
    ) {
        let [order, notional, position, gross] = limits;
        let mut chain = chain(&[
            &format!("max_order_qty limit={order} shrink=true"),
            &format!("max_order_notional limit={}.37 shrink=true", notional * 100),
            &format!("max_position limit={position} shrink=true"),
            &format!("max_gross_exposure limit={}.37 shrink=true", gross * 100),
        ]);
        let side = if buy { Side::Buy } else { Side::Sell };
        let request = OrderRequest::limit(InstrumentIx(0), side, Qty::from_raw(asked), Price::from_raw(limit_px));
        let around = Around { net: Qty::from_raw(net), open_buy: Qty::from_raw(open), open_sell: Qty::from_raw(open), ..NOTHING };
        if let Ok(approved) = check(&mut chain, &request, around).0 {
            let qty = approved.request().order_qty.raw();
            prop_assert!(qty > 0 && qty <= asked);
            prop_assert!(qty == asked || qty % 5 == 0);
            prop_assert_eq!(OrderRequest { order_qty: request.order_qty, ..*approved.request() }, request);
            // Quantities are tenths, prices hundredths.
            prop_assert!(qty <= order * 10);
            prop_assert!(qty * limit_px <= (notional * 100_000) + 370);
            let after = side.sign() * net + open + qty;
            prop_assert!(after <= position * 10);
            let growth = after.abs() - net.abs();
            prop_assert!(growth <= 0 || net.abs() * 10_000 + growth * limit_px <= gross * 100_000 + 370);
        }
    }
}
