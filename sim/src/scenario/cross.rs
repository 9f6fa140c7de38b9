//! What no key says alone: references, duplicates and combinations that are impossible.

use std::collections::BTreeSet;

use tapedeck_model::{Currency, Decimal, Span, Ts};

use super::accounts::{Account, check_told_once};
use super::problem::{Problem, suggest};
use super::section::{Item, Section};
use super::{Scenario, layout, value};

mod basket;
mod borrow;
mod delisting;
mod redenomination;
mod token;

/// Names end up in a run folder's name and in 16-bit indices.
const SECTIONS_MAX: usize = 10_000;

/// Checks the completed sections against each other.
pub fn check(scenario: &Scenario, problems: &mut Vec<Problem>) {
    check_period(&scenario.general.own, problems);
    check_name(&scenario.general.own, problems);
    check_band(scenario, problems);
    check_currencies(scenario, problems);
    check_duplicates(scenario, problems);
    for item in &scenario.instruments {
        check_instrument(item, scenario, problems);
    }
    for item in &scenario.data {
        check_data(item, scenario, problems);
        check_books(item, scenario, problems);
        check_drill_down(item, scenario, problems);
    }
    basket::check(scenario, problems);
    check_told_once(scenario, problems);
    check_money(scenario, problems);
    for account in scenario.accounts() {
        check_account(&account, scenario, problems);
        check_margin(&account, scenario, problems);
    }
    check_margin_terms(scenario, problems);
    super::transfers::check(scenario, problems);
    borrow::check(scenario, problems);
    token::check(scenario, problems);
    check_scopes(scenario, problems);
    for item in &scenario.incidents {
        check_incident(item, scenario, problems);
    }
    check_report(&scenario.report.own, problems);
}

fn combination(message: impl Into<String>, section: &Section, key: &str) -> Problem {
    Problem::new("scenario::combination", message, section.place_of(key))
}

fn check_period(own: &Section, problems: &mut Vec<Problem>) {
    let time = |key: &str| -> Option<Ts> { own.params.time_opt(key).ok().flatten() };
    let (start, end) = (time("start"), time("end"));
    if let (Some(start), Some(end)) = (start, end)
        && start >= end
    {
        problems.push(combination(format!("`end` ({end}) must be after `start` ({start})"), own, "end"));
    }
    let warm_up = own.params.span("warm_up").unwrap_or(Span::ZERO);
    if warm_up > Span::ZERO && start.is_none() && !own.given("start") {
        let problem = combination("`warm_up` needs `start`: it is played before it", own, "warm_up");
        problems.push(problem.help("write for example `start = \"2022-01-01\"` in [scenario]"));
    }
}

/// Paths through bars that nothing fills from would all end alike.
fn check_band(scenario: &Scenario, problems: &mut Vec<Problem>) {
    let own = &scenario.general.own;
    if own.params.bool_opt("band") == Ok(Some(true)) && scenario.data_of("bars").next().is_none() {
        let problem = combination("`band` is about bars, and the scenario has none", own, "band");
        problems.push(problem.help("remove it, or add a [[data]] with `kind = \"bars\"`"));
    }
}

fn check_name(own: &Section, problems: &mut Vec<Problem>) {
    let Some(name) = own.text("name") else { return };
    let fits = !name.is_empty()
        && name.len() <= 64
        && !name.starts_with(['.', '-'])
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if !fits {
        let message = format!("\"{name}\" cannot be part of a folder's name");
        let problem = Problem::new("scenario::bad_name", message, own.place_of("name"));
        problems.push(problem.help("use up to 64 letters, digits, `-`, `_` and `.`"));
    }
}

fn check_currencies(scenario: &Scenario, problems: &mut Vec<Problem>) {
    let mut check = |section: &Section, key: &str, code: &str| {
        if Currency::new(code).is_none() {
            let message = format!("\"{code}\" is not a currency code");
            let problem = Problem::new("scenario::bad_currency", message, section.place_of(key));
            problems.push(problem.help("use 1 to 16 letters, digits, `-` and `_`"));
        }
    };
    let general = &scenario.general.own;
    if let Some(code) = general.text("base_currency") {
        check(general, "base_currency", &code);
    }
    for item in &scenario.instruments {
        for key in ["base", "quote", "settlement"] {
            // A default repeats the quote, which is checked already.
            if let Some(code) = item.own.text(key).filter(|_| item.own.given(key)) {
                check(&item.own, key, &code);
            }
        }
    }
    for account in scenario.accounts() {
        for code in account.own.params.decimals_opt("deposits").ok().flatten().unwrap_or_default().keys() {
            check(account.own, "deposits", code);
        }
    }
}

fn check_duplicates(scenario: &Scenario, problems: &mut Vec<Problem>) {
    let text = |key: &'static str| move |item: &Item| item.own.text(key);
    let symbol = |item: &Item| Some(format!("{}.{}", item.own.text("symbol")?, item.own.text("venue")?));
    duplicates(&scenario.instruments, "instrument", "symbol", symbol, problems);
    duplicates(&scenario.data, "data", "name", text("name"), problems);
    duplicates(&scenario.venues, "venue", "name", text("name"), problems);
    duplicates(&scenario.strategies, "strategy", "id", text("id"), problems);
    duplicates(&scenario.incidents, "incident", "name", text("name"), problems);
}

fn duplicates(
    items: &[Item],
    section: &str,
    key: &str,
    name: impl Fn(&Item) -> Option<String>,
    problems: &mut Vec<Problem>,
) {
    let mut seen = BTreeSet::new();
    for item in items {
        let Some(name) = name(item) else { continue };
        if !seen.insert(name.clone()) {
            let message = format!("there are two `{section}` sections named `{name}`");
            let problem = Problem::new("scenario::duplicate", message, item.own.place_of(key));
            problems.push(problem.label("the second").help(format!("give each its own `{key}`")));
        }
    }
    if let Some(item) = items.get(SECTIONS_MAX) {
        let message = format!("at most {SECTIONS_MAX} `{section}` sections are possible");
        problems.push(Problem::new("scenario::too_many", message, item.own.place.clone()));
    }
}

fn check_instrument(item: &Item, scenario: &Scenario, problems: &mut Vec<Problem>) {
    let own = &item.own;
    if let Some(venue) = own.text("venue") {
        let known: Vec<String> = scenario.venues.iter().filter_map(|item| item.own.text("name")).collect();
        if !known.contains(&venue) {
            let message = format!("there is no venue `{venue}`");
            let help = if known.is_empty() {
                format!("add a section [[venue]] with name = \"{venue}\"")
            } else {
                suggest(&venue, known.iter().map(String::as_str))
            };
            problems.push(Problem::new("scenario::unknown_venue", message, own.place_of("venue")).help(help));
        }
    }
    let full = own.text("symbol").zip(own.text("venue")).map(|(symbol, venue)| format!("{symbol}.{venue}"));
    let kinds = |full: &String| -> Vec<Option<String>> {
        let of_it = scenario.data.iter().filter(|item| item.own.text("instrument").as_ref() == Some(full));
        of_it.map(|item| item.own.text("kind")).collect()
    };
    if let Some(full) = full {
        let kinds = kinds(&full);
        if kinds.is_empty() {
            let problem = combination(format!("there is no [[data]] for instrument `{full}`"), own, "symbol");
            problems.push(problem.help("add a [[data]] section, or remove the instrument"));
        } else if kinds.iter().all(|kind| matches!(kind.as_deref(), Some("mark" | "funding"))) {
            let message = format!("instrument `{full}` has no [[data]] at which anything could be dealt");
            let problem = combination(message, own, "symbol");
            problems.push(problem.help("add bars, trades, quotes or depth: nobody deals at a mark price"));
        }
    }
    check_funding(item, scenario, problems);
    let account = scenario.account_of(item);
    let held = account.and_then(|account| Some((account, account.kind()?)));
    check_expiry(item, scenario, problems);
    let kind = own.text("kind").unwrap_or_default();
    if kind == "spot" {
        let multiplier = own.params.decimal("multiplier").unwrap_or(Decimal::ONE);
        if multiplier != Decimal::ONE {
            problems.push(combination("a spot instrument has no `multiplier`", own, "multiplier"));
        }
        if own.given("settlement") && own.text("settlement") != own.text("quote") {
            problems.push(combination("a spot instrument settles in its quote currency", own, "settlement"));
        }
    }
    if let Some((account, held)) = held.as_ref().filter(|(_, held)| kind != "spot" && held.starts_with("spot")) {
        let problem = combination(format!("a {held} account cannot hold a contract of kind `{kind}`"), own, "kind");
        let (netting, margin) = (account.write_kind("netting"), account.write_kind("margin"));
        problems.push(problem.help(format!("write {netting}, or {margin}")));
    }
}

/// Funding is paid by contracts, and where its rates must come, they must be there.
fn check_funding(item: &Item, scenario: &Scenario, problems: &mut Vec<Problem>) {
    let own = &item.own;
    let full = own.text("symbol").zip(own.text("venue")).map(|(symbol, venue)| format!("{symbol}.{venue}"));
    let is_spot = own.text("kind").as_deref() == Some("spot");
    let of_funding = |data: &&Item| data.own.text("kind").as_deref() == Some("funding");
    let data: Vec<&Item> =
        scenario.data.iter().filter(of_funding).filter(|data| data.own.text("instrument") == full).collect();
    if let (true, Some(data)) = (is_spot, data.first()) {
        let problem = combination("a spot instrument pays no funding", &data.own, "kind");
        problems.push(problem.help("write `kind = \"linear\"` in [[instrument]] for a contract"));
    }
    if let Some(second) = data.get(1) {
        let message = "an instrument has one [[data]] of kind `funding`: two would be paid twice";
        problems.push(combination(message, &second.own, "kind"));
    }
    if own.given("funding_missing") && !own.given("funding_interval") {
        let problem = combination("`funding_missing` needs `funding_interval`", own, "funding_missing");
        problems.push(problem.help("write for example `funding_interval = \"8h\"`"));
    }
    if !own.given("funding_interval") {
        return;
    }
    if is_spot {
        problems.push(combination("a spot instrument pays no funding", own, "funding_interval"));
    }
    if own.params.span("funding_interval") == Ok(Span::ZERO) {
        let message = "`funding_interval` must be above zero";
        problems.push(Problem::new("scenario::out_of_bounds", message, own.place_of("funding_interval")));
    }
    let general = &scenario.general.own;
    if !(general.given("start") && general.given("end")) {
        let message = "`funding_interval` needs `start` and `end` in [scenario]: between them every rate must be there";
        problems.push(combination(message, own, "funding_interval"));
    }
    if data.is_empty() && own.text("funding_missing").as_deref() != Some("zero") {
        let message = "the instrument pays funding, but there is no [[data]] of kind `funding` for it";
        let problem = combination(message, own, "funding_interval");
        problems.push(problem.help("add such data, or write `funding_missing = \"zero\"` to do without"));
    }
}

/// Keys of `[[data]]` that say how files are read.
const FILE_KEYS: [&str; 8] =
    ["format", "columns", "time_unit", "price_scale", "qty_scale", "on_error", "volume_unit", "strict_ticks"];

/// Whether a key of `[[data]]` has its default, as in every resolved scenario.
fn is_default(own: &Section, key: &str) -> bool {
    let spec = layout::DATA.keys().find(|spec| spec.name == key);
    let value = own.params.iter().find(|(name, _)| *name == key);
    let default = spec.and_then(|spec| Some(value::read_default(key, &spec.kind, spec.default?)));
    default.is_some() && default.as_ref() == value.map(|(_, value)| value)
}

/// Whether data are made from others, which files hold.
fn is_resampled(item: &Item) -> bool {
    item.parts.get("synthetic").is_some_and(|chosen| chosen.name == "bootstrap")
}

/// Data come from one place, but for those that are made from files.
fn check_origin(item: &Item, problems: &mut Vec<Problem>) {
    let own = &item.own;
    let synthetic = item.parts.get("synthetic").map(|chosen| &chosen.section.place);
    let synthetic = synthetic.filter(|_| !is_resampled(item));
    let [path, catalog] = ["path", "catalog"].map(|key| own.given(key));
    let message = |one: &str, other: &str| format!("`data` has both `{one}` and `{other}`: it can have one");
    match (path, catalog, synthetic) {
        (true, _, Some(place)) => {
            problems.push(Problem::new("scenario::combination", message("path", "synthetic"), place.clone()));
        }
        (false, true, Some(place)) => {
            problems.push(Problem::new("scenario::combination", message("catalog", "synthetic"), place.clone()));
        }
        (true, true, None) => problems.push(combination(message("path", "catalog"), own, "catalog")),
        (false, false, None) if is_resampled(item) => {
            let message = "`bootstrap` draws from bars in files: `data` needs `path` or `catalog`";
            let problem = Problem::new("scenario::missing_key", message, own.place.clone());
            problems.push(problem.help("write for example `path = \"bars.parquet\"`"));
        }
        (false, false, None) => {
            let message = "`data` needs `path`, `catalog` or `synthetic`";
            let problem = Problem::new("scenario::missing_key", message, own.place.clone());
            problems.push(
                problem.help("write `path = \"bars.parquet\"`, `catalog = \"catalog\"`, or a table [data.synthetic]"),
            );
        }
        (true, false, None) | (false, true, None) | (false, false, Some(_)) => {}
    }
    if catalog {
        // A catalog's rows may be bad or off their ticks as any others.
        let foreign = FILE_KEYS.into_iter().filter(|key| !["on_error", "strict_ticks"].contains(key));
        for key in foreign.filter(|key| own.given(key) && !is_default(own, key)) {
            problems.push(combination(format!("files of a catalog say themselves what `{key}` would say"), own, key));
        }
    }
}

fn check_data(item: &Item, scenario: &Scenario, problems: &mut Vec<Problem>) {
    let own = &item.own;
    let synthetic = item.parts.get("synthetic");
    let kind = own.text("kind");
    check_origin(item, problems);
    if let Some(chosen) = synthetic {
        if !scenario.general.own.given("start") {
            let message = "synthetic data need `start` in [scenario]: it is when they begin";
            let problem = Problem::new("scenario::combination", message, chosen.section.place.clone());
            problems.push(problem.help("write for example `start = \"2024-01-01\"` in [scenario]"));
        }
        let foreign = FILE_KEYS.into_iter().filter(|_| !is_resampled(item));
        for key in foreign.filter(|key| own.given(key) && !is_default(own, key)) {
            problems.push(combination(format!("`{key}` is about files, but the data are synthetic"), own, key));
        }
    }
    match (kind.as_deref(), own.given("interval")) {
        (Some(kind @ ("bars" | "mark" | "funding")), false) if kind == "bars" || synthetic.is_some() => {
            let message = if kind == "bars" { "bars need `interval`" } else { "synthetic data need `interval`" };
            let example = if kind == "funding" { "8h" } else { "1m" };
            let problem = Problem::new("scenario::missing_key", message, own.place.clone());
            let help = format!("write for example `interval = \"{example}\"`");
            problems.push(problem.label("`interval` is missing").help(help));
        }
        (Some("bars" | "mark" | "funding"), true) if own.params.span("interval") == Ok(Span::ZERO) => {
            problems.push(Problem::new(
                "scenario::out_of_bounds",
                "`interval` must be above zero",
                own.place_of("interval"),
            ));
        }
        (Some("trades" | "quotes" | "depth" | "mbo"), true) => {
            problems.push(combination(
                "only bars, synthetic marks and synthetic funding have an `interval`",
                own,
                "interval",
            ));
        }
        (Some("mark" | "funding"), true) if synthetic.is_none() => {
            problems.push(combination("the records of files have their own times, not an `interval`", own, "interval"));
        }
        _ => {}
    }
    if own.given("volume_unit")
        && kind.as_deref() != Some("bars")
        && own.text("volume_unit").as_deref() == Some("quote")
    {
        problems.push(combination("only bars have a `volume_unit`", own, "volume_unit"));
    }
}

/// An instrument has one book, told by its levels or by its orders.
fn check_books(item: &Item, scenario: &Scenario, problems: &mut Vec<Problem>) {
    let (kind, instrument) = (item.own.text("kind"), item.own.text("instrument"));
    let tells = |other: &Item, kind: &str| {
        other.own.text("kind").as_deref() == Some(kind) && other.own.text("instrument") == instrument
    };
    if kind.as_deref() == Some("mbo") && scenario.data.iter().any(|other| tells(other, "depth")) {
        let message = "`depth` and `mbo` of one instrument: which of them is its book?";
        let problem = combination(message, &item.own, "kind");
        problems.push(problem.help("keep one; the levels of a book are the sums of its orders"));
    }
}

/// Data that nobody hears need others of the instrument that are heard, and coarser.
fn check_drill_down(item: &Item, scenario: &Scenario, problems: &mut Vec<Problem>) {
    let own = &item.own;
    if own.params.bool("drill_down") != Ok(true) {
        return;
    }
    let kind = |item: &Item| item.own.text("kind").unwrap_or_default();
    if !["bars", "trades"].contains(&kind(item).as_str()) {
        problems.push(combination("only bars and trades can `drill_down`", own, "drill_down"));
        return;
    }
    let coarser = scenario.data.iter().any(|other| {
        let longer = match (kind(item).as_str(), other.own.params.span("interval"), own.params.span("interval")) {
            ("bars", Ok(other), Ok(own)) => other > own,
            ("trades", Ok(_), _) => true,
            _ => false,
        };
        other.own.text("instrument") == own.text("instrument") && kind(other) == "bars" && longer
    });
    if !coarser {
        let message = "there are no coarser bars of the instrument for strategies to see";
        let problem = combination(message, own, "drill_down");
        problems.push(problem.help("add a [[data]] with bars of a longer `interval`, or remove `drill_down`"));
    }
}

/// Without any money nothing can be traded.
fn check_money(scenario: &Scenario, problems: &mut Vec<Problem>) {
    let accounts = scenario.accounts();
    let deposits: Vec<_> = accounts.iter().filter_map(|account| account.own.params.decimals("deposits").ok()).collect();
    let Some(last) = accounts.last().filter(|_| deposits.len() == accounts.len()) else { return };
    if deposits.iter().all(|deposits| deposits.values().all(Decimal::is_zero)) {
        let problem = combination("`deposits` holds no money", last.own, "deposits");
        problems.push(problem.help("write for example `deposits = { USD = \"10000\" }`"));
    }
}

fn check_account(account: &Account<'_>, scenario: &Scenario, problems: &mut Vec<Problem>) {
    let own = account.own;
    let deposits = own.params.decimals("deposits").unwrap_or_default();
    if let Some((code, amount)) = deposits.iter().find(|(_, amount)| amount.is_sign_negative()) {
        problems.push(combination(format!("the deposit of {code} is below zero: {amount}"), own, "deposits"));
    }
    check_position_mode(account, scenario, problems);
    let spot = account.kind().filter(|kind| kind.starts_with("spot"));
    if let Some(kind) = spot.filter(|_| own.given("max_leverage")) {
        let problem = combination(format!("a {kind} account has no `max_leverage`"), own, "max_leverage");
        problems.push(problem.help(format!("write {}, or remove it", account.write_kind("netting"))));
    }
}

/// In hedge mode every order names a position side, which most strategies do not: all that they want would be
/// denied.
fn check_position_mode(account: &Account<'_>, scenario: &Scenario, problems: &mut Vec<Problem>) {
    let own = account.own;
    let spot = account.kind().filter(|kind| kind.starts_with("spot"));
    if let Some(kind) = spot.filter(|_| own.given("position_mode")) {
        let problem = combination(format!("a {kind} account has no `position_mode`"), own, "position_mode");
        let (netting, margin) = (account.write_kind("netting"), account.write_kind("margin"));
        problems.push(problem.help(format!("write {netting}, or {margin}, or remove it")));
    } else if own.text("position_mode").as_deref() == Some("hedge") {
        let name = |one: &&Item| Some(format!("{}.{}", one.own.text("symbol")?, one.own.text("venue")?));
        let traded: Vec<String> =
            scenario.instruments.iter().filter(|one| account.trades(one)).filter_map(|one| name(&one)).collect();
        let trades = |item: &&Item| item.own.texts("instruments").iter().any(|name| traded.contains(name));
        for item in scenario.strategies.iter().filter(trades) {
            let Some(name) = item.own.text("type").filter(|name| tapedeck_strategies::is_one_way(name)) else {
                continue;
            };
            let message = format!("strategy `{name}` does not say which position an order is of, as hedge mode wants");
            let problem = combination(message, &item.own, "type");
            let header = account.header;
            let help = format!(
                "write `position_mode = \"one_way\"` in {header}, or take a strategy that names position sides"
            );
            problems.push(problem.help(help));
        }
    }
}

/// Keys of an account that only a margin account has.
const MARGIN_KEYS: [&str; 7] = [
    "margin_mode",
    "leverage",
    "maintenance_rate",
    "maintenance_at",
    "liquidation",
    "liquidation_fee",
    "liquidation_slippage",
];

fn check_margin(account: &Account<'_>, scenario: &Scenario, problems: &mut Vec<Problem>) {
    let own = account.own;
    let Some(kind) = account.kind() else { return };
    if kind != "margin" {
        let shared = |key: &&str| kind == "spot_margin" && borrow::SHARED_KEYS.contains(key);
        for key in MARGIN_KEYS.into_iter().filter(|key| own.given(key) && !shared(key)) {
            let problem = combination(format!("a {kind} account has no `{key}`"), own, key);
            problems.push(problem.help(format!("write {}, or remove it", account.write_kind("margin"))));
        }
        return;
    }
    if own.given("max_leverage") {
        let problem = combination("a margin account has no `max_leverage`", own, "max_leverage");
        problems.push(problem.help("write `leverage`, for all instruments here or for one in [[margin]]"));
    }
    for item in scenario.instruments.iter().filter(|item| account.trades(item)) {
        if item.own.text("kind").as_deref() == Some("spot") {
            let problem = combination("a margin account holds contracts only", &item.own, "kind");
            let (key, header) = (account.kind_key, account.header);
            let help = format!("write `kind = \"linear\"` or `\"inverse\"`, or another `{key}` in {header}");
            problems.push(problem.help(help));
        }
    }
}

/// Margin terms are those of an instrument that is traded from a margin account, once.
fn check_margin_terms(scenario: &Scenario, problems: &mut Vec<Problem>) {
    for item in &scenario.margin {
        let name = item.own.text("instrument");
        let full = |one: &Item| Some(format!("{}.{}", one.own.text("symbol")?, one.own.text("venue")?));
        let account =
            scenario.instruments.iter().find(|one| full(one) == name).and_then(|one| scenario.account_of(one));
        let Some((account, kind)) = account.and_then(|account| Some((account, account.kind()?))) else { continue };
        if kind != "margin" {
            let problem = combination(format!("a {kind} account has no margin terms"), &item.own, "instrument");
            problems.push(problem.help(format!("write {}, or remove the section", account.write_kind("margin"))));
        }
    }
    duplicates(&scenario.margin, "margin", "instrument", |item| item.own.text("instrument"), problems);
    for item in scenario.margin.iter().filter(|item| !item.rows.is_empty() && item.own.given("maintenance_rate")) {
        let problem =
            combination("`maintenance_rate` is one rate, `brackets` are several", &item.own, "maintenance_rate");
        problems.push(problem.help("leave one of them out"));
    }
}

fn check_scopes(scenario: &Scenario, problems: &mut Vec<Problem>) {
    let ids: Vec<String> = scenario.strategies.iter().filter_map(|item| item.own.text("id")).collect();
    for item in &scenario.risk {
        let Some(scope) = item.own.text("strategy") else { continue };
        if !ids.contains(&scope) {
            let message = format!("there is no strategy `{scope}`");
            let help = suggest(&scope, ids.iter().map(String::as_str));
            problems
                .push(Problem::new("scenario::unknown_strategy", message, item.own.place_of("strategy")).help(help));
        }
    }
}

fn check_expiry(item: &Item, scenario: &Scenario, problems: &mut Vec<Problem>) {
    let own = &item.own;
    if own.given("settlement_px") && !own.given("expiry") {
        let problem = combination("`settlement_px` needs `expiry`", own, "settlement_px");
        problems.push(problem.help("write for example `expiry = \"2024-03-29T08:00:00Z\"`"));
    }
    if own.given("expiry") && own.text("kind").as_deref() == Some("spot") {
        problems.push(combination("a spot instrument does not expire", own, "expiry"));
    }
    let start = scenario.general.own.params.time_opt("start").ok().flatten();
    let expiry = own.params.time_opt("expiry").ok().flatten();
    if let Some((expiry, start)) = expiry.zip(start).filter(|(expiry, start)| expiry <= start) {
        let message = format!("the contract expires at {expiry}, before trading starts ({start})");
        let help = "nothing could be traded: play it before its expiry, or leave the instrument out";
        problems.push(combination(message, own, "expiry").help(help));
    }
}

/// An incident that could never be noticed is a mistake.
fn check_incident(item: &Item, scenario: &Scenario, problems: &mut Vec<Problem>) {
    let Ok(start) = item.own.params.time("start") else { return };
    let general = &scenario.general.own.params;
    if let Some(end) = general.time_opt("end").ok().flatten().filter(|end| start >= *end) {
        let message = format!("the incident begins at {start}, when the run is over ({end})");
        problems.push(combination(message, &item.own, "start").help("let it begin before `end` of [scenario]"));
    }
    let Some(chosen) = &item.inline else { return };
    let begin = general.time_opt("start").ok().flatten().zip(general.span("warm_up").ok());
    let begin = begin.map(|(start, warm_up)| Ts::from_nanos(start.nanos().saturating_sub(warm_up.nanos())));
    let until = start.saturating_add(chosen.section.params.span("duration").unwrap_or(Span::ZERO));
    if begin.is_some_and(|begin| until < begin) {
        let message = format!("the incident is over at {until}, before anything is played");
        problems.push(combination(message, &item.own, "start").help("let it end after `start` of [scenario]"));
    }
    if chosen.name == "delisting" {
        delisting::check(item, &chosen.section, scenario, problems);
    }
    if chosen.name == "redenomination" {
        redenomination::check(item, &chosen.section, scenario, problems);
    }
    // A transfer names two venues of its own, a delisting an instrument.
    let names_another = ["transfer", "delisting"].contains(&chosen.name.as_str());
    if scenario.venues.len() > 1 && !chosen.section.params.contains("venue") && !names_another {
        let problem = Problem::new("scenario::missing_key", "`incident` needs `venue`", item.own.place.clone());
        problems.push(problem.help("the scenario has several venues: write for example `venue = \"SIM\"`"));
    }
    if let Some(code) = chosen.section.text("currency").filter(|code| Currency::new(code).is_none()) {
        let message = format!("\"{code}\" is not a currency code");
        let problem = Problem::new("scenario::bad_currency", message, chosen.section.place_of("currency"));
        problems.push(problem.help("use 1 to 16 letters, digits, `-` and `_`"));
    }
}

fn check_report(own: &Section, problems: &mut Vec<Problem>) {
    for key in ["equity_interval", "returns_interval"] {
        if own.params.span(key) == Ok(Span::ZERO) {
            let message = format!("`{key}` must be above zero");
            problems.push(Problem::new("scenario::out_of_bounds", message, own.place_of(key)));
        }
    }
}
