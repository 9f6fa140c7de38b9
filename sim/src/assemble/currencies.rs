//! The run's table of currencies.

use std::collections::BTreeSet;

use tapedeck_model::Currency;

use crate::scenario::Scenario;

/// Every currency that the scenario names, by code.
pub fn of(scenario: &Scenario) -> Vec<Currency> {
    let mut codes: BTreeSet<String> = BTreeSet::new();
    codes.extend(scenario.general.own.text("base_currency"));
    for item in &scenario.instruments {
        codes.extend(["base", "quote", "settlement"].iter().filter_map(|key| item.own.text(key)));
    }
    codes.extend(scenario.transfers.iter().filter_map(|item| item.own.text("currency")));
    let incidents = scenario.incidents.iter().filter_map(|item| item.inline.as_ref());
    codes.extend(incidents.filter_map(|chosen| chosen.section.text("currency")));
    for account in scenario.accounts() {
        codes.extend(account.own.params.decimals("deposits").unwrap_or_default().into_keys());
    }
    codes.iter().filter_map(|code| Currency::new(code)).collect()
}
