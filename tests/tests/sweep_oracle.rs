//! Orders that walk the levels of a book, and prices and quantities brought to a step, against the reference cases.

#![allow(clippy::expect_used, reason = "a test that cannot set its stage fails")]

use std::fs;

use serde_json::Value;
use tapedeck_kernel::venue::SimVenue;
use tapedeck_model::number::div_half_even;
use tapedeck_model::order::CancelReason;
use tapedeck_model::{
    ClientOrderId, Command, Decimal, DepthFlags, DepthTick, FillReport, InstrumentIx, MarketRecord, OrderRequest,
    Price, Qty, RecordRef, Side, StrategyIx, TimeInForce, Ts, VenueReport,
};
use tapedeck_tests::{assembled, shared};

const PRICE_SCALE: u8 = 2;
const QTY_SCALE: u8 = 2;
const SCENARIO: &str = r#"
[scenario]
name = "sweep"
base_currency = "USD"
start = "2024-01-01"
end = "2024-01-02"

[[instrument]]
symbol = "PERP"
venue = "SIM"
kind = "linear"
base = "BTC"
quote = "USD"
tick_size = "0.05"
lot_size = "0.01"

[[data]]
instrument = "PERP"
kind = "depth"
[data.synthetic]
generator = "flow"

[[venue]]
name = "SIM"
entry_latency = { model = "none" }
cancel_latency = { model = "none" }
report_latency = { model = "none" }
slippage = { model = "none" }
fees = { model = "none" }

[account]
kind = "netting"
deposits = { USD = "1000000" }

[[strategy]]
type = "noop"
"#;

fn cases(name: &str) -> Option<Value> {
    let text = fs::read_to_string(shared(&format!("oracles/execution/{name}.json"))?).expect("the reference cases");
    Some(serde_json::from_str(&text).expect("JSON"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).expect("a list")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a text, not {value}"))
}

fn decimal(value: &Value) -> Decimal {
    text(value).parse().expect("a decimal")
}

fn price(value: &Value) -> Price {
    Price::parse(text(value), PRICE_SCALE).expect("a price")
}

fn qty(value: &Value) -> Qty {
    Qty::parse(text(value), QTY_SCALE).expect("a quantity")
}

/// A venue whose book shows the reference levels, told in one snapshot.
fn venue_with(book: &Value) -> SimVenue {
    let mut spec = assembled(SCENARIO, &[]);
    let mut venue = SimVenue::new(spec.venues.remove(0), &spec.instruments).expect("a venue");
    let sides = [("asks", Side::Sell), ("bids", Side::Buy)];
    let levels: Vec<(Side, &Value)> =
        sides.iter().flat_map(|(key, side)| list(&book[key]).iter().map(|level| (*side, level))).collect();
    for (nth, (side, level)) in levels.iter().enumerate() {
        let first = if nth == 0 { DepthFlags::CLEAR } else { DepthFlags::NONE };
        let last = if nth + 1 == levels.len() { DepthFlags::LAST } else { DepthFlags::NONE };
        let row = DepthTick {
            instrument: InstrumentIx(0),
            ts_event: Ts::from_nanos(1),
            ts_recv: Ts::from_nanos(1),
            side: Some(*side),
            px: price(&level[0]),
            qty: qty(&level[1]),
            flags: first.with(last),
        };
        let mut out = Vec::new();
        let at = RecordRef { number: nth as u64, ..RecordRef::default() };
        venue.on_record(at, &MarketRecord::Depth(row), &mut out).expect("a level");
        assert_eq!(out, []);
    }
    venue
}

fn request(case: &Value) -> OrderRequest {
    let side = if text(&case["side"]) == "buy" { Side::Buy } else { Side::Sell };
    let qty = qty(&case["qty"]);
    let time_in_force = match text(&case["tif"]) {
        "IOC" => TimeInForce::Ioc,
        "FOK" => TimeInForce::Fok,
        "GTC" => TimeInForce::Gtc,
        other => panic!("no time in force: {other}"),
    };
    let request = match &case["limit"] {
        Value::Null => OrderRequest::market(InstrumentIx(0), side, qty),
        limit => OrderRequest::limit(InstrumentIx(0), side, qty, price(limit)),
    };
    OrderRequest { time_in_force, ..request }
}

/// Beyond `from`, against the side that takes, in basis points as the reference prints them.
fn bps(side: Side, avg: Decimal, from: Decimal) -> Decimal {
    (avg - from) * Decimal::from(side.sign()) / from * Decimal::from(10_000)
}

#[test]
fn takers_walk_the_reference_book_as_the_reference_does() {
    let Some(cases) = cases("book_sweep") else { return };
    let best = |key: &str| decimal(&cases["book_price_qty"][key][0][0]);
    let mid = (best("asks") + best("bids")) / Decimal::TWO;
    for case in list(&cases["cases"]) {
        let mut venue = venue_with(&cases["book_price_qty"]);
        let request = request(case);
        let client_order_id = ClientOrderId { strategy: StrategyIx(0), number: 1 };
        let mut out = Vec::new();
        let command = Command::Submit { client_order_id, request };
        venue.on_command(Ts::from_nanos(2), &command, &mut out).expect("an order");

        let reports: Vec<VenueReport> = out.iter().map(|timed| timed.report).collect();
        let [VenueReport::Accepted { .. }, rest @ ..] = &reports[..] else { panic!("{case}: {reports:?}") };
        let fills: Vec<FillReport> = rest
            .iter()
            .filter_map(|report| match report {
                VenueReport::Filled(fill) => Some(*fill),
                _ => None,
            })
            .collect();
        let expected = &case["expected"];
        let wanted: Vec<(Price, Qty)> =
            list(&expected["fills"]).iter().map(|fill| (price(&fill[0]), qty(&fill[1]))).collect();
        assert_eq!(fills.iter().map(|fill| (fill.last_px, fill.last_qty)).collect::<Vec<_>>(), wanted, "{case}");

        let filled: i64 = fills.iter().map(|fill| fill.last_qty.raw()).sum();
        let leaves = request.order_qty.raw() - filled;
        assert_eq!((filled, leaves), (qty(&expected["filled"]).raw(), qty(&expected["leftover"]).raw()), "{case}");
        let ended = rest.iter().find_map(|report| match report {
            VenueReport::Canceled { reason, .. } => Some(*reason),
            _ => None,
        });
        let wanted = match (text(&expected["final"]), request.time_in_force) {
            ("filled" | "rests", _) => None,
            (_, TimeInForce::Fok) => Some(CancelReason::FillOrKill),
            (_, _) => Some(CancelReason::ImmediateOrCancel),
        };
        assert_eq!(ended, wanted, "{case}");

        if filled > 0 {
            let value: i128 = fills.iter().map(|f| i128::from(f.last_px.raw()) * i128::from(f.last_qty.raw())).sum();
            let avg = Decimal::from_i128_with_scale(value, u32::from(PRICE_SCALE)) / Decimal::from(filled);
            let side = request.side;
            let best = best(if side == Side::Buy { "asks" } else { "bids" });
            let printed = |value: Decimal| value.round_dp(12).normalize();
            assert_eq!(printed(avg), decimal(&expected["avg"]), "{case}");
            assert_eq!(printed(bps(side, avg, best)), decimal(&expected["slippage_vs_best_bps"]), "{case}");
            assert_eq!(printed(bps(side, avg, mid)), decimal(&expected["slippage_vs_mid_bps"]), "{case}");
        }
    }
}

#[test]
fn steps_round_as_the_reference_does() {
    let Some(cases) = cases("rounding") else { return };
    for case in list(&cases["cases"]) {
        let raw = |key: &str| Price::parse(text(&case[key]), 7).expect("a price of seven decimals");
        let (value, step) = (raw("value"), raw("step"));
        let nearest = div_half_even(i128::from(value.raw()), i128::from(step.raw())) * i128::from(step.raw());
        assert_eq!(value.floor_to(step), raw("floor"), "{case}");
        assert_eq!(value.ceil_to(step), raw("ceil"), "{case}");
        assert_eq!(nearest, i128::from(raw("nearest_half_even").raw()), "{case}");
    }
}
