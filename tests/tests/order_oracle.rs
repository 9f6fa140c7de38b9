//! Order states against the reference cases: partial fills, duplicates, fills that overtake the
//! acknowledgement, late fills, overfills, amendments.

#![allow(clippy::expect_used, reason = "a test that cannot set its stage fails")]

use std::fs;

use serde_json::Value;
use tapedeck_kernel::oms::Oms;
use tapedeck_kernel::oms::transition::Stimulus;
use tapedeck_model::order::{CancelReason, Evidence, FillBasis};
use tapedeck_model::{
    Amendment, Amount, ClientOrderId, CurrencyIx, Decimal, Event, FillReport, InstrumentIx, Liquidity, OrderKind,
    OrderRequest, Price, Qty, RecordRef, Side, StrategyIx, TradeId, Ts, VenueOrderId, VenueReport,
};
use tapedeck_tests::shared;

const ID: ClientOrderId = ClientOrderId { strategy: StrategyIx(0), number: 1 };
const SCALE: u8 = 4;

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} in {value}"))
}

fn qty(value: &Value, key: &str) -> Qty {
    Qty::parse(text(value, key), SCALE).expect("a quantity")
}

fn fill(event: &Value) -> VenueReport {
    let last_px = Price::parse(text(event, "price"), SCALE).expect("a price");
    let last_qty = qty(event, "qty");
    VenueReport::Filled(FillReport {
        client_order_id: ID,
        trade_id: TradeId(text(event, "id").parse().expect("a number")),
        last_px,
        last_qty,
        liquidity: Liquidity::Maker,
        fee: Amount::ZERO,
        fee_currency: CurrencyIx(0),
        ts_event: Ts::from_nanos(0),
        evidence: Evidence {
            record: RecordRef::default(),
            basis: FillBasis::Venue,
            reference_px: last_px,
            slippage_px: Price::ZERO,
            impact_px: Price::ZERO,
            noise_px: Price::ZERO,
            available_qty: last_qty,
            queue_entry_qty: Qty::ZERO,
            queue_ahead_qty: Qty::ZERO,
        },
    })
}

/// Applies one event of a case; whether it was refused.
fn step(oms: &mut Oms, event: &Value) -> bool {
    let now = Ts::from_nanos(2);
    let report = match text(event, "type") {
        "ack" => VenueReport::Accepted { client_order_id: ID, venue_order_id: VenueOrderId(1) },
        "fill" => fill(event),
        "cancelled" => VenueReport::Canceled { client_order_id: ID, reason: CancelReason::Requested },
        "cancel_request" => {
            oms.may_request(ID, Stimulus::CancelSubmitted).expect("a cancel is possible");
            oms.apply(now, &Event::CancelSubmitted { client_order_id: ID });
            return false;
        }
        "amend_qty" => {
            let order = *oms.order(ID).expect("the order");
            let order_qty = qty(event, "qty");
            let amendment = Amendment { order_qty: Some(order_qty), ..Amendment::default() };
            oms.apply(now, &Event::AmendSubmitted { client_order_id: ID, amendment });
            let kind = order.request.kind;
            let replaced = oms.judge(&VenueReport::Replaced { client_order_id: ID, order_qty, kind });
            let refused = replaced.is_err();
            let reason = tapedeck_model::order::RejectReason::BelowFilled;
            let event = replaced.unwrap_or(Event::AmendRejected { client_order_id: ID, reason });
            oms.apply(now, &event);
            return refused;
        }
        other => panic!("unknown event {other}"),
    };
    match oms.judge(&report) {
        Ok(event) => oms.apply(now, &event),
        Err(_) => return true,
    }
    false
}

#[test]
fn order_states_agree_with_the_reference() {
    let Some(path) = shared("oracles/execution/order_states.json") else { return };
    let file: Value = serde_json::from_str(&fs::read_to_string(path).expect("the cases")).expect("JSON");
    let cases = file["cases"].as_array().expect("cases");
    assert!(cases.len() >= 7);
    for case in cases {
        let mut oms = Oms::new(1, 1);
        let limit_px = Price::from_raw(1);
        let request = OrderRequest {
            kind: OrderKind::Limit { limit_px },
            ..OrderRequest::market(InstrumentIx(0), Side::Buy, qty(case, "order_qty"))
        };
        let submitted =
            Event::Submitted { client_order_id: ID, request, currency: CurrencyIx(0), reserved: Amount::ZERO };
        oms.apply(Ts::from_nanos(1), &submitted);
        let events = case["events"].as_array().expect("events");
        let expected = case["expected_after_each_event"].as_array().expect("expectations");
        for (nth, (event, expected)) in events.iter().zip(expected).enumerate() {
            let place = format!("{} event {nth}", text(case, "id"));
            let refused = step(&mut oms, event);
            let order = oms.order(ID).expect("the order");
            assert_eq!(refused, !expected["refused"].is_null(), "{place}: refused");
            assert_eq!(order.cum_qty, qty(expected, "cum_qty"), "{place}: cum_qty");
            assert_eq!(order.leaves_qty, qty(expected, "leaves"), "{place}: leaves");
            let status = order.status.text().replace("canceled", "cancelled");
            assert_eq!(status, text(expected, "status"), "{place}: status");
            let average = expected["avg_price"].as_str().map(|text| text.parse::<Decimal>().expect("a price"));
            let found = (order.cum_qty > Qty::ZERO).then(|| {
                let scale = u32::from(2 * SCALE);
                Decimal::from_i128_with_scale(order.cum_px_qty, scale) / order.cum_qty.to_decimal(SCALE)
            });
            assert_eq!(found.map(|px| px.normalize()), average.map(|px| px.normalize()), "{place}: avg_px");
        }
    }
}
