//! `sim data`: synthetic files, imports, what is in a catalog.

use std::fs;

use serde_json::Value;

use super::{Stage, scenario};

const CSV: &str = "when,open,high,low,close,volume\n\
    1704067200000,10.5,11.25,9,10,3\n\
    1704153600000,10,11,9,10.75,2.5\n";

#[test]
fn a_synthetic_file_gives_the_same_prices_as_the_generator() {
    let stage = Stage::new();
    let file = scenario("buy_and_hold.toml");
    let end = "scenario.end=2024-01-03";
    for layout in ["catalog", "float"] {
        let out = format!("{layout}.parquet");
        let args = ["data", "synth", &file, "--out", &out, "--layout", layout, "--set", end];
        stage.sim(&args).check(0, &["2880 bars of BTCUSD.SIM, 2024-01-01"]);
        stage.sim(&["data", "head", &out, "-n", "3"]).check(0, &["close", "2024-01-01T00:02"]);
    }
    let text = fs::read_to_string(&file).unwrap();
    let (synthetic, venue) = (text.find("[data.synthetic]").unwrap(), text.find("[[venue]]").unwrap());
    let made = stage.run(&file, &["--set", end]);
    for layout in ["catalog", "float"] {
        let read = format!("{}path = \"{layout}.parquet\"\n{}", &text[..synthetic], &text[venue..]);
        stage.write("read.toml", &read);
        let read = stage.run("read.toml", &["--set", end, "--out", layout]);
        assert_eq!(made["final_equity"], read["final_equity"], "{layout}");
        assert_eq!((&made["fills"], &made["inputs"]), (&read["fills"], &read["inputs"]), "{layout}");
    }
}

/// Bars from a file in another order: as a run, as a file, and with all that can be wrong.
#[test]
fn a_file_can_be_resampled() {
    let stage = Stage::new();
    let file = scenario("buy_and_hold.toml");
    let end = "scenario.end=2024-01-03";
    for (seed, out) in [("1", "first.parquet"), ("2", "second.parquet")] {
        stage.sim(&["data", "synth", &file, "--out", out, "--set", end, "--seed", seed]).check(0, &["2880 bars"]);
    }
    let text = fs::read_to_string(&file).unwrap();
    let (synthetic, venue) = (text.find("[data.synthetic]").unwrap(), text.find("[[venue]]").unwrap());
    let write = |path: &str, generator: &str| {
        let data = format!("{path}\n[data.synthetic]\ngenerator = {generator}\n\n");
        stage.write("resample.toml", &format!("{}{data}{}", &text[..synthetic], &text[venue..]));
    };
    let bootstrap = "\"bootstrap\"\nblock = 60\nstart_price = 42000";
    let run = |path: &str, name: &str| {
        write(path, bootstrap);
        // A period of which the file has nothing: the bars are drawn from all of it.
        let args = ["--set", "scenario.start=2025-01-01", "--set", "scenario.end=2025-02-01", "--out", name];
        stage.run("resample.toml", &args)
    };
    let (first, again) = (run("path = \"first.parquet\"", "a"), run("path = \"first.parquet\"", "b"));
    let second = run("path = \"second.parquet\"", "c");
    assert_eq!(first["fingerprint"], again["fingerprint"]);
    assert_ne!(first["fingerprint"], second["fingerprint"]);
    assert!(first["fills"].as_u64().is_some_and(|fills| fills > 0));
    let synth = ["data", "synth", "resample.toml", "--out", "made.parquet", "--set", "scenario.end=2024-01-02"];
    stage.sim(&synth).check(0, &["1440 bars of BTCUSD.SIM, 2024-01-01"]);

    write("", bootstrap);
    stage.sim(&["run", "resample.toml"]).check(2, &["`data` needs `path` or", "catalog`"]);
    write("path = \"none.parquet\"", bootstrap);
    stage.sim(&["run", "resample.toml"]).check(2, &["none.parquet"]);
    stage.write("bad.csv", "ts,open,high,low,close,volume\n2024-01-01,1,2,1,-1,5\n");
    write("path = \"bad.csv\"", bootstrap);
    stage.sim(&["run", "resample.toml"]).check(2, &["bad.csv, row 1, column `close`"]);
    write("path = \"first.parquet\"", "\"garch\"");
    stage.sim(&["run", "resample.toml"]).check(2, &["both `path` and `synthetic`"]);
}

#[test]
fn an_import_is_listed_and_repeated_without_change() {
    let stage = Stage::new();
    stage.write("bars.csv", CSV);
    let import = [
        "data",
        "import",
        "--kind",
        "bars",
        "--venue",
        "SIM",
        "--symbol",
        "BTCUSD",
        "--interval",
        "1m",
        "--tick",
        "0.01",
        "--lot",
        "0.1",
        "--columns",
        "ts=when",
        "--time-unit",
        "ms",
        "bars.csv",
        "--into",
        "catalog",
    ];
    stage.sim(&import).check(0, &["2 bars of BTCUSD.SIM", "2 days written, 0 merged, 0 were there"]);
    stage.sim(&import).check(0, &["0 days written, 0 merged, 2 were there"]);
    stage.sim(&["data", "ls", "catalog"]).check(0, &["BTCUSD.SIM bars 1m", "2 rows, 2 files"]);
    let listed: Value = serde_json::from_str(&stage.sim(&["data", "ls", "catalog", "--json"]).out).unwrap();
    assert_eq!(listed["data"][0]["symbol"], "BTCUSD");
    assert_eq!(listed["data"][0]["rows"], 2);
    stage.write("bars.csv", &CSV.replace("10.75", "10.76"));
    stage.sim(&import).check(
        2,
        &["date=2024-01-02", "of 2024-01-02T00:00:00Z the catalog has", "close 10.75", "close 10.76", "--on-conflict"],
    );
    let keep = [&import[..], &["--on-conflict", "keep"]].concat();
    stage.sim(&keep).check(0, &["0 merged, 2 were there", "its records kept: 1"]);
    let replace = [&import[..], &["--on-conflict", "replace"]].concat();
    stage.sim(&replace).check(0, &["1 merged, 1 were there", "its records replaced: 1"]);
    stage.sim(&import).check(0, &["0 days written, 0 merged, 2 were there"]);
}

#[test]
fn an_import_takes_everything_from_a_scenario() {
    let stage = Stage::new();
    stage.write("bars.csv", CSV);
    let text = fs::read_to_string(scenario("random.toml")).unwrap();
    let (synthetic, venue) = (text.find("[data.synthetic]").unwrap(), text.find("[[venue]]").unwrap());
    let keys = "path = \"bars.csv\"\ncolumns = { ts = \"when\" }\ntime_unit = \"ms\"\n";
    stage.write("read.toml", &format!("{}{keys}{}", &text[..synthetic], &text[venue..]));
    stage.sim(&["data", "import", "--scenario", "read.toml", "--into", "catalog"]).check(0, &["2 days written"]);
    stage.sim(&["data", "ls", "catalog"]).check(0, &["2 rows, 2 files"]);
}

#[test]
fn a_recording_becomes_depth_trades_and_quotes() {
    let stage = Stage::new();
    let lines = [
        r#"1700000000000000000 {"lastUpdateId":10,"E":1700000000100,"T":1700000000100,"bids":[["1.0","5"]],"asks":[["1.2","6"]]}"#,
        r#"1700000000010000000 {"stream":"x@depth","data":{"e":"depthUpdate","E":1700000000105,"T":1700000000105,"s":"BTCUSD","U":9,"u":12,"pu":8,"b":[["1.1","1"]],"a":[]}}"#,
        r#"1700000000010000000 {"stream":"x@bookTicker","data":{"e":"bookTicker","E":1700000000105,"T":1700000000105,"s":"BTCUSD","u":12,"b":"1.1","B":"1","a":"1.2","A":"6"}}"#,
        r#"1700000000020000000 {"stream":"x@trade","data":{"e":"trade","E":1700000000106,"T":1700000000106,"s":"BTCUSD","t":7,"p":"1.1","q":"0.5","X":"MARKET","m":true}}"#,
    ];
    stage.write("recording", &lines.join("\n"));
    let import = |rest: &[&'static str]| {
        let text =
            "data import --format binance-ws --venue SIM --symbol BTCUSD --tick 0.1 --lot 0.1 --into catalog recording";
        text.split(' ').chain(rest.iter().copied()).collect::<Vec<&str>>()
    };
    let expected = [
        "recording: 4 lines; the local clock was behind, its times are put forward by 100ms",
        "3 depth of BTCUSD.SIM",
        "1 trades of BTCUSD.SIM",
        "1 quotes of BTCUSD.SIM",
        "updates of depth applied: 1\nsnapshots: 1\n",
    ];
    stage.sim(&import(&[])).check(0, &expected);
    stage.sim(&["data", "ls", "catalog"]).check(0, &["BTCUSD.SIM depth", "BTCUSD.SIM quotes", "BTCUSD.SIM trades"]);
    stage.sim(&["data", "head", "catalog/depth"]).check(0, &["flags", "2023-11-14T22:13:20.105Z"]);
    stage.sim(&import(&["--kind", "trades"])).check(0, &["0 days written, 0 merged, 1 were there"]);
    stage.sim(&import(&["--kind", "bars"])).check(2, &["recordings give depth, trades and quotes"]);
    stage.sim(&import(&["--time-unit", "ms"])).check(2, &["--time-unit means nothing"]);
    let text = "data import --format csv --venue SIM --symbol BTCUSD --tick 0.1 --lot 0.1 --into catalog recording";
    stage.sim(&text.split(' ').collect::<Vec<&str>>()).check(2, &["--kind is missing"]);
    stage.write("recording", &lines[1].replace("BTCUSD", "ETHUSD"));
    stage.sim(&import(&[])).check(2, &["recording, line 1: the message is of `ETHUSD`"]);
}

#[test]
fn a_session_becomes_what_its_symbols_have() {
    let stage = Stage::new();
    let lines = [
        "wss://ws.kraken.com <-> 1700000000.1",
        r#"1700000000.2: [1,{"as":[["1.20","6.0","1700000000.1"]],"bs":[["1.00","5.0","1700000000.05"]]},"book-10","A/B"]"#,
        r#"1700000001.2: [1,{"a":[["1.10","2.0","1700000001.0"]]},{"b":[["1.01","1.0","1700000001.1"]],"c":"3499912894"},"book-10","A/B"]"#,
        r#"1700000001.3: [2,[["1.05","0.5","1700000001.2","s","m",""]],"trade","C/D"]"#,
    ];
    stage.write("KRAKEN.ws.1.0", &lines.join("\n"));
    let import = |rest: &str| {
        let text = format!("data import cryptofeed KRAKEN.ws.1.0 --into catalog {rest}");
        stage.sim(&text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<&str>>())
    };
    let expected = ["4 depth of A/B.KRAKEN", "checksums of books that agree: 1", "1 trades of C/D.KRAKEN"];
    import("").check(0, &expected);
    import("--symbol A/B --tick 0.01 --lot 0.1").check(0, &["0 days written, 0 merged, 1 were there"]);
    import("--symbol A/B --tick 0.1").check(2, &["KRAKEN.ws.1.0, line 3", "does not fit 1 decimals"]);
    import("--symbol X/Y").check(2, &["no messages of X/Y", "its symbols: A/B, C/D"]);
    import("--symbol A/B --kind trades").check(2, &["no messages of A/B of the kind that is wanted"]);
    import("--kind bars").check(2, &["recordings give depth, trades and quotes"]);
    import("--on-error ignore").check(2, &["--on-error ignore is not known"]);
    stage.write("KRAKEN.ws.1.0", &lines.join("\n").replace("3499912894", "7"));
    import("--venue other").check(2, &["KRAKEN.ws.1.0, line 3", "checksum is 3499912894, expected 7"]);
    import("--venue other --on-error skip")
        .check(0, &["gaps between updates: 1", "line 3: the checksum of A/B does not agree"]);
}

#[test]
fn published_files_say_themselves_what_they_hold() {
    let stage = Stage::new();
    fs::create_dir(stage.path("dump")).unwrap();
    stage.write("dump/XRPETH-aggTrades-2019-10-11.csv", "7,0.0014,23.00000000,1,2,1570752011620,True,True\n");
    stage.write(
        "dump/XRPETH-1m-2019-10-11.csv",
        "1570752000000,0.0014,0.0015,0.0013,0.0014,8,1570752059999,0,2,0,0,0\n",
    );
    stage.write("dump/notes.txt", "not data");
    let import = |rest: &str| {
        let text = format!("data import binance dump --into catalog {rest}");
        stage.sim(&text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<&str>>())
    };
    import("--lot 1").check(2, &["--tick is missing", "its decimals are kept"]);
    import("--tick 0.01 --lot 1").check(2, &["1m-2019-10-11.csv", "row 1", "does not fit 2 decimals"]);
    let expected = ["1 bars of XRPETH.binance", "1 trades of XRPETH.binance", "1 days written"];
    import("--tick 0.0001 --lot 1").check(0, &expected);
    import("--tick 0.0001 --lot 1").check(0, &["0 days written, 0 merged, 1 were there"]);
    stage.sim(&["data", "ls", "catalog"]).check(0, &["XRPETH.binance bars 1m", "XRPETH.binance trades"]);
    import("--tick 0.0001 --lot 1 --time-unit s").check(2, &["--time-unit means nothing with files of binance"]);
    import("--tick 0.0001 --lot 1 --format nonsense").check(2, &["`nonsense` is no format", "known: parquet, csv"]);
    stage.write("dump/XRPETH-metrics-2019-10-11.csv", "1,2\n");
    import("--tick 0.0001 --lot 1").check(2, &["`metrics` is none that is read"]);
}
