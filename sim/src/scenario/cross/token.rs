//! Whether the fees of a venue can be paid in its token, as far as the names of things tell.

use tapedeck_model::Currency;

use super::combination;
use crate::scenario::Scenario;
use crate::scenario::problem::{Problem, suggest};
use crate::scenario::section::{Item, Section};

/// Checks `token` of each `[venue.fees]`. The instrument that says what it is worth is looked at as the model is built.
pub(super) fn check(scenario: &Scenario, problems: &mut Vec<Problem>) {
    for venue in &scenario.venues {
        let Some((section, token)) = fees_token(venue) else { continue };
        if Currency::new(&token).is_none() {
            let problem = Problem::new(
                "scenario::bad_currency",
                format!("\"{token}\" is not a currency code"),
                section.place_of("token"),
            );
            problems.push(problem.help("use 1 to 16 letters, digits, `-` and `_`"));
            continue;
        }
        let at_venue: Vec<&Item> =
            scenario.instruments.iter().filter(|one| one.own.text("venue") == venue.own.text("name")).collect();
        let bases: Vec<String> = at_venue.iter().filter_map(|one| one.own.text("base")).collect();
        if !bases.contains(&token) {
            let message = format!("no instrument of the venue deals in `{token}`");
            let help = suggest(&token, bases.iter().map(String::as_str));
            problems.push(Problem::new("scenario::unknown_currency", message, section.place_of("token")).help(help));
            continue;
        }
        let name = section.text("token_instrument");
        let priced =
            at_venue.iter().find(|one| name.is_some() && (one.own.text("symbol") == name || full(one) == name));
        if let Some(base) = priced.and_then(|one| one.own.text("base")).filter(|base| *base != token) {
            let message = format!("`{}` deals in {base}, not in {token}", name.unwrap_or_default());
            let problem = combination(message, section, "token_instrument");
            problems.push(problem.help(format!("name the instrument whose base is {token}")));
        }
        let account = scenario.account_at(venue);
        if account.kind().as_deref() == Some("spot_margin") {
            let message = "a spot_margin account does not pay fees in a token: what is missing of it would be borrowed";
            problems.push(combination(message, section, "token").help("remove it, or use another kind of account"));
        }
    }
}

/// The token that a venue's fees are paid in, and where that is said.
pub(super) fn fees_token(venue: &Item) -> Option<(&Section, String)> {
    let section = &venue.parts.get("fees")?.section;
    section.text("token").map(|token| (section, token))
}

fn full(instrument: &Item) -> Option<String> {
    instrument.own.text("symbol").zip(instrument.own.text("venue")).map(|(symbol, venue)| format!("{symbol}.{venue}"))
}
