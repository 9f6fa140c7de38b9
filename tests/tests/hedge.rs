//! Hedge mode of the whole house: runs that hold a long and a short position at once agree with the venue, with
//! the fold of their journals and with the auditor, and their reports keep both apart.

#![allow(clippy::expect_used, reason = "a test that cannot set its stage fails")]

use std::collections::BTreeMap;
use std::convert::Infallible;

use proptest::prelude::*;
use tapedeck_model::event::DenyReason;
use tapedeck_model::{
    Amount, Bar, Context, Deal, Event, InstrumentIx, OrderRequest, PositionMode, PositionSide, Qty, Side, Span,
    Strategy, StrategyIx,
};
use tapedeck_reports::{Gatherer, replay};
use tapedeck_tests::{Played, assembled, declared, play, play_checked, play_spec};

const SIDES: [PositionSide; 2] = [PositionSide::Long, PositionSide::Short];

/// A day of two contracts, traded at random by two strategies.
fn scenario(seed: u64, account: &str, (kind, data): (&str, &str)) -> String {
    let instrument = |name: &str| {
        format!(
            r#"
[[instrument]]
symbol = "{name}"
venue = "SIM"
kind = "{kind}"
base = "C"
quote = "USD"
tick_size = "0.01"
lot_size = "0.001"
{}

[[data]]
instrument = "{name}"
{data}

[[data]]
instrument = "{name}"
kind = "funding"
interval = "4h"
[data.synthetic]
generator = "funding"
rate = "0.0005"
noise = "0.001"
"#,
            if kind == "inverse" { "multiplier = \"100\"" } else { "" }
        )
    };
    format!(
        r#"
[scenario]
name = "hedge"
seed = {seed}
base_currency = "USD"
start = "2024-01-01"
end = "2024-01-02"
{}{}
[[venue]]
name = "SIM"
participation = "none"
queue_ahead = "1"
report_latency = {{ model = "constant", delay = "20s" }}
fees = {{ model = "maker_taker", maker = "-0.0001", taker = "0.0004" }}

[account]
position_mode = "hedge"
deposits = {{ {} }}
{account}

[[strategy]]
id = "one"
type = "random"
kinds = "all"
lots_max = 5000
instruments = ["A", "B"]

[[strategy]]
id = "two"
type = "random"
lots_max = 5000
instruments = ["A", "B"]
"#,
        instrument("A"),
        instrument("B"),
        if kind == "inverse" { "C = \"3\"" } else { "USD = \"300\"" },
    )
}

const BARS: &str = "kind = \"bars\"\ninterval = \"1m\"\n[data.synthetic]\ngenerator = \"garch\"\nvolatility = \"9\"";
const TRADES: &str = "kind = \"trades\"\n[data.synthetic]\ngenerator = \"ticks\"\ngap = \"20s\"";

fn margin(mode: &str, leverage: u8) -> String {
    format!("kind = \"margin\"\nmargin_mode = \"{mode}\"\nleverage = \"{leverage}\"\nmaintenance_rate = \"0.03\"")
}

/// Both positions by the fills, liquidations and settlements of the journal alone, in raw units.
fn positions(played: &Played) -> BTreeMap<(StrategyIx, InstrumentIx, PositionSide), i64> {
    let mut held = BTreeMap::new();
    for record in &played.records {
        let (key, signed) = match &record.event {
            Event::Filled { instrument, deal: Deal { side, position_side }, report, .. } => {
                let position_side = position_side.expect("a fill of hedge mode has a position side");
                let key = (report.client_order_id.strategy, *instrument, position_side);
                (key, report.last_qty.raw() * side.sign())
            }
            Event::LiquidationShared(share) => {
                let closed = if share.side == Side::Sell { PositionSide::Long } else { PositionSide::Short };
                ((share.strategy, share.instrument, closed), share.last_qty.raw() * share.side.sign())
            }
            _ => continue,
        };
        let qty = held.entry(key).or_insert(0_i64);
        *qty += signed;
        let right = if key.2 == PositionSide::Long { *qty >= 0 } else { *qty <= 0 };
        assert!(right, "record {}: a {} position of {qty}", record.header.seq, key.2);
    }
    held
}

fn liquidations(played: &Played) -> usize {
    played.records.iter().filter(|record| matches!(record.event, Event::Liquidated(_))).count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn everybody_agrees(
        seed in any::<u32>(), cross in any::<bool>(), bars in any::<bool>(), coin in any::<bool>(), leverage in 2_u8..30,
    ) {
        let (mode, data) = (if cross { "cross" } else { "isolated" }, if bars { BARS } else { TRADES });
        let kind = if coin { "inverse" } else { "linear" };
        let text = scenario(u64::from(seed), &margin(mode, leverage), (kind, data));
        let (played, _) = play_checked(&text);
        let (theirs, ours) = (played.venue_margins[0].as_ref(), played.accounts.first().margin());
        prop_assert!(theirs.is_some());
        prop_assert_eq!(theirs, ours);
        for ((strategy, instrument, side), qty) in positions(&played) {
            prop_assert_eq!(played.accounts.first().held_of(strategy, instrument, Some(side)).net_qty.raw(), qty);
        }
        let replay = replay(played.records.iter().cloned().map(Ok::<_, Infallible>), None).expect("a sound journal");
        prop_assert_eq!(replay.audit.disagreements(), [""; 0]);
        for (key, point) in &replay.book.positions {
            prop_assert_eq!(played.accounts.first().held_of(key.0, key.1, key.2).net_qty, point.net_qty);
        }
    }
}

#[test]
fn a_netting_account_holds_both_sides() {
    let account = "kind = \"netting\"\nmax_leverage = \"5\"";
    let (mut fills, mut both) = (0, 0);
    for seed in 0..6 {
        let (played, _) = play_checked(&scenario(seed, account, ("linear", BARS)));
        let replay = replay(played.records.iter().cloned().map(Ok::<_, Infallible>), None).expect("a sound journal");
        assert_eq!(replay.audit.disagreements(), [""; 0]);
        fills += played.summary.counts.fills;
        let held = positions(&played);
        both += held
            .iter()
            .filter(|(key, qty)| {
                let other = held.get(&(key.0, key.1, PositionSide::Short)).copied().unwrap_or_default();
                key.2 == PositionSide::Long && **qty != 0 && other != 0
            })
            .count();
    }
    assert!(fills > 200 && both > 3, "{fills} fills, {both} positions of both sides at the end");
}

#[test]
fn random_runs_in_hedge_mode_do_liquidate() {
    for kind in ["linear", "inverse"] {
        let run = |seed| play(&scenario(seed, &margin("cross", 25), (kind, BARS)));
        let count: usize = (0..8).map(|seed| liquidations(&run(seed))).sum();
        assert!(count >= 4, "{count} liquidations of {kind} contracts");
    }
}

/// One of everything, at a price that stands still but for one step: long 3 and short 2 are bought at 100, held
/// over a settlement, and closed at 110.
#[derive(Default)]
struct Both {
    bars: u32,
    seen: Vec<(PositionMode, Qty, Qty, Qty)>,
}

impl Strategy for Both {
    fn on_bar(&mut self, ctx: &mut Context<'_>, bar: &Bar) {
        let ix = bar.instrument;
        let of = |side| ctx.side_position(ix, side).net_qty;
        self.seen.push((ctx.position_mode(ix), of(SIDES[0]), of(SIDES[1]), ctx.position(ix).net_qty));
        let (three, two) = (Qty::from_raw(3_000), Qty::from_raw(2_000));
        match self.bars {
            0 => {
                ctx.submit(OrderRequest::market(ix, Side::Buy, three).of(PositionSide::Long));
                ctx.submit(OrderRequest::market(ix, Side::Sell, two).of(PositionSide::Short));
                // None of these says what hedge mode wants.
                ctx.submit(OrderRequest::market(ix, Side::Sell, two));
                let reducing = OrderRequest { reduce_only: true, ..OrderRequest::market(ix, Side::Sell, two) };
                ctx.submit(reducing.of(PositionSide::Long));
            }
            90 if of(SIDES[0]) != Qty::ZERO => {
                let expected = (PositionMode::Hedge, three, Qty::from_raw(-2_000), Qty::from_raw(1_000));
                assert_eq!(self.seen.last(), Some(&expected));
                // More than there is: the venue cuts it.
                ctx.submit(OrderRequest::market(ix, Side::Sell, Qty::from_raw(9_000)).of(PositionSide::Long));
                ctx.submit(OrderRequest::market(ix, Side::Buy, two).of(PositionSide::Short));
                // Nothing is left to close then.
                ctx.submit(OrderRequest::limit(ix, Side::Buy, two, bar.close).of(PositionSide::Short));
            }
            _ => {}
        }
        self.bars += 1;
    }
}

const STILL: &str = r#"
[scenario]
name = "still"
base_currency = "USD"
start = "2024-01-01"
end = "2024-01-01T03:00:00Z"

[[instrument]]
symbol = "X"
venue = "SIM"
kind = "linear"
base = "C"
quote = "USD"
tick_size = "0.01"
lot_size = "0.001"

[[data]]
instrument = "X"
kind = "bars"
interval = "1m"
[data.synthetic]
generator = "step"
price = "100"
change = "10"
at = 70

[[data]]
instrument = "X"
kind = "funding"
interval = "1h"
[data.synthetic]
generator = "funding"
rates = ["0.001"]

[[venue]]
name = "SIM"
participation = "none"
entry_latency = { model = "none" }
report_latency = { model = "none" }
slippage = { model = "none" }
fees = { model = "maker_taker", maker = "0", taker = "0.001" }

[account]
kind = "KIND"
position_mode = "hedge"
deposits = { USD = "1000" }

[[strategy]]
type = "noop"
"#;

/// By hand: the long one earns 3 x 10, the short one loses 2 x 10. At the settlement at 01:00 the price is 100:
/// 0.3 is paid for the long one and 0.2 received for the short one. Fees are 0.001 x (300 + 200 + 330 + 220).
#[test]
fn two_positions_by_hand() {
    for kind in ["netting", "margin"] {
        let mut spec = assembled(&STILL.replace("KIND", kind), &[]);
        spec.strategies[0].strategy = Box::new(Both::default());
        let played = play_spec(spec);
        let account = played.accounts.first();
        let text = |side| {
            let held = account.held_of(StrategyIx(0), InstrumentIx(0), Some(side));
            format!("{} realised {} funding {}", held.net_qty.display(3), held.realized_pnl, held.funding_paid)
        };
        let rows = SIDES.map(text);
        assert_eq!(rows, ["0 realised 30 funding 0.3", "0 realised -20 funding -0.2"], "{kind}");
        let usd = declared(&played.records).instruments[0].settlement;
        assert_eq!(account.balance(usd).total, Amount::parse("1008.85").expect("an amount"), "{kind}");
        let denied = |record: &&tapedeck_model::Record| {
            matches!(record.event, Event::Denied { reason: DenyReason::PositionSide, .. })
        };
        assert_eq!(played.records.iter().filter(denied).count(), 2);
        let nothing_left = played.records.iter().filter(|record| {
            matches!(record.event, Event::Canceled { reason: tapedeck_model::order::CancelReason::NothingToReduce, .. })
        });
        assert_eq!(nothing_left.count(), 2, "the rest of the close, and the close that came too late");

        let mut gatherer = Gatherer::new(Span::DAY);
        let trips: Vec<_> =
            played.records.iter().filter_map(|record| gatherer.push(record).expect("a sound journal")).collect();
        let trips: Vec<String> = trips
            .iter()
            .map(|trip| format!("{} {} earns {}", trip.side, trip.qty.display(3), trip.gross_pnl))
            .collect();
        assert_eq!(trips, ["buy 3 earns 30", "sell 2 earns -20"]);
        assert_eq!(gatherer.finish().expect("facts").trips_open, 0);
    }
}

/// A halt that flattens closes both positions, each by its own side.
#[test]
fn a_halt_closes_both_sides() {
    let text =
        STILL.replace("KIND", "margin") + "\n[[risk]]\nrule = \"daily_loss\"\nlimit = \"0.4\"\naction = \"flatten\"\n";
    let mut spec = assembled(&text, &[]);
    spec.strategies[0].strategy = Box::new(Both::default());
    let played = play_spec(spec);
    assert!(played.records.iter().any(|record| matches!(record.event, Event::Halted { .. })), "it halts");
    let closing: Vec<Deal> = played
        .records
        .iter()
        .filter_map(|record| match &record.event {
            Event::Filled { deal, .. } => Some(*deal),
            _ => None,
        })
        .collect();
    let deal = |side, of| Deal { side, position_side: Some(of) };
    let expected =
        [deal(Side::Buy, SIDES[0]), deal(Side::Sell, SIDES[1]), deal(Side::Sell, SIDES[0]), deal(Side::Buy, SIDES[1])];
    assert_eq!(closing, expected);
    assert!(played.accounts.first().held().next().is_none());
}

/// A fill of the wrong position, and a position of the wrong side, do not pass the auditor.
#[test]
fn the_auditor_keeps_both_apart() {
    let mut spec = assembled(&STILL.replace("KIND", "margin"), &[]);
    spec.strategies[0].strategy = Box::new(Both::default());
    let records = play_spec(spec).records;
    let found = |records: Vec<tapedeck_model::Record>| {
        let replay = replay(records.into_iter().map(Ok::<_, Infallible>), None).expect("a journal that can be read");
        replay.audit.disagreements()
    };
    assert_eq!(found(records.clone()), [""; 0]);
    let (mut fills, mut points) = (records.clone(), records);
    for record in &mut fills {
        if let Event::Filled {
            deal: deal @ Deal { side: Side::Buy, position_side: Some(PositionSide::Long) }, ..
        } = &mut record.event
        {
            deal.position_side = Some(PositionSide::Short);
        }
    }
    let lines = found(fills);
    assert!(lines.iter().any(|line| line.contains("more of a short position is closed than was held")), "{lines:?}");
    for record in &mut points {
        if let Event::SidePositionChanged { position_side, .. } = &mut record.event {
            *position_side = SIDES[usize::from(*position_side == PositionSide::Long)];
        }
    }
    let lines = found(points);
    assert!(lines.iter().any(|line| line.contains("is said to hold")), "{lines:?}");
}
