//! Scenarios: what is refused and where, and what stays the same.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use tapedeck::scenario::layout::SECTIONS;
use tapedeck::{Family, Origin, Registry, Scenario};

const GOOD: &str = r#"[scenario]
name = "good"
base_currency = "USD"
start = "2024-01-01"
end = "2024-01-02"

[[instrument]]
symbol = "BTCUSD"
venue = "SIM"
base = "BTC"
quote = "USD"
tick_size = "0.01"
lot_size = "0.00001"

[[data]]
instrument = "BTCUSD"
kind = "bars"
interval = "1m"
[data.synthetic]
generator = "garch"

[[venue]]
name = "SIM"

[account]
deposits = { USD = "10000" }

[[strategy]]
id = "sma"
type = "sma_cross"
fast = 10
slow = 50

[[risk]]
rule = "max_order_notional"
limit = 100000
"#;

fn load(text: &str, overrides: &[&str]) -> Result<Scenario, tapedeck::Problems> {
    let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
    Scenario::load(Origin { file: "test.toml", text, overrides: &overrides }, &Registry::standard())
}

fn assembled(text: &str) -> Result<(), tapedeck::Problems> {
    let scenario = load(text, &[])?;
    tapedeck::assemble::assemble(&scenario, &Registry::standard(), std::path::Path::new(".")).map(|_| ())
}

/// A scenario is refused with a code, at a line that contains `at`, in words that contain `fragment`.
fn refuses(text: &str, code: &str, at: &str, fragment: &str) {
    let Err(problems) = assembled(text) else { panic!("it is not refused:\n{text}") };
    let found = problems.list().iter().find(|problem| problem.code == code);
    let found = found.unwrap_or_else(|| panic!("no {code} in\n{problems}"));
    let line = problems.line(found).and_then(|line| text.lines().nth(line - 1)).unwrap_or("nowhere");
    assert!(line.contains(at), "{code} points at `{line}`, not at `{at}`:\n{problems}");
    assert!(problems.to_string().contains(fragment), "no `{fragment}` in\n{problems}");
}

fn good() -> Scenario {
    load(GOOD, &[]).unwrap()
}

/// One change to the good scenario: code, line of the place, fragment of message, label or help.
#[test]
fn bad_scenarios_are_refused_at_the_line() {
    let rows: &[(&str, &str, &str, usize, &str)] = &[
        ("fast = 10", "fats = 10", "scenario::unknown_key", 31, "did you mean `fast`?"),
        (
            "[[venue]]\n",
            "[[data]]\ninstrument = \"BTCUSD\"\nkind = \"depth\"\n[data.synthetic]\ngenerator = \"flow\"\n[[data]]\ninstrument = \"BTCUSD\"\nkind = \"mbo\"\n[data.synthetic]\ngenerator = \"flow\"\n[[venue]]\n",
            "scenario::combination",
            29,
            "keep one; the levels of a book",
        ),
        ("fast = 10", "", "scenario::missing_key", 28, "`strategy` needs `fast`"),
        ("fast = 10", "fast = \"10\"", "scenario::wrong_type", 31, "must be a whole number"),
        ("fast = 10", "fast = 0", "scenario::out_of_bounds", 31, "not 0"),
        ("[account]", "[acount]", "scenario::unknown_section", 25, "did you mean `account`?"),
        ("[[venue]]", "[venue]", "scenario::wrong_header", 22, "write [[venue]]"),
        ("sma_cross", "sma_cros", "scenario::unknown_component", 30, "did you mean `sma_cross`?"),
        ("\"garch\"", "\"zzz\"", "scenario::unknown_component", 20, "garch"),
        ("interval = \"1m\"", "interval = 60", "scenario::wrong_unit", 18, "has no unit"),
        ("interval = \"1m\"", "interval = \"1 fortnight\"", "scenario::wrong_unit", 18, "not a duration"),
        ("interval = \"1m\"", "", "scenario::missing_key", 15, "bars need `interval`"),
        ("interval = \"1m\"", "interval = \"1m\"\npath = \"x.csv\"", "scenario::combination", 20, "both `path` and"),
        ("start = \"2024-01-01\"", "start = \"yesterday\"", "scenario::wrong_type", 4, "not a time"),
        ("end = \"2024-01-02\"", "end = \"2023-01-02\"", "scenario::combination", 5, "must be after"),
        ("name = \"good\"", "name = \"a/b\"", "scenario::bad_name", 2, "folder"),
        ("tick_size = \"0.01\"", "tick_size = \"0\"", "scenario::out_of_bounds", 12, "tick_size"),
        ("tick_size = \"0.01\"", "tick_size = \"1%\"", "scenario::wrong_type", 12, "no percent sign"),
        ("venue = \"SIM\"", "venue = \"SIN\"", "scenario::unknown_venue", 9, "did you mean `SIM`?"),
        ("base = \"BTC\"", "base = \"B TC\"", "scenario::bad_currency", 10, "not a currency code"),
        ("quote = \"USD\"", "quote = \"USD\"\nkind = \"linear\"", "scenario::combination", 12, "netting"),
        ("{ USD = \"10000\" }", "{}", "scenario::combination", 26, "no money"),
        ("[account]", "[account]\nmax_leverage = \"2\"", "scenario::combination", 26, "no `max_leverage`"),
        ("[account]", "[account]\nposition_mode = \"hedge\"", "scenario::combination", 26, "no `position_mode`"),
        (
            "limit = 100000",
            "limit = 100000\nstrategy = \"smb\"",
            "scenario::unknown_strategy",
            37,
            "did you mean `sma`?",
        ),
        ("slow = 50", "slow = 50\ninstruments = [\"ETHUSD\"]", "scenario::unknown_instrument", 33, "ETHUSD"),
        ("slow = 50", "slow = 50\ninstruments = [\n\"BTCUSD\",\n5,\n]", "scenario::wrong_type", 35, "must be a text"),
        (
            "deposits = { USD = \"10000\" }",
            "[account.deposits]\nUSD = 1\nEUR = true",
            "scenario::wrong_type",
            28,
            "`deposits`",
        ),
        ("base_currency = \"USD\"", "base_currency = USD", "scenario::syntax", 3, "not TOML"),
    ];
    for (from, to, code, line, fragment) in rows {
        let text = GOOD.replacen(from, to, 1);
        assert_ne!(text, GOOD, "`{from}` is in the good scenario");
        let problems = load(&text, &[]).expect_err(to);
        let found = problems.list().iter().find(|problem| problem.code == *code);
        let found = found.unwrap_or_else(|| panic!("{to}: no {code} in\n{problems}"));
        assert_eq!(problems.line(found), Some(*line), "{to}:\n{problems}");
        assert!(problems.to_string().contains(fragment), "{to}: no `{fragment}` in\n{problems}");
    }
}

/// The good scenario with a redenomination.
fn redenominated(rest: &str) -> String {
    format!("{GOOD}\n[[incident]]\nkind = \"redenomination\"\nstart = \"2024-01-01T12:00:00\"\n{rest}\n")
}

const RATIO: &str = "asset = \"BTC\"\nratio = \"1000\"";

/// A redenomination with other keys: code, text of the line that is pointed at, fragment of message or help.
#[test]
fn bad_ratios_and_assets_are_refused_at_the_line() {
    for good in [RATIO, "asset = \"BTC\"\nratio = 0.001", "venue = \"SIM\"\nasset = \"BTC\"\nratio = 2"] {
        assembled(&redenominated(good)).unwrap();
    }
    for (rest, code, at, fragment) in [
        ("ratio = 2", "scenario::missing_key", "[[incident]]", "needs `asset`"),
        ("asset = \"BTC\"", "scenario::missing_key", "[[incident]]", "needs `ratio`"),
        ("asset = \"BTC\"\nratio = 1", "scenario::refused", "ratio = 1", "not 1"),
        ("asset = \"BTC\"\nratio = 0", "scenario::out_of_bounds", "ratio = 0", "0.000000000001"),
        ("asset = \"BTC\"\nratio = \"0.3333333333333333333333\"", "scenario::refused", "ratio", "18 digits"),
        ("asset = \"ETH\"\nratio = 2", "scenario::combination", "asset = \"ETH\"", "base of no instrument"),
        ("asset = \"USD\"\nratio = 2", "scenario::combination", "asset = \"USD\"", "base of no instrument"),
    ] {
        let text = redenominated(rest);
        check_refused(&text, &assembled(&text).expect_err(&text), (code, at, fragment));
    }
}

/// A good redenomination in scenarios that would need the asset in two units at once: why it cannot be.
#[test]
fn a_redenomination_that_is_not_modelled_is_refused_at_the_line() {
    let good = redenominated(RATIO);
    let with = |from: &str, to: &str| good.replace(from, to);
    let and = |section: &str, rest: &str| format!("{good}\n[[{section}]]\n{rest}\n");
    let instrument = |symbol: &str, venue: &str, base: &str, quote: &str| {
        let names = format!("symbol = \"{symbol}\"\nvenue = \"{venue}\"\nbase = \"{base}\"\nquote = \"{quote}\"");
        and("instrument", &format!("{names}\ntick_size = \"0.01\"\nlot_size = \"0.001\""))
    };
    let moved = |kind: &str, hour: u32| {
        let rest = format!("currency = \"BTC\"\namount = 1\nstart = \"2024-01-01T{hour}:00:00\"");
        and("incident", &format!("kind = \"{kind}\"\n{rest}"))
    };
    let fees = "name = \"SIM\"\nfees = { model = \"schedule\", tiers = [\"0 0.001 0.001\"], volume_in = \"base\" }";
    let token = "token = \"BTC\", token_instrument = \"BTCUSD\", discount = 0.25";
    let debts = "[[borrow]]\ncurrency = \"USD\"\ndaily_rate = 0.01\n\n[account]\nkind = \"spot_margin\"";
    let inverse = with("quote = \"USD\"", "quote = \"USD\"\nkind = \"inverse\"");
    let again = "name = \"b\"\nkind = \"redenomination\"\nstart = \"2024-01-01T13:00:00\"";
    for (text, why) in [
        (instrument("ETHBTC", "SIM", "ETH", "BTC"), "`ETHBTC` is quoted in it"),
        (instrument("BTCUSD", "ELSE", "BTC", "USD"), "`ELSE` deals in it too"),
        (inverse.replace("[account]", "[account]\nkind = \"netting\""), "`BTCUSD` settles in it"),
        (with("[account]", debts), "midst of debts"),
        (with("base_currency = \"USD\"", "base_currency = \"BTC\""), "equity is measured in it"),
        (with("name = \"SIM\"", fees), "`volume_in`"),
        (with("name = \"SIM\"", &fees.replace("volume_in = \"base\"", token)), "paid in it"),
        (and("incident", &format!("{again}\n{RATIO}")), "does so too"),
        (moved("deposit", 12), "moves it afterwards"),
        (moved("airdrop", 23), "moves it afterwards"),
    ] {
        check_refused(&text, &assembled(&text).expect_err(&text), ("scenario::combination", "asset = \"BTC\"", why));
    }
    assembled(&moved("deposit", 11)).unwrap();
}

fn check_refused(text: &str, problems: &tapedeck::Problems, (code, at, fragment): (&str, &str, &str)) {
    // Some of these scenarios have other things wrong with them too.
    let of_code = |said: &str| problems.list().iter().find(|one| one.code == code && one.message.contains(said));
    let found = of_code(fragment).or(of_code("")).unwrap_or_else(|| panic!("no {code} in\n{problems}"));
    let line = problems.line(found).and_then(|line| text.lines().nth(line - 1)).unwrap_or("nowhere");
    assert!(line.contains(at), "{code} points at `{line}`, not at `{at}`:\n{problems}");
    assert!(problems.to_string().contains(fragment), "no `{fragment}` in\n{problems}");
}

/// Delistings of the good scenario, of a contract and of an asset: code, text of the line that is pointed at,
/// fragment of message or help.
#[test]
fn bad_delistings_are_refused_at_the_line() {
    let spot =
        |rest: &str| format!("{GOOD}\n[[incident]]\nkind = \"delisting\"\nstart = \"2024-01-01T12:00:00\"\n{rest}\n");
    let contract = |rest: &str| {
        spot(rest)
            .replace("quote = \"USD\"", "quote = \"USD\"\nkind = \"linear\"")
            .replace("[account]", "[account]\nkind = \"netting\"")
    };
    for rest in ["holdings = \"hold\"", "holdings = \"write_off\"", "holdings = \"settle\"\nsettle_at = \"last\""] {
        assembled(&spot(rest)).unwrap();
    }
    assembled(&contract("settle_at = \"price\"\nsettlement_px = 40000.5")).unwrap();
    let other = "\n[[instrument]]\nsymbol = \"BTCUSDT\"\nvenue = \"SIM\"\nbase = \"BTC\"\nquote = \"USDT\"\n\
                 tick_size = \"0.01\"\nlot_size = \"0.001\"\n";
    let base_unit = spot("holdings = \"write_off\"").replace("base_currency = \"USD\"", "base_currency = \"BTC\"");
    for (text, code, at, fragment) in [
        (spot(""), "scenario::missing_key", "[[incident]]", "needs `holdings`"),
        (contract("holdings = \"hold\""), "scenario::combination", "holdings = \"hold\"", "spot account"),
        (contract(""), "scenario::refused", "[[incident]]", "settle_at: must be given"),
        (contract("settle_at = \"price\""), "scenario::refused", "[[incident]]", "settlement_px: must be given"),
        (
            contract("settle_at = \"last\"\nsettlement_px = 1"),
            "scenario::refused",
            "settlement_px = 1",
            "has no meaning",
        ),
        (
            contract("settle_at = \"price\"\nsettlement_px = 1.001"),
            "scenario::refused",
            "settlement_px = 1.001",
            "settlement_px",
        ),
        (spot("holdings = \"hold\"\nsettle_at = \"last\""), "scenario::refused", "settle_at", "nothing is settled"),
        (contract("settle_at = \"mark\""), "scenario::combination", "settle_at = \"mark\"", "no mark prices"),
        (contract("settle_at = \"best\""), "scenario::unknown_choice", "settle_at = \"best\"", "mark"),
        (
            spot("holdings = \"hold\"\ninstrument = \"BTCEUR\""),
            "scenario::unknown_instrument",
            "instrument = \"BTCEUR\"",
            "known: BTCUSD.SIM",
        ),
        (
            spot("instrument = \"BTCUSD\"\nholdings = \"write_off\"") + other,
            "scenario::combination",
            "holdings",
            "deals in BTC too",
        ),
        (
            spot("holdings = \"hold\"").replace("slow = 50", "slow = 50\ninstruments = [\"BTCUSD\"]") + other,
            "scenario::missing_key",
            "[[incident]]",
            "needs `instrument`",
        ),
        (base_unit, "scenario::combination", "holdings", "equity is measured in BTC"),
        (spot("holdings = \"hold\"\nduration = \"1h\""), "scenario::unknown_key", "duration", "duration"),
    ] {
        refuses(&text, code, at, fragment);
    }
}

/// Changes of a good account that borrows: code, text of the line that is pointed at, fragment of message or help.
#[test]
fn bad_terms_of_borrowing_are_refused_at_the_line() {
    let good = GOOD.replace("[account]", "[account]\nkind = \"spot_margin\"\nleverage = \"3\"")
        + "\n[[borrow]]\ncurrency = \"USD\"\ndaily_rate = \"0.0002\"\n";
    assembled(&good).unwrap();
    let rest = "start = \"2024-01-01T12:00:00\"\ncurrency = \"USD\"\namount = 1\n";
    let incident = |kind: &str| format!("{good}\n[[incident]]\nkind = \"{kind}\"\n{rest}");
    let account = |rest: &str| good.replace("leverage = \"3\"", &format!("leverage = \"3\"\n{rest}"));
    let rate = "daily_rate = \"0.0002\"";
    let combination = "scenario::combination";
    for (text, code, at, fragment) in [
        (
            good.replace("kind = \"spot_margin\"\nleverage = \"3\"\n", ""),
            combination,
            "currency = \"USD\"",
            "borrows nothing",
        ),
        (
            good.replace(&format!("[[borrow]]\ncurrency = \"USD\"\n{rate}\n"), ""),
            combination,
            "spot_margin",
            "[[borrow]]",
        ),
        (good.replace("leverage = \"3\"", "leverage = \"0.5\""), combination, "leverage = \"0.5\"", "at least 1"),
        (good.replace("leverage = \"3\"", "leverage = \"5\""), combination, "leverage = \"5\"", "margin level of 1.25"),
        (account("margin_call = \"1.05\""), combination, "margin_call", "does not hold"),
        (account("liquidation_level = \"1\""), combination, "liquidation_level", "does not hold"),
        (account("maintenance_rate = \"0.1\""), combination, "maintenance_rate", "no `maintenance_rate`"),
        (account("max_leverage = \"2\""), combination, "max_leverage", "no `max_leverage`"),
        (GOOD.replace("[account]", "[account]\nmargin_call = \"1.5\""), combination, "margin_call", "no `margin_call`"),
        (
            good.replace("currency = \"USD\"", "currency = \"USDT\""),
            "scenario::unknown_currency",
            "USDT",
            "did you mean `USD`",
        ),
        (good.replace(rate, "daily_rate = \"1.5\""), "scenario::out_of_bounds", "1.5", "daily_rate"),
        (good.replace(rate, "daily_rate = \"0.0000000000001\""), "scenario::refused", "0.0000000000001", "decimals"),
        (
            format!("{good}\n[[borrow]]\ncurrency = \"USD\"\ndaily_rate = 0\n"),
            "scenario::duplicate",
            "currency = \"USD\"",
            "two rates",
        ),
        (good.replace("quote = \"USD\"", "quote = \"USDT\""), combination, "quote = \"USDT\"", "quoted in it"),
        (
            good.replace("quote = \"USD\"", "quote = \"USD\"\nkind = \"linear\""),
            combination,
            "linear",
            "cannot hold a contract",
        ),
        (
            good.replace("[account]", "[venue.fees]\nmodel = \"maker_taker\"\ncurrency = \"base\"\n[account]"),
            combination,
            "currency = \"base\"",
            "in the quote",
        ),
        (incident("deposit"), combination, "kind = \"deposit\"", "not modelled"),
        (incident("airdrop"), combination, "kind = \"airdrop\"", "not modelled"),
    ] {
        refuses(&text, code, at, fragment);
    }
}

/// What moves together does so bar by bar: all data of a basket have one interval.
#[test]
fn a_basket_of_two_intervals_is_refused_at_the_line() {
    let data = |interval: &str, basket: &str| {
        format!(
            "\n[[data]]\nname = \"{interval}\"\ninstrument = \"BTCUSD\"\nkind = \"mark\"\ninterval = \"{interval}\"\n\
             synthetic = {{ generator = \"basket\", basket = \"{basket}\", loading = 1 }}\n"
        )
    };
    let two = |second: &str| format!("{GOOD}{}{}", data("1m", "coins"), data("5m", second));
    load(&two("stocks"), &[]).unwrap();
    refuses(&two("coins"), "scenario::combination", "interval = \"5m\"", "need one `interval`, 1m");
}

/// The good scenario with a second coin, in which fees are paid.
fn with_token() -> String {
    let coin = |symbol: &str, base: &str, quote: &str| {
        format!(
            "\n[[instrument]]\nsymbol = \"{symbol}\"\nvenue = \"SIM\"\nbase = \"{base}\"\nquote = \"{quote}\"\ntick_size = \"0.01\"\n\
             lot_size = \"0.001\"\n[[data]]\ninstrument = \"{symbol}\"\nkind = \"bars\"\ninterval = \"1m\"\n\
             synthetic = {{ generator = \"garch\" }}\n"
        )
    };
    let fees = "[venue.fees]\nmodel = \"schedule\"\ntiers = \"0 0.001 0.001\"\ndiscount = \"0.25\"\ntoken = \"BNB\"\n\
                token_instrument = \"BNBUSD\"\n\n[account]";
    GOOD.replace("[account]", fees).replace("slow = 50", "slow = 50\ninstruments = [\"BTCUSD\"]")
        + &coin("BNBUSD", "BNB", "USD")
}

/// Changes of it: code, text of the line that is pointed at, fragment of message or help.
#[test]
fn a_token_that_cannot_pay_fees_is_refused_at_the_line() {
    let good = with_token();
    assembled(&good).unwrap();
    assembled(&good.replace("token_instrument = \"BNBUSD\"", "token_instrument = \"BNBUSD.SIM\"")).unwrap();
    assembled(&good.replace("deposits = { USD", "deposits = { BNB = 1, USD")).unwrap();
    let (token, instrument) = ("token = \"BNB\"", "token_instrument = \"BNBUSD\"");
    let (combination, refused) = ("scenario::combination", "scenario::refused");
    let delisting = |holdings: &str| {
        format!(
            "{good}\n[[incident]]\nkind = \"delisting\"\ninstrument = \"BNBUSD\"\nholdings = \"{holdings}\"\n\
             start = \"2024-01-01T12:00:00\"\n"
        )
    };
    assembled(&delisting("hold")).unwrap();
    for (text, code, at, fragment) in [
        (good.replace(token, "token = \"BNX\""), "scenario::unknown_currency", "BNX", "did you mean `BNB`"),
        (good.replace(token, "token = \"B NB\""), "scenario::bad_currency", "B NB", "not a currency code"),
        (good.replace(token, "token = \"BTC\""), combination, instrument, "deals in BNB, not in BTC"),
        (good.replace(token, "token = \"USD\""), "scenario::unknown_currency", "\"USD\"", "deals in `USD`"),
        (good.replace(token, ""), refused, instrument, "none is given"),
        (good.replace(instrument, "token_decimals = 8").replace(token, ""), refused, "token_decimals", "none is given"),
        (good.replace(instrument, ""), refused, "[venue.fees]", "which instrument of the venue"),
        (good.replace(instrument, "token_instrument = \"BNBEUR\""), refused, "BNBEUR", "no instrument `BNBEUR`"),
        (good.replace(instrument, "token_instrument = \"BTCUSD\""), combination, "BTCUSD", "deals in BTC, not in BNB"),
        (
            good.replace(
                "quote = \"USD\"\ntick_size = \"0.01\"\nlot_size = \"0.001\"",
                "quote = \"BTC\"\ntick_size = \"0.01\"\nlot_size = \"0.001\"",
            ),
            refused,
            "[venue.fees]",
            "several currencies",
        ),
        (
            good.replace(
                "model = \"schedule\"\ntiers = \"0 0.001 0.001\"\ndiscount = \"0.25\"",
                "model = \"maker_taker\"",
            ),
            "scenario::unknown_key",
            token,
            "token",
        ),
        (good.replace("\"0.25\"", "\"0.2500000000001\""), refused, "discount", "more than 12 decimals"),
        (
            good.replace("[account]", "[account]\nkind = \"spot_margin\"\nleverage = \"3\"")
                + "\n[[borrow]]\ncurrency = \"USD\"\ndaily_rate = \"0.0002\"\n",
            combination,
            token,
            "would be borrowed",
        ),
        (delisting("write_off"), combination, "holdings", "fees of the venue are paid in BNB"),
        (
            good.replace("quote = \"USD\"", "quote = \"USD\"\nkind = \"inverse\"")
                .replace("[account]", "[account]\nkind = \"netting\""),
            refused,
            token,
            "settles in coin",
        ),
    ] {
        refuses(&text, code, at, fragment);
    }
}

/// Changes of a good margin account: code, text of the line that is pointed at, fragment of message or help.
#[test]
fn bad_margin_terms_are_refused_at_the_line() {
    let margin = GOOD
        .replace("quote = \"USD\"", "quote = \"USD\"\nkind = \"linear\"")
        .replace("[account]", "[account]\nkind = \"margin\"\nleverage = \"10\"")
        + "\n[[margin]]\ninstrument = \"BTCUSD\"\nleverage = \"20\"\n\n[[margin.brackets]]\nmaintenance_rate = \"0.01\"\n\
           leverage_max = \"50\"\n\n[[margin.brackets]]\nfloor = \"1000\"\nmaintenance_rate = \"0.02\"\nleverage_max = \"25\"\ncum = \"10\"\n";
    assembled(&margin).unwrap();
    for (from, to, code, at, fragment) in [
        ("kind = \"margin\"\n", "", "scenario::combination", "leverage = \"10\"", "a spot account has no `leverage`"),
        ("kind = \"linear\"\n", "", "scenario::combination", "[[instrument]]", "holds contracts only"),
        (
            "instrument = \"BTCUSD\"\nleverage",
            "instrument = \"BTCUSDT\"\nleverage",
            "scenario::unknown_instrument",
            "instrument = \"BTCUSDT\"",
            "did you mean",
        ),
        (
            "leverage = \"20\"",
            "leverage = \"20\"\nmaintenance_rate = \"0.01\"",
            "scenario::combination",
            "maintenance_rate = \"0.01\"",
            "one rate",
        ),
        ("leverage = \"20\"", "leverage = \"60\"", "scenario::refused", "leverage = \"60\"", "at most 50"),
        ("cum = \"10\"", "cum = \"11\"", "scenario::refused", "[[margin.brackets]]", "`cum` is not cum before"),
        (
            "floor = \"1000\"\nmaintenance_rate = \"0.02\"\nleverage_max = \"25\"\ncum = \"10\"",
            "floor = \"0\"\nmaintenance_rate = \"0.02\"\nleverage_max = \"25\"",
            "scenario::refused",
            "[[margin.brackets]]",
            "cap must be above",
        ),
        ("leverage = \"10\"", "max_leverage = \"10\"", "scenario::combination", "max_leverage", "no `max_leverage`"),
        (
            "leverage = \"10\"",
            "leverage = \"10\"\nposition_mode = \"hedge\"",
            "scenario::combination",
            "type = \"sma_cross\"",
            "does not say which position",
        ),
        (
            "leverage = \"10\"",
            "leverage = \"10\"\nposition_mode = \"both\"",
            "scenario::unknown_choice",
            "position_mode = \"both\"",
            "one_way, hedge",
        ),
        (
            "kind = \"linear\"",
            "kind = \"linear\"\nexpiry = \"2023-12-29\"",
            "scenario::combination",
            "expiry",
            "before trading starts",
        ),
    ] {
        let text = margin.replacen(from, to, 1);
        assert_ne!(text, margin, "`{from}` is in the good scenario");
        let problems = assembled(&text).expect_err(to);
        let line = |problem| problems.line(problem).and_then(|line| text.lines().nth(line - 1)).unwrap_or_default();
        let found = problems.list().iter().any(|problem| problem.code == code && line(problem).starts_with(at));
        assert!(found, "{to}: no {code} at `{at}` in\n{problems}");
        assert!(problems.to_string().contains(fragment), "{to}: no `{fragment}` in\n{problems}");
    }
}

/// A good scenario with two venues and a way for money between them.
fn two_venues() -> String {
    let other = "[[instrument]]\nsymbol = \"PERP\"\nvenue = \"ALT\"\nkind = \"linear\"\nbase = \"BTC\"\nquote = \"USD\"\n\
                 tick_size = \"0.01\"\nlot_size = \"0.001\"\n\n[[data]]\ninstrument = \"PERP\"\nkind = \"bars\"\ninterval = \"1m\"\n\
                 [data.synthetic]\ngenerator = \"garch\"\n\n\
                 [[venue]]\nname = \"ALT\"\naccount = \"margin\"\nleverage = \"5\"\ndeposits = { USD = \"5\" }\n";
    GOOD.replace("name = \"SIM\"\n", "name = \"SIM\"\ndeposits = { USD = \"10000\" }\n")
        .replace("[account]\ndeposits = { USD = \"10000\" }\n", other)
        .replace("type = \"sma_cross\"", "instruments = [\"BTCUSD\"]\ntype = \"sma_cross\"")
        + "\n[[incident]]\nkind = \"deposit\"\nvenue = \"ALT\"\ncurrency = \"USD\"\namount = 1\nstart = \"2024-01-01T05:00:00Z\"\n"
        + "\n[[transfer]]\nfrom = \"SIM\"\nto = \"ALT\"\ncurrency = \"USD\"\nfee = 1\n\
           time = { model = \"constant\", delay = \"30m\" }\n\n[[incident]]\nname = \"over\"\nkind = \"transfer\"\nfrom = \"SIM\"\n\
           to = \"ALT\"\ncurrency = \"USD\"\namount = 5\nstart = \"2024-01-01T05:00:00Z\"\n"
}

/// Each change of the good scenario with two venues: code, text of the line that is pointed at, fragment of message or
/// help.
fn refused_at_the_line(rows: &[(&str, &str, &str, &str, &str)]) {
    let several = two_venues();
    let assembled = |text: &str| {
        let scenario = load(text, &[])?;
        assert_eq!(load(&scenario.to_toml(), &[])?.hash(), scenario.hash());
        tapedeck::assemble::assemble(&scenario, &Registry::standard(), std::path::Path::new(".")).map(|_| ())
    };
    assembled(&several).unwrap();
    for (from, to, code, at, fragment) in rows {
        let text = several.replacen(from, to, 1);
        assert_ne!(text, several, "`{from}` is in the good scenario");
        let Err(problems) = assembled(&text) else { panic!("{to} is not refused") };
        let line = |problem| problems.line(problem).and_then(|line| text.lines().nth(line - 1)).unwrap_or_default();
        let found = problems.list().iter().any(|problem| problem.code == *code && line(problem).starts_with(at));
        assert!(found, "{to}: no {code} at `{at}` in\n{problems}");
        assert!(problems.to_string().contains(fragment), "{to}: no `{fragment}` in\n{problems}");
    }
}

#[test]
fn bad_accounts_are_refused_at_the_line() {
    let general = "[account]\ndeposits = { USD = \"10000\" }\n\n[[strategy]]";
    refused_at_the_line(&[
        ("[[strategy]]", general, "scenario::combination", "deposits", "of which account?"),
        ("deposits = { USD = \"5\" }\n", "", "scenario::missing_key", "[[venue]]", "`deposits = {}` for nothing"),
        ("account = \"margin\"", "account = \"spot\"", "scenario::combination", "kind = \"linear\"", "[[venue]]"),
        ("account = \"margin\"\n", "", "scenario::combination", "leverage = \"5\"", "a spot account has no `leverage`"),
        ("kind = \"linear\"", "kind = \"spot\"", "scenario::combination", "kind = \"spot\"", "holds contracts only"),
        ("{ USD = \"5\" }", "{ USD = \"-5\" }", "scenario::combination", "deposits", "below zero"),
        ("{ USD = \"5\" }", "{ \"U D\" = \"5\" }", "scenario::bad_currency", "deposits", "currency code"),
        (
            "currency = \"USD\"",
            "currency = \"EUR\"",
            "scenario::no_conversion",
            "base_currency",
            "BTC cannot be valued in EUR",
        ),
        (
            "{ USD = \"5\" }",
            "{ USD = 5, EUR = 1 }",
            "scenario::no_conversion",
            "base_currency",
            "EUR cannot be valued in USD",
        ),
        ("venue = \"ALT\"\ncurrency", "currency", "scenario::missing_key", "[[incident]]", "`incident` needs `venue`"),
        ("venue = \"ALT\"\ncurrency", "venue = \"ALF\"\ncurrency", "scenario::refused", "venue", "no venue `ALF`"),
        (
            "[[strategy]]",
            "[[margin]]\ninstrument = \"BTCUSD\"\nleverage = 2\n[[strategy]]",
            "scenario::combination",
            "instrument = \"BTCUSD\"",
            "a spot account has no margin terms",
        ),
    ]);
    // One venue: once, and somewhere.
    for (from, to, code) in [
        ("name = \"SIM\"\n", "name = \"SIM\"\ndeposits = { USD = \"1\" }\n", "scenario::combination"),
        ("deposits = { USD = \"10000\" }\n", "kind = \"spot\"\n", "scenario::missing_key"),
    ] {
        let problems = load(&GOOD.replacen(from, to, 1), &[]).expect_err(to);
        assert!(problems.list().iter().any(|problem| problem.code == code), "{problems}");
    }
}

#[test]
fn bad_transfers_are_refused_at_the_line() {
    let way = "[[transfer]]\nfrom = \"SIM\"\nto = \"ALT\"";
    let time = "time = { model = \"constant\", delay = \"30m\" }\n";
    refused_at_the_line(&[
        (way, "[[transfer]]\nfrom = \"SIN\"\nto = \"ALT\"", "scenario::unknown_venue", "from = \"SIN\"", "mean `SIM`"),
        (way, "[[transfer]]\nfrom = \"SIM\"\nto = \"SIM\"", "scenario::combination", "to = \"SIM\"", "another venue"),
        (time, "", "scenario::missing_key", "[[transfer]]", "`transfer` needs `time`"),
        (
            time,
            "time = { model = \"by_rate\", base = \"1s\", reference = 1 }\n",
            "scenario::combination",
            "time",
            "choose",
        ),
        ("fee = 1\n", "", "scenario::missing_key", "[[transfer]]", "needs `fee`"),
        ("fee = 1\n", "fee = -1\n", "scenario::out_of_bounds", "fee = -1", "fee"),
        ("amount = 5\n", "amount = 0\n", "scenario::out_of_bounds", "amount = 0", "amount"),
        (
            "currency = \"USD\"\namount = 5",
            "currency = \"BTC\"\namount = 5",
            "scenario::combination",
            "kind",
            "no [[transfer]]",
        ),
        ("currency = \"USD\"\nfee", "currency = \"U D\"\nfee", "scenario::bad_currency", "currency", "currency code"),
        (
            "[[strategy]]",
            "[[transfer]]\nfrom = \"SIM\"\nto = \"ALT\"\ncurrency = \"USD\"\nfee = 2\ntime = { model = \"none\" }\n[[strategy]]",
            "scenario::duplicate",
            "from = \"SIM\"",
            "keep one",
        ),
    ]);
}

#[test]
fn duplicates_are_refused_at_the_second() {
    let text = format!("{GOOD}\n[[strategy]]\nid = \"sma\"\ntype = \"noop\"\n");
    let problems = load(&text, &[]).unwrap_err();
    assert_eq!(problems.list().len(), 1, "{problems}");
    assert_eq!(problems.list()[0].code, "scenario::duplicate");
    assert_eq!(problems.line(&problems.list()[0]), Some(39));
}

#[test]
fn every_problem_is_told_in_order_of_lines() {
    let text = GOOD.replace("fast = 10", "fats = 10").replace("kind = \"bars\"", "kind = \"barz\"");
    let problems = load(&text, &[]).unwrap_err();
    let codes: Vec<&str> = problems.list().iter().map(|problem| problem.code).collect();
    assert_eq!(codes, ["scenario::unknown_choice", "scenario::missing_key", "scenario::unknown_key"], "{problems}");
}

#[test]
fn sections_that_are_missing_are_named() {
    let problems = load("", &[]).unwrap_err();
    let text = problems.to_string();
    for section in ["[scenario]", "[[instrument]]", "[[data]]", "[[venue]]", "[account]", "[[strategy]]"] {
        assert!(text.contains(&format!("{section} is missing")), "{section} in\n{text}");
    }
}

#[test]
fn the_resolved_text_loads_to_itself() {
    let scenario = good();
    let text = scenario.to_toml();
    let again = load(&text, &[]).unwrap();
    assert_eq!(again.to_toml(), text);
    assert_eq!(again.hash(), scenario.hash());
    for explicit in
        ["seed = 0", "settlement = \"USD\"", "price_scale = 2", "[venue.fees]", "name = \"BTCUSD.SIM/bars\""]
    {
        assert!(text.contains(explicit), "{explicit} in\n{text}");
    }
}

#[test]
fn permuted_sections_are_the_same_scenario() {
    let more = "\n[[strategy]]\ntype = \"noop\"\n\n[[risk]]\nrule = \"max_order_notional\"\nlimit = 5\n";
    let text = format!("{GOOD}{more}");
    let mut blocks: Vec<&str> = text.split("\n\n").collect();
    let hash = load(&text, &[]).unwrap().hash();
    for turn in 0..blocks.len() {
        blocks.rotate_left(1);
        assert_eq!(load(&blocks.join("\n\n"), &[]).unwrap().hash(), hash, "turn {turn}");
    }
    blocks.reverse();
    assert_eq!(load(&blocks.join("\n\n"), &[]).unwrap().hash(), hash);
    assert_ne!(good().hash(), hash);
}

#[test]
fn decimals_are_read_as_written() {
    let hash = |fee: &str| {
        load(
            &format!("{GOOD}\n").replace(
                "name = \"SIM\"\n",
                &format!("name = \"SIM\"\n[venue.fees]\nmodel = \"maker_taker\"\ntaker = {fee}\n"),
            ),
            &[],
        )
        .unwrap()
        .hash()
    };
    assert_eq!(hash("0.02"), hash("\"0.02\""));
    assert_eq!(hash("0.020"), hash("\"0.02\""));
    assert_ne!(hash("0.02000000000000001"), hash("0.02"));
}

#[test]
fn overrides_come_before_checks() {
    for path in ["strategy.0.fast", "strategy.sma.fast", "strategy.sma_cross.fast"] {
        let scenario = load(GOOD, &[&format!("{path}=20")]).unwrap();
        assert!(scenario.to_toml().contains("fast = 20"), "{path}");
        assert_eq!(scenario.overrides(), [format!("{path}=20")]);
    }
    let text = load(GOOD, &["venue.SIM.fees.model=none", "data.0.interval=5m", "scenario.seed=7"]).unwrap().to_toml();
    assert!(text.contains("interval = \"5m\"") && text.contains("seed = 7"), "{text}");
    for (bad, fragment) in [
        ("strategy.9.fast=1", "there is no `strategy`"),
        ("strategy.0.fast", "has no `=`"),
        ("fast=1", "does not name a key"),
        ("strategy.0.fast=abc", "whole number"),
        ("strategy.0.fats=1", "did you mean `fast`?"),
    ] {
        let problems = load(GOOD, &[bad]).expect_err(bad).to_string();
        assert!(problems.contains(fragment) && problems.contains("--set"), "{bad}:\n{problems}");
    }
}

#[test]
fn the_schema_knows_every_key() {
    let registry = Registry::standard();
    let schema = tapedeck::schema(&registry);
    let text = serde_json::to_string(&schema).unwrap();
    for section in SECTIONS {
        assert!(schema["properties"][section.name].is_object(), "{}", section.name);
        let keys = section.keys().map(|key| key.name).chain(section.parts.iter().map(|part| part.key));
        for key in keys {
            assert!(text.contains(&format!("\"{key}\":")), "{}.{key}", section.name);
        }
    }
    for family in Family::ALL {
        for component in registry.described(family) {
            assert!(text.contains(&format!("{{\"const\":\"{}\"}}", component.name)), "{}", component.name);
            for param in component.params {
                assert!(text.contains(&format!("\"{}\":", param.name)), "{}.{}", component.name, param.name);
            }
        }
    }
}

/// `read_default` panics on a table that is wrong, so filling in every default checks all tables.
#[test]
fn every_component_can_be_chosen_with_its_defaults() {
    let registry = Registry::standard();
    for component in registry.described(Family::Fees) {
        let fees = format!("venue.0.fees.model={}", component.name);
        match load(GOOD, &[&fees]) {
            Ok(scenario) => assert!(scenario.to_toml().contains(component.name)),
            Err(problems) => assert!(problems.list().iter().all(|p| p.code == "scenario::missing_key"), "{problems}"),
        }
    }
    for component in registry.described(Family::Strategies) {
        let text =
            GOOD.replace("type = \"sma_cross\"\nfast = 10\nslow = 50", &format!("type = \"{}\"", component.name));
        if let Err(problems) = load(&text, &[]) {
            assert!(problems.list().iter().all(|p| p.code == "scenario::missing_key"), "{problems}");
        }
    }
}
