//! Defaults that depend on other keys, and names in their full form.

use tapedeck_model::Decimal;
use tapedeck_model::param::{ParamValue, Params};

use super::Scenario;
use super::problem::{Problem, suggest};
use super::section::{Item, Section};

/// Completes every section.
pub fn complete(scenario: &mut Scenario, problems: &mut Vec<Problem>) {
    for item in &mut scenario.instruments {
        complete_instrument(item, problems);
    }
    let names = Names::of(&scenario.instruments);
    for item in &mut scenario.data {
        complete_data(&mut item.own, &names, problems);
    }
    for item in &mut scenario.strategies {
        complete_strategy(&mut item.own, &names, problems);
    }
    let venues: Vec<String> = scenario.venues.iter().filter_map(|item| item.own.text("name")).collect();
    for item in &mut scenario.incidents {
        complete_incident(item, &venues);
        complete_target(item, &names, problems);
    }
    if scenario.has_venue_accounts() {
        let own = scenario.venues.iter_mut().map(|venue| &mut venue.own);
        own.for_each(|own| own.default_to("account", || Some(ParamValue::Text("spot".to_owned()))));
        scenario.venues.iter_mut().for_each(|venue| complete_account(&mut venue.own, "account"));
    } else {
        complete_account(&mut scenario.account.own, "kind");
    }
    complete_margin(scenario, &names, problems);
    let general = &mut scenario.general.own;
    if let Some(mut factors) = general.params.decimal_list_opt("cost_stress").ok().flatten() {
        // Their order means nothing.
        factors.sort();
        factors.dedup();
        general.params.insert("cost_stress", ParamValue::DecimalList(factors));
    }
}

/// Defaults of an account by its kind.
fn complete_account(account: &mut Section, kind_key: &str) {
    match account.text(kind_key).as_deref() {
        Some("netting") => account.default_to("max_leverage", || Some(ParamValue::Decimal(Decimal::ONE))),
        Some("margin") => complete_margin_account(account),
        Some("spot_margin") => complete_loans(account),
        _ => {}
    }
}

/// Defaults of a spot account that borrows: those of Binance's cross margin at its usual leverage.
fn complete_loans(account: &mut Section) {
    account.default_to("liquidation", || Some(ParamValue::Bool(true)));
    for (key, value) in [
        ("leverage", Decimal::from(3)),
        ("margin_call", Decimal::new(13, 1)),
        ("liquidation_level", Decimal::new(11, 1)),
        ("liquidation_fee", Decimal::new(2, 2)),
        ("liquidation_slippage", Decimal::new(50, 0)),
    ] {
        account.default_to(key, || Some(ParamValue::Decimal(value)));
    }
}

fn complete_margin_account(account: &mut Section) {
    for (key, text) in [("margin_mode", "cross"), ("maintenance_at", "mark")] {
        account.default_to(key, || Some(ParamValue::Text(text.to_owned())));
    }
    account.default_to("liquidation", || Some(ParamValue::Bool(true)));
    for (key, value) in [
        ("leverage", Decimal::ONE),
        ("maintenance_rate", Decimal::new(5, 2)),
        ("liquidation_fee", Decimal::new(125, 4)),
        ("liquidation_slippage", Decimal::new(50, 0)),
    ] {
        account.default_to(key, || Some(ParamValue::Decimal(value)));
    }
}

/// Margin terms of instruments: what they leave out is as in the margin account that they are traded from.
fn complete_margin(scenario: &mut Scenario, names: &Names, problems: &mut Vec<Problem>) {
    let accounts: Vec<(Option<String>, Params)> = scenario
        .accounts()
        .iter()
        .filter(|account| account.kind().as_deref() == Some("margin"))
        .map(|account| (account.venue.and_then(|venue| venue.own.text("name")), account.own.params.clone()))
        .collect();
    for item in &mut scenario.margin {
        if let Some(text) = item.own.text("instrument") {
            match names.find(&text, &item.own, "instrument") {
                Ok(full) => item.own.params.insert("instrument", ParamValue::Text(full)),
                Err(problem) => problems.push(problem),
            }
        }
        let instrument = item.own.text("instrument").unwrap_or_default();
        let venue = instrument.rsplit_once('.').map(|(_, venue)| venue);
        let account = accounts.iter().find(|(at, _)| at.is_none() || at.as_deref() == venue);
        let Some((_, account)) = account else { continue };
        let inherited = |key: &str| account.iter().find(|(name, _)| *name == key).map(|(_, value)| value.clone());
        for key in ["margin_mode", "leverage"] {
            item.own.default_to(key, || inherited(key));
        }
        if item.rows.is_empty() {
            item.own.default_to("maintenance_rate", || inherited("maintenance_rate"));
        }
        let decimal = |row: &Section| row.params.decimal("floor").ok();
        item.rows.sort_by_key(|row| (row.params.time_opt("from").ok().flatten(), decimal(row)));
    }
}

fn complete_incident(item: &mut Item, venues: &[String]) {
    let kind = item.own.text("kind");
    item.own.default_to("name", || kind.map(ParamValue::Text));
    let Some(chosen) = &mut item.inline else { return };
    // Of incidents, those that last befall a venue.
    if let (true, [only]) = (chosen.section.params.contains("duration"), venues) {
        chosen.section.default_to("venue", || Some(ParamValue::Text(only.clone())));
    }
}

/// Incidents that befall an instrument name it in full.
fn complete_target(item: &mut Item, names: &Names, problems: &mut Vec<Problem>) {
    let Some(chosen) = item.inline.as_mut().filter(|chosen| chosen.name == "delisting") else { return };
    let section = &mut chosen.section;
    match section.text("instrument").map(|text| names.find(&text, section, "instrument")) {
        Some(Ok(full)) => section.params.insert("instrument", ParamValue::Text(full)),
        Some(Err(problem)) => problems.push(problem),
        None => match names.only() {
            Some(only) => section.params.insert("instrument", ParamValue::Text(only)),
            None if names.0.is_empty() => {}
            None => {
                let message = "`incident` needs `instrument`: the scenario has several instruments";
                let problem = Problem::new("scenario::missing_key", message, item.own.place.clone());
                problems.push(problem.help("write for example `instrument = \"BTCUSD\"`"));
            }
        },
    }
}

/// The instruments' names.
struct Names(Vec<(String, String)>);

impl Names {
    fn of(instruments: &[Item]) -> Self {
        let name = |item: &Item| Some((item.own.text("venue")?, item.own.text("symbol")?));
        Self(instruments.iter().filter_map(name).collect())
    }

    /// The full name of the only instrument, if there is exactly one.
    fn only(&self) -> Option<String> {
        let [(venue, symbol)] = self.0.as_slice() else { return None };
        Some(format!("{symbol}.{venue}"))
    }

    /// The full name for `SYMBOL` or `SYMBOL.VENUE`.
    fn find(&self, text: &str, section: &Section, key: &str) -> Result<String, Problem> {
        let full = |(venue, symbol): &(String, String)| format!("{symbol}.{venue}");
        let matching: Vec<String> =
            self.0.iter().filter(|name| name.1 == text || full(name) == text).map(full).collect();
        match matching.as_slice() {
            [one] => Ok(one.clone()),
            [] => {
                let known: Vec<String> = self.0.iter().map(full).collect();
                let message = format!("there is no instrument `{text}`");
                let help = suggest(text, known.iter().map(String::as_str));
                Err(Problem::new("scenario::unknown_instrument", message, section.place_of(key)).help(help))
            }
            several => {
                let message = format!("`{text}` could be {}", several.join(" or "));
                let problem = Problem::new("scenario::ambiguous_instrument", message, section.place_of(key));
                Err(problem.help("write the full name, SYMBOL.VENUE"))
            }
        }
    }
}

fn complete_instrument(item: &mut Item, problems: &mut Vec<Problem>) {
    let decimals = |key: &str| -> Option<i64> {
        let steps = item.rows.iter().map(|row| row.params.decimal_opt(key));
        let own = std::iter::once(item.own.params.decimal_opt(key));
        own.chain(steps).filter_map(|step| step.ok().flatten()).map(|step| i64::from(step.normalize().scale())).max()
    };
    let (price_scale, qty_scale) = (decimals("tick_size"), decimals("lot_size"));
    let own = &mut item.own;
    let pays = if own.text("kind").as_deref() == Some("inverse") { own.text("base") } else { own.text("quote") };
    own.default_to("settlement", || pays.map(ParamValue::Text));
    own.default_to("price_scale", || price_scale.map(ParamValue::Int));
    own.default_to("qty_scale", || qty_scale.map(ParamValue::Int));
    let lot = own.params.decimal_opt("lot_size").ok().flatten();
    own.default_to("qty_min", || lot.map(ParamValue::Decimal));
    let scale = own.params.int_opt("qty_scale").ok().flatten().and_then(|scale| u32::try_from(scale).ok());
    own.default_to("qty_max", || scale.map(|scale| ParamValue::Decimal(Decimal::new(i64::MAX, scale).normalize())));
    complete_rules(item, problems);
}

/// Dated rules in order of time, with the keys left out as they were before.
fn complete_rules(item: &mut Item, problems: &mut Vec<Problem>) {
    item.rows.sort_by_key(|row| row.params.time("from").ok());
    for pair in item.rows.windows(2) {
        let [before, after] = pair else { continue };
        let (before, from) = (before.params.time("from").ok(), after.params.time("from").ok());
        if from.is_some() && before == from {
            let message = "two rules hold from the same time";
            problems.push(Problem::new("scenario::duplicate", message, after.place_of("from")));
        }
    }
    let mut before = item.own.params.clone();
    for row in &mut item.rows {
        for key in ["tick_size", "lot_size", "qty_min", "qty_max", "notional_min"] {
            let inherited = before.decimal_opt(key).ok().flatten().map(ParamValue::Decimal);
            row.default_to(key, || inherited);
        }
        before = row.params.clone();
    }
}

fn complete_data(own: &mut Section, names: &Names, problems: &mut Vec<Problem>) {
    if let Some(text) = own.text("instrument") {
        match names.find(&text, own, "instrument") {
            Ok(full) => own.params.insert("instrument", ParamValue::Text(full)),
            Err(problem) => problems.push(problem),
        }
    }
    let mut paths = own.texts("path");
    if !paths.is_empty() {
        // The order of files is given by their times, so the order written means nothing.
        paths.sort();
        paths.dedup();
        own.params.insert("path", ParamValue::Texts(paths));
    }
    let name = own.text("instrument").zip(own.text("kind")).map(|(instrument, kind)| format!("{instrument}/{kind}"));
    own.default_to("name", || name.map(ParamValue::Text));
}

fn complete_strategy(own: &mut Section, names: &Names, problems: &mut Vec<Problem>) {
    let kind = own.text("type");
    own.default_to("id", || kind.map(ParamValue::Text));
    if !own.given("instruments") {
        match names.only() {
            Some(only) => own.params.insert("instruments", ParamValue::Texts(vec![only])),
            None if names.0.is_empty() => {}
            None => {
                let message = "`strategy` needs `instruments`: the scenario has several instruments";
                let problem = Problem::new("scenario::missing_key", message, own.place.clone());
                problems.push(problem.help("write for example `instruments = [\"BTCUSD\"]`"));
            }
        }
        return;
    }
    let mut full = Vec::new();
    for text in own.texts("instruments") {
        match names.find(&text, own, "instruments") {
            Ok(name) => full.push(name),
            Err(problem) => problems.push(problem),
        }
    }
    full.sort();
    full.dedup();
    if !full.is_empty() {
        own.params.insert("instruments", ParamValue::Texts(full));
    }
}
