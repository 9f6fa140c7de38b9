//! Limits that look at the whole account, seen from a whole run.

#![allow(clippy::expect_used, reason = "a test that cannot set its stage fails")]

use tapedeck_model::Event;
use tapedeck_model::event::DenyReason;
use tapedeck_tests::play;

/// Two contracts at a constant 100. The ladder on AAA has three resting buys of 1; then BBB is bought
/// for 7 x 100.
fn two_instruments(limit: u32) -> String {
    let instrument = |symbol: &str| {
        format!(
            r#"
[[instrument]]
symbol = "{symbol}"
venue = "SIM"
kind = "linear"
base = "{symbol}"
quote = "USD"
tick_size = "0.01"
lot_size = "0.001"

[[data]]
instrument = "{symbol}"
kind = "bars"
interval = "1m"
[data.synthetic]
generator = "constant"
price = "100"
"#
        )
    };
    format!(
        r#"
[scenario]
name = "exposure"
seed = 1
base_currency = "USD"
start = "2024-01-01"
end = "2024-01-01T00:05:00"
{}{}
[[venue]]
name = "SIM"
mode = "sim"
participation = "none"

[account]
kind = "netting"
deposits = {{ USD = "10000" }}

[[strategy]]
id = "a"
type = "grid"
instruments = ["AAA"]
levels = 3
spacing = "100"
qty = "1"
sides = "buy"

[[strategy]]
id = "b"
type = "buy_and_hold"
instruments = ["BBB"]
size = "fixed"
qty = "7"

[[risk]]
rule = "max_gross_exposure"
limit = "{limit}"
"#,
        instrument("AAA"),
        instrument("BBB")
    )
}

#[test]
fn open_orders_of_other_instruments_count_for_gross_exposure() {
    for (limit, denied) in [(999, 1), (1_000, 0)] {
        let played = play(&two_instruments(limit));
        let by_rule =
            |event: &Event| matches!(event, Event::Denied { reason: DenyReason::RiskRule, rule: Some(_), .. });
        let found = played.records.iter().filter(|record| by_rule(&record.event)).count();
        assert_eq!(found, denied, "with a limit of {limit}");
        assert_eq!(played.summary.counts.fills, 1 - denied as u64, "with a limit of {limit}");
    }
}
