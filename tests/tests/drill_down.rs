//! Finer data that only fill: strategies see the coarse bars alone.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use tapedeck_model::{Event, Span, Ts};
use tapedeck_tests::{Played, play};

fn run(fine: &str) -> Played {
    play(&format!(
        r#"
[scenario]
name = "drill-down"
base_currency = "USD"
start = "2024-01-01"
end = "2024-01-03"

[[instrument]]
symbol = "BTCUSD"
venue = "SIM"
base = "BTC"
quote = "USD"
tick_size = "0.01"
lot_size = "0.00001"

[[data]]
name = "coarse"
instrument = "BTCUSD"
kind = "bars"
interval = "1h"
synthetic = {{ generator = "sine", price = "1000", amplitude = "100", period = 8 }}

{fine}

[[venue]]
name = "SIM"

[account]
deposits = {{ USD = "10000" }}

[[strategy]]
type = "sma_cross"
fast = 2
slow = 4
"#
    ))
}

const FINE: &str = r#"
[[data]]
name = "fine"
instrument = "BTCUSD"
kind = "bars"
interval = "1m"
drill_down = true
synthetic = { generator = "sine", price = "1000", amplitude = "100", period = 480 }
"#;

fn times_of_orders(played: &Played) -> Vec<Ts> {
    let submitted = played.records.iter().filter(|record| matches!(record.event, Event::SubmitIntended { .. }));
    submitted.map(|record| record.header.ts).collect()
}

#[test]
fn strategies_see_the_coarse_bars_and_orders_meet_the_fine_ones() {
    let played = run(FINE);
    let times = times_of_orders(&played);
    assert!(times.len() > 4, "{times:?}");
    assert!(times.iter().all(|ts| *ts == ts.floor_to(Span::HOUR)), "decided at the close of an hour: {times:?}");
    assert_eq!(times, times_of_orders(&run("")), "the same bars, the same decisions");
    // A market order fills in the minute in which it arrives, by the fine source.
    let mut fills = 0;
    for record in &played.records {
        if let Event::Filled { report, .. } = &record.event {
            assert_eq!(report.evidence.record.source.0, 1, "by the fine bars");
            assert!(report.ts_event.nanos() - report.ts_event.floor_to(Span::HOUR).nanos() < 300_000_000_000);
            fills += 1;
        }
    }
    assert!(fills > 4);
    // Nothing is received of it: an hour gives one input, and what is said of orders.
    assert!(played.summary.counts.inputs < 48 + 10 * fills, "{}", played.summary.counts.inputs);
    assert_eq!(played.summary.records, 48 + 48 * 60);
}
