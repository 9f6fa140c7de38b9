//! What a run assumes, in words: the first thing that a person reads of it.

use tapedeck_reports::RunFacts;

use crate::scenario::{Chosen, Item, Scenario};

mod margin;

/// Key and value of each assumption.
pub fn assumptions(scenario: &Scenario, facts: &RunFacts) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    let mut row = |key: &str, value: String| rows.push((key.to_owned(), value));
    let several = scenario.venues.len() > 1;
    for venue in &scenario.venues {
        let name = venue.own.text("name").unwrap_or_default();
        let key = |what: &str| if several { format!("{what} ({name})") } else { what.to_owned() };
        row(&key("Fees"), part(venue, "fees"));
        row(&key("Slippage"), part(venue, "slippage"));
        let legs = ["entry_latency", "cancel_latency", "report_latency"].map(|leg| part(venue, leg));
        row(&key("Latency"), format!("orders {}, cancels {}, reports {}", legs[0], legs[1], legs[2]));
        let text = |key: &str| venue.own.text(key).unwrap_or_default();
        let place = if text("amend_keeps_priority") == "true" { "keeps its place" } else { "loses its place" };
        let lost = if text("cancel_on_disconnect") == "true" { "are canceled" } else { "stay" };
        let self_trade = text("self_trade_prevention");
        row(
            &key("Own orders"),
            format!(
                "where ours would meet ours: {self_trade}; an order made smaller {place}; orders {lost} when the \
                 connection is lost"
            ),
        );
        let uses = |kind: &str| uses_kind(scenario, &name, kind);
        if uses("depth") {
            let fills = text("maker_fill");
            row(&key("Order book"), format!("queue {}; makers reached fill {fills}", part(venue, "queue")));
            row(&key("Refill"), "what we took of a level is back when the feed tells of it anew".to_owned());
        }
        if !uses("bars") {
            continue;
        }
        row(
            &key("Participation"),
            match text("participation").as_str() {
                "none" => "no bound on the part of a bar's volume that we take".to_owned(),
                share => format!("at most {share} of a bar's volume"),
            },
        );
        row(&key("Path in a bar"), format!("{}; resting limits fill at a {}", text("path"), text("limit_fill")));
    }
    let account = &scenario.account.own;
    let leverage = account.params.decimal_opt("max_leverage").ok().flatten();
    let leverage = leverage.map_or_else(String::new, |leverage| format!(", at most {leverage} x equity"));
    row("Account", format!("{}{leverage}", account.text("kind").unwrap_or_default()));
    valuation(scenario, &mut row);
    if account.text("kind").as_deref() == Some("margin") {
        margin::rows(scenario, &mut row);
    }
    for data in &scenario.data {
        let delay = data.parts.get("feed_latency").filter(|chosen| chosen.name != "none");
        if let Some(chosen) = delay {
            row(&format!("Feed {}", data.own.text("name").unwrap_or_default()), describe(chosen));
        }
    }
    let warm_up = scenario.general.own.params.span("warm_up").unwrap_or_default();
    let start = scenario.general.own.params.time_opt("start").ok().flatten();
    row(
        "Trading starts",
        match start {
            Some(start) => format!("{start}, after a warm-up of {warm_up}"),
            None => "with the first record, without a warm-up".to_owned(),
        },
    );
    row("Ambiguous bars", format!("{} (their outcome depends on the path)", facts.counts.ambiguous_bars));
    if facts.counts.warmup_denied > 0 {
        row("Denied in warm-up", facts.counts.warmup_denied.to_string());
    }
    row("Seed", scenario.seed().to_string());
    rows
}

/// At which prices positions are valued, and what becomes of funding.
fn valuation(scenario: &Scenario, row: &mut impl FnMut(&str, String)) {
    let with = |kind: &str| -> Vec<String> {
        let of_kind = scenario.data.iter().filter(|data| data.own.text("kind").as_deref() == Some(kind));
        of_kind.filter_map(|data| data.own.text("instrument")).collect()
    };
    let marked = with("mark");
    let value = if marked.is_empty() {
        "are valued at the last known price".to_owned()
    } else {
        let names = marked.join(", ");
        format!(
            "of {names} are valued at the venue's mark price from the first one on, all else at the last known price"
        )
    };
    row("Open positions", value);
    let funded = with("funding");
    if !funded.is_empty() {
        row("Funding", format!("rates of {} are shown to strategies; nothing is paid yet", funded.join(", ")));
    }
}

/// Whether a venue has instruments with data of a kind.
fn uses_kind(scenario: &Scenario, venue: &str, kind: &str) -> bool {
    let of_kind = scenario.data.iter().filter(|data| data.own.text("kind").as_deref() == Some(kind));
    // Named in full since the scenario was resolved.
    of_kind.filter_map(|data| data.own.text("instrument")).any(|name| name.ends_with(&format!(".{venue}")))
}

fn part(item: &Item, key: &str) -> String {
    item.parts.get(key).map_or_else(|| "none".to_owned(), describe)
}

/// A component with its parameters in brackets.
fn describe(chosen: &Chosen) -> String {
    let params: Vec<String> = chosen
        .section
        .params
        .iter()
        .map(|(name, value)| format!("{name} {}", crate::scenario::print(value).replace('"', "")))
        .collect();
    if params.is_empty() { chosen.name.clone() } else { format!("{} ({})", chosen.name, params.join(", ")) }
}
