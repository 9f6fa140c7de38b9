//! Ctrl-C: exit code 130, and nothing is left.

#![cfg(unix)]

use std::process::{Command, Stdio};

use super::{Said, Stage, scenario};

#[test]
fn ctrl_c_ends_with_130_and_leaves_nothing() {
    let stage = Stage::new();
    // A century of minutes: it does not end by itself while this test runs.
    let file = scenario("quickstart.toml");
    let mut command = stage.command(&["run", "--json", &file, "--set", "scenario.end=2124-01-01"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let journal_is_written = || {
        let unfinished = std::fs::read_dir(stage.path("runs")).into_iter().flatten().flatten().next();
        unfinished.is_some_and(|folder| folder.path().join("journal.bin").exists())
    };
    while !journal_is_written() {
        assert!(child.try_wait().unwrap().is_none(), "the run ended before it was interrupted");
        std::thread::yield_now();
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let said = Said::from(child.wait_with_output().unwrap());
    said.check(130, &["interrupted"]);
    assert_eq!(said.out, "");
    assert_eq!(stage.left(), Vec::<String>::new());
}
