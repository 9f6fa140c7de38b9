//! Almgren and Chriss' impact against reference schedules: each trade of a schedule is a fill, the temporary impact
//! is gone with it, and what is paid beyond the first price sums up to the expected cost
//! `gamma X^2 / 2 + epsilon X + (eta - gamma tau / 2) / tau * sum n^2`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use tapedeck_kernel::venue::slippage_components;
use tapedeck_model::port::{Impact, SlippageQuery};
use tapedeck_model::{
    CurrencyIx, Decimal, Draws, Instrument, InstrumentId, InstrumentIx, InstrumentKind, ParamValue, Params, Price, Qty,
    Side, Span, Ts,
};
use tapedeck_tests::shared;

/// Raw price and, per case, the day's volume in shares: both make every parameter a short decimal.
const PRICE: i64 = 10_000;

fn instrument() -> Instrument {
    Instrument {
        ix: InstrumentIx(0),
        id: InstrumentId { venue: "SIM".to_owned(), symbol: "X".to_owned() },
        kind: InstrumentKind::Spot,
        base: CurrencyIx(0),
        quote: CurrencyIx(1),
        settlement: CurrencyIx(1),
        price_scale: 0,
        // So fine that rounding the trades of a schedule costs nothing.
        qty_scale: 9,
        multiplier: 1,
        multiplier_scale: 0,
        rules: Vec::new(),
    }
}

fn decimal(value: f64) -> ParamValue {
    ParamValue::Decimal(format!("{value:.12}").parse::<Decimal>().unwrap())
}

#[test]
fn schedules_cost_what_almgren_and_chriss_expect() {
    let Some(path) = shared("oracles/labels_microstructure/almgren_chriss.json") else { return };
    let oracle: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let component = slippage_components().iter().find(|component| component.name == "almgren_chriss").unwrap();
    let instrument = instrument();
    let mut compared = 0;
    for case in oracle["cases"].as_array().unwrap() {
        let number = |key: &str| case["params"][key].as_f64().unwrap();
        let (tau, volume) = (number("T_") / number("N_"), if number("X") > 1e5 { 1e6 } else { 1e3 });
        // In bps of the price, for one percent of the day's volume.
        let per_percent = |slope: f64| slope * volume / 100.0 * 10_000.0 / PRICE as f64;
        let params = Params::new()
            .with("epsilon_bps", decimal(number("eps") * 10_000.0 / PRICE as f64))
            .with("eta_bps", decimal(per_percent(number("eta") / tau)))
            .with("gamma_bps", decimal(per_percent(number("gam"))))
            .with("decay", ParamValue::Span(Span::ZERO))
            .with("daily_volume", decimal(volume));
        let model = (component.build)(&params, Draws::new(1, "oracle")).unwrap();
        let (mut impact, mut cost) = (Impact::default(), 0.0);
        for n in case["expected"]["trades"].as_array().unwrap().iter().map(|n| n.as_f64().unwrap()) {
            let fill = SlippageQuery {
                instrument: &instrument,
                side: Side::Sell,
                reference_px: Price::from_raw(PRICE),
                qty: Qty::from_raw((n * 1e9).round() as i64),
                market_qty: Qty::ZERO,
                half_spread: None,
                draw_number: 1,
                ts: Ts::from_nanos(0),
                cum_qty: Qty::ZERO,
                volatility: None,
                daily_volume: None,
                impact,
            };
            cost += model.adverse(&fill).total() * n;
            impact = model.impact_after(&fill);
        }
        let expected = case["expected"]["expected_cost"].as_f64().unwrap();
        assert!((cost / expected - 1.0).abs() < 1e-9, "{cost} is not {expected}");
        compared += 1;
    }
    assert_eq!(compared, oracle["cases"].as_array().unwrap().len());
}
