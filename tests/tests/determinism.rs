//! The first promise: same inputs, same bytes.

#![allow(clippy::expect_used, reason = "a test that cannot set its stage fails")]

use proptest::prelude::*;
use tapedeck_model::{Deal, Event, Record, Side, Span, Ts};
use tapedeck_tests::{declared, play, root};

const HEAD: &str = r#"
[scenario]
name = "two"
seed = 7
base_currency = "USD"
start = "2024-01-01"
end = "2024-01-02"
"#;

/// Sections whose order must not matter.
const SECTIONS: &[&str] = &[
    r#"
[[instrument]]
symbol = "AAA"
venue = "SIM"
kind = "linear"
base = "AAA"
quote = "USD"
tick_size = "0.01"
lot_size = "0.001"
"#,
    r#"
[[instrument]]
symbol = "BBB"
venue = "ALT"
kind = "linear"
base = "BBB"
quote = "USD"
tick_size = "0.5"
lot_size = "0.01"
"#,
    r#"
[[data]]
instrument = "AAA"
kind = "bars"
interval = "1m"
[data.synthetic]
generator = "garch"
start_price = "100"
"#,
    r#"
[[data]]
instrument = "BBB"
kind = "trades"
[data.synthetic]
generator = "ticks"
start_price = "500"
gap = "20s"
"#,
    r#"
[[venue]]
name = "SIM"
account = "netting"
deposits = { USD = "1000000" }
max_leverage = "3"
[venue.entry_latency]
model = "lognormal"
median = "80ms"
sigma = "0.5"
"#,
    r#"
[[venue]]
name = "ALT"
account = "netting"
deposits = { USD = "1000000" }
max_leverage = "3"
[venue.slippage]
model = "fixed_bps"
bps = "2"
noise_bps = "3"
"#,
    r#"
[[strategy]]
id = "one"
type = "random"
instruments = ["AAA"]
"#,
    r#"
[[strategy]]
id = "two"
type = "random"
instruments = ["BBB"]
"#,
    r#"
[[risk]]
rule = "max_open_orders"
limit = 15
"#,
    r#"
[[risk]]
rule = "max_order_notional"
limit = "50000"
"#,
];

fn text(order: &[usize]) -> String {
    order.iter().fold(HEAD.to_owned(), |text, at| text + SECTIONS[*at])
}

fn as_written() -> Vec<usize> {
    (0..SECTIONS.len()).collect()
}

#[test]
fn the_same_scenario_twice_gives_the_same_bytes() {
    let (first, second) = (play(&text(&as_written())), play(&text(&as_written())));
    assert!(first.summary.counts.fills > 50, "too few fills to tell: {}", first.summary.counts.fills);
    assert_eq!(first.fingerprint, second.fingerprint);
    assert!(first.bytes == second.bytes);
}

#[test]
fn another_seed_gives_another_run() {
    let other = text(&as_written()).replace("seed = 7", "seed = 8");
    assert_ne!(play(&text(&as_written())).fingerprint, play(&other).fingerprint);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_sections_changes_no_byte(order in Just(as_written()).prop_shuffle()) {
        prop_assert_eq!(play(&text(&order)).fingerprint, play(&text(&as_written())).fingerprint);
    }
}

/// Fills of an instrument with everything but names that depend on what else there is.
fn fills_of(records: &[Record], symbol: &str) -> Vec<(Ts, Side, i64, i64, u32, String)> {
    let names = declared(records);
    records
        .iter()
        .filter_map(|record| match &record.event {
            Event::Filled { instrument, deal: Deal { side, .. }, report, .. }
                if names.instruments[instrument.usize()].id.symbol == symbol =>
            {
                Some((
                    record.header.ts,
                    *side,
                    report.last_px.raw(),
                    report.last_qty.raw(),
                    report.client_order_id.number,
                    report.fee.to_string(),
                ))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn an_unrelated_instrument_and_strategy_change_no_other_fill() {
    // Without the rules: they look at the whole account, on purpose.
    let alone = play(&text(&[0, 2, 4, 6]));
    let expected = fills_of(&alone.records, "AAA");
    assert!(expected.len() > 20, "too few fills to tell: {}", expected.len());
    let elsewhere = text(&[0, 1, 2, 3, 4, 5, 6, 7]);
    let same_venue = text(&[0, 1, 2, 3, 4, 6, 7]).replace("venue = \"ALT\"", "venue = \"SIM\"");
    for crowded in [elsewhere, same_venue] {
        let crowded = play(&crowded);
        assert!(!fills_of(&crowded.records, "BBB").is_empty());
        assert_eq!(expected, fills_of(&crowded.records, "AAA"));
    }
}

/// What is common to a basket depends on its name and the seed, not on its members.
#[test]
fn a_member_of_a_basket_more_or_less_changes_no_other_fill() {
    let whole = std::fs::read_to_string(root().join("scenarios/basket.toml")).expect("the scenario");
    let sections: Vec<&str> = whole.split("\n[[").filter(|section| !section.contains("SOLUSDT")).collect();
    let (whole, less) = (play(&whole).records, play(&sections.join("\n[[")).records);
    for symbol in ["BTCUSDT", "ETHUSDT"] {
        let fills = fills_of(&whole, symbol);
        assert!(!fills.is_empty());
        assert_eq!(fills, fills_of(&less, symbol), "{symbol}");
    }
    assert!(!fills_of(&whole, "SOLUSDT").is_empty() && fills_of(&less, "SOLUSDT").is_empty());
}

#[test]
fn the_past_does_not_depend_on_the_future() {
    let long = play(&text(&as_written()));
    for hours in [1, 5, 13] {
        let end = format!("2024-01-01T{hours:02}:00:00Z");
        let short = play(&text(&as_written()).replace("end = \"2024-01-02\"", &format!("end = \"{end}\"")));
        // The resolved scenarios differ in `end`, and so in their hashes; a run ends (open orders are
        // canceled) at its last record, which lies a little before `end`.
        let cut = end.parse::<Ts>().expect("a time").saturating_add(Span::from_nanos(-5 * Span::MINUTE.nanos()));
        let before = |records: &[Record]| -> Vec<Record> {
            let past = records.iter().filter(|record| record.header.ts < cut);
            past.filter(|record| !matches!(record.event, Event::RunStarted { .. })).cloned().collect()
        };
        let (short, long) = (before(&short.records), before(&long.records));
        assert!(short.len() > 30);
        assert_eq!(short.len(), long.len(), "until {end}");
        assert!(short == long, "until {end}: an earlier event changed");
    }
}
