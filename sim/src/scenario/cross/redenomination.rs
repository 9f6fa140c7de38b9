//! What a redenomination needs, and what it cannot do.

use tapedeck_model::Ts;

use super::combination;
use crate::scenario::Scenario;
use crate::scenario::problem::{Problem, suggest};
use crate::scenario::section::{Item, Section};

/// Checks a redenomination.
pub(super) fn check(item: &Item, section: &Section, scenario: &Scenario, problems: &mut Vec<Problem>) {
    let venues: Vec<String> = scenario.venues.iter().filter_map(|venue| venue.own.text("name")).collect();
    let venue = section.text("venue").or_else(|| venues.first().cloned().filter(|_| venues.len() == 1));
    let (Some(asset), Some(venue)) = (section.text("asset"), venue.filter(|venue| venues.contains(venue))) else {
        return;
    };
    let is = |instrument: &Item, key: &str, text: &str| instrument.own.text(key).as_deref() == Some(text);
    if !scenario.instruments.iter().any(|one| is(one, "base", &asset) && is(one, "venue", &venue)) {
        let bases: Vec<String> = scenario.instruments.iter().filter_map(|one| one.own.text("base")).collect();
        let message = format!("`{asset}` is the base of no instrument at `{venue}`");
        problems.push(combination(message, section, "asset").help(suggest(&asset, bases.iter().map(String::as_str))));
        return;
    }
    let (why, help) = if let Some(why) = what_counts_in(&asset, scenario) {
        (why, "only an asset that is the base of instruments, and nothing else, can be redenominated")
    } else if let Some(why) = who_else_has(&asset, &venue, scenario) {
        (why, "only an asset that one venue of the run has can be redenominated: put each venue into a run of its own")
    } else if let Some(why) = at_venue(&asset, &venue, scenario) {
        (why, "use another kind of account, or other fees")
    } else if let Some(why) = beside(item, &asset, scenario) {
        (why, "let the asset change its units once, and come and go before that only")
    } else {
        return;
    };
    problems.push(combination(format!("`{asset}` cannot be redenominated: {why}"), section, "asset").help(help));
}

/// Money that is counted in the asset: its amounts and prices would change everywhere.
fn what_counts_in(asset: &str, scenario: &Scenario) -> Option<String> {
    if scenario.general.own.text("base_currency").as_deref() == Some(asset) {
        return Some("equity is measured in it".to_owned());
    }
    scenario.instruments.iter().find_map(|one| {
        let symbol = one.own.text("symbol")?;
        let is = |key: &str| one.own.text(key).as_deref() == Some(asset);
        if is("quote") {
            return Some(format!("`{symbol}` is quoted in it"));
        }
        let inverse = is("base") && one.own.text("kind").as_deref() == Some("inverse");
        (inverse || is("settlement")).then(|| format!("`{symbol}` settles in it"))
    })
}

/// Venues do not change their units at one instant.
fn who_else_has(asset: &str, venue: &str, scenario: &Scenario) -> Option<String> {
    let elsewhere = scenario.instruments.iter().find_map(|one| {
        let at = one.own.text("venue").filter(|at| at != venue)?;
        (one.own.text("base").as_deref() == Some(asset)).then(|| format!("`{at}` deals in it too"))
    });
    let sent = || {
        let mut ways = scenario.transfers.iter().filter_map(|way| way.own.text("currency"));
        ways.any(|code| code == asset).then(|| "there is a [[transfer]] of it".to_owned())
    };
    let put_in = || {
        scenario.accounts().iter().find_map(|account| {
            let at = account.venue?.own.text("name").filter(|at| at != venue)?;
            let deposits = account.own.params.decimals_opt("deposits").ok().flatten()?;
            deposits.contains_key(asset).then(|| format!("it is put in at `{at}` too"))
        })
    };
    elsewhere.or_else(sent).or_else(put_in)
}

/// What is kept at the venue in units of its instruments.
fn at_venue(asset: &str, venue: &str, scenario: &Scenario) -> Option<String> {
    let at_this = |one: &&Item| one.own.text("venue").as_deref() == Some(venue);
    let account = scenario.instruments.iter().find(at_this).and_then(|one| scenario.account_of(one)?.kind());
    if account.as_deref() == Some("spot_margin") {
        return Some("a change of units in the midst of debts is not modelled".to_owned());
    }
    let item = scenario.venues.iter().find(|one| one.own.text("name").as_deref() == Some(venue))?;
    let fees = item.parts.get("fees")?;
    if fees.section.text("token").as_deref() == Some(asset) {
        return Some("fees of the venue are paid in it".to_owned());
    }
    let in_base = fees.section.text("volume_in").as_deref() == Some("base");
    in_base.then(|| "the tiers of the venue's fees count volume in the base asset (`volume_in`)".to_owned())
}

/// Other incidents about the same asset. What comes or goes while we have not learned of the change would be in
/// units that our account does not have.
fn beside(item: &Item, asset: &str, scenario: &Scenario) -> Option<String> {
    let start = |item: &Item| -> Option<Ts> { item.own.params.time("start").ok() };
    let name = |item: &Item| item.own.text("name").unwrap_or_default();
    scenario.incidents.iter().filter(|other| name(other) != name(item)).find_map(|other| {
        let chosen = other.inline.as_ref()?;
        match chosen.name.as_str() {
            "redenomination" if chosen.section.text("asset").as_deref() == Some(asset) => {
                Some(format!("incident `{}` does so too", name(other)))
            }
            "deposit" | "withdrawal" | "airdrop" if chosen.section.text("currency").as_deref() == Some(asset) => {
                let later = start(other) >= start(item);
                later.then(|| format!("incident `{}` moves it afterwards", name(other)))
            }
            _ => None,
        }
    })
}
