//! What a delisting must say about what is held, by the kind of account, and what it cannot do.

use super::{combination, token};
use crate::scenario::Scenario;
use crate::scenario::problem::Problem;
use crate::scenario::section::{Item, Section};

/// Checks a delisting; its own keys are checked against each other as it is built.
pub(super) fn check(item: &Item, section: &Section, scenario: &Scenario, problems: &mut Vec<Problem>) {
    let Some(full) = section.text("instrument") else { return };
    let name = |item: &Item| item.own.text("symbol").zip(item.own.text("venue")).map(|(s, v)| format!("{s}.{v}"));
    let delisted = scenario.instruments.iter().find(|item| name(item).as_deref() == Some(full.as_str()));
    let account = delisted.and_then(|item| scenario.account_of(item)?.kind());
    let is_spot = account.as_deref() == Some("spot");
    let holdings = section.text("holdings");
    if !is_spot && holdings.is_some() {
        let message = "`holdings` is about the assets of a spot account: elsewhere positions are settled";
        problems.push(combination(message, section, "holdings").help("remove it"));
    }
    if is_spot && holdings.is_none() {
        let message = "a delisting on a spot account needs `holdings`: what becomes of the asset that it holds";
        let problem = Problem::new("scenario::missing_key", message, item.own.place.clone());
        problems.push(problem.label("`holdings` is missing").help("write \"settle\", \"hold\" or \"write_off\""));
    }
    let has_marks = scenario.data.iter().any(|data| {
        data.own.text("instrument").as_ref() == Some(&full) && data.own.text("kind").as_deref() == Some("mark")
    });
    if section.text("settle_at").as_deref() == Some("mark") && !has_marks {
        let message = format!("there are no mark prices of `{full}` to settle at");
        let help = "add a [[data]] of kind `mark`, or settle at `last` or at a stated `price`";
        problems.push(combination(message, section, "settle_at").help(help));
    }
    if matches!(holdings.as_deref(), Some("settle" | "write_off")) {
        check_asset(section, &full, scenario, problems);
    }
}

/// Whether an asset is the token that the fees of an instrument's venue are paid in.
fn pays_fees(instrument: Option<&Item>, asset: &str, scenario: &Scenario) -> bool {
    let venue = instrument.and_then(|item| item.own.text("venue"));
    let venue = scenario.venues.iter().find(|one| one.own.text("name") == venue);
    venue.and_then(token::fees_token).is_some_and(|(_, token)| token == asset)
}

/// An asset that is dealt in elsewhere, in which fees are paid, or in which equity is measured, does not end with one of its markets.
fn check_asset(section: &Section, full: &str, scenario: &Scenario, problems: &mut Vec<Problem>) {
    let name = |item: &Item| item.own.text("symbol").zip(item.own.text("venue")).map(|(s, v)| format!("{s}.{v}"));
    let delisted = scenario.instruments.iter().find(|item| name(item).as_deref() == Some(full));
    let Some(base) = delisted.and_then(|item| item.own.text("base")) else { return };
    let elsewhere = scenario.instruments.iter().find(|item| {
        let deals = ["base", "quote"].iter().any(|key| item.own.text(key).as_ref() == Some(&base));
        deals && name(item).as_deref() != Some(full)
    });
    let why = match elsewhere.and_then(name) {
        Some(other) => format!("`{other}` deals in {base} too"),
        None if pays_fees(delisted, &base, scenario) => format!("fees of the venue are paid in {base}"),
        None if scenario.general.own.text("base_currency").as_ref() == Some(&base) => {
            format!("equity is measured in {base}")
        }
        None => return,
    };
    let problem = combination(format!("the holding of {base} does not end here: {why}"), section, "holdings");
    problems.push(problem.help("write `holdings = \"hold\"`"));
}
