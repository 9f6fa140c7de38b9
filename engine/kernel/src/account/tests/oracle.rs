//! Parity with reference numbers that live outside of the repository.

#![allow(clippy::disallowed_macros, reason = "a test that skips says so")]

use std::path::PathBuf;

use super::*;

/// The small part of JSON that the reference files use.
#[derive(Debug, Clone, PartialEq)]
enum Json {
    Null,
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    fn parse(text: &mut &str) -> Self {
        *text = text.trim_start();
        match text.as_bytes()[0] {
            b'"' => Self::Text(quoted(text)),
            b'[' => {
                let mut list = Vec::new();
                while next_item(text, ']') {
                    list.push(Self::parse(text));
                }
                Self::List(list)
            }
            b'{' => {
                let mut fields = Vec::new();
                while next_item(text, '}') {
                    let name = quoted(text);
                    *text = text.trim_start().strip_prefix(':').unwrap();
                    fields.push((name, Self::parse(text)));
                }
                Self::Object(fields)
            }
            _ => {
                *text = text.strip_prefix("null").unwrap();
                Self::Null
            }
        }
    }

    fn get(&self, name: &str) -> &Self {
        self.find(name).unwrap_or_else(|| panic!("no field {name}"))
    }

    fn find(&self, name: &str) -> Option<&Self> {
        let Self::Object(fields) = self else { panic!("not an object: {self:?}") };
        fields.iter().find(|(field, _)| field == name).map(|(_, value)| value)
    }

    fn text(&self) -> &str {
        let Self::Text(text) = self else { panic!("not a text: {self:?}") };
        text
    }

    fn list(&self) -> &[Self] {
        let Self::List(list) = self else { panic!("not a list: {self:?}") };
        list
    }
}

/// Steps over `[`, `{` or `,` to the next item; false (and past it) at the closing bracket.
fn next_item(text: &mut &str, close: char) -> bool {
    let rest = text.trim_start();
    let ended = rest.starts_with(close);
    let rest = rest[1..].trim_start();
    let empty = !ended && rest.starts_with(close);
    *text = if empty { &rest[1..] } else { rest };
    !ended && !empty
}

fn quoted(text: &mut &str) -> String {
    let rest = text.trim_start().strip_prefix('"').unwrap();
    let end = rest.find('"').unwrap();
    *text = &rest[end + 1..];
    rest[..end].to_owned()
}

/// The reference file, or `None` where there are no reference files.
fn reference(name: &str) -> Option<Json> {
    let root = std::env::var_os("TAPEDECK_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = root.join("oracles/execution").join(name);
    if let Ok(text) = std::fs::read_to_string(&path) {
        return Some(Json::parse(&mut text.as_str()));
    }
    assert!(std::env::var_os("CI").is_none(), "{} is missing", path.display());
    println!("skipped: {} is missing", path.display());
    None
}

/// The reference is exact to 12 decimals.
fn rounded(amount: Amount) -> String {
    amount.display_rounded(12)
}

fn scaled(text: &str, scale: u8) -> i64 {
    Price::parse(text, scale).unwrap().raw()
}

/// Prices with 10, quantities with 6 and multipliers with 3 decimals hold every number of the file.
fn contract(case: &Json) -> Instrument {
    let multiplier = case.get("contract").find("multiplier").map_or("1", Json::text);
    let inverse = case.get("contract").get("type").text() == "inverse";
    let kind = if inverse { InstrumentKind::Inverse } else { InstrumentKind::Linear };
    let settlement = if inverse { BTC } else { USD };
    Instrument {
        settlement,
        price_scale: 10,
        qty_scale: 6,
        multiplier: scaled(multiplier, 3),
        multiplier_scale: 3,
        ..instrument(0, kind, BTC, USD)
    }
}

fn play(case: &Json) {
    let name = case.get("id").text();
    let contract = contract(case);
    let paid_in = contract.settlement;
    // The reference counts in what the contract settles in.
    let spec = AccountSpec { base_currency: paid_in, ..spec(netting(1000)) };
    let mut desk = Desk::new(netting(1000), contract, &[(paid_in, case.get("initial_balance").text())]);
    desk.marks = Marks::new(&spec, std::slice::from_ref(&desk.instrument)).unwrap();
    let expected = case.get("expected_after_each_event").list();
    for (number, (event, expected)) in (1..).zip(case.get("events").list().iter().zip(expected)) {
        match event.get("type").text() {
            "fill" => {
                let last_px = Price::from_raw(scaled(event.get("price").text(), 10));
                let last_qty = Qty::from_raw(scaled(event.get("qty").text(), 6));
                let rate = scaled(event.get("fee_rate").text(), 12);
                let notional = desk.instrument.notional(last_px, last_qty).unwrap();
                let fee = notional.mul_div(rate, 1_000_000_000_000).unwrap();
                desk.fill(side(event.get("side").text()), &report(number, last_px, last_qty, (fee, paid_in)));
            }
            "funding" => {
                let mark_px = Price::from_raw(scaled(event.get("mark").text(), 10));
                let rate = scaled(event.get("rate").text(), 12);
                desk.mark(mark_px);
                desk.fund(mark_px, rate);
            }
            _ => desk.mark(Price::from_raw(scaled(event.get("price").text(), 10))),
        }
        let position = desk.account.position(ME, IX);
        let equity = desk.marks.equity(&desk.account).unwrap();
        let fees = desk.account.ledger(LedgerAccount::Fees, paid_in);
        let funding = desk.account.position(ME, IX).funding_paid;
        let initial = amount(case.get("initial_balance").text());
        let unrealized = equity.raw() - initial.raw() - position.realized_pnl.raw() + fees.raw() + funding.raw();
        let average = (position.net_qty != Qty::ZERO).then(|| {
            let Instrument { kind, multiplier, .. } = desk.instrument;
            let units = i128::from(position.net_qty.raw()) * i128::from(multiplier);
            if kind == InstrumentKind::Inverse {
                // The harmonic mean: raw units have 9 decimals, the cost 24, so the quotient of units of 1e-33
                // and 1e-18 is the price in units of 1e-15.
                let cost = tapedeck_model::number::div_half_even(position.entry_cost.raw(), 1_000_000);
                let px = tapedeck_model::number::div_half_even(units * tapedeck_model::number::pow10(24), cost);
                return Amount::from_scaled(px, 15).unwrap();
            }
            // cost / (raw quantity * raw multiplier) in 1e-24 is the price in units of 1e-15.
            let thousandths = tapedeck_model::number::div_half_even(position.entry_cost.raw(), units);
            Amount::from_scaled(thousandths, 15).unwrap()
        });
        for (field, found) in [
            ("net_qty", Some(position.net_qty.display(6))),
            ("avg_entry", average.map(rounded)),
            ("realised_pnl", Some(rounded(position.realized_pnl))),
            ("unrealised_pnl", Some(rounded(Amount::from_raw(unrealized)))),
            ("fees", Some(rounded(fees))),
            ("funding", Some(rounded(funding.checked_neg().unwrap()))),
            ("equity", Some(rounded(equity))),
        ] {
            let expected = expected.get(field);
            assert_eq!(found.map_or(Json::Null, Json::Text), *expected, "{name}, event {number}, {field}");
        }
        desk.check(netting(1000));
    }
}

#[test]
fn positions_agree_with_the_reference() {
    let Some(file) = reference("positions.json") else { return };
    let mut played = 0;
    for case in file.get("cases").list() {
        play(case);
        played += 1;
    }
    assert!(played >= 10, "only {played} cases were played");
}

#[test]
fn spot_balances_agree_with_the_reference() {
    let Some(file) = reference("spot_account.json") else { return };
    let mut desk = Desk::new(SPOT, btcusd(), &[(USD, file.get("initial_quote").text())]);
    for (number, step) in (1..).zip(file.get("steps").list()) {
        let words: Vec<&str> = step.get("event").list().iter().map(Json::text).collect();
        let (last_px, last_qty, rate) = (px(words[2]), qty(words[1]), scaled(words[3], 12));
        let (whole, currency) = if words[4] == "fee in base" {
            (desk.instrument.base_amount(last_qty), BTC)
        } else {
            (desk.instrument.notional(last_px, last_qty), USD)
        };
        let fee = whole.unwrap().mul_div(rate, 1_000_000_000_000).unwrap();
        desk.fill(side(words[0]), &report(number, last_px, last_qty, (fee, currency)));
        for (field, found) in [
            ("quote_balance", desk.account.balance(USD).total),
            ("base_balance", desk.account.balance(BTC).total),
            ("equity_at_last_price", desk.marks.equity(&desk.account).unwrap()),
        ] {
            assert_eq!(found.to_string(), step.get(field).text(), "step {number}, {field}");
        }
        desk.check(SPOT);
    }
}
