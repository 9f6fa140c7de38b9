//! What a run assumes of borrowing.

use crate::scenario::{Scenario, Section};

/// What is assumed of debts and interest.
pub(super) fn rows(own: &Section, scenario: &Scenario, row: &mut impl FnMut(&str, String)) {
    let decimal =
        |key: &str| own.params.decimal(key).map_or_else(|_| String::new(), |value| value.normalize().to_string());
    row(
        "Borrowing",
        format!(
            "what is missing is borrowed at once, whatever comes in pays it back, interest first; an order may owe up to \
             (leverage {} - 1) x equity at the last prices, open orders included",
            decimal("leverage")
        ),
    );
    for item in &scenario.borrow {
        let rate =
            item.own.params.decimal("daily_rate").map_or_else(|_| String::new(), |rate| rate.normalize().to_string());
        let from = item.own.params.time_opt("from").ok().flatten();
        let from = from.map_or_else(String::new, |from| format!(" from {from}"));
        let currency = item.own.text("currency").unwrap_or_default();
        let value = format!(
            "{rate} a day{from}, a twenty-fourth for each hour that has begun, on what was borrowed; as much as asked for is lent"
        );
        row(&format!("Interest {currency}"), value);
    }
    row("Margin call", format!("at assets / debt of {}: said, and nothing else", decimal("margin_call")));
    let liquidated = if own.params.bool("liquidation").unwrap_or(true) {
        format!(
            "on: at assets / debt of {} all debts are paid, at the mark, {} bps worse, exactly, not in lots; {} of the value \
             to the insurance fund, which covers what is missing",
            decimal("liquidation_level"),
            decimal("liquidation_slippage"),
            decimal("liquidation_fee"),
        )
    } else {
        "OFF: debts are never called in, which no venue does".to_owned()
    };
    row("Liquidation", liquidated);
}
