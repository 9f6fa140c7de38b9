//! Baskets of synthetic bars: what moves together is drawn bar by bar, so the bars must be the same.

use super::combination;
use crate::scenario::Scenario;
use crate::scenario::problem::Problem;
use crate::scenario::section::Item;

/// The basket of synthetic data that are of one.
fn basket(item: &Item) -> Option<String> {
    let chosen = item.parts.get("synthetic").filter(|chosen| chosen.name == "basket")?;
    chosen.section.text("basket")
}

/// All data of a basket have one interval: the first ones'.
pub(super) fn check(scenario: &Scenario, problems: &mut Vec<Problem>) {
    for (at, item) in scenario.data.iter().enumerate() {
        let Some(name) = basket(item) else { continue };
        let first = scenario.data.iter().take(at).find(|other| basket(other).as_deref() == Some(name.as_str()));
        let interval = |item: &Item| item.own.params.span("interval").ok();
        if let Some(expected) = first.and_then(interval)
            && interval(item).is_some_and(|interval| interval != expected)
        {
            let message = format!("all data of the basket `{name}` need one `interval`, {expected}");
            let problem = combination(message, &item.own, "interval");
            problems.push(
                problem
                    .help("members move together bar by bar; give this one a basket of its own, or the same interval"),
            );
        }
    }
}
