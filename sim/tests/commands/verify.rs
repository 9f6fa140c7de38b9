//! `verify` names what changed; a damaged journal is refused by every command that reads one.

use std::fs;

use super::{Stage, scenario};

#[test]
fn verify_names_the_scenario_and_the_seed_that_changed() {
    let stage = Stage::new();
    stage.run(&scenario("random.toml"), &["--out", "a"]);
    stage.sim(&["verify", "a"]).check(0, &["identical"]);
    let text = stage.read("a/scenario.toml");
    stage.write("a/scenario.toml", &text.replace("seed = 42", "seed = 43"));
    let causes = ["the scenario changed", "the seed changed: 42 then, 43 now", "event 0 differs"];
    stage.sim(&["verify", "a"]).check(1, &causes);
    stage.write("a/scenario.toml", &text.replace("taker = \"0.001\"", "taker = \"0.002\""));
    let said = stage.sim(&["verify", "a"]);
    said.check(1, &["the scenario changed"]);
    assert!(!said.err.contains("the seed changed"), "{}", said.err);
}

#[test]
fn verify_names_the_data_that_changed() {
    let stage = Stage::new();
    let text = fs::read_to_string(scenario("random.toml")).unwrap();
    let (synthetic, venue) = (text.find("[data.synthetic]").unwrap(), text.find("[[venue]]").unwrap());
    let from_file = format!("{}path = \"bars.parquet\"\n{}", &text[..synthetic], &text[venue..]);
    stage.write("made.toml", &text);
    stage.write("read.toml", &from_file);
    stage.sim(&["data", "synth", "made.toml", "--out", "bars.parquet"]).check(0, &["bars of BTCUSD.SIM"]);
    stage.run("read.toml", &["--out", "a"]);
    stage.sim(&["verify", "a"]).check(0, &["identical"]);
    stage.sim(&["data", "synth", "made.toml", "--out", "bars.parquet", "--seed", "9"]).check(0, &[]);
    stage.sim(&["verify", "a"]).check(1, &["the data of BTCUSD.SIM/bars changed"]);
    fs::remove_file(stage.path("bars.parquet")).unwrap();
    stage.sim(&["verify", "a"]).check(2, &["bars.parquet"]);
}

#[test]
fn a_damaged_journal_is_refused_with_its_place() {
    let stage = Stage::new();
    stage.run(&scenario("random.toml"), &["--out", "a"]);
    let whole = fs::read(stage.path("a/journal.bin")).unwrap();
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let cut = whole[..whole.len() - 5].to_vec();
    for (bytes, what) in [(flipped, "hash does not match"), (cut, "breaks off here")] {
        fs::write(stage.path("a/journal.bin"), bytes).unwrap();
        let readers: [&[&str]; 5] =
            [&["replay", "a"], &["verify", "a"], &["why", "a", "random-1"], &["diff", "a", "a"], &["report", "a"]];
        for args in readers {
            stage.sim(args).check(2, &[what, "frame "]);
        }
    }
    fs::write(stage.path("a/journal.bin"), whole).unwrap();
    stage.sim(&["verify", "a"]).check(0, &["identical"]);
}
