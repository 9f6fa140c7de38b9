//! Margin and liquidation: reference prices as formulas and in the running venue, and what must hold of
//! every run on margin.

#![allow(clippy::expect_used, reason = "a test that cannot set its stage fails")]

use std::fmt::Write as _;
use std::fs;

use proptest::prelude::*;
use serde_json::Value;
use tapedeck_kernel::venue::{SimVenue, TimedReport};
use tapedeck_model::margin::{
    Bracket, LiquidationQuery, LiquidationStage, MARGIN_LEVERAGE_ONE, MarginTerms, Payoff, liquidation_px,
    liquidation_px_of_entry,
};
use tapedeck_model::{
    Amount, ClientOrderId, Command, Decimal, Event, Instrument, InstrumentIx, MarketRecord, OrderRequest, Price, Qty,
    RecordRef, Side, StrategyIx, TradeTick, Ts, VenueReport,
};
use tapedeck_reports::Audit;
use tapedeck_tests::{Played, assembled, declared, play, play_checked, shared};

fn cases() -> Option<Value> {
    let text = fs::read_to_string(shared("oracles/execution/liquidation.json")?).expect("the reference cases");
    Some(serde_json::from_str(&text).expect("JSON"))
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} in {value}"))
}

fn amount(value: &Value, key: &str) -> Amount {
    Amount::parse(text(value, key)).expect("an amount")
}

fn decimal(value: &Value, key: &str) -> Decimal {
    text(value, key).parse().expect("a decimal")
}

fn side(value: &Value) -> Side {
    if text(value, "side") == "long" { Side::Buy } else { Side::Sell }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).expect("a list")
}

/// A scenario of one contract on margin; `terms` are the keys and brackets of its `[[margin]]`.
fn scenario(account: &str, terms: &str) -> String {
    format!(
        r#"
[scenario]
name = "margin"
base_currency = "USD"
start = "2024-01-01"
end = "2024-01-02"

[[instrument]]
symbol = "PERP"
venue = "SIM"
kind = "linear"
base = "BTC"
quote = "USD"
tick_size = "0.01"
lot_size = "0.01"

[[data]]
instrument = "PERP"
kind = "trades"
[data.synthetic]
generator = "ticks"

[[venue]]
name = "SIM"
entry_latency = {{ model = "none" }}
cancel_latency = {{ model = "none" }}
report_latency = {{ model = "none" }}
slippage = {{ model = "none" }}
fees = {{ model = "none" }}

[account]
kind = "margin"
liquidation_slippage = "0"
{account}

[[margin]]
instrument = "PERP"
{terms}

[[strategy]]
type = "noop"
"#
    )
}

/// The brackets of the reference cases; leverages are as large as the rates allow.
fn bracket_rows(cases: &Value) -> String {
    let mut rows = String::new();
    for row in list(&cases["tiers_floor_cap_mmr_cum"]) {
        let cell = |at: usize| row[at].as_str().expect("a text");
        let leverage = Decimal::ONE / cell(2).parse::<Decimal>().expect("a rate");
        let written = writeln!(
            rows,
            "[[margin.brackets]]\nfloor = \"{}\"\ncap = \"{}\"\nmaintenance_rate = \"{}\"\ncum = \"{}\"\nleverage_max = \"{}\"",
            cell(0),
            cell(1),
            cell(2),
            cell(3),
            leverage.trunc(),
        );
        written.expect("a string takes everything");
    }
    rows
}

/// A venue with one position, shown one print after the other.
struct Stage {
    venue: SimVenue,
    instrument: Instrument,
    now: i64,
}

impl Stage {
    /// Opens a position at its entry price.
    fn open(scenario: &str, side: Side, qty: &str, entry: &str) -> Self {
        let mut spec = assembled(scenario, &[]);
        let venue = spec.venues.remove(0);
        let instrument = spec.instruments[0].clone();
        let venue = SimVenue::new(venue, &spec.instruments).expect("a venue");
        let mut stage = Self { venue, instrument, now: 0 };
        let entry = Price::parse(entry, 2).expect("a price");
        stage.print(entry);
        let request = OrderRequest::market(InstrumentIx(0), side, Qty::parse(qty, 2).expect("a quantity"));
        let id = ClientOrderId { strategy: StrategyIx(0), number: 1 };
        let mut out = Vec::new();
        let command = Command::Submit { client_order_id: id, request };
        stage.venue.on_command(Ts::from_nanos(stage.now), &command, &mut out).expect("an order");
        let filled = stage.print(entry);
        assert!(matches!(filled[..], [TimedReport { report: VenueReport::Filled(_), .. }]), "{out:?} {filled:?}");
        stage
    }

    fn print(&mut self, px: Price) -> Vec<TimedReport> {
        self.now += 1_000_000_000;
        let ts = Ts::from_nanos(self.now);
        let qty = Qty::from_raw(1_000_000_000);
        let trade = TradeTick { instrument: InstrumentIx(0), ts_event: ts, ts_recv: ts, px, qty, aggressor: None };
        let mut out = Vec::new();
        self.venue.on_record(RecordRef::default(), &MarketRecord::Trade(trade), &mut out).expect("a print");
        out
    }

    /// The last tick on the safe side of a price liquidates nothing, the next one does.
    fn assert_liquidated_at(mut self, side: Side, px: Amount) {
        let unit = 10_i128.pow(22);
        let (down, up) = (px.raw().div_euclid(unit), -(-px.raw()).div_euclid(unit));
        let (safe, at) = match side {
            Side::Buy if down == up => (up + 1, down),
            Side::Buy => (up, down),
            Side::Sell if down == up => (down - 1, up),
            Side::Sell => (down, up),
        };
        let price = |raw: i128| Price::from_raw(i64::try_from(raw).expect("a price"));
        assert_eq!(self.print(price(safe)), [], "the tick before {px} of {}", self.instrument.id);
        let said = self.print(price(at));
        let first = said.first().map(|timed| timed.report);
        let Some(VenueReport::Liquidated(first)) = first else { panic!("at {px}: {said:?}") };
        assert_eq!((first.side, first.mark_px), (side.opposite(), price(at)));
    }
}

#[test]
fn linear_prices_are_the_reference_ones_as_formula_and_in_the_venue() {
    let Some(cases) = cases() else { return };
    let rows = bracket_rows(&cases);
    let spec = assembled(&scenario("deposits = { USD = \"1\" }", &rows), &[]);
    let brackets: &[Bracket] = spec.margin[0].1.brackets_at(Ts::from_nanos(0));
    for case in list(&cases["linear_tiered"]) {
        let (side, expected) = (side(case), &case["expected"]["liquidation_price"]);
        let entry_value = Amount::from_decimal(decimal(case, "qty") * decimal(case, "entry")).expect("a value");
        let wallet = amount(case, "isolated_margin");
        let query =
            LiquidationQuery { payoff: Payoff::Linear, side, size: amount(case, "qty"), entry_value, wallet, brackets };
        let found = liquidation_px(&query);
        assert_eq!(found.map(|px| px.display_rounded(12)), expected.as_str().map(str::to_owned), "{case}");
        // On cross margin the whole wallet stands behind the only position.
        let leverage = text(case, "leverage_at_entry").parse::<Decimal>().expect("a decimal").max(Decimal::ONE);
        for mode in ["cross", "isolated"] {
            let exact = Amount::from_decimal(decimal(case, "qty") * decimal(case, "entry") / leverage) == Ok(wallet);
            if mode == "isolated" && !exact {
                // More than the initial margin cannot be put into an isolated wallet.
                continue;
            }
            let account = format!("deposits = {{ USD = \"{}\" }}", text(case, "isolated_margin"));
            let terms = format!("margin_mode = \"{mode}\"\nleverage = \"{leverage}\"\n{rows}");
            let mut stage = Stage::open(&scenario(&account, &terms), side, text(case, "qty"), text(case, "entry"));
            match found {
                Some(px) => stage.assert_liquidated_at(side, px),
                None => assert_eq!(stage.print(Price::from_raw(1)), [], "{case}"),
            }
        }
    }
}

#[test]
fn inverse_prices_are_the_reference_ones_as_formula_and_in_the_venue() {
    let Some(cases) = cases() else { return };
    for case in list(&cases["inverse"]) {
        let rate = (amount(case, "mmr").raw() / 10_i128.pow(12)) as i64;
        let terms = MarginTerms::flat(tapedeck_model::margin::MarginMode::Isolated, MARGIN_LEVERAGE_ONE, rate);
        let query = LiquidationQuery {
            payoff: Payoff::Inverse,
            side: side(case),
            size: amount(case, "qty_usd"),
            entry_value: Amount::from_decimal(decimal(case, "qty_usd") / decimal(case, "entry")).expect("a value"),
            wallet: amount(case, "isolated_margin_coin"),
            brackets: terms.as_ref().expect("terms").brackets_at(Ts::from_nanos(0)),
        };
        let found = liquidation_px(&query).expect("a price");
        assert_eq!(found.display_rounded(12), text(&case["expected"], "liquidation_price"), "{case}");
        // A tenth of the value in coin is what leverage 10 puts into the isolated wallet.
        let account = format!("deposits = {{ BTC = \"{}\" }}", text(case, "isolated_margin_coin"));
        for mode in ["cross", "isolated"] {
            let terms =
                format!("margin_mode = \"{mode}\"\nleverage = \"10\"\nmaintenance_rate = \"{}\"", text(case, "mmr"));
            let scenario = scenario(&account, &terms).replace("kind = \"linear\"", "kind = \"inverse\"");
            let stage = Stage::open(&scenario, side(case), text(case, "qty_usd"), text(case, "entry"));
            stage.assert_liquidated_at(side(case), found);
        }
    }
}

#[test]
fn prices_of_margin_on_entry_are_the_reference_ones_as_formula_and_in_the_venue() {
    let Some(cases) = cases() else { return };
    for case in list(&cases["entry_margin_model"]) {
        let (side, expected) = (side(case), text(&case["expected"], "liquidation_price"));
        let leverage = text(case, "leverage").parse::<i64>().expect("a whole number") * MARGIN_LEVERAGE_ONE;
        let rate = (amount(case, "mmr").raw() / 10_i128.pow(12)) as i64;
        let found = liquidation_px_of_entry(side, amount(case, "entry"), leverage, rate).expect("a price");
        assert_eq!(found.display_rounded(12), expected, "{case}");
        let terms = format!(
            "margin_mode = \"isolated\"\nleverage = \"{}\"\nmaintenance_rate = \"{}\"",
            text(case, "leverage"),
            text(case, "mmr")
        );
        let account = "deposits = { USD = \"100000\" }\nmaintenance_at = \"entry\"";
        let stage = Stage::open(&scenario(account, &terms), side, "1", text(case, "entry"));
        stage.assert_liquidated_at(side, found);
    }
}

/// A run of random orders, or of two strategies against each other, on margin.
fn random_run(seed: u64, mode: &str, kind: &str, leverage: u8) -> String {
    run_with_reports(seed, mode, (kind, leverage), "model = \"constant\", delay = \"20s\"")
}

/// The same with a latency of reports of its own.
fn run_with_reports(seed: u64, mode: &str, (kind, leverage): (&str, u8), latency: &str) -> String {
    let interval = if kind == "bars" { "interval = \"1m\"" } else { "" };
    let generator = if kind == "bars" { "garch" } else { "ticks" };
    let volatility = if kind == "bars" { "volatility = \"9\"" } else { "gap = \"20s\"" };
    format!(
        r#"
[scenario]
name = "random-margin"
seed = {seed}
base_currency = "USD"
start = "2024-01-01"
end = "2024-01-02"

[[instrument]]
symbol = "A"
venue = "SIM"
kind = "linear"
base = "A"
quote = "USD"
tick_size = "0.01"
lot_size = "0.001"

[[instrument]]
symbol = "B"
venue = "SIM"
kind = "linear"
base = "B"
quote = "USD"
tick_size = "0.01"
lot_size = "0.001"
multiplier = "2"

[[data]]
instrument = "A"
kind = "{kind}"
{interval}
[data.synthetic]
generator = "{generator}"
{volatility}

[[data]]
instrument = "B"
kind = "{kind}"
{interval}
[data.synthetic]
generator = "{generator}"
{volatility}

[[venue]]
name = "SIM"
participation = "none"
queue_ahead = "1"
report_latency = {{ {latency} }}
fees = {{ model = "maker_taker", maker = "-0.0001", taker = "0.0004" }}

{}
"#,
        account_of(mode, leverage)
    )
}

/// The account and the strategies of such a run.
fn account_of(mode: &str, leverage: u8) -> String {
    format!(
        r#"
[account]
kind = "margin"
deposits = {{ USD = "300" }}
margin_mode = "{mode}"
leverage = "{leverage}"
maintenance_rate = "0.03"

[[margin]]
instrument = "B"
[[margin.brackets]]
floor = "0"
maintenance_rate = "0.01"
leverage_max = "50"
[[margin.brackets]]
floor = "500"
maintenance_rate = "0.02"
leverage_max = "40"

[[strategy]]
id = "one"
type = "random"
lots_max = 5000
instruments = ["A", "B"]

[[strategy]]
id = "two"
type = "random"
lots_max = 5000
instruments = ["A", "B"]
"#
    )
}

/// The same with two contracts on one coin, of which a hundredth of the dollars is in the wallet.
fn in_coin(text: &str) -> String {
    text.replace("kind = \"linear\"", "kind = \"inverse\"")
        .replace("base = \"A\"", "base = \"C\"\nmultiplier = \"100\"")
        .replace("base = \"B\"", "base = \"C\"")
        .replace("multiplier = \"2\"", "multiplier = \"200\"")
        .replace("USD = \"300\"", "C = \"3\"")
        .replace("floor = \"500\"", "floor = \"5\"")
}

/// How far sums of quotients may lie apart that were rounded in other parts: 1e-18 of a coin.
const ROUNDING: i128 = 1_000_000;

fn liquidations(played: &Played) -> usize {
    played.records.iter().filter(|record| matches!(record.event, Event::Liquidated(_))).count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Reports arrive in the order in which they were sent: the venue's book of wallets and positions is ours
    /// at the end; the account is the fold of the journal at every turn; an auditor that shares no code objects
    /// to nothing.
    #[test]
    fn the_venue_and_our_side_agree(
        seed in any::<u32>(), cross in any::<bool>(), bars in any::<bool>(), coin in any::<bool>(), leverage in 2_u8..30,
    ) {
        let (mode, kind) = (if cross { "cross" } else { "isolated" }, if bars { "bars" } else { "trades" });
        let text = random_run(u64::from(seed), mode, kind, leverage);
        let text = if coin { in_coin(&text) } else { text };
        let (played, _) = play_checked(&text);
        let (theirs, ours) = (played.venue_margins[0].as_ref(), played.accounts.first().margin());
        prop_assert!(theirs.is_some());
        prop_assert_eq!(theirs, ours);
        let mut audit = Audit::new();
        for record in &played.records {
            audit.apply(record).expect("a sound journal");
        }
        prop_assert_eq!(audit.disagreements(), Vec::<String>::new());
        // A wallet without positions is never left below zero.
        if played.accounts.first().held().next().is_none() {
            let least = Amount::from_raw(if coin { -ROUNDING * 1_000 } else { 0 });
            prop_assert!(played.summary.equity_last.is_some_and(|equity| equity >= least));
        }
    }

    /// Reports to two strategies overtake each other, so average prices differ; what is held, and what it is
    /// worth, does not.
    #[test]
    fn the_order_of_reports_changes_no_worth(seed in any::<u32>(), coin in any::<bool>(), leverage in 2_u8..30) {
        let latency = "model = \"lognormal\", median = \"30s\", sigma = \"1\"";
        let text = run_with_reports(u64::from(seed), "cross", ("bars", leverage), latency);
        let (played, _) = play_checked(&if coin { in_coin(&text) } else { text });
        let theirs = played.venue_margins[0].as_ref();
        for ix in 0..2 {
            let ix = InstrumentIx(ix);
            prop_assert_eq!(theirs.map(|book| book.net_qty(ix)), Some(played.accounts.first().net_qty(ix)));
        }
        for ix in 0..declared(&played.records).currencies.len() {
            let currency = tapedeck_model::CurrencyIx(ix as u16);
            let cash = played.accounts.first().balance(currency).total;
            let costs = played.accounts.first().held().filter_map(|instrument| {
                let declared = declared(&played.records);
                (declared.instruments[instrument.usize()].settlement == currency).then(|| {
                    (0..2).map(|s| played.accounts.first().position(StrategyIx(s), instrument).entry_cost.raw()).sum::<i128>()
                })
            });
            // An inverse contract earns what it cost less what it is worth.
            let ours = if coin { cash.raw() + costs.sum::<i128>() } else { cash.raw() - costs.sum::<i128>() };
            let theirs = theirs.and_then(|book| book.wallet_less_cost(currency)).map_or(i128::MIN, Amount::raw);
            let off = (theirs - ours).abs();
            prop_assert!(off <= if coin { ROUNDING } else { 0 }, "wallet less cost depends on how profit is split: {off}");
        }
    }
}

#[test]
fn the_random_runs_do_liquidate() {
    let run = |seed| random_run(seed, "cross", "bars", 25);
    for runs in [(0..12).map(run).collect::<Vec<_>>(), (0..12).map(|seed| in_coin(&run(seed))).collect()] {
        let count: usize = runs.iter().map(|text| liquidations(&play(text))).sum();
        assert!(count >= 6, "{count} liquidations");
    }
}

#[test]
fn the_shipped_scenario_shows_every_stage() {
    let text = fs::read_to_string(tapedeck_tests::root().join("scenarios/liquidation.toml")).expect("the scenario");
    let played = play(&text);
    let stages = |stage: LiquidationStage| {
        played.records.iter().filter(|record| matches!(record.event, Event::Liquidated(l) if l.stage == stage)).count()
    };
    assert!(stages(LiquidationStage::Reduce) > 0 && stages(LiquidationStage::Close) > 0);
    assert_eq!(played.summary.counts.liquidations, liquidations(&played) as u64);
    assert!(played.records.iter().any(|record| matches!(record.event, Event::Bankrupt(_))), "insurance covers a loss");
    assert!(played.summary.equity_last.is_some_and(|equity| equity >= Amount::ZERO));
}

/// A gap through the wallet: the run goes on and ends, nothing is below zero, and it is said.
#[test]
fn orders_after_a_liquidation_are_denied_by_a_halt_that_watches_it() {
    let text = fs::read_to_string(tapedeck_tests::root().join("scenarios/liquidation.toml")).expect("the scenario");
    let played = play(&format!("{text}\n[[risk]]\nrule = \"liquidation\"\n"));
    let first = played.records.iter().position(|record| matches!(record.event, Event::Liquidated(_)));
    let first = first.expect("a liquidation");
    assert!(played.records.iter().any(|record| matches!(record.event, Event::Halted { .. })), "it halts");
    let sent = |record: &tapedeck_model::Record| match &record.event {
        Event::Submitted { request, .. } => Some(request.reduce_only),
        _ => None,
    };
    let later: Vec<bool> = played.records[first..].iter().filter_map(sent).collect();
    assert!(later.len() < 40, "{} orders after the halt", later.len());
}
