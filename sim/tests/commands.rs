//! The binary: exit codes, what is printed, what is left behind.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

fn scenario(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios").join(name)
}

fn sim(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sim")).current_dir(folder).args(args).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs the random scenario and gives its JSON.
fn run_random(folder: &Path, more: &[&str]) -> Value {
    let file = scenario("random.toml");
    let mut args = vec!["run", "--json", file.to_str().unwrap()];
    args.extend(more);
    let output = sim(folder, &args);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stderr(&output), "");
    serde_json::from_str(&stdout(&output)).unwrap()
}

#[test]
fn bad_input_ends_with_2_and_leaves_nothing() {
    let random = scenario("random.toml");
    let random = random.to_str().unwrap();
    let rows: &[(&[&str], i32, &str)] = &[
        (&["run", "absent.toml"], 2, "cannot read absent.toml"),
        (&["run", "empty.toml"], 2, "[scenario] is missing"),
        (&["run", "broken.toml"], 2, "not TOML"),
        (&["run", "nodata.toml"], 2, "absent.csv"),
        (&["run", random, "--set", "strategy.0.speed=1"], 2, "no key `speed`"),
        (&["run", random, "--set", "nonsense"], 2, "has no `=`"),
        (&["run", random, "--seed", "minus"], 2, "minus"),
        (&["run", random, "--out", "occupied"], 2, "is not a run folder"),
        (&["run"], 2, "SCENARIO"),
        (&["frobnicate"], 2, "frobnicate"),
        (&["list", "strategy"], 2, "did you mean `strategies`?"),
        (&["replay", "occupied"], 2, "is not a run folder"),
        (&["verify", "absent"], 2, "is not a run folder"),
        (&["diff", "absent", "absent"], 2, "is not a run folder"),
        (&["new", "Bad Name"], 2, "cannot be the name of a crate"),
    ];
    for (args, code, fragment) in rows {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("empty.toml"), "").unwrap();
        fs::write(folder.path().join("broken.toml"), "[scenario").unwrap();
        let text = fs::read_to_string(random).unwrap();
        let synthetic = text.find("[data.synthetic]").unwrap();
        let venue = text.find("[[venue]]").unwrap();
        let nodata = format!("{}path = \"absent.csv\"\n{}", &text[..synthetic], &text[venue..]);
        fs::write(folder.path().join("nodata.toml"), nodata).unwrap();
        fs::create_dir(folder.path().join("occupied")).unwrap();
        let output = sim(folder.path(), args);
        assert_eq!(output.status.code(), Some(*code), "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(fragment), "{args:?}: no `{fragment}` in\n{}", stderr(&output));
        assert_eq!(stdout(&output), "", "{args:?}");
        let mut left: Vec<String> =
            fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        left.retain(|name| !["empty.toml", "broken.toml", "nodata.toml", "occupied"].contains(&name.as_str()));
        if left == ["runs"] {
            assert_eq!(fs::read_dir(folder.path().join("runs")).unwrap().count(), 0, "{args:?}");
        } else {
            assert_eq!(left, Vec::<String>::new(), "{args:?}");
        }
    }
}

#[test]
fn a_run_has_its_folder_and_the_same_run_is_kept() {
    let folder = TempDir::new().unwrap();
    let first = run_random(folder.path(), &[]);
    let run_dir = folder.path().join(first["run_dir"].as_str().unwrap());
    for file in [
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
    ] {
        assert!(run_dir.join(file).is_file(), "{file}");
    }
    let second = run_random(folder.path(), &[]);
    assert_eq!(first["fingerprint"], second["fingerprint"]);
    assert_eq!((&first["kept"], &second["kept"]), (&Value::Bool(false), &Value::Bool(true)));
    assert_eq!(fs::read_dir(folder.path().join("runs")).unwrap().count(), 1);
    for key in [
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
    ] {
        assert!(first.get(key).is_some(), "{key}");
    }
}

#[test]
fn the_resolved_scenario_gives_the_same_run() {
    let folder = TempDir::new().unwrap();
    let first = run_random(folder.path(), &["--out", "a", "--seed", "5"]);
    let output = sim(folder.path(), &["run", "--json", "a/scenario.toml", "--out", "b"]);
    let second: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(first["fingerprint"], second["fingerprint"]);
    assert!(sim(folder.path(), &["diff", "a", "b"]).status.success());
}

#[test]
fn runs_are_verified_explained_replayed_and_compared() {
    let folder = TempDir::new().unwrap();
    run_random(folder.path(), &["--out", "a"]);
    run_random(folder.path(), &["--out", "b", "--seed", "5"]);
    let cases: &[(&[&str], i32, &str)] = &[
        (&["verify", "a"], 0, "identical"),
        (&["replay", "a"], 0, "positions, fees and cash agree"),
        (&["replay", "a", "--until", "2024-01-02"], 0, "At 2024-01-0"),
        (&["why", "a", "random-1"], 0, "random-1"),
        (&["diff", "a", "a"], 0, "equal"),
        (&["diff", "a", "b"], 1, "part at record"),
        (&["report", "a"], 0, "report.html"),
        (&["verify", "a"], 0, "identical"),
    ];
    for (args, code, fragment) in cases {
        let output = sim(folder.path(), args);
        assert_eq!(output.status.code(), Some(*code), "{args:?}: {}", stderr(&output));
        assert!(stdout(&output).contains(fragment), "{args:?}: {}", stdout(&output));
    }
}

#[test]
fn verify_notices_another_scenario_and_a_damaged_journal() {
    let folder = TempDir::new().unwrap();
    run_random(folder.path(), &["--out", "a"]);
    let path = folder.path().join("a/scenario.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("seed = 42", "seed = 43")).unwrap();
    let output = sim(folder.path(), &["verify", "a"]);
    assert_eq!(output.status.code(), Some(1));
    for fragment in ["the scenario changed", "the seed changed: 42 then, 43 now", "event 0 differs"] {
        assert!(stderr(&output).contains(fragment), "{}", stderr(&output));
    }
    fs::write(&path, text).unwrap();
    let journal = folder.path().join("a/journal.bin");
    let mut bytes = fs::read(&journal).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&journal, bytes).unwrap();
    let output = sim(folder.path(), &["verify", "a"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("damaged"), "{}", stderr(&output));
}

#[test]
fn schema_list_and_completions_print() {
    let folder = TempDir::new().unwrap();
    let schema: Value = serde_json::from_str(&stdout(&sim(folder.path(), &["schema"]))).unwrap();
    assert_eq!(schema["type"], "object");
    assert!(stdout(&sim(folder.path(), &["list"])).contains("maker_taker"));
    assert!(stdout(&sim(folder.path(), &["completions", "bash"])).contains("_sim"));
}

#[test]
fn new_writes_a_crate_once() {
    let folder = TempDir::new().unwrap();
    let here = env!("CARGO_MANIFEST_DIR");
    assert!(sim(folder.path(), &["new", "mine", "--path-dependency", here]).status.success());
    for file in ["Cargo.toml", "src/main.rs", "src/strategy.rs", "scenario.toml"] {
        assert!(folder.path().join("mine").join(file).is_file(), "{file}");
    }
    assert_eq!(sim(folder.path(), &["new", "mine", "--path-dependency", here]).status.code(), Some(2));
}
