//! The units of an asset change during a run.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use proptest::prelude::{ProptestConfig, any, prop, proptest};
use tapedeck_kernel::spec::RunSpec;
use tapedeck_model::event::{IncidentKind, PostingReason};
use tapedeck_model::order::{CancelReason, RejectReason};
use tapedeck_model::{
    Amount, Bar, Chunk, Columns, Context, Decimal, DepthFlags, Event, InstrumentIx, OrderRequest, Price, Qty, Ratio,
    RedenominationReport, Side, Source, SourceError, Strategy, Ts,
};
use tapedeck_reports::{Audit, Gatherer};
use tapedeck_tests::{Played, assembled, kinds, play_spec_checked, refold};

/// A tape of which all that happens after an instant is in other units. A book is told anew then.
struct InNewUnits {
    tape: Box<dyn Source>,
    after: Ts,
    ratio: Ratio,
    /// Quantities by side and price, in old units, and whether they were told anew.
    levels: BTreeMap<(i8, i64), i64>,
    is_told: bool,
}

impl InNewUnits {
    /// Takes in rows of depth, and puts the whole book before the first one after the change.
    fn tell_anew(&mut self, chunk: &mut Chunk) {
        let Columns::Depth { side, px, qty, flags } = &mut chunk.columns else { return };
        let first = chunk.ts_event.partition_point(|ts| *ts <= self.after.nanos());
        for row in 0..first {
            if qty[row] == 0 {
                self.levels.remove(&(side[row], px[row]));
            } else {
                self.levels.insert((side[row], px[row]), qty[row]);
            }
        }
        if first == px.len() || std::mem::replace(&mut self.is_told, true) {
            return;
        }
        assert!(chunk.ts_recv.is_empty(), "the generator tells no receive times");
        for (nth, ((level_side, level_px), level_qty)) in self.levels.iter().enumerate() {
            let at = first + nth;
            chunk.ts_event.insert(at, self.after.nanos() + 1);
            side.insert(at, *level_side);
            px.insert(at, *level_px);
            qty.insert(at, *level_qty);
            let clears = if nth == 0 { DepthFlags::CLEAR } else { DepthFlags::NONE };
            let ends = if nth + 1 == self.levels.len() { DepthFlags::LAST } else { DepthFlags::NONE };
            flags.insert(at, clears.with(ends).bits());
        }
    }
}

impl Source for InNewUnits {
    fn next_chunk(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError> {
        let more = self.tape.next_chunk(chunk)?;
        self.tell_anew(chunk);
        let Ratio { num, den } = self.ratio;
        let first = chunk.ts_event.partition_point(|ts| *ts <= self.after.nanos());
        let px = |column: &mut Vec<i64>| {
            for px in &mut column[first..] {
                assert_eq!(*px * den % num, 0, "a price that the scale holds in new units");
                *px = *px * den / num;
            }
        };
        let qty = |column: &mut Vec<i64>| {
            for qty in &mut column[first..] {
                assert!(*qty == 0 || *qty * num / den > 0, "some of a quantity is left in new units");
                *qty = *qty * num / den;
            }
        };
        match &mut chunk.columns {
            Columns::Bars { open, high, low, close, volume, .. } => {
                [open, high, low, close].into_iter().for_each(px);
                qty(volume);
            }
            Columns::Trades { px: prices, qty: sizes, .. }
            | Columns::Depth { px: prices, qty: sizes, .. }
            | Columns::Mbo { px: prices, qty: sizes, .. } => {
                px(prices);
                qty(sizes);
            }
            Columns::Quotes { bid_px, ask_px, bid_qty, ask_qty } => {
                [bid_px, ask_px].into_iter().for_each(px);
                [bid_qty, ask_qty].into_iter().for_each(qty);
            }
            Columns::Marks { mark_px, index_px } => [mark_px, index_px].into_iter().for_each(px),
            Columns::Funding { mark_px, .. } => px(mark_px),
        }
        Ok(more)
    }

    fn content_hash(&self) -> [u8; 32] {
        self.tape.content_hash()
    }
}

fn ratio(text: &str) -> Ratio {
    Ratio::from_decimal(text.parse::<Decimal>().unwrap()).unwrap()
}

fn at(text: &str) -> Ts {
    text.parse().unwrap()
}

const CHANGE: &str = "2024-01-01T00:30:00Z";

/// Two hours of one instrument whose scales hold a thousandth of every price and quantity.
struct Stage<'a> {
    /// spot, netting or margin.
    account: &'a str,
    /// What is written to `[account]` beside.
    terms: &'a str,
    data: &'a str,
    feed: &'a str,
    report: &'a str,
    strategy: &'a str,
}

impl Stage<'_> {
    fn text(&self, incident: &str) -> String {
        let Self { account, terms, data, feed, report, strategy } = self;
        let kind = if *account == "spot" { "spot" } else { "linear" };
        let deposits = if *account == "spot" { "USD = \"10000\", LUNC = \"7.123456789\"" } else { "USD = \"10000\"" };
        let data: String = data.split(' ').map(|one| source(one, feed)).collect();
        format!(
            r#"
[scenario]
name = "units"
seed = 5
base_currency = "USD"
start = "2024-01-01"
end = "2024-01-01T02:00:00"

[[instrument]]
symbol = "LUNCUSD"
venue = "SIM"
kind = "{kind}"
base = "LUNC"
quote = "USD"
tick_size = "0.01"
lot_size = "0.001"

[[instrument.rules]]
from = "2024-01-01T03:00:00"
tick_size = "0.00001"
lot_size = "0.000001"
{data}
[account]
kind = "{account}"
{terms}
deposits = {{ {deposits} }}

[[venue]]
name = "SIM"
fees = {{ model = "none" }}
slippage = {{ model = "none" }}
report_latency = {{ {report} }}

[[strategy]]
{strategy}

[report]
equity_interval = "1m"
{incident}"#
        )
    }

    /// The run in old units, and the same with a change of units.
    fn specs(&self, text: &str) -> (RunSpec, RunSpec) {
        let incident = format!(
            "\n[[incident]]\nkind = \"redenomination\"\nasset = \"LUNC\"\nratio = \"{text}\"\nstart = \"{CHANGE}\"\n"
        );
        let mut changed = assembled(&self.text(&incident), &[]);
        for slot in &mut changed.sources {
            let (after, ratio) = (at(CHANGE), ratio(text));
            let tape = std::mem::replace(&mut slot.source, Box::new(Nothing));
            slot.source = Box::new(InNewUnits { tape, after, ratio, levels: BTreeMap::new(), is_told: false });
        }
        (assembled(&self.text(""), &[]), changed)
    }
}

/// What stands where a source was.
struct Nothing;

impl Source for Nothing {
    fn next_chunk(&mut self, _: &mut Chunk) -> Result<bool, SourceError> {
        Ok(false)
    }

    fn content_hash(&self) -> [u8; 32] {
        [0; 32]
    }
}

fn source(kind: &str, feed: &str) -> String {
    let (interval, generator) = match kind {
        "bars" => ("interval = \"1m\"", "generator = \"garch\", start_price = \"1000\", volatility = \"4\""),
        "constant" => ("interval = \"1m\"", "generator = \"constant\", price = \"1000\""),
        "trades" | "quotes" => ("", "generator = \"ticks\", start_price = \"1000\", gap = \"3s\", size = \"100\""),
        "mark" => ("interval = \"1m\"", "generator = \"garch\", start_price = \"1000\", volatility = \"3\""),
        "funding" => ("interval = \"1h\"", "generator = \"funding\", rate = \"0.001\""),
        _ => ("", "generator = \"flow\", start_price = \"1000\", gap = \"3s\", size = \"100\""),
    };
    let kind = if kind == "constant" { "bars" } else { kind };
    format!(
        "\n[[data]]\ninstrument = \"LUNCUSD\"\nkind = \"{kind}\"\n{interval}\nsynthetic = {{ {generator} }}\n\
         feed_latency = {{ {feed} }}\n"
    )
}

const AT_ONCE: &str = "model = \"none\"";
const HOLD: &str = "type = \"noop\"";
const BUY: &str = "type = \"buy_and_hold\"\nsize = \"fixed\"\nqty = \"4\"";

fn audited(played: &Played) {
    let (mut audit, mut gatherer) = (Audit::new(), Gatherer::new(tapedeck_model::Span::DAY));
    for record in &played.records {
        audit.apply(record).unwrap();
        gatherer.push(record).unwrap();
    }
    gatherer.finish().unwrap();
    assert_eq!(audit.disagreements(), [""; 0]);
}

fn play(spec: RunSpec) -> Played {
    let kinds = kinds(&spec);
    let (played, _) = play_spec_checked(spec);
    audited(&played);
    let (accounts, oms) = refold(&played.records, kinds);
    assert!(accounts == played.accounts && oms == played.oms, "state is the fold of the journal");
    played
}

/// Equity, highest and lowest, by the time of the sample.
fn equity(played: &Played) -> BTreeMap<Ts, [Amount; 3]> {
    let points = played.records.iter().filter_map(|record| match &record.event {
        Event::Equity(point) => Some((point.ts_event, [point.equity, point.high, point.low])),
        _ => None,
    });
    points.collect()
}

/// In units of 1e-24: what a few divisions lose.
const ROUNDED: i128 = 10_000_000;

fn assert_same_equity(plain: &Played, changed: &Played) {
    let (plain, changed) = (equity(plain), equity(changed));
    // The incident is an input: where records are rare it ends a stretch without samples, and begins a new one.
    let numbers = if plain.len() == changed.len() { 3 } else { 1 };
    for (ts, expected) in &plain {
        for (expected, found) in expected.iter().zip(changed[ts]).take(numbers) {
            let off = (expected.raw() - found.raw()).abs();
            assert!(off <= ROUNDED, "at {ts}: {expected} in old units, {found} in new ones");
        }
    }
}

/// Whatever is held, whenever records and the report come: equity is what it would have been.
#[test]
fn equity_is_the_same_in_any_units() {
    let slow = "model = \"constant\", delay = \"90s\"";
    let netting = "max_leverage = \"5\"";
    let margin = "margin_mode = \"cross\"\nleverage = \"5\"\nmaintenance_rate = \"0.005\"";
    for (account, terms, data, strategy) in [
        ("spot", "", "bars", HOLD),
        ("spot", "", "bars", BUY),
        ("spot", "", "trades", BUY),
        ("spot", "", "quotes", HOLD),
        ("spot", "", "depth trades", BUY),
        ("netting", netting, "bars", BUY),
        ("netting", netting, "bars mark", BUY),
        ("margin", margin, "bars mark funding", BUY),
        ("margin", margin, "quotes", BUY),
    ] {
        for (feed, report) in [(AT_ONCE, AT_ONCE), (slow, AT_ONCE), (AT_ONCE, slow), (slow, slow)] {
            for text in ["1000", "0.001"] {
                let stage = Stage { account, terms, data, feed, report, strategy };
                let (plain, changed) = stage.specs(text);
                let (plain, changed) = (play(plain), play(changed));
                assert_same_equity(&plain, &changed);
                assert!(equity(&plain).values().collect::<BTreeSet<_>>().len() > 50);
                let told =
                    changed.records.iter().filter(|one| matches!(one.event, Event::Redenominated { .. })).count();
                assert_eq!(told, 1, "{account} {data} {feed} {report} {text}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// The same where reports and records take a random time.
    #[test]
    fn equity_is_the_same_whenever_we_learn_of_it(
        median in 1_u32..90,
        sigma in 0_u32..2,
        ratio in prop::sample::select(vec!["1000", "500", "0.125", "0.008"]),
        netting in any::<bool>(),
    ) {
        let random = format!("model = \"lognormal\", median = \"{median}s\", sigma = \"{sigma}\"");
        let (account, terms) = if netting { ("netting", "max_leverage = \"3\"") } else { ("spot", "") };
        let stage = Stage { account, terms, data: "quotes", feed: &random, report: &random, strategy: BUY };
        let (plain, changed) = stage.specs(ratio);
        assert_same_equity(&play(plain), &play(changed));
    }
}

/// When something is true of an event, in order.
fn times(played: &Played, is: impl Fn(&Event) -> bool) -> Vec<Ts> {
    played.records.iter().filter(|record| is(&record.event)).map(|record| record.header.ts).collect()
}

/// A grid that goes on as before sends orders in old units until it hears of the change.
#[test]
fn orders_of_before_end_or_are_refused_and_later_ones_are_not() {
    let grid = "type = \"grid\"\nlevels = 4\nspacing = \"50\"\nspacing_unit = \"ticks\"\nqty = \"0.1\"";
    let report = "model = \"constant\", delay = \"2m\"";
    let stage = Stage { account: "spot", terms: "", data: "quotes", feed: AT_ONCE, report, strategy: grid };
    let played = play(stage.specs("0.001").1);
    let began =
        times(&played, |event| matches!(event, Event::IncidentBegan { kind: IncidentKind::Redenomination, .. }));
    let told = times(&played, |event| matches!(event, Event::Redenominated { .. }));
    assert_eq!((began, told.clone()), (vec![at(CHANGE)], vec![at("2024-01-01T00:32:00Z")]));
    let canceled = times(&played, |event| matches!(event, Event::Canceled { reason: CancelReason::Redenominated, .. }));
    assert!(canceled.len() > 2 && canceled.iter().all(|ts| *ts == told[0]), "{canceled:?}");
    let posted = times(&played, |event| matches!(event, Event::Posted { reason: PostingReason::Redenomination, .. }));
    assert_eq!(posted, told);
    let ended = played.records.iter().find_map(|record| match &record.event {
        Event::IncidentEnded { missed, .. } => Some((record.header.ts, *missed)),
        _ => None,
    });
    assert!(ended.is_some_and(|(ts, missed)| ts == told[0] && missed > 0), "{ended:?}");
    assert!(times(&played, is_refused).iter().all(|ts| *ts >= told[0]));
}

/// Bars of a minute, of which we hear at once or 90 seconds later, and so of the change at half past: which bars
/// strategies do not see, and when nothing more comes in units that are not those of our account.
#[test]
fn records_in_other_units_than_ours_are_not_shown() {
    let slow = "model = \"constant\", delay = \"90s\"";
    for (feed, report, unseen, ended) in [
        // The bar of 30 itself is received after the report.
        (AT_ONCE, AT_ONCE, 1, "00:30:00"),
        // The bars of 29 and 30 come at 30:30 and 31:30.
        (slow, AT_ONCE, 2, "00:31:30"),
        // The bar of 31 comes before the report.
        (AT_ONCE, slow, 1, "00:31:30"),
        // The bar of 29 comes before the report, that of 30 at the same instant after it.
        (slow, slow, 1, "00:31:30"),
    ] {
        let stage = Stage { account: "spot", terms: "", data: "bars", feed, report, strategy: HOLD };
        let played = play(stage.specs("1000").1);
        let found = played.records.iter().find_map(|record| match &record.event {
            Event::IncidentEnded { missed, .. } => Some((*missed, record.header.ts)),
            _ => None,
        });
        assert_eq!(found, Some((unseen, at(&format!("2024-01-01T{ended}Z")))), "{feed} {report}");
    }
}

/// What a strategy finds as it is told: at 1000, with 4 bought and 1 sold again. One old unit is `ratio` new ones.
#[derive(Default)]
struct Listener {
    bars: u32,
    told: Arc<Mutex<Vec<String>>>,
}

impl Strategy for Listener {
    fn on_bar(&mut self, ctx: &mut Context<'_>, bar: &Bar) {
        self.bars += 1;
        let market = |side, qty| OrderRequest::market(bar.instrument, side, Qty::parse(qty, 6).unwrap());
        match self.bars {
            1 => drop(ctx.submit(market(Side::Buy, "4"))),
            3 => drop(ctx.submit(market(Side::Sell, "1"))),
            _ => {}
        }
    }

    fn on_redenomination(&mut self, ctx: &mut Context<'_>, report: &RedenominationReport) {
        let instrument = InstrumentIx(0);
        let position = ctx.position(instrument);
        let said = format!(
            "{}: {} of {} held at {}, realized {}, price {:?}",
            report.ratio,
            position.net_qty.display(6),
            ctx.balance(report.asset).total,
            position.entry_cost,
            position.realized_pnl,
            ctx.market(instrument).mark().map(|px| px.display(5)),
        );
        self.told.lock().unwrap().push(said);
    }
}

#[test]
fn a_strategy_is_told_and_finds_new_units() {
    let slow = "model = \"constant\", delay = \"90s\"";
    for (account, terms, text, expected) in [
        ("spot", "", "1000", "1000: 3000 of 10123.456789 held at 3000, realized 0, price None"),
        ("spot", "", "0.001", "0.001: 0.003 of 0.010123456789 held at 3000, realized 0, price None"),
        ("netting", "max_leverage = \"3\"", "2.5", "2.5: 7.5 of 0 held at 3000, realized 0, price None"),
    ] {
        for (report, price) in [(AT_ONCE, None), (slow, Some(ratio(text)))] {
            let stage = Stage { account, terms, data: "constant", feed: AT_ONCE, report, strategy: HOLD };
            let (_, mut spec) = stage.specs(text);
            let listener = Listener::default();
            let told = Arc::clone(&listener.told);
            spec.strategies[0].strategy = Box::new(listener);
            play(spec);
            // With a report that takes 90 seconds the bar of the first minute in new units is there before it.
            let shown = price.map(|Ratio { num, den }| Price::from_raw(100_000_000 * den / num).display(5));
            let expected = expected.replace("None", &format!("{shown:?}"));
            assert_eq!(*told.lock().unwrap(), [expected]);
        }
    }
}

fn is_refused(event: &Event) -> bool {
    matches!(event, Event::Rejected { reason: RejectReason::Redenominated, .. })
}

/// Reports of which each takes a time of its own: what was filled before the change is told before it, in old units, and
/// what is sent before we hear of it is refused.
#[test]
fn what_the_venue_said_before_comes_before() {
    let report = "model = \"lognormal\", median = \"40s\", sigma = \"1\"";
    let strategy = "type = \"random\"\nrate = \"0.5\"\nlots_max = 300\nreach = 5\nkinds = \"all\"";
    let margin =
        "margin_mode = \"isolated\"\nleverage = \"5\"\nmaintenance_rate = \"0.005\"\nposition_mode = \"hedge\"";
    let (mut late, mut refused) = (0, 0);
    for (account, terms) in [("spot", ""), ("netting", "max_leverage = \"3\""), ("margin", margin)] {
        for ratio in ["1000", "0.001"] {
            let stage = Stage { account, terms, data: "trades", feed: AT_ONCE, report, strategy };
            let played = play(stage.specs(ratio).1);
            let told = times(&played, |event| matches!(event, Event::Redenominated { .. }))[0];
            let before = |event: &Event| matches!(event, Event::Filled { report, .. } if report.ts_event <= at(CHANGE));
            let before = times(&played, before);
            assert!(before.iter().all(|ts| *ts <= told), "{account}: {before:?}");
            late += before.iter().filter(|ts| **ts > at(CHANGE)).count();
            let after = |event: &Event| matches!(event, Event::Filled { report, .. } if report.ts_event > at(CHANGE));
            assert!(times(&played, after).iter().all(|ts| *ts >= told));
            refused += times(&played, is_refused).len();
        }
    }
    assert!(late > 5 && refused > 2, "{late} fills were told late, {refused} orders refused");
}
