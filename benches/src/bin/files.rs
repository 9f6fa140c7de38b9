//! From a Parquet file to a finished run folder, and how much of that is reading.
//!
//! Writes a file of minute bars, then lets these take turns, [`ROUNDS`] rounds, each over the file in
//! the page cache:
//!
//! - the least work that reads the file: Arrow's own Parquet reader, all columns, same batches;
//! - our source (checks, exact numbers, content hash), and the same on a thread of its own;
//! - `sim run`, `sim replay` and `sim verify` as whole processes, and `sim run` on 1,000 bars.
//!
//! Prints medians. Ratios are medians over the rounds, so that both sides met the same machine.
//!
//! ```text
//! files [--rows 1000000] [--dir DIR] [--sim target/release/sim] [--rounds 5] [--json]
//! ```
//!
//! Files in `--dir` stay there; without it they go into a folder that is removed. All-in trading
//! pays the fee on everything: after some 1,200,000 bars what is left of the deposit is below the
//! smallest order, and the rest of a longer tape is played without orders. The column `orders` tells.

#![allow(clippy::expect_used, reason = "a benchmark that cannot go on has nothing better to do than end")]

use std::collections::BTreeMap;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};
use tapedeck_benches::parquet_tape::{raw_decode, write_bars};
use tapedeck_benches::{finish, instrument, median};
use tapedeck_catalog::{Custom, DataKind, FileSpec, OnError, ReadAhead, VolumeUnit};
use tapedeck_model::{Chunk, Instrument, InstrumentIx, Source, Span};

const ROWS: usize = 1_000_000;
const SMALL_ROWS: usize = 1_000;
const ROUNDS: usize = 5;
/// Chunks that `sim` decodes ahead.
const READ_AHEAD_CHUNKS: usize = 3;

/// What takes turns.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Work {
    Arrow,
    Source,
    Ahead,
    Run,
    Replay,
    Verify,
    SmallRun,
}

impl Work {
    const ALL: [Self; 7] =
        [Self::Arrow, Self::Source, Self::Ahead, Self::Run, Self::Replay, Self::Verify, Self::SmallRun];

    const fn text(self) -> &'static str {
        match self {
            Self::Arrow => "arrow decode",
            Self::Source => "source",
            Self::Ahead => "source, read ahead",
            Self::Run => "sim run",
            Self::Replay => "sim replay",
            Self::Verify => "sim verify",
            Self::SmallRun => "sim run, small",
        }
    }
}

/// Which time is divided by which. A ratio of rates is the other way round.
const RATIOS: [(&str, Work, Work); 4] = [
    ("decode rate / arrow decode rate", Work::Arrow, Work::Source),
    ("decode rate read ahead / arrow decode rate", Work::Arrow, Work::Ahead),
    ("replay time / run time", Work::Replay, Work::Run),
    ("verify time / run time", Work::Verify, Work::Run),
];

struct Args {
    rows: usize,
    dir: Option<PathBuf>,
    sim: PathBuf,
    rounds: usize,
    json: bool,
}

impl Args {
    fn parse() -> Result<Self, String> {
        let sim = PathBuf::from("target/release/sim");
        let mut args = Self { rows: ROWS, dir: None, sim, rounds: ROUNDS, json: false };
        let mut given = std::env::args().skip(1);
        while let Some(key) = given.next() {
            let mut value = || given.next().ok_or_else(|| format!("{key} needs a value"));
            match key.as_str() {
                "--rows" => args.rows = count(&value()?)?,
                "--rounds" => args.rounds = count(&value()?)?,
                "--dir" => args.dir = Some(PathBuf::from(value()?)),
                "--sim" => args.sim = PathBuf::from(value()?),
                "--json" => args.json = true,
                _ => return Err(format!("unknown argument {key}")),
            }
        }
        if !args.sim.is_file() {
            return Err(format!("{} is not there: build it with `cargo build --release`", args.sim.display()));
        }
        Ok(args)
    }
}

fn count(text: &str) -> Result<usize, String> {
    match text.replace('_', "").parse() {
        Ok(0) | Err(_) => Err(format!("not a whole number above zero: {text}")),
        Ok(count) => Ok(count),
    }
}

/// One turn of one work.
struct Turn {
    seconds: f64,
    /// What `sim run` says of itself.
    said: Option<Value>,
}

impl Turn {
    fn new(start: Instant) -> Self {
        Self { seconds: start.elapsed().as_secs_f64(), said: None }
    }
}

/// Where everything is.
struct Stage {
    dir: PathBuf,
    sim: PathBuf,
    rows: usize,
}

impl Stage {
    fn tape(&self) -> PathBuf {
        self.dir.join("bars.parquet")
    }

    fn arrow(&self) -> Turn {
        let start = Instant::now();
        let rows = raw_decode(&self.tape()).expect("the file was just written");
        let turn = Turn::new(start);
        assert_eq!(rows, self.rows);
        turn
    }

    fn source(&self, wrap: fn(Box<dyn Source>) -> Box<dyn Source>) -> Turn {
        let start = Instant::now();
        let rows = drain(wrap(tapedeck_catalog::open(file_spec(self.tape())).expect("a good file")));
        let turn = Turn::new(start);
        assert_eq!(rows, self.rows);
        turn
    }

    /// `sim run` of a scenario here, into a fresh run folder of the same name.
    fn run(&self, name: &str) -> Turn {
        let folder = self.dir.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).expect("the run folder is ours");
        }
        let mut command = Command::new(&self.sim);
        command.arg("run").arg(self.dir.join(name).with_extension("toml")).arg("--json").arg("--out").arg(&folder);
        let (seconds, output) = finish(&mut command);
        let said = serde_json::from_slice(&output).expect("`sim run --json` prints JSON");
        Turn { seconds, said: Some(said) }
    }

    fn of_run_folder(&self, verb: &str) -> Turn {
        let mut command = Command::new(&self.sim);
        command.arg(verb).arg(self.dir.join("run"));
        Turn { seconds: finish(&mut command).0, said: None }
    }

    fn turn(&self, work: Work) -> Turn {
        match work {
            Work::Arrow => self.arrow(),
            Work::Source => self.source(|source| source),
            Work::Ahead => self.source(|source| ReadAhead::spawn(source, READ_AHEAD_CHUNKS)),
            Work::Run => self.run("run"),
            Work::Replay => self.of_run_folder("replay"),
            Work::Verify => self.of_run_folder("verify"),
            Work::SmallRun => self.run("small"),
        }
    }

    fn rows_of(&self, work: Work) -> usize {
        if work == Work::SmallRun { SMALL_ROWS } else { self.rows }
    }
}

fn file_spec(path: PathBuf) -> FileSpec {
    FileSpec {
        name: "tape".to_owned(),
        kind: DataKind::Bars { interval: Span::MINUTE },
        paths: vec![path],
        format: None,
        columns: BTreeMap::new(),
        time_unit: None,
        custom: Custom::default(),
        price_scale: None,
        qty_scale: None,
        volume_unit: VolumeUnit::Base,
        volume_optional: false,
        on_error: OnError::Fail,
        strict_ticks: false,
        start: None,
        end: None,
        instrument: Instrument { qty_scale: 8, ..instrument() },
    }
}

/// Reads a source to its end, content hash included; gives the number of records.
fn drain(mut source: Box<dyn Source>) -> usize {
    let mut chunk = Chunk::new(InstrumentIx(0));
    let mut rows = 0;
    while source.next_chunk(&mut chunk).expect("good rows") {
        rows += black_box(&chunk).len();
    }
    assert_ne!(black_box(source.content_hash()), [0; 32], "the file was hashed");
    rows
}

/// Long with everything while the mean of 10 closes is above that of 50, at the next open.
fn scenario(name: &str, tape: &str) -> String {
    format!(
        r#"[scenario]
name = "{name}"
seed = 1
base_currency = "USD"

[[instrument]]
symbol = "BTCUSD"
venue = "SIM"
kind = "spot"
base = "BTC"
quote = "USD"
tick_size = "0.01"
lot_size = "0.00000001"

[[data]]
instrument = "BTCUSD"
kind = "bars"
interval = "1m"
path = "{tape}"

[[venue]]
name = "SIM"
mode = "sim"
participation = "none"
[venue.entry_latency]
model = "none"
[venue.cancel_latency]
model = "none"
[venue.report_latency]
model = "none"
[venue.slippage]
model = "none"
[venue.fees]
model = "maker_taker"
maker = "0.001"
taker = "0.001"
currency = "quote"

[account]
kind = "spot"
deposits = {{ USD = "10000000000" }}

[[strategy]]
type = "sma_cross"
fast = 10
slow = 50
size = "all_in"

[[risk]]
rule = "max_order_notional"
limit = "100000000000"
"#
    )
}

fn prepare(dir: &Path, rows: usize) -> u64 {
    fs::create_dir_all(dir).expect("a folder for the files");
    for (name, tape) in [("run", "bars.parquet"), ("small", "small.parquet")] {
        fs::write(dir.join(name).with_extension("toml"), scenario(name, tape)).expect("room for a scenario");
    }
    write_bars(&dir.join("small.parquet"), SMALL_ROWS).expect("room for a small file");
    write_bars(&dir.join("bars.parquet"), rows).expect("room for the file")
}

/// The turns of each work, round by round.
type Turns = BTreeMap<Work, Vec<Turn>>;

fn print_work(stage: &Stage, work: Work, turns: &[Turn], json: bool) {
    let rows = stage.rows_of(work);
    let seconds = median(turns.iter().map(|turn| turn.seconds));
    let rate = rows as f64 / seconds;
    let number = |key: &str| turns.iter().filter_map(|turn| turn.said.as_ref()?.get(key)?.as_u64()).max();
    let (peak, orders) = (number("peak_rss_bytes"), number("orders"));
    if json {
        let line = json!({
            "work": work.text(), "rows": rows, "seconds": seconds, "rows_per_s": rate,
            "peak_rss_bytes": peak, "orders": orders,
        });
        println!("{line}");
    } else {
        let peak = peak.map_or_else(String::new, |bytes| format!("{:.1}", bytes as f64 / 1e6));
        let orders = orders.map_or_else(String::new, |orders| orders.to_string());
        let work = work.text();
        println!("{work:<20} {rows:>11} {:>11.2} {:>10.2} {peak:>8} {orders:>9}", seconds * 1e3, rate / 1e6);
    }
}

fn print_ratio((name, over, under): (&str, Work, Work), turns: &Turns, json: bool) {
    let (Some(over), Some(under)) = (turns.get(&over), turns.get(&under)) else { return };
    let value = median(over.iter().zip(under).map(|(over, under)| over.seconds / under.seconds));
    if json {
        println!("{}", json!({ "ratio": name, "value": value }));
    } else {
        println!("{name:<44} {value:>6.3}");
    }
}

fn main() {
    let args = Args::parse().unwrap_or_else(|problem| {
        eprintln!("{problem}");
        std::process::exit(2);
    });
    let temporary = args.dir.is_none().then(|| tempfile::tempdir().expect("a folder for temporary files"));
    let dir = match (&args.dir, &temporary) {
        (Some(dir), _) => dir.clone(),
        (None, Some(temporary)) => temporary.path().to_owned(),
        (None, None) => unreachable!("there is a temporary folder where none was given"),
    };
    let bytes = prepare(&dir, args.rows);
    let stage = Stage { dir, sim: args.sim, rows: args.rows };
    let mut turns = Turns::new();
    for _ in 0..args.rounds {
        for work in Work::ALL {
            turns.entry(work).or_default().push(stage.turn(work));
        }
    }
    if args.json {
        println!("{}", json!({ "file_bytes": bytes, "rows": args.rows, "rounds": args.rounds }));
    } else {
        println!("{} rows in {:.1} MB, medians of {} rounds\n", args.rows, bytes as f64 / 1e6, args.rounds);
        println!("{:<20} {:>11} {:>11} {:>10} {:>8} {:>9}", "work", "rows", "ms", "M rows/s", "peak MB", "orders");
    }
    for work in Work::ALL {
        print_work(&stage, work, &turns[&work], args.json);
    }
    if !args.json {
        println!();
    }
    for ratio in RATIOS {
        print_ratio(ratio, &turns, args.json);
    }
}
