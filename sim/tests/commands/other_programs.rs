//! A catalog as other programs see it: DuckDB, polars and pyarrow.
//!
//! They run in the Python of `$TAPEDECK_PYTHON`. Where `CI` is set and that is not, a virtual environment is made once
//! below the target folder; where that is not possible the test says so.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::Stage;

/// The script, and what it needs.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/readers/read.py");
const REQUIREMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/readers/requirements.txt");

/// A Python that has the modules.
fn python() -> Option<PathBuf> {
    let given = std::env::var_os("TAPEDECK_PYTHON").map(PathBuf::from);
    if given.is_some() || std::env::var_os("CI").is_none() {
        return given;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readers");
    let python = folder.join("bin/python");
    let is_done = |command: &mut Command| command.status().is_ok_and(|status| status.success());
    let has_modules = || is_done(Command::new(&python).args(["-c", "import duckdb, polars, pyarrow"]));
    if has_modules() {
        return Some(python);
    }
    let made = is_done(Command::new("python3").args(["-m", "venv"]).arg(&folder))
        && is_done(Command::new(&python).args(["-m", "pip", "install", "--quiet", "-r", REQUIREMENTS]));
    made.then_some(python)
}

#[test]
fn a_catalog_is_read_by_duckdb_polars_and_pyarrow() {
    let Some(python) = python() else {
        println!("skipped: $TAPEDECK_PYTHON names no Python with the modules of {REQUIREMENTS}");
        return;
    };
    let stage = Stage::new();
    let import = |kind: &str, rest: &str| {
        let text = format!(
            "data import --kind {kind} --venue SIM --symbol BTC/USD --tick 0.01 --lot 0.001 --into catalog {rest}"
        );
        stage.sim(&text.split(' ').collect::<Vec<&str>>()).check(0, &["2 days written"]);
    };
    let bar = |hour: i64| format!("2024-01-0{}T{:02}:00:00,1.1,9,1,1.{hour},2.5\n", 1 + hour / 24, hour % 24);
    let bars: String = (20..30).map(bar).collect();
    stage.write("bars.csv", &format!("ts,open,high,low,close,volume\n{bars}"));
    import("bars", "--interval 1h bars.csv");
    let trades = "ts,px,qty,side\n2024-01-01T23:59:59.123456,0.1,1,buy\n2024-01-02T00:00:00,0.2,1,sell\n";
    stage.write("trades.csv", trades);
    import("trades", "trades.csv");

    let said = Command::new(python).arg(SCRIPT).arg(stage.path("catalog")).output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let found: Value = serde_json::from_slice(&said.stdout).unwrap();
    let nanos = |second: i64, nanos: i64| ((1_704_067_200 + second) * 1_000_000_000 + nanos).to_string();
    let days = ["BTC/USD", "2024-01-01", "2024-01-02", "DECIMAL(18,2)"];
    let told = |row: [&str; 4]| row.iter().chain(&days).map(ToString::to_string).collect::<Vec<String>>();
    let bars = told(["10", "12.45", &nanos(72_000, 0), &nanos(104_400, 0)]);
    let trades = told(["2", "0.30", &nanos(86_399, 123_456_000), &nanos(86_400, 0)]);
    let expected = json!({ "bars": bars, "trades": trades });
    for program in ["duckdb", "polars", "pyarrow"] {
        assert_eq!(found[program], expected, "{program}");
    }
}
