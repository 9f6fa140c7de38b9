//! A real recording of an order book, again and again: how fast `sim run` plays it as a whole process.
//!
//! Imports a raw recording of Binance's USD-M streams, repeats it end to end [`TIMES`] times, and lets
//! `sim run` without a strategy and with a market maker (queue model, latency) take turns over it.
//! Every row of depth and every trade is one feed event, seen by the venue and by us. With `--peer`, hftbacktest
//! (`benches/peers/hftbacktest`) takes its turns on the same feed. Prints medians and, in brackets, the best.
//!
//! ```text
//! books RECORDING.gz [--sim target/release/sim] [--rounds 5] [--peer PROGRAM]
//! ```

#![allow(clippy::expect_used, reason = "a benchmark that cannot go on has nothing better to do than end")]

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Decimal128Type, Int8Type, TimestampNanosecondType, UInt8Type};
use arrow_array::{ArrayRef, RecordBatch};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::Value;
use tapedeck_benches::peer_tape::{PeerRow, in_both_orders, write_events};
use tapedeck_benches::{finish, median};
use tapedeck_model::{Span, Ts};

/// How often the recording is repeated.
const TIMES: i64 = 16;
const ROUNDS: usize = 5;
/// The feed as the peer reads it.
const PEER_TAPE: &str = "peer-tape";
const KINDS: [&str; 2] = ["depth", "trades"];
const TIME_COLUMNS: [&str; 2] = ["ts_event", "ts_recv"];

/// How often the market maker looks at the book.
const INTERVAL: Span = Span::from_nanos(100_000_000);

const STRATEGIES: [(&str, &str); 2] = [
    ("noop", "type = \"noop\""),
    (
        "market_maker",
        "type = \"market_maker\"\nqty = \"0.01\"\nhalf_spread = 5\nspacing = 5\nskew = 2\nlevels = 10\nmax_units = 10",
    ),
];

struct Args {
    recording: PathBuf,
    sim: PathBuf,
    rounds: usize,
    peer: Option<PathBuf>,
}

impl Args {
    fn parse() -> Option<Self> {
        let mut args = std::env::args().skip(1);
        let mut parsed = Self {
            recording: args.next()?.into(),
            sim: PathBuf::from("target/release/sim"),
            rounds: ROUNDS,
            peer: None,
        };
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--sim" => parsed.sim = args.next()?.into(),
                "--rounds" => parsed.rounds = args.next()?.parse().ok().filter(|rounds| *rounds > 0)?,
                "--peer" => parsed.peer = Some(args.next()?.into()),
                _ => return None,
            }
        }
        Some(parsed)
    }
}

/// The files of a folder and of those in it, by path.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of the catalog") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { files.extend(files_in(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

fn batches_of(folder: &Path) -> Vec<RecordBatch> {
    let read = |path: PathBuf| {
        let file = File::open(path).expect("a file of the catalog");
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet");
        builder.build().expect("Parquet")
    };
    files_in(folder).into_iter().flat_map(read).map(|batch| batch.expect("a good file")).collect()
}

/// First and last of all times.
fn span_of(batches: &[RecordBatch]) -> (i64, i64) {
    let columns = batches.iter().flat_map(|batch| TIME_COLUMNS.map(|name| batch.column_by_name(name)));
    let times = columns.flatten().flat_map(|column| column.as_primitive::<TimestampNanosecondType>().values());
    times.fold((i64::MAX, i64::MIN), |(low, high), ts| (low.min(*ts), high.max(*ts)))
}

fn later(batch: &RecordBatch, by: i64) -> RecordBatch {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).map(|(field, column)| -> ArrayRef {
        if !TIME_COLUMNS.contains(&field.name().as_str()) {
            return Arc::clone(column);
        }
        let times = column.as_primitive::<TimestampNanosecondType>();
        let later = times.unary::<_, TimestampNanosecondType>(|ts| ts + by);
        Arc::new(later.with_data_type(field.data_type().clone()))
    });
    let columns = columns.collect();
    RecordBatch::try_new(schema, columns).expect("the same columns")
}

/// Writes the recording `TIMES` times in a row; gives the number of feed events, and when the first one happened.
fn prepare(args: &Args, folder: &Path) -> (usize, Ts) {
    let catalog = folder.join("catalog");
    let words = "data import --format binance-ws --venue BINANCE --symbol BTCUSDT --tick 0.1 --lot 0.001 --into";
    finish(Command::new(&args.sim).args(words.split(' ')).arg(&catalog).arg(&args.recording));
    let tapes = KINDS.map(|kind| batches_of(&catalog.join(kind)));
    let (low, high) = span_of(&tapes.concat());
    let mut events = 0;
    for (kind, batches) in KINDS.iter().zip(&tapes) {
        let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
        let file = File::create(folder.join(kind).with_extension("parquet")).expect("a file");
        let schema = batches.first().expect("records").schema();
        let mut writer = ArrowWriter::try_new(file, schema, Some(properties)).expect("a writer");
        for nth in 0..TIMES {
            for batch in batches {
                writer.write(&later(batch, nth * (high - low))).expect("written");
                events += batch.num_rows();
            }
        }
        writer.close().expect("written");
    }
    if args.peer.is_some() {
        write_peer_tape(&tapes, high - low, &folder.join(PEER_TAPE));
    }
    (events, Ts::from_nanos(low))
}

/// The rows of a batch of either kind, for the peer.
fn peer_rows(batch: &RecordBatch, is_trade: bool) -> Vec<PeerRow> {
    let column = |name: &str| batch.column_by_name(name).expect("a column of the catalog");
    let times = |name: &str| column(name).as_primitive::<TimestampNanosecondType>().values();
    let numbers = |name: &str, unit: f64| -> Vec<f64> {
        column(name).as_primitive::<Decimal128Type>().values().iter().map(|raw| *raw as f64 / unit).collect()
    };
    let (events, received) = (times("ts_event"), times("ts_recv"));
    let (px, qty) = (numbers("px", 10.0), numbers("qty", 1_000.0));
    let row = |at: usize| {
        let bought = || column("side").as_string::<i32>().value(at) == "buy";
        let side =
            if is_trade { i8::from(bought()) * 2 - 1 } else { column("side").as_primitive::<Int8Type>().value(at) };
        let clears = !is_trade && column("flags").as_primitive::<UInt8Type>().value(at) & 2 != 0;
        PeerRow { ts_event: events[at], ts_recv: received[at], is_trade, side, px: px[at], qty: qty[at], clears }
    };
    (0..batch.num_rows()).map(row).collect()
}

/// The same feed as the peer reads it.
fn write_peer_tape(tapes: &[Vec<RecordBatch>; 2], span: i64, path: &Path) {
    let rows: Vec<PeerRow> = KINDS
        .iter()
        .zip(tapes)
        .flat_map(|(kind, batches)| batches.iter().flat_map(|batch| peer_rows(batch, *kind == "trades")))
        .collect();
    let events = in_both_orders(&rows);
    let mut out = BufWriter::new(File::create(path).expect("a file"));
    for nth in 0..TIMES {
        write_events(&mut out, &events, nth * span).expect("written");
    }
    out.flush().expect("written");
}

fn scenario(strategy: &str) -> String {
    let latency = ["entry", "cancel", "report"]
        .map(|kind| format!("[venue.{kind}_latency]\nmodel = \"constant\"\ndelay = \"10ms\"\n"))
        .concat();
    let data = KINDS
        .map(|kind| {
            format!(
                "[[data]]\nname = \"{kind}\"\ninstrument = \"BTCUSDT\"\nkind = \"{kind}\"\npath = \"{kind}.parquet\"\n"
            )
        })
        .concat();
    format!(
        "[scenario]\nname = \"books\"\nseed = 1\nbase_currency = \"USDT\"\n\
         [[instrument]]\nsymbol = \"BTCUSDT\"\nvenue = \"BINANCE\"\nkind = \"linear\"\nbase = \"BTC\"\n\
         quote = \"USDT\"\nsettlement = \"USDT\"\ntick_size = \"0.1\"\nlot_size = \"0.001\"\n\
         {data}[[venue]]\nname = \"BINANCE\"\nmaker_fill = \"whole\"\n{latency}\
         [venue.fees]\nmodel = \"maker_taker\"\nmaker = \"-0.00005\"\ntaker = \"0.0007\"\n\
         [account]\nkind = \"netting\"\ndeposits = {{ USDT = \"1000000\" }}\nmax_leverage = \"100\"\n\
         [[strategy]]\n{strategy}\n"
    )
}

fn main() {
    let Some(args) = Args::parse() else {
        eprintln!("usage: books RECORDING.gz [--sim target/release/sim] [--rounds {ROUNDS}] [--peer PROGRAM]");
        std::process::exit(2);
    };
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let (events, start) = prepare(&args, folder.path());
    for (name, strategy) in STRATEGIES {
        // The peer takes its first step one interval after its first event.
        let first_at =
            if name == "noop" { String::new() } else { format!("\nfirst_at = \"{}\"", start.saturating_add(INTERVAL)) };
        fs::write(folder.path().join(name).with_extension("toml"), scenario(&format!("{strategy}{first_at}")))
            .expect("written");
    }
    let mut turns = STRATEGIES.map(|_| (Vec::new(), Value::Null));
    let mut peers: Vec<(String, Vec<f64>, Value)> = Vec::new();
    for round in 0..args.rounds {
        if let Some(peer) = &args.peer {
            play_peer(peer, &folder.path().join(PEER_TAPE), &mut peers);
        }
        for ((name, _), (seconds, said)) in STRATEGIES.iter().zip(&mut turns) {
            let mut command = Command::new(&args.sim);
            command.arg("run").arg(folder.path().join(name).with_extension("toml")).arg("--json");
            let (took, output) = finish(command.arg("--out").arg(folder.path().join(format!("{name}-{round}"))));
            seconds.push(took);
            *said = serde_json::from_slice(&output).expect("`sim run --json` prints JSON");
        }
    }
    println!("{events} feed events, medians of {} rounds\n", args.rounds);
    println!("{:<38} {:>8} {:>16} {:>8} {:>8} {:>8}", "work", "ms", "M/s (best)", "peak MB", "orders", "fills");
    for ((name, _), (seconds, said)) in STRATEGIES.iter().zip(&turns) {
        say(&format!("{name}, whole process"), events, seconds, said);
    }
    for (name, seconds, said) in &peers {
        say(name, events, seconds, said);
    }
}

/// A turn of the peer: each work on each kind of depth, as a process of its own. Only its loop is timed.
fn play_peer(peer: &Path, tape: &Path, peers: &mut Vec<(String, Vec<f64>, Value)>) {
    for (work, _) in STRATEGIES {
        for depth in ["hash_map", "array"] {
            let name = format!("hftbacktest, {work}, {depth}");
            let (_, output) = finish(Command::new(peer).arg(tape).args([work, depth]));
            let said: Value = serde_json::from_slice(&output).expect("the peer prints JSON");
            let seconds = said.get("seconds").and_then(Value::as_f64).expect("the peer tells its time");
            match peers.iter_mut().find(|(other, ..)| *other == name) {
                Some((_, all, last)) => {
                    all.push(seconds);
                    *last = said;
                }
                None => peers.push((name, vec![seconds], said)),
            }
        }
    }
}

/// One line of the table.
fn say(name: &str, events: usize, seconds: &[f64], said: &Value) {
    let (middle, least) = (median(seconds.iter().copied()), seconds.iter().copied().fold(f64::MAX, f64::min));
    let number = |key: &str| said.get(key).and_then(Value::as_u64).unwrap_or_default();
    let rate = |seconds: f64| events as f64 / seconds / 1e6;
    println!(
        "{name:<38} {:>8.0} {:>8.2} ({:>5.2}) {:>8.1} {:>8} {:>8}",
        middle * 1e3,
        rate(middle),
        rate(least),
        number("peak_rss_bytes") as f64 / 1e6,
        number("orders"),
        number("fills")
    );
}
