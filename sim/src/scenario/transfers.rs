//! What ways for money between venues must make sense of.

use tapedeck_model::Currency;

use super::Scenario;
use super::problem::{Problem, suggest};
use super::section::{Item, Section};

/// Models that say how long a transfer takes: the others look at orders or at the market.
const TIMES: [&str; 3] = ["none", "constant", "lognormal"];

/// Checks every `[[transfer]]`, and every incident that sends money by one.
pub fn check(scenario: &Scenario, problems: &mut Vec<Problem>) {
    let venues: Vec<String> = scenario.venues.iter().filter_map(|item| item.own.text("name")).collect();
    for (nth, item) in scenario.transfers.iter().enumerate() {
        check_ends(&item.own, &venues, problems);
        check_time(item, problems);
        let code = item.own.text("currency");
        if let Some(code) = code.filter(|code| Currency::new(code).is_none()) {
            let message = format!("\"{code}\" is not a currency code");
            let problem = Problem::new("scenario::bad_currency", message, item.own.place_of("currency"));
            problems.push(problem.help("use 1 to 16 letters, digits, `-` and `_`"));
        }
        if scenario.transfers.iter().take(nth).any(|other| way(&other.own) == way(&item.own)) {
            let message = "there are two `transfer` sections for this way and currency";
            let problem = Problem::new("scenario::duplicate", message, item.own.place_of("from"));
            problems.push(problem.label("the second").help("keep one of them"));
        }
    }
    for item in &scenario.incidents {
        let Some(chosen) = item.inline.as_ref().filter(|chosen| chosen.name == "transfer") else { continue };
        check_ends(&chosen.section, &venues, problems);
        if !scenario.transfers.iter().any(|route| way(&route.own) == way(&chosen.section)) {
            let message = "there is no [[transfer]] for this way and currency";
            let problem = Problem::new("scenario::combination", message, item.own.place_of("kind"));
            problems.push(problem.help("add one with the same `from`, `to` and `currency`: it says what it costs"));
        }
    }
}

fn way(section: &Section) -> [Option<String>; 3] {
    ["from", "to", "currency"].map(|key| section.text(key))
}

fn check_ends(section: &Section, venues: &[String], problems: &mut Vec<Problem>) {
    for key in ["from", "to"] {
        let Some(name) = section.text(key).filter(|name| !venues.contains(name)) else { continue };
        let message = format!("there is no venue `{name}`");
        let help = suggest(&name, venues.iter().map(String::as_str));
        problems.push(Problem::new("scenario::unknown_venue", message, section.place_of(key)).help(help));
    }
    if section.text("from").is_some() && section.text("from") == section.text("to") {
        let problem = Problem::new("scenario::combination", "a transfer goes to another venue", section.place_of("to"));
        problems.push(problem.help("`from` and `to` must differ"));
    }
}

fn check_time(item: &Item, problems: &mut Vec<Problem>) {
    let Some(time) = item.parts.get("time") else {
        // A table that is there but wrong is already reported.
        let problem = Problem::new("scenario::missing_key", "`transfer` needs `time`", item.own.place.clone());
        let help = "write for example `time = { model = \"constant\", delay = \"30m\" }`";
        problems.push(problem.label("`time` is missing").help(help));
        return;
    };
    if !TIMES.contains(&time.name.as_str()) {
        let message = format!("`{}` does not say how long a transfer takes", time.name);
        let problem = Problem::new("scenario::combination", message, time.section.place.clone());
        problems.push(problem.help("choose `none`, `constant` or `lognormal`"));
    }
}
