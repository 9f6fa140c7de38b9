//! What a spot account that borrows needs, and what it cannot do.

use tapedeck_model::{Decimal, Ts};

use super::combination;
use crate::scenario::Scenario;
use crate::scenario::accounts::Account;
use crate::scenario::problem::{Problem, suggest};
use crate::scenario::section::Section;

/// Keys that it shares with a margin account.
pub(super) const SHARED_KEYS: [&str; 4] = ["leverage", "liquidation", "liquidation_fee", "liquidation_slippage"];

/// Checks `[[borrow]]` and the account that it is about.
pub(super) fn check(scenario: &Scenario, problems: &mut Vec<Problem>) {
    let accounts = scenario.accounts();
    let borrows = |account: &&Account<'_>| account.kind().as_deref() == Some("spot_margin");
    for account in accounts.iter().filter(|account| !borrows(account)) {
        let kind = account.kind().unwrap_or_default();
        for key in ["margin_call", "liquidation_level"].into_iter().filter(|key| account.own.given(key)) {
            let problem = combination(format!("a {kind} account has no `{key}`"), account.own, key);
            problems.push(problem.help(format!("write {}, or remove it", account.write_kind("spot_margin"))));
        }
    }
    let Some(account) = accounts.iter().find(borrows) else {
        for item in &scenario.borrow {
            let problem = combination("no account is of kind `spot_margin`: it borrows nothing", &item.own, "currency");
            problems.push(problem.help("give the account that kind, or remove the section"));
        }
        return;
    };
    if accounts.len() > 1 {
        let problem = combination("a spot_margin account is that of the only venue", account.own, account.kind_key);
        problems.push(problem.help("put each venue into a run of its own"));
    }
    check_levels(account.own, problems);
    check_rates(account, scenario, problems);
    check_venue(scenario, problems);
    for item in &scenario.incidents {
        let what = item.inline.as_ref().map(|chosen| chosen.name.as_str());
        if let Some(what @ ("deposit" | "withdrawal" | "airdrop" | "delisting")) = what {
            let message = format!("a {what} in the midst of debts is not modelled");
            let help = "put money in at the start, or use another kind of account";
            problems.push(combination(message, &item.own, "kind").help(help));
        }
    }
}

/// Levels stand in order: what an order may owe, the call, the liquidation, one.
fn check_levels(own: &Section, problems: &mut Vec<Problem>) {
    let level = |key: &str| own.params.decimal(key).ok();
    let (Some(leverage), Some(call), Some(level)) =
        (level("leverage"), level("margin_call"), level("liquidation_level"))
    else {
        return;
    };
    if leverage < Decimal::ONE {
        let problem = combination("`leverage` below 1 leaves no room for a debt", own, "leverage");
        problems.push(problem.help("write at least 1: then nothing may be owed"));
        return;
    }
    if level <= Decimal::ONE || call <= level {
        let key = if level <= Decimal::ONE { "liquidation_level" } else { "margin_call" };
        let message = format!("1 < `liquidation_level` ({level}) < `margin_call` ({call}) does not hold");
        problems.push(combination(message, own, key).help("for example 1.1 and 1.3"));
    }
    let borrowed = leverage - Decimal::ONE;
    if leverage <= call.saturating_mul(borrowed) {
        let message = format!(
            "an order at full leverage is at a margin level of {}, not above `margin_call` ({call})",
            (leverage / borrowed).round_dp(4)
        );
        problems.push(combination(message, own, "leverage").help("lower `leverage`, or `margin_call`"));
    }
}

fn check_rates(account: &Account<'_>, scenario: &Scenario, problems: &mut Vec<Problem>) {
    if scenario.borrow.is_empty() {
        let message = "a spot_margin account without [[borrow]] can borrow nothing";
        let problem = combination(message, account.own, account.kind_key);
        problems.push(
            problem.help("add sections [[borrow]] with `currency` and `daily_rate`, or borrow nothing: kind `spot`"),
        );
    }
    let known: Vec<String> = scenario
        .instruments
        .iter()
        .flat_map(|item| ["base", "quote"].map(|key| item.own.text(key)))
        .flatten()
        .collect();
    let mut before: Option<(String, Option<Ts>)> = None;
    for item in &scenario.borrow {
        let Some(currency) = item.own.text("currency") else { continue };
        if !known.contains(&currency) {
            let message = format!("no instrument deals in `{currency}`");
            let help = suggest(&currency, known.iter().map(String::as_str));
            problems
                .push(Problem::new("scenario::unknown_currency", message, item.own.place_of("currency")).help(help));
        }
        // Sorted by currency and date since the scenario was read.
        let this = Some((currency.clone(), item.own.params.time_opt("from").ok().flatten()));
        if this == before {
            let message = format!("there are two rates of `{currency}` from the same date");
            let key = if item.own.given("from") { "from" } else { "currency" };
            problems.push(Problem::new("scenario::duplicate", message, item.own.place_of(key)));
        }
        before = this;
    }
}

/// The venue values the account by the last price of each asset in one currency.
fn check_venue(scenario: &Scenario, problems: &mut Vec<Problem>) {
    let base_currency = scenario.general.own.text("base_currency");
    for item in &scenario.instruments {
        if item.own.text("quote") != base_currency {
            let message = "a spot_margin account is valued in the base currency: every instrument is quoted in it";
            let help = format!("instruments quoted in {} only", base_currency.as_deref().unwrap_or("it"));
            problems.push(combination(message, &item.own, "quote").help(help));
        }
    }
    for item in &scenario.venues {
        let fees = item.parts.get("fees");
        if let Some(chosen) = fees.filter(|chosen| chosen.section.text("currency").as_deref() == Some("base")) {
            let message = "fees in the base asset would be borrowed: a spot_margin account pays them in the quote";
            problems.push(combination(message, &chosen.section, "currency").help("write `currency = \"quote\"`"));
        }
    }
}
