//! What is wrong is refused with exit code 2 and its place, and nothing is left behind.

use std::fs;

use super::{Stage, scenario};

#[test]
fn bad_input_ends_with_2_and_leaves_nothing() {
    let random = scenario("random.toml");
    let random = random.as_str();
    let rows: &[(&[&str], &str)] = &[
        (&["run", "absent.toml"], "cannot read absent.toml"),
        (&["run", "empty.toml"], "[scenario] is missing"),
        (&["run", "broken.toml"], "broken.toml:1:1"),
        (&["run", "nodata.toml"], "absent.csv"),
        (&["run", "--json", "nodata.toml", "--out", "deep/er/run"], "absent.csv"),
        (&["run", "badrow.toml"], "badrow.csv, row 2, column `high`"),
        (&["run", "novolume.toml"], "not one bar has volume"),
        (&["run", "nocolumn.toml"], "no column for `volume`"),
        (&["run", "nocolumn.toml"], "nocolumn.toml:"),
        (&["run", "nocolumn.toml"], "fills are bound to a part of a bar's volume"),
        (&["run", random, "--set", "strategy.0.speed=1"], "no key `speed`"),
        (&["run", random, "--set", "account.deposits.USD=true"], "must be a decimal"),
        (&["run", random, "--set", "nonsense"], "has no `=`"),
        (&["run", random, "--seed", "minus"], "minus"),
        (&["run", random, "--out", "occupied"], "is not a run folder"),
        (&["run"], "SCENARIO"),
        (&["frobnicate"], "frobnicate"),
        (&["list", "strategy"], "did you mean `strategies`?"),
        (&["replay", "occupied"], "is not a run folder"),
        (&["verify", "absent"], "is not a run folder"),
        (&["diff", "absent", "absent"], "is not a run folder"),
        (&["why", "absent", "sma-1"], "is not a run folder"),
        (&["new", "Bad Name"], "cannot be the name of a crate"),
        (&["data", "head", "absent.csv"], "absent.csv"),
        (&["data", "synth", "badrow.toml", "--out", "x.parquet"], "are read from files"),
        (&["data", "synth", random, "--data", "ETH", "--out", "x.parquet"], "no [[data]] named `ETH`"),
        (&["data", "import", "--scenario", random, "--into", "c"], "are made, not read"),
        (&["data", "import", "--into", "c", "badrow.csv"], "--kind"),
    ];
    let stage = Stage::new();
    let text = fs::read_to_string(random).unwrap();
    let synthetic = text.find("[data.synthetic]").unwrap();
    let venue = text.find("[[venue]]").unwrap();
    let with_file = |file: &str| format!("{}path = \"{file}\"\n{}", &text[..synthetic], &text[venue..]);
    stage.write("empty.toml", "");
    stage.write("broken.toml", "[scenario");
    stage.write("nodata.toml", &with_file("absent.csv"));
    stage.write("badrow.toml", &with_file("badrow.csv"));
    stage.write("novolume.toml", &with_file("novolume.csv"));
    let head = "ts,open,high,low,close,volume\n2024-01-01T00:00:00Z,10,11,9,10,0\n";
    stage.write("badrow.csv", &format!("{head}2024-01-01T00:01:00Z,10,8,9,10,5\n"));
    stage.write("nocolumn.toml", &with_file("nocolumn.csv"));
    stage.write("nocolumn.csv", "ts,open,high,low,close\n2024-01-01T00:00:00Z,10,11,9,10\n");
    stage.write("novolume.csv", &format!("{head}2024-01-01T00:01:00Z,10,11,9,10,0\n"));
    fs::create_dir(stage.path("occupied")).unwrap();
    let before = stage.left();
    for (args, fragment) in rows {
        let said = stage.sim(args);
        said.check(2, &[]);
        assert!(said.err.contains(fragment), "{args:?}: no `{fragment}` in\n{}", said.err);
        assert_eq!(said.out, "", "{args:?}");
        assert_eq!(stage.left(), before, "{args:?}");
    }
}

#[test]
fn bars_without_volume_play_where_nothing_is_bound_to_it() {
    let stage = Stage::new();
    let text = fs::read_to_string(scenario("buy_and_hold.toml")).unwrap();
    let (synthetic, venue) = (text.find("[data.synthetic]").unwrap(), text.find("[[venue]]").unwrap());
    stage.write("in.toml", &format!("{}path = \"*.csv\"\n{}", &text[..synthetic], &text[venue..]));
    let rows: Vec<String> = (0..5).map(|minute| format!("2024-01-01T00:0{minute}:00Z,10,11,9,10\n")).collect();
    stage.write("bars.csv", &format!("ts,open,high,low,close\n{}", rows.concat()));
    let made = stage.run("in.toml", &["--set", "venue.0.participation=none"]);
    assert_eq!(made["fills"], 1, "{made}");
}

#[test]
fn a_contract_that_is_too_fine_for_new_units_ends_the_run_with_2() {
    let stage = Stage::new();
    let text = r#"
[scenario]
name = "units"
base_currency = "USD"
start = "2024-01-01"
end = "2024-01-01T01:00:00"

[[instrument]]
symbol = "SHIBUSD"
venue = "SIM"
kind = "linear"
base = "SHIB"
quote = "USD"
tick_size = "0.01"
lot_size = "1"

[[data]]
instrument = "SHIBUSD"
kind = "bars"
interval = "1m"
synthetic = { generator = "constant", price = "10" }

[account]
kind = "netting"
deposits = { USD = "10000" }

[[venue]]
name = "SIM"

[[strategy]]
type = "buy_and_hold"
size = "fixed"
qty = "250"

[[incident]]
kind = "redenomination"
asset = "SHIB"
ratio = "0.25"
start = "2024-01-01T00:30:00Z"
"#;
    stage.write("units.toml", text);
    stage.write(
        "finer.toml",
        &text.replace(
            "lot_size = \"1\"\n",
            "lot_size = \"1\"\n\n[[instrument.rules]]\nfrom = \"2024-01-01T00:30:00\"\nlot_size = \"0.001\"\n",
        ),
    );
    let said = stage.sim(&["run", "units.toml"]);
    said.check(2, &[]);
    assert!(said.err.contains("a position of 250 in SHIBUSD.SIM times 0.25 is finer"), "{}", said.err);
    stage.sim(&["run", "finer.toml", "--json"]).check(0, &[]);
    // A tape that goes on in old units.
    stage.write("adjusted.toml", &text.replace("ratio = \"0.25\"", "ratio = \"0.001\""));
    let said = stage.sim(&["run", "adjusted.toml"]);
    said.check(2, &[]);
    assert!(said.err.contains("is at 10 after the redenomination, and was at 10 before it"), "{}", said.err);
    assert!(said.err.contains("about 10000.000000 was to come"), "{}", said.err);
}
