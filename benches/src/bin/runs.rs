//! Whole runs over a tape in memory, journal and fingerprint included: on one thread, and with the
//! hashing on another.
//!
//! Prints medians of several runs, and each as a fraction of a bare loop that takes the same
//! decisions over arrays. With `--json` one JSON object per line. Any other argument chooses the works
//! whose names contain it.

#![allow(clippy::expect_used, reason = "a benchmark that cannot go on has nothing better to do than end")]

use std::time::Instant;

use tapedeck_benches::{
    MemoryTape, SealingSink, bars, instrument, median, play, play_and_seal_elsewhere, run_spec, trades, walk,
    with_defaults,
};
use tapedeck_kernel::risk::{self, RiskSlot};
use tapedeck_kernel::venue::RecordKind;
use tapedeck_model::{Bar, Context, Decimal, OrderRequest, ParamValue, Params, Qty, Side, Strategy};

const ROWS: usize = 1_000_000;
const RUNS: usize = 5;

/// What the names of works end with whose journal is hashed on a thread of its own, as in `sim run`.
const SEALED_ELSEWHERE: &str = "sealed elsewhere";

/// Sends a market order every `every` bars, buying and selling in turn.
struct Metronome {
    every: u64,
    bars: u64,
}

impl Strategy for Metronome {
    fn on_bar(&mut self, ctx: &mut Context<'_>, bar: &Bar) {
        self.bars += 1;
        if self.bars.is_multiple_of(self.every) {
            let side = if (self.bars / self.every) % 2 == 1 { Side::Buy } else { Side::Sell };
            ctx.submit(OrderRequest::market(bar.instrument, side, Qty::from_raw(100)));
        }
    }
}

fn strategy(name: &str, params: &Params) -> Box<dyn Strategy> {
    let component = tapedeck_strategies::components().iter().find(|c| c.name == name).expect("a shipped strategy");
    (component.build)(params, &[&instrument()]).expect("good parameters")
}

fn sma() -> Box<dyn Strategy> {
    let text = |text: &str| ParamValue::Text(text.to_owned());
    let component = tapedeck_strategies::components().iter().find(|c| c.name == "sma_cross").expect("it is shipped");
    let params = with_defaults(component.params)
        .with("fast", ParamValue::Int(10))
        .with("slow", ParamValue::Int(50))
        .with("size", text("all_in"));
    strategy("sma_cross", &params)
}

fn rules() -> Vec<RiskSlot> {
    let rule = |name: &str, key: &str, limit: Decimal| {
        let component = risk::components().iter().find(|c| c.name == name).expect("a shipped rule");
        let params = with_defaults(component.params).with(key, ParamValue::Decimal(limit));
        RiskSlot { name: name.to_owned(), scope: None, rule: (component.build)(&params, None).expect("a good limit") }
    };
    vec![
        rule("max_order_notional", "limit", Decimal::new(100_000_000_000, 0)),
        rule("max_gross_exposure", "limit", Decimal::new(100_000_000_000, 0)),
        rule("price_collar", "bps", Decimal::new(500, 0)),
    ]
}

/// The same decisions in a bare loop: exact sums, target long when fast is strictly above slow.
fn bare_loop(closes: &[i64]) -> u64 {
    let (fast, slow) = (10, 50);
    let (mut fast_sum, mut slow_sum, mut long, mut turns) = (0_i64, 0_i64, false, 0);
    for (row, close) in closes.iter().enumerate() {
        fast_sum += close;
        slow_sum += close;
        if row >= fast {
            fast_sum -= closes[row - fast];
        }
        if row >= slow {
            slow_sum -= closes[row - slow];
        }
        if row + 1 >= slow {
            let target = fast_sum * slow as i64 > slow_sum * fast as i64;
            turns += u64::from(target != long);
            long = target;
        }
    }
    turns
}

struct Figure {
    work: &'static str,
    rows: usize,
    seconds: f64,
    orders: u64,
    events: u64,
}

fn measure(
    work: &'static str,
    tape: &MemoryTape,
    rows: usize,
    kind: RecordKind,
    make: fn() -> (Box<dyn Strategy>, Vec<RiskSlot>),
) -> Figure {
    let (mut orders, mut events) = (0, 0);
    let seconds: Vec<f64> = (0..RUNS)
        .map(|_| {
            let (strategy, rules) = make();
            let spec = run_spec(tape.for_a_run(), strategy, kind, rules);
            let start = Instant::now();
            let summary = if work.ends_with(SEALED_ELSEWHERE) {
                play_and_seal_elsewhere(spec)
            } else {
                play(spec, &mut SealingSink::default())
            };
            let summary = summary.expect("the run ends well");
            let seconds = start.elapsed().as_secs_f64();
            (orders, events) = (summary.counts.orders, summary.counts.events);
            assert_eq!(summary.records, rows as u64, "{work}: every run plays the whole tape");
            seconds
        })
        .collect();
    Figure { work, rows, seconds: median(seconds), orders, events }
}

fn main() {
    let json = std::env::args().any(|argument| argument == "--json");
    let chosen = std::env::args().skip(1).find(|argument| argument != "--json").unwrap_or_default();
    let closes = walk(ROWS);
    let tape = bars(&closes);
    let ticks = trades(&closes);

    let bare = median((0..RUNS * 4).map(|_| {
        let start = Instant::now();
        std::hint::black_box(bare_loop(std::hint::black_box(&closes)));
        start.elapsed().as_secs_f64()
    }));
    type Make = fn() -> (Box<dyn Strategy>, Vec<RiskSlot>);
    let noop: Make = || (strategy("noop", &Params::new()), Vec::new());
    let alone: Make = || (sma(), Vec::new());
    let ruled: Make = || (sma(), rules());
    let metronome: Make = || (Box::new(Metronome { every: 1, bars: 0 }), Vec::new());
    let works: [(&'static str, &MemoryTape, usize, RecordKind, Make); 9] = [
        ("bars, noop", &tape, ROWS, RecordKind::Bars, noop),
        ("bars, sma_cross 10/50, no risk rules", &tape, ROWS, RecordKind::Bars, alone),
        ("bars, sma_cross 10/50, three risk rules", &tape, ROWS, RecordKind::Bars, ruled),
        ("bars, sma_cross 10/50, sealed elsewhere", &tape, ROWS, RecordKind::Bars, alone),
        ("trades, noop", &ticks, ROWS, RecordKind::Trades, noop),
        ("1,000 orders", &bars(&closes[..1_000]), 1_000, RecordKind::Bars, metronome),
        ("10,000 orders", &bars(&closes[..10_000]), 10_000, RecordKind::Bars, metronome),
        ("100,000 orders", &bars(&closes[..100_000]), 100_000, RecordKind::Bars, metronome),
        ("1,000,000 orders", &tape, ROWS, RecordKind::Bars, metronome),
    ];
    let figures: Vec<Figure> = works
        .into_iter()
        .filter(|(work, ..)| work.contains(&chosen))
        .map(|(work, tape, rows, kind, make)| measure(work, tape, rows, kind, make))
        .collect();
    for figure in &figures {
        let rate = figure.rows as f64 / figure.seconds;
        let share = bare / ROWS as f64 * rate;
        if json {
            println!(
                "{{\"peer\":\"tapedeck\",\"work\":\"{}\",\"rows\":{},\"seconds\":{:.6},\"rows_per_s\":{rate:.0},\"orders\":{},\"events\":{},\"share_of_bare_loop\":{share:.4}}}",
                figure.work, figure.rows, figure.seconds, figure.orders, figure.events
            );
        } else {
            println!(
                "{:<42} {:>9.2} M rows/s {:>9.1} ns/row {:>9} orders {:>9} events {:>6.1} % of the bare loop",
                figure.work,
                rate / 1e6,
                figure.seconds / figure.rows as f64 * 1e9,
                figure.orders,
                figure.events,
                100.0 * share
            );
        }
    }
    if !json {
        println!("{:<42} {:>9.2} M rows/s", "bare loop, same decisions", ROWS as f64 / bare / 1e6);
    }
}
