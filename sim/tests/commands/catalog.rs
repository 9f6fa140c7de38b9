//! Catalogs under bad conditions: writers that are killed, and writers that meet.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};

use serde_json::Value;

use super::{Said, Stage};

const DAYS: u64 = 400;

/// A bar a day of `symbol`, so that every row is a file.
fn write_days(stage: &Stage, name: &str, days: std::ops::Range<u64>) {
    let rows: Vec<String> = days.map(|day| format!("{},1,1,1,1,1\n", day * 86_400)).collect();
    stage.write(name, &format!("ts,open,high,low,close,volume\n{}", rows.concat()));
}

fn import(symbol: &str, file: &str) -> Vec<String> {
    let text = format!(
        "data import --kind bars --venue SIM --symbol {symbol} --tick 0.01 --lot 0.1 --interval 1d \
         --time-unit s --into catalog {file}"
    );
    text.split_whitespace().map(str::to_owned).collect()
}

fn start(stage: &Stage, args: &[String]) -> Child {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    stage.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn done(stage: &Stage, args: &[String]) -> Said {
    Said::from(start(stage, args).wait_with_output().unwrap())
}

fn listed(stage: &Stage) -> Value {
    let said = stage.sim(&["data", "ls", "catalog", "--json"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    serde_json::from_str(&said.out).unwrap()
}

fn rows(stage: &Stage) -> Vec<u64> {
    let list = listed(stage);
    list["data"].as_array().unwrap().iter().map(|entry| entry["rows"].as_u64().unwrap()).collect()
}

/// Names in the catalog's folder, hidden ones too.
fn top(stage: &Stage) -> Vec<String> {
    let entries = fs::read_dir(stage.path("catalog")).unwrap();
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn an_import_that_is_killed_happened_as_a_whole_or_not_at_all() {
    let stage = Stage::new();
    write_days(&stage, "first.csv", 0..2);
    write_days(&stage, "all.csv", 0..DAYS);
    let commit = Path::new("catalog/.staging/commit").to_owned();
    let staged = |number: u64| Path::new("catalog/.staging").join(format!("{number}.parquet"));
    let last = format!("date={}/part-0.parquet", "1970-01-09");
    let published = Path::new("catalog/bars/venue=SIM/instrument=A/interval=1d").join(last);
    // While it stages, as soon as it has committed, amid the renames.
    for killed_at in [staged(3), staged(DAYS / 2), staged(DAYS), commit, published] {
        let _ = fs::remove_dir_all(stage.path("catalog"));
        done(&stage, &import("A", "first.csv")).check(0, &[]);
        let mut child = start(&stage, &import("A", "all.csv"));
        let sign = stage.folder.path().join(&killed_at);
        while !sign.exists() && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let committed = !killed_at.starts_with("catalog/.staging") || killed_at.ends_with("commit");
        match rows(&stage).as_slice() {
            [2] if !committed => {}
            [DAYS] => assert_eq!(top(&stage), ["bars"], "what was committed has happened"),
            other => panic!("{other:?} after {}", killed_at.display()),
        }
        done(&stage, &import("A", "all.csv")).check(0, &[&format!("{DAYS} bars of A.SIM")]);
        assert_eq!(rows(&stage), [DAYS]);
        assert_eq!(top(&stage), ["bars"], "the next writer clears up");
    }
}

#[test]
fn a_second_writer_is_told_who_the_first_is_and_changes_nothing() {
    let stage = Stage::new();
    write_days(&stage, "all.csv", 0..20_000);
    write_days(&stage, "few.csv", 0..3);
    let mut child = start(&stage, &import("A", "all.csv"));
    while !stage.path("catalog/.staging/2.parquet").exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended too early");
        std::thread::yield_now();
    }
    let process = format!("is being written by process {}", child.id());
    done(&stage, &import("B", "few.csv")).check(2, &[&process, "since 20", "all.csv", "wait until"]);
    assert_eq!(rows(&stage), Vec::<u64>::new(), "a reader needs no lock");
    child.kill().unwrap();
    child.wait().unwrap();
    done(&stage, &import("B", "few.csv")).check(0, &["3 days written"]);
    assert_eq!((rows(&stage), top(&stage)), (vec![3], vec!["bars".to_owned()]));
}

#[test]
fn many_processes_leave_a_whole_catalog() {
    let stage = Stage::new();
    write_days(&stage, "early.csv", 0..12);
    write_days(&stage, "late.csv", 8..20);
    let mut left: Vec<Vec<String>> = ["early.csv", "late.csv"].iter().map(|file| import("ALL", file)).collect();
    left.extend((0..3).map(|number| import(&format!("OWN{number}"), "late.csv")));
    left.extend(left.clone());
    while !left.is_empty() {
        let children: Vec<(Vec<String>, Child)> =
            left.drain(..).map(|args| (args.clone(), start(&stage, &args))).collect();
        for (args, child) in children {
            let said = Said::from(child.wait_with_output().unwrap());
            if said.code != 0 {
                said.check(2, &["is being written by process"]);
                left.push(args);
            }
        }
    }
    assert_eq!(rows(&stage), [20, 12, 12, 12]);
    assert_eq!(top(&stage), ["bars"]);
}

#[test]
fn a_scenario_reads_a_series_of_a_catalog() {
    let stage = Stage::new();
    let rows: Vec<String> =
        (0..4 * 1440).map(|n| format!("{},42000,42010,41990,4200{},50\n", 1_704_067_200 + n * 60, n % 9)).collect();
    stage.write("bars.csv", &format!("ts,open,high,low,close,volume\n{}", rows.concat()));
    let text = fs::read_to_string(super::scenario("random.toml")).unwrap();
    let (synthetic, venue) = (text.find("[data.synthetic]").unwrap(), text.find("[[venue]]").unwrap());
    let with = |name: &str, keys: &str| stage.write(name, &format!("{}{keys}{}", &text[..synthetic], &text[venue..]));
    with("read.toml", "path = \"bars.csv\"\ntime_unit = \"s\"\n");
    stage.sim(&["data", "import", "--scenario", "read.toml", "--into", "catalog"]).check(0, &["4 days written"]);
    with("catalog.toml", "catalog = \"catalog\"\n");
    let period = ["--set", "scenario.start=2024-01-02", "--set", "scenario.end=2024-01-03T06:00:00"];
    let read = stage.run("read.toml", &[&period[..], &["--out", "read"]].concat());
    let from_catalog = stage.run("catalog.toml", &[&period[..], &["--out", "catalog-run"]].concat());
    assert!(read["fills"].as_u64().unwrap() > 0);
    for key in ["inputs", "fills", "final_equity"] {
        assert_eq!(read[key], from_catalog[key], "{key}");
    }
    stage.sim(&["verify", "catalog-run"]).check(0, &[]);
    let checks = |run: &str| {
        let manifest: Value = serde_json::from_str(&stage.read(&format!("{run}/manifest.json"))).unwrap();
        manifest["data_quality"].clone()
    };
    assert_eq!(checks("catalog-run"), Value::Array(Vec::new()));
    stage.sim(&["data", "check", "catalog"]).check(0, &["BTCUSD.SIM bars 1m: score 100.0"]);
    let checked = stage.run("catalog.toml", &[&period[..], &["--out", "checked"]].concat());
    assert_eq!(checked["final_equity"], from_catalog["final_equity"]);
    let quality = &checks("checked")[0];
    assert_eq!((&quality["score"], &quality["changed_since"]), (&Value::from(100.0), &Value::from(false)));
    assert_eq!(quality["hash"].as_str().map(str::len), Some(64));
    // A day outside of the period is not looked at.
    let days = stage.path("catalog/bars/venue=SIM/instrument=BTCUSD/interval=1m");
    fs::write(days.join("date=2024-01-04/part-0.parquet"), "no Parquet").unwrap();
    stage.run("catalog.toml", &[&period[..], &["--out", "again"]].concat());

    let refused = |keys: &str, parts: &[&str]| {
        with("refused.toml", keys);
        stage.sim(&[&["run", "refused.toml", "--out", "refused"], &period[..]].concat()).check(2, parts);
        assert!(!stage.path("refused").exists());
    };
    refused("path = \"bars.csv\"\ncatalog = \"catalog\"\n", &["both `path` and `catalog`"]);
    refused("catalog = \"catalog\"\ntime_unit = \"s\"\n", &["files of a catalog say themselves", "time_unit"]);
    refused("catalog = \"nowhere\"\n", &["nowhere", "catalog = "]);
    refused("", &["`data` needs `path`, `catalog` or `synthetic`"]);
    fs::rename(&days, days.with_file_name("interval=5m")).unwrap();
    refused("catalog = \"catalog\"\n", &["has no BTCUSD.SIM bars 1m", "did you mean `BTCUSD.SIM bars 5m`?"]);
}

#[test]
fn a_catalog_is_described_compacted_and_pruned() {
    let stage = Stage::new();
    write_days(&stage, "early.csv", 0..3);
    write_days(&stage, "late.csv", 5..6);
    done(&stage, &import("A", "early.csv")).check(0, &[]);
    done(&stage, &import("A", "late.csv")).check(0, &[]);
    stage.sim(&["data", "ls", "catalog"]).check(0, &["A.SIM bars 1d", "4 rows, 4 files", "4 days, 2 days missing"]);
    let entry = &listed(&stage)["data"][0];
    assert_eq!(entry["missing"], serde_json::json!([["1970-01-04", "1970-01-05"]]));
    assert_eq!(entry["content_hash"].as_str().unwrap().len(), 64);
    stage.sim(&["data", "head", "catalog", "--kind", "bars", "-n", "1"]).check(0, &["close", "1970-01-01T00:00:00Z"]);
    let head = stage.sim(&["data", "head", "catalog", "--instrument", "A.SIM", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&head.out).unwrap()["columns"][0], "ts");
    let expected = [
        "rows          4 in 4 days",
        "1970-01-04..1970-01-05",
        "column        close: Decimal",
        ", 1 .. 1",
        "schema        1",
    ];
    stage.sim(&["data", "describe", "catalog"]).check(0, &expected);
    let described = stage.sim(&["data", "describe", "catalog", "--interval", "1d", "--json"]);
    let described: Value = serde_json::from_str(&described.out).unwrap();
    assert_eq!(described["data"][0]["rows_per_day"], serde_json::json!({ "min": 1, "median": 1, "max": 1 }));
    assert_eq!(described["data"][0]["ranges"]["close"], serde_json::json!({ "min": "1", "max": "1" }));
    stage.sim(&["data", "describe", "catalog", "--instrument", "B"]).check(2, &["has no B; it has A.SIM bars 1d"]);

    let day = stage.path("catalog/bars/venue=SIM/instrument=A/interval=1d/date=1970-01-02");
    fs::copy(day.join("part-0.parquet"), day.join("part-1.parquet")).unwrap();
    done(&stage, &import("A", "early.csv")).check(2, &["2 files", "sim data compact"]);
    stage.sim(&["data", "compact", "catalog"]).check(0, &["1970-01-02  2 files", "nothing was changed, add --yes"]);
    assert!(day.join("part-1.parquet").exists());
    stage.sim(&["data", "compact", "catalog", "--yes"]).check(0, &["1 days are one file each now"]);
    assert!(!day.join("part-1.parquet").exists());
    assert_eq!(rows(&stage), [4]);

    let prune = ["data", "prune", "catalog", "--older-than", "1970-01-03"];
    stage.sim(&prune).check(0, &["2 days before 1970-01-03 would be removed; nothing was changed"]);
    assert_eq!(rows(&stage), [4]);
    stage.sim(&[&prune[..], &["--yes"]].concat()).check(0, &["2 days before 1970-01-03 are removed"]);
    assert_eq!(rows(&stage), [2]);
    stage.sim(&["data", "prune", "catalog", "--older-than", "soon"]).check(2, &["neither a day nor a duration"]);
    stage.sim(&["data", "prune", "catalog", "--older-than", "90d", "--yes"]).check(0, &["2 days before"]);
    assert_eq!(top(&stage), Vec::<String>::new());
}
