//! Runs that ask what they would come to under other assumptions.

use super::{Stage, scenario};

#[test]
fn multiplied_costs_are_rows_beside_a_run_that_stays_as_it_is() {
    let stage = Stage::new();
    let file = scenario("sma_cross.toml");
    let plain = stage.run(&file, &["--out", "plain"]);
    assert!(plain["cost_stress"].is_null() && plain["path_band"].is_null());
    let more = ["--set", "scenario.cost_stress=[3, 1, 2]", "--set", "scenario.band=true", "--out", "asked"];
    let asked = stage.run(&file, &more);
    assert_eq!(plain["fingerprint"], asked["fingerprint"]);
    assert!(stage.read("plain/metrics.json").contains("\"cost_stress\": null"));

    let rows = asked["cost_stress"].as_array().unwrap();
    let labels: Vec<&str> = rows.iter().map(|row| row["label"].as_str().unwrap()).collect();
    assert_eq!(labels, ["x1", "x2", "x3"]);
    for key in ["fingerprint", "final_equity", "total_return", "fills"] {
        assert_eq!(rows[0][key], plain[key], "{key}");
    }
    let equity = |nth: usize| rows[nth]["final_equity"].as_str().unwrap().parse::<f64>().unwrap();
    assert!(equity(0) > equity(1) && equity(1) > equity(2), "{rows:?}");

    let paths = asked["path_band"]["paths"].as_array().unwrap();
    let labels: Vec<&str> = paths.iter().map(|row| row["label"].as_str().unwrap()).collect();
    assert_eq!(labels, ["worst", "as chosen", "best"]);
    assert_eq!(paths[1]["fingerprint"], plain["fingerprint"]);

    // A run with that path alone is the same run, but for the scenario's hash.
    let worst = stage.run(&file, &["--set", "venue.0.path=worst", "--out", "worst"]);
    assert_eq!(worst["final_equity"], paths[0]["final_equity"]);

    let page = stage.read("asked/report.html");
    assert!(page.contains("Costs multiplied") && page.contains("Paths through bars"));
    let metrics = stage.read("asked/metrics.json");
    stage.sim(&["report", "asked"]).check(0, &[]);
    assert_eq!(stage.read("asked/metrics.json"), metrics);
    assert_eq!(stage.read("asked/report.html"), page);
    stage.sim(&["verify", "asked"]).check(0, &["identical"]);
    let said = stage.sim(&["run", &file, "--set", "scenario.cost_stress=2", "--out", "text"]);
    said.check(0, &["Costs multiplied", "x2"]);
}

#[test]
fn what_makes_no_sense_is_refused_at_its_line() {
    let stage = Stage::new();
    let wrong = |set: &str| stage.sim(&["run", &scenario("grid.toml"), "--set", set, "--out", "run"]);
    wrong("scenario.band=true").check(2, &["`band` is about bars"]);
    wrong("scenario.cost_stress=[-1]").check(2, &["must be from 0 to 1000"]);
    wrong("scenario.cost_stress=[]").check(2, &["must not be empty"]);
}
