//! Ctrl-C: exit code 130, and nothing is left.

#![cfg(unix)]

use std::process::{Command, Stdio};

use super::{Said, Stage, scenario};

/// Starts a command and sends it Ctrl-C once it has `begun`.
fn interrupted(stage: &Stage, args: &[&str], begun: impl Fn() -> bool) {
    let mut command = stage.command(args);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while !begun() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it was interrupted");
        std::thread::yield_now();
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let said = Said::from(child.wait_with_output().unwrap());
    said.check(130, &["interrupted"]);
    assert_eq!(said.out, "");
}

#[test]
fn ctrl_c_ends_with_130_and_leaves_nothing() {
    let stage = Stage::new();
    // A century of minutes: it does not end by itself while this test runs.
    let file = scenario("quickstart.toml");
    let journal_is_written = || {
        let unfinished = std::fs::read_dir(stage.path("runs")).into_iter().flatten().flatten().next();
        unfinished.is_some_and(|folder| folder.path().join("journal.bin").exists())
    };
    let args = ["run", "--json", &file, "--set", "scenario.end=2124-01-01"];
    interrupted(&stage, &args, journal_is_written);
    assert_eq!(stage.left(), Vec::<String>::new());
}

#[test]
fn ctrl_c_takes_an_import_back() {
    let stage = Stage::new();
    // A bar a day, so a file a row: some thousand files take their time.
    let rows: Vec<String> = (0..20_000_i64).map(|day| format!("{},1,1,1,1,1\n", day * 86_400)).collect();
    stage.write("bars.csv", &format!("ts,open,high,low,close,volume\n{}", rows.concat()));
    let day = stage.path("made/catalog/.staging/2.parquet");
    let text = "data import --kind bars --venue SIM --symbol BTCUSD --tick 0.01 --lot 0.1 --interval 1d \
                --time-unit s --into made/catalog bars.csv";
    let args: Vec<&str> = text.split_whitespace().collect();
    interrupted(&stage, &args, || day.exists());
    assert_eq!(stage.left(), ["bars.csv"]);
}
