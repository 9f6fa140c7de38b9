//! A spot account that borrows, as whole runs: interest by plain arithmetic, both sides of it, forced trades.

#![allow(clippy::expect_used, reason = "a test that cannot set its stage fails")]

use std::sync::atomic::AtomicBool;

use tapedeck::assemble::Variant;
use tapedeck_journal::RawFrame;
use tapedeck_kernel::drive::{JournalSink, SimDriver};
use tapedeck_model::event::LedgerAccount;
use tapedeck_model::{Amount, CurrencyIx, Decimal, Event, Span, Ts};
use tapedeck_reports::{Audit, Gatherer, RunFacts};
use tapedeck_tests::{Played, assembled, assembled_as, play_checked, play_spec};

/// A day of bars at a random price; a strategy that turns round often, and one that only buys.
fn scenario(volatility: &str, account: &str) -> String {
    format!(
        r#"
[scenario]
name = "borrowing"
seed = 11
base_currency = "USD"
start = "2024-01-01"
end = "2024-01-03"
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
interval = "5m"
[data.synthetic]
generator = "garch"
start_price = "1000"
volatility = "{volatility}"
[[venue]]
name = "SIM"
participation = "none"
[account]
kind = "spot_margin"
deposits = {{ USD = "1000" }}
{account}
[[borrow]]
currency = "USD"
daily_rate = "0.0024"
[[borrow]]
currency = "USD"
daily_rate = "0.0048"
from = "2024-01-02"
[[borrow]]
currency = "BTC"
daily_rate = "0.0012"
[[strategy]]
id = "hold"
type = "buy_and_hold"
size = "fixed"
qty = "1.2"
[[strategy]]
id = "turn"
type = "random"
rate = "0.3"
lots_max = 900
reach = 20
"#
    )
}

fn audited(played: &Played) -> RunFacts {
    let mut audit = Audit::new();
    let mut gatherer = Gatherer::new(Span::DAY);
    for record in &played.records {
        audit.apply(record).expect("a sound journal");
        gatherer.push(record).expect("a sound journal");
    }
    assert_eq!(audit.disagreements(), [""; 0]);
    gatherer.finish().expect("a sound journal")
}

fn currency(played: &Played, code: &str) -> CurrencyIx {
    let declared = played.records.iter().find_map(|record| match &record.event {
        Event::CurrencyDeclared { currency, code: other } if other == code => Some(*currency),
        _ => None,
    });
    declared.expect("a currency of the run")
}

/// Interest by currency, from the journal's own records.
fn interest(played: &Played, of: CurrencyIx) -> Vec<(Ts, Amount)> {
    let charged = played.records.iter().filter_map(|record| match &record.event {
        Event::InterestCharged(report) if report.currency == of => Some((report.ts_event, report.interest)),
        _ => None,
    });
    charged.collect()
}

fn sum(parts: impl IntoIterator<Item = Amount>) -> Amount {
    parts.into_iter().fold(Amount::ZERO, |sum, part| sum.checked_add(part).expect("in range"))
}

#[test]
fn every_hour_of_a_debt_is_charged_and_both_sides_agree() {
    let text = scenario("0.4", "");
    let (played, _) = play_checked(&text);
    let facts = audited(&played);
    let (usd, btc) = (currency(&played, "USD"), currency(&played, "BTC"));
    for currency in [usd, btc] {
        let charged = interest(&played, currency);
        let total = sum(charged.iter().map(|(_, interest)| *interest));
        assert_eq!(facts.interest.get(&currency).copied().unwrap_or_default(), total);
        assert_eq!(played.accounts.first().ledger(LedgerAccount::Interest, currency), total);
    }
    // Of two days there are 47 full hours; most of them with a debt, and what is borrowed in between.
    let hourly = interest(&played, usd).iter().filter(|(ts, _)| ts.floor_to(Span::HOUR) == *ts).count();
    assert!(hourly > 10, "{hourly} full hours were charged");
    assert!(interest(&played, usd).len() > hourly && !interest(&played, btc).is_empty());
}

#[test]
fn what_the_venue_has_is_what_we_have() {
    struct Forgetful;
    impl JournalSink for Forgetful {
        fn frame(&mut self, frame: RawFrame) -> Option<RawFrame> {
            Some(frame)
        }
    }
    for volatility in ["0.4", "9"] {
        let mut driver = SimDriver::new(assembled(&scenario(volatility, ""), &[])).expect("a run");
        let stop = AtomicBool::new(false);
        driver.play(&mut Forgetful, &stop).expect("a run");
        let summary = driver.finish(&mut Forgetful).expect("a run");
        assert!(summary.counts.fills > 20, "{} fills", summary.counts.fills);
        for currency in [CurrencyIx(0), CurrencyIx(1)] {
            let venue = driver.venues()[0].loan_balance(currency).expect("an account that borrows");
            assert_eq!(
                driver.core().accounts().first().balance(currency).total,
                venue,
                "at a volatility of {volatility}"
            );
        }
    }
}

/// Prices that move far: levels are reached, orders end, debts are paid, and nobody is below zero at the end.
#[test]
fn debts_are_called_in_before_they_eat_the_account() {
    let text = scenario("10", "leverage = \"5\"\nmargin_call = \"1.2\"\nliquidation_level = \"1.05\"");
    let (played, _) = play_checked(&text);
    let facts = audited(&played);
    assert!(facts.counts.liquidations > 0 && facts.counts.margin_calls > 0, "{:?}", facts.counts);
    assert_eq!(facts.counts.liquidations, played.summary.counts.liquidations);
    for record in &played.records {
        if let Event::LoanLiquidated(trade) = &record.event {
            assert!(trade.standing.is_at(1_050_000), "{trade:?}");
        }
    }
    let without = text.replace("liquidation_level", "liquidation = false\nliquidation_level");
    let kept = play_spec(assembled(&without, &[]));
    assert_eq!(audited(&kept).counts.liquidations, 0);
}

#[test]
fn costs_multiplied_are_interest_too() {
    // One purchase, and nobody else: the same debts but for the interest on them.
    let text = scenario("0.01", "");
    let text = text.split("[[strategy]]\nid = \"turn\"").next().expect("a head").to_owned();
    let text =
        text.replace("[account]", "[venue.slippage]\nmodel = \"none\"\n[venue.fees]\nmodel = \"none\"\n[account]");
    let stressed = Variant { cost_factor: Some(Decimal::from(3)), path: None };
    let (plain, stressed) = (play_spec(assembled(&text, &[])), play_spec(assembled_as(&text, &[], stressed)));
    audited(&stressed);
    let usd = currency(&plain, "USD");
    let (plain, stressed) = (interest(&plain, usd), interest(&stressed, usd));
    assert!(plain.len() > 40);
    let tripled: Vec<(Ts, Amount)> =
        plain.iter().map(|(ts, sum)| (*ts, sum.mul_div(3, 1).expect("in range"))).collect();
    let apart = tripled.iter().zip(&stressed).map(|(a, b)| a.1.checked_sub(b.1).expect("in range").raw().abs()).max();
    assert_eq!(tripled.len(), stressed.len());
    assert!(apart.is_some_and(|apart| apart <= 2), "{apart:?}");
}
