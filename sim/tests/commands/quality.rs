//! `sim data check`: what it finds, what it exits with, what it leaves beside the data.

use std::fs;

use serde_json::Value;

use super::Stage;

const HEADER: &str = "ts,open,high,low,close,volume\n";

/// Minutes with a hole of one and a flat bar.
const BARS: &str = "2024-01-01T00:00:00Z,10.5,11.25,9,10,3\n\
    2024-01-01T00:01:00Z,10,11,9,10.75,2.5\n\
    2024-01-01T00:03:00Z,10,10,10,10,1\n";

/// Nothing is too much.
const LENIENT: &str = "[limits]\ngap = { share = 1.0 }\nbad_ohlc = { share = 1.0 }\n";

fn words(text: &str) -> Vec<&str> {
    text.split(' ').collect()
}

#[test]
fn a_described_file_is_looked_at_and_thresholds_decide() {
    let stage = Stage::new();
    stage.write("bars.csv", &format!("{HEADER}{BARS}"));
    let check = "data check bars.csv --kind bars --interval 1m";
    stage.sim(&words(check)).check(
        1,
        &[
            "bars.csv: score 85.0, past a threshold",
            "! gap",
            "bars.csv, row 3: 2024-01-01T00:03:00Z: 1 missing after",
            "flat_bar  info",
        ],
    );
    stage.write("lenient.toml", LENIENT);
    stage.sim(&words(&format!("{check} --thresholds lenient.toml"))).check(0, &["within thresholds"]);
    stage.write("strict.toml", &format!("score_min = 99\n{LENIENT}"));
    stage.sim(&words(&format!("{check} --thresholds strict.toml"))).check(1, &["past a threshold"]);
    stage.write("calendar.toml", "sessions = [\"mon 00:00 - mon 00:02\", \"mon 00:03 - tue 00:00\"]\n");
    stage.sim(&words(&format!("{check} --calendar calendar.toml"))).check(0, &["score 100.0"]);
    let json = stage.sim(&words(&format!("{check} --json --places 1 --tick 1")));
    let said: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((&said["data"][0]["rows"], &said["data"][0]["missing_rows"]), (&Value::from(3), &Value::from(1)));
    let off = said["data"][0]["findings"].as_array().unwrap().iter().find(|one| one["kind"] == "off_tick").unwrap();
    assert_eq!((&off["count"], off["places"].as_array().unwrap().len()), (&Value::from(2), 1));
    stage.sim(&words(&format!("{check} --html page.html"))).check(1, &[]);
    let page = stage.read("page.html");
    assert!(page.contains("rows are missing") && page.contains("viewport") && !page.contains("http"), "{page}");
}

#[test]
fn bad_settings_are_told_with_their_line() {
    let stage = Stage::new();
    stage.write("bars.csv", &format!("{HEADER}{BARS}"));
    let check = "data check bars.csv --kind bars --interval 1m";
    stage.write("bad.toml", "score_min = 3\n[limits]\ngaps = { count = 1 }\n");
    stage
        .sim(&words(&format!("{check} --thresholds bad.toml")))
        .check(2, &["`gaps` is no kind of finding", "bad.toml:3"]);
    stage.write("bad.toml", "sessions = [\n  \"sun 22 - fri 22\"\n]\n");
    stage.sim(&words(&format!("{check} --calendar bad.toml"))).check(2, &["is no session", "bad.toml:2"]);
    stage.sim(&words("data check bars.csv")).check(2, &["--kind is missing"]);
    stage.sim(&words("data check")).check(2, &["PATH"]);
    stage.sim(&words("data check nowhere")).check(2, &["there is no nowhere"]);
    stage.sim(&words(&format!("{check} --on-error skip"))).check(2, &["--on-error means nothing"]);
    stage.sim(&words(&format!("{check} --tick zero"))).check(2, &["--tick zero: not a step"]);
    stage.sim(&words("data check binance-ws bars.csv")).check(2, &["recordings are not looked at"]);
}

#[test]
fn a_file_that_cannot_be_read_does_not_hide_the_others() {
    let stage = Stage::new();
    fs::create_dir(stage.path("data")).unwrap();
    stage.write("data/A_B-8m.feather", "");
    stage.write("data/A_B-1h.json", "[[1704067200000,1,2,1,2,3],[1704070800000,2,2,1,1,3]]");
    stage.write("data/notes.json", "[]");
    stage.sim(&words("data check freqtrade data")).check(
        2,
        &[
            "A/B.freqtrade bars 1h: score 100.0",
            "A/B.freqtrade bars 8m: score 0.0",
            "A_B-8m.feather: ",
            "it is empty",
            "not read: data/notes.json",
            "2 of the files cannot be read",
        ],
    );
}

#[test]
fn fine_data_are_compared_with_coarse_bars_and_with_another_source() {
    let stage = Stage::new();
    stage.write("A_B-1m.json", "[[1704067200000,1,2,1,2,3],[1704067260000,2,3,1,1,3]]");
    stage.write("A_B-2m.json", "[[1704067200000,1,3,1,1,6]]");
    let check = "data check freqtrade A_B-1m.json";
    stage
        .sim(&words(&format!("{check} --coarse A_B-2m.json")))
        .check(0, &["1 of 1 are the same in A/B.freqtrade bars 2m"]);
    stage.write("A_B-2m.json", "[[1704067200000,1,3,1,1,60]]");
    stage.sim(&words(&format!("{check} --coarse A_B-2m.json"))).check(1, &["volume 60 there, 6 here"]);
    stage.sim(&words(&format!("{check} --against A_B-1m.json"))).check(0, &["2 of 2 are the same"]);
    stage.sim(&words(&format!("{check} --against A_B-2m.json"))).check(2, &["different kinds or intervals"]);
}

#[test]
fn the_result_of_a_series_is_stored_beside_it_and_listed() {
    let stage = Stage::new();
    stage.write("bars.csv", &format!("{HEADER}{BARS}"));
    stage.write("more.csv", &format!("{HEADER}2024-01-02T00:00:00Z,1,2,1,2,3\n"));
    stage.write("lenient.toml", LENIENT);
    let import = "--kind bars --venue SIM --symbol X --interval 1m --tick 0.01 --lot 0.1 --into catalog";
    stage.sim(&words(&format!("data import bars.csv {import}"))).check(0, &["3 bars"]);
    let file = "catalog/bars/venue=SIM/instrument=X/interval=1m/_quality.json";
    stage.sim(&words("data check catalog --thresholds lenient.toml --no-save")).check(0, &["X.SIM bars 1m: score"]);
    assert!(!stage.path(file).exists());
    let day = "catalog/bars/venue=SIM/instrument=X/interval=1m/date=2024-01-01";
    stage.sim(&["data", "check", day, "--thresholds", "lenient.toml"]).check(0, &["X.SIM bars 1m: score"]);
    stage.sim(&words("data check catalog --thresholds lenient.toml")).check(0, &["X.SIM bars 1m: score 85.0"]);
    let stored: Value = serde_json::from_str(&stage.read(file)).unwrap();
    assert_eq!(stored["report"]["rows"], 3);
    assert_eq!(stored["files"][0]["content_hash"].as_str().unwrap().len(), 64);
    stage.sim(&words("data ls catalog")).check(0, &["3 rows, 1 files", "quality 85.0 (20"]);
    stage.sim(&words(&format!("data import more.csv {import}"))).check(0, &["1 bars"]);
    stage.sim(&words("data ls catalog")).check(0, &["4 rows, 2 files", ", changed since)"]);
    let listed: Value = serde_json::from_str(&stage.sim(&words("data ls catalog --json")).out).unwrap();
    assert_eq!(listed["data"][0]["quality"]["changed_since"], true);
}
