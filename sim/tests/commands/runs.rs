//! Good runs: what they write, what they say, and that they are the same each time.

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use serde_json::Value;
use tapedeck::assemble::assemble;
use tapedeck::{Origin, Registry, Scenario};
use tapedeck_journal::{RawFrame, Sealer};
use tapedeck_kernel::drive::{JournalSink, SimDriver};

use super::{Stage, scenario};

/// The keys that `sim run --json` promises.
const KEYS: [&str; 18] = [
    "fingerprint",
    "run_dir",
    "scenario",
    "seed",
    "inputs",
    "events",
    "orders",
    "fills",
    "denied",
    "rejected",
    "final_equity",
    "total_return",
    "max_drawdown",
    "sharpe",
    "fees",
    "elapsed_s",
    "inputs_per_s",
    "peak_rss_bytes",
];

const FILES: [&str; 11] = [
    "manifest.json",
    "scenario.toml",
    "journal.bin",
    "metrics.json",
    "report.html",
    "events.parquet",
    "orders.parquet",
    "fills.parquet",
    "trades.parquet",
    "positions.parquet",
    "equity.parquet",
];

/// Seals frames where they come from, without another thread.
struct SealHere {
    sealer: Sealer,
    sealed: Vec<u8>,
}

impl JournalSink for SealHere {
    fn frame(&mut self, frame: RawFrame) -> Option<RawFrame> {
        self.sealed.clear();
        self.sealer.seal(&frame, &mut self.sealed);
        Some(frame)
    }
}

fn fingerprint_in_process(file: &str, overrides: &[&str]) -> String {
    let text = fs::read_to_string(file).unwrap();
    let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
    let registry = Registry::standard();
    let scenario = Scenario::load(Origin { file, text: &text, overrides: &overrides }, &registry).unwrap();
    let assembled = assemble(&scenario, &registry, Path::new("."));
    let driver = SimDriver::new(assembled.ok().unwrap().spec).unwrap();
    let mut sink = SealHere { sealer: Sealer::new(), sealed: Vec::new() };
    driver.run(&mut sink, &AtomicBool::new(false)).unwrap();
    sink.sealer.fingerprint().to_string()
}

#[test]
fn three_processes_and_one_thread_give_one_fingerprint() {
    let (file, end) = (scenario("quickstart.toml"), "scenario.end=2024-02-01");
    let runs: Vec<Value> = (0..3).map(|_| Stage::new().run(&file, &["--set", end])).collect();
    let expected = Value::from(fingerprint_in_process(&file, &[end]));
    for run in &runs {
        assert_eq!(run["fingerprint"], expected);
        assert!(run["fills"].as_u64().unwrap() > 0, "a run without fills shows little");
        for key in KEYS {
            assert!(run.get(key).is_some(), "{key}");
        }
        assert!(
            run["final_equity"].is_string() && run["fees"].is_string() && run["fees"] == run["fees_by_currency"]["USD"],
            "money is a decimal string"
        );
    }
}

#[test]
fn a_run_has_its_folder_and_the_same_run_is_kept() {
    let (stage, random) = (Stage::new(), scenario("random.toml"));
    let first = stage.run(&random, &[]);
    for file in FILES {
        assert!(stage.path(first["run_dir"].as_str().unwrap()).join(file).is_file(), "{file}");
    }
    let second = stage.run(&random, &[]);
    assert_eq!(first["fingerprint"], second["fingerprint"]);
    assert_eq!((&first["kept"], &second["kept"]), (&Value::Bool(false), &Value::Bool(true)));
    assert_eq!(fs::read_dir(stage.path("runs")).unwrap().count(), 1);
}

#[test]
fn the_resolved_scenario_gives_the_same_run() {
    let stage = Stage::new();
    let first = stage.run(&scenario("random.toml"), &["--out", "a", "--seed", "5"]);
    let second = stage.run("a/scenario.toml", &["--out", "b"]);
    assert_eq!(first["fingerprint"], second["fingerprint"]);
    stage.sim(&["diff", "a", "b"]).check(0, &["equal"]);
}

#[test]
fn a_deposit_beyond_all_measure_is_no_internal_error() {
    let stage = Stage::new();
    let run = stage.run(
        &scenario("quickstart.toml"),
        &["--set", "scenario.end=2024-01-15", "--set", "account.deposits.USD=1000000000000"],
    );
    assert!(run["final_equity"].as_str().unwrap().len() >= 12, "{run}");
}

#[test]
fn runs_are_explained_replayed_and_compared() {
    let (stage, random) = (Stage::new(), scenario("random.toml"));
    stage.run(&random, &["--out", "a"]);
    stage.run(&random, &["--out", "fee", "--set", "venue.0.fees.taker=0.002"]);
    let cases: &[(&[&str], i32, &[&str])] = &[
        (&["replay", "a"], 0, &["positions, fees and cash agree"]),
        (&["replay", "a", "--until", "2024-01-02"], 0, &["At 2024-01-0"]),
        (&["replay", "a", "--until", "yesterday"], 2, &["yesterday"]),
        (&["why", "a", "random-1"], 0, &["random-1"]),
        (&["why", "a", "random-999999"], 2, &["no order `random-999999`"]),
        (&["diff", "a", "a"], 0, &["equal"]),
        (&["diff", "a", "fee"], 1, &["part at record", "the runs differ"]),
        (&["report", "a"], 0, &["report.html"]),
        (&["verify", "a"], 0, &["identical"]),
    ];
    for (args, code, fragments) in cases {
        stage.sim(args).check(*code, fragments);
    }
}

#[test]
fn schema_list_and_completions_print() {
    let stage = Stage::new();
    let schema: Value = serde_json::from_str(&stage.sim(&["schema"]).out).unwrap();
    assert_eq!(schema["type"], "object");
    stage.sim(&["list"]).check(0, &["maker_taker"]);
    stage.sim(&["completions", "bash"]).check(0, &["_sim"]);
}
