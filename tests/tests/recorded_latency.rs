//! Latency from a recording, seen from a whole run.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use tapedeck_model::order::RejectReason;
use tapedeck_model::{Bar, Context, Event, InstrumentIx, OrderRequest, Qty, Side, Strategy};
use tapedeck_tests::{assembled, play_spec};

const SECOND: i64 = 1_000_000_000;
/// 2024-01-01, in seconds.
const START: i64 = 1_704_067_200;

/// Buys at the close of the first and of the sixth minute.
#[derive(Default)]
struct Buyer {
    bars: u32,
}

impl Strategy for Buyer {
    fn on_bar(&mut self, ctx: &mut Context<'_>, _: &Bar) {
        self.bars += 1;
        if self.bars == 1 || self.bars == 6 {
            ctx.submit(OrderRequest::market(InstrumentIx(0), Side::Buy, Qty::from_raw(1_000)));
        }
    }
}

#[test]
fn orders_take_as_long_as_those_of_the_recording() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.csv");
    // To the venue 1 s at the start and 3 s two minutes later, back 1 s and 3 s; then refused after half a second.
    let rows = [(0, Some(1_000), 2_000), (120_000, Some(123_000), 126_000), (300_000, None, 300_500)];
    let rows = rows.map(|(sent, venue, received): (i64, Option<i64>, i64)| {
        let ns = |ms: i64| START * SECOND + ms * 1_000_000;
        format!("{},{},{}\n", ns(sent), venue.map_or(0, ns), ns(received))
    });
    std::fs::write(&path, format!("sent,venue,received\n{}", rows.concat())).unwrap();
    let latency = format!("{{ model = \"recorded\", path = {path:?} }}");
    let text = format!(
        r#"
[scenario]
name = "recorded_latency"
seed = 7
base_currency = "USD"
start = "2024-01-01"
end = "2024-01-01T00:12:00"

[[instrument]]
symbol = "BTCUSD"
venue = "SIM"
base = "BTC"
quote = "USD"
tick_size = "0.01"
lot_size = "0.001"

[[data]]
instrument = "BTCUSD"
kind = "bars"
interval = "1m"
synthetic = {{ generator = "ramp", price = "100", change = "1" }}

[[venue]]
name = "SIM"
entry_latency = {latency}
report_latency = {latency}
slippage = {{ model = "none" }}

[account]
deposits = {{ USD = "1000" }}

[[strategy]]
id = "buyer"
type = "noop"
"#
    );
    let mut spec = assembled(&text, &[]);
    for slot in &mut spec.strategies {
        slot.strategy = Box::<Buyer>::default();
    }
    let played = play_spec(spec);
    let heard: Vec<(f64, &str)> = played
        .records
        .iter()
        .filter(|record| {
            matches!(record.event, Event::Submitted { .. } | Event::Accepted { .. } | Event::Rejected { .. })
        })
        .map(|record| ((record.header.ts.nanos() - START * SECOND) as f64 / 1e9, record.event.text()))
        .collect();
    // Sent at one minute: 2 s to the venue. There at 62 s, half way between 1 s and 123 s: 2 s back.
    assert_eq!(heard, [(60.0, "submitted"), (64.0, "accepted"), (360.0, "submitted"), (360.5, "rejected")]);
    let refused = played.records.iter().find_map(|record| match record.event {
        Event::Rejected { reason, .. } => Some(reason),
        _ => None,
    });
    assert_eq!(refused, Some(RejectReason::VenueBusy));
}
