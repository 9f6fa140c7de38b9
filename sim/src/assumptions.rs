//! What a run assumes, in words: the first thing that a person reads of it.

use tapedeck_model::{CurrencyIx, Ts, VenueIx};
use tapedeck_reports::RunFacts;

use crate::scenario::{Chosen, Item, Scenario, Section};

mod loans;
mod margin;

/// Key and value of each assumption.
pub fn assumptions(scenario: &Scenario, facts: &RunFacts) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    let mut row = |key: &str, value: String| rows.push((key.to_owned(), value));
    let several = scenario.venues.len() > 1;
    for (number, venue) in (0..).zip(&scenario.venues) {
        let name = venue.own.text("name").unwrap_or_default();
        let key = |what: &str| if several { format!("{what} ({name})") } else { what.to_owned() };
        row(&key("Fees"), part(venue, "fees"));
        if let Some(token) = venue.parts.get("fees").and_then(|fees| fees.section.text("token")) {
            row(&key("Fees in the token"), in_token(&token, VenueIx(number), facts));
        }
        row(&key("Slippage"), part(venue, "slippage"));
        let legs = ["entry_latency", "cancel_latency", "report_latency"].map(|leg| part(venue, leg));
        row(&key("Latency"), format!("orders {}, cancels {}, reports {}", legs[0], legs[1], legs[2]));
        let text = |key: &str| venue.own.text(key).unwrap_or_default();
        let place = if venue.own.params.bool("amend_keeps_priority") == Ok(true) {
            "keeps its place"
        } else {
            "loses its place"
        };
        let lost = if venue.own.params.bool("cancel_on_disconnect") == Ok(true) { "are canceled" } else { "stay" };
        let self_trade = text("self_trade_prevention");
        row(
            &key("Own orders"),
            format!(
                "where ours would meet ours: {self_trade}; an order made smaller {place}; orders {lost} when the \
                 connection is lost"
            ),
        );
        row(&key("Refusals"), refusals(&venue.own));
        let uses = |kind: &str| uses_kind(scenario, &name, kind);
        books(venue, &uses, &mut |what, value| row(&key(what), value));
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
    accounts(scenario, several, &mut row);
    valuation(scenario, &mut row);
    for account in scenario.accounts() {
        match account.kind().as_deref() {
            Some("margin") => margin::rows(&account, scenario, &mut row),
            Some("spot_margin") => loans::rows(account.own, scenario, &mut row),
            _ => {}
        }
    }
    data_and_incidents(scenario, facts, &mut row);
    let warm_up = scenario.general.own.params.span("warm_up").unwrap_or_default();
    let start = scenario.general.own.params.time_opt("start").ok().flatten();
    row(
        "Trading starts",
        match start {
            Some(start) => format!("{start}, after a warm-up of {warm_up}"),
            None => "with the first record, without a warm-up".to_owned(),
        },
    );
    if scenario.data_of("bars").next().is_some() {
        row("Ambiguous bars", ambiguity(facts));
    }
    if facts.counts.warmup_denied > 0 {
        row("Denied in warm-up", facts.counts.warmup_denied.to_string());
    }
    row("Seed", scenario.seed().to_string());
    rows
}

/// How often the venue's token paid, and how often it did not.
fn in_token(token: &str, venue: VenueIx, facts: &RunFacts) -> String {
    let at_venue = || facts.fee_fills.iter().filter(|((at, _), _)| *at == venue);
    let all: u64 = at_venue().map(|(_, count)| count).sum();
    let is_token = |currency: CurrencyIx| facts.names.currency(currency) == token;
    let paid: u64 = at_venue().filter(|((_, currency), _)| is_token(*currency)).map(|(_, count)| count).sum();
    format!(
        "{paid} of {all} fills with a fee paid it in {token}; the others in the usual currency without the discount, as there \
         was not enough {token} or no price of it yet"
    )
}

/// What kind of account there is at each venue, and what it pays for.
fn accounts(scenario: &Scenario, several: bool, row: &mut impl FnMut(&str, String)) {
    for account in scenario.accounts() {
        let leverage = account.own.params.decimal_opt("max_leverage").ok().flatten();
        let leverage = leverage.map_or_else(String::new, |leverage| format!(", at most {leverage} x equity"));
        let kind = account.kind().unwrap_or_default();
        let name = account.venue.filter(|_| several).and_then(|venue| venue.own.text("name"));
        match name {
            Some(name) => {
                let deposits = account.own.params.decimals("deposits").unwrap_or_default();
                let deposits: Vec<String> =
                    deposits.iter().map(|(code, amount)| format!("{} {code}", amount.normalize())).collect();
                let deposits = if deposits.is_empty() { "nothing".to_owned() } else { deposits.join(", ") };
                let what = format!("{kind}{leverage}; {deposits} put in; it pays for orders at this venue alone");
                row(&format!("Account ({name})"), what);
            }
            None => row("Account", format!("{kind}{leverage}")),
        }
        if account.own.text("position_mode").as_deref() == Some("hedge") {
            let text = "hedge: a long and a short position in each instrument, each with a margin of its own";
            let name = account.venue.filter(|_| several).and_then(|venue| venue.own.text("name"));
            row(
                &name.map_or_else(|| "Position mode".to_owned(), |name| format!("Position mode ({name})")),
                text.to_owned(),
            );
        }
    }
}

/// How far fills depend on the assumed path through bars.
fn ambiguity(facts: &RunFacts) -> String {
    format!(
        "{} (the other path through them fills otherwise); {} fills are at the price of the path as their order arrived \
         inside a bar",
        facts.counts.ambiguous_bars, facts.counts.arrival_fills
    )
}

/// At which prices positions are valued, and what becomes of funding.
fn valuation(scenario: &Scenario, row: &mut impl FnMut(&str, String)) {
    let with =
        |kind: &str| -> Vec<String> { scenario.data_of(kind).filter_map(|data| data.own.text("instrument")).collect() };
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
    for item in &scenario.instruments {
        if item.own.text("kind").as_deref() == Some("spot") {
            continue;
        }
        let name = [item.own.text("symbol"), item.own.text("venue")].map(Option::unwrap_or_default).join(".");
        let has_marks = marked.contains(&name);
        if let Some(expiry) = item.own.params.time_opt("expiry").ok().flatten() {
            row(&format!("Expiry {name}"), settlement(item, expiry));
        }
        row(&format!("Funding {name}"), funding(item, funded.contains(&name), has_marks));
    }
}

/// What becomes of positions at an expiry.
fn settlement(item: &Item, expiry: Ts) -> String {
    let px = item.own.params.decimal_opt("settlement_px").ok().flatten();
    let px = px.map_or_else(|| "the last index, mark or other price, in this order".to_owned(), |px| px.to_string());
    format!("positions are settled at {px} on {expiry}, without a fee; not if the tape ends before")
}

/// What a contract pays of funding, and from where its rates come.
fn funding(item: &Item, has_rates: bool, has_marks: bool) -> String {
    let own = &item.own;
    let interval = own.params.span_opt("funding_interval").ok().flatten();
    let missing = own.text("funding_missing").unwrap_or_else(|| "error".to_owned());
    let value = if has_marks { "the mark price" } else { "the last known price where the rates name no mark" };
    match (has_rates, interval) {
        (true, Some(interval)) => {
            let missing = match missing.as_str() {
                "zero" => "a missing rate is taken as zero",
                "last" => "a missing rate is taken as the one before",
                _ => "a missing rate is an error",
            };
            format!("rate x position at {value} at the times of the data, due every {interval}; {missing}")
        }
        (true, None) => format!("rate x position at {value} at the times of the data; holes are not looked for"),
        (false, Some(interval)) => format!("NONE PAID: due every {interval}, but there is no data; each rate is zero"),
        (false, None) if own.given("expiry") => "none: a dated contract without funding data".to_owned(),
        (false, None) => "NONE PAID: there is no funding data; a perpetual contract would pay or be paid".to_owned(),
    }
}

/// How orders are filled on a venue's order books.
fn books(venue: &Item, uses: &impl Fn(&str) -> bool, row: &mut impl FnMut(&str, String)) {
    let text = |key: &str| venue.own.text(key).unwrap_or_default();
    if uses("depth") {
        let fills = text("maker_fill");
        row("Order book", format!("queue {}; makers reached fill {fills}", part(venue, "queue")));
        if uses("quotes") {
            row("Quotes beside a book", quotes_said(&text("book_quotes")).to_owned());
        }
        row("Refill", "what we took of a level is back when the feed tells of it anew".to_owned());
    }
    if uses("mbo") {
        let (fills, faults) = (text("maker_fill"), text("order_faults"));
        row("Order by order", format!("exact places, first come first served; makers reached fill {fills}"));
        row("Impossible orders", format!("{faults}: {}", faults_said(&faults)));
        row("Orders taken", "what we took of an order does not come back while it rests".to_owned());
    }
}

/// What `order_faults` means for a result.
fn faults_said(law: &str) -> &'static str {
    match law {
        "skip" => "a record that cannot be true of the book is left out",
        _ => "after a record that cannot be true of the book nothing is matched before the next snapshot",
    }
}

/// What `book_quotes` means for a result.
fn quotes_said(law: &str) -> &'static str {
    match law {
        "prune" => "prune: what a quote shows to be gone cannot be taken until the next message of depth",
        "fuse" => "fuse: the best levels are those of the last quote until the next message of depth",
        _ => "ignored: levels change with depth alone",
    }
}

/// How data reach orders and us, and what befalls venues and the account.
fn data_and_incidents(scenario: &Scenario, facts: &RunFacts, row: &mut impl FnMut(&str, String)) {
    for instrument in &scenario.instruments {
        if let Some(limit) = instrument.own.params.span_opt("age_limit").ok().flatten() {
            let symbol = instrument.own.text("symbol").unwrap_or_default();
            let what =
                format!("nothing shown longer than {limit} ago is taken; {} attempts waited", facts.counts.blocked);
            row(&format!("Age limit {symbol}"), what);
        }
    }
    for data in &scenario.data {
        if data.own.params.bool("drill_down") == Ok(true) {
            let name = data.own.text("name").unwrap_or_default();
            row(&format!("Drill-down {name}"), "fills orders; strategies see the coarser bars alone".to_owned());
        }
        let delay = data.parts.get("feed_latency").filter(|chosen| chosen.name != "none");
        if let Some(chosen) = delay {
            row(&format!("Feed {}", data.own.text("name").unwrap_or_default()), describe(chosen));
        }
    }
    for item in &scenario.transfers {
        let text = |key: &str| item.own.text(key).unwrap_or_default();
        let fee = item.own.params.decimal("fee").unwrap_or_default().normalize();
        let code = text("currency");
        let what = format!(
            "{} under way, {fee} {code} of what leaves; only what is free leaves, and nothing can use it meanwhile",
            part(item, "time")
        );
        row(&format!("Transfer {code} from {} to {}", text("from"), text("to")), what);
    }
    for incident in &scenario.incidents {
        let Some(chosen) = &incident.inline else { continue };
        let start = incident.own.params.time("start").map_or_else(|_| String::new(), |start| start.to_string());
        let name = incident.own.text("name").unwrap_or_default();
        row(&format!("Incident {name}"), format!("{} at {start}", describe(chosen)));
    }
}

/// What a venue refuses beside what breaks its rules.
fn refusals(own: &Section) -> String {
    let decimal = |key: &str| own.params.decimal(key).unwrap_or_default();
    let mut parts = Vec::new();
    if decimal("reject_probability").is_zero() {
        parts.push("none at random".to_owned());
    } else {
        parts.push(format!("{} of orders at random", decimal("reject_probability")));
    }
    match (own.params.int_opt("rate_limit").ok().flatten(), own.params.span("rate_limit_interval")) {
        (Some(orders), Ok(interval)) => parts.push(format!("beyond {orders} orders in {interval}")),
        _ => parts.push("no limit on the rate".to_owned()),
    }
    if let Some(band) = own.params.decimal_opt("price_band").ok().flatten() {
        parts.push(format!("limits more than {band} % from the mark or last price"));
    }
    parts.join("; ")
}

/// Whether a venue has instruments with data of a kind.
fn uses_kind(scenario: &Scenario, venue: &str, kind: &str) -> bool {
    // Named in full since the scenario was resolved.
    let mut instruments = scenario.data_of(kind).filter_map(|data| data.own.text("instrument"));
    instruments.any(|name| name.ends_with(&format!(".{venue}")))
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

#[cfg(test)]
mod tests {
    use tapedeck_model::Span;
    use tapedeck_reports::Gatherer;

    use super::*;
    use crate::{Origin, Registry};

    const PERPETUAL: &str = r#"
        [scenario]
        name = "x"
        base_currency = "USD"
        start = "2024-01-01"
        end = "2024-01-02"
        [[instrument]]
        symbol = "X"
        venue = "SIM"
        kind = "linear"
        base = "C"
        quote = "USD"
        tick_size = "0.01"
        lot_size = "0.001"
        INTERVAL
        [[data]]
        instrument = "X"
        kind = "bars"
        interval = "1h"
        synthetic = { generator = "constant" }
        DATA
        [[venue]]
        name = "SIM"
        [account]
        kind = "netting"
        deposits = { USD = "1000" }
        [[strategy]]
        type = "noop"
    "#;

    #[test]
    fn fees_that_the_token_did_not_pay_are_told_of() {
        let mut facts = Gatherer::new(Span::DAY).finish().unwrap_or_else(|_| panic!("nothing can be wrong"));
        let (here, there, token) = (VenueIx(0), VenueIx(1), facts.names.currency(CurrencyIx(7)).to_owned());
        facts.fee_fills = [((here, CurrencyIx(7)), 3), ((here, CurrencyIx(7)), 3), ((there, CurrencyIx(7)), 5)].into();
        assert!(in_token(&token, here, &facts).starts_with("3 of 3 fills"));
        assert!(in_token("BNB", there, &facts).starts_with("0 of 5 fills"));
    }

    fn rows(interval: &str, data: &str) -> Vec<(String, String)> {
        let text = PERPETUAL.replace("INTERVAL", interval).replace("DATA", data);
        let origin = Origin { file: "x.toml", text: &text, overrides: &[] };
        let scenario = Scenario::load(origin, &Registry::standard()).unwrap_or_else(|_| panic!("it does not load"));
        let facts = Gatherer::new(Span::DAY).finish().unwrap();
        assumptions(&scenario, &facts)
    }

    #[test]
    fn what_a_contract_pays_is_said_and_at_what_it_is_valued() {
        let mark = "[[data]]\ninstrument = \"X\"\nkind = \"mark\"\ninterval = \"1m\"\nsynthetic = { generator = \"constant\" }\n";
        let funding = "[[data]]\ninstrument = \"X\"\nkind = \"funding\"\ninterval = \"8h\"\nsynthetic = { generator = \"funding\" }\n";
        let due = "funding_interval = \"8h\"";
        for (interval, data, key, expected) in [
            ("", "", "Funding X.SIM", "NONE PAID: there is no funding data"),
            ("", funding, "Funding X.SIM", "holes are not looked for"),
            (due, funding, "Funding X.SIM", "due every 8h; a missing rate is an error"),
            ("funding_interval = \"8h\"\nfunding_missing = \"zero\"", "", "Funding X.SIM", "NONE PAID: due every 8h"),
            ("", "", "Open positions", "at the last known price"),
            ("", mark, "Open positions", "X.SIM are valued at the venue's mark price"),
        ] {
            let rows = rows(interval, data);
            let value = rows.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
            assert!(value.is_some_and(|value| value.contains(expected)), "{key}: {value:?}");
        }
    }
}
