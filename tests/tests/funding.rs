//! Funding of the whole house against plain arithmetic, and what must not change it: how a position is
//! divided, and how long the bars are.

#![allow(clippy::expect_used, reason = "a test that cannot set its stage fails")]

use std::convert::Infallible;
use std::fs;

use tapedeck::assemble::Variant;
use tapedeck_model::{Amount, Chunk, Deal, Decimal, Event, InstrumentIx, MarketRecord, StrategyIx, Ts};
use tapedeck_reports::replay;
use tapedeck_tests::{Played, assembled, assembled_as, play, play_spec, root};

/// Every record of the sources of a scenario.
fn tape(text: &str) -> Vec<MarketRecord> {
    let mut records = Vec::new();
    for slot in &mut assembled(text, &[]).sources {
        let mut chunk = Chunk::new(InstrumentIx(0));
        while slot.source.next_chunk(&mut chunk).expect("a sound source") {
            records.extend((0..chunk.len()).map(|row| chunk.record(row)));
        }
    }
    records
}

/// Settlements as the journal has them: instant, strategy, what was paid.
fn paid(played: &Played) -> Vec<(Ts, StrategyIx, Amount)> {
    let settled = played.records.iter().filter_map(|record| match &record.event {
        Event::FundingPaid { strategy: Some(strategy), ts_event, paid, .. } => Some((*ts_event, *strategy, *paid)),
        _ => None,
    });
    settled.collect()
}

fn sum(parts: impl IntoIterator<Item = Amount>) -> Amount {
    parts.into_iter().fold(Amount::ZERO, |sum, part| sum.checked_add(part).expect("in range"))
}

/// Fills of one strategy: economic time and signed quantity.
fn fills(played: &Played, strategy: StrategyIx) -> Vec<(Ts, Decimal)> {
    let filled = played.records.iter().filter_map(|record| match &record.event {
        Event::Filled { deal: Deal { side, .. }, report, .. } if report.client_order_id.strategy == strategy => {
            Some((report.ts_event, Decimal::new(report.last_qty.raw() * side.sign(), 3)))
        }
        _ => None,
    });
    filled.collect()
}

/// The scenario's latency keeps every fill off the instants of settlement, so plain comparison decides.
#[test]
fn funding_is_position_times_mark_times_rate() {
    let text = fs::read_to_string(root().join("scenarios/perp_funding.toml")).expect("the scenario");
    let (played, tape) = (play(&text), tape(&text));
    let mut expected = Vec::new();
    for record in &tape {
        let MarketRecord::Funding(funding) = record else { continue };
        let marks = tape.iter().filter_map(|record| match record {
            MarketRecord::Mark(mark) if mark.ts_event <= funding.ts_event => Some(mark),
            _ => None,
        });
        let mark = marks.max_by_key(|mark| mark.ts_event);
        for strategy in [StrategyIx(0), StrategyIx(1)] {
            let held: Decimal =
                fills(&played, strategy).iter().filter(|(ts, _)| *ts < funding.ts_event).map(|(_, qty)| qty).sum();
            let Some(mark) = mark.filter(|_| !held.is_zero()) else { continue };
            let due = held * Decimal::new(mark.mark_px.raw(), 2) * Decimal::new(funding.rate, 12);
            let due = Amount::from_decimal(due).expect("in range");
            expected.push((funding.ts_event, strategy, due));
        }
    }
    assert!(expected.len() > 150, "only {} settlements", expected.len());
    let mut found = paid(&played);
    found.sort();
    assert!(found == expected, "by the journal {found:?}\nby hand {expected:?}");
    let replay = replay(played.records.iter().cloned().map(Ok::<_, Infallible>), None).expect("a sound journal");
    assert_eq!(replay.audit.disagreements(), [""; 0]);
    let of_account =
        sum((0..2).map(|ix| played.accounts.first().position(StrategyIx(ix), InstrumentIx(0)).funding_paid));
    assert_eq!(of_account, sum(expected.iter().map(|(_, _, due)| *due)));
}

/// A contract whose price stands still, with marks and rates of its own.
fn still(interval: &str, strategies: &[&str]) -> String {
    let holders = strategies.iter().enumerate().map(|(ix, qty)| {
        format!("[[strategy]]\nid = \"hold{ix}\"\ntype = \"buy_and_hold\"\nsize = \"fixed\"\nqty = \"{qty}\"\n")
    });
    let head = format!(
        r#"
[scenario]
name = "still"
seed = 3
base_currency = "USD"
start = "2024-01-01"
end = "2024-01-03"
[[instrument]]
symbol = "X"
venue = "SIM"
kind = "linear"
base = "C"
quote = "USD"
tick_size = "0.01"
lot_size = "0.001"
multiplier = "0.1"
[[data]]
instrument = "X"
kind = "bars"
interval = "{interval}"
[data.synthetic]
generator = "constant"
price = "100"
[[data]]
instrument = "X"
kind = "mark"
interval = "1m"
[data.synthetic]
generator = "garch"
premium_noise_bps = "3"
[[data]]
instrument = "X"
kind = "funding"
interval = "4h"
[data.synthetic]
generator = "funding"
rates = ["0.0001", "-0.000123456789", "0.00033"]
[[venue]]
name = "SIM"
[venue.report_latency]
model = "lognormal"
[account]
kind = "netting"
deposits = {{ USD = "10000" }}
"#
    );
    head + &holders.collect::<String>()
}

#[test]
fn dividing_a_position_leaves_funding_as_it_is() {
    let whole = play(&still("1h", &["3.003"]));
    let by_instant = |played: &Played| {
        let all = paid(played);
        let mut instants: Vec<Ts> = all.iter().map(|(ts, _, _)| *ts).collect();
        instants.sort();
        instants.dedup();
        let of = |instant: Ts| sum(all.iter().filter(|(ts, _, _)| *ts == instant).map(|(_, _, paid)| *paid));
        instants.iter().map(|instant| (*instant, of(*instant))).collect::<Vec<_>>()
    };
    assert!(by_instant(&whole).len() >= 11);
    for parts in [&["1.001", "2.002"][..], &["0.001", "1.5", "1.502"]] {
        let divided = play(&still("1h", parts));
        assert_eq!(by_instant(&divided), by_instant(&whole));
        let replay = replay(divided.records.iter().cloned().map(Ok::<_, Infallible>), None).expect("a sound journal");
        assert_eq!(replay.audit.disagreements(), [""; 0]);
    }
}

/// With costs multiplied a settlement that the account pays is multiplied, one that it is paid is not; the journal
/// says at which rate, so the auditor agrees.
#[test]
fn costs_multiplied_are_funding_paid_and_not_funding_received() {
    let text = still("1h", &["1.001", "2.002"]);
    let plain = paid(&play(&text));
    let stressed = Variant { cost_factor: Some(Decimal::new(25, 1)), path: None };
    let played = play_spec(assembled_as(&text, &[], stressed));
    let multiplied = paid(&played);
    let received = plain.iter().filter(|(_, _, amount)| *amount < Amount::ZERO).count();
    assert!(received > 4 && received < plain.len() - 4, "{received} of {}", plain.len());
    assert_eq!(multiplied.len(), plain.len());
    for ((ts, strategy, before), after) in plain.iter().zip(&multiplied) {
        let factor = if *before > Amount::ZERO { 25 } else { 10 };
        let due = before.mul_div(factor, 10).expect("in range");
        assert_eq!((*ts, *strategy), (after.0, after.1));
        // Parts of a sum are rounded at 1e-24.
        assert!(due.checked_sub(after.2).expect("in range").raw().abs() <= 3, "{due} and {}", after.2);
    }
    let replay = replay(played.records.iter().cloned().map(Ok::<_, Infallible>), None).expect("a sound journal");
    assert_eq!(replay.audit.disagreements(), [""; 0]);
}

#[test]
fn the_length_of_bars_leaves_funding_as_it_is() {
    let minutes = paid(&play(&still("1m", &["2"])));
    assert!(minutes.len() >= 11);
    for interval in ["5m", "1h"] {
        assert_eq!(paid(&play(&still(interval, &["2"]))), minutes, "{interval}");
    }
}

#[test]
fn equity_follows_the_mark_price() {
    let played = play(&still("1h", &["2"]));
    let points = played.records.iter().filter_map(|record| match &record.event {
        Event::Equity(point) => Some(point.equity),
        _ => None,
    });
    // The last known price stands still, so what moves equity is the mark.
    let points: Vec<Amount> = points.collect();
    let moved = points.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(moved > 40, "equity moved {moved} times in {} hours", points.len());
}

#[test]
fn a_hole_in_the_rates_is_told_or_counted() {
    let folder = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let file = folder.join("holes.csv");
    fs::write(&file, "ts,rate\n2024-01-01,0.0001\n2024-01-01T08:00:00Z,0.0002\n2024-01-02,0.0003\n").expect("a file");
    let text = still("1h", &["2"])
        .replace("multiplier = \"0.1\"", "multiplier = \"0.1\"\nfunding_interval = \"8h\"\nPOLICY")
        .replace(
            "interval = \"4h\"\n[data.synthetic]\ngenerator = \"funding\"\nrates = [\"0.0001\", \"-0.000123456789\", \"0.00033\"]",
            &format!("path = \"{}\"", file.display()),
        );
    let with = |policy: &str| text.replace("POLICY", policy);
    let error = tapedeck_kernel::drive::SimDriver::new(assembled(&with(""), &[])).err().map(|error| error.to_string());
    let error = error.expect("a hole is an error by default");
    assert!(error.contains("X.SIM") && error.contains("2024-01-01T16:00:00Z"), "{error}");
    let issues = |policy: &str| {
        let played = play_spec(assembled(&with(policy), &[]));
        let counted = played.records.iter().filter_map(|record| match &record.event {
            Event::DataIssues { issue, count, .. } => Some((issue.text(), *count)),
            _ => None,
        });
        (counted.collect::<Vec<_>>(), paid(&played).len())
    };
    let zero = issues("funding_missing = \"zero\"");
    assert_eq!(zero, (vec![("missing_funding_rate_taken_as_zero", 3)], 5));
    let last = issues("funding_missing = \"last\"");
    assert_eq!(last, (vec![("missing_funding_rate_carried_over", 3)], 5));
}

/// Bought at 100 (no slippage is charged on the way out, and no fee), settled at 97.5: 0.1 x 2 x -2.5.
#[test]
fn a_dated_contract_ends_at_its_expiry() {
    let dated = still("1h", &["2", "1"])
        .replace("multiplier = \"0.1\"", "multiplier = \"0.1\"\nexpiry = \"2024-01-02\"\nsettlement_px = \"97.5\"");
    let played = play(&dated);
    let settled: Vec<(Ts, Amount)> = played
        .records
        .iter()
        .filter_map(|record| match &record.event {
            Event::PositionSettled { ts_event, .. } => Some((*ts_event, Amount::ZERO)),
            _ => None,
        })
        .collect();
    let expiry: Ts = "2024-01-02".parse().expect("a time");
    assert_eq!(settled, [(expiry, Amount::ZERO), (expiry, Amount::ZERO)]);
    // The settlement of funding at that instant comes before it, and none comes after.
    assert!(paid(&played).iter().all(|(ts, _, _)| *ts <= expiry));
    assert_eq!(paid(&played).iter().filter(|(ts, _, _)| *ts == expiry).count(), 2);
    for (ix, qty) in [(0, 2), (1, 1)] {
        let position = played.accounts.first().position(StrategyIx(ix), InstrumentIx(0));
        let bought: Decimal = played
            .records
            .iter()
            .filter_map(|record| match &record.event {
                Event::Filled { report, .. } if report.client_order_id.strategy == StrategyIx(ix) => {
                    Some(Decimal::new(report.last_px.raw() * report.last_qty.raw(), 5))
                }
                _ => None,
            })
            .sum();
        let expected = (Decimal::new(975, 1) * Decimal::from(qty) - bought) * Decimal::new(1, 1);
        assert_eq!(position.net_qty.raw(), 0);
        assert_eq!(position.realized_pnl, Amount::from_decimal(expected).expect("in range"));
    }
    let replay = replay(played.records.iter().cloned().map(Ok::<_, Infallible>), None).expect("a sound journal");
    assert_eq!(replay.audit.disagreements(), [""; 0]);
    let mut gatherer = tapedeck_reports::Gatherer::new(tapedeck_model::Span::DAY);
    for record in &played.records {
        gatherer.push(record).expect("a sound journal");
    }
    let facts = gatherer.finish().expect("a sound journal");
    assert_eq!((facts.trips.count, facts.trips_open), (2, 0));
}

/// A coin-margined contract with funding: the auditor recomputes cash, positions and funding by quotients of its
/// own, and equity in dollars is the coin at the mark price.
#[test]
fn an_inverse_contract_holds_together() {
    let text = still("1m", &["30"])
        .replace("kind = \"linear\"", "kind = \"inverse\"")
        .replace("lot_size = \"0.001\"", "lot_size = \"1\"")
        .replace("multiplier = \"0.1\"", "multiplier = \"100\"")
        .replace("deposits = { USD = \"10000\" }", "deposits = { C = \"100\" }\nmax_leverage = \"5\"")
        .replace(
            "type = \"buy_and_hold\"\nsize = \"fixed\"\nqty = \"30\"",
            "type = \"random\"\nlots_max = 5\nrate = \"0.05\"",
        )
        .replace("generator = \"constant\"\nprice = \"100\"", "generator = \"garch\"\nvolatility = \"1\"");
    let played = play(&text);
    assert!(played.summary.counts.fills > 20, "{} fills", played.summary.counts.fills);
    assert!(paid(&played).len() >= 9);
    let replay = replay(played.records.iter().cloned().map(Ok::<_, Infallible>), None).expect("a sound journal");
    assert_eq!(replay.audit.disagreements(), [""; 0]);
    let marks = tape(&text);
    let last = marks.iter().rev().find_map(|record| match record {
        MarketRecord::Mark(mark) => Some(mark.mark_px),
        _ => None,
    });
    let mark = last.expect("a mark");
    let contract = &tapedeck_tests::declared(&played.records).instruments[0];
    let position = played.accounts.first().position(StrategyIx(0), InstrumentIx(0));
    let value = contract.notional(mark, position.net_qty).expect("a value");
    let open = contract.gain(position.entry_cost, value).expect("in range");
    let coin = played.accounts.first().balance(contract.settlement).total.checked_add(open).expect("in range");
    let dollars = coin.mul_div(mark.raw(), 100).expect("in range");
    let equity = played.summary.equity_last.expect("equity");
    let off = equity.checked_sub(dollars).expect("in range").raw().abs();
    assert!(off <= 1_000, "equity {equity}, by hand {dollars}");
}

/// Real rates of a real contract, as a vendor keeps them: without a header, eight hours apart.
#[test]
fn real_rates_are_paid() {
    let Some(file) = tapedeck_tests::shared("data/lean/cryptofuture/binance/margin_interest/btcusd.csv") else {
        return;
    };
    let text = still("1h", &["2"])
        .replace("start = \"2024-01-01\"\nend = \"2024-01-03\"", "start = \"2020-12-29\"\nend = \"2021-01-01\"")
        .replace(
            "interval = \"4h\"\n[data.synthetic]\ngenerator = \"funding\"\nrates = [\"0.0001\", \"-0.000123456789\", \"0.00033\"]",
            &format!("path = \"{}\"\ncolumns = {{ ts = \"#1\", rate = \"#2\" }}", file.display()),
        )
        .replace("multiplier = \"0.1\"", "multiplier = \"0.1\"\nfunding_interval = \"8h\"");
    let played = play(&text);
    let rows = fs::read_to_string(&file).expect("the file");
    let rates: Vec<Decimal> = rows
        .lines()
        .filter(|line| *line > "20201229 00:00:01" && *line < "20210101")
        .filter_map(|line| line.split_once(',').and_then(|(_, rate)| rate.trim().parse().ok()))
        .collect();
    let found: Vec<Decimal> = played
        .records
        .iter()
        .filter_map(|record| match &record.event {
            Event::FundingPaid { rate, .. } => Some(Decimal::new(*rate, 12).normalize()),
            _ => None,
        })
        .collect();
    assert_eq!(found.len(), 8);
    assert_eq!(found, rates.iter().map(Decimal::normalize).collect::<Vec<_>>());
}

/// The wallet of a margin account pays funding and the end of contracts, and ours follows the venue's.
#[test]
fn a_margin_account_pays_out_of_its_wallet() {
    for dated in ["", "\nexpiry = \"2024-01-02\""] {
        let text = still("1h", &["2", "1"])
            .replace("kind = \"netting\"", "kind = \"margin\"")
            .replace("multiplier = \"0.1\"", &format!("multiplier = \"0.1\"{dated}"));
        let played = play(&text);
        assert!(paid(&played).len() >= 12, "{} settlements", paid(&played).len());
        let settlement = tapedeck_tests::declared(&played.records).instruments[0].settlement;
        let book = played.accounts.first().margin().expect("a margin account");
        assert_eq!(book.wallet(settlement), played.accounts.first().balance(settlement).total);
        let replay = replay(played.records.iter().cloned().map(Ok::<_, Infallible>), None).expect("a sound journal");
        assert_eq!(replay.audit.disagreements(), [""; 0]);
    }
}
