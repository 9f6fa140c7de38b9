//! What a run assumes of margin and liquidation.

use crate::scenario::{Account, Scenario, Section};

/// What is assumed of margin and liquidation in an account.
pub(super) fn rows(at: &Account<'_>, scenario: &Scenario, row: &mut impl FnMut(&str, String)) {
    let account = at.own;
    let name = at.venue.filter(|_| scenario.venues.len() > 1).and_then(|venue| venue.own.text("name"));
    let key = |what: &str| name.as_ref().map_or_else(|| what.to_owned(), |name| format!("{what} ({name})"));
    let decimal = |section: &Section, key: &str| {
        section.params.decimal_opt(key).ok().flatten().map_or_else(String::new, |value| value.normalize().to_string())
    };
    for instrument in scenario.instruments.iter().filter(|one| at.trades(one)) {
        let name = format!(
            "{}.{}",
            instrument.own.text("symbol").unwrap_or_default(),
            instrument.own.text("venue").unwrap_or_default()
        );
        let item = scenario.margin.iter().find(|item| item.own.text("instrument").as_ref() == Some(&name));
        let own = item.map_or(account, |item| &item.own);
        let brackets = match item.map_or(0, |item| item.rows.len()) {
            0 => format!("maintenance flat {}", decimal(own, "maintenance_rate")),
            count => format!("{count} maintenance brackets"),
        };
        let mode = own.text("margin_mode").unwrap_or_default();
        let coin = match instrument.own.text("kind").as_deref() {
            Some("inverse") => format!(", values in {}", instrument.own.text("base").unwrap_or_default()),
            _ => String::new(),
        };
        row(&format!("Margin {name}"), format!("{mode}, leverage {}, {brackets}{coin}", decimal(own, "leverage")));
    }
    if account.text("maintenance_at").as_deref() == Some("entry") {
        row(&key("Maintenance"), "reckoned on the value at entry".to_owned());
    }
    let liquidated = if account.params.bool("liquidation").unwrap_or(true) {
        format!(
            "on: at the mark, {} bps worse, whole, in stages by bracket; {} of the value to the insurance fund, which \
             covers what is missing; the mark is the last price where there is no mark price, along a bar's path",
            decimal(account, "liquidation_slippage"),
            decimal(account, "liquidation_fee"),
        )
    } else {
        "OFF: positions short of maintenance margin are kept, which no venue does".to_owned()
    };
    row(&key("Liquidation"), liquidated);
}
